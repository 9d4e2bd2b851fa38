"""What a check of a settlement found: the answers of `checks`. Pure; no tolerance anywhere."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum
from typing import NamedTuple

from django.utils.functional import cached_property

from portal.amounts import format_amount


class _Labelled(StrEnum):
    def __new__(cls, value, label):
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label
        return member


class CheckName(_Labelled):
    BREAKDOWN = "breakdown", "決算額と内訳"
    CHILDREN = "children", "決算額と下位の項目"
    PARTS = "parts", "数値とその内訳"
    IDENTITY = "identity", "予算現額と決算額・繰越額・不用額"
    FUNDING = "funding", "決算額と財源"
    ATTRIBUTION = "attribution", "取組への按分"


class CheckStatus(_Labelled):
    MATCHED = "matched", "一致"
    PARTIAL = "partial", "一部"
    EXCEEDED = "exceeded", "超過"
    MISMATCHED = "mismatched", "不一致"
    OVERLAPPING = "overlapping", "重複"
    NONE = "none", "内訳の記載なし"


class Operand(NamedTuple):
    """A number that a check adds up; it stands at the item `code` of the same settlement."""

    name: str
    value: int | Decimal
    unit: str
    code: str

    def __str__(self):
        return f"{self.name} {format_quantity(self.value, self.unit)}".strip()


@dataclass  # not frozen: they are made by the hundred thousand, and that would double the time
class CheckResult:
    """What a check found at the item `code`; `subject` names the figure that it is about.

    `expected` is what the paper states, `actual` what the `operands` add up to, both in `unit`.
    `say` makes the sentence of it, which most results are never asked for.
    """

    check: CheckName
    status: CheckStatus
    code: str
    say: Callable[["CheckResult"], str] = field(compare=False, repr=False)
    expected: int | Decimal | None = None
    actual: int | Decimal | None = None
    unit: str = "円"
    subject: str = ""
    operands: tuple[Operand, ...] = field(default=(), compare=False, repr=False)

    @property
    def message(self) -> str:
        return self.say(self)

    @property
    def difference(self) -> int | Decimal | None:
        """Return actual - expected: negative for what is missing, positive for what is too much."""
        if self.expected is None or self.actual is None:
            return None
        return self.actual - self.expected

    @cached_property
    def covered_percent(self) -> Decimal | None:
        return cover_percent(self.expected, self.actual)

    @property
    def is_problem(self) -> bool:
        """Tell whether numbers contradict each other; a gap in what is published does not."""
        return self.status in (
            CheckStatus.EXCEEDED,
            CheckStatus.MISMATCHED,
            CheckStatus.OVERLAPPING,
        )


def cover_percent(expected: int | Decimal | None, actual: int | Decimal | None) -> Decimal | None:
    """Return actual in percent of expected, to one place, never rounded to a false 100.

    None where there is nothing to compare, and where the one is above 0 and the other below.
    """
    if not expected or actual is None or actual / expected < 0:
        return None
    rounding = ROUND_CEILING if abs(actual) > abs(expected) else ROUND_FLOOR
    percent = Decimal(actual) * 100 / Decimal(expected)
    return percent.quantize(Decimal("0.1"), rounding)


def format_quantity(value: int | Decimal, unit: str) -> str:
    """Return a number as a sentence prints it: 7,997千円, 203件, 62.5%."""
    if unit == "円" and value == int(value):
        return format_amount(int(value), "円" if value % 1000 else "千円")
    return f"{Decimal(value).normalize():,f}{unit}"
