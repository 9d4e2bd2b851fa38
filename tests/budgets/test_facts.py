"""Facts for the checks: whole settlements, pages of items, and attributed yen."""

from decimal import Decimal

import pytest

from budgets.checks import check_breakdowns, check_item
from budgets.facts import MONEY, load_attributions, load_breakdowns, load_item_facts
from budgets.models import InitiativeCost, Settlement, SettlementFigure, SettlementItem
from portal.publishing import Status
from tests.builders import (
    make_cost,
    make_funding,
    make_initiative,
    make_item,
    make_settlement,
    make_settlement_figure,
)

pytestmark = pytest.mark.django_db


def test_the_facts_of_an_item_are_what_the_database_states():
    item = make_item(code="1.2", amount_yen=70, budget_yen=100, carried_over_yen=20, unused_yen=10)
    whole = make_settlement_figure(item, label="全体", value="12.5")
    part = make_settlement_figure(item, label="うち", value="2.5", group="区分", part_of=whole)
    make_funding(item, amount_yen=70)
    make_cost(item=item, share_percent="33.33")
    above, facts = load_item_facts([item.settlement])[item.settlement_id]
    assert (above.code, above.amount_yen, above.figures) == ("1", None, ())
    assert (facts.amount_yen, facts.budget_yen) == (70, 100)
    assert (facts.carried_over_yen, facts.unused_yen) == (20, 10)
    assert (facts.funding, facts.shares) == ((70,), (Decimal("33.33"),))
    assert [(f.key, f.name, f.value, f.part_of) for f in facts.figures] == [
        (whole.pk, "全体", Decimal("12.5"), None),
        (part.pk, "区分・うち", Decimal("2.5"), whole.pk),
    ]


def test_shares_of_what_is_not_public_count_for_staff_alone():
    item = make_item(amount_yen=100)
    make_cost(item=item, share_percent=60)
    make_cost(make_initiative(status=Status.DRAFT), item, share_percent=50)
    make_cost(item=item, relation="editorial")
    public = load_item_facts([item.settlement])[item.settlement_id]
    everyone = load_item_facts([item.settlement], InitiativeCost.objects.all())
    assert public[0].shares == (60,)
    assert everyone[item.settlement_id][0].shares == (60, 50)
    assert check_item(everyone[item.settlement_id], "1")[-1].status == "exceeded"


def test_whole_settlements_take_four_queries(django_assert_num_queries):
    for _ in range(3):
        settlement = make_settlement()
        for code in ["1.1", "1.2"]:
            item = make_item(settlement, code, amount_yen=5_000)
            make_settlement_figure(item, kind="expenditure", value=5)
            make_funding(item)
            make_cost(item=item)
    with django_assert_num_queries(4):
        facts = load_item_facts(Settlement.objects.all())
    assert [len(items) for items in facts.values()] == [3, 3, 3]


def test_breakdowns_of_items_from_many_settlements_take_one_query(django_assert_num_queries):
    for thousands in [3, 4, 5]:
        settlement = make_settlement()
        make_item(settlement, "1", amount_yen=4_000)
        below = make_item(settlement, "1.1")
        make_settlement_figure(below, kind="expenditure", value=thousands)
    items = SettlementItem.objects.filter(code="1").select_related("settlement").order_by("pk")
    with django_assert_num_queries(2):  # the items, and their breakdowns
        breakdowns = load_breakdowns(items)
    assert [breakdowns[item.pk].status for item in items] == ["partial", "matched", "exceeded"]


def test_a_breakdown_is_the_same_alone_and_with_the_whole_settlement():
    settlement = make_settlement()
    item = make_item(settlement, "1", amount_yen=10_000)
    whole = make_settlement_figure(item, kind="money", value=9)
    make_settlement_figure(item, kind="expenditure", value=7, part_of=whole)
    below = make_item(settlement, "1.1", amount_yen=3_000)
    make_settlement_figure(below, kind="expenditure", value=3)
    make_settlement_figure(below)
    expected = check_breakdowns(load_item_facts([settlement])[settlement.pk])
    assert load_breakdowns([item, below]) == {item.pk: expected["1"], below.pk: expected["1.1"]}
    assert expected["1"].actual == 10_000


def test_figures_that_are_known_are_not_read_again(django_assert_num_queries):
    settlement = make_settlement()
    item = make_item(settlement, "1", amount_yen=10_000)
    whole = make_settlement_figure(item, kind="expenditure", value=5)
    make_settlement_figure(item, kind="activity", value=5, unit="件")
    below = make_item(settlement, "1.1", amount_yen=3_000)
    make_settlement_figure(below, kind="expenditure", value=3, part_of=whole)
    other = make_item(settlement, "1.2")
    make_settlement_figure(other, kind="expenditure", value=4)
    make_settlement_figure(make_item(settlement, "2"), kind="expenditure", value=9)

    for items in [item], [item, below], [item, other], [item, below, other], [below]:
        known = SettlementFigure.objects.filter(item__in=items).order_by("position", "pk")
        known = list(known.values_list(*MONEY))
        with django_assert_num_queries(1):
            breakdowns = load_breakdowns(items, known)
        assert breakdowns == load_breakdowns(items)
    assert breakdowns[below.pk].actual == 3_000


def test_no_items_have_no_breakdowns():
    assert load_breakdowns([], []) == {}
    assert load_breakdowns([]) == {}


def test_attributed_yen_add_up_to_the_amount(django_assert_num_queries):
    item = make_item(amount_yen=100)
    costs = [make_cost(item=item, share_percent=share) for share in ["33.33", "33.33", "33.34"]]
    other = make_cost(item=make_item(amount_yen=7), share_percent=50)
    with django_assert_num_queries(1):
        attributed = load_attributions([*costs, other])
    assert attributed == dict(
        zip([cost.pk for cost in [*costs, other]], [33, 33, 34, 4], strict=True)
    )


def test_one_cost_alone_gets_the_same_yen_as_among_the_others():
    item = make_item(amount_yen=1)
    first, second = (make_cost(item=item, share_percent=50) for _ in range(2))
    assert load_attributions([first]) | load_attributions([second]) == {first.pk: 1, second.pk: 0}


def test_nothing_is_attributed_without_an_amount_or_by_a_link_or_beyond_100_percent():
    too_much = make_item(amount_yen=100)
    costs = [
        make_cost(item=make_item()),
        make_cost(relation="editorial"),
        make_cost(item=too_much, share_percent=60),
        make_cost(item=too_much, share_percent=60),
    ]
    assert load_attributions(costs) == {}
