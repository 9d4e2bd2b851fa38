"""The audit log: what it is told, and who may read it."""

import csv

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import RequestFactory
from django.urls import reverse

from portal.audit import AuditAction, AuditEntry, client_address, write_audit
from portal.audit_admin import may_read_audit
from portal.models import Role
from tests.admin_pages import count_queries, form_of, page_url, text_of
from tests.builders import make_department

pytestmark = pytest.mark.django_db

PASSWORD = "架空の合い言葉 2026"


@pytest.fixture(autouse=True)
def _lock_out(settings):
    settings.AXES_ENABLED = True


@pytest.fixture
def clerk(django_user_model):
    return django_user_model.objects.create_user("clerk", password=PASSWORD, is_staff=True)


def last(action) -> AuditEntry:
    return AuditEntry.objects.filter(action=action).first()


def user_url(user, action="change"):
    return reverse(f"admin:auth_user_{action}", args=[user.pk])


class TestEntries:
    def test_login_and_logout_with_the_address(self, client, clerk):
        values = {"username": "clerk", "password": PASSWORD}
        client.post("/admin/login/", values, REMOTE_ADDR="192.0.2.7")
        entry = last(AuditAction.LOGIN)
        assert (entry.user, entry.username, entry.address) == (clerk, "clerk", "192.0.2.7")
        client.post("/admin/logout/")
        assert last(AuditAction.LOGOUT).user == clerk

    def test_each_failure_and_the_lock_once(self, client, clerk, settings):
        settings.AXES_FAILURE_LIMIT = 2
        for _ in range(4):
            client.post("/admin/login/", {"username": "clerk", "password": "違う"})
        entries = AuditEntry.objects.exclude(action=AuditAction.USER_ADDED).order_by("pk")
        assert [(entry.action, entry.username, entry.user) for entry in entries] == [
            ("login_failed", "clerk", None),
            ("locked_out", "clerk", None),
        ]

    def test_no_entry_holds_a_password(self, client, clerk):
        for password in ("まちがえた合い言葉", PASSWORD):
            client.post("/admin/login/", {"username": "clerk", "password": password})
        for values in AuditEntry.objects.values_list():
            assert "合い言葉" not in str(values)

    def test_a_new_user_and_what_was_given_to_it(self, admin_client, django_user_model):
        values = {
            "username": "new",
            "password1": PASSWORD,
            "password2": PASSWORD,
            "usable_password": "true",
        }
        assert admin_client.post(reverse("admin:auth_user_add"), values).status_code == 302
        entry = last(AuditAction.USER_ADDED)
        assert (entry.username, entry.record, entry.detail) == ("admin", "new", "有効")

    def test_rights_and_names_from_what_to_what(self, admin_client, clerk):
        before = form_of(admin_client.get(user_url(clerk)).content.decode())
        values = before | {"is_active": "on", "is_superuser": "on", "last_name": "架空"}
        values = {name: value for name, value in values.items() if value and name != "is_staff"}
        assert admin_client.post(user_url(clerk), values).status_code == 302
        entry = last(AuditAction.RIGHTS_CHANGED)
        assert entry.record == "clerk"
        assert entry.detail == "スタッフ権限：はい → いいえ\nスーパーユーザー権限：いいえ → はい"
        assert last(AuditAction.USER_CHANGED).detail == "姓：（なし） → 架空"

    def test_groups_and_permissions_by_name(self, clerk):
        group = Group.objects.create(name="架空課")
        clerk.groups.set([group])
        assert last(AuditAction.RIGHTS_CHANGED).detail == "グループを加えた：架空課"
        permission = Permission.objects.get(codename="change_department")
        group.permissions.add(permission)
        entry = last(AuditAction.RIGHTS_CHANGED)
        assert (entry.record, entry.detail) == (
            "架空課",
            "パーミッションを加えた：共通｜部局｜変更",
        )
        clerk.groups.clear()
        assert last(AuditAction.RIGHTS_CHANGED).detail == "グループをすべて外した"

    def test_memberships_by_department_and_role(self, clerk):
        membership = clerk.memberships.create(
            role=Role.EDITOR, department=make_department(name="架空部")
        )
        entry = last(AuditAction.RIGHTS_CHANGED)
        assert (entry.record, entry.detail) == ("clerk", "所属と役割を加えた：架空部 編集者")
        membership.role = Role.APPROVER
        membership.save()
        assert last(AuditAction.RIGHTS_CHANGED).detail == "所属と役割を変えた：架空部 承認者"
        clerk.delete()
        assert last(AuditAction.RIGHTS_CHANGED).detail == "所属と役割を外した：架空部 承認者"

    def test_a_password_changed_by_oneself_or_by_another(self, client, admin_client, clerk):
        client.force_login(clerk)
        new = "別の架空の合い言葉 2027"
        values = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
        assert client.post("/admin/password_change/", values).status_code == 302
        entry = last(AuditAction.PASSWORD_CHANGED)
        assert (entry.username, entry.record) == ("clerk", "clerk")
        address = reverse("admin:auth_user_password_change", args=[clerk.pk])
        values = {"password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
        assert admin_client.post(address, values).status_code == 302
        entry = last(AuditAction.PASSWORD_CHANGED)
        assert (entry.username, entry.record) == ("admin", "clerk")

    def test_a_login_that_renews_the_hash_is_no_new_password(self, client, clerk, settings):
        settings.PASSWORD_HASHERS = [
            "django.contrib.auth.hashers.PBKDF2PasswordHasher",
            *settings.PASSWORD_HASHERS,
        ]
        client.post("/admin/login/", {"username": "clerk", "password": PASSWORD})
        clerk.refresh_from_db()
        assert clerk.password.startswith("pbkdf2")
        assert last(AuditAction.PASSWORD_CHANGED) is None

    def test_a_deleted_user_stays_in_the_log_by_name(self, client, clerk):
        client.force_login(clerk)
        clerk.delete()  # by a command: in the admin nobody is deleted
        assert last(AuditAction.USER_DELETED).record == "clerk"
        login = AuditEntry.objects.get(action=AuditAction.LOGIN, username="clerk")
        assert login.user is None

    def test_nobody_deletes_themselves(self, admin_client, admin_user, django_user_model):
        assert admin_client.post(user_url(admin_user, "delete"), {"post": "yes"}).status_code == 403
        chosen = {"action": "delete_selected", "_selected_action": admin_user.pk, "post": "yes"}
        admin_client.post(page_url(django_user_model, "changelist"), chosen)
        assert django_user_model.objects.filter(pk=admin_user.pk).exists()

    def test_a_command_writes_without_a_request(self, clerk):
        entry = write_audit(None, AuditAction.IMPORT, user=clerk, record="x", detail="3件")
        assert (entry.username, entry.address, str(entry)) == ("clerk", None, "取込 clerk x")

    def test_an_entry_is_never_rewritten_or_deleted(self, clerk):
        entry = AuditEntry.objects.get()
        with pytest.raises(TypeError, match="never rewritten"):
            entry.save()
        with pytest.raises(TypeError, match="never deleted"):
            entry.delete()


@pytest.mark.parametrize(
    ("behind_proxy", "address", "forwarded", "expected"),
    [
        (False, "192.0.2.1", "203.0.113.9", "192.0.2.1"),
        (True, "127.0.0.1", "203.0.113.9", "203.0.113.9"),
        (True, "127.0.0.1", "198.51.100.66, 203.0.113.9", "203.0.113.9"),
        (True, "127.0.0.1", "", "127.0.0.1"),
        (True, "127.0.0.1", "not an address", None),
        (False, "", "", None),
        (False, "2001:db8::1", "", "2001:db8::1"),
    ],
)
def test_the_address_is_what_the_own_proxy_saw(
    settings, behind_proxy, address, forwarded, expected
):
    settings.BEHIND_PROXY = behind_proxy
    request = RequestFactory().get("/", REMOTE_ADDR=address, HTTP_X_FORWARDED_FOR=forwarded)
    assert client_address(request) == expected


class TestPage:
    def test_it_is_read_searched_and_narrowed_but_not_changed(self, admin_client, clerk):
        entry = write_audit(None, AuditAction.IMPORT, user=clerk, record="令和2年度決算")
        page = admin_client.get(page_url(AuditEntry, "changelist") + "?q=令和2年度")
        assert "令和2年度決算" in text_of(page)
        assert page.context["cl"].result_count == 1
        page = admin_client.get(page_url(AuditEntry, "changelist") + "?action__exact=user_added")
        assert "令和2年度決算" not in text_of(page)
        detail = reverse("admin:portal_auditentry_change", args=[entry.pk])
        assert "令和2年度決算" in text_of(admin_client.get(detail))
        assert admin_client.post(detail, {"record": "x"}).status_code == 403
        for address in (
            reverse("admin:portal_auditentry_delete", args=[entry.pk]),
            page_url(AuditEntry, "add"),
        ):
            assert admin_client.post(address, {"post": "yes"}).status_code == 403
        assert AuditEntry.objects.get(pk=entry.pk).record == "令和2年度決算"

    def test_it_is_saved_as_csv_that_runs_nothing_and_that_is_told_too(self, admin_client):
        entry = write_audit(None, AuditAction.LOGIN_FAILED, username='=HYPERLINK("x")')
        chosen = {"action": "save_as_csv", "_selected_action": entry.pk}
        answer = admin_client.post(page_url(AuditEntry, "changelist"), chosen)
        header, row = csv.reader(answer.content.decode("utf-8-sig").splitlines())
        assert header == ["日時", "できごと", "ユーザー名", "対象", "内容", "接続元"]
        assert row[1:3] == ["ログインの失敗", '\'=HYPERLINK("x")']
        assert last(AuditAction.EXPORT).detail == "1件"

    def test_others_than_administrators_do_not_see_it(self, client, clerk):
        clerk.memberships.create(role=Role.EDITOR, department=make_department())
        clerk.user_permissions.set(Permission.objects.filter(content_type__model="auditentry"))
        client.force_login(clerk)
        assert not may_read_audit(clerk)
        assert client.get(page_url(AuditEntry, "changelist")).status_code == 403
        assert "監査記録" not in text_of(client.get("/admin/"))
        clerk.memberships.create(role=Role.ADMINISTRATOR)
        assert client.get(page_url(AuditEntry, "changelist")).status_code == 200

    def test_its_list_takes_the_same_queries_at_ten_times_the_rows(self, admin_client, clerk):
        address = page_url(AuditEntry, "changelist")
        for _ in range(2):
            write_audit(None, AuditAction.LOGIN, user=clerk)
        few = count_queries(admin_client, address)
        for _ in range(18):
            write_audit(None, AuditAction.LOGIN, user=clerk)
        assert count_queries(admin_client, address) == few <= 20
