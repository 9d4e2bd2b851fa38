"""Items and figures as lists show them, settlement after settlement.

A page is read of the settlements alone that it shows, so that it is as fast behind 500,000 rows as
behind 100. How many rows each settlement has is counted once an edition, where it is needed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import NamedTuple

from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest

from portal.api_lists import Key, beyond
from portal.api_rows import Site
from portal.fiscal_year import format_fiscal_year
from portal.open_data_columns import add_own_whole
from portal.prepared import Given, GivenKeys, Statement

from .models import Settlement, SettlementFigure, SettlementItem

# Of so many settlements the rows are counted without being asked for.
FEW = 50
# So many are read at once where it is not known how many rows they have.
AT_ONCE = 4
name_fiscal_year = lru_cache(format_fiscal_year)


class Place(NamedTuple):
    """A public settlement in the order of a list."""

    pk: int
    fiscal_year: int
    position: int
    department: str
    department_name: str


PLACE_PATHS = (
    *("pk", "fiscal_year", "department__position"),
    *("department__slug", "department__name"),
)


@dataclass(frozen=True)
class Kind:
    """What settlements have: `at` leads from it to the settlement.

    `places` is the order of settlements, `within` that of their rows, which no two share. What a
    row is ordered by, one after the other, is its key.
    """

    load: Callable[[], QuerySet]
    at: str
    places: tuple[str, ...]
    within: tuple[str, ...]

    def key_of(self, place: Place) -> tuple:
        """Return the part of a row's key that its settlement gives."""
        return tuple(place[PLACE_PATHS.index(path.removeprefix("-"))] for path in self.places)

    def split(self, key: Sequence) -> tuple[tuple, tuple]:
        """Return the part of a key that the settlement gives, and the rest."""
        return tuple(key[: len(self.places)]), tuple(key[len(self.places) :])


ITEMS = Kind(
    SettlementItem.objects.all,
    "settlement",
    ("-fiscal_year", "department__position", "department__slug"),
    ("code_order",),
)
FIGURES = Kind(
    lambda: add_own_whole(SettlementFigure.objects.all(), "item"),
    "item__settlement",
    ("-fiscal_year", "department__slug"),
    ("item__code_order", "position", "pk"),
)


def load_places(kind: Kind, settlements: QuerySet) -> dict[int, Place]:
    """Return public settlements by primary key, in the order of the list."""
    rows = settlements.order_by(*kind.places).values_list(*PLACE_PATHS)
    return {row[0]: Place(*row) for row in rows}


class SettlementSite(Site):
    """A site that knows the settlements of the rows."""

    def __init__(self, request: HttpRequest, places: dict[int, Place]):
        super().__init__(request)
        self.places = places

    def addresses(self, settlements, codes) -> list[str]:
        page, places = self.pattern("settlement_item_detail"), self.places
        return [
            page % (places[pk].fiscal_year, places[pk].department, code)
            for pk, code in zip(settlements, codes, strict=True)
        ]

    def years(self, settlements) -> list[int]:
        return [self.places[pk].fiscal_year for pk in settlements]

    def year_labels(self, settlements) -> list[str]:
        return list(map(name_fiscal_year, self.years(settlements)))

    def departments(self, settlements) -> list[dict]:
        found = {
            pk: {"slug": self.places[pk].department, "name": self.places[pk].department_name}
            for pk in set(settlements)
        }
        return [found[pk] for pk in settlements]


class SettlementRows:
    """The rows of some public settlements, as tuples of `paths`.

    `paths` begin with `kind.at` and `kind.within`. `records` are the rows to choose
    from, of whatever settlement; None: all. `keep(name, make)` keeps for the edition.
    """

    def __init__(self, kind: Kind, places: dict[int, Place], paths, records, keep):
        self.kind, self.places, self.paths = kind, places, tuple(paths)
        self.records, self.keep = records, keep

    @cached_property
    def sizes(self) -> dict[int, int]:
        """Return how many rows there are in each settlement that has any."""
        return self.keep(f"sizes of {self.kind.at}", self._count_each)

    def _count_each(self):
        records = self.kind.load() if self.records is None else self.records
        records = records.filter(**{f"{self.kind.at}__in": [*self.places]}).order_by()
        return dict(records.values_list(self.kind.at).annotate(number=Count("pk")))

    @property
    def _is_quickly_counted(self) -> bool:
        return self.records is not None or len(self.places) <= FEW

    def count(self) -> int:
        """Return how many rows there are; of all of them, those are taken off that are hidden."""
        if self._is_quickly_counted:
            return sum(self.sizes.values())
        others = Settlement.objects.exclude(pk__in=[*self.places]).values_list("pk", flat=True)
        rows = self.kind.load().order_by()
        return rows.count() - rows.filter(**{f"{self.kind.at}__in": [*others]}).count()

    def key_of(self, row: tuple) -> list:
        place = self.places[row[0]]
        return [*self.kind.key_of(place), *row[1 : 1 + len(self.kind.within)]]

    def take(self, limit: int, offset: int = 0, after: Sequence | None = None) -> list[tuple]:
        """Return at most so many rows: after `offset` others, or after a key."""
        pks, is_counted = [*self.places], self._is_quickly_counted or offset
        if after:
            pks = self._list_from(after)
        elif offset:
            ends = list(accumulate(self.sizes.get(pk, 0) for pk in pks))
            first = next((number for number, end in enumerate(ends) if end > offset), len(pks))
            pks, offset = pks[first:], offset - (ends[first - 1] if first else 0)
        if not is_counted:
            rows = self._ask(pks[:AT_ONCE], limit, offset, after)
            if len(rows) == limit or len(pks) <= AT_ONCE:
                return rows
        return self._ask(self._list_enough(pks, offset + limit, after), limit, offset, after)

    def _list_from(self, after: Sequence) -> list[int]:
        """Return the settlement of the key, if it is still there, and those that follow."""
        pks, (key, _) = [*self.places], self.kind.split(after)
        for number, place in enumerate(self.places.values()):
            if self.kind.key_of(place) == key:
                return pks[number:]
        # Compared by the database, which has its own way to sort texts.
        settlements = Settlement.objects.filter(pk__in=pks)
        keys = [Key.parse(path, Settlement) for path in self.kind.places]
        rest = set(settlements.filter(beyond(keys, key)).values_list("pk", flat=True))
        return [pk for pk in pks if pk in rest]

    def _list_enough(self, pks: list[int], wanted: int, after) -> list[int]:
        """Return as many of the settlements as have the rows that are wanted.

        Of the one where the key stands nobody knows how many are left.
        """
        ends = accumulate(
            0 if after and not n else self.sizes.get(pk, 0) for n, pk in enumerate(pks)
        )
        number = next((number for number, end in enumerate(ends, start=1) if end >= wanted), None)
        return pks[:number]

    def _ask(self, pks: list[int], limit: int, offset: int, after) -> list[tuple]:
        if not pks:
            return []
        of_place, within = self.kind.split(after or ())
        is_one, is_after = len(pks) == 1, self.kind.key_of(self.places[pks[0]]) == of_place
        if self.records is None:
            statement = _compile(self.kind, self.paths, is_one=is_one, is_after=is_after)
        else:
            statement = Statement(_select(self.kind, self.records, self.paths, is_one, is_after))
        given = {"settlement": pks[0], "settlements": pks}
        if is_after:
            given |= dict(zip(self.kind.within, within, strict=True))
        return statement.ask(limit, offset, **given)


def read_settlement(kind: Kind, paths: tuple[str, ...], pk: int) -> list[tuple]:
    """Return all rows of a settlement in their order."""
    return _compile(kind, paths, is_one=True, is_after=False).ask(settlement=pk)


@lru_cache(maxsize=200)
def _compile(kind: Kind, paths, is_one: bool, is_after: bool) -> Statement:
    return Statement(_select(kind, kind.load(), paths, is_one, is_after))


def _select(kind: Kind, records: QuerySet, paths, is_one: bool, is_after: bool) -> QuerySet:
    """Return the rows of one settlement or of several, from the beginning or after a key.

    One is asked without its year and department, so that an index gives the order.
    """
    of_first = Q((kind.at, Given("settlement")))
    if is_after:
        keys = [Key.parse(path, records.model) for path in kind.within]
        following = beyond(keys, [Given(path) for path in kind.within])
        records = records.filter(following if is_one else following | ~of_first)
    order = kind.within
    if is_one:
        records = records.filter(of_first)
    else:
        records = records.filter(Q((f"{kind.at}__in", GivenKeys("settlements"))))
        order = (*(_through(kind.at, path) for path in kind.places), *order)
    return records.order_by(*order).values_list(*paths)


def _through(at: str, path: str) -> str:
    return f"-{at}__{path[1:]}" if path.startswith("-") else f"{at}__{path}"
