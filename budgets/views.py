from django.db.models import Count, Prefetch, Q
from django.http import Http404
from django.shortcuts import get_object_or_404, render
from django.urls import reverse

from portal.addresses import redirect_former_slug
from portal.fiscal_year import format_fiscal_year_both
from portal.lists import csv_response
from portal.models import ChangeNote, Department

from .checks import CheckName, attribute_yen, check_breakdowns, check_item, check_settlement
from .facts import load_breakdowns, load_item_facts
from .forms import DownloadForm, OutlineForm, SettlementListForm, SettlementYearForm
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
    execution_percent,
    find_place,
    list_budget_lines,
    make_outline,
    sum_stated_below,
)
from .series import make_series
from .tables import FIGURE_COLUMNS, ITEM_COLUMNS, SETTLEMENT_COLUMNS


def settlements_with_totals():
    return Settlement.objects.published().with_totals().select_related("department", "source")


def published_years():
    """Pairs of a fiscal year and how many settlements of it are public, newest first."""
    settlements = Settlement.objects.published().order_by("-fiscal_year")
    return list(settlements.values_list("fiscal_year").annotate(Count("pk")))


def settlement_list(request):
    years = published_years()
    form = SettlementListForm(request.GET, [year for year, _ in years])
    settlements = form.filter(settlements_with_totals())
    if form.wants_csv:
        return csv_response("settlements", SETTLEMENT_COLUMNS, settlements)
    return render(
        request,
        "budgets/settlement_list.html",
        {"form": form, "page": form.paginate(settlements), "years": years},
    )


def settlement_year(request, fiscal_year):
    years = sorted(year for year, _ in published_years())
    if fiscal_year not in years:
        raise Http404
    form = SettlementYearForm(request.GET)
    settlements = form.filter(settlements_with_totals().in_fiscal_year(fiscal_year))
    if form.wants_csv:
        return csv_response(f"settlements-{fiscal_year}", SETTLEMENT_COLUMNS, settlements)
    stated = [s.stated_amount_yen for s in settlements if s.stated_amount_yen is not None]
    return render(
        request,
        "budgets/settlement_year.html",
        {
            "form": form,
            "fiscal_year": fiscal_year,
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
        figures = figures_of(item__settlement=settlement)
        return csv_response(f"figures-{fiscal_year}-{department}", FIGURE_COLUMNS, figures)
    facts = load_item_facts([settlement])[settlement.pk]
    rows = make_outline(
        items,
        check_breakdowns(facts),
        sum_stated_below({item.code: item.amount_yen for item in facts}),
    )
    if form.wants_csv:
        return csv_response(f"items-{fiscal_year}-{department}", ITEM_COLUMNS, rows)
    names = {row.item.code: row.item for row in rows}
    results = check_settlement(facts)
    return render(
        request,
        "budgets/settlement_detail.html",
        {
            "settlement": settlement,
            "form": form,
            "trail": trail_to(settlement)[:-1],
            "rows": rows,
            "policies": settlement.priority_policies.prefetch_related(
                Prefetch(
                    "efforts__item",
                    SettlementItem.objects.published().select_related("settlement__department"),
                )
            ),
            "breakdowns": [r for r in results if r.check == CheckName.BREAKDOWN],
            "problems": [(names[r.code], r) for r in results if r.is_problem],
            "notes": notes_on([settlement]),
        },
    )


@redirect_former_slug(Department, "department")
def settlement_item_detail(request, fiscal_year, department, code):
    item = get_object_or_404(
        SettlementItem.objects.published().select_related(
            "settlement__department", "settlement__source", "program", "source"
        ),
        settlement__fiscal_year=fiscal_year,
        settlement__department__slug=department,
        code=code,
    )
    settlement = item.settlement
    form = DownloadForm(request.GET)
    form.is_valid()
    figures = list(figures_of(item=item))
    if form.wants_csv:
        return csv_response(
            f"figures-{fiscal_year}-{department}-{code}", FIGURE_COLUMNS, figures
        )
    facts = load_item_facts([settlement])[settlement.pk]
    stated_below = sum_stated_below({fact.code: fact.amount_yen for fact in facts})
    breakdowns = check_breakdowns(facts)
    place = find_place(list(settlement.items.defer("body").select_related("source")), code)
    costs = item.costs.published().select_related("initiative__pillar", "initiative__report")
    return render(
        request,
        "budgets/settlement_item_detail.html",
        {
            "item": item,
            "form": form,
            "trail": trail_to(settlement, place.ancestors),
            "place": place,
            "row": OutlineRow(item, breakdowns[code], stated_below.get(code)),
            "children": make_outline(place.children, breakdowns, stated_below),
            "budget_lines": list_budget_lines(item),
            "execution_percent": execution_percent(item),
            "figures": figures,
            "checks": check_item(facts, code),
            "funding": item.funding_sources.select_related("source"),
            "costs": attribute(item, [c for c in costs if c.relation == CostRelation.COST]),
            "related": [c for c in costs if c.relation == CostRelation.EDITORIAL],
            "efforts": PriorityEffort.objects.published()
            .filter(item=item)
            .select_related("policy"),
            "notes": notes_on([item, *figures]),
        },
    )


@redirect_former_slug(Program)
def program_detail(request, slug):
    related = Prefetch("related", Program.objects.published())
    program = get_object_or_404(
        Program.objects.published()
        .select_related("department")
        .prefetch_related("aliases", Prefetch("lineage", ProgramLineage.objects.prefetch_related(related))),
        slug=slug,
    )
    form = DownloadForm(request.GET)
    form.is_valid()
    items = list(
        SettlementItem.objects.published()
        .filter(program=program)
        .select_related("settlement__department", "source")
        .prefetch_related(Prefetch("figures", figures_of()))
        .order_by(
            "settlement__fiscal_year",
            "settlement__department__position",
            "settlement__department__slug",
            "code_order",
        )
    )
    if form.wants_csv:
        breakdowns = load_breakdowns(items)
        rows = [OutlineRow(item, breakdowns[item.pk]) for item in items]
        return csv_response(f"program-{slug}", ITEM_COLUMNS, rows)
    return render(
        request,
        "budgets/program_detail.html",
        {
            "program": program,
            "form": form,
            "items": items,
            "series": make_series(items),
            "notes": notes_on([program]),
        },
    )
