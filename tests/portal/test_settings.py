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
    shutil.copy(Path(settings.BASE_DIR) / "portal" / "settings.py", package)

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
        (PRODUCTION | {"REQUIRE_SECOND_FACTOR": "yes"}, "REQUIRE_SECOND_FACTOR must be off"),
        (PRODUCTION | {"LOGIN_FAILURE_LIMIT": "0"}, "The limits of logins and sessions must be 1"),
        (PRODUCTION | {"API_RATE": "120"}, "API_RATE must be 0, or a number per s, min or hour"),
        (PRODUCTION | {"API_RATE": "-1/s"}, "API_RATE must be 0, or a number per s, min or hour"),
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
    assert database["ENGINE"] == "django.db.backends.postgresql"
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
