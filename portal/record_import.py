"""One import: the rows of a file are read, compared and checked as a whole, then written in bulk."""

import logging
from itertools import compress
from operator import ne

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import DataError, IntegrityError, models, transaction
from import_export.results import Error

from .edition import holding_edition
from .held_records import HeldRecords, iter_batches
from .import_columns import Parsed, say
from .import_outcome import find_premises, pack_outcome
from .import_results import Problem, RecordResult
from .import_rights import ImportRights
from .import_targets import find_targets
from .rights import Rights, rights_of
from .row_checks import checks_of
from .row_order import put_in_order
from .row_writing import Change, connection_of

logger = logging.getLogger(__name__)

NOT_SAVED = (
    "データベースが受け付けなかったため、何も保存していません。もう一度内容を確かめてください。"
    "また同じになるときは、システムの管理者に知らせてください。"
)
TOGETHER = 1_000  # rows that are read at once, column by column
UNREADABLE = object()  # is no value that a record holds
PLAIN_PRE_SAVE = {
    kind.pre_save
    for kind in (models.Field, models.DateField, models.DateTimeField, models.FileField)
}


class RecordImport(ImportRights):
    """What an import knows of its file, and what it found; `write(self)` saves `changes`."""

    def __init__(self, resource, table, user, *, dry_run, source=""):
        self.resource, self.rows, self.source = resource, table.rows, source
        self.user, self.dry_run = user, dry_run
        self.rights = rights_of(user) if user else Rights()
        self.visible: dict = {}
        self.limits_departments = not self.rights.is_over_all and hasattr(
            resource._meta.model, "department_path"
        )
        self.model, self.is_root = resource._meta.model, resource.is_root
        self.root_model, self.root_size = resource.root_model, len(resource.root_paths)
        self.columns = resource.make_columns(table.header)
        self.places = {column: place for place, column in enumerate(self.columns)}
        self.by_name = {column.name: column for column in self.columns}
        self.key_columns = [self.by_name[name] for name in resource.get_import_id_fields()]
        self.key_names = {NON_FIELD_ERRORS, *resource.get_import_id_fields()}
        own = [column for column in self.columns if column.is_set and column.at is not None]
        self.state_columns = [column for column in own if self.is_state(column.name)]
        self.set_columns = [
            column for column in own if not column.is_key and column not in self.state_columns
        ]
        self.plain_columns = [c for c in self.set_columns if not (c.is_own or c.is_many)]
        self.linking_columns = [c for c in self.set_columns if c.is_own or c.is_many]
        self.special_columns = {*self.state_columns, *(c for c in own if c.is_own)}
        self.looked_at = [c for c in self.columns if c in self.special_columns or c.is_many]
        self.plain_of_new = [c for c in self.columns if c not in self.looked_at]
        fields, self.connection = self.model._meta.concrete_fields, connection_of(self.model)
        self.template = [field.get_default() for field in fields]
        self.stored_template = [
            field.get_db_prep_save(value, self.connection)
            for field, value in zip(fields, self.template, strict=True)
        ]
        self.computed = [
            (index, field)
            for index, field in enumerate(fields)
            if type(field).pre_save not in PLAIN_PRE_SAVE
        ]
        self.checks = checks_of(self.model)
        self.has_clean = self.model.clean is not models.Model.clean
        self.keys: list = []
        self.first: dict = {}
        self.key_errors: dict = {}

    def run(self, write) -> RecordResult:
        """Import, or try to; nothing is saved where the result has errors."""
        self.result = self.make_result()
        premises = find_premises(self.user) if self.dry_run and self.user else ""
        try:
            with transaction.atomic():
                self.read_keys()
                roots = {self.root_key(key) for key in self.first}
                paths = self.resource.root_paths
                self.targets = find_targets(
                    self.root_model, paths, roots, self.rights, lock=not self.dry_run
                )
                self.examine()
                if not self.dry_run and not self.result.has_errors():
                    with holding_edition(), self.resource.around_import():
                        write(self)
                if premises and not self.result.has_errors():
                    self.result.outcome = pack_outcome(self, premises)
                if self.dry_run or self.result.has_errors():
                    transaction.set_rollback(True)
        except (DataError, IntegrityError):
            logger.exception("the database refused an import")
            self.result.base_errors.append(Error(ValueError(NOT_SAVED)))
        return self.result

    def make_result(self) -> RecordResult:
        return RecordResult(self.source, [column.title for column in self.columns])

    def root_key(self, key) -> tuple:
        return key[: self.root_size]

    def root_key_of(self, instance) -> tuple:
        """Return the key of the record that a part hangs on at once."""
        return self.there.roots[getattr(instance, self.there.owner.attname)]

    def texts_of(self, numbers) -> list[tuple]:
        """Return what some rows of the file say, by column."""
        return list(zip(*[self.rows[number].cells for number in numbers], strict=True))

    def text(self, row, name) -> str:
        """Return what a row of the file says in a column; "" where it has none."""
        column = self.by_name.get(name)
        return "" if column is None or column.at is None else row.cells[column.at]

    def read_keys(self):
        """Read the key of each row; a record may stand in one row only."""
        for numbers in iter_batches(range(len(self.rows)), TOGETHER):
            values, texts_of = [], self.texts_of(numbers)
            for column in self.key_columns:
                texts = texts_of[column.at]
                said = column.parsed.take(texts)
                values.append([said[text].value for text in texts])
                if wrong := {text: made.error for text, made in said.items() if made.error}:
                    for number, text in zip(numbers, texts, strict=True):
                        if text in wrong:
                            self.key_errors.setdefault(number, {})[column.name] = [wrong[text]]
            self.keys += zip(*values, strict=True)
        for number, key in enumerate(self.keys):
            if number in self.key_errors:
                self.keys[number] = None
                continue
            first = self.first.setdefault(key, number)
            if first != number:
                line = self.rows[first].line
                message = f"同じ記録が{line}行目にもあります。どちらか一つにしてください。"
                self.key_errors[number] = {NON_FIELD_ERRORS: [message]}

    def examine(self):
        """Compare and check all rows with what is there: sets `result` and `changes`."""
        self.result = self.make_result()
        self.there = HeldRecords(self.resource, self.key_columns, self.targets)
        self.changes: list[Change] = []
        self.changed_roots: set[tuple] = set()
        self.refusals: dict = {}
        self.order_rows()
        for numbers in iter_batches(self.order, TOGETHER):
            held = [self.there.rows.get(self.keys[number]) for number in numbers]
            known = [pair for pair in zip(numbers, held, strict=True) if pair[1]]
            self.differing = self.find_differing(*zip(*known, strict=True)) if known else {}
            self.new = self.read_new([n for n, h in zip(numbers, held, strict=True) if h is None])
            for pair in zip(numbers, held, strict=True):
                self.examine_row(*pair)
        self.result.sort()
        self.result.revisions = [
            (str(target.record), target.is_new_revision or target.needs_revision)
            for target in self.changed_targets
            if target.is_revision
        ]

    @property
    def changed_targets(self) -> list:
        return [target for key, target in self.targets.items() if key in self.changed_roots]

    def order_rows(self):
        """Set in which order the rows are examined: each after those that it needs."""
        places = [self.by_name[name].at for name in self.resource.whole_columns]
        wholes, is_ordered = {}, True
        for key, number in self.first.items():
            cells = self.rows[number].cells
            texts = ["" if at is None else cells[at] for at in places]
            if places and not any(texts):
                continue
            for whole in self.resource.list_wholes(key, texts):
                if whole in self.first:
                    wholes.setdefault(key, []).append(whole)
                    is_ordered = is_ordered and self.first[whole] < number
        self.order, self.loops = range(len(self.rows)), set()
        if not is_ordered:
            ordered, self.loops = put_in_order({key: wholes.get(key, []) for key in self.first})
            first = [self.first[key] for key in ordered]
            self.order = [*first, *sorted(set(self.order) - set(first))]

    def examine_row(self, number, held):
        key, row = self.keys[number], self.rows[number]
        root = key and self.root_key(key)
        if root not in self.refusals:
            self.refusals[root] = self.refuse(key)
        if refusal := self.refusals[root]:
            self.result.add_problem(Problem(row.line, "", "", refusal))
            return
        errors = {}
        if number in self.key_errors:
            errors = {name: list(told) for name, told in self.key_errors[number].items()}
        states = self.read_states(row, key, held, errors) if self.state_columns else {}
        if held is None:
            self.examine_new(number, key, errors, states)
            return
        differing = [*self.differing.get(number, ()), *states]
        for column in self.linking_columns:
            said = self.read_links(column, row.cells[column.at], key)
            if said.error or said.held != self.held_of(column, held):
                differing.append(column)
        if errors or differing:
            self.examine_change(row, key, held, errors, states, differing)
        else:
            self.result.add_same(row.line, lambda: str(self.there.make_instance(held)))

    def find_differing(self, numbers, held) -> dict[int, list]:
        """Return the plain columns in which rows say something else than what is there, by row.

        What cannot be read is something else too.
        """
        found: dict[int, list] = {}
        texts_of = self.texts_of(numbers)
        for column in self.plain_columns:
            texts = texts_of[column.at]
            before = [values[column.index] for values in held]
            said = {
                text: UNREADABLE if made.error else made.held
                for text, made in column.parsed.take(texts).items()
            }
            kept = column.compare.take(before)
            differs = map(ne, map(said.__getitem__, texts), map(kept.__getitem__, before))
            for number in compress(numbers, differs):
                found.setdefault(number, []).append(column)
        return found

    def read_new(self, numbers) -> dict[int, tuple[list, list, list]]:
        """Return of new records the values, what is stored of them, and what is shown, by row.

        Those in `odd` hold what cannot be taken as it is read.
        """
        self.odd = set()
        if not numbers:
            return {}
        count, texts_of = len(numbers), self.texts_of(numbers)
        values, stored = ([[v] * count for v in t] for t in (self.template, self.stored_template))
        shown = [[""] * count for _ in self.columns]
        for column in self.plain_of_new:
            if column.at is None:
                texts, said = [""] * count, {"": column.default}
            else:
                texts = texts_of[column.at]
                said = column.said_of_new.take(texts)
            if odd := {text for text, made in said.items() if self.is_odd(column, made)}:
                self.odd.update(n for n, t in zip(numbers, texts, strict=True) if t in odd)
            made = [said[text] for text in texts]
            shown[self.places[column]] = [each.shown for each in made]
            if column.index is not None:
                values[column.index] = [each.value for each in made]
                stored[column.index] = [each.stored for each in made]
        read = [map(list, zip(*each, strict=True)) for each in (values, stored, shown)]
        return dict(zip(numbers, zip(*read, strict=True), strict=True))

    def is_odd(self, column, said) -> bool:
        return bool(
            said.error or said.problems or (said.records and self.refuse_named(column, said, ()))
        )

    def held_of(self, column, held):
        """Return what a record holds, as `Parsed.held` is it of a text."""
        if column.is_many:
            return self.there.links[column.name].get(held[0], set())
        return column.compare[held[column.index]]

    def read_links(self, column, text, key) -> Parsed:
        """Return what a cell says that names several records, or records of its own kind."""
        if not column.is_own:
            return column.parsed[text]
        if not text:
            return column.nothing
        try:
            keys = column.cell.list_keys(text, key or ())
            pks = [self.find_own(named, named[0] if len(named) == 1 else text) for named in keys]
        except ValueError as error:
            return Parsed(error=str(error))
        return column.make_own(pks, keys)

    def find_own(self, key, text) -> int:
        """Return the number of a record of this model, also of one that the file itself brings."""
        if key in self.loops:
            raise ValueError(
                f"「{text}」をたどると、この行に戻って輪になります。どれか一つを直してください。"
            )
        pk = self.there.numbers.get(key)
        if pk is None and key in self.first:
            line = self.rows[self.first[key]].line
            raise ValueError(
                f"「{text}」の行（{line}行目）に誤りがあります。先にその行を直してください。"
            )
        pk = self.there.find_other(key) if pk is None else pk
        if pk is None:
            raise ValueError(
                f"「{text}」という{self.model._meta.verbose_name}はありません。"
                "書き方を確かめるか、この表に行を加えてください。"
            )
        return pk

    def read_states(self, row, key, held, errors) -> dict:
        """Return what a row changes of how far its record is, by column."""
        target, found = self.targets.get(key), {}
        for column in self.state_columns:
            said = column.parsed[row.cells[column.at]]
            try:
                if said.error:
                    raise ValueError(said.error)
                if self.takes_state(target, column.name, said.value) and (
                    held is None or said.held != self.held_of(column, held)
                ):
                    found[column] = said
            except ValueError as error:
                errors[column.name] = [str(error)]
        return found

    def read_special(self, column, row, key, states) -> Parsed:
        if column in self.state_columns:
            return states.get(column, column.default)
        return self.read_links(column, row.cells[column.at], key)

    def examine_new(self, number, key, errors, states):
        there, row = self.there, self.rows[number]
        values, stored, shown = self.new[number]
        values[0] = -1 - len(self.changes)
        found, links = {}, {}
        if there.owner and key and not errors:
            owner = there.owners.get(key[: there.owner_size])
            values[there.owner_at] = stored[there.owner_at] = owner
            if owner is None:
                errors |= self.refuse_owner(row)
        for column in self.columns if number in self.odd else self.looked_at:
            index = column.index
            if column.at is None:
                said = column.default
            elif column in self.special_columns:
                said = self.read_special(column, row, key, states)
            else:
                said = column.said_of_new[row.cells[column.at]]
            if said.error or column.name in errors:
                errors.setdefault(column.name, [said.error])
                if index is not None:
                    values[index] = self.template[index]
                continue
            if said.problems:
                found[column.name] = list(said.problems)
            if said.records and (refusal := self.refuse_named(column, said, ())):
                errors[column.name] = [refusal]
            if index is not None:
                values[index], stored[index] = said.value, said.stored
            elif column.is_many:
                links[column.name] = said.value
            shown[self.places[column]] = said.shown
        if self.limits_departments:
            self.check_departments(set(), self.departments_of(values, links), errors)
        instance = there.make_instance(values, is_new=True)
        if self.is_right(row, instance, errors, found):
            for index, field in there.own_fields:
                stored[index] = instance.__dict__[field.attname]
            for index, field in self.computed:
                value = field.pre_save(instance, True)
                stored[index] = field.get_db_prep_save(value, self.connection)
            self.add_change("new", row, key, instance, shown, Change(values[0], "", stored, links))

    def examine_change(self, row, key, held, errors, states, differing):
        there, values = self.there, list(held)
        found, stored, links, cells = {}, {}, {}, []
        for column in sorted(differing, key=self.places.__getitem__):
            if column.name in errors:
                continue
            if column in self.special_columns:
                said = self.read_special(column, row, key, states)
            else:
                said = column.parsed[row.cells[column.at]]
            before = self.held_of(column, held)
            refusal = said.error or (said.records and self.refuse_named(column, said, before))
            if refusal:
                errors[column.name] = [refusal]
                continue
            if said.problems:
                found[column.name] = list(said.problems)
            if column.is_many:
                links[column.name] = said.value
            else:
                values[column.index] = said.value
                stored[column.field.name] = said.stored
            old = self.show_old(column, before if column.is_many else held[column.index])
            cells.append((self.places[column], old, said.shown))
        if self.limits_departments:
            old, new = self.departments_of(held, {}), self.departments_of(values, links)
            self.check_departments(old, new, errors)
        instance = there.make_instance(values)
        if self.is_right(row, instance, errors, found):
            change = Change(values[0], "", stored, links)
            self.add_change("update", row, key, instance, cells, change)

    def show_old(self, column, held) -> str:
        """Return what a record held as a person reads it; of relations, their numbers are held."""
        if not column.field.is_relation:
            return column.old[held]
        pks = held if column.is_many else {held} - {None}
        if column.is_own and not self.is_root:
            return column.cell.show_keys([self.there.keys[pk] for pk in pks])
        return column.old[tuple(sorted(pks))]

    def is_right(self, row, instance, errors, found) -> bool:
        """Check a record as a whole; tell what is wrong with it in the result.

        `errors` are of cells that cannot be read, `found` of values that were.
        """
        wrong = found | errors
        if self.resource.complete(self, row, instance, wrong) and errors.keys().isdisjoint(
            self.key_names
        ):  # what is wrong beyond single fields would follow from the wrong key
            self.check_whole(instance, wrong)
        if wrong:
            self.add_problems(row, wrong)
        return not wrong

    def check_whole(self, instance, wrong):
        """Add to `wrong` what the model's `clean` and its constraints say.

        No key is there twice, so that unique constraints are kept; the database has the last word.
        """
        if self.has_clean:
            try:
                instance.clean()
            except ValidationError as error:
                for name, told in error.update_error_dict({}).items():
                    wrong.setdefault(name, []).extend(say(ValidationError(told)))
        for check in self.checks:
            if not (wrong and check.names & wrong.keys()) and not check.holds(instance.__dict__):
                wrong.setdefault(NON_FIELD_ERRORS, []).append(check.message)

    def add_problems(self, row, wrong):
        """Tell what is wrong with a row, in the order of its columns, then with the whole."""
        told = []
        for name, messages in wrong.items():
            column = self.by_name.get(name)
            at = len(row.cells) if column is None or column.at is None else column.at
            title = column.title if column else ""
            told += [(at, title, self.text(row, name), message) for message in messages]
        for _, title, text, message in sorted(told, key=lambda each: each[0]):
            self.result.add_problem(Problem(row.line, title, text, message))

    def refuse_owner(self, row) -> dict:
        columns = self.key_columns[: self.there.owner_size]
        named = "・".join(f"{column.title}「{row.cells[column.at]}」" for column in columns)
        message = (
            f"{named}の{self.there.owner.verbose_name}はありません。"
            "書き直すか、先に登録してください。"
        )
        if not self.rights.is_over_all and self.there.owner.name in self.resource.root_path.split(
            "__"
        ):
            message += "ほかの部局の記録には取り込めません。"
        return {columns[-1].name: [message]}

    def add_change(self, kind, row, key, instance, cells, change):
        change.record = str(instance)
        self.changes.append(change)
        self.there.add(key, instance)
        self.changed_roots.add(self.root_key(key))
        self.result.add_change(row.line, kind, change.record, cells)
