"""One address may ask the API, and search, only so often."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.cache import cache, caches

from portal.rate_limit import count_request
from portal.shared_cache import SharedCache
from tests.admin_pages import Page, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _limited(settings, monkeypatch):
    settings.API_RATE = settings.SEARCH_RATE = "3/min"
    monkeypatch.setattr("portal.rate_limit.time.time", lambda: 1_000_000_010.5)
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
    monkeypatch.setattr("portal.rate_limit.time.time", lambda: 1_000_000_020.0)
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


def search(client, address="/search/", **headers):
    return client.get(address, {"q": "架空"}, **headers)


SEARCHES = [
    *("/search/", "/initiatives/", "/indicators/", "/documents/", "/departments/", "/glossary/"),
    *("/api/v1/initiatives", "/api/v1/search", "/api/v1/figures"),
]


def test_searches_are_counted_together_wherever_they_are_made(client):
    for address in SEARCHES[:3]:
        assert search(client, address).status_code == 200
    for address in SEARCHES:
        answer = search(client, address)
        assert answer.status_code == 429, address
        assert answer["Retry-After"] == "10"
        assert answer["Cache-Control"] == "no-store"
    assert ask(client)["RateLimit-Remaining"] == "2"
    assert client.get("/search/", {"q": " "}).status_code == 200


def test_who_searches_too_often_reads_it_on_a_page(client, django_assert_num_queries):
    for _ in range(3):
        assert "RateLimit-Limit" not in search(client)
    with django_assert_num_queries(0):
        answer = search(client)
    assert answer["Content-Type"] == "text/html; charset=utf-8"
    assert "短い時間に、同じ所から多くの検索がありました" in text_of(answer)
    assert Page(answer.content.decode()).blocked == []
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert answer["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("query", ["%71=x", "page=1&q=x", "q=&q=x", "q=%E6%9E%B6"])
def test_no_writing_of_a_search_goes_uncounted(client, query):
    for _ in range(4):
        last = client.get("/search/", QUERY_STRING=query)
    assert last.status_code == 429


def test_staff_search_as_often_as_they_like(admin_client):
    for _ in range(5):
        assert search(admin_client, "/admin/portal/glossaryterm/").status_code == 200


def test_an_ipv4_client_is_itself_on_a_server_of_both_protocols(client):
    for _ in range(4):
        last = ask(client, REMOTE_ADDR="::ffff:192.0.2.1")
    assert last.status_code == 429
    assert ask(client, REMOTE_ADDR="192.0.2.1").status_code == 429
    assert ask(client, REMOTE_ADDR="::ffff:192.0.2.2").status_code == 200
    assert ask(client, REMOTE_ADDR="fe80::1%eth0").status_code == 200


@pytest.mark.parametrize("method", ["incr", "add"])
def test_a_lost_cache_lets_requests_pass(client, monkeypatch, method, caplog):
    def fail(*args, **kwargs):
        raise ConnectionError("gone")

    monkeypatch.setattr(caches["default"], method, fail)
    for _ in range(5):
        assert ask(client).status_code == 200
        assert search(client).status_code == 200
    assert "the cache is lost" in caplog.text


def test_no_two_requests_at_once_are_counted_as_one(rf, settings):
    settings.API_RATE = "1000/min"
    with ThreadPoolExecutor(8) as threads:
        left = [
            limits["RateLimit-Remaining"]
            for limits in threads.map(
                lambda _: count_request(rf.get("/api/v1/pillars").META), range(400)
            )
        ]
    assert sorted(left) == list(range(600, 1000))


class FakeRedis:
    """Counts as Redis does, and how often it is asked."""

    def __init__(self):
        self.counts, self.asked, self.ends, self.waiting = {}, 0, {}, []

    def pipeline(self):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.waiting = []

    def incr(self, key):
        self.waiting.append(key)
        return self

    def expire(self, key, seconds):
        self.ends[key] = seconds
        return self

    def execute(self):
        self.asked += 1
        for key in self.waiting:
            self.counts[key] = self.counts.get(key, 0) + 1
        return [self.counts[self.waiting[0]], True]


def test_redis_is_asked_once_and_each_count_ends(rf, settings, monkeypatch):
    fake, shared = FakeRedis(), SharedCache("redis://127.0.0.1:1/0", {})
    monkeypatch.setattr(SharedCache, "_cache", fake)
    fake.get_client = lambda key, write: fake
    monkeypatch.setattr("portal.rate_limit.caches", {"default": shared})
    left = [count_request(rf.get("/api/v1/pillars").META) for _ in range(4)]
    assert [limits["RateLimit-Remaining"] for limits in left] == [2, 1, 0, 0]
    assert left[-1]["Retry-After"] == 10
    assert fake.asked == 4
    assert list(fake.ends.values()) == [61]
