"""Rows as CSV text, many at a time: what `spreadsheet_writing.write_csv` writes, faster than csv.writer.

A column's texts are looked through together for what a careful writer changes or quotes; only where
one looks like it are they written one by one. So a row is made by one template.
"""

import datetime
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from .spreadsheet_writing import write_csv
from .spreadsheets import guard, text_of

ROWS_AT_ONCE = 500
# What a template writes as `text_of` does, and what begins no formula.
PLAIN = {int, datetime.date, type(None)}
TEXTS = PLAIN | {str}
# In texts of a line each: the first character of one that a spreadsheet may take for a formula.
FORMULA_LIKE = re.compile(r"\n['=+\-@\t\r]")
# Also space at the beginning or the end of a text.
UNTIDY = re.compile(r"\n(?:['=+\-@\s]|(?<=[^\S\n]\n))")
QUOTED = re.compile('[",\r\n]')


def flatten(text: str) -> str:
    """Return a text in one line, with a space for line breaks."""
    return " ".join(filter(None, map(str.strip, text.splitlines())))


def quote(text: str) -> str:
    """Return a text as a cell of CSV holds it."""
    return f'"{text.replace(chr(34), chr(34) * 2)}"' if QUOTED.search(text) else text


def write_safe(cells: Sequence[Any]) -> Sequence[Any]:
    """Return a column that no spreadsheet runs, quoted: texts by `guard`, others as their text.

    None, whole numbers and dates stay what they are, for `format_columns`.
    """
    types = set(map(type, cells))
    if not types <= TEXTS:
        cells = [cell if type(cell) in TEXTS else text_of(cell) for cell in cells]
        types = TEXTS
    if str not in types:
        return cells
    texts = set(cells) if types == {str} else {cell for cell in cells if type(cell) is str}
    return _write(cells, texts - {""}, FORMULA_LIKE, guard)


def write_flat(cells: Sequence[str | None]) -> Sequence[str | None]:
    """Return a column of texts as `write_safe` does, each text in one line."""
    return _write(cells, set(cells) - {None, ""}, UNTIDY, lambda text: guard(flatten(text)))


def _write(cells: Sequence, texts: set[str], odd: re.Pattern, change: Callable) -> Sequence:
    """Return the cells with their texts changed and quoted; as they are where no text is odd."""
    if not texts:
        return cells
    together = "\n".join(["", *texts, ""])
    if (
        "," not in together
        and '"' not in together
        and "\r" not in together  # at the end of a text it makes one break with that between two
        and len(together.splitlines()) == len(texts) + 1
        and not odd.search(together)
    ):
        return cells
    written = {text: new for text in texts if (new := quote(change(text))) != text}
    return [written.get(cell, cell) for cell in cells] if written else cells


def format_columns(columns: Sequence[Sequence[Any]]) -> str:
    """Return columns that `write_safe` or `write_flat` gave, or of numbers, as rows of CSV."""
    if len(columns) == 1:  # a row of one blank is no empty line
        columns = [[cell if cell not in ("", None) else '""' for cell in columns[0]]]
    number, cells, varying = len(columns[0]), [], []
    for column in columns:
        first = column[0] if number else None
        if number and first == column[-1] and column.count(first) == number:
            cells.append("" if first is None else str(first).replace("%", "%%"))
            continue
        cells.append("%s")
        varying.append(
            ["" if cell is None else cell for cell in column] if None in column else column
        )
    template = ",".join(cells) + "\r\n"
    rows = zip(*varying, strict=True) if varying else [()] * number
    return "".join(map(template.__mod__, rows))


def format_header(header: Sequence[str]) -> str:
    return format_columns([write_safe([name]) for name in header])


def iter_csv(
    header: Sequence[str], rows: Iterable[Sequence[Any]], encoding: str = "utf-8-sig"
) -> Iterator[bytes]:
    """Yield the parts of what `write_csv` returns, some rows at a time.

    CP932 is checked as a whole before the first part, so that no download breaks off.
    """
    if encoding == "cp932":
        return iter([write_csv(header, rows, encoding)])
    return iter_csv_columns(header, _iter_columns(header, iter(rows)), encoding)


def iter_csv_columns(
    header: Sequence[str], batches: Iterable[Sequence[Sequence[Any]]], encoding: str
) -> Iterator[bytes]:
    """Yield the parts of a file of rows that come some at a time, column by column.

    Where the first rows cannot be read, there is no first part. What CP932 does not hold must have
    been refused before.
    """
    text = format_header(header)
    for columns in batches:
        text += format_columns([*map(write_safe, columns)])
        yield text.encode(encoding)
        text, encoding = "", encoding.removesuffix("-sig")
    if text:
        yield text.encode(encoding)


def _iter_columns(header, rows):
    while some := list(islice(rows, ROWS_AT_ONCE)):
        if any(len(row) != len(header) for row in some):
            raise ValueError(f"a row that does not fit under a header of {len(header)} cells")
        yield list(zip(*some, strict=True))
