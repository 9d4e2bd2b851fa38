"""Processes that do an operation and are killed with SIGKILL at a named place in the middle.

A server process has Django loaded and forks one process for each order, so that a sweep of hundreds
of kills takes minutes. The server itself never opens a database.
"""

import datetime
import json
import os
import select
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

WRITES = ("INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER")
# What differs from run to run though the same was done: random numbers, logins.
NEVER_THE_SAME = {"portal_editionnumber", "portal_editionmoment", "django_session"}
# What is planned in the world of a drill is due between the two.
NOW = datetime.datetime(2026, 10, 1, 3, 0, tzinfo=datetime.UTC)
LATER = NOW + datetime.timedelta(hours=2)
GIVEN_UP_AFTER_SECONDS = 600
HERE = b"\0"


class Server:
    """The processes' side for a test: `order` has one order done and returns its report."""

    def __init__(self, environment: dict):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.drills.killing"],
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def order(self, do: str, database: str, **more) -> dict:
        """Return {"killed", "statements", "commits", "result"}; AssertionError where it failed."""
        print(
            json.dumps({"do": do, "database": database} | more), file=self.process.stdin, flush=True
        )
        report = json.loads(self.process.stdout.readline())
        assert "error" not in report, report["error"]
        return report

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)


def serve():
    import django

    django.setup()
    from django.test.utils import setup_test_environment

    from tests.drills import operations  # noqa: F401  so that each fork has it

    setup_test_environment()
    _load_what_forks_share()
    for line in sys.stdin:
        print(json.dumps(_fork(json.loads(line))), flush=True)


def _load_what_forks_share():
    """Read addresses and templates once: a fork that does it itself takes a second for that alone."""
    from django.conf import settings
    from django.template.loader import get_template
    from django.urls import reverse

    reverse("admin:index")
    for path in (settings.BASE_DIR / "templates").rglob("*.html"):
        get_template(str(path.relative_to(settings.BASE_DIR / "templates")))


def _fork(order: dict) -> dict:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _be_the_child(order, writing)
    os.close(writing)
    killed, told = False, b""
    stop = order.get("stop") or {}
    kill_at = time.monotonic() + stop.get("seconds", GIVEN_UP_AFTER_SECONDS)
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        while True:
            ready, _, _ = select.select([pipe], [], [], max(0, kill_at - time.monotonic()))
            piece = pipe.read(65536) if ready else HERE
            if not piece:
                break
            told += piece
            if told.endswith(HERE) and not killed:
                os.kill(pid, signal.SIGKILL)
                killed, kill_at = True, time.monotonic() + GIVEN_UP_AFTER_SECONDS
    os.waitpid(pid, 0)
    lines = told.replace(HERE, b"").decode().splitlines()
    counts = {"statements": lines.count("s"), "commits": lines.count("c")}
    ends = [json.loads(line) for line in lines if line.startswith("{")]
    if not ends and (not killed or not stop):
        return {"error": "the process was given up, or ended without a word"}
    return {"killed": killed} | counts | (ends[0] if ends else {})


def _be_the_child(order: dict, pipe: int):
    """Do one order and end; what is told goes into the pipe line by line."""
    os.dup2(2, 1)
    try:
        result = _do(order, pipe)
        told = {"result": result}
    except BaseException:
        told = {"error": traceback.format_exc()}
    os.write(pipe, (json.dumps(told) + "\n").encode())
    os._exit(0)


def _do(order: dict, pipe: int):
    from django.conf import settings
    from django.db import connection
    from django.utils import timezone

    from portal.backup import check_backup, write_backup
    from portal.restore import restore_backup
    from tests.drills import operations

    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": plain}
    settings.MEDIA_ROOT = order["media"]
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    connection.settings_dict["NAME"] = order["database"]
    timezone.datetime = _Clock
    if order.get("is_later") or order.get("operation") == "swap" or order["do"] == "unmigrate":
        _Clock.stands_at = LATER
    notes = order.get("notes")
    match order["do"]:
        case "make_world":
            return operations.make_world()
        case "unmigrate":
            return operations.unmigrate()
        case "perform":
            _watch(connection, pipe, order.get("stop") or {})
            return operations.OPERATIONS[order["operation"]].perform(notes)
        case "has_happened":
            return operations.OPERATIONS[order["operation"]].has_happened(notes)
        case "attempt":
            return operations.attempt(order["operation"], notes)
        case "list_pictures":
            return operations.list_pictures()
        case "backup":
            return str(write_backup(Path(order["folder"])))
        case "check_backup":
            return check_backup(Path(order["folder"])).tables
        case "restore":
            return str(restore_backup(Path(order["folder"])).manifest)
        case "digest":
            return digest()
        case "schema":
            return list_schema()
        case "read":
            return read_page(order["address"])


class _Clock(datetime.datetime):
    """Stands still, so that the same operation writes the same rows."""

    stands_at = NOW

    @classmethod
    def now(cls, tz=None):
        return cls.stands_at.astimezone(tz) if tz else cls.stands_at.replace(tzinfo=None)


def _watch(connection, pipe: int, stop: dict):
    """Tell each statement and each commit, and wait to be killed at the place to stop at.

    `stop` names a statement or a commit by its number, or the commit of a transaction by what one
    of its statements holds.
    """
    counts = {"statement": 0, "commit": 0}
    written = []

    def come_to(kind, side="before"):
        wanted = stop.get(kind)
        is_here = counts[kind] == wanted or any(
            isinstance(wanted, str) and wanted in sql for sql in written
        )
        if is_here and stop.get("side", "before") == side:
            os.write(pipe, HERE)
            signal.pause()

    def execute(execute, sql, params, many, context):
        counts["statement"] += 1
        come_to("statement")
        result = execute(sql, params, many, context)
        os.write(pipe, b"s\n")
        written.append(sql)
        if not connection.in_atomic_block and sql.lstrip().upper().startswith(WRITES):
            os.write(pipe, b"c\n")  # commits by itself
        return result

    commit = connection._commit

    def commit_between():
        counts["commit"] += 1
        come_to("commit", "before")
        commit()
        os.write(pipe, b"c\n")
        come_to("commit", "after")
        written.clear()

    connection.execute_wrappers.append(execute)
    connection._commit = commit_between


def digest() -> dict:
    """Return a digest of all rows of each table, as a process reads it that knows of nothing."""
    from django.db import connection, transaction

    from portal import backup_postgresql, backup_sqlite

    if connection.vendor == "sqlite":
        database = backup_sqlite._open(backup_sqlite._present())
        [check] = database.execute("PRAGMA integrity_check").fetchone()
        assert check == "ok", check
        tables = backup_sqlite.digest_tables(database)
        tables.pop("sqlite_sequence", None)
        return tables
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in backup_postgresql.SAME_TEXT:
            cursor.execute(statement)
        return backup_postgresql.digest_tables(cursor)


SCHEMA = {
    "sqlite": "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name",
    "postgresql": """
        SELECT 'column', table_name || '.' || column_name, data_type || is_nullable
        FROM information_schema.columns WHERE table_schema = 'public'
        UNION ALL SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
        UNION ALL SELECT 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace
        UNION ALL SELECT 'trigger', tgrelid::regclass || '.' || tgname, '' FROM pg_trigger
        WHERE NOT tgisinternal
        ORDER BY 1, 2""",
}


def list_schema() -> list:
    """Return every table, column, index, constraint and trigger."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(SCHEMA[connection.vendor])
        return [list(row) for row in cursor.fetchall()]


def read_page(address: str) -> list:
    """Return status and text of a public page, as a reader gets it through the page cache."""
    from django.test import Client

    answer = Client(raise_request_exception=False).get(address)
    return [answer.status_code, answer.content.decode()]


if __name__ == "__main__":
    serve()
