from django import forms
from django.db.models import Exists, F, OuterRef

from portal.display_unit import UNITS
from portal.fiscal_year import format_fiscal_year_both
from portal.lists import FiscalYearChoice, ListForm
from portal.models import Department

from .models import Settlement

BY_DEPARTMENT = ["department__position", "department__slug"]
BY_STATED_AMOUNT = F("stated_amount_yen").desc(nulls_last=True)


class UnitForm(ListForm):
    """A page of amounts, and the unit that they are shown in."""

    instead = ListForm.instead | {"unit": "千円で表示しています。"}

    unit = forms.ChoiceField(
        label="表示単位", required=False, choices=list(UNITS.items()), widget=forms.HiddenInput
    )


class SettlementListForm(UnitForm):
    """Settlements of all years and departments, `with_totals()`."""

    field_order = ["fiscal_year", "department", "unit"]
    tables = ("settlements", "years")

    unit = forms.ChoiceField(label="表示単位", required=False, choices=list(UNITS.items()))
    fiscal_year = FiscalYearChoice(label="年度", required=False, widget=forms.Select)
    department = forms.ModelChoiceField(
        Department.objects.none(),
        to_field_name="slug",
        label="部局",
        required=False,
        empty_label="すべて",
    )
    sorts = {
        "-fiscal_year": ("新しい年度から", ["-fiscal_year", *BY_DEPARTMENT]),
        "fiscal_year": ("古い年度から", ["fiscal_year", *BY_DEPARTMENT]),
        "-amount_yen": ("金額の大きい順", [BY_STATED_AMOUNT, "-fiscal_year", *BY_DEPARTMENT]),
    }

    def __init__(self, data, fiscal_years):
        super().__init__(data)
        self.fields["fiscal_year"].widget.choices = [
            ("", "すべて"),
            *((year, format_fiscal_year_both(year)) for year in fiscal_years),
        ]
        self.fields["department"].queryset = Department.objects.published().filter(
            Exists(Settlement.objects.published().filter(department=OuterRef("pk")))
        )

    def narrow(self, queryset):
        if fiscal_year := self.value("fiscal_year"):
            queryset = queryset.in_fiscal_year(fiscal_year)
        if department := self.value("department"):
            queryset = queryset.for_department(department)
        return queryset


class YearForm(UnitForm):
    tables = ("settlements", "ranking")


class OutlineForm(UnitForm):
    tables = ("items", "figures", "comparison", "ranking")


class ItemForm(UnitForm):
    tables = ("figures", "budget", "ranking", "children", "below", "funding", "attribution")


class ProgramForm(UnitForm):
    tables = ("items", "figures")
