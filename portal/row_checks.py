"""The check constraints of a model, asked of a record in memory instead of by a query each."""

from collections.abc import Callable
from functools import cache, lru_cache
from operator import itemgetter
from typing import NamedTuple

from django.db import models
from django.db.models import F, Q

MEMO_SIZE = 1_000
COMPARE = {
    "exact": lambda one, other: one == other,
    "gt": lambda one, other: one > other,
    "gte": lambda one, other: one >= other,
    "lt": lambda one, other: one < other,
    "lte": lambda one, other: one <= other,
    "in": lambda one, others: one in others,
}


class UnknownCondition(Exception):
    """A condition that only the database can check."""


class RowCheck(NamedTuple):
    """`holds` is asked with the record's `__dict__`; `names` are the fields that it reads."""

    message: str
    names: frozenset[str]
    holds: Callable[[dict], bool]


@cache
def checks_of(model) -> list[RowCheck]:
    """Return the check constraints of a model that can be asked of a record in memory.

    The others are left to the database, which refuses the whole import.
    """
    found = []
    for constraint in model._meta.constraints:
        if not isinstance(constraint, models.CheckConstraint):
            continue
        names: set[str] = set()
        try:
            ask = compile_condition(constraint.condition, model, names)
        except UnknownCondition:
            continue
        message = str(constraint.get_violation_error_message())
        found.append(RowCheck(message, frozenset(names), _hold(ask, model, names)))
    return found


def _hold(ask, model, names):
    """Return what tells whether a record is right; asked once of what repeats."""
    fields = [model._meta.get_field(name) for name in names]
    repeating = models.CharField if len(fields) > 1 else (models.CharField, models.IntegerField)
    if not all(isinstance(field, repeating) for field in fields):
        return lambda row: ask(row) is not False
    attributes = [field.attname for field in fields]

    @lru_cache(MEMO_SIZE)
    def holds(*values):
        return ask(dict(zip(attributes, values, strict=True))) is not False

    if len(attributes) == 1:
        return lambda row: holds(row[attributes[0]])
    get = itemgetter(*attributes)
    return lambda row: holds(*get(row))


def compile_condition(condition: Q, model, names: set[str]) -> Callable[[dict], bool | None]:
    """Return a function that tells whether a record, by its `__dict__`, meets a condition.

    As in SQL it is None, and a constraint holds, where that hangs on what is null. The names of
    the fields that are read are added to `names`. Raises UnknownCondition.
    """
    parts = [
        compile_condition(child, model, names)
        if isinstance(child, Q)
        else _compile_leaf(*child, model, names)
        for child in condition.children
    ]
    if condition.connector not in (Q.AND, Q.OR):
        raise UnknownCondition(condition.connector)
    joined = parts[0]
    for part in parts[1:]:
        joined = _join(joined, part, condition.connector == Q.OR)
    return _negate(joined) if condition.negated else joined


def _join(one, other, decides: bool):
    """Join two conditions: the result is `decides` (True for "or") as soon as one of them is."""

    def joined(row):
        first = one(row)
        if first is decides:
            return decides
        second = other(row)
        return second if second is decides or first is not None else None

    return joined


def _negate(ask):
    def negated(row):
        answer = ask(row)
        return None if answer is None else not answer

    return negated


def _compile_leaf(lookup, wanted, model, names):
    name, _, operator = lookup.partition("__")
    at = _attribute(model, name, names)
    if operator == "isnull" or (operator in ("", "exact") and wanted is None):
        is_null = wanted is None or bool(wanted)
        return lambda row: (row[at] is None) is is_null
    compare = COMPARE.get(operator or "exact")
    if compare is None:
        raise UnknownCondition(lookup)
    if isinstance(wanted, F):
        other = _attribute(model, wanted.name, names)

        def holds(row):
            one, two = row[at], row[other]
            return None if one is None or two is None else compare(one, two)

        return holds
    if hasattr(wanted, "resolve_expression"):
        raise UnknownCondition(lookup)
    if operator == "in":
        wanted = frozenset(wanted)
    return lambda row: None if row[at] is None else compare(row[at], wanted)


def _attribute(model, name, names) -> str:
    names.add(name)
    return model._meta.get_field(name).attname
