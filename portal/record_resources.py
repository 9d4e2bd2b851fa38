"""Rows of a staff spreadsheet ↔ records, by natural key, checked as a whole, saved all or not at all."""

from contextlib import nullcontext
from functools import partial

from django.db import models
from django.utils import timezone
from import_export.fields import Field
from import_export.resources import ModelResource
from import_export.results import Error

from . import versions
from .cells import ChoiceCell, StatusCell, make_cell
from .import_columns import Column
from .import_outcome import KeptImport
from .import_results import RecordResult
from .import_writing import write_import
from .publishing import Status
from .record_import import RecordImport

PART_STATUS = [(s.value, s.label) for s in (Status.DRAFT, Status.PUBLISHED, Status.WITHDRAWN)]
NEEDED = "新しい記録には要ります"
CITED = ["source", "locator"]
PUBLICATION = ["status", "publish_from", "publish_until", "internal_note"]


class RecordResource(ModelResource):
    """The spreadsheet of a model: `Meta.fields` are its columns, headed by the verbose names.

    `Meta.import_id_fields` are the key. Where a record belongs to another one, `owner` names that
    foreign key, and the parts of the key that begin with it find the owner. `updates` is the path
    to the publication whose `updated_at` a saved row moves on.
    """

    owner = ""
    updates = ""
    whole_columns = ()  # from which a row tells what it needs, beside its key; see `list_wholes`
    around_import = staticmethod(nullcontext)  # portal.apps puts the search's `hold_indexing` here

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        model = self._meta.model
        self.root_model, self.root_path = versions.root_model(model), versions.root_path(model)
        self.is_root = model is self.root_model
        if "status" in self.fields:
            self.fields["status"].widget = StatusCell() if self.is_root else ChoiceCell(PART_STATUS)
        self.headers = {name: field.column_name for name, field in self.fields.items()}
        self.key_fields = [self.fields[name] for name in self.get_import_id_fields()]
        at = f"{self.root_path}__" if self.root_path else ""
        self.root_paths = [
            field.attribute.removeprefix(at)
            for field in self.key_fields
            if field.attribute.startswith(at)
        ]

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

    def import_data(self, table, dry_run=False, user=None, file_name="", source=""):
        """Import a Table; nothing is saved where the result has errors, nor in a dry run.

        `source` says what the table was read from. `result.versions` is what undoes the import, as
        `ImportLog.versions` tells.
        """
        result = RecordResult(source)
        if refusal := self.refuse_headers(table.header):
            result.base_errors.append(Error(ValueError(refusal)))
            return result
        run = RecordImport(self, table, user, dry_run=dry_run, source=source)
        return run.run(_write_as(file_name))

    def import_outcome(self, outcome: bytes, user, file_name) -> RecordResult | None:
        """Import what a preview found; None, and nothing is saved, where that holds no more."""
        return KeptImport(self, user, outcome).run(_write_as(file_name))

    def make_columns(self, header) -> list[Column]:
        """Return the columns of one import, in the order in which a record is shown."""
        names = {field: name for name, field in self.fields.items()}
        return [
            Column(names[field], field, self._meta.model, header, is_key=field in self.key_fields)
            for field in self.get_import_fields()
        ]

    def refuse_headers(self, headers) -> str:
        """Return a sentence for each header that is unknown or missing; "" where all is well."""
        known, keys = set(self.headers.values()), [field.column_name for field in self.key_fields]
        sentences = [
            f"見出し「{header}」という列はありません。列を消すか、正しい見出しに直してください。"
            for header in headers
            if header not in known
        ] + [
            f"見出し「{header}」の列がありません。どの記録かを示す列なので、必ず要ります。"
            for header in keys
            if header not in headers
        ]
        return "".join(sentences)

    def owner_fields(self):
        return [field for field in self.key_fields if field.attribute.startswith(f"{self.owner}__")]

    def list_wholes(self, key, texts) -> list[tuple]:
        """Return the keys of rows that must be saved before the one of this key.

        `texts` are those of the `whole_columns`.
        """
        return []

    def complete(self, run, row, instance, wrong) -> bool:
        """Set or check what follows from several cells; `wrong` holds sentences by field.

        Returns whether it makes sense to check the record as a whole.
        """
        return True


def _write_as(file_name):
    return partial(write_import, action=f"取込：{file_name}"[:100])


def say_blank(field, is_needed) -> str:
    if is_needed and not (isinstance(field, models.CharField) and field.blank):
        return "空欄にはできません"
    if field.has_default():
        label = dict(field.flatchoices).get(field.default, field.default)
        return f"新しい記録では「{label}」。今ある記録では空欄にできません"
    return ""


def move_updated_at(model, pks, path):
    """Set the `updated_at` of the publications that some records belong to by a path."""
    target = model
    for name in path.split("__"):
        target = target._meta.get_field(name).related_model
    owners = model.objects.filter(pk__in=pks).order_by().values(path)
    target.objects.filter(pk__in=owners).update(updated_at=timezone.now())
