import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.fiscal_year import (
    FiscalYearError,
    fiscal_year_of,
    fiscal_year_range,
    format_calendar_year,
    format_date,
    format_fiscal_year,
    format_fiscal_year_both,
    format_fiscal_year_short,
    parse_calendar_year,
    parse_fiscal_year,
)


@pytest.mark.parametrize(
    ("text", "fiscal_year"),
    [
        ("令和2年度", 2020),
        ("令和元年度", 2019),
        ("令和1年度", 2019),
        ("平成31年度", 2019),
        ("平成30年度", 2018),
        ("平成元年度", 1989),
        ("昭和64年度", 1989),
        ("昭和63年度", 1988),
        ("昭和元年度", 1926),
        ("大正15年度", 1926),
        ("大正元年度", 1912),
        ("明治45年度", 1912),
        ("明治19年度", 1886),
        ("令和81年度", 2099),
        ("2020年度", 2020),
        ("2020", 2020),
        ("R2", 2020),
        ("r2", 2020),
        ("R02", 2020),
        ("R2年度", 2020),
        ("R元年度", 2019),
        ("H31", 2019),
        ("H30", 2018),
        ("S63", 1988),
        ("令和2", 2020),
        ("令和２年度", 2020),
        ("２０２０年度", 2020),
        ("Ｒ２", 2020),
        ("㋿2年度", 2020),
        ("㍻30年度", 2018),
        (" 令和 2 年度\u3000", 2020),
        ("令和\u30002年度\n", 2020),
    ],
)
def test_a_fiscal_year_is_read_as_people_write_it(text, fiscal_year):
    assert parse_fiscal_year(text) == fiscal_year


@pytest.mark.parametrize("text", ["令和2年", "2020年", "R2年", "令和元年", "２０２０年"])
def test_a_calendar_year_is_no_fiscal_year(text):
    with pytest.raises(FiscalYearError) as caught:
        parse_fiscal_year(text)
    assert str(caught.value) == (
        f"「{text}」は暦年です。年度なら「年度」まで、「{text}度」のように書いてください。"
    )


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("令和0年度", "令和は元年度から81年度までです。"),
        ("令和82年度", "令和は元年度から81年度までです。"),
        ("平成32年度", "平成は元年度から31年度までです。"),
        ("平成50年度", "平成は元年度から31年度までです。"),
        ("H50", "平成は元年度から31年度までです。"),
        ("昭和65年度", "昭和は元年度から64年度までです。"),
        ("大正16年度", "大正は元年度から15年度までです。"),
        ("明治46年度", "明治は元年度から45年度までです。"),
    ],
)
def test_a_year_that_the_era_does_not_have_is_refused(text, span):
    with pytest.raises(FiscalYearError) as caught:
        parse_fiscal_year(text)
    assert str(caught.value) == (
        f"「{text}」という年はありません。{span}西暦で「2020年度」のように書くこともできます。"
    )


@pytest.mark.parametrize("text", ["1885年度", "明治18年度", "2100年度", "0000", "9999年度"])
def test_a_fiscal_year_outside_the_range_is_refused(text):
    with pytest.raises(FiscalYearError) as caught:
        parse_fiscal_year(text)
    assert str(caught.value) == (
        f"「{text}」は扱える範囲の外です。1886年度から2099年度までで書いてください。"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "年度",
        "令和年度",
        "令和-2年度",
        "令和2.5年度",
        "令和100年度",
        "R2.4",
        "20",
        "202",
        "20200",
        "2020-04-01",
        "2020年度まで",
        "慶応3年度",
        "X2",
        "令和②年度",
        "令和2²年度",
        "R٢",
        "令和2年度（2020年度）",
        "\0",
    ],
)
def test_anything_else_is_refused_with_the_text_and_a_remedy(text):
    with pytest.raises(FiscalYearError) as caught:
        parse_fiscal_year(text)
    assert str(caught.value) == (
        f"「{text}」は年として読めません。「令和2年度」「R2」「2020年度」のように書いてください。"
    )


def test_half_a_surrogate_pair_can_still_be_quoted():
    with pytest.raises(FiscalYearError, match=r"「令和\?年度」は年として読めません。"):
        parse_fiscal_year("令和\ud800年度")


def test_a_huge_text_is_quoted_in_part():
    with pytest.raises(FiscalYearError) as caught:
        parse_fiscal_year("2" * 1_000_000)
    assert str(caught.value) == (
        "「222222222222222222222222222222…」は年として読めません。"
        "「令和2年度」「R2」「2020年度」のように書いてください。"
    )


@pytest.mark.parametrize(
    ("fiscal_year", "label", "both", "short"),
    [
        (2024, "令和6年度", "令和6年度（2024年度）", "R6"),
        (2020, "令和2年度", "令和2年度（2020年度）", "R2"),
        (2019, "令和元年度", "令和元年度（2019年度）", "R1"),
        (2018, "平成30年度", "平成30年度（2018年度）", "H30"),
        (1989, "平成元年度", "平成元年度（1989年度）", "H1"),
        (1988, "昭和63年度", "昭和63年度（1988年度）", "S63"),
        (1926, "昭和元年度", "昭和元年度（1926年度）", "S1"),
        (1912, "大正元年度", "大正元年度（1912年度）", "T1"),
        (1886, "明治19年度", "明治19年度（1886年度）", "M19"),
    ],
)
def test_a_fiscal_year_is_written_in_its_newer_era(fiscal_year, label, both, short):
    assert format_fiscal_year(fiscal_year) == label
    assert format_fiscal_year_both(fiscal_year) == both
    assert format_fiscal_year_short(fiscal_year) == short


@pytest.mark.parametrize("fiscal_year", [1885, 2100, 0, -1])
def test_a_fiscal_year_outside_the_range_is_not_written(fiscal_year):
    with pytest.raises(FiscalYearError, match="1886年度から2099年度までにしてください。"):
        format_fiscal_year(fiscal_year)


@given(st.integers(1886, 2099))
def test_every_written_fiscal_year_reads_back(fiscal_year):
    assert parse_fiscal_year(format_fiscal_year(fiscal_year)) == fiscal_year
    assert parse_fiscal_year(format_fiscal_year_short(fiscal_year)) == fiscal_year
    assert parse_fiscal_year(f"{fiscal_year}年度") == fiscal_year


@pytest.mark.parametrize(
    ("text", "year"),
    [
        ("令和2年", 2020),
        ("令和元年", 2019),
        ("平成31年", 2019),
        ("昭和64年", 1989),
        ("明治元年", 1868),
        ("2020年", 2020),
        ("2020", 2020),
        ("２０２０年", 2020),
        ("R2", 2020),
        ("H31年", 2019),
    ],
)
def test_a_calendar_year_is_read_as_people_write_it(text, year):
    assert parse_calendar_year(text) == year


def test_a_fiscal_year_is_no_calendar_year():
    with pytest.raises(FiscalYearError) as caught:
        parse_calendar_year("令和2年度")
    assert str(caught.value) == (
        "「令和2年度」は年度です。ここは暦年の欄です。"
        "1月から12月までの年を「令和2年」「2020年」のように書いてください。"
    )


@pytest.mark.parametrize("text", ["令和0年", "平成32年", "1867年", "2100", "昨年", ""])
def test_a_wrong_calendar_year_is_refused(text):
    with pytest.raises(FiscalYearError, match=f"「{text}」"):
        parse_calendar_year(text)


def test_a_calendar_year_is_written_in_its_newer_era():
    assert format_calendar_year(2020) == "令和2年"
    assert format_calendar_year(2019) == "令和元年"
    assert format_calendar_year(2018) == "平成30年"


@given(st.integers(1868, 2099))
def test_every_written_calendar_year_reads_back(year):
    assert parse_calendar_year(format_calendar_year(year)) == year


def test_a_fiscal_year_begins_on_the_first_of_april():
    assert fiscal_year_of(datetime.date(2021, 3, 31)) == 2020
    assert fiscal_year_of(datetime.date(2021, 4, 1)) == 2021
    assert fiscal_year_of(datetime.date(2021, 1, 1)) == 2020
    assert fiscal_year_of(datetime.datetime(2021, 3, 31, 23, 59)) == 2020
    assert fiscal_year_range(2020) == (datetime.date(2020, 4, 1), datetime.date(2021, 3, 31))


@given(st.dates(datetime.date(1886, 4, 1), datetime.date(2099, 12, 31)))
def test_every_date_lies_in_the_range_of_its_fiscal_year(date):
    first, last = fiscal_year_range(fiscal_year_of(date))
    assert first <= date <= last


@pytest.mark.parametrize(
    ("date", "text"),
    [
        (datetime.date(2024, 8, 2), "令和6年8月2日"),
        (datetime.date(2019, 5, 1), "令和元年5月1日"),
        (datetime.date(2019, 4, 30), "平成31年4月30日"),
        (datetime.date(1989, 1, 8), "平成元年1月8日"),
        (datetime.date(1989, 1, 7), "昭和64年1月7日"),
        (datetime.date(1926, 12, 25), "昭和元年12月25日"),
        (datetime.date(1926, 12, 24), "大正15年12月24日"),
        (datetime.date(1912, 7, 30), "大正元年7月30日"),
        (datetime.date(1912, 7, 29), "明治45年7月29日"),
        (datetime.date(1873, 1, 1), "明治6年1月1日"),
        (datetime.datetime(2024, 8, 2, 13, 30), "令和6年8月2日"),
    ],
)
def test_a_date_is_written_in_the_era_of_that_day(date, text):
    assert format_date(date) == text


@pytest.mark.parametrize("date", [datetime.date(1872, 12, 31), datetime.date(2100, 1, 1)])
def test_a_date_outside_the_range_is_not_written(date):
    with pytest.raises(FiscalYearError) as caught:
        format_date(date)
    assert str(caught.value) == (
        f"{date} は和暦で書けません。明治6年（1873年）1月1日から2099年までの日付にしてください。"
    )
