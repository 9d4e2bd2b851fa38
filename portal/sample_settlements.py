"""The settlements of 架空県: programs over the years, and for each year a whole tree of items."""

import datetime
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

from budgets.item_codes import code_level, code_number, code_order, item_label, parent_code
from budgets.models import (
    FundingKind,
    FundingSource,
    LineageKind,
    PriorityEffort,
    PriorityPolicy,
    Program,
    ProgramAlias,
    ProgramLineage,
    Settlement,
    SettlementFigure,
    SettlementItem,
    Stage,
)

from . import sample_words as vocabulary
from .fiscal_year import format_fiscal_year
from .models import Department, FigureKind, SourceDocument
from .publishing import Status
from .sample_rows import Rows, morning_of
from .sample_words import Words

# The level of an item is drawn with these weights; the topmost ones are few.
LEVEL_WEIGHTS = {2: 15, 3: 45, 4: 30, 5: 10}
FAR_AWAY = datetime.date(2099, 4, 1)


@dataclass
class Place:
    """A leaf of a bureau's tree over the years: its program, and what it costs in thousands."""

    program: Program
    name: str
    thousands: int


@dataclass
class Bureau:
    """The settlements of one bureau, whatever it is called: `departments` by fiscal year."""

    number: int
    departments: dict[int, Department]
    codes: list[str]
    places: dict[str, Place] = field(default_factory=dict)
    settlements: dict[int, Settlement] = field(default_factory=dict)
    spending_items: dict[int, list[SettlementItem]] = field(default_factory=dict)


def make_codes(random: Random, number: int) -> list[str]:
    """Return the codes of a tree of so many items with up to five levels, in its order."""
    by_level = defaultdict(list)
    children = defaultdict(int)
    by_level[1] = [str(n + 1) for n in range(max(2, round(number ** (1 / 3))))][:number]
    levels = random.choices(list(LEVEL_WEIGHTS), list(LEVEL_WEIGHTS.values()), k=number)
    for level in levels[len(by_level[1]) :]:
        while not by_level[level - 1]:
            level -= 1
        above = random.choice(by_level[level - 1])
        children[above] += 1
        by_level[level].append(f"{above}.{children[above]}")
    return sorted((code for codes in by_level.values() for code in codes), key=code_order)


def make_programs(rows: Rows, words: Words, bureau: Bureau):
    """Give each leaf of the tree its first program."""
    inner = {parent_code(code) for code in bureau.codes}
    for code in bureau.codes:
        if code not in inner:
            thousands = int(words.random.lognormvariate(9, 1.3)) + 1
            bureau.places[code] = Place(_add_program(rows, words, bureau), "", thousands)
            bureau.places[code].name = bureau.places[code].program.name


def _add_program(rows, words, bureau):
    number = rows.numbers[Program] + 1
    department = bureau.departments[max(bureau.departments)]
    return rows.add(
        Program,
        slug=f"jigyo-{number:05}",
        name=words.program_name(),
        description=words.sentence() if words.random.random() < 0.3 else "",
        department=department,
    )


def pass_year(rows: Rows, words: Words, bureau: Bureau, fiscal_year: int):
    """Change the programs as a year does: most go on, some grow, end, or get another name."""
    for place in bureau.places.values():
        chance = words.random.random()
        place.thousands = max(1, int(place.thousands * words.random.uniform(0.9, 1.12)))
        former = place.program
        if chance < 0.03:
            place.program = _add_program(rows, words, bureau)
            place.name = place.program.name
            place.thousands = int(words.random.lognormvariate(9, 1.3)) + 1
            is_merger = chance < 0.008
            ending = LineageKind.MERGED if is_merger else LineageKind.ENDED
            related = place.program if is_merger else None
            _add_lineage(rows, former, fiscal_year, ending, related)
            _add_lineage(rows, place.program, fiscal_year, LineageKind.NEW)
        elif chance < 0.045:
            rows.add(ProgramAlias, program=former, name=f"{place.name}（{fiscal_year}年度まで）")
            place.name = words.program_name()
            _add_lineage(rows, former, fiscal_year, LineageKind.RENAMED)
        elif chance < 0.07:
            place.thousands += place.thousands // 2
            _add_lineage(rows, former, fiscal_year, LineageKind.EXPANDED)


def _add_lineage(rows, program, fiscal_year, kind, related=None):
    rows.add(ProgramLineage, program=program, fiscal_year=fiscal_year, kind=kind, related=related)


def make_settlement(
    rows: Rows,
    words: Words,
    bureau: Bureau,
    fiscal_year: int,
    document: SourceDocument,
    status: Status,
    is_scheduled: bool = False,
):
    """Make the settlement of one year with its whole tree."""
    day = datetime.date(fiscal_year + 1, 12, 1)
    department = bureau.departments[fiscal_year]
    settlement = rows.add(
        Settlement,
        fiscal_year=fiscal_year,
        department=department,
        heading=f"第{bureau.number} {department.name}",
        introduction=words.sentences(2),
        easy_summary=words.sentence() if words.random.random() < 0.5 else "",
        stage=Stage.APPROVED,
        source=document,
        locator=f"第{bureau.number}",
        status=status,
        publish_from=morning_of(FAR_AWAY if is_scheduled else day),
        internal_note="架空の庁内メモです。公開されません。",
        withdrawal_reason="数値を確かめ直すため。" if status == Status.WITHDRAWN else "",
        updated_at=morning_of(day),
    )
    bureau.settlements[fiscal_year] = settlement
    amounts = _draw_amounts(words.random, bureau)
    items = {}
    for code in bureau.codes:
        place = bureau.places.get(code)
        item = items[code] = rows.add(
            SettlementItem,
            settlement=settlement,
            parent=items.get(parent_code(code)),
            code=code,
            code_order=code_order(code),
            name=place.name if place else _chapter_name(bureau, code),
            amount_yen=amounts[code],
            program=place and place.program,
            source=document,
            locator=f"第{bureau.number} {_printed_place(code)}",
            **_draw_texts(words, bool(place)),
            **_draw_budget(words.random, amounts[code]),
        )
        _add_figures(rows, words, item, place, document)
        if place and item.amount_yen and words.random.random() < 0.6:
            _add_funding(rows, words.random, item)
    stating = [items[code] for code in bureau.places if items[code].amount_yen]
    bureau.spending_items[fiscal_year] = stating[:: max(1, len(stating) // 12)]
    _add_policies(rows, words, settlement, bureau.spending_items[fiscal_year])


def _chapter_name(bureau, code):
    """Return a name that stays the same over the years."""
    random = Random(f"{bureau.number} {code}")  # noqa: S311 - no secret
    return Words(random).chapter_name()


def _printed_place(code):
    parts = code.split(".")
    return "".join(
        item_label(level, code_number(".".join(parts[:level])))
        for level in range(1, code_level(code) + 1)
    )


def _draw_amounts(random, bureau) -> dict[str, int | None]:
    """Return the amounts of a year: above the leaves mostly the sum of what stands below."""
    amounts = {}
    below = defaultdict(int)
    for code in reversed(bureau.codes):
        place = bureau.places.get(code)
        yen = place.thousands * 1000 if place else below[code]
        chance = random.random()
        stated = yen
        if chance < (0.04 if place else 0.5 if "." not in code else 0.08):
            stated = None
        elif not place and chance > 0.985:
            stated = int(yen * random.choice([0.9, 1.2])) // 1000 * 1000
        amounts[code] = stated
        if stated is not None or not place:
            below[parent_code(code)] += yen
    return amounts


def _draw_texts(words, is_leaf):
    chance = words.random.random()
    body = words.sentences(1 + (chance < 0.25)) if chance < (0.6 if is_leaf else 0.3) else ""
    if chance < 0.04:
        body += f"\n\n{words.table()}"
    return {"body": body, "easy_summary": words.sentence() if chance > 0.97 else ""}


def _draw_budget(random, amount_yen):
    chance = random.random()
    if amount_yen is None or chance < 0.3:
        return {}
    carried_over = amount_yen // 10000 * 1000 if chance > 0.9 else 0
    unused = int(amount_yen * random.uniform(0, 0.06)) // 1000 * 1000
    carried_in = amount_yen // 20000 * 1000 if chance < 0.4 else 0
    supplementary = (amount_yen // 8000 * 1000) * random.choice([-1, 0, 0, 1])
    budget = amount_yen + carried_over + unused + (1000 if chance > 0.997 else 0)
    return {
        "budget_yen": budget,
        "initial_budget_yen": max(0, budget - carried_in - supplementary),
        "supplementary_yen": supplementary,
        "carried_in_yen": carried_in,
        "carried_over_yen": carried_over,
        "unused_yen": unused,
    }


def _add_figures(rows, words, item, place, document):
    random = words.random
    source = document if random.random() < 0.1 else None
    position = 0

    def add(**fields):
        nonlocal position
        position += 1
        return rows.add(SettlementFigure, item=item, position=position, source=source, **fields)

    if place and item.amount_yen:
        for label, thousands in _draw_spending(random, item.amount_yen // 1000):
            add(
                label=label,
                measure="金額",
                kind=FigureKind.EXPENDITURE,
                value=thousands,
                unit="千円",
            )
    period = format_fiscal_year(item.settlement.fiscal_year)
    for label, unit in random.sample(vocabulary.ACTIVITIES, 3 if place else 2):
        value = int(random.lognormvariate(4, 1.5)) + 1
        whole = add(label=label, kind=FigureKind.ACTIVITY, value=value, unit=unit, period=period)
        if random.random() < 0.07:
            group, labels = random.choice(vocabulary.PARTITIONS)
            part = random.randrange(value + 1)
            for part_label, number in zip(labels, (part, value - part), strict=True):
                add(
                    group=group,
                    label=part_label,
                    measure=label,
                    kind=FigureKind.ACTIVITY,
                    value=number,
                    unit=unit,
                    period=period,
                    part_of=whole,
                )
    if random.random() < 0.6:
        label, unit = random.choice(vocabulary.OUTCOMES)
        value, printed = random.randrange(10, 1000) / 10, ""
        if random.random() < 0.05:
            value = int(value)
            printed = f"約{value}{unit}"
        add(
            label=label,
            kind=FigureKind.OUTCOME,
            value=value,
            unit=unit,
            period=period,
            as_printed=printed,
        )
    if random.random() < 0.1:
        value = random.randrange(1, 5000)
        add(label="寄附金", measure="受入額", kind=FigureKind.MONEY, value=value, unit="千円")


def _draw_spending(random, thousands) -> list[tuple[str, int]]:
    """Cut an amount into what it was spent for: mostly whole, now and then too little or too much."""
    chance = random.random()
    if chance < 0.03:
        return []
    if chance < 0.08:
        thousands = int(thousands * random.uniform(0.4, 0.98))
    elif chance < 0.09:
        thousands += 1 + thousands // 50
    number = min(random.choice([2, 3, 3, 4]), max(thousands, 1))
    cuts = sorted(random.sample(range(1, thousands), number - 1)) if thousands > number else []
    parts = [after - before for before, after in pairwise([0, *cuts, thousands])]
    return list(zip(random.sample(vocabulary.SPENDING, len(parts)), parts, strict=True))


def _add_funding(rows, random, item):
    kinds = random.sample(list(FundingKind), random.choice([1, 2, 2, 3]))
    rest = item.amount_yen if random.random() > 0.05 else item.amount_yen * 9 // 10
    for kind in kinds[:-1]:
        share = int(rest * random.random()) // 1000 * 1000
        rows.add(FundingSource, item=item, kind=kind, amount_yen=share)
        rest -= share
    rows.add(FundingSource, item=item, kind=kinds[-1], amount_yen=rest)


def _add_policies(rows, words, settlement, items):
    for number, name in enumerate(words.random.sample(vocabulary.POLICIES, 3), 1):
        policy = rows.add(PriorityPolicy, settlement=settlement, number=number, name=name)
        for position, item in enumerate(items[number::3][:3]):
            rows.add(
                PriorityEffort,
                policy=policy,
                name=f"{item.name}（{item.code}）",
                item=item,
                position=position,
            )
