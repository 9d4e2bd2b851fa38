"""A program's amounts over the years. Pure: items are SettlementItem records, already loaded."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from portal.fiscal_year import format_fiscal_year
from portal.succession import Succession

from .compare import Change
from .models import SettlementItem


@dataclass(frozen=True)
class SeriesYear:
    """A program's year. `amount_yen` is None where one of the items states no amount.

    The change is from the year just before, whose amount is None where that year is missing.
    `remarks` tell what its departments came out of in that year.
    """

    fiscal_year: int
    items: list[SettlementItem]
    change: Change
    remarks: list[str] = field(default_factory=list)

    @property
    def amount_yen(self) -> int | None:
        return self.change.after_yen


def make_series(
    items: Iterable[SettlementItem], succession: Succession | None = None
) -> list[SeriesYear]:
    """Return a year a fiscal year that has items; `items` come in the order of the years."""
    series = []
    amounts = {}
    for fiscal_year, grouped in groupby(items, lambda item: item.settlement.fiscal_year):
        group = list(grouped)
        amounts[fiscal_year] = _sum_once(group)
        change = Change(amounts.get(fiscal_year - 1), amounts[fiscal_year])
        remarks = _tell_origins(group, fiscal_year, succession) if succession else []
        series.append(SeriesYear(fiscal_year, group, change, remarks))
    return series


def list_points(series: Sequence[SeriesYear]) -> list[tuple[str, int | None]]:
    """Return what a chart draws, a missing year as a gap; nothing to draw of a single year."""
    amounts = {year.fiscal_year: year.amount_yen for year in series}
    if len(amounts) < 2:
        return []
    years = range(min(amounts), max(amounts) + 1)
    return [(format_fiscal_year(year), amounts.get(year)) for year in years]


def _tell_origins(items, fiscal_year, succession) -> list[str]:
    departments = dict.fromkeys(item.settlement.department for item in items)
    told = [succession.tell_origin(department, fiscal_year) for department in departments]
    return [text for text in told if text]


def _sum_once(items: list[SettlementItem]) -> int | None:
    """Sum the amounts, those below another item of the list left out: they are part of it."""
    topmost = [item for item in items if not any(_is_below(item, other) for other in items)]
    amounts = [item.amount_yen for item in topmost]
    return None if None in amounts else sum(amounts)


def _is_below(item: SettlementItem, other: SettlementItem) -> bool:
    return item.settlement_id == other.settlement_id and item.code.startswith(f"{other.code}.")
