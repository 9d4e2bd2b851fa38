"""`make bench`: measures the portal beside its limits and rivals, and writes docs/performance.md.

ONLY=pages,search measures a part. The data is the bench's own; of DATABASE_URL only the kind of
database and its server are taken, never what is in it.
"""

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from . import machine
from .api import measure_api
from .exports import measure_exports
from .growth import measure_growth
from .imports import measure_imports
from .pages import measure_pages
from .reading import measure_reader
from .searching import measure_search
from .servers import ROOT
from .tables import Table, write_sections
from .world import World, open_worlds

DOCUMENT = ROOT / "docs" / "performance.md"
VENDORS = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
LARGEST = 100


@dataclass(frozen=True)
class Part:
    """`measure` gets the worlds of these sizes; a single one as such."""

    title: str
    measure: Callable[..., list[Table]]
    sizes: tuple[int, ...] = (LARGEST,)


PARTS = {
    "pages": Part("ページ", measure_pages),
    "growth": Part("キャッシュのない時間と、データの量", measure_growth, (1, 10, LARGEST)),
    "api": Part("API", measure_api),
    "search": Part("検索", measure_search),
    "import": Part("取込み", measure_imports, (1,)),
    "export": Part("書出し", measure_exports),
    "reader": Part("読取り", measure_reader, (1,)),
}


def main(arguments: list[str]):
    chosen = [name for each in arguments for name in each.split(",") if name] or [*PARTS]
    if unknown := [name for name in chosen if name not in PARTS]:
        sys.exit(f"ONLY={','.join(unknown)} はありません。選べるのは {'、'.join(PARTS)} です。")
    configured = os.environ.get("DATABASE_URL", "")
    vendor = "postgresql" if configured.startswith(("postgres", "pgsql")) else "sqlite"
    # What ends the bench must also end its servers and drop its databases.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sizes = sorted({size for name in chosen for size in PARTS[name].sizes})
    order = [(each, name) for each in VENDORS for name in PARTS]
    start, failed = time.monotonic(), []

    def say(text: str):
        print(f"{time.monotonic() - start:6.0f}秒 {text}", file=sys.stderr, flush=True)

    with open_worlds(vendor, configured, sizes, say) as worlds:
        heading = describe(vendor, next(iter(worlds.values())))
        for name in chosen:
            part = PARTS[name]
            title = f"{part.title}（{VENDORS[vendor]}）"
            say(f"== {title}")
            given = {size: worlds[size] for size in part.sizes}
            try:
                tables = part.measure(given if len(given) > 1 else given[part.sizes[0]], say)
                pieces = [table.format() for table in tables]
            except Exception as error:
                # A part that fails is named in its place, and the others are measured.
                traceback.print_exc()
                pieces = [f"測れませんでした（{type(error).__name__}）。"]
                failed.append(name)
            section = format_section(title, heading, pieces)
            print(section, end="\n\n", flush=True)
            write_sections(DOCUMENT, {(vendor, name): section}, order)
    say(f"終わりました。結果は {DOCUMENT.relative_to(ROOT)} にあります。")
    if failed:
        sys.exit(f"測れなかった部分があります：{'、'.join(failed)}")


def describe(vendor: str, world: World) -> str:
    server = world.call("world_inside:read_server_version")
    versions = machine.read_versions()
    if vendor == "postgresql":
        versions += f"、{server}"
    return f"{machine.read_commit()}。{machine.read_machine()}。{versions}。"


def format_section(title: str, heading: str, pieces: list[str]) -> str:
    busy = f"測り終えたときの負荷平均 {machine.read_load()}。"
    return "\n\n".join([f"### {title}", heading + busy, *pieces])


if __name__ == "__main__":
    main(sys.argv[1:])
