"""Items of settlements as the API lists them: many at a time, in a few narrow queries."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from operator import itemgetter
from typing import Any, ClassVar, NamedTuple

from django.http import HttpRequest

from portal.api_files import Found
from portal.api_lists import KeyedRows, PrimaryKeys
from portal.api_rows import (
    FIGURE_FIELDS,
    SOURCE,
    Maker,
    RowField,
    RowFields,
    as_read,
)
from portal.open_data_columns import FIGURE_KEYS, add_public_source
from portal.prepared import GivenKeys, Statement

from .api_schemas import AMOUNTS, ItemOut, check_fields
from .checks import check_breakdowns, check_settlement
from .facts import MONEY, load_breakdowns, load_item_facts
from .item_codes import code_level, code_number, item_label, parent_code
from .models import FundingSource, Settlement, SettlementFigure, SettlementItem
from .settlement_rows import ITEMS, SettlementRows, SettlementSite, load_places, read_settlement

PROGRAM = ("program__slug", "program__name")
FUNDING_PATHS = ("item_id", "kind", "amount_yen", *SOURCE.paths)
# How figures stand, of rows that begin with MONEY and the position.
IN_ORDER = itemgetter(MONEY.index("item_id"), len(MONEY), MONEY.index("pk"))
# What every item is read with; a list of items begins with it.
KEYS = (ITEMS.at, *ITEMS.within, "pk")


class Stated(NamedTuple):
    """An item with what its breakdown is compared with."""

    pk: int
    settlement_id: int
    code: str
    amount_yen: int | None


class ItemSite(SettlementSite):
    """A site that knows the figures of the items which were asked for last."""

    known: tuple[Sequence[int], list[tuple]] = ((), [])

    def figures(self, pks: Sequence[int]) -> list[list[dict]]:
        maker = Maker(self, FIGURES_OF_ITEMS, (), *MONEY, "position")
        rows = _figures_of(maker.paths).ask(items=list(pks))
        rows.sort(key=IN_ORDER)
        self.known = pks, [row[: len(MONEY)] for row in rows]
        figures = defaultdict(list)
        for row, figure in zip(rows, maker.make(rows), strict=True):
            figures[row[0]].append(figure)
        return [figures[pk] for pk in pks]

    def funding(self, pks: Sequence[int]) -> list[list[dict]]:
        funding = defaultdict(list)
        if rows := _funding_of().ask(items=list(pks)):
            items, kinds, amounts, *cited = zip(*rows, strict=True)
            for item, kind, yen, source in zip(
                items, kinds, amounts, self.sources(*cited), strict=True
            ):
                funding[item].append({"kind": kind, "amount_yen": yen, "source": source})
        return [funding[pk] for pk in pks]

    def breakdowns(self, *columns: Sequence) -> list[dict]:
        pks, figures = self.known
        known = figures if pks == columns[0] else None
        found = load_breakdowns(list(map(Stated, *columns)), known)
        return [_tell_breakdown(found[pk]) for pk in columns[0]]

    def programs(self, slugs, names) -> list[dict | None]:
        page = self.pattern("program_detail")
        return [
            slug and {"slug": slug, "name": name, "url": page % slug}
            for slug, name in zip(slugs, names, strict=True)
        ]


def _tell_wholes(site, items, keys, wholes, *columns) -> list[dict | None]:
    """Return what each figure is a part of, which is told where it stands at the same item.

    There it is among the figures themselves.
    """
    told = set(wholes) - {None}
    places = {key: place for place, key in enumerate(keys) if key in told}
    found = [places.get(whole) for whole in wholes]
    return [
        None
        if place is None or items[place] != item
        else {name: column[place] for name, column in zip(FIGURE_KEYS, columns, strict=True)}
        for item, place in zip(items, found, strict=True)
    ]


# What FigureOut holds, of all figures of some items.
FIGURES_OF_ITEMS = FIGURE_FIELDS | {
    "part_of": RowField(("item_id", "pk", "part_of_id", *FIGURE_KEYS), _tell_wholes)
}


def _of_code(make) -> RowField:
    return RowField(("code",), lambda site, codes: map(make, codes))


@lru_cache(maxsize=10_000)
def _label_of(code: str) -> str:
    return item_label(code_level(code), code_number(code))


# What FlatItemOut holds.
ITEM_FIELDS: RowFields = {
    "code": as_read("code"),
    "label": _of_code(_label_of),
    "level": _of_code(code_level),
    **{name: as_read(name) for name in ("name", "body", "easy_summary", *AMOUNTS)},
    "parent_code": _of_code(lambda code: parent_code(code) or None),
    "program": RowField(PROGRAM, ItemSite.programs),
    "figures": RowField(("pk",), ItemSite.figures),
    "funding": RowField(("pk",), ItemSite.funding),
    "breakdown": RowField(("pk", ITEMS.at, "code", "amount_yen"), ItemSite.breakdowns),
    "source": SOURCE,
    "url": RowField((ITEMS.at, "code"), ItemSite.addresses),
    "fiscal_year": RowField((ITEMS.at,), ItemSite.years),
    "fiscal_year_label": RowField((ITEMS.at,), ItemSite.year_labels),
    "department": RowField((ITEMS.at,), ItemSite.departments),
}


class ItemRows:
    """The items that a page of the list asks for, ready for JSON.

    In the usual order they are read settlement by settlement, in another one by their primary keys.
    """

    told: ClassVar[dict] = {}

    def __init__(self, request: HttpRequest, page):
        kept = partial(page.keep, request)
        self.places = kept("places", lambda: load_places(ITEMS, page.list_settlements()))
        site = ItemSite(request, self.places)
        self.page, self.maker = page, Maker(site, ITEM_FIELDS, page.list_fields(), *KEYS)
        self.by_settlement, self.sorted = None, None
        if page.is_sorted:
            self.sorted = PrimaryKeys(
                page.narrow(SettlementItem.objects.published()), page.list_order()
            )
        else:
            self.by_settlement = SettlementRows(
                ITEMS, self.places, self.maker.paths, page.narrow_items(), kept
            )

    def count(self) -> int:
        return (self.sorted or self.by_settlement).count()

    def read(self, limit: int, offset: int = 0, after: list | None = None) -> tuple[list, Any]:
        if self.sorted:
            pks, last = self.sorted.read(limit, offset, after)
            rows = _items(self.maker.paths).ask(keys=pks)
            made = self.maker.make_by_key([row for row in rows if row[0] in self.places])
            return [made[pk] for pk in pks if pk in made], last
        rows = self.by_settlement.take(limit + 1, offset, after)
        last = self.by_settlement.key_of(rows[limit - 1]) if len(rows) > limit else None
        return self.maker.make(rows[:limit]), last

    def find(self, paths: list[str], offset: int, after: list | None) -> Iterator[Found]:
        """Yield what stands at the paths of all items, some items at a time."""
        items = self.page.narrow(add_public_source(SettlementItem.objects.published()))
        yield from KeyedRows(items, self.page.list_order()).find(paths, offset, after)


def nest_items(request: HttpRequest, settlement: Settlement) -> list[dict]:
    """Return the topmost items of a public settlement as NestedItemOut holds them, ready for JSON.

    Each with all below it; one whose parent is missing is topmost.
    """
    facts = load_item_facts([settlement])[settlement.pk]
    breakdowns, checks = check_breakdowns(facts), defaultdict(list)
    for result in check_settlement(facts):
        checks[result.code].append(_tell_check(result))
    site = ItemSite(request, load_places(ITEMS, Settlement.objects.filter(pk=settlement.pk)))
    fields = {name: ITEM_FIELDS[name] for name in ItemOut.model_fields} | {
        "breakdown": _of_code(lambda code: _tell_breakdown(breakdowns[code])),
        "checks": _of_code(checks.__getitem__),
        "children": _of_code(lambda code: []),
    }
    maker = Maker(site, fields, (), *KEYS)
    rows = read_settlement(ITEMS, maker.paths, settlement.pk)
    by_code = {item["code"]: item for item in maker.make(rows)}
    topmost = []
    for item in by_code.values():
        parent = by_code.get(item["parent_code"])
        (parent["children"] if parent else topmost).append(item)
    return topmost


@lru_cache(maxsize=100)
def _items(paths) -> Statement:
    items = SettlementItem.objects.filter(pk__in=GivenKeys("keys"))
    return Statement(items.order_by().values_list(*paths))


@lru_cache(maxsize=1)
def _figures_of(paths) -> Statement:
    """Return what asks for figures, in no order: Python sorts wide rows faster than SQLite does."""
    figures = SettlementFigure.objects.filter(item__in=GivenKeys("items"))
    return Statement(figures.order_by().values_list(*paths))


@lru_cache(maxsize=1)
def _funding_of() -> Statement:
    sources = FundingSource.objects.filter(item__in=GivenKeys("items"))
    return Statement(sources.order_by("pk").values_list(*FUNDING_PATHS))


def _tell_check(result) -> dict:
    """Return what CheckOut holds, ready for JSON."""
    return check_fields(result) | {"covered_percent": _tell_percent(result)}


def _tell_breakdown(result) -> dict:
    return {
        "status": result.status.value,
        "covered_yen": result.actual,
        "covered_percent": _tell_percent(result),
        "message": result.message,
    }


def _tell_percent(result) -> float | None:
    percent = result.covered_percent
    return None if percent is None else float(percent)
