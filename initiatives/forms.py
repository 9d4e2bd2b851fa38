from django import forms
from django.db.models import Exists, OuterRef

from portal.fiscal_year import format_fiscal_year_both
from portal.lists import FiscalYearChoice, ListForm, TextListForm, list_choices
from portal.models import Department

from .images import read_picture
from .models import Distinction, Initiative, Pillar, ResultsReport


class InitiativeListForm(TextListForm):
    kind = "initiative"
    sorts = {
        "pillar": ("資料の順", ["-report__presented_on", "pillar__position", "position", "slug"]),
        "title": ("題名順", ["title", "slug"]),
        "-updated_at": ("更新の新しい順", ["-updated_at", "slug"]),
    }

    pillar = forms.ChoiceField(label="柱", required=False)
    report = forms.ChoiceField(label="実績報告", required=False)
    department = forms.ChoiceField(label="部局", required=False)
    distinction = forms.ChoiceField(label="特色", required=False)
    fiscal_year = FiscalYearChoice(label="年度", required=False, widget=forms.Select)

    def __init__(self, data):
        super().__init__(data)
        initiatives = Initiative.objects.published()
        self.fields["pillar"].choices = list_choices(Pillar.objects.published())
        self.fields["report"].choices = list_choices(ResultsReport.objects.published())
        departments = list(
            Department.objects.published().annotate(
                has_initiatives=Exists(initiatives.filter(departments=OuterRef("pk")))
            )
        )
        self.fields["department"].choices = list_choices(departments)
        self.fields["department"].widget.choices = list_choices(
            department
            for department in departments
            if department.has_initiatives or department.slug == data.get("department")
        )
        names = Distinction.objects.published().order_by("name").values_list("name", flat=True)
        self.fields["distinction"].choices = [
            ("", "すべて"),
            *((name, name) for name in names.distinct()),
        ]
        years = initiatives.exclude(fiscal_year=None).order_by("-fiscal_year")
        self.fields["fiscal_year"].widget.choices = [
            ("", "すべて"),
            *(
                (year, format_fiscal_year_both(year))
                for year in years.values_list("fiscal_year", flat=True).distinct()
            ),
        ]

    def narrow(self, queryset):
        queryset = super().narrow(queryset)
        if pillar := self.value("pillar"):
            queryset = queryset.filter(pillar__slug=pillar)
        if report := self.value("report"):
            queryset = queryset.filter(report__slug=report)
        if department := self.value("department"):
            queryset = queryset.filter(departments__slug=department)
        if distinction := self.value("distinction"):
            queryset = queryset.filter(distinctions__name=distinction)
        if fiscal_year := self.value("fiscal_year"):
            queryset = queryset.in_fiscal_year(fiscal_year)
        return queryset


class InitiativeForm(ListForm):
    tables = ("figures", "costs")


class PillarForm(ListForm):
    tables = ("initiatives", "costs")


class IndicatorListForm(TextListForm):
    kind = "indicator"
    tables = ("values", "newest")
    sorts = {
        "position": ("掲載順", ["position", "slug"]),
        "name": ("名称順", ["name", "slug"]),
    }

    def value_order(self) -> list[str]:
        """Return the order of the indicators' values that follows that of the indicators."""
        _, order = self.sorts[self.value("sort") or "position"]
        return [f"indicator__{field}" for field in order]


class PictureFormField(forms.ImageField):
    """A picture that can be kept and shown; anything else is refused with a sentence."""

    def to_python(self, data):
        file = forms.FileField.to_python(self, data)
        if file:
            read_picture(file)
        return file

    def widget_attrs(self, widget):
        return {"accept": "image/jpeg,image/png,image/webp"}
