"""The search for those below it: lists narrowed by words, and many changes indexed at once."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import connections
from django.db.models import BigIntegerField, ExpressionWrapper, F, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.lookups import In

from .search_models import Index, first_id
from .search_text import parse_query


def filter_by_text(queryset: QuerySet, kind: str, q: str) -> QuerySet:
    """Narrow a published queryset of the kind's model to the records whose text holds `q`.

    `kind` is one of SearchKind. A `q` without a letter or digit (blank, punctuation only) narrows
    nothing; `is_searchable` tells, so that a form can say it.

    Of the two ways to compare the numbers, this one lets PostgreSQL look up the entries of a few
    records, and keeps SQLite from looking for each entry once in each settlement.
    """
    terms = parse_query(q)
    if not terms:
        return queryset
    index = Index(connections[queryset.db].vendor)
    condition, params = index.holds(terms, kind)
    numbers = f"SELECT {index.id} FROM {index.table} WHERE {condition}"  # noqa: S608
    number = ExpressionWrapper(F("pk") + first_id(kind), BigIntegerField())
    return queryset.filter(In(number, RawSQL(numbers, params)))  # noqa: S611 - parameters alone


def is_searchable(q: str) -> bool:
    """Tell whether a query holds anything that can be looked for."""
    return bool(parse_query(q))


Write = Callable[[str, Iterable[int]], object]
_held: ContextVar[dict[tuple[Write, str], set[int]] | None] = ContextVar("held", default=None)
_is_passed_by: ContextVar[bool] = ContextVar("is_passed_by", default=False)


@contextmanager
def hold_indexing():
    """Index each record that is changed within once, at the end: for many changes at a time.

    Belongs inside the transaction that makes the changes.
    """
    if _held.get() is not None:
        yield
        return
    held: dict[tuple[Write, str], set[int]] = defaultdict(set)
    token = _held.set(held)
    try:
        yield
    finally:
        _held.reset(token)
    for (write, kind), pks in held.items():
        write(kind, pks)


@contextmanager
def pass_by_index():
    """Index nothing of what is changed within: of what has no entry, nor is told of by another's."""
    token = _is_passed_by.set(True)
    try:
        yield
    finally:
        _is_passed_by.reset(token)


def is_passed_by() -> bool:
    return _is_passed_by.get()


def index_soon(write: Write, kind: str, pks: Iterable[int]):
    """Call `write(kind, pks)`: now, or once at the end of the `hold_indexing` around."""
    held = _held.get()
    if held is None:
        write(kind, pks)
    else:
        held[write, kind].update(pks)
