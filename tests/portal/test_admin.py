import re

import pytest
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Permission, User
from django.db import DatabaseError
from django.test import Client
from django.urls import reverse

from budgets.models import Program, Settlement, SettlementItem
from initiatives.models import Indicator, Initiative, ResultsReport
from portal import versions
from portal.models import (
    AuditEntry,
    ChangeNote,
    Department,
    GlossaryTerm,
    Place,
    Role,
    SourceDocument,
    Version,
)
from portal.publishing import Revisable
from portal.revisions import get_revision, make_revision
from portal.rights import rights_of
from portal.workflow import RULES
from tests.admin_pages import (
    Page,
    change_url,
    confirm,
    count_queries,
    form_of,
    list_screens,
    make_everything,
    page_url,
    save,
    set_status,
    text_of,
    upload,
)
from tests.builders import (
    make_change_note,
    make_department,
    make_document,
    make_indicator_value,
    make_initiative,
    make_initiative_figure,
    make_item,
    make_place,
    make_program,
    make_settlement,
    make_settlement_figure,
    make_staff,
    make_term,
)

pytestmark = pytest.mark.django_db

MODELS = list(admin.site._registry)


def states_of(model) -> list[str]:
    """Return the states in which the screens of a model differ: open to changes, and not."""
    is_known = versions.is_versioned(model)
    is_revisable = is_known and issubclass(versions.root_model(model), Revisable)
    return ["draft", "published"] if is_revisable else ["published"]


def page_url_of(record, action, *more):
    name = f"admin:{record._meta.app_label}_{record._meta.model_name}_{action}"
    return reverse(name, args=[record.pk, *more])


def changes_on(response) -> list[list[str]]:
    """Return the cells of the first table of changes on a page, row by row."""
    table = re.search(r'<table class="changes">.*?</table>', response.content.decode(), re.S)[0]
    rows = re.findall(r"<tr>(.*?)</tr>", table.partition("</thead>")[2], re.S)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S) for row in rows]
    marks = r"<strong>.*?</strong>|<[^>]+>"
    return [[re.sub(marks, "", cell).strip() for cell in row] for row in cells]


def restore(client, record, number):
    """Press the button on the page of a version; return the page that follows."""
    return client.post(page_url_of(record, "restore_version", number), follow=True)


def check_page(response):
    page = Page(response.content.decode())
    assert page.english == set()
    assert page.blocked == []


@pytest.fixture(scope="class")
def everything(kept_for_class):
    make_staff(username="admin", is_superuser=True)  # whom admin_client finds
    make_everything()


@pytest.mark.usefixtures("everything")
class TestEveryScreenOfARecord:
    @pytest.mark.parametrize(
        ("model", "status"),
        [(model, status) for model in MODELS for status in states_of(model)],
        ids=lambda value: getattr(value, "__name__", value),
    )
    def test_a_screen_is_japanese_and_needs_nothing_that_the_policy_blocks(
        self, admin_client, model, status
    ):
        set_status(status)
        for name, address in list_screens(model).items():
            response = admin_client.get(address, follow=True)
            assert response.status_code == 200, address
            if name != "preview":  # is the public page, tested as such
                assert "default-src 'none'" in response["Content-Security-Policy"]
                check_page(response)

    @pytest.mark.parametrize("status", ["draft", "in_review"])
    def test_the_screens_of_a_revision_are_japanese_too(self, admin_client, status):
        for model in (Settlement, Initiative, Indicator, ResultsReport, SourceDocument):
            revision = make_revision(model.objects.first(), None)
            model.objects.filter(pk=revision.pk).update(status=status)
            for action in ("change", "history", "review"):
                check_page(admin_client.get(page_url_of(revision, action)))
            check_page(admin_client.get(page_url_of(revision, "version", 1)))
            for step in RULES:
                check_page(admin_client.get(page_url_of(revision, "step", step)))


class TestEveryOtherScreen:
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
        document = make_document(title="旧い題名", fiscal_year=None, status="draft")
        changes = {"title": "新しい題名", "fiscal_year": "R2"}
        assert save(admin_client, admin_client.get(change_url(document)), changes) == []
        listed = text_of(admin_client.get(page_url_of(document, "history")))
        assert "第2版" in listed
        assert "admin" in listed
        assert changes_on(admin_client.get(page_url_of(document, "version", 2))) == [
            ["この記録", "題名", "旧い題名", "新しい題名"],
            ["対象年度", "（空欄）", "令和2年度"],
        ]

    def test_it_is_that_of_the_whole_record_also_where_a_part_is_asked_for(self, admin_client):
        item = make_item(make_settlement(status="draft"), "1", name="前の名称")
        assert save(admin_client, admin_client.get(change_url(item)), {"name": "後の名称"}) == []
        page = admin_client.get(page_url_of(item, "history"), follow=True)
        assert page.request["PATH_INFO"] == page_url_of(item.settlement, "history")
        assert "決算項目「1 後の名称」の変更" in text_of(page)
        assert changes_on(admin_client.get(page_url_of(item.settlement, "version", 2))) == [
            ["決算項目 1 後の名称", "名称", "前の名称", "後の名称"]
        ]

    def test_an_earlier_version_of_a_draft_is_brought_back_with_its_parts(self, admin_client):
        figure = make_initiative_figure(make_initiative(status="draft"), label="前の数", value=3)
        initiative = figure.initiative
        page = admin_client.get(change_url(initiative))
        assert save(admin_client, page, {"figures-0-value": "4", "title": "後の題名"}) == []
        gone = {"figures-0-DELETE": "on"}
        assert save(admin_client, admin_client.get(change_url(initiative)), gone) == []
        assert not initiative.figures.exists()
        page = restore(admin_client, initiative, 1)
        assert "第1版の内容に戻しました。" in text_of(page)
        initiative.refresh_from_db()
        assert initiative.figures.get() == figure
        assert initiative.figures.get().value == 3
        assert initiative.title != "後の題名"
        assert Version.objects.about(initiative).first().action == "第1版の内容に戻す"

    def test_an_earlier_version_of_what_is_public_becomes_a_revision(self, admin_client):
        indicator = make_indicator_value(actual=1).indicator
        versions.save_version(indicator, "作成")
        indicator.values.update(actual=2)
        versions.save_version(indicator, "変更")
        page = restore(admin_client, indicator, 1)
        assert "第1版の内容で、改訂案を作りました。" in text_of(page)
        assert indicator.values.get().actual == 2
        assert get_revision(indicator).values.get().actual == 1
        again = admin_client.get(page_url_of(indicator, "version", 1))
        assert "この内容で改訂案を作る" not in text_of(again)

    def test_a_version_whose_slug_another_record_has_by_now_is_not_brought_back(self, admin_client):
        initiative = make_initiative(status="draft", slug="early")
        versions.save_version(initiative, "作成")
        initiative.slug = "late"
        initiative.save()
        make_initiative(slug="early")
        page = restore(admin_client, initiative, 1)
        assert "いまはほかの記録が使っているため、戻せません" in text_of(page)
        initiative.refresh_from_db()
        assert initiative.slug == "late"

    def test_a_version_is_not_brought_back_over_what_somebody_saved_meanwhile(self, admin_client):
        term = make_term(explanation="初めの説明")
        versions.save_version(term, "作成")
        term.explanation = "次の説明"
        term.save()
        versions.save_version(term, "変更")
        page = admin_client.get(page_url_of(term, "version", 1))
        term.explanation = "そのまた次の説明"
        term.save()
        versions.save_version(term, "変更")
        values = {"latest": page.context["latest"]}
        answer = admin_client.post(page_url_of(term, "restore_version", 1), values, follow=True)
        assert "ほかの職員が保存しました" in text_of(answer)
        term.refresh_from_db()
        assert term.explanation == "そのまた次の説明"

    def test_a_deleted_record_keeps_its_history_and_comes_back_from_it(self, admin_client):
        program = make_program(name="消す事業", aliases=["別の名"])
        admin_client.post(page_url_of(program, "delete"), {"post": "yes"})
        assert not Program.objects.exists()
        history = admin_client.get(page_url_of(program, "history"))
        assert "削除" in text_of(history)
        check_page(history)
        last = Version.objects.about(program).first()
        version = admin_client.get(page_url_of(program, "version", last.number))
        assert "この記録は、いまは削除されています。" in text_of(version)
        check_page(version)
        page = restore(admin_client, program, last.number)
        assert "削除した記録を戻しました。" in text_of(page)
        assert program.aliases.get().name == "別の名"

    def test_a_change_of_several_records_is_told_by_their_names(self, admin_client):
        department = make_department()
        successor = make_department(name="後の部")
        page = admin_client.get(change_url(department))
        assert save(admin_client, page, {"successors": [successor.pk]}) == []
        assert changes_on(admin_client.get(page_url_of(department, "version", 2))) == [
            ["この記録", "引き継いだ部局", "（空欄）", "後の部"]
        ]

    def test_a_save_that_fails_leaves_no_version(self, admin_client, monkeypatch):
        term = make_term(explanation="初めの説明")
        page = admin_client.get(change_url(term))

        def fail(*args, **kwargs):
            raise DatabaseError("disk full")

        monkeypatch.setattr(admin.site._registry[GlossaryTerm], "log_change", fail)
        with pytest.raises(DatabaseError):
            save(admin_client, page, {"explanation": "次の説明"})
        assert not Version.objects.exists()
        term.refresh_from_db()
        assert term.explanation == "初めの説明"

    def test_a_refused_form_changes_nothing_in_the_history_but_what_was_before(self, admin_client):
        term = make_term()
        assert save(admin_client, admin_client.get(change_url(term)), {"term": ""}) != []
        assert [v.action for v in Version.objects.about(term)] == ["これまでの内容"]

    def test_the_pages_take_the_same_queries_at_ten_times_the_versions_and_parts(
        self, admin_client
    ):
        settlement = make_settlement()

        def grow(number):
            for _ in range(number):
                item = make_item(settlement, str(settlement.items.count() + 1))
                make_settlement_figure(item, source=make_document())
                versions.save_version(settlement, "変更")

        grow(3)
        history = page_url_of(settlement, "history")
        few = [
            count_queries(admin_client, history),
            count_queries(admin_client, page_url_of(settlement, "version", 2)),
        ]
        grow(20)
        assert few == [
            count_queries(admin_client, history),
            count_queries(admin_client, page_url_of(settlement, "version", 22)),
        ]
        assert max(few) <= 30


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


class TestStaff:
    """Superusers alone say who is staff, and what each may do where."""

    def rows(self, *rows):
        values = {"memberships-TOTAL_FORMS": len(rows)}
        for number, (role, department) in enumerate(rows):
            values[f"memberships-{number}-role"] = role
            values[f"memberships-{number}-department"] = department.pk if department else ""
        return values

    def test_a_membership_is_given_and_taken_on_the_users_page(self, admin_client):
        user, department = make_staff(), make_department(name="架空部")
        page = admin_client.get(change_url(user))
        check_page(page)
        rows = self.rows((Role.EDITOR, department), (Role.APPROVER, department))
        assert save(admin_client, page, rows) == []
        listed = text_of(admin_client.get(page_url(User, "changelist")))
        assert "架空部 承認者、架空部 編集者" in listed
        assert not rights_of(User.objects.get(pk=user.pk)).is_over_all
        gone = {"memberships-0-DELETE": "on"}
        assert save(admin_client, admin_client.get(change_url(user)), gone) == []
        assert [str(held) for held in user.memberships.all()] == ["架空部 編集者"]

    @pytest.mark.parametrize(
        ("role", "has_department"), [(Role.ADMINISTRATOR, True), (Role.EDITOR, False)]
    )
    def test_a_role_without_its_place_is_refused_in_a_sentence(
        self, admin_client, role, has_department
    ):
        user, department = make_staff(), make_department()
        rows = self.rows((role, department if has_department else None))
        [message] = save(admin_client, admin_client.get(change_url(user)), rows)
        assert "「財政・管理」では部局を空欄にしてください。" in message

    def test_nobody_is_deleted_and_who_leaves_is_no_longer_active(self, admin_client):
        user = make_staff(Role.EDITOR, make_department())
        page = admin_client.get(change_url(user))
        assert "削除せずに「有効」を外してください" in text_of(page)
        assert admin_client.post(page_url_of(user, "delete"), {"post": "yes"}).status_code == 403
        values = form_of(page.content.decode())
        del values["is_active"]
        admin_client.post(change_url(user), values)
        assert not rights_of(User.objects.get(pk=user.pk)).is_staff

    def test_django_s_own_permissions_open_nothing(self, client):
        user = make_staff()
        user.user_permissions.set(Permission.objects.all())
        client.force_login(user)
        for model in (User, Department, Settlement, AuditEntry):
            assert client.get(page_url(model, "changelist")).status_code == 403
        assert "auth/group" not in client.get(reverse("admin:index")).content.decode()

    def test_the_list_takes_the_same_queries_at_ten_times_the_rows(self, admin_client):
        department = make_department()
        make_staff(Role.EDITOR, department)
        few = count_queries(admin_client, page_url(User, "changelist"))
        for _ in range(9):
            make_staff(Role.EDITOR, department)
        assert count_queries(admin_client, page_url(User, "changelist")) == few


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
    address = f"{page_url(SettlementItem, 'export')}?{query}"
    assert admin_client.get(address, follow=True).status_code in (200, 404)


@pytest.mark.parametrize("number", ["0", "x", "９", "99999999999999999999999", "_00"])
def test_a_record_that_is_not_there_is_no_error(admin_client, number):
    for action in ("change", "delete", "history"):
        address = reverse(f"admin:portal_department_{action}", args=[number])
        assert admin_client.get(address, follow=True).status_code in (200, 404)
    for page in ("versions/1/", "review/", "preview/", "step/submit/"):
        address = f"/admin/initiatives/initiative/{quote(number)}/{page}"
        assert admin_client.get(address, follow=True).status_code in (200, 404)
