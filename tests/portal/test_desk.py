"""The start of the admin for each role, the bin, and the page of what was withdrawn."""

import datetime

import pytest
from django.utils import timezone

from budgets.models import Settlement
from initiatives.models import Initiative
from portal import revisions
from portal.audit import AuditEntry
from portal.models import GlossaryTerm, Role
from portal.publishing import Status
from portal.workflow import perform
from tests import builders
from tests.admin_pages import count_queries, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def department():
    return builders.make_department()


@pytest.fixture
def editor(department):
    return builders.make_staff(Role.EDITOR, department, username="架空編集")


@pytest.fixture
def approver(department):
    return builders.make_staff(Role.APPROVER, department, username="架空承認")


def make_initiative(department, **fields):
    return builders.make_initiative(
        departments=[department], **{"source": builders.make_document()} | fields
    )


def sections(client, user) -> dict[str, list[str]]:
    """Return the names of the records in each section of a user's desk."""
    client.force_login(user)
    desk = client.get("/admin/").context["desk"]
    return {section.title: [str(entry.record) for entry in section.entries] for section in desk}


class TestDesk:
    def test_each_sees_what_waits_for_them(self, department, editor, approver, client):
        initiative = make_initiative(department, title="待つ取組", status=Status.DRAFT)
        assert sections(client, editor) == {"下書きと改訂案": ["待つ取組"]}
        assert sections(client, approver) == {}
        perform(initiative, "submit", editor)
        assert sections(client, editor) == {"承認を求めています": ["待つ取組"]}
        assert sections(client, approver) == {"あなたの承認を待っています": ["待つ取組"]}
        perform(initiative, "send_back", approver, comment="短くしてください")
        assert sections(client, editor) == {"差し戻されました": ["待つ取組"]}
        assert "架空承認「短くしてください」" in text_of(client.get("/admin/"))

    def test_other_departments_are_not_on_it(self, department, client):
        make_initiative(department, title="よその取組", status=Status.DRAFT)
        make_initiative(department, title="よその承認待ち", status=Status.IN_REVIEW)
        for role in (Role.EDITOR, Role.APPROVER):
            user = builders.make_staff(role, builders.make_department())
            assert sections(client, user) == {}
        over_all = sections(client, builders.make_staff(Role.ADMINISTRATOR))
        assert over_all == {
            "あなたの承認を待っています": ["よその承認待ち"],
            "下書きと改訂案": ["よその取組"],
        }

    def test_what_is_planned_comes_by_its_day(self, department, editor, client):
        now = timezone.now()
        make_initiative(department, title="あさって", publish_from=now + datetime.timedelta(2))
        make_initiative(department, title="あした終わる", publish_until=now + datetime.timedelta(1))
        make_initiative(
            department, title="遠い先に終わる", publish_until=now + datetime.timedelta(99)
        )
        assert sections(client, editor) == {"予定": ["あした終わる", "あさって"]}

    def test_what_does_not_move_is_named(self, department, editor, client):
        long_ago = timezone.now() - datetime.timedelta(400)
        old = make_initiative(department, title="古い取組")
        late = make_initiative(department, title="古い下書き", status=Status.DRAFT)
        Initiative.objects.filter(pk__in=[old.pk, late.pk]).update(updated_at=long_ago)
        assert set(sections(client, editor)["しばらく動いていません"]) == {"古い取組", "古い下書き"}

    def test_opening_it_publishes_the_revisions_whose_day_has_come(
        self, department, editor, approver, client
    ):
        initiative = make_initiative(department, title="前の題名")
        revision = revisions.make_revision(initiative, editor)
        revision.title = "新しい題名"
        revision.save()
        perform(revision, "submit", editor)
        later = timezone.now() + datetime.timedelta(hours=1)
        perform(revision, "approve", approver, publish_from=later)
        assert sections(client, editor) == {"予定": ["新しい題名"]}
        Initiative.objects.filter(pk=revision.pk).update(publish_from=timezone.now())
        assert sections(client, editor) == {}
        initiative.refresh_from_db()
        assert initiative.title == "新しい題名"

    def test_the_queries_do_not_grow_with_the_records(self, department, editor, client):
        client.force_login(editor)

        def fill(number):
            for _ in range(number):
                make_initiative(department, status=Status.DRAFT)
                draft = make_initiative(department, status=Status.DRAFT)
                perform(draft, "submit", editor)
                builders.make_settlement(
                    department=department, fiscal_year=2001 + number + _, status=Status.DRAFT
                )

        fill(1)
        few = count_queries(client, "/admin/")
        fill(8)
        assert count_queries(client, "/admin/") == few


class TestBin:
    def test_a_binned_record_comes_back_as_a_draft(self, department, editor, client):
        initiative = make_initiative(department, title="捨てた取組", status=Status.DRAFT)
        client.force_login(editor)
        page = f"/admin/initiatives/initiative/{initiative.pk}/step/bin/"
        assert client.post(page, {"comment": ""}).status_code == 302
        page = client.get("/admin/bin/")
        assert "捨てた取組" in text_of(page)
        assert "捨てた取組" not in text_of(client.get("/admin/initiatives/initiative/"))
        address = f"/admin/initiatives/initiative/{initiative.pk}/step/restore/"
        assert address in page.content.decode()
        assert client.post(address, {"comment": ""}).status_code == 302
        initiative.refresh_from_db()
        assert initiative.status == Status.DRAFT

    def test_other_departments_are_not_in_it(self, department, client):
        make_initiative(department, title="よその取組", status=Status.BINNED)
        client.force_login(builders.make_staff(Role.EDITOR, builders.make_department()))
        assert "よその取組" not in text_of(client.get("/admin/bin/"))

    def test_a_deleted_word_comes_back(self, client):
        administrator = builders.make_staff(Role.ADMINISTRATOR)
        client.force_login(administrator)
        term = builders.make_term(term="架空語", explanation="大切な説明")
        address = f"/admin/portal/glossaryterm/{term.pk}/delete/"
        assert client.post(address, {"post": "yes"}).status_code == 302
        assert not GlossaryTerm.objects.exists()
        (version,) = client.get("/admin/bin/").context["deleted"]
        client.get(f"/admin/bin/{version.pk}/restore/")
        assert not GlossaryTerm.objects.exists()
        client.post(f"/admin/bin/{version.pk}/restore/")
        assert GlossaryTerm.objects.get().explanation == "大切な説明"
        assert list(client.get("/admin/bin/").context["deleted"]) == []
        assert {"deleted", "restored"} <= set(AuditEntry.objects.values_list("action", flat=True))

    def test_an_editor_restores_no_shared_record(self, editor, client):
        client.force_login(builders.make_staff(Role.ADMINISTRATOR))
        term = builders.make_term()
        client.post(f"/admin/portal/glossaryterm/{term.pk}/delete/", {"post": "yes"})
        (version,) = client.get("/admin/bin/").context["deleted"]
        client.force_login(editor)
        assert client.post(f"/admin/bin/{version.pk}/restore/").status_code == 403
        assert not client.get("/admin/bin/").context["deleted"]

    def test_the_queries_do_not_grow_with_the_records(self, department, client):
        client.force_login(builders.make_staff(Role.ADMINISTRATOR))
        make_initiative(department, status=Status.BINNED)
        few = count_queries(client, "/admin/bin/")
        for _ in range(9):
            make_initiative(department, status=Status.BINNED)
        assert count_queries(client, "/admin/bin/") == few


class TestWithdrawn:
    @pytest.mark.parametrize("below", ["", "1/"])
    def test_the_public_reads_the_reason_and_nothing_else(
        self, below, department, approver, client
    ):
        settlement = builders.make_settlement(
            department=department, introduction="取り下げた概要", internal_note="庁内の事情"
        )
        builders.make_item(settlement, "1", name="取り下げた項目")
        perform(settlement, "withdraw", approver, comment="数値を確かめています。")
        answer = client.get(settlement.get_absolute_url() + below)
        assert answer.status_code == 410
        text = text_of(answer)
        assert "公開していた決算を" in text
        assert "数値を確かめています。" in text
        for hidden in ("取り下げた概要", "取り下げた項目", "庁内の事情"):
            assert hidden not in text
        assert Settlement.objects.published().count() == 0

    def test_an_initiative_an_indicator_a_report_and_a_document_too(self, department, client):
        over_all = builders.make_staff(Role.ADMINISTRATOR)
        for record in (
            make_initiative(department),
            builders.make_indicator(department=department),
            builders.make_report(),
            builders.make_document(),
        ):
            perform(record, "withdraw", over_all, comment="理由です。")
            answer = client.get(record.get_absolute_url())
            assert (answer.status_code, "理由です。" in text_of(answer)) == (410, True)

    def test_drafts_and_what_was_put_aside_without_a_reason_stay_unknown(self, department, client):
        for status in (Status.DRAFT, Status.WITHDRAWN, Status.BINNED, Status.IN_REVIEW):
            initiative = make_initiative(department, status=status)
            assert client.get(initiative.get_absolute_url()).status_code == 404


class TestPreview:
    def test_it_is_the_public_page_and_leaves_everything_as_it_was(
        self, department, editor, client
    ):
        settlement = builders.make_settlement(
            department=department, source=builders.make_document(), introduction="公開中の概要"
        )
        item = builders.make_item(settlement, "1", name="公開中の項目", amount_yen=1_000_000)
        revision = revisions.make_revision(settlement, editor)
        revision.introduction = "改めた概要"
        revision.save()
        copied = revision.items.get()
        copied.name = "改めた項目"
        copied.save()
        before = list(Settlement.objects.order_by("pk").values())
        client.force_login(editor)
        page = client.get(f"/admin/budgets/settlement/{revision.pk}/preview/")
        text = text_of(page)
        assert "改めた概要" in text and "改めた項目" in text
        assert "プレビュー" in text
        assert "no-store" in page["Cache-Control"]
        below = client.get(f"/admin/budgets/settlement/{revision.pk}/preview/?below=1/")
        assert "改めた項目" in text_of(below)
        assert list(Settlement.objects.order_by("pk").values()) == before
        item.refresh_from_db()
        assert item.name == "公開中の項目"
        assert "公開中の概要" in text_of(client.get(settlement.get_absolute_url()))

    def test_a_draft_under_a_draft_report_is_shown_too(self, department, editor, client):
        report = builders.make_report(status=Status.DRAFT)
        initiative = make_initiative(
            department, title="下書きの題名", report=report, status=Status.DRAFT
        )
        client.force_login(editor)
        page = client.get(f"/admin/initiatives/initiative/{initiative.pk}/preview/")
        assert "下書きの題名" in text_of(page)
        report.refresh_from_db()
        assert report.status == Status.DRAFT

    @pytest.mark.parametrize("below", ["../", "99/", "//evil.example/", "?x=1", "１/"])
    def test_odd_places_below_are_not_found(self, below, department, editor, client):
        settlement = builders.make_settlement(department=department, status=Status.DRAFT)
        client.force_login(editor)
        page = client.get(f"/admin/budgets/settlement/{settlement.pk}/preview/", {"below": below})
        assert page.status_code in (200, 404)

    def test_nobody_previews_another_departments_draft(self, department, client):
        initiative = make_initiative(department, status=Status.DRAFT)
        address = f"/admin/initiatives/initiative/{initiative.pk}/preview/"
        client.force_login(builders.make_staff(Role.EDITOR, builders.make_department()))
        assert client.get(address).status_code == 404
        client.logout()
        assert client.get(address).status_code == 302
