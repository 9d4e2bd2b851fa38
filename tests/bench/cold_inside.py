"""Seen from inside a world: what an answer costs that no cache holds."""

import statistics
import time

from django.conf import settings
from django.core.cache import caches
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from .arithmetic import run_interleaved
from .world_inside import list_answers

RUNS = 5
SECONDS = 10


def measure_cold() -> dict[str, dict]:
    """Return, by the answer's name: first_ms, cpu_ms, ms, queries and bytes.

    `first_ms` is that of the process's first request of this page, with templates to compile; the
    others are medians of requests before which every cache was emptied.
    """
    client = Client(headers={"host": settings.ALLOWED_HOSTS[0]})
    client.get("/robots.txt")  # loads what all pages share: addresses, middleware
    return {name: _measure(client, address) for name, address in list_answers().items()}


def _measure(client, address):
    first_ms, _, answer = _ask(client, address)
    if answer.status_code != 200:
        raise ValueError(f"{address} answered {answer.status_code}")
    timed = run_interleaved({"": lambda: _ask(client, address)}, RUNS, SECONDS)[""]
    with CaptureQueriesContext(connection) as queries:
        *_, answer = _ask(client, address)
    return {
        "address": address,
        "first_ms": first_ms,
        "ms": statistics.median(each[0] for each in timed),
        "cpu_ms": statistics.median(each[1] for each in timed),
        "queries": len(queries),
        "bytes": len(answer.content),
    }


def _ask(client, address):
    for alias in settings.CACHES:
        caches[alias].clear()
    elapsed, used = time.perf_counter(), time.process_time()
    answer = client.get(address)
    if answer.streaming:
        answer.content = b"".join(answer)
    used, elapsed = time.process_time() - used, time.perf_counter() - elapsed
    return elapsed * 1000, used * 1000, answer
