"""Settlements: what a department's year cost, item by item, as its report prints it."""

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse

from initiatives.models import Initiative
from portal.addresses import address_pattern
from portal.fiscal_year import format_fiscal_year
from portal.models import (
    MONEY_KINDS,
    Cited,
    Department,
    Figure,
    FiscalYearField,
    Slugged,
    SluggedQuerySet,
)
from portal.publishing import PublicationQuerySet, Revisable, is_found, live_q, published_q

from .former_codes import FormerCode  # noqa: F401 - a model of this app
from .item_codes import (
    CODE_PATTERN,
    LAST_BELOW,
    MAX_LEVEL,
    code_level,
    code_number,
    code_order,
    item_label,
    parent_code,
)
from .report_reading import ReportReading  # noqa: F401 - a model of this app
from .snapshots import Snapshot  # noqa: F401 - a model of this app


class Stage(models.TextChoices):
    ESTIMATED = "estimated", "見込み"
    PREPARED = "prepared", "調製"
    AUDITED = "audited", "監査済"
    APPROVED = "approved", "議会認定"


class StatedTotal(models.Func):
    """The sum of the topmost stated amounts of a settlement, None where none is stated.

    From each such item an index leads to the next one that is not below it: what lies below is
    not read. It is the sum of `topmost_with_amount`. There is no join, for which SQLite would go
    through the items of all settlements first (a Bloom filter).
    """

    output_field = models.BigIntegerField()
    template = f"""(
        WITH RECURSIVE topmost(code_order) AS (
            SELECT (
                SELECT code_order FROM budgets_settlementitem
                WHERE settlement_id = %(expressions)s AND amount_yen IS NOT NULL
                ORDER BY code_order LIMIT 1
            )
            UNION ALL
            SELECT (
                SELECT item.code_order FROM budgets_settlementitem AS item
                WHERE item.settlement_id = %(expressions)s AND item.amount_yen IS NOT NULL
                AND item.code_order > topmost.code_order || '{LAST_BELOW}'
                ORDER BY item.code_order LIMIT 1
            ) FROM topmost WHERE topmost.code_order IS NOT NULL
        ) SELECT CAST(SUM((
            SELECT item.amount_yen FROM budgets_settlementitem AS item
            WHERE item.settlement_id = %(expressions)s AND item.code_order = topmost.code_order
        )) AS bigint) FROM topmost
    )"""  # noqa: S608 - a constant of this code


class SettlementQuerySet(PublicationQuerySet):
    def get_by_natural_key(self, fiscal_year, department):
        return self.get(live_q(), fiscal_year=fiscal_year, department__slug=department)

    def in_fiscal_year(self, fiscal_year):
        return self.filter(fiscal_year=fiscal_year)

    def for_department(self, department):
        return self.filter(department=department)

    def with_totals(self):
        """Annotate `item_count` and `stated_amount_yen`.

        The latter sums the topmost items that state an amount, None where none does: a sum of
        what is printed, not the official total.
        """
        items = SettlementItem.objects.filter(settlement=models.OuterRef("pk")).order_by()
        return self.annotate(
            item_count=models.functions.Coalesce(
                models.Subquery(
                    items.values("settlement").annotate(n=models.Count("pk")).values("n")
                ),
                0,
            ),
            stated_amount_yen=StatedTotal("pk"),
        )


class Settlement(Revisable, Cited):
    """A department's settlement of one fiscal year. Its whole tree is published at once."""

    part_paths = (
        "priority_policies",
        "items",
        "items__figures",
        "items__funding_sources",
        "items__costs",
        "priority_policies__efforts",
    )
    department_path = "department"

    fiscal_year = FiscalYearField("年度", help_text="西暦（4月始まり）")
    department = models.ForeignKey(
        Department, models.PROTECT, related_name="settlements", verbose_name="部局"
    )
    heading = models.CharField(
        "資料の見出し", max_length=100, blank=True, help_text="例：第2 知事戦略"
    )
    introduction = models.TextField("概要", blank=True, help_text="Markdownで書けます。")
    easy_summary = models.TextField(
        "やさしい日本語の要約",
        blank=True,
        help_text="短い文で、資料の事実だけを書きます。公開されます。",
    )
    stage = models.CharField(
        "決算の段階",
        max_length=10,
        choices=Stage,
        blank=True,
        help_text="資料に書いてないときは空欄のままにしてください。",
    )

    objects = SettlementQuerySet.as_manager()

    class Meta(Revisable.Meta):
        verbose_name = verbose_name_plural = "決算"
        ordering = ["-fiscal_year", "department__position", "department__slug"]
        constraints = [
            *Revisable.Meta.constraints,
            models.UniqueConstraint(
                fields=["fiscal_year", "department"],
                condition=Q(revises=None) & ~Q(status="binned"),
                name="settlement_is_unique_in_year_and_department",
                violation_error_message="この部局の、同じ年度の決算がすでにあります。",
            ),
            models.CheckConstraint(
                name="settlement_stage_is_known",
                condition=Q(stage__in=["", *Stage.values]),
                violation_error_message="決算の段階は一覧から選んでください。",
            ),
        ]

    def __str__(self):
        return f"{self.fiscal_year_label} {self.department}"

    def natural_key(self):
        return (self.fiscal_year, self.department.slug)

    natural_key.dependencies = ["portal.department"]

    def get_absolute_url(self):
        return address_pattern("settlement_detail") % (self.fiscal_year, self.department.slug)

    @property
    def fiscal_year_label(self) -> str:
        return format_fiscal_year(self.fiscal_year)


class PartOfSettlementQuerySet(models.QuerySet):
    def published(self):
        return self.filter(published_q("settlement"))


class PriorityPolicyQuerySet(PartOfSettlementQuerySet):
    def get_by_natural_key(self, fiscal_year, department, number):
        return self.get(
            live_q("settlement"),
            settlement__fiscal_year=fiscal_year,
            settlement__department__slug=department,
            number=number,
        )


class PriorityPolicy(models.Model):
    settlement = models.ForeignKey(
        Settlement, models.CASCADE, related_name="priority_policies", verbose_name="決算"
    )
    number = models.PositiveSmallIntegerField("番号", validators=[MinValueValidator(1)])
    name = models.CharField("名称", max_length=100)

    objects = PriorityPolicyQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "重点施策"
        ordering = ["settlement", "number"]
        constraints = [
            models.UniqueConstraint(
                "settlement",
                "number",
                name="priority_policy_number_is_unique",
                violation_error_message="同じ番号の重点施策がすでにあります。",
            ),
        ]

    def __str__(self):
        return f"{self.number} {self.name}"

    def natural_key(self):
        return (*self.settlement.natural_key(), self.number)

    natural_key.dependencies = ["budgets.settlement"]


class SettlementItemQuerySet(PartOfSettlementQuerySet):
    def get_by_natural_key(self, fiscal_year, department, code):
        return self.get(
            live_q("settlement"),
            settlement__fiscal_year=fiscal_year,
            settlement__department__slug=department,
            code=code,
        )

    def in_fiscal_year(self, fiscal_year):
        return self.filter(settlement__fiscal_year=fiscal_year)

    def for_department(self, department):
        return self.filter(settlement__department=department)

    def at_level(self, level):
        return self.with_level().filter(level=level)

    def with_level(self):
        """Annotate `level`: 1 for the topmost items. Four digits and a stop make a level."""
        return self.annotate(level=(models.functions.Length("code_order") + 1) / 5)

    def within(self, item):
        """Keep the item and all below it."""
        return self.filter(
            settlement=item.settlement_id,
            code_order__range=(item.code_order, item.code_order + LAST_BELOW),
        )

    def topmost_with_amount(self):
        """Keep the items that state an amount and have no ancestor that states one.

        Each possible ancestor is looked up by its order, the nearest first: an index holds all
        that it takes. As conditions of their own (EXISTS) the look-ups would become a join of all
        items with all others on PostgreSQL; as one look-up of several orders it reads all items of
        the settlement.
        """
        own = models.OuterRef("code_order")
        stating = SettlementItem.objects.filter(
            settlement=models.OuterRef("settlement"), amount_yen__isnull=False
        ).order_by()
        above = {}
        for levels in range(1, MAX_LEVEL):
            length = models.functions.Greatest(models.functions.Length(own) - 5 * levels, 0)
            order = models.functions.Substr(own, 1, length)
            found = stating.filter(code_order=order).values("amount_yen")[:1]
            above[f"stated_{levels}_above"] = models.Subquery(found)
        nothing = dict.fromkeys(above)
        return self.alias(**above).filter(**nothing, amount_yen__isnull=False)


class CodeOrderField(models.CharField):
    """The code as a text that sorts by number; follows `code` on every save."""

    def pre_save(self, model_instance, add):
        value = code_order(model_instance.code)
        setattr(model_instance, self.attname, value)
        return value


class SettlementItem(Cited):
    """A node of the report's tree. An amount that the paper does not state is null, never 0."""

    settlement = models.ForeignKey(
        Settlement, models.CASCADE, related_name="items", verbose_name="決算"
    )
    parent = models.ForeignKey(
        "self",
        models.CASCADE,
        null=True,
        blank=True,
        related_name="children",
        verbose_name="上位の項目",
    )
    code = models.CharField(
        "項目番号",
        max_length=39,
        validators=[
            RegexValidator(
                rf"^{CODE_PATTERN}\Z",
                "項目番号は、半角数字を「.」でつないで書いてください（例：1.7.2）。",
            )
        ],
        help_text="例：1.7.2（1の(7)の②）",
    )
    code_order = CodeOrderField(max_length=39, editable=False)
    name = models.CharField("名称", max_length=200)
    body = models.TextField("本文", blank=True, help_text="Markdownで書けます。表も書けます。")
    easy_summary = models.TextField(
        "やさしい日本語の要約",
        blank=True,
        help_text="短い文で、資料の事実だけを書きます。公開されます。",
    )

    amount_yen = models.BigIntegerField(
        "決算額（円）",
        null=True,
        blank=True,
        help_text="資料に書いてないときは空欄に。0円とは違います。",
    )
    initial_budget_yen = models.BigIntegerField("当初予算額（円）", null=True, blank=True)
    supplementary_yen = models.BigIntegerField("補正額（円）", null=True, blank=True)
    carried_in_yen = models.BigIntegerField("前年度繰越額（円）", null=True, blank=True)
    budget_yen = models.BigIntegerField("予算現額（円）", null=True, blank=True)
    carried_over_yen = models.BigIntegerField("翌年度繰越額（円）", null=True, blank=True)
    unused_yen = models.BigIntegerField("不用額（円）", null=True, blank=True)

    program = models.ForeignKey(
        "Program",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="items",
        verbose_name="事業",
    )

    objects = SettlementItemQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "決算項目"
        ordering = ["settlement", "code_order"]
        constraints = [
            models.UniqueConstraint(
                "settlement",
                "code",
                name="settlement_item_code_is_unique",
                violation_error_message="この決算には、同じ項目番号の項目がすでにあります。",
            ),
            *(
                models.CheckConstraint(
                    name=f"settlement_item_{field}_is_not_negative",
                    condition=Q(**{f"{field}__isnull": True}) | Q(**{f"{field}__gte": 0}),
                    violation_error_message=f"{label}は0円以上にしてください。",
                )
                for field, label in [
                    ("amount_yen", "決算額"),
                    ("initial_budget_yen", "当初予算額"),
                    ("carried_in_yen", "前年度繰越額"),
                    ("budget_yen", "予算現額"),
                    ("carried_over_yen", "翌年度繰越額"),
                    ("unused_yen", "不用額"),
                ]
            ),
        ]
        indexes = [
            models.Index(
                fields=["settlement", "code_order", "amount_yen"], name="settlement_item_amounts"
            ),
        ]

    def __str__(self):
        return f"{self.code} {self.name}"

    def natural_key(self):
        return (*self.settlement.natural_key(), self.code)

    natural_key.dependencies = ["budgets.settlement"]

    def get_absolute_url(self):
        settlement = self.settlement
        place = settlement.fiscal_year, settlement.department.slug, self.code
        return address_pattern("settlement_item_detail") % place

    def clean(self):
        if code_level(self.code) > MAX_LEVEL:
            raise ValidationError({"code": f"項目番号は{MAX_LEVEL}段までです。"})
        wanted = parent_code(self.code)
        found = self.parent.code if self.parent else ""
        if self.parent and self.parent.settlement_id != self.settlement_id:
            raise ValidationError({"parent": "上位の項目は、同じ決算の中から選んでください。"})
        if wanted != found:
            raise ValidationError(
                {
                    "parent": (
                        f"項目番号「{self.code}」の上位は「{wanted or 'なし'}」です。"
                        f"「{found or 'なし'}」が選ばれています。"
                    )
                }
            )

    @property
    def depth(self) -> int:
        return code_level(self.code)

    @property
    def label(self) -> str:
        """Return the label that the report prints: 1, (1), ①, ア …"""
        return item_label(code_level(self.code), code_number(self.code))


class PriorityEffortQuerySet(models.QuerySet):
    def published(self):
        return self.filter(published_q("policy__settlement"))

    def get_by_natural_key(self, fiscal_year, department, number, name):
        return self.get(
            live_q("policy__settlement"),
            policy__settlement__fiscal_year=fiscal_year,
            policy__settlement__department__slug=department,
            policy__number=number,
            name=name,
        )


class PriorityEffort(models.Model):
    """A main effort under a priority policy, with the item that reports on it."""

    policy = models.ForeignKey(
        PriorityPolicy, models.CASCADE, related_name="efforts", verbose_name="重点施策"
    )
    name = models.CharField("主な取組", max_length=200)
    item = models.ForeignKey(
        SettlementItem,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="efforts",
        verbose_name="決算項目",
    )
    position = models.PositiveIntegerField("並び順", default=0)

    objects = PriorityEffortQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "主な取組"
        ordering = ["policy", "position", "pk"]
        constraints = [
            models.UniqueConstraint(
                "policy",
                "name",
                name="priority_effort_is_unique_in_policy",
                violation_error_message="同じ名前の主な取組がすでにあります。",
            ),
        ]

    def __str__(self):
        return self.name

    def clean(self):
        if self.item and self.policy_id and self.item.settlement_id != self.policy.settlement_id:
            raise ValidationError({"item": "決算項目は、同じ決算の中から選んでください。"})

    def natural_key(self):
        return (*self.policy.natural_key(), self.name)

    natural_key.dependencies = ["budgets.prioritypolicy"]


class PartOfItemQuerySet(models.QuerySet):
    def published(self):
        return self.filter(published_q("item__settlement"))


def comparable_q() -> Q:
    """Return the condition that a check compares a figure: money, wholes and parts.

    A check over all years would else read every figure there is.
    """
    parts = SettlementFigure.objects.filter(part_of=models.OuterRef("pk"))
    return Q(kind__in=MONEY_KINDS) | Q(part_of__isnull=False) | models.Exists(parts)


class SettlementFigureQuerySet(PartOfItemQuerySet):
    def get_by_natural_key(self, fiscal_year, department, code, group, label, measure, period):
        return self.get(
            live_q("item__settlement"),
            item__settlement__fiscal_year=fiscal_year,
            item__settlement__department__slug=department,
            item__code=code,
            group=group,
            label=label,
            measure=measure,
            period=period,
        )


class SettlementFigure(Figure):
    item = models.ForeignKey(
        SettlementItem, models.CASCADE, related_name="figures", verbose_name="決算項目"
    )

    objects = SettlementFigureQuerySet.as_manager()

    class Meta(Figure.Meta):
        verbose_name = verbose_name_plural = "決算の実績値"
        ordering = ["item", "position", "pk"]
        constraints = [
            *Figure.Meta.constraints,
            models.UniqueConstraint(
                "item",
                "group",
                "label",
                "measure",
                "period",
                name="settlement_figure_is_unique",
                violation_error_message="同じ区分・項目・測るもの・時期の実績値がすでにあります。",
            ),
        ]

    @property
    def record_id(self):
        return self.item_id

    def natural_key(self):
        return (*self.item.natural_key(), *self.key)

    natural_key.dependencies = ["budgets.settlementitem"]

    def get_absolute_url(self):
        return self.item.get_absolute_url()


class FundingKind(models.TextChoices):
    NATIONAL = "national", "国庫支出金"
    BONDS = "bonds", "県債"
    OTHER = "other", "その他特定財源"
    GENERAL = "general", "一般財源"


class FundingSourceQuerySet(PartOfItemQuerySet):
    def get_by_natural_key(self, fiscal_year, department, code, kind):
        return self.get(
            live_q("item__settlement"),
            item__settlement__fiscal_year=fiscal_year,
            item__settlement__department__slug=department,
            item__code=code,
            kind=kind,
        )


class FundingSource(Cited):
    item = models.ForeignKey(
        SettlementItem, models.CASCADE, related_name="funding_sources", verbose_name="決算項目"
    )
    kind = models.CharField("財源", max_length=10, choices=FundingKind)
    amount_yen = models.BigIntegerField("金額（円）")

    objects = FundingSourceQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "財源"
        ordering = ["item", "pk"]
        constraints = [
            models.UniqueConstraint(
                "item",
                "kind",
                name="funding_source_kind_is_unique",
                violation_error_message="同じ種類の財源がすでにあります。",
            ),
            models.CheckConstraint(
                name="funding_source_kind_is_known",
                condition=Q(kind__in=FundingKind.values),
                violation_error_message="財源は一覧から選んでください。",
            ),
            models.CheckConstraint(
                name="funding_source_amount_is_not_negative",
                condition=Q(amount_yen__gte=0),
                violation_error_message="財源の金額は0円以上にしてください。",
            ),
        ]

    def __str__(self):
        return self.get_kind_display()

    def natural_key(self):
        return (*self.item.natural_key(), self.kind)

    natural_key.dependencies = ["budgets.settlementitem"]


class ProgramQuerySet(SluggedQuerySet):
    def published(self):
        """Keep the programs of which a public settlement has an item."""
        return self.filter(
            is_found(SettlementItem.objects.published().filter(program=models.OuterRef("pk")))
        )


class Program(Slugged):
    """The same activity across years."""

    part_paths = ("aliases", "lineage")

    name = models.CharField("名称", max_length=200)
    description = models.TextField("説明", blank=True, help_text="公開されます。")
    department = models.ForeignKey(
        Department,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="programs",
        verbose_name="担当部局",
    )

    objects = ProgramQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "事業"
        ordering = ["slug"]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("program_detail", args=[self.slug])


class PartOfProgramQuerySet(models.QuerySet):
    def published(self):
        return self.filter(program__in=Program.objects.published())


class ProgramAliasQuerySet(PartOfProgramQuerySet):
    def get_by_natural_key(self, program, name):
        return self.get(program__slug=program, name=name)


class ProgramAlias(models.Model):
    program = models.ForeignKey(
        Program, models.CASCADE, related_name="aliases", verbose_name="事業"
    )
    name = models.CharField("別の呼び名", max_length=200)

    objects = ProgramAliasQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "別の呼び名"
        ordering = ["program", "name"]
        constraints = [
            models.UniqueConstraint(
                "program",
                "name",
                name="program_alias_is_unique",
                violation_error_message="同じ呼び名がすでにあります。",
            ),
        ]

    def __str__(self):
        return self.name

    def natural_key(self):
        return (self.program.slug, self.name)

    natural_key.dependencies = ["budgets.program"]


class LineageKind(models.TextChoices):
    CONTINUED = "continued", "継続"
    NEW = "new", "新規"
    EXPANDED = "expanded", "拡充"
    MERGED = "merged", "統合"
    SPLIT = "split", "分割"
    RENAMED = "renamed", "改称"
    ENDED = "ended", "終了"


class ProgramLineageQuerySet(PartOfProgramQuerySet):
    def get_by_natural_key(self, program, fiscal_year, kind):
        return self.get(program__slug=program, fiscal_year=fiscal_year, kind=kind)


class ProgramLineage(models.Model):
    """What became of a program in a year, and out of or into which other one."""

    program = models.ForeignKey(
        Program, models.CASCADE, related_name="lineage", verbose_name="事業"
    )
    fiscal_year = FiscalYearField("年度", help_text="西暦（4月始まり）")
    kind = models.CharField("経過", max_length=10, choices=LineageKind)
    related = models.ForeignKey(
        Program,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="related_lineage",
        verbose_name="相手の事業",
    )
    note = models.TextField("注記", blank=True, help_text="公開されます。")

    objects = ProgramLineageQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "事業の経過"
        ordering = ["program", "fiscal_year", "pk"]
        constraints = [
            models.UniqueConstraint(
                "program",
                "fiscal_year",
                "kind",
                name="program_lineage_is_unique",
                violation_error_message="同じ年度の、同じ経過がすでにあります。",
            ),
            models.CheckConstraint(
                name="program_lineage_kind_is_known",
                condition=Q(kind__in=LineageKind.values),
                violation_error_message="経過は一覧から選んでください。",
            ),
        ]

    def __str__(self):
        return f"{format_fiscal_year(self.fiscal_year)} {self.get_kind_display()}"

    def natural_key(self):
        return (self.program.slug, self.fiscal_year, self.kind)

    natural_key.dependencies = ["budgets.program"]


class CostRelation(models.TextChoices):
    COST = "cost", "費用の按分"
    EDITORIAL = "editorial", "関連（費用ではない）"


class InitiativeCostQuerySet(models.QuerySet):
    def published(self):
        return self.filter(
            published_q(
                "initiative", "initiative__report", "initiative__pillar__plan", "item__settlement"
            )
        )

    def get_by_natural_key(self, initiative, fiscal_year, department, code):
        return self.get(
            live_q("item__settlement"),
            initiative__slug=initiative,
            item__settlement__fiscal_year=fiscal_year,
            item__settlement__department__slug=department,
            item__code=code,
        )


class InitiativeCost(models.Model):
    """An initiative's share of an item's amount, or a link that says no more than "see also".

    An editorial link joins what belongs together although the years differ; it carries no share.
    """

    initiative = models.ForeignKey(
        Initiative, models.CASCADE, related_name="costs", verbose_name="取組"
    )
    item = models.ForeignKey(
        SettlementItem, models.CASCADE, related_name="costs", verbose_name="決算項目"
    )
    relation = models.CharField(
        "関係", max_length=10, choices=CostRelation, default=CostRelation.COST
    )
    share_percent = models.DecimalField(
        "割合（%）", max_digits=5, decimal_places=2, null=True, blank=True
    )
    note = models.TextField("注記", blank=True, help_text="公開されます。")

    objects = InitiativeCostQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "取組と決算項目"
        ordering = ["initiative", "item"]
        constraints = [
            models.UniqueConstraint(
                "initiative",
                "item",
                name="initiative_cost_is_unique",
                violation_error_message="この取組と決算項目は、すでに結ばれています。",
            ),
            models.CheckConstraint(
                name="initiative_cost_share_fits_relation",
                condition=Q(
                    relation="cost",
                    share_percent__isnull=False,
                    share_percent__gt=0,
                    share_percent__lte=100,
                )
                | Q(relation="editorial", share_percent=None),
                violation_error_message=(
                    "費用の按分には0より大きく100以下の割合を書き、関連には割合を書かないでください。"
                ),
            ),
        ]

    def __str__(self):
        return f"{self.initiative} – {self.item}"

    def natural_key(self):
        return (self.initiative.slug, *self.item.natural_key())

    natural_key.dependencies = ["initiatives.initiative", "budgets.settlementitem"]
