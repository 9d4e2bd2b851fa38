"""The bench's tables: Markdown, kept in docs/performance.md between two marks.

Between the marks stands one section for each database and part, so that a run of one part renews
its own section alone.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
SECTION = re.compile(r"^<!-- bench:(\w+):(\w+) -->\n", re.MULTILINE)
MISSING = "－"
HEADING = "# 速さの測定\n"


@dataclass(frozen=True)
class Aim:
    """What a ratio is to be: at least `least`, or at most `most`."""

    least: float | None = None
    most: float | None = None

    def __str__(self):
        return f"{self.least:,g}以上" if self.least is not None else f"{self.most:,g}以下"

    def judge(self, value: float) -> str:
        reached = value >= self.least if self.least is not None else value <= self.most
        return "○" if reached else "×"


@dataclass(frozen=True)
class Table:
    """`notes` stand above it, each a paragraph. The first column is text, the others are numbers."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence]
    notes: Sequence[str] = ()

    def format(self) -> str:
        lines = [
            format_row(self.columns),
            format_row(["---", *["---:"] * (len(self.columns) - 1)]),
            *map(format_row, self.rows),
        ]
        return "\n\n".join([f"#### {self.title}", *self.notes, "\n".join(lines)])


def format_row(cells: Iterable) -> str:
    return f"| {' | '.join(format_cell(cell).replace('|', chr(92) + '|') for cell in cells)} |"


def format_cell(cell) -> str:
    """Whole numbers as they are, others with three digits that tell something, None as －."""
    if cell is None:
        return MISSING
    if isinstance(cell, float):
        decimals = 0 if abs(cell) >= 100 else 1 if abs(cell) >= 10 else 2 if abs(cell) >= 1 else 3
        return f"{cell:,.{decimals}f}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def read_sections(text: str) -> dict[tuple[str, str], str]:
    """Return the sections between the marks: (database, part) -> its Markdown."""
    inside = text.partition(BEGIN)[2].partition(END)[0]
    _, *pieces = SECTION.split(inside)
    return {
        (vendor, part): section.strip()
        for vendor, part, section in zip(pieces[::3], pieces[1::3], pieces[2::3], strict=True)
    }


def write_sections(
    path: Path, sections: dict[tuple[str, str], str], order: Sequence[tuple[str, str]]
):
    """Put the sections into the file, beside those that it has; all else in it stays.

    A file without the marks gets them at its end; what `order` does not name goes.
    """
    text = path.read_text() if path.exists() else HEADING
    if BEGIN not in text:
        text = f"{text.rstrip()}\n\n{BEGIN}\n{END}\n"
    if text.index(BEGIN) > text.find(END):
        raise ValueError(f"{path}: {END} does not follow {BEGIN}.")
    kept = read_sections(text) | sections
    written = "\n\n".join(
        f"<!-- bench:{vendor}:{part} -->\n{kept[vendor, part]}"
        for vendor, part in order
        if (vendor, part) in kept
    )
    before, _, rest = text.partition(BEGIN)
    path.write_text(f"{before}{BEGIN}\n{written}\n{END}{rest.partition(END)[2]}")
