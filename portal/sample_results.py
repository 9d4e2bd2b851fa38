"""The results of 架空県: its plans, the yearly reports with their initiatives, and indicators."""

import datetime
from dataclasses import dataclass

from budgets.models import CostRelation, InitiativeCost
from initiatives.models import (
    Direction,
    Distinction,
    Indicator,
    IndicatorValue,
    Initiative,
    InitiativeFigure,
    InitiativeLink,
    Pillar,
    Plan,
    ResultsReport,
    ValueState,
)

from . import sample_words as vocabulary
from .fiscal_year import format_fiscal_year
from .models import Department, FigureKind, Place, SourceDocument
from .publishing import Status
from .sample_rows import Rows, morning_of
from .sample_settlements import FAR_AWAY, Bureau
from .sample_words import PREFECTURE, Words

YEARS_OF_A_PLAN = 10
SHARES = [100, 60, 50, 40, 33.33, 25, 12.5]


@dataclass(frozen=True)
class Year:
    """What the initiatives of a fiscal year belong to."""

    fiscal_year: int
    document: SourceDocument
    pillars: list[Pillar]
    bureaus: list[Bureau]
    places: list[Place]


def make_plan(rows: Rows, words: Words, number: int, starts_in: int, source) -> list[Pillar]:
    """Make a general plan with seven pillars and the cross-cutting group; return these."""
    plan = rows.add(
        Plan,
        slug=f"kakuu-plan-{number}",
        name=f"{PREFECTURE} 第{number}次総合計画",
        description=words.sentences(2),
        starts_in=starts_in,
        ends_in=starts_in + YEARS_OF_A_PLAN - 1,
        source=source,
        status=Status.PUBLISHED,
        updated_at=morning_of(datetime.date(starts_in, 4, 1)),
    )
    return [
        rows.add(
            Pillar,
            slug=f"plan-{number}-{position}",
            plan=plan,
            number=position if position <= len(vocabulary.PILLARS) else None,
            name=name,
            description=words.sentence(),
            position=position,
        )
        for position, name in enumerate([*vocabulary.PILLARS, "分野をまたぐ取組"], 1)
    ]


def make_report(rows: Rows, words: Words, year: Year, term_year: int, count: int):
    """Make the results report of a year with its initiatives; return those that are public."""
    day = datetime.date(year.fiscal_year + 1, 8, 2)
    report = rows.add(
        ResultsReport,
        slug=f"jisseki-{year.fiscal_year}",
        title=f"{PREFECTURE} {format_fiscal_year(year.fiscal_year)} 実績報告",
        presented_on=day,
        term_year=term_year,
        summary=words.sentences(2),
        source=year.document,
        status=Status.PUBLISHED,
        updated_at=morning_of(day),
    )
    found = [_make_initiative(rows, words, year, report, number) for number in range(1, count + 1)]
    return [initiative for initiative in found if initiative.status == Status.PUBLISHED]


def _make_initiative(rows, words, year, report, number):
    random = words.random
    status = Status.PUBLISHED
    if number % 20 == 2:  # one draft a report where it is small
        status = Status.DRAFT if year.fiscal_year % 3 else Status.WITHDRAWN
    bureaus = random.sample(year.bureaus, min(len(year.bureaus), random.choice([1, 1, 2])))
    day = report.presented_on
    initiative = rows.add(
        Initiative,
        slug=f"torikumi-{year.fiscal_year}-{number:03}",
        title=words.program_name(),
        summary=words.sentences(2),
        body=words.sentences(4) + (f"\n\n{words.table()}" if random.random() < 0.2 else ""),
        easy_summary=words.sentence() if random.random() < 0.3 else "",
        fiscal_year=year.fiscal_year,
        occurred_on=day - datetime.timedelta(random.randrange(30, 400))
        if random.random() < 0.3
        else None,
        period="通年" if random.random() < 0.2 else "",
        report=report,
        pillar=words.draw(year.pillars),
        position=number,
        source=year.document,
        locator=f"p.{number}",
        status=status,
        publish_from=morning_of(FAR_AWAY) if number % 40 == 3 else None,
        withdrawal_reason="表現を改めるため。" if status == Status.WITHDRAWN else "",
        internal_note="架空の庁内メモです。公開されません。",
        updated_at=morning_of(day),
    )
    departments = [bureau.departments[year.fiscal_year] for bureau in bureaus]
    rows.link(initiative, "departments", departments)
    rows.link(initiative, "places", random.sample(year.places, random.choice([0, 1, 1, 3])))
    names = random.sample(vocabulary.DISTINCTIONS, random.choice([0, 0, 0, 1, 2]))
    for position, name in enumerate(names):
        rows.add(Distinction, initiative=initiative, name=name, position=position)
    if random.random() < 0.3:
        address = f"https://www.example.jp/kakuu/{initiative.slug}"
        rows.add(InitiativeLink, initiative=initiative, title="架空のお知らせ", url=address)
    _add_figures(rows, random, initiative, year)
    for bureau in bureaus:
        _add_costs(rows, random, initiative, bureau.spending_items[year.fiscal_year])
    return initiative


def _add_figures(rows, random, initiative, year):
    kinds = [(FigureKind.ACTIVITY, pair) for pair in vocabulary.ACTIVITIES]
    kinds += [(FigureKind.OUTCOME, pair) for pair in vocabulary.OUTCOMES]
    for position, (kind, (label, unit)) in enumerate(
        random.sample(kinds, random.choice([2, 4, 6]))
    ):
        rows.add(
            InitiativeFigure,
            initiative=initiative,
            label=label,
            kind=kind,
            value=int(random.lognormvariate(4, 1.5)) + 1,
            unit=unit,
            period=format_fiscal_year(year.fiscal_year),
            position=position,
            source=year.document if random.random() < 0.3 else None,
        )


def _add_costs(rows, random, initiative, items):
    for item in random.sample(items, min(len(items), random.choice([0, 1, 2]))):
        is_cost = random.random() < 0.8
        rows.add(
            InitiativeCost,
            initiative=initiative,
            item=item,
            relation=CostRelation.COST if is_cost else CostRelation.EDITORIAL,
            share_percent=random.choice(SHARES) if is_cost else None,
        )


def make_indicator(
    rows: Rows,
    words: Words,
    department: Department,
    documents: dict[int, SourceDocument],
    initiatives: list[Initiative],
):
    """Make an indicator with a value for each fiscal year that has a document."""
    random = words.random
    label, unit = random.choice([*vocabulary.ACTIVITIES, *vocabulary.OUTCOMES])
    number = rows.numbers[Indicator] + 1
    indicator = rows.add(
        Indicator,
        slug=f"shihyo-{number:03}",
        name=f"{words.draw(vocabulary.TOPICS)}の{label}",
        description=words.sentence(),
        unit=unit,
        direction=random.choice(Direction.values),
        department=department,
        position=number,
        source=documents[max(documents)],
        status=Status.DRAFT if number % 15 == 0 else Status.PUBLISHED,
        updated_at=morning_of(datetime.date(max(documents) + 1, 8, 2)),
    )
    rows.link(indicator, "initiatives", random.sample(initiatives, min(3, len(initiatives))))
    level = random.uniform(20, 900)
    for fiscal_year, document in documents.items():
        level *= random.uniform(0.93, 1.1)
        is_last = fiscal_year == max(documents)
        rows.add(
            IndicatorValue,
            indicator=indicator,
            year=fiscal_year,
            actual=None if is_last and number % 5 == 0 else round(level, 1),
            target=round(level * 1.05, 1),
            baseline=round(level, 1) if fiscal_year == min(documents) else None,
            state=ValueState.ESTIMATED if is_last else ValueState.FINAL,
            source=document,
            status=Status.DRAFT if is_last and number % 7 == 0 else Status.PUBLISHED,
            updated_at=morning_of(datetime.date(fiscal_year + 1, 8, 2)),
        )
