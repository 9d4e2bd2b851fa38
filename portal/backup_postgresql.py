"""How a PostgreSQL database is dumped, checked and put back (see backup.py), by PostgreSQL's own tools."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from django.db import Error, connection, transaction

from .backup import BackupError, list_migrations

DUMP = "database.dump"
WAIT_SECONDS = 20
# So that a row reads the same whoever reads it.
SAME_TEXT = (
    "SET LOCAL TimeZone TO 'UTC'",
    "SET LOCAL DateStyle TO 'ISO, YMD'",
    "SET LOCAL IntervalStyle TO 'postgres'",
    "SET LOCAL bytea_output TO 'hex'",
    "SET LOCAL extra_float_digits TO 1",
)
PATIENT = (
    "SET LOCAL statement_timeout TO 0",
    "SET LOCAL idle_in_transaction_session_timeout TO 0",
)
TABLES = """
SELECT relname FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' ORDER BY relname
"""
# A digest of the rows' digests, in their own order: it depends neither on keys nor on collations.
DIGEST = """
SELECT count(*), encode(sha256(coalesce(string_agg(hash, ''::bytea ORDER BY hash), '')), 'hex')
FROM (SELECT sha256(convert_to((whole.*)::text, 'UTF8')) AS hash FROM {} AS whole) AS hashes
"""
DROP_ALL = """
DO $drop$ DECLARE found record; BEGIN
  FOR found IN
    SELECT format('DROP %s IF EXISTS %s CASCADE',
      CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
      ELSE 'TABLE' END, pg_class.oid::regclass) AS statement
    FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
      AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE objid = pg_class.oid AND deptype IN ('e', 'i'))
    UNION ALL
    SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', pg_proc.oid::regprocedure)
    FROM pg_proc WHERE pronamespace = 'public'::regnamespace
      AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
  LOOP EXECUTE found.statement; END LOOP;
END $drop$;
"""
COMPARE = """
DO $compare$ BEGIN
  IF (SELECT (found.rows, found.sha256) FROM ({digest}) AS found (rows, sha256))
    IS DISTINCT FROM ({rows}::bigint, '{sha256}'::text)
  THEN RAISE EXCEPTION 'the rows of % differ from the backup', '{table}'; END IF;
END $compare$;
"""


def dump(path: Path) -> tuple[dict, list]:
    """Write the database as it is at one moment into a file; return its tables and its migrations."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            for statement in PATIENT + SAME_TEXT:
                cursor.execute(statement)
            cursor.execute("SELECT pg_export_snapshot()")
            [snapshot] = cursor.fetchone()
            options = ["--format=custom", "--schema=public", "--no-owner", "--no-privileges"]
            _run("pg_dump", *options, f"--snapshot={snapshot}", f"--file={path}")
            return digest_tables(cursor), list_migrations()
    except Error as error:
        raise BackupError(f"データベースの控えを取れませんでした（{error}）。") from error


def check(path: Path, tables: dict):
    """Raise BackupError where the file cannot be read to its end as a dump."""
    _run("pg_restore", "--file=/dev/null", path, names_database=False)


def restore(path: Path, tables: dict):
    """Put the dump in the place of the present tables, in one transaction that compares every row."""
    connection.close()
    connection.close_pool()
    psql_command, environment = _command("psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1")
    read = [
        _find("pg_restore"),
        "--schema=public",
        "--no-owner",
        "--no-privileges",
        "--file=-",
        path,
    ]
    with (
        tempfile.TemporaryFile() as told,
        subprocess.Popen(  # noqa: S603  PostgreSQL's own program
            psql_command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=told,
        ) as psql,
    ):
        try:
            _write(psql.stdin, ["BEGIN", f"SET LOCAL lock_timeout TO '{WAIT_SECONDS}s'"])
            psql.stdin.write(DROP_ALL.encode())
            with subprocess.Popen(  # noqa: S603  the same
                read, stdout=subprocess.PIPE, stderr=told
            ) as dumped:
                shutil.copyfileobj(dumped.stdout, psql.stdin)
            if dumped.returncode == 0:
                _write(psql.stdin, SAME_TEXT)
                for table, digest in tables.items():
                    psql.stdin.write(_compare(table, digest).encode())
                _write(psql.stdin, ["COMMIT"])
            psql.stdin.close()  # without COMMIT, nothing has happened
        except BrokenPipeError:
            pass  # psql has ended at an error, which it has told
        if psql.wait() or dumped.returncode:
            told.seek(0)
            raise BackupError(
                f"データベースを戻せませんでした。何も変えていません。{_last_lines(told.read())}"
            )


def digest_tables(cursor) -> dict:
    """Return the number of rows and a SHA-256 over all of them, by table."""
    cursor.execute(TABLES)
    found = {}
    for (table,) in cursor.fetchall():
        cursor.execute(DIGEST.format(_quote(table)))
        rows, sha256 = cursor.fetchone()
        found[table] = {"rows": rows, "sha256": sha256}
    return found


def _compare(table: str, told: dict) -> str:
    return COMPARE.format(digest=DIGEST.format(_quote(table)), table=table, **told)


def _quote(table: str) -> str:
    return f"public.{connection.ops.quote_name(table)}"


def _write(pipe, statements):
    pipe.write("".join(f"{statement};\n" for statement in statements).encode())


def _run(program, *arguments, names_database=True):
    command, environment = _command(program, *arguments, names_database=names_database)
    answer = subprocess.run(command, env=environment, capture_output=True)  # noqa: S603
    if answer.returncode:
        raise BackupError(f"{program} が止まりました。{_last_lines(answer.stderr)}")


def _command(program, *arguments, names_database=True) -> tuple[list, dict]:
    """Return a command line and an environment; the password stands only in the latter."""
    if not names_database:
        return [_find(program), *arguments], None
    connected, added = connection.client.settings_to_cmd_args_env(
        connection.settings_dict, list(arguments)
    )
    return [_find(program), *connected[1:]], os.environ | (added or {})


def _find(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise BackupError(
            f"{program} がありません。PostgreSQLのクライアント（postgresql-client）を入れてください。"
        )
    return found


def _last_lines(output: bytes) -> str:
    return " ".join(output.decode(errors="replace").split("\n")[-6:]).strip()
