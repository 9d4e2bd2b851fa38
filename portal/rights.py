"""Who of the staff may see and change what. Django's own permissions play no part."""

from dataclasses import dataclass

from django.db.models import Q

from .models import Department, Role


@dataclass(frozen=True)
class Rights:
    """What one user may do: over all, or in departments (their numbers, those below included)."""

    is_over_all: bool = False
    editing: frozenset[int] = frozenset()
    approving: frozenset[int] = frozenset()

    @property
    def departments(self) -> frozenset[int]:
        return self.editing | self.approving

    @property
    def is_staff(self) -> bool:
        """Tell whether the user has any part in the office's work."""
        return self.is_over_all or bool(self.departments)

    @property
    def edits(self) -> bool:
        return self.is_over_all or bool(self.editing)

    def departments_as(self, role: Role) -> frozenset[int]:
        return {Role.EDITOR: self.editing, Role.APPROVER: self.approving}.get(role, frozenset())

    def acts_as(self, role: Role, departments) -> bool:
        """Tell whether the user has a role for a record of these departments (their numbers)."""
        return self.is_over_all or not self.departments_as(role).isdisjoint(departments)

    def limit(self, queryset, scope: str, role: Role | None = None):
        """Keep the records whose departments, found by the path `scope`, are the user's.

        That is for any role, or for one.
        """
        if self.is_over_all:
            return queryset
        departments = self.departments_as(role) if role else self.departments
        own = queryset.model._base_manager.filter(Q(**{f"{scope}__in": departments}))
        return queryset.filter(pk__in=own.order_by().values("pk"))


def rights_of(user) -> Rights:
    """Return a user's rights; loaded once for each instance of the user."""
    if "_rights" not in user.__dict__:
        user.__dict__["_rights"] = _load_rights(user)
    return user.__dict__["_rights"]


def _load_rights(user) -> Rights:
    if not (user.is_active and user.is_staff):
        return Rights()
    if user.is_superuser:
        return Rights(is_over_all=True)
    memberships = list(user.memberships.values_list("role", "department"))
    if not memberships:
        return Rights()
    if any(role == Role.ADMINISTRATOR for role, _ in memberships):
        return Rights(is_over_all=True)
    below = {}
    for pk, parent in Department.objects.order_by().values_list("pk", "parent"):
        below.setdefault(parent, []).append(pk)

    def all_below(role) -> frozenset[int]:
        found, waiting = set(), [department for held, department in memberships if held == role]
        while waiting:
            pk = waiting.pop()
            if pk not in found:
                found.add(pk)
                waiting += below.get(pk, [])
        return frozenset(found)

    return Rights(editing=all_below(Role.EDITOR), approving=all_below(Role.APPROVER))
