"""What a reorganisation is to do, and why it cannot be done, in sentences for a person."""

from dataclasses import dataclass, field

from .fiscal_year import format_fiscal_year
from .models import Department, FormerSlug, ReorganisationKind


@dataclass(frozen=True)
class NewDepartment:
    name: str
    slug: str
    name_en: str = ""


@dataclass(frozen=True)
class Plan:
    """What is to happen in a fiscal year: departments (their numbers) become new and existing ones.

    The successors are the new ones, then the existing ones. `heirs` tells which of them (its place,
    0 where it is not told) takes over a record, named "portal.department:12".
    """

    kind: ReorganisationKind
    fiscal_year: int
    departments: tuple[int, ...]
    new: tuple[NewDepartment, ...] = ()
    existing: tuple[int, ...] = ()
    comment: str = ""
    heirs: dict[str, int] = field(default_factory=dict)


def list_problems(plan: Plan, known: dict[int, Department]) -> list[str]:
    """Return why a plan cannot be done, given all departments (with `successors` prefetched)."""
    if not {*plan.departments, *plan.existing} <= known.keys():
        return ["選んだ部局は、もうありません。もう一度選んでください。"]
    old = [known[pk] for pk in plan.departments]
    existing = [known[pk] for pk in plan.existing]
    return _list_wrong_numbers(plan) or [
        *_list_wrong_old(plan, old),
        *_list_wrong_new(plan, old, known),
        *_list_wrong_existing(plan, old, existing, known),
        *_list_orphans(plan, old, known),
    ]


def _list_wrong_numbers(plan) -> list[str]:
    old, new, existing = len(plan.departments), len(plan.new), len(plan.existing)
    heirs = new + existing
    kind = plan.kind
    if kind != ReorganisationKind.MERGED and old != 1:
        return ["部局を一つ選んでください。"]
    if kind == ReorganisationKind.RENAMED and (new, existing) != (1, 0):
        return ["改称した後の部局を、一つ書いてください。"]
    if kind == ReorganisationKind.MERGED and heirs != 1:
        return ["統合した後の部局は、新しい部局か今ある部局の、どちらか一つにしてください。"]
    if kind == ReorganisationKind.MERGED and not old + existing > 1:
        return ["統合する部局を、二つ以上選んでください。"]
    if kind == ReorganisationKind.SPLIT and heirs < 2:
        return ["分割した後の部局を、二つ以上にしてください。"]
    if kind == ReorganisationKind.ABOLISHED and new:
        return ["廃止では、新しい部局は作れません。"]
    if not all(0 <= place < max(heirs, 1) for place in plan.heirs.values()):
        return ["引き継ぐ部局の選び方が正しくありません。もう一度選んでください。"]
    return []


def _list_wrong_old(plan, old):
    year = format_fiscal_year(plan.fiscal_year)
    for each in old:
        if each.abolished_in:
            yield f"「{each}」は、{format_fiscal_year(each.abolished_in)}に廃止されています。"
        elif each.established_in and each.established_in >= plan.fiscal_year:
            yield (
                f"「{each}」は{format_fiscal_year(each.established_in)}に設置されたので、{year}には"
                "まだ変えられません。設置より後の年度にしてください。"
            )


def _list_wrong_new(plan, old, known):
    ending = {each.pk for each in old}
    names = {
        each.name
        for each in known.values()
        if each.pk not in ending and (not each.abolished_in or each.abolished_in > plan.fiscal_year)
    }
    slugs = {each.slug for each in known.values()}
    former = set(
        FormerSlug.objects.filter(
            model=Department._meta.label_lower, slug__in=[new.slug for new in plan.new]
        ).values_list("slug", flat=True)
    )
    for new in plan.new:
        if plan.kind == ReorganisationKind.RENAMED and new.name == old[0].name:
            yield "新しい名称が、いまの名称と同じです。"
        if new.name in names:
            yield f"「{new.name}」という部局は、すでにあります。別の名称にしてください。"
        if new.slug in slugs:
            yield f"識別子「{new.slug}」は、すでに使われています。別の識別子にしてください。"
        if new.slug in former:
            yield (
                f"識別子「{new.slug}」は、前のアドレスからの転送に使われています。"
                "別の識別子にしてください。"
            )
        names.add(new.name)
        slugs.add(new.slug)


def _list_wrong_existing(plan, old, existing, known):
    year = format_fiscal_year(plan.fiscal_year)
    for each in existing:
        if each.pk in plan.departments:
            yield f"「{each}」は、なくなる部局と引き継ぐ部局の両方に選ばれています。"
            continue
        if (each.established_in and each.established_in > plan.fiscal_year) or (
            each.abolished_in and each.abolished_in <= plan.fiscal_year
        ):
            yield f"引き継ぐ「{each}」は、{year}にはありません。"
        later = _reach([each.pk], lambda pk: [s.pk for s in known[pk].successors.all()])
        above = _reach([each.pk], lambda pk: filter(None, [known[pk].parent_id]))
        for ending in old:
            if ending.pk in later:
                yield (f"「{each}」は「{ending}」の前身なので、引き継ぐ部局にすると輪になります。")
            if ending.pk in above:
                yield (
                    f"「{each}」は「{ending}」の下位の組織です。"
                    "先に「上位の組織」を変えてください。"
                )


def _reach(start, follow) -> set[int]:
    found, waiting = set(), list(start)
    while waiting:
        pk = waiting.pop()
        if pk not in found:
            found.add(pk)
            waiting += follow(pk)
    return found


def _list_orphans(plan, old, known):
    if plan.new or plan.existing:
        return
    if children := [each.name for each in list_children(plan, old, known)]:
        yield (
            f"下位の組織（{'、'.join(children)}）が残ります。先に廃止するか、「上位の組織」を"
            "変えるか、引き継ぐ部局を選んでください。"
        )


def list_children(plan, old, known) -> list[Department]:
    """Return what stands directly below the old departments and goes on from the year on."""
    ending = {each.pk for each in old}
    return [
        each
        for each in known.values()
        if each.parent_id in ending
        and each.pk not in ending
        and (not each.abolished_in or each.abolished_in > plan.fiscal_year)
    ]
