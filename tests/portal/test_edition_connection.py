"""The connection by which a process asks PostgreSQL for the edition, and what it does without it."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from threading import Lock, Semaphore

import psycopg
import pytest
from django.db import connection, transaction
from django.utils import timezone

from portal.edition import QUERY_POSTGRESQL, _tell_moment, find_edition, fold_edition
from portal.edition_connection import EditionConnection
from portal.edition_triggers import PAUSE_TRIGGER, find_missing, make_triggers
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


@pytest.fixture
def questions(kept, monkeypatch):
    """Return the list of the statements that the connection sends from now on."""
    sent, execute = [], kept._execute
    monkeypatch.setattr(
        kept, "_execute", lambda name, *more: sent.append(name) or execute(name, *more)
    )
    return sent


@pytest.fixture
def other():
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as other:
        yield other


def let_leases_last(monkeypatch, seconds):
    monkeypatch.setattr("portal.edition_connection.LEASE_SECONDS", seconds)


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


def test_a_connection_that_broke_is_made_anew(kept, asked, other, monkeypatch):
    let_leases_last(monkeypatch, 0)
    before = find(kept)
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


def test_the_whole_question_is_asked_after_a_change_or_a_moment_alone(kept, questions, monkeypatch):
    let_leases_last(monkeypatch, 0)
    document = make_document(publish_until=timezone.now() + timedelta(hours=1))

    def is_asked_whole() -> bool:
        questions.clear()
        edition = find(kept)
        assert edition == find_edition()
        return questions == [b"quiet", b"number", b"edition"]

    assert is_asked_whole()
    assert not is_asked_whole() and questions == [b"quiet", b"number"]
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
    let_leases_last(monkeypatch, 0)
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


class TestLeases:
    def test_nothing_is_asked_while_a_lease_lasts(self, kept, questions, monkeypatch):
        make_term()
        find(kept)
        let_leases_last(monkeypatch, 60)
        kept._lease = None
        kept._lease_at = 0
        before = find(kept)
        questions.clear()
        assert find(kept) == before == find_edition()
        assert questions == []
        kept._lease = kept._lease._replace(until=0)
        assert find(kept) == before
        assert questions == [b"number"]  # for the next lease it is too early

    def test_towards_its_end_one_thread_renews_it_and_no_other_waits(
        self, kept, questions, monkeypatch
    ):
        let_leases_last(monkeypatch, 60)
        before = find(kept)
        kept._lease_at = 0
        old = kept._lease
        questions.clear()
        with kept._lock, ThreadPoolExecutor(1) as threads:
            assert threads.submit(find, kept).result() == before
        assert questions == []
        assert find(kept) == before
        assert questions == [b"quiet", b"number"]
        assert kept._lease.until > old.until

    def test_a_moment_ends_a_lease(self, kept, monkeypatch):
        let_leases_last(monkeypatch, 60)
        document = make_document(publish_until=timezone.now() + timedelta(hours=1))
        before = find(kept)
        assert kept._lease
        monkeypatch.setattr("django.utils.timezone.now", lambda: document.publish_until)
        assert find(kept).began_at == document.publish_until
        assert find(kept).tag != before.tag

    def test_none_is_given_while_something_is_being_changed(self, kept, other, monkeypatch):
        before = find(kept)
        with other.transaction():
            other.execute("INSERT INTO portal_editionnumber (id, number) VALUES (1, 1)")
            for _ in range(2):
                kept._lease_at = 0
                assert find(kept) == before
                assert kept._lease is None
            let_leases_last(monkeypatch, 60)
        assert find(kept).tag != before.tag
        kept._lease_at = 0
        assert find(kept) and kept._lease

    def test_what_is_taken_back_lets_leases_be_given(self, kept):
        connection.close()
        with transaction.atomic():
            make_term()
            transaction.set_rollback(True)
        assert find(kept) and kept._lease

    def test_a_change_by_hand_is_told_at_once_whenever_it_comes(self, kept, other):
        """Without the pause, some of these changes come while a lease lasts."""
        term, tags, leases = make_term(), set(), 0
        for number in range(40):
            find(kept)
            leases += kept._lease is not None
            explanation = f"架空の説明{number}"
            other.execute(
                "UPDATE portal_glossaryterm SET explanation = %s WHERE id = %s",
                [explanation, term.pk],
            )
            tags.add(find(kept).tag)
        assert len(tags) == 40
        assert leases > 20

    def test_without_the_trigger_that_pauses_it_is_said_that_one_is_missing(self):
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TRIGGER {PAUSE_TRIGGER} ON portal_editionnumber")
        assert find_missing() == {PAUSE_TRIGGER}
        make_triggers()
        assert find_missing() == set()
