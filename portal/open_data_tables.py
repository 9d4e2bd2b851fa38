"""The bulk files: what a row of each is, and its columns, for files, dictionary and metadata alike.

A row is a fact, a cell one datum. The long texts of records (本文), which hold tables of their own,
are in the API alone.
"""

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from django.db.models import TextChoices

from budgets.check_results import CheckName, CheckStatus
from budgets.facts import load_attributions
from budgets.found_checks import iter_results
from budgets.item_codes import code_level, parent_code
from budgets.models import (
    CostRelation,
    FundingKind,
    FundingSource,
    InitiativeCost,
    Program,
    Settlement,
    SettlementFigure,
    SettlementItem,
    Stage,
)
from initiatives.models import (
    Direction,
    Distinction,
    IndicatorValue,
    Initiative,
    InitiativeFigure,
    PeriodKind,
    Pillar,
    ResultsReport,
    ValueState,
)

from . import open_data_columns as column
from .changes import address_of, list_changes
from .fiscal_year import format_calendar_year, format_fiscal_year
from .models import ChangeKind, ChangeNote, Department, SourceDocument
from .open_data_columns import (
    CHUNK,
    FIGURE_KEYS,
    NOT_ENTERED,
    NOT_STATED,
    Table,
    add_own_whole,
    add_public_source,
)

ITEM_KEYS = ("fiscal_year", "department_slug", "code")


class AttributeKind(TextChoices):
    DEPARTMENT = "department", "担当部局"
    PLACE = "place", "場所"
    DISTINCTION = "distinction", "特色"


class Attribute(NamedTuple):
    """One of what an initiative may have several of."""

    initiative: Initiative
    kind: AttributeKind
    code: str | None
    name: str


def attribute_links():
    """Return a queryset for each kind: links of public initiatives, and their distinctions."""
    public = Initiative.objects.published()
    return [
        Initiative.departments.through.objects.filter(initiative__in=public),
        Initiative.places.through.objects.filter(initiative__in=public),
        Distinction.objects.published(),
    ]


def load_attributes() -> Iterator[Attribute]:
    departments, places, distinctions = (
        links.select_related("initiative").order_by("initiative__slug", "pk")
        for links in attribute_links()
    )
    for link in departments.select_related("department").iterator(CHUNK):
        code, name = link.department.slug, link.department.name
        yield Attribute(link.initiative, AttributeKind.DEPARTMENT, code, name)
    for link in places.select_related("place").iterator(CHUNK):
        yield Attribute(link.initiative, AttributeKind.PLACE, link.place.code, link.place.name)
    for each in distinctions.order_by("initiative__slug", "position", "pk").iterator(CHUNK):
        yield Attribute(each.initiative, AttributeKind.DISTINCTION, None, each.name)


def load_costs() -> Iterator[InitiativeCost]:
    """Yield the public links of initiatives and items, with `attributed_yen`."""
    costs = InitiativeCost.objects.published().select_related(
        "initiative", "item__settlement__department"
    )
    costs = costs.iterator(CHUNK)
    while some := list(islice(costs, CHUNK)):
        attributed = load_attributions(some)
        for cost in some:
            cost.attributed_yen = attributed.get(cost.pk)
            yield cost


def load_checks():
    """Yield what the checks find at the items of all public settlements, some of them at a time."""
    return iter_results(list(Settlement.objects.published().select_related("department")))


def public(model):
    return model.objects.published


def cited_records(model):
    return lambda: add_public_source(model.objects.published())


def figures(model, owner):
    return lambda: add_own_whole(add_public_source(model.objects.published()), owner)


def name_year(year: int, kind: str) -> str:
    name = format_calendar_year if kind == PeriodKind.CALENDAR_YEAR else format_fiscal_year
    return name(year)


def published(model):
    return lambda: [model.objects.published()]


DEPARTMENTS = Table(
    "departments",
    "部局",
    "一つの部局（廃止された部局を含む）",
    (
        column.slug("部局"),
        column.text("name", "名称", "部局の名称"),
        column.text("name_en", "英語名", "部局の英語名", NOT_ENTERED),
        *column.of("departments", "parent", "上位の組織", blank="上位の組織がない"),
        *column.fiscal_year("established_in", "設置年度", "部局を置いた年度", NOT_ENTERED),
        *column.fiscal_year(
            "abolished_in", "廃止年度", "部局がもうない、という最初の年度", "廃止されていない"
        ),
        column.text("description", "説明", "部局の説明", NOT_ENTERED),
        column.url("部局", "department_detail", "slug"),
    ),
    public(Department),
    published(Department),
    ("slug",),
)

PILLARS = Table(
    "pillars",
    "柱",
    "総合計画の一つの柱",
    (
        column.slug("柱"),
        column.text("plan_name", "総合計画", "総合計画の名称", path="plan__name"),
        column.integer("number", "番号", "柱の番号", "横断の取組の柱で、番号がない"),
        column.text("name", "名称", "柱の名称"),
        column.text("description", "説明", "柱の説明", NOT_ENTERED),
        column.integer("initiative_count", "公開中の取組", "公開中の取組の数", unit="件"),
        column.url("柱", "pillar_detail", "slug"),
    ),
    lambda: Pillar.objects.published().with_initiative_count(),
    published(Pillar),
    ("slug",),
)

REPORTS = Table(
    "reports",
    "実績報告",
    "知事の一回の実績報告",
    (
        column.slug("実績報告"),
        column.text("title", "題名", "実績報告の題名"),
        column.date("presented_on", "発表日", "発表した日"),
        column.integer(
            "term_year", "就任から何年目か", "知事の就任から数えた年。年度ではない", NOT_STATED
        ),
        column.text("summary", "概要", "実績報告の概要", NOT_ENTERED),
        *column.cited(),
        column.url("実績報告", "report_detail", "slug"),
    ),
    cited_records(ResultsReport),
    published(ResultsReport),
    ("slug",),
)

INITIATIVES = Table(
    "initiatives",
    "取組",
    "一つの取組",
    (
        column.slug("取組"),
        column.text("title", "題名", "取組の題名"),
        column.text("summary", "概要", "取組の概要"),
        column.text("easy_summary", "やさしい日本語の要約", "やさしい日本語の要約", NOT_ENTERED),
        *column.of("pillars", "pillar", "柱"),
        *column.of("reports", "report", "実績報告", "title"),
        *column.fiscal_year("fiscal_year", "年度", "取組の年度", NOT_STATED),
        column.date("occurred_on", "日付", "取組の日付", NOT_STATED),
        column.text("period", "時期", "資料に書いてあるとおりの時期", NOT_STATED),
        *column.cited(),
        column.url("取組", "initiative_detail", "slug"),
    ),
    cited_records(Initiative),
    published(Initiative),
    ("slug",),
    "担当部局、場所、特色は、一つを1行として initiative-attributes に収めています。",
)

INITIATIVE_ATTRIBUTES = Table(
    "initiative-attributes",
    "取組の部局・場所・特色",
    "一つの取組の、一つの担当部局、場所または特色",
    (
        *column.of("initiatives", "initiative", "取組", "title"),
        *column.choice("kind", "種類", "内容の種類", AttributeKind),
        column.text(
            "code",
            "コード",
            "部局の識別子（departments）、または6けたの全国地方公共団体コード",
            "特色であり、コードがない",
        ),
        column.text("name", "名称", "部局、地方公共団体または特色の名称"),
        column.url("取組", "initiative_detail", "initiative__slug"),
    ),
    load_attributes,
    attribute_links,
    ("initiative_slug", "kind", "code", "name"),
)

INITIATIVE_FIGURES = Table(
    "initiative-figures",
    "取組の実績値",
    "取組の一つの数",
    (
        *column.of("initiatives", "initiative", "取組", "title"),
        *column.figure(),
        *column.cited(),
        column.url("取組", "initiative_detail", "initiative__slug"),
    ),
    figures(InitiativeFigure, "initiative"),
    published(InitiativeFigure),
    ("initiative_slug", *FIGURE_KEYS),
)

INITIATIVE_COSTS = Table(
    "initiative-costs",
    "取組と決算項目",
    "一つの取組と一つの決算項目のつながり",
    (
        *column.of("initiatives", "initiative", "取組", "title"),
        *column.item(),
        *column.choice("relation", "つながり", "取組と決算項目のつながり", CostRelation),
        column.text(
            "share_percent",
            "取組の割合",
            "項目の決算額のうち、取組に割り当てる割合",
            "費用ではない関連で、割合がない",
            type="number",
            unit="%",
        ),
        column.yen(
            "attributed_yen", "取組の額", "割合から計算した額", "関連だけか、項目に決算額がない"
        ),
        column.note(),
        column.item_url(),
    ),
    load_costs,
    published(InitiativeCost),
    ("initiative_slug", *ITEM_KEYS),
    "割合を足すと100%を超える項目では、取組の額を計算せず空欄にします。",
)

SETTLEMENTS = Table(
    "settlements",
    "決算",
    "一つの部局の、一つの年度の決算",
    (
        *column.settlement(),
        *column.choice("stage", "決算の段階", "決算の段階", Stage, NOT_STATED),
        column.text("heading", "資料の見出し", "資料の中の見出し", NOT_STATED),
        column.text("easy_summary", "やさしい日本語の要約", "やさしい日本語の要約", NOT_ENTERED),
        column.yen(
            "stated_amount_yen",
            "資料に金額が書かれた項目の合計",
            "金額が書かれた、いちばん上の項目の和。公式の総額ではない",
            "金額の書かれた項目がない",
            phase="executed",
        ),
        column.integer("item_count", "項目数", "決算項目の数", unit="件"),
        *column.cited(),
        column.url("決算", "settlement_detail", "fiscal_year", "department__slug"),
    ),
    lambda: add_public_source(Settlement.objects.published().with_totals()),
    published(Settlement),
    ("fiscal_year", "department_slug"),
)

SETTLEMENT_ITEMS = Table(
    "settlement-items",
    "決算項目",
    "決算の資料の一つの見出し",
    (
        *column.settlement("settlement"),
        column.item_code(),
        column.integer("level", "階層", "項目の深さ。最も上が1", path="code", make=code_level),
        column.text("name", "名称", "項目の名称"),
        column.text(
            "parent_code",
            "上位項目番号",
            "上位の項目の番号",
            "最も上の項目である",
            "code",
            make=parent_code,
        ),
        column.yen("amount_yen", "決算額", "決算額", phase="executed"),
        column.yen("initial_budget_yen", "当初予算額", "当初予算額", phase="approved"),
        column.yen("supplementary_yen", "補正額", "補正額。減額は負の数"),
        column.yen("carried_in_yen", "前年度繰越額", "前の年度から繰り越した額"),
        column.yen(
            "budget_yen",
            "予算現額",
            "決算額、翌年度繰越額、不用額の和に等しい額",
            phase="adjusted",
        ),
        column.yen("carried_over_yen", "翌年度繰越額", "翌年度に使う額"),
        column.yen("unused_yen", "不用額", "使わなかった額"),
        column.text("easy_summary", "やさしい日本語の要約", "やさしい日本語の要約", NOT_ENTERED),
        *column.of("programs", "program", "事業", blank="年度をまたぐ事業の登録がない"),
        *column.cited(),
        column.item_url(""),
    ),
    cited_records(SettlementItem),
    published(SettlementItem),
    ITEM_KEYS,
    "階層の違う金額を足すと二重になります。同じ階層の中で足してください。",
)

SETTLEMENT_FIGURES = Table(
    "settlement-figures",
    "決算の実績値",
    "決算項目の一つの数",
    (*column.item(), *column.figure(), *column.cited(), column.item_url()),
    figures(SettlementFigure, "item"),
    published(SettlementFigure),
    (*ITEM_KEYS, *FIGURE_KEYS),
)

FUNDING = Table(
    "funding",
    "財源",
    "決算項目の一種類の財源",
    (
        *column.item(),
        *column.choice("kind", "財源", "財源の種類", FundingKind),
        column.yen("amount_yen", "金額", "財源の額", blank="", phase="executed"),
        *column.cited(),
        column.item_url(),
    ),
    cited_records(FundingSource),
    published(FundingSource),
    (*ITEM_KEYS, "kind"),
)

PROGRAMS = Table(
    "programs",
    "事業",
    "年度をまたいで続く一つの事業",
    (
        column.slug("事業"),
        column.text("name", "名称", "事業の名称"),
        column.text("description", "説明", "事業の説明", NOT_ENTERED),
        *column.of("departments", "department", "担当部局", blank=NOT_ENTERED),
        column.url("事業", "program_detail", "slug"),
    ),
    public(Program),
    published(Program),
    ("slug",),
)

INDICATOR_VALUES = Table(
    "indicator-values",
    "指標の値",
    "一つの指標の、一つの年の値",
    (
        *column.of("", "indicator", "指標"),
        *column.choice(
            "period_kind",
            "年の数え方",
            "年の数え方",
            PeriodKind,
            path="indicator__period_kind",
        ),
        column.integer("year", "年（西暦）", "年の西暦。年度なら、4月に始まる年"),
        column.text(
            "year_era",
            "年（和暦）",
            "年または年度の和暦",
            path=("year", "indicator__period_kind"),
            make=name_year,
        ),
        column.text("unit", "単位", "実績、目標、基準の単位", path="indicator__unit"),
        *column.choice(
            "direction", "向き", "よしあしの向き", Direction, path="indicator__direction"
        ),
        column.number("actual", "実績", "実績。単位は「単位」の列にある", NOT_STATED),
        column.number("target", "目標", "目標。単位は「単位」の列にある", NOT_STATED),
        column.number("baseline", "基準", "基準。単位は「単位」の列にある", NOT_STATED),
        *column.choice("state", "確からしさ", "値の確からしさ", ValueState),
        column.text(
            "as_printed",
            "資料の表記",
            "概数など、資料のままの書き方",
            "資料も値のとおりに書いている",
        ),
        column.note(),
        *column.cited(),
        column.url("指標", "indicator_detail", "indicator__slug"),
    ),
    cited_records(IndicatorValue),
    published(IndicatorValue),
    ("indicator_slug", "year"),
)

DOCUMENTS = Table(
    "documents",
    "出典資料",
    "一つの資料",
    (
        column.slug("出典資料"),
        column.text("title", "題名", "資料の題名"),
        column.text("issued_by", "発行者", "資料の発行者"),
        column.date("issued_on", "発行日", "資料の発行日", NOT_ENTERED),
        *column.fiscal_year("fiscal_year", "対象年度", "資料が扱う年度", NOT_ENTERED),
        column.text("original_url", "掲載先のアドレス", "資料の掲載先", NOT_ENTERED, "url"),
        column.note(),
        column.url("出典資料", "document_detail", "slug"),
    ),
    public(SourceDocument),
    published(SourceDocument),
    ("slug",),
)

CHANGE_NOTES = Table(
    "change-notes",
    "更新・正誤",
    "公開した記録の、一つの更新または正誤",
    (
        column.integer("number", "番号", "更新・正誤の番号", path="pk"),
        column.date("noted_on", "日付", "更新・正誤の日付"),
        *column.choice("kind", "種別", "更新か正誤か", ChangeKind),
        column.text("record_kind", "対象の種類", "対象の記録の種類", path="content_type__name"),
        column.text("record_title", "対象", "対象の記録の名前", path="record", make=str),
        column.text("text", "内容", "何をなぜ変えたか"),
        column.text("field", "項目", "変わった項目", "項目を挙げていない"),
        column.text("old", "前", "変わる前の値", "前の値がない"),
        column.text("new", "後", "変わった後の値", "後の値がない"),
        column.text(
            "url",
            "アドレス",
            "対象のページのアドレス",
            path="record",
            make=address_of,
            is_path=True,
        ),
    ),
    lambda: list_changes().iterator(CHUNK),
    published(ChangeNote),
    ("number",),
)

CHECKS = Table(
    "checks",
    "突合の結果",
    "決算項目の一つの突合",
    (
        *column.item(),
        *column.choice("check", "突合", "突合の種類", CheckName, path="result__check"),
        column.text(
            "subject",
            "突合した数",
            "突合した実績値の名前",
            "項目そのものの突合である",
            "result__subject",
        ),
        *column.choice("status", "結果", "突合の結果", CheckStatus, path="result__status"),
        column.number(
            "expected",
            "資料に書かれた数",
            "資料に書かれた数。単位は「単位」の列にある",
            "比べる数の記載がない",
            "result__expected",
        ),
        column.number(
            "actual",
            "足し合わせた数",
            "足し合わせた数。単位は「単位」の列にある",
            "足し合わせる数の記載がない",
            "result__actual",
        ),
        column.number(
            "difference",
            "差",
            "足し合わせた数から、資料に書かれた数を引いた差。単位は「単位」の列にある",
            "どちらかの数の記載がない",
            "result__difference",
        ),
        column.text("unit", "単位", "数の単位", path="result__unit"),
        column.text("message", "説明", "突合の結果の文", path="result__message"),
        column.item_url(),
    ),
    load_checks,
    list,
)

TABLES = {
    table.name: table
    for table in (
        *(DEPARTMENTS, PILLARS, REPORTS, INITIATIVES, INITIATIVE_ATTRIBUTES, INITIATIVE_FIGURES),
        *(SETTLEMENTS, SETTLEMENT_ITEMS, SETTLEMENT_FIGURES, FUNDING, INITIATIVE_COSTS, PROGRAMS),
        *(INDICATOR_VALUES, DOCUMENTS, CHANGE_NOTES, CHECKS),
    )
}
