"""What to look at before an initiative, an indicator or a report of results is published."""

from collections import defaultdict
from collections.abc import Iterator

from django.utils import timezone

from portal.fiscal_year import fiscal_year_of, format_date, format_fiscal_year
from portal.readiness import (
    ERROR,
    Finding,
    check_citations,
    check_figures,
    check_period,
    check_record,
    check_sources,
    check_texts,
    checks,
    make_finding,
)
from portal.text_checks import check_link_text

from .models import (
    Indicator,
    IndicatorValue,
    Initiative,
    PeriodKind,
    Plan,
    ResultsReport,
    ValueState,
)


@checks(Initiative)
def check_initiative(initiative) -> Iterator[Finding]:
    figures = list(initiative.figures.select_related("part_of"))
    yield from check_period(initiative)
    yield from check_texts(initiative)
    if not initiative.departments.exists():
        yield make_finding(initiative, "departments", "担当部局が選ばれていません。")
    yield from check_sources(initiative, figures)
    yield from check_citations(initiative, figures, "実績値")
    yield from check_figures(figures)
    yield from check_sums(figures)
    for number, image in enumerate(initiative.images.all(), start=1):
        yield from check_texts(image, f"画像{number}")
    for distinction in initiative.distinctions.all():
        yield from check_texts(distinction, f"特色「{distinction}」")
    for link in initiative.links.all():
        yield from check_texts(link, f"関連リンク「{link}」")
        for message in check_link_text(link.title) if link.title.strip() else ():
            yield make_finding(link, "title", message, name=f"関連リンク「{link}」")
    yield from check_dates(initiative)
    report, plan = initiative.report, initiative.pillar.plan
    for above, field in ((report, "report"), (plan, "pillar")):
        if not above.is_published():
            message = f"「{above}」がいま公開されていないため、公開しても県民には見えません。"
            yield make_finding(initiative, field, message)


def check_dates(initiative) -> Iterator[Finding]:
    date, fiscal_year = initiative.occurred_on, initiative.fiscal_year
    presented_on = initiative.report.presented_on
    if date and fiscal_year and fiscal_year_of(date) != fiscal_year:
        message = f"{format_date(date)}は、{format_fiscal_year(fiscal_year)}の日ではありません。"
        yield make_finding(initiative, "occurred_on", message)
    if date and date > presented_on:
        message = (
            f"{format_date(date)}は、実績報告の発表日（{format_date(presented_on)}）より後です。"
        )
        yield make_finding(initiative, "occurred_on", message)
    if fiscal_year and fiscal_year > fiscal_year_of(presented_on):
        message = (
            f"{format_fiscal_year(fiscal_year)}は、"
            f"実績報告の発表日（{format_date(presented_on)}）より後に始まります。"
        )
        yield make_finding(initiative, "fiscal_year", message)


def check_sums(figures) -> Iterator[Finding]:
    """Yield the figures whose parts add up to more; each `group` divides the whole anew."""
    divisions = defaultdict(list)
    for figure in figures:
        if figure.part_of:
            divisions[figure.part_of, figure.group].append(figure)
    for (whole, group), parts in divisions.items():
        same = [whole, *parts]
        if len({figure.unit for figure in same}) == 1:
            stated, *values = (figure.value for figure in same)
        elif all(figure.amount_yen is not None for figure in same):
            stated, *values = (figure.amount_yen for figure in same)
        else:
            message = "内訳と単位が違うため、足し合わせて比べられません。"
            yield make_finding(whole, "unit", message, name=f"実績値「{whole.name}」")
            continue
        if sum(values) > stated >= 0:
            of_group = f"「{group}」の" if group else ""
            message = f"{of_group}内訳{len(parts)}件の合計が、この値を上回ります。"
            yield make_finding(whole, "value", message, name=f"実績値「{whole.name}」")


@checks(Indicator)
def check_indicator(indicator) -> Iterator[Finding]:
    values = list(indicator.values.all())
    yield from check_period(indicator)
    yield from check_texts(indicator)
    yield from check_sources(indicator, values)
    yield from check_citations(indicator, values, "指標の値")
    if not values:
        yield make_finding(indicator, "values", "値が1つもありません。", ERROR)
    elif not any(value.is_published() for value in values):
        message = "いま公開されている値がないため、県民には値のない指標が見えます。"
        yield make_finding(indicator, "values", message)
    for value in values:
        value.indicator = indicator
        yield from check_value(value)


@checks(IndicatorValue)
def check_indicator_value(value) -> Iterator[Finding]:
    yield from check_period(value)
    yield from check_value(value)
    yield from check_sources(value, [value.indicator])


def check_value(value) -> Iterator[Finding]:
    name = f"指標の値「{value.year_label}」"
    yield from check_texts(value, name)
    is_calendar = value.indicator.period_kind == PeriodKind.CALENDAR_YEAR
    today = timezone.localdate()
    current = today.year if is_calendar else fiscal_year_of(today)
    is_settled = value.actual is not None and value.state != ValueState.ESTIMATED
    if is_settled and value.year > current:
        message = "まだ始まっていない年の実績が「見込み」になっていません。"
        yield make_finding(value, "state", message, name=name)


@checks(Plan)
def check_plan(plan) -> Iterator[Finding]:
    yield from check_record(plan)
    if plan.starts_in and plan.ends_in and plan.ends_in < plan.starts_in:
        message = f"終了年度が、開始年度（{format_fiscal_year(plan.starts_in)}）より前です。"
        yield make_finding(plan, "ends_in", message)


@checks(ResultsReport)
def check_report(report) -> Iterator[Finding]:
    yield from check_record(report)
    if report.presented_on > timezone.localdate():
        message = f"{format_date(report.presented_on)}は、まだ来ていない日です。"
        yield make_finding(report, "presented_on", message)
    if not report.is_revision and not report.initiatives.exists():
        yield make_finding(report, "initiatives", "この報告の取組が1件もありません。")
