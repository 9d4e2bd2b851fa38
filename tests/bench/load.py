"""Asks a server on this machine many times over kept connections, and notes how long it took."""

import multiprocessing
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

HOST = "127.0.0.1"
PROCESSES = 2
TIMEOUT_SECONDS = 120
ENCODINGS = "gzip, br"


@dataclass
class Load:
    """What a load brought: `seconds` from the first request to the last answer.

    `server_seconds` is the CPU time that the server used, where it was asked.
    """

    seconds: float = 0.0
    server_seconds: float | None = None
    latencies: list[float] = field(default_factory=list)
    statuses: Counter = field(default_factory=Counter)
    bytes: int = 0

    @property
    def count(self) -> int:
        return len(self.latencies)

    @property
    def per_second(self) -> float:
        return self.count / self.seconds


@dataclass(frozen=True)
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")


def make_request(address: str, **headers: str) -> bytes:
    """Return the bytes of a GET; `if_none_match='"x"'` is the header If-None-Match."""
    headers = {"Host": HOST, "Accept-Encoding": ENCODINGS} | {
        name.replace("_", "-").title(): value for name, value in headers.items()
    }
    lines = [f"GET {address} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


class Connection:
    """A kept connection. A server may end it between two answers: then it is opened anew."""

    def __init__(self, port: int):
        self.port = port
        self.socket = None

    def ask(self, request: bytes) -> tuple[int, bytes, bytes]:
        """Return status, head and body of the answer."""
        if self.socket:
            try:
                return self._ask(request)
            except (ConnectionError, BrokenPipeError):
                self.close()
        self.socket = socket.create_connection((HOST, self.port), TIMEOUT_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._ask(request)

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket = None

    def _ask(self, request):
        self.socket.sendall(request)
        received = bytearray()
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._receive()
        head, received = bytes(received[:end]), received[end + 4 :]
        status, lowered = int(head[9:12]), head.lower()
        if status in (204, 304):
            body = b""
        elif b"\r\ntransfer-encoding: chunked" in lowered:
            body = self._read_chunks(received)
        else:
            length = int(lowered.split(b"\r\ncontent-length:")[1].split(b"\r\n")[0])
            while len(received) < length:
                received += self._receive()
            body = bytes(received)
        if b"\r\nconnection: close" in lowered:
            self.close()
        return status, head, body

    def _read_chunks(self, received: bytearray) -> bytes:
        body = []
        while True:
            while (end := received.find(b"\r\n")) < 0:
                received += self._receive()
            length = int(received[:end].split(b";")[0], 16)
            while len(received) < end + 2 + length + 2:
                received += self._receive()
            body.append(bytes(received[end + 2 : end + 2 + length]))
            received = received[end + 2 + length + 2 :]
            if not length:
                return b"".join(body)

    def _receive(self) -> bytes:
        received = self.socket.recv(1 << 18)
        if not received:
            raise ConnectionError("The server ended the connection.")
        return received


def fetch(port: int, address: str, **headers: str) -> Answer:
    connection = Connection(port)
    try:
        status, head, body = connection.ask(make_request(address, **headers))
    finally:
        connection.close()
    lines = [line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:]]
    return Answer(status, [(name, value.strip()) for name, _, value in lines], body)


def run_load(
    port: int, requests: list[bytes], *, count: int, connections: int, seconds: float
) -> Load:
    """Ask `count` times, going round through the requests; stop after so many seconds in any case.

    The connections are shared out to processes, so that asking is not what is measured.
    """
    context = multiprocessing.get_context("fork")
    processes = min(PROCESSES, connections)
    barrier, results = context.Barrier(processes, timeout=TIMEOUT_SECONDS), context.Queue()
    shares = [range(connections)[number::processes] for number in range(processes)]
    workers = [
        context.Process(
            target=_work,
            args=(port, requests, count, connections, share, seconds, barrier, results),
            daemon=True,
        )
        for share in shares
    ]
    for worker in workers:
        worker.start()
    parts = [results.get(timeout=seconds + 2 * TIMEOUT_SECONDS) for _ in workers]
    for worker in workers:
        worker.join()
    whole = Load(seconds=max(part[1] for part in parts) - min(part[0] for part in parts))
    for _, _, latencies, statuses, size in parts:
        whole.latencies += latencies
        whole.statuses += Counter(statuses)
        whole.bytes += size
    return whole


def _work(port, requests, count, connections, share, seconds, barrier, results):
    latencies, statuses, sizes = [], [], []

    def ask_in_turn(number):
        connection = Connection(port)
        try:
            for place in range(number, count, connections):
                before = time.monotonic()
                if before > until:
                    break
                status, _, body = connection.ask(requests[place % len(requests)])
                latencies.append(time.monotonic() - before)
                statuses.append(status)
                sizes.append(len(body))
        except Exception as error:  # told in the place of a status: no request goes missing
            statuses.append(f"{type(error).__name__}: {error}")
        finally:
            connection.close()

    threads = [threading.Thread(target=ask_in_turn, args=(number,)) for number in share]
    barrier.wait()
    start = time.monotonic()
    until = start + seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results.put((start, time.monotonic(), latencies, dict(Counter(statuses)), sum(sizes)))
