from axes import utils as axes
from axes.models import AccessAttempt
from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.contrib.contenttypes.prefetch import GenericPrefetch
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, Q, Subquery, Sum
from django.http import JsonResponse
from django.urls import path, reverse
from django.utils import timezone
from django_otp.plugins.otp_static.admin import StaticDevice
from django_otp.plugins.otp_totp.admin import TOTPDevice

from . import audit_admin, import_log_admin  # noqa: F401  registers the logs
from .audit import AuditAction, write_audit
from .models import ChangeNote, Department, GlossaryTerm, Membership, Place, SourceDocument
from .publishing import Revisable, live_q
from .record_admin import (
    PUBLICATION_FIELDSET,
    RecordAdmin,
    StateFilter,
    fiscal_year_label,
    record_value,
)
from .reorganisation_admin import ReorganisationPages
from .resources import (
    DepartmentResource,
    GlossaryTermResource,
    PlaceResource,
    SourceDocumentResource,
)
from .rights import rights_of
from .second_factor import remove_second_factor
from .spreadsheet_admin import SpreadsheetAdmin
from .versions import root_model, root_path

admin.site.site_header = admin.site.site_title = f"{settings.SITE_NAME} 管理"
admin.site.index_title = "管理する記録"

FOUND_PER_KIND = 10


@admin.register(Department)
class DepartmentAdmin(ReorganisationPages, SpreadsheetAdmin):
    resource_classes = [DepartmentResource]
    change_list_template = "admin/department_change_list.html"
    list_display = ["name", "parent", "slug", "established", "abolished", "position"]
    list_filter = ["established_in", "abolished_in", ("parent", admin.RelatedOnlyFieldListFilter)]
    list_select_related = ["parent"]
    search_fields = ["name", "name_en", "slug"]
    autocomplete_fields = ["parent", "successors"]
    fieldsets = [
        (None, {"fields": ["name", "name_en", "slug", "parent", "description"]}),
        ("設置と廃止", {"fields": [("established_in", "abolished_in"), "successors"]}),
        ("表示", {"fields": ["position"]}),
    ]

    @admin.display(description="設置年度", ordering="established_in")
    def established(self, department):
        return fiscal_year_label(department.established_in)

    @admin.display(description="廃止年度", ordering="abolished_in")
    def abolished(self, department):
        return fiscal_year_label(department.abolished_in)


@admin.register(SourceDocument)
class SourceDocumentAdmin(SpreadsheetAdmin):
    resource_classes = [SourceDocumentResource]
    list_display = ["title", "issued_by", "issued_on", "fiscal_year_name", "state"]
    list_filter = [StateFilter, "fiscal_year", "issued_by"]
    date_hierarchy = "issued_on"
    search_fields = ["title", "slug", "issued_by"]
    fieldsets = [
        (None, {"fields": ["title", "slug", "issued_by", "issued_on", "fiscal_year"]}),
        ("掲載", {"fields": ["url", "note"]}),
        PUBLICATION_FIELDSET,
    ]

    @admin.display(description="対象年度", ordering="fiscal_year")
    def fiscal_year_name(self, document):
        return fiscal_year_label(document.fiscal_year)


@admin.register(Place)
class PlaceAdmin(SpreadsheetAdmin):
    resource_classes = [PlaceResource]
    list_display = ["name", "code"]
    search_fields = ["name", "code"]


@admin.register(GlossaryTerm)
class GlossaryTermAdmin(SpreadsheetAdmin):
    resource_classes = [GlossaryTermResource]
    list_display = ["term", "reading", "explanation", "has_easy_explanation"]
    list_filter = [("easy_explanation", admin.EmptyFieldListFilter)]
    search_fields = ["term", "reading", "explanation", "easy_explanation"]
    fieldsets = [(None, {"fields": ["term", "reading", "explanation", "easy_explanation"]})]

    @admin.display(description="やさしい説明", ordering="easy_explanation")
    def has_easy_explanation(self, term):
        return "あり" if term.easy_explanation else "なし"


class RecordSelect(AutocompleteSelect):
    """Finds a record of any kind by its name."""

    def get_url(self):
        return reverse("admin:portal_changenote_records")

    def optgroups(self, name, value, attrs=None):
        records = filter(None, map(find_record, filter(None, value)))
        options = [
            self.create_option(name, record_value(record), record_label(record), True, index)
            for index, record in enumerate(records)
        ]
        return [(None, [self.create_option(name, "", "", False, 0), *options], 0)]


class ChangeNoteForm(forms.ModelForm):
    target = forms.CharField(
        label="記録",
        help_text="名前の一部を入れると、取組、決算項目、指標などから探します。",
        error_messages={"required": "どの記録についてか、選んでください。"},
        widget=RecordSelect(ChangeNote._meta.get_field("content_type"), admin.site),
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.instance.pk and self.instance.record:
            self.initial["target"] = record_value(self.instance.record)

    def clean_target(self):
        record = find_record(self.cleaned_data["target"])
        if record is None:
            raise forms.ValidationError("この記録はありません。もう一度選んでください。")
        self.instance.record = record
        return record


@admin.register(ChangeNote)
class ChangeNoteAdmin(RecordAdmin):
    form = ChangeNoteForm
    list_display = ["noted_on", "kind", "record_name", "text"]
    list_filter = ["kind", ("content_type", admin.RelatedOnlyFieldListFilter)]
    date_hierarchy = "noted_on"
    search_fields = ["text", "field", "old", "new"]
    fieldsets = [
        (None, {"fields": ["target", "kind", "noted_on", "text"]}),
        (
            "正誤",
            {
                "fields": ["field", "old", "new"],
                "description": "種別が「正誤」のときは、どの項目を何から何へ直したかを書いてください。",
            },
        ),
    ]

    def get_urls(self):
        view = self.admin_site.admin_view(self.find_records)
        return [path("records/", view, name="portal_changenote_records"), *super().get_urls()]

    def get_queryset(self, request):
        """Leave out the notes on what neither the user nor the public may see."""
        noted = noted_admins()
        records = [
            model.objects.select_related(*a.list_select_related) for model, a in noted.items()
        ]
        notes = super().get_queryset(request).prefetch_related(GenericPrefetch("record", records))
        if rights_of(request.user).is_over_all:
            return notes
        visible = Q(pk__in=ChangeNote.objects.published().order_by().values("pk"))
        for model, model_admin in noted.items():
            own = model_admin.get_queryset(request).order_by().values("pk")
            kind = ContentType.objects.get_for_model(model)
            visible |= Q(content_type=kind, object_id__in=own)
        return notes.filter(visible)

    def get_changeform_initial_data(self, request):
        initial = super().get_changeform_initial_data(request)
        return initial | {"target": initial.pop("record", "")}

    def find_records(self, request):
        """Answer the records of every kind whose name holds `term`, as select2 wants them."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        results = []
        for model_admin in noted_admins().values():
            if model_admin.has_view_permission(request):
                found, _ = model_admin.get_search_results(
                    request, live(model_admin.get_queryset(request)), request.GET.get("term", "")
                )
                results += [
                    {"id": record_value(record), "text": record_label(record)}
                    for record in found[:FOUND_PER_KIND]
                ]
        return JsonResponse({"results": results, "pagination": {"more": False}})

    @admin.display(description="記録")
    def record_name(self, note):
        return record_label(note.record) if note.record else "（削除された記録）"


def noted_admins() -> dict:
    """Return the admins, by model, of the records that have a page of their own to be noted on."""
    return {
        model: model_admin
        for model, model_admin in admin.site._registry.items()
        if isinstance(model_admin, RecordAdmin)
        and hasattr(model, "get_absolute_url")
        and model_admin.search_fields
    }


def find_record(value):
    """Return the record that a value of `record_value` names; None where there is none."""
    label, _, pk = value.rpartition("-")
    models = {model._meta.label_lower: model for model in noted_admins()}
    if label not in models or not pk.isdecimal():
        return None
    return live(models[label].objects).filter(pk=int(pk)).first()


def live(records):
    """Leave out what belongs to a revision or to the bin."""
    model = records.model
    if issubclass(root_model(model), Revisable):
        return records.filter(live_q(root_path(model)))
    return records.all()


def record_label(record) -> str:
    return f"{record._meta.verbose_name}：{record}"


admin.site.unregister([User, Group, StaticDevice, TOTPDevice])


class MembershipInline(admin.TabularInline):
    model = Membership
    autocomplete_fields = ["department"]
    extra = 0

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        """Leave out the buttons beside the department: it is chosen here, not made."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "department":
            field.widget = field.widget.widget
        return field

    def has_view_permission(self, request, obj=None):
        return request.user.is_superuser

    has_add_permission = has_change_permission = has_delete_permission = has_view_permission


@admin.register(User)
class StaffAdmin(UserAdmin):
    list_display = ["username", "last_name", "first_name", "email", "kind", "second_factor", "lock"]
    list_filter = ["is_active", "is_superuser", "memberships__role"]
    filter_horizontal = []
    inlines = [MembershipInline]
    readonly_fields = ["last_login", "date_joined"]
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        ("職員", {"fields": [("last_name", "first_name"), "email"]}),
        (
            "管理画面に入る権限",
            {
                "fields": ["is_active", "is_staff", "is_superuser"],
                "description": "辞めた職員や異動した職員は、削除せずに「有効」を外してください。"
                "だれが何をしたかの記録が残ります。できることは、下の「所属と役割」で決まります。",
            },
        ),
        ("日時", {"fields": ["last_login", "date_joined"]}),
    ]
    actions = ["unlock", "reset_second_factor"]

    def get_inlines(self, request, obj):
        """Give rights on the second page, once there is somebody to give them to."""
        return self.inlines if obj else []

    def get_queryset(self, request):
        devices = TOTPDevice.objects.filter(user=OuterRef("pk"), confirmed=True)
        since = timezone.now() - settings.AXES_COOLOFF_TIME
        failures = (
            AccessAttempt.objects.filter(username=OuterRef("username"), attempt_time__gte=since)
            .order_by()
            .values("username")
            .values(failures=Sum("failures_since_start"))
        )
        users = super().get_queryset(request).prefetch_related("memberships__department")
        return users.annotate(has_device=Exists(devices), failures=Subquery(failures))

    def has_module_permission(self, request):
        return self.has_superuser_permission(request)

    def has_view_permission(self, request, obj=None):
        return self.has_superuser_permission(request)

    def has_add_permission(self, request):
        return self.has_superuser_permission(request)

    def has_change_permission(self, request, obj=None):
        return self.has_superuser_permission(request)

    def has_delete_permission(self, request, obj=None):
        """Nobody: who leaves is no longer active, so that it stays known who did what."""
        return False

    def has_superuser_permission(self, request):
        return request.user.is_active and request.user.is_superuser

    @admin.display(description="権限", ordering="is_superuser")
    def kind(self, user):
        if not user.is_active or not user.is_staff:
            return "管理画面に入れない"
        if user.is_superuser:
            return "すべて"
        return "、".join(map(str, user.memberships.all())) or "なし"

    @admin.display(description="二段階認証", ordering="has_device")
    def second_factor(self, user):
        return "登録済み" if user.has_device else "なし"

    @admin.display(description="ログイン", ordering="failures")
    def lock(self, user):
        return "停止中" if (user.failures or 0) >= settings.AXES_FAILURE_LIMIT else "できる"

    @admin.action(description="ログインの停止を解除", permissions=["superuser"])
    def unlock(self, request, users):
        for user in users:
            axes.reset(username=user.username)
            write_audit(request, AuditAction.UNLOCKED, record=user)
        self.message_user(request, f"{len(users)}人のログインの停止を解除しました。")

    @admin.action(description="二段階認証を解除", permissions=["superuser"])
    def reset_second_factor(self, request, users):
        for user in users:
            remove_second_factor(request, user, detail="管理者による解除")
        self.message_user(request, f"{len(users)}人の二段階認証を解除しました。")
