"""Amounts as shares of a whole, and the pictures and rankings made of them. Pure.

A share has one decimal place, rounded half up: shares of one whole may add up to 99.9 or 100.1.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from portal.charts import Bar, Slice, Stack, make_bars, make_stack

from .check_results import CheckResult, CheckStatus
from .models import FundingSource, Settlement, SettlementItem


@dataclass(frozen=True)
class Rank:
    """A line of a ranking; equal amounts share a place."""

    place: int
    bar: Bar
    share: str | None


def write_share(part_yen: int | None, whole_yen: int | None) -> str | None:
    """Return "12.3%"; None where an amount is missing, or the whole is not above 0.

    A share that would round to 0 or 100 without being it is "0.1%未満" or "99.9%超".
    """
    if part_yen is None or whole_yen is None or whole_yen <= 0:
        return None
    percent = (Decimal(part_yen) * 100 / whole_yen).quantize(Decimal("0.1"), ROUND_HALF_UP)
    if percent == 0 < part_yen:
        return "0.1%未満"
    if percent == 100 and part_yen < whole_yen:
        return "99.9%超"
    return f"{percent}%"


def rank_slices(slices: Iterable[Slice], unit: str, whole_yen: int | None = None) -> list[Rank]:
    """Return the slices that state an amount, the largest first.

    Their shares are those of the whole, or of their sum where no whole is stated.
    """
    stated = [part for part in slices if part.amount_yen is not None]
    stated.sort(key=lambda part: -part.amount_yen)
    amounts = [part.amount_yen for part in stated]
    whole_yen = sum(amounts) if whole_yen is None else whole_yen
    return [
        Rank(1 + amounts.index(yen), bar, write_share(yen, whole_yen))
        for yen, bar in zip(amounts, make_bars(stated, unit), strict=True)
    ]


def slice_settlements(settlements: Iterable[Settlement]) -> list[Slice]:
    return [
        Slice(s.department.name, s.stated_amount_yen, s.get_absolute_url()) for s in settlements
    ]


def slice_items(items: Iterable[SettlementItem]) -> list[Slice]:
    return [Slice(item.name, item.amount_yen, item.get_absolute_url(), item.code) for item in items]


def stack_coverage(breakdown: CheckResult, unit: str) -> Stack | None:
    """Return an item's amount as what is broken down in public, and what is not.

    None where nothing is, or more than all: a bar cannot show that.
    """
    if not breakdown.covered_percent or breakdown.status == CheckStatus.EXCEEDED:
        return None
    slices = [Slice("内訳が公表されている額", breakdown.actual)]
    percents = [breakdown.covered_percent]
    if rest_yen := breakdown.expected - breakdown.actual:
        slices.append(Slice("内訳の記載がない額", rest_yen, tone=8))
        percents.append(100 - breakdown.covered_percent)
    return make_stack(slices, unit, percents)


def stack_funding(funding: Sequence[FundingSource], unit: str) -> Stack:
    return make_stack([Slice(str(source), source.amount_yen) for source in funding], unit)
