"""Charts of amounts as numbers: where each rectangle, bar and line of text stands. Pure.

Templates draw them as SVG. Lengths are units of a drawing's `viewBox`, or percents of the width
where it stretches. Amounts are written with all their digits; only shares are rounded.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from squarify import normalize_sizes, squarify

from .amounts import format_amount
from .text_lines import measure, wrap

NOT_STATED = "資料に記載なし"
TONES = 8  # colours in portal.css; the last is the neutral one

# Ascent, descent and distance of lines in em, after the tallest of the common Japanese fonts.
ASCENT, DESCENT, LINE = 1.16, 0.29, 1.3
FONT_SIZES = (26, 22, 18, 15)
SMALLEST = FONT_SIZES[-1]
PADDING = 7
# The least side of a link: 24 px (WCAG 2.2, 2.5.8) where a drawing is shown at 0.8 of its size.
TARGET = 30

Box = tuple[float, float, float, float]  # x, y, width, height


@dataclass(frozen=True)
class Frame:
    """The size of a drawing; `css` names the widths of the page at which portal.css shows it.

    None is shown at less than 0.8 of its size: there the smallest text has 12 px.
    """

    css: str
    width: int
    height: int


TREEMAP_FRAMES = (
    Frame("chart-narrow", 340, 520),
    Frame("chart-middle", 640, 480),
    Frame("chart-wide", 1040, 560),
)


@dataclass(frozen=True)
class Slice:
    """What one rectangle, bar or part stands for; `tone` (1 to TONES) overrides its colour."""

    name: str
    amount_yen: int | None
    url: str = ""
    detail: str = ""
    tone: int | None = None


@dataclass(frozen=True)
class Mark:
    """A slice with its amount written in the page's unit."""

    slice: Slice
    amount: str

    @property
    def title(self) -> str:
        detail = f"（{self.slice.detail}）" if self.slice.detail else ""
        return f"{self.slice.name}　{self.amount}{detail}"


@dataclass(frozen=True)
class TextLine:
    """A line of text; `y` is its baseline."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Label:
    font_size: int
    lines: tuple[TextLine, ...]
    amount_line: TextLine | None = None


@dataclass(frozen=True)
class Rect:
    """A slice's rectangle; its label is its name, or its number in `Treemap.small`, or missing."""

    x: float
    y: float
    width: float
    height: float
    mark: Mark
    tone: int
    label: Label | None

    @property
    def is_link(self) -> bool:
        return bool(self.mark.slice.url) and min(self.width, self.height) >= TARGET


@dataclass(frozen=True)
class Treemap:
    """`small` are drawn without their name, numbered from 1; `left_out` cannot be drawn."""

    frame: Frame
    rects: list[Rect]
    small: list[Mark]
    left_out: list[Mark]


@dataclass(frozen=True)
class Bar:
    """`start` and `width` are percents of the room for bars, None where no amount is stated."""

    mark: Mark
    start: float | None
    width: float | None


@dataclass(frozen=True)
class Segment:
    """A part of a stack: `start` and `width` are exact percents, `percent` has one place."""

    mark: Mark
    number: int
    tone: int
    start: float
    width: float
    percent: Decimal

    @property
    def middle(self) -> float:
        return self.start + self.width / 2

    @property
    def is_numbered(self) -> bool:
        return self.width >= 6

    @property
    def percent_text(self) -> str:
        if self.percent == 0 < self.width:
            return "0.1%未満"
        if self.percent == 100 > self.width:
            return "99.9%超"
        return f"{self.percent}%"


@dataclass(frozen=True)
class Stack:
    """`left_out` cannot be drawn: amounts below 0 or not stated."""

    segments: list[Segment]
    left_out: list[Mark]


def make_treemaps(slices: Sequence[Slice], unit: str = "千円") -> list[Treemap]:
    """Return one treemap as drawings for narrow to wide pages; none where nothing can be drawn."""
    maps = [make_treemap(slices, frame, unit) for frame in TREEMAP_FRAMES]
    return maps if maps[0].rects else []


def make_treemap(slices: Iterable[Slice], frame: Frame, unit: str = "千円") -> Treemap:
    """Lay out a rectangle for each positive amount, its area in proportion, the largest first.

    A name is shown only where it fits wholly; the others are numbered where there is room.
    """
    marks, left_out = _split_marks(slices, unit, least_yen=1)
    marks.sort(key=lambda mark: (-mark.slice.amount_yen, mark.slice.name))
    rects, small = [], []
    for rank, (mark, box) in enumerate(zip(marks, _lay_out(marks, frame), strict=True), 1):
        label = _fit_label(mark, box)
        if label is None:
            small.append(mark)
            label = _fit_number(len(small), box)
        rects.append(Rect(*box, mark, mark.slice.tone or min(rank, TONES), label))
    return Treemap(frame, rects, small, left_out)


def make_bars(slices: Sequence[Slice], unit: str = "千円") -> list[Bar]:
    """Return a bar for each slice in the given order, all from one zero, negative ones leftwards.

    (100, None, -25) -> starts 20, None, 0 and widths 80, None, 20.
    """
    amounts = [part.amount_yen for part in slices if part.amount_yen is not None]
    low = min(0, *amounts, 0)
    percent = 100 / ((max(0, *amounts, 0) - low) or 1)
    return [
        Bar(_mark(part, unit), None, None)
        if part.amount_yen is None
        else Bar(
            _mark(part, unit),
            (min(0, part.amount_yen) - low) * percent,
            abs(part.amount_yen) * percent,
        )
        for part in slices
    ]


def make_stack(
    slices: Sequence[Slice], unit: str = "千円", percents: Sequence[Decimal] | None = None
) -> Stack:
    """Return the parts of one bar in the given order; nothing is drawn where their sum is 0.

    Give `percents`, one for each drawn part, where the page already states them.
    """
    marks, left_out = _split_marks(slices, unit, least_yen=0)
    amounts = [mark.slice.amount_yen for mark in marks]
    total = sum(amounts)
    if not total:
        return Stack([], [_mark(part, unit) for part in slices])
    segments, start = [], 0.0
    stated = share_percents(amounts) if percents is None else percents
    for number, (mark, percent) in enumerate(zip(marks, stated, strict=True), 1):
        width = mark.slice.amount_yen * 100 / total
        tone = mark.slice.tone or min(number, TONES)
        segments.append(Segment(mark, number, tone, start, width, percent))
        start += width
    return Stack(segments, left_out)


def share_percents(amounts: Sequence[int]) -> list[Decimal]:
    """Return each amount in percent of their sum, to one place, together exactly 100.0.

    What rounding down leaves goes to the largest remainders, a tie to the earlier amount. The
    amounts must be 0 or more, and not all 0.
    """
    total = sum(amounts)
    tenths = [amount * 1000 // total for amount in amounts]
    by_remainder = sorted(range(len(amounts)), key=lambda i: -(amounts[i] * 1000 % total))
    for index in by_remainder[: 1000 - sum(tenths)]:
        tenths[index] += 1
    return [Decimal(count).scaleb(-1) for count in tenths]


def _mark(part: Slice, unit: str) -> Mark:
    known = part.amount_yen is not None
    return Mark(part, format_amount(part.amount_yen, unit) if known else NOT_STATED)


def _split_marks(
    slices: Iterable[Slice], unit: str, least_yen: int
) -> tuple[list[Mark], list[Mark]]:
    """Return the slices of at least `least_yen`, and the others."""
    drawn, left_out = [], []
    for part in slices:
        is_drawn = part.amount_yen is not None and part.amount_yen >= least_yen
        (drawn if is_drawn else left_out).append(_mark(part, unit))
    return drawn, left_out


def _lay_out(marks: Sequence[Mark], frame: Frame) -> Iterator[Box]:
    """Yield the rectangles of the marks, whose amounts are positive and fall."""
    amounts = [mark.slice.amount_yen for mark in marks]
    # Smaller shares are out of sight anyway, and floats would lose them: a division by zero.
    least = sum(amounts) / 10**9
    sizes = normalize_sizes([max(yen, least) for yen in amounts], frame.width, frame.height)
    for box in squarify(sizes, 0, 0, frame.width, frame.height):
        yield box["x"], box["y"], box["dx"], box["dy"]


def _fit_label(mark: Mark, box: Box) -> Label | None:
    """Return the whole name, with its amount if that fits too, as large as suits the rectangle."""
    x, y, width, height = (box[0] + PADDING, box[1] + PADDING, *(s - 2 * PADDING for s in box[2:]))
    for with_amount in (True, False):
        for size in FONT_SIZES:
            rows = int((height / size - ASCENT - DESCENT) / LINE + 1) - with_amount
            too_large = size > SMALLEST and (7 * size) ** 2 > box[2] * box[3]
            if width < size or rows < 1 or too_large:
                continue
            if with_amount and measure(mark.amount) * size > width:
                continue
            names = wrap(mark.slice.name, width / size, rows)
            if names is None:
                continue
            lines = [
                TextLine(x, y + (ASCENT + row * LINE) * size, text)
                for row, text in enumerate([*names, mark.amount])
            ]
            return Label(size, tuple(lines[:-1]), lines[-1] if with_amount else None)
    return None


def _fit_number(number: int, box: Box) -> Label | None:
    x, y, width, height = box
    aside = (width - measure(str(number)) * SMALLEST) / 2
    above = (height - (ASCENT + DESCENT) * SMALLEST) / 2
    if min(aside, above) < 2:
        return None
    x, y = x + min(PADDING, aside), y + min(PADDING, above) + ASCENT * SMALLEST
    return Label(SMALLEST, (TextLine(x, y, str(number)),))
