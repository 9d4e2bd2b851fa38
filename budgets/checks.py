"""Checks 突合: the sums that a settlement's own numbers must satisfy. Pure.

A settlement comes in as a sequence of ItemFacts, a check's answer goes out as a CheckResult. A
check that has nothing to compare gives no result; only the breakdown of a stated amount always
gives one. Amounts are whole yen; blank (None) is not zero; no tolerance anywhere.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import cached_property, lru_cache, partial
from typing import NamedTuple

from .check_results import (
    CheckName,
    CheckResult,
    CheckStatus,
    Operand,
    format_quantity,
)
from .item_codes import code_order, parent_code

EXPENDITURE = "expenditure"
TERMS = ("決算額", "翌年度繰越額", "不用額")


class FigureFacts(NamedTuple):
    """A figure as the checks see it; `key` names it, `part_of` is the key of its whole."""

    key: Hashable
    name: str
    kind: str
    value: Decimal
    unit: str
    amount_yen: int | None = None
    part_of: Hashable | None = None
    group: str = ""


class MoneyFacts(NamedTuple):
    """What of FigureFacts `sum_breakdowns` asks for."""

    key: Hashable
    kind: str
    amount_yen: int | None
    part_of: Hashable | None


class ItemFacts(NamedTuple):
    """An item as the checks see it; `shares` are the percents attributed to initiatives."""

    code: str
    amount_yen: int | None = None
    budget_yen: int | None = None
    carried_over_yen: int | None = None
    unused_yen: int | None = None
    figures: tuple[FigureFacts, ...] = ()
    funding: tuple[int, ...] = ()
    shares: tuple[Decimal, ...] = ()


def check_settlement(items: Iterable[ItemFacts]) -> list[CheckResult]:
    """Return the results of all checks of all items, in the order of the codes."""
    tree = _Tree(items)
    return [result for code in tree.items for result in tree.check(code)]


def check_item(items: Iterable[ItemFacts], code: str) -> list[CheckResult]:
    """Return the results at one item; `items` are those of the whole settlement."""
    return list(_Tree(items).check(code))


def check_items(
    items: Iterable[ItemFacts], codes: Iterable[str]
) -> dict[str, tuple[CheckResult, list[CheckResult]]]:
    """Return the breakdown and all results at each of some items.

    `items` are those of the whole settlement; figures, funding and shares are needed of those
    items alone and of all below them.
    """
    tree = _Tree(items)
    return {code: (tree.breakdown(code), list(tree.check(code))) for code in codes}


def check_breakdowns(items: Iterable[ItemFacts]) -> dict[str, CheckResult]:
    """Return the breakdown of every item by code, also where no amount is stated.

    Without the operands, as `sum_breakdowns`.
    """
    items = list(items)
    stated = {item.code: item.amount_yen for item in items}
    figures = {figure.key: (item.code, figure) for item in items for figure in item.figures}
    return sum_breakdowns(stated, figures)


def sum_breakdowns(
    stated: Mapping[str, int | None],
    figures: Mapping[Hashable, tuple[str, FigureFacts | MoneyFacts]],
) -> dict[str, CheckResult]:
    """Return the breakdown at each of some items of a settlement, by code.

    `stated` is what each states; `figures`, by key, each with the code where it stands, are those
    of the items and of all below them. The operands of the sums are left out, which many results
    are never asked for: `check_items` tells them.
    """
    sums = {}
    for _, figure, places in _list_spent(figures):
        for place in places:
            sums[place] = sums.get(place, 0) + figure.amount_yen
    return {code: _compare_breakdown(code, yen, sums.get(code)) for code, yen in stated.items()}


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
            if figure.key in self.parts:
                yield from self._check_parts(code, figure)

    def breakdown(self, code: str) -> CheckResult:
        operands = self.spent_within.get(code)
        spent = None if operands is None else sum([operand.value for operand in operands])
        return _compare_breakdown(code, self.items[code].amount_yen, spent, operands or ())

    @cached_property
    def spent_within(self) -> dict[str, list[Operand]]:
        """List the expenditure figures of each item's subtree; no key where there is none."""
        spent = defaultdict(list)
        for code, figure, places in _list_spent(self.figures):
            operand = Operand(figure.name, figure.amount_yen, "円", code)
            for place in places:
                spent[place].append(operand)
        return spent

    def _check_children(self, item: ItemFacts) -> Iterator[CheckResult]:
        stated, silent = self._stated_below(item.code)
        if not stated:
            return
        yield _compared(
            CheckName.CHILDREN,
            item.code,
            item.amount_yen,
            stated,
            f"決算額の記載がある下位の項目{len(stated)}件の合計",
            "決算額",
            is_complete=not silent,
        )

    def _stated_below(self, code: str) -> tuple[list[Operand], int]:
        """Return the topmost amounts stated below an item, and how many branches state none."""
        stated, silent = [], 0
        for child in self.children[code]:
            if (amount := self.items[child].amount_yen) is not None:
                stated.append(Operand("決算額", amount, "円", child))
                continue
            below, silent_below = self._stated_below(child)
            stated += below
            silent += silent_below if below else 1
        return stated, silent

    def _check_parts(self, code: str, whole: FigureFacts) -> Iterator[CheckResult]:
        """Compare a figure with each partition of it: the parts that share a `group`."""
        partitions = defaultdict(list)
        for part in self.parts[whole.key]:
            partitions[part.group].append(part)
        for group, parts in partitions.items():
            subject = f"「{whole.name}」" + (f"の「{group}」" if group else "")
            same = [whole, *parts]
            if len({figure.unit for figure in same}) == 1:
                values, unit = [figure.value for figure in same], whole.unit
            elif all(figure.amount_yen is not None for figure in same):
                values, unit = [figure.amount_yen for figure in same], "円"
            else:
                yield CheckResult(
                    CheckName.PARTS,
                    CheckStatus.MISMATCHED,
                    code,
                    partial(_say_no_sum, subject),
                    expected=whole.value,
                    unit=whole.unit,
                    subject=whole.name,
                )
                continue
            yield _compared(
                CheckName.PARTS,
                code,
                values[0],
                [
                    Operand(part.name, value, unit, self.figures[part.key][0])
                    for part, value in zip(parts, values[1:], strict=True)
                ],
                f"{subject}の内訳の合計",
                "全体",
                unit=unit,
                subject=whole.name,
            )

    def _check_attribution(self, item: ItemFacts) -> Iterator[CheckResult]:
        if not item.shares:
            return
        percent = sum(item.shares)
        nested = [c for c in self.shared if c != item.code and is_within(c, item.code)]
        if nested:
            status = CheckStatus.OVERLAPPING
        elif percent == 100:
            status = CheckStatus.MATCHED
        else:
            status = CheckStatus.EXCEEDED if percent > 100 else CheckStatus.PARTIAL
        operands = tuple(Operand("按分", share, "%", item.code) for share in item.shares)
        yield CheckResult(
            CheckName.ATTRIBUTION,
            status,
            item.code,
            partial(_say_attribution, nested),
            Decimal(100),
            percent,
            "%",
            operands=operands,
        )


def _list_spent(figures) -> Iterator[tuple[str, FigureFacts, Sequence[str]]]:
    """Yield each expenditure figure: where it stands, itself, and the items in whose sum it counts.

    Those are the item where it stands and all above it, but none whose subtree holds another
    expenditure figure that it is part of.
    """
    for code, figure in figures.values():
        if figure.kind != EXPENDITURE or figure.amount_yen is None:
            continue
        places = (code, *list_above(code))
        if figure.part_of is not None and (wholes := _list_wholes(figure, figures)):
            places = [p for p in places if not any(is_within(whole, p) for whole in wholes)]
        yield code, figure, places


def _list_wholes(figure: FigureFacts, figures) -> list[str]:
    """Return the codes where the expenditure figures stand that the figure is part of.

    None for figures that are entered as parts of each other, so that they still count.
    """
    codes, seen, key = [], set(), figure.part_of
    while key in figures and key not in seen:
        seen.add(key)
        code, whole = figures[key]
        if whole.kind == EXPENDITURE:
            codes.append(code)
        key = whole.part_of
    return [] if figure.key in seen else codes


def _compare_breakdown(
    code: str, stated: int | None, spent: int | None, operands: Iterable[Operand] = ()
) -> CheckResult:
    if stated is None or spent is None:
        return CheckResult(
            CheckName.BREAKDOWN, CheckStatus.NONE, code, _say_no_breakdown, expected=stated
        )
    return _compared_sum(
        CheckName.BREAKDOWN, code, stated, spent, operands, "公表された内訳", "決算額"
    )


def _say_no_breakdown(result: CheckResult) -> str:
    if result.expected is None:
        return "決算額が資料に記載されていないため、内訳と比べられません。"
    return "金額の内訳は資料に記載されていません。"


def _say_no_sum(subject: str, result: CheckResult) -> str:
    return f"{subject}の内訳は、単位が違うため足し合わせられません。"


def _say_attribution(nested: list[str], result: CheckResult) -> str:
    percent = format_quantity(result.actual, "%")
    match result.status:
        case CheckStatus.OVERLAPPING:
            return (
                f"この項目と下位の項目（{'、'.join(nested)}）の両方が取組に按分されていて、"
                "同じ額が二重に数えられます。"
            )
        case CheckStatus.EXCEEDED:
            return f"取組に按分された割合の合計が{percent}で、100%を超えています。"
        case CheckStatus.PARTIAL:
            return f"決算額の{percent}が取組に按分されています。"
        case _:
            return "決算額のすべてが取組に按分されています。"


def _check_identity(item: ItemFacts) -> Iterator[CheckResult]:
    terms = (item.amount_yen, item.carried_over_yen, item.unused_yen)
    if item.budget_yen is None or None in terms:
        return
    total = sum(terms)
    yield CheckResult(
        CheckName.IDENTITY,
        CheckStatus.MATCHED if total == item.budget_yen else CheckStatus.MISMATCHED,
        item.code,
        _say_identity,
        item.budget_yen,
        total,
        operands=tuple(
            Operand(name, yen, "円", item.code) for name, yen in zip(TERMS, terms, strict=True)
        ),
    )


def _say_identity(result: CheckResult) -> str:
    if result.status == CheckStatus.MATCHED:
        return "予算現額は、決算額・翌年度繰越額・不用額の合計と一致します。"
    return (
        f"予算現額（{format_quantity(result.expected, '円')}）が、決算額・翌年度繰越額・不用額の合計"
        f"（{format_quantity(result.actual, '円')}）と一致しません。"
    )


def _check_funding(item: ItemFacts) -> Iterator[CheckResult]:
    if item.funding:
        yield _compared(
            CheckName.FUNDING,
            item.code,
            item.amount_yen,
            [Operand("財源", yen, "円", item.code) for yen in item.funding],
            "財源の合計",
            "決算額",
        )


def _compared(check, code, stated, operands, found_name, stated_name, **more) -> CheckResult:
    """Compare the sum of the operands with what is stated."""
    found = sum([operand.value for operand in operands])
    return _compared_sum(check, code, stated, found, operands, found_name, stated_name, **more)


def _compared_sum(
    check,
    code,
    stated,
    found,
    operands,
    found_name,
    stated_name,
    *,
    unit="円",
    subject="",
    is_complete=True,
) -> CheckResult:
    """Compare what was found with what is stated.

    `is_complete` False: some summand is not stated, so that an equal sum proves nothing.
    """
    sign = -1 if stated < 0 else 1
    if found == stated:
        status = CheckStatus.MATCHED if is_complete else CheckStatus.PARTIAL
    else:
        status = CheckStatus.EXCEEDED if sign * found > sign * stated else CheckStatus.PARTIAL
    say = partial(_say_compared, found_name, stated_name, is_complete)
    return CheckResult(check, status, code, say, stated, found, unit, subject, tuple(operands))


def _say_compared(found_name: str, stated_name: str, is_complete: bool, result: CheckResult) -> str:
    stated, found, unit = result.expected, result.actual, result.unit
    printed = f"{stated_name}{format_quantity(stated, unit)}"
    if found == stated:
        message = f"{found_name}は、{printed}と一致します。"
    elif result.status == CheckStatus.EXCEEDED:
        message = (
            f"{found_name}は、{printed}を{format_quantity(abs(found - stated), unit)}上回ります。"
        )
    elif not (covered := result.covered_percent):
        message = f"{found_name}は{format_quantity(found, unit)}で、{printed}に届きません。"
    else:
        percent = format_quantity(covered, "%")
        message = f"{found_name}は、{printed}の{percent}（{format_quantity(found, unit)}）です。"
    return message if is_complete else f"{message}決算額の記載がない下位の項目があります。"


@lru_cache(maxsize=10_000)
def list_above(code: str) -> tuple[str, ...]:
    """Return the codes above one, the nearest first."""
    above = parent_code(code)
    return (above, *list_above(above)) if above else ()


def is_within(code: str, above: str) -> bool:
    return code == above or code.startswith(f"{above}.")
