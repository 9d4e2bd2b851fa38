"""架空県, a fictitious prefecture of any size, to try and to measure the portal with.

The same options give the same rows, with the same numbers, on both databases.
"""

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from django.contrib.contenttypes.models import ContentType
from django.db import transaction

from budgets.models import Program, Settlement, SettlementItem
from initiatives.models import Indicator, Initiative, Plan, ResultsReport

from . import sample_words as vocabulary
from .edition import holding_edition
from .fictitious import EXPLANATION, PREFECTURE, WARNING, is_fictitious
from .fiscal_year import format_fiscal_year
from .freezing import freeze
from .models import ChangeKind, ChangeNote, Department, GlossaryTerm, Place, SourceDocument
from .publishing import Status
from .sample_results import YEARS_OF_A_PLAN, Year, make_indicator, make_plan, make_report
from .sample_rows import Rows, morning_of
from .sample_settlements import Bureau, make_codes, make_programs, make_settlement, pass_year
from .sample_words import Words
from .searchable import SEARCHABLES, rebuild

MARK = "kakuu-data"  # the slug of the document that says which options made the data
LAST_FISCAL_YEAR = 2023
LIMITS = {
    "departments": (1, len(vocabulary.BUREAUS)),
    "years": (1, 40),
    "items": (3, 5_000),
    "seed": (0, 10**9),
}
# Where one of these has a record, the database holds content.
CONTENT = (
    *(Department, SourceDocument, Place, GlossaryTerm, Plan, ResultsReport),
    *(Initiative, Indicator, Settlement, Program),
)


class SampleError(ValueError):
    """The data cannot be made here; the text tells a person why."""


@dataclass(frozen=True)
class Size:
    """How much is made: the settlements of so many departments and years, with so many items each."""

    departments: int = 15
    years: int = 20
    items: int = 333
    seed: int = 1

    def __str__(self):
        return (
            f"--departments {self.departments} --years {self.years} "
            f"--items {self.items} --seed {self.seed}"
        )

    @property
    def fiscal_years(self) -> range:
        return range(LAST_FISCAL_YEAR - self.years + 1, LAST_FISCAL_YEAR + 1)


@transaction.atomic
@holding_edition()
def make_sample(size: Size, tell: Callable[[str], object] = lambda line: None) -> bool:
    """Make 架空県 in an empty database; False where these options made it before.

    `tell` is given a line about each part. Raises SampleError for a size out of bounds, for a portal
    of a real prefecture, and for a database that holds anything else.
    """
    if not _is_wanted(size):
        return False
    rows = Rows()
    _Sample(size, rows).make()
    rows.finish()
    for model, number in rows.numbers.items():
        tell(f"{model._meta.verbose_name}：{number:,}件")
    for kind in SEARCHABLES:
        rebuild(kind)
    tell("検索の索引を作りました。")
    public = Settlement.objects.published().in_fiscal_year(LAST_FISCAL_YEAR).order_by("pk")
    snapshots = [
        freeze(settlement, now=settlement.publish_from)
        for settlement in public.select_related("department")
    ]
    tell(f"公開時の写し：{len(snapshots):,}件")
    return True


def _is_wanted(size):
    for name, (least, most) in LIMITS.items():
        if not least <= getattr(size, name) <= most:
            raise SampleError(f"--{name} は、{least:,}から{most:,}までの数にしてください。")
    if not is_fictitious():
        raise SampleError(
            f"架空のデータは、{PREFECTURE}のためのデータベースにだけ作ります。"
            f"実在の県と取り違えないよう、環境変数 PREFECTURE_NAME={PREFECTURE} を設定してください。"
        )
    if mark := SourceDocument.objects.filter(slug=MARK).first():
        if mark.note.endswith(f"make_sample {size}"):
            return False
        raise SampleError(
            f"このデータベースには、別の指定で作った架空のデータがあります（{mark.note}）。"
            "新しい空のデータベースを使ってください。"
        )
    for model in CONTENT:
        if model._base_manager.exists():
            raise SampleError(
                f"このデータベースには、すでに内容があります（{model._meta.verbose_name}）。"
                "架空のデータは、空のデータベースにだけ作ります。何も変えませんでした。"
            )
    return True


class _Sample:
    def __init__(self, size: Size, rows: Rows):
        self.size, self.rows = size, rows
        self.words = Words(Random(f"{size.seed}"))  # noqa: S311 - no secret
        self.initiatives = []

    def make(self):
        rows, words, size = self.rows, self.words, self.size
        note = f"{WARNING}。{EXPLANATION}作り方：manage.py make_sample {size}"
        self._add_document(MARK, "試験のための記録について", None, note)
        self._add_document("kakuu-draft", "準備中の資料", None, status=Status.DRAFT)
        places = [self._add_place(number) for number in range(1, len(vocabulary.PLACES) + 1)]
        for entry in vocabulary.TERMS:
            term, reading = entry.split(":")
            explanation = f"{term}の、試験のための説明です。{words.sentence()}"
            rows.add(GlossaryTerm, term=term, reading=reading, explanation=explanation)
        bureaus = self._make_bureaus()
        rows.write()
        documents, pillars = {}, []
        for index, fiscal_year in enumerate(size.fiscal_years):
            label = format_fiscal_year(fiscal_year)
            if index % YEARS_OF_A_PLAN == 0:
                plan = 1 + index // YEARS_OF_A_PLAN
                source = self._add_document(f"plan-{plan}", f"第{plan}次総合計画", fiscal_year)
                pillars = make_plan(rows, words, plan, fiscal_year, source)
            source = self._add_document(
                f"seika-{fiscal_year}", f"{label} 主要施策の成果の報告書", fiscal_year
            )
            for bureau in bureaus:
                if index:
                    pass_year(rows, words, bureau, fiscal_year)
                self._make_settlement(bureau, fiscal_year, source)
                rows.write()
            documents[fiscal_year] = self._add_document(
                f"jisseki-{fiscal_year}", f"{label} 実績報告の資料", fiscal_year
            )
            year = Year(fiscal_year, documents[fiscal_year], pillars, bureaus, places)
            number = max(4, size.departments * 8 // 3)
            self.initiatives += make_report(rows, words, year, index % 4 + 1, number)
            rows.write()
        for bureau in bureaus:
            for _ in range(4):
                department = bureau.departments[LAST_FISCAL_YEAR]
                make_indicator(rows, words, department, documents, self.initiatives)
        self._add_notes(bureaus)

    def _add_document(self, slug, title, fiscal_year, note="", status=Status.PUBLISHED):
        issued_on = fiscal_year and datetime.date(fiscal_year + 1, 9, 1)
        return self.rows.add(
            SourceDocument,
            slug=slug,
            title=f"{PREFECTURE} {title}",
            issued_by=PREFECTURE,
            issued_on=issued_on,
            fiscal_year=fiscal_year,
            note=note or f"{WARNING}。",
            status=status,
            updated_at=morning_of(issued_on or datetime.date(2004, 4, 1)),
        )

    def _add_place(self, number):
        digits = f"49{number:03}"
        total = sum(
            int(digit) * weight for digit, weight in zip(digits, range(6, 1, -1), strict=True)
        )
        code = f"{digits}{(11 - total % 11) % 10}"
        return self.rows.add(Place, code=code, name=f"{PREFECTURE} {vocabulary.PLACES[number - 1]}")

    def _add_department(self, name, **fields):
        number = self.rows.numbers[Department] + 1
        return self.rows.add(
            Department,
            slug=f"kakuu-{number}",
            name=f"{PREFECTURE} {name}",
            name_en=f"Fictitious Department {number}",
            description=self.words.sentence(),
            position=number,
            **fields,
        )

    def _make_bureaus(self) -> list[Bureau]:
        """Make the bureaus with their divisions.

        The first one is renamed in the middle of the years. Of four or more, the third and the
        fourth are merged into one later, and a new one is set up.
        """
        years = self.size.fiscal_years
        renamed_in = years[len(years) // 2]
        merged_in = years[len(years) * 2 // 3]
        names = vocabulary.BUREAUS[: self.size.departments]
        changes = {}
        if len(years) > 1:
            changes[0] = (renamed_in, vocabulary.RENAMED_BUREAU)
            if len(names) >= 4:
                changes[2] = (merged_in, vocabulary.MERGED_BUREAU)
                changes[3] = (merged_in, vocabulary.NEW_BUREAU)
        bureaus = []
        for index, name in enumerate(names):
            changed_in, new_name = changes.get(index, (None, ""))
            department = self._add_department(name, abolished_in=changed_in)
            departments = dict.fromkeys(years, department)
            if new_name:
                new = self._add_department(new_name, established_in=changed_in)
                departments |= dict.fromkeys(range(changed_in, years[-1] + 1), new)
            codes = make_codes(self.words.random, self.size.items)
            bureaus.append(Bureau(index + 1, departments, codes))
            self._make_divisions(bureaus[-1], merged_in)
            make_programs(self.rows, self.words, bureaus[-1])
        for index in changes:
            old, new = (bureaus[index].departments[year] for year in (years[0], years[-1]))
            heir = bureaus[2].departments[years[-1]] if index == 3 else new
            self.rows.link(old, "successors", [heir])
        return bureaus

    def _make_divisions(self, bureau, merged_in):
        """Make three divisions; a fourth was merged into the first."""
        parent = bureau.departments[LAST_FISCAL_YEAR]
        name = parent.name.removeprefix(f"{PREFECTURE} ")
        divisions = self.words.random.sample(vocabulary.DIVISIONS, 4)
        first, _, _, last = [
            self._add_department(
                f"{name}{division}", parent=parent, abolished_in=merged_in if number == 3 else None
            )
            for number, division in enumerate(divisions)
        ]
        self.rows.link(last, "successors", [first])

    def _make_settlement(self, bureau, fiscal_year, document):
        """Make a settlement; where there are enough of them, some are not public."""
        years = self.size.fiscal_years
        from_last = self.size.departments - bureau.number
        status, is_scheduled = Status.PUBLISHED, False
        if fiscal_year == years[-1] and len(years) > 1:
            status = Status.DRAFT if from_last == 0 else Status.PUBLISHED
            is_scheduled = from_last == 1 and self.size.departments >= 4
        elif fiscal_year == years[0] and from_last == 1 and self.size.departments >= 4:
            status = Status.WITHDRAWN
        make_settlement(self.rows, self.words, bureau, fiscal_year, document, status, is_scheduled)

    def _add_notes(self, bureaus):
        random = self.words.random
        kinds = {
            model: ContentType.objects.get_for_model(model)
            for model in (Settlement, SettlementItem, Initiative)
        }

        def add(record, day, text, kind=ChangeKind.UPDATE, **fields):
            self.rows.add(
                ChangeNote,
                content_type=kinds[type(record)],
                object_id=record.pk,
                kind=kind,
                noted_on=day,
                text=text,
                **fields,
            )

        for bureau in bureaus:
            for fiscal_year, settlement in bureau.settlements.items():
                day = datetime.date(fiscal_year + 1, 12, 1)
                add(settlement, day, "公開しました。")
                for item in bureau.spending_items[fiscal_year][:2]:
                    add(
                        item,
                        day + datetime.timedelta(random.randrange(1, 90)),
                        "資料の正誤表により直しました。",
                        ChangeKind.CORRECTION,
                        field="決算額（円）",
                        old=f"{item.amount_yen + 1000:,}円",
                        new=f"{item.amount_yen:,}円",
                    )
        for initiative in self.initiatives[::10]:
            add(initiative, initiative.report.presented_on, "説明を補いました。")
