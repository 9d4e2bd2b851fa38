"""A query is compiled once and asked with other values each time."""

import pytest

from portal.models import Department
from portal.prepared import Given, GivenKeys, Statement
from tests.builders import make_department

pytestmark = pytest.mark.django_db


def test_each_asking_gives_its_own_values(django_assert_num_queries):
    for slug in ("a", "b", "c"):
        make_department(slug=slug, name=f"架空部{slug}")
    departments = Department.objects.filter(slug__gte=Given("first")).order_by("slug")
    statement = Statement(departments.values_list("slug", "name"))
    with django_assert_num_queries(2):
        assert statement.ask(first="b") == [("b", "架空部b"), ("c", "架空部c")]
        assert statement.ask(limit=1, offset=1, first="a") == [("b", "架空部b")]


def test_keys_are_as_many_as_are_given():
    pks = [make_department(slug=slug).pk for slug in ("a", "b", "c")]
    departments = Department.objects.filter(pk__in=GivenKeys("keys")).order_by("slug")
    statement = Statement(departments.values_list("slug"))
    assert statement.ask(keys=[]) == []
    assert statement.ask(keys=pks[1:]) == [("b",), ("c",)]
    assert statement.ask(keys=[*pks, 0]) == [("a",), ("b",), ("c",)]
