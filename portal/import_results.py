"""What an import found, row by row, as the preview shows it and the log keeps it."""

import base64
import hashlib
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import orjson

ROWS_SHOWN = 200  # of each group; the counts and the digest are of all
PROBLEMS_SHOWN = 1_000
PACKED_TOGETHER = 500
PIECE = 2**16


@dataclass(frozen=True)
class Problem:
    """What is wrong with one cell, or with a whole row where `column` is blank."""

    line: int
    column: str
    value: str
    message: str


class Cell(NamedTuple):
    column: str
    old: str
    new: str


class RecordRow(NamedTuple):
    """A row of the file; `cells` are those that it changes, all that are not blank of a new record."""

    line: int
    kind: str  # "new", "update" or "skip"
    record: str
    cells: list[Cell]


class RecordResult:
    """`revisions` are the public records that changed: (name, whether a new 改訂案 was made).

    Of each group the first rows are held as they are; all changes are counted, and kept packed.
    `versions` is what undoes the import, as `ImportLog.versions` tells; `outcome` what a preview
    keeps for the confirmation. `titles` are those of the columns.
    """

    def __init__(self, source: str = "", titles: Sequence[str] = ()):
        self.source, self.titles, self.base_errors = source, titles, []
        self.problems, self.problem_count = [], 0
        self.totals = {"new": 0, "update": 0, "skip": 0}
        self.rows = {kind: [] for kind in self.totals}
        self.revisions, self.versions, self.outcome = [], [], None
        self._digest, self._packer, self._packed = hashlib.sha256(), zlib.compressobj(1), []
        self._waiting: list[tuple] = []

    def refuse(self, error):
        """Add what concerns the file as a whole: an Error of django-import-export."""
        self.base_errors.append(error)

    def add_problem(self, problem: Problem):
        self.problem_count += 1
        if len(self.problems) < PROBLEMS_SHOWN:
            self.problems.append(problem)

    def add_change(self, line: int, kind: str, record: str, cells: list):
        """Add a row that changes something.

        `cells` are, of a new record, its texts by column; of another, those that change: the place
        of the column, what it held, and what it holds.
        """
        self.totals[kind] += 1
        shown, row = self.rows[kind], (line, kind, record, cells)
        if len(shown) < ROWS_SHOWN:
            shown.append(_read_row(self.titles, *row))
        self._waiting.append(row)
        if len(self._waiting) == PACKED_TOGETHER:
            self._pack()

    def _pack(self):
        """Take the rows that wait into the digest and into what is kept packed."""
        if self._waiting:
            line = orjson.dumps({"columns": self.titles, "rows": self._waiting}) + b"\n"
            self._digest.update(line)
            self._packed.append(self._packer.compress(line))
            self._waiting = []

    def add_same(self, line: int, name_record):
        """Count a row that changes nothing; `name_record()` is asked only for what is shown."""
        self.totals["skip"] += 1
        if len(self.rows["skip"]) < ROWS_SHOWN:
            self.rows["skip"].append(RecordRow(line, "skip", name_record(), []))

    def sort(self):
        """Put what is shown in the order of the file."""
        self.problems.sort(key=lambda problem: problem.line)
        for rows in self.rows.values():
            rows.sort(key=lambda row: row.line)

    def has_errors(self) -> bool:
        return bool(self.problems or self.base_errors)

    @property
    def more_problems(self) -> int:
        return self.problem_count - len(self.problems)

    @property
    def new_rows(self) -> list[RecordRow]:
        return self.rows["new"]

    @property
    def changed_rows(self) -> list[RecordRow]:
        return self.rows["update"]

    @property
    def same_rows(self) -> list[RecordRow]:
        return self.rows["skip"]

    def report(self) -> dict:
        """Return what changes, as JSON: the same but for `packed` for the same changes."""
        self._pack()
        packed = b"".join(self._packed) + self._packer.copy().flush()
        return {
            "source": self.source,
            "revisions": [list(pair) for pair in self.revisions],
            "rows": [
                row._asdict() | {"cells": [list(cell) for cell in row.cells]}
                for row in sorted(self.new_rows + self.changed_rows)
            ],
            "digest": self._digest.hexdigest(),
            "packed": base64.b64encode(packed).decode(),
        }


def is_same_report(one: dict, other: dict) -> bool:
    """Tell whether two imports change the same; how far their rows are packed may differ."""
    return one | {"packed": ""} == other | {"packed": ""}


def iter_rows(report: dict) -> Iterator[RecordRow]:
    """Return all rows of a report that change something, in the order in which they were read."""
    if "packed" not in report:
        yield from (RecordRow(**row) for row in report["rows"])
        return
    for line in iter_lines(base64.b64decode(report["packed"])):
        if isinstance(line, list):  # as it was kept before the titles stood once
            yield from (RecordRow(*row) for row in line)
        else:
            yield from (_read_row(line["columns"], *row) for row in line["rows"])


def _read_row(titles, line, kind, record, cells) -> RecordRow:
    """Return a row with the titles of its cells, from what `add_change` was given."""
    if kind == "new":
        told = [Cell(title, "", new) for title, new in zip(titles, cells, strict=True) if new]
    else:
        told = [Cell(titles[at], old, new) for at, old, new in cells]
    return RecordRow(line, kind, record, told)


def iter_lines(packed: bytes) -> Iterator:
    """Return what the lines of compressed JSON say, each as it is reached."""
    unpacker, rest = zlib.decompressobj(), b""
    while packed:
        *lines, rest = (rest + unpacker.decompress(packed, PIECE)).split(b"\n")
        packed = unpacker.unconsumed_tail
        yield from map(orjson.loads, lines)
