from decimal import Decimal

import pytest

from budgets.compare import (
    Change,
    Matching,
    compare_departments,
    compare_items,
    list_comparable,
)
from budgets.models import Settlement, SettlementItem
from portal.models import Department


def item(code, amount_yen=None, name="", program=None):
    name = name or f"架空の項目{code}"
    return SettlementItem(code=code, name=name, amount_yen=amount_yen, program_id=program)


def told(rows):
    """Return (code before, code after, why they are the same) of each row."""
    return [
        (row.before and row.before.code, row.after and row.after.code, row.matching) for row in rows
    ]


class TestChange:
    @pytest.mark.parametrize(
        ("before_yen", "after_yen", "difference_yen", "percent"),
        [
            (1_000_000, 1_111_000, 111_000, Decimal("11.1")),
            (1_000_000, 900_000, -100_000, Decimal("-10.0")),
            (1_000_000, 1_000_000, 0, Decimal("0.0")),
            (1_000_000, 0, -1_000_000, Decimal("-100.0")),
            (3_000, 5_000, 2_000, Decimal("66.7")),
            (200_000, 200_100, 100, Decimal("0.1")),  # 0.05 %, half up
            (0, 900_000, 900_000, None),
            (0, 0, 0, None),
            (None, 900_000, None, None),
            (900_000, None, None, None),
            (None, None, None, None),
        ],
    )
    def test_a_change_needs_both_amounts_and_a_percentage_a_base(
        self, before_yen, after_yen, difference_yen, percent
    ):
        change = Change(before_yen, after_yen)
        assert (change.difference_yen, change.percent) == (difference_yen, percent)

    def test_the_largest_amounts_of_the_database_are_compared_exactly(self):
        change = Change(9_223_372_036_854_775_806, 9_223_372_036_854_775_807)
        assert (change.difference_yen, change.percent) == (1, Decimal("0.0"))


class TestCompareItems:
    def test_a_program_is_followed_although_code_and_name_change(self):
        rows = compare_items([item("1.2", name="旧称", program=7)], [item("3", program=7)])
        assert told(rows) == [("1.2", "3", Matching.PROGRAM)]

    def test_without_a_program_both_code_and_name_must_be_the_same(self):
        before = [item("1", name="甲"), item("2", name="乙"), item("3", name="丙")]
        after = [item("1", name="甲"), item("2", name="丁"), item("4", name="丙")]
        assert told(compare_items(before, after)) == [
            ("1", "1", Matching.CODE),
            (None, "2", Matching.NONE),
            (None, "4", Matching.NONE),
            ("2", None, Matching.NONE),
            ("3", None, Matching.NONE),
        ]

    def test_a_program_with_two_items_in_a_year_is_not_guessed(self):
        before = [item("1", program=7), item("2", program=7)]
        after = [item("1", program=7), item("5", program=7)]
        assert told(compare_items(before, after)) == [
            ("1", "1", Matching.CODE),
            (None, "5", Matching.NONE),
            ("2", None, Matching.NONE),
        ]

    def test_items_of_different_programs_are_not_the_same(self):
        rows = compare_items([item("1", program=7)], [item("1", program=8)])
        assert told(rows) == [(None, "1", Matching.NONE), ("1", None, Matching.NONE)]

    def test_an_item_is_matched_once(self):
        before = [item("1", program=7)]
        after = [item("1"), item("2", program=7)]
        assert told(compare_items(before, after)) == [
            (None, "1", Matching.NONE),
            ("1", "2", Matching.PROGRAM),
        ]

    def test_rises_falls_and_gaps_stand_in_the_order_of_the_paper(self):
        before = [item("1", 100), item("2", 300), item("3", 0), item("4", 50), item("9", 5)]
        after = [item("1", 150), item("2", 200), item("3", 10), item("4"), item("5", 7), item("6")]
        rows = list_comparable(compare_items(before, after))
        assert [(row.item.code, row.change.difference_yen, row.change.percent) for row in rows] == [
            ("1", 50, Decimal("50.0")),
            ("2", -100, Decimal("-33.3")),
            ("3", 10, None),
            ("4", None, None),
            ("5", None, None),
            ("9", None, None),
        ]


class TestCompareDepartments:
    def settlement(self, department, fiscal_year, amount_yen):
        settlement = Settlement(department=department, fiscal_year=fiscal_year)
        settlement.stated_amount_yen = amount_yen
        return settlement

    def test_a_year_is_compared_with_the_year_just_before_also_where_that_is_not_shown(self):
        somu, kikaku = Department(pk=1, name="架空総務部"), Department(pk=2, name="架空企画部")
        settlements = [
            self.settlement(somu, 2018, 100),
            self.settlement(somu, 2019, 150),
            self.settlement(kikaku, 2018, 10),
            self.settlement(kikaku, 2020, 20),
            self.settlement(somu, 2020, None),
        ]
        rows = compare_departments(settlements, [2019, 2020])
        assert [
            (row.department.name, [(change.after_yen, change.percent) for _, change in row.cells])
            for row in rows
        ] == [
            ("架空総務部", [(150, Decimal("50.0")), (None, None)]),
            ("架空企画部", [(None, None), (20, None)]),
        ]
        assert rows[1].cells[0][0] is None

    def test_a_department_with_nothing_in_the_years_shown_says_so(self):
        settlements = [self.settlement(Department(pk=1), 2017, 100)]
        assert not compare_departments(settlements, [2018, 2019])[0].has_settlement
