"""The charts of the pages, each on a page that others may frame, and as SVG and CSV.

A chart is made as its page makes it, of the same records; its address lasts as the page's does.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from csp.decorators import csp_replace
from django.conf import settings
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.urls import path, register_converter
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_safe

import budgets.urls  # noqa: F401  registers the converters of years and codes
from budgets.facts import load_breakdowns
from budgets.former_codes import redirect_former_code
from budgets.models import Program, Settlement
from budgets.outline import list_topmost_stated
from budgets.series import list_points, make_series
from budgets.shares import (
    slice_items,
    slice_settlements,
    stack_coverage,
    stack_funding,
)
from budgets.tables import AMOUNT_COLUMNS, FUNDING_COLUMNS, RANK_COLUMNS
from budgets.views import (
    OVER_THE_YEARS,
    items_with_address,
    picture_of,
    settlements_with_totals,
)
from initiatives.models import Indicator, IndicatorValue
from initiatives.tables import INDICATOR_VALUE_COLUMNS
from initiatives.tables import list_points as list_indicator_points

from .addresses import redirect_former_slug, tell_withdrawal
from .charts import make_treemaps
from .display_unit import carry_unit, get_unit
from .embed_sheets import make_sheet
from .fictitious import tell_fictitious
from .fiscal_year import format_fiscal_year_both
from .lists import ADDRESS, Column, csv_response
from .models import Department
from .views import largest_items
from .year_charts import make_series_drawings

LICENCE = "CC BY 4.0"
LARGEST = 24
# What XML 1.0 cannot hold, not even escaped.
NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Chart:
    """A chart of the page `address`: `kind` says how `drawing` is drawn.

    `cited` are the records whose sources it has; `columns` and `rows` are its numbers.
    """

    kind: str
    title: str
    caption: str
    address: str
    drawing: Any
    columns: list[Column]
    rows: Iterable
    cited: list
    headings: tuple[str, str] = ("", "")

    def list_sources(self) -> list[tuple]:
        """Return each public source once, with its locator where it is the only record's."""
        if len(self.cited) == 1:
            (record,) = self.cited
            return [(record.public_source, record.locator)] if record.public_source else []
        found = {record.public_source: None for record in self.cited if record.public_source}
        return [(source, "") for source in found]


class ChartConverter:
    regex = "treemap|largest|ranking|coverage|funding|series"
    to_python = str
    to_url = str


class FormatConverter:
    regex = "svg|csv"
    to_python = str
    to_url = str


register_converter(ChartConverter, "chart")
register_converter(FormatConverter, "chart_format")


def _cite(columns: list[Column], cited_of: Callable[[Any], Any]) -> list[Column]:
    """Return columns of amounts with the source of each before its address."""

    def title(row):
        source = cited_of(row).public_source
        return source.title if source else None

    def locator(row):
        return cited_of(row).locator if cited_of(row).public_source else None

    *others, last = columns
    return [*others, ("出典", title), ("出典の箇所", locator), last]


def _caption(name, caption):
    return f"{caption}（金額の大きい順）" if name == "ranking" else caption


def _picture(name, slices, unit, whole_yen=None):
    """Return the drawing of a treemap or ranking, and the ranks; Http404 where the page has none."""
    picture = picture_of(slices, unit, whole_yen)
    drawing = picture.get({"treemap": "treemaps", "ranking": "ranks"}.get(name))
    if not drawing:
        raise Http404
    return drawing, picture["ranks"]


def settlement_year_chart(name, unit, fiscal_year):
    title = f"{format_fiscal_year_both(fiscal_year)}の決算"
    if name == "largest":
        items = list(largest_items(fiscal_year)[:LARGEST])
        drawing = make_treemaps(slice_items(items), unit) if len(items) > 1 else []
        if not drawing:
            raise Http404
        address = f"/settlements/{fiscal_year}/"
        caption = "決算額の大きい項目"
        return Chart("treemap", title, caption, address, drawing, AMOUNT_COLUMNS, items, items)
    settlements = list(settlements_with_totals().in_fiscal_year(fiscal_year))
    drawing, ranks = _picture(name, slice_settlements(settlements), unit)
    by_address = {settlement.get_absolute_url(): settlement for settlement in settlements}
    return Chart(
        name,
        title,
        _caption(name, "部局ごとの、資料に金額が書かれた項目の合計"),
        f"/settlements/{fiscal_year}/",
        drawing,
        _cite(RANK_COLUMNS, lambda rank: by_address[rank.bar.mark.slice.url]),
        ranks,
        settlements,
        ("部局", "合計に占める割合"),
    )


def settlement_chart(name, unit, fiscal_year, department):
    settlement = get_object_or_404(
        settlements_with_totals(), fiscal_year=fiscal_year, department__slug=department
    )
    items = items_with_address().filter(settlement=settlement).defer("body")
    drawing, ranks = _picture(name, slice_items(list_topmost_stated(items)), unit)
    return Chart(
        name,
        f"{format_fiscal_year_both(fiscal_year)} {settlement.department}の決算",
        _caption(name, "金額が書かれた項目"),
        settlement.get_absolute_url(),
        drawing,
        _cite(RANK_COLUMNS, lambda rank: settlement),
        ranks,
        [settlement],
        ("項目", "合計に占める割合"),
    )


def settlement_item_chart(name, unit, fiscal_year, department, code):
    item = get_object_or_404(
        items_with_address(),
        settlement__fiscal_year=fiscal_year,
        settlement__department__slug=department,
        code=code,
    )
    title = f"{item.name}（{item.settlement}）"
    place = (item.get_absolute_url(),)
    if name == "funding":
        funding = list(item.funding_sources.select_related("source"))
        for part in funding:
            part.item = item
        stack = stack_funding(funding, unit)
        if not stack.segments:
            raise Http404
        return Chart(
            "stack", title, "財源の割合", *place, stack, FUNDING_COLUMNS, funding, [item, *funding]
        )
    if name == "coverage":
        breakdown = load_breakdowns([item])[item.pk]
        stack = stack_coverage(breakdown, unit) if item.amount_yen is not None else None
        if stack is None:
            raise Http404
        columns = [
            ("区分", lambda segment: segment.mark.slice.name),
            ("金額（円）", lambda segment: segment.mark.slice.amount_yen),
            ("割合", lambda segment: segment.percent_text),
            (ADDRESS, lambda segment: item.get_absolute_url()),
        ]
        columns = _cite(columns, lambda segment: item)
        caption = "決算額のうち、内訳が公表されている額"
        return Chart("stack", title, caption, *place, stack, columns, stack.segments, [item])
    items = items_with_address().within(item).defer("body")
    slices = slice_items(list_topmost_stated(items, code))
    drawing, ranks = _picture(name, slices, unit, item.amount_yen)
    whole = "下の項目の合計" if item.amount_yen is None else "この項目"
    return Chart(
        name,
        title,
        _caption(name, "金額が書かれた下の項目"),
        *place,
        drawing,
        _cite(RANK_COLUMNS, lambda rank: item),
        ranks,
        [item],
        ("項目", f"{whole}に占める割合"),
    )


def program_chart(name, unit, slug):
    program = get_object_or_404(Program.objects.published(), slug=slug)
    items = list(items_with_address().filter(program=program).order_by(*OVER_THE_YEARS))
    series = make_series(items)
    drawings = make_series_drawings(list_points(series), unit)
    if name != "series" or not drawings:
        raise Http404
    amounts = {year.fiscal_year: year.amount_yen for year in series}
    of_year = ("年度の決算額（円）", lambda item: amounts[item.settlement.fiscal_year])
    columns = [*AMOUNT_COLUMNS[:2], of_year, *AMOUNT_COLUMNS[2:]]
    address = program.get_absolute_url()
    return Chart(
        "series", program.name, "年度ごとの決算額", address, drawings, columns, items, items
    )


def indicator_chart(name, unit, slug):
    indicator = get_object_or_404(Indicator.objects.published().select_related("source"), slug=slug)
    values = list(
        IndicatorValue.objects.published()
        .filter(indicator=indicator)
        .select_related("indicator", "source")
    )
    drawings = make_series_drawings(list_indicator_points(values), indicator.unit)
    if name != "series" or not drawings:
        raise Http404
    cited = [indicator, *values]
    address, columns = indicator.get_absolute_url(), INDICATOR_VALUE_COLUMNS
    return Chart("series", indicator.name, "年ごとの値", address, drawings, columns, values, cited)


def answer(request, chart: Chart, format: str | None, file_name: str):
    if format == "csv":
        response = csv_response(request, file_name, chart.columns, chart.rows)
    elif format == "svg":
        response = HttpResponse(
            write_svg(request, chart), content_type="image/svg+xml; charset=utf-8"
        )
        response["Content-Disposition"] = f'inline; filename="{file_name}.svg"'
    else:
        page = request.build_absolute_uri(carry_unit(chart.address, request))
        csv = carry_unit(f"{request.path.removesuffix('/')}.csv", request)
        context = {
            "chart": chart,
            "page": page,
            "canonical": request.build_absolute_uri(chart.address),
            "csv": csv,
            "sources": chart.list_sources(),
        }
        return render(request, "portal/embed.html", context)
    response["Access-Control-Allow-Origin"] = "*"
    return response


def write_svg(request, chart: Chart) -> str:
    named = [
        f"{source.issued_by}「{source.title}」{locator}" for source, locator in chart.list_sources()
    ]
    page = request.build_absolute_uri(chart.address)
    sources = [
        *filter(None, [tell_fictitious()]),
        f"出典：{'、'.join(named) or '掲載なし'}",
        f"{settings.SITE_NAME}（{LICENCE}）",
        page,
    ]
    sheet = make_sheet(chart.kind, chart.title, chart.caption, chart.drawing, sources)
    return NO_XML.sub("", render_to_string("portal/embed_sheet.svg", {"sheet": sheet}))


def _routes(name: str, place: str, make: Callable[..., Chart], *guards):
    """Return the routes of the charts of one kind of page; only these may be framed by anybody."""

    def view(request, chart, format=None, **arguments):
        made = make(chart, get_unit(request), **arguments)
        file_name = "-".join(map(str, [chart, *arguments.values()]))
        return answer(request, made, format, file_name)

    for guard in guards:
        view = guard(view)
    view = csp_replace({"frame-ancestors": ["*"]})(xframe_options_exempt(require_safe(view)))
    return [
        path(f"embed/{place}/<chart:chart>/", view, name=f"embed_{name}"),
        path(f"embed/{place}/<chart:chart>.<chart_format:format>", view, name=f"embed_{name}_file"),
    ]


_YEAR = "settlements/<fiscal_year:fiscal_year>"
_of_settlement = (
    redirect_former_slug(Department, "department"),
    tell_withdrawal(Settlement, fiscal_year="fiscal_year", department="department__slug"),
)

urlpatterns = [
    *_routes("settlement_year", _YEAR, settlement_year_chart),
    *_routes("settlement", f"{_YEAR}/<slug:department>", settlement_chart, *_of_settlement),
    *_routes(
        "settlement_item",
        f"{_YEAR}/<slug:department>/<item_code:code>",
        settlement_item_chart,
        redirect_former_code,
        *_of_settlement,
    ),
    *_routes("program", "programs/<slug:slug>", program_chart, redirect_former_slug(Program)),
    *_routes(
        "indicator",
        "indicators/<slug:slug>",
        indicator_chart,
        redirect_former_slug(Indicator),
        tell_withdrawal(Indicator),
    ),
]
