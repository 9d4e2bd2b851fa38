"""What an import found, row by row, as the preview shows it."""

from dataclasses import dataclass
from typing import NamedTuple

from import_export.results import Result, RowResult

LINE = "\0行"  # the column in which a dataset carries the line of the file; no file has it


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


class RecordRow(RowResult):
    @property
    def line(self):
        return self.row_values[LINE]

    @property
    def record(self):
        return self.object_repr

    @property
    def cells(self):
        return self.diff


class RecordResult(Result):
    """`revisions` are the public records that changed: (name, whether a new 改訂案 was made)."""

    problems = ()
    revisions = ()
    versions = ()
    source = ""

    def has_errors(self):
        return bool(self.problems or super().has_errors())

    @property
    def new_rows(self):
        return [row for row in self.rows if row.is_new()]

    @property
    def changed_rows(self):
        return [row for row in self.rows if row.is_update()]

    @property
    def same_rows(self):
        return [row for row in self.rows if row.is_skip()]

    def report(self) -> dict:
        """Return what changes, as JSON: the same for the same changes."""
        return {
            "source": self.source,
            "revisions": [list(pair) for pair in self.revisions],
            "rows": [
                {
                    "line": row.line,
                    "kind": row.import_type,
                    "record": row.object_repr,
                    "cells": [list(cell) for cell in row.diff],
                }
                for row in self.rows
                if not row.is_skip()
            ],
        }


class RecordDiff:
    """The cells that a row changes; all that are not blank where the record is new."""

    def __init__(self, resource, instance, new):
        self.old = resource.export_texts(instance) if not new else {}
        self.new = {}

    def compare_with(self, resource, instance):
        self.new = resource.export_texts(instance)

    def as_html(self):
        return [
            Cell(column, self.old.get(column, ""), text)
            for column, text in self.new.items()
            if text != self.old.get(column, "")
        ]
