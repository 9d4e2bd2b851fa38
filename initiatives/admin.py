from django.contrib import admin
from django.db import models

from portal.fiscal_year import parse_calendar_year, parse_fiscal_year
from portal.record_admin import (
    CITED_FIELDSET,
    PUBLICATION_FIELDSET,
    PartAdmin,
    RecordAdmin,
    StateFilter,
    fiscal_year_label,
    list_url,
)
from portal.record_inlines import COMPACT, FORM_FIELDS, FigureInline, RecordInline
from portal.spreadsheet_admin import FigureAdmin, SpreadsheetAdmin, paste_links

from .forms import PictureFormField
from .models import (
    Distinction,
    Indicator,
    IndicatorValue,
    Initiative,
    InitiativeFigure,
    InitiativeImage,
    InitiativeLink,
    PeriodKind,
    Pillar,
    Plan,
    ResultsReport,
)
from .resources import (
    IndicatorResource,
    IndicatorValueResource,
    InitiativeFigureResource,
    InitiativeResource,
)


class PillarInline(RecordInline):
    model = Pillar
    fields = ["number", "name", "slug", "position"]


@admin.register(Plan)
class PlanAdmin(RecordAdmin):
    list_display = ["name", "years", "status"]
    list_filter = [StateFilter]
    search_fields = ["name", "slug"]
    autocomplete_fields = ["source"]
    inlines = [PillarInline]
    fieldsets = [
        (None, {"fields": ["name", "slug", ("starts_in", "ends_in"), "description"]}),
        CITED_FIELDSET,
        PUBLICATION_FIELDSET,
    ]

    @admin.display(description="期間", ordering="starts_in")
    def years(self, plan):
        years = [fiscal_year_label(year) for year in (plan.starts_in, plan.ends_in) if year]
        return "から".join(years)


@admin.register(Pillar)
class PillarAdmin(RecordAdmin):
    list_display = ["name", "number", "plan", "slug", "position"]
    list_filter = [("plan", admin.RelatedOnlyFieldListFilter)]
    list_select_related = ["plan"]
    search_fields = ["name", "slug"]
    autocomplete_fields = ["plan"]
    fieldsets = [
        (None, {"fields": ["plan", "number", "name", "slug", "description"]}),
        ("表示", {"fields": ["position"]}),
    ]

    def get_links(self, request, pillar):
        initiatives = list_url("initiatives_initiative", pillar__id__exact=pillar.pk)
        return [("この柱の取組", initiatives), *super().get_links(request, pillar)]


@admin.register(ResultsReport)
class ResultsReportAdmin(RecordAdmin):
    list_display = ["title", "presented_on", "term_year", "state"]
    list_filter = [StateFilter]
    date_hierarchy = "presented_on"
    search_fields = ["title", "slug"]
    autocomplete_fields = ["source"]
    fieldsets = [
        (None, {"fields": ["title", "slug", ("presented_on", "term_year"), "summary"]}),
        CITED_FIELDSET,
        PUBLICATION_FIELDSET,
    ]

    def get_links(self, request, report):
        initiatives = list_url("initiatives_initiative", report__id__exact=report.pk)
        return [("この報告の取組", initiatives), *super().get_links(request, report)]


class InitiativeFigureInline(FigureInline):
    model = InitiativeFigure


class DistinctionInline(RecordInline):
    model = Distinction
    fields = ["name", "position"]


PICTURE = {models.ImageField: {"form_class": PictureFormField}}


class InitiativeImageInline(RecordInline):
    model = InitiativeImage
    formfield_overrides = FORM_FIELDS | PICTURE
    fields = ["image", "alt", "credit", "licence", "position"]


class InitiativeLinkInline(RecordInline):
    model = InitiativeLink
    fields = ["title", "url", "position"]


@admin.register(Initiative)
class InitiativeAdmin(SpreadsheetAdmin):
    resource_classes = [InitiativeResource]
    list_display = ["title", "pillar", "report", "fiscal_year_name", "state"]
    list_filter = [
        StateFilter,
        ("pillar", admin.RelatedOnlyFieldListFilter),
        ("report", admin.RelatedOnlyFieldListFilter),
        "fiscal_year",
        ("departments", admin.RelatedOnlyFieldListFilter),
    ]
    list_select_related = ["pillar", "report"]
    search_fields = ["title", "slug", "summary"]
    autocomplete_fields = ["report", "pillar", "departments", "places", "source"]
    inlines = [
        DistinctionInline,
        InitiativeFigureInline,
        InitiativeImageInline,
        InitiativeLinkInline,
    ]
    fieldsets = [
        (None, {"fields": ["report", "pillar", "title", "slug"]}),
        ("内容", {"fields": ["summary", "body", "easy_summary"]}),
        (
            "時期",
            {
                "fields": [("fiscal_year", "occurred_on", "period")],
                "description": "資料に書いてあるものだけを入れてください。",
            },
        ),
        ("担当と場所", {"fields": ["departments", "places"]}),
        CITED_FIELDSET,
        ("表示", {"fields": ["position"]}),
        PUBLICATION_FIELDSET,
    ]

    @admin.display(description="年度", ordering="fiscal_year")
    def fiscal_year_name(self, initiative):
        return fiscal_year_label(initiative.fiscal_year)

    def get_links(self, request, initiative):
        figures = list_url("initiatives_initiativefigure", initiative__id__exact=initiative.pk)
        pasting = paste_links(request, initiative, "initiatives_initiativefigure")
        return [("この取組の実績値", figures), *pasting, *super().get_links(request, initiative)]


@admin.register(InitiativeFigure)
class InitiativeFigureAdmin(FigureAdmin):
    resource_classes = [InitiativeFigureResource]
    owner = updates = "initiative"
    list_display = ["figure_name", "value_with_unit", "period", "kind", "initiative"]
    list_filter = ["kind", ("initiative__pillar", admin.RelatedOnlyFieldListFilter)]
    list_select_related = ["initiative"]
    autocomplete_fields = ["initiative", "source"]
    search_fields = [*FigureAdmin.search_fields, "initiative__title"]


class PartOfInitiativeAdmin(PartAdmin):
    updates = "initiative"
    formfield_overrides = FORM_FIELDS | PICTURE
    list_display = ["__str__", "initiative"]
    list_select_related = ["initiative"]
    autocomplete_fields = ["initiative"]


admin.site.register([Distinction, InitiativeImage, InitiativeLink], PartOfInitiativeAdmin)


class IndicatorValueInline(RecordInline):
    model = IndicatorValue
    autocomplete_fields = ["source"]
    fields = [
        "year",
        "actual",
        "target",
        "baseline",
        "state",
        "as_printed",
        "source",
        "locator",
        "note",
        "status",
    ]
    formfield_overrides = COMPACT

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("indicator")

    def get_formset(self, request, obj=None, **kwargs):
        formset = super().get_formset(request, obj, **kwargs)
        use_period_kind(formset.form, obj)
        return formset


@admin.register(Indicator)
class IndicatorAdmin(SpreadsheetAdmin):
    resource_classes = [IndicatorResource]
    list_display = ["name", "unit", "direction", "period_kind", "department", "state"]
    list_filter = [
        StateFilter,
        "period_kind",
        "direction",
        ("department", admin.RelatedOnlyFieldListFilter),
    ]
    list_select_related = ["department"]
    search_fields = ["name", "slug", "description"]
    autocomplete_fields = ["department", "initiatives", "source"]
    inlines = [IndicatorValueInline]
    fieldsets = [
        (None, {"fields": ["name", "slug", "description"]}),
        ("数え方", {"fields": [("unit", "direction", "period_kind")]}),
        ("担当と関連", {"fields": ["department", "initiatives"]}),
        CITED_FIELDSET,
        ("表示", {"fields": ["position"]}),
        PUBLICATION_FIELDSET,
    ]

    def get_links(self, request, indicator):
        values = list_url("initiatives_indicatorvalue", indicator__id__exact=indicator.pk)
        return [("この指標の値", values), *super().get_links(request, indicator)]


@admin.register(IndicatorValue)
class IndicatorValueAdmin(SpreadsheetAdmin):
    resource_classes = [IndicatorValueResource]
    updates = "indicator"
    list_display = ["indicator", "year_name", "actual", "target", "state", "status"]
    list_display_links = ["indicator", "year_name"]
    list_filter = ["status", "state", ("indicator", admin.RelatedOnlyFieldListFilter)]
    list_select_related = ["indicator"]
    search_fields = ["indicator__name", "note"]
    autocomplete_fields = ["indicator", "source"]
    fieldsets = [
        (None, {"fields": ["indicator", "year"]}),
        ("値", {"fields": [("actual", "target", "baseline"), "state", "as_printed", "note"]}),
        CITED_FIELDSET,
        PUBLICATION_FIELDSET,
    ]

    def get_form(self, request, obj=None, change=False, **kwargs):
        form = super().get_form(request, obj, change, **kwargs)
        use_period_kind(form, obj and obj.indicator)
        return form

    @admin.display(description="年", ordering="year")
    def year_name(self, value):
        return value.year_label


def use_period_kind(form, indicator):
    """Let a form of values read years as the indicator counts them."""
    if "year" in form.base_fields:
        is_calendar = indicator and indicator.period_kind == PeriodKind.CALENDAR_YEAR
        parse = parse_calendar_year if is_calendar else parse_fiscal_year
        form.base_fields["year"].parse = parse
