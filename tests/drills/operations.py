"""What a drill kills in the middle: each real operation, what it needs, and whether it has happened.

Runs in processes of its own (killing.py), never in that of the tests.
"""

import datetime
import io
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from budgets.models import Settlement, SettlementItem
from initiatives.images import name_width, read_picture
from initiatives.models import Initiative, InitiativeImage
from portal import revisions, workflow
from portal.models import AuditEntry, ImportLog, ImportState, Role, Transition, Version
from portal.publishing import Status
from tests import builders
from tests.admin_pages import form_of, upload

ITEMS = 12
NEW_ITEMS = 3
# Where a database stands that an older release left.
EARLIER = [
    ("budgets", "0004_report_reading"),
    ("initiatives", "0004_plans_without_a_start_last"),
    ("portal", "0006_edition_number"),
]

# Made after the migrations, for the tables of this release.
TRIGGERS = {
    "sqlite": "SELECT 'DROP TRIGGER ' || name FROM sqlite_schema WHERE type = 'trigger'",
    "postgresql": """
        SELECT format('DROP TRIGGER %I ON %s', tgname, tgrelid::regclass)
        FROM pg_trigger WHERE NOT tgisinternal""",
}


@dataclass(frozen=True)
class Operation:
    """`perform` does it; `has_happened` tells whether, and fails where only a part has.

    `page` is a public address whose text holds `new` once it has happened, and `old` before.
    """

    perform: Callable[[dict], None]
    has_happened: Callable[[dict], bool]
    page: str
    old: str
    new: str


def _all_or_none(facts: dict) -> bool:
    """Return whether all facts hold; fail where some do and some do not."""
    held = {bool(fact) for fact in facts.values()}
    assert len(held) == 1, f"half done: {facts}"
    return held.pop()


def make_world() -> dict:
    """Make what the operations need; return the keys by which they find it."""
    chief = builders.make_staff(Role.ADMINISTRATOR, username="chief")
    client = Client()
    client.force_login(chief)
    notes = {"session": client.cookies["sessionid"].value}
    notes |= _make_import(client)
    notes |= _make_approval(chief)
    notes |= _make_swaps(chief)
    frozen = _make_settlement("freeze-bu", name="凍らせる項目")
    initiative = builders.make_initiative(slug="pictured", title="画像を待つ取組")
    draft = builders.make_initiative(slug="drafted", status=Status.DRAFT)
    return notes | {"frozen": frozen.pk, "pictured": initiative.pk, "drafted": draft.pk}


def unmigrate():
    """Leave what an older release had: it knew no revision that waits for its moment."""
    workflow.publish_due()
    with connection.cursor() as cursor:
        cursor.execute(TRIGGERS[connection.vendor])
        for (statement,) in cursor.fetchall():
            cursor.execute(statement)
    MigrationExecutor(connection).migrate(EARLIER)


def _make_settlement(slug, name="前の名称", **fields):
    department = builders.make_department(slug=slug)
    settlement = builders.make_settlement(
        department=department, source=builders.make_document(), **fields
    )
    for number in range(1, ITEMS + 1):
        item = builders.make_item(settlement, str(number), name=f"{name}{number}", amount_yen=1000)
        builders.make_settlement_figure(item, label="架空の件数", value=number)
    return settlement


def _make_import(client) -> dict:
    _make_settlement("import-bu", status=Status.DRAFT)
    rows = [f"2020,import-bu,{number},取込後{number}" for number in range(1, ITEMS + NEW_ITEMS + 1)]
    data = "年度,部局,項目番号,名称\n" + "\n".join(rows)
    previewed = upload(client, SettlementItem, data)
    return {"import": dict(previewed.context["confirm_form"].initial)}


def _sign_in(notes, **how) -> Client:
    client = Client(**how)
    client.cookies["sessionid"] = notes["session"]
    return client


def _import(notes):
    log = ImportLog.objects.get(pk=notes["import"]["log"])
    if log.state == ImportState.PREVIEWED:
        answer = _send_import(_sign_in(notes), notes)
        assert answer.status_code == 302, answer.content.decode()


def _send_import(client, notes):
    address = reverse("admin:budgets_settlementitem_process_import")
    return client.post(address, notes["import"])


def _send_picture(client, notes):
    """Save the page of a draft with a picture of some 700 KB that cannot be packed smaller."""
    address = reverse("admin:initiatives_initiative_change", args=[notes["drafted"]])
    data = io.BytesIO()
    Image.frombytes("RGB", (600, 400), random.Random(1).randbytes(720_000)).save(data, "PNG")
    changes = {
        "images-TOTAL_FORMS": "1",
        "images-0-image": SimpleUploadedFile("kakuu.png", data.getvalue()),
        "images-0-alt": "架空の写真",
        "images-0-licence": "CC BY 4.0",
        "images-0-position": "0",
    }
    page = client.get(address)
    if page.status_code != 200:
        return page
    values = form_of(page.content.decode())
    return client.post(address, values | changes)


def attempt(name: str, notes: dict) -> list:
    """Send what staff send, and return status and text of the answer, whatever it is."""
    send = {"import": _send_import, "picture": _send_picture, "approve": _send_approval}[name]
    answer = send(_sign_in(notes, raise_request_exception=False), notes)
    return [answer.status_code, answer.content.decode()]


def list_pictures() -> list:
    """Return the files that rows name, and those that there are."""
    rows = InitiativeImage.objects.order_by("pk")
    named = [name for row in rows for name in (row.image.name, name_width(row.image.name, 480))]
    media = Path(settings.MEDIA_ROOT)
    there = [path.relative_to(media).as_posix() for path in media.rglob("*") if path.is_file()]
    return [sorted(named), sorted(there)]


def _has_imported(notes) -> bool:
    items = SettlementItem.objects.filter(settlement__department__slug="import-bu")
    log = ImportLog.objects.get(pk=notes["import"]["log"])
    named = items.filter(name__startswith="取込後").count()
    assert named in (0, ITEMS + NEW_ITEMS), f"{named} rows of a file"
    return _all_or_none(
        {
            "rows": named,
            "new rows": items.count() == ITEMS + NEW_ITEMS,
            "log": log.state == ImportState.IMPORTED,
            "log tells the records": log.versions,
            "version": Version.objects.filter(action__startswith="取込：").count() == 1,
            "audit": AuditEntry.objects.filter(action="import").count() == 1,
        }
    )


def _make_approval(chief) -> dict:
    settlement = _make_settlement("approve-bu", status=Status.DRAFT, name="承認する項目")
    workflow.perform(settlement, "submit", chief)
    return {"approved": settlement.pk}


def _approve(notes):
    if Settlement.objects.get(pk=notes["approved"]).status == Status.IN_REVIEW:
        answer = _send_approval(_sign_in(notes), notes)
        assert answer.status_code == 302, answer.content.decode()


def _send_approval(client, notes):
    address = reverse("admin:budgets_settlement_step", args=[notes["approved"], "approve"])
    form = {"comment": "承認", "is_bypass": "on", "announcement": "架空の決算を公開しました。"}
    return client.post(address, form)


def _has_approved(notes) -> bool:
    settlement = Settlement.objects.get(pk=notes["approved"])
    return _all_or_none(
        {
            "status": settlement.status == Status.PUBLISHED,
            "snapshot": settlement.snapshots.count() == 1,
            "step": Transition.objects.about(settlement).filter(action="approve").count() == 1,
            "audit": AuditEntry.objects.filter(
                action="approval_bypass", record=str(settlement)
            ).exists(),
        }
    )


def _make_swaps(chief) -> dict:
    settlement = _make_settlement("swap-bu", name="改訂前の項目")
    initiative = builders.make_initiative(
        slug="swapped",
        title="改訂前の題名",
        source=builders.make_document(),
        departments=[settlement.department],
    )
    for record, change in ((settlement, _rename_items), (initiative, _retitle)):
        revision = revisions.make_revision(record, chief)
        change(revision)
        workflow.perform(revision, "submit", chief)
        due = timezone.now() + datetime.timedelta(hours=1)  # see LATER in killing.py
        workflow.perform(revision, "approve", chief, is_bypass=True, publish_from=due)
    return {"swapped": [settlement.pk, initiative.pk]}


def _rename_items(revision):
    for item in revision.items.all():
        item.name = item.name.replace("改訂前", "改訂後")
        item.save()


def _retitle(revision):
    revision.title = "改訂後の題名"
    revision.save()


def _swap(notes):
    workflow.publish_due()


def _has_swapped(notes) -> bool:
    """Each of the two is one transaction; the operation has happened when both have."""
    settlement_pk, initiative_pk = notes["swapped"]
    settlement = Settlement.objects.get(pk=settlement_pk)
    names = settlement.items.values_list("name", flat=True)
    has_settlement = _all_or_none(
        {name: "改訂後" in name for name in names}
        | {
            "no revision is left": not Settlement.objects.filter(revises=settlement).exists(),
            "snapshot": settlement.snapshots.count() == 1,
            "steps": Transition.objects.about(settlement).filter(action="approve").exists(),
        }
    )
    initiative = Initiative.objects.get(pk=initiative_pk)
    has_initiative = _all_or_none(
        {
            "title": initiative.title == "改訂後の題名",
            "no revision is left": not Initiative.objects.filter(revises=initiative).exists(),
        }
    )
    assert settlement.items.count() == ITEMS
    return has_settlement and has_initiative


def _freeze(notes):
    settlement = Settlement.objects.get(pk=notes["frozen"])
    if not settlement.snapshots.exists():
        builders.make_snapshot(settlement)


def _has_frozen(notes) -> bool:
    settlement = Settlement.objects.get(pk=notes["frozen"])
    for snapshot in settlement.snapshots.all():
        assert len(snapshot.read_content()["settlement-items"]) == ITEMS
    return settlement.snapshots.count() == 1


def _add_picture(notes):
    if not InitiativeImage.objects.filter(initiative=notes["pictured"]).exists():
        initiative = Initiative.objects.get(pk=notes["pictured"])
        data = io.BytesIO()
        Image.new("RGB", (600, 400), (20, 120, 200)).save(data, "PNG")
        file = ContentFile(data.getvalue(), name="kakuu.png")
        with transaction.atomic():  # as the admin does
            builders.make_image(initiative, alt="架空の写真の説明", image=file)


def _has_picture(notes) -> bool:
    """A row has its files, whole; a file without a row is shown nowhere."""
    pictures = list(InitiativeImage.objects.filter(initiative=notes["pictured"]))
    for picture in pictures:
        for name in (picture.image.name, name_width(picture.image.name, 480)):
            with picture.image.storage.open(name) as file:
                read_picture(file).load()
    return len(pictures) == 1


def _migrate(notes):
    call_command("migrate", verbosity=0)


def _has_migrated(notes) -> bool:
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


SETTLEMENT = "/settlements/2020/{}-bu/"
OPERATIONS = {
    "import": Operation(_import, _has_imported, SETTLEMENT.format("import"), "", ""),
    "approve": Operation(
        _approve, _has_approved, SETTLEMENT.format("approve"), "見つかりません", "承認する項目12"
    ),
    "swap": Operation(_swap, _has_swapped, "/initiatives/swapped/", "改訂前の題名", "改訂後の題名"),
    "freeze": Operation(
        _freeze, _has_frozen, SETTLEMENT.format("freeze"), "凍らせる項目12", "これまでに公開した版"
    ),
    "picture": Operation(
        _add_picture, _has_picture, "/initiatives/pictured/", "画像を待つ取組", "架空の写真の説明"
    ),
    "migrate": Operation(_migrate, _has_migrated, "/", "", ""),
}
