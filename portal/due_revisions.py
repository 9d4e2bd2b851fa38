"""Lets approved revisions appear at their moment without a timer: every request looks at the edition."""

import logging
import time

from django.conf import settings
from django.db import DatabaseError, InterfaceError

from .edition import find_edition, fold_edition
from .routers import reading_from
from .workflow import publish_due

logger = logging.getLogger(__name__)
FOLD_EVERY_SECONDS = 600
# Where the database could not be asked, the next requests do not wait for it so long.
PAUSE_SECONDS = 2


def due_revisions_middleware(get_response):
    """Find the edition of a request (None: cannot be told), and publish what its moment has come for.

    The edition tells of each moment that has passed, so that nothing is looked for between two of
    them. A failure is logged and spoils no answer; it is tried again with a later request.
    """
    never = -float("inf")
    seen, folded_at, failed_at = object(), never, never

    def middleware(request):
        nonlocal seen, folded_at, failed_at
        if request.path_info.startswith(settings.STATIC_URL) or request.path_info == "/healthz":
            return get_response(request)
        request.edition, now = None, time.monotonic()
        if now - failed_at < PAUSE_SECONDS:
            return get_response(request)
        try:
            request.edition = edition = find_edition()
            if edition.began_at != seen:
                began_at = edition.began_at
                with reading_from(None):
                    is_new = bool(publish_due())
                if is_new:
                    request.edition = find_edition()
                seen = began_at
            if now - folded_at >= FOLD_EVERY_SECONDS:
                folded_at = now
                with reading_from(None):
                    fold_edition()
        except (DatabaseError, InterfaceError) as error:
            failed_at = time.monotonic()
            logger.error("the edition could not be told, or revisions not published: %s", error)
        return get_response(request)

    return middleware
