import re

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from budgets.models import SettlementItem
from portal.models import ChangeNote, Department, GlossaryTerm, Place, SourceDocument
from tests.admin_pages import (
    Page,
    change_url,
    confirm,
    count_queries,
    list_screens,
    make_everything,
    page_url,
    save,
    text_of,
    upload,
)
from tests.builders import (
    make_change_note,
    make_department,
    make_document,
    make_indicator_value,
    make_initiative,
    make_item,
    make_place,
    make_settlement,
    make_term,
)

pytestmark = pytest.mark.django_db

MODELS = list(admin.site._registry)


def page_url_of(record, action, *more):
    name = f"admin:{record._meta.app_label}_{record._meta.model_name}_{action}"
    return reverse(name, args=[record.pk, *more])


def check_page(response):
    page = Page(response.content.decode())
    assert page.english == set()
    assert page.blocked == []


class TestEveryScreen:
    @pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
    def test_a_screen_is_japanese_and_needs_nothing_that_the_policy_blocks(
        self, admin_client, model
    ):
        make_everything()
        for address in list_screens(model).values():
            response = admin_client.get(address)
            assert response.status_code == 200, address
            assert "default-src 'none'" in response["Content-Security-Policy"]
            check_page(response)

    def test_the_screens_of_the_site_are_japanese_too(self, client, admin_client):
        addresses = [reverse("admin:index"), reverse("admin:password_change")]
        addresses += [reverse("admin:app_list", args=[label]) for label in ("portal", "budgets")]
        for address in addresses:
            check_page(admin_client.get(address))
        admin_client.logout()
        login = admin_client.get(reverse("admin:login"))
        check_page(login)
        assert "群馬県 政策と決算のポータル 管理" in login.content.decode()

    def test_previews_refusals_and_errors_are_japanese_too(self, admin_client, client):
        make_term(term="決算")
        good = upload(admin_client, GlossaryTerm, "用語,読み\n決算,けっさん\n")
        assert "confirm_form" in good.context
        bad = upload(admin_client, GlossaryTerm, "用語,読み\n新語,しんご\n")
        refused = upload(admin_client, GlossaryTerm, "語\n決算\n")
        unreadable = upload(admin_client, GlossaryTerm, b"")
        done = confirm(admin_client, GlossaryTerm, good)
        nothing_found = admin_client.get(page_url(GlossaryTerm, "changelist") + "?q=ない")
        chosen = {"action": "delete_selected", "_selected_action": GlossaryTerm.objects.get().pk}
        asked = admin_client.post(page_url(GlossaryTerm, "changelist"), chosen)
        wrong = admin_client.post(
            page_url(Department, "add"), {"slug": "あ", "established_in": "x"}
        )
        for page in (good, bad, refused, unreadable, done, nothing_found, asked, wrong):
            assert page.status_code == 200
            check_page(page)

    def test_who_may_not_enter_is_told_so_in_japanese(self, client, django_user_model):
        client.force_login(django_user_model.objects.create_user("yomu", is_staff=True))
        page = client.get(page_url(Department, "changelist"))
        assert page.status_code == 403
        assert "この操作をする権限がありません" in text_of(page)
        strict = Client(enforce_csrf_checks=True)
        page = strict.post(reverse("admin:login"), {"username": "a"})
        assert page.status_code == 403
        assert "前のページに戻って読み込み直し" in text_of(page)


class TestHistory:
    def test_it_tells_who_changed_what_from_what_to_what(self, admin_client):
        document = make_document(title="旧い題名", fiscal_year=None)
        changes = {"title": "新しい題名", "status": "withdrawn", "fiscal_year": "R2"}
        assert save(admin_client, admin_client.get(change_url(document)), changes) == []
        text = text_of(admin_client.get(page_url_of(document, "history")))
        assert "題名： 旧い題名 → 新しい題名" in text
        assert "公開状態： 公開 → 取下げ" in text
        assert "対象年度： （なし） → 2020" in text
        assert "admin" in text

    def test_an_earlier_version_can_be_looked_at_and_brought_back(self, admin_client):
        term = make_term(explanation="初めの説明")
        first = term.history.first()
        save(admin_client, admin_client.get(change_url(term)), {"explanation": "次の説明"})
        address = page_url_of(term, "simple_history", first.pk)
        page = admin_client.get(address)
        assert "初めの説明" in page.content.decode()
        assert "この内容に戻す" in page.content.decode()
        save(admin_client, page, {})
        term.refresh_from_db()
        assert term.explanation == "初めの説明"

    def test_a_deleted_record_keeps_its_history(self, admin_client):
        everything = [make_item(code="1"), make_settlement(), make_initiative(), make_term()]
        for record in everything:
            address = page_url_of(record, "history")
            version = page_url_of(record, "simple_history", record.history.first().pk)
            record.delete()
            assert "削除" in text_of(admin_client.get(address))
            assert admin_client.get(version).status_code == 200

    def test_a_change_of_several_records_is_told_by_their_names(self, admin_client):
        department = make_department()
        successor = make_department(name="後の部")
        page = admin_client.get(change_url(department))
        assert save(admin_client, page, {"successors": [successor.pk]}) == []
        text = text_of(admin_client.get(page_url_of(department, "history")))
        assert "引き継いだ部局： （なし） → 後の部" in text


class TestPublicAddress:
    def test_a_public_record_leads_to_its_page_and_a_draft_does_not(self, admin_client):
        document = make_document()
        assert "サイト上で表示" in text_of(admin_client.get(change_url(document)))
        SourceDocument.objects.update(status="draft")
        assert "サイト上で表示" not in text_of(admin_client.get(change_url(document)))


class TestChangeNotes:
    def test_a_record_of_any_kind_is_found_by_its_name(self, admin_client):
        initiative = make_initiative(title="宇宙産業の振興")
        make_initiative(title="別の取組")
        term = make_term(term="宇宙")
        found = admin_client.get(reverse("admin:portal_changenote_records"), {"term": "宇宙"})
        assert found.json()["results"] == [
            {"id": f"portal.glossaryterm-{term.pk}", "text": "用語：宇宙"},
            {"id": f"initiatives.initiative-{initiative.pk}", "text": "取組：宇宙産業の振興"},
        ]

    def test_the_page_of_a_record_leads_to_a_note_on_it(self, admin_client):
        item = make_item(code="1", name="総務費")
        page = admin_client.get(change_url(item)).content.decode()
        address = re.search(r'href="([^"]+)">更新・正誤を書く<', page)[1]
        form = admin_client.get(address)
        assert "決算項目：1 総務費" in form.content.decode()
        changes = {"kind": "update", "text": "数値を加えました。"}
        assert save(admin_client, form, changes) == []
        assert ChangeNote.objects.get().record == item
        assert "決算項目：1 総務費" in text_of(admin_client.get(page_url(ChangeNote, "changelist")))

    @pytest.mark.parametrize(
        "target", ["", "portal.glossaryterm-999", "auth.user-1", "portal.formerslug-1", "x", "a-b"]
    )
    def test_a_record_that_is_not_there_or_not_meant_is_refused(self, admin_client, target):
        form = admin_client.get(page_url(ChangeNote, "add"))
        changes = {"target": target, "kind": "update", "text": "本文"}
        [message] = save(admin_client, form, changes)
        assert "選んでください" in message
        assert not ChangeNote.objects.exists()

    def test_a_correction_shows_old_and_new(self, admin_client):
        note = make_change_note(make_term())
        page = admin_client.get(change_url(note))
        [message] = save(admin_client, page, {"kind": "correction"})
        assert message == "正誤には、項目と、前または後の値を書いてください。"
        changes = {"kind": "correction", "field": "値", "old": "3", "new": "4"}
        assert save(admin_client, page, changes) == []

    def test_a_note_outlives_its_record_and_says_so(self, admin_client):
        term = make_term()
        note = make_change_note(term)
        term.delete()
        assert "（削除された記録）" in text_of(admin_client.get(page_url(ChangeNote, "changelist")))
        assert admin_client.get(change_url(note)).status_code == 200

    def test_who_may_not_see_the_notes_finds_no_records(self, client, django_user_model):
        client.force_login(django_user_model.objects.create_user("yomu", is_staff=True))
        answer = client.get(reverse("admin:portal_changenote_records"), {"term": "a"})
        assert answer.status_code == 403


def test_permissions_are_named_in_japanese_and_leave_out_inner_tables(admin_client):
    form = admin_client.get(reverse("admin:auth_group_add")).context["adminform"].form
    labels = [label for _, label in form.fields["permissions"].choices]
    assert "共通｜部局｜変更" in labels
    assert "決算｜決算項目｜閲覧" in labels
    assert not [label for label in labels if "historical" in label or re.search("[A-Za-z]", label)]


def test_parts_are_reached_from_their_record_and_not_from_the_index(admin_client):
    listed = text_of(admin_client.get(reverse("admin:index")))
    assert "決算項目" in listed
    assert "財源" not in listed


@pytest.mark.parametrize(
    ("model", "make"),
    [
        (Department, lambda: make_department(parent=make_department())),
        (SourceDocument, make_document),
        (Place, make_place),
        (GlossaryTerm, make_term),
        (ChangeNote, lambda: make_change_note(make_settlement())),
        (ChangeNote, lambda: make_change_note(make_indicator_value())),
    ],
)
def test_a_list_takes_the_same_queries_at_ten_times_the_rows(admin_client, model, make):
    for _ in range(2):
        make()
    few = count_queries(admin_client, page_url(model, "changelist"))
    for _ in range(18):
        make()
    assert count_queries(admin_client, page_url(model, "changelist")) == few <= 20


@pytest.mark.parametrize(
    "query",
    [
        "q=%00",
        "q=" + "長" * 3_000,
        "p=x",
        "o=99.-99",
        "e=1",
        "level=x",
        "settlement__fiscal_year=x",
        "settlement__fiscal_year=99999999999999999999",
        "settlement__id__exact=x",
        "amount_yen__isempty=x",
        "nothing=1",
    ],
)
def test_a_broken_address_of_a_list_is_no_error(admin_client, query):
    make_item(code="1")
    address = f"{page_url(SettlementItem, 'changelist')}?{query}"
    assert admin_client.get(address, follow=True).status_code == 200


@pytest.mark.parametrize("number", ["0", "x", "９", "99999999999999999999999", "_00"])
def test_a_record_that_is_not_there_is_no_error(admin_client, number):
    for action in ("change", "delete", "history"):
        address = reverse(f"admin:portal_department_{action}", args=[number])
        assert admin_client.get(address, follow=True).status_code in (200, 404)
    address = reverse("admin:portal_department_simple_history", args=[number, number])
    assert admin_client.get(address).status_code == 404
