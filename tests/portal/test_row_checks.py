"""What the constraints say of a record in memory is what the database says."""

from datetime import datetime

import pytest
from django.apps import apps
from django.db import models
from django.db.models import F, Func, Q, Value
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.row_checks import UnknownCondition, checks_of, compile_condition

MODELS = [model for model in apps.get_models() if checks_of(model)]


def list_values(field, constraint):
    """Return values of a field that a constraint may tell apart."""
    if isinstance(field, models.DateTimeField):
        return [None, *(timezone.make_aware(datetime(year, 1, 1)) for year in (2020, 2021))]
    if isinstance(field, models.CharField | models.TextField):
        named = {value for value in _constants(constraint.condition) if isinstance(value, str)}
        return ["", "円", "件", "unknown", *sorted(named)]
    numbers = [-1, 0, 1, 2, 100, 101]
    return [None, *numbers] if field.null else numbers


def _constants(condition):
    for child in condition.children:
        if isinstance(child, Q):
            yield from _constants(child)
        elif isinstance(child[1], list | tuple | set):
            yield from child[1]
        else:
            yield child[1]


def test_every_check_of_an_imported_model_can_be_asked_in_memory():
    for model in MODELS:
        checks = [c for c in model._meta.constraints if isinstance(c, models.CheckConstraint)]
        assert len(checks_of(model)) == len(checks), model


@pytest.mark.django_db
@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.data())
def test_a_check_in_memory_and_in_the_database_agree(data):
    model = data.draw(st.sampled_from(MODELS))
    checks = [c for c in model._meta.constraints if isinstance(c, models.CheckConstraint)]
    number = data.draw(st.integers(0, len(checks) - 1))
    constraint, check = checks[number], checks_of(model)[number]
    row, against = {}, {}
    for name in check.names:
        field = model._meta.get_field(name)
        value = data.draw(st.sampled_from(list_values(field, constraint)))
        row[field.attname], against[name] = value, Value(value, output_field=_plain(field))
    assert check.holds(row) is constraint.condition.check(against)


def _plain(field):
    return models.BigIntegerField() if field.is_relation or field.primary_key else field


@pytest.mark.parametrize(
    "condition",
    [
        Q(name__contains="x"),
        Q(name=Func(F("name"), function="LOWER")),
        Q(position=1) ^ Q(position=2),
    ],
)
def test_what_only_the_database_can_tell_is_left_to_it(condition):
    with pytest.raises(UnknownCondition):
        compile_condition(condition, apps.get_model("portal.Department"), set())
