"""The database is away for ten seconds: whole pages that say so, and the portal back by itself."""

import itertools
import re
import shutil
import sqlite3
import threading
import time
from contextlib import closing

import pytest

from tests.drills.sites import Answer, Site, tell
from tests.hosts import NEEDS_POSTGRESQL, find_programs, wait_until

pytestmark = [pytest.mark.drill, pytest.mark.own_servers]
GONE_SECONDS = 10
WARM = ["/", "/settlements/", "/initiatives/"]
needs_postgresql = pytest.mark.skipif("initdb" not in find_programs(), reason=NEEDS_POSTGRESQL)
KINDS = ["warm", "cold", "api", "staff"]
KEPT_SECONDS = 30  # half of what pages are kept for without a database
numbers = itertools.count(1)
CSRF = "a" * 32


class Readers:
    """Threads that ask without a break, each for one kind of address; answers with their moment."""

    def __init__(self, site: Site):
        self.site, self.answers, self.is_over = site, [], threading.Event()
        kinds = [getattr(self, name) for name in KINDS]
        self.threads = [threading.Thread(target=self.ask, args=[kind]) for kind in kinds]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *error):
        self.is_over.set()
        for thread in self.threads:
            thread.join()

    def ask(self, kind):
        while not self.is_over.wait(0.05):
            at = time.monotonic()
            self.answers.append((kind.__name__, at, kind()))

    def wait_for_answers(self, since, count=2):
        """Wait until each kind has asked so often since a moment: on a slow machine, for longer."""
        wait_until(lambda: all(len(self.of(kind, since)) >= count for kind in KINDS), "answers")

    def warm(self) -> Answer:
        return self.site.ask(WARM[next(numbers) % len(WARM)])

    def cold(self) -> Answer:
        return self.site.ask(f"/glossary/?x={next(numbers)}")

    def api(self) -> Answer:
        return self.site.ask(f"/api/v1/settlement-items?offset={next(numbers)}")

    def staff(self) -> Answer:
        return send_form(self.site)

    def of(self, kind, since=0.0, until=float("inf")) -> list[Answer]:
        return [a for name, at, a in self.answers if name == kind and since <= at < until]


def send_form(site) -> Answer:
    form = f"csrfmiddlewaretoken={CSRF}&username=kakuu&password=kakuu-no-password-1"
    cookies = f"csrftoken={CSRF}"
    kind = "application/x-www-form-urlencoded"
    return site.ask("/admin/login/", form, Cookie=cookies, **{"Content-Type": kind})


def check_503(kind, answer: Answer):
    assert answer.headers["Retry-After"] == "30"
    assert "no-store" in answer.headers["Cache-Control"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    if kind == "api":
        assert answer.headers["Content-Type"] == "application/problem+json"
    else:
        assert answer.text.rstrip().endswith("</html>") and "ただいま表示できません" in answer.text
    if kind == "staff":
        assert "送った内容は、保存できていません" in answer.text
    assert not re.search(r"Traceback|psycopg|OperationalError|127\.0\.0\.1", answer.text)


@pytest.fixture
def site(request):
    with Site.in_its_own_folder(request.param) as running:
        for _ in range(12):  # each process keeps pages of its own
            for address in WARM:
                running.ask(address)
        yield running


@needs_postgresql
@pytest.mark.parametrize("site", ["postgresql"], indirect=True)
def test_postgresql_is_stopped_for_ten_seconds(site):
    with Readers(site) as readers:
        time.sleep(3)
        stopped_at = time.monotonic()
        site.postgresql.stop()
        time.sleep(2)
        health = site.ask("/healthz")
        time.sleep(max(0, stopped_at + GONE_SECONDS - time.monotonic()))
        readers.wait_for_answers(stopped_at)
        site.postgresql.start()
        back_at = time.monotonic()
        first = [readers.cold(), readers.api()]
        time.sleep(5)
    assert health.status == 503 and '"database": "unreachable"' in health.text
    assert [answer.status for answer in first] == [200, 200]
    for kind in KINDS:
        for answer in readers.of(kind):
            assert answer.status in (200, 503), (kind, answer)
            if answer.status == 503:
                check_503(kind, answer)
        print(tell(kind, readers.of(kind, stopped_at, back_at)))
        assert {a.status for a in readers.of(kind, back_at + 1)} == {200}
    # Who reads what others have read notices a delay at most.
    warm = readers.of("warm", stopped_at, min(back_at, stopped_at + KEPT_SECONDS))
    assert sum(answer.status == 200 for answer in warm) >= 0.9 * len(warm)
    assert 503 in {answer.status for answer in readers.of("cold", stopped_at, back_at)}
    print(f"first answers after {GONE_SECONDS} seconds: {[a.seconds for a in first]}")
    assert "Traceback" not in site.gunicorn.read_log()


@pytest.mark.parametrize("site", ["sqlite"], indirect=True)
def test_the_sqlite_file_is_gone_for_ten_seconds(site):
    away = site.database.parent.with_name("away")
    with Readers(site) as readers:
        time.sleep(2)
        gone_at = time.monotonic()
        shutil.move(site.database.parent, away)
        site.gunicorn.process.send_signal(1)  # new processes, which have to open the file
        time.sleep(GONE_SECONDS)
        health = site.ask("/healthz")
        shutil.move(away, site.database.parent)
        back_at = time.monotonic()
        first = [readers.cold(), readers.api()]
        time.sleep(3)
    assert health.status == 503
    assert [answer.status for answer in first] == [200, 200]
    for kind in ("cold", "api", "staff"):
        for answer in readers.of(kind):
            assert answer.status in (200, 503), (kind, answer)
            if answer.status == 503:
                check_503(kind, answer)
        print(tell(kind, readers.of(kind, gone_at, back_at)))
        assert {a.status for a in readers.of(kind, back_at + 1)} == {200}


@pytest.mark.parametrize("site", ["sqlite"], indirect=True)
def test_a_writer_that_holds_the_sqlite_file_stops_no_reader(site):
    with closing(sqlite3.connect(site.database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with Readers(site) as readers:
            time.sleep(GONE_SECONDS)
            other.execute("COMMIT")
            time.sleep(2)
    for kind in ("warm", "cold", "api"):
        assert {answer.status for answer in readers.of(kind)} == {200}
    for kind in KINDS:
        print(tell(kind, readers.of(kind)))
    assert {answer.status for answer in readers.of("staff")} == {200}  # they wait their turn
