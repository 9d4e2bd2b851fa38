"""One portal as operators run it, with a database that a drill may stop, lock or fill."""

import http.client
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.hosts import LOOPBACK, ROOT, Server, find_free_port, find_programs

# As docs/operations.md starts it.
GUNICORN = "gunicorn portal.wsgi --workers 3 --threads 4 --max-requests 2000 --no-control-socket"
SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = off
"""
SECONDS = 30


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    headers: dict
    seconds: float


class Site:
    def __init__(self, folder: Path, vendor: str):
        self.folder, self.vendor, self.port = folder, vendor, find_free_port()
        self.database = folder / "data" / "portal.sqlite3"
        self.database.parent.mkdir()
        url = f"sqlite:///{self.database}"
        if vendor == "postgresql":
            self.postgresql = self._make_postgresql()
            url = f"postgres://postgres@{LOOPBACK}:{self.postgresql_port}/portal"
        self.environment = os.environ | {
            "SECRET_KEY": secrets.token_urlsafe(50),
            "ALLOWED_HOSTS": LOOPBACK,
            "HTTPS": "0",
            "DEBUG": "0",
            "DATABASE_URL": url,
            "CACHE_URL": "locmemcache://",
            "MEDIA_ROOT": str(folder / "media"),
            "API_RATE": "0",
            "SEARCH_RATE": "0",
            "LOGIN_FAILURE_LIMIT": "100000",
        }
        program, *options = GUNICORN.split()
        bind = ["--bind", f"{LOOPBACK}:{self.port}"]
        self.gunicorn = Server(
            "gunicorn",
            [sys.executable, "-m", program, *options, *bind],
            folder / "gunicorn.log",
            lambda: self.ask("/healthz").status == 200,
            environment=self.environment,
        )

    @classmethod
    @contextmanager
    def in_its_own_folder(cls, vendor: str) -> Iterator["Site"]:
        with tempfile.TemporaryDirectory(prefix="portal-drill-") as folder:
            if os.geteuid() == 0:
                # PostgreSQL does not run as root, and has to come through.
                Path(folder).chmod(0o711)
            with cls(Path(folder), vendor).running() as site:
                yield site

    @contextmanager
    def running(self) -> Iterator["Site"]:
        """Start all with the first content; stop all at the end, whatever happens."""
        try:
            if self.vendor == "postgresql":
                self.postgresql.start()
                self.make_database("portal", "template0")
            self.manage("migrate", "--verbosity", "0")
            self.manage("load_first_content", "--verbosity", "0")
            self.gunicorn.start()
            yield self
        finally:
            self.gunicorn.stop()
            if self.vendor == "postgresql":
                self.postgresql.stop()

    def manage(self, *arguments, expect=0) -> str:
        command = [sys.executable, "manage.py", *map(str, arguments)]
        answer = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True
        )
        assert answer.returncode == expect, answer.stderr
        return answer.stdout + answer.stderr

    def ask(self, address: str, body: str | None = None, **headers) -> Answer:
        """Ask once, on a connection of its own; status 0 where no answer came."""
        began = time.monotonic()
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=SECONDS)
        try:
            connection.request("POST" if body else "GET", address, body, headers)
            answer = connection.getresponse()
            text, status, told = answer.read().decode(), answer.status, dict(answer.headers)
        except OSError as error:
            text, status, told = str(error), 0, {}
        finally:
            connection.close()
        return Answer(status, text, told, time.monotonic() - began)

    def _make_postgresql(self) -> Server:
        initdb, postgres = find_programs()["initdb"], find_programs()["postgres"]
        data, self.postgresql_port = self.folder / "postgresql", find_free_port()
        self._postgresql_url = f"postgres://postgres@{LOOPBACK}:{self.postgresql_port}/postgres"
        owner = {}
        data.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            owner = {"user": "postgres", "group": "postgres", "extra_groups": []}
            shutil.chown(data, "postgres", "postgres")
        told = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]
        subprocess.run(
            # Small segments of the log, so that it too is short of room on a full disk.
            [initdb, f"--pgdata={data}", *told, "--no-sync", "--wal-segsize=1"],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=data,
            **owner,
        )
        with (data / "postgresql.conf").open("a") as file:
            file.write(SETTINGS)
        return Server(
            "postgresql",
            [postgres, "-D", str(data), "-p", str(self.postgresql_port)],
            self.folder / "postgresql.log",
            self.has_postgresql,
            owner,
            stop_signal=2,  # the fast way down: it does not wait for who is connected
        )

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self._postgresql_url, autocommit=True, connect_timeout=2)

    def make_database(self, name: str, template: str):
        """Make a database anew, as a copy of one that nobody has open."""
        with self.connect() as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")

    def has_postgresql(self) -> bool:
        with suppress(psycopg.OperationalError):
            self.connect().close()
            return True
        return False


def tell(title: str, answers: list[Answer]) -> str:
    """Return the figures of some answers as docs/drills.md shows them."""
    counts = Counter(answer.status for answer in answers)
    counted = "、".join(f"{status}が{count}" for status, count in sorted(counts.items()))
    times = sorted(answer.seconds for answer in answers)
    slowest = f"中央 {times[len(times) // 2]:.3f}秒、最長 {times[-1]:.2f}秒"
    return f"{title}：{len(answers)}回、{counted}。{slowest}"
