from django.db.models import Count, Prefetch, Q
from django.http import Http404
from django.shortcuts import get_object_or_404, render
from django.urls import reverse

from portal.addresses import redirect_former_slug
from portal.fiscal_year import format_fiscal_year_both
from portal.lists import csv_response
from portal.models import ChangeNote, Department, FigureKind

from .facts import load_breakdowns, load_item_facts
from .forms import OutlineForm, SettlementListForm, SettlementYearForm, TakeAwayForm
from .models import (
    CostRelation,
    PriorityEffort,
    Program,
    ProgramLineage,
    Settlement,
    SettlementFigure,
    SettlementItem,
)
from .outline import (
    OutlineRow,
    count_breakdowns,
    execution_percent,
    find_place,
    list_budget_lines,
    make_outline,
    share_out,
)
from .series import make_series
from .tables import FIGURE_COLUMNS, ITEM_COLUMNS, SETTLEMENT_COLUMNS

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
    if form.wants_csv:
        return csv_response(request, "settlements", SETTLEMENT_COLUMNS, settlements)
    return render(
        request,
        "budgets/settlement_list.html",
        {"form": form, "page": form.paginate(settlements), "years": years},
    )


def settlement_year(request, fiscal_year):
    years = [year for year, _ in published_years()]
    if fiscal_year not in years:
        raise Http404
    form = SettlementYearForm(request.GET)
    settlements = form.filter(settlements_with_totals().in_fiscal_year(fiscal_year))
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
            "stated_amount_yen": sum(stated) if stated else None,
            "earlier": max((year for year in years if year < fiscal_year), default=None),
            "later": min((year for year in years if year > fiscal_year), default=None),
        },
    )


@redirect_former_slug(Department, "department")
def settlement_detail(request, fiscal_year, department):
    settlement = get_object_or_404(
        settlements_with_totals(), fiscal_year=fiscal_year, department__slug=department
    )
    form = OutlineForm(request.GET)
    items = form.filter(settlement.items.select_related("source"))
    if form.wants_csv and form.wants_figures:
        figures = load_figures(item__settlement=settlement)
        return csv_response(request, f"figures-{fiscal_year}-{department}", FIGURE_COLUMNS, figures)
    rows = make_outline(items, load_item_facts([settlement])[settlement.pk])
    if form.wants_csv:
        return csv_response(request, f"items-{fiscal_year}-{department}", ITEM_COLUMNS, rows)
    return render(
        request,
        "budgets/settlement_detail.html",
        {
            "settlement": settlement,
            "form": form,
            "trail": trail_to(fiscal_year),
            "rows": rows,
            "breakdown_counts": count_breakdowns(rows),
            "contradicting": [row for row in rows if row.problems],
            "policies": settlement.priority_policies.prefetch_related(
                Prefetch("efforts__item", items_with_address())
            ),
            "notes": notes_on([settlement]),
        },
    )


@redirect_former_slug(Department, "department")
def settlement_item_detail(request, fiscal_year, department, code):
    item = get_object_or_404(
        items_with_address().select_related("program"),
        settlement__fiscal_year=fiscal_year,
        settlement__department__slug=department,
        code=code,
    )
    form = TakeAwayForm(request.GET)
    figures, spent_below = split_figures(item)
    if form.wants_csv:
        name = f"figures-{fiscal_year}-{department}-{code}"
        return csv_response(request, name, FIGURE_COLUMNS, figures)
    settlement = item.settlement
    place = find_place(list(settlement.items.defer("body").select_related("source")), code)
    facts = load_item_facts([settlement])[settlement.pk]
    row, *children = make_outline([item, *place.children], facts)
    costs = item.costs.published().select_related("initiative__report").order_by("pk")
    return render(
        request,
        "budgets/settlement_item_detail.html",
        {
            "item": item,
            "row": row,
            "children": children,
            "place": place,
            "form": form,
            "trail": trail_to(fiscal_year, settlement, place.ancestors),
            "budget_lines": list_budget_lines(item),
            "execution_percent": execution_percent(item),
            "figures": figures,
            "spent_below": spent_below,
            "funding": item.funding_sources.select_related("source"),
            "attribution": share_out(
                item, [cost for cost in costs if cost.relation == CostRelation.COST]
            ),
            "related": [cost for cost in costs if cost.relation == CostRelation.EDITORIAL],
            "efforts": efforts_of(item),
            "notes": notes_on([item, *figures]),
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
    form = TakeAwayForm(request.GET)
    items = list(items_with_address().filter(program=program).order_by(*OVER_THE_YEARS))
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
            "series": make_series(items),
            "figures": sorted(
                load_figures(item__in=items), key=lambda f: f.item.settlement.fiscal_year
            ),
            "notes": notes_on([program]),
        },
    )


def settlements_with_totals():
    return Settlement.objects.published().with_totals().select_related("department", "source")


def items_with_address():
    return SettlementItem.objects.published().select_related("settlement__department", "source")


def published_years():
    """Return pairs of a fiscal year and how many settlements it has, newest first."""
    settlements = Settlement.objects.published().order_by("-fiscal_year")
    return list(settlements.values_list("fiscal_year").annotate(Count("pk")))


def efforts_of(item):
    return PriorityEffort.objects.published().filter(item=item).select_related("policy")


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


def split_figures(item):
    """Return the item's own figures, and those below it that are part of the settled amount."""
    figures = load_figures(
        Q(item=item)
        | Q(
            item__settlement=item.settlement_id,
            item__code_order__startswith=f"{item.code_order}.",
            kind=FigureKind.EXPENDITURE,
        )
    )
    own = [figure for figure in figures if figure.item_id == item.pk]
    return own, [figure for figure in figures if figure.item_id != item.pk]


def notes_on(records):
    """Return the public change notes on some records, newest first."""
    keys = {}
    for record in records:
        keys.setdefault((record._meta.app_label, record._meta.model_name), []).append(record.pk)
    about = Q(pk__in=[])
    for (app_label, model), object_ids in keys.items():
        about |= Q(
            content_type__app_label=app_label,
            content_type__model=model,
            object_id__in=object_ids,
        )
    return ChangeNote.objects.published().filter(about)


def trail_to(fiscal_year=None, settlement=None, ancestors=()):
    """Return the titles and addresses above a page."""
    trail = [("決算", reverse("settlement_list"))]
    if fiscal_year:
        address = reverse("settlement_year", args=[fiscal_year])
        trail.append((format_fiscal_year_both(fiscal_year), address))
    if settlement:
        trail.append((settlement.department.name, settlement.get_absolute_url()))
    return trail + [(f"{item.label} {item.name}", item.get_absolute_url()) for item in ancestors]
