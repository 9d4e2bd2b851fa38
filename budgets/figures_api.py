"""All figures in the API, those of initiatives and those of settlements, in one list."""

import unicodedata
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache, partial
from typing import Any, ClassVar, Literal

from django.db.models import CharField, F, Q, QuerySet, Value
from django.db.models.functions import Coalesce, Concat
from django.http import HttpRequest
from ninja import Query, Router
from pydantic import BaseModel, Field

from initiatives.models import InitiativeFigure
from portal.api_files import Found
from portal.api_lists import Key, Page, SortedPage, beyond
from portal.api_parameters import DEPARTMENT, FISCAL_YEAR, MAX_TEXT, FiscalYear, optional
from portal.api_rows import FIGURE_FIELDS, Maker, RowField, as_read
from portal.api_schemas import FigureOut, Listing
from portal.models import Department, FigureKind
from portal.open_data_columns import (
    CHUNK,
    add_own_whole,
    add_public_source,
    into_columns,
    read_columns,
    read_values,
)
from portal.prepared import GivenKeys, Statement

from .figure_cells import FIGURE_CELLS
from .models import Settlement, SettlementFigure
from .settlement_rows import FIGURES, SettlementRows, SettlementSite, load_places

router = Router(tags=["実績値"])

MAX_WORDS = 5
TO_KATAKANA = {code: code + 0x60 for code in range(0x3041, 0x3097)}
TO_HIRAGANA = {katakana: hiragana for hiragana, katakana in TO_KATAKANA.items()}


class RecordRef(BaseModel):
    kind: Literal["initiative", "settlement_item"] = Field(
        description="initiative：取組、settlement_item：決算項目"
    )
    title: str = Field(description="取組の題名、または決算項目の名称")
    url: str = Field(description="記録のページのアドレス")


class FlatFigureOut(FigureOut):
    fiscal_year: int | None = Field(
        description="記録の年度（4月に始まる年度の西暦）。取組の資料に年度の記載がなければ null"
    )
    record: RecordRef = Field(description="実績値の属する記録")


PLACES = {"fiscal_year": "fiscal_year", "department": "department__slug"}
OF_ITEMS = {
    "fiscal_year": "item__settlement__fiscal_year",
    "department": "item__settlement__department__slug",
}
OF_INITIATIVES = {
    "fiscal_year": "initiative__fiscal_year",
    "department": "initiative__departments__slug",
}
RECORDS = ("settlement_item", "initiative")
COLUMNS = ("record", "year", "place", "position", "pk", "kind", "label", "unit")


class FigurePage(SortedPage):
    row = FlatFigureOut
    cells = FIGURE_CELLS
    usual_order = ("-record", "-year", "place", "position", "pk")
    sorts = {"fiscal_year": "year", **{name: name for name in ("kind", "label", "unit")}}
    named = {"department": Department}

    fiscal_year: FiscalYear | None = optional(FISCAL_YEAR)
    department: str | None = optional(DEPARTMENT)
    kind: Literal[*FigureKind.values] | None = optional("実績値の種類")
    q: str = Field(
        "",
        max_length=MAX_TEXT,
        description=(
            "実績値の区分・項目・測るもの・時期・注記、または記録の題名に含む言葉。"
            f"空白で区切ると、すべてを含むもの（{MAX_WORDS}語まで）"
        ),
    )

    def list_settlements(self):
        return Page.narrow(self, Settlement.objects.published(), PLACES)

    def narrow_items(self):
        """Return the figures that are asked for, of whatever settlement; None: all."""
        if self.kind is None and not self.q.split():
            return None
        return self.narrow(FIGURES.load(), {}, "item__name")

    def narrow(self, figures, lookups, title):
        figures = super().narrow(figures, {"kind": "kind", **lookups})
        for word in self.q.split()[:MAX_WORDS]:
            figures = figures.filter(_holding(word, title))
        return figures.order_by()


class FigureRows:
    """The figures of settlements and of initiatives, ready for JSON.

    Unless sorted otherwise, settlements' figures come by department and code, then those of
    initiatives by slug, each newest year first. A key is (record kind, …, primary key).
    """

    told: ClassVar[dict] = {}

    def __init__(self, request: HttpRequest, page: FigurePage):
        kept = partial(page.keep, request)
        self.page = page
        self.places = kept("places", lambda: load_places(FIGURES, page.list_settlements()))
        site, fields = SettlementSite(request, self.places), page.list_fields()
        self.of_items = Maker(site, FIGURES_OF_ITEMS, fields, FIGURES.at, *FIGURES.within)
        self.of_initiatives = Maker(site, FIGURES_OF_INITIATIVES, fields, "pk")
        self.by_settlement = SettlementRows(
            FIGURES, self.places, self.of_items.paths, page.narrow_items(), kept
        )
        self.keys = [
            Key(each.removeprefix("-"), each[0] == "-", False) for each in page.find_order()
        ]

    def count(self) -> int:
        return self.by_settlement.count() + self._arms[1].count()

    def read(self, limit: int, offset: int = 0, after: list | None = None) -> tuple[list, Any]:
        if self.keys[0].path != "record":
            return self._read_sorted(limit, offset, after)
        made, wanted, last = [], limit + 1, None
        if not after or after[0] == RECORDS[0]:
            rows = self.by_settlement.take(wanted, offset, after and _split_key(after))
            made = self.of_items.make(rows[:limit])
            if len(rows) > limit:
                return made, _join_key(self.by_settlement.key_of(rows[limit - 1]))
            if rows:
                last = _join_key(self.by_settlement.key_of(rows[-1]))
            offset = max(0, offset - self.by_settlement.count()) if offset and not rows else 0
            wanted -= len(rows)
        arm = self._arms[1]
        if after:
            arm = arm.filter(beyond(self.keys, after, record=RECORDS[1]))
        rows = [*self._select(arm).order_by(*self._order())[offset : offset + wanted]]
        if len(rows) < wanted:
            return made + self._make(rows), None
        if wanted > 1:
            last = [key.value(rows[-2]) for key in self.keys]
        return made + self._make(rows[:-1]), last

    def _read_sorted(self, limit, offset, after):
        first, second = map(self._select, self._after(after))
        rows = first.union(second, all=True).order_by(*self._order())
        rows = list(rows[offset : offset + limit + 1])
        last = [key.value(rows[limit - 1]) for key in self.keys] if len(rows) > limit else None
        return self._make(rows[:limit]), last

    def find(self, paths: list[str], offset: int, after: list | None) -> Iterator[Found]:
        """Do as KeyedRows; see figure_cells.py for what is there beside a figure's own."""
        arms = [
            add_own_whole(add_public_source(arm), owner)
            for arm, owner in zip(self._after(after), ("item", "initiative"), strict=True)
        ]
        if self.keys[0].path == "record" and not offset:
            for arm in arms:
                yield from read_columns(arm.order_by(*self._order()), paths)
            return
        names = list(dict.fromkeys([*paths, *COLUMNS]))
        first, second = (read_values(arm, names) for arm in arms)
        rows = first.union(second, all=True).order_by(*self._order())[offset:]
        yield from into_columns(names, rows.iterator(chunk_size=CHUNK))

    def _after(self, key: list | None) -> Sequence[QuerySet]:
        if not key:
            return self._arms
        return [
            arm.filter(beyond(self.keys, key, record=record))
            for arm, record in zip(self._arms, RECORDS, strict=True)
        ]

    @cached_property
    def _arms(self) -> tuple[QuerySet, QuerySet]:
        of_items = self.page.narrow(SettlementFigure.objects.published(), OF_ITEMS, "item__name")
        of_initiatives = self.page.narrow(
            InitiativeFigure.objects.published(), OF_INITIATIVES, "initiative__title"
        )
        return of_items.annotate(
            record=Value("settlement_item", CharField()),
            year=F("item__settlement__fiscal_year"),
            title=F("item__name"),
            stated_year=F("item__settlement__fiscal_year"),
            owner=F("item__settlement__department__slug"),
            code=F("item__code"),
            place=Concat(
                "item__settlement__department__slug",
                Value(" "),
                "item__code_order",
                output_field=CharField(),
            ),
        ), of_initiatives.annotate(
            record=Value("initiative", CharField()),
            year=Coalesce("initiative__fiscal_year", 0),
            place=F("initiative__slug"),
            title=F("initiative__title"),
            stated_year=F("initiative__fiscal_year"),
            owner=F("initiative__slug"),
            code=Value("", CharField()),
        )

    def _select(self, arm: QuerySet) -> QuerySet:
        return arm.values_list(*COLUMNS, named=True)

    def _order(self):
        return [f"-{key.path}" if key.is_descending else key.path for key in self.keys]

    def _make(self, rows) -> list[dict]:
        """Return what stands for rows of either record, which tell its kind and primary key."""
        pks = {record: [row.pk for row in rows if row.record == record] for record in RECORDS}
        of_items = _read_of_items(self.of_items.paths).ask(keys=pks["settlement_item"])
        of_items = [row for row in of_items if row[0] in self.places]
        of_initiatives = _read_of_initiatives(self.of_initiatives.paths).ask(keys=pks["initiative"])
        made = {
            (record, pk): each
            for record, maker, found in (
                ("settlement_item", self.of_items, of_items),
                ("initiative", self.of_initiatives, of_initiatives),
            )
            for pk, each in maker.make_by_key(found).items()
        }
        return [made[key] for row in rows if (key := (row.record, row.pk)) in made]


def _holding(word: str, title: str) -> Q:
    """Return the condition that a figure's own text or its record's title holds a word."""
    usual = unicodedata.normalize("NFKC", word)
    spellings = {word, usual, usual.translate(TO_KATAKANA), usual.translate(TO_HIRAGANA)}
    condition = Q()
    for field in ("group", "label", "measure", "period", "note", title):
        for spelling in spellings:
            condition |= Q(**{f"{field}__icontains": spelling})
    return condition


def _tell_items(site, settlements, names, codes) -> list[dict]:
    return [
        {"kind": "settlement_item", "title": name, "url": url}
        for name, url in zip(names, site.addresses(settlements, codes), strict=True)
    ]


def _tell_initiatives(site, titles, slugs) -> list[dict]:
    page = site.pattern("initiative_detail")
    return [
        {"kind": "initiative", "title": title, "url": page % slug}
        for title, slug in zip(titles, slugs, strict=True)
    ]


# What FlatFigureOut holds.
FIGURES_OF_ITEMS = FIGURE_FIELDS | {
    "fiscal_year": RowField((FIGURES.at,), SettlementSite.years),
    "record": RowField((FIGURES.at, "item__name", "item__code"), _tell_items),
}
FIGURES_OF_INITIATIVES = FIGURE_FIELDS | {
    "fiscal_year": as_read("initiative__fiscal_year"),
    "record": RowField(("initiative__title", "initiative__slug"), _tell_initiatives),
}


@lru_cache(maxsize=100)
def _read_of_items(paths) -> Statement:
    figures = FIGURES.load().filter(pk__in=GivenKeys("keys"))
    return Statement(figures.order_by().values_list(*paths))


@lru_cache(maxsize=100)
def _read_of_initiatives(paths) -> Statement:
    figures = InitiativeFigure.objects.filter(pk__in=GivenKeys("keys"))
    return Statement(add_own_whole(figures, "initiative").order_by().values_list(*paths))


def _split_key(key: list) -> list:
    """Return the key of a settlement's row of that of a figure in the list, which joins some."""
    _, year, place, position, pk = key
    department, _, code_order = place.partition(" ")
    return [year, department, code_order, position, pk]


def _join_key(key: list) -> list:
    year, department, code_order, position, pk = key
    return ["settlement_item", year, f"{department} {code_order}", position, pk]


@router.get("figures", response=Listing[FlatFigureOut], summary="実績値の一覧")
def list_figures(request, page: Query[FigurePage]):
    """取組と決算項目の実績値を、記録とともに1行ずつ返します。"""
    return page.answer(request, FigureRows(request, page))
