"""Two years side by side: what rose, what fell, what cannot be compared. Pure.

Amounts are whole yen. A difference needs both amounts, a percentage a base above 0 as well, and
has one decimal place, rounded half up.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from portal.models import Department
from portal.succession import Succession

from .models import Settlement, SettlementItem

TENTH = Decimal("0.1")


@dataclass(frozen=True)
class Change:
    before_yen: int | None
    after_yen: int | None

    @property
    def difference_yen(self) -> int | None:
        if self.before_yen is None or self.after_yen is None:
            return None
        return self.after_yen - self.before_yen

    @property
    def percent(self) -> Decimal | None:
        """Return the difference in percent of the base; None without a base, or one of 0."""
        if self.difference_yen is None or self.before_yen <= 0:
            return None
        return (Decimal(self.difference_yen) * 100 / self.before_yen).quantize(TENTH, ROUND_HALF_UP)


class Matching(StrEnum):
    PROGRAM = "事業"
    CODE = "番号と名称"
    NONE = ""


@dataclass(frozen=True)
class ComparedItem:
    """The same item in two years; None where a year has none."""

    after: SettlementItem | None
    before: SettlementItem | None
    matching: Matching

    @property
    def item(self) -> SettlementItem:
        return self.after or self.before

    @property
    def change(self) -> Change:
        return Change(*(item and item.amount_yen for item in (self.before, self.after)))


def compare_items(
    before: Sequence[SettlementItem], after: Sequence[SettlementItem]
) -> list[ComparedItem]:
    """Match the items of two years: by program, otherwise by the same code and the same name.

    A program matches where either year has one item of it; items of two different programs never
    match. All items of `after` come in their order, then what only `before` has.
    """
    by_program = _index(before, lambda item: item.program_id)
    programs = _index(after, lambda item: item.program_id)
    by_code = {(item.code, item.name): item for item in before}
    matched = {}
    for item in after:
        if item.program_id in programs and item.program_id in by_program:
            matched[item.code] = by_program[item.program_id], Matching.PROGRAM
    taken = {found.code for found, _ in matched.values()}
    for item in after:
        found = by_code.get((item.code, item.name))
        if item.code in matched or found is None or found.code in taken:
            continue
        if None in (item.program_id, found.program_id) or item.program_id == found.program_id:
            matched[item.code] = found, Matching.CODE
            taken.add(found.code)
    return [
        *(ComparedItem(item, *matched.get(item.code, (None, Matching.NONE))) for item in after),
        *(ComparedItem(None, item, Matching.NONE) for item in before if item.code not in taken),
    ]


def list_comparable(compared: Iterable[ComparedItem]) -> list[ComparedItem]:
    """Keep what has an amount in one of the years at least."""
    return [
        row
        for row in compared
        if row.change.before_yen is not None or row.change.after_yen is not None
    ]


@dataclass(frozen=True)
class DepartmentRow:
    """A department's settlements: for each year the settlement (or None) and the change.

    Under former names too; `remarks` tell those, and what cannot be compared simply.
    """

    department: Department
    cells: list[tuple[Settlement | None, Change]]
    remarks: list[str] = field(default_factory=list)

    @property
    def has_settlement(self) -> bool:
        return any(settlement for settlement, _ in self.cells)


def compare_departments(
    settlements: Iterable[Settlement], years: Sequence[int], succession: Succession | None = None
) -> list[DepartmentRow]:
    """Return a row a department, in the order they come, its cells in the order of `years`.

    Settlements are `with_totals()`. A year is compared with the year just before it, which is to
    be among the settlements even where it is not among `years`. A department that was renamed is
    one row, where it comes under its latest name; one that was merged or split is not joined.
    """
    rows = {}
    for settlement in settlements:
        by_year = rows.setdefault(settlement.department_id, (settlement.department, {}))[1]
        by_year[settlement.fiscal_year] = settlement
    remarks = _join_renamed(rows, years, succession or Succession())
    return [
        DepartmentRow(
            department,
            [
                (
                    by_year.get(year),
                    Change(_total(by_year.get(year - 1)), _total(by_year.get(year))),
                )
                for year in years
            ],
            remarks[department.pk],
        )
        for department, by_year in rows.values()
    ]


def _join_renamed(rows, years, succession) -> dict[int, list[str]]:
    """Give each row the years under its department's former names; return the remarks on the rows."""
    remarks = {}
    for pk, (department, by_year) in list(rows.items()):
        if pk not in rows:
            continue
        names, older = [department], succession.renamed_from(department)
        while older and older not in names:
            if older.pk in rows and by_year.keys() & rows[older.pk][1].keys():
                break
            by_year |= rows.pop(older.pk, (older, {}))[1]
            names.append(older)
            older = succession.renamed_from(older)
        told = [succession.tell_year(name, year) for year in years for name in names]
        remarks[pk] = [text for text in told if text]
    return remarks


def _total(settlement: Settlement | None) -> int | None:
    return settlement.stated_amount_yen if settlement else None


def _index(items: Iterable[SettlementItem], get_key: Callable) -> dict:
    """Return the items by their key; without those that share it, or have none."""
    items = list(items)
    counts = Counter(map(get_key, items))
    return {key: item for item in items if (key := get_key(item)) is not None and counts[key] == 1}
