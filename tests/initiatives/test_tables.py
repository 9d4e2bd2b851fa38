from dataclasses import dataclass
from decimal import Decimal

import pytest

from initiatives.tables import make_bars, make_year_rows


@dataclass
class Value:
    year: int
    actual: Decimal | None


def make_values(**actuals):
    """make_values(y2019=100, y2020=None) -> values in the order of the years."""
    return [
        Value(int(year[1:]), None if actual is None else Decimal(str(actual)))
        for year, actual in actuals.items()
    ]


def changes(**actuals):
    return [(row.difference, row.percent) for row in make_year_rows(make_values(**actuals))]


def test_a_change_is_the_difference_to_the_year_before_and_its_percentage():
    assert changes(y2019=200, y2020=150, y2021=300) == [
        (None, None),
        (Decimal(-50), Decimal("-25.0")),
        (Decimal(150), Decimal("100.0")),
    ]


@pytest.mark.parametrize(
    "actuals",
    [{"y2018": 100, "y2020": 150}, {"y2019": None, "y2020": 150}, {"y2019": 100, "y2020": None}],
    ids=["a year is missing", "the base is not stated", "the value is not stated"],
)
def test_without_both_numbers_of_neighbouring_years_there_is_no_change(actuals):
    assert changes(**actuals)[-1] == (None, None)


@pytest.mark.parametrize("base", [0, -100])
def test_a_base_that_is_not_positive_has_a_difference_but_no_percentage(base):
    assert changes(y2019=base, y2020=50)[-1] == (Decimal(50 - base), None)


def test_a_percentage_is_rounded_half_up_at_its_first_decimal():
    assert changes(y2019=800, y2020=801)[-1][1] == Decimal("0.1")  # 0.125
    assert changes(y2019=400, y2020=401)[-1][1] == Decimal("0.3")  # 0.25


def test_bars_are_as_long_as_their_share_of_the_largest_value():
    bars = make_bars(make_values(y2018=50, y2019=None, y2020=200))
    assert [(bar.value.year, bar.percent) for bar in bars] == [(2018, 25.0), (2020, 100.0)]


@pytest.mark.parametrize(
    "actuals", [{}, {"y2020": 5}, {"y2019": 0, "y2020": 0}, {"y2019": -1, "y2020": 5}]
)
def test_what_bars_cannot_show_has_none(actuals):
    assert make_bars(make_values(**actuals)) == []
