"""What the last reading of a report gave to a draft, so that a later one knows staff's edits."""

from django.db import models
from django.utils import timezone


class ReportReading(models.Model):
    """The text that a draft was read from, and every row that the reading gave."""

    settlement = models.OneToOneField(
        "budgets.Settlement", models.CASCADE, related_name="reading", verbose_name="決算"
    )
    read_at = models.DateTimeField("読んだ日時", default=timezone.now)
    text = models.TextField("もとの文字")
    sha256 = models.CharField("もとの文字のSHA-256", max_length=64)
    rows = models.JSONField("読んだ内容", default=dict)

    class Meta:
        verbose_name = verbose_name_plural = "文書の読み取り"

    def __str__(self):
        return f"{self.settlement}（{self.read_at:%Y-%m-%d}）"
