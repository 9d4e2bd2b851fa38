"""What the search asks the index: never more rows than it says, whatever the words.

The index holds what is not public too: search_gate.py tells.
"""

from collections.abc import Iterable
from typing import NamedTuple

from django.db import connections, router

from .models import SearchEntry
from .search_models import KIND_NUMBERS, Index
from .search_text import Term, make_mark

ALL_KINDS = list(KIND_NUMBERS)
COLUMNS = ("id", "kind", "title", "context", "address")
# Of a longer text the end is not shown: marking takes a second for 300,000 characters.
MAX_SHOWN = 20_000


class Entry(NamedTuple):
    """What is shown of an entry. Of `body` it is the beginning."""

    number: int
    kind: str
    title: str
    context: str
    address: str
    body: str


def list_chosen(kinds: Iterable[str] | None) -> list[str]:
    chosen = set(kinds or ALL_KINDS)
    return [kind for kind in ALL_KINDS if kind in chosen]


def list_marks(narrowing: dict, kinds: Iterable[str] = ()) -> list[Term]:
    """Return the terms that every hit of a narrowed search holds."""
    marks = [make_mark(facet, value) for facet, value in narrowing.items() if value is not None]
    kinds = list(kinds)
    if len(kinds) == 1:
        marks.append(make_mark("kind", KIND_NUMBERS[kinds[0]]))
    return marks


def find_numbers(terms: list[Term], kinds: list[str], limit: int) -> list[int]:
    """Return the entries that hold all terms, public or not: so many, the kinds in their order."""
    index = _index()
    if kinds == ALL_KINDS:
        condition, params = index.holds(terms)
        sql = f"SELECT {index.id} FROM {index.table} WHERE {condition} LIMIT %s"  # noqa: S608
        numbers = [number for (number,) in _run(sql, [*params, limit])]
        if index.is_sqlite or len(numbers) < limit:
            return sorted(numbers)
    arms, params = [], []
    for kind in kinds:
        condition, own = index.holds(terms, kind)
        arms.append(
            f"SELECT * FROM (SELECT {index.id} AS id FROM {index.table}"  # noqa: S608
            f" WHERE {condition} LIMIT %s) {kind}"
        )
        params += [*own, limit]
    if not arms:
        return []
    # Each database comes to an arm only after those before it gave too few.
    sql = f"SELECT id FROM ({' UNION ALL '.join(arms)}) arms LIMIT %s"  # noqa: S608 - built above
    return sorted(number for (number,) in _run(sql, [*params, limit]))


def find_each(searches: list[list[Term]], limit: int) -> list[list[int]]:
    """Return the entries that hold all terms of each search, public or not, so many a search.

    One database query.
    """
    index, arms, params = _index(), [], []
    for place, terms in enumerate(searches):
        condition, own = index.holds(terms)
        arms.append(
            f"SELECT * FROM (SELECT {place} AS place, {index.id} AS id FROM {index.table}"  # noqa: S608
            f" WHERE {condition} LIMIT %s) a{place}"
        )
        params += [*own, limit]
    found: list[list[int]] = [[] for _ in searches]
    for place, number in _run(" UNION ALL ".join(arms), params):
        found[place].append(number)
    return [sorted(numbers) for numbers in found]


def read_title_words(numbers: list[int]) -> dict[int, str]:
    return dict(read_rows("portal_searchentry", "id, title_words", numbers))


def read_entries(numbers: list[int]) -> dict[int, Entry]:
    columns = f"{', '.join(COLUMNS)}, substr(body, 1, {MAX_SHOWN})"
    return {row[0]: Entry(*row) for row in read_rows("portal_searchentry", columns, numbers)}


def read_rows(table: str, columns: str, pks: list[int]) -> list[tuple]:
    """Return columns of some rows: said plainly, as the ORM takes as long to say it as to read."""
    if not pks:
        return []
    places = ", ".join(["%s"] * len(pks))
    return _run(f"SELECT {columns} FROM {table} WHERE id IN ({places})", pks)  # noqa: S608


def _run(sql: str, params: list) -> list[tuple]:
    with _connection().cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def _connection():
    return connections[router.db_for_read(SearchEntry)]


def _index() -> Index:
    return Index(_connection().vendor)
