"""A connection by which a process asks PostgreSQL for the edition again and again.

The pool asks whether a connection is alive each time that it gives one away, which is as dear as
the question itself; here the question is the check, and its statements are prepared once. Threads
that wait for it share the next answer, which was asked for after all of them came.

An answer is leased: it holds for LEASE_SECONDS without asking, where nobody was about to change
anything when it was asked for. Who changes something says so before, by a lock, and then pauses
for longer than a lease lasts (edition_triggers.py), so that no lease is left when the change is
there: a change shows at the next request, by whatever way it was made.
"""

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import psycopg
from psycopg.generators import execute
from psycopg.pq import ExecStatus

from .edition_triggers import CHANGE_LOCK, LEASE_SECONDS

logger = logging.getLogger(__name__)
# Whether anything changed is asked much quicker than what the edition is.
NUMBER = "SELECT SUM(number) FROM portal_editionnumber"
# Asked in a transaction before the number: of a change that ended before, the number tells then.
# A standby knows no locks of its primary.
QUIET = f"SELECT NOT pg_is_in_recovery() AND pg_try_advisory_xact_lock({CHANGE_LOCK})"
# So long a thread waits for the others, and all go the usual way where no connection is to be had.
WAIT_SECONDS, PAUSE_SECONDS = 1, 5
# A server that hangs while the line to it stands is left after so long.
ANSWER_SECONDS = 2

Moment = str | datetime
Row = tuple[str | Decimal | Moment | None, ...]


class Lease(NamedTuple):
    row: Row
    until: float


class EditionConnection:
    """One for all threads of a process.

    `query` takes one parameter, a moment, and tells the sum of the numbers, when it changed last,
    and the last moment before and the first one after that moment.
    """

    def __init__(self, query: str, number: str = NUMBER):
        self._statements = {
            b"edition": query.encode(),
            b"number": number.encode(),
            b"quiet": QUIET.encode(),
        }
        self._lock = threading.Lock()
        self._connection, self._try_at = None, -float("inf")
        self._lease, self._lease_at = None, -float("inf")
        self._row, self._asked, self._answered = None, 0, 0

    def ask(self, database, tell_moment: Callable[[], str]) -> Row | None:
        """Return the row as text; None where it cannot be told so, and the usual way tells why.

        `tell_moment` tells the present moment in UTC as the row does, to the microsecond, and its
        zone: text of which the later is the greater.
        """
        lease, now, came_after = self._lease, time.monotonic(), self._asked
        if lease and now < lease.until and is_of(lease.row, tell_moment()):
            # Towards its end one thread asks for the next lease, and the others go on.
            if now < self._lease_at or not self._lock.acquire(blocking=False):
                return lease.row
        elif not self._lock.acquire(timeout=WAIT_SECONDS):
            return None
        try:
            if self._answered > came_after:
                return self._row
            if self._connection is None and not self._connect(database):
                return None
            self._asked += 1
            self._ask(tell_moment)
            self._answered = self._asked
            return self._row
        except psycopg.Error:
            self.close()
        finally:
            self._lock.release()
        return None

    def close(self):
        if self._connection is not None:
            self._connection.close()
        self._connection = self._row = self._lease = None

    def _ask(self, tell_moment: Callable[[], str]):
        """Ask for the row, and lease it where nobody is about to change anything."""
        asked_at, is_quiet = time.monotonic(), False
        if asked_at >= self._lease_at:
            self._lease_at = asked_at + LEASE_SECONDS / 2
            is_quiet = self._execute(b"quiet") == ("t",)
        (number,), moment = self._execute(b"number"), tell_moment()
        if self._row is None or self._row[0] != number or not is_of(self._row, moment):
            self._row = self._execute(b"edition", moment.encode())
        self._lease = Lease(self._row, asked_at + LEASE_SECONDS) if is_quiet else None

    def _execute(self, statement: bytes, *parameters: bytes) -> Row:
        server = self._connection.pgconn
        server.send_query_prepared(statement, parameters)
        (result,) = self._connection.wait(execute(server), timeout=ANSWER_SECONDS)
        if result.status != ExecStatus.TUPLES_OK:
            raise psycopg.DatabaseError(result.get_error_message())
        values = (result.get_value(0, column) for column in range(result.nfields))
        return tuple(value and value.decode() for value in values)

    def _connect(self, database) -> bool:
        if time.monotonic() < self._try_at:
            return False
        self._try_at = time.monotonic() + PAUSE_SECONDS
        try:
            parameters = database.get_connection_params() | {"autocommit": True}
            self._connection = psycopg.connect(**parameters)
            server = self._connection.pgconn
            prepared = [server.prepare(*statement) for statement in self._statements.items()]
        except psycopg.Error as error:
            logger.warning("the edition is asked for by the pool: %s", error)
            self.close()
            return False
        if any(each.status != ExecStatus.COMMAND_OK for each in prepared):  # tables still to come
            self.close()
        return self._connection is not None


def is_of(row: Row, moment: Moment) -> bool:
    """Tell whether no publication has begun or ended between when the row was told and a moment.

    A row of the same number is then still so: moments come with a change alone.
    """
    _, _, began_at, next_due_at = row
    return (began_at is None or began_at <= moment) and (
        next_due_at is None or moment < next_due_at
    )
