from decimal import Decimal

import pytest

from budgets.checks import FigureFacts, ItemFacts, check_breakdowns
from budgets.models import FundingSource
from budgets.shares import rank_slices, stack_coverage, stack_funding, write_share
from portal.charts import Slice


@pytest.mark.parametrize(
    ("part_yen", "whole_yen", "share"),
    [
        (1, 3, "33.3%"),
        (2, 3, "66.7%"),
        (1, 2000, "0.1%"),
        (1, 10_000, "0.1%未満"),
        (9_999, 10_000, "99.9%超"),
        (10, 10, "100.0%"),
        (0, 10, "0.0%"),
        (15, 10, "150.0%"),
        (None, 10, None),
        (10, None, None),
        (10, 0, None),
        (0, 0, None),
    ],
)
def test_a_share_has_one_place_and_is_no_false_nothing_or_all(part_yen, whole_yen, share):
    assert write_share(part_yen, whole_yen) == share


class TestRankSlices:
    def places(self, *amounts, whole_yen=None):
        slices = [Slice(f"架空{n}", yen) for n, yen in enumerate(amounts)]
        ranks = rank_slices(slices, "千円", whole_yen)
        return [(rank.place, rank.bar.mark.amount, rank.share) for rank in ranks]

    def test_the_largest_comes_first_and_equal_amounts_share_a_place(self):
        assert self.places(1_000, 2_500, None, 1_000, 500) == [
            (1, "2.5千円", "50.0%"),
            (2, "1千円", "20.0%"),
            (2, "1千円", "20.0%"),
            (4, "0.5千円", "10.0%"),
        ]

    def test_shares_are_those_of_the_whole_where_it_is_stated(self):
        assert self.places(1_000, 2_000, whole_yen=4_000) == [
            (1, "2千円", "50.0%"),
            (2, "1千円", "25.0%"),
        ]

    def test_nothing_is_divided_by_zero(self):
        assert self.places(0, 0) == [(1, "0千円", None), (1, "0千円", None)]


class TestStackCoverage:
    def stack(self, stated_yen, *spent_yen):
        figures = tuple(
            FigureFacts(n, "架空の経費", "expenditure", Decimal(yen), "円", yen)
            for n, yen in enumerate(spent_yen)
        )
        breakdown = check_breakdowns([ItemFacts("1", stated_yen, figures=figures)])["1"]
        stack = stack_coverage(breakdown, "円")
        return stack and [(s.mark.amount, s.percent_text) for s in stack.segments]

    def test_the_bar_says_the_percentage_that_the_check_says(self):
        assert self.stack(3000, 1999, 1) == [("2,000円", "66.6%"), ("1,000円", "33.4%")]

    def test_a_whole_breakdown_fills_the_bar(self):
        assert self.stack(3000, 3000) == [("3,000円", "100.0%")]

    def test_no_bar_shows_nothing_or_more_than_all(self):
        assert self.stack(3000) is None
        assert self.stack(3000, 3001) is None


def test_sources_of_funding_add_up_to_the_whole_bar():
    funding = [FundingSource(kind=k, amount_yen=1000) for k in ("national", "bonds", "general")]
    segments = stack_funding(funding, "円").segments
    assert [s.mark.slice.name for s in segments] == ["国庫支出金", "県債", "一般財源"]
    assert sum(s.percent for s in segments) == 100
