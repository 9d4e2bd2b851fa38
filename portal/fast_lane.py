"""The shortest way of a kept page to an anonymous reader, before Django makes a request of it.

It only answers what the page cache behind it would answer the same; all else goes on.
"""

from collections.abc import Callable

from django.conf import settings
from django.db import Error, close_old_connections

from .edition import QUERY_POSTGRESQL, Edition, find_edition
from .edition_connection import EditionConnection
from .edition_triggers import watch
from .page_cache import (
    MAX_ADDRESS,
    NEVER,
    address_of,
    choose_coding,
    etag_of,
    fetch,
    say_how_long,
)
from .rate_limit import count_request
from .ready_answers import Ready, ReadyAnswers
from .routers import Reading, reading_from

# The API goes another way: it tells who asks how much is left.
ELSEWHERE = (*NEVER, "/api/")
TOLD = {"ETag", "Cache-Control", "Vary"}
SESSION = f"{settings.SESSION_COOKIE_NAME}="
READY_BYTES = 32 * 1024 * 1024  # in each process


def take_fast_lane(application: Callable) -> Callable:
    """Wrap a WSGI application: pages that are kept of the present edition are answered here."""
    ready, kept = ReadyAnswers(READY_BYTES), EditionConnection(QUERY_POSTGRESQL)

    def answer(environ, start_response):
        if not may_take(environ):
            return application(environ, start_response)
        try:
            with reading_from(Reading()):
                edition = find_edition(kept) if watch.is_complete() else None
        except Error:
            return application(environ, start_response)
        finally:
            close_old_connections()
        found = edition and find_answer(ready, edition, environ)
        if found is None or is_refused(environ):
            return application(environ, start_response)
        told = ("Cache-Control", say_how_long(edition.next_due_at))
        start_response(found.status, [*found.headers, told])
        return [found.body]

    return answer


def find_answer(ready: ReadyAnswers, edition: Edition, environ: dict) -> Ready | None:
    """Return the answer but for its Cache-Control; None where nothing is kept that may be sent so."""
    etag = etag_of(edition)
    told = [("ETag", etag), ("Vary", "Accept-Encoding")]
    if environ.get("HTTP_IF_NONE_MATCH") == etag:
        return Ready("304 Not Modified", [*told, ("Access-Control-Allow-Origin", "*")], b"")
    address = address_of(environ)
    coding = choose_coding(environ.get("HTTP_ACCEPT_ENCODING", ""))
    found = ready.find(edition.tag, (address, coding))
    if found is None:
        kept = fetch(edition, address, coding)
        if kept is None or any(name in TOLD for name, _ in kept.headers):
            return None
        found = Ready("200 OK", [*kept.headers, *told], kept.body)
        ready.keep(edition.tag, (address, coding), found)
    return found


def is_refused(environ: dict) -> bool:
    """Count a search, and tell whether there were too many; the middleware then says so."""
    return "Retry-After" in count_request(environ)


def may_take(environ: dict) -> bool:
    query = environ.get("QUERY_STRING", "")
    return (
        environ["REQUEST_METHOD"] == "GET"
        and not environ["PATH_INFO"].startswith(ELSEWHERE)
        and len(query) < MAX_ADDRESS
        and SESSION not in environ.get("HTTP_COOKIE", "")
        and "HTTP_RANGE" not in environ
    )
