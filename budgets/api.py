"""Settlements, their items and the results of the checks in the API."""

from typing import Annotated, ClassVar, Literal

from django.db.models import Prefetch
from django.shortcuts import get_object_or_404
from ninja import Query, Router
from pydantic import Field, WithJsonSchema

from portal.addresses import redirect_former_slug
from portal.api_lists import CountedRows, Page, SortedPage, TextPage, answer_json, each
from portal.api_parameters import (
    DEPARTMENT,
    FISCAL_YEAR,
    MAX_YEN,
    FiscalYear,
    Slug,
    optional,
)
from portal.api_schemas import Listing, department_ref, url_of
from portal.edition import edition_of, find_edition
from portal.models import Department

from .api_schemas import (
    AMOUNTS,
    FlatCheckOut,
    FlatItemOut,
    OneItemOut,
    SettlementDetailOut,
    SettlementOut,
    check_fields,
    flat_fields,
    initiative_ref,
    item_fields,
    policy_out,
    settlement_fields,
)
from .checks import CheckStatus, check_items
from .facts import load_attributions, load_facts_within
from .flat_items import ItemRows, nest_items
from .former_codes import redirect_former_code
from .found_checks import FoundChecks
from .item_cells import ITEM_CELLS
from .item_codes import CODE_PATTERN, MAX_LEVEL
from .models import (
    FundingSource,
    InitiativeCost,
    PriorityEffort,
    PriorityPolicy,
    Settlement,
    SettlementFigure,
    SettlementItem,
)

router = Router(tags=["決算"])

PLACE = ("settlement__department__position", "settlement__department__slug", "code_order")
ORDERS = {
    "-fiscal_year": ("-settlement__fiscal_year", *PLACE),
    "fiscal_year": ("settlement__fiscal_year", *PLACE),
    "code": ("code_order", "-settlement__fiscal_year", *PLACE),
    "-code": ("-code_order", "-settlement__fiscal_year", *PLACE),
    "name": ("name", "-settlement__fiscal_year", *PLACE),
    "-name": ("-name", "-settlement__fiscal_year", *PLACE),
    "amount_yen": ("amount_yen", *PLACE, "pk"),
    "-amount_yen": ("-amount_yen", *PLACE, "pk"),
}
AmountYen = Annotated[int, Field(ge=0, le=MAX_YEN)]
Level = Annotated[int, Field(ge=1, le=MAX_LEVEL)]
ItemCode = Annotated[str, WithJsonSchema({"type": "string", "pattern": f"^{CODE_PATTERN}$"})]


class SettlementPage(SortedPage):
    row = SettlementOut
    usual_order = ("-fiscal_year", "department__position", "department__slug")
    sorts = {
        **{name: name for name in ("fiscal_year", "stated_amount_yen", "item_count")},
        "department": "department__slug",
    }
    lookups = {"fiscal_year": "fiscal_year", "department": "department__slug"}
    named = {"department": Department}

    fiscal_year: FiscalYear | None = optional(FISCAL_YEAR)
    department: str | None = optional(DEPARTMENT)


class CheckPage(Page):
    row = FlatCheckOut
    lookups = SettlementPage.lookups
    named = SettlementPage.named

    fiscal_year: FiscalYear | None = optional(FISCAL_YEAR)
    department: str | None = optional(DEPARTMENT)
    status: Literal[*(status.value for status in CheckStatus)] | None = optional(
        "結果がこの状態のものだけ"
    )


class ItemPage(TextPage):
    row = FlatItemOut
    cells = ITEM_CELLS
    kind = "settlement_item"
    usual_order = ORDERS["-fiscal_year"]
    sorts = {
        "fiscal_year": "settlement__fiscal_year",
        "department": "settlement__department__slug",
        "code": "code_order",
        **{name: name for name in ("name", *AMOUNTS)},
    }
    lookups = {
        "fiscal_year": "settlement__fiscal_year",
        "department": "settlement__department__slug",
        "min_amount_yen": "amount_yen__gte",
        "max_amount_yen": "amount_yen__lte",
    }
    named = {"department": Department}
    item_lookups: ClassVar = {
        name: lookup for name, lookup in lookups.items() if name.endswith("_yen")
    }

    fiscal_year: FiscalYear | None = optional(FISCAL_YEAR)
    department: str | None = optional(DEPARTMENT)
    min_amount_yen: AmountYen | None = optional("決算額がこれ以上（円）。記載のない項目は除く")
    max_amount_yen: AmountYen | None = optional("決算額がこれ以下（円）。記載のない項目は除く")
    level: Level | None = optional("段。最も上の項目が1")
    order: Literal[*ORDERS] = Field(
        "-fiscal_year",
        description=(
            "並び順。- で逆順。項目番号は数の順、決算額の記載がない項目はどちらの順でも最後。"
            "sort があれば、それが等しいものの並び順"
        ),
    )

    @property
    def is_sorted(self) -> bool:
        return self.sort is not None or self.order != "-fiscal_year"

    def list_order(self) -> list[str]:
        return self.find_order(ORDERS[self.order])

    def narrow(self, items, lookups=None):
        items = super().narrow(items, lookups)
        return items if self.level is None else items.at_level(self.level)

    def narrow_items(self):
        """Return the items that are asked for, of whatever settlement; None: all."""
        asked = (*(getattr(self, name) for name in self.item_lookups), self.level, self.q or None)
        is_narrow = any(value is not None for value in asked)
        return self.narrow(SettlementItem.objects.all(), self.item_lookups) if is_narrow else None

    def list_settlements(self):
        return Page.narrow(self, Settlement.objects.published(), SettlementPage.lookups)


def settlements():
    return Settlement.objects.published().select_related("department", "source").with_totals()


def items():
    figures = SettlementFigure.objects.published().select_related("source", "part_of")
    funding = FundingSource.objects.published().select_related("source")
    return (
        SettlementItem.objects.published()
        .select_related("settlement__department", "program", "source")
        .prefetch_related(
            Prefetch("figures", figures.order_by("position", "pk")),
            Prefetch("funding_sources", funding.order_by("pk")),
        )
    )


def settlement_out(request, settlement) -> SettlementOut:
    return SettlementOut(**settlement_fields(request, settlement))


@router.get("settlements", response=Listing[SettlementOut], summary="決算の一覧")
def list_settlements(request, page: Query[SettlementPage]):
    """部局ごと・年度ごとの決算を、新しい年度から返します。"""
    return page.answer(request, page.rows(settlements()), each(settlement_out))


@router.get(
    "settlements/{fiscal_year}/{slug:department}",
    response=SettlementDetailOut,
    summary="決算",
)
@redirect_former_slug(Department, "department")
def get_settlement(request, fiscal_year: FiscalYear, department: Slug):
    """決算を1つ、重点施策と、決算項目の木とともに返します。"""
    settlement = get_object_or_404(
        settlements(), fiscal_year=fiscal_year, department__slug=department
    )
    efforts = PriorityEffort.objects.published().select_related("item")
    policies = PriorityPolicy.objects.published().filter(settlement=settlement)
    whole = SettlementDetailOut(
        **settlement_fields(request, settlement),
        introduction=settlement.introduction,
        easy_summary=settlement.easy_summary,
        priority_policies=[
            policy_out(policy) for policy in policies.prefetch_related(Prefetch("efforts", efforts))
        ],
        items=[],
    )
    return answer_json(whole.model_dump(mode="json") | {"items": nest_items(request, settlement)})


@router.get(
    "settlements/{fiscal_year}/{slug:department}/items/{code}",
    response=OneItemOut,
    summary="決算項目",
)
@redirect_former_slug(Department, "department")
@redirect_former_code
def get_item(request, fiscal_year: FiscalYear, department: Slug, code: ItemCode):
    """決算項目を1つ、突合の結果とともに返します。"""
    item = get_object_or_404(
        items(),
        settlement__fiscal_year=fiscal_year,
        settlement__department__slug=department,
        code=code,
    )
    breakdown, checks = check_items(load_facts_within(item), [code])[code]
    costs = InitiativeCost.objects.published().filter(item=item).select_related("initiative")
    attributed = load_attributions(costs)
    return OneItemOut(
        **item_fields(request, item, breakdown),
        **flat_fields(item.settlement),
        checks=[check_fields(result) for result in checks],
        initiatives=[initiative_ref(request, cost, attributed) for cost in costs],
    )


@router.get("settlement-items", response=Listing[FlatItemOut], summary="決算項目の一覧")
def list_items(request, page: Query[ItemPage]):
    """すべての決算の項目を、部局と年度をまたいで返します。"""
    return page.answer(request, ItemRows(request, page))


@router.get("checks", response=Listing[FlatCheckOut], summary="突合の一覧")
def list_checks(request, page: Query[CheckPage]):
    """決算の数どうしを突き合わせた結果を返します。比べるものがない突合は出ません。"""
    edition = edition_of(request) or find_edition()  # before the content that is kept for it
    asked = page.narrow(Settlement.objects.published().select_related("department"))
    found = FoundChecks(asked, edition, status=page.status)
    rows = CountedRows(lambda start, number: (found[start : start + number], len(found)))
    return page.answer(request, rows, each(check_out))


def check_out(request, found) -> FlatCheckOut:
    settlement = found.item.settlement
    return FlatCheckOut(
        **check_fields(found.result),
        fiscal_year=settlement.fiscal_year,
        department=department_ref(settlement.department),
        name=found.item.name,
        url=url_of(request, found.item),
    )
