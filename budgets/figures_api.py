"""All figures in the API, those of initiatives and those of settlements, in one list."""

import unicodedata
from typing import Literal

from django.db.models import CharField, F, Q, Value
from django.db.models.functions import Coalesce, Concat
from django.http import HttpRequest
from ninja import Query, Router
from pydantic import BaseModel, Field

from initiatives.models import InitiativeFigure
from portal.api_lists import Key, KeyedRows, SortedPage, beyond
from portal.api_parameters import DEPARTMENT, FISCAL_YEAR, MAX_TEXT, FiscalYear, optional
from portal.api_schemas import FigureOut, Listing, Site, figure_row, read_figures
from portal.models import Department, FigureKind

from .models import SettlementFigure

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


OF_ITEMS = {
    "fiscal_year": "item__settlement__fiscal_year",
    "department": "item__settlement__department__slug",
}
OF_INITIATIVES = {
    "fiscal_year": "initiative__fiscal_year",
    "department": "initiative__departments__slug",
}
ITEM_PATHS = (
    *("pk", "item__name", "item__settlement__fiscal_year"),
    *("item__settlement__department__slug", "item__code"),
)
INITIATIVE_PATHS = ("pk", "initiative__title", "initiative__slug", "initiative__fiscal_year")
RECORDS = ("settlement_item", "initiative")
COLUMNS = ("record", "year", "place", "position", "pk", "kind", "label", "unit")


class FigurePage(SortedPage):
    row = FlatFigureOut
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

    def narrow(self, figures, lookups, title):
        figures = super().narrow(figures, {"kind": "kind", **lookups})
        for word in self.q.split()[:MAX_WORDS]:
            figures = figures.filter(_holding(word, title))
        return figures.order_by()


class FigureRows(KeyedRows):
    """The figures of settlements and of initiatives, each as (record kind, …, primary key).

    Unless sorted otherwise, settlements' figures come by department and code, then those of
    initiatives by slug, each newest year first.
    """

    def __init__(self, page: FigurePage):
        of_items = page.narrow(SettlementFigure.objects.published(), OF_ITEMS, "item__name")
        of_items = of_items.annotate(
            record=Value("settlement_item", CharField()),
            year=F("item__settlement__fiscal_year"),
            place=Concat(
                "item__settlement__department__slug",
                Value(" "),
                "item__code_order",
                output_field=CharField(),
            ),
        )
        of_initiatives = page.narrow(
            InitiativeFigure.objects.published(), OF_INITIATIVES, "initiative__title"
        ).annotate(
            record=Value("initiative", CharField()),
            year=Coalesce("initiative__fiscal_year", 0),
            place=F("initiative__slug"),
        )
        self.arms = (of_items, of_initiatives)
        self.keys = [
            Key(each.removeprefix("-"), each[0] == "-", False) for each in page.find_order()
        ]

    @property
    def queryset(self):
        return self._join(self.arms)

    def after(self, values):
        return self._join(
            arm.filter(beyond(self.keys, values, record=record))
            for arm, record in zip(self.arms, RECORDS, strict=True)
        )

    def count(self) -> int:
        return sum(arm.count() for arm in self.arms)

    def read(self, limit, offset=0, after=None):
        """Do as KeyedRows; without joining the two where the one comes wholly after the other."""
        if self.keys[0].path != "record":
            return super().read(limit, offset, after)
        found = []
        for arm, record in zip(self.arms, RECORDS, strict=True):
            rows = arm if after is None else arm.filter(beyond(self.keys, after, record=record))
            ordered = rows.values_list(*COLUMNS, named=True).order_by(*self._order())
            some = list(ordered[offset : offset + limit + 1 - len(found)])
            if offset:
                offset = 0 if some else offset - rows.count()
            found += some
            if len(found) > limit:
                return found[:limit], [key.value(found[limit - 1]) for key in self.keys]
        return found, None

    def _join(self, arms):
        first, second = (arm.values_list(*COLUMNS, named=True) for arm in arms)
        return first.union(second, all=True).order_by(*self._order())

    def _order(self):
        return [f"-{key.path}" if key.is_descending else key.path for key in self.keys]


def _holding(word: str, title: str) -> Q:
    """Return the condition that a figure's own text or its record's title holds a word."""
    usual = unicodedata.normalize("NFKC", word)
    spellings = {word, usual, usual.translate(TO_KATAKANA), usual.translate(TO_HIRAGANA)}
    condition = Q()
    for field in ("group", "label", "measure", "period", "note", title):
        for spelling in spellings:
            condition |= Q(**{f"{field}__icontains": spelling})
    return condition


def figures_out(request: HttpRequest, rows) -> list[dict]:
    """Return what FlatFigureOut holds, ready for JSON, of published rows, in two queries.

    What is published is not asked again: SQLite would look for it before it looks for the keys.
    """
    site, made = Site(request), {}
    of_items = _keys_of(rows, SettlementFigure, "settlement_item")
    page = site.pattern("settlement_item_detail")
    for row in read_figures(of_items, "item", *ITEM_PATHS):
        pk, title, *names = row[-len(ITEM_PATHS) :]
        record = {"kind": "settlement_item", "title": title, "url": page % tuple(names)}
        figure = figure_row(site, row)
        made["settlement_item", pk] = figure | {"fiscal_year": names[0], "record": record}
    of_initiatives = _keys_of(rows, InitiativeFigure, "initiative")
    page = site.pattern("initiative_detail")
    for row in read_figures(of_initiatives, "initiative", *INITIATIVE_PATHS):
        pk, title, slug, year = row[-len(INITIATIVE_PATHS) :]
        record = {"kind": "initiative", "title": title, "url": page % slug}
        figure = figure_row(site, row)
        made["initiative", pk] = figure | {"fiscal_year": year, "record": record}
    return [made[key] for row in rows if (key := (row.record, row.pk)) in made]


def _keys_of(rows, model, record):
    pks = [row.pk for row in rows if row.record == record]
    return model.objects.filter(pk__in=pks).order_by()


@router.get("figures", response=Listing[FlatFigureOut], summary="実績値の一覧")
def list_figures(request, page: Query[FigurePage]):
    """取組と決算項目の実績値を、記録とともに1行ずつ返します。"""
    return page.answer(request, FigureRows(page), figures_out)
