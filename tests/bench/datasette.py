"""Datasette on a copy of the world's file: installed for the bench alone, at a fixed version."""

import hashlib
import os
import sqlite3
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from .servers import ROOT, serve

PACKAGES = Path(__file__).with_name("datasette.txt")
VENV = ROOT / ".make" / "bench-venv"
DATABASE = "sample"
SETTINGS = {"sql_time_limit_ms": 60_000, "max_returned_rows": 1000}


class NoDatasetteError(Exception):
    """It cannot be installed here: no package index can be reached."""


def read_version() -> str:
    lines = PACKAGES.read_text().splitlines()
    return next(line.split("==")[1] for line in lines if line.startswith("datasette=="))


def install() -> Path:
    """Return the program's path; install it when it is not there at this version."""
    program = VENV / "bin" / "datasette"
    wanted = hashlib.sha256(PACKAGES.read_bytes()).hexdigest()
    mark = VENV / "installed.txt"
    if mark.exists() and mark.read_text() == wanted:
        return program
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "-q", "-r", str(PACKAGES)]
    for command in ([sys.executable, "-m", "venv", "--clear", str(VENV)], pip):
        answer = subprocess.run(command, capture_output=True, text=True)
        if answer.returncode:
            raise NoDatasetteError(answer.stderr.strip()[-500:])
    mark.write_text(wanted)
    return program


def copy_database(source: Path, folder: Path) -> Path:
    """Copy a SQLite database into a file without a journal beside it, as `-i` needs it."""
    path = folder / f"{DATABASE}.db"
    with sqlite3.connect(source) as original, sqlite3.connect(path) as copy:
        original.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
    original.close()
    copy.close()
    return path


@contextmanager
def serve_datasette(program: Path, database: Path):
    """Serve a database as Datasette's documents advise for one that does not change."""
    settings = [
        part for name, value in SETTINGS.items() for part in ("--setting", name, str(value))
    ]
    command = [str(program), "serve", "-i", str(database), "-p", "{port}", *settings]
    environment = {
        name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ
    }
    with serve(command, environment, "/-/versions.json") as server:
        yield server
