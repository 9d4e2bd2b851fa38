"""What the admin pages of all records share: who may do what, forms, versions, public address."""

from collections import defaultdict

from django.apps import apps
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode

from . import versions
from .amounts import format_thousand_yen, format_yen
from .audit import AuditAction, write_audit
from .conflict_admin import ConflictPages
from .fiscal_year import FiscalYearError, format_fiscal_year
from .history_admin import HistoryPages
from .models import Department, FiscalYearField, Role
from .publishing import Publication, Revisable, Status
from .record_inlines import FORM_FIELDS, StateChoices
from .record_resources import move_updated_at
from .rights import rights_of
from .search_index import hold_indexing, pass_by_index
from .workflow_admin import WorkflowPages

PUBLICATION_FIELDSET = (
    "公開",
    {"fields": [("status", "publish_from", "publish_until"), "internal_note", "updated_at"]},
)
CITED_FIELDSET = ("出典", {"fields": [("source", "locator")]})
STATE_FIELDS = ["status", "publish_from", "publish_until"]


class FiscalYearFilter(admin.AllValuesFieldListFilter):
    """Offers the years of the records that the user may see."""

    def __init__(self, field, request, params, model, model_admin, field_path):
        super().__init__(field, request, params, model, model_admin, field_path)
        years = model_admin.get_queryset(request).order_by(field_path)
        self.lookup_choices = years.distinct().values_list(field_path, flat=True)

    def choices(self, changelist):
        for choice in super().choices(changelist):
            yield choice | {"display": fiscal_year_label(choice["display"])}


admin.FieldListFilter.register(
    lambda field: isinstance(field, FiscalYearField), FiscalYearFilter, take_priority=True
)


class StateFilter(admin.SimpleListFilter):
    """Narrows by how far records are, and to those that have an open revision."""

    title, parameter_name = "公開状態", "status"
    STATES = [Status.DRAFT, Status.IN_REVIEW, Status.PUBLISHED, Status.WITHDRAWN]

    def lookups(self, request, model_admin):
        states = [(status.value, status.label) for status in self.STATES]
        is_revisable = issubclass(model_admin.model, Revisable)
        return states + ([("revision", "改訂案あり")] if is_revisable else [])

    def queryset(self, request, queryset):
        if self.value() == "revision":
            return queryset.exclude(revision=None)
        is_state = self.value() in dict(self.lookup_choices)
        return queryset.filter(status=self.value()) if is_state else queryset


class RecordAdmin(StateChoices, ConflictPages, HistoryPages, WorkflowPages, admin.ModelAdmin):
    """Admin of a record or of its parts, for the departments that it belongs to.

    `updates` is the path to the publication whose `updated_at` a change moves on.
    """

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
        self.is_root = hasattr(model, "part_paths")
        self.root_model = versions.root_model(model)
        self.root_path = versions.root_path(model)
        self.owner_name = self.root_path.split("__")[0]
        path = getattr(self.root_model, "department_path", None)
        self.scope = path and "__".join(filter(None, [self.root_path, path]))
        for field in model._meta.many_to_many:
            name_links(field)

    # Who may do what

    def get_queryset(self, request):
        queryset, joined = super().get_queryset(request), [*self.list_select_related]
        if self.is_root and issubclass(self.model, Revisable):
            joined.append("revision")
        rights = rights_of(request.user)
        if not rights.is_staff:
            return queryset.none()
        if self.scope:
            queryset = rights.limit(queryset, self.scope)
        at = f"{self.root_path}__" if self.root_path else ""
        if issubclass(self.root_model, Publication) and not getattr(request, "late", None):
            queryset = queryset.exclude(**{f"{at}status": Status.BINNED})
        if issubclass(self.root_model, Revisable) and self._lists_all(request):
            queryset = queryset.filter(**{f"{at}revises": None})
        return queryset.select_related(*joined) if joined else queryset

    def _lists_all(self, request) -> bool:
        """Tell whether a page lists records of all kinds, not those of one chosen record."""
        match = request.resolver_match
        is_list = match and (match.url_name or "").endswith(("_changelist", "_export"))
        return bool(is_list) and f"{self.owner_name}__id__exact" not in request.GET

    def may_write(self, request) -> bool:
        """Tell whether the user may write records of this kind at all."""
        rights = rights_of(request.user)
        if self.scope or getattr(self.root_model, "kept_by", None) == Role.EDITOR:
            return rights.edits
        return rights.is_over_all

    def is_own(self, request, obj, role=None) -> bool:
        """Tell whether a saved record is the user's: for any role, or for one."""
        rights = rights_of(request.user)
        if rights.is_over_all or not self.scope:
            return rights.is_staff
        known = request.__dict__.setdefault("_departments", {})
        if (self.model, obj.pk) not in known:
            found = self.model._base_manager.filter(pk=obj.pk).values_list(self.scope, flat=True)
            known[self.model, obj.pk] = set(found) - {None}
        departments = known[self.model, obj.pk]
        if role:
            return rights.acts_as(role, departments)
        return not rights.departments.isdisjoint(departments)

    def is_editable(self, obj) -> bool:
        """Tell whether a record is in a state in which its content may change."""
        root = versions.root_of(obj)
        if isinstance(root, Revisable):
            return root.status == Status.DRAFT
        if isinstance(root, Publication):
            return root.status not in (Status.IN_REVIEW, Status.BINNED)
        return True

    def has_module_permission(self, request):
        return rights_of(request.user).is_staff

    def has_view_permission(self, request, obj=None):
        return rights_of(request.user).is_staff and (obj is None or self.is_own(request, obj))

    def has_add_permission(self, request):
        return self.may_write(request)

    def has_change_permission(self, request, obj=None):
        if obj is None or obj.pk is None:
            return self.may_write(request)
        return (
            self.may_write(request)
            and self.is_own(request, obj, Role.EDITOR)
            and (getattr(request, "late", None) or self.is_editable(obj))
        )

    def has_delete_permission(self, request, obj=None):
        """Publications go to the bin by a step of theirs, not by the admin's deletion."""
        if self.is_root and issubclass(self.model, Publication):
            return False
        return self.has_change_permission(request, obj)

    def limit_choices(self, request, queryset, name, chosen=None):
        """Keep the records that a relation of this model may name; `chosen` may stay."""
        field = self.model._meta.get_field(name)
        related, rights = field.related_model, rights_of(request.user)
        related_admin = self.admin_site._registry.get(related)
        if not isinstance(related_admin, RecordAdmin):
            return queryset
        allowed = related_admin.get_queryset(request).select_related(None)
        path, root = versions.root_path(related), versions.root_model(related)
        at = f"{path}__" if path else ""
        if name == self.owner_name:
            if self.scope:
                allowed = rights.limit(allowed, related_admin.scope, Role.EDITOR)
            if issubclass(root, Revisable):
                allowed = allowed.filter(**{f"{at}status": Status.DRAFT})
            elif issubclass(root, Publication):
                allowed = allowed.exclude(**{f"{at}status": Status.IN_REVIEW})
        elif issubclass(root, Revisable) and root is not self.root_model:
            allowed = allowed.filter(**{f"{at}revises": None})
        if related is Department and name == getattr(self.model, "department_path", None):
            allowed = allowed if rights.is_over_all else allowed.filter(pk__in=rights.editing)
        condition = models.Q(pk__in=allowed.order_by().values("pk"))
        if chosen is not None:
            condition |= models.Q(pk__in=chosen)
        return queryset.filter(condition)

    def _limit_field(self, db_field, request, kwargs):
        number = request.resolver_match.kwargs.get("object_id", "")
        chosen = None
        if number.isdecimal():
            chosen = (
                self.model._base_manager.filter(pk=number, **{f"{db_field.name}__isnull": False})
                .order_by()
                .values(db_field.name)
            )
        queryset = kwargs.get("queryset")
        if queryset is None:
            queryset = db_field.related_model._default_manager.all()
        kwargs["queryset"] = self.limit_choices(request, queryset, db_field.name, chosen)
        return kwargs

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        kwargs = self._limit_field(db_field, request, kwargs)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_manytomany(self, db_field, request, **kwargs):
        kwargs = self._limit_field(db_field, request, kwargs)
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def get_search_results(self, request, queryset, search_term):
        """Offer for a relation what the form that asks would accept."""
        match = request.resolver_match
        if match and match.url_name == "autocomplete":
            asking = apps.get_model(request.GET["app_label"], request.GET["model_name"])
            asking_admin = self.admin_site._registry.get(asking)
            if isinstance(asking_admin, RecordAdmin):
                name = request.GET["field_name"]
                queryset = asking_admin.limit_choices(request, queryset, name)
        return super().get_search_results(request, queryset, search_term)

    @admin.display(description="公開状態", ordering="status")
    def state(self, obj):
        """Tell how far a record is, and its revision; needs `revision` loaded."""
        revision = getattr(obj, "revision", None)
        if revision is None:
            return obj.get_status_display()
        return format_html(
            '{} <a class="revision-mark" href="{}">改訂案：{}</a>',
            obj.get_status_display(),
            self.page_of(revision),
            revision.get_status_display(),
        )

    # Forms

    def get_form(self, request, obj=None, change=False, **kwargs):
        form = super().get_form(request, obj, change, **kwargs)
        path, rights = getattr(self.model, "department_path", None), rights_of(request.user)
        if rights.is_over_all or path not in form.base_fields:
            return form

        def clean(self):
            data = form.clean(self) or self.cleaned_data
            chosen = data.get(path)
            chosen = [chosen] if isinstance(chosen, Department) else chosen or []
            if rights.editing.isdisjoint(department.pk for department in chosen):
                self.add_error(path, "自分の部局を選んでください。")
            return data

        return type(form.__name__, (form,), {"clean": clean})

    def get_readonly_fields(self, request, obj=None):
        fields = [*super().get_readonly_fields(request, obj)]
        if hasattr(self.model, "updated_at"):
            fields.append("updated_at")
        if self.is_root and issubclass(self.model, Publication):
            fields += STATE_FIELDS
        if obj and obj.pk and self.owner_name:
            fields.append(self.owner_name)
        if obj and getattr(obj, "is_revision", False):
            identity = ["slug", "fiscal_year", "department"]
            own = {"slug"} if self.model._meta.label_lower != "budgets.settlement" else {*identity}
            fields += [name for name in identity if name in own and hasattr(obj, name)]
        return fields

    def get_view_on_site_url(self, obj=None):
        """Link to the public page only while the public can see it."""
        has_page = obj and hasattr(obj, "get_absolute_url")
        if has_page and type(obj).objects.published().filter(pk=obj.pk).exists():
            return super().get_view_on_site_url(obj)
        return None

    def get_links(self, request, obj):
        """Return (label, address) of the further links on a record's page."""
        if not hasattr(obj, "get_absolute_url") or not rights_of(request.user).is_over_all:
            return []
        return [("更新・正誤を書く", add_url("portal_changenote", record=record_value(obj)))]

    def change_view(self, request, object_id, form_url="", extra_context=None):
        obj = self.get_object(request, object_id)
        context = extra_context or {}
        if obj:
            context |= {"record_links": self.get_links(request, obj)} | self.state_context(
                request, obj
            )
        return super().change_view(request, object_id, form_url, context)

    # Saving

    def save_related(self, request, form, formsets, change):
        super().save_related(request, form, formsets, change)
        obj = form.instance
        root = versions.root_of(obj)
        self.keep_late(request, obj)
        if self.updates:
            move_updated_at(self.model, [obj.pk], self.updates)
        action = "変更" if change else "作成"
        if not self.is_root:
            action = f"{self.opts.verbose_name}「{obj}」の{action}"
        versions.save_version(root, action[:100], request.user)

    def save_model(self, request, obj, form, change):
        if not change and not self.is_root:
            self.require_editable(versions.root_of(obj))
        super().save_model(request, obj, form, change)

    def require_editable(self, root):
        """Lock a record; refuse where somebody else has led it on since the form was checked."""
        versions.begin_change(root)
        root.refresh_from_db()
        if not self.is_editable(root):
            raise PermissionDenied

    @transaction.atomic
    def delete_model(self, request, obj):
        if not self.is_root:
            self._delete_parts(request, versions.root_of(obj), [obj])
            return
        name = str(obj)
        self.require_editable(obj)
        if self.updates:
            move_updated_at(self.model, [obj.pk], self.updates)
        versions.save_version(obj, "削除", request.user, is_deletion=True)
        write_audit(request, AuditAction.DELETED, record=f"{self.opts.verbose_name}：{name}"[:300])
        super().delete_model(request, obj)

    @transaction.atomic
    def delete_queryset(self, request, queryset):
        """Delete what was chosen in a list; the parts of a record as one change of it."""
        if self.is_root:
            for obj in queryset:
                self.delete_model(request, obj)
            return
        chosen = defaultdict(list)
        for obj in queryset:
            chosen[versions.root_of(obj)].append(obj)
        for root in sorted(chosen, key=lambda root: root.pk):
            self._delete_parts(request, root, chosen[root])

    def _delete_parts(self, request, root, parts):
        which = f"「{parts[0]}」" if len(parts) == 1 else f"{len(parts)}件"
        self.require_editable(root)
        if self.updates:
            move_updated_at(self.model, [part.pk for part in parts], self.updates)
        is_indexed = not isinstance(root, Publication) or root.status == Status.PUBLISHED
        with hold_indexing() if is_indexed else pass_by_index():
            for part in parts:
                part.delete()
        action = f"{self.opts.verbose_name}{which}の削除"
        versions.save_version(root, action[:100], request.user)

    def get_deleted_objects(self, objs, request):
        """Refuse what is not the user's, however it was asked for, and say so."""
        to_delete, counts, lacking, protected = super().get_deleted_objects(objs, request)
        refused = [obj for obj in objs if not self.has_delete_permission(request, obj)]
        protected += [
            f"{self.opts.verbose_name}：{obj}（いまは削除できない状態です）" for obj in refused
        ]
        return to_delete, counts, set() if protected else lacking, protected

    def get_actions(self, request):
        actions = super().get_actions(request)
        if self.is_root and issubclass(self.model, Publication):
            actions.pop("delete_selected", None)
        return actions


class PartAdmin(RecordAdmin):
    """Of what is edited within its record; its own page is linked from there."""

    def has_module_permission(self, request):
        return False


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
