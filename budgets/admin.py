from django import forms
from django.contrib import admin
from django.template.loader import render_to_string
from django.utils.html import format_html

from portal.record_admin import (
    CITED_FIELDSET,
    PUBLICATION_FIELDSET,
    PartAdmin,
    RecordAdmin,
    StateFilter,
    add_url,
    amount_label,
    fiscal_year_label,
    list_url,
)
from portal.record_inlines import COMPACT, FigureInline, RecordInline, limit_choices
from portal.spreadsheet_admin import FigureAdmin, SpreadsheetAdmin, paste_links

from .checks import check_item, check_settlement
from .facts import load_item_facts
from .item_codes import MAX_LEVEL, code_number, parent_code
from .models import (
    FundingSource,
    InitiativeCost,
    PriorityEffort,
    PriorityPolicy,
    Program,
    ProgramAlias,
    ProgramLineage,
    Settlement,
    SettlementFigure,
    SettlementItem,
)
from .report_admin import DocumentPages, reading_address
from .resources import (
    ProgramResource,
    SettlementFigureResource,
    SettlementItemResource,
    SettlementResource,
)
from .tree_admin import TreePages

CHECKS_FIELDSET = (
    "突合",
    {"fields": ["checks"], "description": "資料の数どうしを足し合わせて比べた結果です。"},
)


def render_checks(results):
    return render_to_string("admin/budgets/_checks.html", {"results": results})


def load_facts(settlement_pk):
    """Return the facts that the checks compare, with every attribution, public or not."""
    return load_item_facts([settlement_pk], InitiativeCost.objects.all())[settlement_pk]


class PriorityPolicyInline(RecordInline):
    model = PriorityPolicy
    fields = ["number", "name"]


@admin.register(Settlement)
class SettlementAdmin(TreePages, DocumentPages, SpreadsheetAdmin):
    change_list_template = "admin/budgets/settlement_change_list.html"
    resource_classes = [SettlementResource]
    list_display = ["year", "department", "state", "stage", "items", "stated_amount"]
    list_display_links = ["year", "department"]
    list_filter = [
        StateFilter,
        "fiscal_year",
        ("department", admin.RelatedOnlyFieldListFilter),
        "stage",
    ]
    list_select_related = ["department"]
    search_fields = ["department__name", "heading"]
    autocomplete_fields = ["department", "source"]
    readonly_fields = ["checks"]
    inlines = [PriorityPolicyInline]
    fieldsets = [
        (None, {"fields": ["fiscal_year", "department", "stage"]}),
        ("内容", {"fields": ["heading", "introduction", "easy_summary"]}),
        CITED_FIELDSET,
        PUBLICATION_FIELDSET,
        CHECKS_FIELDSET,
    ]

    def get_queryset(self, request):
        return super().get_queryset(request).with_totals()

    def get_links(self, request, settlement):
        items = list_url("budgets_settlementitem", settlement__id__exact=settlement.pk)
        links = [("決算項目の一覧", items)]
        if self.has_change_permission(request, settlement):
            add = add_url("budgets_settlementitem", settlement=settlement.pk)
            links.append(("決算項目を追加", add))
        if self.may_write(request):
            links.append(("文書から取り込む・見比べる", reading_address(settlement)))
        return [*links, *super().get_links(request, settlement)]

    @admin.display(description="年度", ordering="fiscal_year")
    def year(self, settlement):
        return settlement.fiscal_year_label

    @admin.display(description="項目の数")
    def items(self, settlement):
        return settlement.item_count

    @admin.display(description="記載のある決算額の計")
    def stated_amount(self, settlement):
        return amount_label(settlement.stated_amount_yen)

    @admin.display(description="結果")
    def checks(self, settlement):
        if settlement.pk is None:
            return "保存すると表示します。"
        return render_checks(check_settlement(load_facts(settlement.pk)))


class PriorityEffortInline(RecordInline):
    model = PriorityEffort
    fields = ["name", "item", "position"]

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name == "item":
            policy = request.resolver_match.kwargs.get("object_id")
            limit_choices(
                field, SettlementItem.objects.filter(settlement__priority_policies=policy)
            )
        return field


@admin.register(PriorityPolicy)
class PriorityPolicyAdmin(RecordAdmin):
    updates = "settlement"
    list_display = ["name", "number", "settlement"]
    list_filter = ["settlement__fiscal_year"]
    list_select_related = ["settlement__department"]
    search_fields = ["name"]
    autocomplete_fields = ["settlement"]
    inlines = [PriorityEffortInline]


class SettlementItemForm(forms.ModelForm):
    def clean(self):
        """Take the parent from the code where none is chosen."""
        data = super().clean()
        above = parent_code(data.get("code") or "")
        if above and not data.get("parent") and data.get("settlement"):
            data["parent"] = data["settlement"].items.filter(code=above).first()
        return data


class LevelFilter(admin.SimpleListFilter):
    title = "段"
    parameter_name = "level"

    def lookups(self, request, model_admin):
        return [(str(level), f"{level}段目") for level in range(1, MAX_LEVEL + 1)]

    def queryset(self, request, queryset):
        is_level = self.value() in dict(self.lookup_choices)
        return queryset.at_level(int(self.value())) if is_level else queryset


class SettlementFigureInline(FigureInline):
    model = SettlementFigure


class FundingSourceInline(RecordInline):
    model = FundingSource
    classes = ["collapse"]
    autocomplete_fields = ["source"]
    fields = ["kind", "amount_yen", "source", "locator"]


class InitiativeCostInline(RecordInline):
    model = InitiativeCost
    classes = ["collapse"]
    autocomplete_fields = ["initiative"]
    fields = ["initiative", "relation", "share_percent", "note"]
    formfield_overrides = COMPACT

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("initiative", "item")


@admin.register(SettlementItem)
class SettlementItemAdmin(SpreadsheetAdmin):
    form = SettlementItemForm
    resource_classes = [SettlementItemResource]
    updates = "settlement"
    list_display = ["tree_name", "code", "amount", "program", "settlement"]
    list_filter = [
        "settlement__fiscal_year",
        ("settlement__department", admin.RelatedOnlyFieldListFilter),
        LevelFilter,
        ("amount_yen", admin.EmptyFieldListFilter),
    ]
    list_select_related = ["settlement__department", "program"]
    sortable_by = ["amount"]
    search_fields = ["name", "code", "body"]
    autocomplete_fields = ["settlement", "parent", "program", "source"]
    readonly_fields = ["checks"]
    inlines = [SettlementFigureInline, FundingSourceInline, InitiativeCostInline]
    fieldsets = [
        (None, {"fields": ["settlement", "parent", ("code", "name")]}),
        ("決算額", {"fields": ["amount_yen"]}),
        (
            "予算との関係",
            {
                "fields": [
                    ("initial_budget_yen", "supplementary_yen", "carried_in_yen"),
                    ("budget_yen", "carried_over_yen", "unused_yen"),
                ],
                "description": "資料に書いてあるものだけを入れてください。空欄は「記載なし」です。",
            },
        ),
        ("内容", {"fields": ["body", "easy_summary", "program"]}),
        CITED_FIELDSET,
        CHECKS_FIELDSET,
    ]

    def get_links(self, request, item):
        below = {"settlement": item.settlement_id, "parent": item.pk, "code": next_code(item)}
        figures = list_url("budgets_settlementfigure", item__id__exact=item.pk)
        items = list_url("budgets_settlementitem", settlement__id__exact=item.settlement_id)
        return [
            ("この決算の項目の一覧", items),
            ("下位の項目を追加", add_url("budgets_settlementitem", **below)),
            ("この項目の実績値", figures),
            *paste_links(request, item, "budgets_settlementfigure"),
            *super().get_links(request, item),
        ]

    @admin.display(description="名称")
    def tree_name(self, item):
        return format_html(
            '<span class="tree tree-{}">{} {}</span>', item.depth, item.label, item.name
        )

    @admin.display(description="決算額", ordering="amount_yen")
    def amount(self, item):
        return amount_label(item.amount_yen)

    @admin.display(description="結果")
    def checks(self, item):
        saved = SettlementItem.objects.filter(pk=item.pk).first()
        if saved is None:
            return "保存すると表示します。"
        return render_checks(check_item(load_facts(saved.settlement_id), saved.code))


@admin.register(SettlementFigure)
class SettlementFigureAdmin(FigureAdmin):
    resource_classes = [SettlementFigureResource]
    owner = "item"
    updates = "item__settlement"
    list_display = ["figure_name", "value_with_unit", "period", "kind", "item", "settlement"]
    list_filter = [
        "kind",
        "item__settlement__fiscal_year",
        ("item__settlement__department", admin.RelatedOnlyFieldListFilter),
    ]
    list_select_related = ["item__settlement__department"]
    autocomplete_fields = ["item", "source"]
    search_fields = [*FigureAdmin.search_fields, "item__name"]

    @admin.display(description="決算")
    def settlement(self, figure):
        return figure.item.settlement


class ProgramAliasInline(RecordInline):
    model = ProgramAlias
    fields = ["name"]


class ProgramLineageInline(RecordInline):
    model = ProgramLineage
    fk_name = "program"
    autocomplete_fields = ["related"]
    fields = ["fiscal_year", "kind", "related", "note"]
    formfield_overrides = COMPACT


@admin.register(Program)
class ProgramAdmin(SpreadsheetAdmin):
    resource_classes = [ProgramResource]
    list_display = ["name", "slug", "department"]
    list_filter = [("department", admin.RelatedOnlyFieldListFilter)]
    list_select_related = ["department"]
    search_fields = ["name", "slug", "aliases__name"]
    autocomplete_fields = ["department"]
    inlines = [ProgramAliasInline, ProgramLineageInline]
    fieldsets = [(None, {"fields": ["name", "slug", "department", "description"]})]

    def get_links(self, request, program):
        items = list_url("budgets_settlementitem", program__id__exact=program.pk)
        return [("この事業の決算項目", items), *super().get_links(request, program)]


@admin.register(PriorityEffort)
class PriorityEffortAdmin(PartAdmin):
    list_display = ["name", "policy", "item"]
    list_select_related = ["policy", "item"]
    autocomplete_fields = ["policy", "item"]
    updates = "policy__settlement"


@admin.register(FundingSource)
class FundingSourceAdmin(PartAdmin):
    list_display = ["item", "kind", "yen"]
    list_select_related = ["item"]
    autocomplete_fields = ["item", "source"]
    updates = "item__settlement"

    @admin.display(description="金額", ordering="amount_yen")
    def yen(self, source):
        return amount_label(source.amount_yen)


@admin.register(InitiativeCost)
class InitiativeCostAdmin(PartAdmin):
    list_display = ["initiative", "item", "relation", "share_percent"]
    list_select_related = ["initiative", "item"]
    autocomplete_fields = ["initiative", "item"]
    updates = "item__settlement"


@admin.register(ProgramAlias)
class ProgramAliasAdmin(PartAdmin):
    list_display = ["name", "program"]
    list_select_related = ["program"]
    autocomplete_fields = ["program"]


@admin.register(ProgramLineage)
class ProgramLineageAdmin(PartAdmin):
    list_display = ["program", "year", "kind", "related"]
    list_select_related = ["program", "related"]
    autocomplete_fields = ["program", "related"]

    @admin.display(description="年度", ordering="fiscal_year")
    def year(self, lineage):
        return fiscal_year_label(lineage.fiscal_year)


def next_code(item) -> str:
    """Return the code after the last one below an item: "1.7" -> "1.7.3"."""
    numbers = [code_number(code) for code in item.children.values_list("code", flat=True)]
    return f"{item.code}.{max(numbers, default=0) + 1}"
