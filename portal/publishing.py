"""The one gate between staff and the public: who may see a record, and since when."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.db.models.lookups import IsNull
from django.utils import timezone


class Status(models.TextChoices):
    """How far a record is; `workflow.RULES` says what leads from one to another."""

    DRAFT = "draft", "下書き"
    IN_REVIEW = "in_review", "承認待ち"
    APPROVED = "approved", "承認済み"  # a revision that waits for its day
    PUBLISHED = "published", "公開"
    WITHDRAWN = "withdrawn", "取下げ"
    BINNED = "binned", "ごみ箱"


def published_q(*paths: str) -> Q:
    """Return the condition that the publication, and each one named by a path, is public now.

    `published_q()` asks the model itself, `published_q("settlement")` what it belongs to,
    `published_q("", "report")` both. A period includes its first instant and not its last.
    """
    now = timezone.now()
    condition = Q()
    for path in paths or ("",):
        at = f"{path}__" if path else ""
        condition &= (
            Q(**{f"{at}status": Status.PUBLISHED})
            & (Q(**{f"{at}publish_from": None}) | Q(**{f"{at}publish_from__lte": now}))
            & (Q(**{f"{at}publish_until": None}) | Q(**{f"{at}publish_until__gt": now}))
        )
    return condition


def live_q(path: str = "") -> Q:
    """Return the condition that the publication named by a path is no revision and not binned."""
    at = f"{path}__" if path else ""
    return Q(**{f"{at}revises": None}) & ~Q(**{f"{at}status": Status.BINNED})


def is_found(records: models.QuerySet) -> IsNull:
    """Return the condition that there is such a record, of a query that refers to the outer row.

    It is looked up for each outer row. Of EXISTS PostgreSQL may make one list of all records that
    could be found: a hundred thousand, for a page of fifty rows.
    """
    return IsNull(models.Subquery(records.order_by().values("pk")[:1]), False)


class PublicationQuerySet(models.QuerySet):
    def published(self):
        """Keep what the public may see now. Nothing else decides this."""
        return self.filter(published_q())

    def withdrawn(self):
        """Keep what was withdrawn with a reason for the public, which is told no more of it."""
        return self.filter(status=Status.WITHDRAWN).exclude(withdrawal_reason="")

    def count_per(self, path: str):
        """Return a subquery: how many of these records point by `path` at the outer row."""
        counted = (
            self.filter(**{path: models.OuterRef("pk")})
            .order_by()
            .values(path)
            .annotate(number=models.Count("pk", distinct=True))
            .values("number")
        )
        return Coalesce(models.Subquery(counted), 0)


class Publication(models.Model):
    status = models.CharField(
        "公開状態", max_length=10, choices=Status, default=Status.DRAFT, db_index=True
    )
    publish_from = models.DateTimeField(
        "公開開始日時", null=True, blank=True, help_text="空欄なら、公開にしたときから表示します。"
    )
    publish_until = models.DateTimeField(
        "公開終了日時", null=True, blank=True, help_text="この時刻から表示されなくなります。"
    )
    internal_note = models.TextField(
        "庁内メモ", blank=True, help_text="職員だけが見るメモです。公開されません。"
    )
    withdrawal_reason = models.TextField("取下げの理由", blank=True, editable=False)
    updated_at = models.DateTimeField("更新日時", default=timezone.now, editable=False)

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                name="%(class)s_status_is_known",
                condition=Q(status__in=Status.values),
                violation_error_message="公開状態は一覧から選んでください。",
            ),
            models.CheckConstraint(
                name="%(class)s_publish_period_is_in_order",
                condition=Q(publish_from=None)
                | Q(publish_until=None)
                | Q(publish_until__gt=F("publish_from")),
                violation_error_message="公開終了日時は、公開開始日時より後にしてください。",
            ),
        ]

    def save(self, *args, **kwargs):
        self.updated_at = timezone.now()
        if (fields := kwargs.get("update_fields")) is not None:
            kwargs["update_fields"] = {*fields, "updated_at"}
        super().save(*args, **kwargs)

    def is_published(self) -> bool:
        """Tell of a loaded record what `published()` tells in the database."""
        now = timezone.now()
        return (
            self.status == Status.PUBLISHED
            and (self.publish_from is None or self.publish_from <= now)
            and (self.publish_until is None or self.publish_until > now)
        )


class Revisable(Publication):
    """A publication that is changed, once public, by a 改訂案: a copy that `revises` it.

    The copy is edited in the ordinary forms and never public. Its content replaces that of what it
    revises when it is approved. `revised_parts` tells, by model, which row of the copy (key) stands
    for which row of the original; `announcements` what will be said of changed figures.
    """

    revises = models.OneToOneField(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="revision",
        verbose_name="改訂する記録",
    )
    revised_parts = models.JSONField(default=dict, editable=False)
    announcements = models.JSONField(default=dict, editable=False)

    class Meta:
        abstract = True
        constraints = [
            *Publication.Meta.constraints,
            models.CheckConstraint(
                name="%(class)s_revision_is_never_public",
                condition=Q(revises=None) | ~Q(status="published"),
                violation_error_message="改訂案そのものは公開できません。",
            ),
            models.CheckConstraint(
                name="%(class)s_only_revisions_wait_approved",
                condition=~Q(status="approved") | Q(revises__isnull=False),
                violation_error_message="「承認済み」は改訂案だけの状態です。",
            ),
        ]

    @property
    def is_revision(self) -> bool:
        return self.revises_id is not None
