from decimal import Decimal

import pytest

from budgets.checks import CheckStatus, FigureFacts, ItemFacts
from budgets.models import InitiativeCost, SettlementItem
from budgets.outline import (
    count_breakdowns,
    execution_percent,
    find_place,
    list_budget_lines,
    list_topmost_stated,
    make_outline,
    share_out,
    sum_stated_below,
)


def items_of(*codes):
    return [SettlementItem(code=code, name=f"架空の項目{code}") for code in codes]


def codes_of(items):
    return [item.code for item in items]


class TestSumStatedBelow:
    def test_only_the_topmost_amounts_count(self):
        amounts = {"1": None, "1.1": 5, "1.1.1": 3, "1.2": 2, "2": 9}
        assert sum_stated_below(amounts) == {"1": 7, "": 16}

    def test_amounts_deep_below_reach_every_silent_item_above(self):
        assert sum_stated_below({"1": None, "1.1": None, "1.1.1": 4}) == {
            "1": 4,
            "1.1": 4,
            "": 4,
        }

    def test_zero_is_stated_and_nothing_is_not_zero(self):
        assert sum_stated_below({"1": None, "1.1": 0, "2": None, "2.1": None}) == {
            "1": 0,
            "": 0,
        }

    def test_an_item_is_not_below_one_whose_code_only_begins_alike(self):
        assert sum_stated_below({"1": None, "10": 4, "10.1": 4}) == {"": 4}


class TestListTopmostStated:
    amounts = {"1": None, "1.1": 5, "1.1.1": 3, "1.1.2": 0, "1.2": 2, "2": 9, "10": 4, "10.1": 4}

    @pytest.mark.parametrize(
        ("above", "codes"),
        [
            ("", ["1.1", "1.2", "2", "10"]),
            ("1", ["1.1", "1.2"]),
            ("1.1", ["1.1.1", "1.1.2"]),
            ("2", []),
            ("10", ["10.1"]),
        ],
    )
    def test_none_of_them_is_below_another(self, above, codes):
        items = [SettlementItem(code=c, amount_yen=yen) for c, yen in self.amounts.items()]
        assert codes_of(list_topmost_stated(items, above)) == codes


class TestFindPlace:
    def test_an_item_stands_between_its_neighbours_in_the_order_of_the_paper(self):
        place = find_place(items_of("1", "1.1", "1.1.1", "1.1.2", "1.2", "2"), "1.1")
        assert codes_of(place.ancestors) == ["1"]
        assert codes_of(place.children) == ["1.1.1", "1.1.2"]
        assert (place.previous.code, place.next.code) == ("1", "1.1.1")

    def test_the_first_and_the_last_item_have_one_neighbour(self):
        items = items_of("1", "2")
        assert find_place(items, "1").previous is None
        assert find_place(items, "2").next is None

    def test_ancestors_begin_with_the_topmost_and_skip_what_the_paper_lacks(self):
        assert codes_of(find_place(items_of("1", "1.1.1", "1.1.1.1"), "1.1.1.1").ancestors) == [
            "1",
            "1.1.1",
        ]

    def test_item_10_is_no_child_of_item_1(self):
        assert find_place(items_of("1", "10", "10.1"), "1").children == []


class TestMakeOutline:
    facts = [
        ItemFacts("1"),
        ItemFacts(
            "1.1", 1000, figures=(FigureFacts(1, "架空の経費", "expenditure", 654, "円", 654),)
        ),
        ItemFacts("1.2", 500, funding=(600,)),
    ]

    def test_a_row_carries_its_breakdown_checks_and_the_sum_below(self):
        top, first, second = make_outline(items_of("1", "1.1", "1.2"), self.facts)
        assert (top.stated_below_yen, top.breakdown.status) == (1500, CheckStatus.NONE)
        assert first.breakdown.covered_percent == Decimal("65.4")
        assert first.problems == []
        assert [problem.check.value for problem in second.problems] == ["funding"]

    def test_an_amount_is_a_share_of_what_stands_above_and_of_the_total(self):
        items = items_of("1", "1.1", "1.2")
        items[1].amount_yen, items[2].amount_yen = 1000, 500
        rows = make_outline(items, [*self.facts, ItemFacts("2", 500)])
        assert [(row.share_of_parent, row.share_of_total) for row in rows] == [
            (None, None),
            ("66.7%", "50.0%"),
            ("33.3%", "25.0%"),
        ]

    def test_the_order_of_the_items_is_kept(self):
        rows = make_outline(items_of("1.2", "1"), self.facts)
        assert [row.item.code for row in rows] == ["1.2", "1"]

    def test_only_items_with_an_amount_are_counted(self):
        items = items_of("1", "1.1", "1.2")
        items[1].amount_yen, items[2].amount_yen = 1000, 500
        rows = make_outline(items, self.facts)
        assert count_breakdowns(rows) == [(CheckStatus.PARTIAL, 1), (CheckStatus.NONE, 1)]


class TestBudget:
    def test_only_stated_budget_amounts_are_listed(self):
        item = SettlementItem(budget_yen=900, unused_yen=0, supplementary_yen=-100)
        assert list_budget_lines(item) == [("補正額", -100), ("予算現額", 900), ("不用額", 0)]

    def test_the_settled_amount_stands_on_the_way_but_not_alone(self):
        item = SettlementItem(budget_yen=900, amount_yen=800, unused_yen=100)
        assert [name for name, _ in list_budget_lines(item)] == ["予算現額", "決算額", "不用額"]
        assert list_budget_lines(SettlementItem(amount_yen=800)) == []

    @pytest.mark.parametrize(
        ("amount_yen", "budget_yen", "percent"),
        [
            (900, 1000, Decimal("90.0")),
            (999_999, 1_000_000, Decimal("99.9")),
            (0, 1000, Decimal("0.0")),
            (None, 1000, None),
            (900, None, None),
            (0, 0, None),
        ],
    )
    def test_the_rate_needs_both_amounts_and_is_never_rounded_up(
        self, amount_yen, budget_yen, percent
    ):
        item = SettlementItem(amount_yen=amount_yen, budget_yen=budget_yen)
        assert execution_percent(item) == percent


class TestShareOut:
    def test_shares_and_rest_add_up_to_the_amount(self):
        costs = [InitiativeCost(share_percent=Decimal(p)) for p in ("33.33", "33.33")]
        shared = share_out(SettlementItem(amount_yen=1000), costs)
        assert [yen for _, yen in shared.shares] == [333, 333]
        assert shared.rest_yen == 334

    def test_no_yen_is_made_up_for_an_amount_that_is_not_stated(self):
        cost = InitiativeCost(share_percent=Decimal(50))
        assert share_out(SettlementItem(amount_yen=None), [cost]).shares == [(cost, None)]

    def test_shares_above_the_whole_are_given_no_yen(self):
        costs = [InitiativeCost(share_percent=Decimal(p)) for p in (60, 60)]
        shared = share_out(SettlementItem(amount_yen=1000), costs)
        assert [yen for _, yen in shared.shares] == [None, None]
        assert shared.rest_yen is None
