"""The page of the audit log: to be read, searched and saved, and never changed."""

from django.contrib import admin
from django.http import HttpResponse
from django.utils import timezone

from .audit import AuditAction, AuditEntry, write_audit
from .rights import rights_of
from .spreadsheet_writing import write_csv

COLUMNS = {
    "日時": lambda entry: timezone.localtime(entry.at).strftime("%Y-%m-%d %H:%M:%S"),
    "できごと": lambda entry: entry.get_action_display(),
    "ユーザー名": lambda entry: entry.username,
    "対象": lambda entry: entry.record,
    "内容": lambda entry: entry.detail,
    "接続元": lambda entry: entry.address,
}


def may_read_audit(user) -> bool:
    return rights_of(user).is_over_all


@admin.register(AuditEntry)
class AuditEntryAdmin(admin.ModelAdmin):
    list_display = ["moment", "action", "username", "record", "detail", "address"]
    list_filter = ["action", "at", ("user", admin.RelatedOnlyFieldListFilter)]
    date_hierarchy = "at"
    search_fields = ["username", "record", "detail", "address"]
    actions = ["save_as_csv"]
    list_per_page = 100

    def has_module_permission(self, request):
        return may_read_audit(request.user)

    def has_view_permission(self, request, obj=None):
        return may_read_audit(request.user)

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False

    @admin.display(description="日時", ordering="at")
    def moment(self, entry):
        return COLUMNS["日時"](entry)

    @admin.action(description="選んだ記録をCSVで保存", permissions=["view"])
    def save_as_csv(self, request, queryset):
        write_audit(request, AuditAction.EXPORT, record="監査記録", detail=f"{len(queryset)}件")
        rows = ([get(entry) for get in COLUMNS.values()] for entry in queryset)
        response = HttpResponse(write_csv(list(COLUMNS), rows), content_type="text/csv")
        response["Content-Disposition"] = 'attachment; filename="audit.csv"'
        return response
