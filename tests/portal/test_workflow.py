"""The way of a record to the public: every role, state and step, and what a revision leaves as it was."""

import datetime
import itertools

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from budgets.models import Settlement, SettlementFigure
from initiatives.models import Initiative
from portal import revisions, versions
from portal.audit import AuditEntry
from portal.due_revisions import due_revisions_middleware
from portal.models import ChangeNote, Role, SearchEntry, SearchKind, Transition, Version
from portal.publishing import Status
from portal.workflow import (
    RULES,
    WorkflowError,
    list_actions,
    perform,
    publish_due,
    submission_of,
)
from tests import builders

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


@pytest.fixture
def administrator():
    return builders.make_staff(Role.ADMINISTRATOR, username="架空管理")


def make_initiative(department, **fields):
    initiative = builders.make_initiative(
        departments=[department], **{"source": builders.make_document()} | fields
    )
    return initiative


def actions(user, record):
    return {rule.action for rule in list_actions(user, record)}


OWN_STEPS = {
    Role.EDITOR: {
        Status.DRAFT: {"submit", "bin"},
        Status.IN_REVIEW: {"take_back"},
        Status.PUBLISHED: set(),
        Status.WITHDRAWN: {"reopen", "bin"},
        Status.BINNED: {"restore"},
    },
    Role.APPROVER: {
        Status.DRAFT: set(),
        Status.IN_REVIEW: {"approve", "send_back"},
        Status.PUBLISHED: {"withdraw"},
        Status.WITHDRAWN: set(),
        Status.BINNED: set(),
    },
}


class TestWhoMayTakeWhichStep:
    @pytest.mark.parametrize(
        ("role", "status"), list(itertools.product(OWN_STEPS, OWN_STEPS["editor"]))
    )
    def test_the_steps_of_a_role_in_its_own_department(self, role, status, department):
        user = builders.make_staff(role, department)
        initiative = make_initiative(department, status=status)
        assert actions(user, initiative) == OWN_STEPS[role][status]

    @pytest.mark.parametrize(
        ("role", "status"), list(itertools.product(OWN_STEPS, OWN_STEPS["editor"]))
    )
    def test_nobody_takes_a_step_in_another_department(self, role, status, department):
        user = builders.make_staff(role, builders.make_department())
        initiative = make_initiative(department, status=status)
        assert actions(user, initiative) == set()
        for action in RULES:
            with pytest.raises(WorkflowError):
                perform(initiative, action, user, comment="試し")
        initiative.refresh_from_db()
        assert initiative.status == status
        assert not Transition.objects.exists()

    def test_an_administrator_takes_the_steps_of_both_roles_everywhere(self, department):
        user = builders.make_staff(Role.ADMINISTRATOR)
        for status in OWN_STEPS["editor"]:
            initiative = make_initiative(department, status=status)
            wanted = OWN_STEPS[Role.EDITOR][status] | OWN_STEPS[Role.APPROVER][status]
            assert actions(user, initiative) == wanted

    def test_a_role_covers_the_departments_below(self, department):
        below = builders.make_department(parent=builders.make_department(parent=department))
        user = builders.make_staff(Role.EDITOR, department)
        assert "submit" in actions(user, make_initiative(below, status=Status.DRAFT))
        above = builders.make_staff(Role.EDITOR, below)
        assert actions(above, make_initiative(department, status=Status.DRAFT)) == set()

    def test_who_may_not_enter_the_admin_takes_no_step(self, department):
        user = builders.make_staff(Role.EDITOR, department, is_staff=False)
        assert actions(user, make_initiative(department, status=Status.DRAFT)) == set()


class TestTheWayToThePublic:
    def test_from_draft_by_review_back_and_again_to_the_public(self, department, editor, approver):
        initiative = make_initiative(department, status=Status.DRAFT)
        perform(initiative, "submit", editor, comment="お願いします")
        assert not Initiative.objects.published().exists()
        perform(initiative, "send_back", approver, comment="概要を短くしてください")
        assert initiative.status == Status.DRAFT
        perform(initiative, "submit", editor)
        perform(initiative, "approve", approver, announcement="新しい取組を公開しました。")
        assert Initiative.objects.published().get() == initiative
        steps = [(s.action, s.username, s.comment) for s in Transition.objects.order_by("pk")]
        assert steps == [
            ("submit", "架空編集", "お願いします"),
            ("send_back", "架空承認", "概要を短くしてください"),
            ("submit", "架空編集", ""),
            ("approve", "架空承認", ""),
        ]
        assert ChangeNote.objects.published().get().text == "新しい取組を公開しました。"

    def test_sending_back_and_withdrawing_need_a_reason(self, department, approver):
        waiting = make_initiative(department, status=Status.IN_REVIEW)
        with pytest.raises(WorkflowError, match="直してほしいことを書いてください"):
            perform(waiting, "send_back", approver, comment="  ")
        public = make_initiative(department)
        with pytest.raises(WorkflowError, match="理由"):
            perform(public, "withdraw", approver)
        perform(public, "withdraw", approver, comment="数値を確かめています。")
        public.refresh_from_db()
        assert (public.status, public.withdrawal_reason) == (
            Status.WITHDRAWN,
            "数値を確かめています。",
        )

    def test_nobody_approves_their_own_submission(self, department, editor):
        initiative = make_initiative(department, status=Status.DRAFT)
        both = builders.make_staff(Role.EDITOR, department)
        builders.Membership.objects.create(user=both, role=Role.APPROVER, department=department)
        perform(initiative, "submit", both)
        with pytest.raises(WorkflowError, match="自分が申請したもの"):
            perform(initiative, "approve", both)
        with pytest.raises(WorkflowError, match="自分が申請したもの"):
            perform(initiative, "approve", both, is_bypass=True)
        initiative.refresh_from_db()
        assert initiative.status == Status.IN_REVIEW

    def test_an_administrator_who_does_is_recorded(self, department, administrator):
        initiative = make_initiative(department, status=Status.DRAFT)
        perform(initiative, "submit", administrator)
        with pytest.raises(WorkflowError, match="印"):
            perform(initiative, "approve", administrator)
        perform(initiative, "approve", administrator, is_bypass=True, comment="急ぎのため")
        assert Transition.objects.first().is_bypass
        entry = AuditEntry.objects.get(action="approval_bypass")
        assert (entry.action, entry.username, entry.detail) == (
            "approval_bypass",
            "架空管理",
            "急ぎのため",
        )

    def test_a_record_with_errors_is_not_submitted(self, department, editor):
        initiative = make_initiative(department, status=Status.DRAFT, summary="")
        with pytest.raises(WorkflowError, match="直すところ"):
            perform(initiative, "submit", editor)

    def test_a_day_of_publication_is_kept_to(self, department, editor, approver):
        initiative = make_initiative(department, status=Status.DRAFT)
        perform(initiative, "submit", editor)
        tomorrow = timezone.now() + datetime.timedelta(days=1)
        with pytest.raises(WorkflowError, match="後に"):
            perform(
                initiative, "approve", approver, publish_from=tomorrow, publish_until=timezone.now()
            )
        perform(initiative, "approve", approver, publish_from=tomorrow)
        assert initiative.status == Status.PUBLISHED
        assert not Initiative.objects.published().exists()

    def test_a_step_that_somebody_else_took_first_is_refused(self, department, editor, approver):
        initiative = make_initiative(department, status=Status.DRAFT)
        stale = Initiative.objects.get()
        perform(initiative, "submit", editor)
        with pytest.raises(WorkflowError, match="いま「承認待ち」です"):
            perform(stale, "bin", editor)

    def test_the_bin_gives_back(self, department, editor):
        initiative = make_initiative(department, status=Status.DRAFT)
        content = versions.take(initiative)
        perform(initiative, "bin", editor)
        perform(initiative, "restore", editor)
        assert initiative.status == Status.DRAFT
        assert versions.take(initiative) == content


@pytest.fixture
def settlement(department):
    settlement = builders.make_settlement(
        department=department, source=builders.make_document(), introduction="前の概要"
    )
    item = builders.make_item(settlement, "1", name="架空の事業", amount_yen=5_000_000)
    builders.make_settlement_figure(item, label="前の項目", value=12, unit="件", kind="activity")
    return settlement


class TestRevisions:
    def test_the_public_sees_nothing_of_a_revision(self, settlement, editor, client):
        revision = revisions.make_revision(settlement, editor)
        revision.introduction = "改訂の秘密"
        revision.save()
        item = revision.items.get()
        item.name = "改訂の秘密の項目"
        item.save()
        assert revision.status == Status.DRAFT
        for address in (settlement.get_absolute_url(), "/search/?q=改訂の秘密", "/settlements/"):
            assert (
                "改訂の秘密"
                not in client.get(address)
                .content.decode()
                .replace("q=改訂の秘密", "")
                .replace('value="改訂の秘密"', "")
                .split("<main")[1]
                .split("「改訂の秘密」")[0]
            )
        assert Settlement.objects.published().get() == settlement

    def test_the_swap_asks_no_more_for_more_rows_and_the_search_follows(self, settlement, editor):
        counts = []
        for new in (2, 9):
            for number in range(new):
                item = builders.make_item(settlement, f"{settlement.items.count() + 1}")
                for label in ("架空の甲", "架空の乙"):
                    builders.make_settlement_figure(item, label=f"{label}{number}")
            revision = revisions.make_revision(settlement, editor)
            changed = revision.items.get(code="2")
            changed.name = f"改めた名称{new}"
            changed.save()
            revision.items.get(code="1").figures.all().delete()
            copies = list(revision.items.values_list("pk", flat=True))
            with CaptureQueriesContext(connection) as queries:
                revisions.apply_revision(revision, editor)
            counts.append(len(queries))
            entries = SearchEntry.objects.filter(kind=SearchKind.SETTLEMENT_ITEM)
            assert entries.count() == settlement.items.count()
            assert not entries.filter(object_id__in=copies).exists()
            assert entries.get(title__contains="改めた名称").title == changed.name
            assert not entries.filter(body__contains="前の項目").exists()
        assert counts[1] <= counts[0], counts

    def test_there_is_one_revision_at_a_time(self, settlement, editor):
        first = revisions.make_revision(settlement, editor)
        assert revisions.make_revision(settlement, editor) == first

    def test_approval_swaps_the_content_and_keeps_every_number(self, settlement, editor, approver):
        item, figure = settlement.items.get(), SettlementFigure.objects.get()
        note = builders.make_change_note(figure)
        revision = revisions.make_revision(settlement, editor)
        revision.introduction = "新しい概要"
        revision.save()
        copied = revision.items.get()
        copied.code, copied.name = "2", "改めた名称"
        copied.save()
        copied_figure = copied.figures.get()
        copied_figure.label = "新しい項目"
        copied_figure.save()
        builders.make_item(revision, "1", name="加えた事業")
        perform(revision, "submit", editor)
        result = perform(revision, "approve", approver)
        assert result == settlement
        settlement.refresh_from_db()
        assert (settlement.introduction, settlement.status) == ("新しい概要", Status.PUBLISHED)
        assert dict(settlement.items.values_list("code", "name")) == {
            "1": "加えた事業",
            "2": "改めた名称",
        }
        item.refresh_from_db()
        assert item.code == "2"
        figure.refresh_from_db()
        assert figure.label == "新しい項目"
        assert note.record == figure
        assert Settlement.objects.count() == 1
        assert SettlementFigure.objects.count() == 1
        assert {s.action for s in Transition.objects.about(settlement)} == {"submit", "approve"}

    def test_a_changed_figure_asks_for_update_or_correction(self, settlement, editor, approver):
        revision = revisions.make_revision(settlement, editor)
        copied = revision.items.get().figures.get()
        copied.value = 15
        copied.save()
        change = revisions.list_figure_changes(revision)[0]
        assert (change.old, change.new, change.column) == ("12件", "15件", "値")
        with pytest.raises(WorkflowError, match="更新か正誤か"):
            perform(revision, "submit", editor)
        said = {change.key: {"kind": "correction", "text": "集計の誤りを直しました。"}}
        perform(revision, "submit", editor, announcements=said)
        perform(revision, "approve", approver)
        note = ChangeNote.objects.published().get()
        assert (note.kind, note.old, note.new) == ("correction", "12件", "15件")
        assert note.text == "集計の誤りを直しました。"
        assert note.record == SettlementFigure.objects.get()
        assert "前の項目" in note.field

    def test_a_changed_unit_is_a_changed_figure(self, settlement, editor):
        revision = revisions.make_revision(settlement, editor)
        revision.items.get().figures.update(unit="人")
        (change,) = revisions.list_figure_changes(revision)
        assert (change.old, change.new) == ("12件", "12人")

    def test_a_deleted_figure_and_amount_are_told_on_the_record(self, settlement, editor, approver):
        revision = revisions.make_revision(settlement, editor)
        revision.items.get().figures.all().delete()
        changes = revisions.list_figure_changes(revision)
        said = {change.key: {"kind": "update", "text": "重複でした。"} for change in changes}
        perform(revision, "submit", editor, announcements=said)
        perform(revision, "approve", approver)
        assert {note.record for note in ChangeNote.objects.all()} == {settlement}

    def test_a_revision_can_wait_for_its_day(self, settlement, editor, approver):
        revision = revisions.make_revision(settlement, editor)
        revision.introduction = "明日の概要"
        revision.save()
        perform(revision, "submit", editor)
        tomorrow = timezone.now() + datetime.timedelta(days=1)
        perform(revision, "approve", approver, publish_from=tomorrow)
        assert publish_due() == []
        settlement.refresh_from_db()
        assert settlement.introduction == "前の概要"
        Settlement.objects.filter(pk=revision.pk).update(publish_from=timezone.now())
        assert publish_due() == [settlement]
        settlement.refresh_from_db()
        assert settlement.introduction == "明日の概要"
        assert Version.objects.about(settlement).first().username == "架空承認"
        assert publish_due() == []

    def test_a_discarded_revision_stays_in_the_history(self, settlement, editor):
        revision = revisions.make_revision(settlement, editor)
        revision.introduction = "捨てた概要"
        revision.save()
        assert perform(revision, "discard", editor, comment="取りやめ") == settlement
        assert Settlement.objects.count() == 1
        version = Version.objects.about(settlement).get(action="破棄した改訂案")
        assert version.content["budgets.settlement"][0]["introduction"] == "捨てた概要"
        again = revisions.make_revision(settlement, editor, version.content)
        assert again.introduction == "捨てた概要"

    def test_an_initiative_keeps_its_address(self, department, editor, approver, client):
        initiative = make_initiative(department, slug="kakuu", title="前の題名")
        revision = revisions.make_revision(initiative, editor)
        assert client.get(f"/initiatives/{revision.slug}/").status_code == 404
        revision.title = "新しい題名"
        revision.save()
        perform(revision, "submit", editor)
        perform(revision, "approve", approver)
        assert "新しい題名" in client.get("/initiatives/kakuu/").content.decode()
        initiative.refresh_from_db()
        assert list(initiative.departments.all()) == [department]

    def test_withdrawn_records_come_back_by_their_revision(
        self, settlement, editor, approver, client
    ):
        revision = revisions.make_revision(settlement, editor)
        perform(settlement, "withdraw", approver, comment="確かめています。")
        with pytest.raises(WorkflowError, match="改訂案があります"):
            perform(settlement, "reopen", editor)
        perform(revision, "submit", editor)
        assert submission_of(revision).username == "架空編集"
        perform(revision, "approve", approver)
        settlement.refresh_from_db()
        assert (settlement.status, settlement.withdrawal_reason) == (Status.PUBLISHED, "")


class TestDueRevisions:
    def test_a_request_publishes_what_is_due_at_its_moment(
        self, settlement, editor, approver, rf, monkeypatch
    ):
        middleware = due_revisions_middleware(lambda request: "answer")
        assert middleware(rf.get("/")) == "answer"
        revision = revisions.make_revision(settlement, editor)
        revision.introduction = "新しい概要"
        revision.save()
        perform(revision, "submit", editor)
        moment = timezone.now() + datetime.timedelta(hours=1)
        perform(revision, "approve", approver, publish_from=moment)
        for after, shown in [(-1, "前の概要"), (0, "新しい概要")]:
            now = moment + datetime.timedelta(microseconds=after)
            monkeypatch.setattr("django.utils.timezone.now", lambda now=now: now)
            middleware(rf.get("/"))
            settlement.refresh_from_db()
            assert settlement.introduction == shown

    def test_between_two_moments_a_request_asks_for_the_edition_alone(
        self, settlement, rf, django_assert_num_queries
    ):
        middleware = due_revisions_middleware(lambda request: "answer")
        middleware(rf.get("/"))
        with django_assert_num_queries(1):
            middleware(rf.get("/"))
        with django_assert_num_queries(0):
            middleware(rf.get("/static/portal/portal.css"))

    def test_a_failure_spoils_no_answer(self, rf, monkeypatch):
        def fail():
            raise DatabaseError

        monkeypatch.setattr("portal.due_revisions.publish_due", fail)
        assert due_revisions_middleware(lambda request: "answer")(rf.get("/")) == "answer"
