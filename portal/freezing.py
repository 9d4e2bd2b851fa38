"""Freezes the files of a settlement when it becomes public, in the transaction that makes it so."""

import hashlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import NamedTuple

from django.db import transaction
from django.db.models import F, Max
from django.utils import timezone

from budgets.models import PriorityEffort, PriorityPolicy, Settlement, Snapshot
from budgets.snapshots import JSON_NAME, SUMS_NAME, hash_bytes, write_sums

from . import open_data_columns as column
from .models import Transition
from .open_data_columns import Table
from .open_data_files import Form, iter_jsonl, make_file
from .open_data_tables import TABLES
from .workflow import content_published

# The bulk files of a snapshot, with the path from their rows to the settlement.
PATHS = {
    "settlements": "pk",
    "settlement-items": "settlement",
    "settlement-figures": "item__settlement",
    "funding": "item__settlement",
}
# The long texts, which only the JSON holds.
TEXTS = {
    "settlements": column.text(
        "introduction", "概要", "決算の概要（Markdown）", column.NOT_ENTERED
    ),
    "settlement-items": column.text("body", "本文", "項目の本文（Markdown）", column.NOT_ENTERED),
}


class PolicyRow(NamedTuple):
    """A priority policy with one of its main efforts, or with none where it has none."""

    policy: PriorityPolicy
    effort: PriorityEffort | None

    @property
    def settlement(self):
        return self.policy.settlement


def load_policies(settlement) -> Iterator[PolicyRow]:
    policies = PriorityPolicy.objects.published().filter(settlement=settlement)
    for policy in policies.select_related("settlement__department"):
        efforts = policy.efforts.select_related("item")
        yield from (PolicyRow(policy, effort) for effort in efforts or [None])


POLICIES = Table(
    "priority-policies",
    "重点施策",
    "一つの重点施策の、一つの主な取組",
    (
        *column.settlement("settlement"),
        column.integer("number", "番号", "重点施策の番号", path="policy__number"),
        column.text("name", "重点施策", "重点施策の名称", path="policy__name"),
        column.text("effort", "主な取組", "主な取組の名称", "主な取組がない", "effort__name"),
        column.text(
            "code", "項目番号", "報告している項目の番号", "対応がない", "effort__item__code"
        ),
    ),
    list,
    list,
)


def list_tables(settlement: Settlement) -> list[Table]:
    """Return the tables of a snapshot with the rows of the settlement alone."""

    def load(table, path):
        return table.load().filter(**{path: settlement.pk})

    found = [
        replace(TABLES[name], load=partial(load, TABLES[name], path))
        for name, path in PATHS.items()
    ]
    return [*found, replace(POLICIES, load=partial(load_policies, settlement))]


def write_files(settlement: Settlement) -> list[tuple[str, str, int, bytes]]:
    """Return name, title, rows and bytes of each file; an address is written without the host."""
    files, parts = [], []
    for table in list_tables(settlement):
        facts, data = make_file(table, "", Form())
        files.append((f"{table.name}.csv", table.title, facts.rows, data))
        text = TEXTS.get(table.name)
        whole = replace(table, columns=(*table.columns, text)) if text else table
        rows = b"".join(iter_jsonl(whole, "")).rstrip().replace(b"}\n{", b"},\n{")
        parts.append(b'"%s": [\n%s\n]' % (table.name.encode(), rows))
    content = b"{\n%s\n}\n" % b",\n".join(parts)
    return [*files, (JSON_NAME, "すべての表と本文", sum(file[2] for file in files), content)]


def write_files_of_its_day(settlement: Settlement) -> list[tuple[str, str, int, bytes]]:
    """Return the files as they will be once `publish_from` has come; [] where nothing is public.

    It is made public at once and taken back: the gate to the public stays the only one.
    """
    with transaction.atomic():
        Settlement.objects.filter(pk=settlement.pk).update(publish_from=None)
        is_public = Settlement.objects.published().filter(pk=settlement.pk).exists()
        files = write_files(settlement) if is_public else []
        transaction.set_rollback(True)
    return files


@transaction.atomic
def freeze(settlement: Settlement, now: datetime | None = None) -> Snapshot | None:
    """Keep what is public of a settlement, or will be from its day on; None where that is kept.

    `now` is when it is kept: the present moment unless told.
    """
    written = write_files_of_its_day(settlement)
    if not written:
        return None
    now = now or timezone.now()
    visible_from = max(now, settlement.publish_from or now)
    _delete_unseen(settlement, now)
    files = [
        {
            "name": name,
            "title": title,
            "rows": rows,
            "bytes": len(data),
            "sha256": hash_bytes(data),
        }
        for name, title, rows, data in written
    ]
    sums = write_sums(files)
    sha256 = hashlib.sha256(sums.encode()).hexdigest()
    latest = settlement.snapshots.defer("archive").order_by("-visible_from", "-pk").first()
    if latest and latest.sha256 == sha256:
        return None
    day = timezone.localdate(visible_from)
    highest = settlement.snapshots.filter(day=day).aggregate(Max("number"))["number__max"]
    contents = [*((name, data) for name, _, _, data in written), (SUMS_NAME, sums.encode())]
    return settlement.snapshots.create(
        day=day,
        number=(highest or 0) + 1,
        taken_at=now,
        visible_from=visible_from,
        sha256=sha256,
        files=files,
        archive=_pack(contents, timezone.localtime(visible_from)),
    )


def _delete_unseen(settlement, now):
    """Delete what waited for its day and never came to be public."""
    withdrawals = Transition.objects.about(settlement).filter(action="withdraw")
    for snapshot in settlement.snapshots.filter(visible_from__gt=F("taken_at")).defer("archive"):
        waiting = (snapshot.taken_at, snapshot.visible_from)
        if snapshot.visible_from > now or withdrawals.filter(happened_at__range=waiting).exists():
            snapshot.delete()


def _pack(contents, written_at) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in contents:
            info = zipfile.ZipInfo(name, written_at.timetuple()[:6])
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return out.getvalue()


def freeze_published(sender, record, **kwargs):
    freeze(record)


def connect_signals():
    content_published.connect(freeze_published, sender=Settlement)
