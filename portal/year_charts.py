"""A chart of values over years as numbers: columns or a line, axis, gaps and texts. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import groupby
from math import ceil, floor

from .amounts import UNIT_YEN, format_amount
from .charts import ASCENT, DESCENT, LINE, NOT_STATED, PADDING, SMALLEST, Box, Frame, TextLine
from .text_lines import measure, wrap

Number = int | Decimal
Lines = tuple[TextLine, ...]

SERIES_FRAMES = (Frame("chart-narrow", 340, 260), Frame("chart-middle chart-wide", 640, 300))
GAP = "—"
MAX_TICKS = 6
MAX_WIDTH = 72
LABEL_WIDTH = 4  # em, of a label that is broken in two lines: 「令和」「2年度」


@dataclass(frozen=True)
class Column:
    """A year: its column from zero, with texts centred on `middle`.

    `point_y` is None for a gap. A text is empty where it would touch another or a column.
    """

    title: str
    middle: float
    point_y: float | None
    x: float
    y: float
    width: float
    height: float
    label_lines: Lines
    value_lines: Lines


@dataclass(frozen=True)
class Series:
    """`runs` are the points of a line, broken at each gap; empty where columns are drawn."""

    frame: Frame
    unit: str
    left: float
    zero_y: float
    font_size: int
    ticks: list[TextLine]
    columns: list[Column]
    runs: list[str]


def make_series_drawings(
    points: Sequence[tuple[str, Number | None]], unit: str = "千円", as_line: bool = False
) -> list[Series]:
    """Return one series as drawings for narrow and wide pages; none where no value is known."""
    if all(value is None for _, value in points):
        return []
    return [make_series(points, frame, unit, as_line) for frame in SERIES_FRAMES]


def make_series(
    points: Sequence[tuple[str, Number | None]],
    frame: Frame,
    unit: str = "千円",
    as_line: bool = False,
) -> Series:
    """Lay out labelled values as columns from zero, or as a line; None is a gap.

    In a unit of money a value is whole yen, otherwise a number of that unit.
    """
    ticks = make_ticks([value for _, value in points if value is not None])
    tick_texts = [write_value(tick, unit) for tick in ticks]
    left = max(map(measure, tick_texts)) * SMALLEST + PADDING
    pitch = (frame.width - left) / max(len(points), 1)
    room = max(pitch / SMALLEST - 0.3, LABEL_WIDTH)
    labels = [wrap(label, room, 2) or () for label, _ in points]
    label_top = frame.height - (max(map(len, labels), default=0) * LINE + DESCENT) * SMALLEST
    # Room for the unit and a value above, and for the value of a negative column below.
    top, bottom = 3 * SMALLEST, label_top - (1.6 if ticks[0] < 0 else 0.3) * SMALLEST

    def y_of(value: Number) -> float:
        return bottom - float((value - ticks[0]) / (ticks[-1] - ticks[0])) * (bottom - top)

    columns = []
    for index, (label, value) in enumerate(points):
        middle, width = left + pitch * (index + 0.5), min(pitch * 0.6, MAX_WIDTH)
        y, end = sorted((y_of(0), y_of(value or 0)))
        below = value is not None and value < 0
        value_y = end + ASCENT * SMALLEST if below else y - (DESCENT + 0.1) * SMALLEST
        written = GAP if value is None else write_value(value, unit)
        columns.append(
            Column(
                f"{label}　{NOT_STATED if value is None else written + unit}",
                middle,
                None if value is None else y_of(value),
                middle - width / 2,
                y,
                width,
                end - y,
                tuple(
                    TextLine(middle, label_top + (row * LINE + ASCENT) * SMALLEST, line)
                    for row, line in enumerate(labels[index])
                ),
                (TextLine(middle, value_y, written),),
            )
        )
    return Series(
        frame,
        unit,
        left,
        y_of(0),
        SMALLEST,
        [
            TextLine(left - PADDING, y_of(tick), text)
            for tick, text in zip(ticks, tick_texts, strict=True)
        ],
        _drop_touching_texts(columns, left, frame.width),
        _join_points(columns) if as_line else [],
    )


def make_ticks(values: Sequence[Number]) -> list[Number]:
    """Return round numbers, evenly spaced, from the least value or 0 to the greatest or 0.

    Steps are 1, 2 or 5 times a power of ten, and whole where all values are whole.
    [0, 138642] -> 0, 50000, 100000, 150000; [] -> 0, 1.
    """
    low, high = min(0, *values, 0), max(0, *values, 0)
    span = Decimal(high - low)
    if not span:
        return [0, 1]
    power = span.adjusted() - 1
    if all(isinstance(value, int) for value in values):
        power = max(power, 0)
    step = next(
        step
        for step in (Decimal(digit).scaleb(power + more) for more in (0, 1) for digit in (1, 2, 5))
        if span / step <= MAX_TICKS - 1
    )
    ticks = [step * count for count in range(floor(low / step), ceil(high / step) + 1)]
    return [int(tick) if tick == int(tick) else tick for tick in ticks]


def write_value(value: Number, unit: str) -> str:
    """Return the number without its unit: (138642000, "千円") -> "138,642"; (-1.50, "%") -> "▲1.5"."""
    if unit in UNIT_YEN:
        return format_amount(value, unit).removesuffix(unit)
    text = f"{Decimal(value):,f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", "▲")


def _drop_touching_texts(columns: Sequence[Column], left: float, right: float) -> list[Column]:
    """Return the columns without the texts that would touch a column or a more telling text.

    The last year tells most; of the values then the highest and the lowest; then the later years.
    """
    latest = range(len(columns) - 1, -1, -1)
    known = [index for index in latest if columns[index].point_y is not None]
    extremes = [pick(known, key=lambda i: columns[i].point_y) for pick in (min, max) if known]
    labels = [_keep_inside(column.label_lines, left, right) for column in columns]
    values = [_keep_inside(column.value_lines, left, right) for column in columns]
    bodies = [(column.x, column.y, column.width, column.height) for column in columns]
    labels = _keep_apart(labels, latest, [])
    values = _keep_apart(values, [*latest[:1], *extremes, *latest], bodies)
    return [
        replace(column, label_lines=label, value_lines=value)
        for column, label, value in zip(columns, labels, values, strict=True)
    ]


def _keep_inside(lines: Lines, left: float, right: float) -> Lines:
    half = max((measure(line.text) * SMALLEST / 2 for line in lines), default=0)
    return tuple(replace(line, x=max(left + half, min(line.x, right - half))) for line in lines)


def _keep_apart(texts: Sequence[Lines], order: Iterable[int], taken: Iterable[Box]) -> list[Lines]:
    """Return the texts, each emptied that touches a taken box or a text before it in `order`."""
    kept: dict[int, Lines] = {}
    boxes = list(taken)
    for index in order:
        lines = texts[index]
        if lines and index not in kept:
            width = max(measure(line.text) for line in lines) * SMALLEST
            height = (ASCENT + DESCENT + (len(lines) - 1) * LINE) * SMALLEST
            box = (lines[0].x - width / 2, lines[0].y - ASCENT * SMALLEST, width, height)
            if not any(_touches(box, other) for other in boxes):
                kept[index] = lines
                boxes.append(box)
    return [kept.get(index, ()) for index in range(len(texts))]


def _touches(one: Box, other: Box) -> bool:
    return (
        one[0] < other[0] + other[2]
        and other[0] < one[0] + one[2]
        and one[1] < other[1] + other[3]
        and other[1] < one[1] + one[3]
    )


def _join_points(columns: Sequence[Column]) -> list[str]:
    """Return a point list for each run of columns with a value: "12.0,80.5 34.0,60.0"."""
    return [
        " ".join(f"{column.middle:.1f},{column.point_y:.1f}" for column in run)
        for is_known, run in groupby(columns, key=lambda c: c.point_y is not None)
        if is_known
    ]
