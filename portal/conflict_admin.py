"""Two people at once: a form that no longer fits its record overwrites nothing, and is not lost."""

import hashlib
import json
from dataclasses import dataclass

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, models, transaction
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from . import versions
from .differences import compare, merge
from .models import Role, Version
from .publishing import Revisable, Status
from .revisions import find_end, for_original


@dataclass(frozen=True)
class FormState:
    """What a form was made from: the record, its latest version then, and a mark of what it showed."""

    record: int
    version: int
    mark: str

    def __str__(self):
        return f"{self.record}.{self.version}.{self.mark}"

    @classmethod
    def read(cls, text: str):
        """Return the state that a form sends; None where it sends none."""
        parts = (text or "").split(".")
        if len(parts) != 3 or not all(part.isdecimal() and len(part) < 19 for part in parts[:2]):
            return None
        return cls(int(parts[0]), int(parts[1]), parts[2])


@dataclass(frozen=True)
class LateForm:
    """A form that no longer fits: the whole record, and what it was when the form was made.

    Of a revision that is there no more, `original` is what it revised, and `numbers` which of the
    original's rows (value) its rows (key) are.
    """

    root: models.Model
    base: dict
    is_locked: bool
    original: models.Model | None = None
    numbers: dict | None = None


class StaleForm(Exception):
    """Leaves the transaction in which a late form was tried; `content` is what it came to."""

    def __init__(self, record, content):
        super().__init__(str(record))
        self.record, self.content = record, content


class ConflictPages:
    """Adds to a record's form what tells that others were faster.

    A late form is applied to what its author saw, in a transaction that is rolled back. Its changes,
    and no more, are then laid over what is saved now, kept in the history, and shown.
    """

    def mark_of(self, obj) -> str:
        """Return a mark of all that the form of a saved record shows; another once it changes."""
        rows = [versions.take_rows(self.model, self.model._base_manager.filter(pk=obj.pk))]
        for inline in self.inlines:
            if versions.is_versioned(inline.model):
                name = inline.fk_name or versions.root_path(inline.model).split("__")[0]
                parts = inline.model._base_manager.filter(**{name: obj.pk}).order_by("pk")
                rows.append(versions.take_rows(inline.model, parts))
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()

    def render_change_form(self, request, context, add=False, change=False, form_url="", obj=None):
        if change and obj and request.method == "POST":
            context["form_state"] = request.POST.get("form_state", "")
        elif change and obj and self.has_change_permission(request, obj):
            root = versions.root_of(obj)
            known = Version.objects.about(root).filter(is_deletion=False).order_by("-number")
            number = known.values_list("number", flat=True).first() or 0
            context["form_state"] = str(FormState(root.pk, number, self.mark_of(obj)))
        return super().render_change_form(request, context, add, change, form_url, obj)

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        if "_saveasnew" in request.POST:
            raise PermissionDenied  # a copy would pass by what its owner allows
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except StaleForm as stale:
            return self.show_conflict(request, stale)

    def _changeform_view(self, request, object_id, form_url, extra_context):
        if request.method == "POST" and object_id:
            request.late = self.find_late(request, object_id)
        response = super()._changeform_view(request, object_id, form_url, extra_context)
        if getattr(request, "late", None):  # and not valid: it is asked for again
            if hasattr(response, "render"):
                response.render()
            transaction.set_rollback(True)
        return response

    def find_late(self, request, object_id) -> LateForm | None:
        """Lock the record of a form; where the form is late, make the record what its author saw."""
        obj = self.get_object(request, object_id)
        if obj:
            versions.begin_change(versions.root_of(obj))
            obj = self.get_object(request, object_id)
        state = FormState.read(request.POST.get("form_state"))
        if state is None:
            return None
        if obj and self.is_editable(obj) and self.mark_of(obj) == state.mark:
            return None
        root = self.root_model._base_manager.filter(pk=state.record).first()
        root_admin = self.admin_site.get_model_admin(self.root_model)
        ended = None
        if root is None and issubclass(self.root_model, Revisable):
            ended = find_end(self.root_model, state.record)
            root = ended and revive(ended[0], state)
        if root is None or not all(
            root_admin.may_write(request) and root_admin.is_own(request, record, Role.EDITOR)
            for record in [root, *(ended or [])[:1]]
        ):
            return None
        if obj and versions.root_of(obj) != root:
            raise PermissionDenied
        versions.begin_change(root)
        is_locked = not root_admin.is_editable(root)
        request.late = LateForm(root, {}, is_locked)  # opens what is locked to the form
        self.put_as_seen(request, object_id, root, state)
        return LateForm(root, versions.take(root), is_locked, *(ended or ()))

    def put_as_seen(self, request, object_id, root, state):
        """Put the version back that a form was made from; leave the record where none fits."""
        known = Version.objects.about(root).filter(is_deletion=False)
        version = known.filter(number=state.version).first() or known.order_by("number").first()
        if version is None:
            return
        try:
            with transaction.atomic():
                versions.put(root, version.content)
                obj = self.get_object(request, object_id)
                if obj is None or self.mark_of(obj) != state.mark:
                    raise versions.ContentError
        except (versions.ContentError, IntegrityError):
            root.refresh_from_db()

    def keep_late(self, request, obj):
        """Leave the transaction where the form that was saved in it is late."""
        if getattr(request, "late", None):
            raise StaleForm(obj, versions.take(versions.root_of(obj)))

    def show_conflict(self, request, stale):
        """Keep what a late form changed in the history, and show it beside what is saved now."""
        late, request.late = request.late, None
        root, base, content = late.original or late.root, late.base, stale.content
        model = type(root)
        if late.original:
            base, content = (for_original(c, root, late.numbers) for c in (base, content))
        with transaction.atomic():
            versions.lock(root)
            root.refresh_from_db()
            now = versions.take(root)
            merged = merge(model, base, content, now)
            latest = Version.objects.about(root).filter(is_deletion=False).first()
            if merged == now:
                messages.info(
                    request,
                    "あなたが変えたところで、まだ保存されていないものはありません。"
                    "いまの内容を表示しています。",
                )
                return redirect(self.page_of(root))
            part = "" if self.is_root else f"{self.opts.verbose_name}「{stale.record}」"
            aside = versions.save_aside(root, merged, "保存されなかった入力", request.user, part)
        root_admin = self.admin_site.get_model_admin(model)
        is_there = type(stale.record)._base_manager.filter(pk=stale.record.pk).exists()
        context = self.page_context(request, root, "同時の変更") | {
            "record": stale.record,
            "record_address": self.page_of(stale.record if is_there else root),
            "aside": aside,
            "latest": latest,
            "mine": compare(model, now, merged),
            "theirs": compare(model, base, now),
            "is_locked": late.is_locked,
            "has_ended": late.original is not None,
            "can_restore": root_admin.may_restore(request, root),
            "makes_revision": not root_admin.has_change_permission(request, root),
            "restore_address": self.page_of(root, "restore_version", aside.number),
            "version_address": self.page_of(root, "version", aside.number),
        }
        return TemplateResponse(request, "admin/record_conflict.html", context, status=409)


def revive(original, state):
    """Save a revision that is there no more as a form's author saw it; for a transaction rolled back."""
    model = type(original)
    seen = Version.objects.about(model(pk=state.record)).filter(number=state.version).first()
    if seen is None:
        return None
    model._base_manager.filter(revises=original).update(revises=None, status=Status.BINNED)
    fields = {"pk": state.record, "status": Status.BINNED, "revises": original}
    record = versions.make_instance(model, seen.content, **fields)
    record.save(force_insert=True)
    versions.put(record, seen.content)
    return record
