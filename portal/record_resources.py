"""Rows of a staff spreadsheet ↔ records, by natural key, checked as a whole, saved all or not at all."""

import logging
from contextlib import nullcontext

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from import_export.fields import Field
from import_export.resources import ModelResource
from import_export.results import Error

from .cells import make_cell, split_key
from .import_results import LINE, Problem, RecordDiff, RecordResult, RecordRow

logger = logging.getLogger(__name__)

CITED = ["source", "locator"]
PUBLICATION = ["status", "publish_from", "publish_until", "internal_note"]
FIGURE_KEY = ["group", "label", "measure", "period"]
FIGURE = [
    *FIGURE_KEY,
    "kind",
    "value",
    "unit",
    "as_printed",
    "note",
    "part_of",
    "position",
    *CITED,
]


class RecordResource(ModelResource):
    """The spreadsheet of a model: `Meta.fields` are its columns, headed by the verbose names.

    `Meta.import_id_fields` are the key. Where a record belongs to another one, `owner` names that
    foreign key, and the parts of the key that begin with it find the owner. `updates` is the path
    to the publication whose `updated_at` a saved row moves on.
    """

    owner = ""
    updates = ""
    around_import = staticmethod(nullcontext)  # portal.apps puts the search's `hold_indexing` here

    class Meta:
        skip_unchanged = True
        report_skipped = True
        store_instance = True
        store_row_values = True

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        for field in self.fields.values():
            field.widget.resource = self
        self.headers = {name: field.column_name for name, field in self.fields.items()}
        self.key_fields = [self.fields[name] for name in self.get_import_id_fields()]
        self.existing, self.owners = {}, {}
        self.keys, self.lines, self.loops, self.key_errors = {}, {}, set(), {}

    @classmethod
    def field_from_django_field(cls, field_name, django_field, readonly):
        model, named_by = cls._meta.model, django_field
        if field_name.endswith("__slug"):  # "settlement__department__slug" is headed 部局
            for name in field_name.split("__")[:-1]:
                named_by = model._meta.get_field(name)
                model = named_by.related_model
        return Field(
            attribute=field_name,
            column_name=str(named_by.verbose_name),
            widget=make_cell(django_field, cls._meta.model),
            readonly=readonly,
        )

    @classmethod
    def get_display_name(cls):
        return cls._meta.model._meta.verbose_name

    @classmethod
    def get_result_class(cls):
        return RecordResult

    @classmethod
    def get_row_result_class(cls):
        return RecordRow

    @classmethod
    def get_diff_class(cls):
        return RecordDiff

    def get_queryset(self):
        return self.filter_export(super().get_queryset())

    def filter_export(self, queryset, **kwargs):
        fields = {
            name: self._meta.model._meta.get_field(name.split("__")[0]) for name in self.fields
        }
        single = {
            name.rpartition("__")[0] or name
            for name, field in fields.items()
            if field.is_relation and not field.many_to_many
        }
        many = [name for name, field in fields.items() if field.many_to_many]
        return queryset.select_related(*single).prefetch_related(*many)

    def after_export(self, queryset, dataset, **kwargs):
        dataset.title = str(self.get_display_name())

    def export_texts(self, instance):
        """Return the text of each column as a person reads it."""
        return {
            field.column_name: field.widget.describe(field.export(instance))
            for field in self.get_import_fields()
        }

    def import_data(self, dataset, dry_run=False, **kwargs):
        """Import a dataset with a LINE column; nothing is saved where the result has errors."""
        if refusal := self.refuse_headers(dataset.headers):
            result = self.get_result_class()()
            result.append_base_error(Error(ValueError(refusal)))
            return result
        self.prepare(dataset)
        kwargs |= {"rollback_on_validation_errors": True}
        with transaction.atomic():
            with self.around_import():
                result = super().import_data(dataset, dry_run=dry_run, **kwargs)
            if dry_run:
                transaction.set_rollback(True)
        result.rows.sort(key=lambda row: row.line)
        result.problems = [problem for row in result.rows for problem in self.list_problems(row)]
        result.source = dataset.title
        return result

    def refuse_headers(self, headers):
        """Return a sentence for each header that is unknown or missing; "" where all is well."""
        known, keys = set(self.headers.values()), [field.column_name for field in self.key_fields]
        sentences = [
            f"見出し「{header}」という列はありません。列を消すか、正しい見出しに直してください。"
            for header in headers
            if header not in known and header != LINE
        ] + [
            f"見出し「{header}」の列がありません。どの記録かを示す列なので、必ず要ります。"
            for header in keys
            if header not in headers
        ]
        return "".join(sentences)

    def prepare(self, dataset):
        """Read the keys, load what they name, and put the rows in an order that can be saved."""
        rows = {row[LINE]: row for row in dataset.dict}
        for line, row in rows.items():
            key = self.read_key(row)
            if key is None:
                continue
            self.keys[line] = key
            first = self.lines.setdefault(key, line)
            if first != line:
                message = f"同じ記録が{first}行目にもあります。どちらか一つにしてください。"
                self.key_errors[line] = {NON_FIELD_ERRORS: message}
        self.existing = self.load(self.get_queryset(), self.key_fields, "")
        if self.owner:
            owners = self._meta.model._meta.get_field(self.owner).related_model.objects.all()
            self.owners = self.load(owners, self.owner_fields(), f"{self.owner}__")
        wholes = {key: self.list_wholes(key, rows[line]) for key, line in self.lines.items()}
        ordered, self.loops = put_in_order(wholes)
        first_lines = [self.lines[key] for key in ordered]
        lines = [*first_lines, *sorted(rows.keys() - set(first_lines))]
        headers = dataset.headers
        dataset.wipe()
        dataset.headers = headers
        dataset.extend([list(rows[line].values()) for line in lines])

    def read_key(self, row):
        key, errors = [], {}
        for name, field in zip(self.get_import_id_fields(), self.key_fields, strict=True):
            try:
                key.append(field.clean(row))
            except ValueError as error:
                errors[name] = str(error)
        if errors:
            self.key_errors[row[LINE]] = errors
            return None
        return tuple(key)

    def load(self, queryset, fields, prefix):
        """Return the records that the file may name, by key."""
        first = self.key_fields[0].attribute.removeprefix(prefix)
        paths = [field.attribute.removeprefix(prefix) for field in fields]
        named = queryset.filter(**{f"{first}__in": {key[0] for key in self.lines}})
        keys = named.values_list("pk", *paths)
        by_pk = named.in_bulk()
        return {tuple(key): by_pk[pk] for pk, *key in keys if pk in by_pk}

    def owner_fields(self):
        return [field for field in self.key_fields if field.attribute.startswith(f"{self.owner}__")]

    def owner_key(self, row):
        """Return the part of the row's key that names the owner."""
        return self.key_of(row)[: len(self.owner_fields())]

    def key_of(self, row):
        """Return the row's key; () where it cannot be read."""
        return self.keys.get(row[LINE], ())

    def list_wholes(self, key, row):
        """Return the keys of rows that must be saved before this one."""
        return []

    def find_own(self, key, text):
        """Return a record of this model, also one that the file itself brings."""
        if key in self.loops:
            raise ValueError(
                f"「{text}」をたどると、この行に戻って輪になります。どれか一つを直してください。"
            )
        if key not in self.existing and key in self.lines:
            raise ValueError(
                f"「{text}」の行（{self.lines[key]}行目）に誤りがあります。先にその行を直してください。"
            )
        if key not in self.existing:
            paths = [field.attribute for field in self.key_fields]
            self.existing[key] = (
                self.get_queryset().filter(**dict(zip(paths, key, strict=True))).first()
            )
        if self.existing[key] is None:
            raise ValueError(
                f"「{text}」という{self._meta.model._meta.verbose_name}はありません。"
                "書き方を確かめるか、この表に行を加えてください。"
            )
        return self.existing[key]

    def get_instance(self, instance_loader, row):
        return self.existing.get(self.key_of(row))

    def init_instance(self, row=None):
        instance = super().init_instance(row)
        if self.owner:
            setattr(instance, self.owner, self.owners.get(self.owner_key(row)))
        return instance

    def import_instance(self, instance, row, **kwargs):
        errors = dict(self.key_errors.get(row[LINE], {}))
        if self.owner and not errors and getattr(instance, f"{self.owner}_id") is None:
            errors |= self.refuse_owner(row)
        for name, field in self.fields.items():
            if field.readonly or field.column_name not in row or name in errors:
                continue
            try:
                self.import_cell(instance, name, field.clean(row))
            except ValueError as error:
                errors[name] = str(error)
        self.complete(instance, row, errors)
        if errors:
            raise ValidationError(errors)

    def import_cell(self, instance, name, value):
        model_field = instance._meta.get_field(name)
        keeps_default = instance._state.adding and model_field.has_default()
        if model_field.many_to_many or (value in (None, "") and keeps_default):
            return
        setattr(instance, name, value)

    def complete(self, instance, row, errors):
        """Set or check what follows from several cells; `errors` are sentences by field."""

    def refuse_owner(self, row):
        fields = self.owner_fields()
        named = "・".join(f"{field.column_name}「{row[field.column_name]}」" for field in fields)
        kind = self._meta.model._meta.get_field(self.owner).verbose_name
        return {
            fields[-1].attribute: f"{named}の{kind}はありません。書き直すか、先に登録してください。"
        }

    def skip_row(self, instance, original, row, import_validation_errors=None):
        if import_validation_errors or original.pk is None:
            return False
        return all(
            {record.pk for record in field.clean(row)}
            == {record.pk for record in getattr(instance, name).all()}
            if instance._meta.get_field(name).many_to_many
            else field.export(instance) == field.export(original)
            for name, field in self.fields.items()
            if field.column_name in row and not field.readonly
        )

    def validate_instance(self, instance, import_validation_errors=None, validate_unique=True):
        errors = import_validation_errors or {}
        if not errors and self.is_valid_alone(instance):
            return  # the database checks the constraints; `do_instance_save` names what it refuses
        exclude = {name.split("__")[0] for name in errors}
        keys = {NON_FIELD_ERRORS, *self.get_import_id_fields()}
        try:
            if keys.isdisjoint(errors):
                instance.full_clean(exclude)
            else:  # what is wrong beyond single fields follows from the wrong key
                instance.clean_fields(exclude)
        except ValidationError as error:
            errors = error.update_error_dict(errors)
        if errors:
            raise ValidationError(errors)

    def is_valid_alone(self, instance):
        try:
            instance.full_clean(validate_unique=False, validate_constraints=False)
        except ValidationError:
            return False
        return True

    def do_instance_save(self, instance, is_create):
        try:
            with transaction.atomic():
                super().do_instance_save(instance, is_create)
        except IntegrityError:
            instance.full_clean()
            raise

    def after_save_instance(self, instance, row, **kwargs):
        self.existing[self.key_of(row)] = instance

    def after_import(self, dataset, result, **kwargs):
        saved = [row.object_id for row in result.rows if row.is_new() or row.is_update()]
        if self.updates and saved:
            move_updated_at(self._meta.model, saved, self.updates)

    def list_problems(self, row_result):
        """Return the problems of a row as a person reads them: column, value, sentence."""
        row, line = row_result.row_values, row_result.line
        for error in row_result.errors:
            logger.error("import of line %s failed", line, exc_info=error.error)
            message = "保存できませんでした。行番号を添えて、システムの管理者に知らせてください。"
            yield Problem(line, "", "", message)
        if row_result.validation_error is None:
            return
        columns = list(row)
        by_header = [
            (self.headers.get(name, ""), errors)
            for name, errors in row_result.validation_error.error_dict.items()
        ]
        by_header.sort(key=lambda pair: columns.index(pair[0]) if pair[0] in row else len(row))
        for header, errors in by_header:
            for error in errors:
                is_blank = error.code in ("blank", "null")
                if is_blank and header not in row:
                    messages = ["新しい記録には要る列です。列を加えて、値を書いてください。"]
                elif is_blank:
                    messages = ["空欄にはできません。値を書いてください。"]
                else:
                    messages = error.messages
                for message in messages:
                    yield Problem(line, header, row.get(header, ""), message)


class FigureResource(RecordResource):
    """Figures of records; a part may stand before or after its whole."""

    def list_wholes(self, key, row):
        text = row.get(self.headers["part_of"], "")
        try:
            return [self.whole_key(key, text)] if text.strip() else []
        except ValueError:
            return []  # told when the cell is read

    def whole_key(self, key, text):
        return (*key[: -len(FIGURE_KEY)], *split_key(text))

    def complete(self, instance, row, errors):
        """Refuse a whole that is, by figures of which the file may not tell, a part of this one."""
        seen, above, record = set(), instance.part_of, self.key_of(row)[: -len(FIGURE_KEY)]
        while above and above.pk not in seen:
            if above.pk == instance.pk:
                errors["part_of"] = "内訳をたどると、この数値に戻って輪になります。"
            seen.add(above.pk)
            above = self.existing.get((*record, *above.key), above).part_of


def move_updated_at(model, pks, path):
    """Set the `updated_at` of the publications that some records belong to by a path."""
    target = model
    for name in path.split("__"):
        target = target._meta.get_field(name).related_model
    owners = model.objects.filter(pk__in=pks).order_by().values(path)
    target.objects.filter(pk__in=owners).update(updated_at=timezone.now())


def put_in_order(graph: dict) -> tuple[list, set]:
    """Return the keys, each after those it needs and else in the given order, and those in a loop.

    `graph` names for each key the keys that it needs; those that are no keys of it do not count.
    """
    ordered, loops = {}, set()
    for start in graph:
        path = [start]
        while path:
            key = path[-1]
            needed = (
                other
                for other in graph[key]
                if other in graph and other not in ordered and other not in loops
            )
            if key in ordered or (other := next(needed, None)) is None:
                ordered.setdefault(key)
                path.pop()
            elif other in path:
                loops.update(path[path.index(other) :])
            else:
                path.append(other)
    return list(ordered), loops
