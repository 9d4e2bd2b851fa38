"""What differs between two contents of a record (see versions.py), row by row, as a person reads it."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from django.apps import apps
from django.db import models
from django.utils import timezone

from .fiscal_year import FiscalYearError, format_fiscal_year
from .models import Figure, FiscalYearField
from .versions import parts_of, read_value

NOT_SHOWN = {"code_order", "width", "height"}


class Cell(NamedTuple):
    """One field that differs; `name` is the field's own name."""

    column: str
    old: str
    new: str
    name: str


@dataclass(frozen=True)
class RowChange:
    """A row that was added, removed, or changed in some cells.

    `number` is that of the old row; `units` are its unit before and after, "" where it has none.
    """

    kind: str  # "new", "removed", "changed"
    model: type[models.Model]
    number: int
    where: str
    cells: list[Cell] = field(default_factory=list)
    units: tuple[str, str] = ("", "")

    @property
    def kind_label(self) -> str:
        return {"new": "追加", "removed": "削除", "changed": "変更"}[self.kind]


def is_figure(model, name: str) -> bool:
    """Tell whether a field holds a figure: a number with its unit, an amount, a year's value."""
    if issubclass(model, Figure):
        return name in ("value", "unit")
    return name.endswith("_yen") or name in ("actual", "target", "baseline", "share_percent")


def compare(record_model, old: dict, new: dict, numbers: dict | None = None) -> list[RowChange]:
    """Return the rows that differ, in the order of the parts.

    `numbers` tells, by model label, which row of `old` (value) a row of `new` (key) stands for;
    without it a row stands for that of the same number.
    """
    numbers = {
        label: {int(key): value for key, value in pairs.items()}
        for label, pairs in (numbers or {}).items()
    }
    own = record_model._meta.label_lower
    numbers[own] = {new[own][0]["pk"]: old[own][0]["pk"]} if old.get(own) and new.get(own) else {}
    texts = _Texts(record_model, old, new, numbers)
    changes = []
    for model in [record_model, *(part for part, _ in parts_of(record_model))]:
        changes += _compare_rows(model, old, new, numbers, texts)
    return changes


def merge(record_model, base: dict, late: dict, now: dict) -> dict:
    """Return `now` with what `late` changed since `base` laid over it; all are of one record.

    Where both changed a field, `late` has it. What both added alike is added once.
    """
    merged = {}
    for label in now.keys() | late.keys():
        before, mine, rows = (
            {row["pk"]: row for row in content.get(label, [])} for content in (base, late, now)
        )
        theirs = [row | {"pk": None} for pk, row in rows.items() if pk not in before]
        for pk, row in mine.items():
            changed = {
                key: value for key, value in row.items() if before.get(pk, {}).get(key) != value
            }
            if pk in before and changed:
                rows[pk] = rows.get(pk, row) | changed
            elif pk not in before and row | {"pk": None} not in theirs:
                rows[pk] = row
        for pk in before.keys() - mine.keys():
            rows.pop(pk, None)
        merged[label] = rows
    _complete(record_model, merged, late)
    return {label: [rows[pk] for pk in sorted(rows)] for label, rows in merged.items()}


def _complete(record_model, merged, late):
    """Bring back the rows that others deleted and that the rows of `merged` belong to."""
    there = {label: {row["pk"]: row for row in rows} for label, rows in late.items()}
    missing = True
    while missing:
        missing = [
            (wanted, row[f.attname])
            for part, _ in parts_of(record_model)
            for f in part._meta.concrete_fields
            if f.is_relation and (wanted := f.related_model._meta.label_lower) in merged
            for row in merged[part._meta.label_lower].values()
            if row[f.attname] and row[f.attname] not in merged[wanted]
            if row[f.attname] in there[wanted]
        ]
        for label, pk in missing:
            merged[label][pk] = there[label][pk]


def _compare_rows(model, old, new, numbers, texts):
    label = model._meta.label_lower
    known = numbers.get(label, {})
    before = {row["pk"]: row for row in old.get(label, [])}
    seen = set()
    for row in new.get(label, []):
        number = known.get(row["pk"], row["pk"])
        seen.add(number)
        if number not in before:
            cells = list(texts.cells(model, {}, row))
            yield RowChange("new", model, number, texts.where(model, row, is_new=True), cells)
        elif cells := list(texts.cells(model, before[number], row)):
            where = texts.where(model, row, is_new=True)
            units = (before[number].get("unit", ""), row.get("unit", ""))
            yield RowChange("changed", model, number, where, cells, units)
    for number, row in before.items():
        if number not in seen:
            cells = list(texts.cells(model, row, {}))
            units = (row.get("unit", ""), "")
            yield RowChange("removed", model, number, texts.where(model, row), cells, units)


class _Texts:
    """Names and values as a person reads them; looks up what relations name in one query a model."""

    def __init__(self, root, old, new, numbers):
        self.root, self.contents = root, {False: old, True: new}
        self.numbers = numbers
        self.parts = dict(parts_of(root))
        self.within = {m._meta.label_lower for m in [root, *self.parts]}

    def cells(self, model, old_row, new_row):
        hidden = NOT_SHOWN | {self.parts.get(model, "").split("__")[0]}
        for f in [*model._meta.concrete_fields, *model._meta.many_to_many]:
            key = f.name if f.many_to_many else f.attname
            if f.name in hidden or (key not in old_row and key not in new_row):
                continue
            if f.primary_key or self.is_same_row(f, old_row.get(key), new_row.get(key)):
                continue
            old = self.text(f, old_row.get(key), False)
            new = self.text(f, new_row.get(key), True)
            if old != new:
                yield Cell(str(f.verbose_name), *leave_out_the_same(old, new), f.name)

    def is_same_row(self, f, old, new) -> bool:
        """Tell whether a relation within the record names the same row, be it renamed."""
        label = f.related_model._meta.label_lower if f.is_relation else ""
        if f.many_to_many or label not in self.within:
            return False
        numbers = self.numbers.get(label, {})
        return old is not None and numbers.get(new, new) == old

    def text(self, f, value, is_new) -> str:
        if value in (None, "", []):
            return ""
        if f.many_to_many:
            return "、".join(self.name(f.related_model, pk, is_new) for pk in value)
        if f.is_relation:
            return self.name(f.related_model, value, is_new)
        if f.choices:
            return str(dict(f.flatchoices).get(value, value))
        if isinstance(f, FiscalYearField):
            return _year(value)
        if isinstance(f, models.BigIntegerField):
            return f"{value:,}"
        value = read_value(f, value)
        if isinstance(f, models.DecimalField):
            return f"{value.normalize():,f}"
        if isinstance(f, models.DateTimeField):
            return f"{timezone.localtime(value):%Y-%m-%d %H:%M}"
        if isinstance(f, models.BooleanField):
            return "はい" if value else "いいえ"
        return str(value)

    def name(self, model, pk, is_new) -> str:
        label = model._meta.label_lower
        if label in self.within:
            row = self.rows[is_new].get(label, {}).get(pk)
            if row:
                return self.row_name(model, row, is_new)
        return self.outside.get((label, pk), f"番号{pk}（いまはありません）")

    @cached_property
    def rows(self):
        return {
            is_new: {label: {row["pk"]: row for row in rows} for label, rows in content.items()}
            for is_new, content in self.contents.items()
        }

    @cached_property
    def outside(self) -> dict:
        """Return the names of the records outside that any row refers to."""
        wanted = {}
        for content in self.contents.values():
            for label, rows in content.items():
                model = apps.get_model(label)
                for f in [*model._meta.concrete_fields, *model._meta.many_to_many]:
                    if not f.is_relation or f.related_model in self.parts:
                        continue
                    if f.related_model is self.root and model is not self.root:
                        continue
                    key = f.name if f.many_to_many else f.attname
                    for row in rows:
                        value = row.get(key) or []
                        wanted.setdefault(f.related_model, set()).update(
                            value if isinstance(value, list) else [value]
                        )
        return {
            (model._meta.label_lower, record.pk): str(record)
            for model, pks in wanted.items()
            if pks
            for record in model._base_manager.filter(pk__in=pks)
        }

    def row_name(self, model, row, is_new) -> str:
        """Return what a row is called among its kind: "1.7.2 架空の事業", "事業費"."""
        if issubclass(model, Figure):
            return "・".join(filter(None, (row["group"], row["label"], row["measure"])))
        if "code" in row and "name" in row:
            return f"{row['code']} {row['name']}"
        for key in ("title", "name", "term", "alt"):
            if row.get(key):
                return row[key]
        for key in ("year", "fiscal_year"):
            if row.get(key):
                return _year(row[key])
        relations = [
            self.text(f, row.get(f.attname), is_new)
            for f in model._meta.concrete_fields
            if f.attname in row and (f.choices or f.is_relation)
        ]
        return next(filter(None, relations), "")

    def where(self, model, row, is_new=False) -> str:
        """Return the place of a row: "決算項目 1.7.2 架空の事業 ＞ 決算の実績値 事業費"; "" for the record."""
        if model is self.root:
            return ""
        above = ""
        owner = model._meta.get_field(self.parts[model].split("__")[0])
        if owner.related_model is not self.root:
            whole = self.rows[is_new][owner.related_model._meta.label_lower].get(row[owner.attname])
            above = self.where(owner.related_model, whole, is_new) + " ＞ " if whole else ""
        return f"{above}{model._meta.verbose_name} {self.row_name(model, row, is_new)}".rstrip()


def _year(value) -> str:
    try:
        return format_fiscal_year(value)
    except FiscalYearError:
        return str(value)


def leave_out_the_same(old: str, new: str) -> tuple[str, str]:
    """Return two texts without the lines at their beginning and end that are the same in both."""
    before, after = old.split("\n"), new.split("\n")
    if not old or not new or len(before) + len(after) < 6:
        return old, new
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    head, tail = ["（前略）"] * bool(start), ["（後略）"] * bool(end)

    def cut(lines):
        return "\n".join([*head, *lines[start : len(lines) - end], *tail])

    return cut(before), cut(after)
