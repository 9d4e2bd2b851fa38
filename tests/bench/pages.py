"""Warm pages and 304 answers beside a bare Django view of the same bytes; what a page weighs."""

import base64
import json
import tempfile
from contextlib import ExitStack
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

from .arithmetic import find_middle, find_percentile, run_interleaved
from .load import Load, fetch, make_request, run_load
from .servers import Server, make_gunicorn_command, serve, tell_options
from .tables import Aim, Table
from .world import FOLDER, World

ROUNDS = 45
CONNECTIONS = 8
REQUESTS = 500
ROUND_SECONDS = 3
AIM = Aim(least=0.9)
# gunicorn writes these itself, for both.
BY_THE_SERVER = {"server", "date", "connection", "transfer-encoding"}
RIVALS = {"bare": "裸のDjango", "default": "startproject"}


def measure_pages(world: World, say) -> list[Table]:
    pages = world.call("world_inside:list_pages")
    command = make_gunicorn_command("portal.wsgi")
    counting = world.environment | {"SEARCH_RATE": "999999999/hour"}  # counts, and refuses nothing
    with ExitStack() as stack:
        servers = {"portal": stack.enter_context(serve(command, counting))}
        answers = {}
        for address in pages.values():
            warm_up(servers["portal"], make_request(address))
            answers[address] = record_answer(servers["portal"], address)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=FOLDER)))
        for rival, server in serve_bare(answers, folder, world.environment).items():
            servers[rival] = stack.enter_context(server)
        warm, unchanged = [], []
        for name, address in pages.items():
            answer = answers[address]
            warm.append(measure_page(name, servers, make_request(address), answer, 200))
            say(f"{name}：裸のDjangoの{warm[-1][3]:.2f}倍")
            if answer["etag"]:
                request = make_request(address, if_none_match=answer["etag"])
                unchanged.append(measure_page(name, servers, request, answer, 304))
                say(f"{name}（304）：裸のDjangoの{unchanged[-1][3]:.2f}倍")
        weights = [weigh(name, servers["portal"].port, address) for name, address in pages.items()]
    setting = (
        f"`gunicorn {tell_options(command)}` を、{CONNECTIONS}本のつないだままの接続から"
        f"{REQUESTS}回ずつ、{ROUNDS}巡、相手と交互に呼んだときの、速い方と遅い方の4分の1ずつを除いた平均。裸のDjangoは、ミドルウェアがなく、"
        "同じバイトと見出しをそのまま返すビュー一つ。startprojectは、それに初めからあるミドルウェアを"
        "加えたもの（参考）。CPUは、サーバーのプロセスが1回の答えに使った時間。"
    )
    columns = [
        "ページ",
        "件/秒",
        "裸のDjango 件/秒",
        "比",
        "めあて",
        "",
        "CPU μs",
        "裸のDjango CPU μs",
        "CPUの比",
        "startprojectとの比",
        "p50 ms",
        "p99 ms",
        "裸のDjango p50 ms",
        "裸のDjango p99 ms",
    ]
    return [
        Table("温まったページ（200）", columns, warm, [setting]),
        Table("変わっていないページ（If-None-Match に 304）", columns, unchanged),
        Table(
            "ページの重さ",
            [
                "ページ",
                "HTML バイト",
                "gzip",
                "br",
                "ほかに読むもの",
                "その大きさ（br）",
                "合わせて（br）",
            ],
            weights,
            ["送られたままのバイト数。「ほかに読むもの」はスタイルシート、スクリプト、画像の数。"],
        ),
    ]


def warm_up(server: Server, request: bytes):
    """Let every worker and thread have answered this."""
    run_load(server.port, [request], count=80, connections=16, seconds=60)


def record_answer(server: Server, address: str) -> dict:
    """Return what the bare view needs to give the same answers."""
    answer = fetch(server.port, address)
    if answer.status != 200:
        raise ValueError(f"{address} answered {answer.status}")
    etag = answer.header("ETag")
    unchanged = fetch(server.port, address, if_none_match=etag) if etag else None
    if unchanged and unchanged.status != 304:
        raise ValueError(f"{address} answered {unchanged.status} where it had not changed")
    return {
        "etag": etag,
        "headers": keep_headers(answer),
        "headers_304": keep_headers(unchanged) if unchanged else {},
        "body": base64.b64encode(answer.body).decode(),
    }


def keep_headers(answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers if name.lower() not in BY_THE_SERVER}


def serve_bare(answers: dict, folder: Path, environment: dict[str, str]) -> dict:
    """Return the bare servers, not started yet, which give these answers."""
    path = folder / "answers.json"
    path.write_text(json.dumps(answers))
    environment = environment | {"BENCH_ANSWERS": str(path), "DJANGO_SETTINGS_MODULE": ""}
    command = make_gunicorn_command("tests.bench.bare")
    address = next(iter(answers))
    return {
        rival: serve(command, environment | {"BENCH_MIDDLEWARE": rival}, address)
        for rival in RIVALS
    }


def measure_page(name, servers: dict[str, Server], request: bytes, answer: dict, status: int):
    for server in servers.values():
        warm_up(server, request)
    before = {rival: server.cpu_seconds() for rival, server in servers.items()}
    loads = run_interleaved(
        {rival: partial(ask_round, server, request) for rival, server in servers.items()}, ROUNDS
    )
    size = len(base64.b64decode(answer["body"])) if status == 200 else 0
    for rival, rounds in loads.items():
        for load in rounds:
            if set(load.statuses) != {status} or load.bytes != size * load.count:
                raise ValueError(f"{rival} {name}: {dict(load.statuses)}, {load.bytes} bytes")
    speeds = {rival: [load.per_second for load in rounds] for rival, rounds in loads.items()}
    cpu = {
        rival: find_cpu_us(server, before[rival], loads[rival]) for rival, server in servers.items()
    }
    waits = {
        rival: [each * 1000 for load in rounds for each in load.latencies]
        for rival, rounds in loads.items()
    }
    speed = {rival: find_middle(rounds) for rival, rounds in speeds.items()}
    ratio = speed["portal"] / speed["bare"]
    return [
        name,
        speed["portal"],
        speed["bare"],
        ratio,
        str(AIM),
        AIM.judge(ratio),
        cpu["portal"],
        cpu["bare"],
        cpu["bare"] / cpu["portal"] if cpu["portal"] else None,
        speed["portal"] / speed["default"],
        *(
            find_percentile(waits[rival], percent)
            for rival in ("portal", "bare")
            for percent in (50, 99)
        ),
    ]


def ask_round(server: Server, request: bytes) -> Load:
    return run_load(
        server.port,
        [request],
        count=REQUESTS,
        connections=CONNECTIONS,
        seconds=ROUND_SECONDS,
    )


def find_cpu_us(server: Server, before: float | None, rounds: list[Load]) -> float | None:
    if before is None:
        return None
    return (server.cpu_seconds() - before) / sum(load.count for load in rounds) * 1e6


class Subresources(HTMLParser):
    """Collects what a browser loads with a page: stylesheets, scripts, icons, pictures."""

    def __init__(self):
        super().__init__()
        self.addresses = []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag in ("script", "img") and attributes.get("src"):
            self.addresses.append(attributes["src"])
        if tag == "link" and attributes.get("rel") in ("stylesheet", "icon", "modulepreload"):
            self.addresses.append(attributes["href"])


def weigh(name: str, port: int, address: str) -> list:
    whole = fetch(port, address, accept_encoding="identity")
    encoded = {
        encoding: fetch(port, address, accept_encoding=encoding) for encoding in ("gzip", "br")
    }
    sizes = {
        encoding: len(answer.body) if answer.header("Content-Encoding") == encoding else None
        for encoding, answer in encoded.items()
    }
    page = Subresources()
    page.feed(whole.body.decode())
    others = [fetch(port, urljoin(address, each)) for each in dict.fromkeys(page.addresses)]
    for other in others:
        if other.status != 200:
            raise ValueError(f"{address} loads what answers {other.status}")
    weight = sum(len(other.body) for other in others)
    smallest = min(size for size in (len(whole.body), *sizes.values()) if size is not None)
    return [
        name,
        len(whole.body),
        sizes["gzip"],
        sizes["br"],
        len(others),
        weight,
        smallest + weight,
    ]
