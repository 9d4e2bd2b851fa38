"""List pages: the query string as a form, pages of rows, and the same rows as a CSV file."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import Any

from django import forms
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse

from .csv_text import iter_csv
from .fiscal_year import FiscalYearError, parse_fiscal_year
from .search_index import filter_by_text, is_searchable

Column = tuple[str, Callable[[Any], Any]]
ADDRESS = "アドレス"
CHUNK = 1000
WHOLE_BYTES = 2 * 1024 * 1024  # what `page_cache` keeps at the most


def csv_response(
    request: HttpRequest, name: str, columns: list[Column], records: Iterable
) -> HttpResponse:
    """Return `name`.csv with a row a record: UTF-8 with BOM, as Excel opens it.

    The column ADDRESS gives the path of a page; the file holds it with the host. A file of more
    than WHOLE_BYTES is sent as it is read, so that memory does not grow with the records.
    """
    if isinstance(records, QuerySet):
        records = records.iterator(chunk_size=CHUNK)
    rows = (
        [
            request.build_absolute_uri(get(record)) if title == ADDRESS else get(record)
            for title, get in columns
        ]
        for record in records
    )
    parts = iter_csv([title for title, _ in columns], rows)
    response = answer_parts(parts, "text/csv; charset=utf-8", is_head=request.method == "HEAD")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def answer_parts(
    parts: Iterator[bytes], content_type: str, *, is_head: bool
) -> HttpResponse | StreamingHttpResponse:
    """Answer a short file whole, so that it may be kept, and a long one part by part.

    What goes wrong at the beginning is raised, while another answer can still be sent.
    """
    first, size = [], 0
    for part in parts:
        first.append(part)
        size += len(part)
        if size > WHOLE_BYTES:
            break
    else:
        return HttpResponse(b"".join(first), content_type=content_type)
    if is_head:
        parts.close()
        return StreamingHttpResponse(content_type=content_type)
    return StreamingHttpResponse(resume(first, parts), content_type=content_type)


def resume(first: list[bytes], parts: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the parts that were made already and the others; where it is closed, so are they."""
    with closing(parts):
        while first:
            yield first.pop(0)
        yield from parts


class FiscalYearChoice(forms.CharField):
    """A fiscal year in any writing (2020, 令和2年度, R2)."""

    def to_python(self, value):
        value = super().to_python(value)
        if value in self.empty_values:
            return None
        try:
            return parse_fiscal_year(value)
        except FiscalYearError as error:
            raise forms.ValidationError(str(error)) from error

    def prepare_value(self, value):
        """Return the western year, so that a list of years shows R2 as chosen too."""
        try:
            return parse_fiscal_year(value or "")
        except FiscalYearError:
            return value


def list_choices(records: Iterable) -> list[tuple[str, str]]:
    """Return the choices of a field that narrows by a record's slug."""
    return [("", "すべて"), *((record.slug, str(record)) for record in records)]


class ListForm(forms.Form):
    """The query string of a list page. What is broken in it narrows nothing, and is said.

    A subclass adds fields, `sorts` (value -> label and order), `narrow(queryset)`, and `tables`:
    the names of the tables of its page, the first of which is the file where none is named.
    """

    page_size = 50
    purpose = "絞り込みと並べ替え"
    button = "この条件で表示"
    sorts: dict[str, tuple[str, list]] = {}
    tables: tuple[str, ...] = ()
    # What is done about a broken parameter that narrows nothing anyway.
    instead = {
        "sort": "いつもの順に並べています。",
        "page": "最初のページを表示しています。",
        "format": "ページのまま表示しています。",
        "table": "初めの表とみなします。",
    }

    sort = forms.ChoiceField(label="並び順", required=False)
    page = forms.IntegerField(label="ページ", required=False, min_value=1, widget=forms.HiddenInput)
    format = forms.ChoiceField(
        label="形式",
        required=False,
        choices=[("html", "ページ"), ("csv", "CSV")],
        widget=forms.HiddenInput,
    )

    def __init__(self, data):
        super().__init__(data, label_suffix="")
        self.is_beyond_last_page = False
        sort = self.fields.pop("sort")
        if self.sorts:
            sort.choices = [(value, label) for value, (label, _) in self.sorts.items()]
            self.fields["sort"] = sort  # the last one
        if self.tables:
            choices = [(name, name) for name in self.tables]
            self.fields["table"] = forms.ChoiceField(
                label="表", required=False, choices=choices, widget=forms.HiddenInput
            )
        for field in self.fields.values():
            field.error_messages["invalid_choice"] = "一覧にない値です。"

    def value(self, name: str):
        """Return the cleaned value; None where it is blank or broken."""
        self.is_valid()
        return self.cleaned_data.get(name) or None

    def narrow(self, queryset):
        return queryset

    def filter(self, queryset):
        queryset = self.narrow(queryset)
        if sort := self.value("sort"):
            queryset = queryset.order_by(*self.sorts[sort][1])
        return queryset

    @property
    def wants_csv(self) -> bool:
        return self.value("format") == "csv"

    @property
    def table(self) -> str:
        return self.value("table") or self.tables[0]

    @property
    def is_narrowed(self) -> bool:
        return any(self.value(name) for name in self.fields if name not in self.instead)

    def shown_fields(self) -> list:
        """Return the fields to fill in, without those that offer nothing to choose."""
        return [
            field
            for field in self.visible_fields()
            if getattr(field.field.widget, "choices", None) != [("", "すべて")]
        ]

    def paginate(self, rows) -> Page:
        """Return the page asked for, the last one where there are not so many."""
        paginator = Paginator(rows, self.page_size)
        number = self.value("page") or 1
        self.is_beyond_last_page = number > paginator.num_pages
        return paginator.get_page(number)

    def problems(self) -> list[str]:
        """Return a sentence for each parameter that was not understood."""
        problems = [
            f"「{self.fields[name].label or name}」の指定を読み取れなかったため、"
            f"{self.instead.get(name, 'この条件では絞り込んでいません。')}（{error}）"
            for name, errors in self.errors.items()
            for error in errors
        ]
        if self.is_beyond_last_page:
            problems.append("指定のページはないため、最後のページを表示しています。")
        return problems


class TextListForm(ListForm):
    """A list narrowed by words alone, as the search finds them."""

    kind = ""

    q = forms.CharField(
        label="ことば",
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"type": "search"}),
    )

    def clean_q(self):
        q = self.cleaned_data["q"]
        if q and not is_searchable(q):
            raise forms.ValidationError("文字か数字を入れてください。")
        return q

    def narrow(self, queryset):
        if q := self.value("q"):
            return filter_by_text(queryset, self.kind, q)
        return queryset
