"""What readers and staff are told while the portal cannot answer, and what still is a fault."""

import errno
import logging
import sqlite3
import sys

import psycopg
import pytest
from django.contrib.auth import get_user_model
from django.db import (
    DatabaseError,
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
    connection,
)
from django.db.utils import DataError, IntegrityError
from django.http import StreamingHttpResponse
from django.test import Client
from django.urls import path
from psycopg_pool import PoolTimeout

from portal import urls as portal_urls
from portal.models import GlossaryTerm
from portal.outage import answer_error, find_outage, is_full
from tests import builders
from tests.admin_pages import Page

SECRET = "password authentication failed for user portal at 10.0.0.5"


def caused(error, cause):
    error.__cause__ = cause
    return error


def sqlite_error(code, text="it says so", kind=sqlite3.OperationalError, wrapper=OperationalError):
    cause = kind(text)
    cause.sqlite_errorcode = code
    return caused(wrapper(text), cause)


AWAY = {
    "connection refused": caused(OperationalError(SECRET), psycopg.OperationalError(SECRET)),
    "connection lost": caused(InterfaceError("closed"), psycopg.InterfaceError("closed")),
    "no connection in time": caused(OperationalError("5 sec"), PoolTimeout("5 sec")),
    "shut down": caused(OperationalError("x"), psycopg.errors.AdminShutdown("x")),
    "too many connections": caused(OperationalError("x"), psycopg.errors.TooManyConnections("x")),
    "statement took too long": caused(OperationalError("x"), psycopg.errors.QueryCanceled("x")),
    "deadlock": caused(OperationalError("x"), psycopg.errors.DeadlockDetected("x")),
    "standby": caused(InternalError("x"), psycopg.errors.ReadOnlySqlTransaction("x")),
    "table to come": caused(ProgrammingError("x"), psycopg.errors.UndefinedTable("x")),
    "locked": sqlite_error(sqlite3.SQLITE_BUSY),
    "snapshot too old": sqlite_error(sqlite3.SQLITE_BUSY_SNAPSHOT),
    "unreadable": sqlite_error(sqlite3.SQLITE_CANTOPEN),
    "read-only file": sqlite_error(sqlite3.SQLITE_READONLY),
    "broken disk": sqlite_error(sqlite3.SQLITE_IOERR_WRITE),
    "no database": sqlite_error(
        sqlite3.SQLITE_NOTADB, kind=sqlite3.DatabaseError, wrapper=DatabaseError
    ),
    "empty file": sqlite_error(sqlite3.SQLITE_ERROR, "no such table: portal_department"),
    "too many open files": OSError(errno.EMFILE, "x"),
    "in a cause": caused(ValueError("x"), caused(OperationalError("x"), PoolTimeout("x"))),
}
FULL = {
    "PostgreSQL": caused(OperationalError("x"), psycopg.errors.DiskFull("x")),
    "SQLite": sqlite_error(sqlite3.SQLITE_FULL),
    "SQLite's shared memory": sqlite_error(sqlite3.SQLITE_IOERR_SHMSIZE),
    "file": OSError(errno.ENOSPC, "x"),
    "quota": OSError(errno.EDQUOT, "x"),
}
FAULTS = {
    "bad SQL": sqlite_error(sqlite3.SQLITE_ERROR, "near SELECT: syntax error"),
    "unknown column": caused(ProgrammingError("x"), psycopg.errors.UndefinedColumn("x")),
    "beyond a limit": caused(OperationalError("x"), psycopg.errors.StatementTooComplex("x")),
    "constraint": caused(IntegrityError("x"), psycopg.errors.UniqueViolation("x")),
    "value": caused(DataError("x"), psycopg.errors.NumericValueOutOfRange("x")),
    "missing file": FileNotFoundError(errno.ENOENT, "x"),
    "bug": KeyError("x"),
}


@pytest.mark.parametrize("error", (AWAY | FULL).values(), ids=(AWAY | FULL).keys())
def test_what_passes_is_an_outage(error):
    assert find_outage(error) is not None


@pytest.mark.parametrize("error", FAULTS.values(), ids=FAULTS.keys())
def test_what_is_wrong_in_the_code_stays_a_fault(error):
    assert find_outage(error) is None


def test_only_a_lack_of_room_is_told_as_one():
    assert all(is_full(error) for error in FULL.values())
    assert not any(is_full(find_outage(error)) for error in AWAY.values())


@pytest.fixture
def breaking():
    """Return a function that makes each SQL statement raise an error, as `with` of it."""

    def make(error):
        def refuse(execute, sql, params, many, context):
            raise error

        return connection.execute_wrapper(refuse)

    return make


@pytest.fixture
def visitor():
    return Client(raise_request_exception=False)


PAGES = [
    "/",
    "/settlements/",
    "/search/?q=架空",
    "/departments/none/",
    "/open-data/",
    "/sitemap.xml",
]


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["connection refused", "locked"])
def test_every_page_answers_503_with_a_whole_page_and_is_back_at_the_first_request_after(
    visitor, breaking, name
):
    for address in PAGES:
        with breaking(AWAY[name]):
            answer = visitor.get(address)
        assert answer.status_code == 503, address
        assert answer["Retry-After"] == "30"
        assert answer["Cache-Control"] == "no-store"
        assert "default-src 'none'" in answer["Content-Security-Policy"]
        text = answer.content.decode()
        assert "<h1>ただいま表示できません</h1>" in text and text.rstrip().endswith("</html>")
        assert SECRET not in text and "Traceback" not in text
        assert Page(text).blocked == []
        assert visitor.get(address).status_code in (200, 404)


@pytest.mark.django_db
def test_the_api_answers_503_as_a_problem(visitor, breaking):
    with breaking(AWAY["connection refused"]):
        answer = visitor.get("/api/v1/departments")
    assert answer.status_code == 503
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["Retry-After"] == "30"
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer.json()["title"] == "ただいま答えられません"
    assert SECRET not in answer.content.decode()


@pytest.mark.django_db
def test_the_log_has_one_line_and_no_traceback(visitor, breaking, caplog):
    with breaking(AWAY["connection refused"]):
        visitor.get("/departments/")
    (told,) = [record for record in caplog.records if record.name == "portal.outage"]
    assert told.getMessage() == f"GET /departments/ cannot be answered: {SECRET}"
    django_log = logging.getLogger("django.request")
    record = django_log.makeRecord("x", 40, "", 0, "x", (), None, extra={"status_code": 503})
    assert not django_log.filter(record)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("error", "told"),
    [
        (AWAY["connection lost"], "送った内容は、保存できていません。"),
        (FULL["SQLite"], "サーバーの保存場所がいっぱいです。"),
    ],
)
def test_staff_learn_that_nothing_was_saved_and_how_to_keep_their_input(visitor, error, told):
    visitor.force_login(get_user_model().objects.create_superuser("chief"))
    term = builders.make_term(term="架空の語")
    address = f"/admin/portal/glossaryterm/{term.pk}/change/"
    form = {"term": "変えた語", "reading": "かえたご", "explanation": "説明", "_save": "1"}

    def fail_in_the_middle(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        if sql.startswith("UPDATE") and "portal_glossaryterm" in sql:
            raise error
        return result

    with connection.execute_wrapper(fail_in_the_middle):
        answer = visitor.post(address, form)
    assert answer.status_code == 503
    text = answer.content.decode()
    assert told in text and "ブラウザーの「戻る」" in text
    assert "no-store" in answer["Cache-Control"]
    term.refresh_from_db()
    assert term.term == "架空の語"
    assert term.pk and GlossaryTerm.objects.count() == 1


@pytest.mark.django_db
def test_a_fault_is_still_a_500(visitor, breaking):
    with breaking(FAULTS["bug"]):
        answer = visitor.get("/departments/")
    assert answer.status_code == 500
    assert "システムの不具合のため" in answer.content.decode()


def stream(request):
    def write():
        if request.GET["at"] == "start":
            raise AWAY["connection lost"]
        yield b"first\n"
        raise AWAY["connection lost"]

    return StreamingHttpResponse(write())


urlpatterns = [path("stream/", stream), *portal_urls.urlpatterns]
handler500 = answer_error


@pytest.mark.urls(__name__)
@pytest.mark.django_db
def test_a_stream_that_cannot_begin_is_a_503_and_one_that_breaks_is_cut(visitor):
    assert visitor.get("/stream/?at=start").status_code == 503
    answer = visitor.get("/stream/?at=later")
    assert answer.status_code == 200
    pieces = iter(answer)
    assert next(pieces) == b"first\n"
    with pytest.raises(InterfaceError):
        next(pieces)


def test_the_page_needs_no_database(rf):
    """No mark of the database: any query fails the test."""
    try:
        raise AWAY["connection refused"]
    except OperationalError:
        assert sys.exc_info()[1] is AWAY["connection refused"]
        answer = answer_error(rf.get("/"))
    assert answer.status_code == 503
