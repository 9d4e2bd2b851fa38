"""A query is compiled once and asked with other values each time."""

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from portal.models import Department
from portal.prepared import Given, GivenKeys, Statement, fetch_rows
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


@pytest.mark.parametrize(
    ("where", "values", "found"),
    [
        ("name IN (%s, %s)", ["架空甲部", "%s"], ["架空甲部", "%s"]),
        ("name LIKE '%%s'", [], ["%s"]),
        ("name LIKE '%%s' AND name <> %s", ["架空甲部"], ["%s"]),
    ],
)
def test_rows_are_the_same_whether_the_query_is_watched_or_not(where, values, found):
    for slug, name in {"a": "架空甲部", "b": "架空乙部", "c": "%s"}.items():
        make_department(slug=slug, name=name)
    text = f"SELECT name FROM portal_department WHERE {where} ORDER BY slug"
    with CaptureQueriesContext(connection) as captured:
        watched = fetch_rows(connection, text, values)
    assert len(captured) == 1
    assert fetch_rows(connection, text, values) == watched == [(name,) for name in found]


def test_what_the_database_refuses_is_an_error_of_django():
    with pytest.raises(DatabaseError), transaction.atomic():
        fetch_rows(connection, "SELECT none FROM portal_department WHERE id = %s", [1])


def test_who_forbids_queries_is_asked_first():
    def refuse(*_):
        raise AssertionError("no query is allowed here")

    with connection.execute_wrapper(refuse), pytest.raises(AssertionError, match="no query"):
        fetch_rows(connection, "SELECT slug FROM portal_department WHERE id = %s", [1])
