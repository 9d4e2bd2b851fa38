"""When the portal cannot answer for a while: the database is away, locked or full, the disk is full.

Such a request is answered 503 with a page that needs no database. Everything else that goes wrong
stays a 500.
"""

import errno
import logging
import sqlite3
import sys
from http import HTTPStatus
from itertools import chain

from django.conf import settings
from django.db import Error, InterfaceError, OperationalError, connections
from django.http import FileResponse, HttpResponse
from django.template.loader import render_to_string
from django.utils.module_loading import import_string
from django.views.defaults import server_error as answer_500

from .api_http import API_PREFIX, answer_problem, open_to_all_origins

logger = logging.getLogger(__name__)
RETRY_SECONDS = 30
READING = ("GET", "HEAD", "OPTIONS")
# The second: no room for the file by which processes share the log.
SQLITE_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE}
SQLITE_AWAY = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_READONLY,
}
POSTGRESQL_FULL = "53100"
POSTGRESQL_TOO_LARGE = "54"  # what was asked for is beyond a limit, and will be tomorrow
# Beside what is an OperationalError: read-only (a standby), a table to come, broken pages.
POSTGRESQL_AWAY = ("25006", "42P01", "XX")
OS_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
OS_AWAY = OS_FULL | {errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM}


def find_outage(error: BaseException | None) -> BaseException | None:
    """Return the error in a chain of causes that will pass by itself or by an operator's hand."""
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if _is_outage(error):
            return error
        error = error.__cause__
    return None


def _is_outage(error) -> bool:
    if isinstance(error, OSError):
        return error.errno in OS_AWAY
    if not isinstance(error, Error):
        return False
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        # "no such table": an empty file stands where the database was, or `migrate` is to come.
        # The higher bits of a code tell more than is asked for here.
        return _sqlite_code(cause) & 0xFF in SQLITE_AWAY or "no such table" in str(cause)
    state = getattr(cause, "sqlstate", None) or ""
    if isinstance(error, OperationalError | InterfaceError):
        return not state.startswith(POSTGRESQL_TOO_LARGE)
    return state.startswith(POSTGRESQL_AWAY)


def is_full(error) -> bool:
    """Tell whether there is no room to write to."""
    if isinstance(error, OSError):
        return error.errno in OS_FULL
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        return _sqlite_code(cause) in SQLITE_FULL
    return getattr(cause, "sqlstate", None) == POSTGRESQL_FULL


def _sqlite_code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0)


def answer_error(request, *args, **kwargs):
    """Answer what nothing else has caught (`handler500`); called while the error is handled."""
    error = find_outage(sys.exc_info()[1])
    if error is None:
        return answer_500(request)
    logger.error("%s %s cannot be answered: %s", request.method, request.path_info, error)
    _drop_connections()

    def answer(request):
        if request.path_info.startswith(API_PREFIX):
            return open_to_all_origins(answer_problem(HTTPStatus.SERVICE_UNAVAILABLE))
        context = {"was_sent": request.method not in READING, "is_full": is_full(error)}
        page = render_to_string("503.html", context)
        return HttpResponse(page, status=HTTPStatus.SERVICE_UNAVAILABLE)

    # Where the first of all middleware fails, none of those that set headers comes after it.
    for name in reversed(settings.HEADER_MIDDLEWARE):
        answer = import_string(name)(answer)
    response = answer(request)
    response["Retry-After"] = RETRY_SECONDS
    response["Cache-Control"] = "no-store"
    return response


def _drop_connections():
    """Let the next request connect anew: a kept connection may lead to a file that is there no more."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()


def outage_middleware(get_response):
    """Make the first piece of a streamed answer before its head is sent, while a 503 can be told.

    Where a later piece fails, the server cuts the connection: no half file reads as a whole one.
    """

    def middleware(request):
        response = get_response(request)
        if response.streaming and not isinstance(response, FileResponse):
            pieces = iter(response.streaming_content)
            first = [piece for piece in [next(pieces, None)] if piece is not None]
            response.streaming_content = chain(first, pieces)
        return response

    return middleware
