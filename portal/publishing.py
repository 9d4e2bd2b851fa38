"""The one gate between staff and the public: who may see a record, and since when."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone


class Status(models.TextChoices):
    DRAFT = "draft", "下書き"
    IN_REVIEW = "in_review", "承認待ち"
    PUBLISHED = "published", "公開"
    WITHDRAWN = "withdrawn", "取下げ"


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


class PublicationQuerySet(models.QuerySet):
    def published(self):
        """Keep what the public may see now. Nothing else decides this."""
        return self.filter(published_q())

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
