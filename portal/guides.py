"""Pages that explain the others: how to read a settlement, how sums are checked, what is there."""

from itertools import groupby

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, Q
from django.shortcuts import render

from budgets.check_results import CheckName, CheckStatus
from budgets.facts import load_breakdowns
from budgets.found_checks import FoundChecks, list_counts
from budgets.models import Settlement, SettlementFigure, SettlementItem

from .coverage import list_report_years, list_settlement_cells
from .edition import edition_of, find_edition
from .forms import CheckListForm, CoverageForm
from .lists import csv_response
from .models import FigureKind, SourceDocument
from .tables import CHECK_COLUMNS, CHECK_COUNT_COLUMNS, COVERAGE_COLUMNS, REPORT_COVERAGE_COLUMNS

MOST_EXAMPLE_FIGURES = 12


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
    edition = edition_of(request) or find_edition()  # before the content that is kept for it
    settlements = Settlement.objects.published().in_fiscal_year(fiscal_year)
    found = FoundChecks(
        settlements.select_related("department"),
        edition,
        check=form.value("check"),
        status=form.value("status"),
        with_examples=True,
    )
    if form.wants_csv and form.table == "results":
        return csv_response(request, f"checks-{fiscal_year}", CHECK_COLUMNS, found)
    counts = list_counts(found.count_all())
    if form.wants_csv:
        return csv_response(request, f"check-counts-{fiscal_year}", CHECK_COUNT_COLUMNS, counts)
    return render(
        request,
        "portal/guide_checks.html",
        {
            "form": form,
            "fiscal_year": fiscal_year,
            "page": form.paginate(found),
            "checks": list(CheckName),
            "examples": found.list_examples(),
            "statuses": list(CheckStatus),
            "counts": counts,
        },
    )


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
