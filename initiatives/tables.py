"""The columns of the CSV files of the initiatives' pages, and what a table needs to be drawn."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from portal.amounts import UNIT_YEN, AmountError, amount_yen_of
from portal.lists import ADDRESS, Column

from .models import IndicatorValue

PILLAR_COLUMNS: list[Column] = [
    ("識別子", lambda p: p.slug),
    ("総合計画", lambda p: p.plan.name),
    ("番号", lambda p: p.number),
    ("名称", lambda p: p.name),
    ("説明", lambda p: p.description),
    ("公開中の取組（件）", lambda p: p.initiative_count),
    (ADDRESS, lambda p: p.get_absolute_url()),
]

REPORT_COLUMNS: list[Column] = [
    ("識別子", lambda r: r.slug),
    ("題名", lambda r: r.title),
    ("発表日", lambda r: r.presented_on),
    ("就任から何年目か", lambda r: r.term_year),
    ("公開中の取組（件）", lambda r: r.initiative_count),
    ("出典", lambda r: r.public_source.title if r.public_source else None),
    ("出典の箇所", lambda r: r.locator),
    (ADDRESS, lambda r: r.get_absolute_url()),
]

INITIATIVE_COLUMNS: list[Column] = [
    ("識別子", lambda i: i.slug),
    ("題名", lambda i: i.title),
    ("概要", lambda i: i.summary),
    ("柱の番号", lambda i: i.pillar.number),
    ("柱", lambda i: i.pillar.name),
    ("実績報告", lambda i: i.report.title),
    ("年度（西暦）", lambda i: i.fiscal_year),
    ("日付", lambda i: i.occurred_on),
    ("時期", lambda i: i.period),
    ("部局", lambda i: "、".join(str(d) for d in i.departments.all())),
    ("場所", lambda i: "、".join(str(p) for p in i.places.all())),
    ("特色", lambda i: "、".join(str(d) for d in i.distinctions.all())),
    ("実績値（件）", lambda i: i.figure_count),
    ("出典", lambda i: i.public_source.title if i.public_source else None),
    ("出典の箇所", lambda i: i.locator),
    (ADDRESS, lambda i: i.get_absolute_url()),
]

INDICATOR_VALUE_COLUMNS: list[Column] = [
    ("指標の識別子", lambda v: v.indicator.slug),
    ("指標", lambda v: v.indicator.name),
    ("年の数え方", lambda v: v.indicator.get_period_kind_display()),
    ("年（西暦）", lambda v: v.year),
    ("年（和暦）", lambda v: v.year_label),
    ("単位", lambda v: v.indicator.unit),
    ("実績", lambda v: _shorten(v.actual)),
    ("目標", lambda v: _shorten(v.target)),
    ("基準", lambda v: _shorten(v.baseline)),
    ("確からしさ", lambda v: v.get_state_display()),
    ("資料の表記", lambda v: v.as_printed),
    ("注記", lambda v: v.note),
    ("出典", lambda v: v.public_source.title if v.public_source else None),
    ("出典の箇所", lambda v: v.locator),
    (ADDRESS, lambda v: v.get_absolute_url()),
]


def _of_newest(get):
    return lambda indicator: get(indicator.newest[0]) if indicator.newest else None


# A row is an indicator with `newest`: a list of its newest value, or of none.
NEWEST_COLUMNS: list[Column] = [
    ("指標の識別子", lambda i: i.slug),
    ("指標", lambda i: i.name),
    ("年の数え方", lambda i: i.get_period_kind_display()),
    *((title, _of_newest(get)) for title, get in INDICATOR_VALUE_COLUMNS[3:-1]),
    (ADDRESS, lambda i: i.get_absolute_url()),
]

# What every figure's file says of it, whatever record it belongs to.
FIGURE_VALUE_COLUMNS: list[Column] = [
    ("区分", lambda figure: figure.group),
    ("項目", lambda figure: figure.label),
    ("測るもの", lambda figure: figure.measure),
    ("種類", lambda figure: figure.get_kind_display()),
    ("値", lambda figure: figure.value.normalize()),
    ("単位", lambda figure: figure.unit),
    ("金額（円）", lambda figure: figure.amount_yen),
    ("時期", lambda figure: figure.period),
    ("資料の表記", lambda figure: figure.as_printed),
    ("何の内訳か", lambda figure: figure.part_of.name if figure.part_of else None),
    ("注記", lambda figure: figure.note),
]

INITIATIVE_FIGURE_COLUMNS: list[Column] = [
    ("取組の識別子", lambda figure: figure.initiative.slug),
    ("取組", lambda figure: figure.initiative.title),
    *FIGURE_VALUE_COLUMNS,
    ("出典", lambda f: f.public_source.title if f.public_source else None),
    ("出典の箇所", lambda f: f.locator),
    (ADDRESS, lambda f: f.get_absolute_url()),
]


def _shorten(value: Decimal | None) -> Decimal | None:
    """Leave out trailing zeros, which the database adds."""
    return None if value is None else value.normalize()


@dataclass(frozen=True)
class YearRow:
    """A year's value with the change since the year before; None where there is no base."""

    value: object
    difference: Decimal | None
    percent: Decimal | None


def make_year_rows(values) -> list[YearRow]:
    """Return a row a value, oldest first. `percent` has one decimal place, rounded half up."""
    rows = []
    actuals = {value.year: value.actual for value in values}
    for value in values:
        before = actuals.get(value.year - 1)
        difference = percent = None
        if value.actual is not None and before is not None:
            difference = value.actual - before
            if before > 0:
                percent = (difference * 100 / before).quantize(Decimal("0.1"), ROUND_HALF_UP)
        rows.append(YearRow(value, difference, percent))
    return rows


def list_points(values) -> list[tuple[str, int | Decimal | None]]:
    """Return what a chart draws: a label and the actual value of every year, None for a gap.

    Nothing of a single year. Money is whole yen, as charts want it; what is none is not drawn.
    """
    by_year = {value.year: value for value in values if value.actual is not None}
    if len(by_year) < 2:
        return []
    indicator = next(iter(by_year.values())).indicator
    try:
        numbers = {year: _number(value.actual, indicator.unit) for year, value in by_year.items()}
    except AmountError:
        return []
    return [
        (IndicatorValue(indicator=indicator, year=year).year_label, numbers.get(year))
        for year in range(min(by_year), max(by_year) + 1)
    ]


def _number(actual: Decimal, unit: str) -> int | Decimal:
    if unit in UNIT_YEN:
        return amount_yen_of(actual, unit)
    return int(actual) if actual == int(actual) else actual
