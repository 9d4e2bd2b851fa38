"""Many rows of a model into its table at once: no instances, no signals, few statements.

Values are what `get_db_prep_save` returns. Whoever writes so tells `versions.rows_written`.
"""

import gc
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain

from django.db import connections, models, router

ROWS_AT_ONCE = 500


@dataclass(slots=True)
class Change:
    """A record to be written: a new one with all fields in order, else the changed ones by name.

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
    table, columns = quote(model._meta.db_table), ", ".join(quote(f.column) for f in fields)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with (
                connection.wrap_database_errors,
                cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy,
            ):
                for row in rows:
                    copy.write_row(row)
            return
        # SQLite takes a third of the time where a statement inserts as many rows as it may.
        rows, at_once = list(rows), max(connection.features.max_query_params // len(fields), 1)
        full = len(rows) - len(rows) % at_once
        for count, some in ((at_once, rows[:full]), (1, rows[full:])):
            marks = ", ".join([f"({', '.join(['%s'] * len(fields))})"] * count)
            cursor.executemany(
                f"INSERT INTO {table} ({columns}) VALUES {marks}",  # noqa: S608
                (list(chain(*some[at : at + count])) for at in range(0, len(some), count)),
            )


def update_rows(model: type[models.Model], changes: Iterable[tuple[int, dict]]):
    """Write changes: primary key, and the new values by the names of their fields."""
    connection = connection_of(model)
    by_names: dict[tuple, list] = {}
    for pk, values in changes:
        by_names.setdefault(tuple(values), []).append((*values.values(), pk))
    update = _update_many if connection.vendor == "postgresql" else _update_each
    with connection.cursor() as cursor:
        for names, rows in by_names.items():
            update(cursor, model, [model._meta.get_field(name) for name in names], rows)


def _update_each(cursor, model, fields, rows):
    quote = connection_of(model).ops.quote_name
    sets = ", ".join(f"{quote(field.column)} = %s" for field in fields)
    where = f"{quote(model._meta.pk.column)} = %s"
    cursor.executemany(
        f"UPDATE {quote(model._meta.db_table)} SET {sets} WHERE {where}",  # noqa: S608
        rows,
    )


def _update_many(cursor, model, fields, rows):
    """Update many rows with a statement, which PostgreSQL does quicker than one for each."""
    connection = connection_of(model)
    quote, table = connection.ops.quote_name, connection.ops.quote_name(model._meta.db_table)
    pk = quote(model._meta.pk.column)
    columns = [quote(field.column) for field in fields]
    sets = ", ".join(f"{column} = given.{column}" for column in columns)
    # Of what type a column is, the first row tells: without a length, to which a cast would cut.
    types = [field.db_type(connection).partition("(")[0] for field in (*fields, model._meta.pk)]
    first = ", ".join(f"%s::{each}" for each in types)
    other = ", ".join(["%s"] * len(types))
    for start in range(0, len(rows), ROWS_AT_ONCE):
        some = rows[start : start + ROWS_AT_ONCE]
        values = "), (".join([first, *[other] * (len(some) - 1)])
        cursor.execute(
            f"UPDATE {table} SET {sets} FROM (VALUES ({values})) "  # noqa: S608 - names and marks
            f"AS given ({', '.join([*columns, pk])}) WHERE {table}.{pk} = given.{pk}",
            [value for row in some for value in row],
        )
