from django import forms
from django.db.models import Exists, F, OuterRef

from portal.fiscal_year import format_fiscal_year_both
from portal.lists import FiscalYearChoice, ListForm
from portal.models import Department

from .models import Settlement

BY_DEPARTMENT = ["department__position", "department__slug"]
BY_STATED_AMOUNT = F("stated_amount_yen").desc(nulls_last=True)


class SettlementListForm(ListForm):
    """Settlements of all years and departments, `with_totals()`."""

    q = None
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


class SettlementYearForm(ListForm):
    """The settlements of one year, `with_totals()`."""

    q = None
    sorts = {
        "department": ("部局の順", BY_DEPARTMENT),
        "-amount_yen": ("金額の大きい順", [BY_STATED_AMOUNT, *BY_DEPARTMENT]),
    }


class OutlineForm(ListForm):
    """The items of a settlement in two orders, and which table to take away."""

    q = None
    table = forms.ChoiceField(
        label="表", required=False, choices=[("items", "項目"), ("figures", "実績値")]
    )
    sorts = {
        "code": ("資料の順", ["code_order"]),
        "-amount_yen": ("決算額の大きい順", [F("amount_yen").desc(nulls_last=True), "code_order"]),
    }

    @property
    def is_by_amount(self) -> bool:
        return self.value("sort") == "-amount_yen"

    @property
    def wants_figures(self) -> bool:
        return self.value("table") == "figures"


class TakeAwayForm(ListForm):
    """A page that is no list, with a table to take away."""

    q = None

    def __init__(self, data):
        super().__init__(data)
        self.is_valid()
