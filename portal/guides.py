"""Pages that explain the others: how to read a settlement, how sums are checked, what is there."""

from collections import Counter
from dataclasses import dataclass
from itertools import groupby

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, Q
from django.shortcuts import render

from budgets.check_results import CheckName, CheckResult, CheckStatus
from budgets.checks import check_settlement
from budgets.facts import load_breakdowns, load_item_facts
from budgets.models import Settlement, SettlementFigure, SettlementItem

from .coverage import list_report_years, list_settlement_cells
from .forms import CheckListForm, CoverageForm
from .lists import csv_response
from .models import FigureKind, SourceDocument
from .tables import CHECK_COLUMNS, CHECK_COUNT_COLUMNS, COVERAGE_COLUMNS, REPORT_COVERAGE_COLUMNS

MOST_EXAMPLE_FIGURES = 12


@dataclass(frozen=True)
class FoundResult:
    """What a check found, with the item that it found it at."""

    item: SettlementItem
    result: CheckResult


def guide_settlement(request):
    example = find_example_item()
    return render(
        request,
        "portal/guide_settlement.html",
        {
            "example": example,
            "breakdown": example and load_breakdowns([example])[example.pk],
            "spent": example
            and example.figures.filter(kind=FigureKind.EXPENDITURE).select_related("source"),
            "silent": example and find_silent_item(example.settlement),
        },
    )


def find_example_item():
    """The item of the newest year that says best how its amount was spent; it has none below."""
    spent = SettlementFigure.objects.filter(item=OuterRef("pk"), kind=FigureKind.EXPENDITURE)
    return (
        SettlementItem.objects.published()
        .filter(~Exists(spent.filter(part_of__isnull=False)), amount_yen__gt=0, children=None)
        .annotate(spent_count=Count("figures", filter=Q(figures__kind=FigureKind.EXPENDITURE)))
        .filter(spent_count__range=(1, MOST_EXAMPLE_FIGURES))
        .select_related("settlement__department", "source")
        .order_by("-settlement__fiscal_year", "-spent_count", "code_order", "settlement")
        .first()
    )


def find_silent_item(settlement):
    """The first item of a public settlement that states no amount and has none below."""
    below = SettlementItem.objects.filter(parent=OuterRef("pk"))
    return (
        SettlementItem.objects.published()
        .filter(~Exists(below), settlement=settlement, amount_yen=None)
        .select_related("settlement__department")
        .first()
    )


def guide_checks(request):
    years = Settlement.objects.published().order_by("-fiscal_year")
    years = list(years.values_list("fiscal_year", flat=True).distinct())
    form = CheckListForm(request.GET, years)
    fiscal_year = form.value("fiscal_year") or next(iter(years), None)
    found = check_all(Settlement.objects.published().in_fiscal_year(fiscal_year))
    rows, counts = form.filter(found), count_statuses(found)
    if form.wants_csv and form.table == "counts":
        return csv_response(request, f"check-counts-{fiscal_year}", CHECK_COUNT_COLUMNS, counts)
    if form.wants_csv:
        return csv_response(request, f"checks-{fiscal_year}", CHECK_COLUMNS, rows)
    return render(
        request,
        "portal/guide_checks.html",
        {
            "form": form,
            "fiscal_year": fiscal_year,
            "page": form.paginate(rows),
            "checks": list(CheckName),
            "examples": choose_examples(found),
            "statuses": list(CheckStatus),
            "counts": counts,
        },
    )


def check_all(settlements) -> list[FoundResult]:
    """Return all results of some settlements with their items, in a constant number of queries."""
    facts = load_item_facts(settlements)
    items = {
        (item.settlement_id, item.code): item
        for item in SettlementItem.objects.filter(settlement__in=settlements)
        .select_related("settlement__department")
        .only("code", "name", "settlement")
    }
    return [
        FoundResult(items[settlement, result.code], result)
        for settlement in dict.fromkeys(settlement for settlement, _ in items)
        for result in check_settlement(facts[settlement])
    ]


def choose_examples(found):
    """Return a result for each check that has one: rather one that compares two numbers."""
    examples = {}
    for each in sorted(found, key=lambda each: each.result.status != CheckStatus.PARTIAL):
        current = examples.get(each.result.check.value)
        if current is None or (current.result.actual is None and each.result.actual is not None):
            examples[each.result.check.value] = each
    return examples


def count_statuses(found):
    """Return (check, a number for each status) for every check."""
    counts = Counter((each.result.check, each.result.status) for each in found)
    return [(check, [counts[check, status] for status in CheckStatus]) for check in CheckName]


def coverage(request):
    form = CoverageForm(request.GET)
    cells, reports = list_settlement_cells(), list_report_years()
    if form.wants_csv and form.table == "reports":
        return csv_response(request, "coverage-reports", REPORT_COVERAGE_COLUMNS, reports)
    if form.wants_csv:
        return csv_response(request, "coverage", COVERAGE_COLUMNS, cells)
    rows = [list(row) for _, row in groupby(cells, key=lambda cell: cell.department)]
    return render(
        request,
        "portal/coverage.html",
        {
            "form": form,
            "years": [cell.fiscal_year for cell in rows[0]] if rows else [],
            "rows": rows,
            "missing": sum(cell.status == "未掲載" for cell in cells),
            "reports": reports,
            "documents": SourceDocument.objects.published().count(),
        },
    )


def accessibility(request):
    return render(
        request,
        "portal/accessibility.html",
        {"contact_name": settings.CONTACT_NAME, "contact_url": settings.CONTACT_URL},
    )
