"""The columns of an import: each distinct text of a column is read, checked and shown once."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from weakref import WeakMethod

from django.core.exceptions import ValidationError

from .row_writing import connection_of

MEMO_SIZE = 20_000
BLANK = "空欄にはできません。値を書いてください。"
MISSING = "新しい記録には要る列です。列を加えて、値を書いてください。"


class Memo(dict):
    """What a method makes of each key: made once, as long as there are not too many.

    The method's object is held weakly: it holds the memo itself, and both are to go at once.
    """

    def __init__(self, make):
        super().__init__()
        self.make = WeakMethod(make)

    def __missing__(self, key):
        if len(self) >= MEMO_SIZE:
            self.clear()
        made = self[key] = self.make()(key)
        return made

    def take(self, keys) -> dict:
        """Return what is made of each of some keys."""
        return {key: self[key] for key in set(keys)}


@dataclass(slots=True)
class Parsed:
    """A text as a value: as Python holds it, the table stores it, a person reads it.

    `error` says why it cannot be read at all, `problems` what is wrong with the value. `held` is
    what `Column.compare` gives of a record that says the same. `records` are those of another
    model that it names.
    """

    value: Any = None
    stored: Any = None
    held: Any = None
    shown: str = ""
    error: str = ""
    problems: tuple[str, ...] = ()
    records: tuple = ()
    is_blank: bool = False


class Column:
    """A column of a resource in one import, at its place in the file; `at` is None without one.

    `index` is the place of its field among the model's. `is_set` tells a column of the record
    itself from one of what the record belongs to.
    """

    def __init__(self, name, resource_field, model, header, *, is_key):
        self.name, self.cell, self.is_key = name, resource_field.widget, is_key
        self.title = resource_field.column_name
        self.at = header.index(self.title) if self.title in header else None
        self.model, self.is_set = model, not resource_field.readonly
        for step in name.split("__"):
            self.field = model._meta.get_field(step)
            model = self.field.related_model or model
        self.is_many, self.connection = self.field.many_to_many, connection_of(self.model)
        self.is_own = self.cell.is_own
        self.index = None
        if self.is_set and not self.is_many:
            self.index = self.model._meta.concrete_fields.index(self.field)
        self.keeps_default = self.index is not None and self.field.has_default()
        self.parsed = Memo(self.parse)
        self.compare = Memo(self.make_comparable)
        self.said_of_new = Memo(self.parse_of_new)
        self.old = Memo(self.show_old)

    @cached_property
    def nothing(self) -> Parsed:
        """Return what a blank cell says that could name records of its own kind."""
        return self.make_own([], [])

    @cached_property
    def default(self) -> Parsed:
        """Return what a new record holds where the file says nothing."""
        if not self.is_set or self.is_many:
            return Parsed(value=[], held=set())
        made = self.make(self.field.get_default())
        if made.problems == (BLANK,):
            made.problems = (MISSING,)
        return made

    def parse(self, text: str) -> Parsed:
        try:
            value = self.cell.clean(text)
        except ValueError as error:
            return Parsed(error=str(error))
        if self.is_many:
            pks = [record.pk for record in value]
            shown = "、".join(getattr(record, self.cell.key) for record in value)
            return Parsed(pks, None, set(pks), shown, records=tuple(value), is_blank=not pks)
        return self.make(value)

    def parse_of_new(self, text: str) -> Parsed:
        """Return what a text says of a new record."""
        made = self.parsed[text]
        return self.default if made.is_blank and self.keeps_default else made

    def make(self, value) -> Parsed:
        """Return a value that was read, or that a new record begins with."""
        shown = self.cell.render(value)
        made = Parsed(value, None, shown, self.cell.describe(shown), is_blank=value in (None, ""))
        if not self.is_set:
            return made
        if self.field.is_relation:
            made.records = (value,) if value else ()
            made.value = made.stored = made.held = value.pk if value else None
            if value is None and not self.field.null:
                made.problems = (BLANK,)
            return made
        if not (self.field.blank and value in self.field.empty_values):
            try:
                made.value = self.field.clean(value, None)
            except ValidationError as error:
                made.problems = tuple(say(error))
                return made
        made.stored = self.field.get_db_prep_save(made.value, self.connection)
        return made

    def make_own(self, pks, keys) -> Parsed:
        """Return what a cell says that names records of its own kind."""
        shown = self.cell.show_keys(keys)
        if self.is_many:
            return Parsed(pks, None, set(pks), shown)
        pk = pks[0] if pks else None
        return Parsed(pk, pk, pk, shown)

    def make_comparable(self, held):
        return held if self.field.is_relation else self.cell.render(held)

    def show_old(self, held) -> str:
        """Return what a held value reads as; of a relation, its primary keys as a tuple."""
        if not self.field.is_relation:
            return self.cell.describe(self.cell.render(held))
        found = self.field.related_model._default_manager.filter(pk__in=held)
        return "、".join(getattr(record, self.cell.key) for record in found)


def say(error: ValidationError) -> list[str]:
    """Return the sentences of an error as a person reads them."""
    return [
        message
        for each in error.error_list
        for message in ([BLANK] if each.code in ("blank", "null") else each.messages)
    ]
