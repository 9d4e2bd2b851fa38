"""The files of a settlement as they were when they became public: never changed, never made anew."""

import hashlib
import io
import json
import zipfile
from datetime import date
from decimal import Decimal

from django.db import models
from django.db.models import OuterRef, Q
from django.urls import reverse
from django.utils import timezone

from portal.models import ChangeNote
from portal.publishing import is_found, published_q
from portal.versions import parts_of

JSON_NAME = "settlement.json"
SUMS_NAME = "SHA256SUMS"
ZIP_NAME = "all.zip"


class SnapshotQuerySet(models.QuerySet):
    def published(self):
        """Keep those of public settlements, from the moment on at which they were public."""
        return self.filter(published_q("settlement"), visible_from__lte=timezone.now())

    def get_by_key(self, key: str):
        """Return the snapshot that its address names: "2026-11-22", "2026-11-22-2"."""
        try:
            day, number = date.fromisoformat(key[:10]), int(key[11:] or 1)
        except ValueError as error:
            raise self.model.DoesNotExist from error
        return self.get(day=day, number=number)


class Snapshot(models.Model):
    """What of a settlement was public from `visible_from` on.

    `archive` is the ZIP of the files, SHA256SUMS among them; `sha256` is that of SHA256SUMS. A
    snapshot outlives a settlement that is deleted, and belongs to it again where it is restored.
    """

    settlement = models.ForeignKey(
        "Settlement",
        models.DO_NOTHING,
        db_constraint=False,
        related_name="snapshots",
        verbose_name="決算",
    )
    day = models.DateField("公開した日")
    number = models.PositiveSmallIntegerField("その日の何番目か", default=1)
    taken_at = models.DateTimeField("作成日時", default=timezone.now)
    visible_from = models.DateTimeField("公開した日時")
    sha256 = models.CharField("SHA-256", max_length=64)
    files = models.JSONField("ファイル")  # [{"name", "title", "rows", "bytes", "sha256"}, …]
    archive = models.BinaryField("中身")

    objects = SnapshotQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "公開時の写し"
        ordering = ["settlement", "-day", "-number"]
        constraints = [
            models.UniqueConstraint(
                fields=["settlement", "day", "number"], name="snapshot_of_a_day_is_unique"
            ),
        ]

    def __str__(self):
        return f"{self.settlement}（{self.key}）"

    def get_absolute_url(self):
        return reverse("snapshot_detail", args=self._place())

    @property
    def key(self) -> str:
        return f"{self.day}-{self.number}" if self.number > 1 else f"{self.day}"

    def _place(self, *more):
        settlement = self.settlement
        return [settlement.fiscal_year, settlement.department.slug, self.key, *more]

    def list_files(self) -> list[dict]:
        """Return the files with the address of each."""
        return [
            file | {"address": reverse("snapshot_file", args=self._place(file["name"]))}
            for file in self.files
        ]

    @property
    def sums_address(self) -> str:
        return reverse("snapshot_file", args=self._place(SUMS_NAME))

    @property
    def zip_address(self) -> str:
        return reverse("snapshot_file", args=self._place(ZIP_NAME))

    def read(self, name: str) -> bytes:
        """Return the bytes of a file; KeyError where there is none of that name."""
        if name == ZIP_NAME:
            return bytes(self.archive)
        with zipfile.ZipFile(io.BytesIO(self.archive)) as archive:
            return archive.read(name)

    def read_content(self) -> dict[str, list[dict]]:
        """Return the rows of each table by the name of the table."""
        return json.loads(self.read(JSON_NAME), parse_float=Decimal)


def write_sums(files: list[dict]) -> str:
    """Return what `sha256sum --check` reads."""
    return "".join(f"{file['sha256']}  {file['name']}\n" for file in files)


def hash_bytes(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def list_snapshots(settlement, notes) -> list[tuple[Snapshot, list[ChangeNote]]]:
    """Return the snapshots, newest first, each with those of some notes since the one before it.

    A note stands at the first snapshot of its day or after it; at the newest where a day has several.
    """
    snapshots = list(Snapshot.objects.published().filter(settlement=settlement).defer("archive"))
    listed = [(snapshot, []) for snapshot in snapshots]
    for snapshot in snapshots:
        snapshot.settlement = settlement
    for note in notes:
        day = min((s.day for s in snapshots if s.day >= note.noted_on), default=None)
        if day:
            next(own for snapshot, own in listed if snapshot.day == day).append(note)
    return listed


def notes_within(settlement):
    """Return the public notes on a public settlement and its parts, newest first."""
    about = Q()
    for model, path in [(type(settlement), "pk"), *parts_of(type(settlement))]:
        own = model.objects.published().filter(pk=OuterRef("object_id"))
        about |= Q(
            content_type__app_label=model._meta.app_label,
            content_type__model=model._meta.model_name,
        ) & is_found(own.filter(**{path: settlement.pk}))
    return ChangeNote.objects.filter(about).select_related("content_type")
