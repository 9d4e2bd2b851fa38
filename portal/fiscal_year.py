"""Japanese years: fiscal years (年度, April to March), calendar years (年) and dates in eras.

A fiscal year is an int, the western year in which it begins: 令和2年度 is 2020 and runs from
2020-04-01 to 2021-03-31. A calendar year is an int too, but never the same thing: each parser
refuses the other's spelling.

Era changes: a year that begins in one era and ends in another has two names, and both are read
(平成31年度 = 令和元年度 = 2019, 昭和64年度 = 平成元年度 = 1989). The name of the newer era is written.
Dates are exact: 2019-04-30 is 平成31年4月30日, 2019-05-01 is 令和元年5月1日.

Range: fiscal years from 1886 (明治19年度, the first that ran from April to March), calendar years
from 1868 (明治元年), dates from 1873-01-01 (the first in the Gregorian calendar); all until 2099.
"""

import datetime
import re
import unicodedata
from typing import NamedTuple


class FiscalYearError(ValueError):
    """A year or date that cannot be read or written; the message is a Japanese sentence."""


class Era(NamedTuple):
    name: str
    letter: str
    begins_on: datetime.date
    last_number: int


ERAS = (  # the newest first
    Era("令和", "R", datetime.date(2019, 5, 1), 81),
    Era("平成", "H", datetime.date(1989, 1, 8), 31),
    Era("昭和", "S", datetime.date(1926, 12, 25), 64),
    Era("大正", "T", datetime.date(1912, 7, 30), 15),
    Era("明治", "M", datetime.date(1868, 1, 25), 45),
)
FIRST_FISCAL_YEAR = 1886
FIRST_CALENDAR_YEAR = 1868
FIRST_DATE = datetime.date(1873, 1, 1)
LAST_YEAR = 2099
LAST_DATE = datetime.date(LAST_YEAR, 12, 31)

MAX_LENGTH = 30
YEAR = re.compile(
    r"(?:(?P<era>令和|平成|昭和|大正|明治|[RHSTM])(?P<number>元|[0-9]{1,2})|(?P<western>[0-9]{4}))"
    r"(?P<suffix>年度|年)?",
    re.IGNORECASE,
)


def parse_fiscal_year(text: str) -> int:
    """Return the western year in which a fiscal year begins, from the ways people write it.

    "令和2年度", "R2", "２０２０年度" -> 2020; "平成31年度", "H31", "令和元年度" -> 2019.
    Raises FiscalYearError for a calendar year ("令和2年"), for a year that the era does not have
    ("平成50年度"), for one outside 1886-2099, and for anything else.
    """
    match = _match_year(text, "「令和2年度」「R2」「2020年度」")
    if match["suffix"] == "年":
        raise FiscalYearError(
            f"「{_quote(text)}」は暦年です。年度なら「年度」まで、"
            f"「{_quote(text)}度」のように書いてください。"
        )
    return _western_year(match, text, "年度", FIRST_FISCAL_YEAR)


def parse_calendar_year(text: str) -> int:
    """Return the western year from a calendar year as people write it.

    "令和2年", "2020年", "2020", "R2" -> 2020; "平成31年", "令和元年" -> 2019.
    Raises FiscalYearError for a fiscal year ("令和2年度"), for a year that the era does not have,
    for one outside 1868-2099, and for anything else.
    """
    match = _match_year(text, "「令和2年」「2020年」")
    if match["suffix"] == "年度":
        raise FiscalYearError(
            f"「{_quote(text)}」は年度です。ここは暦年の欄です。"
            "1月から12月までの年を「令和2年」「2020年」のように書いてください。"
        )
    return _western_year(match, text, "年", FIRST_CALENDAR_YEAR)


def format_fiscal_year(fiscal_year: int) -> str:
    """Return "令和2年度" for 2020, "令和元年度" for 2019, "平成30年度" for 2018."""
    era, number = _era_of_year(fiscal_year, FIRST_FISCAL_YEAR, "年度")
    return f"{era.name}{_number_text(number)}年度"


def format_fiscal_year_both(fiscal_year: int) -> str:
    """Return "令和2年度（2020年度）" for 2020."""
    return f"{format_fiscal_year(fiscal_year)}（{fiscal_year}年度）"


def format_fiscal_year_short(fiscal_year: int) -> str:
    """Return "R2" for 2020, "R1" for 2019, "H30" for 2018."""
    era, number = _era_of_year(fiscal_year, FIRST_FISCAL_YEAR, "年度")
    return f"{era.letter}{number}"


def format_calendar_year(year: int) -> str:
    """Return "令和2年" for 2020 and "令和元年" for 2019."""
    era, number = _era_of_year(year, FIRST_CALENDAR_YEAR, "年")
    return f"{era.name}{_number_text(number)}年"


def fiscal_year_of(date: datetime.date) -> int:
    """Return the fiscal year of a date: 2021-03-31 -> 2020, 2021-04-01 -> 2021."""
    return date.year if date.month >= 4 else date.year - 1


def fiscal_year_range(fiscal_year: int) -> tuple[datetime.date, datetime.date]:
    """Return the first and the last day: 2020 -> (2020-04-01, 2021-03-31)."""
    return datetime.date(fiscal_year, 4, 1), datetime.date(fiscal_year + 1, 3, 31)


def format_date(date: datetime.date) -> str:
    """Return "令和6年8月2日" for 2024-08-02, in the era of that very day."""
    day = datetime.date(date.year, date.month, date.day)
    if not FIRST_DATE <= day <= LAST_DATE:
        raise FiscalYearError(
            f"{day.isoformat()} は和暦で書けません。"
            f"明治6年（1873年）1月1日から{LAST_YEAR}年までの日付にしてください。"
        )
    era = next(era for era in ERAS if era.begins_on <= day)
    number = day.year - era.begins_on.year + 1
    return f"{era.name}{_number_text(number)}年{day.month}月{day.day}日"


def _match_year(text: str, examples: str) -> re.Match[str]:
    match = None
    # NFKC would make "令和2²年度" 令和22年度.
    if len(text) <= MAX_LENGTH and not any(unicodedata.category(char) == "No" for char in text):
        compact = "".join(unicodedata.normalize("NFKC", text).split())
        match = YEAR.fullmatch(compact)
    if match is None:
        raise FiscalYearError(
            f"「{_quote(text)}」は年として読めません。{examples}のように書いてください。"
        )
    return match


def _western_year(match: re.Match[str], text: str, suffix: str, first: int) -> int:
    if match["western"]:
        year = int(match["western"])
    else:
        letter_or_name = match["era"].upper()
        era = next(era for era in ERAS if letter_or_name in (era.name, era.letter))
        number = 1 if match["number"] == "元" else int(match["number"])
        if not 1 <= number <= era.last_number:
            raise FiscalYearError(
                f"「{_quote(text)}」という年はありません。"
                f"{era.name}は元{suffix}から{era.last_number}{suffix}までです。"
                f"西暦で「2020{suffix}」のように書くこともできます。"
            )
        year = era.begins_on.year + number - 1
    if not first <= year <= LAST_YEAR:
        raise FiscalYearError(
            f"「{_quote(text)}」は扱える範囲の外です。"
            f"{first}{suffix}から{LAST_YEAR}{suffix}までで書いてください。"
        )
    return year


def _era_of_year(year: int, first: int, suffix: str) -> tuple[Era, int]:
    if not first <= year <= LAST_YEAR:
        raise FiscalYearError(
            f"{year}{suffix}は和暦で書けません。"
            f"{first}{suffix}から{LAST_YEAR}{suffix}までにしてください。"
        )
    # FY2019 began in 平成31年; the prefecture's documents call the whole year 令和元年度.
    era = next(era for era in ERAS if era.begins_on.year <= year)
    return era, year - era.begins_on.year + 1


def _number_text(number: int) -> str:
    return "元" if number == 1 else str(number)


def _quote(text: str) -> str:
    # A lone surrogate cannot be sent to a browser; it shows as "?".
    shown = text[:MAX_LENGTH].encode("utf-8", "replace").decode()
    return shown if len(text) <= MAX_LENGTH else f"{shown}…"
