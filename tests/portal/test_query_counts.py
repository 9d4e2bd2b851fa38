"""A public page asks the database at most 12 times, however much there is to show."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.search_index import hold_indexing
from tests.builders import (
    make_change_note,
    make_cost,
    make_department,
    make_document,
    make_effort,
    make_funding,
    make_image,
    make_indicator,
    make_indicator_value,
    make_initiative,
    make_initiative_figure,
    make_item,
    make_link,
    make_pillar,
    make_place,
    make_policy,
    make_program,
    make_report,
    make_settlement,
    make_settlement_figure,
    make_term,
)
from tests.public_pages import arguments_of, is_bulk_file, list_addresses, make_world

pytestmark = pytest.mark.django_db


@hold_indexing()
def add_rows(world, numbers):
    """Add to everything in the world that can have many: a row of each kind a number."""
    (pillar,), (report,), (initiative,) = world["pillars"], world["reports"], world["initiatives"]
    (indicator,), (department,), (item,) = world["indicators"], world["departments"], world["items"]
    (document,), (program,) = world["documents"], world["programs"]
    cited = {"source": document, "locator": "第1"}
    for number in numbers:
        make_pillar(plan=pillar.plan)
        make_report(**cited)
        make_document()
        make_term()
        child = make_department(parent=department)
        child.successors.add(department)
        department.successors.add(child)
        initiative.departments.add(child)
        initiative.places.add(make_place())
        make_image(initiative)
        make_link(initiative)
        make_initiative_figure(initiative, **cited)
        more = make_initiative(
            pillar=pillar,
            report=report,
            departments=[department],
            distinctions=[f"架空の特色{number}", "架空初"],
            fiscal_year=1950 + number,
            **cited,
        )
        make_initiative_figure(more, **cited)
        other = make_indicator(department=department, **cited)
        other.initiatives.add(initiative, more)
        indicator.initiatives.add(more)
        make_indicator_value(other, **cited)
        make_indicator_value(indicator, **cited)
        below = make_item(item.settlement, f"1.2.{number}", amount_yen=1000, **cited)
        make_settlement_figure(item, **cited)
        make_settlement_figure(below, **cited)
        make_funding(below, **cited)
        make_cost(initiative, below, share_percent=1)
        make_cost(more, below, share_percent=2)
        make_cost(more, item, relation="editorial")
        make_effort(make_policy(item.settlement), item=item)
        settlement = make_settlement(department=department, fiscal_year=1950 + number, **cited)
        make_item(settlement, program=program, **cited)
        make_item(settlement, "2", program=make_program(department=department), **cited)
        for record in (initiative, item, indicator, report, document):
            make_change_note(record)


def count_queries(client, address) -> int:
    client.get(address)  # fills the cache of content types
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200, address
    return len(queries)


@pytest.mark.parametrize("query", ["", "?format=csv&q=架空"])
def test_the_number_of_queries_is_small_and_does_not_grow(client, query, monkeypatch):
    monkeypatch.setattr("portal.search.FEW", 0)  # a search of few hits takes one less
    world = make_world()
    add_rows(world, range(1, 3))
    addresses = [
        address + query
        for address in list_addresses(arguments_of(**world))
        if not address.startswith(("/api/v1/", "/sitemap", "/favicon", "/healthz", "/feed"))
        and not is_bulk_file(address)
    ]
    few = {address: count_queries(client, address) for address in addresses}
    # Where nothing is kept of the edition, a search asks once for each kind that it meets.
    most = {"/search/?format=csv&q=架空": 18}
    assert {address: count for address, count in few.items() if count > most.get(address, 12)} == {}
    add_rows(world, range(3, 21))
    assert {address: count_queries(client, address) for address in addresses} == few
