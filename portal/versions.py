"""A whole record, with all its parts, as data: taken, put back, copied, compared, and kept.

A record with parts names them in `part_paths`: reverse relations as paths, wholes before what refers to
them (`items`, `items__figures`). Its content is `{model label: [row, …]}`, the record itself in the
one row under its own label. A row is `{"pk": …}` with each field by its column's name as JSON, and
each many-to-many relation by its name as a list of numbers. How far a record is on its way to the
public (`STATE_FIELDS`) is no content.
"""

import datetime
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from functools import cache
from itertools import islice

import orjson
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Q
from django.dispatch import Signal

from .models import Version

BATCH_SIZE = 20  # of whole records at a time
STATE_FIELDS = {
    "status",
    "publish_from",
    "publish_until",
    "withdrawal_reason",
    "updated_at",
    "revises",
    "revised_parts",
    "announcements",
}

TEXT_IN_JSON = (models.DecimalField, models.DateField)  # a DateTimeField is a DateField

# Sent with `pks` and `is_new` around a writing of rows in bulk, which sends no signals of its own.
rows_written = Signal()
# Sent with `record` after its parts were written in bulk, which sends no signals of their own.
parts_written = Signal()


class ContentError(ValueError):
    """A content cannot be put back; the text tells a person why."""


@cache
def parts_of(model) -> list[tuple[type[models.Model], str]]:
    """Return each model of a record's parts with the path from it to the record."""
    found = []
    for path in model.part_paths:
        part, back = model, []
        for name in path.split("__"):
            relation = part._meta.get_field(name)
            part, back = relation.related_model, [relation.field.name, *back]
        found.append((part, "__".join(back)))
    return found


@cache
def _roots() -> dict[type[models.Model], tuple[type[models.Model], str]]:
    roots = {}
    for model in apps.get_models():
        if hasattr(model, "part_paths"):
            roots[model] = (model, "")
            roots |= {part: (model, path) for part, path in parts_of(model)}
    return roots


def root_path(model) -> str:
    """Return the path from a part's model to the record that it is part of; "" for a record."""
    return _roots()[model][1]


def root_model(model) -> type[models.Model]:
    return _roots()[model][0]


def is_versioned(model) -> bool:
    return model in _roots()


def root_of(record: models.Model) -> models.Model | None:
    """Return the record that this one is part of (or itself); None where it has none yet."""
    for name in filter(None, root_path(type(record)).split("__")):
        record = getattr(record, name, None)
        if record is None:
            return None
    return record


def fields_of(model) -> list[models.Field]:
    """Return the fields whose values are content."""
    is_root = hasattr(model, "part_paths")
    return [
        field
        for field in model._meta.concrete_fields
        if not field.primary_key and not (is_root and field.name in STATE_FIELDS)
    ]


def take(record: models.Model) -> dict[str, list[dict]]:
    """Return the content of a saved record as the database holds it now."""
    return take_many(type(record), [record.pk])[record.pk]


def take_many(model, pks) -> dict[int, dict[str, list[dict]]]:
    """Return the contents of saved records of a model by their numbers, in the same queries."""
    contents: dict = {pk: {} for pk in pks}
    for part, path in [(model, "pk"), *parts_of(model)]:
        label = part._meta.label_lower
        for content in contents.values():
            content[label] = []
        rows = part._base_manager.filter(**{f"{path}__in": pks}).order_by("pk")
        for root, row in _take_rows(part, rows, path):
            contents[root][label].append(row)
    return contents


def take_rows(model, queryset) -> list[dict]:
    """Return the rows of a queryset of a model, in its order."""
    return [row for _, row in _take_rows(model, queryset, "pk")]


def _take_rows(model, queryset, path) -> list[tuple[int, dict]]:
    """Return the rows, each with the number of what it is part of, which `path` leads to."""
    fields = fields_of(model)
    names = ["pk", *(field.attname for field in fields)]
    as_text = [field.attname for field in fields if isinstance(field, TEXT_IN_JSON)]
    rows = []
    for values in queryset.values_list(*names, path):
        row = dict(zip(names, values, strict=False))  # the last one is what the row is part of
        for name in as_text:
            row[name] = _to_json(row[name])
        rows.append((values[-1], row))
    for field in model._meta.many_to_many:
        links = defaultdict(list)
        pairs = queryset.filter(**{f"{field.name}__isnull": False}).order_by(field.name)
        for pk, linked in pairs.values_list("pk", field.name):
            links[pk].append(linked)
        for _, row in rows:
            row[field.name] = sorted(links[row["pk"]])
    return rows


def _to_json(value):
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).isoformat()
    if isinstance(value, datetime.date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def read_value(field: models.Field, value):
    """Return the Python value of a field from a row."""
    return value if field.is_relation else field.to_python(value)


@transaction.atomic
def put(record: models.Model, content: dict, numbers: dict | None = None) -> dict:
    """Make a saved record and its parts be what `content` says; other parts of it are deleted.

    `numbers` says, by model label, which row of the record (value) a row of the content (key) stands
    for; a row keeps its own number where it is not named there. Rows that are not there any more
    come back under their numbers where those are free. Returns the numbers, completed.
    Raises ContentError where something that a row needs does not exist any more.
    """
    model = type(record)
    own = model._meta.label_lower
    numbers = {label: dict(pairs) for label, pairs in (numbers or {}).items()}
    row = content[own][0]
    numbers[own] = {row["pk"]: record.pk}
    _write_root(record, row)
    parts = parts_of(model)
    labels = {part: part._meta.label_lower for part, _ in parts}
    for part, path in parts:
        known = numbers.setdefault(labels[part], {})
        elsewhere = set(
            part._base_manager.filter(pk__in=[row["pk"] for row in content.get(labels[part], [])])
            .exclude(**{path: record.pk})
            .values_list("pk", flat=True)
        )
        for row in content.get(labels[part], []):
            number = known.get(row["pk"], None if row["pk"] in elsewhere else row["pk"])
            known[row["pk"]] = number
    for part, path in reversed(parts):
        kept = {numbers[labels[part]][row["pk"]] for row in content.get(labels[part], [])}
        part._base_manager.filter(**{path: record.pk}).exclude(pk__in=kept - {None}).delete()
    for part, path in parts:
        _write_rows(part, path, record, content.get(labels[part], []), numbers)
    parts_written.send(sender=model, record=record)
    return numbers


def _write_root(record, row):
    for field in fields_of(type(record)):
        if field.attname in row:
            setattr(record, field.attname, read_value(field, row[field.attname]))
    _require_relations(type(record), [record])
    record.save()
    for field in type(record)._meta.many_to_many:
        if field.name in row:
            linked = field.related_model._base_manager.filter(pk__in=row[field.name])
            getattr(record, field.name).set(linked)


def _write_rows(part, path, record, rows, numbers):
    label = part._meta.label_lower
    known = numbers[label]
    held = part._base_manager.filter(**{path: record.pk}).in_bulk()
    fields = fields_of(part)
    to_own_kind = [field for field in fields if field.related_model is part]
    new, changed = [], []
    for row in rows:
        number = known[row["pk"]]
        instance = held.get(number) or part(pk=number)
        is_new = number not in held
        differs = is_new
        for field in fields:
            value = _map(field, row[field.attname], numbers) if field.attname in row else None
            if field in to_own_kind and is_new:
                value = None  # what it refers to may not be there yet
            value = read_value(field, value)
            if getattr(instance, field.attname) != value:
                setattr(instance, field.attname, value)
                differs = True
        if differs:
            (new if is_new else changed).append((row, instance))
    _require_relations(part, [instance for _, instance in new + changed])
    new += _make_way(part, changed)
    for _, instance in new:
        instance._state.adding = True
    part._base_manager.bulk_create([instance for _, instance in new], batch_size=500)
    for row, instance in new:
        known[row["pk"]] = instance.pk
    names = [field.name for field in fields]
    rest = [instance for row, instance in changed if instance.pk]
    part._base_manager.bulk_update(rest, names, batch_size=200)
    if to_own_kind:
        for row, instance in new + changed:
            for field in to_own_kind:
                setattr(instance, field.attname, _map(field, row[field.attname], numbers))
        again = [instance for _, instance in new + changed]
        part._base_manager.bulk_update(again, [field.name for field in to_own_kind], batch_size=500)


def _map(field, value, numbers):
    """Return what a relation's value within the content is in the database."""
    if value is None or not field.is_relation:
        return value
    known = numbers.get(field.related_model._meta.label_lower, {})
    return known[value] if known.get(value) is not None else value


def _make_way(part, changed) -> list:
    """Free the unique keys that changed rows give up, so that others can take them at once.

    Returns the rows that had to be deleted for it, which are to be made anew.
    """
    unique = {
        name
        for constraint in part._meta.constraints
        if isinstance(constraint, models.UniqueConstraint)
        for name in [*constraint.fields, *(e.name for e in constraint.expressions)]
    } | {field.name for field in part._meta.concrete_fields if field.unique}
    fields = [part._meta.get_field(name) for name in unique if name != part._meta.pk.name]
    texts = [f for f in fields if isinstance(f, models.CharField) and not f.choices]
    pks = [instance.pk for _, instance in changed]
    if not pks or not fields:
        return []
    before = part._base_manager.in_bulk(pks)
    moving = [
        (row, instance)
        for row, instance in changed
        if any(
            getattr(before[instance.pk], f.attname) != getattr(instance, f.attname) for f in fields
        )
    ]
    if not moving:
        return []
    moved = [instance.pk for _, instance in moving]
    if texts:
        parked = [before[pk] for pk in moved]
        for instance in parked:
            setattr(instance, texts[0].attname, f"~{instance.pk}")
        part._base_manager.bulk_update(parked, [texts[0].name])
        return []
    part._base_manager.filter(pk__in=moved).delete()
    for pair in moving:
        changed.remove(pair)
    return moving


def _require_relations(model, instances):
    """Leave out a relation to what is gone where it may be blank; raise ContentError where not."""
    for field in model._meta.concrete_fields:
        if not field.is_relation:
            continue
        wanted = {getattr(instance, field.attname) for instance in instances} - {None}
        if not wanted:
            continue
        there = set(
            field.related_model._base_manager.filter(pk__in=wanted).values_list("pk", flat=True)
        )
        for instance in instances:
            value = getattr(instance, field.attname)
            if value is not None and value not in there:
                if not field.null:
                    raise ContentError(
                        f"{field.verbose_name}（番号{value}）がもうないため、戻せません。"
                    )
                setattr(instance, field.attname, None)


def make_instance(model, content: dict, **fields) -> models.Model:
    """Return a record of a content, not saved and without its parts, with some fields of its own."""
    row = content[model._meta.label_lower][0]
    known = {
        field.attname: read_value(field, row[field.attname])
        for field in fields_of(model)
        if field.attname in row
    }
    return model(**(known | fields))


@transaction.atomic
def copy(content: dict, model, **fields) -> tuple[models.Model, dict]:
    """Make a new record of a content, with some fields of its own; return it and its numbers.

    The numbers are those of `put`: by model label, from each row of the content to the copy's.
    """
    own = model._meta.label_lower
    record = make_instance(model, content, **fields)
    _require_relations(model, [record])
    record.save()
    fresh = {
        part._meta.label_lower: {row["pk"]: None for row in content.get(part._meta.label_lower, [])}
        for part, _ in parts_of(model)
    }
    kept = {model._meta.get_field(name).attname for name in fields} & content[own][0].keys()
    stripped = content | {own: [{k: v for k, v in content[own][0].items() if k not in kept}]}
    return record, put(record, stripped, fresh)


def renumber(content: dict, model, numbers: dict) -> dict:
    """Return a content with its rows, and what refers to them, under other numbers.

    `numbers` says, by model label, which number (value) a row (key) is to have; the rest stay.
    """
    found = {}
    for part in [model, *(part for part, _ in parts_of(model))]:
        label = part._meta.label_lower
        relations = [field for field in fields_of(part) if field.is_relation]
        rows = [
            row
            | {"pk": numbers.get(label, {}).get(row["pk"]) or row["pk"]}
            | {f.attname: _map(f, row.get(f.attname), numbers) for f in relations}
            for row in content.get(label, [])
        ]
        found[label] = sorted(rows, key=lambda row: row["pk"])
    return found


def lock(record: models.Model):
    """Hold the record until the transaction ends, so that its changes come one after another."""
    type(record)._base_manager.select_for_update(of=("self",)).filter(pk=record.pk).first()


def latest_version(record: models.Model) -> Version | None:
    return Version.objects.about(record).order_by("-number").first()


def save_version(record, action: str, user=None, comment="", is_deletion=False) -> Version | None:
    """Keep the record as it stands now; None where nothing changed since the version before.

    Belongs into the transaction of the change itself.
    """
    content = take(record)
    last = Version.objects.about(record).filter(is_deletion=False).order_by("-number").first()
    if last and not is_deletion and last.content == content:
        return None
    return _add_version(record, content, action, user, comment, is_deletion)


def save_versions(records: Iterable[models.Model], action: str, user=None) -> dict[int, int]:
    """Keep records of one model as they stand now, as `save_version` does each.

    Returns by the record's number that of the version which holds what it holds.
    """
    numbers = {}
    rest = iter(records)
    while batch := list(islice(rest, BATCH_SIZE)):
        model, pks = type(batch[0]), [record.pk for record in batch]
        kept = Version.objects.filter(content_type=ContentType.objects.get_for_model(model))
        kept = kept.filter(object_id__in=pks).order_by()
        last = kept.values("object_id").annotate(
            number=models.Max("number"), held=models.Max("pk", filter=Q(is_deletion=False))
        )
        given = {row["object_id"]: row["number"] for row in last}
        held = Version.objects.in_bulk([row["held"] for row in last if row["held"]])
        held = {version.object_id: version for version in held.values()}
        contents, made = take_many(model, pks), []
        for record in batch:
            text, version = orjson.dumps(contents.pop(record.pk)), held.get(record.pk)
            if not (version and version.holds(text)):
                version = _make_version(record, text, given.get(record.pk, 0) + 1, action, user)
                made.append(version)
            numbers[record.pk] = version.number
        Version.objects.bulk_create(made)
    return numbers


def save_aside(record, content: dict, action: str, user=None, comment="") -> Version:
    """Keep a content that the record does not hold, but that somebody made, in its history."""
    return _add_version(record, content, action, user, comment, is_deletion=True)


def _add_version(record, content, action, user, comment, is_deletion) -> Version:
    last = latest_version(record)
    number = last.number + 1 if last else 1
    text = orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS)  # numbers of a revision's end
    version = _make_version(record, text, number, action, user, comment, is_deletion)
    version.save()
    return version


def _make_version(record, text, number, action, user, comment="", is_deletion=False) -> Version:
    version = Version(
        content_type=ContentType.objects.get_for_model(record),
        object_id=record.pk,
        number=number,
        label=str(record)[:300],
        user=user if user and user.pk else None,
        username=user.get_username() if user else "",
        action=action,
        comment=comment,
        is_deletion=is_deletion,
    )
    version.text = text
    return version


def begin_change(record: models.Model):
    """Lock a record that is about to change, and keep it as it is if no version holds it yet."""
    lock(record)
    if not Version.objects.about(record).exists():
        save_version(record, "これまでの内容")


@transaction.atomic
def restore_deleted(version: Version, user) -> models.Model:
    """Bring a deleted record back under its number, with its parts.

    Raises ContentError where its place is taken or something that it needs is gone.
    """
    model = version.content_type.model_class()
    if model._base_manager.filter(pk=version.object_id).exists():
        raise ContentError("この記録は、もう戻されています。")
    content = version.content
    record = make_instance(model, content)
    record.pk = version.object_id
    _require_relations(model, [record])
    try:
        record.full_clean()
    except ValidationError as error:
        raise ContentError("".join(error.messages)) from error
    record.save(force_insert=True)
    put(record, content)
    save_version(record, "ごみ箱から戻す", user)
    return record
