"""What of the index is public: `published()` of each kind, asked once an edition and kept.

An edition ends when something is written, or begins or ends to be public (edition.py); so long holds
what `published()` gave under it. Within a transaction nothing is kept, and nothing kept is used: what
a preview of staff publishes there is rolled back.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from django.db import connections, router
from django.db.models import IntegerField, TextField, Value
from django.db.models.functions import Cast

from .edition import find_edition
from .fiscal_year import format_fiscal_year
from .models import SearchEntry, SearchKind
from .search_models import ALL_KINDS, RECORD_BITS, first_id, kind_of
from .search_queries import Entry, read_entries, read_rows
from .searchable import SEARCHABLES, Searchable

FACETS = ("fiscal_year", "department", "pillar")
# A kind of which a record is public whenever that is which it belongs to: the path to it, its kind.
WHOLES = {str(SearchKind.SETTLEMENT_ITEM): ("settlement", str(SearchKind.SETTLEMENT))}
EDITIONS_KEPT = 2

# What a choice is sorted by, its value in the query string, its name.
Choice = tuple[int, str | int, str]
# The choices that a record belongs to, of each of FACETS.
Choices = tuple[frozenset[Choice], ...]


class Gate:
    """What is public, by the numbers of entries, which come in their order.

    A kind is read when it is first met. `edition` is None where nothing may be kept.
    """

    def __init__(self, edition: str | None):
        self._edition = edition
        self._known = {} if edition is None else dict(_kept(edition))

    def pick(self, numbers: list[int], kinds: Iterable[str] = ALL_KINDS) -> list[int]:
        """Return those of the entries that are public and of these kinds, in their order."""
        picked = []
        for kind, own in _by_kind(numbers):
            if kind in kinds and kind in WHOLES:
                hidden = self._know(f"hidden {kind}", lambda kind=kind: _read_hidden(self, kind))
                picked += [number for number in own if number not in hidden]
            elif kind in kinds:
                public = self.read(kind)
                picked += [number for number in own if number in public]
        return picked

    def list_choices(self, numbers: list[int]) -> Iterator[tuple[int, str, Choices]]:
        """Yield number, kind and choices of those of the entries that are public."""
        for kind, own in _by_kind(numbers):
            if kind in WHOLES:
                path, whole = WHOLES[kind]
                first, first_whole, meta = (
                    first_id(kind),
                    first_id(whole),
                    SEARCHABLES[kind].model._meta,
                )
                columns = f"id, {meta.get_field(path).column}"
                belonging = read_rows(meta.db_table, columns, [number - first for number in own])
                found = [(first + pk, first_whole + of) for pk, of in belonging]
            else:
                whole, found = kind, [(number, number) for number in own]
            public = self.read(whole)
            yield from ((number, kind, public[of]) for number, of in found if of in public)

    def read_shown(self, numbers: list[int]) -> dict[int, Entry]:
        """Return the entries, less those of which the record itself is gone or hidden."""
        entries = read_entries(numbers, _column_of_whole())
        kinds = {entry.kind for entry in entries.values()}
        public = {kind: self.read(WHOLES.get(kind, ("", kind))[1]) for kind in kinds}
        return {each: entry for each, entry in entries.items() if entry.whole in public[entry.kind]}

    def read(self, kind: str) -> dict[int, Choices]:
        """Return what is public of a kind that belongs to no other, with its choices."""
        return self._know(kind, lambda: _read_public(SEARCHABLES[kind]))

    def list_all_choices(self, facet: str) -> list[Choice]:
        """Return all choices of a facet that there are, in their order."""
        return self._know(f"choices of {facet}", lambda: _read_all_choices(self, facet))

    def _know(self, name: str, read: Callable):
        if name not in self._known:
            self._known[name] = read()
            # What was read after a change belongs to the next edition.
            if self._edition is not None and find_edition().tag == self._edition:
                _kept(self._edition)[name] = self._known[name]
        return self._known[name]


def open_gate() -> Gate:
    """Return what is public at this moment, from the database that the search reads."""
    is_within = connections[router.db_for_read(SearchEntry)].in_atomic_block
    return Gate(None if is_within else find_edition().tag)


@lru_cache(maxsize=EDITIONS_KEPT)
def _kept(edition: str) -> dict:
    """Return what this process keeps of an edition: it is filled while the edition lasts."""
    return {}


def _by_kind(numbers: list[int]) -> Iterator[tuple[str, list[int]]]:
    """Yield each kind with its entries, of numbers in their order."""
    start = 0
    while start < len(numbers):
        place = numbers[start] >> RECORD_BITS
        end = bisect_left(numbers, (place + 1) << RECORD_BITS, start)
        yield kind_of(numbers[start]), numbers[start:end]
        start = end


def _column_of_whole() -> str:
    """Return, as SQL, the entry by which an entry is public; NULL where its own record is gone."""
    cases = []
    for kind, (path, whole) in WHOLES.items():
        meta = SEARCHABLES[kind].model._meta
        number = f"{first_id(whole)} + {meta.get_field(path).column}"
        record = f"SELECT {number} FROM {meta.db_table} WHERE id = object_id"  # noqa: S608
        cases.append(f"WHEN '{kind}' THEN ({record})")
    return f"CASE kind {' '.join(cases)} ELSE id END"


def _read_hidden(gate: Gate, kind: str) -> frozenset[int]:
    """Return the entries of a kind of which that is not public which they belong to."""
    path, whole = WHOLES[kind]
    public = gate.read(whole)
    wholes = SEARCHABLES[whole].model.objects.order_by().values_list("pk", flat=True)
    hidden = [pk for pk in wholes if first_id(whole) + pk not in public]
    records = SEARCHABLES[kind].model.objects.order_by().filter(**{f"{path}__in": hidden})
    return frozenset(first_id(kind) + pk for pk in records.values_list("pk", flat=True))


def _read_public(searchable: Searchable) -> dict[int, Choices]:
    columns = [each for facet in FACETS for each in _choice_columns(searchable, facet)]
    found: dict[int, list[set[Choice]]] = defaultdict(lambda: [set() for _ in FACETS])
    for pk, year, *others in searchable.published().values_list("pk", *columns):
        choices = found[first_id(searchable.kind) + pk]
        if year is not None:
            choices[0].add((-year, year, format_fiscal_year(year)))
        for place, choice in (1, others[:3]), (2, others[3:]):
            if None not in choice:
                choices[place].add(tuple(choice))
    known: dict[Choices, Choices] = {}  # one of each, for thousands of records share them
    return {
        number: known.setdefault(each, each)
        for number, each in ((n, tuple(map(frozenset, choices))) for n, choices in found.items())
    }


def _choice_columns(searchable: Searchable, facet: str) -> list:
    path = searchable.facets.get(facet)
    if facet == "fiscal_year":
        return [path or Cast(Value(None), IntegerField())]
    if not path:
        texts = [Cast(Value(None), TextField()) for _ in range(2)]
        return [Cast(Value(None), IntegerField()), *texts]
    return [path.removesuffix("slug") + name for name in ("position", "slug", "name")]


def _read_all_choices(gate: Gate, facet: str) -> list[Choice]:
    """Gather them from the kinds that have the facet themselves, not by another record."""
    place = FACETS.index(facet)
    kinds = [kind for kind, each in SEARCHABLES.items() if "__" not in each.facets.get(facet, "__")]
    found = (choices[place] for kind in kinds for choices in gate.read(kind).values())
    return sorted(frozenset().union(*found))
