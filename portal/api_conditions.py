"""Which version of an answer a client has: told by the edition of the records, before any is read.

Also where a way of asking is announced to end.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import wraps
from inspect import unwrap

from django.utils.cache import get_conditional_response
from django.utils.http import http_date

from .edition import edition_of, find_edition
from .release import RELEASE, RELEASED_AT


@dataclass(frozen=True)
class Deprecation:
    """`since` when an operation is advised against, and the day from which it may be gone."""

    since: date
    sunset: date


# Operations that will end, by the name of their function (`list_pillars`). See docs/api.md.
DEPRECATED: dict[str, Deprecation] = {}


def answer_from_edition(run: Callable) -> Callable:
    """Wrap an operation's `run`: who has the present edition is answered 304 by one query."""
    name = unwrap(run).__self__.view_func.__name__

    @wraps(run)
    def wrapped(request, **path_values):
        # Found first: what changes meanwhile makes an answer newer than its tag, never older.
        edition = edition_of(request) or find_edition()
        whole = f"{edition.tag} {RELEASE} {request.build_absolute_uri()}"
        etag = f'W/"{hashlib.sha256(whole.encode()).hexdigest()[:32]}"'
        modified = max(
            RELEASED_AT, int(edition.changed_at.timestamp()) if edition.changed_at else 0
        )
        response = get_conditional_response(request, etag, modified)
        if response is None:
            response = run(request, **path_values)
        if response.status_code in (200, 304):
            response["ETag"] = etag
            response["Last-Modified"] = http_date(modified)
        if ending := DEPRECATED.get(name):
            response["Deprecation"] = f"@{_moment(ending.since)}"
            response["Sunset"] = http_date(_moment(ending.sunset))
            link = f'<{request.build_absolute_uri("/api/v1/docs")}>; rel="deprecation"'
            response["Link"] = ", ".join(filter(None, (response.get("Link"), link)))
        return response

    return wrapped


def _moment(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp())
