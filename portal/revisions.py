"""改訂案: a copy of a published record that is edited beside it and takes its place when approved."""

from dataclasses import dataclass

from django.db import transaction
from django.dispatch import Signal

from . import versions
from .differences import RowChange, compare, is_figure
from .models import ChangeKind, ChangeNote, Figure, Slugged, Version
from .publishing import Revisable, Status
from .search_index import hold_indexing, pass_by_index

ENDED = "改訂案の終わり"

# Sent with `record` and `changes` (see list_changes) when a revision has taken the record's place.
revision_applied = Signal()


@dataclass(frozen=True)
class FigureChange:
    """A published number that a revision changes or takes away; `key` names it in a form."""

    key: str
    row: RowChange
    column: str
    old: str
    new: str

    @property
    def name(self) -> str:
        return f"{self.row.where} {self.column}".strip()


def get_revision(record) -> Revisable | None:
    """Return the open revision of a record; None where there is none."""
    if not isinstance(record, Revisable):
        return None
    return type(record)._base_manager.filter(revises=record.pk).first()


@transaction.atomic
def make_revision(record, user, content=None):
    """Return the open revision of a record, a new one where there is none.

    `content` (of an earlier version, say) is what a new one begins with: by default what is public.
    """
    versions.begin_change(record)
    if existing := get_revision(record):
        return existing
    model = type(record)
    fields = {"status": Status.DRAFT, "revises": record}
    if isinstance(record, Slugged):
        fields["slug"] = f"{record.slug[:60]}--{record.pk}"  # staff cannot write "--"
    made, numbers = versions.copy(content or versions.take(record), model, **fields)
    there = {label: {row["pk"] for row in rows} for label, rows in versions.take(record).items()}
    made.revised_parts = {
        label: {str(new): old for old, new in pairs.items() if old in there[label]}
        for label, pairs in numbers.items()
        if label != model._meta.label_lower
    }
    made.save(update_fields=["revised_parts"])
    versions.save_version(made, "改訂案の作成", user)
    return made


def content_for_original(revision) -> dict:
    """Return the content of a revision as its original is to hold it, under the original's numbers."""
    content = versions.take(revision)
    own = revision._meta.label_lower
    row = {key: value for key, value in content[own][0].items() if key != "slug"}
    if isinstance(revision, Slugged):
        row["slug"] = revision.revises.slug
    return content | {own: [row]}


def numbers_of(revision) -> dict:
    """Return, by model label, which row of the original (value) each row (key) stands for."""
    return {
        label: {int(new): old for new, old in pairs.items()}
        for label, pairs in revision.revised_parts.items()
    }


def for_original(content: dict, original, numbers: dict) -> dict:
    """Return the content of an ended revision as one of its original."""
    model = type(original)
    own = model._meta.label_lower
    [row] = content[own]
    if isinstance(original, Slugged):
        row = row | {"slug": original.slug}
    numbers = numbers | {own: {row["pk"]: original.pk}}
    return versions.renumber(content | {own: [row]}, model, numbers)


def find_end(model, number):
    """Return what a revision that is there no more revised, and its numbers; None where it was none."""
    end = Version.objects.about(model(pk=number)).filter(action=ENDED).first()
    original = end and model._base_manager.filter(pk=end.content["original"]).first()
    if original is None:
        return None
    return original, {
        label: {int(new): old for new, old in pairs.items()}
        for label, pairs in end.content["numbers"].items()
    }


def list_changes(revision) -> list[RowChange]:
    """Return how a revision differs from what is public."""
    old = versions.take(revision.revises)
    return compare(type(revision), old, content_for_original(revision), numbers_of(revision))


def list_figure_changes(revision, changes=None) -> list[FigureChange]:
    """Return the published numbers that a revision changes or takes away."""
    found = []
    for row in list_changes(revision) if changes is None else changes:
        cells = {c.name: c for c in row.cells if is_figure(row.model, c.name) and c.old}
        if row.kind == "new":
            continue
        if {"value", "unit"} & cells.keys() and issubclass(row.model, Figure):
            found.append(_change_of_value(row, cells))
            continue
        for cell in cells.values():
            found.append(FigureChange(_key(row, cell.name), row, cell.column, cell.old, cell.new))
    return found


def _change_of_value(row: RowChange, cells) -> FigureChange:
    """Return the change of a value with its unit: "12件" to "15件", to "12人", to nothing."""
    model, (old_unit, new_unit) = row.model, row.units
    value = cells.get("value")
    if value is None:  # the unit alone
        figure = model._base_manager.get(pk=row.number)
        number = f"{figure.value.normalize():,f}"
        return FigureChange(
            _key(row, "value"), row, "値", f"{number}{old_unit}", f"{number}{new_unit}"
        )
    new = f"{value.new}{new_unit}" if value.new else ""
    return FigureChange(_key(row, "value"), row, "値", f"{value.old}{old_unit}", new)


def _key(row: RowChange, name: str) -> str:
    return f"{row.model._meta.label_lower}:{row.number}:{name}"


@transaction.atomic
@hold_indexing()
def apply_revision(revision, user):
    """Put the content of a revision in the place of what it revises; the revision ends.

    Address, number, and the numbers of all parts that were there stay. What changed of figures is
    told to the public in change notes. Returns the original.
    """
    original = revision.revises
    versions.begin_change(original)
    original.refresh_from_db()
    all_changes = list_changes(revision)
    changes = list_figure_changes(revision, all_changes)
    numbers = versions.put(original, content_for_original(revision), numbers_of(revision))
    if original.status == Status.WITHDRAWN:
        original.status, original.withdrawal_reason = Status.PUBLISHED, ""
    original.publish_until = revision.publish_until or original.publish_until
    original.save()
    for change in changes:
        _announce(change, revision, original)
    delete_revision(revision, numbers)
    versions.save_version(original, "改訂", user)
    revision_applied.send(sender=type(original), record=original, changes=all_changes)
    return original


def _announce(change: FigureChange, revision, original):
    said = revision.announcements.get(change.key)
    if not said:
        return
    record = change.row.model._base_manager.filter(pk=change.row.number).first() or original
    ChangeNote.objects.create(
        record=record,
        kind=said["kind"],
        text=said["text"],
        field=change.name[-100:],
        old=change.old,
        new=change.new or ("（削除）" if said["kind"] == ChangeKind.CORRECTION else ""),
    )


def delete_revision(revision, numbers):
    """Delete the copy. Its versions stay, and after them which rows of the original its rows were."""
    end = {"original": revision.revises_id, "numbers": numbers}
    versions.save_aside(revision, end, ENDED)
    with pass_by_index():  # a revision was never published itself
        for part, path in reversed(versions.parts_of(type(revision))):
            part._base_manager.filter(**{path: revision.pk}).delete()
        revision.delete()


@transaction.atomic
def discard_revision(revision, user, comment=""):
    """Delete a revision; what it held stays in the history of the original."""
    original = revision.revises
    versions.lock(original)
    numbers = numbers_of(revision)
    content = for_original(versions.take(revision), original, numbers)
    versions.save_aside(original, content, "破棄した改訂案", user, comment)
    delete_revision(revision, numbers)
