"""How often one address may ask: the API by API_RATE, whatever searches by SEARCH_RATE.

Stands before the page cache, so that what is answered from there counts too.
"""

import logging
import time
from functools import lru_cache
from http import HTTPStatus
from ipaddress import ip_address, ip_network

from django.conf import settings
from django.core.cache import caches
from django.core.exceptions import SuspiciousOperation
from django.http import HttpResponse, QueryDict
from django.template.loader import render_to_string
from django.utils.module_loading import import_string

from .api_http import API_PREFIX, answer_problem, open_to_all_origins
from .audit import find_client_address
from .security_headers import STAFF_PREFIX
from .shared_cache import SharedCache

logger = logging.getLogger(__name__)
SECONDS = {"s": 1, "min": 60, "hour": 3600}


def rate_limit_middleware(get_response):
    """Refuse with 429 what comes too often, and tell who asks the API how much is left.

    A cache that is lost counts nothing, and lets requests pass.
    """
    refuse = _refuse
    for name in reversed(settings.HEADER_MIDDLEWARE):
        refuse = import_string(name)(refuse)

    def middleware(request):
        limits = count_request(request.META)
        response = (refuse if "Retry-After" in limits else get_response)(request)
        is_api = request.path_info.startswith(API_PREFIX)
        for name, value in limits.items():
            if is_api or name == "Retry-After":
                response[name] = value
        return response

    return middleware


def count_request(environ: dict) -> dict[str, int]:
    """Count a request of its address, and return the headers that tell how many are left.

    "Retry-After" is among them where there are none; an empty dict means no limit. The count
    stands in Django's cache, so hosts that share one count together.
    """
    name = _kind_of(environ)
    most, _, span = ((name and getattr(settings, name)) or "0").partition("/")
    if not int(most):
        return {}
    seconds, now = SECONDS[span], int(time.time())
    left = seconds - now % seconds
    try:
        client = _client(find_client_address(environ))
        count = _count_up(f"{name}:{client}:{now // seconds}", seconds + 1)
    except Exception as error:  # each cache has its own errors
        logger.warning("no requests are counted, for the cache is lost: %r", error)
        return {}
    if count is None:
        return {}
    headers = {
        "RateLimit-Limit": int(most),
        "RateLimit-Remaining": max(0, int(most) - count),
        "RateLimit-Reset": left,
    }
    return headers | ({"Retry-After": left} if count > int(most) else {})


def _kind_of(environ: dict) -> str | None:
    """Return the setting that limits a request: what searches is dearer than a list of the API."""
    path = environ.get("PATH_INFO", "")
    if path.startswith(STAFF_PREFIX) or environ["REQUEST_METHOD"] == "OPTIONS":
        return None
    if (query := environ.get("QUERY_STRING")) and _has_words(query):
        return "SEARCH_RATE"
    return "API_RATE" if path.startswith(API_PREFIX) else None


@lru_cache(maxsize=200)
def _has_words(query: str) -> bool:
    try:
        return bool(QueryDict(query.encode("latin-1")).get("q", "").strip())
    except SuspiciousOperation:  # too many parameters: refused behind, as a page with its headers
        return True


def _count_up(key: str, seconds: int) -> int | None:
    """Add one to a count that ends after so many seconds, and return it; no two get the same.

    None without a cache.
    """
    cache = caches["default"]
    if isinstance(cache, SharedCache):
        return cache.count_up(key, seconds)
    try:
        return cache.incr(key)
    except ValueError:  # the first one
        cache.add(key, 0, seconds)
        return cache.incr(key)


@lru_cache(maxsize=200)
def _client(address: str | None) -> str:
    """Return what counts as one client: an IPv4 address, or the /64 that an IPv6 one is free in."""
    if address and ip_address(address).version == 6:
        return ip_network((address, 64), strict=False).network_address.exploded
    return address or "unknown"


def _refuse(request):
    if request.path_info.startswith(API_PREFIX):
        response = open_to_all_origins(answer_problem(HTTPStatus.TOO_MANY_REQUESTS))
    else:
        response = HttpResponse(render_to_string("429.html"), status=HTTPStatus.TOO_MANY_REQUESTS)
    response["Cache-Control"] = "no-store"
    return response
