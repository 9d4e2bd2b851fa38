"""A connection by which a process asks PostgreSQL for the edition again and again.

The pool asks whether a connection is alive each time that it gives one away, which is as dear as
the question itself; here the question is the check, and its statement is prepared once.
"""

import logging
import threading
import time

import psycopg
from psycopg.generators import execute
from psycopg.pq import ExecStatus

logger = logging.getLogger(__name__)
STATEMENT = b"edition"
# So long a thread waits for the others, and all go the usual way where no connection is to be had.
WAIT_SECONDS, PAUSE_SECONDS = 1, 5
# A server that hangs while the line to it stands is left after so long.
ANSWER_SECONDS = 2


class EditionConnection:
    """One for all threads of a process; `query` takes one parameter, a moment."""

    def __init__(self, query: str):
        self._query = query.encode()
        self._lock = threading.Lock()
        self._connection, self._try_at = None, -float("inf")

    def ask(self, database, moment: str) -> tuple | None:
        """Return the row as text; None where it cannot be told so, and the usual way tells why."""
        if not self._lock.acquire(timeout=WAIT_SECONDS):
            return None
        try:
            if self._connection is None and not self._connect(database):
                return None
            server = self._connection.pgconn
            server.send_query_prepared(STATEMENT, [moment.encode()])
            (result,) = self._connection.wait(execute(server), timeout=ANSWER_SECONDS)
            if result.status == ExecStatus.TUPLES_OK:
                values = (result.get_value(0, column) for column in range(result.nfields))
                return tuple(value and value.decode() for value in values)
            self.close()
        except psycopg.Error:
            self.close()
        finally:
            self._lock.release()
        return None

    def close(self):
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _connect(self, database) -> bool:
        if time.monotonic() < self._try_at:
            return False
        self._try_at = time.monotonic() + PAUSE_SECONDS
        try:
            parameters = database.get_connection_params() | {"autocommit": True}
            self._connection = psycopg.connect(**parameters)
            prepared = self._connection.pgconn.prepare(STATEMENT, self._query)
        except psycopg.Error as error:
            logger.warning("the edition is asked for by the pool: %s", error)
            self.close()
            return False
        if prepared.status != ExecStatus.COMMAND_OK:  # tables that are still to come
            self.close()
        return self._connection is not None
