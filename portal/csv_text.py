"""Rows as CSV text, many at a time: what `spreadsheets.write_csv` writes, at the speed of csv.writer.

A column's texts are looked through together for what a careful writer changes; only those that
look like it are changed one by one.
"""

import csv
import datetime
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from .spreadsheets import guard, text_of, write_csv

ROWS_AT_ONCE = 500
# What csv.writer writes as `text_of` does, and what begins no formula.
PLAIN = {int, datetime.date, type(None)}
TEXTS = PLAIN | {str}
# In texts of a line each: the first character of one that a spreadsheet may take for a formula.
FORMULA_LIKE = re.compile(r"\n['=+\-@\t\r]")
# Also space at the end of a text, and what `str.splitlines` takes for the end of a line.
UNTIDY = re.compile(r"\n['=+\-@\s]|[^\S\n]\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")


def flatten(text: str) -> str:
    """Return a text in one line, with a space for line breaks."""
    return " ".join(filter(None, map(str.strip, text.splitlines())))


def make_safe(cells: Sequence[Any]) -> Sequence[Any]:
    """Return a column that no spreadsheet runs: texts by `guard`, other values as their text."""
    types = set(map(type, cells))
    if not types <= TEXTS:
        cells = [cell if type(cell) in TEXTS else text_of(cell) for cell in cells]
        types = TEXTS
    if str not in types:
        return cells
    texts = set(cells) if types == {str} else {cell for cell in cells if type(cell) is str}
    return _change(cells, texts - {""}, FORMULA_LIKE, guard)


def make_flat(cells: Sequence[str | None]) -> Sequence[str | None]:
    """Return a column of texts as `make_safe` does, each text in one line."""
    return _change(cells, set(cells) - {None, ""}, UNTIDY, lambda text: guard(flatten(text)))


def _change(cells: Sequence, texts: set[str], odd: re.Pattern, change: Callable) -> Sequence:
    """Return the cells with their texts changed; as they are where no text is odd."""
    if not texts:
        return cells
    together = "\n".join(["", *texts, ""])
    if together.count("\n") == len(texts) + 1 and not odd.search(together):
        return cells
    changed = {text: change(text) for text in texts}
    return [changed.get(cell, cell) for cell in cells]


def format_rows(rows: Iterable[Sequence[Any]]) -> str:
    """Return rows of safe texts, whole numbers, dates and None as CSV."""
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows(rows)
    return stream.getvalue()


def format_header(header: Sequence[str]) -> str:
    return format_rows([make_safe(header)])


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
        text += format_rows(zip(*map(make_safe, columns), strict=True))
        yield text.encode(encoding)
        text, encoding = "", encoding.removesuffix("-sig")
    if text:
        yield text.encode(encoding)


def _iter_columns(header, rows):
    while some := list(islice(rows, ROWS_AT_ONCE)):
        if any(len(row) != len(header) for row in some):
            raise ValueError(f"a row that does not fit under a header of {len(header)} cells")
        yield list(zip(*some, strict=True))
