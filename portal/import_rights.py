"""What of a file's rows the user may write, and what no import changes."""

from .import_targets import FOREIGN, PERIOD, may_add
from .publishing import Status

STEPS = (
    "そのままにするか、列を消してください。公開や取下げは、記録のページの"
    "「承認を求める」「取り下げる」などで進めます。"
)
NEW_IS_DRAFT = (
    "新しい記録は「下書き」にします。公開は、記録のページの「承認を求める」から進めます。"
)


class ImportRights:
    """Adds to an import, whose `targets` and `rights` are known, what it refuses."""

    def is_state(self, name) -> bool:
        """Tell whether a column is of the record's way to the public, not of its content."""
        return self.is_root and name in ("status", *PERIOD)

    def refuse(self, key) -> str:
        """Return why the user may not write what a row names; a part that is hidden is not there."""
        target = self.targets.get(self.root_key(key)) if key else None
        if target:
            return "" if target.is_hidden and not self.is_root else target.refusal
        return "" if may_add(self.root_model, self.rights) else FOREIGN

    def takes_state(self, target, name, value) -> bool:
        """Tell whether an import may set this; raise ValueError where the cell asks for a step."""
        record = target and target.record
        if name == "status":
            if value not in ([record.status] if record else ["", Status.DRAFT]):
                now = f"いまは「{record.get_status_display()}」です。{STEPS}" if record else ""
                raise ValueError(f"取込では公開状態を変えられません。{now or NEW_IS_DRAFT}")
            return False
        if record is None or record.status == Status.DRAFT:
            return True
        if value != getattr(record, name):
            raise ValueError(
                "公開の期間を取込で変えられるのは、下書きだけです。承認するときに決めてください。"
            )
        return False

    def refuse_named(self, column, said, held) -> str:
        """Return why a cell may not name what it names; "" where it may, or where it is so already.

        `held` is the number that the record held before, or the numbers.
        """
        kept = held if isinstance(held, set | tuple) else {held}
        for record in said.records:
            if record.pk not in kept and not self.may_name(column.field, record):
                return column.cell.say_unknown(getattr(record, column.cell.key))
        return ""

    def may_name(self, model_field, record) -> bool:
        if getattr(record, "status", None) == Status.BINNED:
            return False
        path = getattr(model_field.related_model, "department_path", None)
        if path is None or self.rights.is_over_all:
            return True
        model = model_field.related_model
        if model not in self.visible:
            seen = self.rights.limit(model._base_manager.all(), path)
            self.visible[model] = set(seen.order_by().values_list("pk", flat=True))
        return record.pk in self.visible[model]

    def departments_of(self, values, links) -> set[int]:
        """Return the numbers of the departments of a record, by its values and what it is linked to."""
        path = self.model.department_path
        field = self.model._meta.get_field(path)
        if not field.many_to_many:
            return {values[self.there.fields.index(field)]} - {None}
        return set(links[path] if path in links else self.there.links[path].get(values[0], ()))

    def check_departments(self, before, after, errors):
        """Refuse a record that would not be, or a department that is not, of the user's."""
        path = self.model.department_path
        name = next(name for name in self.by_name if name.split("__")[0] == path)
        if name in errors:
            return
        editing = self.rights.editing
        if after - before - editing or after.isdisjoint(editing):
            errors[name] = ["自分の部局を書いてください。"]
