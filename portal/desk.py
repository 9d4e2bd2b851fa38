"""The start of the admin: what waits for whom, what is planned, what grows old; and the bin."""

import datetime
from dataclasses import dataclass, field

from django.apps import apps
from django.contrib import messages
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import models, transaction
from django.db.models import Q
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from . import versions
from .audit import AuditAction, write_audit
from .models import Role, Transition, Version
from .publishing import Publication, Status
from .rights import rights_of
from .workflow import publish_due

SHOWN = 20
STALE_REVIEW = datetime.timedelta(days=7)
STALE_DRAFT = datetime.timedelta(days=30)
STALE_PUBLIC = datetime.timedelta(days=365)
SOON = datetime.timedelta(days=30)
PAGE_SIZE = 50


@dataclass(frozen=True)
class Entry:
    """A record on the desk, with the step that brought it there."""

    record: models.Model
    address: str
    step: Transition | None = None
    when: datetime.datetime | None = None
    hint: str = ""

    @property
    def kind(self) -> str:
        return self.record._meta.verbose_name

    @property
    def is_revision(self) -> bool:
        return getattr(self.record, "is_revision", False)


@dataclass
class Section:
    title: str
    explanation: str
    entries: list[Entry] = field(default_factory=list)

    @property
    def shown(self) -> list[Entry]:
        return self.entries[:SHOWN]

    @property
    def hidden_count(self) -> int:
        return max(0, len(self.entries) - SHOWN)


def publication_models() -> list[type[Publication]]:
    """Return the models of whole records that go to the public by steps."""
    return [
        model
        for model in apps.get_models()
        if issubclass(model, Publication) and hasattr(model, "part_paths")
    ]


def own_records(model, rights):
    """Return the records of a model on which the user has a role; shared ones for who keeps them."""
    records = model._base_manager.all()
    if path := getattr(model, "department_path", None):
        records = rights.limit(records, path)
    elif not rights.is_over_all and getattr(model, "kept_by", None) != Role.EDITOR:
        return records.none()
    joined = [f.name for f in model._meta.concrete_fields if f.name == "department"]
    return records.select_related(*joined) if joined else records


def admin_page(record, name="change") -> str:
    opts = record._meta
    return reverse(f"admin:{opts.app_label}_{opts.model_name}_{name}", args=[record.pk])


def make_desk(user) -> list[Section]:
    """Return the sections of the user's desk; the number of queries does not grow with the records."""
    rights, now = rights_of(user), timezone.now()
    waiting = Section(
        "あなたの承認を待っています", "内容と違いを確かめて、承認するか、差し戻してください。"
    )
    sent = Section("承認を求めています", "あなたが送り、まだ承認されていません。")
    back = Section("差し戻されました", "コメントを読んで直し、もう一度、承認を求めてください。")
    drafts = Section("下書きと改訂案", "まだ承認を求めていません。")
    planned = Section("予定", "これから公開されるもの、30日以内に公開が終わるものです。")
    stale = Section(
        "しばらく動いていません",
        "7日をこえる承認待ち、30日をこえる下書き、1年をこえて見直していない公開中の記録です。",
    )
    for model in publication_models():
        records = own_records(model, rights)
        found = list(
            records.filter(
                Q(status__in=[Status.IN_REVIEW, Status.DRAFT, Status.APPROVED])
                | Q(status=Status.PUBLISHED, publish_from__gt=now)
                | Q(status=Status.PUBLISHED, publish_until__range=(now, now + SOON))
                | Q(status=Status.PUBLISHED, updated_at__lt=now - STALE_PUBLIC)
            ).order_by("-updated_at")[: SHOWN * 10]
        )
        steps = latest_steps(model, found)
        departments = departments_of(model, found)
        for record in found:
            step = steps.get(record.pk)
            role = _roles(rights, model, departments.get(record.pk, set()))
            own = bool(step and step.action == "submit" and step.user_id == user.pk)
            is_late = record.updated_at < now - STALE_DRAFT
            if record.status == Status.IN_REVIEW:
                if own:
                    sent.entries.append(Entry(record, admin_page(record), step, record.updated_at))
                elif Role.APPROVER in role:
                    entry = Entry(record, admin_page(record, "review"), step, record.updated_at)
                    waiting.entries.append(entry)
                if step and step.happened_at < now - STALE_REVIEW:
                    stale.entries.append(
                        Entry(record, admin_page(record), step, step.happened_at, "承認待ちのまま")
                    )
            elif record.status == Status.DRAFT and Role.EDITOR in role:
                was_sent_back = step and step.action == "send_back"
                (back if was_sent_back else drafts).entries.append(
                    Entry(record, admin_page(record), step, record.updated_at)
                )
                if is_late:
                    stale.entries.append(
                        Entry(record, admin_page(record), step, record.updated_at, "下書きのまま")
                    )
            elif record.status == Status.APPROVED or (
                record.status == Status.PUBLISHED
                and record.publish_from
                and record.publish_from > now
            ):
                planned.entries.append(
                    Entry(record, admin_page(record), step, record.publish_from, "公開")
                )
            if record.status == Status.PUBLISHED:
                if record.publish_until and now < record.publish_until <= now + SOON:
                    planned.entries.append(
                        Entry(
                            record, admin_page(record), step, record.publish_until, "公開の終わり"
                        )
                    )
                if record.updated_at < now - STALE_PUBLIC:
                    stale.entries.append(
                        Entry(record, admin_page(record), step, record.updated_at, "公開中")
                    )
    planned.entries.sort(key=lambda entry: entry.when)
    return [waiting, back, sent, planned, drafts, stale]


def _roles(rights, model, departments) -> set[Role]:
    """Return the user's roles for a record of these departments."""
    if rights.is_over_all:
        return {Role.EDITOR, Role.APPROVER}
    if not hasattr(model, "department_path"):
        return {role for role in (Role.EDITOR, Role.APPROVER) if rights.departments_as(role)}
    return {r for r in (Role.EDITOR, Role.APPROVER) if rights.acts_as(r, departments)}


def latest_steps(model, records) -> dict[int, Transition]:
    """Return the last step of each record that has one, by the record's number."""
    steps = Transition.objects.filter(
        content_type=ContentType.objects.get_for_model(model),
        object_id__in=[record.pk for record in records],
    )
    return {step.object_id: step for step in steps.order_by("pk")}


def departments_of(model, records) -> dict[int, set[int]]:
    """Return the departments of each record, by its number."""
    path, found = getattr(model, "department_path", None), {}
    if path and records:
        pairs = model._base_manager.filter(pk__in=[record.pk for record in records])
        for pk, department in pairs.order_by().values_list("pk", path):
            found.setdefault(pk, set()).add(department)
    return found


def desk_context(request) -> dict:
    publish_due()
    return {
        "title": "あなたの仕事",
        "desk": [section for section in make_desk(request.user) if section.entries],
    }


# The bin


def binned_records(rights) -> list:
    """Return the publications in the bin on which the user has a role, the latest first."""
    found = []
    for model in publication_models():
        found += own_records(model, rights).filter(status=Status.BINNED).order_by("-updated_at")
    return sorted(found, key=lambda record: record.updated_at, reverse=True)


def deleted_versions():
    """Return the last versions of the deleted records that are not there any more."""
    gone = Q(pk__in=[])
    for model in apps.get_models():
        if versions.is_versioned(model) and versions.root_model(model) is model:
            there = model._base_manager.order_by().values("pk")
            content_type = ContentType.objects.get_for_model(model)
            gone |= Q(content_type=content_type) & ~Q(object_id__in=there)
    newer = Version.objects.filter(
        content_type=models.OuterRef("content_type"),
        object_id=models.OuterRef("object_id"),
        number__gt=models.OuterRef("number"),
    )
    return (
        Version.objects.filter(gone, is_deletion=True, action="削除")
        .exclude(models.Exists(newer))
        .without_content()
        .select_related("content_type")
        .order_by("-pk")
    )


def bin_view(site, request):
    """List what was deleted, each with the way back."""
    rights = rights_of(request.user)
    if not rights.is_staff:
        raise PermissionDenied
    records = Paginator(binned_records(rights), PAGE_SIZE).get_page(request.GET.get("p"))
    context = site.each_context(request) | {
        "title": "ごみ箱",
        "page": records,
        "binned": [
            (record._meta.verbose_name, record, reverse_step(record, "restore"))
            for record in records
        ],
        "deleted": deleted_versions()[:PAGE_SIZE] if rights.is_over_all else [],
    }
    return TemplateResponse(request, "admin/bin.html", context)


def restore_view(site, request, pk):
    """Bring a deleted record back under its number."""
    if not rights_of(request.user).is_over_all:
        raise PermissionDenied
    if request.method != "POST":
        raise Http404
    version = get_object_or_404(Version, pk=pk, is_deletion=True, action="削除")
    try:
        with transaction.atomic():
            record = versions.restore_deleted(version, request.user)
            write_audit(request, AuditAction.RESTORED, record=version.label)
    except versions.ContentError as error:
        messages.error(request, f"「{version.label}」は戻せませんでした。{error}")
        return redirect("admin:bin")
    messages.success(request, f"「{record}」を戻しました。")
    return redirect(admin_page(record))


def reverse_step(record, action) -> str:
    opts = record._meta
    return reverse(f"admin:{opts.app_label}_{opts.model_name}_step", args=[record.pk, action])
