"""What the search asks the index: never more rows than it says, whatever the words.

The index holds what is not public too: search_gate.py tells.
"""

import sys
from collections.abc import Iterable
from typing import NamedTuple

from django.db import connections, router

from .models import SearchEntry
from .prepared import fetch_rows
from .search_models import ALL_KINDS, COMMONEST_KIND, KIND_NUMBERS, Index, kind_of
from .search_text import Term, make_mark

COLUMNS = ("id", "kind", "title", "context", "address", "title_words")
# Of a longer text the end is not shown: marking takes a second for 300,000 characters.
MAX_SHOWN = 20_000


class Entry(NamedTuple):
    """What is shown of an entry. Of `body` it is the beginning.

    `whole` is the number of the entry by which it is public; None where its own record is gone.
    """

    number: int
    kind: str
    title: str
    context: str
    address: str
    title_words: str
    body: str
    whole: int | None


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


def reads_in_order() -> bool:
    """Tell whether the index is read in the order of the entries' numbers.

    PostgreSQL reads it as the entries lie on the disk, each where it was written last: which are
    the first is known when all that may be found are read.
    """
    return _index().is_sqlite


def find_first(terms: list[Term], kinds: list[str], limit: int) -> list[int]:
    """Return so many entries that hold all terms, public or not: where there are more, by kind."""
    if kinds == ALL_KINDS:
        (found,) = find_any([terms], limit)
        if reads_in_order() or len(found) < limit:
            return found
        # Of the commonest kind, those that were found are as good as any.
        common = (number for number in found if kind_of(number) == COMMONEST_KIND)
        before = find_first(terms, ALL_KINDS[: ALL_KINDS.index(COMMONEST_KIND)], limit)
        if len(found := [*before, *common]) >= limit:
            return found[:limit]
    (found,) = _gather([_select_by_kind(terms, kinds, limit)]) if kinds else [[]]
    return found


def find_all(terms: list[Term]) -> list[int]:
    """Return all entries that hold all terms, public or not: for what is known to be little."""
    (found,) = _gather([_index().select_all(terms, sys.maxsize)])
    return found


def find_any(searches: list[list[Term]], limit: int) -> list[list[int]]:
    """Return, for each search, so many entries that hold all its terms, public or not."""
    return _gather([_index().select(terms, limit) for terms in searches])


def _select_by_kind(terms: list[Term], kinds: list[str], limit: int) -> tuple[str, list]:
    """Each database comes to an arm only after those before it gave too few."""
    arms = {kind: _index().select(terms, limit, kind) for kind in kinds}
    sql = " UNION ALL ".join(f"SELECT id FROM ({arm}) {kind}" for kind, (arm, _) in arms.items())  # noqa: S608
    params = [each for _, own in arms.values() for each in own]
    return f"SELECT id FROM ({sql}) arms LIMIT %s", [*params, limit]  # noqa: S608 - built above


def _gather(statements: list[tuple[str, list]]) -> list[list[int]]:
    """Return, for each statement, the numbers that it selects. One database query."""
    index = _index()
    sql = f"SELECT {', '.join(index.gather(statement) for statement, _ in statements)}"
    (row,) = _run(sql, [each for _, params in statements for each in params])
    return [index.read_gathered(value) for value in row]


def read_title_words(numbers: list[int]) -> dict[int, str]:
    return dict(read_rows("portal_searchentry", "id, title_words", numbers))


def read_entries(numbers: list[int], whole: str) -> dict[int, Entry]:
    """Return the entries; `whole` is SQL that gives the entry by which one is public."""
    columns = f"{', '.join(COLUMNS)}, substr(body, 1, {MAX_SHOWN}), {whole}"
    return {row[0]: Entry(*row) for row in read_rows("portal_searchentry", columns, numbers)}


def read_rows(table: str, columns: str, pks: list[int]) -> list[tuple]:
    """Return columns of some rows: said plainly, as the ORM takes as long to say it as to read."""
    if not pks:
        return []
    places = ", ".join(["%s"] * len(pks))
    return _run(f"SELECT {columns} FROM {table} WHERE id IN ({places})", pks)  # noqa: S608


def _run(sql: str, params: list) -> list[tuple]:
    return fetch_rows(_connection(), sql, params)


def _connection():
    return connections[router.db_for_read(SearchEntry)]


def _index() -> Index:
    return Index(_connection().vendor)
