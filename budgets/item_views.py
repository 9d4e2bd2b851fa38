"""The page of one item: what it shows is loaded, not the tree that it stands in."""

from collections import defaultdict

from django.db.models import Q
from django.shortcuts import get_object_or_404, render

from portal.addresses import redirect_former_slug, tell_withdrawal
from portal.display_unit import get_unit
from portal.lists import csv_response
from portal.models import ChangeNote, Department, FigureKind
from portal.succession import Succession, load_succession

from .checks import ItemFacts
from .compare import compare_items
from .facts import make_figure_facts, make_item_facts
from .former_codes import redirect_former_code
from .forms import ItemForm
from .models import (
    CostRelation,
    FundingSource,
    InitiativeCost,
    PriorityEffort,
    Settlement,
    SettlementItem,
    comparable_q,
)
from .outline import (
    Place,
    StatedItem,
    execution_percent,
    find_place,
    list_budget_lines,
    list_topmost_stated,
    make_outline,
    share_out,
)
from .shares import slice_items, stack_coverage, stack_funding
from .tables import (
    BUDGET_COLUMNS,
    COST_COLUMNS,
    FIGURE_COLUMNS,
    FUNDING_COLUMNS,
    ITEM_COLUMNS,
    RANK_COLUMNS,
)
from .views import (
    departments_of_year_before,
    items_with_address,
    load_figures,
    picture_of,
    took_over,
    trail_to,
)


@tell_withdrawal(Settlement, fiscal_year="fiscal_year", department="department__slug")
@redirect_former_slug(Department, "department")
@redirect_former_code
def settlement_item_detail(request, fiscal_year, department, code):
    item = get_object_or_404(
        items_with_address()
        .select_related("program")
        .annotate(took_over=took_over("settlement__")),
        settlement__fiscal_year=fiscal_year,
        settlement__department__slug=department,
        code=code,
    )
    form, settlement, unit = ItemForm(request.GET), item.settlement, get_unit(request)
    stated = list_stated(settlement)
    below = [each.pk for each in stated if each.code.startswith(f"{code}.")]
    figures, spent_below, comparable = load_figures_within(item, below)
    funding, costs = load_funding(item, below), load_costs(item, below)
    place, topmost = load_place(item, stated)
    rows = [item, *place.children]
    row, *children = make_outline(rows, join_facts(stated, rows, comparable, funding, costs))
    funding, costs = funding.get(item.pk, []), costs.get(item.pk, [])
    attribution = share_out(item, [cost for cost in costs if cost.relation == CostRelation.COST])
    picture = picture_of(slice_items(topmost), unit, item.amount_yen)
    if form.wants_csv:
        columns, table = {
            "figures": (FIGURE_COLUMNS, figures),
            "budget": (BUDGET_COLUMNS, list_budget_lines(item)),
            "ranking": (RANK_COLUMNS, picture.get("ranks", [])),
            "children": (ITEM_COLUMNS, children),
            "below": (FIGURE_COLUMNS, spent_below),
            "funding": (FUNDING_COLUMNS, funding),
            "attribution": (COST_COLUMNS, attribution.shares),
        }[form.table]
        name = f"{form.table}-{fiscal_year}-{department}-{code}"
        return csv_response(request, name, columns, table)
    succession = load_succession() if item.took_over else Succession()
    return render(
        request,
        "budgets/settlement_item_detail.html",
        {
            "item": item,
            "row": row,
            "children": children,
            "place": place,
            "form": form,
            **picture,
            "coverage": stack_coverage(row.breakdown, unit),
            "compared": find_year_before(item, succession),
            "reorganised": succession.tell_year(settlement.department, fiscal_year),
            "trail": trail_to(fiscal_year, settlement, place.ancestors),
            "budget_lines": list_budget_lines(item),
            "execution_percent": execution_percent(item),
            "figures": figures,
            "spent_below": spent_below,
            "funding": funding,
            "funding_stack": stack_funding(funding, unit),
            "attribution": attribution,
            "related": [cost for cost in costs if cost.relation == CostRelation.EDITORIAL],
            "efforts": efforts_of(item),
            "notes": ChangeNote.objects.about(item, *figures),
        },
    )


def list_stated(settlement) -> list[StatedItem]:
    """Return the place and the amount of every item of a settlement, in their order."""
    items = SettlementItem.objects.filter(settlement=settlement).order_by("code_order")
    return list(map(StatedItem._make, items.values_list("pk", "code", "amount_yen")))


def load_place(item, stated) -> tuple[Place, list[SettlementItem]]:
    """Return the item's place, and the topmost items below it that state an amount."""
    place, topmost = find_place(stated, item.code), list_topmost_stated(stated, item.code)
    shown = {*place.ancestors, *place.children, *topmost, place.previous, place.next} - {None}
    found = items_with_address().defer("body").in_bulk([each.pk for each in shown])
    loaded = {**found, item.pk: item}

    def load(items):
        return [loaded[each.pk] for each in items]

    previous, following = (each and loaded[each.pk] for each in (place.previous, place.next))
    return Place(load(place.ancestors), load(place.children), previous, following), load(topmost)


def load_figures_within(item, below: list[int]):
    """Return the item's own figures, what is spent of its amount below it, and all to compare.

    A part stands at the item of its whole: nothing outside counts.
    """
    figures = load_figures(Q(item=item) | comparable_q(), item__in=[item.pk, *below])
    own = [figure for figure in figures if figure.item_id == item.pk]
    others = [figure for figure in figures if figure.item_id != item.pk]
    spent = [figure for figure in others if figure.kind == FigureKind.EXPENDITURE]
    return own, spent, figures


def group_by_item(records, item=None) -> dict[int, list]:
    """Return the records by the number of their item; those of `item` know it."""
    found = defaultdict(list)
    for record in records:
        found[record.item_id].append(record)
        if item and record.item_id == item.pk:
            record.item = item
    return found


def load_funding(item, below):
    sources = FundingSource.objects.filter(item__in=[item.pk, *below])
    return group_by_item(sources.select_related("source").order_by("pk"), item)


def load_costs(item, below):
    costs = InitiativeCost.objects.published().filter(item__in=[item.pk, *below])
    return group_by_item(costs.select_related("initiative__report").order_by("pk"), item)


def join_facts(stated, rows, figures, funding, costs) -> list[ItemFacts]:
    """Return the facts that the checks of some rows need: the amounts of the whole settlement."""
    loaded = {row.pk: row for row in rows}
    figures = group_by_item(figures)
    return [
        make_item_facts(
            loaded.get(each.pk, each),
            [make_figure_facts(figure) for figure in figures.get(each.pk, [])],
            [source.amount_yen for source in funding.get(each.pk, [])],
            [
                cost.share_percent
                for cost in costs.get(each.pk, [])
                if cost.relation == CostRelation.COST
            ],
        )
        for each in stated
    ]


def find_year_before(item, succession):
    """Return the item compared with itself in the department's year before, or None."""
    settlement = item.settlement
    same = Q(code=item.code, name=item.name)
    if item.program_id:
        same |= Q(program=item.program_id)
    before = list(
        items_with_address()
        .in_fiscal_year(settlement.fiscal_year - 1)
        .filter(settlement__department__in=departments_of_year_before(settlement, succession))
        .filter(same)
        .defer("body")
    )
    if not before:
        return None
    compared = {row.item.pk: row for row in compare_items(before, list_rivals(item, before))}
    return compared[item.pk] if compared[item.pk].before else None


def list_rivals(item, before):
    """Return the item and those of its settlement that share a program with one of `before`."""
    programs = {each.program_id for each in before} - {None}
    if not programs:
        return [item]
    items = SettlementItem.objects.filter(settlement=item.settlement_id)
    return list(
        items.filter(Q(pk=item.pk) | Q(program__in=programs)).defer("body").order_by("code_order")
    )


def efforts_of(item):
    return PriorityEffort.objects.published().filter(item=item).select_related("policy")
