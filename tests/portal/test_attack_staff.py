"""Who is logged in, or nearly: forged forms, planted sessions, guessed names, others' records."""

import re

import pytest
from django.apps import apps
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import transaction
from django.test import Client
from django.urls import NoReverseMatch, URLResolver, get_resolver, reverse

from portal.audit import AuditEntry
from portal.models import ImportLog, ImportState, Version
from portal.workflow import RULES
from tests import builders
from tests.admin_pages import text_of
from tests.portal.test_rights_matrix import SECRET, SECRETS, enter, list_work, make_work

pytestmark = pytest.mark.django_db

PASSWORD = "架空の合い言葉 2026"
LOGIN, LOGOUT = "/admin/login/", "/admin/logout/"
# Known to the table of test_rights_matrix.py, which asks each of them for each role.
IN_THE_TABLE = re.compile(r"/(change|history|review|preview|tree|delete|add|export|template)/$")
PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>[^)]*\)")


def list_patterns() -> list[tuple[str, list[str]]]:
    """Return the path of each page of the admin with a format field for each parameter."""
    found = []
    for path in _walk(get_resolver().url_patterns, "/"):
        if path.startswith("/admin/"):
            names = [a or b for a, b in PARAMETER.findall(path)]
            bare = PARAMETER.sub(lambda match: f"{{{match[1] or match[2]}}}", path)
            found.append((re.sub(r"\\Z|[$^]|\.\*\)|(?<=/)\.\*", "", bare), names))
    assert len(found) > 250
    return found


def _walk(patterns, start):
    for pattern in patterns:
        path = start + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, path)
        else:
            yield path


def list_addresses_of(records: dict, log, wanted) -> list[tuple[str, bool]]:
    """Return the addresses with records (by model name) filled in, and whether they have any."""
    addresses = []
    for path, names in list_patterns():
        if not wanted(path):
            continue
        model = (path.split("/")[2:4] or ["", ""])[-1]
        owners = {"settlementfigure": "settlementitem", "initiativefigure": "initiative"}
        record = records.get(model)
        owner = records.get(owners.get(model, model), record)
        values = {
            "object_id": record and record.pk,
            "pk": log.pk if model == "importlog" else record and record.pk,
            "id": record and record.pk,
            "owner_id": owner and owner.pk,
            "number": 1,
            "log": log.pk,
            "kind": "merged",
            "app_label": "portal",
            "url": "nothing",
            "content_type_id": 0,
        }
        actions = RULES if "action" in names else [""]
        for action in actions:
            known = {**values, "action": action}
            if model == "bin" and "pk" in names:
                known["pk"] = Version.objects.last().pk
            if all(known[name] is not None for name in names):
                has_record = bool({"object_id", "pk", "id", "owner_id", "log"} & set(names))
                addresses.append((path.format(**known), has_record))
    return addresses


@pytest.fixture(scope="class")
def own(kept_for_class):
    return builders.make_department(name="架空自部")


@pytest.fixture(scope="class")
def other(kept_for_class):
    return builders.make_department(name="架空他部")


@pytest.fixture(scope="class")
def theirs(own, other):
    """Make another department's drafts, one import and one deleted record; return all by name."""
    make_work(own)
    make_work(other, SECRET)
    log = ImportLog.objects.create(
        model="initiatives.initiative",
        state=ImportState.IMPORTED,
        file_name=f"{SECRET}.csv",
        sha256="0" * 64,
        size=9,
        file=SECRET.encode(),
        user=builders.make_staff(),
        username=SECRET,
    )
    return {model._meta.model_name: record for model, record in list_work(other)} | {"log": log}


def check_others(client, addresses):
    """Fail for an address that shows, or does something to, another department's record."""
    wrong = []
    for address, has_record in addresses:
        for method in ("get", "post"):
            with transaction.atomic():
                response = getattr(client, method)(address)
                transaction.set_rollback(True)
            body = b"".join(response) if response.streaming else response.content
            location = response.get("Location", "")
            if SECRETS.search(body.decode(errors="replace") + location):
                wrong.append((address, method, "secret"))
            # Where the number leads for everybody: to the form, which answers for itself.
            elsewhere = ("/admin/", f"{address}change/")
            leads_on = response.status_code == 302 and location not in elsewhere
            is_done = response.status_code == 200 or (leads_on and "/login/" not in location)
            if has_record and is_done:
                wrong.append((address, method, response.status_code, location))
            if response.status_code >= 500:
                wrong.append((address, method, response.status_code))
    return wrong


class TestOthersRecords:
    def test_no_address_with_a_number_leads_to_them(self, own, other, theirs):
        """Those beside the table of test_rights_matrix.py; the drill asks all of them."""
        client = enter("editor", own)
        addresses = list_addresses_of(theirs, theirs["log"], lambda p: not IN_THE_TABLE.search(p))
        with_record = [address for address, has_record in addresses if has_record]
        assert len(with_record) > 50
        assert check_others(client, [(a, True) for a in with_record]) == []

    def test_the_way_to_the_public_page_of_a_draft_is_closed(self, own, other, theirs):
        client = enter("editor", own)
        for name, record in theirs.items():
            if name != "log":
                number = ContentType.objects.get_for_model(record).pk
                response = client.get(f"/admin/r/{number}/{record.pk}/")
                assert not SECRETS.search(response.get("Location", "")), name
                assert response.status_code in (403, 404), name
        mine = builders.make_initiative(departments=[own], slug="mine")
        number = ContentType.objects.get_for_model(mine).pk
        assert client.get(f"/admin/r/{number}/{mine.pk}/")["Location"].endswith(
            "/initiatives/mine/"
        )
        assert client.get(f"/admin/r/{'9' * 30}/{mine.pk}/").status_code == 404
        assert client.get(f"/admin/r/{number}/{'9' * 30}/").status_code == 404


class TestForgedForms:
    def test_no_form_is_taken_without_its_token(self, admin_user, own, other, theirs):
        client = Client(enforce_csrf_checks=True)
        client.force_login(admin_user)
        addresses = list_addresses_of(theirs, theirs["log"], lambda path: True)
        assert len(addresses) > 200
        before = fingerprint()
        for address, _ in addresses:
            assert client.post(address, {"post": "yes"}).status_code == 403, address
        assert fingerprint() == before
        for token in ("", "x", "a" * 32, "a" * 64):
            client.cookies["csrftoken"] = token
            sent = {"csrfmiddlewaretoken": token or "x"}
            assert client.post("/admin/portal/place/add/", sent).status_code in (200, 403)
        foreign = {
            "HTTP_ORIGIN": "https://attack.example",
            "HTTP_REFERER": "https://attack.example/",
        }
        page = client.get("/admin/portal/place/add/")
        token = re.search('csrfmiddlewaretoken" value="(.+?)"', page.content.decode())[1]
        sent = {"csrfmiddlewaretoken": token}
        assert client.post("/admin/portal/place/add/", sent, **foreign).status_code == 403

    def test_no_step_is_taken_by_a_link(self, admin_client, own, other, theirs):
        steps = re.compile(r"/(step|revise|restore|undo|delete|process_import|logout)/")
        addresses = list_addresses_of(theirs, theirs["log"], steps.search)
        before = fingerprint()
        for address, _ in addresses:
            assert admin_client.get(address).status_code in (200, 302, 403, 404, 405), address
        assert fingerprint() == before
        assert len(addresses) > 50
        assert admin_client.get("/admin/").status_code == 200


def fingerprint() -> dict:
    """Return what the tables of content hold."""
    return {
        model: sorted(map(repr, model._base_manager.values_list()))
        for model in apps.get_models()
        if model._meta.app_label in ("portal", "initiatives", "budgets", "auth")
        and model is not AuditEntry
        and not model._meta.model_name.startswith("edition")
    }


@pytest.fixture
def user(django_user_model):
    return django_user_model.objects.create_superuser("kakuu-1", password=PASSWORD)


def log_in(client, username="kakuu-1", password=PASSWORD):
    return client.post(LOGIN, {"username": username, "password": password})


class TestSessions:
    def test_each_login_has_a_new_number_and_no_number_outlives_the_logout(self, client, user):
        numbers = []
        for _ in range(3):
            log_in(client)
            numbers.append(client.cookies["sessionid"].value)
            assert client.get("/admin/").status_code == 200
            client.post(LOGOUT)
            thief = Client()
            thief.cookies["sessionid"] = numbers[-1]
            assert thief.get("/admin/").status_code == 302
        assert len(set(numbers)) == 3
        assert not Session.objects.filter(pk__in=numbers).exists()

    @pytest.mark.parametrize(
        "planted", ["planted" * 5, "../../etc/passwd", "' OR 1=1 --", "a" * 40]
    )
    def test_a_number_that_a_stranger_chose_is_never_taken(self, client, user, planted):
        client.cookies["sessionid"] = planted
        log_in(client)
        assert client.cookies["sessionid"].value != planted
        assert not Session.objects.filter(pk=planted).exists()


class TestGuessedNames:
    @pytest.fixture
    def count_work(self, monkeypatch):
        """Return a function that logs in and gives back how often a password was hashed."""
        hashed = []
        encode = MD5PasswordHasher.encode
        monkeypatch.setattr(
            MD5PasswordHasher,
            "encode",
            lambda self, *args: hashed.append(1) or encode(self, *args),
        )

        def count(name, password="違う合い言葉"):
            hashed.clear()
            response = log_in(Client(), name, password)
            return len(hashed), response.status_code, text_of(response).replace(name, "")

        return count

    def test_a_wrong_login_takes_the_same_work_whoever_it_names(
        self, count_work, user, django_user_model
    ):
        make = django_user_model.objects.create_user
        make("citizen", password=PASSWORD)
        make("left", password=PASSWORD, is_staff=True, is_active=False)
        make("without", is_staff=True)
        names = ["kakuu-1", "citizen", "left", "nobody", "without", "誰か", "KAKUU-1"]
        seen = {count_work(name) for name in names}
        seen |= {count_work(name, PASSWORD) for name in ("citizen", "left")}
        assert {work for work, _, _ in seen} == {1}
        assert len(seen) == 1

    def test_a_locked_name_answers_the_same_whether_it_is_somebody_s(
        self, count_work, user, settings
    ):
        settings.AXES_ENABLED, settings.AXES_FAILURE_LIMIT = True, 2
        answers = [[count_work(name) for _ in range(4)] for name in ("kakuu-1", "nobody")]
        assert answers[0] == answers[1]
        assert [status for _, status, _ in answers[0]] == [200, 429, 429, 429]
        assert answers[0][-1][0] == 0  # who is locked out costs nothing any more
        assert count_work("kakuu-1", PASSWORD)[1] == 429

    def test_no_page_sends_a_new_password_to_somebody(self, client):
        with pytest.raises(NoReverseMatch):
            reverse("admin_password_reset")
        assert "password_reset" not in client.get(LOGIN).content.decode()
