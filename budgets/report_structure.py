"""What can be told of a report as a whole before its lines are read one by one. Pure."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from .report_amounts import read_amounts
from .report_lines import (
    BULLET,
    CHAPTERS,
    STYLES,
    Label,
    is_page_number,
    is_sentence,
    squeeze,
)


@dataclass
class Line:
    """A line that holds text: neither blank nor part of a table."""

    number: int
    raw: str
    text: str
    label: Label | None


def find_page_headers(texts: Sequence[str]) -> dict[int, str]:
    """Return the lines that are page numbers, or headers repeated beside them, by index."""
    found, beside = {}, defaultdict(list)
    filled = [index for index, text in enumerate(texts) if text]
    for place, index in enumerate(filled):
        if not is_page_number(texts[index]):
            continue
        before = texts[filled[place - 1]] if place else ""
        if squeeze(before).endswith("額") or texts[index].strip("-－ ") == "":
            continue
        found[index] = "ページ番号と読みました。"
        for neighbour in filled[max(place - 1, 0) : place + 2]:
            if neighbour != index and len(texts[neighbour]) <= 60:
                beside[squeeze(texts[neighbour])].append(neighbour)
    for text, indexes in beside.items():
        if len(indexes) >= 3 and not BULLET.match(text) and not text.startswith("|"):
            for index in indexes[1:]:
                found[index] = "ページごとに繰り返す見出しと読みました。"
    return found


def find_department(parts) -> Label | None:
    """Return the number of the department (第2), told from chapters that are items."""
    distinct, first_style = defaultdict(dict), ""
    for part in parts:
        if isinstance(part, Line) and part.label:
            style = part.label.style
            if style in CHAPTERS and not is_sentence(part.text):
                distinct[style].setdefault(part.label.number, part.label)
                first_style = first_style or style
            elif not first_style:
                break
    for style in CHAPTERS:
        if len(distinct[style]) == 1 and style == first_style:
            [label] = distinct[style].values()
            return label
    return None


def learn_ranks(labels: list[Label | None]) -> dict[str, int]:
    """Return the rank of each style of number: the documented order, unless the report differs.

    Where a style begins anew (①) right under another (ア) more often than the other way round, the
    report nests it there.
    """
    below: Counter[tuple[str, str]] = Counter()
    previous = None
    for label in labels:
        if label is None or is_sentence(label.rest):
            continue
        if previous and label.number == 1 and label.style != previous:
            below[(previous, label.style)] += 1
        previous = label.style
    used = {label.style for label in labels if label}
    order = [style for style in STYLES if style in used]
    for _ in order:
        for index in range(len(order) - 1):
            upper, lower = order[index], order[index + 1]
            if below[(lower, upper)] > below[(upper, lower)]:
                order[index], order[index + 1] = lower, upper
    return {style: rank for rank, style in enumerate(order)}


def amounts_in(text: str, unit: str = "", takes_costs: bool = False):
    """Read the amounts of a line, also where 「決 算 額」 is spaced apart."""
    return read_amounts(text, unit, takes_costs=takes_costs) or read_amounts(
        squeeze(text), unit, takes_costs=takes_costs
    )
