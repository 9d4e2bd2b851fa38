"""What the admin pages of all records share: forms, history, public address, import and export."""

from django.contrib import admin, messages
from django.db import models
from django.http import Http404
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from import_export.admin import ImportExportMixin
from simple_history.admin import SimpleHistoryAdmin
from simple_history.template_utils import HistoricalRecordContextHelper, ObjDiffDisplay

from .amounts import format_thousand_yen, format_yen
from .fiscal_year import FiscalYearError, format_fiscal_year
from .models import FiscalYearField
from .record_inlines import FORM_FIELDS, limit_choices
from .record_resources import move_updated_at
from .spreadsheet_formats import (
    AnySpreadsheet,
    CsvCp932,
    CsvForExcel,
    CsvUtf8,
    SpreadsheetConfirmForm,
    SpreadsheetExportForm,
    SpreadsheetImportForm,
    UploadStorage,
    Xlsx,
    file_name,
)
from .spreadsheets import SpreadsheetError

PUBLICATION_FIELDSET = (
    "公開",
    {"fields": [("status", "publish_from", "publish_until"), "internal_note", "updated_at"]},
)
CITED_FIELDSET = ("出典", {"fields": [("source", "locator")]})


class FiscalYearFilter(admin.AllValuesFieldListFilter):
    def choices(self, changelist):
        for choice in super().choices(changelist):
            yield choice | {"display": fiscal_year_label(choice["display"])}


admin.FieldListFilter.register(
    lambda field: isinstance(field, FiscalYearField), FiscalYearFilter, take_priority=True
)


class HistoryContext(HistoricalRecordContextHelper):
    """Changes as a person reads them: labels of choices, no Python words."""

    def prepare_delta_change_value(self, change, value):
        field = self.model._meta.get_field(change.field)
        value = super().prepare_delta_change_value(change, value)
        if value in (None, "", []):
            return "（なし）"
        if field.many_to_many:
            return "、".join(map(str, value))
        if isinstance(field, models.BigIntegerField):
            return f"{value:,}"
        return dict(field.flatchoices).get(value, value)

    def get_obj_diff_display(self):
        display = ObjDiffDisplay(max_length=self.max_displayed_delta_change_chars)
        display.shortened_str = lambda prefix, skipped, suffix: f"{prefix}…（{skipped}字）…{suffix}"
        return display


class RecordAdmin(SimpleHistoryAdmin):
    """Admin of a model with history. `updates` is the path to the publication that it is part of."""

    formfield_overrides = FORM_FIELDS
    change_form_template = "admin/record_change_form.html"
    save_on_top = True
    list_per_page = 100
    list_select_related = []
    updates = ""

    class Media:
        css = {"all": ["portal/admin.css"]}

    def __init__(self, model, admin_site):
        super().__init__(model, admin_site)
        for field in model._meta.many_to_many:
            name_links(field)

    def get_queryset(self, request):
        queryset, joined = super().get_queryset(request), self.list_select_related
        return queryset.select_related(*joined) if joined else queryset

    def get_readonly_fields(self, request, obj=None):
        fields = super().get_readonly_fields(request, obj)
        return [*fields, "updated_at"] if hasattr(self.model, "updated_at") else fields

    def get_view_on_site_url(self, obj=None):
        """Link to the public page only while the public can see it."""
        has_page = obj and hasattr(obj, "get_absolute_url")
        if has_page and type(obj).objects.published().filter(pk=obj.pk).exists():
            return super().get_view_on_site_url(obj)
        return None

    def get_links(self, request, obj):
        """Return (label, address) of the further links on a record's page."""
        if not hasattr(obj, "get_absolute_url"):
            return []
        return [("更新・正誤を書く", add_url("portal_changenote", record=record_value(obj)))]

    def change_view(self, request, object_id, form_url="", extra_context=None):
        obj = self.get_object(request, object_id)
        links = self.get_links(request, obj) if obj else []
        return super().change_view(
            request, object_id, form_url, {"record_links": links} | (extra_context or {})
        )

    def save_related(self, request, form, formsets, change):
        super().save_related(request, form, formsets, change)
        if self.updates:
            move_updated_at(self.model, [form.instance.pk], self.updates)

    def delete_model(self, request, obj):
        if self.updates:
            move_updated_at(self.model, [obj.pk], self.updates)
        super().delete_model(request, obj)

    def delete_queryset(self, request, queryset):
        if self.updates:
            move_updated_at(self.model, queryset.values("pk"), self.updates)
        super().delete_queryset(request, queryset)

    def history_view(self, request, object_id, extra_context=None):
        require_numbers(object_id)
        return super().history_view(request, object_id, extra_context)

    def history_form_view(self, request, object_id, version_id, extra_context=None):
        require_numbers(object_id, version_id)
        return super().history_form_view(request, object_id, version_id, extra_context)

    def get_historical_record_context_helper(self, request, historical_record):
        return HistoryContext(self.model, historical_record)


class PartAdmin(RecordAdmin):
    """Of what is edited within its record; its own page, linked from there, holds its history."""

    def has_module_permission(self, request):
        return False


class SpreadsheetAdmin(ImportExportMixin, RecordAdmin):
    """Adds import and export by the one resource in `resource_classes`."""

    import_formats = [AnySpreadsheet]
    export_formats = [CsvForExcel, CsvUtf8, CsvCp932, Xlsx]
    import_form_class = SpreadsheetImportForm
    confirm_form_class = SpreadsheetConfirmForm
    export_form_class = SpreadsheetExportForm
    tmp_storage_class = UploadStorage

    def has_import_permission(self, request):
        return self.has_add_permission(request) and self.has_change_permission(request)

    def has_export_permission(self, request):
        return self.has_view_permission(request)

    def get_export_filename(self, request, queryset, file_format):
        return file_name(self.model, file_format.get_extension())

    def get_import_context_data(self, **kwargs):
        resource = self.resource_classes[0]()
        keys = {field.column_name for field in resource.key_fields}
        return {
            "columns": [
                (field.column_name, field.column_name in keys, field.widget.hint)
                for field in resource.get_import_fields()
            ]
        }

    def add_data_read_fail_error_to_form(self, form, e):
        if not isinstance(e, SpreadsheetError):
            raise e
        form.add_error("import_file", str(e))

    def process_import(self, request, **kwargs):
        try:
            return super().process_import(request, **kwargs)
        except SpreadsheetError as error:
            messages.error(request, str(error))
            return redirect(f"admin:{self.opts.app_label}_{self.opts.model_name}_import")

    def process_result(self, result, request):
        if not result.has_errors():
            return super().process_result(result, request)
        lines = "、".join(dict.fromkeys(f"{problem.line}行目" for problem in result.problems))
        messages.error(
            request,
            f"確かめたあとにデータが変わったため、取り込めませんでした（{lines}）。"
            "何も保存していません。もう一度ファイルを選んでください。",
        )
        return redirect(f"admin:{self.opts.app_label}_{self.opts.model_name}_import")


class FigureAdmin(SpreadsheetAdmin):
    """Of figures; `owner` is the field of the record that a figure belongs to."""

    owner = ""
    search_fields = ["group", "label", "measure", "note"]

    def get_fieldsets(self, request, obj=None):
        return [
            (None, {"fields": [self.owner, ("group", "label", "measure"), "period"]}),
            ("値", {"fields": ["kind", ("value", "unit"), "as_printed", "part_of", "note"]}),
            CITED_FIELDSET,
            ("表示", {"fields": ["position"]}),
        ]

    def get_form(self, request, obj=None, change=False, **kwargs):
        form = super().get_form(request, obj, change, **kwargs)
        if "part_of" in form.base_fields:
            siblings = self.model.objects.none()
            if obj:
                owner = {self.owner: getattr(obj, f"{self.owner}_id")}
                siblings = self.model.objects.filter(**owner).exclude(pk=obj.pk)
            limit_choices(form.base_fields["part_of"], siblings, lambda figure: figure.name)
        return form

    @admin.display(description="名前", ordering="label")
    def figure_name(self, figure):
        return figure.name

    @admin.display(description="値", ordering="value")
    def value_with_unit(self, figure):
        return format_html("{}{}", f"{figure.value.normalize():,f}", figure.unit)


def require_numbers(*texts):
    """Raise Http404 for a key that is no number, which django-simple-history does not expect."""
    if not all(text.isascii() and text.isdecimal() for text in texts):
        raise Http404


def name_links(field):
    """Give a many-to-many relation's own table, which deletion pages list, a Japanese name."""
    through = field.remote_field.through
    name = f"{field.model._meta.verbose_name}の{field.verbose_name}"
    through._meta.verbose_name = through._meta.verbose_name_plural = name
    through.__str__ = lambda link: f"番号{link.pk}"


def fiscal_year_label(value) -> str:
    """Return 令和2年度 for 2020 and for "2020"; anything else as it is."""
    try:
        return format_fiscal_year(int(value))
    except (FiscalYearError, TypeError, ValueError):
        return value


def amount_label(amount_yen):
    """Return an amount in 千円 with all its digits; the yen appear on pointing at it."""
    if amount_yen is None:
        return format_html('<span class="not-stated">{}</span>', "記載なし")
    thousands, yen = format_thousand_yen(amount_yen), format_yen(amount_yen)
    return format_html('<span class="amount" title="{}">{}</span>', yen, thousands)


def add_url(name, **initial) -> str:
    return f"{reverse(f'admin:{name}_add')}?{urlencode(initial)}"


def list_url(name, **filters) -> str:
    return f"{reverse(f'admin:{name}_changelist')}?{urlencode(filters)}"


def record_value(record) -> str:
    """Return what names any record in a form: "initiatives.initiative-12"."""
    return f"{record._meta.label_lower}-{record.pk}"
