"""A chart as a sheet of its own: title, picture, legend and source, each at its place. Pure.

A sheet needs nothing else: its colours are attributes, its fonts those of the reader's system, and
it stands on white paper.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .charts import Mark
from .text_lines import wrap

# The colours of portal.css on white paper; the first stands for tone-1.
TONES = (
    *("#00428c", "#806300", "#006f83", "#8b3200"),
    *("#8843e1", "#08351f", "#500050", "#4d4d4d"),
)
MARGIN = 16
TITLE, TEXT, NOTE = 20, 15, 13
LINE_HEIGHT = 1.5
STACK_HEIGHT, BAR_HEIGHT, WIDTH = 40, 10, 640
MANY = 1000


@dataclass(frozen=True)
class SheetText:
    x: float
    y: float
    size: int
    text: str
    anchor: str = "start"
    weight: int = 400


@dataclass(frozen=True)
class SheetBox:
    x: float
    y: float
    width: float
    height: float
    colour: str


@dataclass
class Sheet:
    """The picture stands at `picture_y`, `picture` is what its kind draws; `y` is the height."""

    kind: str
    title: str
    picture: Any
    width: int = WIDTH + 2 * MARGIN
    picture_y: float = 0
    y: float = MARGIN
    description: str = ""
    texts: list[SheetText] = field(default_factory=list)
    boxes: list[SheetBox] = field(default_factory=list)

    def write(self, text: str, size: int = TEXT, indent: float = 0, aside: float = 0, weight=400):
        """Write a text in as many lines as it needs, `aside` of the width left free."""
        room = (self.width - 2 * MARGIN - indent - aside) / size
        for line in wrap(text, room, MANY) or _cut(text, int(room)):
            y = self.y + size
            self.texts.append(SheetText(MARGIN + indent, y, size, line, weight=weight))
            self.y += size * LINE_HEIGHT

    def write_row(self, text: str, amount: str, indent: float = 0):
        """Write a text with an amount at the right edge of its first line."""
        y = self.y + TEXT
        self.texts.append(SheetText(self.width - MARGIN, y, TEXT, amount, "end"))
        self.write(text, indent=indent, aside=(len(amount) + 1) * TEXT)


def make_sheet(kind: str, title: str, caption: str, drawing: Any, sources: Iterable[str]) -> Sheet:
    """Return the sheet of a chart: `drawing` is what charts.py, year_charts.py or shares.py made."""
    picture = drawing[-1] if kind in ("treemap", "series") else drawing
    sheet = Sheet(kind, title, picture)
    if kind == "treemap":
        sheet.width = picture.frame.width + 2 * MARGIN
    sheet.write(title, TITLE, weight=700)
    sheet.write(caption)
    sheet.y += MARGIN / 2
    sheet.picture_y = sheet.y
    {"treemap": _treemap, "series": _series, "stack": _stack, "ranking": _ranking}[kind](
        sheet, picture
    )
    sheet.y += MARGIN / 2
    for text in sources:
        sheet.write(text, NOTE)
    sheet.y += MARGIN
    return sheet


def _cut(text: str, length: int) -> list[str]:
    """Return a text that no rule breaks (a long address) in pieces."""
    return [text[start : start + length] for start in range(0, len(text), length)]


def _describe(sheet, titles):
    sheet.description = "、".join(titles)


def _left_out(sheet, marks: list[Mark]):
    if marks:
        names = "、".join(f"{mark.slice.name}（{mark.amount}）" for mark in marks)
        sheet.write(f"図に表せない項目：{names}", NOTE)


def _treemap(sheet, treemap):
    sheet.y += treemap.frame.height + MARGIN / 2
    for number, mark in enumerate(treemap.small, 1):
        sheet.write(f"{number}　{mark.slice.name}　{mark.amount}", NOTE)
    _left_out(sheet, treemap.left_out)
    _describe(sheet, (rect.mark.title for rect in treemap.rects))


def _series(sheet, series):
    sheet.y += series.frame.height
    _describe(sheet, (column.title for column in series.columns))


def _stack(sheet, stack):
    sheet.y += STACK_HEIGHT + MARGIN / 2
    for segment in stack.segments:
        box = SheetBox(MARGIN, sheet.y + 2, TEXT, TEXT, TONES[segment.tone - 1])
        sheet.boxes.append(box)
        mark = segment.mark
        amount = f"{mark.amount}　{segment.percent_text}"
        sheet.write_row(f"{segment.number}　{mark.slice.name}", amount, indent=TEXT * 1.5)
    _left_out(sheet, stack.left_out)
    _describe(sheet, (f"{s.mark.title}　{s.percent_text}" for s in stack.segments))


def _ranking(sheet, ranks):
    room = sheet.width - 2 * MARGIN
    for rank in ranks:
        mark, share = rank.bar.mark, rank.share or "—"
        sheet.write_row(f"{rank.place}　{mark.slice.name}", f"{mark.amount}　{share}")
        x, width = rank.bar.start * room / 100, rank.bar.width * room / 100
        sheet.boxes.append(SheetBox(MARGIN + x, sheet.y, width, BAR_HEIGHT, TONES[0]))
        sheet.y += BAR_HEIGHT * 2
    _describe(sheet, (f"{r.place}位　{r.bar.mark.title}" for r in ranks))
