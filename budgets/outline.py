"""A settlement's items laid out for reading: rows, places in the tree, what an item had to spend.

Pure: items are SettlementItem records that are already loaded.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

from .checks import CheckResult
from .item_codes import parent_code
from .models import SettlementItem


@dataclass(frozen=True)
class OutlineRow:
    """An item, its breakdown, and the sum stated below it where it states no amount itself."""

    item: SettlementItem
    breakdown: CheckResult
    stated_below_yen: int | None = None


@dataclass(frozen=True)
class Place:
    """Where an item stands in the paper. `ancestors` begin with the topmost."""

    ancestors: list[SettlementItem]
    children: list[SettlementItem]
    previous: SettlementItem | None
    next: SettlementItem | None


def make_outline(
    items: Iterable[SettlementItem],
    breakdowns: Mapping[str, CheckResult],
    stated_below: Mapping[str, int],
) -> list[OutlineRow]:
    """Return a row an item, in the order of `items`; the mappings go by code."""
    return [
        OutlineRow(item, breakdowns[item.code], stated_below.get(item.code)) for item in items
    ]


def sum_stated_below(amounts: Mapping[str, int | None]) -> dict[str, int]:
    """Sum, for each code without an amount, the topmost amounts stated below it.

    No key where nothing below states one. {"1": None, "1.1": 5, "1.1.1": 3, "1.2": 2} -> {"1": 7}.
    """
    below = defaultdict(int)
    for code, amount_yen in amounts.items():
        if amount_yen is None:
            continue
        above = parent_code(code)
        while above and amounts.get(above) is None:
            below[above] += amount_yen
            above = parent_code(above)
    return dict(below)


def find_place(items: Sequence[SettlementItem], code: str) -> Place:
    """Return the place of the item `code` among all items of its settlement, in their order."""
    by_code = {item.code: item for item in items}
    codes = list(by_code)
    index = codes.index(code)
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
        items[index + 1] if index + 1 < len(codes) else None,
    )


def list_budget_lines(item: SettlementItem) -> list[tuple[str, int]]:
    """Return the budget amounts that the paper states, with their names; [] where none is."""
    fields = [
        "initial_budget_yen",
        "supplementary_yen",
        "carried_in_yen",
        "budget_yen",
        "carried_over_yen",
        "unused_yen",
    ]
    return [
        (str(item._meta.get_field(field).verbose_name).removesuffix("（円）"), amount_yen)
        for field in fields
        if (amount_yen := getattr(item, field)) is not None
    ]


def execution_percent(item: SettlementItem) -> Decimal | None:
    """Return the amount in percent of the budget, cut off after one decimal place.

    None where either is not stated, or the budget is 0.
    """
    if item.amount_yen is None or not item.budget_yen:
        return None
    percent = Decimal(item.amount_yen) * 100 / item.budget_yen
    return percent.quantize(Decimal("0.1"), ROUND_FLOOR)
