"""Which database a query goes to: what anonymous visitors read, to the replica; all else, to the primary.

The replica is followed, never trusted: where it cannot be reached or lags behind, the primary
answers. A request reads its edition and its content through one connection, so that no page is
kept under an edition that it does not belong to.
"""

import logging
import time
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from threading import Lock

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connections
from django.http import FileResponse

from .postgresql.patience import PatientConnection

logger = logging.getLogger(__name__)
PRIMARY, REPLICA = DEFAULT_DB_ALIAS, "replica"
# What pages are made of. Sessions, users and counts always stay with the primary.
CONTENT_APPS = {"portal", "initiatives", "budgets", "contenttypes"}
NOT_PUBLIC = ("/admin/", "/healthz", settings.STATIC_URL)
# How often the replica is looked at: in order, after it was lost, and while the primary is away.
LOOK_SECONDS, RETRY_SECONDS, WITHOUT_PRIMARY_SECONDS = 2, 10, 30
OK, BEHIND, UNREACHABLE, NOT_A_REPLICA = "ok", "behind", "unreachable", "not a replica"
LOST = (DatabaseError, InterfaceError)

ASK_REPLICA = "SELECT pg_is_in_recovery(), pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')"
ASK_PRIMARY = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')"


@dataclass
class Reading:
    """Where one request reads; None until its first query."""

    alias: str | None = None


_reading: ContextVar[Reading | None] = ContextVar("reading", default=None)


class ReplicaRouter:
    def db_for_read(self, model, instance=None, **hints):
        reading = _reading.get()
        if (
            reading is None
            or model._meta.app_label not in CONTENT_APPS
            or connections[PRIMARY].in_atomic_block
        ):
            return self.db_for_write(model, instance)
        if reading.alias is None:
            reading.alias = REPLICA if replica.take() else PRIMARY
        return reading.alias

    def db_for_write(self, model, instance=None, **hints):
        """Lead what was read from the replica to the primary; leave all else as it is."""
        is_copy = instance is not None and instance._state.db == REPLICA
        return PRIMARY if is_copy else None

    def allow_relation(self, one, other, **hints):
        return True if {one._state.db, other._state.db} <= {PRIMARY, REPLICA} else None

    def allow_migrate(self, db, app_label, **hints):
        return False if db == REPLICA else None


class Replica:
    """What this process knows of the replica. One thread looks at a time; the others go on."""

    def __init__(self):
        self.state = None
        self._look_at = -float("inf")
        self._looking = Lock()
        # What the primary had written at a moment, and the last moment that the replica has come to.
        self._wanted, self._wanted_at, self._reached_at = -1, -float("inf"), -float("inf")

    def take(self) -> bool:
        """Tell whether the present request may read from the replica, and connect it if so."""
        if self.find_state() != OK:
            return False
        try:
            connections[REPLICA].ensure_connection()
        except LOST as error:
            self._lose(error)
        return self.state == OK

    def find_state(self) -> str | None:
        """Return OK or what is wrong; None before the first look has ended."""
        if time.monotonic() >= self._look_at and self._looking.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._looking.release()
        return self.state

    def doubt(self):
        """Give back a connection in which an error occurred, and look whether the replica is there."""
        connection = connections[REPLICA]
        if connection.connection is not None and not connection.is_usable():
            self._lose("the connection broke")
        connection.close()

    def _look(self):
        try:
            is_standby, replayed = _ask(REPLICA, ASK_REPLICA)
        except LOST as error:
            self._lose(error)
            return
        try:
            (written,) = _ask(PRIMARY, ASK_PRIMARY)
        except LOST:
            connections[PRIMARY].close()
            written = None
        now = time.monotonic()
        self._look_at = now + (WITHOUT_PRIMARY_SECONDS if written is None else LOOK_SECONDS)
        self._say(self.judge(is_standby, replayed, written, now))

    def judge(self, is_standby: bool, replayed: int, written: int | None, now: float) -> str:
        """Return the state of a replica that has replayed so much of what the primary has written.

        None: the primary is away, so that nothing is written that the replica would not have.
        """
        if not is_standby:
            return NOT_A_REPLICA
        if written is None:
            return OK
        if replayed >= written:
            self._reached_at = now
        elif replayed >= self._wanted:
            self._reached_at = self._wanted_at
        if replayed >= self._wanted:
            self._wanted, self._wanted_at = written, now
        return BEHIND if now - self._reached_at > settings.REPLICA_MAX_LAG_SECONDS else OK

    def _lose(self, error):
        self._look_at = time.monotonic() + RETRY_SECONDS
        self._say(UNREACHABLE, error)
        connections[REPLICA].close()

    def _say(self, state: str, error=""):
        if state != self.state:
            level = logging.INFO if state == OK else logging.WARNING
            logger.log(level, "the replica is %s %s", state, error)
        self.state = state


replica = Replica()


def _ask(alias: str, query: str) -> tuple:
    with connections[alias].cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()


def find_replica_state() -> str:
    """Return "none" without a replica, "ok", or what is wrong with it."""
    if REPLICA not in settings.DATABASES:
        return "none"
    return replica.find_state() or UNREACHABLE


@contextmanager
def reading_from(reading: Reading | None):
    """Let the queries within go where a request reads; None: to the primary, whoever asks."""
    token = _reading.set(reading)
    try:
        yield
    finally:
        _reading.reset(token)


def replica_middleware(get_response):
    """Let an anonymous reader's request read from the replica; ask the primary where that fails."""
    if REPLICA not in settings.DATABASES:
        raise MiddlewareNotUsed

    def middleware(request):
        if not is_public_reading(request):
            return get_response(request)
        reading = Reading()
        with reading_from(reading):
            response = get_response(request)
        if reading.alias != REPLICA:
            return response
        if connections[REPLICA].errors_occurred:
            replica.doubt()
            return get_response(request)
        if response.streaming and not isinstance(response, FileResponse):
            response.streaming_content = _stream(response.streaming_content, reading)
        return response

    return middleware


def is_public_reading(request) -> bool:
    return (
        request.method in ("GET", "HEAD")
        and not request.path_info.startswith(NOT_PUBLIC)
        and settings.SESSION_COOKIE_NAME not in request.COOKIES
    )


def _stream(pieces, reading: Reading):
    """Make what is sent piece by piece read on where it began, be it slowly: it cannot begin anew."""
    connection = connections[REPLICA].connection
    is_patient = isinstance(connection, PatientConnection)
    with reading_from(reading), connection.waiting_longer() if is_patient else nullcontext():
        yield from pieces
