"""The settings module is read in a process and folder of its own, where no .env helps it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

PRODUCTION = {
    "SECRET_KEY": "q7-w2e9rtyuiopasdfghjklzxcvbnm0123456789QWERTYUIOPASDF",
    "ALLOWED_HOSTS": "portal.example.jp",
    "BEHIND_PROXY": "1",
}
POSTGRESQL = "postgres://portal:secret@127.0.0.1/portal"
READ = """
import json
from portal import settings
names = [name for name in dir(settings) if name.isupper()]
print(json.dumps({name: getattr(settings, name) for name in names}, default=str))
"""


@pytest.fixture
def run_settings(tmp_path):
    """Return a function that reads the settings under an environment, and answers the process."""
    package = tmp_path / "県の portal 50%#" / "portal"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    portal = Path(settings.BASE_DIR) / "portal"
    shutil.copy(portal / "settings.py", package)
    shutil.copytree(portal / "postgresql", package / "postgresql")

    def run(**environment):
        return subprocess.run(
            [sys.executable, "-W", "ignore", "-c", READ],
            cwd=package.parent,
            env={"PATH": os.environ["PATH"], **environment},
            capture_output=True,
            text=True,
        )

    return run


@pytest.fixture
def read_settings(run_settings):
    def read(**environment):
        answer = run_settings(**PRODUCTION | environment)
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout)

    return read


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"ALLOWED_HOSTS": "portal.example.jp"}, "Set the SECRET_KEY environment variable"),
        ({"SECRET_KEY": PRODUCTION["SECRET_KEY"]}, "Set the ALLOWED_HOSTS environment variable"),
        (PRODUCTION | {"SECRET_KEY": "short"}, "SECRET_KEY must have at least 50"),
        (PRODUCTION | {"SECRET_KEY": ""}, "SECRET_KEY must have at least 50"),
        (PRODUCTION | {"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS must name the host"),
        (PRODUCTION | {"DATABASE_URL": "mysql://a:secret@b/c"}, "DATABASE_URL must begin with"),
        (PRODUCTION | {"DATABASE_URL": "portal.sqlite3"}, "DATABASE_URL must begin with"),
        (PRODUCTION | {"DATABASE_URL": ""}, "DATABASE_URL must begin with"),
        (PRODUCTION | {"DATABASE_REPLICA_URL": POSTGRESQL}, "DATABASE_REPLICA_URL must begin with"),
        (
            PRODUCTION | {"DATABASE_URL": POSTGRESQL, "DATABASE_REPLICA_URL": "sqlite:///a"},
            "DATABASE_REPLICA_URL must begin with",
        ),
        (
            PRODUCTION | {"REPLICA_MAX_LAG_SECONDS": "1"},
            "REPLICA_MAX_LAG_SECONDS must be 5 or more",
        ),
        (PRODUCTION | {"REQUIRE_SECOND_FACTOR": "yes"}, "REQUIRE_SECOND_FACTOR must be off"),
        (PRODUCTION | {"LOGIN_FAILURE_LIMIT": "0"}, "The limits of logins and sessions must be 1"),
        (PRODUCTION | {"API_RATE": "120"}, "API_RATE must be 0, or a number per s, min or hour"),
        (PRODUCTION | {"API_RATE": "-1/s"}, "API_RATE must be 0, or a number per s, min or hour"),
        (PRODUCTION | {"SEARCH_RATE": "1/day"}, "SEARCH_RATE must be 0, or a number per s, min"),
        (PRODUCTION | {"SESSION_HOURS": "-1"}, "The limits of logins and sessions must be 1"),
    ],
)
def test_a_missing_or_impossible_setting_stops_the_start_and_is_named(
    run_settings, environment, message
):
    answer = run_settings(**environment)
    assert answer.returncode == 1
    assert f"ImproperlyConfigured: {message}" in answer.stderr
    assert "secret" not in answer.stderr


def test_the_defaults_are_the_safe_ones(read_settings):
    values = read_settings()
    assert values["DEBUG"] is False
    assert values["SECURE_SSL_REDIRECT"] is True
    assert values["SESSION_COOKIE_SECURE"] is True
    assert values["CSRF_COOKIE_SECURE"] is True
    assert values["SECURE_HSTS_SECONDS"] == 31_536_000
    assert values["AXES_FAILURE_LIMIT"] == 5
    assert values["SESSION_EXPIRE_AT_BROWSER_CLOSE"] is True
    assert values["SESSION_COOKIE_AGE"] == 12 * 3600
    assert values["SECURE_PROXY_SSL_HEADER"] == ["HTTP_X_FORWARDED_PROTO", "https"]


def test_the_proxy_header_is_not_trusted_unless_a_proxy_is_declared(read_settings):
    assert read_settings(BEHIND_PROXY="0")["SECURE_PROXY_SSL_HEADER"] is None


def test_without_a_database_url_sqlite_lies_beside_the_code_and_writers_wait_their_turn(
    read_settings, tmp_path
):
    database = read_settings()["DATABASES"]["default"]
    assert database["ENGINE"] == "django.db.backends.sqlite3"
    assert database["NAME"] == str(tmp_path / "県の portal 50%#" / "portal.sqlite3")
    assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert "journal_mode=WAL" in database["OPTIONS"]["init_command"]


def test_postgresql_has_a_bounded_pool_and_keeps_the_options_of_its_address(read_settings):
    database = read_settings(
        DATABASE_URL="postgres://portal:p%40ss@db.example.jp:5433/portal?sslmode=verify-full",
        DATABASE_POOL_SIZE="5",
    )["DATABASES"]["default"]
    assert database["ENGINE"] == "portal.postgresql"
    assert (database["HOST"], database["PORT"]) == ("db.example.jp", 5433)
    assert database["PASSWORD"] == "p@ss"
    assert database["OPTIONS"]["pool"]["max_size"] == 5
    assert database["OPTIONS"]["sslmode"] == "verify-full"
    assert database.get("CONN_MAX_AGE", 0) == 0


def test_a_pool_size_of_0_leaves_pooling_to_a_pooler(read_settings):
    database = read_settings(
        DATABASE_URL="postgres://portal@127.0.0.1:6432/portal", DATABASE_POOL_SIZE="0"
    )["DATABASES"]["default"]
    assert "pool" not in database["OPTIONS"]


def test_a_replica_has_the_options_of_the_primary_and_is_given_up_sooner(read_settings):
    values = read_settings(
        DATABASE_URL="postgres://portal@db1.example.jp/portal",
        DATABASE_REPLICA_URL="postgres://portal@db2.example.jp/portal?sslmode=verify-full",
    )
    primary, replica = (values["DATABASES"][alias] for alias in ("default", "replica"))
    assert replica["HOST"] == "db2.example.jp"
    assert replica["OPTIONS"]["sslmode"] == "verify-full"
    assert replica["OPTIONS"]["options"] == primary["OPTIONS"]["options"]
    assert replica["OPTIONS"]["pool"]["max_size"] == primary["OPTIONS"]["pool"]["max_size"]
    assert "PatientConnection" in replica["OPTIONS"]["pool"]["connection_class"]
    assert "connection_class" not in primary["OPTIONS"]["pool"]
    assert replica["OPTIONS"]["connect_timeout"] < primary["OPTIONS"]["connect_timeout"]
    assert replica["TEST"]["MIRROR"] == "default"
    assert values["DATABASE_ROUTERS"] == ["portal.routers.ReplicaRouter"]


def test_without_a_replica_nothing_routes(read_settings):
    values = read_settings(DATABASE_REPLICA_URL="")
    assert list(values["DATABASES"]) == ["default"]
    assert "DATABASE_ROUTERS" not in values


def test_a_redis_is_the_cache_of_counts_and_pages_with_the_options_of_its_address(read_settings):
    caches = read_settings(CACHE_URL="redis://:p@cache.example.jp:6379/2?socket_timeout=3")[
        "CACHES"
    ]
    assert {cache["BACKEND"] for cache in caches.values()} == {"portal.shared_cache.SharedCache"}
    assert caches["default"]["LOCATION"] == "redis://:p@cache.example.jp:6379/2"
    assert caches["default"]["OPTIONS"] == {"socket_timeout": 3}
    assert caches["pages"]["KEY_PREFIX"] != caches["default"].get("KEY_PREFIX")


def test_the_policy_lets_a_page_load_nothing_from_another_host(read_settings):
    directives = read_settings()["CONTENT_SECURITY_POLICY"]["DIRECTIVES"]
    assert directives["default-src"] == ["'none'"]
    assert {source for sources in directives.values() for source in sources} == {
        "'self'",
        "'none'",
    }


def test_the_policy_stands_on_every_answer(client):
    policy = client.get("/robots.txt")["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert "frame-ancestors 'none'" in policy
