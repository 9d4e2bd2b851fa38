"""Triggers by which every write to a table of content raises the edition, whoever writes and how.

They are made after each `migrate`: Django changes a table on SQLite by making it anew, which drops
its triggers. On PostgreSQL one fires for a statement, on SQLite for a row.
"""

import logging
import time
from contextlib import suppress

from django.apps import apps
from django.db import Error, connections, models, router

logger = logging.getLogger(__name__)
APPS = ("portal", "initiatives", "budgets")
# What no public page shows.
NOT_CONTENT = {
    "portal.auditentry",
    "portal.editionmoment",
    "portal.editionnumber",
    "portal.importlog",
    "portal.membership",
    "portal.reorganisation",
    "budgets.reportreading",
}
# The fields that say from when to when something is public.
MOMENTS = ("publish_from", "publish_until", "visible_from")
# See edition.holding_edition.
NOT_HELD_SQLITE = "NOT EXISTS (SELECT 1 FROM portal_editionnumber WHERE id = 0)"
NOT_HELD_POSTGRESQL = "current_setting('portal.edition_held', true) IS DISTINCT FROM 'yes'"
RANDOM_SQLITE = "abs(random() % 4294967296) + 1"
RANDOM_POSTGRESQL = "(random() * 4294967296)::bigint + 1"
# So long a process goes on without asking PostgreSQL (edition_connection.py). A transaction that
# changes something holds the lock until it ends, which is for longer than a lease that was given
# before; while the lock is held, none is given. Who makes the lease longer names the trigger anew.
LEASE_SECONDS, CHANGE_SECONDS = 0.008, 0.010
CHANGE_LOCK = 20_261_128
PAUSE_TRIGGER = "edition_pause"

POSTGRESQL_FUNCTIONS = f"""
CREATE OR REPLACE FUNCTION portal_raise_edition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF {NOT_HELD_POSTGRESQL} THEN
        INSERT INTO portal_editionnumber (id, number, changed_at)
        VALUES (pg_current_xact_id()::text::bigint, {RANDOM_POSTGRESQL}, clock_timestamp())
        ON CONFLICT (id) DO UPDATE SET
            number = portal_editionnumber.number + excluded.number,
            changed_at = excluded.changed_at;
    END IF;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION portal_let_leases_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared({CHANGE_LOCK});
    PERFORM pg_sleep({CHANGE_SECONDS});
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION portal_note_moment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('INSERT INTO portal_editionmoment (at) VALUES (($1).%I)', TG_ARGV[0]) USING NEW;
    RETURN NULL;
END $$;
"""


KNOWN_SQLITE = """
SELECT name FROM sqlite_master WHERE type = 'trigger'
UNION ALL SELECT 'counter' FROM portal_editionnumber WHERE id = 1
"""
KNOWN_POSTGRESQL = """
SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')
"""
LOOK_SECONDS = 5


def list_models() -> list[type[models.Model]]:
    """Return the models of content, with the tables of many-to-many relations."""
    return [
        model
        for label in APPS
        for model in apps.get_app_config(label).get_models(include_auto_created=True)
        if model._meta.label_lower not in NOT_CONTENT
    ]


class Watch:
    """Whether every change makes a new edition, as far as this process knows.

    Looked at when the process first asks, when a monitor asks, and again while something is missing:
    a migration that was killed, or a table that was made by hand, leaves triggers out.
    """

    def __init__(self):
        self._is_complete, self._look_at = False, -float("inf")

    def is_complete(self) -> bool:
        if not self._is_complete and time.monotonic() >= self._look_at:
            with suppress(Error):  # whoever asks for content tells of it
                self.look()
        return self._is_complete

    def look(self) -> bool:
        self._look_at = time.monotonic() + LOOK_SECONDS  # the other threads go on meanwhile
        missing = find_missing()
        self._is_complete = not missing
        if missing:
            logger.error(
                "no page is kept, for triggers are missing (run migrate): %s",
                ", ".join(sorted(missing)[:5]),
            )
        return self._is_complete


watch = Watch()


def find_missing() -> set[str]:
    """Return what is not there, or is switched off, of that by which changes are counted."""
    connection = connections[router.db_for_read(apps.get_model("portal", "editionnumber"))]
    is_sqlite = connection.vendor == "sqlite"
    wanted = {"counter"} if is_sqlite else {PAUSE_TRIGGER}
    for model in list_models():
        table = model._meta.db_table
        raising = ("_insert", "_update", "_delete") if is_sqlite else ("",)
        noting = ("_insert", "_update") if is_sqlite else ("",)
        wanted |= {f"edition_{table}{end}" for end in raising}
        wanted |= {
            f"edition_{table}_{each}{end}" for each in _list_moments(model) for end in noting
        }
    with connection.cursor() as cursor:
        cursor.execute(KNOWN_SQLITE if is_sqlite else KNOWN_POSTGRESQL)
        return wanted - {name for (name,) in cursor.fetchall()}


def make_triggers(using: str = "default", **kwargs):
    """Make the triggers that are missing in a database, and the one row that SQLite counts in."""
    connection = connections[using]
    tables = set(connection.introspection.table_names())
    if "portal_editionmoment" not in tables:  # in the middle of the migrations
        return
    make = {"sqlite": _make_sqlite, "postgresql": _make_postgresql}[connection.vendor]
    with connection.cursor() as cursor:
        make(cursor, [model for model in list_models() if model._meta.db_table in tables])


def _make_sqlite(cursor, found):
    raising = (
        f"UPDATE portal_editionnumber SET number = number + {RANDOM_SQLITE}, "
        "changed_at = strftime('%Y-%m-%d %H:%M:%f', 'now') WHERE id = 1;"
    )
    cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
    known = {name for (name,) in cursor.fetchall()}
    for model in found:
        table = model._meta.db_table
        for event in ("INSERT", "UPDATE", "DELETE"):
            cursor.execute(
                f"CREATE TRIGGER IF NOT EXISTS edition_{table}_{event.lower()} "
                f'AFTER {event} ON "{table}" WHEN {NOT_HELD_SQLITE} BEGIN {raising} END'
            )
        for column in _list_moments(model):
            name = f"edition_{table}_{column}"
            if f"{name}_insert" not in known:
                _note_moments(cursor, table, column)
            for event, end in (("INSERT", "insert"), (f"UPDATE OF {column}", "update")):
                cursor.execute(
                    f"CREATE TRIGGER IF NOT EXISTS {name}_{end} "
                    f'AFTER {event} ON "{table}" WHEN NEW.{column} IS NOT NULL '
                    f"BEGIN INSERT INTO portal_editionmoment (at) VALUES (NEW.{column}); END"
                )
    cursor.execute(
        "INSERT INTO portal_editionnumber (id, number, changed_at) "
        f"SELECT 1, {RANDOM_SQLITE}, NULL "
        "WHERE NOT EXISTS (SELECT 1 FROM portal_editionnumber WHERE id = 1)"
    )


def _make_postgresql(cursor, found):
    cursor.execute(POSTGRESQL_FUNCTIONS)
    cursor.execute("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal")
    known = {name for (name,) in cursor.fetchall()}
    if PAUSE_TRIGGER not in known:
        cursor.execute(
            f"CREATE TRIGGER {PAUSE_TRIGGER} AFTER INSERT ON portal_editionnumber "
            "FOR EACH ROW EXECUTE FUNCTION portal_let_leases_end()"
        )
    for model in found:
        table = model._meta.db_table
        if (name := f"edition_{table}") not in known:
            cursor.execute(
                f'CREATE TRIGGER {name} AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON "{table}" '
                "FOR EACH STATEMENT EXECUTE FUNCTION portal_raise_edition()"
            )
        for column in _list_moments(model):
            if (name := f"edition_{table}_{column}") not in known:
                _note_moments(cursor, table, column)
                cursor.execute(
                    f'CREATE TRIGGER {name} AFTER INSERT OR UPDATE OF {column} ON "{table}" '
                    f"FOR EACH ROW WHEN (NEW.{column} IS NOT NULL) "
                    f"EXECUTE FUNCTION portal_note_moment('{column}')"
                )
                # Moments come with a change alone; a statement that changes no row counts as one.
                cursor.execute(f'DELETE FROM "{table}" WHERE false')


def _note_moments(cursor, table: str, column: str):
    """Note the moments of the rows that were there before the trigger."""
    cursor.execute(
        "INSERT INTO portal_editionmoment (at) "
        f'SELECT DISTINCT {column} FROM "{table}" WHERE {column} IS NOT NULL'
    )


def _list_moments(model) -> list[str]:
    return [field.column for field in model._meta.concrete_fields if field.name in MOMENTS]
