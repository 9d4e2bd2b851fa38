"""The shortest way of a kept page to an anonymous reader, before Django makes a request of it.

It only answers what the page cache behind it would answer the same; all else goes on.
"""

from collections.abc import Callable

from django.conf import settings
from django.db import Error, close_old_connections

from .edition import find_edition
from .page_cache import (
    MAX_ADDRESS,
    NEVER,
    address_of,
    choose_coding,
    etag_of,
    fetch,
    say_how_long,
)
from .routers import Reading, reading_from

# Other ways: the API and the search, whose requests are counted.
ELSEWHERE = (*NEVER, "/api/")
TOLD = ("ETag", "Cache-Control", "Vary")
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
        headers = list(zip(TOLD, (etag, told, "Accept-Encoding"), strict=True))
        if environ.get("HTTP_IF_NONE_MATCH") == etag:
            start_response("304 Not Modified", headers)
            return []
        coding = choose_coding(environ.get("HTTP_ACCEPT_ENCODING", ""))
        kept = fetch(edition, address_of(environ), coding)
        if kept is None or any(name in TOLD for name, _ in kept.headers):
            return application(environ, start_response)
        start_response("200 OK", kept.headers + headers)
        return [kept.body]

    return answer


def may_take(environ: dict) -> bool:
    query = environ.get("QUERY_STRING", "")
    return (
        environ["REQUEST_METHOD"] == "GET"
        and not environ["PATH_INFO"].startswith(ELSEWHERE)
        and "q=" not in query
        and len(query) < MAX_ADDRESS
        and SESSION not in environ.get("HTTP_COOKIE", "")
        and "HTTP_RANGE" not in environ
    )
