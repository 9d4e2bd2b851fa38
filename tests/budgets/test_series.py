from decimal import Decimal

from budgets.models import Settlement, SettlementItem
from budgets.series import list_points, make_series


def item(fiscal_year, amount_yen, code="1", settlement_id=None):
    settlement = Settlement(pk=settlement_id or fiscal_year, fiscal_year=fiscal_year)
    return SettlementItem(settlement=settlement, code=code, amount_yen=amount_yen)


def differences(*items):
    return [(year.change.difference_yen, year.change.percent) for year in make_series(items)]


def test_a_year_is_compared_with_the_year_just_before():
    assert differences(item(2019, 1000), item(2020, 900), item(2021, 1200)) == [
        (None, None),
        (-100, Decimal("-10.0")),
        (300, Decimal("33.3")),
    ]


def test_a_gap_in_the_years_or_in_the_amounts_gives_no_difference():
    assert differences(item(2018, 1000), item(2020, 900)) == [(None, None), (None, None)]
    assert differences(item(2019, None), item(2020, 900)) == [(None, None), (None, None)]
    assert differences(item(2019, 900), item(2020, None)) == [(None, None), (None, None)]


def test_nothing_is_divided_by_zero():
    assert differences(item(2019, 0), item(2020, 900))[1] == (900, None)


def test_the_items_of_a_year_are_summed():
    years = make_series([item(2020, 300), item(2020, 200, settlement_id=9), item(2021, 500)])
    assert [(year.fiscal_year, len(year.items), year.amount_yen) for year in years] == [
        (2020, 2, 500),
        (2021, 1, 500),
    ]


def test_an_item_below_another_one_is_not_counted_twice():
    years = make_series([item(2020, 300), item(2020, 200, code="1.1"), item(2020, 5, code="10")])
    assert years[0].amount_yen == 305


def test_a_year_with_an_unstated_amount_has_no_sum():
    assert make_series([item(2020, 300), item(2020, None, code="2")])[0].amount_yen is None


def test_a_chart_draws_a_missing_year_and_a_missing_amount_as_gaps():
    series = make_series([item(2018, 1000), item(2020, None), item(2021, 900)])
    assert list_points(series) == [
        ("平成30年度", 1000),
        ("令和元年度", None),
        ("令和2年度", None),
        ("令和3年度", 900),
    ]


def test_a_single_year_is_no_series_to_draw():
    assert list_points(make_series([item(2020, 1000)])) == []
