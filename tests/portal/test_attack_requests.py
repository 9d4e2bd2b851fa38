"""What a stranger sends: hosts, headers, methods, paths; and what every answer carries."""

from itertools import cycle, product
from urllib.parse import urljoin, urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests.attack_inputs import FORWARDED, HEADERS, HOSTS, METHODS, PATHS, REDIRECTS
from tests.builders import make_department
from tests.public_pages import arguments_of, list_addresses, make_world

pytestmark = pytest.mark.django_db

ATTACK = "attack.example"
FORMS = {"POST", "PUT", "PATCH", "DELETE"}
PASSWORD = "架空の合い言葉 2026"
SAME_ON_ALL = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Permitted-Cross-Domain-Policies": "none",
}
OPEN = ("/api/", "/embed/", "/open-data/", "/initiatives/images/", "/feed.atom")
STARTS = [
    *("/", "/static/", "/initiatives/", "/settlements/", "/api/v1/", "/open-data/", "/embed/"),
    *("/admin/", "/documents/", "/sitemap-", "/initiatives/images/"),
]
# One address of each kind of view.
KINDS = [
    "/",
    "/search/",
    "/settlements/",
    "/api/v1/figures",
    "/feed.atom",
    "/open-data/",
    "/healthz",
]


@pytest.fixture
def addresses():
    return list_addresses(arguments_of(**make_world()))


def list_headers() -> list[tuple[str, str]]:
    return [(name, value) for name, values in HEADERS.items() for value in values]


def ask(client, method, address, **headers):
    client.raise_request_exception = False
    extra = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if f"HTTP_{name}" in extra:
            extra[name] = extra.pop(f"HTTP_{name}")
    return client.generic(method, address, b"", **extra)


def check_method(client, method, address):
    response = ask(client, method, address)
    assert response.status_code < 500 or address == "/healthz", (method, address)
    # Whatever is answered, a stranger's form is not.
    assert response.status_code >= 300 or method not in FORMS, (method, address)


class TestHeaders:
    def test_every_public_answer_has_them(self, client, addresses):
        for address in [*addresses, "/nothing/", "/search/?q=x", "/admin/", "/admin/login/"]:
            response = client.get(address)
            for name, value in SAME_ON_ALL.items():
                assert response[name] == value, (address, name)
            policy = response["Content-Security-Policy"]
            assert "default-src 'none'" in policy and "unsafe" not in policy, address
            is_framed = address.startswith("/embed/") and response.status_code == 200
            assert ("frame-ancestors *" in policy) == is_framed, address
            assert ("X-Frame-Options" not in response) == address.startswith("/embed/"), address
            shared = "cross-origin" if address.startswith(OPEN) else "same-origin"
            assert response["Cross-Origin-Resource-Policy"] == shared, address
            assert "camera=()" in response["Permissions-Policy"]
            assert "Server" not in response and "X-Powered-By" not in response
            assert response.get("Access-Control-Allow-Origin", "*") == "*"
            assert "Access-Control-Allow-Credentials" not in response
            is_kept_nowhere = address == "/healthz" or address.startswith("/admin/")
            assert is_kept_nowhere == ("no-store" in response.get("Cache-Control", "")), address

    def test_transport_is_held_to_https_and_pages_of_http_are_not_told(self, settings):
        settings.SECURE_SSL_REDIRECT, settings.SECURE_HSTS_SECONDS = True, 31_536_000
        settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = settings.SECURE_HSTS_PRELOAD = True
        client = Client()
        for _ in range(2):  # the second one from what is kept
            secure = client.get("/", secure=True)
            assert secure.status_code == 200
            sent = secure["Strict-Transport-Security"]
            assert sent == "max-age=31536000; includeSubDomains; preload"
            plain = client.get("/")
            assert plain.status_code == 301
            assert plain["Location"] == "https://testserver/"

    def test_leaving_clears_what_the_browser_kept(self, admin_client):
        assert '"storage"' in admin_client.post("/admin/logout/")["Clear-Site-Data"]


class TestHosts:
    def test_a_foreign_host_gets_no_page(self, client, settings):
        settings.ALLOWED_HOSTS = ["testserver"]
        client.raise_request_exception = False
        for host, address in product(HOSTS, KINDS[:4]):
            response = client.get(address, HTTP_HOST=host)
            assert response.status_code == 400, (host, address)
            assert "attack" not in response.content.decode()

    def test_nobody_is_told_another_host_by_a_header(self, client, addresses):
        asked = [*KINDS, "/admin/", "/sitemap.xml", "/search/?format=csv"]
        for (name, value), address in zip(FORWARDED.items(), cycle(asked), strict=False):
            response = ask(client, "GET", address, **{name: value})
            body = b"".join(response) if response.streaming else response.content
            assert response.status_code < 400 or address == "/healthz", (name, address)
            assert b"attack" not in body, (name, address)
            assert "attack" not in str(response.headers), (name, address)
            # And the next one does not get what this one asked for.
            assert ATTACK not in client.get(address.partition("?")[0]).content.decode()


class TestAnything:
    def test_no_header_breaks_an_answer(self, client, addresses):
        """Each one once; tests/drills/test_attack_sweeps.py asks all kinds of views with each."""
        broken = [
            (name, value[:40], address)
            for (name, value), address in zip(list_headers(), cycle(KINDS[:-1]), strict=False)
            if ask(client, "GET", address, **{name: value}).status_code >= 500
        ]
        assert broken == []

    def test_no_method_changes_or_breaks_anything(self, addresses):
        client = Client(enforce_csrf_checks=True)
        for address, method in zip(addresses, cycle(METHODS), strict=False):
            check_method(client, method, address)

    def test_no_path_leads_out_of_the_site(self, client):
        client.raise_request_exception = False
        for start in STARTS:
            for path in PATHS:
                response = client.get(start + path)
                assert response.status_code in (301, 302, 400, 404, 405, 422), start + path[:40]
                if response.status_code < 400:
                    assert response["Location"].startswith(("/admin/login/", f"{start}")), (
                        start + path
                    )
                    assert not response["Location"].startswith(("//", "/\\"))
                assert "attack" not in response.cookies


class TestRedirects:
    def test_no_login_leads_elsewhere(self, django_user_model):
        django_user_model.objects.create_superuser("kakuu-1", password=PASSWORD)
        for target in REDIRECTS:
            self.check_login(target)

    def check_login(self, target):
        credentials = {"username": "kakuu-1", "password": PASSWORD}
        client = Client(raise_request_exception=False)
        response = client.post(reverse("admin:login"), credentials, query_params={"next": target})
        assert response.status_code == 302
        assert is_within(response["Location"]), response["Location"]
        for address in ("/admin/logout/", "/admin/login/code/"):
            response = client.get(address, {"next": target})
            assert response.status_code == 405 or is_within(response["Location"])

    def test_a_slash_that_is_missing_leads_to_this_host(self, client):
        for path in (
            "//attack.example/x",
            "//attack.example",
            "/\\attack.example",
            "/%5Cattack.example",
        ):
            response = client.get(path)
            assert "Location" not in response or is_within(response["Location"]), path

    def test_a_former_address_leads_within(self, client):
        department = make_department(slug="before")
        department.slug = "after"
        department.save()
        for query in ("", "?next=//attack.example/", "?//attack.example"):
            response = client.get(f"/departments/before/{query}")
            assert response["Location"].startswith("/departments/after/")


def is_within(location: str) -> bool:
    """Tell whether a browser that is sent there stays on this host, however it reads the address."""
    read = location.replace("\\", "/").translate(dict.fromkeys(map(ord, "\t\r\n"))).strip()
    target = urlsplit(urljoin("http://testserver/admin/login/", read))
    return (target.scheme, target.netloc) == ("http", "testserver")


class TestSizes:
    def test_too_many_fields_are_refused(self, client):
        client.raise_request_exception = False
        fields = "&".join(f"field{number}=1" for number in range(20_001))
        kind = "application/x-www-form-urlencoded"
        assert client.post(reverse("admin:login"), fields, content_type=kind).status_code == 400
        refused = client.get("/search/", QUERY_STRING=fields)
        assert refused.status_code == 400
        assert "default-src 'none'" in refused["Content-Security-Policy"]

    def test_a_large_body_is_refused_before_it_is_read(self, client):
        client.raise_request_exception = False
        data = b"username=" + b"a" * (13 * 2**20)
        kind = "application/x-www-form-urlencoded"
        assert client.post(reverse("admin:login"), data, content_type=kind).status_code == 400

    @pytest.mark.parametrize("name", ["username", "password"])
    @pytest.mark.parametrize("value", ["\0", "\ud800", "a" * 100_000, "' OR 1=1 --", "＼u0000"])
    def test_no_name_and_no_password_breaks_the_login(self, client, name, value):
        client.raise_request_exception = False
        data = {"username": "x", "password": "x"} | {name: value}
        body = "&".join(f"{k}={v}" for k, v in data.items()).encode("utf-8", "surrogatepass")
        response = client.post(
            reverse("admin:login"), body, content_type="application/x-www-form-urlencoded"
        )
        assert response.status_code == 200
        assert not User.objects.exists()
