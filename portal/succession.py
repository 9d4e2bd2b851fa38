"""Which department followed which, and what it is called: renamed, merged, split. Pure but for `load`."""

from collections.abc import Iterable

from django.utils import timezone

from .fiscal_year import LAST_YEAR, fiscal_year_of, format_fiscal_year
from .models import Department

Link = tuple[Department, Department]


class Succession:
    """What follows, until a fiscal year, from pairs of a department and one that took over from it."""

    def __init__(self, links: Iterable[Link] = (), until: int = LAST_YEAR):
        self._until = until
        self._after: dict[int, list[Department]] = {}
        self._before: dict[int, list[Department]] = {}
        for old, new in links:
            self._after.setdefault(old.pk, []).append(new)
            self._before.setdefault(new.pk, []).append(old)

    def before(self, department) -> list[Department]:
        return self._before.get(department.pk, [])

    def after(self, department) -> list[Department]:
        return self._after.get(department.pk, [])

    def present(self, department) -> list[Department]:
        """Return what took over in the end, through any number of reorganisations."""
        found, seen, waiting = [], {department.pk}, self._gone_into(department)
        while waiting:
            each = waiting.pop(0)
            if each.pk in seen:
                continue
            seen.add(each.pk)
            following = self._gone_into(each)
            waiting += following
            found += [] if following else [each]
        return found

    def present_beyond(self, department) -> list[Department]:
        """Return `present` where it is not simply what followed at once."""
        present = self.present(department)
        return [] if set(present) == set(self.after(department)) else present

    def _gone_into(self, department):
        is_to_come = department.abolished_in and department.abolished_in > self._until
        return [] if is_to_come else [*self.after(department)]

    def renamed_from(self, department) -> Department | None:
        """Return the department that this one is under another name; None after anything else."""
        year = department.established_in
        old = [each for each in self.before(department) if year and each.abolished_in == year]
        return old[0] if len(old) == 1 and len(self.after(old[0])) == 1 else None

    def renamed_to(self, department) -> Department | None:
        new = self.after(department)
        is_renamed = len(new) == 1 and self.renamed_from(new[0])
        return new[0] if is_renamed and is_renamed.pk == department.pk else None

    def name_step(self, old, new) -> str:
        """Return what made a department the next one: "令和7年度に改称"; "" where no year is known."""
        year = old.abolished_in
        if not year:
            return ""
        together = [each for each in self.before(new) if each.abolished_in == year]
        if len(self.after(old)) > 1:
            name = "分割"
        elif len(together) > 1:
            name = "統合"
        elif new.established_in == year:
            name = "改称"
        else:
            name = "引継ぎ"
        return f"{format_fiscal_year(year)}に{name}"

    def tell_origin(self, department, fiscal_year: int) -> str:
        """Return what a department came out of, or took over, in a year; "" where nothing."""
        old = [each for each in self.before(department) if each.abolished_in == fiscal_year]
        if not old:
            return ""
        year = format_fiscal_year(fiscal_year)
        names = "と".join(f"「{each.name}」" for each in old)
        if department.established_in != fiscal_year:
            return f"{year}に、{names}を引き継ぎました。"
        if self.renamed_from(department):
            return f"{year}に、{names}から「{department.name}」に改称しました。"
        how = "統合" if len(old) > 1 else "分割"
        return f"{year}に、{names}を{how}して「{department.name}」ができました。"

    def tell_year(self, department, fiscal_year: int) -> str:
        """Return `tell_origin`, and what it means for a comparison with the year before."""
        origin = self.tell_origin(department, fiscal_year)
        if not origin:
            return ""
        if department.established_in != fiscal_year:
            return f"{origin}前の年度とは範囲が違います。"
        if self.renamed_from(department):
            return f"{origin}前の年度は、改称する前の決算です。"
        return f"{origin}前の年度の決算とは比べていません。"


def load_succession() -> Succession:
    """Load every link there is, until today, in one query: an office has few."""
    links = Department.successors.through.objects.select_related(
        "from_department", "to_department"
    ).order_by("from_department__position", "to_department__position", "pk")
    pairs = ((link.from_department, link.to_department) for link in links)
    return Succession(pairs, fiscal_year_of(timezone.localdate()))
