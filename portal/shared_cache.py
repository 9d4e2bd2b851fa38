"""The cache that several hosts share (Redis or Valkey), made so that its loss breaks nothing.

A lost cache is like an empty one that keeps nothing. It is soon known to be lost, and then not
asked for some seconds, so that readers do not wait for it one by one.
"""

import logging
import pickle
import time

from django.core.cache.backends.redis import RedisCache
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, RedisError
from redis.retry import Retry

logger = logging.getLogger(__name__)
PAUSE_SECONDS = 5
TELL_SECONDS = 60
OPTIONS = {
    "protocol": 2,  # asks the least of a server, and of the way to it
    "socket_connect_timeout": 0.3,
    "socket_timeout": 0.5,
    # Once more at once: a server that was restarted has closed the connections of the pool.
    "retry": Retry(NoBackoff(), 1, supported_errors=(ConnectionError,)),
}
LOST = (RedisError, OSError)
# A value of another release may name what is not there any more.
UNREADABLE = (pickle.UnpicklingError, AttributeError, EOFError, ImportError, IndexError, TypeError)


class Outage:
    """What the threads of this process know of one cache server."""

    def __init__(self):
        self.until = self.told_at = -float("inf")

    def is_on(self) -> bool:
        return time.monotonic() < self.until

    def begin(self, error):
        now = time.monotonic()
        self.until = now + PAUSE_SECONDS
        if now - self.told_at >= TELL_SECONDS:
            self.told_at = now
            logger.warning("the shared cache is lost, and the portal goes on without: %s", error)


_outages: dict[str, Outage] = {}


class SharedCache(RedisCache):
    """Django's Redis cache; while the server is lost, each call answers as DummyCache does."""

    def __init__(self, server, params):
        super().__init__(server, params | {"OPTIONS": OPTIONS | params.get("OPTIONS", {})})
        self._outage = _outages.setdefault(str(server), Outage())

    def _ask(self, lost, ask, *args, **kwargs):
        if self._outage.is_on():
            return lost
        try:
            return ask(*args, **kwargs)
        except LOST as error:
            self._outage.begin(error)
        except UNREADABLE as error:
            logger.warning("an entry of the shared cache cannot be read: %r", error)
        return lost

    def get(self, key, default=None, version=None):
        return self._ask(default, super().get, key, default, version)

    def get_many(self, keys, version=None):
        return self._ask({}, super().get_many, keys, version)

    def has_key(self, key, version=None):
        return self._ask(False, super().has_key, key, version)

    def add(self, key, value, *args, **kwargs):
        return self._ask(True, super().add, key, value, *args, **kwargs)

    def set(self, key, value, *args, **kwargs):
        self._ask(None, super().set, key, value, *args, **kwargs)

    def set_many(self, data, *args, **kwargs):
        return self._ask(list(data), super().set_many, data, *args, **kwargs)

    def touch(self, key, *args, **kwargs):
        return self._ask(False, super().touch, key, *args, **kwargs)

    def delete(self, key, version=None):
        return self._ask(False, super().delete, key, version)

    def delete_many(self, keys, version=None):
        self._ask(None, super().delete_many, keys, version)

    def clear(self):
        return self._ask(False, super().clear)

    def incr(self, key, delta=1, version=None):
        """Add to a number that is there; raise ValueError where there is none, or no cache."""
        number = self._ask(None, super().incr, key, delta, version)
        if number is None:
            raise ValueError(f"Key '{key}' not found.")
        return number

    def count_up(self, key, seconds: int) -> int | None:
        """Add one to a count that ends after so many seconds, asking once; None without a cache."""
        return self._ask(None, self._count_up, self.make_and_validate_key(key), seconds)

    def _count_up(self, key, seconds):
        # Django's own `incr` asks twice, and a key that ends between the two would stay for ever.
        with self._cache.get_client(key, write=True).pipeline() as pipeline:
            return pipeline.incr(key).expire(key, seconds).execute()[0]
