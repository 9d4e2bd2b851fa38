"""The ground that initiatives and budgets stand on: departments, documents, words, figures."""

from decimal import Decimal

from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from .amounts import UNIT_YEN, AmountError, amount_yen_of
from .audit import AuditEntry  # noqa: F401  registers the model
from .edition_models import EditionMoment, EditionNumber  # noqa: F401
from .fiscal_year import FIRST_FISCAL_YEAR, LAST_YEAR
from .publishing import (  # noqa: F401
    Publication,
    PublicationQuerySet,
    Revisable,
    Status,
    is_found,
)
from .search_models import SearchEntry, SearchKind  # noqa: F401
from .staff_models import (  # noqa: F401
    ImportLog,
    ImportState,
    Membership,
    Reorganisation,
    ReorganisationKind,
    Role,
    Transition,
    Version,
)

validate_slug = RegexValidator(
    r"^[a-z0-9]+(-[a-z0-9]+)*\Z",
    "識別子は、半角の英小文字と数字を「-」でつないで書いてください（例：tokyo-office）。",
)


class FiscalYearField(models.PositiveSmallIntegerField):
    """A fiscal year as the western year in which it begins (2020 for 令和2年度)."""

    default_validators = [
        MinValueValidator(FIRST_FISCAL_YEAR, f"{FIRST_FISCAL_YEAR}以上の西暦で書いてください。"),
        MaxValueValidator(LAST_YEAR, f"{LAST_YEAR}以下の西暦で書いてください。"),
    ]


class FormerSlug(models.Model):
    """A slug that a record had before: its old address redirects to the present one."""

    model = models.CharField(max_length=100)
    slug = models.CharField(max_length=80)
    object_id = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint("model", "slug", name="former_slug_is_unique"),
        ]

    def __str__(self):
        return f"{self.model}: {self.slug}"


class Slugged(models.Model):
    slug = models.SlugField(
        "識別子",
        max_length=80,
        unique=True,
        validators=[validate_slug],
        help_text="ページのアドレスになります。変えると、前のアドレスから転送されます。",
    )

    class Meta:
        abstract = True

    def save(self, *args, **kwargs):
        before = type(self)._base_manager.filter(pk=self.pk).values_list("slug", flat=True).first()
        super().save(*args, **kwargs)
        if before and before != self.slug:
            former = FormerSlug.objects.filter(model=self._meta.label_lower)
            former.filter(slug=self.slug).delete()
            former.update_or_create(
                slug=before,
                defaults={"model": self._meta.label_lower, "object_id": self.pk},
            )

    def natural_key(self):
        return (self.slug,)


class SluggedQuerySet(models.QuerySet):
    def get_by_natural_key(self, slug):
        return self.get(slug=slug)


class SluggedPublicationQuerySet(SluggedQuerySet, PublicationQuerySet):
    pass


class DepartmentQuerySet(SluggedQuerySet):
    def published(self):
        """All of them: the organisation itself is no secret, what it does may be."""
        return self

    def in_fiscal_year(self, fiscal_year):
        return self.filter(
            Q(established_in=None) | Q(established_in__lte=fiscal_year),
            Q(abolished_in=None) | Q(abolished_in__gt=fiscal_year),
        )


class Department(Slugged):
    part_paths = ()

    name = models.CharField("名称", max_length=100)
    name_en = models.CharField("英語名", max_length=200, blank=True)
    parent = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="children",
        verbose_name="上位の組織",
    )
    description = models.TextField("説明", blank=True, help_text="公開されます。")
    established_in = FiscalYearField(
        "設置年度", null=True, blank=True, help_text="西暦（4月始まり）"
    )
    abolished_in = FiscalYearField(
        "廃止年度", null=True, blank=True, help_text="この年度にはもうない、という最初の年度"
    )
    successors = models.ManyToManyField(
        "self",
        symmetrical=False,
        blank=True,
        related_name="predecessors",
        verbose_name="引き継いだ部局",
    )
    position = models.PositiveIntegerField("並び順", default=0)

    objects = DepartmentQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "部局"
        ordering = ["position", "slug"]
        constraints = [
            models.CheckConstraint(
                name="department_years_are_in_order",
                condition=Q(established_in=None)
                | Q(abolished_in=None)
                | Q(abolished_in__gt=F("established_in")),
                violation_error_message="廃止年度は、設置年度より後にしてください。",
            ),
            models.CheckConstraint(
                name="department_is_not_its_own_parent",
                condition=Q(parent=None) | ~Q(parent=F("id")),
                violation_error_message="上位の組織に、その部局自身は選べません。",
            ),
        ]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("department_detail", args=[self.slug])

    def clean(self):
        above = self.parent
        while above:
            if above.pk == self.pk:
                raise ValidationError({"parent": "上位の組織が輪になっています。"})
            above = above.parent


class SourceDocument(Slugged, Revisable):
    part_paths = ()
    kept_by = Role.EDITOR  # of any department: who cites a paper enters it

    title = models.CharField("題名", max_length=200)
    issued_by = models.CharField("発行者", max_length=100)
    issued_on = models.DateField("発行日", null=True, blank=True)
    fiscal_year = FiscalYearField("対象年度", null=True, blank=True, help_text="西暦（4月始まり）")
    url = models.URLField("掲載先のアドレス", blank=True)
    note = models.TextField("注記", blank=True, help_text="公開されます。")

    objects = SluggedPublicationQuerySet.as_manager()

    class Meta(Revisable.Meta):
        verbose_name = verbose_name_plural = "出典資料"
        ordering = [F("issued_on").desc(nulls_last=True), "slug"]

    def __str__(self):
        return self.title

    def get_absolute_url(self):
        return reverse("document_detail", args=[self.slug])


class Cited(models.Model):
    source = models.ForeignKey(
        SourceDocument,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="%(class)s_citations",
        verbose_name="出典",
    )
    locator = models.CharField(
        "出典の箇所", max_length=200, blank=True, help_text="例：第2 1(4)、p.12"
    )

    class Meta:
        abstract = True

    @property
    def public_source(self):
        """Return the source where the public may see it; needs `source` loaded."""
        return self.source if self.source and self.source.is_published() else None


class PlaceQuerySet(models.QuerySet):
    def get_by_natural_key(self, code):
        return self.get(code=code)


def validate_place_code(code: str):
    """Check the sixth digit of a 全国地方公共団体コード (JIS X 0401/0402 with check digit)."""
    digits = [int(digit) for digit in code if digit.isascii() and digit.isdigit()]
    if len(code) != 6 or len(digits) != 6:
        raise ValidationError("全国地方公共団体コードは、半角数字6けたで書いてください。")
    total = sum(digit * weight for digit, weight in zip(digits, range(6, 1, -1), strict=False))
    if (11 - total % 11) % 10 != digits[5]:
        raise ValidationError("全国地方公共団体コードの検査数字（6けた目）が合いません。")


class Place(models.Model):
    part_paths = ()

    code = models.CharField(
        "全国地方公共団体コード", max_length=6, unique=True, validators=[validate_place_code]
    )
    name = models.CharField("名称", max_length=50)

    objects = PlaceQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "地方公共団体"
        ordering = ["code"]

    def __str__(self):
        return self.name

    def natural_key(self):
        return (self.code,)


class GlossaryTermQuerySet(models.QuerySet):
    def get_by_natural_key(self, term):
        return self.get(term=term)

    def published(self):
        """All of them: an explanation of a word is public once it is entered."""
        return self


class GlossaryTerm(models.Model):
    part_paths = ()

    term = models.CharField("用語", max_length=100, unique=True)
    reading = models.CharField("読み", max_length=100, help_text="ひらがなで書いてください。")
    explanation = models.TextField("説明")
    easy_explanation = models.TextField("やさしい日本語の説明", blank=True)

    objects = GlossaryTermQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "用語"
        ordering = ["reading", "term"]

    def __str__(self):
        return self.term

    def get_absolute_url(self):
        return f"{reverse('glossary')}#{self.anchor}"

    def natural_key(self):
        return (self.term,)

    @property
    def anchor(self):
        return f"term-{self.pk}"


class ChangeKind(models.TextChoices):
    UPDATE = "update", "更新"
    CORRECTION = "correction", "正誤"


class ChangeNoteQuerySet(models.QuerySet):
    def about(self, *records):
        """Keep the notes on these records; they are public where the records are."""
        notes = Q(pk__in=[])
        for model in {type(record) for record in records}:
            notes |= Q(
                content_type__app_label=model._meta.app_label,
                content_type__model=model._meta.model_name,
                object_id__in=[record.pk for record in records if type(record) is model],
            )
        return self.filter(notes)

    def published(self):
        """Keep the notes whose record the public may see now."""
        types = ContentType.objects.filter(pk__in=self.values("content_type")).order_by("pk")
        visible = Q(pk__in=[])
        for content_type in types:
            if model := content_type.model_class():
                own = model.objects.published().filter(pk=models.OuterRef("object_id"))
                visible |= Q(content_type=content_type) & is_found(own)
        return self.filter(visible)


class ChangeNote(models.Model):
    part_paths = ()

    content_type = models.ForeignKey(ContentType, models.CASCADE, verbose_name="記録の種類")
    object_id = models.PositiveBigIntegerField("記録の番号")
    record = GenericForeignKey()
    kind = models.CharField("種別", max_length=10, choices=ChangeKind)
    noted_on = models.DateField("日付", default=timezone.localdate)
    text = models.TextField("内容", help_text="公開されます。")
    field = models.CharField("項目", max_length=100, blank=True)
    old = models.TextField("前", blank=True)
    new = models.TextField("後", blank=True)

    objects = ChangeNoteQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "更新・正誤"
        ordering = ["-noted_on", "-pk"]
        indexes = [models.Index(fields=["content_type", "object_id"], name="change_note_record")]
        constraints = [
            models.CheckConstraint(
                name="change_note_kind_is_known",
                condition=Q(kind__in=ChangeKind.values),
                violation_error_message="種別は一覧から選んでください。",
            ),
            models.CheckConstraint(
                name="change_note_correction_shows_old_and_new",
                condition=~Q(kind="correction") | (~Q(field="") & (~Q(old="") | ~Q(new=""))),
                violation_error_message="正誤には、項目と、前または後の値を書いてください。",
            ),
        ]

    def __str__(self):
        return f"{self.noted_on} {self.get_kind_display()}"


class FigureKind(models.TextChoices):
    EXPENDITURE = "expenditure", "決算額の内訳"
    MONEY = "money", "その他の金額"
    ACTIVITY = "activity", "活動量"
    OUTCOME = "outcome", "成果"


MONEY_KINDS = [FigureKind.EXPENDITURE, FigureKind.MONEY]


def name_figure(group: str, label: str, measure: str) -> str:
    return "・".join(filter(None, (group, label, measure)))


def find_amount_yen(value: Decimal, unit: str) -> int | None:
    """Return whole yen; None where the unit is not money (or, unvalidated, not whole yen)."""
    try:
        return amount_yen_of(value, unit)
    except AmountError:
        return None


def format_figure(name: str, value: Decimal, unit: str, as_printed: str) -> str:
    return f"{name} {as_printed or f'{value.normalize():,f}{unit}'}"


class Figure(Cited):
    """One number of a record, tidy: one fact a row.

    `value` counts in `unit` (4016 千円, 203 件). Its key within the record is group, label,
    measure and period. A number printed in round terms keeps its wording in `as_printed`
    (value 19000, unit 人, as_printed "約1.9万人").
    """

    group = models.CharField("区分", max_length=100, blank=True)
    label = models.CharField("項目", max_length=200)
    measure = models.CharField(
        "測るもの", max_length=100, blank=True, help_text="例：事業費、参加者数"
    )
    kind = models.CharField("種類", max_length=12, choices=FigureKind)
    value = models.DecimalField("値", max_digits=20, decimal_places=4)
    unit = models.CharField("単位", max_length=20, help_text="例：千円、件、人")
    period = models.CharField("時期", max_length=100, blank=True, help_text="例：令和2年度")
    as_printed = models.CharField(
        "資料の表記", max_length=100, blank=True, help_text="概数など、値と表記が違うときだけ"
    )
    note = models.TextField("注記", blank=True, help_text="公開されます。")
    part_of = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="parts",
        verbose_name="何の内訳か",
    )
    position = models.PositiveIntegerField("並び順", default=0)

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                name="%(class)s_kind_is_known",
                condition=Q(kind__in=FigureKind.values),
                violation_error_message="種類は一覧から選んでください。",
            ),
            models.CheckConstraint(
                name="%(class)s_money_has_a_money_unit",
                condition=~Q(kind__in=[kind.value for kind in MONEY_KINDS])
                | Q(unit__in=list(UNIT_YEN)),
                violation_error_message="金額の単位は、円・千円・万円・百万円・億円などにしてください。",
            ),
            models.CheckConstraint(
                name="%(class)s_is_not_part_of_itself",
                condition=Q(part_of=None) | ~Q(part_of=F("id")),
                violation_error_message="内訳の親に、その数値自身は選べません。",
            ),
        ]

    def __str__(self):
        return format_figure(self.name, self.value, self.unit, self.as_printed)

    def clean(self):
        if self.value is not None and self.unit:
            try:
                amount_yen_of(self.value, self.unit)
            except AmountError as error:
                raise ValidationError({"value": str(error)}) from error
        whole = self.part_of
        if whole and whole.record_id != self.record_id:
            raise ValidationError({"part_of": "内訳の親は、同じ記録の実績値から選んでください。"})

    @property
    def name(self) -> str:
        """Return what the figure is called within its record."""
        return name_figure(self.group, self.label, self.measure)

    @property
    def amount_yen(self) -> int | None:
        return find_amount_yen(Decimal(self.value), self.unit)

    @property
    def key(self) -> tuple[str, str, str, str]:
        return (self.group, self.label, self.measure, self.period)
