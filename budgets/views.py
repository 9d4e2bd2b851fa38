from django.db.models import Count, Exists, OuterRef, Prefetch
from django.http import Http404
from django.shortcuts import get_object_or_404, render
from django.urls import reverse

from portal.addresses import redirect_former_slug, tell_withdrawal
from portal.charts import make_treemaps
from portal.display_unit import get_unit
from portal.fiscal_year import format_fiscal_year_both
from portal.lists import csv_response
from portal.models import ChangeNote, Department
from portal.succession import Succession, load_succession
from portal.year_charts import make_series_drawings

from .compare import Change, compare_departments, compare_items, list_comparable
from .facts import load_breakdowns, load_item_facts
from .forms import (
    BY_DEPARTMENT,
    OutlineForm,
    ProgramForm,
    SettlementListForm,
    YearForm,
)
from .models import (
    Program,
    ProgramLineage,
    Settlement,
    SettlementFigure,
    SettlementItem,
)
from .outline import (
    OutlineRow,
    count_breakdowns,
    list_topmost_stated,
    make_outline,
)
from .series import list_points, make_series
from .shares import rank_slices, slice_items, slice_settlements
from .snapshots import list_snapshots, notes_within
from .tables import (
    COMPARISON_COLUMNS,
    FIGURE_COLUMNS,
    ITEM_COLUMNS,
    RANK_COLUMNS,
    SETTLEMENT_COLUMNS,
    YEARS_COLUMNS,
)

YEARS_SIDE_BY_SIDE = 5
OVER_THE_YEARS = [
    "settlement__fiscal_year",
    "settlement__department__position",
    "settlement__department__slug",
    "code_order",
]


def settlement_list(request):
    years = published_years()
    form = SettlementListForm(request.GET, [year for year, _ in years])
    settlements = form.filter(settlements_with_totals())
    compared = side_by_side([year for year, _ in years])
    if form.wants_csv and form.table == "years":
        return csv_response(request, "years", YEARS_COLUMNS, list_years(**compared))
    if form.wants_csv:
        return csv_response(request, "settlements", SETTLEMENT_COLUMNS, settlements)
    return render(
        request,
        "budgets/settlement_list.html",
        {
            "form": form,
            "page": form.paginate(ShownSettlements(settlements)),
            "years": years,
            **compared,
        },
    )


def settlement_year(request, fiscal_year):
    years = [year for year, _ in published_years()]
    if fiscal_year not in years:
        raise Http404
    form = YearForm(request.GET)
    settlements = list(settlements_with_totals().in_fiscal_year(fiscal_year))
    picture = picture_of(slice_settlements(settlements), get_unit(request))
    if form.wants_csv and form.table == "ranking":
        name = f"ranking-{fiscal_year}"
        return csv_response(request, name, RANK_COLUMNS, picture.get("ranks", []))
    if form.wants_csv:
        return csv_response(request, f"settlements-{fiscal_year}", SETTLEMENT_COLUMNS, settlements)
    stated = [s.stated_amount_yen for s in settlements if s.stated_amount_yen is not None]
    return render(
        request,
        "budgets/settlement_year.html",
        {
            "form": form,
            "fiscal_year": fiscal_year,
            "trail": trail_to(),
            "settlements": settlements,
            **picture,
            "stated_amount_yen": sum(stated) if stated else None,
            "earlier": max((year for year in years if year < fiscal_year), default=None),
            "later": min((year for year in years if year > fiscal_year), default=None),
        },
    )


@tell_withdrawal(Settlement, fiscal_year="fiscal_year", department="department__slug")
@redirect_former_slug(Department, "department")
def settlement_detail(request, fiscal_year, department):
    settlement = get_object_or_404(
        settlements_with_totals().annotate(took_over=took_over()),
        fiscal_year=fiscal_year,
        department__slug=department,
    )
    form = OutlineForm(request.GET)
    items = list(items_of(settlement, with_source=form.wants_csv))
    has_changed = settlement.took_over or settlement.department.abolished_in
    succession = load_succession() if has_changed else Succession()
    earlier, compared = compare_with_year_before(settlement, items, succession)
    rows = make_outline(items, load_item_facts([settlement], items=items)[settlement.pk])
    picture = picture_of(slice_items(list_topmost_stated(items)), get_unit(request))
    notes = notes_within(settlement)
    if form.wants_csv:
        columns, table = {
            "items": (ITEM_COLUMNS, rows),
            "figures": (FIGURE_COLUMNS, load_figures(item__settlement=settlement)),
            "comparison": (COMPARISON_COLUMNS, compared),
            "ranking": (RANK_COLUMNS, picture.get("ranks", [])),
        }[form.table]
        name = f"{form.table}-{fiscal_year}-{department}"
        return csv_response(request, name, columns, table)
    return render(
        request,
        "budgets/settlement_detail.html",
        {
            "settlement": settlement,
            "form": form,
            "trail": trail_to(fiscal_year),
            "rows": rows,
            **picture,
            "present": succession.present(settlement.department),
            "reorganised": succession.tell_year(settlement.department, fiscal_year),
            "earlier": earlier,
            "compared": compared,
            "change": Change(earlier and earlier.stated_amount_yen, settlement.stated_amount_yen),
            "breakdown_counts": count_breakdowns(rows),
            "contradicting": [row for row in rows if row.problems],
            "policies": list_policies(settlement, items),
            "notes": [note for note in notes if note.content_type.model_class() is Settlement],
            "snapshots": list_snapshots(settlement, notes),
        },
    )


@redirect_former_slug(Program)
def program_detail(request, slug):
    lineage = ProgramLineage.objects.prefetch_related(
        Prefetch("related", Program.objects.published())
    )
    program = get_object_or_404(
        Program.objects.published()
        .select_related("department")
        .prefetch_related("aliases", Prefetch("lineage", lineage)),
        slug=slug,
    )
    form = ProgramForm(request.GET)
    items = list(items_with_address().filter(program=program).order_by(*OVER_THE_YEARS))
    figures = sorted(load_figures(item__in=items), key=lambda f: f.item.settlement.fiscal_year)
    if form.wants_csv and form.table == "figures":
        return csv_response(request, f"figures-{slug}", FIGURE_COLUMNS, figures)
    if form.wants_csv:
        breakdowns = load_breakdowns(items)
        rows = [OutlineRow(item, breakdowns[item.pk]) for item in items]
        return csv_response(request, f"program-{slug}", ITEM_COLUMNS, rows)
    return render(
        request,
        "budgets/program_detail.html",
        {
            "program": program,
            "form": form,
            "trail": trail_to(),
            "series": (series := make_series(items, load_succession())),
            "drawings": make_series_drawings(list_points(series), get_unit(request)),
            "figures": figures,
            "updated_at": max(item.settlement.updated_at for item in items),
            "notes": ChangeNote.objects.about(program),
        },
    )


class ShownSettlements:
    """Settlements for the paginator: their totals are worked out for those shown alone."""

    def __init__(self, settlements):
        self.settlements = settlements

    def count(self) -> int:
        return self.settlements.count()

    def __getitem__(self, part: slice):
        found = settlements_with_totals().filter(pk__in=self.settlements.values("pk")[part])
        order = self.settlements.query.order_by or found.model._meta.ordering
        return found.order_by(*order)


def settlements_with_totals():
    return Settlement.objects.published().with_totals().select_related("department", "source")


def items_with_address():
    return SettlementItem.objects.published().select_related("settlement__department", "source")


def items_of(settlement, *, with_source=False):
    """Public items of a settlement, which know it without being joined to it."""
    items = settlement.items.published().order_by("code_order").defer("body", "easy_summary")
    return items.select_related("source") if with_source else items


def picture_of(slices, unit, whole_yen=None):
    """Return a treemap and a ranking of what states an amount; none of a single part."""
    ranks = rank_slices(slices, unit, whole_yen)
    if len(ranks) < 2:
        return {}
    return {"treemaps": make_treemaps(slices, unit), "ranks": ranks}


def side_by_side(years):
    """Return the newest years and each department's settlements in them, oldest first."""
    shown = sorted(years[:YEARS_SIDE_BY_SIDE])
    if len(shown) < 2:
        return {}
    settlements = settlements_with_totals().filter(fiscal_year__gte=shown[0] - 1)
    rows = compare_departments(settlements.order_by(*BY_DEPARTMENT), shown, load_succession())
    return {"shown_years": shown, "departments": [row for row in rows if row.has_settlement]}


def list_years(shown_years=(), departments=()):
    """Return the cells of `side_by_side`: a department as it was, a year, and the change in it."""
    return [
        (settlement.department if settlement else row.department, year, change)
        for row in departments
        for year, (settlement, change) in zip(shown_years, row.cells, strict=True)
    ]


def took_over(at=""):
    """Return whether the department was made out of others, or took over from one, in the year."""
    ended = Department.objects.filter(abolished_in=OuterRef(f"{at}fiscal_year"))
    return Exists(ended.filter(successors=OuterRef(f"{at}department")))


def departments_of_year_before(settlement, succession):
    """Return the numbers of the settlement's department in the year before, once renamed."""
    department, year = settlement.department, settlement.fiscal_year
    renamed = succession.renamed_from(department) if department.established_in == year else None
    return [each.pk for each in (department, renamed) if each]


def compare_with_year_before(settlement, items, succession):
    """Return the department's settlement of the year before, or None, and the items compared."""
    earlier = (
        settlements_with_totals()
        .in_fiscal_year(settlement.fiscal_year - 1)
        .filter(department__in=departments_of_year_before(settlement, succession))
        .first()
    )
    if not earlier:
        return None, []
    return earlier, list_comparable(compare_items(list(items_of(earlier)), items))


def published_years():
    """Return pairs of a fiscal year and how many settlements it has, newest first."""
    settlements = Settlement.objects.published().order_by("-fiscal_year")
    return list(settlements.values_list("fiscal_year").annotate(Count("pk")))


def list_policies(settlement, items):
    """Return the priority policies with their efforts, which link to those of the given items."""
    policies = list(settlement.priority_policies.prefetch_related("efforts"))
    known = {item.pk: item for item in items}
    for policy in policies:
        for effort in policy.efforts.all():
            effort.item = known.get(effort.item_id)
    return policies


def load_figures(*conditions, **lookups):
    """Return public figures with all that a row shows, in the order of the paper.

    A whole (`part_of`) in another settlement, which may be a draft, is left out.
    """
    figures = list(
        SettlementFigure.objects.published()
        .filter(*conditions, **lookups)
        .select_related("item__settlement__department", "source", "part_of__item")
    )
    for figure in figures:
        if figure.part_of and figure.part_of.item.settlement_id != figure.item.settlement_id:
            figure.part_of = None
    return figures


def trail_to(fiscal_year=None, settlement=None, ancestors=()):
    """Return the titles and addresses above a page."""
    trail = [("決算", reverse("settlement_list"))]
    if fiscal_year:
        address = reverse("settlement_year", args=[fiscal_year])
        trail.append((format_fiscal_year_both(fiscal_year), address))
    if settlement:
        trail.append((settlement.department.name, settlement.get_absolute_url()))
    return trail + [(f"{item.label} {item.name}", item.get_absolute_url()) for item in ancestors]
