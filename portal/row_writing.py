"""Many rows of a model into its table at once: no instances, no signals, one statement prepared once.

Values are what `get_db_prep_save` returns. Whoever writes so tells `versions.rows_written`.
"""

import gc
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connections, models, router


@dataclass(slots=True)
class Change:
    """A record to be written: a new one with all fields in order, else the changed ones by field.

    `number` is negative where the record is new. `links` are the numbers that a many-to-many
    relation names, by its name.
    """

    number: int
    record: str
    stored: list | dict
    links: dict

    @property
    def is_new(self) -> bool:
        return self.number < 0


def connection_of(model: type[models.Model]):
    return connections[router.db_for_write(model)]


def list_own_fields(model: type[models.Model]) -> list[tuple[int, models.Field]]:
    """Return the fields, with their places, by which a record names another of its kind."""
    return [
        (index, field)
        for index, field in enumerate(model._meta.concrete_fields)
        if field.related_model is model and field.name != "revises"
    ]


@contextmanager
def uncollected():
    """Let Python look for no reference cycles meanwhile.

    Among so many objects that all stay, that takes a quarter of the time and finds nothing.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def reserve_numbers(model: type[models.Model], count: int) -> Sequence[int]:
    """Return so many primary keys, ascending, that nobody else will be given.

    On SQLite that holds within a transaction, which is the only one that writes.
    """
    connection, table = connection_of(model), model._meta.db_table
    if not count:
        return []
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)",
                [f'"{table}"', model._meta.pk.column, count],
            )
            return sorted(number for (number,) in cursor.fetchall())
        cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [table])
        given = cursor.fetchone()
    highest = model._base_manager.aggregate(highest=models.Max("pk"))["highest"]
    first = max(highest or 0, given[0] if given else 0) + 1
    return range(first, first + count)


def insert_rows(model: type[models.Model], fields: Sequence[models.Field], rows: Iterable):
    """Insert rows, the values of each in the order of the fields."""
    connection = connection_of(model)
    quote = connection.ops.quote_name
    columns = ", ".join(quote(field.column) for field in fields)
    marks = ", ".join(["%s"] * len(fields))
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES ({marks})",  # noqa: S608
            rows,
        )


def update_rows(model: type[models.Model], changes: Iterable[tuple[int, dict]]):
    """Write changes: primary key, and the new values by field."""
    connection = connection_of(model)
    quote = connection.ops.quote_name
    by_fields: dict[tuple, list] = {}
    for pk, values in changes:
        by_fields.setdefault(tuple(values), []).append((*values.values(), pk))
    with connection.cursor() as cursor:
        for fields, rows in by_fields.items():
            sets = ", ".join(f"{quote(field.column)} = %s" for field in fields)
            where = f"{quote(model._meta.pk.column)} = %s"
            cursor.executemany(
                f"UPDATE {quote(model._meta.db_table)} SET {sets} WHERE {where}",  # noqa: S608
                rows,
            )
