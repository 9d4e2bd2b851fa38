"""Departments renamed, merged, split and abolished: planned, tried out, done in one go, and undone.

A past year keeps its department with its name. From the year on, what belongs to no year (children,
indicators, programs) and the drafts of that year or later go over to the successors, and the staff
have their roles there as well.
"""

import hashlib
import json
from contextlib import contextmanager

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.utils import timezone

from . import versions
from .differences import compare
from .fiscal_year import format_fiscal_year
from .models import (
    ChangeNote,
    Department,
    Membership,
    Reorganisation,
    ReorganisationKind,
    Version,
)
from .publishing import Publication, Status, live_q
from .reorganisation_plan import NewDepartment, Plan, list_children, list_problems
from .search_index import hold_indexing


class ReorganisationError(ValueError):
    """It cannot be done; `problems` are sentences for a person."""

    def __init__(self, *problems: str):
        super().__init__("".join(problems))
        self.problems = list(problems)


def load_departments(lock=False) -> dict[int, Department]:
    """Return all departments by number; `lock` holds them, so that one change follows another."""
    departments = Department.objects.order_by("position", "pk").prefetch_related("successors")
    if lock:
        list(Department.objects.order_by("pk").select_for_update())
    return {department.pk: department for department in departments}


@transaction.atomic
def reorganise(plan: Plan, user) -> Reorganisation:
    """Do it all or nothing. Raises ReorganisationError."""
    known = load_departments(lock=True)
    if problems := list_problems(plan, known):
        raise ReorganisationError(*problems)
    with hold_indexing():
        return _Work(plan, user, known).do()


def try_out(plan: Plan, user) -> Reorganisation:
    """Do it, and take it back at once; what is returned tells what would happen."""
    with transaction.atomic():
        tried = reorganise(plan, user)
        transaction.set_rollback(True)
    return tried


def fingerprint(reorganisation: Reorganisation) -> str:
    """Return a mark of what a reorganisation does: the same for a trial and for the real run."""
    return hashlib.sha256(json.dumps(reorganisation.report).encode()).hexdigest()


def find_done(plan: Plan) -> Reorganisation | None:
    """Return what already did this to these departments: the form was sent twice."""
    wanted = set(plan.departments)
    for done in Reorganisation.objects.filter(
        kind=plan.kind, fiscal_year=plan.fiscal_year, undone_at=None
    ):
        numbers = {pk for label, pk, *_ in done.versions if label == Department._meta.label_lower}
        slugs = set(Department.objects.filter(pk__in=numbers).values_list("slug", flat=True))
        if wanted and wanted <= numbers and {new.slug for new in plan.new} <= slugs:
            return done
    return None


class _Work:
    """Does a plan that has no problems, and notes what it does."""

    def __init__(self, plan, user, known):
        self.plan, self.user, self.known = plan, user, known
        self.old = [known[pk] for pk in plan.departments]
        self.action = f"組織の再編（{plan.kind.label}）"
        self.versions, self.memberships = [], []
        self.departments, self.records, self.roles, self.stays = [], [], [], []

    def do(self) -> Reorganisation:
        new = [self.make(each) for each in self.plan.new]
        self.successors = new + [self.known[pk] for pk in self.plan.existing]
        for department in self.old:
            with self.changing(department, self.departments):
                department.abolished_in = self.plan.fiscal_year
                department.save()
                department.successors.add(*self.successors)
        for child in list_children(self.plan, self.old, self.known):
            with self.changing(child, self.departments, is_inherited=True):
                child.parent = self.heir_of(child)
                child.save()
        for relation in Department._meta.related_objects:
            model = relation.related_model
            if hasattr(model, "part_paths") and model is not Department:
                self.move_records(relation.field)
        self.give_roles()
        return Reorganisation.objects.create(
            kind=self.plan.kind,
            fiscal_year=self.plan.fiscal_year,
            user=self.user if self.user.pk else None,
            username=self.user.get_username(),
            comment=self.plan.comment,
            report=self.report(),
            versions=self.versions,
            memberships=self.memberships,
        )

    def make(self, new: NewDepartment) -> Department:
        """Make a department in the place of the first old one."""
        first = self.old[0]
        above = first.parent
        while above and above.pk in self.plan.departments:
            above = above.parent
        is_renamed = self.plan.kind == ReorganisationKind.RENAMED
        department = Department(
            slug=new.slug,
            name=new.name,
            name_en=new.name_en,
            parent=above,
            description=first.description if is_renamed else "",
            established_in=self.plan.fiscal_year,
            position=first.position,
        )
        try:
            department.full_clean()
            department.save()
        except ValidationError as error:
            raise ReorganisationError(*error.messages) from error
        except IntegrityError as error:
            message = f"識別子「{new.slug}」は、すでに使われています。別の識別子にしてください。"
            raise ReorganisationError(message) from error
        version = versions.save_version(department, self.action, self.user, self.plan.comment)
        self.note(department, _name(department), (None, version.number), {}, self.departments)
        return department

    def heir_of(self, record) -> Department:
        return self.successors[self.plan.heirs.get(_key(record), 0)]

    @contextmanager
    def changing(self, record, changes, is_inherited=False):
        """Keep the record as it was and as it becomes within; note the difference in `changes`."""
        versions.begin_change(record)
        versions.save_version(record, "これまでの内容")
        before, content = _last_version(record).number, versions.take(record)
        name = _name(record)
        yield
        version = versions.save_version(record, self.action, self.user, self.plan.comment)
        self.note(record, name, (before, version.number), content, changes, is_inherited)

    def note(self, record, name, numbers, content, changes, is_inherited=False):
        self.versions.append([record._meta.label_lower, record.pk, *numbers])
        change = {"where": name, "key": _key(record) if is_inherited else "", "cells": []}
        for row in compare(type(record), content, versions.take(record)):
            change |= {"kind": row.kind, "kind_label": row.kind_label}
            change["cells"] += [
                {"column": cell.column, "old": cell.old, "new": cell.new} for cell in row.cells
            ]
        if is_inherited:
            change["heir"] = self.plan.heirs.get(_key(record), 0)
        changes.append(change)

    def move_records(self, relation):
        """Give the records that name an old department by a relation to the successors."""
        model, kind = relation.model, relation.model._meta.verbose_name
        records = model._base_manager.filter(**{f"{relation.name}__in": self.old})
        if not any(each.name == "fiscal_year" for each in model._meta.concrete_fields):
            if issubclass(model, Publication):
                records = records.exclude(status=Status.BINNED)
            self.move(records, relation)
            return
        records = records.filter(live_q())
        later = records.filter(fiscal_year__gte=self.plan.fiscal_year)
        self.move(later.filter(status=Status.DRAFT), relation)
        for record in later.exclude(status=Status.DRAFT).order_by("pk").distinct():
            state = record.get_status_display()
            self.stays.append(f"{_name(record)}：いま「{state}」なので移しません。")
        year = format_fiscal_year(self.plan.fiscal_year)
        past = records.filter(fiscal_year__lt=self.plan.fiscal_year).distinct().count()
        if past:
            self.stays.append(f"{year}より前の{kind}{past}件：前の部局とその名称のままです。")
        unknown = records.filter(fiscal_year=None).distinct().count()
        if unknown:
            self.stays.append(f"年度の書いていない{kind}{unknown}件：前の部局のままです。")

    def move(self, records, relation):
        for pk in list(records.order_by("pk").values_list("pk", flat=True).distinct()):
            versions.lock(records.model(pk=pk))
            record = records.filter(pk=pk).first()
            if record is None:
                continue  # it was changed meanwhile: the result is not that of the trial
            if not self.successors:
                self.stays.append(f"{_name(record)}：引き継ぐ部局がないため移しません。")
                continue
            heir = self.heir_of(record)
            if not relation.many_to_many:
                before = getattr(record, relation.name)
                setattr(record, relation.name, heir)
                try:
                    record.validate_constraints()
                except ValidationError as error:
                    setattr(record, relation.name, before)
                    self.stays.append(f"{_name(record)}：{''.join(error.messages)}移しません。")
                    continue
                setattr(record, relation.name, before)
            with self.changing(record, self.records, is_inherited=True):
                if relation.many_to_many:
                    getattr(record, relation.name).remove(*self.old)
                    getattr(record, relation.name).add(heir)
                else:
                    setattr(record, relation.name, heir)
                record.save()

    def give_roles(self):
        held = Membership.objects.filter(department__in=self.old).select_related("user")
        for membership in held.order_by("user__username", "role", "pk"):
            for successor in self.successors:
                given, is_new = Membership.objects.get_or_create(
                    user=membership.user, role=membership.role, department=successor
                )
                if is_new:
                    self.memberships.append([given.pk, given.user_id, given.role, successor.pk])
                    self.roles.append(f"{membership.user.get_username()}：{given}")

    def report(self) -> list[dict]:
        """Return what was done, in sections, as the pages show it."""
        return [
            {"title": "部局", "changes": self.departments, "lines": []},
            {"title": "引き継がれる記録", "changes": self.records, "lines": []},
            {"title": "新しく加わる、職員の所属と役割", "changes": [], "lines": self.roles},
            {"title": "前の部局に残る記録", "changes": [], "lines": self.stays},
        ]


def list_obstacles(reorganisation: Reorganisation) -> list[str]:
    """Return, by name, what changed since or now refers to the new departments.

    Where there is nothing, the reorganisation can be undone.
    """
    obstacles = []
    for label, pk, before, after in reorganisation.versions:
        model = apps.get_model(label)
        record = model._base_manager.filter(pk=pk).first()
        if record is None:
            was = _version(model, pk, after)
            obstacles.append(f"{model._meta.verbose_name}「{was.label}」は、削除されています。")
            continue
        if versions.take(record) != _version(model, pk, after).content:
            obstacles.append(f"{_name(record)}は、その後{_tell_last(record, after)}。")
        elif hasattr(record, "fiscal_year") and record.status != Status.DRAFT:
            state = record.get_status_display()
            obstacles.append(f"{_name(record)}は、その後「{state}」になっています。")
        if before is None:
            obstacles += _list_references(record, reorganisation)
    return obstacles


def _tell_last(record, after) -> str:
    last = _last_version(record)
    if last.number == after:
        return "変わっています"
    at = timezone.localtime(last.saved_at)
    who = f"{last.username}さんが" if last.username else ""
    return f"{who}変えています（{at:%Y-%m-%d %H:%M}「{last.action}」）"


def _list_references(department, reorganisation):
    """Yield what refers to a new department without being part of the reorganisation."""
    own = {(label, pk) for label, pk, *_ in reorganisation.versions}
    own |= {(Membership._meta.label_lower, pk) for pk, *_ in reorganisation.memberships}
    for relation in Department._meta.related_objects:
        model = relation.related_model
        found = model._base_manager.filter(**{relation.field.name: department}).order_by("pk")
        for record in found.distinct():
            if (model._meta.label_lower, record.pk) in own:
                continue
            who = f"（{record.user.get_username()}）" if model is Membership else ""
            yield f"{_name(record)}{who}が、「{department}」に結び付いています。"
    for note in ChangeNote.objects.about(department):
        yield f"更新・正誤「{note}」が、「{department}」について書かれています。"


@transaction.atomic
def undo(reorganisation: Reorganisation, user) -> Reorganisation:
    """Take a reorganisation back as a whole, once. Raises ReorganisationError."""
    load_departments(lock=True)
    reorganisation = Reorganisation.objects.select_for_update(of=("self",)).get(
        pk=reorganisation.pk
    )
    if reorganisation.undone_at:
        raise ReorganisationError("この再編は、もう取り消されています。")
    for label, pk, *_ in reorganisation.versions:
        versions.lock(apps.get_model(label)(pk=pk))
    if obstacles := list_obstacles(reorganisation):
        raise ReorganisationError(*obstacles)
    action = f"組織の再編（{reorganisation.get_kind_display()}）の取消し"
    with hold_indexing():
        for pk, user_id, role, department in reorganisation.memberships:
            given = Membership.objects.filter(pk=pk, user=user_id, role=role)
            given.filter(department=department).delete()
        for label, pk, before, _ in reversed(reorganisation.versions):
            record = apps.get_model(label)._base_manager.get(pk=pk)
            versions.begin_change(record)
            if before is None:
                versions.save_version(record, action, user, is_deletion=True)
                record.delete()
                continue
            try:
                versions.put(record, _version(type(record), pk, before).content)
            except versions.ContentError as error:
                raise ReorganisationError(f"{_name(record)}：{error}") from error
            versions.save_version(record, action, user)
    reorganisation.undone_at, reorganisation.undone_by = timezone.now(), user.get_username()
    reorganisation.save(update_fields=["undone_at", "undone_by"])
    return reorganisation


def _version(model: type[models.Model], pk, number) -> Version:
    content_type = ContentType.objects.get_for_model(model)
    return Version.objects.get(content_type=content_type, object_id=pk, number=number)


def _last_version(record) -> Version:
    return Version.objects.about(record).filter(is_deletion=False).order_by("-number").first()


def _key(record) -> str:
    return f"{record._meta.label_lower}:{record.pk}"


def _name(record) -> str:
    revision = "の改訂案" if getattr(record, "is_revision", False) else ""
    return f"{record._meta.verbose_name}「{record}」{revision}"
