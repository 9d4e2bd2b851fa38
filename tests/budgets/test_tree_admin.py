"""Staff move a draft's items by buttons, and nobody moves what is not theirs or has changed."""

import re

import pytest
from django.urls import reverse

from budgets.models import Settlement, SettlementItem
from portal.models import Role, SearchEntry, Version
from portal.publishing import Status
from portal.revisions import make_revision
from portal.workflow import perform
from tests import builders
from tests.admin_pages import Page, count_queries, text_of

pytestmark = pytest.mark.django_db

STALE = "画面を開いたあとで項目が変わったため、動かしませんでした。"


@pytest.fixture
def department():
    return builders.make_department()


@pytest.fixture
def editor(department):
    return builders.make_staff(Role.EDITOR, department)


@pytest.fixture
def settlement(department):
    settlement = builders.make_settlement(department=department, status=Status.DRAFT)
    for code in ("1", "1.1", "1.2", "2"):
        builders.make_item(settlement, code, name=f"もとの{code}")
    return settlement


@pytest.fixture
def desk(client, editor):
    client.force_login(editor)
    return client


def tree_url(settlement):
    return reverse("admin:budgets_settlement_tree", args=[settlement.pk])


def press(client, settlement, name, move, page=None):
    """Press a button on the page of a tree, by default as it is now; return what follows."""
    page = page or client.get(tree_url(settlement))
    item = settlement.items.get(name=name)
    fields = {"state": page.context["state"], "move": f"{move}:{item.pk}"}
    return client.post(tree_url(settlement), fields, follow=True)


def codes_of(settlement):
    return dict(settlement.items.values_list("name", "code"))


def message_of(response):
    return " ".join(str(message) for message in response.context["messages"])


class TestMoving:
    def test_the_rows_stand_in_the_order_of_their_new_numbers(self, desk, settlement):
        answer = press(desk, settlement, "もとの1.2", "up")
        shown = re.findall(r'tree-(\d)">(\S+) <a [^>]*>([^<]+)<', answer.content.decode())
        assert shown == [
            ("1", "1", "もとの1"),
            ("2", "(1)", "もとの1.2"),
            ("2", "(2)", "もとの1.1"),
            ("1", "2", "もとの2"),
        ]

    def test_a_move_is_told_in_words_and_ends_at_the_moved_row(self, desk, settlement):
        answer = press(desk, settlement, "もとの1", "down")
        item = settlement.items.get(name="もとの1")
        assert codes_of(settlement) == {
            "もとの2": "1",
            "もとの1": "2",
            "もとの1.1": "2.1",
            "もとの1.2": "2.2",
        }
        assert message_of(answer) == (
            "「もとの1」は、1から2になりました。番号が変わった項目は4件です。"
        )
        assert answer.redirect_chain == [(f"{tree_url(settlement)}#item-{item.pk}", 302)]
        assert f'<tr id="item-{item.pk}" tabindex="-1">' in answer.content.decode()

    def test_each_button_says_what_it_moves_and_those_without_effect_are_off(
        self, desk, settlement
    ):
        page = desk.get(tree_url(settlement)).content.decode()
        buttons = dict(
            re.findall(r'aria-label="([^"]+)" title="[^"]+"( disabled)?>[↑↓←→]</button>', page)
        )
        assert len(buttons) == 16
        assert [words for words, is_off in buttons.items() if not is_off] == [
            "「1 もとの1」を一つ下へ動かす",
            "「(1) もとの1.1」を一つ下へ動かす",
            "「(1) もとの1.1」を上の段に出す",
            "「(2) もとの1.2」を一つ上へ動かす",
            "「(2) もとの1.2」を上の段に出す",
            "「(2) もとの1.2」を前の項目の下に入れる",
            "「2 もとの2」を一つ上へ動かす",
            "「2 もとの2」を前の項目の下に入れる",
        ]

    def test_the_page_shows_amounts_and_how_many_figures_an_item_has(self, desk, settlement):
        item = settlement.items.get(code="1.2")
        item.amount_yen = 4_016_000
        item.save()
        builders.make_settlement_figure(item)
        builders.make_settlement_figure(item)
        text = text_of(desk.get(tree_url(settlement)))
        assert "(2) もとの1.2 1.2 4,016,000円 4,016千円 2件" in text
        assert "(1) もとの1.1 1.1 記載なし 0件" in text

    def test_an_item_is_added_below_another_and_at_the_end(self, desk, settlement):
        page = desk.get(tree_url(settlement)).content.decode().replace("&amp;", "&")
        item = settlement.items.get(code="1")
        add = reverse("admin:budgets_settlementitem_add")
        assert f"{add}?settlement={settlement.pk}&parent={item.pk}&code=1.3" in page
        assert f"{add}?settlement={settlement.pk}&parent=&code=3" in page

    def test_a_move_keeps_a_version_and_the_one_before(self, desk, editor, settlement):
        press(desk, settlement, "もとの1.2", "in")
        last, first = Version.objects.about(settlement)
        assert (last.action, last.username) == (
            "項目「1.2 もとの1.2」を前の項目の下に入れる",
            editor.username,
        )
        restore = reverse(
            "admin:budgets_settlement_restore_version", args=[settlement.pk, first.number]
        )
        desk.post(restore)
        assert codes_of(settlement)["もとの1.2"] == "1.2"
        assert settlement.items.get(code="1.2").parent.code == "1"

    def test_the_search_index_and_the_date_of_the_settlement_follow(
        self, desk, settlement, django_capture_on_commit_callbacks
    ):
        before = settlement.updated_at
        with django_capture_on_commit_callbacks(execute=True):
            press(desk, settlement, "もとの2", "up")
        settlement.refresh_from_db()
        assert settlement.updated_at > before
        item = settlement.items.get(name="もとの2")
        assert item.code == "1"
        entries = SearchEntry.objects.filter(kind="settlement_item", object_id=item.pk)
        assert not entries.exists()
        settlement.status = Status.PUBLISHED
        settlement.save()
        entry = entries.get()
        assert entry.address == item.get_absolute_url().removeprefix("/")

    def test_a_gap_is_closed_only_when_asked_for(self, desk, settlement):
        settlement.items.filter(code="1.1").delete()
        page = desk.get(tree_url(settlement))
        assert "番号に飛びがあります。" in text_of(page)
        fields = {"state": page.context["state"], "move": "renumber"}
        answer = desk.post(tree_url(settlement), fields, follow=True)
        assert codes_of(settlement)["もとの1.2"] == "1.1"
        assert message_of(answer) == "項目番号を振り直しました。番号が変わった項目は1件です。"
        assert "番号に飛びがあります。" not in text_of(desk.get(tree_url(settlement)))

    def test_an_impossible_move_is_refused_in_words(self, desk, settlement):
        answer = press(desk, settlement, "もとの1", "up")
        assert message_of(answer) == "動かせません。同じ段のいちばん上にあります。"

    @pytest.mark.parametrize(
        "move", ["", "up", "up:", "up:99999999", "jump:1", "up:'", "renumber:"]
    )
    def test_what_no_button_sends_moves_nothing(self, desk, settlement, move):
        before = codes_of(settlement)
        state = desk.get(tree_url(settlement)).context["state"]
        answer = desk.post(tree_url(settlement), {"state": state, "move": move}, follow=True)
        assert answer.status_code == 200
        assert codes_of(settlement) == before


class TestTwoAtOnce:
    def test_a_button_of_an_outdated_page_moves_nothing(self, desk, settlement):
        page = desk.get(tree_url(settlement))
        press(desk, settlement, "もとの2", "up")
        before = codes_of(settlement)
        assert message_of(press(desk, settlement, "もとの2", "up", page)).startswith(STALE)
        assert codes_of(settlement) == before

    def test_an_item_added_meanwhile_makes_the_page_outdated(self, desk, settlement):
        page = desk.get(tree_url(settlement))
        builders.make_item(settlement, "1.3")
        assert message_of(press(desk, settlement, "もとの2", "up", page)).startswith(STALE)

    def test_a_settlement_submitted_meanwhile_stays_as_it_was_sent(self, desk, settlement):
        page = desk.get(tree_url(settlement))
        Settlement.objects.filter(pk=settlement.pk).update(status=Status.IN_REVIEW)
        answer = press(desk, settlement, "もとの2", "up", page)
        assert message_of(answer) == "この決算は、いま「承認待ち」です。項目は動かせません。"
        assert codes_of(settlement)["もとの2"] == "2"


class TestWhoMayMove:
    @pytest.mark.parametrize("status", [Status.PUBLISHED, Status.IN_REVIEW, Status.WITHDRAWN])
    def test_only_a_draft_has_buttons(self, desk, settlement, status):
        Settlement.objects.filter(pk=settlement.pk).update(status=status)
        page = desk.get(tree_url(settlement))
        assert 'name="move"' not in page.content.decode()
        assert "もとの1.2" in text_of(page)
        assert ("改訂案を作り" in text_of(page)) == (status == Status.PUBLISHED)

    def test_an_approver_looks_on(self, client, settlement, department):
        client.force_login(builders.make_staff(Role.APPROVER, department))
        page = client.get(tree_url(settlement))
        assert 'name="move"' not in page.content.decode()
        assert "見るだけの画面です。" in text_of(page)
        assert press(client, settlement, "もとの2", "up", page).status_code == 403
        assert codes_of(settlement)["もとの2"] == "2"

    def test_another_department_does_not_see_the_tree(self, client, settlement):
        other = builders.make_staff(Role.EDITOR, builders.make_department())
        client.force_login(other)
        assert client.get(tree_url(settlement)).status_code == 404
        assert client.post(tree_url(settlement), {"move": "renumber"}).status_code == 404

    def test_a_visitor_is_led_to_the_login(self, client, settlement):
        assert client.get(tree_url(settlement)).status_code == 302

    def test_an_item_of_another_settlement_is_not_moved(self, desk, settlement, department):
        other = builders.make_settlement(
            department=department, fiscal_year=2021, status=Status.DRAFT
        )
        item = builders.make_item(other, "2")
        state = desk.get(tree_url(settlement)).context["state"]
        desk.post(tree_url(settlement), {"state": state, "move": f"up:{item.pk}"})
        assert codes_of(other)[item.name] == "2"


class TestRevisions:
    def test_moved_items_of_a_revision_take_their_new_addresses_on_approval(
        self, desk, editor, settlement, department
    ):
        public = settlement.items.get(code="1.2")
        figure = builders.make_settlement_figure(public)
        effort = builders.make_effort(builders.make_policy(settlement), item=public)
        cost = builders.make_cost(item=public)
        settlement.source = builders.make_document()
        settlement.status = Status.PUBLISHED
        settlement.save()
        revision = make_revision(settlement, editor)
        page = text_of(desk.get(tree_url(revision)))
        assert "動かした項目のアドレスは、承認されたときに変わり" in page
        press(desk, revision, "もとの1.2", "out")
        assert codes_of(settlement)["もとの1.2"] == "1.2"
        perform(revision, "submit", editor)
        perform(revision, "approve", builders.make_staff(Role.APPROVER, department))
        public.refresh_from_db()
        assert (public.code, public.parent, public.name) == ("2", None, "もとの1.2")
        assert codes_of(settlement)["もとの2"] == "3"
        for part in (figure, effort, cost):
            part.refresh_from_db()
            assert part.item == public
        shown = desk.get(public.get_absolute_url())
        assert "もとの1.2" in text_of(shown)
        review = Version.objects.about(settlement).first()
        assert review.action == "改訂"


def test_the_page_is_japanese_and_needs_no_script(desk, settlement):
    page = Page(desk.get(tree_url(settlement)).content.decode())
    assert (page.english, page.blocked) == (set(), [])


def test_the_settlement_leads_to_its_tree(desk, settlement):
    change = reverse("admin:budgets_settlement_change", args=[settlement.pk])
    assert f'href="{tree_url(settlement)}">項目の並べ替え<' in desk.get(change).content.decode()


def test_the_page_takes_as_many_queries_for_many_items(desk, settlement):
    few = count_queries(desk, tree_url(settlement))
    for code in ("3", "3.1", "3.2", "3.2.1", "4", "5", "6"):
        builders.make_settlement_figure(builders.make_item(settlement, code))
    assert SettlementItem.objects.filter(settlement=settlement).count() == 11
    assert count_queries(desk, tree_url(settlement)) == few
