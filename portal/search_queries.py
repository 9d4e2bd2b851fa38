"""What the search asks the databases: never more rows than it says, whatever the words.

The index holds what is not public too. `published()` of each record's model, asked in the same
statement or right after it, decides what is told.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.core.exceptions import EmptyResultSet
from django.db import connections, router
from django.db.models import Exists, IntegerField, OuterRef, TextField, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast

from .fiscal_year import format_fiscal_year
from .models import SearchEntry
from .search_models import KIND_NUMBERS, RECORD_BITS, Index, first_id
from .search_text import Term, in_title, make_mark
from .searchable import SEARCHABLES, Searchable

FACETS = ("fiscal_year", "department", "pillar")
# What a choice is sorted by, its value in the query string, its name.
Choice = tuple[int, str | int, str]


@dataclass(frozen=True)
class PublicRow:
    """A public record among the hits, and the choices of each facet that it belongs to."""

    kind: str
    choices: dict[str, set[Choice]] = field(default_factory=lambda: defaultdict(set))

    def is_within(self, kinds: Iterable[str], narrowing: dict) -> bool:
        return self.kind in kinds and all(
            value is None or any(choice[1] == value for choice in self.choices[facet])
            for facet, value in narrowing.items()
        )


def list_chosen(kinds: Iterable[str] | None) -> list[str]:
    chosen = set(kinds or SEARCHABLES)
    return [str(kind) for kind in SEARCHABLES if kind in chosen]


def list_marks(narrowing: dict, kinds: Iterable[str] = ()) -> list[Term]:
    """Return the terms that every hit of a narrowed search holds."""
    marks = [make_mark(facet, value) for facet, value in narrowing.items() if value is not None]
    kinds = list(kinds)
    if len(kinds) == 1:
        marks.append(make_mark("kind", KIND_NUMBERS[kinds[0]]))
    return marks


def find_entries(searches: Iterable[list[Term]], limit: int) -> list[tuple[int, int, str]]:
    """Return entries that hold all terms of a search, public or not, so many a search.

    Each as the search's place, the entry's number and its title's words.
    """
    index, arms, params = _index(), [], []
    for place, terms in enumerate(searches):
        condition, own = index.holds(terms)
        arms.append(
            f"SELECT * FROM (SELECT {place} AS place, {index.id} AS id FROM {index.table}"  # noqa: S608
            f" WHERE {condition} LIMIT %s) a{place}"
        )
        params += [*own, limit]
    return _run_with_titles(" UNION ALL ".join(arms), params)


def find_public(terms: list[Term], kinds, narrowing: dict, limit: int) -> list[tuple[int, str]]:
    """Return public entries that hold all terms, so many: number, and title's words.

    Those that hold them all in the title are looked for first, then the kinds in their order.
    """
    marks = list_marks(narrowing)
    found: dict[int, str] = {}
    for looked_for in (in_title(terms), terms):
        if len(found) < limit:
            arms = _public_arms([*looked_for, *marks], kinds, narrowing, limit + len(found))
            if arms:
                rows = _run_with_titles(*arms)
                found.update((number, words) for _, number, words in rows)
    return list(found.items())[:limit]


def read_public(numbers: Iterable[int]) -> dict[int, PublicRow]:
    """Return those of the entries whose records are public at this moment. One database query."""
    by_kind = defaultdict(list)
    for number in numbers:
        by_kind[number >> RECORD_BITS].append(number & ((1 << RECORD_BITS) - 1))
    arms = []
    for kind, number in KIND_NUMBERS.items():
        if pks := by_kind.get(number):
            searchable = SEARCHABLES[kind]
            # Asked record by record: joined, SQLite begins with all that is published.
            is_public = Exists(searchable.published().filter(pk=OuterRef("pk")))
            records = searchable.model.objects.order_by().filter(is_public, pk__in=pks)
            columns = [each for facet in FACETS for each in _choice_columns(searchable, facet)]
            arms.append(records.values_list(Value(kind), "pk", *columns))
    found: dict[int, PublicRow] = {}
    for kind, pk, year, *others in arms[0].union(*arms[1:], all=True) if arms else []:
        row = found.setdefault(first_id(kind) + pk, PublicRow(kind))
        for facet, choice in zip(FACETS, (year, others[:3], others[3:]), strict=True):
            if facet == "fiscal_year" and year is not None:
                row.choices[facet].add(_year_choice(year))
            elif facet != "fiscal_year" and None not in choice:
                row.choices[facet].add(tuple(choice))
    return found


def list_choices(facet: str) -> list[Choice]:
    """Return all choices of a facet, in their order. One database query."""
    arms = [
        searchable.published().values_list(*_choice_columns(searchable, facet)).distinct()
        for searchable in SEARCHABLES.values()
        if "__" not in searchable.facets.get(facet, "__")
    ]
    rows = arms[0].union(*arms[1:])
    if facet == "fiscal_year":
        return sorted(_year_choice(year) for (year,) in rows if year is not None)
    return sorted(rows)


def _choice_columns(searchable: Searchable, facet: str) -> list:
    path = searchable.facets.get(facet)
    if facet == "fiscal_year":
        return [path or Cast(Value(None), IntegerField())]
    if not path:
        texts = [Cast(Value(None), TextField()) for _ in range(2)]
        return [Cast(Value(None), IntegerField()), *texts]
    return [path.removesuffix("slug") + name for name in ("position", "slug", "name")]


def _year_choice(year: int) -> Choice:
    return (-year, year, format_fiscal_year(year))


def _public_arms(terms: list[Term], kinds, narrowing: dict, limit: int) -> tuple[str, list] | None:
    """Return the statement that gives public entries, so many, kind after kind; None for none."""
    connection, index = _connection(), _index()
    arms, params = [], []
    for kind in list_chosen(kinds):
        record = RawSQL(f"{index.id} - %s", [first_id(kind)])  # noqa: S611 - a number
        records = SEARCHABLES[kind].published(**narrowing).filter(pk=record).values("pk")
        try:
            gate, gate_params = records.query.get_compiler(connection=connection).as_sql()
        except EmptyResultSet:
            continue
        condition, own = index.holds(terms, kind)
        arms.append(
            f"SELECT * FROM (SELECT 0 AS place, {index.id} AS id FROM {index.table}"  # noqa: S608
            f" WHERE {condition} AND EXISTS ({gate}) LIMIT %s) {kind}"
        )
        params += [*own, *gate_params, limit]
    if not arms:
        return None
    # Each database comes to an arm only after those before it gave too few.
    return f"SELECT * FROM ({' UNION ALL '.join(arms)}) arms LIMIT %s", [*params, limit]  # noqa: S608


def _run_with_titles(sql: str, params: list) -> list[tuple[int, int, str]]:
    return _run(
        "SELECT hits.place, hits.id, entry.title_words "  # noqa: S608 - built above
        f"FROM ({sql}) hits JOIN portal_searchentry entry ON entry.id = hits.id",
        params,
    )


def _run(sql: str, params: list) -> list[tuple]:
    with _connection().cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def _connection():
    return connections[router.db_for_read(SearchEntry)]


def _index() -> Index:
    return Index(_connection().vendor)
