"""What a server of PostgreSQL that is away, or that hangs, costs who asks it."""

import psycopg
import pytest
from django.db import OperationalError, connection
from django.db.backends.postgresql import base as django_base
from psycopg_pool import PoolTimeout

from portal.postgresql import base
from portal.postgresql.base import DatabaseWrapper
from portal.postgresql.patience import STREAMED_SECONDS, PatientConnection

NOBODY_LISTENS = {
    "ENGINE": "portal.postgresql",
    "NAME": "portal",
    "HOST": "127.0.0.1",
    "PORT": "1",
    "USER": "portal",
    "PASSWORD": "",
    "OPTIONS": {},
}


class TestAServerThatIsAway:
    @pytest.fixture
    def asked(self, monkeypatch):
        """The ways by which the server was asked; the pool never has a connection."""
        ways = []

        def wait_for_pool(wrapper, parameters):
            ways.append("pool")
            raise PoolTimeout("2 sec")

        monkeypatch.setattr(django_base.DatabaseWrapper, "get_new_connection", wait_for_pool)
        monkeypatch.setattr(base, "_doubts", {})
        return ways

    @pytest.fixture
    def wrapper(self, connection_settings):
        return DatabaseWrapper(connection_settings, "away")

    @pytest.fixture
    def connection_settings(self):
        defaults = connection.settings_dict | NOBODY_LISTENS
        return defaults | {"CONN_HEALTH_CHECKS": False, "TIME_ZONE": None}

    def connect(self, wrapper):
        with wrapper.wrap_database_errors:
            wrapper.get_new_connection(wrapper.get_connection_params())

    def test_who_comes_after_the_first_does_not_wait_for_a_connection_of_the_pool(
        self, asked, wrapper
    ):
        for _ in range(3):
            with pytest.raises(OperationalError, match="refused"):
                self.connect(wrapper)
        assert asked == ["pool"]

    def test_who_waited_while_another_tried_it_out_shares_what_was_found(
        self, asked, wrapper, monkeypatch
    ):
        with pytest.raises(OperationalError, match="refused"):
            self.connect(wrapper)
        monkeypatch.setattr(base._doubts["away"], "tried_at", float("inf"))
        with pytest.raises(OperationalError, match="a moment ago"):
            self.connect(wrapper)

    def test_one_that_is_back_is_asked_by_the_pool_again(self, asked, wrapper, monkeypatch):
        with pytest.raises(OperationalError, match="refused"):
            self.connect(wrapper)
        tried = []

        class Direct:
            def close(self):
                tried.append("direct")

        monkeypatch.setattr(wrapper.Database, "connect", lambda **parameters: Direct())
        with pytest.raises(OperationalError, match="2 sec"):  # there, and busy
            self.connect(wrapper)
        assert tried == ["direct", "direct"]
        assert not base._doubts["away"].is_on()
        assert asked == ["pool", "pool", "pool"]


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="needs PostgreSQL")
class TestAServerThatHangs:
    @pytest.fixture
    def impatient(self, db):
        told = connection.get_connection_params()
        with PatientConnection.connect(**told, autocommit=True) as made:
            made.patience_seconds = 0.05
            yield made

    def test_a_statement_that_takes_too_long_is_cancelled_and_the_connection_stays(self, impatient):
        with pytest.raises(psycopg.OperationalError):
            impatient.execute("SELECT pg_sleep(600)")
        assert impatient.execute("SELECT 1").fetchone() == (1,)

    def test_a_connection_that_answers_nothing_is_closed(self, impatient, monkeypatch):
        monkeypatch.setattr(impatient, "cancel_safe", lambda timeout: None)  # it does not arrive
        monkeypatch.setattr("portal.postgresql.patience.LEAVE_SECONDS", 0.05)
        with pytest.raises(psycopg.OperationalError):
            impatient.execute("SELECT pg_sleep(2)")
        assert impatient.closed

    def test_an_error_of_a_statement_is_that_and_nothing_more(self, impatient):
        impatient.patience_seconds = 60
        with pytest.raises(psycopg.errors.UndefinedTable):
            impatient.execute("SELECT * FROM not_there")
        assert impatient.execute("SELECT 1").fetchone() == (1,)

    def test_what_is_sent_piece_by_piece_may_take_longer(self, impatient):
        with impatient.waiting_longer():
            assert impatient.patience_seconds == STREAMED_SECONDS
        assert impatient.patience_seconds < STREAMED_SECONDS
