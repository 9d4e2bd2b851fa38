"""Public answers, kept whole by edition: what anonymous readers get again while nothing changes.

The key of an answer is the edition, so that nothing is ever thrown away for being old: a change
makes a new edition, and the answers of the old one are not asked for any more. Who is logged in,
sends a form or follows a preview passes by.
"""

import gzip
import hashlib
import logging
import re
import threading
import time
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache, partial
from typing import NamedTuple

import brotli
from django.conf import settings
from django.core.cache import caches
from django.db import DatabaseError, InterfaceError
from django.http import HttpResponse
from django.utils import timezone
from django.utils.cache import (
    get_conditional_response,
    has_vary_header,
    patch_vary_headers,
)

from .edition import Edition, edition_of
from .edition_triggers import watch
from .release import RELEASE

logger = logging.getLogger(__name__)
PAGES = "pages"
NEVER = ("/admin/", "/healthz", settings.STATIC_URL)
KEPT_SECONDS = 24 * 3600
MAX_BYTES = 2 * 1024 * 1024
MAX_ADDRESS = 1000
MIN_COMPRESSED_BYTES = 500
COMPRESSED_TYPES = re.compile(
    r"text/|application/(json|ld\+json|xml|atom\+xml|problem\+json)|image/svg"
)
# The best first, for pages and for data: a page is asked for again and again, a piece of data mostly
# once, so that its reader would wait longer for the coding than for what it saves.
CODINGS = {
    "br": (partial(brotli.compress, quality=5), partial(brotli.compress, quality=1)),
    "gzip": (partial(gzip.compress, compresslevel=6), partial(gzip.compress, compresslevel=1)),
}
LOST = (DatabaseError, InterfaceError, OSError)  # of a cache that is kept in the database, or far
WAIT_SECONDS = 10
# So long readers get the answers of the last known edition while the database cannot be reached.
OUTAGE_SECONDS = 60


class Kept(NamedTuple):
    """An answer as it is sent in one content coding."""

    headers: list[tuple[str, str]]
    body: bytes


def page_cache_middleware(get_response):
    """Answer from what is kept of the present edition, and keep what may be kept."""
    known: tuple[Edition, float] | None = None

    def middleware(request):
        nonlocal known
        if request.method not in ("GET", "HEAD") or request.path_info.startswith(NEVER):
            return get_response(request)
        if request.encoding is not None:
            # A charset that the request claims would read its address otherwise for all who come.
            request.encoding = None
        if settings.SESSION_COOKIE_NAME in request.COOKIES:
            return _answer_privately(get_response(request))
        if not watch.is_complete():  # an edition would not tell of every change
            return _let_nobody_keep(get_response(request))
        address, edition = address_of(request.environ), edition_of(request)
        if edition is not None:
            known = edition, time.monotonic()
            return _answer(request, get_response, address, edition)
        # The database cannot be reached.
        edition = _still_true(known)
        kept = edition and fetch(edition, address, _coding_of(request))
        return _send(request, kept, edition) if kept else get_response(request)

    return middleware


def _answer(request, get_response, address: str, edition: Edition):
    # Only who got this address with this edition has its tag.
    if request.META.get("HTTP_IF_NONE_MATCH") == etag_of(edition):
        return _tell_caches(_open_to_scripts(HttpResponse(status=304)), edition)
    if len(address) > MAX_ADDRESS or "HTTP_RANGE" in request.META:
        return _tell_caches(get_response(request), edition)
    coding = _coding_of(request)
    if kept := fetch(edition, address, coding):
        return _send(request, kept, edition)
    with _one_at_a_time(name_of(edition, address)) as has_waited:
        if has_waited and (kept := fetch(edition, address, coding)):
            return _send(request, kept, edition)
        response = get_response(request)
        if request.method == "GET" and may_keep(response):
            return _send(request, _keep(edition, address, response, coding), edition)
    return _tell_caches(response, edition)


def address_of(environ: dict) -> str:
    """Return what of a request decides its public answer: the whole address as it was asked for."""
    scheme = environ.get("HTTP_X_FORWARDED_PROTO", "") if settings.BEHIND_PROXY else ""
    host = environ.get("HTTP_HOST") or f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
    path, query = environ.get("PATH_INFO", ""), environ.get("QUERY_STRING", "")
    return f"{environ['wsgi.url_scheme']} {scheme} {host}{environ['SCRIPT_NAME']}{path}?{query}"


def name_of(edition: Edition, address: str) -> str:
    whole = f"{edition.tag} {RELEASE} {address}"
    return hashlib.sha256(whole.encode(errors="surrogateescape")).hexdigest()


def etag_of(edition: Edition) -> str:
    return f'W/"{edition.tag}{RELEASE[:16]}"'


def _coding_of(request) -> str:
    return choose_coding(request.META.get("HTTP_ACCEPT_ENCODING", ""))


@lru_cache(maxsize=200)
def choose_coding(accepted: str) -> str:
    """Return "br", "gzip" or "" for an Accept-Encoding: the best that is not refused."""
    refused = {
        name.strip().lower()
        for name, _, weight in (part.partition(";") for part in accepted.split(","))
        if re.fullmatch(r"\s*q=0(\.0*)?\s*", weight)
    }
    offered = {part.partition(";")[0].strip().lower() for part in accepted.split(",")} - refused
    return next((coding for coding in CODINGS if coding in offered), "")


def may_keep(response) -> bool:
    """Tell whether an answer is the same for everyone, whole, and not too large."""
    return (
        response.status_code == 200
        and not response.streaming
        and not response.cookies
        and not response.has_header("Content-Encoding")
        and not has_vary_header(response, "Cookie")
        and not re.search("no-store|private", response.get("Cache-Control", ""))
        and len(response.content) <= MAX_BYTES
    )


def _keep(edition: Edition, address: str, response, coding: str) -> Kept:
    """Keep an answer as it is and in the coding that its reader asks for; return the latter."""
    body = response.content
    # The length that is there is the whole body's; each coding has its own.
    headers = [pair for pair in response.items() if pair[0] != "Content-Length"]
    plain = Kept([*headers, ("Content-Length", str(len(body)))], body)
    coded, name = compress(plain, coding), name_of(edition, address)
    # In this order: who finds the plain one also finds the coding that it came with.
    _store({f"{name}{coding}": coded, name: plain})
    return coded


def fetch(edition: Edition, address: str, coding: str) -> Kept | None:
    """Return what is kept of an address, in a coding that is made when it is first asked for.

    None where nothing is kept, or the cache is lost.
    """
    plain_name = name_of(edition, address)
    name = f"{plain_name}{coding}"
    kept = _find(name)
    if kept or not coding or not (plain := _find(plain_name)):
        return kept
    with _one_at_a_time(name):
        if not (kept := _find(name)):
            kept = compress(plain, coding)
            _store({name: kept})
    return kept


def compress(plain: Kept, coding: str) -> Kept:
    """Return an answer in a coding; as it is where that would not make it shorter."""
    content_type = dict(plain.headers).get("Content-Type", "")
    is_short = len(plain.body) < MIN_COMPRESSED_BYTES
    if not coding or is_short or not COMPRESSED_TYPES.match(content_type):
        return plain
    for_pages, for_data = CODINGS[coding]
    body = (for_pages if content_type.startswith("text/html") else for_data)(plain.body)
    headers = [pair for pair in plain.headers if pair[0] != "Content-Length"]
    more = [("Content-Encoding", coding), ("Content-Length", str(len(body)))]
    return Kept(headers + more, body)


def _find(name: str) -> Kept | None:
    try:
        return caches[PAGES].get(name)
    except LOST:
        logger.warning("kept pages could not be reached", exc_info=True)
        return None


def _store(found: dict[str, Kept]):
    try:
        caches[PAGES].set_many(found, KEPT_SECONDS)
    except LOST:
        logger.warning("a page could not be kept", exc_info=True)


def _send(request, kept: Kept, edition: Edition) -> HttpResponse:
    response = _tell_caches(HttpResponse(kept.body, headers=dict(kept.headers)), edition)
    response = get_conditional_response(request, response["ETag"], None, response)
    if response.status_code == 304:
        _open_to_scripts(response)
    if request.method == "HEAD":
        response.content = b""
    return response


def _open_to_scripts(response):
    """Let a script of another host see that nothing has changed, which asked with a tag that it has."""
    response["Access-Control-Allow-Origin"] = "*"
    return response


def _tell_caches(response, edition: Edition):
    """Say to caches between here and the reader how long the answer holds without asking."""
    if response.status_code in (200, 304):
        response.headers.setdefault("ETag", etag_of(edition))
        response.headers.setdefault("Cache-Control", say_how_long(edition.next_due_at))
        patch_vary_headers(response, ["Accept-Encoding"])
        return response
    return _let_nobody_keep(response)


def _let_nobody_keep(response):
    response.headers.setdefault("Cache-Control", "no-cache")
    return response


def say_how_long(next_due_at: datetime | None) -> str:
    """Return the Cache-Control of a public answer; shared caches never keep it past a due moment."""
    fresh, stale = settings.CDN_SECONDS, settings.CDN_SECONDS
    if next_due_at is not None:
        left = max(0, int((next_due_at - timezone.now()).total_seconds()))
        fresh = min(fresh, left)
        stale = min(stale, left - fresh)
    told = f"public, max-age=0, s-maxage={fresh}"
    return f"{told}, stale-while-revalidate={stale}" if stale else f"{told}, must-revalidate"


def _answer_privately(response):
    if not response.streaming and not response.has_header("Cache-Control"):
        response["Cache-Control"] = "private, no-store"
    return response


def _still_true(known: tuple[Edition, float] | None) -> Edition | None:
    """Return the last known edition where nothing can have changed since that readers must see."""
    if known is None or time.monotonic() - known[1] > OUTAGE_SECONDS:
        return None
    edition = known[0]
    is_due = edition.next_due_at is not None and edition.next_due_at <= timezone.now()
    return None if is_due else edition


_making: dict[str, threading.Lock] = {}
_guard = threading.Lock()


@contextmanager
def _one_at_a_time(key: str):
    """Let one thread make an answer that many ask for at once; tell the others that they waited."""
    with _guard:
        own = threading.Lock()
        own.acquire()
        other = _making.setdefault(key, own)
    if other is not own:
        if other.acquire(timeout=WAIT_SECONDS):
            other.release()
        yield True
        return
    try:
        yield False
    finally:
        with _guard:
            del _making[key]
        own.release()
