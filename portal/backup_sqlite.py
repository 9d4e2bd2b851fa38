"""How a SQLite database is dumped, checked and put back (see backup.py).

Everything here uses connections of its own: Django's would convert what it reads.
"""

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

from django.db import connection

from .backup import BackupError, sync

DUMP = "database.sqlite3"
WAIT_SECONDS = 20
IN_USE = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def dump(path: Path) -> tuple[dict, list]:
    """Write the database as it is now into a file; return its tables and its migrations."""
    try:
        with closing(_open(_present())) as present:
            present.execute("VACUUM INTO ?", [str(path)])
        sync(path)
        with closing(_open(path)) as copied:
            return digest_tables(copied), _list_migrations(copied)
    except sqlite3.Error as error:
        raise BackupError(f"データベースの控えを取れませんでした（{error}）。") from error


def check(path: Path, tables: dict):
    """Raise BackupError where the file is no sound database with just these tables."""
    try:
        with closing(_open(f"file:{path}?mode=ro&immutable=1")) as copied:
            found = [row[0] for row in copied.execute("PRAGMA integrity_check")]
            if found != ["ok"]:
                raise BackupError(f"控えのデータベースが壊れています（{found[0]}）。")
            _compare(digest_tables(copied), tables)
    except sqlite3.Error as error:
        raise BackupError(f"控えのデータベースが壊れています（{error}）。") from error


def restore(path: Path, tables: dict):
    """Put the file in the place of the present database, in one transaction, alone with it."""
    connection.close()
    try:
        with closing(_open(path)) as copied, closing(_open(_present())) as present:
            # Nobody else may have the database open, from here until it is closed.
            present.execute("PRAGMA locking_mode = EXCLUSIVE")
            present.execute("BEGIN EXCLUSIVE")
            present.execute("COMMIT")
            copied.backup(present)
            _compare(digest_tables(present), tables)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in IN_USE:
            raise BackupError(
                "データベースが使われています。ポータルを止めてから、もう一度行ってください。"
            ) from error
        raise BackupError(
            f"データベースを戻せませんでした（{error}）。いまのファイルが壊れているときは、"
            "それをよけて（mv）、もう一度行ってください。"
        ) from error


def digest_tables(database: sqlite3.Connection) -> dict:
    """Return the number of rows and a SHA-256 over all of them, by table."""
    database.text_factory = bytes
    names = "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"
    found = {}
    for (name,) in database.execute(f"{names} ORDER BY name").fetchall():
        table = name.decode()
        keys = [
            f'"{column.decode()}"'
            for _, column, *_, place in database.execute(f'PRAGMA table_info("{table}")')
            if place
        ]
        rows, digest = 0, hashlib.sha256()
        order = ",".join(keys) or "rowid"
        query = f'SELECT * FROM "{table}" ORDER BY {order}'  # noqa: S608  its own names
        for row in database.execute(query):
            digest.update(repr(row).encode())
            rows += 1
        found[table] = {"rows": rows, "sha256": digest.hexdigest()}
    database.text_factory = str
    return found


def _compare(found: dict, told: dict):
    differing = [
        name for name in sorted(found.keys() | told.keys()) if found.get(name) != told.get(name)
    ]
    if differing:
        raise BackupError(f"控えの記録と、行が違います：{'、'.join(differing)}")


def _list_migrations(database: sqlite3.Connection) -> list[list[str]]:
    if not database.execute(
        "SELECT 1 FROM sqlite_schema WHERE name = 'django_migrations'"
    ).fetchone():
        return []
    return sorted(map(list, database.execute("SELECT app, name FROM django_migrations")))


def _present() -> str:
    return str(connection.get_connection_params()["database"])


def _open(name: Path | str) -> sqlite3.Connection:
    return sqlite3.connect(name, timeout=WAIT_SECONDS, isolation_level=None, uri=True)
