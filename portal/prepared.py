"""Queries without what Django adds to each: compiled once, and asked past its cursor.

Django takes longer to write a query of a few joins than a database to answer it with a hundred rows.
"""

import json
import threading
from collections.abc import Sequence
from contextlib import nullcontext

from django.db import connections, router
from django.db.models import QuerySet, Value

# Python's driver lets go of the interpreter at each row, so that threads which read at the same time
# hand it to and fro: four take twice as long as one after the other.
_sqlite = threading.Lock()


class Given(Value):
    """Stands in a queryset for a value that is told, by its name, when the query is asked."""

    def as_sql(self, compiler, connection):
        return "%s", [self]

    def adapt(self, value, vendor: str):
        return value


class GivenKeys(Given):
    """The same for primary keys, as many as there are: `filter(item__in=GivenKeys("items"))`."""

    def as_sql(self, compiler, connection):
        if connection.vendor == "sqlite":
            return "(SELECT value FROM json_each(%s))", [self]
        return "(SELECT unnest(%s::bigint[]))", [self]

    def adapt(self, value, vendor):
        return json.dumps(value) if vendor == "sqlite" else value


class Statement:
    """A compiled query of `values_list`, for both databases of a primary and its replica.

    Values come as the database's driver gives them: what Django would make of them (decimal
    numbers and dates of SQLite) is left to who asks.
    """

    def __init__(self, queryset: QuerySet):
        self.model = queryset.model
        self.text, self.parameters = queryset.query.get_compiler(using=queryset.db).as_sql()

    def ask(self, limit: int | None = None, offset: int = 0, **given) -> Sequence[tuple]:
        connection = connections[router.db_for_read(self.model)]
        text, values = self.text, self.parameters
        values = [
            each.adapt(given[each.value], connection.vendor) if isinstance(each, Given) else each
            for each in values
        ]
        if limit is not None:
            text, values = f"{text} LIMIT %s OFFSET %s", [*values, limit, offset]
        with _sqlite if connection.vendor == "sqlite" else nullcontext():
            return fetch_rows(connection, text, values)


def fetch_rows(connection, text: str, values: Sequence) -> list[tuple]:
    """Return the rows of a query, in whose text %s stands for each of the values.

    Django's cursor takes as long as a short query of SQLite: there it is passed by, unless somebody
    watches what is asked.
    """
    if connection.vendor == "sqlite" and "%%" not in text and not is_watched(connection):
        connection.ensure_connection()
        with connection.wrap_database_errors:
            return connection.connection.execute(text.replace("%s", "?"), values).fetchall()
    with connection.cursor() as cursor:
        cursor.execute(text, values)
        return cursor.fetchall()


def is_watched(connection) -> bool:
    """Tell whether somebody counts, tells or refuses the queries that go by Django's cursor."""
    return connection.queries_logged or bool(connection.execute_wrappers)
