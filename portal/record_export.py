"""The rows of a staff export: read column by column, some at a time, as the cells of its file."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db.models import Model, QuerySet
from import_export.fields import Field

from .cells import (
    DateCell,
    FiscalYearCell,
    NumberCell,
    PartOfCell,
    RecordCell,
    RecordsCell,
    join_key,
)
from .open_data_columns import FIGURE_KEYS, change_each, read_columns, tidy_numbers

AS_STORED = (FiscalYearCell.render, DateCell.render)


@dataclass(frozen=True)
class ExportColumn:
    """A column: what it reads of a record, and what makes its cells of the values at each path."""

    paths: tuple[str, ...]
    make: Callable[..., Sequence]


class RecordTable:
    """The rows of some records as the export of a resource holds them.

    Nothing is kept: every call of `batches` reads the database anew, some rows at a time.
    """

    def __init__(self, resource, records: QuerySet):
        self.resource, self.records = resource, records
        self.header: list[str] = resource.get_export_headers()
        model = resource._meta.model
        self.columns = [make_column(field, model) for field in resource.get_export_fields()]
        self.key_places = [self.header.index(field.column_name) for field in resource.key_fields]

    def batches(self) -> Iterator[list[Sequence]]:
        """Yield the cells column by column, of some rows at a time."""
        paths = list(dict.fromkeys(path for column in self.columns for path in column.paths))
        records = self.records.prefetch_related(None)
        for found in read_columns(records, paths):
            yield [column.make(*map(found.get, column.paths)) for column in self.columns]

    def rows(self) -> Iterator[tuple]:
        for columns in self.batches():
            yield from zip(*columns, strict=True)

    def name_row(self, row: Sequence[Any]) -> str:
        """Return what people call the record of a row: its key."""
        return "・".join(str(row[place]) for place in self.key_places if row[place])


def make_column(field: Field, model: type[Model]) -> ExportColumn:
    """Return the column for a field of a resource; its cells are what the field's cell renders."""
    path, cell = field.attribute, field.widget
    if isinstance(cell, RecordsCell):
        return ExportColumn(("pk",), partial(list_linked, model, path, cell))
    if isinstance(cell, RecordCell):
        return ExportColumn((f"{path}__{cell.key}",), blank_none)
    if isinstance(cell, PartOfCell):
        return ExportColumn(tuple(f"{path}__{key}" for key in FIGURE_KEYS), join_keys)
    if isinstance(cell, NumberCell):
        return ExportColumn((path,), tidy_numbers)
    if type(cell).render in AS_STORED:
        return ExportColumn((path,), lambda values: values)
    return ExportColumn((path,), partial(change_each, cell.render))


def blank_none(values: Sequence[str | None]) -> Sequence[str]:
    return [value or "" for value in values] if None in values else values


def join_keys(*parts: Sequence[str | None]) -> list[str]:
    """Return the text that names a figure; "" where there is none."""
    keys = zip(*parts, strict=True)
    return ["" if None in key else join_key(key) for key in keys]


def list_linked(model: type[Model], name: str, cell: RecordsCell, pks: Sequence[int]) -> list[str]:
    """Return the keys of the records that each record names, in their usual order."""
    field = model._meta.get_field(name)
    owner, named = field.m2m_field_name(), field.m2m_reverse_field_name()
    links = field.remote_field.through._base_manager.filter(**{f"{owner}__in": pks})
    found = defaultdict(list)
    for pk, key in links.order_by(named).values_list(f"{owner}_id", f"{named}__{cell.key}"):
        found[pk].append(key)
    return ["、".join(found[pk]) for pk in pks]
