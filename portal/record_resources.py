"""Rows of a staff spreadsheet ↔ records, by natural key, checked as a whole, saved all or not at all."""

import logging
from contextlib import nullcontext

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError, models, transaction
from django.utils import timezone
from import_export.fields import Field
from import_export.resources import ModelResource
from import_export.results import Error

from . import versions
from .cells import ChoiceCell, StatusCell, make_cell
from .import_results import LINE, Problem, RecordDiff, RecordResult, RecordRow
from .import_rights import ImportRights, list_departments
from .import_targets import find_targets, make_entry
from .publishing import Status
from .rights import Rights, rights_of
from .row_order import put_in_order

logger = logging.getLogger(__name__)

PART_STATUS = [(s.value, s.label) for s in (Status.DRAFT, Status.PUBLISHED, Status.WITHDRAWN)]
NEEDED = "新しい記録には要ります"
CITED = ["source", "locator"]
PUBLICATION = ["status", "publish_from", "publish_until", "internal_note"]


class RecordResource(ImportRights, ModelResource):
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
        model = self._meta.model
        self.root_model, self.root_path = versions.root_model(model), versions.root_path(model)
        self.is_root = model is self.root_model
        if "status" in self.fields:
            self.fields["status"].widget = StatusCell() if self.is_root else ChoiceCell(PART_STATUS)
        for field in self.fields.values():
            field.widget.resource = self
        self.headers = {name: field.column_name for name, field in self.fields.items()}
        self.key_fields = [self.fields[name] for name in self.get_import_id_fields()]
        at = f"{self.root_path}__" if self.root_path else ""
        self.root_paths = [
            field.attribute.removeprefix(at)
            for field in self.key_fields
            if field.attribute.startswith(at)
        ]
        self.user, self.rights = None, Rights()
        self.targets, self.changed, self.existing, self.owners, self.visible = {}, {}, {}, {}, {}
        self.keys, self.lines, self.differing = {}, {}, set()
        self.loops, self.key_errors = set(), {}

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
        """Add to the rows what the formats need: the resource, and what each row's record is called."""
        dataset.resource, dataset.title = self, str(self.get_display_name())
        positions = [dataset.headers.index(field.column_name) for field in self.key_fields]
        dataset.names = ["・".join(str(row[at]) for at in positions if row[at]) for row in dataset]

    def list_guide(self):
        """Return, by column: header, whether it is needed, how it is written, choices, a blank."""
        for field in self.get_import_fields():
            model_field = self._meta.model._meta.get_field(field.attribute.split("__")[0])
            is_key = field in self.key_fields
            needed = not (model_field.blank or model_field.has_default())
            yield (
                field.column_name,
                "必ず要ります（どの記録かを示します）" if is_key else NEEDED if needed else "任意",
                field.widget.hint or str(model_field.help_text),
                "、".join(field.widget.offered),
                say_blank(model_field, needed or is_key) or field.widget.blank or "空になります",
            )

    def export_texts(self, instance):
        """Return the text of each column as a person reads it."""
        return {
            field.column_name: field.widget.describe(field.export(instance))
            for field in self.get_import_fields()
        }

    def import_data(self, dataset, dry_run=False, user=None, file_name="", **kwargs):
        """Import a dataset with a LINE column; nothing is saved where the result has errors.

        `result.versions` is what undoes the import, as `ImportLog.versions` tells.
        """
        if refusal := self.refuse_headers(dataset.headers):
            result = self.get_result_class()()
            result.append_base_error(Error(ValueError(refusal)))
            return result
        self.user, self.rights = user, rights_of(user) if user else Rights()
        kwargs |= {"rollback_on_validation_errors": True, "use_transactions": True}
        with transaction.atomic():
            with self.around_import():
                self.prepare(dataset, dry_run)
                result = super().import_data(dataset, dry_run=dry_run, **kwargs)
            result.rows.sort(key=lambda row: row.line)
            result.problems = [
                problem for row in result.rows for problem in self.list_problems(row)
            ]
            result.source = dataset.title
            result.revisions = [
                (str(target.record), target.is_new_revision)
                for target in self.changed.values()
                if target.is_revision
            ]
            if dry_run or result.has_errors():
                transaction.set_rollback(True)
            else:
                result.versions = self.keep_versions(result, f"取込：{file_name}"[:100])
        return result

    def keep_versions(self, result, action) -> list:
        kept = [target.finish(action, self.user) for target in self.changed.values()]
        made = [row.instance for row in result.new_rows] if self.is_root else []
        for record in sorted(made, key=lambda record: record.pk):  # each after those it names
            version = versions.save_version(record, action, self.user)
            kept.append(make_entry(record, None, version.number))
        return kept

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

    def prepare(self, dataset, dry_run):
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
        roots = {self.root_key(key) for key in self.lines}
        self.targets = find_targets(
            self.root_model, self.root_paths, roots, self.rights, lock=not dry_run
        )
        self.load_all()
        self.differing = {line for line, key in self.keys.items() if self.differs(key, rows[line])}
        changed = {self.root_key(self.keys[line]) for line in self.differing}
        self.changed = {
            key: target
            for key, target in self.targets.items()
            if key in changed and not target.refusal
        }
        for target in self.changed.values():
            if target.needs_revision or not dry_run:
                target.begin(self.user)
        if any(target.is_new_revision for target in self.changed.values()):
            self.load_all()
        wholes = {key: self.list_wholes(key, rows[line]) for key, line in self.lines.items()}
        ordered, self.loops = put_in_order(wholes)
        first_lines = [self.lines[key] for key in ordered]
        lines = [*first_lines, *sorted(rows.keys() - set(first_lines))]
        headers = dataset.headers
        dataset.wipe()
        dataset.headers = headers
        dataset.extend([list(rows[line].values()) for line in lines])

    def root_key(self, key) -> tuple:
        return key[: len(self.root_paths)]

    def load_all(self):
        """Load the records that the file may name, and their owners, by key."""
        self.existing = self.load(self.get_queryset(), self.key_fields, "")
        if self.owner:
            owners = self._meta.model._meta.get_field(self.owner).related_model
            self.owners = self.load(owners._base_manager.all(), self.owner_fields(), self.owner)

    def load(self, queryset, fields, prefix):
        """Return records by key: those of the targets, or (departments) all."""
        model = queryset.model
        paths = [field.attribute.removeprefix(f"{prefix}__") for field in fields]
        if versions.root_model(model) is not self.root_model:
            keys = queryset.values_list("pk", *paths)
            by_pk = queryset.in_bulk()
            return {tuple(key): by_pk[pk] for pk, *key in keys}
        roots = {target.root.pk: key for key, target in self.targets.items() if not target.refusal}
        path = versions.root_path(model)
        if not path:
            by_pk = queryset.in_bulk(roots)
            return {key: by_pk[pk] for pk, key in roots.items() if pk in by_pk}
        held = queryset.filter(**{f"{path}__in": roots}).select_related(path)
        own = held.order_by().values_list("pk", path, *paths[len(self.root_paths) :])
        by_pk = {record.pk: record for record in held}
        return {(*roots[root], *key): by_pk[pk] for pk, root, *key in own if pk in by_pk}

    def differs(self, key, row) -> bool:
        """Tell whether a row says something else than what is there, or cannot be read yet."""
        instance = self.existing.get(key)
        if instance is None:
            return True
        for name, field in self.fields.items():
            if field in self.key_fields or field.readonly or field.column_name not in row:
                continue
            if self.is_state(name) and (name == "status" or getattr(instance, "is_revision", None)):
                continue
            try:
                value = field.clean(row)
            except ValueError:
                return True
            if instance._meta.get_field(name).many_to_many:
                held = {record.pk for record in getattr(instance, name).all()}
                if {record.pk for record in value} != held:
                    return True
            elif field.widget.render(value) != field.export(instance):
                return True
        return False

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
        if key not in self.existing and self.is_root:
            paths = [field.attribute for field in self.key_fields]
            self.existing[key] = (
                self.get_queryset().filter(**dict(zip(paths, key, strict=True))).first()
            )
        if self.existing.get(key) is None:
            raise ValueError(
                f"「{text}」という{self._meta.model._meta.verbose_name}はありません。"
                "書き方を確かめるか、この表に行を加えてください。"
            )
        return self.existing[key]

    def before_import_row(self, row, **kwargs):
        if refusal := self.refuse(self.key_of(row)):
            raise ValidationError({NON_FIELD_ERRORS: refusal})

    def get_instance(self, instance_loader, row):
        return self.existing.get(self.key_of(row))

    def init_instance(self, row=None):
        instance = super().init_instance(row)
        if self.owner:
            setattr(instance, self.owner, self.owners.get(self.owner_key(row)))
        return instance

    def import_instance(self, instance, row, **kwargs):
        errors, departments = dict(self.key_errors.get(row[LINE], {})), list_departments(instance)
        if self.owner and not errors and getattr(instance, f"{self.owner}_id") is None:
            errors |= self.refuse_owner(row)
        for name, field in self.fields.items():
            is_set = field in self.key_fields and not instance._state.adding
            if is_set or field.readonly or field.column_name not in row or name in errors:
                continue
            try:
                self.import_cell(instance, name, field.clean(row), row)
            except ValueError as error:
                errors[name] = str(error)
        self.check_departments(instance, departments, row, errors)
        self.complete(instance, row, errors)
        if errors:
            raise ValidationError(errors)

    def import_cell(self, instance, name, value, row):
        model_field = instance._meta.get_field(name)
        if model_field.is_relation:
            self.check_named(instance, model_field, value)
        if self.is_state(name) and not self.takes_state(instance, name, value, row):
            return
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
        message = f"{named}の{kind}はありません。書き直すか、先に登録してください。"
        if not self.rights.is_over_all and self.owner in self.root_path.split("__"):
            message += "ほかの部局の記録には取り込めません。"
        return {fields[-1].attribute: message}

    def skip_row(self, instance, original, row, import_validation_errors=None):
        if import_validation_errors or original.pk is None:
            return False
        return row[LINE] not in self.differing

    def validate_instance(self, instance, import_validation_errors=None, validate_unique=True):
        errors = import_validation_errors or {}
        if not errors and self.is_valid_alone(instance):
            return  # the database checks the constraints; `do_instance_save` names what it refuses
        exclude = {name.split("__")[0] for name in errors} | not_typed(instance)
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
            instance.full_clean(
                not_typed(instance), validate_unique=False, validate_constraints=False
            )
        except ValidationError:
            return False
        return True

    def do_instance_save(self, instance, is_create):
        try:
            with transaction.atomic():
                super().do_instance_save(instance, is_create)
        except IntegrityError:
            instance.full_clean(not_typed(instance))
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


def say_blank(field, is_needed) -> str:
    if is_needed and not (isinstance(field, models.CharField) and field.blank):
        return "空欄にはできません"
    if field.has_default():
        label = dict(field.flatchoices).get(field.default, field.default)
        return f"新しい記録では「{label}」。今ある記録では空欄にできません"
    return ""


def not_typed(instance) -> set[str]:
    """Return the fields that hold what nobody could type: the slug of a revision."""
    return {"slug"} if getattr(instance, "is_revision", False) else set()


def move_updated_at(model, pks, path):
    """Set the `updated_at` of the publications that some records belong to by a path."""
    target = model
    for name in path.split("__"):
        target = target._meta.get_field(name).related_model
    owners = model.objects.filter(pk__in=pks).order_by().values(path)
    target.objects.filter(pk__in=owners).update(updated_at=timezone.now())
