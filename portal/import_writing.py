"""What an import found, saved: rows in bulk, versions, the log of operations, what undoes it."""

from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone
from django.utils.translation import gettext

from . import versions
from .held_records import iter_batches
from .import_outcome import KeptImport
from .import_targets import PERIOD, make_entry
from .publishing import Publication, Status
from .record_import import RecordImport
from .row_writing import (
    connection_of,
    insert_rows,
    list_own_fields,
    reserve_numbers,
    update_rows,
)

LOGGED = ["action_time", "user", "content_type"]
LOGGED += ["action_flag", "change_message", "object_id", "object_repr"]


def write_import(run: RecordImport | KeptImport, action: str):
    """Save the changes of an import; sets `versions` of its result.

    Where a public record changes, a revision is made first, and the rows are compared with that.
    """
    revised = [target for target in run.changed_targets if target.needs_revision]
    for target in revised:
        target.begin(run.user)
    if revised:
        run.examine()
        if run.result.has_errors():
            return
    targets = run.changed_targets
    kept = [target for target in targets if not target.is_new_revision]
    before = versions.save_versions([target.root for target in kept], "これまでの内容")
    for target in kept:
        target.before = before[target.root.pk]
    numbers = write_changes(run)
    roots = [target.root.pk for target in targets]
    if run.resource.updates:
        run.root_model._base_manager.filter(pk__in=roots).update(updated_at=timezone.now())
    run.result.versions = keep_versions(run, targets, numbers, action)
    if run.user:
        log_changes(run, numbers)


def write_changes(run) -> dict[int, int]:
    """Write all rows; return the numbers of new records by those they had in the import."""
    model, changes = run.model, run.changes
    new = [change for change in changes if change.is_new]
    changed = [change for change in changes if not change.is_new]
    reserved = reserve_numbers(model, len(new))
    numbers = {change.number: pk for change, pk in zip(new, reserved, strict=True)}
    own = list_own_fields(model)
    for change in new:
        change.stored[0] = numbers[change.number]
        for index, _ in own:
            change.stored[index] = numbers.get(change.stored[index], change.stored[index])
    now = {}
    if issubclass(model, Publication):
        field = model._meta.get_field("updated_at")
        now = {field.name: field.get_db_prep_save(timezone.now(), connection_of(model))}
        at = model._meta.concrete_fields.index(field)
        for change in new:  # what the preview found is older
            change.stored[at] = now[field.name]
    for change in changed:
        change.stored |= now
        for _, field in own:
            if field.name in change.stored:
                value = change.stored[field.name]
                change.stored[field.name] = numbers.get(value, value)
    pks = [change.number for change in changed]
    if run.is_root:  # what took from them before may do so no more
        versions.rows_written.send(sender=model, pks=pks, is_new=False)
    insert_rows(model, model._meta.concrete_fields, (change.stored for change in new))
    update_rows(model, ((c.number, c.stored) for c in changed if c.stored))
    write_links(run, numbers)
    if run.is_root or any(is_shown(target.root) for target in run.changed_targets):
        versions.rows_written.send(sender=model, pks=pks, is_new=False)
        versions.rows_written.send(sender=model, pks=list(reserved), is_new=True)
    return numbers


def is_shown(root) -> bool:
    """Tell whether a record is in the search's index; of most that an import writes, it is not."""
    return getattr(root, "status", Status.PUBLISHED) == Status.PUBLISHED


def write_links(run, numbers):
    """Write what many-to-many relations name."""
    for field in run.model._meta.many_to_many:
        through = field.remote_field.through
        source, target = field.m2m_field_name(), field.m2m_reverse_field_name()
        ends = [through._meta.get_field(name) for name in (source, target)]
        pairs = []
        for change in run.changes:
            if field.name not in change.links:
                continue
            pk = numbers.get(change.number, change.number)
            before = run.there.links[field.name].get(change.number, set())
            after = [numbers.get(linked, linked) for linked in change.links[field.name]]
            if gone := before.difference(after):
                through._base_manager.filter(**{source: pk, f"{target}__in": gone}).delete()
            pairs += [(pk, linked) for linked in after if linked not in before]
        if pairs:
            insert_rows(through, ends, pairs)


def keep_versions(run, targets, numbers, action) -> list:
    """Keep each changed record as a version; return what undoes the import."""
    model, entries = run.root_model, []
    fresh = model._base_manager.in_bulk([target.root.pk for target in targets])
    made = versions.save_versions([fresh[t.root.pk] for t in targets], action, run.user)
    for target in targets:
        period = [getattr(target.root, name, None) for name in PERIOD]
        after = made[target.root.pk]
        entries.append(make_entry(target.root, target.before, after, period))
    if run.is_root:
        for batch in iter_batches(sorted(numbers.values())):  # each after those that it names
            found = model._base_manager.in_bulk(batch)
            kept = versions.save_versions([found[pk] for pk in batch], action, run.user)
            entries += [make_entry(found[pk], None, kept[pk]) for pk in batch]
    return entries


def log_changes(run, numbers):
    """Write Django's log of operations, an entry for each record."""
    fields = [LogEntry._meta.get_field(name) for name in LOGGED]
    now = fields[0].get_db_prep_save(timezone.now(), connection_of(LogEntry))
    of_all = (now, run.user.pk, ContentType.objects.get_for_model(run.model).pk)
    said = {
        True: (ADDITION, gettext("new through import_export")),
        False: (CHANGE, gettext("update through import_export")),
    }
    rows = (
        (
            *of_all,
            *said[change.is_new],
            str(numbers.get(change.number, change.number)),
            change.record[:200],
        )
        for change in run.changes
    )
    insert_rows(LogEntry, fields, rows)
