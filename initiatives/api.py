"""Pillars, reports and indicators in the API.

Initiatives stand in budgets/initiatives_api.py, because they come with what they cost.
"""

from datetime import date

from django.db.models import Prefetch
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Query, Router
from pydantic import BaseModel, Field

from portal.addresses import redirect_former_slug
from portal.api_lists import SortedPage, each
from portal.api_parameters import Slug
from portal.api_schemas import (
    DepartmentRef,
    Listing,
    SourceOut,
    department_ref,
    number_of,
    source_of,
    url_of,
)

from .models import (
    Direction,
    Indicator,
    IndicatorValue,
    Initiative,
    PeriodKind,
    Pillar,
    ResultsReport,
    ValueState,
)

router = Router(tags=["取組"])


class PlanRef(BaseModel):
    slug: str = Field(description="総合計画の識別子")
    name: str = Field(description="総合計画の名称")


class PillarOut(BaseModel):
    slug: str = Field(description="柱の識別子")
    number: int | None = Field(description="柱の番号。番号のない横断的なものは null")
    name: str = Field(description="柱の名称")
    description: str = Field(description="説明")
    plan: PlanRef = Field(description="柱が属する総合計画")
    initiative_count: int = Field(description="公開中の取組の数（件）")
    url: str = Field(description="柱のページのアドレス")


class ReportOut(BaseModel):
    slug: str = Field(description="実績報告の識別子")
    title: str = Field(description="題名")
    presented_on: date = Field(description="発表日")
    term_year: int | None = Field(description="就任から何年目か（年目）。年度とは違う")
    summary: str = Field(description="概要")
    initiative_count: int = Field(description="公開中の取組の数（件）")
    source: SourceOut = Field(description="出典")
    url: str = Field(description="実績報告のページのアドレス")


class ValueOut(BaseModel):
    year: int = Field(description="西暦の年。数え方は指標の period_kind")
    year_label: str = Field(description="和暦の年（令和2年度、令和2年）")
    period_kind: PeriodKind = Field(description="fiscal_year：年度（4月から）、calendar_year：暦年")
    actual: int | float | None = Field(description="実績。単位は指標の unit。記載がなければ null")
    target: int | float | None = Field(description="目標。単位は指標の unit。記載がなければ null")
    baseline: int | float | None = Field(description="基準。単位は指標の unit。記載がなければ null")
    state: ValueState = Field(description="estimated：見込み、final：確定、corrected：訂正")
    as_printed: str = Field(description="資料の表記。概数など、値と表記が違うときだけ")
    note: str = Field(description="注記")
    source: SourceOut = Field(description="出典")


class IndicatorOut(BaseModel):
    slug: str = Field(description="指標の識別子")
    name: str = Field(description="名称")
    description: str = Field(description="説明")
    unit: str = Field(description="値の単位（例：件、億円）")
    direction: Direction = Field(
        description="higher：高いほどよい、lower：低いほどよい、none：良し悪しなし"
    )
    period_kind: PeriodKind = Field(description="fiscal_year：年度（4月から）、calendar_year：暦年")
    department: DepartmentRef | None = Field(description="担当部局")
    values: list[ValueOut] = Field(description="年ごとの値。古い順")
    source: SourceOut = Field(description="出典")
    url: str = Field(description="指標のページのアドレス")


class PillarPage(SortedPage):
    row = PillarOut
    usual_order = ("-plan__starts_in", "plan__slug", "position", "slug")
    sorts = {name: name for name in ("slug", "number", "name", "initiative_count")}


class ReportPage(SortedPage):
    row = ReportOut
    usual_order = ("-presented_on", "slug")
    sorts = {
        name: name for name in ("slug", "title", "presented_on", "term_year", "initiative_count")
    }


class IndicatorPage(SortedPage):
    row = IndicatorOut
    usual_order = ("position", "slug")
    sorts = {name: name for name in ("slug", "name", "unit")}


def pillars():
    return Pillar.objects.published().select_related("plan").with_initiative_count()


def pillar_out(request: HttpRequest, pillar: Pillar) -> PillarOut:
    return PillarOut(
        slug=pillar.slug,
        number=pillar.number,
        name=pillar.name,
        description=pillar.description,
        plan=PlanRef(slug=pillar.plan.slug, name=pillar.plan.name),
        initiative_count=pillar.initiative_count,
        url=url_of(request, pillar),
    )


@router.get("pillars", response=Listing[PillarOut], summary="柱の一覧")
def list_pillars(request, page: Query[PillarPage]):
    """総合計画の柱を、計画の中の順に返します。"""
    return page.answer(request, page.rows(pillars()), each(pillar_out))


@router.get("pillars/{slug:slug}", response=PillarOut, summary="柱")
@redirect_former_slug(Pillar)
def get_pillar(request, slug: Slug):
    """柱を1つ返します。"""
    return pillar_out(request, get_object_or_404(pillars(), slug=slug))


def reports():
    return (
        ResultsReport.objects.published()
        .select_related("source")
        .annotate(initiative_count=Initiative.objects.published().count_per("report"))
    )


def report_out(request: HttpRequest, report: ResultsReport) -> ReportOut:
    return ReportOut(
        slug=report.slug,
        title=report.title,
        presented_on=report.presented_on,
        term_year=report.term_year,
        summary=report.summary,
        initiative_count=report.initiative_count,
        source=source_of(request, report),
        url=url_of(request, report),
    )


@router.get("reports", response=Listing[ReportOut], summary="実績報告の一覧")
def list_reports(request, page: Query[ReportPage]):
    """知事の実績報告を、新しい順に返します。"""
    return page.answer(request, page.rows(reports()), each(report_out))


@router.get("reports/{slug:slug}", response=ReportOut, summary="実績報告")
@redirect_former_slug(ResultsReport)
def get_report(request, slug: Slug):
    """実績報告を1つ返します。"""
    return report_out(request, get_object_or_404(reports(), slug=slug))


def indicators():
    values = IndicatorValue.objects.published().select_related("source").order_by("year")
    return (
        Indicator.objects.published()
        .select_related("department", "source")
        .prefetch_related(Prefetch("values", values))
    )


def indicator_out(request: HttpRequest, indicator: Indicator) -> IndicatorOut:
    return IndicatorOut(
        slug=indicator.slug,
        name=indicator.name,
        description=indicator.description,
        unit=indicator.unit,
        direction=indicator.direction,
        period_kind=indicator.period_kind,
        department=indicator.department and department_ref(indicator.department),
        values=[value_out(request, value) for value in indicator.values.all()],
        source=source_of(request, indicator),
        url=url_of(request, indicator),
    )


def value_out(request: HttpRequest, value: IndicatorValue) -> ValueOut:
    return ValueOut(
        year=value.year,
        year_label=value.year_label,
        period_kind=value.indicator.period_kind,
        actual=number_of(value.actual),
        target=number_of(value.target),
        baseline=number_of(value.baseline),
        state=value.state,
        as_printed=value.as_printed,
        note=value.note,
        source=source_of(request, value),
    )


@router.get("indicators", response=Listing[IndicatorOut], summary="指標の一覧")
def list_indicators(request, page: Query[IndicatorPage]):
    """指標を、年ごとの値とともに返します。"""
    return page.answer(request, page.rows(indicators()), each(indicator_out))


@router.get("indicators/{slug:slug}", response=IndicatorOut, summary="指標")
@redirect_former_slug(Indicator)
def get_indicator(request, slug: Slug):
    """指標を1つ、年ごとの値とともに返します。"""
    return indicator_out(request, get_object_or_404(indicators(), slug=slug))
