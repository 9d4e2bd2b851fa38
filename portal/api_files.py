"""Whole lists of the API as CSV and JSON Lines: made column by column, of the values of one query.

A list declares for each field of its row what it reads, by path, and what makes a column of that.
Nothing is kept but the rows of a batch, so that memory does not grow with the list.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain

from .api_rows import Site
from .csv_text import iter_csv_columns

Found = dict[str, Sequence]  # the values of many rows, by path
SOURCE_PATHS = ("public_source__slug", "public_source__title", "locator")
encode = json.JSONEncoder(ensure_ascii=False).encode


@dataclass(frozen=True)
class Cells:
    """A field of a row; `make` gets the site and what was found at each path."""

    paths: tuple[str, ...]
    make: Callable[..., Sequence] | None = None

    def column(self, site: Site, found: Found) -> Sequence:
        values = [found[path] for path in self.paths]
        return self.make(site, *values) if self.make else values[0]


@dataclass(frozen=True)
class Parts:
    """A field that is an object, or a whole row; null where its first field is, if `is_optional`.

    Where there is `load`, its fields find what it makes, by path, of the values at `paths`.
    """

    fields: dict[str, "Cells | Parts"]
    is_optional: bool = False
    paths: tuple[str, ...] = ()
    load: Callable[..., Found] | None = None

    @cached_property
    def template(self) -> str:
        return f"{{{', '.join(f'{json.dumps(name)}: %s' for name in self.fields)}}}"

    def complete(self, found: Found) -> Found:
        return found | self.load(*(found[path] for path in self.paths)) if self.load else found


def plain(path: str) -> Cells:
    return Cells((path,))


def changed(make: Callable, *paths: str) -> Cells:
    """Return the field that a function makes of each row's values."""
    return Cells(paths, lambda site, *values: list(map(make, *values)))


def address(page: str, *paths: str) -> Cells:
    """Return the address of a page; null where what it is made of is."""

    def make(site, *values):
        pattern = site.pattern(page)
        return [None if None in each else pattern % each for each in zip(*values, strict=True)]

    return Cells(paths, make)


def source() -> Parts:
    """Return what SourceOut holds; needs `public_source`."""
    slug, title, locator = SOURCE_PATHS
    return Parts(
        {
            "document": plain(slug),
            "title": plain(title),
            "url": address("document_detail", slug),
            "locator": changed(lambda found, at: at if found is not None else "", slug, locator),
        }
    )


def list_paths(row: Parts) -> list[str]:
    """Return all that a query must read for a row."""
    if row.load:
        return [*row.paths]
    found = (
        list_paths(each) if isinstance(each, Parts) else each.paths for each in row.fields.values()
    )
    return list(dict.fromkeys(chain.from_iterable(found)))


def iter_csv_file(row: Parts, site: Site, batches: Iterable[Found]) -> Iterator[bytes]:
    columns = (list(_list_columns(row, site, found)) for found in batches)
    return iter_csv_columns(list(_list_names(row)), columns, "utf-8-sig")


def iter_jsonl_file(row: Parts, site: Site, batches: Iterable[Found]) -> Iterator[bytes]:
    for found in batches:
        yield "".join(f"{text}\n" for text in _write_json(row, site, found)).encode()


def _list_names(row: Parts, prefix: str = "") -> Iterator[str]:
    for name, each in row.fields.items():
        if isinstance(each, Parts):
            yield from _list_names(each, f"{prefix}{name}.")
        else:
            yield prefix + name


def _list_columns(row: Parts, site: Site, found: Found) -> Iterator[Sequence]:
    found = row.complete(found)
    for each in row.fields.values():
        if isinstance(each, Parts):
            yield from _list_columns(each, site, found)
        else:
            yield each.column(site, found)


def _write_json(each: Cells | Parts, site: Site, found: Found) -> list[str]:
    """Return the JSON of a field of many rows."""
    if isinstance(each, Cells):
        return list(map(_encode, each.column(site, found)))
    found = each.complete(found)
    columns = list(map(partial(_write_json, site=site, found=found), each.fields.values()))
    texts = map(each.template.__mod__, zip(*columns, strict=True))
    if each.is_optional:
        return [
            "null" if first == "null" else text
            for first, text in zip(columns[0], texts, strict=True)
        ]
    return list(texts)


def _encode(value) -> str:
    # The encoder makes itself ready for all but texts, which takes longer than a number.
    return repr(value) if type(value) is int else encode(value)
