"""What a settlement report says, as it was read: items, figures, tables, remarks. Pure.

Every part knows the lines of the text (counted from 1) that it was read from, so that a screen can
show both side by side and `Report.line_uses` can account for every line.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from portal.amounts import AmountError, amount_yen_of


class LineUse(NamedTuple):
    """Where a line went: `role` is one of the names below, `code` that of its item or ""."""

    line: int
    role: str
    code: str


ROLES = {
    "title": "表題",
    "introduction": "概要",
    "policy": "重点施策",
    "heading": "見出し",
    "amount": "金額",
    "body": "本文",
    "table": "表",
    "remark": "注記のみ",
}


@dataclass(frozen=True)
class Remark:
    """What staff should look at; `is_unplaced` where the line stands nowhere but here."""

    line: int
    text: str
    reason: str
    is_unplaced: bool = False


@dataclass(frozen=True)
class Paragraph:
    text: str
    lines: tuple[int, ...]


@dataclass(frozen=True)
class Table:
    """A text table; `row_lines` holds a line for each row, `lines` all lines that it takes."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]
    row_lines: tuple[int, ...]


@dataclass(frozen=True)
class ReportFigure:
    """A number with its unit; `part_of` is the key of the figure that includes it."""

    label: str
    measure: str
    kind: str
    value: Decimal
    unit: str
    line: int
    group: str = ""
    period: str = ""
    as_printed: str = ""
    part_of: tuple[str, str, str, str] | None = None

    @property
    def key(self) -> tuple[str, str, str, str]:
        return (self.group, self.label, self.measure, self.period)

    @property
    def amount_yen(self) -> int | None:
        try:
            return amount_yen_of(self.value, self.unit)
        except AmountError:
            return None


@dataclass(frozen=True)
class ReportItem:
    """A numbered heading with all that follows it up to the next one.

    `code` joins the printed numbers; `label` is what is printed before the name. `amounts` holds
    other amounts that are stated, by field of the settlement item ("budget_yen").
    """

    code: str
    label: str
    name: str
    heading_lines: tuple[int, ...]
    amount_lines: tuple[int, ...] = ()
    amount_yen: int | None = None
    amounts: tuple[tuple[str, int], ...] = ()
    blocks: tuple[Paragraph | Table, ...] = ()
    figures: tuple[ReportFigure, ...] = ()
    locator: str = ""

    @property
    def line(self) -> int:
        return self.heading_lines[0]

    @property
    def body(self) -> str:
        return text_of(self.blocks)

    @property
    def tables(self) -> tuple[Table, ...]:
        return tuple(block for block in self.blocks if isinstance(block, Table))


@dataclass(frozen=True)
class ReportPolicy:
    name: str
    efforts: tuple[str, ...]
    line: int


@dataclass(frozen=True)
class Report:
    department_number: int | None
    department_name: str
    heading: str
    titles: tuple[str, ...]
    title_lines: tuple[int, ...]
    introduction_blocks: tuple[Paragraph | Table, ...]
    policy_heading: str
    priority_policies: tuple[ReportPolicy, ...]
    policy_lines: tuple[int, ...]
    items: tuple[ReportItem, ...]
    remarks: tuple[Remark, ...]

    @property
    def introduction(self) -> str:
        return text_of(self.introduction_blocks)

    def line_uses(self) -> Iterator[LineUse]:
        """Yield each non-blank line of the text once, in no order."""
        yield from (LineUse(line, "title", "") for line in self.title_lines)
        yield from _block_uses(self.introduction_blocks, "introduction", "")
        yield from (LineUse(line, "policy", "") for line in self.policy_lines)
        for item in self.items:
            yield from (LineUse(line, "heading", item.code) for line in item.heading_lines)
            yield from (LineUse(line, "amount", item.code) for line in item.amount_lines)
            yield from _block_uses(item.blocks, "body", item.code)
        for remark in self.remarks:
            if remark.is_unplaced:
                yield LineUse(remark.line, "remark", "")

    def as_json(self) -> dict[str, Any]:
        """Return the whole as what `json.dumps` takes; whole numbers are ints."""
        return {
            "department": {"number": self.department_number, "name": self.department_name},
            "titles": list(self.titles),
            "heading": self.heading,
            "introduction": self.introduction,
            "introduction_tables": _tables_json(self.introduction_blocks),
            "policy_heading": self.policy_heading,
            "priority_policies": [
                {"name": policy.name, "efforts": list(policy.efforts), "line": policy.line}
                for policy in self.priority_policies
            ],
            "items": [_item_json(item) for item in self.items],
            "remarks": [
                {"line": remark.line, "text": remark.text, "reason": remark.reason}
                for remark in self.remarks
            ],
            "lines": [use._asdict() for use in sorted(self.line_uses())],
        }


def text_of(blocks: tuple[Paragraph | Table, ...]) -> str:
    """Return the running text of some blocks, a blank line between paragraphs."""
    return "\n\n".join(block.text for block in blocks if isinstance(block, Paragraph))


def _block_uses(blocks, role: str, code: str) -> Iterator[LineUse]:
    for block in blocks:
        is_table = isinstance(block, Table)
        yield from (LineUse(line, "table" if is_table else role, code) for line in block.lines)


def _item_json(item: ReportItem) -> dict[str, Any]:
    return {
        "code": item.code,
        "label": item.label,
        "name": item.name,
        "line": item.line,
        "amount_yen": item.amount_yen,
        **dict(item.amounts),
        "body": item.body,
        "tables": _tables_json(item.blocks),
        "figures": [_figure_json(figure) for figure in item.figures],
    }


def _tables_json(blocks) -> list[dict[str, Any]]:
    return [
        {"header": table.header, "rows": table.rows, "line": table.lines[0]}
        for table in blocks
        if isinstance(table, Table)
    ]


def _figure_json(figure: ReportFigure) -> dict[str, Any]:
    value = figure.value
    return {
        **asdict(figure),
        "value": int(value) if value == value.to_integral_value() else float(value),
        "amount_yen": figure.amount_yen,
    }
