"""Initiatives in the API, with what they cost: they join a report's results and a settlement."""

from datetime import date

from django.db.models import Prefetch
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Query, Router
from pydantic import BaseModel, Field

from initiatives.models import (
    Distinction,
    Initiative,
    InitiativeFigure,
    InitiativeImage,
    InitiativeLink,
    Pillar,
    ResultsReport,
)
from portal.addresses import redirect_former_slug
from portal.api_lists import TextPage
from portal.api_parameters import DEPARTMENT, FISCAL_YEAR, FiscalYear, Slug, optional
from portal.api_schemas import (
    DepartmentRef,
    FigureOut,
    Listing,
    SourceOut,
    department_ref,
    figure_fields,
    number_of,
    source_of,
    url_of,
)
from portal.models import Department

from .facts import load_attributions
from .models import CostRelation, InitiativeCost

router = Router(tags=["取組"])


class PillarRef(BaseModel):
    slug: str = Field(description="柱の識別子")
    number: int | None = Field(description="柱の番号。番号のない横断的なものは null")
    name: str = Field(description="柱の名称")


class ReportRef(BaseModel):
    slug: str = Field(description="実績報告の識別子")
    title: str = Field(description="実績報告の題名")
    presented_on: date = Field(description="発表日")


class PlaceOut(BaseModel):
    code: str = Field(description="全国地方公共団体コード（6けた）")
    name: str = Field(description="名称")


class LinkOut(BaseModel):
    title: str = Field(description="題名")
    url: str = Field(description="アドレス")


class ImageOut(BaseModel):
    url: str = Field(description="画像のアドレス")
    alt: str = Field(description="代替テキスト")
    credit: str = Field(description="撮影・提供")
    licence: str = Field(description="利用条件")


class CostItemRef(BaseModel):
    fiscal_year: int = Field(description="年度（4月に始まる年度の西暦）")
    department: DepartmentRef = Field(description="部局")
    code: str = Field(description="項目番号")
    name: str = Field(description="決算項目の名称")
    amount_yen: int | None = Field(description="決算額（円）。資料に記載がなければ null")
    url: str = Field(description="決算項目のページのアドレス")


class CostOut(BaseModel):
    relation: CostRelation = Field(description="cost：費用の按分、editorial：関連（費用ではない）")
    share_percent: float | None = Field(description="決算額のうち、この取組に按分する割合（%）")
    attributed_yen: int | None = Field(
        description="按分した額（円）。同じ項目のほかの取組の分、按分されない分と足すと決算額に一致する。関連だけのときは null"
    )
    item: CostItemRef = Field(description="決算項目")
    note: str = Field(description="注記")


class InitiativeOut(BaseModel):
    slug: str = Field(description="取組の識別子")
    title: str = Field(description="題名")
    summary: str = Field(description="概要")
    body: str = Field(description="本文（Markdown）")
    easy_summary: str = Field(description="やさしい日本語の要約。なければ空")
    pillar: PillarRef = Field(description="総合計画の柱")
    report: ReportRef = Field(description="実績報告")
    fiscal_year: int | None = Field(
        description="年度（4月に始まる年度の西暦）。資料に記載がなければ null"
    )
    occurred_on: date | None = Field(description="日付。資料に記載がなければ null")
    period: str = Field(description="時期。資料に書いてあるとおり")
    departments: list[DepartmentRef] = Field(description="担当部局")
    places: list[PlaceOut] = Field(description="場所")
    distinctions: list[str] = Field(description="特色（全国初、過去最高 …）")
    figures: list[FigureOut] = Field(description="実績値")
    costs: list[CostOut] = Field(description="つながる決算項目")
    images: list[ImageOut] = Field(description="画像")
    links: list[LinkOut] = Field(description="関連リンク")
    source: SourceOut = Field(description="出典")
    url: str = Field(description="取組のページのアドレス")


class InitiativePage(TextPage):
    row = InitiativeOut
    kind = "initiative"
    usual_order = ("-report__presented_on", "pillar__position", "position", "slug")
    sorts = {
        **{name: name for name in ("slug", "title", "fiscal_year", "occurred_on")},
        "pillar": "pillar__position",
        "report": "report__presented_on",
    }
    named = {"pillar": Pillar, "report": ResultsReport, "department": Department}
    lookups = {
        "pillar": "pillar__slug",
        "report": "report__slug",
        "fiscal_year": "fiscal_year",
        "department": "departments__slug",
    }

    pillar: str | None = optional("柱の識別子（/pillars の slug）")
    report: str | None = optional("実績報告の識別子（/reports の slug）")
    fiscal_year: FiscalYear | None = optional(FISCAL_YEAR)
    department: str | None = optional(DEPARTMENT)


def initiatives():
    """Return public initiatives with lists of all that belongs to them.

    They are plain lists, because Django would make a query of each list of each initiative.
    """
    figures = InitiativeFigure.objects.published().select_related("source", "part_of")
    costs = InitiativeCost.objects.published().select_related("item__settlement__department")
    return (
        Initiative.objects.published()
        .select_related("pillar", "report", "source")
        .prefetch_related(
            Prefetch("departments", to_attr="listed_departments"),
            Prefetch("places", to_attr="listed_places"),
            Prefetch("distinctions", Distinction.objects.published(), "listed_distinctions"),
            Prefetch("figures", figures.order_by("position", "pk"), "listed_figures"),
            Prefetch("images", InitiativeImage.objects.published(), "listed_images"),
            Prefetch("links", InitiativeLink.objects.published(), "listed_links"),
            Prefetch("costs", costs, "listed_costs"),
        )
    )


def initiatives_out(request: HttpRequest, initiatives: list[Initiative]) -> list[InitiativeOut]:
    attributed = load_attributions(
        cost for initiative in initiatives for cost in initiative.listed_costs
    )
    return [initiative_out(request, initiative, attributed) for initiative in initiatives]


def initiative_out(
    request: HttpRequest, initiative: Initiative, attributed: dict[int, int]
) -> InitiativeOut:
    pillar, report = initiative.pillar, initiative.report
    return InitiativeOut(
        slug=initiative.slug,
        title=initiative.title,
        summary=initiative.summary,
        body=initiative.body,
        easy_summary=initiative.easy_summary,
        pillar=PillarRef(slug=pillar.slug, number=pillar.number, name=pillar.name),
        report=ReportRef(slug=report.slug, title=report.title, presented_on=report.presented_on),
        fiscal_year=initiative.fiscal_year,
        occurred_on=initiative.occurred_on,
        period=initiative.period,
        departments=[department_ref(each) for each in initiative.listed_departments],
        places=[PlaceOut(code=place.code, name=place.name) for place in initiative.listed_places],
        distinctions=[each.name for each in initiative.listed_distinctions],
        figures=[figure_fields(request, figure) for figure in initiative.listed_figures],
        costs=[cost_out(request, cost, attributed) for cost in initiative.listed_costs],
        images=[
            ImageOut(
                url=url_of(request, image),
                alt=image.alt,
                credit=image.credit,
                licence=image.licence,
            )
            for image in initiative.listed_images
        ],
        links=[LinkOut(title=link.title, url=link.url) for link in initiative.listed_links],
        source=source_of(request, initiative),
        url=url_of(request, initiative),
    )


def cost_out(request: HttpRequest, cost: InitiativeCost, attributed: dict[int, int]) -> CostOut:
    item = cost.item
    return CostOut(
        relation=cost.relation,
        share_percent=number_of(cost.share_percent),
        attributed_yen=attributed.get(cost.pk),
        item=CostItemRef(
            fiscal_year=item.settlement.fiscal_year,
            department=department_ref(item.settlement.department),
            code=item.code,
            name=item.name,
            amount_yen=item.amount_yen,
            url=url_of(request, item),
        ),
        note=cost.note,
    )


@router.get("initiatives", response=Listing[InitiativeOut], summary="取組の一覧")
def list_initiatives(request, page: Query[InitiativePage]):
    """取組を、新しい実績報告から、柱の順に返します。"""
    return page.answer(request, page.rows(initiatives()), initiatives_out)


@router.get("initiatives/{slug:slug}", response=InitiativeOut, summary="取組")
@redirect_former_slug(Initiative)
def get_initiative(request, slug: Slug):
    """取組を1つ返します。"""
    return initiatives_out(request, [get_object_or_404(initiatives(), slug=slug)])[0]
