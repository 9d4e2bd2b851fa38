"""The history of a whole record in the admin: its versions, what changed, and the way back."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import IntegrityError, transaction
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.views.decorators.http import require_POST

from . import versions
from .audit import AuditAction, write_audit
from .differences import compare
from .models import Role, Transition, Version
from .publishing import Publication
from .revisions import get_revision, make_revision
from .workflow import RULES, has_role

PAGE_SIZE = 50


class HistoryPages:
    """Adds the pages of a record's versions to its admin."""

    def get_urls(self):
        def named(name):
            return f"{self.opts.app_label}_{self.opts.model_name}_{name}"

        wrap = self.admin_site.admin_view
        own = [
            path(
                "<int:object_id>/versions/<int:number>/",
                wrap(self.version_view),
                name=named("version"),
            ),
            path(
                "<int:object_id>/versions/<int:number>/restore/",
                wrap(require_POST(self.restore_view)),
                name=named("restore_version"),
            ),
        ]
        return (own if hasattr(self.model, "part_paths") else []) + super().get_urls()

    def get_visible(self, request, object_id):
        """Return a record that the user may see; raise Http404 or PermissionDenied."""
        require_numbers(str(object_id))
        obj = self.get_object(request, str(object_id))
        if obj is None:
            raise Http404
        if not self.has_view_permission(request, obj):
            raise PermissionDenied
        return obj

    def get_recorded(self, request, object_id):
        """Return a record that the user may see, or a deleted one as its last version has it."""
        require_numbers(str(object_id))
        try:
            return self.get_visible(request, object_id)
        except Http404:
            if not self.is_root or issubclass(self.model, Publication):
                raise
        last = Version.objects.about(self.model(pk=object_id)).first()
        if last is None or not self.has_view_permission(request):
            raise Http404
        obj = versions.make_instance(self.model, last.content)
        obj.pk, obj.is_deleted = object_id, True
        return obj

    def page_of(self, obj, name="change", *args) -> str:
        opts = obj._meta
        return reverse(f"admin:{opts.app_label}_{opts.model_name}_{name}", args=[obj.pk, *args])

    def history_view(self, request, object_id, extra_context=None):
        """List the versions and steps of the whole record, also when a part of it is asked for."""
        obj = self.get_recorded(request, object_id)
        if not self.is_root:
            return redirect(self.page_of(versions.root_of(obj), "history"))
        found = Version.objects.about(obj).without_content().order_by("-number")
        page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("p"))
        context = self.page_context(request, obj, "履歴") | {
            "page": page,
            "steps": [
                (step, RULES[step.action].label if step.action in RULES else step.action)
                for step in Transition.objects.about(obj)
            ],
        }
        return TemplateResponse(request, "admin/record_history.html", context)

    def version_view(self, request, object_id, number):
        obj = self.get_recorded(request, object_id)
        version = get_object_or_404(Version.objects.about(obj), number=number)
        before = Version.objects.about(obj).filter(number__lt=number, is_deletion=False).first()
        content, now = version.content, versions.take(obj)
        is_deleted = is_deleted_record(obj)
        since_then = [] if is_deleted else compare(self.model, content, now)
        context = self.page_context(request, obj, f"第{number}版") | {
            "version": version,
            "before": before,
            "changes": compare(self.model, before.content, content) if before else [],
            "since_then": since_then,
            "is_deleted": is_deleted,
            "can_restore": (since_then or is_deleted) and self.may_restore(request, obj),
            "makes_revision": not is_deleted and not self.has_change_permission(request, obj),
            "latest": versions.latest_version(obj).number,
        }
        return TemplateResponse(request, "admin/record_version.html", context)

    def may_restore(self, request, obj) -> bool:
        """Tell whether the user may bring back a version: into the record, or into a revision."""
        if is_deleted_record(obj):
            return self.may_write(request)
        if self.has_change_permission(request, obj):
            return True
        return self.may_revise(request, obj) and get_revision(obj) is None

    def restore_view(self, request, object_id, number):
        """Bring a version back: into the record itself, or into a revision where it is public."""
        obj = self.get_recorded(request, object_id)
        version = get_object_or_404(Version.objects.about(obj), number=number)
        if not self.may_restore(request, obj):
            raise PermissionDenied
        try:
            with transaction.atomic():
                target, message = self.restore(request, obj, version)
        except versions.ContentError as error:
            messages.error(request, str(error))
            return redirect(self.page_of(obj, "version", number))
        except IntegrityError:
            messages.error(
                request,
                f"第{number}版の識別子や番号を、いまはほかの記録が使っているため、戻せません。",
            )
            return redirect(self.page_of(obj, "version", number))
        messages.success(request, message)
        return redirect(self.page_of(target))

    def restore(self, request, obj, version):
        """Return the record that a version was brought back into, and what to say of it."""
        if is_deleted_record(obj):
            record = versions.restore_deleted(version, request.user)
            write_audit(request, AuditAction.RESTORED, record=f"{self.opts.verbose_name}：{record}")
            return record, f"第{version.number}版の内容で、削除した記録を戻しました。"
        versions.begin_change(obj)
        obj.refresh_from_db()
        if request.POST.get("latest") not in (None, str(versions.latest_version(obj).number)):
            raise versions.ContentError(
                "画面を開いたあとで、ほかの職員が保存しました。違いをもう一度確かめてください。"
            )
        if not self.may_restore(request, obj):
            raise versions.ContentError(
                f"「{obj}」は、いま「{obj.get_status_display()}」です。戻せません。"
            )
        if not self.has_change_permission(request, obj):
            revision = make_revision(obj, request.user, version.content)
            self.require_own(request, revision)
            return (
                revision,
                f"第{version.number}版の内容で、改訂案を作りました。承認されると公開されます。",
            )
        versions.put(obj, version.content)
        self.require_own(request, obj)
        versions.save_version(obj, f"第{version.number}版の内容に戻す", request.user)
        return obj, f"第{version.number}版の内容に戻しました。"

    def require_own(self, request, obj):
        """Refuse a content that belongs to other departments than the user's."""
        if not has_role(request.user, Role.EDITOR, obj):
            raise versions.ContentError("ほかの部局の記録になるため、この版には戻せません。")

    def page_context(self, request, obj, title) -> dict:
        opts = obj._meta
        return self.admin_site.each_context(request) | {
            "title": f"{title}：{obj}",
            "page_title": title,
            "object": obj,
            "original": obj,
            "opts": opts,
            "change_address": self.page_of(obj),
            "list_address": reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist"),
            "media": self.media,
        }


def is_deleted_record(obj) -> bool:
    return getattr(obj, "is_deleted", False)


def require_numbers(*texts):
    """Raise Http404 for a key that is no number."""
    if not all(text.isascii() and text.isdecimal() and len(text) < 19 for text in texts):
        raise Http404
