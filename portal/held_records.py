"""The records that an import's file may name, as they are: loaded at once, found by their keys."""

from collections.abc import Iterable, Iterator
from itertools import islice
from operator import attrgetter, itemgetter

from django.db.models.base import ModelState

from . import versions
from .import_columns import Memo
from .row_writing import list_own_fields

BATCH_SIZE = 500


class HeldRecords:
    """What is there of a resource's model in some targets, and what those records belong to.

    A record is held as the tuple of its concrete fields. `numbers` finds the primary key of a
    record by its key, also of one that the file brings: those have negative ones. `above` tells
    which record of its own kind a record hangs on.
    """

    def __init__(self, resource, key_columns, targets):
        self.resource, self.targets, self.model = resource, targets, resource._meta.model
        self.fields = self.model._meta.concrete_fields
        self.attributes = [field.attname for field in self.fields]
        self.roots = {target.root.pk: key for key, target in targets.items() if not target.refusal}
        self.key_columns = key_columns
        self.own_key = [column for column in self.key_columns if column.is_set]
        self.owner = self.model._meta.get_field(resource.owner) if resource.owner else None
        self.owner_at = self.fields.index(self.owner) if self.owner else None
        self.owner_size = sum(c.name.startswith(f"{resource.owner}__") for c in self.key_columns)
        self.owners: dict = {}
        self.owner_records: dict = {}
        if self.owner:
            self._load_owners(self.owner.related_model)
        self.rows = dict(self._iter_rows())
        self.numbers = {key: values[0] for key, values in self.rows.items()}
        self.own_fields = list_own_fields(self.model)
        self.keys, self.above, self.made = {}, {}, {}
        self.named = Memo(self.get_named)
        if self.own_fields:
            self.keys = {pk: key for key, pk in self.numbers.items()}
            [(index, _)] = self.own_fields
            self.above = {values[0]: values[index] for values in self.rows.values()}
        self.links = {
            field.name: self._load_links(field) for field in self.model._meta.many_to_many
        }

    def _load_owners(self, model):
        if model is self.resource.root_model:
            self.owners = {key: pk for pk, key in self.roots.items()}
            self.owner_records = {target.root.pk: target.root for target in self.targets.values()}
        elif versions.root_model(model) is self.resource.root_model:
            path, at = versions.root_path(model), f"{self.owner.name}__"
            names = [column.name.removeprefix(at) for column in self.key_columns]
            names = names[len(self.resource.root_paths) : self.owner_size]
            for batch in iter_batches(self.roots):
                found = model._base_manager.filter(**{f"{path}__in": batch}).order_by()
                for pk, root, *own in found.values_list("pk", path, *names):
                    self.owners[(*self.roots[root], *own)] = pk
        else:
            get_key = attrgetter(self.key_columns[0].name.removeprefix(f"{self.owner.name}__"))
            self.owner_records = model._base_manager.in_bulk()
            self.owners = {(get_key(owner),): pk for pk, owner in self.owner_records.items()}

    def _iter_rows(self) -> Iterator[tuple[tuple, tuple]]:
        path = self.resource.root_path or "pk"
        owner_keys = {pk: key for key, pk in self.owners.items()}
        own = [column.index for column in self.own_key]
        get_own = itemgetter(*own) if len(own) > 1 else lambda values: (values[own[0]],)
        for batch in iter_batches(self.roots):
            found = self.model._base_manager.filter(**{f"{path}__in": batch}).order_by()
            for values in found.values_list(*self.attributes):
                if self.resource.is_root:
                    yield self.roots[values[0]], values
                else:
                    yield (*owner_keys[values[self.owner_at]], *get_own(values)), values

    def _load_links(self, field) -> dict[int, set[int]]:
        """Return, by number, the numbers of the records that a many-to-many relation names."""
        links: dict = {}
        source, target = field.m2m_field_name(), field.m2m_reverse_field_name()
        pairs = field.remote_field.through._base_manager.order_by()
        for batch in iter_batches(self.numbers.values()):
            found = pairs.filter(**{f"{source}__in": batch})
            for pk, linked in found.values_list(f"{source}_id", f"{target}_id"):
                links.setdefault(pk, set()).add(linked)
        return links

    def find_other(self, key) -> int | None:
        """Return the number of a record that is in no row of the file; None where there is none.

        Parts of a record are all loaded.
        """
        if not self.resource.is_root:
            return None
        names = [column.name for column in self.key_columns]
        found = self.model._default_manager.filter(**dict(zip(names, key, strict=True)))
        pk = found.values_list("pk", flat=True).first()
        if pk is not None:
            self.numbers[key] = pk
        return pk

    def add(self, key, instance):
        """Let other rows name a record that is right, as a row leaves it."""
        self.numbers[key] = pk = instance.pk
        for _, field in self.own_fields:
            self.keys[pk] = key
            self.above[pk] = instance.__dict__[field.attname]
            if self.resource.is_root:
                self.made[pk] = instance

    def make_instance(self, values, *, is_new=False):
        """Return the model's instance of some values, with what it belongs to and hangs on.

        It is made as unpickling makes one, which takes a fifth of the time of `__init__`.
        """
        instance = self.model.__new__(self.model)
        instance.__dict__ = dict(zip(self.attributes, values, strict=True))
        instance._state = state = ModelState()
        state.adding, state.fields_cache = is_new, {}
        if self.owner_records and values[self.owner_at] is not None:
            state.fields_cache[self.owner.name] = self.owner_records[values[self.owner_at]]
        for index, field in self.own_fields:
            pk = values[index]
            state.fields_cache[field.name] = None if pk is None else self.named[pk]
        return instance

    def get_named(self, pk):
        """Return another record of the model: with what its key tells, or (a root) whole."""
        if self.resource.is_root:
            return self.made.get(pk) or self.model._base_manager.get(pk=pk)
        key, values = self.keys[pk], [None] * len(self.fields)
        values[0], values[self.owner_at] = pk, self.owners[key[: self.owner_size]]
        for column, value in zip(self.own_key, key[self.owner_size :], strict=True):
            values[column.index] = value
        return self.make_instance(values)


def iter_batches(items: Iterable, size: int = BATCH_SIZE) -> Iterator[list]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
