"""The checks on whole literals: what each says, and what it must never say."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgets.checks import (
    CheckName,
    CheckResult,
    CheckStatus,
    FigureFacts,
    ItemFacts,
    attribute_yen,
    check_breakdowns,
    check_item,
    check_items,
    check_settlement,
)


def spent(key, thousand_yen, **fields):
    """An expenditure figure in 千円."""
    return FigureFacts(
        key=key,
        **{
            "name": f"事業{key}",
            "kind": "expenditure",
            "value": Decimal(thousand_yen),
            "unit": "千円",
            "amount_yen": thousand_yen * 1000,
        }
        | fields,
    )


def counted(key, value, **fields):
    """A figure of activity in 件."""
    return FigureFacts(
        key=key,
        **{"name": f"数{key}", "kind": "activity", "value": Decimal(value), "unit": "件"} | fields,
    )


def results(items, code, check):
    return [result for result in check_item(items, code) if result.check == check]


def only(items, code, check):
    (result,) = results(items, code, check)
    return result


class TestBreakdown:
    def test_figures_of_all_levels_below_count_against_the_amount(self):
        items = [
            ItemFacts("2.3", 32_560_000),
            ItemFacts("2.3.1", figures=(spent(1, 3_449), spent(2, 1_760), spent(3, 6_839))),
            ItemFacts("2.3.2"),
            ItemFacts("2.3.2.1", figures=(spent(4, 20_512),)),
        ]
        result = only(items, "2.3", CheckName.BREAKDOWN)
        assert result.status == CheckStatus.MATCHED
        assert (result.expected, result.actual, result.difference) == (32_560_000, 32_560_000, 0)
        assert result.covered_percent == 100
        assert result.message == "公表された内訳は、決算額32,560千円と一致します。"

    def test_a_part_of_the_amount_is_told_in_percent(self):
        items = [ItemFacts("2.2", 232_972_000, figures=(spent(1, 152_454),))]
        result = only(items, "2.2", CheckName.BREAKDOWN)
        assert result.status == CheckStatus.PARTIAL
        assert result.covered_percent == Decimal("65.4")
        assert result.difference == -80_518_000
        assert result.message == "公表された内訳は、決算額232,972千円の65.4%（152,454千円）です。"

    def test_more_than_the_amount_is_a_problem(self):
        items = [ItemFacts("1", 1_000_000, figures=(spent(1, 600), spent(2, 401)))]
        result = only(items, "1", CheckName.BREAKDOWN)
        assert result.status == CheckStatus.EXCEEDED
        assert result.is_problem
        assert result.covered_percent == Decimal("100.1")
        assert result.message == "公表された内訳は、決算額1,000千円を1千円上回ります。"

    def test_blank_is_not_zero(self):
        result = only([ItemFacts("1", 1_000_000)], "1", CheckName.BREAKDOWN)
        assert result.status == CheckStatus.NONE
        assert result.actual is None
        assert result.difference is None
        assert result.covered_percent is None
        assert result.message == "金額の内訳は資料に記載されていません。"

    def test_a_stated_zero_is_zero(self):
        result = only([ItemFacts("1", 0, figures=(spent(1, 0),))], "1", CheckName.BREAKDOWN)
        assert result.status == CheckStatus.MATCHED
        assert (result.actual, result.covered_percent) == (0, None)
        assert result.message == "公表された内訳は、決算額0千円と一致します。"

    def test_an_item_that_states_no_amount_has_no_check_but_a_breakdown_that_says_so(self):
        items = [ItemFacts("1", figures=(spent(1, 5),))]
        assert check_item(items, "1") == []
        breakdown = check_breakdowns(items)["1"]
        assert breakdown.status == CheckStatus.NONE
        assert breakdown.actual is None
        assert breakdown.message == "決算額が資料に記載されていないため、内訳と比べられません。"

    def test_only_expenditure_counts(self):
        donation = spent(1, 30_245, kind="money")
        assert (
            only([ItemFacts("1", 100, figures=(donation, counted(2, 3)))], "1", "breakdown").status
            == "none"
        )

    def test_a_part_of_another_expenditure_is_not_counted_twice(self):
        items = [
            ItemFacts("1", 1_000_000, figures=(spent("whole", 1_000),)),
            ItemFacts(
                "1.1",
                600_000,
                figures=(spent("part", 600, part_of="whole"), spent("p", 100, part_of="part")),
            ),
        ]
        assert only(items, "1", "breakdown").actual == 1_000_000
        assert only(items, "1.1", "breakdown").actual == 600_000

    def test_a_part_of_other_money_counts(self):
        items = [
            ItemFacts(
                "1",
                1_000_000,
                figures=(spent("grant", 2_000, kind="money"), spent("own", 1_000, part_of="grant")),
            )
        ]
        assert only(items, "1", "breakdown").status == CheckStatus.MATCHED

    def test_figures_entered_as_parts_of_each_other_still_count(self):
        ring = (spent(1, 1, part_of=2), spent(2, 2, part_of=1), spent(3, 1, part_of=1))
        items = [ItemFacts("1", 3_000, figures=ring)]
        assert only(items, "1", "breakdown").actual == 3_000

    def test_a_part_whose_whole_is_unknown_counts(self):
        items = [ItemFacts("1", 1_000, figures=(spent(1, 1, part_of="elsewhere"),))]
        assert only(items, "1", "breakdown").status == CheckStatus.MATCHED

    def test_code_1_10_is_not_below_1_1(self):
        items = [ItemFacts("1.1", 1_000), ItemFacts("1.10", 9_000, figures=(spent(1, 9),))]
        assert only(items, "1.1", "breakdown").status == CheckStatus.NONE

    @pytest.mark.parametrize(
        ("covered", "percent"),
        [(99_999, "99.9"), (99_950, "99.9"), (1, "0.0"), (100_001, "100.1"), (100_000, "100.0")],
    )
    def test_a_percent_is_never_rounded_to_100(self, covered, percent):
        items = [ItemFacts("1", 100_000_000, figures=(spent(1, covered),))]
        assert only(items, "1", "breakdown").covered_percent == Decimal(percent)

    def test_amounts_that_are_no_whole_thousands_are_told_in_yen(self):
        items = [ItemFacts("1", 2_000, figures=(spent(1, 0, amount_yen=1_234),))]
        assert "2千円の61.7%（1,234円）" in only(items, "1", "breakdown").message

    def test_a_negative_sum_has_no_percent(self):
        result = only([ItemFacts("1", 1_000, figures=(spent(1, -1),))], "1", "breakdown")
        assert (result.status, result.covered_percent) == (CheckStatus.PARTIAL, None)
        assert result.message == "公表された内訳は▲1千円で、決算額1千円に届きません。"


class TestChildren:
    def test_children_that_add_up(self):
        items = [ItemFacts("1", 5), ItemFacts("1.1", 2), ItemFacts("1.2", 3)]
        result = only(items, "1", CheckName.CHILDREN)
        assert (result.status, result.expected, result.actual) == ("matched", 5, 5)
        assert result.message == "決算額の記載がある下位の項目2件の合計は、決算額5円と一致します。"

    def test_a_child_that_states_none_leaves_the_sum_open(self):
        items = [ItemFacts("1", 5), ItemFacts("1.1", 5), ItemFacts("1.2")]
        result = only(items, "1", CheckName.CHILDREN)
        assert result.status == CheckStatus.PARTIAL
        assert result.message.endswith("決算額の記載がない下位の項目があります。")

    def test_a_lower_sum_is_partial_and_a_higher_one_exceeded(self):
        below = [ItemFacts("1", 5), ItemFacts("1.1", 4)]
        above = [ItemFacts("1", 5), ItemFacts("1.1", 4), ItemFacts("1.2", 2)]
        assert only(below, "1", CheckName.CHILDREN).status == CheckStatus.PARTIAL
        assert only(above, "1", CheckName.CHILDREN).status == CheckStatus.EXCEEDED

    def test_amounts_below_a_silent_child_stand_for_it(self):
        items = [
            ItemFacts("1", 5),
            ItemFacts("1.1"),
            ItemFacts("1.1.1", 2),
            ItemFacts("1.1.1.1", 2),
            ItemFacts("1.2", 3),
        ]
        assert only(items, "1", CheckName.CHILDREN).status == CheckStatus.MATCHED

    def test_nothing_is_said_where_no_child_or_the_parent_states_none(self):
        assert results([ItemFacts("1", 5), ItemFacts("1.1")], "1", CheckName.CHILDREN) == []
        assert results([ItemFacts("1"), ItemFacts("1.1", 5)], "1", CheckName.CHILDREN) == []


class TestParts:
    def press(self, *parts):
        return [ItemFacts("1.4", figures=(counted("all", 203, name="記者会見"), *parts))]

    def test_parts_add_up_to_their_figure(self):
        items = self.press(counted(1, 141, part_of="all"), counted(2, 62, part_of="all"))
        result = only(items, "1.4", CheckName.PARTS)
        assert (result.status, result.subject, result.unit) == ("matched", "記者会見", "件")
        assert (result.expected, result.actual) == (203, 203)
        assert result.message == "「記者会見」の内訳の合計は、全体203件と一致します。"

    def test_each_partition_is_checked_for_itself(self):
        whole = counted("all", 13_062, name="旅券発行件数")
        by_sex = [counted(n, v, part_of="all", group="男女別") for n, v in [(1, 6_641), (2, 6_421)]]
        by_term = [
            counted(n, v, part_of="all", group="有効期間別")
            for n, v in [(3, 7_582), (4, 5_476), (5, 5)]
        ]
        sex, term = check_settlement([ItemFacts("5.4", figures=(whole, *by_sex, *by_term))])
        assert sex.status == CheckStatus.MATCHED
        assert "「旅券発行件数」の「男女別」の内訳" in sex.message
        assert term.status == CheckStatus.EXCEEDED
        assert term.message.endswith("全体13,062件を1件上回ります。")

    def test_a_named_part_alone_is_partial(self):
        result = only(self.press(counted(1, 141, part_of="all")), "1.4", CheckName.PARTS)
        assert (result.status, result.covered_percent) == ("partial", Decimal("69.4"))
        assert not result.is_problem

    def test_money_in_two_units_is_compared_in_yen(self):
        whole = spent("all", 5)
        part = spent(1, 5, part_of="all", value=Decimal(5_000), unit="円")
        result = only([ItemFacts("1", figures=(whole, part))], "1", CheckName.PARTS)
        assert (result.status, result.unit, result.actual) == ("matched", "円", 5_000)

    def test_units_that_cannot_be_added_are_said(self):
        items = self.press(counted(1, 141, part_of="all", unit="人"))
        result = only(items, "1.4", CheckName.PARTS)
        assert (result.status, result.actual) == (CheckStatus.MISMATCHED, None)
        assert result.message == "「記者会見」の内訳は、単位が違うため足し合わせられません。"

    def test_parts_below_zero(self):
        figures = (
            counted("all", -10),
            counted(1, -4, part_of="all"),
            counted(2, -7, part_of="all"),
        )
        result = only([ItemFacts("1", figures=figures)], "1", CheckName.PARTS)
        assert result.status == CheckStatus.EXCEEDED


class TestIdentity:
    def test_budget_is_amount_and_carried_over_and_unused(self):
        items = [ItemFacts("1", 70, budget_yen=100, carried_over_yen=20, unused_yen=10)]
        result = only(items, "1", CheckName.IDENTITY)
        assert result.status == CheckStatus.MATCHED
        assert result.message == "予算現額は、決算額・翌年度繰越額・不用額の合計と一致します。"

    def test_one_yen_is_a_mismatch_in_either_direction(self):
        for unused, difference in [(11, 1), (9, -1)]:
            items = [ItemFacts("1", 70, budget_yen=100, carried_over_yen=20, unused_yen=unused)]
            result = only(items, "1", CheckName.IDENTITY)
            assert (result.status, result.difference) == (CheckStatus.MISMATCHED, difference)
            assert result.is_problem
            assert "（100円）" in result.message

    def test_a_little_more_than_the_budget_is_not_100_percent(self):
        items = [ItemFacts("1", 100_001, budget_yen=100_000, carried_over_yen=0, unused_yen=0)]
        assert only(items, "1", CheckName.IDENTITY).covered_percent == Decimal("100.1")

    @pytest.mark.parametrize(
        "blank", ["amount_yen", "budget_yen", "carried_over_yen", "unused_yen"]
    )
    def test_nothing_is_said_where_a_term_is_not_stated(self, blank):
        stated = {"amount_yen": 70, "budget_yen": 100, "carried_over_yen": 20, "unused_yen": 10}
        items = [ItemFacts("1", **{**stated, blank: None})]
        assert results(items, "1", CheckName.IDENTITY) == []


class TestFunding:
    def test_sources_against_the_amount(self):
        statuses = {
            funding: only([ItemFacts("1", 100, funding=funding)], "1", CheckName.FUNDING).status
            for funding in [(60, 40), (60,), (60, 41)]
        }
        assert statuses == {(60, 40): "matched", (60,): "partial", (60, 41): "exceeded"}

    def test_nothing_is_said_without_sources_or_amount(self):
        assert results([ItemFacts("1", 100)], "1", CheckName.FUNDING) == []
        assert results([ItemFacts("1", funding=(5,))], "1", CheckName.FUNDING) == []


class TestAttribution:
    def shared(self, *shares):
        return [ItemFacts("1", 100, shares=tuple(map(Decimal, shares)))]

    def test_up_to_100_percent(self):
        assert only(self.shared("60", "40"), "1", CheckName.ATTRIBUTION).status == "matched"
        result = only(self.shared("33.33", "33.33"), "1", CheckName.ATTRIBUTION)
        assert (result.status, result.actual, result.unit) == ("partial", Decimal("66.66"), "%")
        assert result.message == "決算額の66.66%が取組に按分されています。"

    def test_above_100_percent(self):
        result = only(self.shared("60", "40.01"), "1", CheckName.ATTRIBUTION)
        assert result.status == CheckStatus.EXCEEDED
        assert "100.01%" in result.message

    def test_a_share_above_and_below_counts_the_same_yen_twice(self):
        items = [
            ItemFacts("1", 100, shares=(Decimal(10),)),
            ItemFacts("1.2"),
            ItemFacts("1.2.1", 50, shares=(Decimal(20),)),
            ItemFacts("2", 100, shares=(Decimal(100),)),
        ]
        result = only(items, "1", CheckName.ATTRIBUTION)
        assert result.status == CheckStatus.OVERLAPPING
        assert "（1.2.1）" in result.message
        assert only(items, "1.2.1", CheckName.ATTRIBUTION).status == CheckStatus.PARTIAL
        assert only(items, "2", CheckName.ATTRIBUTION).status == CheckStatus.MATCHED

    def test_nothing_is_said_without_a_share(self):
        assert results([ItemFacts("1", 100)], "1", CheckName.ATTRIBUTION) == []


def test_results_come_in_the_order_of_the_codes():
    items = [ItemFacts("1.10", 1), ItemFacts("1.2", 1), ItemFacts("1", 2)]
    assert [result.code for result in check_settlement(items)] == ["1", "1", "1.2", "1.10"]


def test_every_name_and_status_has_a_japanese_label():
    assert CheckName("identity").label == "予算現額と決算額・繰越額・不用額"
    assert CheckStatus("overlapping").label == "重複"
    assert all(member.label for member in [*CheckName, *CheckStatus])


codes = st.lists(st.integers(1, 12), min_size=1, max_size=4).map(
    lambda numbers: ".".join(map(str, numbers))
)
amounts = st.none() | st.integers(0, 10**13)


@st.composite
def settlements(draw):
    keys = iter(range(1000))
    items = []
    for code in draw(st.sets(codes, max_size=12)):
        figures = tuple(
            spent(
                next(keys),
                draw(st.integers(-(10**6), 10**9)),
                kind=draw(st.sampled_from(["expenditure", "money"])),
                part_of=draw(st.none() | st.integers(0, 20)),
                group=draw(st.sampled_from(["", "甲", "乙"])),
            )
            for _ in range(draw(st.integers(0, 3)))
        )
        items.append(
            ItemFacts(
                code,
                draw(amounts),
                draw(amounts),
                draw(amounts),
                draw(amounts),
                figures,
                tuple(draw(st.lists(st.integers(0, 10**9), max_size=3))),
                tuple(draw(st.lists(st.decimals(0, 100, places=2), max_size=3))),
            )
        )
    return items


@given(settlements())
def test_whatever_is_entered_each_result_says_something_true(items):
    for result in check_settlement(items):
        assert isinstance(result, CheckResult)
        assert result.message.endswith("。")
        matched = result.expected is not None and result.expected == result.actual
        if result.status == CheckStatus.MATCHED:
            assert matched
        if result.status in (CheckStatus.EXCEEDED, CheckStatus.MISMATCHED):
            assert not matched
        if result.covered_percent == 100:
            assert matched


@given(settlements())
def test_the_order_of_the_items_changes_nothing(items):
    assert check_settlement(reversed(items)) == check_settlement(items)


@given(settlements())
def test_a_breakdown_is_the_same_with_and_without_what_adds_up(items):
    breakdowns = check_breakdowns(items)
    codes = [item.code for item in items]
    assert breakdowns == {
        code: breakdown for code, (breakdown, _) in check_items(items, codes).items()
    }
    assert {breakdown.operands for breakdown in breakdowns.values()} <= {()}


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=20))
def test_parts_that_make_up_an_amount_match_it(thousands):
    figures = tuple(spent(key, value) for key, value in enumerate(thousands))
    items = [ItemFacts("1", sum(thousands) * 1000), ItemFacts("1.1", figures=figures)]
    assert only(items, "1", CheckName.BREAKDOWN).status == CheckStatus.MATCHED


class TestAttributeYen:
    @pytest.mark.parametrize(
        ("amount_yen", "shares", "parts", "rest"),
        [
            (100, ["33.33", "33.33", "33.34"], [33, 33, 34], 0),
            (100, ["33.33", "33.33", "33.33"], [34, 33, 33], 0),
            (1, ["50", "50"], [1, 0], 0),
            (10, ["25"], [3], 7),
            (1_000, [], [], 1_000),
            (0, ["100"], [0], 0),
            (7_997_000, ["100"], [7_997_000], 0),
        ],
    )
    def test_shares_get_whole_yen_by_the_largest_remainder(self, amount_yen, shares, parts, rest):
        assert attribute_yen(amount_yen, [Decimal(share) for share in shares]) == (parts, rest)

    @pytest.mark.parametrize(
        ("amount_yen", "shares"), [(100, ["60", "40.01"]), (100, ["-1"]), (-1, ["10"])]
    )
    def test_impossible_shares_are_refused(self, amount_yen, shares):
        with pytest.raises(ValueError, match="割合は0以上で合計100以下"):
            attribute_yen(amount_yen, [Decimal(share) for share in shares])

    @given(st.integers(0, 10**15), st.lists(st.integers(0, 10_000), max_size=8))
    def test_attributed_and_unattributed_add_up_to_the_yen(self, amount_yen, weights):
        total = max(sum(weights), 10_000)
        shares = [Decimal(weight * 10_000 // total) / 100 for weight in weights]
        parts, rest = attribute_yen(amount_yen, shares)
        assert sum(parts) + rest == amount_yen
        for part, share in zip(parts, shares, strict=True):
            assert abs(part - amount_yen * share / 100) < 1


def test_a_sum_names_its_operands_and_where_they_stand():
    items = [
        ItemFacts("1", 5_000_000, figures=(spent(1, 2_000),)),
        ItemFacts("1.1", None, figures=(spent(2, 1_000), spent(3, 400, part_of=2))),
        ItemFacts("1.1.1", 1_000_000),
    ]
    by_name = {result.check: result for result in check_item(items, "1")}
    breakdown, children = by_name[CheckName.BREAKDOWN], by_name[CheckName.CHILDREN]
    assert [(operand.value, operand.code) for operand in breakdown.operands] == [
        (2_000_000, "1"),
        (1_000_000, "1.1"),
    ]
    assert sum(operand.value for operand in breakdown.operands) == breakdown.actual
    assert [str(operand) for operand in children.operands] == ["決算額 1,000千円"]
    assert [operand.code for operand in children.operands] == ["1.1.1"]
