"""Who gets into the admin: passwords, lock-out, the second factor, and the end of a session."""

import re
import time

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from portal import staff_site
from portal.audit import AuditAction, AuditEntry
from portal.models import Role
from tests.admin_pages import Page, count_queries, text_of

pytestmark = pytest.mark.django_db

LOGIN, CODE, INDEX = "/admin/login/", "/admin/login/code/", "/admin/"
SECOND_FACTOR = "/admin/second-factor/"
PASSWORD = "架空の合い言葉 2026"
# Doors of every kind: start, list, form, action, search, password, language, link, nowhere.
DOORS = [
    "/admin/",
    "/admin/portal/",
    "/admin/portal/department/",
    "/admin/portal/department/add/",
    "/admin/portal/department/export/",
    "/admin/auth/user/",
    "/admin/autocomplete/",
    "/admin/password_change/",
    "/admin/jsi18n/",
    "/admin/r/1/1/",
    "/admin/nowhere/",
]


@pytest.fixture(autouse=True)
def _lock_out(settings):
    settings.AXES_ENABLED = True
    settings.AXES_FAILURE_LIMIT = 3


@pytest.fixture
def user(django_user_model):
    return django_user_model.objects.create_superuser("kakuu-1", password=PASSWORD)


def log_in(client, username="kakuu-1", password=PASSWORD, address=LOGIN, **extra):
    return client.post(address, {"username": username, "password": password}, **extra)


def code_of(device, steps=0) -> str:
    """Return the code that the app shows now, or `steps` half minutes later."""
    totp = TOTP(device.bin_key, device.step, device.t0, device.digits)
    totp.time = time.time() + steps * device.step
    return f"{totp.token():06}"


def set_up(client) -> TOTPDevice:
    """Register an app for who is logged in; return it, ready to give another code at once."""
    client.get(SECOND_FACTOR)
    device = TOTPDevice(key=client.session["second_factor_key"])
    page = client.post(SECOND_FACTOR, {"code": code_of(device)})
    assert len(page.context["codes"]) == 10
    TOTPDevice.objects.update(last_t=-1)
    return TOTPDevice.objects.get()


@pytest.fixture
def device(user):
    client = Client()
    client.force_login(user)
    return set_up(client)


def check_page(page):
    # The QR code's key is made up, and no word.
    html = re.sub(r"<code>\w+</code>", "", page.content.decode())
    assert Page(html).english == set()
    assert Page(html).blocked == []


def has_entered(client) -> bool:
    return client.get(INDEX).status_code == 200


def list_actions():
    return list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))


class TestPassword:
    def test_the_right_one_leads_to_where_one_was_going(self, client, user):
        asked = client.get("/admin/portal/department/")
        assert asked.url == f"{LOGIN}?next=/admin/portal/department/"
        assert log_in(client, address=asked.url).url == "/admin/portal/department/"
        assert client.get(LOGIN).url == INDEX

    def test_another_host_is_nowhere_to_go_to(self, client, user, device):
        address = f"{LOGIN}?next=https://evil.example/"
        assert "evil" not in log_in(client, address=address).url
        answer = client.post(f"{CODE}?next=https://evil.example/", {"code": code_of(device)})
        assert answer.url == INDEX

    def test_nobody_learns_which_names_there_are(self, client, user, django_user_model):
        django_user_model.objects.create_user("citizen", password=PASSWORD)
        django_user_model.objects.create_user(
            "left", password=PASSWORD, is_staff=True, is_active=False
        )
        answers = {
            text_of(log_in(Client(), name, password)).replace(name, "")
            for name, password in [
                ("kakuu-1", "違う"),
                ("nobody", "違う"),
                ("citizen", PASSWORD),
                ("left", PASSWORD),
            ]
        }
        assert len(answers) == 1

    def test_a_session_that_somebody_planted_is_not_the_one_that_logs_in(self, client, user):
        session = client.session
        session["planted"] = True
        session.save()
        client.cookies["sessionid"] = session.session_key
        log_in(client)
        assert client.cookies["sessionid"].value != session.session_key
        assert not Session.objects.filter(pk=session.session_key).exists()

    def test_a_new_password_logs_out_everywhere_else(self, client, user):
        other = Client()
        log_in(client)
        log_in(other)
        new = "別の架空の合い言葉 2027"
        client.post(
            reverse("admin:password_change"),
            {"old_password": PASSWORD, "new_password1": new, "new_password2": new},
        )
        assert has_entered(client)
        assert not has_entered(other)


class TestLockOut:
    def test_it_comes_with_the_last_failure_and_says_how_long(self, client, user):
        for _ in range(2):
            assert log_in(client, password="違う").status_code == 200
        locked = log_in(client, password="違う")
        assert locked.status_code == 429
        assert locked["Retry-After"] == "900"
        assert "15分たつと、またログインできます" in text_of(locked)
        check_page(locked)
        assert log_in(client).status_code == 429
        assert not has_entered(client)

    def test_it_holds_for_the_name_from_any_address_and_for_no_other_name(
        self, user, django_user_model
    ):
        django_user_model.objects.create_superuser("other", password=PASSWORD)
        for number in range(3):
            log_in(Client(), password="違う", REMOTE_ADDR=f"192.0.2.{number}")
        assert log_in(Client(), REMOTE_ADDR="192.0.2.9").status_code == 429
        assert log_in(Client(), "other", REMOTE_ADDR="192.0.2.1").status_code == 302

    def test_a_name_that_nobody_has_is_locked_in_the_same_words(self, user):
        answers = set()
        for name in ("kakuu-1", "nobody"):
            for _ in range(3):
                answer = log_in(Client(), name, "違う")
            answers.add((answer.status_code, text_of(answer)))
        assert len(answers) == 1

    def test_it_ends_after_the_minutes_that_are_set(self, client, user, settings):
        for _ in range(3):
            log_in(client, password="違う")
        settings.AXES_COOLOFF_TIME *= 0
        assert log_in(client).status_code == 302

    def test_failures_are_forgotten_once_one_gets_in(self, user):
        for _ in range(2):
            log_in(Client(), password="違う")
        log_in(Client())
        for _ in range(2):
            assert log_in(Client(), password="違う").status_code == 200

    def test_a_superuser_ends_it_in_the_list_of_users(self, client, admin_client, user):
        for _ in range(3):
            log_in(client, password="違う")
        assert "停止中" in text_of(admin_client.get("/admin/auth/user/"))
        done = choose(admin_client, "unlock", user)
        assert "1人のログインの停止を解除しました" in text_of(done)
        assert "停止中" not in text_of(done)
        assert log_in(client).status_code == 302
        assert AuditAction.UNLOCKED in list_actions()

    def test_the_tables_of_the_libraries_are_no_screens(self):
        apps = {model._meta.app_label for model in admin.site._registry}
        assert apps & {"axes", "otp_totp", "otp_static"} == set()


def test_the_list_of_users_takes_the_same_queries_at_ten_times_the_rows(
    admin_client, django_user_model
):
    def add(first, last):
        for number in range(first, last):
            user = django_user_model.objects.create_user(f"kakuu-{number}", is_staff=True)
            TOTPDevice.objects.create(user=user, name="x")

    add(0, 2)
    few = count_queries(admin_client, "/admin/auth/user/")
    add(2, 20)
    assert count_queries(admin_client, "/admin/auth/user/") == few <= 20


def choose(client, action, *users):
    chosen = {"action": action, "_selected_action": [user.pk for user in users]}
    return client.post("/admin/auth/user/", chosen, follow=True)


class TestSecondFactor:
    def test_it_is_set_up_with_a_first_code(self, client, user):
        log_in(client)
        assert SECOND_FACTOR in client.get(INDEX).content.decode()
        page = client.get(SECOND_FACTOR)
        check_page(page)
        assert "<svg" in page.content.decode()
        assert "登録が必要です" not in text_of(page)
        wrong = client.post(SECOND_FACTOR, {"code": "123"})
        assert "確認コードが違います" in text_of(wrong)
        assert not TOTPDevice.objects.exists()
        before = client.session.session_key
        set_up(client)
        assert client.session.session_key != before
        assert has_entered(client)
        page = client.get(SECOND_FACTOR)
        assert "残り10個" in text_of(page)
        check_page(page)

    def test_nobody_is_logged_in_before_the_code(self, client, user, device):
        asked = log_in(client, address=f"{LOGIN}?next=/admin/auth/user/")
        assert asked.url == f"{CODE}?next=%2Fadmin%2Fauth%2Fuser%2F"
        assert "_auth_user_id" not in client.session
        for door in [*DOORS, SECOND_FACTOR]:
            assert client.get(door).url.startswith(LOGIN), door
            assert client.post(door, {"action": "x"}).url.startswith(LOGIN), door
        page = client.get(asked.url)
        check_page(page)
        assert client.post(asked.url, {"code": code_of(device)}).url == "/admin/auth/user/"
        assert has_entered(client)

    def test_full_width_digits_and_spaces_are_read(self, client, user, device):
        log_in(client)
        code = code_of(device)
        wide = " ".join((code[:3], code[3:])).translate(
            str.maketrans("0123456789", "０１２３４５６７８９")
        )
        assert client.post(CODE, {"code": wide}).url == INDEX

    @pytest.mark.parametrize("code", ["", "000", "abcdef", "١٢٣٤٥٦", "a" * 100, "-1", "\0", "<b>"])
    def test_a_wrong_code_is_refused_in_words(self, client, user, device, code):
        log_in(client)
        page = client.post(CODE, {"code": code})
        assert page.status_code == 200
        assert page.context["form"].errors["code"]
        check_page(page)
        assert not has_entered(client)

    def test_a_code_serves_once(self, client, user, device):
        code = code_of(device)
        log_in(client)
        assert client.post(CODE, {"code": code}).url == INDEX
        other = Client()
        log_in(other)
        assert "確認コードが違います" in text_of(other.post(CODE, {"code": code}))

    def test_guessing_is_slowed_down_even_for_the_right_code(self, client, user, device):
        log_in(client)
        client.post(CODE, {"code": "wrong1"})
        page = client.post(CODE, {"code": code_of(device)})
        assert "まで受け付けません" in text_of(page)
        assert not has_entered(client)

    def test_a_backup_code_serves_once_in_the_place_of_the_app(self, user, device):
        code = StaticToken.objects.first().token
        client = Client()
        log_in(client)
        assert client.post(CODE, {"code": code.upper()}).url == INDEX
        entry = AuditEntry.objects.get(action=AuditAction.BACKUP_CODE_USED)
        assert entry.detail == "残り9個"
        client = Client()
        log_in(client)
        assert client.post(CODE, {"code": code}).status_code == 200

    @pytest.mark.parametrize("what", ["late", "new password", "left", "nothing"])
    def test_the_password_counts_for_the_code_only_a_short_while(
        self, client, user, device, what, monkeypatch
    ):
        if what != "nothing":
            log_in(client)
        if what == "late":
            session = client.session
            session["second_factor_login"] |= {"until": time.time() - 1}
            session.save()
        if what == "new password":
            user.set_password("別の架空の合い言葉")
            user.save()
        if what == "left":
            type(user).objects.update(is_active=False)
        answer = client.post(CODE, {"code": code_of(device)})
        assert answer.url.startswith(LOGIN)
        assert "もう一度、ユーザー名とパスワードから" in text_of(client.get(LOGIN))
        assert not has_entered(client)

    def test_the_code_of_another_user_does_not_serve(self, client, user, device, django_user_model):
        other = django_user_model.objects.create_superuser("other", password=PASSWORD)
        TOTPDevice.objects.create(user=other, name="x")
        log_in(client, "other")
        assert client.post(CODE, {"code": code_of(device)}).status_code == 200
        assert client.post(CODE, {"code": StaticToken.objects.first().token}).status_code == 200

    def test_a_session_from_before_the_set_up_must_log_in_again(self, client, user):
        other = Client()
        log_in(client)
        log_in(other)
        set_up(client)
        answer = other.get(INDEX, follow=True)
        assert "確認コードを使って、ログインし直してください" in text_of(answer)
        assert not has_entered(other)

    def test_new_backup_codes_and_removal_ask_for_a_code(self, client, user, device):
        log_in(client)
        client.post(CODE, {"code": code_of(device)})
        former = set(StaticToken.objects.values_list("token", flat=True))
        page = client.post(SECOND_FACTOR, {"code": "9", "remove": "x"})
        assert "確認コードが違います" in text_of(page)
        TOTPDevice.objects.update(last_t=-1, throttling_failure_count=0)
        page = client.post(SECOND_FACTOR, {"code": code_of(device)})
        assert not former & set(page.context["codes"])
        assert "この1回だけ表示します" in text_of(page)
        assert "no-store" in page["Cache-Control"]
        TOTPDevice.objects.update(last_t=-1)
        page = client.post(SECOND_FACTOR, {"code": code_of(device), "remove": "x"}, follow=True)
        assert "二段階認証を解除しました" in text_of(page)
        assert not TOTPDevice.objects.exists() and not StaticToken.objects.exists()
        assert log_in(Client()).url == INDEX

    def test_a_superuser_takes_it_from_who_lost_everything(self, admin_client, user, device):
        assert "登録済み" in text_of(admin_client.get("/admin/auth/user/"))
        done = choose(admin_client, "reset_second_factor", user)
        assert "1人の二段階認証を解除しました" in text_of(done)
        assert log_in(Client()).url == INDEX
        entry = AuditEntry.objects.get(action=AuditAction.SECOND_FACTOR_REMOVED)
        assert (entry.username, entry.record) == ("admin", "kakuu-1")

    def test_who_is_no_superuser_manages_no_users(self, client, user, device, django_user_model):
        clerk = django_user_model.objects.create_user("clerk", is_staff=True)
        clerk.user_permissions.set(Permission.objects.filter(content_type__model="user"))
        client.force_login(clerk)
        choose(client, "reset_second_factor", user)
        assert TOTPDevice.objects.exists()
        address = reverse("admin:auth_user_password_change", args=[user.pk])
        assert client.post(address, {"password1": "x"}).status_code == 403
        for page in ("delete", "change"):
            for whose in (user, clerk):
                address = f"/admin/auth/user/{whose.pk}/{page}/"
                assert client.post(address, {"username": "taken"}).status_code == 403


class TestRequiredSecondFactor:
    @pytest.mark.parametrize("required", ["administrators", "all"])
    def test_who_has_none_is_led_to_the_set_up_and_reaches_nothing_else(
        self, client, user, settings, required
    ):
        settings.REQUIRE_SECOND_FACTOR = required
        log_in(client)
        for door in DOORS:
            assert client.get(door).url == SECOND_FACTOR, door
            assert client.post(door, {"slug": "x", "name": "x"}).url == SECOND_FACTOR, door
        page = client.get(SECOND_FACTOR)
        assert "登録が済むまで、ほかの画面は使えません" in text_of(page)
        assert "部局" not in text_of(page)
        check_page(page)
        set_up(client)
        assert has_entered(client)

    def test_who_cannot_set_it_up_now_can_log_out(self, client, user, settings):
        settings.REQUIRE_SECOND_FACTOR = "all"
        log_in(client)
        assert client.post(reverse("admin:logout")).status_code == 200
        assert "_auth_user_id" not in client.session

    def test_it_may_be_required_of_administrators_alone(self, client, settings, django_user_model):
        settings.REQUIRE_SECOND_FACTOR = "administrators"
        clerk = django_user_model.objects.create_user("clerk", password=PASSWORD, is_staff=True)
        log_in(client, "clerk")
        assert has_entered(client)
        membership = clerk.memberships.create(role=Role.ADMINISTRATOR)
        assert not has_entered(client)
        membership.delete()
        settings.REQUIRE_SECOND_FACTOR = "all"
        assert not has_entered(client)

    def test_after_removal_it_must_be_set_up_anew(self, client, user, device, settings):
        settings.REQUIRE_SECOND_FACTOR = "all"
        log_in(client)
        client.post(CODE, {"code": code_of(device)})
        TOTPDevice.objects.update(last_t=-1)
        client.post(SECOND_FACTOR, {"code": code_of(device), "remove": "x"})
        assert client.get(INDEX).url == SECOND_FACTOR

    def test_a_user_who_is_no_staff_gets_no_set_up_page(self, client, settings, django_user_model):
        settings.REQUIRE_SECOND_FACTOR = "all"
        client.force_login(django_user_model.objects.create_user("citizen"))
        assert client.get(SECOND_FACTOR).url.startswith(LOGIN)


class TestSession:
    def age(self, client, **seconds):
        session = client.session
        for name, value in seconds.items():
            session[name] = time.time() - value
        session.save()

    @pytest.mark.parametrize("stamps", [{"seen_at": 120 * 60 + 1}, {"entered_at": 12 * 3600 + 1}])
    def test_it_ends_when_idle_and_after_a_working_day(self, client, user, stamps):
        log_in(client)
        self.age(client, **stamps)
        answer = client.get("/admin/auth/user/", follow=True)
        assert answer.request["PATH_INFO"] == LOGIN
        assert "時間切れのため、ログアウトしました" in text_of(answer)
        assert "_auth_user_id" not in client.session
        entry = AuditEntry.objects.get(action=AuditAction.LOGOUT)
        assert entry.detail == "時間切れのため、ログアウトしました。"

    def test_work_keeps_it_going(self, client, user):
        log_in(client)
        self.age(client, seen_at=110 * 60)
        assert has_entered(client)
        assert client.session[staff_site.SEEN] > time.time() - 60

    def test_a_form_that_comes_too_late_changes_nothing(self, client, user, django_user_model):
        log_in(client)
        self.age(client, seen_at=120 * 60 + 1)
        client.post("/admin/auth/user/add/", {"username": "x"})
        choose(client, "delete_selected", user)
        assert django_user_model.objects.count() == 1

    def test_a_session_of_unknown_age_is_at_its_end(self, client, user):
        log_in(client)
        session = client.session
        del session[staff_site.STARTED]
        session.save()
        assert not has_entered(client)

    def test_a_public_page_sets_no_cookie_that_a_cache_could_hand_on(self, client, user):
        log_in(client)
        self.age(client, seen_at=110 * 60)
        assert not client.get("/").cookies

    def test_the_cookie_goes_with_the_browser_and_no_script_reads_it(self, client, user):
        cookie = log_in(client).cookies["sessionid"]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
        assert not cookie["max-age"] and not cookie["expires"]
