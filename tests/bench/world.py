"""The bench's own databases, filled with fictitious data, and calls of functions that see them.

SQLite files stand in `.make/bench/` and serve again while the code that fills them is the same.
PostgreSQL databases are made beside the configured one, and dropped at the end.
"""

import hashlib
import json
import os
import secrets
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from .servers import ROOT

FOLDER = ROOT / ".make" / "bench"
# How much data -> what make_sample is told.
SIZES = {
    1: ["--departments", "5", "--years", "4", "--items", "50"],
    10: ["--departments", "10", "--years", "10", "--items", "100"],
    100: ["--departments", "15", "--years", "20"],
}
MADE_BY = [
    "portal/sample*.py",
    "portal/search_text.py",
    "portal/searchable.py",
    "*/migrations/*.py",
]
ENVIRONMENT = {
    "SECRET_KEY": secrets.token_urlsafe(50),
    "DJANGO_SETTINGS_MODULE": "portal.settings",
    "PREFECTURE_NAME": "架空県",
    "SITE_NAME": "架空県 政策と決算のポータル",
    "ALLOWED_HOSTS": "127.0.0.1",
    "HTTPS": "0",
    "BEHIND_PROXY": "0",
    "DEBUG": "0",
    "LOG_LEVEL": "WARNING",
    "DATABASE_REPLICA_URL": "",
    "CACHE_URL": "locmemcache://",
    "API_RATE": "0",
    "SEARCH_RATE": "0",
    "MEDIA_ROOT": str(FOLDER / "media"),
    "PYTHONUNBUFFERED": "1",
}


@dataclass(frozen=True)
class World:
    """A database of the bench; `size` is how many times the smallest."""

    vendor: str
    size: int
    database_url: str

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | ENVIRONMENT | {"DATABASE_URL": self.database_url}

    def call(self, function: str, **arguments):
        """Call "module:function" of the bench in a new process on this database.

        Arguments and answer are what JSON holds. What the function writes goes to stderr.
        """
        return call_inside(self.environment, function, **arguments)

    def manage(self, *arguments: str):
        subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            check=True,
            stdout=sys.stderr,
        )

    @property
    def path(self) -> Path:
        """Return the file of a SQLite database."""
        return Path(unquote(urlsplit(self.database_url).path[1:]))


def call_inside(environment: dict[str, str], function: str, **arguments):
    command = [sys.executable, "-m", "tests.bench.inside", function, json.dumps(arguments)]
    answer = subprocess.run(
        command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(answer.stdout)


def make_path(size: int) -> Path:
    return FOLDER / f"sample-{size}-{digest_code()}.sqlite3"


def digest_code() -> str:
    """Return what changes with the code that makes the data."""
    digest = hashlib.sha256(repr(SIZES).encode())
    for pattern in MADE_BY:
        for path in sorted(ROOT.glob(pattern)):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


@contextmanager
def open_worlds(vendor: str, configured_url: str, sizes: list[int], say):
    """Give the worlds by size; all that is not to be kept is removed afterwards."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        if vendor == "sqlite":
            yield {size: make_file(size, say) for size in sizes}
        else:
            yield {
                size: stack.enter_context(make_database(size, configured_url, say))
                for size in sizes
            }


def make_file(size: int, say) -> World:
    path = make_path(size)
    if not path.exists():
        for old in FOLDER.glob(f"sample-{size}-*"):  # of other code, or not finished
            old.unlink()
        unfinished = path.with_suffix(".unfinished.sqlite3")
        fill(World("sqlite", size, f"sqlite:///{quote(str(unfinished))}"), say)
        unfinished.rename(path)
    return World("sqlite", size, f"sqlite:///{quote(str(path))}")


@contextmanager
def make_database(size: int, configured_url: str, say):
    """Make a PostgreSQL database of this process alone, on the server of the configured one."""
    import psycopg
    from psycopg import sql

    name = f"portal_bench_{os.getpid()}_{size}"
    url = urlsplit(configured_url)
    server = urlunsplit(url._replace(scheme="postgresql", path="/postgres"))
    make = sql.SQL(
        "CREATE DATABASE {} ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8' "
        "TEMPLATE template0"
    )
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(make.format(sql.Identifier(name)))
    try:
        world = World("postgresql", size, urlunsplit(url._replace(path=f"/{name}")))
        fill(world, say)
        yield world
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(drop.format(sql.Identifier(name)))


def fill(world: World, say):
    say(f"架空のデータ（{world.size}倍）を作っています。数分かかることがあります。")
    world.manage("migrate", "--verbosity", "0")
    world.manage("make_sample", *SIZES[world.size], "--seed", "1")
    world.call("world_inside:settle")
