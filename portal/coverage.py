"""What is there and what is missing: settlements by department and year, and reports by year."""

from dataclasses import dataclass

from django.db.models import Count, Q

from budgets.models import Settlement, SettlementFigure
from initiatives.models import ResultsReport

from .fiscal_year import fiscal_year_of
from .models import Department
from .publishing import published_q


@dataclass(frozen=True)
class Cell:
    """A department in a fiscal year; `settlement` None where the public finds none."""

    department: Department
    fiscal_year: int
    settlement: Settlement | None

    @property
    def existed(self) -> bool:
        """Tell whether the department existed; an unknown beginning or end excludes no year."""
        begins, ends = self.department.established_in, self.department.abolished_in
        return (begins is None or begins <= self.fiscal_year) and (
            ends is None or self.fiscal_year < ends
        )

    @property
    def status(self) -> str:
        if self.settlement:
            return "掲載"
        return "未掲載" if self.existed else "組織なし"


@dataclass(frozen=True)
class ReportYear:
    """A report and the fiscal year of its presentation; None for a year without one."""

    fiscal_year: int
    report: ResultsReport | None


def list_settlement_cells() -> list[Cell]:
    """Return a cell for each department and year, the years in order within a department.

    The years run from the first to the last public settlement. The departments are those without
    one above them, which a settlement is made for, and all that have a public settlement.
    """
    settlements = {
        (settlement.department_id, settlement.fiscal_year): settlement
        for settlement in Settlement.objects.published()
        .select_related("department")
        .annotate(
            record_count=Count("items"),
            cited_record_count=Count(
                "items", filter=published_q("items__source") & ~Q(items__locator="")
            ),
        )
    }
    _add_figure_counts(settlements.values())
    years = _list_years(year for _, year in settlements)
    having = {department for department, _ in settlements}
    return [
        Cell(department, year, settlements.get((department.pk, year)))
        for department in Department.objects.published()
        if department.parent_id is None or department.pk in having
        for year in years
    ]


def list_report_years() -> list[ReportYear]:
    """Return every public report, and every year without one between the first and the last."""
    public = published_q("initiatives", "initiatives__pillar__plan")
    reports = list(
        ResultsReport.objects.published()
        .annotate(**_count_parts("initiatives", "initiatives__figures", public))
        .order_by("presented_on", "slug")
    )
    found = [ReportYear(fiscal_year_of(report.presented_on), report) for report in reports]
    years = {row.fiscal_year for row in found}
    missing = [ReportYear(year, None) for year in _list_years(years) if year not in years]
    return sorted(found + missing, key=lambda row: row.fiscal_year)


def _add_figure_counts(settlements):
    """Give settlements what `_count_parts` would annotate of their figures.

    Figures are read once by themselves: joined, each item would come once for each of its figures.
    """
    counted = (
        SettlementFigure.objects.published()
        .order_by()
        .values_list("item__settlement")
        .annotate(
            number=Count("pk"),
            cited_number=Count("pk", filter=published_q("source") & ~Q(locator="")),
        )
    )
    numbers = {pk: counts for pk, *counts in counted}
    for settlement in settlements:
        figures, cited = numbers.get(settlement.pk, (0, 0))
        settlement.figure_count = figures
        uncited_records = settlement.record_count - settlement.cited_record_count
        settlement.uncited_count = uncited_records + figures - cited


def _count_parts(records: str, figures: str, public: Q | None = None) -> dict[str, Count]:
    """Return annotations: how many records and figures, and how many of both tell their source."""
    public = public or Q()

    def count(path, condition=public):
        return Count(path, filter=condition, distinct=True)

    def cited(path):
        return public & published_q(f"{path}__source") & ~Q(**{f"{path}__locator": ""})

    return {
        "record_count": count(records),
        "figure_count": count(figures),
        "uncited_count": count(records)
        + count(figures)
        - count(records, cited(records))
        - count(figures, cited(figures)),
    }


def _list_years(years) -> range:
    years = set(years)
    return range(min(years), max(years) + 1) if years else range(0)
