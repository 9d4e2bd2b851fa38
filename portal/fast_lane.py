"""The shortest way of a kept page to an anonymous reader, before Django makes a request of it.

It only answers what the page cache behind it would answer the same; all else goes on.
"""

from collections.abc import Callable

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.db import Error, close_old_connections

from .edition import find_edition
from .page_cache import (
    MAX_ADDRESS,
    NEVER,
    Kept,
    address_of,
    choose_coding,
    etag_of,
    fetch,
    say_how_long,
)
from .rate_limit import count_request
from .routers import Reading, reading_from

# The API goes another way: it tells who asks how much is left.
ELSEWHERE = (*NEVER, "/api/")
TOLD = ("ETag", "Cache-Control", "Vary")
HAS_IT = Kept([], b"")  # what is sent to who has the page
SESSION = f"{settings.SESSION_COOKIE_NAME}="


def take_fast_lane(application: Callable) -> Callable:
    """Wrap a WSGI application: pages that are kept of the present edition are answered here."""

    def answer(environ, start_response):
        if not may_take(environ):
            return application(environ, start_response)
        try:
            with reading_from(Reading()):
                edition = find_edition()
        except Error:
            return application(environ, start_response)
        finally:
            close_old_connections()
        etag, told = etag_of(edition), say_how_long(edition.next_due_at)
        kept = HAS_IT
        if environ.get("HTTP_IF_NONE_MATCH") != etag:
            coding = choose_coding(environ.get("HTTP_ACCEPT_ENCODING", ""))
            kept = fetch(edition, address_of(environ), coding)
        if kept is None or any(name in TOLD for name, _ in kept.headers) or is_refused(environ):
            return application(environ, start_response)
        more = zip(TOLD, (etag, told, "Accept-Encoding"), strict=True)
        start_response("304 Not Modified" if kept is HAS_IT else "200 OK", [*kept.headers, *more])
        return [kept.body]

    return answer


def is_refused(environ: dict) -> bool:
    """Count a search, and tell whether there were too many; the middleware then says so."""
    has_words = "q=" in environ.get("QUERY_STRING", "")
    return has_words and "Retry-After" in count_request(WSGIRequest(environ))


def may_take(environ: dict) -> bool:
    query = environ.get("QUERY_STRING", "")
    return (
        environ["REQUEST_METHOD"] == "GET"
        and not environ["PATH_INFO"].startswith(ELSEWHERE)
        and len(query) < MAX_ADDRESS
        and SESSION not in environ.get("HTTP_COOKIE", "")
        and "HTTP_RANGE" not in environ
    )
