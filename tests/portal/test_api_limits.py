"""One address may ask the API only so often."""

import pytest
from django.core.cache import cache

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _limited(settings, monkeypatch):
    settings.API_RATE = "3/min"
    monkeypatch.setattr("portal.api_http.time.time", lambda: 1_000_000_010.5)
    cache.clear()
    yield
    cache.clear()


def ask(client, **headers):
    return client.get("/api/v1/pillars", **headers)


def test_what_is_left_is_told_and_then_refused_until_the_span_ends(client, monkeypatch):
    for left in (2, 1, 0):
        answer = ask(client)
        assert answer.status_code == 200
        assert answer["RateLimit-Limit"] == "3"
        assert answer["RateLimit-Remaining"] == str(left)
        assert "Retry-After" not in answer
    answer = ask(client)
    assert answer.status_code == 429
    assert answer["Retry-After"] == answer["RateLimit-Reset"] == "10"
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer.json()["detail"].startswith("短い時間に多くのお尋ねがありました。")
    assert answer.json()["status"] == 429
    monkeypatch.setattr("portal.api_http.time.time", lambda: 1_000_000_020.0)
    assert ask(client).status_code == 200


def test_each_address_has_its_own_count(client):
    for _ in range(4):
        last = ask(client, REMOTE_ADDR="192.0.2.1")
    assert last.status_code == 429
    assert ask(client, REMOTE_ADDR="192.0.2.2").status_code == 200


def test_an_ipv6_client_is_its_network(client):
    for number in range(4):
        last = ask(client, REMOTE_ADDR=f"2001:db8::{number + 1}")
    assert last.status_code == 429
    assert ask(client, REMOTE_ADDR="2001:db8:0:1::1").status_code == 200


def test_behind_a_proxy_the_address_is_the_one_that_the_proxy_saw(client, settings):
    settings.BEHIND_PROXY = True
    for number in range(4):
        last = ask(client, headers={"X-Forwarded-For": f"198.51.100.{number}, 192.0.2.1"})
    assert last.status_code == 429
    other = ask(client, headers={"X-Forwarded-For": "192.0.2.1, 192.0.2.9"})
    assert other.status_code == 200


def test_a_client_without_an_address_is_counted_too(client):
    for _ in range(4):
        last = ask(client, REMOTE_ADDR="")
    assert last.status_code == 429


def test_pages_are_not_counted_and_asking_what_is_allowed_is_free(client):
    for _ in range(5):
        assert client.get("/robots.txt").status_code == 200
        assert client.options("/api/v1/pillars").status_code == 204
    assert ask(client)["RateLimit-Remaining"] == "2"


def test_no_limit_is_kept_where_none_is_set(client, settings):
    settings.API_RATE = "0"
    for _ in range(5):
        assert "RateLimit-Limit" not in ask(client)
