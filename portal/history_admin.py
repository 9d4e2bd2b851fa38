"""The history of a whole record in the admin: its versions, what changed, and the way back."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.views.decorators.http import require_POST

from . import versions
from .differences import compare
from .models import Transition, Version
from .publishing import Revisable, Status
from .revisions import get_revision, make_revision
from .workflow import RULES

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

    def page_of(self, obj, name="change", *args) -> str:
        opts = obj._meta
        return reverse(f"admin:{opts.app_label}_{opts.model_name}_{name}", args=[obj.pk, *args])

    def history_view(self, request, object_id, extra_context=None):
        """List the versions and steps of the whole record, also when a part of it is asked for."""
        obj = self.get_visible(request, object_id)
        if not self.is_root:
            return redirect(self.page_of(versions.root_of(obj), "history"))
        found = Version.objects.about(obj).without_content().order_by("-number")
        page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("p"))
        context = self.page_context(request, obj, "履歴") | {
            "page": page,
            "steps": [
                (step, RULES[step.action].label if step.action in RULES else step.action)
                for step in Transition.objects.about(obj)[:PAGE_SIZE]
            ],
        }
        return TemplateResponse(request, "admin/record_history.html", context)

    def version_view(self, request, object_id, number):
        obj = self.get_visible(request, object_id)
        version = get_object_or_404(Version.objects.about(obj), number=number)
        before = Version.objects.about(obj).filter(number__lt=number, is_deletion=False)
        before = before.order_by("-number").first()
        content = version.content
        since_then = compare(self.model, content, self.content_now(obj))
        context = self.page_context(request, obj, f"第{number}版") | {
            "version": version,
            "before": before,
            "changes": compare(self.model, before.content, content) if before else [],
            "since_then": since_then,
            "can_restore": bool(since_then) and self.may_restore(request, obj),
            "makes_revision": isinstance(obj, Revisable) and obj.status == Status.PUBLISHED,
        }
        return TemplateResponse(request, "admin/record_version.html", context)

    def content_now(self, obj) -> dict:
        return versions.take(obj)

    def may_restore(self, request, obj) -> bool:
        """Tell whether the user may bring back a version: into the record, or into a revision."""
        if self.has_change_permission(request, obj):
            return True
        return self.may_revise(request, obj) and get_revision(obj) is None

    def restore_view(self, request, object_id, number):
        """Bring a version back: into the record itself, or into a revision where it is public."""
        obj = self.get_visible(request, object_id)
        version = get_object_or_404(Version.objects.about(obj), number=number)
        if not self.may_restore(request, obj):
            raise PermissionDenied
        try:
            with transaction.atomic():
                if self.has_change_permission(request, obj):
                    versions.begin_change(obj)
                    obj.refresh_from_db()
                    versions.put(obj, version.content)
                    versions.save_version(obj, f"第{number}版の内容に戻す", request.user)
                    target, message = obj, f"第{number}版の内容に戻しました。"
                else:
                    target = make_revision(obj, request.user, version.content)
                    message = (
                        f"第{number}版の内容で、改訂案を作りました。承認されると公開されます。"
                    )
        except versions.ContentError as error:
            messages.error(request, str(error))
            return redirect(self.page_of(obj, "version", number))
        messages.success(request, message)
        return redirect(self.page_of(target))

    def show_conflict(self, request, stale):
        """Keep what a late save would have made in the history, and show both side by side."""
        root = versions.root_of(stale.record)
        with transaction.atomic():
            versions.lock(root)
            aside = versions.save_aside(
                root, stale.content, "保存されなかった入力", request.user, self.opts.verbose_name
            )
            now = versions.take(root)
        latest = Version.objects.about(root).filter(is_deletion=False).order_by("-number").first()
        root_admin = self.admin_site.get_model_admin(type(root))
        context = self.page_context(request, root, "同時の変更") | {
            "record": stale.record,
            "record_address": self.page_of(stale.record),
            "aside": aside,
            "latest": latest,
            "changes": compare(type(root), now, stale.content),
            "is_locked": stale.reason == "state",
            "can_restore": root_admin.may_restore(request, root),
            "restore_address": self.page_of(root, "restore_version", aside.number),
            "version_address": self.page_of(root, "version", aside.number),
        }
        return TemplateResponse(request, "admin/record_conflict.html", context, status=409)

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


def require_numbers(*texts):
    """Raise Http404 for a key that is no number."""
    if not all(text.isascii() and text.isdecimal() and len(text) < 19 for text in texts):
        raise Http404
