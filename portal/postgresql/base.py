"""Django's PostgreSQL backend; who comes while the server is known to be away does not wait for it."""

import time
from threading import Lock

from django.db.backends.postgresql import base
from psycopg import Error, OperationalError
from psycopg_pool import PoolTimeout

# So long after it was away, a server is tried out first, by one thread at a time.
DOUBTED_SECONDS, TRY_SECONDS = 60, 2


class Doubt:
    """What the threads of this process know of one server."""

    def __init__(self):
        self.until = self.tried_at = -float("inf")
        self.trying = Lock()

    def is_on(self) -> bool:
        return time.monotonic() < self.until

    def begin(self):
        self.until = time.monotonic() + DOUBTED_SECONDS

    def end(self):
        self.until = -float("inf")


_doubts: dict[str, Doubt] = {}


class DatabaseWrapper(base.DatabaseWrapper):
    """A pool tells "not now" alike of a server that is away and of one that is busy: asked directly,
    a server that is away is told from it at once."""

    def get_new_connection(self, conn_params):
        doubt, came_at = _doubts.setdefault(self.alias, Doubt()), time.monotonic()
        if doubt.is_on():
            with doubt.trying:
                # Who waited shares what was found since: a server that is silent is waited for once.
                if doubt.is_on() and doubt.tried_at >= came_at:
                    raise OperationalError("the server was away a moment ago")
                if doubt.is_on():
                    self._try_out(conn_params, doubt)
        try:
            return super().get_new_connection(conn_params)
        except PoolTimeout:
            self._try_out(conn_params, doubt)
            return super().get_new_connection(conn_params)
        except Error:
            doubt.begin()
            raise

    def _try_out(self, conn_params, doubt: Doubt):
        doubt.tried_at = time.monotonic()
        try:
            self.Database.connect(**conn_params | {"connect_timeout": TRY_SECONDS}).close()
        except Error:
            doubt.begin()
            raise
        doubt.end()
