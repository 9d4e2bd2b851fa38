"""The connection by which a process asks PostgreSQL for the edition, and what it does without it."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from threading import Lock, Semaphore

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from portal.edition import QUERY_POSTGRESQL, _tell_moment, find_edition, fold_edition
from portal.edition_connection import EditionConnection
from tests.builders import make_document, make_term

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor != "postgresql", reason="needs PostgreSQL: SQLite is asked in the process"
    ),
]


@pytest.fixture
def kept():
    with closing(EditionConnection(QUERY_POSTGRESQL)) as kept:
        yield kept


@pytest.fixture
def asked(kept, monkeypatch):
    """Return the list of what the connection tells from now on."""
    told, ask = [], kept.ask
    monkeypatch.setattr(kept, "ask", lambda *args: told.append(ask(*args)) or told[-1])
    return told


def find(kept):
    connection.close()
    return find_edition(kept)


def test_it_tells_the_same_edition_and_each_change_at_once(kept, asked):
    now = timezone.now()
    make_document(publish_from=now - timedelta(days=1), publish_until=now + timedelta(days=1))
    for _ in range(2):
        before = find(kept)
        assert connection.connection is None
        assert find_edition() == before
        make_term()
        assert find(kept).tag != before.tag
    assert len(asked) == 4 and None not in asked


def test_a_moment_that_has_come_is_told(kept, monkeypatch):
    document = make_document(publish_until=timezone.now() + timedelta(hours=1))
    before = find(kept)
    assert before.next_due_at == document.publish_until
    monkeypatch.setattr("django.utils.timezone.now", lambda: document.publish_until)
    assert (find(kept).began_at, find(kept).next_due_at) == (document.publish_until, None)


def test_what_a_thread_has_open_is_asked_by_its_own_connection(kept, asked):
    make_term()
    find_edition(kept)
    assert asked == []


def test_a_connection_that_broke_is_made_anew(kept, asked):
    before = find(kept)
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as other:
        pid = kept._connection.info.backend_pid
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    assert find(kept) == before  # by the pool
    kept._try_at = 0  # the pause has passed
    assert find(kept) == before
    assert [row is None for row in asked] == [False, True, False]


def test_where_none_is_to_be_had_it_is_not_tried_each_time(kept, asked, monkeypatch):
    tried = []

    def refuse(**parameters):
        tried.append(1)
        raise psycopg.OperationalError("架空の障害")

    monkeypatch.setattr("portal.edition_connection.psycopg.connect", refuse)
    edition = find(kept)
    assert find(kept) == edition == find_edition()
    assert asked == [None, None] and tried == [1]


def test_a_server_that_does_not_answer_is_left(monkeypatch):
    monkeypatch.setattr("portal.edition_connection.ANSWER_SECONDS", 0.1)
    with closing(EditionConnection(QUERY_POSTGRESQL, "SELECT pg_sleep(2)")) as kept:
        assert kept.ask(connection, _tell_moment) is None
        assert kept._connection is None


def test_the_whole_question_is_asked_after_a_change_or_a_moment_alone(kept, monkeypatch):
    document = make_document(publish_until=timezone.now() + timedelta(hours=1))
    asked, execute = [], kept._execute
    monkeypatch.setattr(
        kept, "_execute", lambda name, *more: asked.append(name) or execute(name, *more)
    )

    def is_asked_whole() -> bool:
        asked.clear()
        edition = find(kept)
        assert edition == find_edition()
        return asked == [b"number", b"edition"]

    assert is_asked_whole()
    assert not is_asked_whole() and asked == [b"number"]
    make_term()
    assert is_asked_whole() and not is_asked_whole()
    fold_edition()
    assert not is_asked_whole()
    moments = [document.publish_until - timedelta(microseconds=1), document.publish_until]
    for moment, is_asked in zip([*moments, moments[0]], [False, True, True], strict=True):
        monkeypatch.setattr("django.utils.timezone.now", lambda moment=moment: moment)
        assert is_asked_whole() == is_asked
        assert not is_asked_whole()


class CountedLock:
    """A lock that tells, one after the other, of each thread that came to it."""

    def __init__(self):
        self.lock, self.came = Lock(), Semaphore(0)
        self.release = self.lock.release

    def acquire(self, timeout=-1):
        self.came.release()
        return self.lock.acquire(timeout=timeout)


def test_threads_that_wait_share_an_answer_that_was_asked_for_after_they_came(kept, monkeypatch):
    find(kept)
    asked, lock = kept._asked, CountedLock()
    monkeypatch.setattr(kept, "_lock", lock)
    with ThreadPoolExecutor(4) as threads:
        lock.lock.acquire()  # as one that asks at this moment, before the others came
        found = [threads.submit(find, kept) for _ in range(4)]
        assert all(lock.came.acquire(timeout=30) for _ in found)
        make_term()
        lock.release()
    assert [each.result() for each in found] == [find_edition()] * 4
    assert kept._asked == asked + 1
