from dataclasses import dataclass

from django import forms
from django.db.models import F

from budgets.check_results import CheckName, CheckStatus
from initiatives.models import Pillar

from .citations import KINDS as CITING_KINDS
from .fiscal_year import format_fiscal_year, format_fiscal_year_both
from .lists import FiscalYearChoice, ListForm, TextListForm, list_choices
from .models import ChangeKind, Department
from .search import KINDS, FacetValue, Hit, Search


class DepartmentListForm(TextListForm):
    kind = "department"
    sorts = {
        "position": ("組織の順", ["is_abolished", "position", "slug"]),
        "name": ("名称順", ["is_abolished", "name", "slug"]),
    }


class DocumentListForm(TextListForm):
    kind = "document"
    sorts = {
        "-issued_on": ("新しい順", [F("issued_on").desc(nulls_last=True), "slug"]),
        "issued_on": ("古い順", [F("issued_on").asc(nulls_last=True), "slug"]),
        "title": ("題名順", ["title", "slug"]),
    }


class DocumentForm(ListForm):
    """A document with pages of what cites it, and the kind of citing records to take away."""

    page_size = 100
    tables = ("all", *CITING_KINDS)


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


class CheckListForm(ListForm):
    """The results of the checks in one fiscal year, the newest unless another is asked for."""

    fiscal_year = FiscalYearChoice(label="年度", required=False, widget=forms.Select)
    check = forms.ChoiceField(
        label="突合",
        required=False,
        choices=[("", "すべて"), *((name.value, name.label) for name in CheckName)],
    )
    status = forms.ChoiceField(
        label="結果",
        required=False,
        choices=[("", "すべて"), *((status.value, status.label) for status in CheckStatus)],
    )
    instead = ListForm.instead | {"fiscal_year": "最も新しい年度を表示しています。"}
    tables = ("results", "counts")

    def __init__(self, data, fiscal_years):
        super().__init__(data)
        self.fiscal_years = fiscal_years
        self.fields["fiscal_year"].widget.choices = [
            (year, format_fiscal_year_both(year)) for year in fiscal_years
        ]

    def clean_fiscal_year(self):
        year = self.cleaned_data["fiscal_year"]
        if year and year not in self.fiscal_years:
            raise forms.ValidationError("この年度の決算は公開されていません。")
        return year


class CoverageForm(ListForm):
    tables = ("settlements", "reports")


@dataclass(frozen=True)
class FacetLink:
    """A choice that narrows a search by one step more, or, where it is chosen, by one less."""

    label: str
    count: int | None
    address: str
    is_chosen: bool


class SearchForm(ListForm):
    page_size = 20
    purpose = "検索"
    button = "検索"

    q = forms.CharField(
        label="ことば",
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"type": "search"}),
    )
    kind = forms.ChoiceField(label="種類", required=False, choices=[("", "すべて"), *KINDS.items()])
    fiscal_year = FiscalYearChoice(label="年度", required=False)
    department = forms.ChoiceField(label="部局", required=False)
    pillar = forms.ChoiceField(label="柱", required=False)

    def __init__(self, data):
        super().__init__(data)
        self.fields["department"].choices = list_choices(Department.objects.published())
        self.fields["pillar"].choices = list_choices(Pillar.objects.published())

    def shown_fields(self):
        return [self["q"]]

    def narrowing(self) -> dict:
        """Return the keyword arguments with which a `Search` narrows."""
        return {
            "kinds": [kind] if (kind := self.value("kind")) else None,
            "fiscal_year": self.value("fiscal_year"),
            "department": self.value("department"),
            "pillar": self.value("pillar"),
        }

    def list_facets(self, facets: dict) -> list[tuple[str, list[FacetLink]]]:
        """Return the name and the links of each facet that offers a choice, or has one made."""
        chosen = {name: str(self.value(name) or "") for name in facets}
        for name, value in chosen.items():
            if value and value not in [choice.value for choice in facets[name]]:
                facets[name].append(FacetValue(value, self._name_choice(name, value), 0))
        return [
            (self.fields[name].label, [self._make_link(name, v, chosen[name]) for v in values])
            for name, values in facets.items()
            if len(values) > 1 or chosen[name]
        ]

    def _name_choice(self, name, value) -> str:
        if name == "fiscal_year":
            return format_fiscal_year(int(value))
        return dict(self.fields[name].choices)[value]

    def _make_link(self, name, facet_value, chosen) -> FacetLink:
        is_chosen = facet_value.value == chosen
        query = self.data.copy()
        query.pop("page", None)
        query[name] = "" if is_chosen else facet_value.value
        return FacetLink(facet_value.label, facet_value.count, f"?{query.urlencode()}", is_chosen)


class Hits:
    """The hits of a search, for the paginator and the CSV file."""

    def __init__(self, query: str, narrowing: dict):
        self.search = Search(query, **narrowing)

    def count(self) -> int:
        return self.search.count

    def __getitem__(self, part: slice) -> list[Hit]:
        return self.search.list_hits(part.stop - part.start, part.start)

    def __iter__(self):
        return iter(self[0 : self.count()])
