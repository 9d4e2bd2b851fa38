"""The log of imports: the file from its preview on, what it changed, and the way back."""

import datetime
import hashlib

from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.utils import timezone

from . import versions
from .audit import AuditAction, write_audit
from .import_results import RecordResult
from .import_targets import PERIOD, latest_kept
from .models import ImportLog, ImportState, Role, Version
from .publishing import Publication, Revisable, Status
from .revisions import discard_revision
from .workflow import WorkflowError, has_role, perform

KEPT_FOR = datetime.timedelta(days=1)


class UndoError(ValueError):
    """An import cannot be undone; the text names the records and tells why."""


def keep_file(model, user, file_name: str, data: bytes, result: RecordResult) -> ImportLog:
    """Keep a file between its preview and its confirmation; forget those that nobody confirmed."""
    previewed = ImportLog.objects.filter(state=ImportState.PREVIEWED)
    previewed.filter(uploaded_at__lt=timezone.now() - KEPT_FOR).delete()
    return ImportLog.objects.create(
        model=model._meta.label_lower,
        user=user,
        username=user.get_username(),
        file_name=file_name[-255:],
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        file=data,
        **describe(result),
    )


def describe(result: RecordResult) -> dict:
    """Return the fields of a log that tell what an import does."""
    return {
        "new_count": result.totals["new"],
        "changed_count": result.totals["update"],
        "unchanged_count": result.totals["skip"],
        "report": result.report(),
        "outcome": result.outcome,
    }


def finish_import(log: ImportLog, result: RecordResult, request):
    log.state, log.imported_at, log.versions = ImportState.IMPORTED, timezone.now(), result.versions
    log.outcome = None
    log.save(update_fields=["state", "imported_at", "versions", "outcome"])
    counts = f"新規{log.new_count}件、変更{log.changed_count}件、変更なし{log.unchanged_count}件"
    write_audit(request, AuditAction.IMPORT, record=name_of(log), detail=f"{counts}\n{log.sha256}")


def name_of(log: ImportLog) -> str:
    return f"取込{log.pk}：{log.file_name}"


@transaction.atomic
def undo_import(log: ImportLog, user, request=None):
    """Put back all that an import changed, and take away what it made.

    Raises UndoError, and changes nothing, where a record changed since or is not the user's.
    """
    log = ImportLog.objects.defer("file", "outcome").select_for_update().get(pk=log.pk)
    if log.state != ImportState.IMPORTED:
        raise UndoError("この取込は、もう取り消されています。")
    steps, refusals = [], []
    for content_type, pk, before, after, period in log.versions:
        model = ContentType.objects.get_for_id(content_type).model_class()
        root = model._base_manager.select_for_update(of=("self",)).filter(pk=pk).first()
        if refusal := refuse_undo(root, after, user):
            kept = Version.objects.filter(content_type=content_type, object_id=pk, number=after)
            refusals.append(f"「{kept.values_list('label', flat=True).first()}」{refusal}")
        steps.append((root, before, period))
    if refusals:
        raise UndoError("取り消せません。何も変えていません。" + "".join(refusals))
    action = f"取込の取消し：{log.file_name}"[:100]
    try:
        for root, before, period in steps:
            if before is not None:
                put_back(root, before, period)
                versions.save_version(root, action, user)
        for root, before, _ in reversed(steps):
            if before is None:
                take_away(root, action, user, request)
    except (versions.ContentError, WorkflowError) as error:
        raise UndoError(f"取り消せません。何も変えていません。{error}") from error
    log.state, log.undone_at, log.undone_by = (
        ImportState.UNDONE,
        timezone.now(),
        user.get_username(),
    )
    log.save(update_fields=["state", "undone_at", "undone_by"])
    write_audit(request, AuditAction.IMPORT_UNDONE, user=user, record=name_of(log))


def refuse_undo(root, after, user) -> str:
    """Return why a record cannot be put back as it was before an import; "" where it can."""
    if root is None:
        return "は、もうありません（公開されたか、破棄・削除されました）。"
    if not has_role(user, Role.EDITOR, root):
        return "を変える権限がありません。"
    if isinstance(root, Revisable) and root.status != Status.DRAFT:
        return f"は、いま「{root.get_status_display()}」です。"
    latest = latest_kept(root)
    if latest.number != after or latest.content != versions.take(root):
        return "は、取り込んだあとに変更されています。"
    return ""


def put_back(root, number, period):
    """Give a record the content of a version, and the period in which it is to be public."""
    for name, text in zip(PERIOD, period, strict=True):
        if hasattr(root, name):
            setattr(root, name, text and datetime.datetime.fromisoformat(text))
    versions.put(root, Version.objects.about(root).get(number=number).content)


def take_away(root, action, user, request):
    """Discard, bin or delete what an import made; its versions stay."""
    if isinstance(root, Revisable) and root.is_revision:
        discard_revision(root, user, action)
    elif isinstance(root, Publication):
        perform(root, "bin", user, request=request)
    else:
        if is_used(root):
            raise UndoError(
                f"取り消せません。何も変えていません。「{root}」を、ほかの記録が使っています。"
            )
        versions.save_version(root, action, user, is_deletion=True)
        root.delete()


def is_used(record) -> bool:
    """Tell whether another record refers to one."""
    return any(
        relation.related_model._base_manager.filter(**{relation.field.name: record.pk}).exists()
        for relation in record._meta.related_objects
    )
