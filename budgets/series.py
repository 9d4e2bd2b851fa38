"""A program's amounts over the years. Pure: items are SettlementItem records, already loaded."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from itertools import groupby

from .models import SettlementItem


@dataclass(frozen=True)
class SeriesYear:
    """A program's year. `amount_yen` is None where one of the items states no amount.

    The difference is to the year just before; None where that year or an amount is missing.
    """

    fiscal_year: int
    items: list[SettlementItem]
    amount_yen: int | None
    difference_yen: int | None = None
    difference_percent: Decimal | None = None


def make_series(items: Iterable[SettlementItem]) -> list[SeriesYear]:
    """Return a year a fiscal year that has items; `items` come in the order of the years."""
    series = []
    previous = None
    for fiscal_year, grouped in groupby(items, lambda item: item.settlement.fiscal_year):
        year = SeriesYear(fiscal_year, group := list(grouped), _sum_once(group))
        if (
            previous
            and previous.fiscal_year == fiscal_year - 1
            and None not in (previous.amount_yen, year.amount_yen)
        ):
            difference = year.amount_yen - previous.amount_yen
            year = SeriesYear(
                fiscal_year,
                group,
                year.amount_yen,
                difference,
                _percent(difference, previous.amount_yen),
            )
        series.append(year)
        previous = year
    return series


def _sum_once(items: list[SettlementItem]) -> int | None:
    """Sum the amounts, those below another item of the list left out: they are part of it."""
    topmost = [item for item in items if not any(_is_below(item, other) for other in items)]
    amounts = [item.amount_yen for item in topmost]
    return None if None in amounts else sum(amounts)


def _is_below(item: SettlementItem, other: SettlementItem) -> bool:
    return item.settlement_id == other.settlement_id and item.code.startswith(f"{other.code}.")


def _percent(difference_yen: int, base_yen: int) -> Decimal | None:
    if not base_yen:
        return None
    return (Decimal(difference_yen) * 100 / base_yen).quantize(Decimal("0.1"), ROUND_DOWN)
