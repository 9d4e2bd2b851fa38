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
from portal.api_schemas import FigureOut, Listing, figure_fields, url_of
from portal.models import Department, Figure, FigureKind

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
            for arm, record in zip(self.arms, ("settlement_item", "initiative"), strict=True)
        )

    def _join(self, arms):
        first, second = (arm.values_list(*COLUMNS, named=True) for arm in arms)
        order = (f"-{key.path}" if key.is_descending else key.path for key in self.keys)
        return first.union(second, all=True).order_by(*order)


def _holding(word: str, title: str) -> Q:
    """Return the condition that a figure's own text or its record's title holds a word."""
    usual = unicodedata.normalize("NFKC", word)
    spellings = {word, usual, usual.translate(TO_KATAKANA), usual.translate(TO_HIRAGANA)}
    condition = Q()
    for field in ("group", "label", "measure", "period", "note", title):
        for spelling in spellings:
            condition |= Q(**{f"{field}__icontains": spelling})
    return condition


def load_figures(rows) -> list[Figure]:
    """Return the figures of some published rows with their records, in order, in two queries.

    What is published is not asked again: SQLite would look for it before it looks for the keys.
    """
    querysets = {
        "settlement_item": SettlementFigure.objects.select_related(
            "source", "part_of", "item__settlement__department"
        ),
        "initiative": InitiativeFigure.objects.select_related("source", "part_of", "initiative"),
    }
    loaded = {
        record: queryset.in_bulk([row.pk for row in rows if row.record == record])
        for record, queryset in querysets.items()
    }
    return [figure for row in rows if (figure := loaded[row.record].get(row.pk))]


def figures_out(request: HttpRequest, rows) -> list[FlatFigureOut]:
    return [figure_out(request, figure) for figure in load_figures(rows)]


def figure_out(request: HttpRequest, figure: Figure) -> FlatFigureOut:
    if isinstance(figure, SettlementFigure):
        record, title = figure.item, figure.item.name
        kind, fiscal_year = "settlement_item", record.settlement.fiscal_year
    else:
        record, title = figure.initiative, figure.initiative.title
        kind, fiscal_year = "initiative", record.fiscal_year
    return FlatFigureOut(
        **figure_fields(request, figure),
        fiscal_year=fiscal_year,
        record=RecordRef(kind=kind, title=title, url=url_of(request, record)),
    )


@router.get("figures", response=Listing[FlatFigureOut], summary="実績値の一覧")
def list_figures(request, page: Query[FigurePage]):
    """取組と決算項目の実績値を、記録とともに1行ずつ返します。"""
    return page.answer(request, FigureRows(page), figures_out)
