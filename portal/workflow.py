"""The way of a record to the public: who may take which step, and what each step does."""

import datetime
from dataclasses import dataclass

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.dispatch import Signal
from django.utils import timezone

from . import versions
from .audit import AuditAction, write_audit
from .models import ChangeKind, ChangeNote, Role, Transition
from .publishing import Revisable, Status
from .readiness import list_findings
from .revisions import (
    apply_revision,
    discard_revision,
    get_revision,
    list_figure_changes,
)
from .rights import rights_of

# Sent with `record` within the transaction in which its content became public, or public anew.
content_published = Signal()


class WorkflowError(ValueError):
    """A step cannot be taken; the text tells a person why."""


@dataclass(frozen=True)
class Rule:
    """One row of the table: `role` may lead a record from one of `sources` to `target`."""

    action: str
    label: str
    done: str
    role: Role
    sources: frozenset[str]
    target: str
    needs_comment: bool = False
    comment_label: str = "コメント"
    of_revisions: bool | None = None  # None: of both; True: only of revisions

    @property
    def is_approval(self) -> bool:
        return self.action == "approve"


def _rule(action, label, done, role, sources, target, **more):
    return Rule(action, label, done, role, frozenset(sources), target, **more)


RULES = {
    rule.action: rule
    for rule in [
        _rule(
            "submit",
            "承認を求める",
            "承認を求めました。",
            Role.EDITOR,
            [Status.DRAFT],
            Status.IN_REVIEW,
        ),
        _rule(
            "take_back",
            "申請を取り戻す",
            "申請を取り戻しました。",
            Role.EDITOR,
            [Status.IN_REVIEW],
            Status.DRAFT,
        ),
        _rule(
            "approve",
            "承認する",
            "承認しました。",
            Role.APPROVER,
            [Status.IN_REVIEW],
            Status.PUBLISHED,
        ),
        _rule(
            "send_back",
            "差し戻す",
            "差し戻しました。",
            Role.APPROVER,
            [Status.IN_REVIEW, Status.APPROVED],
            Status.DRAFT,
            needs_comment=True,
            comment_label="直してほしいこと",
        ),
        _rule(
            "withdraw",
            "取り下げる",
            "取り下げました。",
            Role.APPROVER,
            [Status.PUBLISHED],
            Status.WITHDRAWN,
            needs_comment=True,
            comment_label="取り下げる理由（公開されます）",
        ),
        _rule(
            "reopen",
            "下書きに戻す",
            "下書きに戻しました。",
            Role.EDITOR,
            [Status.WITHDRAWN],
            Status.DRAFT,
            of_revisions=False,
        ),
        _rule(
            "bin",
            "ごみ箱に移す",
            "ごみ箱に移しました。",
            Role.EDITOR,
            [Status.DRAFT, Status.WITHDRAWN],
            Status.BINNED,
            of_revisions=False,
        ),
        _rule(
            "restore",
            "ごみ箱から戻す",
            "ごみ箱から戻し、下書きにしました。",
            Role.EDITOR,
            [Status.BINNED],
            Status.DRAFT,
            of_revisions=False,
        ),
        _rule(
            "discard",
            "改訂案を破棄する",
            "改訂案を破棄しました。中身は履歴に残っています。",
            Role.EDITOR,
            [Status.DRAFT],
            Status.BINNED,
            of_revisions=True,
        ),
    ]
}


def has_role(user, role: Role, record) -> bool:
    """Tell whether the user has a role for a saved record, by its departments."""
    rights = rights_of(user)
    if rights.is_over_all:
        return True
    path = getattr(type(record), "department_path", None)
    if path is None:
        kept_by = getattr(type(record), "kept_by", None)
        return kept_by == Role.EDITOR and bool(rights.departments_as(role))
    departments = type(record)._base_manager.filter(pk=record.pk).values_list(path, flat=True)
    return rights.acts_as(role, set(departments) - {None})


def list_actions(user, record) -> list[Rule]:
    """Return the steps that the user may take with a record now."""
    is_revision = isinstance(record, Revisable) and record.is_revision
    return [
        rule
        for rule in RULES.values()
        if record.status in rule.sources
        and rule.of_revisions in (None, is_revision)
        and has_role(user, rule.role, record)
    ]


def submission_of(record) -> Transition | None:
    """Return who asked for the approval that the record waits for, and when."""
    return Transition.objects.about(record).filter(action="submit").first()


def is_own_submission(user, record) -> bool:
    submission = submission_of(record)
    return bool(submission and submission.user_id == user.pk)


@transaction.atomic
def perform(
    record,
    action: str,
    user,
    *,
    comment: str = "",
    publish_from: datetime.datetime | None = None,
    publish_until: datetime.datetime | None = None,
    announcements: dict | None = None,
    announcement: str = "",
    is_bypass: bool = False,
    request=None,
):
    """Take one step with a record; return the record that it ends with.

    `announcements` is, by the key of each changed figure of a revision, {"kind", "text"};
    `announcement` a sentence for the list of changes when a record becomes public.
    Raises WorkflowError where the step is not to be had, by rule or by right.
    """
    rule = RULES.get(action)
    versions.begin_change(record)
    record.refresh_from_db()
    if rule is None or rule not in list_actions(user, record):
        label = rule.label if rule else action
        raise WorkflowError(
            f"「{record}」は、いま「{record.get_status_display()}」です。「{label}」ことはできません。"
            "ほかの職員が先に進めたか、権限がありません。"
        )
    comment = comment.strip()
    if rule.needs_comment and not comment:
        raise WorkflowError(f"{rule.comment_label}を書いてください。")
    before = record.status
    if action == "submit":
        _require_ready(record)
        if isinstance(record, Revisable) and record.is_revision:
            record.announcements = _require_announcements(record, announcements or {})
    own = rule.is_approval and is_own_submission(user, record)
    if own and not rights_of(user).is_over_all:
        raise WorkflowError(
            "自分が申請したものは、自分では承認できません。ほかの承認者に頼んでください。"
        )
    if own and not is_bypass:
        raise WorkflowError(
            "自分の申請を自分で承認するときは、その旨に印を付けてください。記録に残ります。"
        )
    if publish_from and publish_until and publish_until <= publish_from:
        raise WorkflowError("公開を終える日時は、公開する日時より後にしてください。")
    if action == "reopen" and get_revision(record):
        raise WorkflowError("改訂案があります。改訂案を承認するか、破棄してからにしてください。")
    label = str(record)
    result = _move(record, rule, user, comment, publish_from, publish_until)
    Transition.objects.create(
        content_type=ContentType.objects.get_for_model(record),
        object_id=result.pk,
        label=label[:300],
        action=action,
        before=before,
        after=rule.target if result.pk != record.pk else result.status,
        user=user,
        username=user.get_username(),
        comment=comment,
        is_bypass=own,
    )
    if rule.is_approval and announcement.strip():
        ChangeNote.objects.create(record=result, kind=ChangeKind.UPDATE, text=announcement.strip())
    if own:
        write_audit(request, AuditAction.APPROVAL_BYPASS, user=user, record=label, detail=comment)
    return result


def _move(record, rule: Rule, user, comment, publish_from, publish_until):
    """Carry out a step that is allowed; return the record that it ends with."""
    is_revision = isinstance(record, Revisable) and record.is_revision
    if rule.action == "discard":
        original = record.revises
        discard_revision(record, user, comment)
        return original
    if rule.is_approval:
        _require_ready(record)
        record.publish_from, record.publish_until = publish_from, publish_until
        if is_revision and publish_from and publish_from > timezone.now():
            record.status = Status.APPROVED
            record.save()
            return record
        if is_revision:
            _require_announcements(record, record.announcements)
            return publish_revision(record, user)
    if rule.action == "withdraw":
        record.withdrawal_reason = comment
    elif rule.target in (Status.DRAFT, Status.PUBLISHED):
        record.withdrawal_reason = ""
    record.status = rule.target
    record.save()
    if rule.is_approval:
        content_published.send(sender=type(record), record=record)
    return record


def publish_revision(revision, user):
    """Let a revision take the place of its original; its steps become those of the original."""
    steps = Transition.objects.about(revision)
    pks = list(steps.values_list("pk", flat=True))
    original = apply_revision(revision, user)
    Transition.objects.filter(pk__in=pks).update(object_id=original.pk)
    content_published.send(sender=type(original), record=original)
    return original


def publish_due() -> list:
    """Publish the approved revisions whose day has come; return the originals."""
    published = []
    for model in apps.get_models():
        if not issubclass(model, Revisable):
            continue
        due = model._base_manager.filter(status=Status.APPROVED, publish_from__lte=timezone.now())
        for pk in due.order_by("publish_from").values_list("pk", flat=True):
            with transaction.atomic():
                locked = model._base_manager.select_for_update(of=("self",))
                revision = locked.filter(pk=pk, status=Status.APPROVED).first()
                if revision:
                    approval = Transition.objects.about(revision).filter(action="approve").first()
                    published.append(publish_revision(revision, approval and approval.user))
    return published


def _require_ready(record):
    errors = [finding for finding in list_findings(record) if finding.level == "error"]
    if errors:
        raise WorkflowError(
            f"公開の前に直すところが{len(errors)}件あります。"
            + "".join(f"「{error.where}」{error.message}" for error in errors[:3])
        )


def _require_announcements(revision, announcements: dict) -> dict:
    """Return what is to be said of each changed figure; raise WorkflowError where one is missing."""
    wanted = {}
    for change in list_figure_changes(revision):
        said = announcements.get(change.key) or {}
        text = str(said.get("text", "")).strip()
        if said.get("kind") not in ChangeKind.values or not text:
            raise WorkflowError(
                f"公開している数値「{change.name}」が{change.old}から{change.new or '削除'}に変わります。"
                "更新か正誤かを選び、理由を書いてください。"
            )
        wanted[change.key] = {"kind": said["kind"], "text": text}
    return wanted
