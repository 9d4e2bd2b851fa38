import pytest
from django.core.checks import run_checks
from django.db import OperationalError, connection

from portal.edition_triggers import find_missing, make_triggers
from portal.health import check_https
from tests.triggers import drop_trigger

OK = {
    "status": "ok",
    "database": "ok",
    "migrations": "ok",
    "triggers": "ok",
    "replica": "none",
}


@pytest.mark.django_db
def test_healthz_tells_that_database_and_migrations_are_in_order(client):
    answer = client.get("/healthz")
    assert answer.status_code == 200
    assert answer.json() == OK
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db
def test_healthz_asks_the_database_no_more_than_thrice(client, django_assert_max_num_queries):
    with django_assert_max_num_queries(3):
        client.get("/healthz")


@pytest.mark.django_db
def test_healthz_tells_that_a_migration_is_not_applied(client):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'budgets'")
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json() == OK | {"status": "error", "migrations": "pending", "triggers": "unknown"}


@pytest.mark.django_db
@pytest.mark.parametrize("table", ["portal_glossaryterm", "initiatives_initiative_departments"])
def test_healthz_tells_that_changes_of_a_table_are_not_counted(client, table):
    drop_trigger(table)
    for _ in range(2):
        answer = client.get("/healthz")
        assert answer.status_code == 503
        assert answer.json() == OK | {"status": "error", "triggers": "missing"}
    make_triggers()  # as each `migrate` does at its end
    assert client.get("/healthz").json() == OK


@pytest.mark.django_db
def test_healthz_tells_that_moments_or_the_counter_are_not_there(client):
    assert find_missing() == set()
    drop_trigger("portal_sourcedocument", "_publish_until")
    assert client.get("/healthz").json()["triggers"] == "missing"
    make_triggers()
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("DELETE FROM portal_editionnumber")
        else:
            cursor.execute(
                "ALTER TABLE portal_sourcedocument DISABLE TRIGGER edition_portal_sourcedocument"
            )
    assert client.get("/healthz").json()["triggers"] == "missing"


def test_healthz_tells_that_the_database_is_away_and_gives_no_details(client, monkeypatch):
    def refuse(*args, **kwargs):
        raise OperationalError("password authentication failed for user portal at 10.0.0.5")

    monkeypatch.setattr(connection, "cursor", refuse)
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json() == {
        "status": "error",
        "database": "unreachable",
        "migrations": "unknown",
        "triggers": "unknown",
        "replica": "none",
    }


@pytest.mark.django_db
def test_a_monitor_on_the_same_machine_is_not_sent_to_https(client, settings):
    settings.SECURE_SSL_REDIRECT = True
    assert client.get("/healthz").json() == OK
    assert client.get("/robots.txt").status_code == 301


def test_healthz_answers_no_foreign_host(client, settings):
    settings.ALLOWED_HOSTS = ["portal.example.jp"]
    assert client.get("/healthz", headers={"host": "evil.example"}).status_code == 400


def test_healthz_takes_no_post(client):
    assert client.post("/healthz").status_code == 405


@pytest.mark.parametrize("host", ["portal.example.jp", ".example.jp", "*", "203.0.114.7"])
def test_a_public_host_without_https_is_warned_of(settings, host):
    settings.HTTPS, settings.DEBUG, settings.ALLOWED_HOSTS = False, False, ["localhost", host]
    (warning,) = [found for found in run_checks() if found.id == "portal.W001"]
    assert f"外から届く名前（{host}）" in warning.msg
    assert "HTTPS=1" in warning.hint


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "192.168.1.5", "portal.localhost", "intranet"]
)
def test_a_trial_on_this_machine_or_in_the_office_is_not_warned_of(settings, host):
    settings.HTTPS, settings.DEBUG, settings.ALLOWED_HOSTS = False, False, [host]
    assert check_https(None) == []


def test_with_https_nothing_is_warned_of(settings):
    settings.HTTPS, settings.DEBUG, settings.ALLOWED_HOSTS = True, False, ["portal.example.jp"]
    assert check_https(None) == []
