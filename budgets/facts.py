"""From the database to the facts that the checks compare, in a constant number of queries."""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Context, Decimal
from functools import lru_cache
from itertools import chain
from operator import attrgetter

from django.db.models import F, QuerySet, Value
from django.db.models.functions import Concat

from portal.amounts import UNIT_YEN
from portal.models import MONEY_KINDS, find_amount_yen, name_figure
from portal.open_data_columns import EXACT_DIGITS
from portal.prepared import GivenKeys, Statement

from .checks import (
    CheckResult,
    FigureFacts,
    ItemFacts,
    MoneyFacts,
    attribute_yen,
    list_above,
    sum_breakdowns,
)
from .item_codes import LAST_BELOW
from .models import (
    CostRelation,
    FundingSource,
    InitiativeCost,
    SettlementFigure,
    SettlementItem,
    comparable_q,
)

FIGURE = ("pk", "group", "label", "measure", "kind", "value", "unit", "part_of_id")
MONEY = ("item_id", "pk", "kind", "value", "unit", "part_of_id")
STATED = ("code", "amount_yen", "budget_yen", "carried_over_yen", "unused_yen")
# As Django reads a decimal number of SQLite.
EXACT = Context(prec=EXACT_DIGITS)


def load_item_facts(settlements, costs=None, items=None) -> dict[int, list[ItemFacts]]:
    """Return the facts of whole settlements by their primary keys, in four queries.

    Of the figures come those that a check compares: money, wholes and parts.
    `settlements` is a queryset, or a collection of records or keys. `costs` are the attributions
    that count: the public ones, unless staff look (`InitiativeCost.objects.all()`). `items` spare
    a query where all items of the settlements are loaded already.
    """
    return _load_facts({"settlement__in": settlements}, costs, items)


def load_facts_within(item: SettlementItem) -> list[ItemFacts]:
    """Return the public facts of an item and of all below it: what the checks of it compare."""
    below = (item.code_order, item.code_order + LAST_BELOW)
    where = {"settlement": item.settlement_id, "code_order__range": below}
    return _load_facts(where)[item.settlement_id]


def _load_facts(where: dict, costs=None, items=None) -> dict[int, list[ItemFacts]]:
    """Return the facts of the items that lookups tell, by the primary key of their settlement."""
    of_item = {f"item__{lookup}": value for lookup, value in where.items()}
    costs = InitiativeCost.objects.published() if costs is None else costs
    figures, funding, shares = defaultdict(list), defaultdict(list), defaultdict(list)
    compared = _read_facts(SettlementFigure.objects.filter(comparable_q(), **of_item))
    for item, *values in Statement(compared).ask():
        figures[item].append(_make_figure_facts(*values))
    sources = FundingSource.objects.filter(**of_item).order_by("pk")
    for item, amount_yen in sources.values_list("item", "amount_yen"):
        funding[item].append(amount_yen)
    costs = costs.filter(**of_item, relation=CostRelation.COST)
    for item, share in costs.order_by("pk").values_list("item", "share_percent"):
        shares[item].append(share)
    if items is None:
        items = SettlementItem.objects.filter(**where).order_by()
        rows = items.values_list("settlement", "pk", *STATED)
    else:
        rows = map(attrgetter("settlement_id", "pk", *STATED), items)
    facts = defaultdict(list)
    for settlement, item, *stated in rows:
        facts[settlement].append(
            ItemFacts(*stated, tuple(figures[item]), tuple(funding[item]), tuple(shares[item]))
        )
    return facts


def make_item_facts(item, figures, funding, shares) -> ItemFacts:
    """Return the facts of an item; of one that tells its amount alone (StatedItem) that alone."""
    stated = {name: getattr(item, name, None) for name in STATED}
    return ItemFacts(**stated, figures=tuple(figures), funding=tuple(funding), shares=tuple(shares))


def load_breakdowns(
    items: Iterable[SettlementItem], known: Iterable[tuple] | None = None
) -> dict[int, CheckResult]:
    """Return the breakdown of each of some items by its primary key, in one query.

    The items may come from several settlements; the money figures at and below them are read, but
    not what they are called: the results have no operands. `known` are the figures of the items
    themselves, each as MONEY, where they are read already: then only those of other items below
    them are.
    """
    figures, amounts, keys = defaultdict(dict), defaultdict(dict), {}
    for item in items:
        amounts[item.settlement_id][item.code] = item.amount_yen
        keys[item.settlement_id, item.code] = item.pk
    # What stands below another one is read with it.
    topmost = [
        pk
        for (settlement, code), pk in keys.items()
        if not any((settlement, above) in keys for above in list_above(code))
    ]
    places = {pk: place for place, pk in keys.items()}
    statement = _money_within() if known is None else _money_of_others()
    rows = statement.ask(items=topmost, known=[*places]) if topmost else ()
    places |= {row[2]: row[:2] for row in rows}
    for item, key, kind, value, unit, part_of in chain(known or (), (row[2:] for row in rows)):
        if kind in MONEY_KINDS:
            settlement, code = places[item]
            facts = MoneyFacts(key, kind, _read_yen(value, unit), part_of)
            figures[settlement][key] = code, facts
    results = {}
    for settlement, asked in amounts.items():
        for code, result in sum_breakdowns(asked, figures[settlement]).items():
            results[keys[settlement, code]] = result
    return results


def load_attributions(costs: Iterable[InitiativeCost]) -> dict[int, int]:
    """Return the yen that each of some public costs attributes, by its primary key, in one query.

    All public shares of an item are rounded together, so that attributed and unattributed yen add
    up to its amount. No key for an editorial link, for an item without an amount, and where the
    shares exceed 100 percent.
    """
    items = {cost.item_id for cost in costs}
    return attribute_costs(
        InitiativeCost.objects.published()
        .filter(item__in=items)
        .select_related("item")
        .only("relation", "share_percent", "item__amount_yen")
        .order_by("pk")
    )


def attribute_costs(costs: Iterable[InitiativeCost]) -> dict[int, int]:
    """Do as `load_attributions` with all public costs of some items, in the order of their keys."""
    by_item = defaultdict(list)
    for cost in costs:
        if cost.relation == CostRelation.COST:
            by_item[cost.item].append(cost)
    attributed = {}
    for item, sharing in by_item.items():
        shares = [cost.share_percent for cost in sharing]
        if item.amount_yen is not None and sum(shares) <= 100:
            amounts, _ = attribute_yen(item.amount_yen, shares)
            attributed |= {cost.pk: yen for cost, yen in zip(sharing, amounts, strict=True)}
    return attributed


@lru_cache(maxsize=1)
def _money_within() -> Statement:
    """Return what asks for the money figures of some items and of all below them."""
    return Statement(_select_money(SettlementItem.objects.all()))


@lru_cache(maxsize=1)
def _money_of_others() -> Statement:
    """Return what asks for those of the items below some, other than the known ones."""
    return Statement(_select_money(SettlementItem.objects.exclude(pk__in=GivenKeys("known"))))


def _select_money(items: QuerySet) -> QuerySet:
    own_order = F("settlement__items__code_order")
    items = items.filter(
        settlement__items__in=GivenKeys("items"),
        code_order__range=(own_order, Concat(own_order, Value(LAST_BELOW))),
        figures__kind__in=MONEY_KINDS,
    )
    paths = ("settlement_id", "code", "pk", *(f"figures__{name}" for name in MONEY[1:]))
    return items.order_by().values_list(*paths)


def _read_facts(figures):
    """Return the items of some figures, and what `_make_figure_facts` takes."""
    return figures.order_by("item_id", "position", "pk").values_list("item_id", *FIGURE)


def make_figure_facts(figure: SettlementFigure) -> FigureFacts:
    return _make_figure_facts(*(getattr(figure, name) for name in FIGURE))


def _make_figure_facts(key, group, label, measure, kind, value, unit, part_of) -> FigureFacts:
    """Return the facts of a figure; `value` may be what a database keeps of it."""
    number = _read_number(value)
    name, amount_yen = name_figure(group, label, measure), _find_amount_yen(number, unit)
    return FigureFacts(key, name, kind, number, unit, amount_yen, part_of, group)


def _read_number(value: Decimal | float | int) -> Decimal:
    if type(value) is float:
        return EXACT.create_decimal_from_float(value)
    return value if type(value) is Decimal else EXACT.create_decimal(value)


def _read_yen(value: Decimal | float | int, unit: str) -> int | None:
    if type(value) is int and unit in UNIT_YEN:
        return value * UNIT_YEN[unit]
    return _find_amount_yen(_read_number(value), unit)


def _find_amount_yen(number: Decimal, unit: str) -> int | None:
    if unit not in UNIT_YEN:
        return None
    whole = int(number)
    return whole * UNIT_YEN[unit] if whole == number else find_amount_yen(number, unit)
