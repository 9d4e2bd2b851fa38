"""What the checks find in many settlements: counted once an edition, read in slices."""

import pytest
from django.core.cache import cache

from budgets import found_checks
from budgets.found_checks import FoundChecks, iter_results
from budgets.models import Settlement
from portal.edition import find_edition
from tests.builders import make_funding, make_item, make_settlement, make_settlement_figure

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _empty_cache():
    cache.clear()


@pytest.fixture
def settlements():
    """Three settlements: results of several checks, none at all, and one that is too much."""
    first = make_settlement(fiscal_year=2021)
    item = make_item(first, "1", amount_yen=5_000)
    make_funding(item, amount_yen=5_000)
    below = make_item(first, "1.1", amount_yen=4_000)
    make_settlement_figure(below, kind="expenditure", value=3)
    make_item(make_settlement(fiscal_year=2020), "1")
    last = make_settlement(fiscal_year=2019)
    over = make_item(last, "1", amount_yen=1_000)
    make_settlement_figure(over, kind="expenditure", value=2)
    return first, last


def ask(**asked) -> FoundChecks:
    published = Settlement.objects.published().select_related("department")
    return FoundChecks(published, find_edition(), **asked)


def tell(found):
    return [
        (each.item.settlement.fiscal_year, each.item.code, each.result.check, each.result.status)
        for each in found
    ]


ALL = [
    (2021, "1", "breakdown", "partial"),
    (2021, "1", "children", "partial"),
    (2021, "1", "funding", "matched"),
    (2021, "1.1", "breakdown", "partial"),
    (2019, "1", "breakdown", "exceeded"),
]


def test_all_results_come_in_the_order_of_the_settlements(settlements):
    found = ask()
    assert len(found) == 5
    assert tell(found[0:5]) == tell(found) == ALL
    published = Settlement.objects.published().select_related("department")
    assert tell(iter_results(list(published))) == ALL


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"check": "breakdown"}, [ALL[0], ALL[3], ALL[4]]),
        ({"status": "partial"}, [ALL[0], ALL[1], ALL[3]]),
        ({"check": "breakdown", "status": "exceeded"}, [ALL[4]]),
        ({"check": "identity"}, []),
    ],
)
def test_slices_hold_what_is_asked_wherever_they_begin(settlements, asked, expected):
    found = ask(**asked)
    assert found.count() == len(expected)
    assert tell(found) == expected
    for start in range(len(expected) + 1):
        assert tell(found[start : start + 2]) == expected[start : start + 2]


def test_counts_and_examples_are_those_of_all_results_whatever_is_asked(settlements):
    found = ask(status="matched", with_examples=True)
    assert dict(found.count_all()) == {
        ("breakdown", "partial"): 2,
        ("breakdown", "exceeded"): 1,
        ("children", "partial"): 1,
        ("funding", "matched"): 1,
    }
    assert {name: tell([each])[0] for name, each in found.list_examples().items()} == {
        "breakdown": ALL[0],
        "children": ALL[1],
        "funding": ALL[2],
    }


def test_an_example_rather_compares_two_numbers():
    settlement = make_settlement()
    make_item(settlement, "1", amount_yen=1_000)
    spent = make_item(settlement, "2", amount_yen=2_000)
    make_settlement_figure(spent, kind="expenditure", value=2)
    example = ask(with_examples=True).list_examples()["breakdown"]
    assert (example.item.code, example.result.status) == ("2", "matched")


def test_the_same_edition_is_counted_once_and_a_slice_reads_its_settlements_alone(
    settlements, monkeypatch
):
    asked, find = [], found_checks.find_results

    def record(pks):
        asked.append(set(pks))
        return find(asked[-1])

    assert len(ask()) == 5
    monkeypatch.setattr(found_checks, "find_results", record)
    first, last = settlements
    found = ask()
    assert tell(found[4:5]) == ALL[4:]
    assert tell(found[0:1]) == ALL[:1]
    assert asked == [{last.pk}, {first.pk}]


def test_a_change_is_counted_at_once(settlements):
    assert len(ask()) == 5
    make_settlement_figure(make_item(settlements[1], "2", amount_yen=9), kind="expenditure")
    assert len(ask()) == 6
    Settlement.objects.filter(pk=settlements[0].pk).update(status="draft")
    assert len(ask()) == 2


def test_what_was_counted_while_the_content_changed_is_not_kept(settlements, monkeypatch):
    before = find_edition()
    make_item(settlements[1], "2", amount_yen=9)
    published = Settlement.objects.published()
    assert len(FoundChecks(published, before)) == 6
    counted = []
    find = found_checks.find_results
    monkeypatch.setattr(found_checks, "find_results", lambda pks: counted.append(pks) or find(pks))
    assert len(FoundChecks(published, before)) == 6
    assert len(counted) == 1


def test_many_settlements_are_counted_some_at_a_time(settlements, monkeypatch):
    monkeypatch.setattr(found_checks, "SETTLEMENTS_AT_ONCE", 1)
    found = ask()
    assert tell(found) == tell(found[0:9]) == ALL


def test_what_is_taken_away_between_two_queries_breaks_nothing(settlements):
    worked_out, counted = ask(with_examples=True), ask(with_examples=True)
    assert len(worked_out) == len(counted) == 5
    settlements[0].items.filter(code="1.1").delete()
    assert tell(worked_out[0:5]) == [*ALL[:3], ALL[4]]
    assert tell(counted[0:5]) == [(2021, "1", "breakdown", "none"), ALL[2], ALL[4]]
    assert "children" not in counted.list_examples()
