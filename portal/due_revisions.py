"""Lets approved revisions appear at their time without a timer: a look once a minute, on any request."""

import logging
import time

from django.db import DatabaseError

from .workflow import publish_due

logger = logging.getLogger(__name__)
EVERY_SECONDS = 60


def due_revisions_middleware(get_response):
    """Publish what is due before the answer is made; a failure is logged and spoils no answer."""
    looked_at = -float(EVERY_SECONDS)

    def middleware(request):
        nonlocal looked_at
        if time.monotonic() - looked_at >= EVERY_SECONDS:
            looked_at = time.monotonic()
            try:
                publish_due()
            except DatabaseError:
                logger.exception("due revisions could not be published")
        return get_response(request)

    return middleware
