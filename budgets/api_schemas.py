"""What the API tells of a settlement, an item and a check, and how it is made of the records."""

from django.http import HttpRequest
from pydantic import BaseModel, Field

from portal.api_schemas import (
    DepartmentRef,
    FigureOut,
    SourceOut,
    department_ref,
    figure_fields,
    number_of,
    source_of,
    url_of,
)

from .checks import CheckName, CheckResult, CheckStatus
from .item_codes import parent_code
from .models import (
    CostRelation,
    FundingKind,
    InitiativeCost,
    PriorityPolicy,
    Settlement,
    SettlementItem,
    Stage,
)

STATUS = (
    "matched：一致、partial：一部（合計が額に満たない、または記載のない項目がある）、exceeded：超過、"
    "mismatched：不一致、overlapping：重複、none：内訳（または決算額）の記載がない"
)
AMOUNTS = (
    "amount_yen",
    "initial_budget_yen",
    "supplementary_yen",
    "carried_in_yen",
    "budget_yen",
    "carried_over_yen",
    "unused_yen",
)


class SettlementOut(BaseModel):
    fiscal_year: int = Field(description="年度（4月に始まる年度の西暦）")
    fiscal_year_label: str = Field(description="和暦の年度（例：令和2年度）")
    department: DepartmentRef = Field(description="部局")
    stage: Stage | None = Field(
        description=(
            "決算の段階。estimated：見込み、prepared：調製、audited：監査済、approved：議会認定。"
            "資料に記載がなければ null"
        )
    )
    stated_amount_yen: int | None = Field(
        description=(
            "決算額の記載がある最も上の項目の合計（円）。資料に書かれた額を足したもので、"
            "公式の総額ではない。記載が一つもなければ null"
        )
    )
    item_count: int = Field(description="決算項目の数（件）")
    heading: str = Field(description="資料の見出し")
    source: SourceOut = Field(description="出典")
    url: str = Field(description="決算のページのアドレス")


class PolicyOut(BaseModel):
    number: int = Field(description="重点施策の番号")
    name: str = Field(description="重点施策の名称")
    efforts: list[str] = Field(description="主な取組の名称")
    effort_codes: list[str | None] = Field(
        description="主な取組を報告している決算項目の番号。efforts と同じ順で、なければ null"
    )


class FundingOut(BaseModel):
    kind: FundingKind = Field(
        description="national：国庫支出金、bonds：県債、other：その他特定財源、general：一般財源"
    )
    amount_yen: int = Field(description="金額（円）")
    source: SourceOut = Field(description="出典")


class BreakdownOut(BaseModel):
    status: CheckStatus = Field(description=f"決算額と内訳の突合。{STATUS}")
    covered_yen: int | None = Field(
        description="この項目と下位の項目にある内訳（expenditure の実績値）の合計（円）。なければ null"
    )
    covered_percent: float | None = Field(
        description="決算額に対する割合（%）。小数第1位まで、100%未満は切り捨て、超過は切り上げ"
    )
    message: str = Field(description="突合の結果の文")


class CheckOut(BaseModel):
    check: CheckName = Field(
        description=(
            "breakdown：決算額と内訳、children：決算額と下位の項目、parts：数値とその内訳、"
            "identity：予算現額＝決算額＋翌年度繰越額＋不用額、funding：決算額と財源、"
            "attribution：取組への按分"
        )
    )
    status: CheckStatus = Field(description=STATUS)
    code: str = Field(description="決算項目の番号")
    subject: str = Field(description="突合した実績値の名前。項目そのものの突合では空")
    expected: int | float | None = Field(description="資料に書かれた数。単位は unit")
    actual: int | float | None = Field(description="足し合わせた数。単位は unit")
    difference: int | float | None = Field(description="actual − expected。単位は unit")
    unit: str = Field(description="数の単位（例：円、件、%）")
    covered_percent: float | None = Field(description="expected に対する actual の割合（%）")
    message: str = Field(description="突合の結果の文")


class ProgramRef(BaseModel):
    slug: str = Field(description="事業の識別子")
    name: str = Field(description="事業の名称")
    url: str = Field(description="事業のページのアドレス")


class ItemOut(BaseModel):
    code: str = Field(description="項目番号（例：1.7.2）。数の順に並ぶ")
    label: str = Field(description="資料の見出し記号（1、(1)、①、ア …）")
    level: int = Field(description="段。最も上の項目が1")
    name: str = Field(description="名称")
    body: str = Field(description="本文（Markdown）")
    easy_summary: str = Field(description="やさしい日本語の要約。なければ空")
    amount_yen: int | None = Field(
        description="決算額（円）。資料に記載がなければ null（0円とは違う）"
    )
    initial_budget_yen: int | None = Field(description="当初予算額（円）。記載がなければ null")
    supplementary_yen: int | None = Field(description="補正額（円）。減額は負。記載がなければ null")
    carried_in_yen: int | None = Field(description="前年度繰越額（円）。記載がなければ null")
    budget_yen: int | None = Field(description="予算現額（円）。記載がなければ null")
    carried_over_yen: int | None = Field(description="翌年度繰越額（円）。記載がなければ null")
    unused_yen: int | None = Field(description="不用額（円）。記載がなければ null")
    parent_code: str | None = Field(description="上位の項目番号。最も上の項目は null")
    program: ProgramRef | None = Field(description="年度をまたぐ事業。登録がなければ null")
    figures: list[FigureOut] = Field(description="実績値")
    funding: list[FundingOut] = Field(description="財源")
    breakdown: BreakdownOut = Field(description="決算額と内訳の突合")
    source: SourceOut = Field(description="出典")
    url: str = Field(description="決算項目のページのアドレス")


class CheckedItemOut(ItemOut):
    checks: list[CheckOut] = Field(description="この項目の突合の結果")


class NestedItemOut(CheckedItemOut):
    children: list["NestedItemOut"] = Field(description="下位の項目")


class FlatItemOut(ItemOut):
    fiscal_year: int = Field(description="年度（4月に始まる年度の西暦）")
    fiscal_year_label: str = Field(description="和暦の年度（例：令和2年度）")
    department: DepartmentRef = Field(description="部局")


class InitiativeRef(BaseModel):
    slug: str = Field(description="取組の識別子")
    title: str = Field(description="取組の題名")
    relation: CostRelation = Field(description="cost：費用の按分、editorial：関連（費用ではない）")
    share_percent: float | None = Field(description="この項目の決算額のうち取組に按分する割合（%）")
    attributed_yen: int | None = Field(description="按分した額（円）。関連だけのときは null")
    note: str = Field(description="注記")
    url: str = Field(description="取組のページのアドレス")


class OneItemOut(FlatItemOut):
    checks: list[CheckOut] = Field(description="この項目の突合の結果")
    initiatives: list[InitiativeRef] = Field(description="この項目とつながる公開中の取組")


class SettlementDetailOut(SettlementOut):
    introduction: str = Field(description="概要（Markdown）")
    easy_summary: str = Field(description="やさしい日本語の要約。なければ空")
    priority_policies: list[PolicyOut] = Field(description="重点施策")
    items: list[NestedItemOut] = Field(description="決算項目の木。最も上の項目から")


class FlatCheckOut(CheckOut):
    fiscal_year: int = Field(description="年度（4月に始まる年度の西暦）")
    department: DepartmentRef = Field(description="部局")
    name: str = Field(description="決算項目の名称")
    url: str = Field(description="決算項目のページのアドレス")


def settlement_fields(request: HttpRequest, settlement: Settlement) -> dict:
    """Return what SettlementOut holds; needs `with_totals()`."""
    return {
        "fiscal_year": settlement.fiscal_year,
        "fiscal_year_label": settlement.fiscal_year_label,
        "department": department_ref(settlement.department),
        "stage": settlement.stage or None,
        "stated_amount_yen": settlement.stated_amount_yen,
        "item_count": settlement.item_count,
        "heading": settlement.heading,
        "source": source_of(request, settlement),
        "url": url_of(request, settlement),
    }


def policy_out(policy: PriorityPolicy) -> PolicyOut:
    efforts = policy.efforts.all()
    return PolicyOut(
        number=policy.number,
        name=policy.name,
        efforts=[effort.name for effort in efforts],
        effort_codes=[effort.item and effort.item.code for effort in efforts],
    )


def item_fields(request: HttpRequest, item: SettlementItem, breakdown: CheckResult) -> dict:
    """Return what ItemOut holds; needs settlement, program, source, figures, funding loaded."""
    return {
        "code": item.code,
        "label": item.label,
        "level": item.depth,
        "name": item.name,
        "body": item.body,
        "easy_summary": item.easy_summary,
        **{name: getattr(item, name) for name in AMOUNTS},
        "parent_code": parent_code(item.code) or None,
        "program": item.program
        and ProgramRef(
            slug=item.program.slug, name=item.program.name, url=url_of(request, item.program)
        ),
        "figures": [figure_fields(request, figure) for figure in item.figures.all()],
        "funding": [
            FundingOut(kind=each.kind, amount_yen=each.amount_yen, source=source_of(request, each))
            for each in item.funding_sources.all()
        ],
        "breakdown": BreakdownOut(
            status=breakdown.status,
            covered_yen=breakdown.actual,
            covered_percent=breakdown.covered_percent,
            message=breakdown.message,
        ),
        "source": source_of(request, item),
        "url": url_of(request, item),
    }


def flat_fields(settlement: Settlement) -> dict:
    return {
        "fiscal_year": settlement.fiscal_year,
        "fiscal_year_label": settlement.fiscal_year_label,
        "department": department_ref(settlement.department),
    }


def check_fields(result: CheckResult) -> dict:
    return {
        "check": result.check,
        "status": result.status,
        "code": result.code,
        "subject": result.subject,
        "expected": number_of(result.expected),
        "actual": number_of(result.actual),
        "difference": number_of(result.difference),
        "unit": result.unit,
        "covered_percent": number_of(result.covered_percent),
        "message": result.message,
    }


def initiative_ref(
    request: HttpRequest, cost: InitiativeCost, attributed: dict[int, int]
) -> InitiativeRef:
    return InitiativeRef(
        slug=cost.initiative.slug,
        title=cost.initiative.title,
        relation=cost.relation,
        share_percent=number_of(cost.share_percent),
        attributed_yen=attributed.get(cost.pk),
        note=cost.note,
        url=url_of(request, cost.initiative),
    )
