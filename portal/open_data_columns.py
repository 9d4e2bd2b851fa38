"""The columns that bulk files are made of: what a cell holds, in which unit, what a blank means.

A function gives a column, or several where one thing is written twice: a year as western year and
era, a choice as code and word. A column names by path what it reads of a row ("item__code"), the
same for a queryset, which reads nothing else, and for rows that are objects; and `make`, what the
cell is made of it with. A path defaults to the key.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import Any

from django.db.models import (
    DecimalField,
    ExpressionWrapper,
    F,
    FilteredRelation,
    FloatField,
    Q,
    QuerySet,
)

from .addresses import address_pattern
from .amounts import UNIT_YEN, AmountError, amount_yen_of
from .fiscal_year import format_fiscal_year
from .models import FigureKind
from .publishing import published_q

CHUNK = 1000
NOT_STATED = "資料に記載がない"
NOT_ENTERED = "登録がない"
FIGURE_KEYS = ("group", "label", "measure", "period")
STORED = "{}_as_stored"
EXACT_DIGITS = 15  # of a decimal number that SQLite stores, as Django reads it


@dataclass(frozen=True)
class Column:
    """A column; `blank` is what a blank cell means, "" where no cell is blank.

    `type` is one of the Table Schema (string, integer, number, date). `page` names the address of
    a page, made of the paths; a path in `make` of such a column is written with the host.
    `concept` and `phase` are a ColumnType and a budget phase of the Fiscal Data Package.
    """

    key: str
    title: str
    paths: tuple[str, ...]
    meaning: str
    blank: str = ""
    make: Callable[..., Any] | None = None
    type: str = "string"
    unit: str = ""
    choices: Any = None  # an enumeration of members with value and label
    page: str = ""
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

    def cells(self, found: dict[str, Sequence], base: str) -> Sequence:
        """Return a cell for each row, of the values that were found by path."""
        values = [found[path] for path in self.paths]
        if self.page:
            pattern = base.replace("%", "%%") + address_pattern(self.page)
            return list(map(pattern.__mod__, zip(*values, strict=True)))
        cells = values[0] if self.make is None else list(map(self.make, *values))
        if self.is_path:
            return [f"{base}{cell}" for cell in cells]
        return tidy_numbers(cells) if self.type == "number" else cells


@dataclass(frozen=True)
class Table:
    """A bulk file; the columns `keys` together tell a row from all others.

    `load` gives a queryset, of which the columns' paths are read and no more, or rows that are
    objects. `counted` are the querysets that have a row each, without what only describes the
    row; none where the rows are computed.
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

    def batches(self, base: str) -> Iterator[list[Sequence]]:
        """Yield the cells column by column, of CHUNK rows at a time; "" and None are blank.

        `base` is the address of the site without a path ("https://portal.example.jp").
        """
        for found in self._read():
            yield [column.cells(found, base) for column in self.columns]

    def rows(self, base: str) -> Iterator[tuple]:
        """Yield the cells of each row, None for a blank."""
        for cells in self.batches(base):
            blanked = (
                [None if cell == "" else cell for cell in column] if "" in column else column
                for column in cells
            )
            yield from zip(*blanked, strict=True)

    def _read(self) -> Iterator[dict[str, Sequence]]:
        paths = list(dict.fromkeys(path for column in self.columns for path in column.paths))
        records = self.load()
        if isinstance(records, QuerySet):
            return read_columns(records, paths)
        return into_columns(
            paths, (tuple(read(record, path) for path in paths) for record in records)
        )


def read_columns(records: QuerySet, paths: Sequence[str]) -> Iterator[dict[str, Sequence]]:
    """Yield what stands at the paths, of CHUNK records at a time, read by one query."""
    return into_columns(paths, read_values(records, paths).iterator(chunk_size=CHUNK))


def into_columns(paths: Sequence[str], rows: Iterable[tuple]) -> Iterator[dict[str, Sequence]]:
    rows = iter(rows)
    while some := list(islice(rows, CHUNK)):
        yield dict(zip(paths, zip(*some, strict=True), strict=True))


def read_values(records: QuerySet, paths: Iterable[str]) -> QuerySet:
    """Return what stands at the paths, of each record a tuple; decimal numbers as they are stored.

    Django makes a Decimal of each number of SQLite, which takes longer than to read it.
    """
    fields = records.model._meta
    names = {field.name for field in fields.concrete_fields if isinstance(field, DecimalField)}
    stored = {
        STORED.format(path): ExpressionWrapper(F(path), output_field=FloatField())
        for path in names.intersection(paths)
    }
    return records.annotate(**stored).values_list(
        *(STORED.format(path) if path in names else path for path in paths)
    )


def add_public_source(records: QuerySet) -> QuerySet:
    """Add `public_source`: where a record is printed, unless the document is not public."""
    return records.alias(public_source=FilteredRelation("source", condition=published_q("source")))


def add_own_whole(figures: QuerySet, owner: str) -> QuerySet:
    """Add `own_whole`: what a figure is a part of, unless it stands in another record.

    That may be hidden. `owner` is the field of the record.
    """
    in_same_record = Q(**{f"part_of__{owner}": F(owner)})
    return figures.alias(own_whole=FilteredRelation("part_of", condition=in_same_record))


def read(record, path: str):
    """Return what stands at the path of an object; None where something on the way is None."""
    for name in path.split("__"):
        if record is None:
            return None
        record = getattr(record, name)
    return record


def tidy_number(value: int | float | Decimal | None) -> int | Decimal | None:
    """Return a number as it is written: whole, or with the decimal places that it needs."""
    if value is None or type(value) is int:
        return value
    if isinstance(value, float):
        if value.is_integer() and abs(value) < 10**EXACT_DIGITS:
            return int(value)
        text = f"{value:.{EXACT_DIGITS}g}"
        value = Decimal(text)
        if "." in text and "e" not in text:
            return value
    whole = int(value)
    return whole if whole == value else value.normalize()


def tidy_numbers(values: Sequence) -> Sequence:
    if set(map(type, values)) <= {int, type(None)}:
        return values
    return change_each(tidy_number, values)


def change_each(change: Callable, values: Sequence) -> list:
    """Return what a function makes of each value; equal ones are changed once."""
    changed = {value: change(value) for value in set(values)}
    return list(map(changed.__getitem__, values))


class Memo(dict):
    """Remembers what a function gave for each of a few values."""

    def __init__(self, make: Callable):
        self.make = make

    def __missing__(self, value):
        made = self[value] = self.make(value)
        return made


def remember(make: Callable) -> Callable:
    return Memo(make).__getitem__


# A cell for each year there is.
era_of = remember(lambda year: None if year is None else format_fiscal_year(year))


def yen_of(value: int | float | Decimal, unit: str) -> int | None:
    """Do as `Figure.amount_yen`, from what `read_values` gives."""
    yen = UNIT_YEN.get(unit)
    if yen is None:
        return None
    number = value if type(value) is int else tidy_number(value)
    if type(number) is int:
        return number * yen
    try:
        return amount_yen_of(number, unit)
    except AmountError:
        return None


def text(key, title, meaning, blank="", path=None, **more) -> Column:
    paths = path if isinstance(path, tuple) else (path or key,)
    return Column(key, title, paths, meaning, blank, **more)


def integer(key, title, meaning, blank="", path=None, **more) -> Column:
    return text(key, title, meaning, blank, path, type="integer", **more)


def number(key, title, meaning, blank="", path=None, **more) -> Column:
    return text(key, title, meaning, blank, path, type="number", **more)


def yen(key, title, meaning, blank=NOT_STATED, path=None, phase="", make=None) -> Column:
    return integer(key, title, meaning, blank, path, unit="円", phase=phase, make=make)


def date(key, title, meaning, blank="") -> Column:
    return text(key, title, f"{meaning}（年-月-日）", blank, type="date")


def slug(name) -> Column:
    return text("slug", "識別子", f"{name}の識別子。ページのアドレスの一部")


def of(table, key, title, record_name="name", blank="") -> list[Column]:
    """Return the slug and the name of the record `key`, a row of the bulk file `table`."""
    where = f"（{table}）" if table else ""
    meaning = f"{title}の識別子{where}"
    return [
        text(f"{key}_slug", f"{title}の識別子", meaning, blank, f"{key}__slug"),
        text(f"{key}_{record_name}", title, f"{title}の名前", blank, f"{key}__{record_name}"),
    ]


def url(name, page, *paths) -> Column:
    """Return the address of the page, named as in urls.py, made of what stands at the paths."""
    return text("url", "アドレス", f"{name}のページのアドレス", "", paths, page=page)


def note() -> Column:
    return text("note", "注記", "注記", "注記がない")


def fiscal_year(key, title, meaning, blank="", path=None, concept="") -> list[Column]:
    western = f"{meaning}。4月に始まる年の西暦"
    return [
        integer(key, f"{title}（西暦）", western, blank, path, concept=concept),
        text(f"{key}_era", f"{title}（和暦）", f"{meaning}。和暦", blank, path or key, make=era_of),
    ]


def choice(key, title, meaning, choices, blank="", path=None) -> list[Column]:
    label = remember(lambda code: choices(code).label if code else None)
    return [
        text(key, f"{title}（コード）", f"{meaning}のコード", blank, path, choices=choices),
        text(f"{key}_label", title, meaning, blank, path or key, make=label),
    ]


def settlement(path="") -> list[Column]:
    """Return the columns that name a settlement; `path` leads to it ("item__settlement")."""
    at = path and f"{path}__"
    unit = "administrative-classification:generic"
    return [
        *fiscal_year(
            "fiscal_year",
            "年度",
            "決算の年度",
            path=f"{at}fiscal_year",
            concept="date:fiscal-year",
        ),
        text(
            "department_slug",
            "部局の識別子",
            "部局の識別子（departments）",
            path=f"{at}department__slug",
            concept=f"{unit}:code",
        ),
        text(
            "department_name",
            "部局",
            "部局の名称",
            path=f"{at}department__name",
            concept=f"{unit}:label",
        ),
    ]


def item_code(path=None) -> Column:
    meaning = "決算項目の番号（settlement-items）。数を点でつないだ文字"
    return text("code", "項目番号", meaning, path=path, concept="budget-line-id")


def item() -> list[Column]:
    """Return the columns that name the settlement item `item` of a record."""
    return [
        *settlement("item__settlement"),
        item_code("item__code"),
        text("item_name", "項目の名称", "決算項目の名称", path="item__name"),
    ]


def item_url(path="item") -> Column:
    """Return the address of the settlement item at the path; "" means the row itself."""
    at = path and f"{path}__"
    paths = ("settlement__fiscal_year", "settlement__department__slug", "code")
    return url("決算項目", "settlement_item_detail", *(f"{at}{each}" for each in paths))


def cited() -> list[Column]:
    """Return where a record is printed; needs `public_source`, by which nothing else is named."""
    return [
        text(
            "source_slug",
            "出典の識別子",
            "出典資料の識別子（documents）",
            NOT_ENTERED,
            "public_source__slug",
        ),
        text("source_title", "出典", "出典資料の題名", NOT_ENTERED, "public_source__title"),
        text(
            "locator",
            "出典の箇所",
            "資料の中の箇所",
            NOT_ENTERED,
            ("public_source__slug", "locator"),
            make=lambda source, locator: locator if source else None,
        ),
    ]


def figure() -> list[Column]:
    """Return what a figure says; needs `own_whole`, what it is a part of in the same record."""
    titles = dict(zip(FIGURE_KEYS, ("区分", "項目", "測るもの", "時期"), strict=True))
    return [
        *(
            text(key, title, f"実績値の{title}", "" if key == "label" else NOT_STATED)
            for key, title in titles.items()
        ),
        *choice("kind", "種類", "実績値の種類", FigureKind),
        number("value", "値", "値。単位は「単位」の列にある"),
        text("unit", "単位", "値の単位"),
        yen(
            "amount_yen",
            "金額",
            "値を円で表した額",
            "単位が金額ではない",
            ("value", "unit"),
            make=yen_of,
        ),
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
                f"own_whole__{key}",
            )
            for key, title in titles.items()
        ),
        note(),
    ]
