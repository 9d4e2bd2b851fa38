"""The shared cache: what it keeps, and that nobody notices its loss but by the time that it takes."""

import logging
import pickle
import socket
import socketserver
import threading
from contextlib import contextmanager, suppress

import pytest

from portal import rate_limit, shared_cache
from portal.shared_cache import SharedCache

# What each call answers while the cache is lost: what Django's DummyCache answers.
CALLS = {
    "get": (("key", "default"), "default"),
    "get_many": ((["key"],), {}),
    "has_key": (("key",), False),
    "add": (("key", 1), True),
    "set": (("key", 1), None),
    "set_many": (({"key": 1}, 60), ["key"]),
    "touch": (("key",), False),
    "delete": (("key",), False),
    "delete_many": ((["key"],), None),
    "clear": ((), False),
    "count_up": (("key", 60), None),
}


class Redis(socketserver.StreamRequestHandler):
    """As much of Redis as the portal asks, in the words of its protocol (RESP2)."""

    def handle(self):
        self.server.clients.append(self.connection)
        queue = None
        while words := self.read():
            name = words[0].upper()
            if name == b"MULTI":
                queue, answer = [], b"+OK"
            elif name == b"EXEC":
                answers, queue = [self.answer(each) for each in queue], None
                answer = b"\r\n".join([b"*%d" % len(answers), *answers])
            elif queue is not None:
                queue.append(words)
                answer = b"+QUEUED"
            else:
                answer = self.answer(words)
            self.wfile.write(answer + b"\r\n")

    def read(self) -> list[bytes]:
        try:
            count = int(self.rfile.readline()[1:] or 0)
            words = []
            for _ in range(count):
                size = int(self.rfile.readline()[1:])
                words.append(self.rfile.read(size + 2)[:-2])
            return words
        except OSError:
            return []

    def answer(self, words: list[bytes]) -> bytes:
        data, (name, *arguments) = self.server.data, words
        match name.upper(), arguments:
            case b"GET", [key]:
                value = data.get(key)
                return b"$-1" if value is None else b"$%d\r\n%s" % (len(value), value)
            case b"SET", [key, value, *_]:
                data[key] = value
                return b"+OK"
            case b"INCR" | b"INCRBY", [key, *_]:
                data[key] = b"%d" % (int(data.get(key, b"0")) + 1)
                return b":" + data[key]
            case b"EXISTS", [key]:
                return b":%d" % (key in data)
            case b"EXPIRE" | b"SELECT" | b"CLIENT", _:
                return b"+OK" if name.upper() != b"EXPIRE" else b":1"
        return b"-ERR unknown command"


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = allow_reuse_address = True

    def __init__(self, port=0):
        super().__init__(("127.0.0.1", port), Redis)
        self.port, self.data, self.clients = self.server_address[1], {}, []

    def die(self):
        self.shutdown()
        self.server_close()
        for client in self.clients:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)


@contextmanager
def serving(port=0):
    server = Server(port)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server
    finally:
        server.die()


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 1000.0

    monkeypatch.setattr(shared_cache.time, "monotonic", lambda: Clock.now)
    return Clock


@pytest.fixture(autouse=True)
def _nothing_is_known_of_any_server(monkeypatch):
    monkeypatch.setattr(shared_cache, "_outages", {})


def make_cache(port) -> SharedCache:
    return SharedCache(f"redis://127.0.0.1:{port}/0", {})


def find_closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_it_keeps_values_and_counts():
    with serving() as server:
        cache = make_cache(server.port)
        cache.set("page", (["header"], b"body"))
        assert cache.get("page") == (["header"], b"body")
        assert [cache.count_up("count", 60) for _ in range(3)] == [1, 2, 3]
        assert cache.incr("count") == 4


@pytest.mark.parametrize("call", CALLS)
def test_a_lost_cache_answers_every_call_as_one_that_keeps_nothing(call):
    arguments, expected = CALLS[call]
    assert getattr(make_cache(find_closed_port()), call)(*arguments) == expected


def test_a_lost_cache_has_no_number_to_add_to():
    with pytest.raises(ValueError, match="not found"):
        make_cache(find_closed_port()).incr("key")


def test_every_method_that_asks_the_server_is_guarded():
    asking = {"incr", *CALLS}
    own = {name for name in vars(SharedCache) if not name.startswith("_")}
    of_django = {
        name
        for name, member in vars(SharedCache.__base__).items()
        if callable(member) and not name.startswith("_") and name != "get_backend_timeout"
    }
    assert own == asking
    assert of_django <= own


def test_it_is_lost_and_found_again_without_an_error(clock, caplog):
    caplog.set_level(logging.WARNING, "portal.shared_cache")
    with serving() as server:
        cache = make_cache(server.port)
        cache.set("key", 1)
    assert cache.get("key") is None
    with serving(server.port) as server:
        server.data[cache.make_key("key").encode()] = b"2"
        assert cache.get("key") is None  # not asked again for some seconds
        assert not server.clients
        clock.now += shared_cache.PAUSE_SECONDS
        assert cache.get("key") == 2
    assert len(caplog.records) == 1
    assert "goes on without" in caplog.records[0].getMessage()


def test_a_server_that_was_restarted_meanwhile_is_asked_at_once():
    with serving() as server:
        cache = make_cache(server.port)
        cache.set("key", 1)
    with serving(server.port):
        cache.set("key", 2)
        assert cache.get("key") == 2


def test_a_server_that_says_nothing_is_soon_given_up_by_all(clock):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        first, second = (make_cache(silent.getsockname()[1]) for _ in range(2))
        assert first.get("key") is None
        silent.close()
        assert second._outage.is_on()
        assert second.get("key") is None
        assert "_cache" not in vars(second)  # it never asked


def test_it_tells_of_its_loss_once_a_minute(clock, caplog):
    cache = make_cache(find_closed_port())
    for second in range(0, 121, 5):
        clock.now = 1000.0 + second
        cache.get("key")
    assert len(caplog.records) == 3


def test_an_entry_of_another_release_is_as_good_as_none(caplog):
    with serving() as server:
        cache = make_cache(server.port)
        unreadable = pickle.dumps(Server)[:-12] + b"Gone" + pickle.dumps(Server)[-8:]
        for value in (b"\x80\x05cnowhere\nNothing\n.", b"", b"garbage", unreadable):
            server.data[cache.make_key("key").encode()] = value
            assert cache.get("key", "default") == "default"
        assert not cache._outage.is_on()


def test_requests_pass_while_nobody_can_count_them(rf, settings, monkeypatch):
    settings.API_RATE = "1/min"
    with serving() as server:
        monkeypatch.setattr(rate_limit, "caches", {"default": make_cache(server.port)})
        first, second = (rate_limit.count_request(rf.get("/api/v1/figures").META) for _ in range(2))
        assert first["RateLimit-Remaining"] == 0
        assert "Retry-After" in second
    assert rate_limit.count_request(rf.get("/api/v1/figures").META) == {}
