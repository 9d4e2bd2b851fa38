"""The columns that bulk files are made of: what a cell holds, in which unit, what a blank means.

A function gives a column, or several where one thing is written twice: a year as western year and
era, a choice as code and word. `get` defaults to the attribute named by the key.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from operator import attrgetter
from typing import Any

from django.db.models import QuerySet

from .fiscal_year import format_fiscal_year
from .models import FigureKind

CHUNK = 1000
NOT_STATED = "資料に記載がない"
NOT_ENTERED = "登録がない"
FIGURE_KEYS = ("group", "label", "measure", "period")


@dataclass(frozen=True)
class Column:
    """A column; `blank` is what a blank cell means, "" where no cell is blank.

    `type` is one of the Table Schema (string, integer, number, date). A path is written with the
    host. `concept` and `phase` are a ColumnType and a budget phase of the Fiscal Data Package.
    """

    key: str
    title: str
    get: Callable[[Any], Any]
    meaning: str
    blank: str = ""
    type: str = "string"
    unit: str = ""
    choices: Any = None  # an enumeration of members with value and label
    is_path: bool = False
    concept: str = ""
    phase: str = ""

    @property
    def title_with_unit(self) -> str:
        return f"{self.title}（{self.unit}）" if self.unit else self.title

    @property
    def codes(self) -> list[tuple[str, str]]:
        """Return (code, meaning) of each choice, where a cell holds a code."""
        return [(choice.value, choice.label) for choice in self.choices or ()]

    def header(self, language: str) -> str:
        return self.key if language == "en" else self.title_with_unit


@dataclass(frozen=True)
class Table:
    """A bulk file; the columns `keys` together tell a row from all others.

    `counted` are the querysets that have a row each, without what only describes the row; none
    where the rows are computed.
    """

    name: str
    title: str
    row: str
    columns: tuple[Column, ...]
    load: Callable[[], Iterable]
    counted: Callable[[], list[QuerySet]]
    keys: tuple[str, ...] = ()
    note: str = ""

    def header(self, language: str) -> list[str]:
        return [column.header(language) for column in self.columns]

    def rows(self, base: str) -> Iterator[list]:
        """Yield the cells of each row, None for a blank; CHUNK records are in memory at a time.

        `base` is the address of the site without a path ("https://portal.example.jp").
        """
        records = self.load()
        if isinstance(records, QuerySet):
            records = records.iterator(chunk_size=CHUNK)
        for record in records:
            yield [_cell(column, record, base) for column in self.columns]


def _cell(column: Column, record, base: str):
    value = column.get(record)
    if value == "" or value is None:
        return None
    if isinstance(value, Decimal):
        return value.normalize()  # the database adds zeros
    return f"{base}{value}" if column.is_path else value


def text(key, title, meaning, blank="", get=None, **more) -> Column:
    return Column(key, title, get or attrgetter(key), meaning, blank, **more)


def integer(key, title, meaning, blank="", get=None, **more) -> Column:
    return text(key, title, meaning, blank, get, type="integer", **more)


def number(key, title, meaning, blank="", get=None) -> Column:
    return text(key, title, meaning, blank, get, type="number")


def yen(key, title, meaning, blank=NOT_STATED, get=None, phase="") -> Column:
    return integer(key, title, meaning, blank, get, unit="円", phase=phase)


def date(key, title, meaning, blank="") -> Column:
    return text(key, title, f"{meaning}（年-月-日）", blank, type="date")


def slug(name) -> Column:
    return text("slug", "識別子", f"{name}の識別子。ページのアドレスの一部")


def of(table, key, title, record_name="name", blank="") -> list[Column]:
    """Return the slug and the name of the record `key`, a row of the bulk file `table`."""

    def get(name):
        def of_record(record):
            found = getattr(record, key)
            return getattr(found, name) if found else None

        return of_record

    where = f"（{table}）" if table else ""
    return [
        text(f"{key}_slug", f"{title}の識別子", f"{title}の識別子{where}", blank, get("slug")),
        text(f"{key}_{record_name}", title, f"{title}の名前", blank, get(record_name)),
    ]


def url(page, get=None) -> Column:
    get = get or (lambda record: record.get_absolute_url())
    return text("url", "アドレス", f"{page}のページのアドレス", "", get, is_path=True)


def note() -> Column:
    return text("note", "注記", "注記", "注記がない")


def fiscal_year(key, title, meaning, blank="", get=None, concept="") -> list[Column]:
    get = get or attrgetter(key)
    western = f"{meaning}。4月に始まる年の西暦"
    return [
        integer(key, f"{title}（西暦）", western, blank, get, concept=concept),
        text(
            f"{key}_era",
            f"{title}（和暦）",
            f"{meaning}。和暦",
            blank,
            lambda record: None if get(record) is None else format_fiscal_year(get(record)),
        ),
    ]


def choice(key, title, meaning, choices, blank="", get=None) -> list[Column]:
    get = get or attrgetter(key)

    def label(record):
        code = get(record)
        return choices(code).label if code else None

    return [
        text(key, f"{title}（コード）", f"{meaning}のコード", blank, get, choices=choices),
        text(f"{key}_label", title, meaning, blank, label),
    ]


def settlement(path="") -> list[Column]:
    """Return the columns that name a settlement; `path` leads to it ("item.settlement")."""
    at = path and f"{path}."
    unit = "administrative-classification:generic"
    return [
        *fiscal_year(
            "fiscal_year",
            "年度",
            "決算の年度",
            get=attrgetter(f"{at}fiscal_year"),
            concept="date:fiscal-year",
        ),
        text(
            "department_slug",
            "部局の識別子",
            "部局の識別子（departments）",
            get=attrgetter(f"{at}department.slug"),
            concept=f"{unit}:code",
        ),
        text(
            "department_name",
            "部局",
            "部局の名称",
            get=attrgetter(f"{at}department.name"),
            concept=f"{unit}:label",
        ),
    ]


def item_code(get=None) -> Column:
    meaning = "決算項目の番号（settlement-items）。数を点でつないだ文字"
    return text("code", "項目番号", meaning, get=get, concept="budget-line-id")


def item() -> list[Column]:
    """Return the columns that name the settlement item `item` of a record."""
    return [
        *settlement("item.settlement"),
        item_code(attrgetter("item.code")),
        text("item_name", "項目の名称", "決算項目の名称", get=attrgetter("item.name")),
    ]


def cited() -> list[Column]:
    """Return where a record is printed; nothing of a document that is not public."""

    def of_source(name):
        return lambda record: getattr(record.public_source, name, None)

    def locator(record):
        return record.locator if record.public_source else None

    return [
        text(
            "source_slug",
            "出典の識別子",
            "出典資料の識別子（documents）",
            NOT_ENTERED,
            of_source("slug"),
        ),
        text("source_title", "出典", "出典資料の題名", NOT_ENTERED, of_source("title")),
        text("locator", "出典の箇所", "資料の中の箇所", NOT_ENTERED, locator),
    ]


def figure() -> list[Column]:
    def of_whole(name):
        def get(figure):
            whole = figure.part_of
            # A whole that stands in another record may be hidden.
            is_shown = whole and whole.record_id == figure.record_id
            return getattr(whole, name) if is_shown else None

        return get

    titles = dict(zip(FIGURE_KEYS, ("区分", "項目", "測るもの", "時期"), strict=True))
    return [
        *(
            text(key, title, f"実績値の{title}", "" if key == "label" else NOT_STATED)
            for key, title in titles.items()
        ),
        *choice("kind", "種類", "実績値の種類", FigureKind),
        number("value", "値", "値。単位は「単位」の列にある"),
        text("unit", "単位", "値の単位"),
        yen("amount_yen", "金額", "値を円で表した額", "単位が金額ではない"),
        text(
            "as_printed",
            "資料の表記",
            "概数など、資料のままの書き方",
            "資料も値のとおりに書いている",
        ),
        *(
            text(
                f"part_of_{key}",
                f"親の{title}",
                f"この数を含む、同じ記録の実績値の{title}",
                "内訳ではない" if key == "label" else f"内訳ではないか、親に{title}の記載がない",
                of_whole(key),
            )
            for key, title in titles.items()
        ),
        note(),
    ]
