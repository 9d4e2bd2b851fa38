"""What is worked out once an edition, and kept in the `default` cache."""

import hashlib
from collections.abc import Callable
from typing import Any

from django.core.cache import cache
from django.http import HttpRequest

from .edition import edition_of

KEPT_SECONDS = 3600


def keep(request: HttpRequest, name: str, make: Callable[[], Any]) -> Any:
    """Return what `make` gives, which is never None, made once an edition for this name."""
    if not (edition := edition_of(request)):
        return make()
    key = f"kept:{hashlib.sha256(f'{edition.tag} {name}'.encode()).hexdigest()}"
    if (value := cache.get(key)) is None:
        value = make()
        cache.set(key, value, KEPT_SECONDS)
    return value
