"""Which edition of the public records this is: told by one query that reads no record.

It changes with each write to a table of content (edition_triggers.py), with each moment at which a
publication begins or ends, and with the day, by which the present fiscal year is told. What staff
change that is not public yet makes a new edition too.
"""

import hashlib
import secrets
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import lru_cache

from django.db import DEFAULT_DB_ALIAS, connections, router, transaction
from django.utils import timezone

from .edition_connection import NUMBER, EditionConnection, is_of
from .edition_triggers import watch
from .models import EditionMoment, EditionNumber
from .prepared import fetch_rows, is_watched

QUERY = """
SELECT (SELECT SUM(number) FROM portal_editionnumber),
       (SELECT MAX(changed_at) FROM portal_editionnumber),
       (SELECT MAX(at) FROM portal_editionmoment WHERE at <= %s),
       (SELECT MIN(at) FROM portal_editionmoment WHERE at > %s)
"""
# Moments as SQLite has them, whatever the server's own zone and style of dates.
TEXT = "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"
QUERY_POSTGRESQL = (
    QUERY.replace("%s", "$1::timestamptz")
    .replace("MAX(changed_at)", TEXT.format("MAX(changed_at)"))
    .replace("MAX(at)", TEXT.format("MAX(at)"))
    .replace("MIN(at)", TEXT.format("MIN(at)"))
)
ADDED_SQLITE = "UPDATE portal_editionnumber SET number = number + %s, changed_at = %s WHERE id = 1"
# What tells the triggers, for as long as the transaction lasts, that the edition is held: a row that
# nobody else ever sees of SQLite's one writer, and a setting of PostgreSQL. Taking hold changes
# nothing where it is held already.
HOLD_SQLITE = """
INSERT OR IGNORE INTO portal_editionnumber (id, number, changed_at)
VALUES (0, 0, NULL)
"""
HOLD_POSTGRESQL = """
SELECT set_config('portal.edition_held', 'yes', true)
WHERE current_setting('portal.edition_held', true) IS DISTINCT FROM 'yes'
"""
RELEASE_SQLITE = "DELETE FROM portal_editionnumber WHERE id = 0"
RELEASE_POSTGRESQL = "SELECT set_config('portal.edition_held', '', true)"
ADDED_POSTGRESQL = """
INSERT INTO portal_editionnumber (id, number, changed_at)
VALUES (pg_current_xact_id()::text::bigint, %s, %s)
ON CONFLICT (id) DO UPDATE SET
    number = portal_editionnumber.number + excluded.number, changed_at = excluded.changed_at
"""
ROWS_KEPT = 50
# What a process was last told of each PostgreSQL database.
_told: dict[str, tuple] = {}


@dataclass(frozen=True)
class Edition:
    """`changed_at` is the moment of the last change, None of a portal that never had content.

    `began_at` is the last moment at which a publication began or ended by itself, `next_due_at` the
    next one; None where there is none.
    """

    tag: str
    changed_at: datetime | None
    began_at: datetime | None = None
    next_due_at: datetime | None = None


def find_edition(kept: EditionConnection | None = None) -> Edition:
    """Return the present edition of the database that the answer is read from.

    Asked before the content: what changes meanwhile makes an answer newer than its edition tells,
    never older. `kept` is asked where the thread has no connection to the primary at hand. While
    some changes are not counted, no two answers are of one edition.
    """
    connection, now = connections[router.db_for_read(EditionNumber)], timezone.now()
    today = now.astimezone(timezone.get_current_timezone()).date()
    row = None
    if kept and _may_take_another(connection):
        row = kept.ask(connection, _tell_moment)
    edition = _read_edition(today, *(row or _ask(connection, now)))
    return edition if watch.is_complete() else replace(edition, tag=secrets.token_hex(8))


def _tell_moment() -> str:
    """Return the present moment as TEXT has it, and its zone."""
    return timezone.now().astimezone(UTC).isoformat(sep=" ", timespec="microseconds")


def _may_take_another(connection) -> bool:
    """Tell whether the thread has nothing open that only its own connection sees, nor a pooler between."""
    return (
        connection.vendor == "postgresql"
        and connection.alias == DEFAULT_DB_ALIAS
        and connection.connection is None
        and bool(connection.pool)
        and not is_watched(connection)
    )


def _ask(connection, now: datetime) -> tuple:
    """Ask as shortly as can be: half of what a kept page costs is this one query.

    Where queries are told or watched, it goes the way of all others.
    """
    told = connection.ops.adapt_datetimefield_value(now)
    if connection.vendor == "sqlite":
        (row,) = fetch_rows(connection, QUERY, [told, told])
        return row
    with connection.cursor() as cursor:
        if not is_watched(connection):
            cursor.execute(NUMBER)
            row = _told.get(connection.alias)
            if row and row[0] == cursor.fetchone()[0] and is_of(row, now):
                return row
        cursor.execute(QUERY, [told, told])
        row = _told[connection.alias] = cursor.fetchone()
        return row


@lru_cache(maxsize=8)
def _read_edition(today: date, number, *moments) -> Edition:
    changed_at, began_at, next_due_at = map(_read_moment, moments)
    whole = f"{number}|{began_at}|{today}"
    return Edition(
        hashlib.sha256(whole.encode()).hexdigest()[:16],
        max(filter(None, (changed_at, began_at)), default=None),
        began_at,
        next_due_at,
    )


def edition_of(request) -> Edition | None:
    """Return the edition that was found when the request came, or else the present one.

    None where the database could not be asked.
    """
    if not hasattr(request, "edition"):
        request.edition = find_edition()
    return request.edition


def raise_edition(using: str = "default"):
    """Make a new edition without a change, after content came in by a way around the triggers."""
    _add_number(connections[using], secrets.randbelow(2**32) + 1, timezone.now())


@contextmanager
def holding_edition(using: str = "default"):
    """Raise the edition once for many writes, at their end: for bulk writes of a transaction.

    Shares the fate of the transaction or savepoint around it, and holds nothing outside of one.
    Without it SQLite counts row by row; and PostgreSQL counts statements in one row of its own, of
    which it reads all earlier states for each new one until the transaction ends.
    """
    connection = connections[using]
    is_sqlite = connection.vendor == "sqlite"
    with connection.cursor() as cursor:
        cursor.execute(HOLD_SQLITE if is_sqlite else HOLD_POSTGRESQL)
        is_held_already = cursor.rowcount == 0
    yield
    if not is_held_already:
        with connection.cursor() as cursor:
            cursor.execute(RELEASE_SQLITE if is_sqlite else RELEASE_POSTGRESQL)
        raise_edition(using)


def fold_edition():
    """Make few rows of those that have gathered; the edition stays what it is."""
    passed = EditionMoment.objects.filter(at__lte=timezone.now()).order_by("-at")
    if newest := passed.first():
        old = EditionMoment.objects.exclude(pk=newest.pk).filter(at__lte=newest.at)
        if old.exists():
            old.delete()
    if connections["default"].vendor == "sqlite" or EditionNumber.objects.count() <= ROWS_KEPT:
        return
    connection = connections["default"]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM portal_editionnumber RETURNING number, changed_at")
        if rows := cursor.fetchall():  # none where another process was quicker
            numbers, moments = zip(*rows, strict=True)
            _add_number(connection, sum(numbers), max(filter(None, moments), default=None))


def _add_number(connection, number: int, changed_at: datetime | None):
    statement = ADDED_SQLITE if connection.vendor == "sqlite" else ADDED_POSTGRESQL
    with connection.cursor() as cursor:
        cursor.execute(statement, [number, connection.ops.adapt_datetimefield_value(changed_at)])


def _read_moment(value: str | datetime | None) -> datetime | None:
    """Return a moment from what the database gives, which may be text in UTC."""
    if isinstance(value, str):
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    return value
