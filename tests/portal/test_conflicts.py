"""Two people at once: who comes late sees both versions, and neither is lost."""

import pytest
from django.test import Client

from budgets.models import SettlementItem
from initiatives.models import Initiative
from portal import versions
from portal.models import Role, Version
from portal.revisions import list_changes, list_figure_changes, make_revision
from portal.workflow import perform
from tests import builders
from tests.admin_pages import Page, change_url, form_of, save, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def department():
    return builders.make_department()


@pytest.fixture
def first(department):
    return enter(builders.make_staff(Role.EDITOR, department, username="架空一郎"))


@pytest.fixture
def second(department):
    return enter(builders.make_staff(Role.EDITOR, department, username="架空二郎"))


@pytest.fixture
def initiative(department):
    return builders.make_initiative(
        departments=[department],
        status="draft",
        title="初めの題名",
        summary="初めの概要",
        source=builders.make_document(),
    )


def enter(user):
    client = Client()
    client.force_login(user)
    return client


def send(client, page, changes):
    """Send a form that was fetched earlier; return the answer."""
    return client.post(page.request["PATH_INFO"], form_of(page.content.decode()) | changes)


def take_late(client, answer):
    """Press the button that lays the late input over what is saved now."""
    values = {"latest": answer.context["aside"].number}
    return client.post(answer.context["restore_address"], values, follow=True)


def tables(answer) -> dict:
    """Return (place, column, old, new) of each change: "theirs" and "mine"."""
    return {
        name: {
            (change.where, cell.column, cell.old, cell.new)
            for change in answer.context[name]
            for cell in change.cells
        }
        for name in ("theirs", "mine")
    }


FIGURE = {"kind": "activity", "unit": "件", "position": 0}


def figure_row(number, **values):
    return {f"figures-{number}-{name}": value for name, value in (FIGURE | values).items()}


class TestTheSameRecord:
    def test_both_versions_are_shown_and_nothing_is_overwritten(self, first, second, initiative):
        page = second.get(change_url(initiative))
        assert save(first, first.get(change_url(initiative)), {"title": "一郎の題名"}) == []
        answer = send(second, page, {"title": "二郎の題名"})
        assert answer.status_code == 409
        assert "架空一郎さんが保存しました" in text_of(answer)
        assert tables(answer) == {
            "theirs": {("", "題名", "初めの題名", "一郎の題名")},
            "mine": {("", "題名", "一郎の題名", "二郎の題名")},
        }
        assert Page(answer.content.decode()).english == set()
        assert Page(answer.content.decode()).blocked == []
        initiative.refresh_from_db()
        assert initiative.title == "一郎の題名"

    def test_the_late_input_is_kept_in_the_history_and_can_be_taken(
        self, first, second, initiative
    ):
        page = second.get(change_url(initiative))
        save(first, first.get(change_url(initiative)), {"title": "一郎の題名"})
        answer = send(second, page, {"title": "二郎の題名"})
        aside = Version.objects.about(initiative).first()
        assert (aside.action, aside.username) == ("保存されなかった入力", "架空二郎")
        assert aside.content["initiatives.initiative"][0]["title"] == "二郎の題名"
        assert "二郎の題名" in text_of(second.get(answer.context["version_address"]))
        take_late(second, answer)
        initiative.refresh_from_db()
        assert initiative.title == "二郎の題名"
        titles = [
            version.content["initiatives.initiative"][0]["title"]
            for version in Version.objects.about(initiative).order_by("number")
        ]
        assert titles == ["初めの題名", "一郎の題名", "二郎の題名", "二郎の題名"]

    def test_what_the_late_one_did_not_touch_stays_as_the_other_saved_it(
        self, first, second, initiative
    ):
        page = second.get(change_url(initiative))
        save(first, first.get(change_url(initiative)), {"title": "一郎の題名"})
        answer = send(second, page, {"summary": "二郎の概要"})
        assert tables(answer)["mine"] == {("", "概要", "初めの概要", "二郎の概要")}
        take_late(second, answer)
        initiative.refresh_from_db()
        assert (initiative.title, initiative.summary) == ("一郎の題名", "二郎の概要")

    def test_a_form_that_was_sent_twice_is_no_conflict(self, first, initiative):
        page = first.get(change_url(initiative))
        changes = {"title": "一郎の題名", "figures-TOTAL_FORMS": 1}
        changes |= figure_row(0, label="足した数", value="3")
        assert save(first, page, changes) == []
        answer = send(first, page, changes)
        assert answer.status_code == 302
        assert initiative.figures.count() == 1
        assert Version.objects.about(initiative).count() == 2

    def test_a_late_form_with_a_mistake_stays_late_when_it_is_mended(
        self, first, second, initiative
    ):
        page = second.get(change_url(initiative))
        save(first, first.get(change_url(initiative)), {"summary": "一郎の概要"})
        wrong = send(second, page, {"title": ""})
        assert wrong.status_code == 200
        assert "このフィールドは必須です。" in text_of(wrong)
        initiative.refresh_from_db()
        assert initiative.summary == "一郎の概要"
        answer = send(second, wrong, {"title": "二郎の題名"})
        assert answer.status_code == 409
        assert tables(answer)["mine"] == {("", "題名", "初めの題名", "二郎の題名")}

    def test_a_third_save_before_the_late_input_is_taken_is_not_lost(
        self, first, second, initiative
    ):
        page = second.get(change_url(initiative))
        save(first, first.get(change_url(initiative)), {"title": "一郎の題名"})
        answer = send(second, page, {"summary": "二郎の概要"})
        save(first, first.get(change_url(initiative)), {"title": "一郎の次の題名"})
        assert "ほかの職員が保存しました" in text_of(take_late(second, answer))
        initiative.refresh_from_db()
        assert (initiative.title, initiative.summary) == ("一郎の次の題名", "初めの概要")


class TestRows:
    @pytest.fixture
    def figures(self, initiative):
        return [
            builders.make_initiative_figure(initiative, label=label, value=1)
            for label in ("甲", "乙")
        ]

    def labels(self, initiative):
        return {figure.label: int(figure.value) for figure in initiative.figures.all()}

    def test_each_adds_a_row_and_both_stay(self, first, second, initiative, figures):
        page = second.get(change_url(initiative))
        added = {"figures-TOTAL_FORMS": 3}
        new = added | figure_row(2, label="一郎の数", value="5")
        assert save(first, first.get(change_url(initiative)), new) == []
        answer = send(second, page, added | figure_row(2, label="二郎の数", value="7"))
        assert answer.status_code == 409
        take_late(second, answer)
        assert self.labels(initiative) == {"甲": 1, "乙": 1, "一郎の数": 5, "二郎の数": 7}

    def test_a_row_that_the_other_deleted_comes_back_where_the_late_one_changed_it(
        self, first, second, initiative, figures
    ):
        page = second.get(change_url(initiative))
        gone = {"figures-0-DELETE": "on", "figures-1-DELETE": "on"}
        assert save(first, first.get(change_url(initiative)), gone) == []
        answer = send(second, page, {"figures-0-value": "9"})
        assert answer.status_code == 409
        assert "追加 取組の実績値 甲" in text_of(answer)
        assert self.labels(initiative) == {}
        take_late(second, answer)
        assert self.labels(initiative) == {"甲": 9}

    def test_a_row_that_the_other_changed_is_told_to_who_deletes_it(
        self, first, second, initiative, figures
    ):
        page = second.get(change_url(initiative))
        save(first, first.get(change_url(initiative)), {"figures-0-value": "5"})
        answer = send(second, page, {"figures-0-DELETE": "on"})
        assert answer.status_code == 409
        assert "削除 取組の実績値 甲" in text_of(answer)
        assert self.labels(initiative) == {"甲": 5, "乙": 1}
        take_late(second, answer)
        assert self.labels(initiative) == {"乙": 1}

    def test_two_rows_of_the_same_name_are_refused_and_stay_in_the_history(
        self, first, second, initiative, figures
    ):
        page = second.get(change_url(initiative))
        added = {"figures-TOTAL_FORMS": 3}
        save(
            first,
            first.get(change_url(initiative)),
            added | figure_row(2, label="同じ名", value="5"),
        )
        answer = send(second, page, added | figure_row(2, label="同じ名", value="7"))
        assert "いまはほかの記録が使っている" in text_of(take_late(second, answer))
        assert self.labels(initiative)["同じ名"] == 5
        kept = Version.objects.about(initiative).first().content["initiatives.initiativefigure"]
        assert {row["value"] for row in kept if row["label"] == "同じ名"} == {"5.0000", "7.0000"}

    def test_rows_of_another_record_are_not_to_be_had(self, first, initiative, figures):
        other = builders.make_initiative_figure(label="よその数", value=1)
        page = first.get(change_url(initiative))
        send(first, page, {"figures-0-id": other.pk, "figures-0-value": "99"})
        other.refresh_from_db()
        assert other.value == 1
        assert self.labels(initiative) == {"甲": 1, "乙": 1}


class TestPartsOfOneSettlement:
    @pytest.fixture
    def items(self, department):
        settlement = builders.make_settlement(department=department, status="draft")
        return [builders.make_item(settlement, code, name=f"項目{code}") for code in ("1", "2")]

    def test_different_items_do_not_conflict(self, first, second, items):
        page = second.get(change_url(items[1]))
        assert save(first, first.get(change_url(items[0])), {"name": "一郎の名称"}) == []
        assert save(second, page, {"name": "二郎の名称"}) == []
        names = SettlementItem.objects.values_list("name", flat=True)
        assert set(names) == {"一郎の名称", "二郎の名称"}

    def test_the_same_item_does_and_the_rest_of_the_settlement_is_left_alone(
        self, first, second, items
    ):
        page = second.get(change_url(items[0]))
        save(first, first.get(change_url(items[0])), {"name": "一郎の名称"})
        save(first, first.get(change_url(items[1])), {"name": "一郎の次の名称"})
        answer = send(second, page, {"amount_yen": "1,000"})
        assert answer.status_code == 409
        assert tables(answer)["mine"] == {("決算項目 1 一郎の名称", "決算額（円）", "", "1,000")}
        take_late(second, answer)
        rows = SettlementItem.objects.values_list("name", "amount_yen")
        assert set(rows) == {("一郎の名称", 1_000), ("一郎の次の名称", None)}

    def test_an_item_that_the_other_deleted_can_be_taken_back_with_the_input(
        self, first, second, items
    ):
        figure = builders.make_settlement_figure(items[0], value=1)
        page = second.get(change_url(items[0]))
        address = change_url(items[0]).replace("change", "delete")
        assert first.post(address, {"post": "yes"}).status_code == 302
        answer = send(second, page, {"figures-0-value": "8"})
        assert answer.status_code == 409
        assert not SettlementItem.objects.filter(pk=items[0].pk).exists()
        take_late(second, answer)
        figure.refresh_from_db()
        assert (figure.value, figure.item.name) == (8, "項目1")

    def test_a_settlements_own_form_does_not_conflict_with_an_item(self, first, second, items):
        settlement = items[0].settlement
        page = second.get(change_url(settlement))
        save(first, first.get(change_url(items[0])), {"name": "一郎の名称"})
        assert save(second, page, {"heading": "第2 架空"}) == []


class TestAStepMeanwhile:
    @pytest.mark.parametrize(
        ("action", "said"),
        [("submit", "「承認待ち」になったため"), ("bin", "「ごみ箱」になったため")],
    )
    def test_the_input_is_kept_and_told(self, second, initiative, department, action, said):
        page = second.get(change_url(initiative))
        perform(initiative, action, builders.make_staff(Role.EDITOR, department))
        answer = send(second, page, {"title": "二郎の題名"})
        assert answer.status_code == 409
        assert said in text_of(answer)
        assert "重ねて保存する" not in text_of(answer)
        initiative.refresh_from_db()
        assert initiative.title == "初めの題名"
        aside = Version.objects.about(initiative).first()
        assert aside.action == "保存されなかった入力"
        assert aside.content["initiatives.initiative"][0]["title"] == "二郎の題名"

    def test_after_publication_the_kept_input_becomes_a_revision(
        self, first, second, initiative, department
    ):
        page = second.get(change_url(initiative))
        save(first, first.get(change_url(initiative)), {"summary": "一郎の概要"})
        perform(initiative, "submit", builders.make_staff(Role.EDITOR, department))
        perform(initiative, "approve", builders.make_staff(Role.APPROVER, department))
        answer = send(second, page, {"title": "二郎の題名"})
        assert answer.status_code == 409
        take_late(second, answer)
        revision = Initiative.objects.get(revises=initiative)
        assert (revision.title, revision.summary) == ("二郎の題名", "一郎の概要")

    def test_a_part_is_not_added_to_what_was_submitted_meanwhile(
        self, second, initiative, department
    ):
        page = second.get("/admin/initiatives/distinction/add/")
        perform(initiative, "submit", builders.make_staff(Role.EDITOR, department))
        values = {"initiative": initiative.pk, "name": "全国初", "position": 0}
        assert "正しく選択してください" in save(second, page, values)[0]
        assert not initiative.distinctions.exists()


class TestARevisionThatIsThereNoMore:
    @pytest.fixture
    def original(self, department):
        original = builders.make_initiative(
            departments=[department],
            title="公開の題名",
            summary="公開の概要",
            source=builders.make_document(),
        )
        builders.make_initiative_figure(original, label="甲", value=1)
        return original

    @pytest.fixture
    def revision(self, original):
        return make_revision(original, None)

    def approve(self, revision, department):
        editor = builders.make_staff(Role.EDITOR, department)
        said = {
            change.key: {"kind": "update", "text": "新しい数"}
            for change in list_figure_changes(revision)
        }
        perform(revision, "submit", editor, announcements=said)
        perform(revision, "approve", builders.make_staff(Role.APPROVER, department))

    def test_input_after_the_approval_is_kept_with_what_was_revised(
        self, first, second, original, revision, department
    ):
        page = second.get(change_url(revision))
        changes = {"summary": "一郎の概要", "figures-0-value": "2", "figures-TOTAL_FORMS": 2}
        changes |= figure_row(1, label="一郎の数", value="5")
        assert save(first, first.get(change_url(revision)), changes) == []
        revision.refresh_from_db()
        self.approve(revision, department)
        answer = send(second, page, {"title": "二郎の題名", "figures-0-note": "二郎の注記"})
        assert answer.status_code == 409
        assert "改訂案は、画面を開いたあとで公開されたか破棄された" in text_of(answer)
        assert tables(answer) == {
            "theirs": {
                ("", "概要", "公開の概要", "一郎の概要"),
                ("取組の実績値 甲", "値", "1", "2"),
                ("取組の実績値 一郎の数", "項目", "", "一郎の数"),
                ("取組の実績値 一郎の数", "種類", "", "活動量"),
                ("取組の実績値 一郎の数", "値", "", "5"),
                ("取組の実績値 一郎の数", "単位", "", "件"),
                ("取組の実績値 一郎の数", "並び順", "", "0"),
            },
            "mine": {
                ("", "題名", "公開の題名", "二郎の題名"),
                ("取組の実績値 甲", "注記", "", "二郎の注記"),
            },
        }
        assert "あなたの入力で改訂案を作る" in Page(answer.content.decode()).words
        take_late(second, answer)
        again = Initiative.objects.get(revises=original)
        assert (again.title, again.summary) == ("二郎の題名", "一郎の概要")
        assert {(f.label, int(f.value), f.note) for f in again.figures.all()} == {
            ("甲", 2, "二郎の注記"),
            ("一郎の数", 5, ""),
        }
        assert [change.kind for change in list_changes(again)] == ["changed", "changed"]

    def test_input_after_it_was_discarded_is_kept_too(self, second, original, revision, department):
        page = second.get(change_url(revision))
        perform(revision, "discard", builders.make_staff(Role.EDITOR, department))
        answer = send(second, page, {"title": "二郎の題名"})
        assert answer.status_code == 409
        assert tables(answer)["mine"] == {("", "題名", "公開の題名", "二郎の題名")}
        kept = Version.objects.about(original).first().content["initiatives.initiative"][0]
        assert (kept["title"], kept["slug"]) == ("二郎の題名", original.slug)
        assert not Initiative.objects.filter(revises=original).exists()

    def test_input_on_a_part_of_it_is_kept(self, second, department):
        settlement = builders.make_settlement(department=department)
        builders.make_item(settlement, "1", name="公開の名称")
        revision = make_revision(settlement, None)
        page = second.get(change_url(revision.items.get()))
        perform(revision, "discard", builders.make_staff(Role.EDITOR, department))
        answer = send(second, page, {"name": "二郎の名称"})
        assert answer.status_code == 409
        assert tables(answer)["mine"] == {
            ("決算項目 1 二郎の名称", "名称", "公開の名称", "二郎の名称")
        }

    def test_what_was_discarded_stands_in_the_history_as_a_readable_difference(
        self, first, original, revision, department
    ):
        save(first, first.get(change_url(revision)), {"figures-0-value": "7"})
        perform(revision, "discard", builders.make_staff(Role.EDITOR, department))
        version = Version.objects.about(original).first()
        assert version.action == "破棄した改訂案"
        page = first.get(f"/admin/initiatives/initiative/{original.pk}/versions/{version.number}/")
        [change] = page.context["changes"]
        assert (change.where, *change.cells[0][:3]) == ("取組の実績値 甲", "値", "1", "7")

    def test_a_stranger_gets_nothing_of_it(self, first, original, revision, department):
        page = first.get(change_url(revision))
        perform(revision, "discard", builders.make_staff(Role.EDITOR, department))
        stranger = enter(builders.make_staff(Role.EDITOR, builders.make_department()))
        answer = send(stranger, page, {"title": "横取り"})
        assert answer.status_code == 302
        assert not Version.objects.filter(action="保存されなかった入力").exists()


class TestForgedStates:
    def test_the_state_of_another_departments_record_opens_nothing(self, second, initiative):
        other = builders.make_initiative(
            departments=[builders.make_department()], status="draft", title="よその題名"
        )
        versions.save_version(other, "作成")
        page = second.get(change_url(initiative))
        mark = page.context["form_state"].rpartition(".")[2]
        for state in (f"{other.pk}.1.{mark}", f"{other.pk}.1.x", "1.1.1.1", "x", "９.1.x"):
            for record in (initiative, other):
                values = form_of(page.content.decode()) | {"form_state": state, "title": "横取り"}
                answer = second.post(change_url(record), values, follow=True)
                assert "よその題名" not in text_of(answer)
        other.refresh_from_db()
        assert other.title == "よその題名"
        assert Version.objects.about(other).count() == 1
