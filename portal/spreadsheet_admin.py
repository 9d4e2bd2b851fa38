"""Admin pages of records that go in and out as spreadsheets."""

from django.contrib import admin, messages
from django.shortcuts import redirect
from django.utils.html import format_html
from import_export.admin import ImportExportMixin

from .record_admin import CITED_FIELDSET, RecordAdmin
from .record_inlines import limit_choices
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
