"""The general plan, what was done for it, and what was measured over the years."""

from pathlib import PurePath

from django.core.files.base import ContentFile
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse

from portal.fiscal_year import format_calendar_year, format_fiscal_year
from portal.models import (
    Cited,
    Department,
    Figure,
    FiscalYearField,
    Place,
    Publication,
    Slugged,
    SluggedPublicationQuerySet,
    SluggedQuerySet,
)
from portal.publishing import PublicationQuerySet, Revisable, published_q

from .images import WIDTHS, name_width, read_picture, write_original, write_widths


class Plan(Slugged, Publication, Cited):
    part_paths = ("pillars",)

    name = models.CharField("名称", max_length=100)
    description = models.TextField("説明", blank=True)
    starts_in = FiscalYearField("開始年度", null=True, blank=True)
    ends_in = FiscalYearField("終了年度", null=True, blank=True)

    objects = SluggedPublicationQuerySet.as_manager()

    class Meta(Publication.Meta):
        verbose_name = verbose_name_plural = "総合計画"
        ordering = [models.F("starts_in").desc(nulls_last=True), "slug"]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("pillar_list")


class PillarQuerySet(SluggedQuerySet):
    def published(self):
        return self.filter(published_q("plan"))

    def with_initiative_count(self):
        """Annotate `initiative_count`, the number of published initiatives."""
        return self.annotate(initiative_count=Initiative.objects.published().count_per("pillar"))


class Pillar(Slugged):
    """One of the plan's pillars; the cross-cutting group has no number."""

    plan = models.ForeignKey(Plan, models.PROTECT, related_name="pillars", verbose_name="総合計画")
    number = models.PositiveSmallIntegerField(
        "番号", null=True, blank=True, validators=[MinValueValidator(1)]
    )
    name = models.CharField("名称", max_length=100)
    description = models.TextField("説明", blank=True)
    position = models.PositiveIntegerField("並び順", default=0)

    objects = PillarQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "柱"
        ordering = ["plan", "position", "slug"]
        constraints = [
            models.UniqueConstraint(
                "plan",
                "number",
                name="pillar_number_is_unique_in_plan",
                violation_error_message="同じ総合計画に、同じ番号の柱があります。",
            ),
        ]

    def __str__(self):
        return f"{self.number} {self.name}" if self.number else self.name

    def get_absolute_url(self):
        return reverse("pillar_detail", args=[self.slug])


class ResultsReport(Slugged, Revisable, Cited):
    """The governor's yearly presentation of results. A term year is no fiscal year."""

    part_paths = ()

    title = models.CharField("題名", max_length=200)
    presented_on = models.DateField("発表日")
    term_year = models.PositiveSmallIntegerField(
        "就任から何年目か", null=True, blank=True, validators=[MinValueValidator(1)]
    )
    summary = models.TextField("概要", blank=True)

    objects = SluggedPublicationQuerySet.as_manager()

    class Meta(Revisable.Meta):
        verbose_name = verbose_name_plural = "実績報告"
        ordering = ["-presented_on", "slug"]

    def __str__(self):
        return self.title

    def get_absolute_url(self):
        return reverse("report_detail", args=[self.slug])


class InitiativeQuerySet(SluggedQuerySet, PublicationQuerySet):
    def published(self):
        """Keep what is public itself and belongs to a public report and plan."""
        return self.filter(published_q("", "report", "pillar__plan"))

    def in_fiscal_year(self, fiscal_year):
        return self.filter(fiscal_year=fiscal_year)

    def for_department(self, department):
        return self.filter(departments=department)

    def for_pillar(self, pillar):
        return self.filter(pillar=pillar)


class Initiative(Slugged, Revisable, Cited):
    part_paths = ("distinctions", "figures", "images", "links")
    department_path = "departments"

    title = models.CharField("題名", max_length=200)
    summary = models.TextField("概要")
    body = models.TextField("本文", blank=True, help_text="Markdownで書けます。")
    easy_summary = models.TextField(
        "やさしい日本語の要約",
        blank=True,
        help_text="短い文で、資料の事実だけを書きます。公開されます。",
    )

    fiscal_year = FiscalYearField(
        "年度", null=True, blank=True, help_text="資料に書いてあるときだけ。西暦（4月始まり）"
    )
    occurred_on = models.DateField(
        "日付", null=True, blank=True, help_text="資料に書いてあるときだけ"
    )
    period = models.CharField(
        "時期", max_length=100, blank=True, help_text="資料に書いてあるとおりに"
    )

    report = models.ForeignKey(
        ResultsReport, models.PROTECT, related_name="initiatives", verbose_name="実績報告"
    )
    pillar = models.ForeignKey(
        Pillar, models.PROTECT, related_name="initiatives", verbose_name="柱"
    )
    departments = models.ManyToManyField(
        Department, blank=True, related_name="initiatives", verbose_name="担当部局"
    )
    places = models.ManyToManyField(
        Place, blank=True, related_name="initiatives", verbose_name="場所"
    )
    position = models.PositiveIntegerField("並び順", default=0)

    objects = InitiativeQuerySet.as_manager()

    class Meta(Revisable.Meta):
        verbose_name = verbose_name_plural = "取組"
        ordering = ["-report__presented_on", "pillar__position", "position", "slug"]

    def __str__(self):
        return self.title

    def get_absolute_url(self):
        return reverse("initiative_detail", args=[self.slug])


class PartOfInitiativeQuerySet(models.QuerySet):
    def published(self):
        return self.filter(
            published_q("initiative", "initiative__report", "initiative__pillar__plan")
        )


class InitiativeFigureQuerySet(PartOfInitiativeQuerySet):
    def get_by_natural_key(self, initiative, group, label, measure, period):
        return self.get(
            initiative__slug=initiative, group=group, label=label, measure=measure, period=period
        )


class InitiativeFigure(Figure):
    initiative = models.ForeignKey(
        Initiative, models.CASCADE, related_name="figures", verbose_name="取組"
    )

    objects = InitiativeFigureQuerySet.as_manager()

    class Meta(Figure.Meta):
        verbose_name = verbose_name_plural = "取組の実績値"
        ordering = ["initiative", "position", "pk"]
        constraints = [
            *Figure.Meta.constraints,
            models.UniqueConstraint(
                "initiative",
                "group",
                "label",
                "measure",
                "period",
                name="initiative_figure_is_unique",
                violation_error_message="同じ区分・項目・測るもの・時期の実績値がすでにあります。",
            ),
        ]

    @property
    def record_id(self):
        return self.initiative_id

    def natural_key(self):
        return (self.initiative.slug, *self.key)

    natural_key.dependencies = ["initiatives.initiative"]

    def get_absolute_url(self):
        return self.initiative.get_absolute_url()


class DistinctionQuerySet(PartOfInitiativeQuerySet):
    def get_by_natural_key(self, initiative, name):
        return self.get(initiative__slug=initiative, name=name)


class Distinction(models.Model):
    """What an initiative stands out by, as printed: 全国初, 過去最高, 全国2位 …"""

    initiative = models.ForeignKey(
        Initiative, models.CASCADE, related_name="distinctions", verbose_name="取組"
    )
    name = models.CharField("特色", max_length=50, help_text="例：全国初、過去最高")
    position = models.PositiveIntegerField("並び順", default=0)

    objects = DistinctionQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "特色"
        ordering = ["initiative", "position", "pk"]
        constraints = [
            models.UniqueConstraint(
                "initiative",
                "name",
                name="distinction_is_unique_in_initiative",
                violation_error_message="同じ特色がすでにあります。",
            ),
        ]

    def __str__(self):
        return self.name

    def natural_key(self):
        return (self.initiative.slug, self.name)

    natural_key.dependencies = ["initiatives.initiative"]


class InitiativeImage(models.Model):
    initiative = models.ForeignKey(
        Initiative, models.CASCADE, related_name="images", verbose_name="取組"
    )
    image = models.ImageField("画像", upload_to="initiatives/")
    width = models.PositiveIntegerField("幅", null=True, editable=False)
    height = models.PositiveIntegerField("高さ", null=True, editable=False)
    alt = models.CharField(
        "代替テキスト", max_length=300, help_text="画像を見られない人に、写っているものを伝える文"
    )
    credit = models.CharField("撮影・提供", max_length=100, blank=True)
    licence = models.CharField("利用条件", max_length=100, help_text="例：CC BY 4.0")
    position = models.PositiveIntegerField("並び順", default=0)

    objects = PartOfInitiativeQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "画像"
        ordering = ["initiative", "position", "pk"]

    def __str__(self):
        return self.alt

    def save(self, *args, **kwargs):
        """Keep a new file as `read_picture` gives it, and the narrower widths beside it."""
        widths = {}
        if self.image and not self.image._committed:
            picture = read_picture(self.image.file)
            suffix, original = write_original(picture)
            self.image = ContentFile(original, PurePath(self.image.name).stem + suffix)
            self.width, self.height = picture.size
            widths = write_widths(picture)
        is_new = not self.image._committed
        try:
            super().save(*args, **kwargs)
            for width, data in widths.items():
                self.image.storage.save(name_width(self.image.name, width), ContentFile(data))
        except Exception:  # a full disk, say: no file stays without its row
            if is_new and self.image._committed:
                for name in [self.image.name, *(name_width(self.image.name, w) for w in widths)]:
                    self.image.storage.delete(name)
            raise

    def get_absolute_url(self):
        return reverse("initiative_image", args=[self.pk])

    def list_sources(self) -> list[tuple[str, int]]:
        """Return the address of each width that there is, and the width; the whole one last."""
        narrower = [
            (reverse("initiative_image_width", args=[self.pk, width]), width)
            for width in WIDTHS
            if width < (self.width or 0)
        ]
        return [*narrower, (self.get_absolute_url(), self.width)]


class InitiativeLink(models.Model):
    initiative = models.ForeignKey(
        Initiative, models.CASCADE, related_name="links", verbose_name="取組"
    )
    title = models.CharField("題名", max_length=200)
    url = models.URLField("アドレス")
    position = models.PositiveIntegerField("並び順", default=0)

    objects = PartOfInitiativeQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "関連リンク"
        ordering = ["initiative", "position", "pk"]

    def __str__(self):
        return self.title


class Direction(models.TextChoices):
    HIGHER = "higher", "高いほどよい"
    LOWER = "lower", "低いほどよい"
    NONE = "none", "良し悪しなし"


class PeriodKind(models.TextChoices):
    FISCAL_YEAR = "fiscal_year", "年度"
    CALENDAR_YEAR = "calendar_year", "暦年"


class Indicator(Slugged, Revisable, Cited):
    part_paths = ("values",)
    department_path = "department"

    name = models.CharField("名称", max_length=100)
    description = models.TextField("説明", blank=True)
    unit = models.CharField("単位", max_length=20)
    direction = models.CharField("向き", max_length=10, choices=Direction, default=Direction.NONE)
    period_kind = models.CharField(
        "年の数え方", max_length=15, choices=PeriodKind, default=PeriodKind.FISCAL_YEAR
    )
    department = models.ForeignKey(
        Department,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="indicators",
        verbose_name="担当部局",
    )
    initiatives = models.ManyToManyField(
        Initiative, blank=True, related_name="indicators", verbose_name="関連する取組"
    )
    position = models.PositiveIntegerField("並び順", default=0)

    objects = SluggedPublicationQuerySet.as_manager()

    class Meta(Revisable.Meta):
        verbose_name = verbose_name_plural = "指標"
        ordering = ["position", "slug"]
        constraints = [
            *Revisable.Meta.constraints,
            models.CheckConstraint(
                name="indicator_direction_is_known",
                condition=Q(direction__in=Direction.values),
                violation_error_message="向きは一覧から選んでください。",
            ),
            models.CheckConstraint(
                name="indicator_period_kind_is_known",
                condition=Q(period_kind__in=PeriodKind.values),
                violation_error_message="年の数え方は一覧から選んでください。",
            ),
        ]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("indicator_detail", args=[self.slug])


class ValueState(models.TextChoices):
    ESTIMATED = "estimated", "見込み"
    FINAL = "final", "確定"
    CORRECTED = "corrected", "訂正"


class IndicatorValueQuerySet(PublicationQuerySet):
    def published(self):
        return self.filter(published_q("", "indicator"))

    def get_by_natural_key(self, indicator, year):
        return self.get(indicator__slug=indicator, year=year)


class IndicatorValue(Publication, Cited):
    indicator = models.ForeignKey(
        Indicator, models.CASCADE, related_name="values", verbose_name="指標"
    )
    year = FiscalYearField("年", help_text="西暦。年度のときは4月始まりの年度")
    actual = models.DecimalField("実績", max_digits=20, decimal_places=4, null=True, blank=True)
    target = models.DecimalField("目標", max_digits=20, decimal_places=4, null=True, blank=True)
    baseline = models.DecimalField("基準", max_digits=20, decimal_places=4, null=True, blank=True)
    state = models.CharField(
        "確からしさ", max_length=10, choices=ValueState, default=ValueState.FINAL
    )
    as_printed = models.CharField("資料の表記", max_length=100, blank=True)
    note = models.TextField("注記", blank=True, help_text="公開されます。")

    objects = IndicatorValueQuerySet.as_manager()

    class Meta(Publication.Meta):
        verbose_name = verbose_name_plural = "指標の値"
        ordering = ["indicator", "year"]
        constraints = [
            *Publication.Meta.constraints,
            models.UniqueConstraint(
                "indicator",
                "year",
                name="indicator_value_is_unique_in_year",
                violation_error_message="この指標には、同じ年の値がすでにあります。",
            ),
            models.CheckConstraint(
                name="indicator_value_state_is_known",
                condition=Q(state__in=ValueState.values),
                violation_error_message="確からしさは一覧から選んでください。",
            ),
            models.CheckConstraint(
                name="indicator_value_says_something",
                condition=Q(actual__isnull=False)
                | Q(target__isnull=False)
                | Q(baseline__isnull=False)
                | ~Q(note=""),
                violation_error_message="実績・目標・基準のどれか、または注記を書いてください。",
            ),
        ]

    def __str__(self):
        return f"{self.indicator} {self.year_label}"

    def natural_key(self):
        return (self.indicator.slug, self.year)

    natural_key.dependencies = ["initiatives.indicator"]

    def get_absolute_url(self):
        return self.indicator.get_absolute_url()

    @property
    def year_label(self) -> str:
        if self.indicator.period_kind == PeriodKind.CALENDAR_YEAR:
            return format_calendar_year(self.year)
        return format_fiscal_year(self.year)
