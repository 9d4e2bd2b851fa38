"""What was public of a settlement on a day can be shown years later, and nothing else can."""

import datetime
import hashlib
import io
import json
import zipfile
from unittest.mock import patch

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from budgets.models import FormerCode, Settlement, SettlementItem, Snapshot
from portal import freezing, revisions, versions, workflow
from portal.models import Role
from portal.publishing import Status
from tests.builders import (
    make_change_note,
    make_department,
    make_document,
    make_effort,
    make_funding,
    make_item,
    make_policy,
    make_settlement,
    make_settlement_figure,
    make_staff,
)

pytestmark = pytest.mark.django_db

SECRET = "見えてはならない"
DAY = datetime.timedelta(days=1)


@pytest.fixture
def chief():
    return make_staff(Role.ADMINISTRATOR)


@pytest.fixture
def draft():
    """Return a draft settlement with an item of 4,016,000 yen and all that belongs to it."""
    cited = {"source": make_document(), "locator": "第1"}
    department = make_department(slug="kaku-bu", name="架空部")
    settlement = make_settlement(
        department=department, status=Status.DRAFT, internal_note=SECRET, **cited
    )
    item = make_item(settlement, "1.2", amount_yen=4_016_000, body="本文の一行", **cited)
    make_settlement_figure(item, kind="expenditure", value=4_016, **cited)
    make_funding(item, amount_yen=4_016_000, **cited)
    make_effort(make_policy(settlement), item=item)
    return settlement


def publish(record, chief, **more):
    workflow.perform(record, "submit", chief, announcements=more.pop("announcements", None))
    result = workflow.perform(record, "approve", chief, is_bypass=True, **more)
    result.refresh_from_db()
    return result


def revise(settlement, chief, amount_yen, **more):
    """Publish a revision that changes the amount of item 1.2 and its funding."""
    revision = revisions.make_revision(settlement, chief)
    revision.items.filter(code="1.2").update(amount_yen=amount_yen)
    said = {
        change.key: {"kind": "correction", "text": "架空の誤りを直しました。"}
        for change in revisions.list_figure_changes(revision)
    }
    return publish(revision, chief, announcements=said, **more)


def read(client, address) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, address
    return answer.content.decode()


def read_files(client, snapshot) -> dict[str, bytes]:
    return {f["name"]: client.get(f["address"]).content for f in snapshot.list_files()}


class TestSnapshot:
    def test_publication_freezes_the_files_under_the_day(self, client, draft, chief):
        publish(draft, chief)
        snapshot = draft.snapshots.get()
        day = timezone.localdate()
        assert snapshot.get_absolute_url() == f"/settlements/2020/kaku-bu/snapshots/{day}/"
        files = read_files(client, snapshot)
        assert list(files) == [
            "settlements.csv",
            "settlement-items.csv",
            "settlement-figures.csv",
            "funding.csv",
            "priority-policies.csv",
            "settlement.json",
        ]
        assert "4016000" in files["settlement-items.csv"].decode("utf-8-sig")
        items = json.loads(files["settlement.json"])["settlement-items"]
        assert [(i["code"], i["amount_yen"]) for i in items] == [("1", None), ("1.2", 4016000)]
        assert items[1]["body"] == "本文の一行"

    def test_the_sums_are_those_of_the_files(self, client, draft, chief):
        publish(draft, chief)
        snapshot = draft.snapshots.get()
        files = read_files(client, snapshot)
        lines = client.get(snapshot.sums_address).content.decode().splitlines()
        assert lines == [f"{hashlib.sha256(d).hexdigest()}  {n}" for n, d in files.items()]
        with zipfile.ZipFile(io.BytesIO(client.get(snapshot.zip_address).content)) as archive:
            assert archive.testzip() is None
            assert {name: archive.read(name) for name in files} == files
            assert archive.read("SHA256SUMS").decode().splitlines() == lines
        rows = {file["name"]: file["rows"] for file in snapshot.files}
        assert rows["settlement-items.csv"] == 2
        assert rows["funding.csv"] == rows["settlement-figures.csv"] == 1

    def test_a_revision_makes_another_and_leaves_the_old_one_as_it_was(self, client, draft, chief):
        publish(draft, chief)
        old = draft.snapshots.get()
        before = read_files(client, old)
        revise(draft, chief, 5_000_000)
        new = draft.snapshots.exclude(pk=old.pk).get()
        assert new.key == f"{timezone.localdate()}-2"
        assert read_files(client, old) == before
        assert "5000000" in client.get(new.list_files()[1]["address"]).content.decode()
        old_page = read(client, old.get_absolute_url())
        assert "これは、前の版です。" in old_page
        assert "4,016,000円" in old_page
        assert "5,000,000円" not in old_page
        new_page = read(client, new.get_absolute_url())
        assert "これより新しい版は、まだありません。" in new_page
        assert "5,000,000円" in new_page

    def test_an_old_one_stays_when_rows_are_changed_or_deleted(self, client, draft, chief):
        publish(draft, chief)
        snapshot = draft.snapshots.get()
        page, files = read(client, snapshot.get_absolute_url()), read_files(client, snapshot)
        SettlementItem.objects.all().delete()
        assert read(client, snapshot.get_absolute_url()) == page
        assert read_files(client, snapshot) == files

    def test_the_same_content_makes_no_other(self, draft, chief):
        publish(draft, chief)
        revision = revisions.make_revision(draft, chief)
        publish(revision, chief)
        workflow.perform(draft, "withdraw", chief, comment="確かめるため")
        workflow.perform(draft, "reopen", chief)
        publish(draft, chief)
        assert draft.snapshots.count() == 1

    def test_the_settlement_lists_them_with_the_notes_between(self, client, draft, chief):
        make_change_note(draft, text="初めの知らせ", noted_on=timezone.localdate() - 40 * DAY)
        publish(draft, chief)
        Snapshot.objects.update(
            day=timezone.localdate() - 30 * DAY, visible_from=timezone.now() - 30 * DAY
        )
        revise(draft, chief, 5_000_000)
        listed = read(client, draft.get_absolute_url()).partition("これまでに公開した版")[2]
        newest, oldest = listed.partition("</section>")[0].split("の版</a>")[1:]
        assert "架空の誤りを直しました。" in newest
        assert "<del>4,016,000円</del>" in newest or "<del>4,016,000</del>" in newest
        assert "初めの知らせ" in oldest

    def test_the_queries_do_not_grow_with_the_snapshots(self, client, draft, chief):
        publish(draft, chief)
        client.get(draft.get_absolute_url())
        with CaptureQueriesContext(connection) as few:
            client.get(draft.get_absolute_url())
        for amount_yen in (1_000, 2_000, 3_000):
            revise(draft, chief, amount_yen)
        with CaptureQueriesContext(connection) as many:
            client.get(draft.get_absolute_url())
        assert draft.snapshots.count() == 4
        assert len(many) == len(few) <= 12

    def test_first_content_begins_with_one(self):
        call_command("load_first_content", verbosity=0)
        settlement = Settlement.objects.published().get()
        assert settlement.snapshots.count() == 1
        call_command("load_first_content", verbosity=0)
        assert settlement.snapshots.count() == 1

    def test_a_file_that_is_had_already_is_answered_304(self, client, draft, chief):
        publish(draft, chief)
        address = draft.snapshots.get().zip_address
        tag = client.get(address)["ETag"]
        assert client.get(address, HTTP_IF_NONE_MATCH=tag).status_code == 304

    @pytest.mark.parametrize(
        "key",
        ["2020-01-01/", "2020-13-45/", "2020-01-01-2/", "2020-01-01-1/", "x/", "2020-01-01/x.csv"],
    )
    def test_a_wrong_address_is_404(self, client, draft, chief, key):
        publish(draft, chief)
        assert client.get(f"/settlements/2020/kaku-bu/snapshots/{key}").status_code == 404
        day = timezone.localdate()
        for name in ("x.csv", "settlement.jsonl", "..%2Fx"):
            address = f"/settlements/2020/kaku-bu/snapshots/{day}/{name}"
            assert client.get(address).status_code == 404


class TestVisibility:
    def test_internal_notes_and_hidden_sources_are_never_in_it(self, client, draft, chief):
        hidden = make_document(
            title=f"{SECRET}資料", status=Status.DRAFT, internal_note=SECRET, note=SECRET
        )
        make_item(draft, "3", amount_yen=1, source=hidden, locator=SECRET)
        versions.save_version(draft, SECRET, chief, SECRET)
        publish(draft, chief, comment=SECRET)
        snapshot = draft.snapshots.get()
        for name, data in read_files(client, snapshot).items():
            assert SECRET not in data.decode("utf-8-sig"), name
        assert SECRET not in read(client, snapshot.get_absolute_url())

    def test_a_withdrawn_settlement_answers_410_with_the_reason_everywhere(
        self, client, draft, chief
    ):
        publish(draft, chief)
        snapshot = draft.snapshots.get()
        workflow.perform(draft, "withdraw", chief, comment="資料に重い誤りがあったため")
        for address in (snapshot.get_absolute_url(), snapshot.zip_address, snapshot.sums_address):
            answer = client.get(address)
            assert answer.status_code == 410
            assert "資料に重い誤りがあったため" in answer.content.decode()
            assert "4,016,000" not in answer.content.decode()

    @pytest.mark.parametrize("status", [Status.DRAFT, Status.IN_REVIEW, Status.BINNED])
    def test_what_is_not_public_any_more_hides_its_snapshots(self, client, draft, chief, status):
        publish(draft, chief)
        snapshot = draft.snapshots.get()
        Settlement.objects.update(status=status)
        assert client.get(snapshot.get_absolute_url()).status_code == 404
        assert client.get(snapshot.zip_address).status_code == 404

    def test_one_of_a_coming_day_is_made_at_once_and_seen_from_then_on(self, client, draft, chief):
        coming = timezone.now() + DAY
        publish(draft, chief, publish_from=coming)
        snapshot = draft.snapshots.get()
        assert snapshot.visible_from == coming
        assert snapshot.day == timezone.localdate(coming)
        assert json.loads(snapshot.read("settlement.json"))["settlement-items"][1]["code"] == "1.2"
        draft.refresh_from_db()
        assert draft.publish_from == coming
        assert client.get(snapshot.get_absolute_url()).status_code == 404
        with patch("django.utils.timezone.now", return_value=coming + DAY):
            assert "4,016,000円" in read(client, snapshot.get_absolute_url())

    def test_one_that_never_came_to_be_public_goes(self, draft, chief):
        publish(draft, chief, publish_from=timezone.now() + DAY)
        workflow.perform(draft, "withdraw", chief, comment="まだ早い")
        workflow.perform(draft, "reopen", chief)
        draft.items.filter(code="1.2").update(amount_yen=5_000_000)
        with patch("django.utils.timezone.now", return_value=timezone.now() + 5 * DAY):
            publish(draft, chief)
        snapshot = draft.snapshots.get()
        assert snapshot.read_content()["settlement-items"][1]["amount_yen"] == 5_000_000

    def test_a_former_address_of_the_department_redirects(self, client, draft, chief):
        publish(draft, chief)
        former = draft.snapshots.get().zip_address
        draft.department.slug = "atarashii-bu"
        draft.department.save()
        answer = client.get(former)
        assert answer.status_code == 301
        assert client.get(answer["Location"]).status_code == 200

    def test_they_outlive_a_settlement_that_is_deleted_and_restored(self, client, draft, chief):
        publish(draft, chief)
        snapshot = draft.snapshots.get()
        version = versions.save_version(draft, "削除", chief, is_deletion=True)
        draft.delete()
        assert client.get(snapshot.get_absolute_url()).status_code == 404
        restored = versions.restore_deleted(version, chief)
        Settlement.objects.filter(pk=restored.pk).update(status=Status.PUBLISHED)
        assert client.get(snapshot.get_absolute_url()).status_code == 200


class TestAtomicity:
    def test_what_breaks_in_the_middle_leaves_neither_publication_nor_snapshot(self, draft, chief):
        workflow.perform(draft, "submit", chief)
        with (
            patch.object(freezing, "_pack", side_effect=RuntimeError("kill")),
            pytest.raises(RuntimeError),
        ):
            workflow.perform(draft, "approve", chief, is_bypass=True)
        draft.refresh_from_db()
        assert draft.status == Status.IN_REVIEW
        assert not Snapshot.objects.exists()


class TestFormerCode:
    def test_a_code_that_a_revision_changes_leads_to_the_present_one(self, client, draft, chief):
        publish(draft, chief)
        item = draft.items.get(code="1.2")
        revision = revisions.make_revision(draft, chief)
        moved = revision.items.get(code="1.2")
        moved.code = "1.5"
        moved.save()
        publish(revision, chief)
        assert FormerCode.objects.get().item_id == item.pk
        answer = client.get("/settlements/2020/kaku-bu/1.2/?unit=man")
        assert answer.status_code == 301
        assert answer["Location"] == "/settlements/2020/kaku-bu/1.5/?unit=man"
        answer = client.get("/api/v1/settlements/2020/kaku-bu/items/1.2")
        assert answer.status_code == 301
        assert client.get(answer["Location"]).json()["code"] == "1.5"

    def test_codes_that_change_places_lead_nowhere_else(self, client, draft, chief):
        make_item(draft, "1.3", name="ほかの項目")
        publish(draft, chief)
        revision = revisions.make_revision(draft, chief)
        for before, after in (("1.2", "1.9"), ("1.3", "1.2"), ("1.9", "1.3")):
            moved = revision.items.get(code=before)
            moved.code = after
            moved.save()
        publish(revision, chief)
        assert "ほかの項目" in read(client, "/settlements/2020/kaku-bu/1.2/")

    def test_a_former_code_of_what_is_hidden_is_404(self, client, draft, chief):
        publish(draft, chief)
        FormerCode.objects.create(settlement=draft, code="9", item=draft.items.get(code="1.2"))
        Settlement.objects.update(status=Status.DRAFT)
        assert client.get("/settlements/2020/kaku-bu/9/").status_code == 404

    def test_a_code_that_only_a_draft_had_is_not_kept(self, client, draft, chief):
        moved = draft.items.get(code="1.2")
        moved.code = "1.4"
        moved.save()
        publish(draft, chief)
        assert not FormerCode.objects.exists()
        assert client.get("/settlements/2020/kaku-bu/1.2/").status_code == 404
