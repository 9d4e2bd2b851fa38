"""List pages: the query string as a form, pages of rows, and the same rows as a CSV file."""

from collections.abc import Callable, Iterable
from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.http import HttpResponse

from .fiscal_year import FiscalYearError, parse_fiscal_year
from .search_index import filter_by_text, is_searchable
from .spreadsheets import write_csv

Column = tuple[str, Callable[[Any], Any]]


def csv_response(name: str, columns: list[Column], records: Iterable) -> HttpResponse:
    """Return `name`.csv with a row a record: UTF-8 with BOM, as Excel opens it."""
    header = [title for title, _ in columns]
    rows = ([get(record) for _, get in columns] for record in records)
    response = HttpResponse(write_csv(header, rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


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


class ListForm(forms.Form):
    """The query string of a list page. What is broken in it narrows nothing, and is said.

    A subclass adds fields, `sorts` (value -> label and order) and `narrow(queryset)`.
    """

    page_size = 50
    sorts: dict[str, tuple[str, list]] = {}

    sort = forms.ChoiceField(label="並び順", required=False)
    page = forms.IntegerField(required=False, min_value=1, widget=forms.HiddenInput)
    format = forms.ChoiceField(
        required=False, choices=[("html", "ページ"), ("csv", "CSV")], widget=forms.HiddenInput
    )

    def __init__(self, data):
        super().__init__(data)
        if self.sorts:
            self.fields["sort"].choices = [
                (value, label) for value, (label, _) in self.sorts.items()
            ]
        else:
            del self.fields["sort"]

    def value(self, name: str):
        """Return the cleaned value; None where it is blank or broken."""
        return self.cleaned_data.get(name) or None

    def narrow(self, queryset):
        return queryset

    def filter(self, queryset):
        self.is_valid()
        queryset = self.narrow(queryset)
        if sort := self.value("sort"):
            queryset = queryset.order_by(*self.sorts[sort][1])
        return queryset

    @property
    def wants_csv(self) -> bool:
        return self.value("format") == "csv"

    @property
    def is_narrowed(self) -> bool:
        return any(
            self.value(name) for name in self.fields if name not in ("sort", "page", "format")
        )

    def paginate(self, queryset):
        return Paginator(queryset, self.page_size).get_page(self.value("page") or 1)

    def problems(self) -> list[str]:
        """Return a sentence for each parameter that was not understood."""
        return [
            f"「{self.fields[name].label or name}」の指定を読み取れなかったため、"
            f"この条件では絞り込んでいません。（{error}）"
            for name, errors in self.errors.items()
            for error in errors
        ]


class TextListForm(ListForm):
    """A list narrowed by words alone, as the search finds them."""

    kind = ""

    q = forms.CharField(label="ことば", required=False, max_length=100)

    def clean_q(self):
        q = self.cleaned_data["q"]
        if q and not is_searchable(q):
            raise forms.ValidationError("文字か数字を入れてください。")
        return q

    def narrow(self, queryset):
        if q := self.value("q"):
            return filter_by_text(queryset, self.kind, q)
        return queryset
