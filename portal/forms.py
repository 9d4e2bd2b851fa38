from django import forms
from django.core.paginator import Paginator

from initiatives.models import Pillar

from .lists import FiscalYearChoice, ListForm, TextListForm
from .models import ChangeKind, Department
from .search import KINDS, Found


class DepartmentListForm(TextListForm):
    kind = "department"
    sorts = {
        "position": ("組織の順", ["position", "slug"]),
        "name": ("名称順", ["name", "slug"]),
    }


class DocumentListForm(TextListForm):
    kind = "document"
    sorts = {
        "-issued_on": ("新しい順", ["-issued_on", "slug"]),
        "issued_on": ("古い順", ["issued_on", "slug"]),
        "title": ("題名順", ["title", "slug"]),
    }


class GlossaryForm(TextListForm):
    kind = "glossary_term"


class ChangeListForm(ListForm):
    kind = forms.ChoiceField(
        label="種別", required=False, choices=[("", "すべて"), *ChangeKind.choices]
    )

    def narrow(self, queryset):
        if kind := self.value("kind"):
            queryset = queryset.filter(kind=kind)
        return queryset


class SearchForm(ListForm):
    page_size = 20

    q = forms.CharField(label="ことば", required=False, max_length=100)
    kind = forms.ChoiceField(
        label="種類", required=False, choices=[("", "すべて"), *KINDS.items()]
    )
    fiscal_year = FiscalYearChoice(label="年度", required=False)
    department = forms.ModelChoiceField(
        Department.objects.published(), to_field_name="slug", label="部局", required=False
    )
    pillar = forms.ModelChoiceField(
        Pillar.objects.none(), to_field_name="slug", label="柱", required=False
    )

    def __init__(self, data):
        super().__init__(data)
        self.fields["pillar"].queryset = Pillar.objects.published()

    def narrowing(self) -> dict:
        """Return the keyword arguments with which `find` and `count_facets` narrow."""
        department, pillar = self.value("department"), self.value("pillar")
        return {
            "kinds": [kind] if (kind := self.value("kind")) else None,
            "fiscal_year": self.value("fiscal_year"),
            "department": department.slug if department else None,
            "pillar": pillar.slug if pillar else None,
        }

    def offset(self) -> int:
        return ((self.value("page") or 1) - 1) * self.page_size

    def paginate_found(self, found: Found):
        """Return the page for its links and count; the rows are `found.results`."""
        return Paginator(range(found.count), self.page_size).get_page(self.value("page") or 1)
