"""What to look at before a settlement, with its whole tree, is published."""

from collections.abc import Iterator
from itertools import chain

from django.utils import timezone

from initiatives.models import Initiative
from portal.fiscal_year import fiscal_year_of, format_date, format_fiscal_year
from portal.publishing import Status, live_q
from portal.readiness import (
    ERROR,
    REMARK,
    Finding,
    check_citations,
    check_figures,
    check_period,
    check_sources,
    check_texts,
    checks,
    make_finding,
)

from .check_results import CheckName, CheckResult, CheckStatus
from .checks import check_item, check_settlement, is_within
from .facts import load_item_facts
from .models import (
    CostRelation,
    InitiativeCost,
    Settlement,
    SettlementItem,
    Stage,
)


@checks(Settlement)
def check_settlement_readiness(settlement) -> Iterator[Finding]:
    """Yield the findings on a settlement and all that is published with it.

    The number of queries does not grow with the items.
    """
    items = settlement.items.order_by("code_order")
    items = list(items.prefetch_related("figures", "funding_sources"))
    cited = chain(*([item, *item.figures.all(), *item.funding_sources.all()] for item in items))
    yield from check_period(settlement)
    yield from check_texts(settlement)
    yield from check_year(settlement)
    yield from check_sources(settlement, cited)
    if not items:
        yield make_finding(settlement, "items", "決算項目が1つもありません。", ERROR)
    for policy in settlement.priority_policies.prefetch_related("efforts"):
        yield from check_policy(policy)
    for item in items:
        yield from check_item_texts(item)
    for cost in list_costs(item__settlement=settlement).select_related("item", "initiative"):
        yield from check_texts(cost, f"決算項目 {cost.item}と取組「{cost.initiative}」")
    by_code = {item.code: item for item in items}
    facts = load_item_facts([settlement.pk], list_costs(), items)[settlement.pk]
    for result in check_settlement(facts):
        yield from weigh_result(by_code[result.code], result)


@checks(SettlementItem)
def check_item_readiness(item) -> Iterator[Finding]:
    """Yield the findings on one item alone, for its own page."""
    yield from check_item_texts(item)
    facts = load_item_facts([item.settlement_id], list_costs())[item.settlement_id]
    for result in check_item(facts, item.code):
        yield from weigh_result(item, result)


def check_item_texts(item) -> Iterator[Finding]:
    name, figures = f"決算項目 {item}", list(item.figures.all())
    yield from check_texts(item, name)
    if item.source_id is None:
        yield make_finding(item, "source", "出典がありません。", name=name)
    yield from check_citations(item, figures, "実績値", name)
    yield from check_figures(figures, f"{name}の")


def weigh_result(item, result: CheckResult) -> Iterator[Finding]:
    """Yield a check's result where there is something to say.

    What the paper prints is a remark. Attributions are the office's own: they must add up.
    """
    is_attribution = result.check == CheckName.ATTRIBUTION
    is_partial = result.status == CheckStatus.PARTIAL and not is_attribution
    if result.is_problem or is_partial:
        name = f"決算項目 {item}：{result.check.label}"
        yield make_finding(item, "", result.message, ERROR if is_attribution else REMARK, name)


@checks(Initiative)
def check_initiative_costs(initiative) -> Iterator[Finding]:
    """Yield where this initiative takes part in counting an item's amount more than once."""
    costs = list_costs(live_q("item__settlement"), initiative=initiative)
    costs = costs.filter(relation=CostRelation.COST).select_related("item").order_by("pk")
    own = [cost.item for cost in costs]
    settlements = {item.settlement_id for item in own}
    facts = load_item_facts(settlements, list_costs()) if own else {}
    for settlement in settlements:
        for result in check_settlement(facts[settlement]):
            if result.check != CheckName.ATTRIBUTION or not result.is_problem:
                continue
            for item in own:
                if item.settlement_id == settlement and is_within(item.code, result.code):
                    name = f"決算項目 {item}：{result.check.label}"
                    message = f"項目番号「{result.code}」で、{result.message}"
                    yield make_finding(item, "", message, ERROR, name)


def check_year(settlement) -> Iterator[Finding]:
    year, department, source = settlement.fiscal_year, settlement.department, settlement.source
    label = settlement.fiscal_year_label
    today = fiscal_year_of(timezone.localdate())
    if year > today or (year == today and settlement.stage not in ("", Stage.ESTIMATED)):
        message = f"{label}は、まだ終わっていません。年度と決算の段階を確かめてください。"
        yield make_finding(settlement, "fiscal_year", message)
    if source and source.fiscal_year and source.fiscal_year != year:
        message = f"出典の対象年度は{format_fiscal_year(source.fiscal_year)}で、{label}と違います。"
        yield make_finding(settlement, "fiscal_year", message)
    if source and source.issued_on and fiscal_year_of(source.issued_on) < year:
        message = f"出典の発行日（{format_date(source.issued_on)}）は、{label}が始まる前です。"
        yield make_finding(settlement, "source", message)
    if department.established_in and year < department.established_in:
        begins = format_fiscal_year(department.established_in)
        message = f"{department}は{begins}に設置されたため、{label}にはまだありません。"
        yield make_finding(settlement, "department", message)
    if department.abolished_in and year >= department.abolished_in:
        ended = format_fiscal_year(department.abolished_in)
        message = f"{department}は{ended}に廃止されたため、{label}にはもうありません。"
        yield make_finding(settlement, "department", message)


def check_policy(policy) -> Iterator[Finding]:
    name = f"重点施策「{policy}」"
    yield from check_texts(policy, name)
    efforts = policy.efforts.all()
    if not efforts:
        yield make_finding(policy, "efforts", "主な取組が1つもありません。", name=name)
    for effort in efforts:
        yield from check_texts(effort, f"{name}の主な取組「{effort}」")


def list_costs(*conditions, **fields):
    """Return the attributions that count before publishing: all but those in the bin."""
    costs = InitiativeCost.objects.exclude(initiative__status=Status.BINNED)
    return costs.filter(*conditions, **fields)
