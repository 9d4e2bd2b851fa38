"""A list of the API: narrowed, sorted, paged by key, with chosen fields, as JSON, CSV or JSON Lines.

A list declares its row, its order and its filters as a `Page`, and answers by `Page.answer`. CSV and
JSON Lines hold all rows unless `limit` is given, and are sent while they are read.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain
from typing import Any, ClassVar, Literal, get_args, get_origin

import orjson
from django.core.exceptions import FieldDoesNotExist
from django.core.signing import BadSignature, Signer
from django.db.models import F, Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Schema
from pydantic import BaseModel, ConfigDict, Field, field_validator

from .api_files import Cells, Found, Parts, iter_csv_file, iter_jsonl_file, list_paths
from .api_parameters import MAX_TEXT, TEXT, ParameterError, optional, refusal, require_slugs
from .api_rows import Site
from .csv_text import iter_csv
from .kept import keep
from .open_data_columns import read_columns
from .search_index import filter_by_text

MAX_OFFSET = 10**9
BATCH = 500
CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/jsonl; charset=utf-8",
}
FORMATS = ("json", *CONTENT_TYPES)
# What asks for another part or form of the same rows.
VIEW_PARAMETERS = {"limit", "offset", "cursor", "fields", "format"}
SEPARATOR = ";"


@dataclass(frozen=True)
class Key:
    """What rows are ordered by: a path from the row, up or down; blanks come last."""

    path: str
    is_descending: bool
    has_blanks: bool

    @classmethod
    def parse(cls, order: str, model: type[Model]) -> "Key":
        """ "-issued_on" -> the column, from the last to the first."""
        path = order.removeprefix("-")
        return cls(path, order != path, _has_blanks(model, path))

    def ordering(self):
        last = True if self.has_blanks else None
        path = F(self.path)
        return path.desc(nulls_last=last) if self.is_descending else path.asc(nulls_last=last)

    def value(self, row) -> Any:
        for name in self.path.split("__"):
            row = getattr(row, name)
        return plain(row)


def plain(value) -> Any:
    """Return what a cursor can hold of a value that rows are ordered by."""
    return value if isinstance(value, int | str | None) else str(value)


def _has_blanks(model, path: str) -> bool:
    for name in path.split("__"):
        if name == "pk":
            return False
        try:
            field = model._meta.get_field(name)
        except FieldDoesNotExist:  # annotated
            return True
        if field.null:
            return True
        model = field.related_model
    return False


def beyond(keys: Sequence[Key], values: Sequence, **constants) -> Q:
    """Return the condition of the rows that come after the one with these values.

    `constants` are keys that are the same in all rows that are asked.
    """
    # What Django knows to be never true it leaves out. `bound` says again of the first key what an
    # index can answer: no database looks for it in the alternatives.
    condition, same, bound = Q(pk__in=[]), Q(), None
    for key, value in zip(keys, values, strict=True):
        if key.path in constants:
            own = constants[key.path]
            if own == value:
                continue
            if (own < value) != key.is_descending:
                return condition
            return condition | same if same else Q()
        if value is None:
            same &= Q((f"{key.path}__isnull", True))
            continue
        comparison = "lt" if key.is_descending else "gt"
        further = Q((f"{key.path}__{comparison}", value))
        if bound is None:
            bound = Q() if key.has_blanks else Q((f"{key.path}__{comparison}e", value))
        if key.has_blanks:
            further |= Q((f"{key.path}__isnull", True))
        condition |= same & further
        same &= Q((key.path, value))
    return condition & (bound or Q())


class KeyedRows:
    """The rows of a queryset. What was read is left behind by its key: no page is slow."""

    told: ClassVar[dict] = {}

    def __init__(self, queryset: QuerySet, order: Iterable[str]):
        self.keys = [Key.parse(each, queryset.model) for each in order]
        self.queryset = queryset.order_by(*(key.ordering() for key in self.keys))

    def count(self) -> int:
        return self.queryset.count()

    def after(self, values: Sequence) -> QuerySet:
        return self.queryset.filter(beyond(self.keys, values))

    def find(self, paths: list[str], offset: int, after: list | None) -> Iterator[Found]:
        """Yield what stands at the paths of all rows, some rows at a time."""
        rows = self.queryset if after is None else self.after(after)
        return read_columns(rows[offset:], paths)

    def read(self, limit: int, offset: int = 0, after: list | None = None) -> tuple[list, Any]:
        """Return rows, and the key of the last one where more follow; else None."""
        rows = self.queryset if after is None else self.after(after)
        found = list(rows[offset : offset + limit + 1])
        has_more = len(found) > limit
        last = [key.value(found[limit - 1]) for key in self.keys] if has_more else None
        return found[:limit], last


class PrimaryKeys(KeyedRows):
    """The primary keys of the rows; of wide rows a database sorts the keys alone in less time."""

    def read(self, limit: int, offset: int = 0, after: list | None = None) -> tuple[list, Any]:
        rows = self.queryset if after is None else self.after(after)
        rows = rows.values_list("pk", *(key.path for key in self.keys))
        found = list(rows[offset : offset + limit + 1])
        last = list(map(plain, found[limit - 1][1:])) if len(found) > limit else None
        return [pk for pk, *_ in found[:limit]], last


class CountedRows:
    """Rows that have no key of their own: what was read is left behind by how much it is.

    `read_slice(start, number)` returns rows, and how many there are in all. `told` is what the
    list says besides, by the name in the answer.
    """

    def __init__(self, read_slice: Callable[[int, int], tuple[Sequence, int]]):
        self.read_slice, self.number = read_slice, 0
        self.told: dict[str, Any] = {}

    def count(self) -> int:
        """Return how many there were at the last reading."""
        return self.number

    def read(self, limit: int, offset: int = 0, after: list | None = None) -> tuple[list, Any]:
        start = after[0] if after else offset
        rows, self.number = self.read_slice(start, limit)
        end = start + limit
        return list(rows), [end] if end < self.number else None


def read_on(rows: KeyedRows | CountedRows, last: list | None) -> Iterator[list]:
    """Yield all rows after the key, some at a time."""
    while last:
        records, last = rows.read(BATCH, 0, last)
        yield records


def _tell_choices(schema: dict, page: type["Page"]) -> None:
    """Write into the schema what a list's `fields` and `sort` may be."""
    for name, choices in page.choices().items():
        one = f"{'-?' if name == 'sort' else ''}({'|'.join(choices)})"
        details = schema["properties"][name]
        details["pattern"] = f"^{one}(,{one})*$"
        details["description"] += f"：{'、'.join(choices)}"


class Page(Schema):
    """The parameters of every list; a list of its own kind adds its filters.

    `row` is what stands for a record, `cells` what its fields are made of in a file of all rows,
    `lookups` maps filters to what they ask the database, `named` those that give a slug to the
    model that must have it.
    """

    model_config = ConfigDict(json_schema_extra=_tell_choices)

    row: ClassVar[type[BaseModel]]
    cells: ClassVar[dict[str, Cells | Parts]] = {}
    lookups: ClassVar[dict[str, str]] = {}
    named: ClassVar[dict[str, type[Model]]] = {}

    limit: int = Field(
        100,
        ge=1,
        le=1000,
        description="何件までか（件）。JSONでは100件、最大1000件。CSVとJSON Linesでは、省けばすべて",
    )
    offset: int = Field(
        0,
        ge=0,
        le=MAX_OFFSET,
        description="何件目の次からか（件）。それより先は cursor で読みます",
    )
    cursor: str | None = optional(
        "続きの位置。前の答えの next にあるものを、同じ条件のまま渡します。offset と一緒には使えません"
    )
    fields: str | None = optional("答えに入れる項目。「,」で区切ります。省けばすべて")
    format: Literal[*FORMATS] = Field(
        "json", description="形式。json、csv（UTF-8、BOM付き）、jsonl（1行に1件のJSON）"
    )

    @classmethod
    def choices(cls) -> dict[str, list[str]]:
        return {"fields": [*cls.row.model_fields]}

    @field_validator("fields", "sort", check_fields=False)
    @classmethod
    def refuse_unknown_choices(cls, text: str | None, info) -> str | None:
        known = cls.choices()[info.field_name]
        names = [
            name.removeprefix("-") if info.field_name == "sort" else name for name in _split(text)
        ]
        if unknown := [name for name in names if name not in known]:
            raise refusal(
                f"「{unknown[0][:MAX_TEXT]}」は使えません。使えるもの：{'、'.join(known)}。",
                f"Unknown name. Allowed: {', '.join(known)}.",
            )
        if len(set(names)) < len(names):
            raise refusal("同じ項目は1回だけ書いてください。", "Give each name only once.")
        return text

    def narrow(self, queryset: QuerySet, lookups: dict[str, str] | None = None) -> QuerySet:
        for name, lookup in (lookups or self.lookups).items():
            if (value := getattr(self, name)) is not None:
                queryset = queryset.filter(**{lookup: value})
        return queryset

    def list_fields(self) -> list[str]:
        """Return the names of the fields that are asked for, or of which a CSV file has columns."""
        if self.format == "csv":
            return list(dict.fromkeys(name.partition(".")[0] for name, _ in self._columns))
        return _split(self.fields)

    @cached_property
    def _columns(self) -> list["Column"]:
        return list_columns(self.row, _split(self.fields)) if self.format == "csv" else []

    def answer(
        self, request: HttpRequest, rows: "KeyedRows | CountedRows", make: Callable | None = None
    ) -> HttpResponse:
        """Answer the rows; `make(request, records)` returns what stands for them.

        Without it, they are dicts of the chosen fields, ready for JSON.
        """
        columns = self._columns
        is_whole = self.format != "json" and "limit" not in self.model_fields_set
        count, after = self.read_cursor()
        if is_whole and (fields := self.find_cells()):
            return self.answer_file(request, rows, Parts(fields), after)
        records, last = rows.read(BATCH if is_whole else self.limit, self.offset, after)
        if count is None:
            count = self.count(request, rows)
            if not count:
                self.require_named()

        def dump(records) -> Iterable[dict]:
            if make is None:
                return records
            chosen = set(_split(self.fields)) or None
            made = make(request, records)
            return (each.model_dump(mode="json", include=chosen) for each in made)

        dumped = dump(records)
        if is_whole:
            dumped = chain(dumped, chain.from_iterable(map(dump, read_on(rows, last))))
        following = self.make_link(request, count, last) if last and not is_whole else None
        if self.format == "json":
            body = {"items": list(dumped), "count": count, "next": following, **rows.told}
            answer = answer_json(body)
        else:
            write = partial(iter_table, columns) if self.format == "csv" else iter_jsonl
            answer = self.make_file(request, write(dumped))
        if following:
            answer["Link"] = f'<{following}>; rel="next"'
        return answer

    def find_cells(self) -> dict[str, Cells | Parts]:
        """Return what the chosen fields are made of; nothing where some are not made so."""
        names = _split(self.fields) or [*self.row.model_fields]
        if self.format == "csv":
            return {name: self.cells[name] for name in names if name in self.cells}
        complete = set(names) <= self.cells.keys()
        return {n: self.cells[n] for n in self.row.model_fields if n in names} if complete else {}

    def answer_file(
        self, request: HttpRequest, rows: KeyedRows, row: Parts, after: list | None
    ) -> HttpResponse:
        """Answer all rows as a file; who asks for the head alone is spared the reading."""
        if request.META["REQUEST_METHOD"] == "HEAD":
            found, first = iter(()), rows.read(1, self.offset, after)[0]
        else:
            batches = rows.find(list_paths(row), self.offset, after)
            first = next(batches, None)
            found = chain([first], batches) if first else batches
        if not first and after is None:
            self.require_named()
        write = iter_csv_file if self.format == "csv" else iter_jsonl_file
        return self.make_file(request, write(row, Site(request), found))

    def make_file(self, request: HttpRequest, parts: Iterable[bytes]) -> StreamingHttpResponse:
        answer = StreamingHttpResponse(parts, content_type=CONTENT_TYPES[self.format])
        name = request.path.rpartition("/")[2]
        answer["Content-Disposition"] = f'attachment; filename="{name}.{self.format}"'
        return answer

    def require_named(self):
        """Raise ParameterError where a filter names what is not there."""
        require_slugs({n: (getattr(self, n), m.objects) for n, m in self.named.items()})

    def count(self, request: HttpRequest, rows) -> int:
        """Return how many rows there are, counted once an edition for the same conditions."""
        return self.keep(request, "count", rows.count)

    def keep(self, request: HttpRequest, name: str, make: Callable[[], Any]) -> Any:
        """Return what `make` gives, made once an edition for the same conditions."""
        return keep(request, f"{name} {request.path} {self._signer.salt}", make)

    def make_link(self, request: HttpRequest, count: int, last: list) -> str:
        query = request.GET.copy()
        query.pop("offset", None)
        query["cursor"] = self._signer.sign_object([count, *last])
        return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")

    def read_cursor(self) -> tuple[int | None, list | None]:
        """Return how many rows there were when the reading began, and the last key that was read."""
        if self.cursor is None:
            return None, None
        if self.offset:
            raise ParameterError(
                "offset",
                "offset は cursor と一緒には使えません。",
                "Give either offset or cursor.",
            )
        try:
            count, *last = self._signer.unsign_object(self.cursor)
        except BadSignature as error:
            raise ParameterError(
                "cursor",
                "cursor は、前の答えの next にあるものを、同じ条件と並び順のまま渡してください。",
                "The cursor does not belong to this list, its filters and its order.",
            ) from error
        return count, last

    @cached_property
    def _signer(self) -> Signer:
        """Return what signs the cursors of this list under these conditions."""
        asked = self.model_dump(mode="json", exclude=VIEW_PARAMETERS)
        return Signer(salt=f"{type(self).__name__} {json.dumps(asked, sort_keys=True)}")


class SortedPage(Page):
    """`sorts` maps what a list can be sorted by to the path; `usual_order` ends with what is unique."""

    sorts: ClassVar[dict[str, str]]
    usual_order: ClassVar[Sequence[str]]

    sort: str | None = optional(
        "並び順。「,」で区切り、- で逆順。値のないものは、どちらの順でも最後。選べる項目"
    )

    @classmethod
    def choices(cls) -> dict[str, list[str]]:
        return super().choices() | {"sort": [*cls.sorts]}

    def find_order(self, usual: Sequence[str] | None = None) -> list[str]:
        """Return the columns to order by: those asked for, then the usual ones."""
        chosen = {}
        for each in _split(self.sort):
            name = each.removeprefix("-")
            chosen[self.sorts[name]] = "-" if each != name else ""
        for each in usual or self.usual_order:
            path = each.removeprefix("-")
            chosen.setdefault(path, "-" if each != path else "")
        return [sign + path for path, sign in chosen.items()]

    def rows(self, queryset: QuerySet) -> KeyedRows:
        return KeyedRows(self.narrow(queryset), self.find_order())


class TextPage(SortedPage):
    """A list that the search narrows; `kind` is what the search calls its records."""

    kind: ClassVar[str]

    q: str = Field("", max_length=MAX_TEXT, description=TEXT)

    def narrow(self, queryset, lookups=None):
        return filter_by_text(super().narrow(queryset, lookups), self.kind, self.q)


def each(make: Callable[[HttpRequest, Any], Any]) -> Callable:
    """Return what makes many rows of what makes one."""
    return lambda request, records: (make(request, record) for record in records)


def _split(text: str | None) -> list[str]:
    return text.split(",") if text is not None else []


def answer_json(body: dict) -> HttpResponse:
    """Answer what is ready for JSON, numbers of any size among it."""
    try:
        text = orjson.dumps(body)
    except TypeError:  # of a whole number beyond 64 bits
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return HttpResponse(text, content_type="application/json")


def iter_jsonl(rows: Iterable[dict]) -> Iterator[bytes]:
    return (f"{json.dumps(row, ensure_ascii=False)}\n".encode() for row in rows)


Column = tuple[str, Callable[[dict], Any]]


def iter_table(columns: list[Column], rows: Iterable[dict]) -> Iterator[bytes]:
    cells = ([get(row) for _, get in columns] for row in rows)
    return iter_csv([name for name, _ in columns], cells)


def list_columns(model: type[BaseModel], names: Iterable[str] = ()) -> list[Column]:
    """Return the columns of a CSV file: an object's fields as "source.document".

    A list of texts, slugs or codes is one cell with ";" between. Other lists (figures, costs …)
    have no place in a row: ParameterError where they are asked for by name, left out else.
    """
    columns = []
    for name in names or model.model_fields:
        is_list, inner = _describe(model.model_fields[name].annotation)
        identifier = inner and next((n for n in ("slug", "code") if n in inner.model_fields), None)
        if inner and not is_list:
            columns += [
                (f"{name}.{title}", partial(_within, name, get))
                for title, get in list_columns(inner)
            ]
        elif not is_list:
            columns.append((name, partial(_cell, name)))
        elif not inner or identifier:
            columns.append((name, partial(_joined, name, identifier)))
        elif names:
            raise ParameterError(
                "fields",
                f"fields：{name} は一つの欄に収まらないため、CSVに入りません。json か jsonl でお尋ねください。",
                f"{name} is nested and has no place in CSV. Use json or jsonl.",
            )
    return columns


def _cell(name, row):
    return row[name]


def _within(name, get, row):
    return None if row[name] is None else get(row[name])


def _joined(name, identifier, row):
    return SEPARATOR.join(str(each[identifier] if identifier else each or "") for each in row[name])


def _describe(annotation) -> tuple[bool, type[BaseModel] | None]:
    """Return whether a field is a list, and the object that it holds, if any."""
    is_list = get_origin(annotation) is list
    if is_list:
        (annotation,) = get_args(annotation)
    for kind in get_args(annotation) or [annotation]:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return is_list, kind
    return is_list, None
