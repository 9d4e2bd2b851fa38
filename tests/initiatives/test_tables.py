from dataclasses import dataclass
from decimal import Decimal

import pytest

from initiatives.models import Indicator, IndicatorValue
from initiatives.tables import list_points, make_year_rows


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


def points(unit="件", **actuals):
    indicator = Indicator(unit=unit, period_kind="calendar_year")
    return list_points(
        IndicatorValue(indicator=indicator, year=value.year, actual=value.actual)
        for value in make_values(**actuals)
    )


def test_a_chart_draws_every_year_and_a_missing_value_as_a_gap():
    assert points(y2018=50, y2019=None, y2021="2.5") == [
        ("平成30年", 50),
        ("令和元年", None),
        ("令和2年", None),
        ("令和3年", Decimal("2.5")),
    ]


def test_money_is_drawn_in_whole_yen():
    assert points("億円", y2019="1.5", y2020=2) == [
        ("令和元年", 150_000_000),
        ("令和2年", 200_000_000),
    ]


@pytest.mark.parametrize(
    "actuals", [{}, {"y2020": 5}, {"y2019": None, "y2020": 5}, {"y2019": "0.5", "y2020": 5}]
)
def test_a_single_year_and_broken_yen_are_not_drawn(actuals):
    assert points("円", **actuals) == []
