"""What the office keeps beside the content: who may what, every version, every step to the public."""

import zlib

import orjson
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models import Q
from django.utils import timezone

from .publishing import Status


class Role(models.TextChoices):
    EDITOR = "editor", "編集者"
    APPROVER = "approver", "承認者"
    ADMINISTRATOR = "administrator", "財政・管理"


class Membership(models.Model):
    """A user's role in a department and all below it, or as administrator over all."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships", verbose_name="職員"
    )
    department = models.ForeignKey(
        "portal.Department",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="memberships",
        verbose_name="部局",
        help_text="下位の組織も含みます。「財政・管理」は全庁なので、空欄にします。",
    )
    role = models.CharField("役割", max_length=15, choices=Role)

    class Meta:
        verbose_name = verbose_name_plural = "所属と役割"
        ordering = ["user", "department", "role"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "department", "role"],
                name="membership_is_unique",
                violation_error_message="同じ部局の同じ役割が、すでにあります。",
            ),
            models.UniqueConstraint(
                fields=["user", "role"],
                condition=Q(department=None),
                name="membership_over_all_is_unique",
                violation_error_message="全庁の同じ役割が、すでにあります。",
            ),
            models.CheckConstraint(
                name="membership_of_administrators_is_over_all",
                condition=Q(role="administrator", department=None)
                | Q(role__in=["editor", "approver"], department__isnull=False),
                violation_error_message=(
                    "編集者と承認者には部局を選び、「財政・管理」では部局を空欄にしてください。"
                ),
            ),
        ]

    def __str__(self):
        return f"{self.department or '全庁'} {self.get_role_display()}"


class AboutQuerySet(models.QuerySet):
    def about(self, record):
        content_type = ContentType.objects.get_for_model(record)
        return self.filter(content_type=content_type, object_id=record.pk)


class VersionQuerySet(AboutQuerySet):
    def without_content(self):
        return self.defer("packed")


class Version(models.Model):
    """A whole record with all its parts, as it stood after one save. Never changed, never deleted.

    `packed` holds the JSON of `versions.take`, compressed. `is_deletion` marks what the record did not
    go on to hold: its last content before it was deleted, a discarded revision, a save that came late.
    """

    content_type = models.ForeignKey(ContentType, models.PROTECT, verbose_name="記録の種類")
    object_id = models.PositiveBigIntegerField("記録の番号")
    number = models.PositiveIntegerField("版")
    label = models.CharField("記録", max_length=300)
    saved_at = models.DateTimeField("日時", default=timezone.now)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name="職員",
    )
    username = models.CharField("職員の名前", max_length=150, blank=True)
    action = models.CharField("したこと", max_length=100)
    comment = models.TextField("理由", blank=True)
    is_deletion = models.BooleanField("削除", default=False)
    packed = models.BinaryField()

    objects = VersionQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "版"
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["content_type", "object_id", "number"], name="version_number_is_unique"
            ),
        ]

    def __str__(self):
        return f"{self.label} 第{self.number}版"

    @property
    def content(self) -> dict:
        return orjson.loads(self.text)

    @property
    def text(self) -> bytes:
        """The content as its JSON."""
        return zlib.decompress(bytes(self.packed))

    @text.setter
    def text(self, text: bytes):
        self.packed = zlib.compress(text)

    def holds(self, text: bytes) -> bool:
        """Tell whether the content is that of a JSON; most often without reading it."""
        kept = self.text
        return kept == text or (len(kept) == len(text) and orjson.loads(kept) == orjson.loads(text))


class Transition(models.Model):
    """One step of a record on its way to the public, or back: who, when, why."""

    content_type = models.ForeignKey(ContentType, models.PROTECT, verbose_name="記録の種類")
    object_id = models.PositiveBigIntegerField("記録の番号")
    label = models.CharField("記録", max_length=300)
    action = models.CharField("したこと", max_length=20)
    before = models.CharField("前の状態", max_length=10, choices=Status)
    after = models.CharField("後の状態", max_length=10, choices=Status)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name="職員",
    )
    username = models.CharField("職員の名前", max_length=150, blank=True)
    happened_at = models.DateTimeField("日時", default=timezone.now)
    comment = models.TextField("コメント", blank=True)
    is_bypass = models.BooleanField("自分の申請を自分で承認", default=False)

    objects = AboutQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "公開までの経過"
        ordering = ["-pk"]
        indexes = [models.Index(fields=["content_type", "object_id"], name="transition_record")]

    def __str__(self):
        return f"{self.label} {self.get_before_display()} → {self.get_after_display()}"


class ImportState(models.TextChoices):
    PREVIEWED = "previewed", "確認中"
    IMPORTED = "imported", "取込済み"
    UNDONE = "undone", "取消し済み"


class ImportLog(models.Model):
    """One uploaded file: kept from the preview on, so that any host can import it, and afterwards.

    `versions` lists what undoes it: [content type, record, number of the version before (None: the
    record is new), number after, the period before]; see import_targets.py. `outcome` is what the
    preview found, for the confirmation alone; see import_outcome.py.
    """

    model = models.CharField("記録の種類", max_length=100)
    uploaded_at = models.DateTimeField("選んだ日時", default=timezone.now)
    imported_at = models.DateTimeField("取り込んだ日時", null=True)
    undone_at = models.DateTimeField("取り消した日時", null=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name="職員",
    )
    username = models.CharField("職員の名前", max_length=150, blank=True)
    undone_by = models.CharField("取り消した職員", max_length=150, blank=True)
    state = models.CharField(
        "状態", max_length=10, choices=ImportState, default=ImportState.PREVIEWED
    )
    file_name = models.CharField("ファイル", max_length=255)
    sha256 = models.CharField("SHA-256", max_length=64)
    size = models.PositiveIntegerField("大きさ（バイト）")
    file = models.BinaryField()
    new_count = models.PositiveIntegerField("新規", default=0)
    changed_count = models.PositiveIntegerField("変更", default=0)
    unchanged_count = models.PositiveIntegerField("変更なし", default=0)
    report = models.JSONField("内容", default=list)
    versions = models.JSONField(default=list)
    outcome = models.BinaryField(null=True)

    class Meta:
        verbose_name = verbose_name_plural = "取込の記録"
        ordering = ["-pk"]

    def __str__(self):
        return f"{self.file_name}（{timezone.localtime(self.uploaded_at):%Y-%m-%d %H:%M}）"


class ReorganisationKind(models.TextChoices):
    RENAMED = "renamed", "改称"
    MERGED = "merged", "統合"
    SPLIT = "split", "分割"
    ABOLISHED = "abolished", "廃止"


class Reorganisation(models.Model):
    """A change of the organisation done in one go, with what is needed to undo it."""

    kind = models.CharField("種類", max_length=10, choices=ReorganisationKind)
    fiscal_year = models.PositiveSmallIntegerField("施行する年度")
    done_at = models.DateTimeField("日時", default=timezone.now)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name="職員",
    )
    username = models.CharField("職員の名前", max_length=150, blank=True)
    comment = models.TextField("根拠・理由", blank=True)
    report = models.JSONField("内容", default=list)
    versions = models.JSONField(default=list)
    memberships = models.JSONField(default=list)
    undone_at = models.DateTimeField("取り消した日時", null=True)
    undone_by = models.CharField("取り消した職員", max_length=150, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "組織の再編"
        ordering = ["-pk"]

    def __str__(self):
        return f"{self.get_kind_display()}（{self.fiscal_year}年度）"
