"""The way of a record to the public in the admin: steps, revisions, review, preview."""

from django import forms
from django.contrib import messages
from django.contrib.admin.widgets import AdminSplitDateTime
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import path, resolve
from django.views.decorators.http import require_POST

from . import revisions
from .models import ChangeKind, Role, Transition
from .publishing import Publication, Revisable, Status
from .readiness import list_findings
from .workflow import (
    RULES,
    WorkflowError,
    has_role,
    is_own_submission,
    list_actions,
    perform,
    publish_revision,
    submission_of,
)


class StepForm(forms.Form):
    """What one step asks for."""

    comment = forms.CharField(widget=forms.Textarea(attrs={"rows": 4}), required=False)

    def __init__(self, *args, rule, record, figure_changes=(), is_own=False, **kwargs):
        super().__init__(*args, **kwargs)
        self.rule, self.figure_changes = rule, list(figure_changes)
        self.fields["comment"].label = rule.comment_label
        self.fields["comment"].required = rule.needs_comment
        self.fields["comment"].error_messages["required"] = (
            f"{rule.comment_label}を書いてください。"
        )
        if rule.is_approval:
            for name, label, hint in [
                ("publish_from", "公開する日時", "空欄なら、承認するとすぐ公開されます。"),
                ("publish_until", "公開を終える日時", "空欄なら、ずっと公開します。"),
            ]:
                self.fields[name] = forms.SplitDateTimeField(
                    label=label, required=False, widget=AdminSplitDateTime(), help_text=hint
                )
                self.initial.setdefault(name, getattr(record, name))
            if not getattr(record, "is_revision", False):
                self.fields["announcement"] = forms.CharField(
                    label="「更新・正誤」に載せる文",
                    required=False,
                    max_length=500,
                    help_text="公開されます。空欄なら載せません。例：令和3年度の決算を公開しました。",
                )
        if is_own:
            self.fields["is_bypass"] = forms.BooleanField(
                label="自分の申請を、自分で承認します（監査記録に残り、この記録の経過に表示されます）",
                error_messages={"required": "自分で承認するときは、印を付けてください。"},
            )
        for index, change in enumerate(self.figure_changes):
            said = record.announcements.get(change.key, {})
            self.fields[f"kind_{index}"] = forms.ChoiceField(
                label=f"{change.name}（{change.old} → {change.new or '削除'}）",
                choices=ChangeKind.choices,
                widget=forms.RadioSelect,
                initial=said.get("kind"),
                error_messages={"required": "更新か正誤かを選んでください。"},
            )
            self.fields[f"text_{index}"] = forms.CharField(
                label="理由（公開されます）",
                initial=said.get("text", ""),
                max_length=1000,
                error_messages={"required": "理由を書いてください。"},
            )

        self.order_fields([*(name for name in self.fields if name != "comment"), "comment"])

    def announcements(self) -> dict:
        return {
            change.key: {
                "kind": self.cleaned_data[f"kind_{index}"],
                "text": self.cleaned_data[f"text_{index}"],
            }
            for index, change in enumerate(self.figure_changes)
        }


class WorkflowPages:
    """Adds the steps of a publication to its admin."""

    def get_urls(self):
        if not (hasattr(self.model, "part_paths") and issubclass(self.model, Publication)):
            return super().get_urls()

        def named(name):
            return f"{self.opts.app_label}_{self.opts.model_name}_{name}"

        wrap = self.admin_site.admin_view
        own = [
            path("<int:object_id>/step/<slug:action>/", wrap(self.step_view), name=named("step")),
            path(
                "<int:object_id>/revise/",
                wrap(require_POST(self.revise_view)),
                name=named("revise"),
            ),
            path("<int:object_id>/review/", wrap(self.review_view), name=named("review")),
            path("<int:object_id>/preview/", wrap(self.preview_view), name=named("preview")),
        ]
        return own + super().get_urls()

    def may_revise(self, request, obj) -> bool:
        return (
            isinstance(obj, Revisable)
            and not obj.is_revision
            and obj.status == Status.PUBLISHED
            and has_role(request.user, Role.EDITOR, obj)
        )

    def state_context(self, request, obj) -> dict:
        """Return what the panel above a publication's form tells; of the whole for a part."""
        if not (self.is_root and isinstance(obj, Publication)):
            return {}
        revision = revisions.get_revision(obj)
        return {
            "panel": {
                "record": obj,
                "state": obj.get_status_display(),
                "is_public": obj.is_published(),
                "actions": [
                    (rule, self.page_of(obj, "step", rule.action))
                    for rule in list_actions(request.user, obj)
                ],
                "revision": revision,
                "revision_address": revision and self.page_of(revision),
                "original": obj.revises if getattr(obj, "is_revision", False) else None,
                "original_address": (
                    self.page_of(obj.revises) if getattr(obj, "is_revision", False) else ""
                ),
                "revise_address": (
                    self.page_of(obj, "revise")
                    if self.may_revise(request, obj) and not revision
                    else ""
                ),
                "review_address": self.page_of(obj, "review"),
                "preview_address": self.page_of(obj, "preview"),
                "last_step": Transition.objects.about(obj).first(),
                "last_step_label": step_label(Transition.objects.about(obj).first()),
                "findings": list_findings(obj) if obj.status != Status.PUBLISHED else [],
            }
        }

    def get_publication(self, request, object_id):
        obj = self.get_visible(request, object_id)
        if not isinstance(obj, Publication):
            raise Http404
        return obj

    def step_view(self, request, object_id, action):
        """Ask for what a step needs, and take it."""
        obj = self.get_object_of_step(request, object_id, action)
        rule = RULES[action]
        is_own = rule.is_approval and is_own_submission(request.user, obj)
        is_submission = action == "submit" and getattr(obj, "is_revision", False)
        changes = revisions.list_figure_changes(obj) if is_submission else []
        form = StepForm(
            request.POST or None, rule=rule, record=obj, figure_changes=changes, is_own=is_own
        )
        if request.method == "POST" and form.is_valid():
            data = form.cleaned_data
            try:
                result = perform(
                    obj,
                    action,
                    request.user,
                    comment=data["comment"],
                    publish_from=data.get("publish_from"),
                    publish_until=data.get("publish_until"),
                    announcements=form.announcements(),
                    announcement=data.get("announcement", ""),
                    is_bypass=data.get("is_bypass", False),
                    request=request,
                )
            except WorkflowError as error:
                form.add_error(None, str(error))
            else:
                messages.success(request, f"「{result}」：{rule.done}")
                return redirect(self.after_step(request, result))
        context = self.page_context(request, obj, rule.label) | {
            "form": form,
            "rule": rule,
            "findings": list_findings(obj) if action in ("submit", "approve") else [],
            "review_address": self.page_of(obj, "review"),
            "submission": submission_of(obj) if rule.is_approval else None,
        }
        return TemplateResponse(request, "admin/record_step.html", context)

    def get_object_of_step(self, request, object_id, action):
        """Return the record of a step that the user may take; a binned one too."""
        if action not in RULES:
            raise Http404
        obj = self.model._base_manager.filter(pk=object_id).first()
        if obj is None or not self.has_view_permission(request, obj):
            raise Http404
        if not has_role(request.user, RULES[action].role, obj):
            raise PermissionDenied
        return obj

    def after_step(self, request, result) -> str:
        if result.status == Status.BINNED or not self.get_queryset(request).filter(pk=result.pk):
            return "admin:index"
        return self.page_of(result)

    def revise_view(self, request, object_id):
        obj = self.get_publication(request, object_id)
        if not self.may_revise(request, obj):
            raise PermissionDenied
        revision = revisions.make_revision(obj, request.user)
        messages.success(
            request,
            "改訂案を作りました。公開しているページは、承認されるまで変わりません。",
        )
        return redirect(self.page_of(revision))

    def review_view(self, request, object_id):
        """Show before and after side by side, the findings, and what is said of changed figures."""
        obj = self.get_publication(request, object_id)
        is_revision = getattr(obj, "is_revision", False)
        changes = revisions.list_changes(obj) if is_revision else []
        said = [
            (change, obj.announcements.get(change.key))
            for change in (revisions.list_figure_changes(obj, changes) if is_revision else [])
        ]
        context = (
            self.page_context(request, obj, "公開前の確認")
            | self.state_context(request, obj)
            | {"changes": changes, "said": said, "is_revision": is_revision}
            | {"submission": submission_of(obj), "findings": list_findings(obj)}
        )
        return TemplateResponse(request, "admin/record_review.html", context)

    def preview_view(self, request, object_id):
        """Show the public page as it would look if the record were published now.

        The record is published within a transaction that is rolled back: what is shown comes from
        the very view and queries that the public gets.
        """
        obj = self.get_publication(request, object_id)
        below = request.GET.get("below", "")
        with transaction.atomic():
            page = make_public_page(obj, request, below)
            transaction.set_rollback(True)
        if page is None:
            raise Http404
        response = HttpResponse(page)
        response["Cache-Control"] = "private, no-store"
        response["X-Robots-Tag"] = "noindex"
        return response


def make_public_page(obj, request, below="") -> bytes | None:
    """Publish a record and return its public page; for use in a transaction that is rolled back."""
    for whole in wholes_of(obj):
        if not whole.is_published():
            whole.status, whole.publish_from, whole.publish_until = Status.PUBLISHED, None, None
            whole.save()
    if getattr(obj, "is_revision", False):
        obj = publish_revision(obj, request.user)
    obj.status, obj.publish_from, obj.publish_until = Status.PUBLISHED, None, None
    obj.save()
    address = obj.get_absolute_url() + below
    asked = HttpRequest()
    asked.META = {name: value for name, value in request.META.items() if "IF_" not in name}
    asked.META |= {"QUERY_STRING": "", "REQUEST_METHOD": "GET", "PATH_INFO": address}
    asked.method, asked.path, asked.path_info = "GET", address, address
    asked.user = AnonymousUser()
    try:
        match = resolve(address)
        response = match.func(asked, *match.args, **match.kwargs)
    except Http404:
        return None
    if hasattr(response, "render"):
        response.render()
    banner = render_to_string("admin/_preview_banner.html", {"record": obj}).encode()
    return response.content.replace(b"<body>", b"<body>" + banner, 1)


def wholes_of(obj) -> list:
    """Return the publications without which a record's page is not public either."""
    found = []
    for field in obj._meta.concrete_fields:
        if not field.is_relation or field.name in ("source", "revises"):
            continue
        related = getattr(obj, field.name)
        if isinstance(related, Publication):
            found.append(related)
        elif related is not None and hasattr(related, "plan"):
            found.append(related.plan)
    return found


def step_label(step) -> str:
    return RULES[step.action].label if step and step.action in RULES else ""
