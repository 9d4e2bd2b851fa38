"""The builders themselves: what they make is valid and public, or every other test is built on sand."""

import inspect

import pytest

from tests import builders

OF_THE_OFFICE = {"make_staff", "make_import_log"}  # people and logs are no content
BUILDERS = [
    function
    for name, function in vars(builders).items()
    if name.startswith("make_") and inspect.isfunction(function) and name not in OF_THE_OFFICE
]


@pytest.mark.django_db
@pytest.mark.parametrize("build", BUILDERS, ids=lambda build: build.__name__)
def test_a_builder_makes_a_valid_record_as_often_as_asked(build):
    first, second = build(), build()
    first.full_clean()
    second.full_clean()
    assert first != second


@pytest.mark.django_db
@pytest.mark.parametrize(
    "build",
    [
        build
        for build in BUILDERS
        if build.__name__ not in {"make_program", "make_lineage", "make_place"}
    ],
    ids=lambda build: build.__name__,
)
def test_what_a_builder_makes_is_public(build):
    record = build()
    assert type(record).objects.published().filter(pk=record.pk).exists()


@pytest.mark.django_db
def test_an_item_comes_with_the_items_above_it():
    item = builders.make_item(code="1.7.2")
    assert item.parent.code == "1.7"
    assert item.parent.parent.code == "1"
    assert [each.code for each in item.settlement.items.all()] == ["1", "1.7", "1.7.2"]


@pytest.mark.django_db
def test_a_figure_of_money_counts_in_thousands_of_yen():
    assert builders.make_settlement_figure(kind="expenditure", value=3_449).amount_yen == 3_449_000
