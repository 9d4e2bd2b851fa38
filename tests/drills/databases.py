"""Databases of a drill's own: made as a copy of another one, thrown away at the end."""

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from django.db import connection


class Databases:
    """Copies in a folder (SQLite) or on the server of the tests (PostgreSQL)."""

    def __init__(self, folder: Path):
        self.folder, self.made = folder, []
        self.name = f"{connection.settings_dict['NAME']}_drill_{os.getpid()}"

    @property
    def environment(self) -> dict:
        """Return what tells a process of its own to use the same server."""
        told = connection.settings_dict
        if connection.vendor == "sqlite":
            return {"DATABASE_URL": f"sqlite:///{self.folder}/none.sqlite3"}
        place = f"{told['USER']}:{told['PASSWORD']}@{told['HOST']}:{told['PORT']}"
        return {"DATABASE_URL": f"postgres://{place}/none"}

    def copy_of_tests(self, name: str) -> str:
        """Return a new database with the schema of the tests' own, and what migrations put in."""
        target = self._new(name)
        if connection.vendor == "sqlite":
            connection.ensure_connection()
            connection.connection.execute("VACUUM INTO ?", [target])
        else:
            self._run("createdb", target)
            dump = self._run("pg_dump", connection.settings_dict["NAME"])
            self._run("psql", "--quiet", "--set=ON_ERROR_STOP=1", target, input=dump)
        return target

    def copy(self, source: str, name: str) -> str:
        """Return a copy of a database that nobody has open; it replaces one of the same name."""
        target = self._new(name)
        if connection.vendor == "postgresql":
            self._run("dropdb", "--if-exists", "--force", target)
            self._run("createdb", f"--template={source}", target)
            return target
        for suffix in ("", "-wal", "-shm"):
            Path(target + suffix).unlink(missing_ok=True)
        with closing(sqlite3.connect(source)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy(source, target)
        return target

    def drop(self):
        for name in self.made if connection.vendor == "postgresql" else []:
            self._run("dropdb", "--if-exists", "--force", name)

    def _new(self, name: str) -> str:
        is_file = connection.vendor == "sqlite"
        target = f"{self.folder}/{name}.sqlite3" if is_file else f"{self.name}_{name}"
        if target not in self.made:
            self.made.append(target)
        return target

    def _run(self, program, *arguments, input=None) -> bytes:
        connected, added = connection.client.settings_to_cmd_args_env(
            connection.settings_dict | {"NAME": ""}, []
        )
        command = [program, *connected[1:-1], *arguments]
        environment = os.environ | (added or {})
        answer = subprocess.run(command, input=input, env=environment, capture_output=True)
        assert answer.returncode == 0, answer.stderr.decode()
        return answer.stdout
