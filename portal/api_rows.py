"""The rows of the API's large lists, made column by column of plain values, ready for JSON.

A field names what it reads; what no chosen field names is not read.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, lru_cache

from django.http import HttpRequest

from .addresses import address_pattern
from .amounts import UNIT_YEN
from .kept import keep
from .models import SourceDocument
from .open_data_columns import FIGURE_KEYS, tidy_number, yen_of

# Numbers below are exact in whatever a database keeps them as.
EXACT_BELOW = 10**15
NO_SOURCE = {"document": None, "title": None, "url": None, "locator": ""}


class Site:
    """What the rows of one answer have in common: addresses, and the documents that are public."""

    def __init__(self, request: HttpRequest):
        self.request = request
        self.base = request.build_absolute_uri("/").removesuffix("/").replace("%", "%%")

    def pattern(self, page: str) -> str:
        """Return the address of a page, named as in urls.py, with %s for each part."""
        return self.base + address_pattern(page)

    @cached_property
    def documents(self) -> dict[int, dict]:
        """Return by primary key what a source tells of a document, all but the place in it."""
        page = self.pattern("document_detail")
        return {
            pk: {"document": slug, "title": title, "url": page % slug}
            for pk, slug, title in keep(self.request, "documents", _list_documents)
        }

    def sources(self, documents: Iterable[int | None], locators: Iterable[str]) -> list[dict]:
        """Return what SourceOut holds; nothing of a document that is not public."""
        cited, public = list(zip(documents, locators, strict=True)), self.documents
        told = {
            (document, locator): public[document] | {"locator": locator}
            if document in public
            else NO_SOURCE
            for document, locator in set(cited)
        }
        return [told[each] for each in cited]


def _list_documents() -> list[tuple]:
    documents = SourceDocument.objects.published().order_by()
    return list(documents.values_list("pk", "slug", "title"))


@dataclass(frozen=True)
class RowField:
    """A field of a row: what it reads, and what makes its cells of the columns that were read."""

    paths: tuple[str, ...]
    make: Callable[..., Iterable]


RowFields = Mapping[str, RowField]


def as_read(path: str) -> RowField:
    return RowField((path,), lambda site, column: column)


class Maker:
    """Makes rows of the fields that are chosen by name, all where none is, in their own order.

    `paths` is what is to be read for it, without repetition, and before it what is read besides.
    """

    def __init__(self, site: Site, fields: RowFields, names: Iterable[str], *more: str):
        chosen = set(names) or fields.keys()
        self.site = site
        self.fields = {name: field for name, field in fields.items() if name in chosen}
        needed = (path for field in self.fields.values() for path in field.paths)
        self.paths = tuple(dict.fromkeys([*more, *needed]))

    def make(self, rows: Sequence[Sequence]) -> list[dict]:
        """Return a dict for each row of what was read at the paths."""
        if not rows:
            return []
        found = dict(zip(self.paths, zip(*rows, strict=True), strict=True))
        columns = [
            field.make(self.site, *(found[path] for path in field.paths))
            for field in self.fields.values()
        ]
        return _compile_display(tuple(self.fields))(zip(*columns, strict=True))

    def make_by_key(self, rows: Sequence[Sequence]) -> dict[int, dict]:
        """Do as `make`, by the "pk" of each row."""
        place = self.paths.index("pk")
        return {row[place]: made for row, made in zip(rows, self.make(rows), strict=True)}


@lru_cache(maxsize=500)
def _compile_display(names: tuple[str, ...]) -> Callable[[Iterable[tuple]], list[dict]]:
    """Return what makes a dict of each row: by a display, in half the time of dict(zip(names, row)).

    The names are those of fields, which stand in the code.
    """
    pairs = ", ".join(f"{name!r}: v{place}" for place, name in enumerate(names))
    row = ", ".join(f"v{place}" for place in range(len(names)))
    return eval(f"lambda rows: [{{{pairs}}} for {row}, in rows]")  # noqa: S307


def read_number(value: int | float | Decimal) -> int | float:
    """Return a number for JSON, as `number_of`, of what a database keeps."""
    if -EXACT_BELOW < value < EXACT_BELOW and value == (whole := int(value)):
        return whole
    number = tidy_number(float(value))
    return number if type(number) is int else float(number)


def read_yen(value: int | float | Decimal, unit: str) -> int | None:
    """Return whole yen, as `yen_of`, of what a database keeps."""
    if unit not in UNIT_YEN:
        return None
    number = read_number(value)
    return number * UNIT_YEN[unit] if type(number) is int else yen_of(float(value), unit)


def _tell_numbers(site, values) -> list[int | float]:
    return [
        value if type(value) is int and -EXACT_BELOW < value < EXACT_BELOW else read_number(value)
        for value in values
    ]


def _tell_yen(site, values, units) -> list[int | None]:
    return [
        read_yen(value, unit) if unit in UNIT_YEN else None
        for value, unit in zip(values, units, strict=True)
    ]


def _tell_wholes(site, groups, labels, measures, periods) -> list[dict | None]:
    return [
        None if whole[1] is None else dict(zip(FIGURE_KEYS, whole, strict=True))
        for whole in zip(groups, labels, measures, periods, strict=True)
    ]


SOURCE = RowField(("source_id", "locator"), Site.sources)
# What FigureOut holds; needs `own_whole`.
FIGURE_FIELDS = {
    **{name: as_read(name) for name in (*FIGURE_KEYS, "kind")},
    "value": RowField(("value",), _tell_numbers),
    "unit": as_read("unit"),
    "amount_yen": RowField(("value", "unit"), _tell_yen),
    "as_printed": as_read("as_printed"),
    "note": as_read("note"),
    "part_of": RowField(tuple(f"own_whole__{key}" for key in FIGURE_KEYS), _tell_wholes),
    "source": SOURCE,
}
