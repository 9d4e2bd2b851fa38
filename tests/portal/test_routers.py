"""Who reads from the replica, who never does, and what happens when it is lost or late."""

import logging

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import MiddlewareNotUsed
from django.db import OperationalError, connection, connections, router, transaction
from django.http import HttpResponse, StreamingHttpResponse
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from initiatives.models import Initiative
from portal import routers
from portal.models import GlossaryTerm
from portal.routers import (
    BEHIND,
    NOT_A_REPLICA,
    OK,
    PRIMARY,
    REPLICA,
    UNREACHABLE,
    Reading,
    Replica,
    ReplicaRouter,
    reading_from,
    replica_middleware,
)
from tests import builders
from tests.public_pages import arguments_of, list_addresses, make_world


@pytest.fixture
def add_replica(settings, monkeypatch):
    """Return a function that gives the portal a replica with these database settings."""
    added = []

    def add(**changes):
        database = settings.DATABASES[PRIMARY] | changes
        database["OPTIONS"] = {k: v for k, v in database["OPTIONS"].items() if k != "pool"}
        monkeypatch.setitem(settings.DATABASES, REPLICA, database)
        monkeypatch.setitem(router.__dict__, "routers", [ReplicaRouter()])
        monkeypatch.setattr(routers, "replica", Replica())
        added.append(made := connections[REPLICA])
        monkeypatch.setattr(made, "ensure_connection", lambda: connect(made))
        return routers.replica

    def connect(made):
        # Django forbids each test all databases but those that were there when it began.
        if made.connection is None:
            with made.wrap_database_errors:
                made.connect()

    yield add
    for made in added:
        made.close()
        del connections[REPLICA]


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still; a test moves its hand."""

    class Clock:
        now = 1000.0

    monkeypatch.setattr(routers.time, "monotonic", lambda: Clock.now)
    return Clock


@pytest.fixture
def sound_replica(add_replica, monkeypatch):
    """A replica that is always in order: a second connection to the test's own database."""
    replica = add_replica()
    monkeypatch.setattr(replica, "take", lambda: True)
    return replica


@pytest.fixture
def lost_replica(add_replica):
    """A replica whose port nobody listens at."""
    return add_replica(
        ENGINE="django.db.backends.postgresql",
        NAME="portal",
        HOST="127.0.0.1",
        PORT=1,
        USER="portal",
        PASSWORD="",
        OPTIONS={},
    )


class TestWhoReadsFromTheReplica:
    @pytest.mark.django_db(transaction=True)
    def test_every_public_page_reads_from_it_alone(self, sound_replica):
        client, asked = Client(), {}
        for address in set(list_addresses(arguments_of(**make_world()))) - {"/healthz"}:
            with (
                CaptureQueriesContext(connections[PRIMARY]) as of_primary,
                CaptureQueriesContext(connections[REPLICA]) as of_replica,
            ):
                answer = client.get(address)
                assert answer.status_code in (200, 302, 422), address
                answer.getvalue()
            asked[address] = (len(of_primary), len(of_replica))
        assert [address for address, (primary, _) in asked.items() if primary] == []
        assert asked["/"][1] > 0
        assert asked["/open-data/all.zip"][1] > 0

    @pytest.mark.django_db(transaction=True)
    def test_staff_read_from_the_primary_on_public_pages_too(self, sound_replica):
        staff = Client()
        staff.force_login(builders.make_staff(username="架空職員"))
        builders.make_term()
        for address in ("/glossary/", "/admin/"):
            with CaptureQueriesContext(connections[REPLICA]) as of_replica:
                assert staff.get(address).status_code == 200
            assert len(of_replica) == 0

    @pytest.mark.parametrize(
        ("method", "path", "cookies", "expected"),
        [
            ("GET", "/", {}, True),
            ("HEAD", "/api/v1/figures", {}, True),
            ("GET", "/", {"theme": "dark"}, True),
            ("POST", "/", {}, False),
            ("GET", "/admin/login/", {}, False),
            ("GET", "/healthz", {}, False),
            ("GET", "/static/portal/icon.svg", {}, False),
            ("GET", "/", {"sessionid": "anything"}, False),
        ],
    )
    def test_only_what_an_anonymous_reader_asks_is_public_reading(
        self, method, path, cookies, expected
    ):
        request = RequestFactory().generic(method, path)
        request.COOKIES = cookies
        assert routers.is_public_reading(request) is expected

    @pytest.mark.django_db
    def test_within_a_transaction_the_primary_is_read(self, sound_replica):
        with reading_from(Reading()), transaction.atomic():
            assert router.db_for_read(Initiative) == PRIMARY

    def test_users_sessions_and_counts_are_never_read_from_it(self, sound_replica):
        with reading_from(Reading()):
            assert router.db_for_read(Initiative) == REPLICA
            assert router.db_for_read(User) == PRIMARY
            assert User.objects.all().db == PRIMARY

    def test_what_locks_or_writes_goes_to_the_primary(self, sound_replica):
        with reading_from(Reading()):
            assert Initiative.objects.all().db == REPLICA
            assert Initiative.objects.select_for_update().db == PRIMARY
            assert router.db_for_write(Initiative) == PRIMARY

    def test_a_part_that_must_not_wait_reads_from_the_primary(self, sound_replica):
        with reading_from(Reading()), reading_from(None):
            assert router.db_for_read(Initiative) == PRIMARY

    def test_a_record_that_was_read_from_it_is_written_to_the_primary(self, sound_replica):
        term = GlossaryTerm(term="架空")
        term._state.db = REPLICA
        assert router.db_for_write(GlossaryTerm, instance=term) == PRIMARY
        assert router.db_for_read(GlossaryTerm, instance=term) == PRIMARY
        other = GlossaryTerm(term="別の架空")
        other._state.db = PRIMARY
        assert router.allow_relation(term, other)

    def test_no_table_is_ever_made_in_it(self, sound_replica):
        assert router.allow_migrate(REPLICA, "portal") is False
        assert router.allow_migrate(PRIMARY, "portal") is True


class TestALostReplica:
    def test_readers_are_sent_to_the_primary_and_it_is_left_alone_for_a_while(
        self, lost_replica, clock, monkeypatch, caplog, django_db_blocker
    ):
        attempts = []
        connect = connections[REPLICA].get_new_connection

        def count(parameters):
            attempts.append(clock.now)
            return connect(parameters)

        monkeypatch.setattr(connections[REPLICA], "get_new_connection", count)
        with django_db_blocker.unblock(), caplog.at_level(logging.INFO, "portal.routers"):
            for second in (0, 1, 9, 11):
                clock.now = 1000.0 + second
                with reading_from(Reading()):
                    assert router.db_for_read(Initiative) == PRIMARY
        assert attempts == [1000.0, 1011.0]
        assert lost_replica.state == UNREACHABLE
        assert [record.getMessage()[:26] for record in caplog.records] == [
            "the replica is unreachable"
        ]

    @pytest.mark.django_db
    def test_pages_and_health_answer_as_before(self, lost_replica):
        builders.make_term(term="架空の用語")
        client = Client()
        assert "架空の用語" in client.get("/glossary/").content.decode()
        answer = client.get("/healthz")
        assert answer.status_code == 200
        assert answer.json()["replica"] == UNREACHABLE

    def test_an_error_in_the_middle_of_a_request_is_asked_again_of_the_primary(self, sound_replica):
        asked = []

        def get_response(request):
            asked.append(router.db_for_read(Initiative))
            if asked[-1] == REPLICA:
                connections[REPLICA].errors_occurred = True
                return HttpResponse(status=500)
            return HttpResponse("全部")

        answer = replica_middleware(get_response)(RequestFactory().get("/"))
        assert (asked, answer.content.decode()) == ([REPLICA, PRIMARY], "全部")

    @pytest.mark.django_db(transaction=True)
    def test_a_real_error_of_the_database_is_such_an_error(self, sound_replica):
        def get_response(request):
            alias = router.db_for_read(Initiative)
            try:
                with connections[alias].cursor() as cursor:
                    cursor.execute("SELECT 1" if alias == PRIMARY else "SELECT * FROM not_there")
                    return HttpResponse(str(cursor.fetchone()[0]))
            except Exception as error:
                return HttpResponse(f"{error}", status=500)

        answer = replica_middleware(get_response)(RequestFactory().get("/"))
        assert (answer.status_code, answer.content) == (200, b"1")
        assert sound_replica.state != UNREACHABLE  # the connection itself is sound

    def test_an_error_of_the_primary_is_shown_at_once(self, lost_replica, django_db_blocker):
        asked = []

        def get_response(request):
            asked.append(router.db_for_read(Initiative))
            return HttpResponse(status=500)

        with django_db_blocker.unblock():
            answer = replica_middleware(get_response)(RequestFactory().get("/"))
        assert (asked, answer.status_code) == ([PRIMARY], 500)

    def test_what_is_streamed_reads_on_where_it_began(self, sound_replica):
        def get_response(request):
            return StreamingHttpResponse(router.db_for_read(Initiative) for _ in range(3))

        def middle(request):
            router.db_for_read(Initiative)
            return get_response(request)

        answer = replica_middleware(middle)(RequestFactory().get("/"))
        assert b"".join(answer.streaming_content) == REPLICA.encode() * 3
        assert router.db_for_read(Initiative) == PRIMARY

    def test_without_a_replica_nothing_stands_in_the_way(self, settings):
        assert REPLICA not in settings.DATABASES
        with pytest.raises(MiddlewareNotUsed):
            replica_middleware(HttpResponse)
        assert routers.find_replica_state() == "none"


class TestALateReplica:
    """`judge(is_standby, replayed, written, now)`, with 30 seconds allowed."""

    @pytest.fixture
    def judge(self, settings):
        settings.REPLICA_MAX_LAG_SECONDS = 30
        return Replica().judge

    def test_one_that_has_everything_is_in_order(self, judge):
        assert judge(True, 100, 100, 1000) == OK
        assert judge(True, 100, 100, 9000) == OK

    def test_one_that_follows_under_constant_writing_is_in_order(self, judge):
        judge(True, 100, 100, 1000)
        found = [
            judge(True, 99 + second, 102 + second, 1000 + second) for second in range(2, 200, 2)
        ]
        assert set(found) == {OK}

    def test_one_that_stands_still_is_behind_after_the_allowed_time(self, judge):
        judge(True, 100, 100, 1000)
        found = {second: judge(True, 100, 200, 1000 + second) for second in range(2, 60, 2)}
        assert {second for second, state in found.items() if state == BEHIND} == set(
            range(32, 60, 2)
        )

    def test_it_is_read_again_once_it_has_caught_up(self, judge):
        judge(True, 100, 100, 1000)
        for second in range(2, 60, 2):
            judge(True, 100, 200, 1000 + second)
        assert judge(True, 190, 300, 1060) == BEHIND
        assert judge(True, 250, 300, 1062) == BEHIND  # it has what was written at 1002, no more
        assert judge(True, 300, 310, 1064) == OK

    def test_after_a_quiet_time_it_must_show_that_it_has_followed(self, judge):
        judge(True, 100, 100, 1000)
        assert judge(True, 100, 900, 2000) == BEHIND
        assert judge(True, 890, 905, 2002) == BEHIND
        assert judge(True, 905, 910, 2004) == OK

    def test_one_that_was_promoted_is_no_replica(self, judge):
        assert judge(False, 500, 100, 1000) == NOT_A_REPLICA

    def test_while_the_primary_is_away_nothing_is_newer_elsewhere(self, judge):
        assert judge(True, 100, None, 1000) == OK

    def test_the_question_is_asked_every_two_seconds_at_most(self, add_replica, clock, monkeypatch):
        replica, asked = add_replica(), []
        answers = {REPLICA: (True, 7), PRIMARY: (7,)}
        monkeypatch.setattr(
            routers, "_ask", lambda alias, query: asked.append(alias) or answers[alias]
        )
        for tenth in range(40):
            clock.now = 1000 + tenth / 10
            assert replica.find_state() == OK
        assert asked == [REPLICA, PRIMARY] * 2

    def test_without_the_primary_the_replica_is_read_on(self, add_replica, clock, monkeypatch):
        replica = add_replica()

        def ask(alias, query):
            if alias == PRIMARY:
                raise OperationalError("the primary is away")
            return True, 7

        monkeypatch.setattr(routers, "_ask", ask)
        monkeypatch.setattr(connection, "close", lambda: None)
        assert replica.find_state() == OK

    @pytest.mark.django_db
    @pytest.mark.skipif("connection.vendor != 'postgresql'", reason="needs PostgreSQL")
    def test_postgresql_knows_the_questions(self, add_replica):
        add_replica()
        is_standby, replayed = routers._ask(PRIMARY, routers.ASK_REPLICA)
        (written,) = routers._ask(PRIMARY, routers.ASK_PRIMARY)
        assert is_standby is False
        assert replayed is None  # of a primary that never was a standby
        assert written > 0
