"""Proof-reading: what a report says against what is stored. Pure."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from portal.amounts import format_yen

from .report_lines import plain, squeeze
from .report_parts import Report, ReportItem

NUMBERS = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]{1,20}(?:\.[0-9]{1,6})?")


@dataclass(frozen=True)
class StoredFigure:
    name: str
    value: Decimal
    unit: str
    kind: str
    as_printed: str = ""


@dataclass(frozen=True)
class StoredItem:
    code: str
    name: str
    amount_yen: int | None = None
    figures: tuple[StoredFigure, ...] = ()


@dataclass(frozen=True)
class StoredSettlement:
    """A settlement as it is stored; `policies` are names with the names of their efforts."""

    heading: str
    policies: tuple[tuple[str, tuple[str, ...]], ...]
    items: tuple[StoredItem, ...]


@dataclass(frozen=True)
class Difference:
    """`paper` and `stored` are what each says, "" where it says nothing; `line` is the paper's."""

    code: str
    what: str
    paper: str
    stored: str
    line: int | None = None

    def __str__(self):
        at = f"{self.line}行目 " if self.line else ""
        return (
            f"{at}{self.code} {self.what}：文書「{self.paper or 'なし'}」、"
            f"登録「{self.stored or 'なし'}」"
        )


def compare_report(report: Report, stored: StoredSettlement) -> list[Difference]:
    """Return what differs, in the order of the paper, then what is stored alone.

    Bodies are not compared, as staff write them anew. A stored figure that the reader left in the
    text is found there by its number.
    """
    differences = []
    if report.heading and _key(report.heading) != _key(stored.heading):
        differences.append(Difference("", "見出し", report.heading, stored.heading))
    differences += _compare_policies(report, stored.policies)
    known = {item.code: item for item in stored.items}
    seen = set()
    for item in report.items:
        if item.code in seen:
            differences.append(Difference(item.code, "項目番号の重なり", item.name, "", item.line))
        elif item.code not in known:
            differences.append(Difference(item.code, "項目", item.name, "", item.line))
        else:
            differences += _compare_item(item, known[item.code])
        seen.add(item.code)
    return differences + [
        Difference(code, "項目", "", item.name) for code, item in known.items() if code not in seen
    ]


def _compare_policies(report: Report, stored) -> Iterator[Difference]:
    read = [(policy.name, policy.efforts) for policy in report.priority_policies]
    for index in range(max(len(read), len(stored))):
        name, efforts = read[index] if index < len(read) else ("", ())
        stored_name, stored_efforts = stored[index] if index < len(stored) else ("", ())
        line = report.priority_policies[index].line if index < len(read) else None
        if _key(name) != _key(stored_name):
            yield Difference("", f"重点施策{index + 1}", name, stored_name, line)
        if [_key(effort) for effort in efforts] != [_key(effort) for effort in stored_efforts]:
            what = f"重点施策{index + 1}の主な取組"
            yield Difference("", what, "、".join(efforts), "、".join(stored_efforts), line)


def _compare_item(item: ReportItem, stored: StoredItem) -> Iterator[Difference]:
    if _key(item.name) != _key(stored.name):
        yield Difference(item.code, "名称", item.name, stored.name, item.line)
    if item.amount_yen != stored.amount_yen:
        amounts = [
            "" if amount is None else format_yen(amount)
            for amount in (item.amount_yen, stored.amount_yen)
        ]
        line = (item.amount_lines or item.heading_lines)[0]
        yield Difference(item.code, "決算額", *amounts, line)
    rest = Counter(_figure_key(figure) for figure in stored.figures)
    for figure in item.figures:
        key = _figure_key(figure)
        if rest[key]:
            rest[key] -= 1
            continue
        name = "・".join(filter(None, (figure.group, figure.label, figure.measure)))
        yield Difference(
            item.code, f"実績値 {name}", f"{figure.value:,}{figure.unit}", "", figure.line
        )
    printed = _numbers_in(item) if +rest else frozenset()
    for figure in stored.figures:
        key = _figure_key(figure)
        if rest[key] > 0:
            rest[key] -= 1
            if figure.value not in printed and not _is_printed(figure, item):
                what = f"実績値 {figure.name}"
                value = figure.as_printed or f"{figure.value.normalize():,f}{figure.unit}"
                yield Difference(item.code, what, "", value, item.line)


def _figure_key(figure) -> tuple:
    """Return what must be equal: activity and outcome are a matter of judgement."""
    kind = figure.kind if figure.kind in ("expenditure", "money") else ""
    return (figure.value.normalize(), figure.unit, kind)


def _texts(item: ReportItem) -> Iterator[str]:
    yield plain(item.body)
    for table in item.tables:
        for row in table.rows:
            yield from map(plain, row)


def _numbers_in(item: ReportItem) -> set[Decimal]:
    return {
        Decimal(number.replace(",", ""))
        for text in _texts(item)
        for number in NUMBERS.findall(text)
    }


def _is_printed(figure: StoredFigure, item: ReportItem) -> bool:
    printed = plain(figure.as_printed).replace(" ", "")
    return bool(printed) and any(printed in text.replace(" ", "") for text in _texts(item))


def _key(text: str) -> str:
    """Return a name without its spaces and widths, in which papers and staff differ at will."""
    return "".join(plain(squeeze(text)).split())
