"""Servers for the length of a measurement: started on a free port of this machine, always ended."""

import os
import re
import shlex
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .load import HOST, fetch

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60
GUNICORN = re.compile(r"^ExecStart=\S+/gunicorn portal\.wsgi (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Server:
    port: int
    pid: int

    def cpu_seconds(self) -> float | None:
        """Return what the server and its workers, also ended ones, have used; None without /proc."""
        try:
            return sum(map(_read_cpu_seconds, [self.pid, *_list_children(self.pid)]))
        except OSError:
            return None


@contextmanager
def serve(command: list[str], environment: dict[str, str], address: str = "/"):
    """Run a server; "{port}" in the command is where it listens. It is ready when it answers.

    Raises RuntimeError, with what the server wrote, when it does not start.
    """
    port = find_free_port()
    command = [part.replace("{port}", str(port)) for part in command]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            _wait_until_ready(process, port, address, log)
            yield Server(port, process.pid)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def make_gunicorn_command(application: str, workers: int = 2) -> list[str]:
    """Return the command line of docs/operations.md, for this application, port and workers."""
    text = (ROOT / "docs" / "operations.md").read_text()
    options = shlex.split(GUNICORN.search(text)[1])
    for option, value in (("--bind", f"{HOST}:{{port}}"), ("--workers", str(workers))):
        options[options.index(option) + 1] = value
    return [str(Path(sys.executable).with_name("gunicorn")), application, *options]


def tell_options(command: list[str]) -> str:
    return " ".join(command[2:]).replace("--bind 127.0.0.1:{port} ", "")


def find_free_port() -> int:
    with socket.socket() as free:
        free.bind((HOST, 0))
        return free.getsockname()[1]


def _wait_until_ready(process, port, address, log):
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            if fetch(port, address).status < 500:
                return
        except OSError:
            time.sleep(0.1)
    log.seek(0)
    raise RuntimeError(f"The server did not start: {process.args}\n{log.read()[-4000:]}")


def _list_children(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in children.split()]


def _read_cpu_seconds(pid: int) -> float:
    """Time in user and system mode, with that of children that have ended (see man 5 proc)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:  # ended just now: its parent counts it
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
