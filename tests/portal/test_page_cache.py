"""Public answers kept whole by edition: the same bytes again, never an old one, never a staff one."""

import gzip
import threading
from datetime import timedelta
from functools import partial

import brotli
import pytest
from django.contrib.auth import get_user_model
from django.core.cache import caches
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_started
from django.db import OperationalError, close_old_connections, connection, transaction
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from initiatives.models import Initiative
from portal import page_cache
from portal.edition import Edition, find_edition
from portal.fast_lane import take_fast_lane
from portal.models import GlossaryTerm, Status
from portal.page_cache import (
    CODINGS,
    Kept,
    choose_coding,
    compress,
    may_keep,
    page_cache_middleware,
    say_how_long,
)
from portal.revisions import make_revision
from tests.builders import (
    make_document,
    make_initiative,
    make_settlement,
    make_term,
)
from tests.public_pages import arguments_of, list_addresses, make_world
from tests.triggers import drop_trigger

pytestmark = pytest.mark.django_db
FIRST = ["portal.due_revisions.due_revisions_middleware", "portal.page_cache.page_cache_middleware"]
TERMS = "/glossary/"


def ask_by_four(ask, started, go_on):
    """Let four threads ask, the others while the first one is at work until `go_on` is set."""
    threads = [threading.Thread(target=ask) for _ in range(4)]
    threads[0].start()
    assert started.wait(5)
    for thread in threads[1:]:
        thread.start()
    go_on.set()
    for thread in threads:
        thread.join(5)


@pytest.fixture(autouse=True)
def _with_page_cache(settings):
    limit, *rest = settings.MIDDLEWARE
    settings.MIDDLEWARE = [limit, *FIRST, *rest]
    caches["pages"].clear()


@pytest.fixture
def client():
    client = Client()
    client.get("/robots.txt")  # the first request looks for what is due
    return client


@pytest.fixture
def packed(monkeypatch):
    """Return the list of the codings that answers are compressed in from now on."""
    made = []

    def note(coding, pack, body):
        made.append(coding)
        return pack(body)

    noting = {
        coding: tuple(partial(note, coding, pack) for pack in packs)
        for coding, packs in CODINGS.items()
    }
    monkeypatch.setattr("portal.page_cache.CODINGS", noting)
    return made


def count_queries(client, address, **headers):
    with CaptureQueriesContext(connection) as queries:
        response = client.get(address, headers=headers)
    return response, len(queries)


class TestKept:
    def test_every_public_page_comes_again_by_one_query_and_with_the_same_bytes(self, client):
        addresses = [
            address
            for address in list_addresses(arguments_of(**make_world()))
            if address not in ("/favicon.ico", "/healthz")
        ]
        passed_by = set()
        for address in addresses:
            first = client.get(address)
            if first.streaming or address.startswith("/open-data/"):
                continue
            again, queries = count_queries(client, address)
            assert again.content == first.content, address
            assert {**again.headers} == {**first.headers}, address
            if queries != 1:
                passed_by.add(address)
        assert passed_by == set()

    @pytest.mark.parametrize(
        "coding, unpack", [("br", brotli.decompress), ("gzip", gzip.decompress)]
    )
    def test_each_coding_holds_the_same_page(self, client, coding, unpack):
        make_term(explanation="架空の説明です。" * 50)
        plain = client.get(TERMS)
        for _ in range(2):
            packed = client.get(TERMS, headers={"accept-encoding": f"{coding};q=1.0, identity"})
            assert packed["Content-Encoding"] == coding
            assert int(packed["Content-Length"]) == len(packed.content) < len(plain.content)
            assert unpack(packed.content) == plain.content
            assert "Accept-Encoding" in packed["Vary"]

    def test_each_coding_is_made_once_and_when_it_is_first_asked_for(self, client, packed):
        make_term(explanation="架空の説明です。" * 50)
        for asked in ("br", "br", "", "gzip, br", "gzip", "gzip"):
            assert client.get(TERMS, headers={"accept-encoding": asked}).status_code == 200
        assert packed == ["br", "gzip"]
        make_term()
        plain = client.get(TERMS)
        assert packed == ["br", "gzip"] and plain["Vary"] == "Accept-Encoding"
        assert int(plain["Content-Length"]) == len(plain.content)

    def test_many_who_first_ask_for_a_coding_wait_for_one(self, packed, monkeypatch):
        store, started, go_on = page_cache._store, threading.Event(), threading.Event()

        def store_late(found):
            if any(name.endswith("gzip") for name in found):
                started.set()
                go_on.wait(5)
            store(found)

        monkeypatch.setattr("portal.page_cache._store", store_late)
        middleware = page_cache_middleware(lambda request: HttpResponse(b"page" * 500))

        def ask(coding="gzip"):
            request = RequestFactory().get("/架空/", headers={"accept-encoding": coding})
            request.edition = Edition("c", None)
            answers.append(middleware(request).content)

        answers = []
        ask("")
        ask_by_four(ask, started, go_on)
        assert {gzip.decompress(answer) for answer in answers[1:]} == {b"page" * 500}
        assert (len(answers), packed) == (5, ["gzip"])

    def test_data_is_compressed_in_less_time_than_pages(self):
        body = "".join(f"架空の事業{number}、{number * 7919}円\n" for number in range(999)).encode()
        for coding in CODINGS:
            page, data = (
                compress(Kept([("Content-Type", content_type)], body), coding)
                for content_type in ("text/html; charset=utf-8", "application/json")
            )
            assert len(page.body) < len(data.body) < len(body)
            assert dict(data.headers)["Content-Length"] == str(len(data.body))

    @pytest.mark.parametrize(
        "accepted, coding",
        [
            ("gzip, deflate, br", "br"),
            ("GZIP", "gzip"),
            ("br;q=0, gzip;q=0.5", "gzip"),
            ("br;q=0.000, gzip; q=0", ""),
            ("identity", ""),
            ("", ""),
            (";;,,=", ""),
        ],
    )
    def test_a_coding_that_is_refused_is_not_chosen(self, accepted, coding):
        assert choose_coding(accepted) == coding

    def test_who_has_the_edition_is_answered_304_without_content(self, client):
        make_term()
        etag = client.get(TERMS)["ETag"]
        answer, queries = count_queries(client, TERMS, **{"if-none-match": etag})
        assert (answer.status_code, answer.content, queries) == (304, b"", 1)
        assert answer["ETag"] == etag and "s-maxage" in answer["Cache-Control"]
        listed, _ = count_queries(client, TERMS, **{"if-none-match": f'"other", {etag}'})
        assert listed.status_code == 304
        for unchanged in (answer, listed):  # a script of another host that kept the tag may read it
            assert unchanged["Access-Control-Allow-Origin"] == "*"
        make_term()
        assert client.get(TERMS, headers={"if-none-match": etag}).status_code == 200

    def test_a_head_request_has_the_headers_of_the_page(self, client):
        page = client.get(TERMS)
        head = client.head(TERMS)
        assert head.content == b""
        assert (head["ETag"], head["Content-Length"]) == (page["ETag"], page["Content-Length"])

    def test_addresses_and_hosts_are_kept_apart(self, client, settings):
        settings.ALLOWED_HOSTS = ["one.example", "two.example"]
        for host in settings.ALLOWED_HOSTS:
            assert f"http://{host}/" in client.get("/", headers={"host": host}).content.decode()
        assert client.get("/", headers={"host": "evil.example"}).status_code == 400
        assert client.get(TERMS + "?q=架空", headers={"host": "one.example"}).status_code == 200

    def test_a_charset_that_a_request_claims_reads_no_address_otherwise(self, client):
        make_term(term="架空の用語の名")
        address = "/glossary/?q=%E6%9E%B6%E7%A9%BA"
        claimed = client.get(address, headers={"content-type": "text/plain; charset=latin-1"})
        assert "架空の用語の名" in claimed.content.decode()
        assert client.get(address).content == claimed.content

    @pytest.mark.parametrize(
        "change",
        [
            {"status": 404},
            {"headers": {"Cache-Control": "no-store"}},
            {"headers": {"Cache-Control": "private"}},
            {"headers": {"Vary": "Cookie"}},
            {"headers": {"Content-Encoding": "gzip"}},
            {"content": b"x" * (2 * 1024 * 1024 + 1)},
        ],
    )
    def test_what_is_not_for_everyone_or_too_large_is_not_kept(self, change):
        assert may_keep(HttpResponse(b"page"))
        assert not may_keep(HttpResponse(**{"content": b"page", **change}))

    def test_an_answer_that_sets_a_cookie_is_not_kept(self):
        response = HttpResponse(b"page")
        response.set_cookie("csrftoken", "x")
        assert not may_keep(response)

    def test_a_page_that_is_not_there_is_asked_for_again(self, client):
        assert client.get("/initiatives/kakuu/")["Cache-Control"] == "no-cache"
        make_initiative(slug="kakuu")
        assert client.get("/initiatives/kakuu/").status_code == 200


class TestNeverOld:
    def test_a_publication_begins_and_ends_at_its_second(self, client, monkeypatch):
        now = timezone.now()
        begin, end = now + timedelta(hours=1), now + timedelta(hours=2)
        make_initiative(title="架空の予定", publish_from=begin, publish_until=end)
        shown = []
        for moment in (begin, end):
            for after in (-1, 0):
                at = moment + timedelta(seconds=after)
                monkeypatch.setattr("django.utils.timezone.now", lambda at=at: at)
                for _ in range(2):
                    shown.append("架空の予定" in client.get("/initiatives/").content.decode())
        assert shown == [False, False, True, True, True, True, False, False]

    def test_an_approved_revision_appears_at_its_second(self, client, monkeypatch):
        moment = timezone.now() + timedelta(hours=1)
        settlement = make_settlement(introduction="前の概要")
        revision = make_revision(settlement, None)
        revision.introduction, revision.publish_from = "新しい概要", moment
        revision.status = Status.APPROVED
        revision.save()
        address = settlement.get_absolute_url()
        for after, text in [(-1, "前の概要"), (0, "新しい概要")]:
            at = moment + timedelta(seconds=after)
            monkeypatch.setattr("django.utils.timezone.now", lambda at=at: at)
            assert text in client.get(address).content.decode()
            assert text in client.get(address).content.decode()

    def test_caches_between_are_never_told_to_keep_past_a_moment(self, settings, monkeypatch):
        settings.CDN_SECONDS, now = 60, timezone.now()
        monkeypatch.setattr("django.utils.timezone.now", lambda: now)
        told = {
            seconds: say_how_long(now + timedelta(seconds=seconds)) for seconds in (600, 90, 10, 0)
        }
        assert say_how_long(None) == told[600]
        assert told == {
            600: "public, max-age=0, s-maxage=60, stale-while-revalidate=60",
            90: "public, max-age=0, s-maxage=60, stale-while-revalidate=30",
            10: "public, max-age=0, s-maxage=10, must-revalidate",
            0: "public, max-age=0, s-maxage=0, must-revalidate",
        }

    def test_every_public_answer_tells_it(self, client):
        make_world()
        for address in [
            "/",
            "/api/v1/pillars",
            "/api/v1/figures?format=csv",
            "/open-data/pillars.csv",
            "/open-data/datapackage.json",
            "/settlements/?format=csv",
        ]:
            answer = client.get(address)
            assert answer.status_code == 200
            assert "s-maxage=60" in answer["Cache-Control"], address
            again = client.get(address, headers={"if-none-match": answer["ETag"]})
            assert again.status_code == 304
            assert "s-maxage=60" in again["Cache-Control"], address

    def test_how_long_is_told_when_the_page_is_sent_not_when_it_is_kept(self, client, monkeypatch):
        now = timezone.now()
        make_document(publish_until=now + timedelta(seconds=100))
        client.get(TERMS)
        later = now + timedelta(seconds=95)
        monkeypatch.setattr("django.utils.timezone.now", lambda: later)
        assert (
            client.get(TERMS)["Cache-Control"] == "public, max-age=0, s-maxage=5, must-revalidate"
        )


class TestStaff:
    def test_who_is_logged_in_passes_by_and_leaves_nothing(self, client):
        staff = Client()
        staff.force_login(get_user_model().objects.create_superuser("架空管理"))
        make_term(term="架空の前")
        mine = staff.get(TERMS)
        assert mine["Cache-Control"] == "private, no-store" and "ETag" not in mine
        _, queries = count_queries(client, TERMS)
        assert queries > 1  # nothing was kept
        _, queries = count_queries(staff, TERMS)
        assert queries > 1  # nothing is taken from what is kept

    def test_the_admin_and_forms_pass_by(self, client):
        assert "ETag" not in client.get("/admin/login/")
        assert "ETag" not in client.post("/search/")


class TestWhenThingsBreak:
    def test_nothing_is_kept_while_changes_are_not_counted(self, client, application, monkeypatch):
        make_term(term="架空の前")
        lane = take_fast_lane(WSGIHandler())
        etag = client.get(TERMS)["ETag"]
        monkeypatch.setattr("portal.edition_triggers.watch._is_complete", False)
        monkeypatch.setattr("portal.edition_triggers.watch._look_at", 0)
        with transaction.atomic():
            drop_trigger("portal_glossaryterm")
            for term in ("架空の中", "架空の後"):
                GlossaryTerm.objects.update(term=term)
                answer = client.get(TERMS, headers={"if-none-match": etag})
                assert term in answer.content.decode()
                assert answer["Cache-Control"] == "no-cache" and "ETag" not in answer
                assert find_edition() != find_edition()  # by which all else is kept
            request_started.disconnect(close_old_connections)
            monkeypatch.setattr("portal.fast_lane.find_answer", None)
            lane(RequestFactory().get(TERMS).environ, lambda *told: None)
            transaction.set_rollback(True)
        monkeypatch.setattr("portal.edition_triggers.watch._look_at", 0)
        assert client.get(TERMS)["ETag"] == etag

    def test_a_lost_cache_costs_time_alone(self, client, monkeypatch):
        def fail(*arguments, **options):
            raise OSError("架空の障害")

        monkeypatch.setattr(caches["pages"], "get", fail)
        monkeypatch.setattr(caches["pages"], "set_many", fail)
        assert [client.get(TERMS).status_code for _ in range(2)] == [200, 200]

    def test_kept_pages_go_on_for_a_minute_without_the_database(self, client, monkeypatch):
        make_document(publish_until=timezone.now() + timedelta(seconds=40))
        page = client.get(TERMS)
        monotonic, now = [1000.0], timezone.now()
        monkeypatch.setattr("time.monotonic", lambda: monotonic[0])
        client.get(TERMS)

        def fail():
            raise OperationalError("架空の障害")

        monkeypatch.setattr("portal.due_revisions.find_edition", fail)
        monotonic[0] += 30
        assert client.get(TERMS).content == page.content
        # What is not kept needs the database; what would be due by now must not be shown as it was.
        made = []
        middleware = page_cache_middleware(lambda request: made.append(1) or HttpResponse())
        request = RequestFactory().get(TERMS)
        request.edition = Edition("a", None, None, now + timedelta(seconds=40))
        middleware(request)
        request.edition = None
        assert middleware(request) and len(made) == 1
        for seconds, is_due in [(30, True), (31, False)]:
            monotonic[0] += seconds
            at = now + timedelta(seconds=41 if is_due else 1)
            monkeypatch.setattr("django.utils.timezone.now", lambda at=at: at)
            middleware(request)
        assert len(made) == 3

    def test_many_who_ask_at_once_wait_for_one_page(self, monkeypatch):
        made, started, go_on = [], threading.Event(), threading.Event()

        def make_page(request):
            made.append(1)
            started.set()
            go_on.wait(5)
            return HttpResponse(b"page")

        middleware = page_cache_middleware(make_page)
        answers = []

        def ask():
            request = RequestFactory().get("/架空/")
            request.edition = Edition("b", None)
            answers.append(middleware(request).content)

        ask_by_four(ask, started, go_on)
        assert (answers, made) == ([b"page"] * 4, [1])


class TestFastLane:
    """What gunicorn calls; the test client comes in behind the fast lane."""

    @pytest.fixture
    def ask(self, application):
        application = take_fast_lane(WSGIHandler())  # with the middleware of these tests

        def ask(address, **headers):
            request_started.disconnect(close_old_connections)  # each use of a client connects it
            environ = RequestFactory(headers=headers).get(address).environ
            started = []
            body = b"".join(application(environ, lambda *told: started.append(told)))
            ((status, headers, *_),) = started
            assert len({name for name, _ in headers}) == len(headers)
            return status, dict(headers), body

        return ask

    def test_it_answers_what_the_page_cache_answers(self, ask, client, monkeypatch):
        make_term(explanation="架空の説明です。" * 50)
        for accepted in ("", "gzip", "br"):
            first = ask(TERMS, accept_encoding=accepted)
            with CaptureQueriesContext(connection) as queries:
                again = ask(TERMS, accept_encoding=accepted)
            assert again == first and len(queries) == 1
            behind = client.get(TERMS, headers={"accept-encoding": accepted})
            assert (dict(behind.items()), behind.content) == first[1:]
        status, headers, body = ask(TERMS, if_none_match=first[1]["ETag"])
        assert (status, body) == ("304 Not Modified", b"")
        told = {n: first[1][n] for n in ("ETag", "Cache-Control", "Vary")}
        assert headers == told | {"Access-Control-Allow-Origin": "*"}
        make_term()
        assert ask(TERMS)[1]["ETag"] != first[1]["ETag"]

    def test_what_is_asked_for_again_is_at_hand_until_the_edition_changes(self, ask, monkeypatch):
        make_term(term="架空の前")
        for _ in range(2):
            first = ask(TERMS)

        def fail(*arguments, **options):
            raise AssertionError("the kept pages were asked")

        with monkeypatch.context() as patch:
            patch.setattr(caches["pages"], "get", fail)
            assert ask(TERMS) == first
            assert ask(TERMS, if_none_match=first[1]["ETag"])[0] == "304 Not Modified"
            with pytest.raises(AssertionError):
                ask(TERMS, accept_encoding="br")
            with pytest.raises(AssertionError):
                ask(TERMS, host="localhost")
        GlossaryTerm.objects.update(term="架空の後")
        assert "架空の後" in ask(TERMS)[2].decode()

    def test_all_else_goes_on_to_the_application(self, ask, client):
        make_term()
        for address in (TERMS, "/search/?q=架空", "/api/v1/pillars", "/feed.atom"):
            ask(address)
        staff = ask(TERMS, cookie="sessionid=kakuu")
        assert staff[1]["Cache-Control"] == "private, no-store"
        assert ask("/admin/")[0] == "302 Found"
        assert ask("/search/?q=架空")[1]["Vary"] == "Accept-Encoding"
        assert ask("/api/v1/pillars")[1]["Access-Control-Allow-Origin"] == "*"
        assert ask("/feed.atom")[1]["ETag"].startswith('"')
        assert ask("/nothing/")[0] == "404 Not Found"

    def test_searches_are_counted_there_too(self, ask, settings):
        caches["default"].clear()
        settings.SEARCH_RATE = "3/hour"
        make_term(term="架空")
        statuses = [ask("/glossary/?q=架空")[0] for _ in range(5)]
        assert statuses == ["200 OK"] * 3 + ["429 Too Many Requests"] * 2
        assert ask("/glossary/")[0] == "200 OK"

    def test_no_writing_of_a_search_goes_uncounted(self, ask, settings):
        caches["default"].clear()
        settings.SEARCH_RATE = "3/hour"
        statuses = [ask("/glossary/?%71=%E6%9E%B6")[0] for _ in range(4)]
        assert statuses == ["200 OK"] * 3 + ["429 Too Many Requests"]

    def test_a_lost_database_is_the_applications_matter(self, ask, monkeypatch):
        def fail(kept):
            raise OperationalError("架空の障害")

        status, headers, body = ask(TERMS)
        monkeypatch.setattr("portal.fast_lane.find_edition", fail)
        assert ask(TERMS) == (status, headers, body)

    def test_no_more_than_published_is_told(self, ask):
        initiative = make_initiative(title="架空の秘密")
        address = initiative.get_absolute_url()
        assert "架空の秘密" in ask(address)[2].decode()
        Initiative.objects.update(status="withdrawn")
        status, _, body = ask(address)
        assert status in ("404 Not Found", "410 Gone")
        assert "架空の秘密" not in body.decode()
