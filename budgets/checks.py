"""Checks 突合: the sums that a settlement's own numbers must satisfy. Pure.

A settlement comes in as a sequence of ItemFacts, a check's answer goes out as a CheckResult. A
check that has nothing to compare gives no result; only the breakdown of a stated amount always
gives one. Amounts are whole yen; blank (None) is not zero; no tolerance anywhere.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum
from fractions import Fraction
from functools import cached_property

from portal.amounts import format_amount

from .item_codes import code_order, parent_code

EXPENDITURE = "expenditure"


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


@dataclass(frozen=True)
class FigureFacts:
    """A figure as the checks see it; `key` names it, `part_of` is the key of its whole."""

    key: Hashable
    name: str
    kind: str
    value: Decimal
    unit: str
    amount_yen: int | None = None
    part_of: Hashable | None = None
    group: str = ""


@dataclass(frozen=True)
class ItemFacts:
    """An item as the checks see it; `shares` are the percents attributed to initiatives."""

    code: str
    amount_yen: int | None = None
    budget_yen: int | None = None
    carried_over_yen: int | None = None
    unused_yen: int | None = None
    figures: tuple[FigureFacts, ...] = ()
    funding: tuple[int, ...] = ()
    shares: tuple[Decimal, ...] = ()


@dataclass(frozen=True)
class CheckResult:
    """What a check found at the item `code`; `subject` names the figure that it is about.

    `expected` is what the paper states, `actual` what adds up, both in `unit`.
    """

    check: CheckName
    status: CheckStatus
    code: str
    message: str
    expected: int | Decimal | None = None
    actual: int | Decimal | None = None
    unit: str = "円"
    subject: str = ""

    @property
    def difference(self) -> int | Decimal | None:
        """Return actual - expected: negative for what is missing, positive for what is too much."""
        if self.expected is None or self.actual is None:
            return None
        return self.actual - self.expected

    @property
    def covered_percent(self) -> Decimal | None:
        """Return actual in percent of expected, to one place, never rounded to a false 100."""
        if not self.expected or self.actual is None or self.actual / self.expected < 0:
            return None
        rounding = ROUND_CEILING if self.status == CheckStatus.EXCEEDED else ROUND_FLOOR
        percent = Decimal(self.actual) * 100 / Decimal(self.expected)
        return percent.quantize(Decimal("0.1"), rounding)

    @property
    def is_problem(self) -> bool:
        """Tell whether numbers contradict each other; a gap in what is published does not."""
        return self.status in (
            CheckStatus.EXCEEDED,
            CheckStatus.MISMATCHED,
            CheckStatus.OVERLAPPING,
        )


def check_settlement(items: Iterable[ItemFacts]) -> list[CheckResult]:
    """Return the results of all checks of all items, in the order of the codes."""
    tree = _Tree(items)
    return [result for code in tree.items for result in tree.check(code)]


def check_item(items: Iterable[ItemFacts], code: str) -> list[CheckResult]:
    """Return the results at one item; `items` are those of the whole settlement."""
    return list(_Tree(items).check(code))


def check_breakdowns(items: Iterable[ItemFacts]) -> dict[str, CheckResult]:
    """Return the breakdown of every item by its code, also where no amount is stated."""
    tree = _Tree(items)
    return {code: tree.breakdown(code) for code in tree.items}


def attribute_yen(amount_yen: int, shares: Sequence[Decimal]) -> tuple[list[int], int]:
    """Return the yen of each share of an amount, and the yen that no share takes.

    Shares are percents; all parts add up to the amount exactly, by the largest remainder (a tie
    goes to the earlier share). Raises ValueError for shares below 0 or above 100 in sum.
    """
    rest = 100 - sum(shares)
    if amount_yen < 0 or rest < 0 or any(share < 0 for share in shares):
        raise ValueError("金額は0以上、割合は0以上で合計100以下でなければなりません。")
    exact = [Fraction(share) * amount_yen / 100 for share in (*shares, rest)]
    parts = [int(quota) for quota in exact]
    largest_first = sorted(range(len(parts)), key=lambda index: parts[index] - exact[index])
    for index in largest_first[: amount_yen - sum(parts)]:
        parts[index] += 1
    return parts[:-1], parts[-1]


class _Tree:
    """The items and figures of one settlement, indexed once."""

    def __init__(self, items: Iterable[ItemFacts]):
        self.items = {item.code: item for item in sorted(items, key=lambda i: code_order(i.code))}
        self.children = defaultdict(list)
        self.figures = {}
        self.parts = defaultdict(list)
        for code, item in self.items.items():
            self.children[parent_code(code)].append(code)
            for figure in item.figures:
                self.figures[figure.key] = (code, figure)
                if figure.part_of is not None:
                    self.parts[figure.part_of].append(figure)
        self.shared = [code for code, item in self.items.items() if item.shares]

    def check(self, code: str) -> Iterator[CheckResult]:
        item = self.items[code]
        if item.amount_yen is not None:
            yield self.breakdown(code)
            yield from self._check_children(item)
            yield from _check_funding(item)
        yield from _check_identity(item)
        yield from self._check_attribution(item)
        for figure in item.figures:
            yield from self._check_parts(code, figure)

    def breakdown(self, code: str) -> CheckResult:
        stated, covered = self.items[code].amount_yen, self.spent_within.get(code)
        if stated is None:
            message = "決算額が資料に記載されていないため、内訳と比べられません。"
        elif covered is None:
            message = "金額の内訳は資料に記載されていません。"
        else:
            return _compared(CheckName.BREAKDOWN, code, stated, covered, "公表された内訳", "決算額")
        return CheckResult(CheckName.BREAKDOWN, CheckStatus.NONE, code, message, expected=stated)

    @cached_property
    def spent_within(self) -> dict[str, int]:
        """Sum the expenditure figures of each item's subtree; no key where there is none.

        A figure counts unless it is part of another expenditure figure of the same subtree.
        """
        spent = {}
        for code, figure in self.figures.values():
            if figure.kind != EXPENDITURE or figure.amount_yen is None:
                continue
            wholes = self._wholes(figure)
            for above in _lineage(code):
                if not any(_is_within(whole, above) for whole in wholes):
                    spent[above] = spent.get(above, 0) + figure.amount_yen
        return spent

    def _wholes(self, figure: FigureFacts) -> list[str]:
        """Return the codes where the expenditure figures stand that the figure is part of.

        None for figures that are entered as parts of each other, so that they still count.
        """
        codes, seen, key = [], set(), figure.part_of
        while key in self.figures and key not in seen:
            seen.add(key)
            code, whole = self.figures[key]
            if whole.kind == EXPENDITURE:
                codes.append(code)
            key = whole.part_of
        return [] if figure.key in seen else codes

    def _check_children(self, item: ItemFacts) -> Iterator[CheckResult]:
        amounts, silent = self._stated_below(item.code)
        if not amounts:
            return
        yield _compared(
            CheckName.CHILDREN,
            item.code,
            item.amount_yen,
            sum(amounts),
            f"決算額の記載がある下位の項目{len(amounts)}件の合計",
            "決算額",
            is_complete=not silent,
        )

    def _stated_below(self, code: str) -> tuple[list[int], int]:
        """Return the topmost amounts stated below an item, and how many branches state none."""
        amounts, silent = [], 0
        for child in self.children[code]:
            if (amount := self.items[child].amount_yen) is not None:
                amounts.append(amount)
                continue
            below, silent_below = self._stated_below(child)
            amounts += below
            silent += silent_below if below else 1
        return amounts, silent

    def _check_parts(self, code: str, whole: FigureFacts) -> Iterator[CheckResult]:
        """Compare a figure with each partition of it: the parts that share a `group`."""
        partitions = defaultdict(list)
        for part in self.parts[whole.key]:
            partitions[part.group].append(part)
        for group, parts in partitions.items():
            subject = f"「{whole.name}」" + (f"の「{group}」" if group else "")
            same = [whole, *parts]
            if len({figure.unit for figure in same}) == 1:
                stated, found, unit = whole.value, sum(part.value for part in parts), whole.unit
            elif all(figure.amount_yen is not None for figure in same):
                stated, found, unit = whole.amount_yen, sum(p.amount_yen for p in parts), "円"
            else:
                yield CheckResult(
                    CheckName.PARTS,
                    CheckStatus.MISMATCHED,
                    code,
                    f"{subject}の内訳は、単位が違うため足し合わせられません。",
                    expected=whole.value,
                    unit=whole.unit,
                    subject=whole.name,
                )
                continue
            yield _compared(
                CheckName.PARTS,
                code,
                stated,
                found,
                f"{subject}の内訳の合計",
                "全体",
                unit=unit,
                subject=whole.name,
            )

    def _check_attribution(self, item: ItemFacts) -> Iterator[CheckResult]:
        if not item.shares:
            return
        percent = sum(item.shares)
        if percent > 100:
            message = (
                f"取組に按分された割合の合計が{_quantity(percent, '%')}で、100%を超えています。"
            )
            status = CheckStatus.EXCEEDED
        elif percent < 100:
            message = f"決算額の{_quantity(percent, '%')}が取組に按分されています。"
            status = CheckStatus.PARTIAL
        else:
            message, status = "決算額のすべてが取組に按分されています。", CheckStatus.MATCHED
        if nested := [c for c in self.shared if c != item.code and _is_within(c, item.code)]:
            status = CheckStatus.OVERLAPPING
            message = (
                f"この項目と下位の項目（{'、'.join(nested)}）の両方が取組に按分されていて、"
                "同じ額が二重に数えられます。"
            )
        yield CheckResult(
            CheckName.ATTRIBUTION, status, item.code, message, Decimal(100), percent, "%"
        )


def _check_identity(item: ItemFacts) -> Iterator[CheckResult]:
    terms = (item.amount_yen, item.carried_over_yen, item.unused_yen)
    if item.budget_yen is None or None in terms:
        return
    total = sum(terms)
    if total == item.budget_yen:
        status = CheckStatus.MATCHED
        message = "予算現額は、決算額・翌年度繰越額・不用額の合計と一致します。"
    else:
        status = CheckStatus.MISMATCHED
        message = (
            f"予算現額（{_quantity(item.budget_yen, '円')}）が、決算額・翌年度繰越額・不用額の合計"
            f"（{_quantity(total, '円')}）と一致しません。"
        )
    yield CheckResult(CheckName.IDENTITY, status, item.code, message, item.budget_yen, total)


def _check_funding(item: ItemFacts) -> Iterator[CheckResult]:
    if item.funding:
        yield _compared(
            CheckName.FUNDING,
            item.code,
            item.amount_yen,
            sum(item.funding),
            "財源の合計",
            "決算額",
        )


def _compared(
    check, code, stated, found, found_name, stated_name, *, unit="円", subject="", is_complete=True
) -> CheckResult:
    """Compare what adds up with what is stated, and say it in a sentence.

    `is_complete` False: some summand is not stated, so that an equal sum proves nothing.
    """
    sign = -1 if stated < 0 else 1
    if found == stated:
        status = CheckStatus.MATCHED if is_complete else CheckStatus.PARTIAL
    else:
        status = CheckStatus.EXCEEDED if sign * found > sign * stated else CheckStatus.PARTIAL
    result = CheckResult(check, status, code, "", stated, found, unit, subject)
    printed = f"{stated_name}{_quantity(stated, unit)}"
    if found == stated:
        message = f"{found_name}は、{printed}と一致します。"
    elif status == CheckStatus.EXCEEDED:
        message = f"{found_name}は、{printed}を{_quantity(abs(found - stated), unit)}上回ります。"
    elif not result.covered_percent:
        message = f"{found_name}は{_quantity(found, unit)}で、{printed}に届きません。"
    else:
        percent = _quantity(result.covered_percent, "%")
        message = f"{found_name}は、{printed}の{percent}（{_quantity(found, unit)}）です。"
    if not is_complete:
        message += "決算額の記載がない下位の項目があります。"
    return replace(result, message=message)


def _lineage(code: str) -> Iterator[str]:
    while code:
        yield code
        code = parent_code(code)


def _is_within(code: str, above: str) -> bool:
    return code == above or code.startswith(f"{above}.")


def _quantity(value: int | Decimal, unit: str) -> str:
    """Return a number as a sentence prints it: 7,997千円, 203件, 62.5%."""
    if unit == "円" and value == int(value):
        return format_amount(int(value), "円" if value % 1000 else "千円")
    return f"{Decimal(value).normalize():,f}{unit}"
