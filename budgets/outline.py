"""A settlement's items laid out for reading. Pure: its records come in loaded."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal
from typing import NamedTuple

from .checks import (
    CheckResult,
    CheckStatus,
    ItemFacts,
    attribute_yen,
    check_items,
)
from .item_codes import code_level, parent_code
from .models import InitiativeCost, SettlementItem
from .shares import write_share

BUDGET_FIELDS = [
    "initial_budget_yen",
    "supplementary_yen",
    "carried_in_yen",
    "budget_yen",
    "amount_yen",
    "carried_over_yen",
    "unused_yen",
]


@dataclass(frozen=True)
class OutlineRow:
    """An item, what the checks say of it, and what is stated below it where it states nothing.

    Its shares are those of the item above and of all that its settlement states.
    """

    item: SettlementItem
    breakdown: CheckResult
    checks: list[CheckResult] = field(default_factory=list)
    stated_below_yen: int | None = None
    share_of_parent: str | None = None
    share_of_total: str | None = None

    @property
    def problems(self) -> list[CheckResult]:
        return [check for check in self.checks if check.is_problem]


class StatedItem(NamedTuple):
    """As much of an item as tells its place and its amount."""

    pk: int
    code: str
    amount_yen: int | None

    @property
    def depth(self) -> int:
        return code_level(self.code)


@dataclass(frozen=True)
class Place:
    """Where an item stands in the paper; `ancestors` begin with the topmost."""

    ancestors: list[SettlementItem | StatedItem]
    children: list[SettlementItem | StatedItem]
    previous: SettlementItem | StatedItem | None
    next: SettlementItem | StatedItem | None


@dataclass(frozen=True)
class Attribution:
    """An item's amount shared out: yen (None where no amount is stated) beside each cost."""

    shares: list[tuple[InitiativeCost, int | None]]
    rest_yen: int | None


def make_outline(items: Iterable[SettlementItem], facts: Sequence[ItemFacts]) -> list[OutlineRow]:
    """Return a row an item, in the order of `items`; `facts` as `check_items` needs them."""
    amounts = {fact.code: fact.amount_yen for fact in facts}
    stated_below = sum_stated_below(amounts)
    total_yen = stated_below.pop("", None)
    wholes = stated_below | {code: yen for code, yen in amounts.items() if yen is not None}
    items = list(items)
    found = check_items(facts, [item.code for item in items])
    return [
        OutlineRow(
            item,
            *found[item.code],
            stated_below.get(item.code),
            write_share(item.amount_yen, wholes.get(parent_code(item.code))),
            write_share(item.amount_yen, total_yen),
        )
        for item in items
    ]


def sum_stated_below(amounts: Mapping[str, int | None]) -> dict[str, int]:
    """Sum, for each code without an amount, the topmost amounts stated below it.

    The key "" is the whole settlement. No key where nothing below states an amount.
    {"1": None, "1.1": 5, "1.1.1": 3, "1.2": 2, "2": 4} -> {"1": 7, "": 11}.
    """
    below = defaultdict(int)
    for code, amount_yen in amounts.items():
        while amount_yen is not None and code and amounts.get(code := parent_code(code)) is None:
            below[code] += amount_yen
    return dict(below)


def list_topmost_stated(items: Sequence[SettlementItem], above: str = "") -> list[SettlementItem]:
    """Return the items below the code `above` that state an amount, but none below another.

    Items may be StatedItem too.
    """
    start = above and f"{above}."
    stating = [i for i in items if i.amount_yen is not None and i.code.startswith(start)]
    topmost = set()
    for item in sorted(stating, key=lambda item: item.depth):
        lineage = item.code.split(".")
        over = {".".join(lineage[:length]) for length in range(1, len(lineage))}
        if not over & topmost:
            topmost.add(item.code)
    return [item for item in stating if item.code in topmost]


def count_breakdowns(rows: Iterable[OutlineRow]) -> list[tuple[CheckStatus, int]]:
    """Count the breakdowns of the items that state an amount, by their status."""
    counts = Counter(row.breakdown.status for row in rows if row.item.amount_yen is not None)
    return [(status, counts[status]) for status in CheckStatus if counts[status]]


def find_place(items: Sequence[SettlementItem | StatedItem], code: str) -> Place:
    """Return the place of the item `code` among all items of its settlement, in their order."""
    by_code = {item.code: item for item in items}
    index = list(by_code).index(code)
    ancestors = []
    above = parent_code(code)
    while above:
        if above in by_code:
            ancestors.insert(0, by_code[above])
        above = parent_code(above)
    return Place(
        ancestors,
        [item for item in items if parent_code(item.code) == code],
        items[index - 1] if index else None,
        items[index + 1] if index + 1 < len(items) else None,
    )


def list_budget_lines(item: SettlementItem) -> list[tuple[str, int]]:
    """Return what the paper states on the way from budget to settlement: names and yen.

    Nothing where it states the settled amount alone.
    """
    lines = [
        (item._meta.get_field(name).verbose_name.removesuffix("（円）"), amount_yen)
        for name in BUDGET_FIELDS
        if (amount_yen := getattr(item, name)) is not None
    ]
    return lines if any(name != "決算額" for name, _ in lines) else []


def execution_percent(item: SettlementItem) -> Decimal | None:
    """Return the amount in percent of the budget, cut off after one decimal place.

    None where either is not stated, or the budget is 0.
    """
    if item.amount_yen is None or not item.budget_yen:
        return None
    percent = Decimal(item.amount_yen) * 100 / item.budget_yen
    return percent.quantize(Decimal("0.1"), ROUND_FLOOR)


def share_out(item: SettlementItem, costs: Sequence[InitiativeCost]) -> Attribution:
    """Return what each cost takes of the item's amount, to the yen, and what none takes.

    No yen where the item states no amount, nor where the shares add up to more than 100 %.
    """
    percents = [cost.share_percent for cost in costs]
    if item.amount_yen is None or sum(percents) > 100:
        return Attribution([(cost, None) for cost in costs], None)
    parts, rest_yen = attribute_yen(item.amount_yen, percents)
    return Attribution(list(zip(costs, parts, strict=True)), rest_yen)
