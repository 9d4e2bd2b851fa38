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
    """Adds to a resource, whose `targets` and `rights` are known, what it refuses."""

    def is_state(self, name) -> bool:
        """Tell whether a column is of the record's way to the public, not of its content."""
        return self.is_root and name in ("status", *PERIOD)

    def refuse(self, key) -> str:
        """Return why the user may not write what a row names; a part that is hidden is not there."""
        target = self.targets.get(self.root_key(key)) if key else None
        if target:
            return "" if target.is_hidden and not self.is_root else target.refusal
        return "" if may_add(self.root_model, self.rights) else FOREIGN

    def takes_state(self, instance, name, value, row) -> bool:
        """Tell whether an import may set this; raise ValueError where the cell asks for a step."""
        target = self.targets.get(self.key_of(row))
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

    def check_named(self, instance, model_field, value):
        """Refuse a record that the user may not choose, unless it is chosen already."""
        chosen = value if model_field.many_to_many else [value] if value else []
        held = set()
        if not instance._state.adding and model_field.many_to_many:
            held = {record.pk for record in getattr(instance, model_field.name).all()}
        elif not instance._state.adding:
            held = {getattr(instance, model_field.attname)}
        for record in chosen:
            if record.pk not in held and not self.may_name(model_field, record):
                self.fields[model_field.name].widget.refuse(record)

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

    def check_departments(self, instance, held, row, errors):
        """Refuse a record that would not be, or a department that is not, of the user's."""
        path = getattr(self._meta.model, "department_path", None)
        name = next((name for name in self.fields if name.split("__")[0] == path), None)
        if not path or self.rights.is_over_all or name in errors:
            return
        field, chosen = self.fields[name], list_departments(instance)
        if field.column_name in row and instance._meta.get_field(path).many_to_many:
            chosen = {record.pk for record in field.clean(row)}
        if chosen - held - self.rights.editing or chosen.isdisjoint(self.rights.editing):
            errors[name] = "自分の部局を書いてください。"


def list_departments(record) -> set[int]:
    """Return the numbers of the departments that a record belongs to, saved or as it is now."""
    path = getattr(type(record), "department_path", None)
    if path is None or (record._state.adding and record._meta.get_field(path).many_to_many):
        return set()
    if record._meta.get_field(path).many_to_many:
        return {department.pk for department in getattr(record, path).all()}
    return {getattr(record, f"{path}_id")} - {None}
