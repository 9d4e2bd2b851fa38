"""Items of settlements as the API lists them: many at a time, in a few narrow queries."""

from collections import defaultdict
from functools import lru_cache
from typing import NamedTuple

from django.http import HttpRequest

from portal.api_schemas import SOURCE_PATHS, Site, figure_row, read_figures
from portal.fiscal_year import format_fiscal_year
from portal.open_data_columns import add_public_source

from .facts import load_breakdowns
from .item_codes import code_level, code_number, item_label, parent_code
from .models import FundingSource, SettlementFigure, SettlementItem

PATHS = {
    "pk": "pk",
    "settlement_id": "settlement_id",
    "code": "code",
    "name": "name",
    "body": "body",
    "easy_summary": "easy_summary",
    "amount_yen": "amount_yen",
    "initial_budget_yen": "initial_budget_yen",
    "supplementary_yen": "supplementary_yen",
    "carried_in_yen": "carried_in_yen",
    "budget_yen": "budget_yen",
    "carried_over_yen": "carried_over_yen",
    "unused_yen": "unused_yen",
    "fiscal_year": "settlement__fiscal_year",
    "department": "settlement__department__slug",
    "department_name": "settlement__department__name",
    "program": "program__slug",
    "program_name": "program__name",
    "source": SOURCE_PATHS[0],
    "source_title": SOURCE_PATHS[1],
    "locator": SOURCE_PATHS[2],
}
AMOUNTS = [name for name in PATHS if name.endswith("_yen")]

Row = NamedTuple("Row", [(name, object) for name in PATHS])
name_fiscal_year = lru_cache(format_fiscal_year)


def items_out(request: HttpRequest, pks: list[int]) -> list[dict]:
    """Return what FlatItemOut holds, ready for JSON, of published items by their primary keys.

    What is published is not asked again: SQLite would look for it before it looks for the keys.
    """
    site = Site(request)
    asked = add_public_source(SettlementItem.objects.filter(pk__in=pks).order_by())
    found = {row[0]: Row(*row) for row in asked.values_list(*PATHS.values())}
    items = [found[pk] for pk in pks if pk in found]
    breakdowns, figures, funding = load_breakdowns(items), defaultdict(list), defaultdict(list)
    of_items = SettlementFigure.objects.filter(item__in=pks).order_by("position", "pk")
    for row in read_figures(of_items, "item", "item_id"):
        figures[row[-1]].append(figure_row(site, row))
    sources = add_public_source(FundingSource.objects.filter(item__in=pks).order_by("pk"))
    for item, kind, yen, *source in sources.values_list(
        "item_id", "kind", "amount_yen", *SOURCE_PATHS
    ):
        funding[item].append({"kind": kind, "amount_yen": yen, "source": site.source(*source)})
    page, programs = site.pattern("settlement_item_detail"), site.pattern("program_detail")
    return [
        {
            "code": item.code,
            "label": item_label(code_level(item.code), code_number(item.code)),
            "level": code_level(item.code),
            "name": item.name,
            "body": item.body,
            "easy_summary": item.easy_summary,
            **{name: getattr(item, name) for name in AMOUNTS},
            "parent_code": parent_code(item.code) or None,
            "program": item.program
            and {
                "slug": item.program,
                "name": item.program_name,
                "url": programs % item.program,
            },
            "figures": figures[item.pk],
            "funding": funding[item.pk],
            "breakdown": _breakdown(breakdowns[item.pk]),
            "source": site.source(item.source, item.source_title, item.locator),
            "url": page % (item.fiscal_year, item.department, item.code),
            "fiscal_year": item.fiscal_year,
            "fiscal_year_label": name_fiscal_year(item.fiscal_year),
            "department": {"slug": item.department, "name": item.department_name},
        }
        for item in items
    ]


def _breakdown(result) -> dict:
    percent = result.covered_percent
    return {
        "status": result.status.value,
        "covered_yen": result.actual,
        "covered_percent": None if percent is None else float(percent),
        "message": result.message,
    }
