"""The pages of past imports: what each changed, its file, and the way back."""

from collections.abc import Iterator
from urllib.parse import quote

from django.apps import apps
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.views.decorators.http import require_POST

from .csv_text import iter_csv
from .history_admin import require_numbers
from .import_log import UndoError, undo_import
from .import_results import iter_rows
from .models import ImportLog, ImportState
from .rights import rights_of

CHANGES_HEADER = ["行", "区分", "記録", "列", "前", "後"]


def iter_changes(report: dict) -> Iterator[list]:
    for row in iter_rows(report):
        kind = "新規" if row.kind == "new" else "変更"
        for cell in row.cells or [("", "", "")]:
            yield [row.line, kind, row.record, *cell]


@admin.register(ImportLog)
class ImportLogAdmin(admin.ModelAdmin):
    """Editors see their own imports, who is over all sees all. Nothing is edited here."""

    list_display = ["moment", "file_name", "kind", "state", "counts", "username"]
    list_filter = ["state", "imported_at"]
    search_fields = ["file_name", "username", "sha256"]
    list_per_page = 100

    def get_urls(self):
        wrap, name = self.admin_site.admin_view, "portal_importlog"
        return [
            path("<int:pk>/file/", wrap(self.file_view), name=f"{name}_file"),
            path("<int:pk>/changes.csv", wrap(self.changes_view), name=f"{name}_changes"),
            path("<int:pk>/undo/", wrap(require_POST(self.undo_view)), name=f"{name}_undo"),
            *super().get_urls(),
        ]

    def get_queryset(self, request):
        rights = rights_of(request.user)
        logs = super().get_queryset(request).exclude(state=ImportState.PREVIEWED)
        logs = logs.defer("file", "report", "versions", "outcome")
        return logs if rights.is_over_all else logs.filter(user=request.user)

    def has_module_permission(self, request):
        return rights_of(request.user).is_staff

    def has_view_permission(self, request, obj=None):
        return rights_of(request.user).is_staff

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False

    def get_log(self, request, pk) -> ImportLog:
        if not self.has_view_permission(request):
            raise PermissionDenied
        require_numbers(str(pk))
        log = self.get_queryset(request).defer(None).defer("file", "outcome").filter(pk=pk).first()
        if log is None:
            raise Http404
        return log

    def change_view(self, request, object_id, form_url="", extra_context=None):
        """Show what an import changed, and offer its file and the way back."""
        log = self.get_log(request, object_id)
        context = self.admin_site.each_context(request) | {
            "title": f"取込の記録：{log}",
            "opts": self.opts,
            "log": log,
            "kind": self.kind(log),
            "media": self.media,
            "can_undo": log.state == ImportState.IMPORTED,
            "changed_rows": log.new_count + log.changed_count,
            "changes_address": reverse("admin:portal_importlog_changes", args=[log.pk]),
            "file_address": reverse("admin:portal_importlog_file", args=[log.pk]),
            "undo_address": reverse("admin:portal_importlog_undo", args=[log.pk]),
        }
        return TemplateResponse(request, "admin/import_export/log.html", context)

    def history_view(self, request, object_id, extra_context=None):
        return redirect("admin:portal_importlog_change", object_id)

    def file_view(self, request, pk):
        log = self.get_log(request, pk)
        response = HttpResponse(bytes(log.file), content_type="application/octet-stream")
        response["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(log.file_name)}"
        return response

    def changes_view(self, request, pk):
        """Answer each cell that an import changed as a row of CSV."""
        log = self.get_log(request, pk)
        parts = iter_csv(CHANGES_HEADER, iter_changes(log.report))
        response = StreamingHttpResponse(parts, content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="import-{log.pk}-changes.csv"'
        return response

    def undo_view(self, request, pk):
        log = self.get_log(request, pk)
        try:
            undo_import(log, request.user, request)
        except UndoError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, "取込を取り消しました。取り込む前の内容に戻っています。")
        return redirect("admin:portal_importlog_change", log.pk)

    @admin.display(description="取り込んだ日時", ordering="imported_at")
    def moment(self, log):
        return log.imported_at

    @admin.display(description="記録の種類", ordering="model")
    def kind(self, log):
        return apps.get_model(log.model)._meta.verbose_name

    @admin.display(description="件数")
    def counts(self, log):
        return f"新規{log.new_count}、変更{log.changed_count}、変更なし{log.unchanged_count}"
