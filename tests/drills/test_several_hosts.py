"""Two hosts, a primary, a replica and a cache: what staff and readers see while each of them is lost.

The drills follow one another; each puts back what it broke, but the last, which leaves the primary
lost for good. The lean form is one test, in every run of the tests on PostgreSQL.
"""

import itertools
import re
import signal
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager
from http.cookiejar import CookieJar
from pathlib import Path

import pytest
import redis
from django.db import connection

from portal.edition_connection import QUIET
from tests.admin_pages import form_of
from tests.hosts import NEEDS_HOSTS, Hosts, find_free_port, get, list_missing, wait_until

pytestmark = pytest.mark.skipif(bool(list_missing()), reason=NEEDS_HOSTS)
PASSWORD = "kakuu-no-password-1"
MAX_LAG_SECONDS = 5
HELD_SECONDS = 15  # on a busy machine; it takes 6 to give the replica up
# Each with a number that nobody has asked with, so that no kept page answers.
PAGES = ["/?x={}", "/glossary/?x={}", "/initiatives/?x={}", "/api/v1/settlement-items?offset={}"]
OTHER_ANSWERS = [
    "/search/?q=%E7%9F%A5%E4%BA%8B",
    "/api/v1/search?q=%E7%9F%A5%E4%BA%8B",
    "/api/v1/checks",
    "/open-data/settlement-items.csv",
    "/open-data/manifest.json",
    "/feed.atom",
]
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def hosts():
    settings = {
        "API_RATE": "0",
        "SEARCH_RATE": "0",
        "REQUIRE_SECOND_FACTOR": "off",
        "REPLICA_MAX_LAG_SECONDS": str(MAX_LAG_SECONDS),
    }
    with tempfile.TemporaryDirectory(prefix="portal-hosts-") as folder:
        hosts = Hosts(Path(folder), [find_free_port(), find_free_port()], settings)
        with hosts.running():
            hosts.manage(
                *("createsuperuser", "--noinput", "--username=kakuu", "--email=kakuu@example.jp"),
                DJANGO_SUPERUSER_PASSWORD=PASSWORD,
            )
            yield hosts


@pytest.fixture(scope="module")
def staff(hosts):
    return Staff(hosts.urls)


class Staff:
    """One person who is logged in, and goes to whichever host a test names (1 or 2)."""

    def __init__(self, urls):
        self.urls = urls
        cookies = urllib.request.HTTPCookieProcessor(CookieJar())
        self.opener = urllib.request.build_opener(cookies)
        values = {"username": "kakuu", "password": PASSWORD, "next": "/admin/"}
        assert "ログアウト" in self._send(1, "/admin/login/", values)

    def get(self, host: int, path: str) -> str:
        return self._open(host, path)

    def add_term(self, host: int) -> str:
        """Publish a word of the glossary through a host, and return it."""
        word = f"架空の用語{next(numbers)}番"
        values = {"term": word, "reading": "かくう", "explanation": "架空の説明です。"}
        assert word in self._send(host, "/admin/portal/glossaryterm/add/", values)
        assert word in self.get(host, "/glossary/")
        return word

    def _send(self, host, path, values) -> str:
        page = self.get(host, path)
        token = re.search('name="csrfmiddlewaretoken" value="(.+?)"', page)[1]
        return self._open(host, path, form_of(page) | values | {"csrfmiddlewaretoken": token})

    def _open(self, host, path, values=None) -> str:
        data = values and urllib.parse.urlencode(values).encode()
        with self.opener.open(self.urls[host - 1] + path, data) as answer:
            return answer.read().decode()


class Reader:
    """An anonymous reader of an address that others read too, so that a kept page may answer."""

    def __init__(self, urls):
        self.urls = urls

    def shows(self, host: int, word: str) -> bool:
        status, page = get(f"{self.urls[host - 1]}/glossary/")
        assert status == 200
        return word in page


@pytest.fixture(scope="module")
def reader(hosts):
    return Reader(hosts.urls)


@contextmanager
def readers_all_the_time(reader):
    """Let four readers ask both hosts without a pause; yield the list of (status, seconds)."""
    answers, is_over = [], threading.Event()

    def read(number):
        for path in itertools.cycle(PAGES):
            if is_over.is_set():
                return
            began_at = time.monotonic()
            try:
                status = get(reader.urls[number % 2] + path.format(next(numbers)))[0]
            except OSError as error:  # the connection was cut
                status = repr(error)
            answers.append((status, time.monotonic() - began_at))

    threads = [threading.Thread(target=read, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        is_over.set()
        for thread in threads:
            thread.join(60)


def wait_for_answers(answers, count):
    seen = len(answers)
    wait_until(lambda: len(answers) >= seen + count, f"{count} answers")


def judge(answers, what):
    """Require that every reader was answered; tell the figures of docs/drills.md."""
    statuses = {status for status, _ in answers}
    longest = max(seconds for _, seconds in answers)
    print(
        f"\n{what}: {len(answers)} answers, {sorted(map(str, statuses))}, longest {longest:.2f} s"
    )
    assert statuses == {200}


def states(hosts) -> set[str]:
    """Return what each host says of the replica."""
    found = [get(f"{url}/healthz")[1] for url in hosts.urls]
    return {re.search(r'"replica": "(.*?)"', text)[1] for text in found}


def wait_for_state(hosts, state):
    wait_until(lambda: states(hosts) == {state}, f"replica: {state}", 40)


def count_connections(hosts) -> int:
    """Return how many connections the hosts keep with the replica."""
    return hosts.ask(
        hosts.replica,
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = 'portal' AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
    )


def count_reads(hosts) -> int:
    """Return how many transactions the hosts have asked of the replica so far."""
    return hosts.ask(
        hosts.replica, "SELECT xact_commit FROM pg_stat_database WHERE datname = 'portal'"
    )


@pytest.mark.skipif(connection.vendor != "postgresql", reason="needs PostgreSQL")
def test_two_hosts_are_one_portal_and_go_on_without_any_one_server(hosts, staff, reader):
    wait_for_state(hosts, "ok")
    word = staff.add_term(1)
    assert word in staff.get(2, "/glossary/")
    wait_until(lambda: reader.shows(2, word), "the change on host 2", 20)
    # Only the primary lends its edition: a standby does not know who is about to change something.
    assert [hosts.ask(server, QUIET) for server in (hosts.primary, hosts.replica)] == [True, False]

    hosts.primary.stop()
    assert read_all(hosts) == {200}
    with pytest.raises(urllib.error.HTTPError, match="503"):
        staff.get(1, "/admin/")
    hosts.primary.start()
    staff.add_term(2)

    for server in (hosts.cache, hosts.replica):
        server.stop(signal.SIGQUIT)
        assert read_all(hosts) == {200}
        word = staff.add_term(1)
        assert word in staff.get(2, "/glossary/")
    assert reader.shows(2, word)  # of the primary


def read_all(hosts) -> set[int]:
    """Return the statuses of pages that nobody has asked for, on each host."""
    return {get(url + path.format(next(numbers)))[0] for url in hosts.urls for path in PAGES}


@pytest.mark.drill
@pytest.mark.own_servers
class TestEachInTurn:
    def test_both_hosts_are_in_order_and_read_from_the_replica(self, hosts, reader):
        wait_for_state(hosts, "ok")
        assert all(reader.shows(host, "用語") for host in (1, 2))
        assert count_connections(hosts) > 0
        statuses = {path: get(hosts.urls[0] + path)[0] for path in OTHER_ANSWERS}
        assert statuses == dict.fromkeys(OTHER_ANSWERS, 200)

    def test_a_change_through_one_host_shows_on_the_other(self, hosts, staff, reader):
        assert not reader.shows(1, "番</")
        word = staff.add_term(1)
        began_at = time.monotonic()
        assert word in staff.get(2, "/glossary/")
        wait_until(lambda: reader.shows(2, word), "the change on host 2", 10)
        print(f"\nvisible on the other host after {1000 * (time.monotonic() - began_at):.0f} ms")
        # No host answers from a page that it kept before.
        assert all(reader.shows(host, word) for host in (1, 2) * 10)

    def test_staff_see_at_once_what_readers_see_when_the_replica_has_it(self, hosts, staff, reader):
        hosts.ask(hosts.replica, "SELECT pg_wal_replay_pause()")
        try:
            word = staff.add_term(1)
            assert all(word in staff.get(host, "/glossary/") for host in (1, 2))
            assert not any(reader.shows(host, word) for host in (1, 2) * 3)
        finally:
            hosts.ask(hosts.replica, "SELECT pg_wal_replay_resume()")
        wait_until(lambda: reader.shows(1, word) and reader.shows(2, word), "the change", 10)
        assert all(reader.shows(host, word) for host in (1, 2) * 10)

    def test_a_replica_that_stands_still_is_left_until_it_has_caught_up(self, hosts, staff, reader):
        hosts.ask(hosts.replica, "SELECT pg_wal_replay_pause()")
        try:
            word = staff.add_term(2)
            began_at = time.monotonic()
            wait_until(lambda: reader.shows(1, word) and reader.shows(2, word), "the primary", 30)
            print(f"\nreaders were led to the primary after {time.monotonic() - began_at:.1f} s")
            assert states(hosts) == {"behind"}
        finally:
            hosts.ask(hosts.replica, "SELECT pg_wal_replay_resume()")
        wait_for_state(hosts, "ok")
        assert all(reader.shows(host, word) for host in (1, 2) * 10)

    @pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGQUIT])
    def test_no_reader_is_sent_away_while_the_replica_goes_and_comes(
        self, hosts, staff, reader, stop
    ):
        wait_for_state(hosts, "ok")
        with readers_all_the_time(reader) as answers:
            wait_for_answers(answers, 20)
            hosts.replica.stop(stop)
            wait_for_answers(answers, 40)
            word = staff.add_term(2)
            assert reader.shows(1, word)
            assert states(hosts) == {"unreachable"}
            hosts.replica.start()
            wait_for_state(hosts, "ok")
            before = count_reads(hosts)
            wait_for_answers(answers, 40)
            wait_until(lambda: count_reads(hosts) > before, "readers of the replica", 20)
        judge(answers, f"replica stopped by {stop.name} and started")
        assert reader.shows(1, word) and reader.shows(2, word)

    @pytest.mark.parametrize("lost", ["replica", "cache"])
    def test_no_reader_is_held_for_long_by_what_hangs(self, hosts, staff, reader, lost):
        """It answers nothing any more, and no connection breaks."""
        wait_for_state(hosts, "ok")
        server = getattr(hosts, lost)
        with readers_all_the_time(reader) as answers:
            wait_for_answers(answers, 20)
            server.hang()
            try:
                wait_for_answers(answers, 60)
                word = staff.add_term(2)
                assert word in staff.get(1, "/glossary/")
                if lost == "replica":
                    assert reader.shows(1, word)
                    wait_for_state(hosts, "unreachable")
            finally:
                server.go_on()
            wait_for_state(hosts, "ok")
            wait_for_answers(answers, 20)
        judge(answers, f"{lost} hung and went on")
        assert max(seconds for _, seconds in answers) < HELD_SECONDS
        wait_until(lambda: reader.shows(1, word) and reader.shows(2, word), "the change", 10)

    def test_no_reader_is_sent_away_while_the_cache_goes_and_comes(self, hosts, staff, reader):
        with redis.Redis.from_url(hosts.cache_url) as cache:
            reader.shows(1, "")
            assert cache.dbsize() > 0
        with readers_all_the_time(reader) as answers:
            wait_for_answers(answers, 20)
            hosts.cache.stop(signal.SIGKILL)
            wait_for_answers(answers, 40)
            word = staff.add_term(1)
            assert word in staff.get(2, "/glossary/")
            hosts.cache.start()
            with redis.Redis.from_url(hosts.cache_url) as cache:
                wait_until(lambda: cache.dbsize() > 0, "pages in the cache", 20)
        judge(answers, "cache killed and started")
        wait_until(lambda: reader.shows(1, word) and reader.shows(2, word), "the change", 10)

    def test_readers_read_on_while_the_primary_is_away(self, hosts, staff, reader):
        wait_for_state(hosts, "ok")
        with readers_all_the_time(reader) as answers:
            wait_for_answers(answers, 20)
            hosts.primary.stop()
            wait_for_answers(answers, 60)
            with pytest.raises(urllib.error.HTTPError) as refused:
                staff.get(1, "/admin/")
            assert refused.value.code == 503
            hosts.primary.start()
            wait_for_answers(answers, 20)
        judge(answers, "primary stopped and started")
        word = staff.add_term(2)
        wait_until(lambda: reader.shows(1, word) and reader.shows(2, word), "the change", 40)

    def test_the_replica_takes_the_place_of_a_primary_that_is_lost_for_good(
        self, hosts, staff, reader
    ):
        wait_for_state(hosts, "ok")
        word = staff.add_term(1)
        wait_until(lambda: reader.shows(2, word), "the change", 10)
        hosts.primary.stop(signal.SIGQUIT)
        hosts.ask(hosts.replica, "SELECT pg_promote()")
        for server in hosts.servers:
            server.stop()
            server.environment |= {
                "DATABASE_URL": hosts.database_url(hosts.replica),
                "DATABASE_REPLICA_URL": "",
            }
            server.start()
        assert states(hosts) == {"none"}
        assert reader.shows(1, word) and word in staff.get(2, "/glossary/")
        later = staff.add_term(2)
        assert reader.shows(1, later) and reader.shows(2, later)
