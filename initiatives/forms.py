from django import forms

from portal.lists import FiscalYearChoice, TextListForm
from portal.models import Department

from .models import Distinction, Pillar, ResultsReport


class InitiativeListForm(TextListForm):
    kind = "initiative"
    sorts = {
        "pillar": ("資料の順", ["-report__presented_on", "pillar__position", "position", "slug"]),
        "title": ("題名順", ["title", "slug"]),
        "-updated_at": ("更新の新しい順", ["-updated_at", "slug"]),
    }

    pillar = forms.ModelChoiceField(
        Pillar.objects.none(),
        to_field_name="slug",
        label="柱",
        required=False,
        empty_label="すべて",
    )
    report = forms.ModelChoiceField(
        ResultsReport.objects.none(),
        to_field_name="slug",
        label="実績報告",
        required=False,
        empty_label="すべて",
    )
    department = forms.ModelChoiceField(
        Department.objects.none(),
        to_field_name="slug",
        label="部局",
        required=False,
        empty_label="すべて",
    )
    distinction = forms.ChoiceField(label="特色", required=False)
    fiscal_year = FiscalYearChoice(label="年度", required=False)

    def __init__(self, data):
        super().__init__(data)
        self.fields["pillar"].queryset = Pillar.objects.published()
        self.fields["report"].queryset = ResultsReport.objects.published()
        self.fields["department"].queryset = Department.objects.published()
        names = (
            Distinction.objects.published().order_by("name").values_list("name", flat=True)
        ).distinct()
        self.fields["distinction"].choices = lambda: [
            ("", "すべて"),
            *((name, name) for name in names),
        ]

    def narrow(self, queryset):
        queryset = super().narrow(queryset)
        if pillar := self.value("pillar"):
            queryset = queryset.for_pillar(pillar)
        if report := self.value("report"):
            queryset = queryset.filter(report=report)
        if department := self.value("department"):
            queryset = queryset.for_department(department)
        if distinction := self.value("distinction"):
            queryset = queryset.filter(distinctions__name=distinction)
        if fiscal_year := self.value("fiscal_year"):
            queryset = queryset.in_fiscal_year(fiscal_year)
        return queryset


class IndicatorListForm(TextListForm):
    kind = "indicator"
    sorts = {
        "position": ("掲載順", ["position", "slug"]),
        "name": ("名称順", ["name", "slug"]),
    }
