"""The columns of the portal's own CSV files, the list of all files, and the glossary's rows."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from django.urls import reverse

from budgets.check_results import CheckStatus

from .changes import address_of
from .lists import ADDRESS, Column

DEPARTMENT_COLUMNS: list[Column] = [
    ("識別子", lambda d: d.slug),
    ("名称", lambda d: d.name),
    ("英語名", lambda d: d.name_en),
    ("上位の組織", lambda d: d.parent.slug if d.parent else None),
    ("設置年度（西暦）", lambda d: d.established_in),
    ("廃止年度（西暦）", lambda d: d.abolished_in),
    ("公開中の決算（件）", lambda d: d.settlement_count),
    ("公開中の取組（件）", lambda d: d.initiative_count),
    (ADDRESS, lambda d: d.get_absolute_url()),
]

DOCUMENT_COLUMNS: list[Column] = [
    ("識別子", lambda d: d.slug),
    ("題名", lambda d: d.title),
    ("発行者", lambda d: d.issued_by),
    ("発行日", lambda d: d.issued_on),
    ("対象年度（西暦）", lambda d: d.fiscal_year),
    ("掲載先のアドレス", lambda d: d.url),
    ("注記", lambda d: d.note),
    (ADDRESS, lambda d: d.get_absolute_url()),
]

# A row is the name of a kind, a record of it, and where the document says it.
CITATION_COLUMNS: list[Column] = [
    ("種類", lambda row: row[0]),
    ("名称", lambda row: str(row[1])),
    ("資料の箇所", lambda row: row[2]),
    ("この資料による数値（件）", lambda row: getattr(row[1], "figure_count", None)),
    (ADDRESS, lambda row: row[1].get_absolute_url()),
]

GLOSSARY_COLUMNS: list[Column] = [
    ("用語", lambda t: t.term),
    ("読み", lambda t: t.reading),
    ("説明", lambda t: t.explanation),
    ("やさしい日本語の説明", lambda t: t.easy_explanation),
    (ADDRESS, lambda t: t.get_absolute_url()),
]

CHANGE_COLUMNS: list[Column] = [
    ("日付", lambda n: n.noted_on),
    ("種別", lambda n: n.get_kind_display()),
    ("対象の種類", lambda n: n.content_type.name),
    ("対象", lambda n: str(n.record)),
    ("内容", lambda n: n.text),
    ("項目", lambda n: n.field),
    ("前", lambda n: n.old),
    ("後", lambda n: n.new),
    (ADDRESS, lambda n: address_of(n.record)),
]

SEARCH_COLUMNS: list[Column] = [
    ("種類", lambda hit: hit.kind_label),
    ("題名", lambda hit: hit.title),
    ("抜粋", lambda hit: hit.excerpt),
    (ADDRESS, lambda hit: hit.url),
]

# A row is a FoundResult of a check.
CHECK_COLUMNS: list[Column] = [
    ("年度（西暦）", lambda row: row.item.settlement.fiscal_year),
    ("部局", lambda row: row.item.settlement.department.name),
    ("項目番号", lambda row: row.item.code),
    ("項目の名称", lambda row: row.item.name),
    ("突合", lambda row: row.result.check.label),
    ("結果", lambda row: row.result.status.label),
    ("資料に書かれた数", lambda row: row.result.expected),
    ("足し合わせた数", lambda row: row.result.actual),
    ("差", lambda row: row.result.difference),
    ("単位", lambda row: row.result.unit),
    ("説明", lambda row: row.result.message),
    (ADDRESS, lambda row: row.item.get_absolute_url()),
]

# A row is a check, and a number for each status.
CHECK_COUNT_COLUMNS: list[Column] = [
    ("突合", lambda row: row[0].label),
    *(
        (status.label, lambda row, place=place: row[1][place])
        for place, status in enumerate(CheckStatus)
    ),
]

# A row is a Cell: a department in a fiscal year.
COVERAGE_COLUMNS: list[Column] = [
    ("部局の識別子", lambda cell: cell.department.slug),
    ("部局", lambda cell: cell.department.name),
    ("年度（西暦）", lambda cell: cell.fiscal_year),
    ("状況", lambda cell: cell.status),
    ("項目（件）", lambda cell: cell.settlement and cell.settlement.record_count),
    ("実績値（件）", lambda cell: cell.settlement and cell.settlement.figure_count),
    ("出典か箇所のないもの（件）", lambda cell: cell.settlement and cell.settlement.uncited_count),
    (ADDRESS, lambda cell: (cell.settlement or cell.department).get_absolute_url()),
]

# A row is a ReportYear.
REPORT_COVERAGE_COLUMNS: list[Column] = [
    ("発表の年度（西暦）", lambda row: row.fiscal_year),
    ("状況", lambda row: "掲載" if row.report else "未掲載"),
    ("実績報告", lambda row: row.report and row.report.title),
    ("発表日", lambda row: row.report and row.report.presented_on),
    ("取組（件）", lambda row: row.report and row.report.record_count),
    ("数値（件）", lambda row: row.report and row.report.figure_count),
    ("出典か箇所のないもの（件）", lambda row: row.report and row.report.uncited_count),
    (ADDRESS, lambda row: row.report.get_absolute_url() if row.report else reverse("report_list")),
]


@dataclass(frozen=True)
class Dataset:
    """A list that can be taken away whole: what a row is, its page, its API path."""

    title: str
    row: str
    page: str
    api: str

    @property
    def csv(self) -> str:
        return f"{self.page}?format=csv"


def list_datasets() -> list[Dataset]:
    """Return every list with a CSV file, in the order of the open-data page."""
    return [
        Dataset("柱", "総合計画の柱", reverse("pillar_list"), "pillars"),
        Dataset("実績報告", "知事の実績報告", reverse("report_list"), "reports"),
        Dataset("取組", "取組", reverse("initiative_list"), "initiatives"),
        Dataset("決算", "部局と年度", reverse("settlement_list"), "settlements"),
        Dataset("指標", "指標の、ある年の値", reverse("indicator_list"), "indicators"),
        Dataset("部局", "部局", reverse("department_list"), "departments"),
        Dataset("出典資料", "資料", reverse("document_list"), "documents"),
        Dataset("用語", "用語", reverse("glossary"), ""),
        Dataset("更新・正誤", "更新または正誤", reverse("change_list"), ""),
        Dataset("掲載状況", "部局と年度", reverse("coverage"), ""),
        Dataset("突合の結果", "最も新しい年度の、一つの突合", reverse("guide_checks"), "checks"),
    ]


KANA_ROWS = "あいうえお かきくけこ さしすせそ たちつてと なにぬねの はひふへほ まみむめも やゆよ らりるれろ わをん"


def group_by_kana(terms: Iterable) -> list[tuple[str, list]]:
    """Return (row, terms) for each row of the syllabary that has terms: ("か", [決算, 県債 …]).

    A reading that begins with no kana stands under "その他", at the end.
    """
    groups = {row[0]: [] for row in KANA_ROWS.split()} | {"その他": []}
    for term in terms:
        initial = unicodedata.normalize("NFKD", term.reading)[:1]
        row = next((row[0] for row in KANA_ROWS.split() if initial and initial in row), "その他")
        groups[row].append(term)
    return [(row, found) for row, found in groups.items() if found]
