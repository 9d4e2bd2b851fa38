"""Admin pages of records that go in and out as spreadsheets."""

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.views.decorators.http import require_POST
from import_export.admin import ImportExportMixin
from import_export.signals import post_export

from . import versions
from .audit import AuditAction, write_audit
from .figure_paste import PasteForm, find_problems, make_file
from .import_log import describe, finish_import, keep_file
from .import_results import is_same_report
from .models import ImportLog, ImportState, Role
from .publishing import Status
from .record_admin import CITED_FIELDSET, RecordAdmin
from .record_export import RecordTable
from .record_inlines import limit_choices
from .row_writing import uncollected
from .spreadsheet_formats import (
    AmbiguousFile,
    CsvCp932,
    CsvForExcel,
    CsvUtf8,
    SpreadsheetConfirmForm,
    SpreadsheetExportForm,
    SpreadsheetImportForm,
    Xlsx,
    describe_table,
    file_name,
    make_template,
    read_table,
)
from .spreadsheets import SpreadsheetError
from .workflow import has_role

CHANGED_SINCE = (
    "確かめたあとにデータが変わったため、まだ取り込んでいません。"
    "下の内容を、もう一度確かめてください。"
)


class SpreadsheetAdmin(ImportExportMixin, RecordAdmin):
    """Adds import and export by the one resource in `resource_classes`.

    An import has two steps: a preview, which keeps the file in an ImportLog, and its confirmation.
    """

    export_formats = [CsvForExcel, CsvUtf8, CsvCp932, Xlsx]
    export_form_class = SpreadsheetExportForm

    def get_urls(self):
        view = self.admin_site.admin_view(self.template_view)
        return [path("template/", view, name=self.url_name("template")), *super().get_urls()]

    def url_name(self, action) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{action}"

    def has_import_permission(self, request):
        return self.has_add_permission(request) and self.has_change_permission(request)

    def has_export_permission(self, request):
        return self.has_view_permission(request)

    # Export

    def get_export_filename(self, request, queryset, file_format):
        return file_name(self.model, file_format.get_extension())

    def get_export_queryset(self, request):
        """Return what the list shows by the same address; raise Http404 for one that is broken."""
        try:
            return super().get_export_queryset(request)
        except IncorrectLookupParameters as error:
            raise Http404 from error

    def _do_file_export(self, file_format, request, queryset, export_form=None):
        """Send the file some rows at a time; django-import-export would hold all of it.

        Raises SpreadsheetError, which the form tells, for what the format cannot hold.
        """
        response = file_format.answer(RecordTable(self.resource_classes[0](), queryset))
        name = self.get_export_filename(request, queryset, file_format)
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        record = f"{self.opts.verbose_name}の表"
        write_audit(request, AuditAction.EXPORT, record=record, detail=file_format.get_title())
        post_export.send(sender=None, model=self.model)
        return response

    def template_view(self, request):
        """Answer the workbook in which new records are written down."""
        if not self.has_import_permission(request):
            raise PermissionDenied
        content = make_template(self.resource_classes[0]())
        response = HttpResponse(content, content_type=Xlsx().get_content_type())
        name = f"{self.opts.model_name}-template.xlsx"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        return response

    # Import

    def import_action(self, request):
        """Ask for a file; show what it would change."""
        if not self.has_import_permission(request):
            raise PermissionDenied
        form = SpreadsheetImportForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            file = form.cleaned_data["import_file"]
            encoding = form.cleaned_data["encoding"]
            try:
                return self.preview(request, file.read(), file.name, encoding, form=form)
            except AmbiguousFile as error:
                form.add_error("encoding", str(error))
            except SpreadsheetError as error:
                form.add_error("import_file", str(error))
        return self.show_import(request, form=form)

    def preview(self, request, data, name, encoding="", **context):
        """Try a file, keep it where it has no errors, and show what it would change."""
        result = self.run_import(request, data, name, encoding, dry_run=True)
        if not result.has_errors():
            log = keep_file(self.model, request.user, name, data, result)
            context["confirm_form"] = SpreadsheetConfirmForm(
                initial={"log": log.pk, "encoding": encoding}
            )
        return self.show_import(request, result=result, **context)

    def run_import(self, request, data, name, encoding, *, dry_run):
        with uncollected():
            table = read_table(data, encoding)
            return self.resource_classes[0]().import_data(
                table, dry_run, user=request.user, file_name=name, source=describe_table(table)
            )

    def show_import(self, request, **context):
        address = reverse(f"admin:{self.url_name('import')}")
        context = {"back_address": address} | context | self.admin_site.each_context(request)
        context |= {
            "import_address": address,
            "title": "取り込み",
            "opts": self.opts,
            "media": self.media,
            "columns": list(self.resource_classes[0]().list_guide()),
            "template_address": reverse(f"admin:{self.url_name('template')}"),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/import_export/import.html", context)

    def process_import(self, request):
        return require_POST(self.confirm_import)(request)

    def confirm_import(self, request):
        """Import the file of a preview, if that still does what its preview showed."""
        if not self.has_import_permission(request):
            raise PermissionDenied
        form = SpreadsheetConfirmForm(request.POST)
        if not form.is_valid():
            return self.show_import(request, errors=form.errors)
        with transaction.atomic():
            own = ImportLog.objects.select_for_update().filter(user=request.user)
            own = own.filter(pk=form.cleaned_data["log"], model=self.opts.label_lower)
            log = own.defer("file", "report", "versions").first()
            if log is None:
                raise Http404
            if log.state != ImportState.PREVIEWED:
                messages.error(request, "このファイルは、もう取り込まれています。")
                return redirect("admin:portal_importlog_change", log.pk)
            result = log.outcome and self.resource_classes[0]().import_outcome(
                bytes(log.outcome), request.user, log.file_name
            )
            if not result:
                result = self.run_import(
                    request,
                    bytes(log.file),
                    log.file_name,
                    form.cleaned_data["encoding"],
                    dry_run=False,
                )
                if result.has_errors() or not is_same_report(result.report(), log.report):
                    transaction.set_rollback(True)
            if not transaction.get_rollback():
                finish_import(log, result, request)
        if log.state == ImportState.PREVIEWED:
            return self.ask_again(request, log, result, form)
        messages.success(
            request,
            f"取り込みました：新規{log.new_count}件、変更{log.changed_count}件。"
            "このページから、まとめて取り消せます。",
        )
        return redirect("admin:portal_importlog_change", log.pk)

    def ask_again(self, request, log, result, form):
        messages.error(request, CHANGED_SINCE)
        if result.has_errors():
            return self.show_import(request, result=result, form=SpreadsheetImportForm())
        ImportLog.objects.filter(pk=log.pk).update(**describe(result))
        return self.show_import(
            request,
            result=result,
            confirm_form=SpreadsheetConfirmForm(initial=form.cleaned_data),
        )


class FigureAdmin(SpreadsheetAdmin):
    """Of figures; `owner` is the field of the record that a figure belongs to."""

    owner = ""
    search_fields = ["group", "label", "measure", "note"]

    def get_urls(self):
        view = self.admin_site.admin_view(self.paste_view)
        return [
            path("paste/<int:owner_id>/", view, name=self.url_name("paste")),
            *super().get_urls(),
        ]

    def paste_view(self, request, owner_id):
        """Take a table copied from Excel as figures of one record, through the import's preview."""
        owner_admin = self.admin_site.get_model_admin(self.opts.get_field(self.owner).related_model)
        owner = owner_admin.get_visible(request, owner_id)
        if not may_paste(request.user, owner):
            raise PermissionDenied
        form = PasteForm(request.POST or None, owner=owner, model=self.model)
        if request.method == "POST" and form.is_valid() and form.is_mapped:
            data, lines, form.problems, blanks = make_file(form, self.resource_classes[0]())
            if not form.problems:
                name, note = (
                    f"貼り付け（{owner}）.csv",
                    {"blanks": blanks, "left_out": form.left_out},
                )
                response = self.preview(
                    request, data, name, pasted=note, back_address=request.get_full_path()
                )
                form.problems = find_problems(response.context_data["result"], lines)
                if not form.problems:
                    return response
        context = owner_admin.page_context(request, owner, "表を貼り付ける") | {"form": form}
        return TemplateResponse(request, "admin/import_export/paste.html", context)

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


def may_paste(user, owner) -> bool:
    """Tell whether the user may bring figures into a record, or into a revision of it."""
    root = versions.root_of(owner)
    return root.status in (Status.DRAFT, Status.PUBLISHED) and has_role(user, Role.EDITOR, root)


def paste_links(request, owner, figure_name) -> list[tuple[str, str]]:
    """Return the link on a record's page by which a table becomes its figures."""
    if not may_paste(request.user, owner):
        return []
    return [("表を貼り付ける", reverse(f"admin:{figure_name}_paste", args=[owner.pk]))]
