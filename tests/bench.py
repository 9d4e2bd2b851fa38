"""Measure the main pages and API answers on the configured database; prints a Markdown table.

Run by `make bench`. A request goes through every middleware, in this process, without a network.
Then the report reader reads 1 MB and 10 MB: the seconds per MB must not grow with the length.
Cold is a page's first request in a new process (templates to compile, nothing cached), warm one
that was asked for before; both are medians in milliseconds.
"""

import gzip
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

COLD_RUNS = 3
WARM_RUNS = 20


def list_addresses() -> list[str]:
    from django.urls import reverse

    from budgets.models import Settlement, SettlementItem
    from initiatives.models import Indicator, Initiative, Pillar

    settlement = Settlement.objects.published().first()
    api = f"/api/v1/settlements/{settlement.fiscal_year}/{settlement.department.slug}"
    records = [
        Pillar.objects.published().first(),
        Initiative.objects.published().first(),
        settlement,
        SettlementItem.objects.published().filter(settlement=settlement).first(),
        Indicator.objects.published().first(),
    ]
    return [
        reverse("home"),
        reverse("initiative_list"),
        reverse("search") + "?q=動画",
        *(record.get_absolute_url() for record in records),
        reverse("feed"),
        reverse("sitemap"),
        "/api/v1/initiatives",
        "/api/v1/settlement-items",
        api,
        "/api/v1/search?q=動画",
        reverse("healthz"),
    ]


def measure(addresses: list[str]) -> dict[str, dict]:
    """Return, by address, first_ms, warm_ms, queries, status, bytes and gz_bytes."""
    from django.conf import settings
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    host = settings.ALLOWED_HOSTS[0].lstrip(".")
    client = Client(raise_request_exception=False, headers={"host": host})
    client.get("/robots.txt")  # loads what all pages share: addresses, middleware
    results = {}
    for address in addresses:
        first_ms, _ = _timed_get(client, address)
        warm_ms = statistics.median(_timed_get(client, address)[0] for _ in range(WARM_RUNS))
        with CaptureQueriesContext(connection) as queries:
            _, answer = _timed_get(client, address)
        body = b"".join(answer) if answer.streaming else answer.content
        results[address] = {
            "first_ms": first_ms,
            "warm_ms": warm_ms,
            "queries": len(queries),
            "status": answer.status_code,
            "bytes": len(body),
            "gz_bytes": len(gzip.compress(body, 6)),
        }
    return results


def measure_reading(megabytes: int) -> tuple[float, int]:
    """Return the seconds that the reader takes for a report repeated to this length, and its items."""
    from budgets.report_reader import parse_report

    text = (Path(__file__).parent / "samples" / "report-fy2020.txt").read_text()
    text *= -(-megabytes * 10**6 // len(text.encode()))
    start = time.perf_counter()
    report = parse_report(text)
    return time.perf_counter() - start, len(report.items)


def _timed_get(client, address):
    start = time.perf_counter()
    answer = client.get(address, secure=True)
    return (time.perf_counter() - start) * 1000, answer


def main():
    runs = [
        json.loads(
            subprocess.run(
                [sys.executable, "-m", "tests.bench", "--once"],
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            ).stdout
        )
        for _ in range(COLD_RUNS)
    ]
    from django.db import connection

    print(
        f"Python {platform.python_version()}, {connection.vendor}, {os.cpu_count()} CPU; "
        f"cold: median of {COLD_RUNS} processes, warm: median of {COLD_RUNS} × {WARM_RUNS} requests\n"
    )
    print("| address | status | cold ms | warm ms | queries | bytes | gzip bytes |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for address, result in runs[0].items():
        cold, warm = (
            statistics.median(run[address][name] for run in runs)
            for name in ("first_ms", "warm_ms")
        )
        print(
            f"| {address} | {result['status']} | {cold:.1f} | {warm:.1f} | {result['queries']} "
            f"| {result['bytes']:,} | {result['gz_bytes']:,} |"
        )
    print("\n| report | seconds | seconds per MB | items |\n| ---: | ---: | ---: | ---: |")
    for megabytes in (1, 10):
        seconds, items = measure_reading(megabytes)
        print(f"| {megabytes} MB | {seconds:.1f} | {seconds / megabytes:.2f} | {items:,} |")
    if any(result["status"] != 200 for result in runs[0].values()):
        sys.exit("Not every address answered 200.")


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    if "--once" in sys.argv:
        print(json.dumps(measure(list_addresses())))
    else:
        main()
