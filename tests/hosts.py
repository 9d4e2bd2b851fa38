"""Several hosts of the portal on one machine: `make hosts`, and the drill that breaks them.

A PostgreSQL primary, its streaming replica, a Redis (or Valkey) that all share, and two gunicorns.
Everything lies in a temporary folder, listens to this machine alone, and ends by process id.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

ROOT = Path(__file__).resolve().parent.parent
LOOPBACK = "127.0.0.1"
WAIT_SECONDS = 60
SLOT = "replica"
# Why a test is skipped; docs/drills.md names the packages of Debian.
NEEDS_POSTGRESQL = "needs PostgreSQL's server programs (apt-get install postgresql)"
NEEDS_HOSTS = (
    "needs PostgreSQL's server programs and redis-server (apt-get install postgresql redis-server)"
)
PRIMARY_SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
wal_level = replica
max_wal_senders = 4
max_replication_slots = 4
# The data live as long as this run.
fsync = off
"""


def find_programs() -> dict[str, str]:
    """Return the paths of what is started, by name; what is missing is not among them."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda f: int(f.parts[-2]))
    path = os.pathsep.join([*map(str, reversed(folders)), os.environ.get("PATH", "")])
    found = {
        name: shutil.which(name, path=path) for name in ("initdb", "postgres", "pg_basebackup")
    }
    found["redis-server"] = shutil.which("redis-server") or shutil.which("valkey-server")
    return {name: program for name, program in found.items() if program}


def list_missing() -> list[str]:
    return sorted({"initdb", "postgres", "pg_basebackup", "redis-server"} - set(find_programs()))


def find_free_port() -> int:
    with socket.socket() as free:
        free.bind((LOOPBACK, 0))
        return free.getsockname()[1]


def wait_until(is_done: Callable[[], bool], what: str, seconds: float = WAIT_SECONDS):
    ends_at = time.monotonic() + seconds
    while not is_done():
        if time.monotonic() > ends_at:
            raise TimeoutError(f"{what} did not come within {seconds} seconds")
        time.sleep(0.05)


@dataclass
class Server:
    """One program that runs until it is stopped; its output stands in a file beside its data."""

    name: str
    command: list[str]
    log: Path
    is_ready: Callable[[], bool]
    owner: dict = field(default_factory=dict)
    environment: dict | None = None
    stop_signal: int = signal.SIGTERM
    process: subprocess.Popen | None = None

    def start(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT if self.environment else self.log.parent,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **self.owner,
            )
        wait_until(self._is_up, self.name)

    def _is_up(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} ended:\n{self.read_log()[-2000:]}")
        return self.is_ready()

    def read_log(self) -> str:
        return self.log.read_text(errors="replace")

    def stop(self, by: int | None = None):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(by or self.stop_signal)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def hang(self):
        """Let it and all processes it started stand still: it answers nothing, and its lines stand."""
        self._signal_all(signal.SIGSTOP)

    def go_on(self):
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, by: int):
        pid = self.process.pid
        self.process.send_signal(by)  # first, so that it starts no others
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            with suppress(ProcessLookupError):  # it ended meanwhile
                os.kill(int(child), by)


class Hosts:
    """All servers of one installation; `urls` are the addresses of its hosts."""

    def __init__(self, folder: Path, ports: list[int], settings: dict[str, str] | None = None):
        self.folder = folder
        self.programs = find_programs()
        # PostgreSQL does not run as root.
        is_root = os.geteuid() == 0
        self.owner = (
            {"user": "postgres", "group": "postgres", "extra_groups": []} if is_root else {}
        )
        self.primary = self._make_postgresql("primary")
        self.replica = self._make_postgresql("replica")
        self.cache = self._make_cache()
        self.urls = [f"http://{LOOPBACK}:{port}" for port in ports]
        self.environment = os.environ | {
            "SECRET_KEY": secrets.token_urlsafe(50),
            "ALLOWED_HOSTS": f"{LOOPBACK},localhost",
            "HTTPS": "0",
            "DEBUG": "0",
            "BEHIND_PROXY": "0",
            "DATABASE_URL": self.database_url(self.primary),
            "DATABASE_REPLICA_URL": self.database_url(self.replica),
            "CACHE_URL": self.cache_url,
            "MEDIA_ROOT": str(folder / "media"),
            **(settings or {}),
        }
        self.servers = [self._make_host(number, port) for number, port in enumerate(ports, 1)]

    @contextmanager
    def running(self) -> Iterator["Hosts"]:
        """Start all, with the first content; stop all at the end, whatever happens."""
        with ExitStack() as stack:
            self._init_primary()
            for server in (self.primary, self.cache):
                stack.callback(server.stop)
                server.start()
            self.ask(self.primary, "CREATE DATABASE portal TEMPLATE template0", "postgres")
            self.manage("migrate", "--verbosity", "0")
            self.manage("load_first_content", "--verbosity", "0")
            self._copy_primary()
            for server in (self.replica, *self.servers):
                stack.callback(server.stop)
                server.start()
            yield self

    def manage(self, *arguments: str, **environment: str):
        subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment | environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def ask(self, server: Server, query: str, database: str = "portal"):
        """Ask one database directly; return the first value of its answer, if it gives any."""
        with psycopg.connect(self.database_url(server, database), autocommit=True) as connection:
            cursor = connection.execute(query)
            return cursor.fetchone()[0] if cursor.description else None

    def database_url(self, server: Server, database: str = "portal") -> str:
        return f"postgres://postgres@{LOOPBACK}:{self._port_of(server)}/{database}"

    def _port_of(self, server: Server) -> int:
        return int(server.command[server.command.index("-p") + 1])

    def _make_postgresql(self, name: str) -> Server:
        data = self.folder / "postgresql" / name
        return Server(
            name,
            [self.programs["postgres"], "-D", str(data), "-p", str(find_free_port())],
            self.folder / f"{name}.log",
            lambda: self._answers(name),
            self.owner,
            stop_signal=signal.SIGINT,  # the fast way down: it does not wait for who is connected
        )

    def _answers(self, name: str) -> bool:
        try:
            return bool(self.ask(getattr(self, name), "SELECT 1", "postgres"))
        except psycopg.OperationalError:
            return False

    def _make_cache(self) -> Server:
        port = find_free_port()
        self.cache_url = f"redis://{LOOPBACK}:{port}/0"
        command = [self.programs["redis-server"], "--port", str(port), "--bind", LOOPBACK]
        return Server(
            "cache",
            [*command, "--save", "", "--dir", str(self.folder)],
            self.folder / "cache.log",
            lambda: is_open(port),
        )

    def _make_host(self, number: int, port: int) -> Server:
        options = ["--workers", "1", "--threads", "4", "--no-control-socket"]
        return Server(
            f"host {number}",
            [sys.executable, "-m", "gunicorn", "portal.wsgi", "-b", f"{LOOPBACK}:{port}", *options],
            self.folder / f"host-{number}.log",
            lambda: is_open(port),
            environment=self.environment,
        )

    def _init_primary(self):
        parent = self.folder / "postgresql"
        parent.mkdir()
        if self.owner:
            self.folder.chmod(0o711)
            shutil.chown(parent, self.owner["user"], self.owner["group"])
        options = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8"]
        self._run_as_owner("initdb", "--no-sync", f"--pgdata={parent / 'primary'}", *options)
        with (parent / "primary" / "postgresql.conf").open("a") as file:
            file.write(PRIMARY_SETTINGS)

    def _copy_primary(self):
        """Make the replica: a copy of the primary, that follows it from then on."""
        self._run_as_owner(
            "pg_basebackup",
            f"--dbname=host={LOOPBACK} port={self._port_of(self.primary)} user=postgres",
            f"--pgdata={self.folder / 'postgresql' / 'replica'}",
            "--checkpoint=fast",
            "--wal-method=stream",
            "--write-recovery-conf",
            "--create-slot",
            f"--slot={SLOT}",
            "--no-sync",
        )

    def _run_as_owner(self, program: str, *arguments: str):
        done = subprocess.run(
            [self.programs[program], *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            **self.owner,
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed:\n{done.stderr}")


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


def get(url: str, **headers: str) -> tuple[int, str]:
    """Return status and text of an answer."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def main(first_port: int):
    if missing := list_missing():
        sys.exit(
            f"{'、'.join(missing)} が要ります。 "
            "Please install them: sudo apt-get install postgresql redis-server"
        )
    # What stops this, stops all of it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="portal-hosts-") as folder:
        hosts = Hosts(Path(folder), [first_port, first_port + 1])
        print("準備しています（30秒ほど）。 Preparing …", flush=True)
        try:
            with hosts.running():
                for number, url in enumerate(hosts.urls, 1):
                    print(f"{number}台目\t{url}/\t{url}/healthz")
                print(f"本体\t{hosts.database_url(hosts.primary)}")
                print(f"複製\t{hosts.database_url(hosts.replica)}")
                print(f"キャッシュ\t{hosts.cache_url}")
                print("止めるときは Ctrl+C。 Stop with Ctrl+C.", flush=True)
                signal.pause()
        except KeyboardInterrupt:
            print("止めました。 Stopped.")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8000)
