"""No room on the disk: staff are told so, and neither rows nor files are there by half."""

import os
import shutil
import subprocess
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from django.db import connection

from tests.drills.databases import Databases
from tests.drills.killing import Server
from tests.drills.sites import Site
from tests.drills.test_kill import comparable
from tests.hosts import NEEDS_POSTGRESQL, find_programs, wait_until

pytestmark = [
    pytest.mark.drill,
    pytest.mark.django_db,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a small disk"),
]
SQLITE_MEGABYTES, POSTGRESQL_MEGABYTES = 16, 256
# So much is left free: from nothing at all to enough for everything.
ROOM_KILOBYTES = [0, 16, 64, 128, 256, 512, 768, 1024, 4096]
ROOM_OF_POSTGRESQL = [0, 64, 256, 512, 8192]
IS_LAST_OF_LOG = """
SELECT max(name) = pg_walfile_name(pg_current_wal_insert_lsn()) FROM pg_ls_waldir()
WHERE name ~ '^[0-9A-F]{24}$'
"""
LOG_BYTES, LEFT_OF_LOG_BYTES = 1024 * 1024, 16 * 1024  # LOG_BYTES: see sites.py
TOLD = ("サーバーの保存場所がいっぱいです", "ただいま表示できません")


@contextmanager
def small_disk(place: Path, megabytes: int):
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}M", "drill", place]
    subprocess.run(mount, check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "disk", SQLITE_MEGABYTES) as place:
        yield place


@pytest.fixture(scope="module")
def databases(django_db_setup, django_db_blocker, tmp_path_factory):
    if connection.vendor != "sqlite":
        pytest.skip("needs SQLite: PostgreSQL's disk is another program's")
    made = Databases(tmp_path_factory.mktemp("full"))
    with django_db_blocker.unblock():
        made.copy_of_tests("empty")
    return made


@pytest.fixture
def server(databases):
    cache = {"CACHE_URL": "dummycache://", "API_RATE": "0", "SEARCH_RATE": "0"}
    running = Server(databases.environment | cache)
    yield running
    running.close()


def fill(disk: Path, free_kilobytes: int):
    usage = os.statvfs(disk)
    taken = usage.f_bavail * usage.f_frsize - free_kilobytes * 1024
    (disk / "filling").write_bytes(b"x" * max(0, taken))


@pytest.mark.parametrize("name", ["import", "picture"])
def test_a_full_disk_is_told_and_nothing_is_half_there(disk, server, databases, name):
    media = {"media": str(disk / "media")}
    whole = databases.copy(databases.made[0], "whole")
    (disk / "media").mkdir()
    notes = server.order("make_world", whole, **media)["result"]
    before = comparable(server.order("digest", whole, **media)["result"])
    outcomes = {}
    for kilobytes in ROOM_KILOBYTES:
        shutil.rmtree(disk / "media")
        (disk / "media").mkdir()
        database = str(disk / "one.sqlite3")
        for suffix in ("-wal", "-shm"):
            Path(database + suffix).unlink(missing_ok=True)
        shutil.copy(databases.copy(whole, "copy"), database)
        fill(disk, kilobytes)
        order = {"operation": name, "notes": notes} | media
        status, text = server.order("attempt", database, **order)["result"]
        (disk / "filling").unlink()  # somebody makes room
        outcomes[kilobytes] = status
        named, there = server.order("list_pictures", database, **media)["result"]
        assert named == there, (kilobytes, status)
        if status == 302:
            continue
        assert status == 503, (kilobytes, status, text)
        assert any(words in text for words in TOLD)
        found = comparable(server.order("digest", database, **media)["result"])
        assert found == before, (kilobytes, status)
        status, text = server.order("attempt", database, **order)["result"]
        assert status == 302, (kilobytes, text)
    print(f"{name}: {outcomes}")
    assert outcomes[ROOM_KILOBYTES[0]] == 503 and outcomes[ROOM_KILOBYTES[-1]] == 302


@pytest.fixture
def cluster():
    """A PostgreSQL of its own whose data lie on a small disk, with the schema in a database."""
    with tempfile.TemporaryDirectory(prefix="portal-full-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        with small_disk(folder / "postgresql", POSTGRESQL_MEGABYTES):
            site = Site(folder, "postgresql")
            try:
                site.postgresql.start()
                site.make_database("portal", "template0")
                site.manage("migrate", "--verbosity", "0")
                yield site
            finally:
                site.postgresql.stop()


@pytest.mark.own_servers
@pytest.mark.skipif("initdb" not in find_programs(), reason=NEEDS_POSTGRESQL)
@pytest.mark.parametrize("is_log_used_up", [False, True])
def test_a_full_disk_of_postgresql_is_told_and_nothing_is_half_there(cluster, is_log_used_up):
    """Where it cannot write its log, PostgreSQL breaks off, and recovers when there is room."""
    disk, media = cluster.folder / "postgresql", {"media": str(cluster.folder / "media")}
    with closing(Server(cluster.environment | {"CACHE_URL": "dummycache://"})) as server:
        notes = server.order("make_world", "portal", **media)["result"]
        before = comparable(server.order("digest", "portal", **media)["result"])
        for name in ("import", "approve"):
            order, outcomes, ends = {"operation": name, "notes": notes} | media, {}, 0
            for kilobytes in ROOM_OF_POSTGRESQL:
                cluster.make_database("one", "portal")
                assert not server.order("has_happened", "one", **order)["result"]
                if is_log_used_up:
                    use_up_log(cluster)
                fill(disk, kilobytes)
                status, text = server.order("attempt", "one", **order)["result"]
                (disk / "filling").unlink()  # somebody makes room
                ends += bring_back(cluster)
                outcomes[kilobytes] = status
                if status == 503:
                    assert any(words in text for words in TOLD)
                    found = comparable(server.order("digest", "one", **media)["result"])
                    assert found == before, kilobytes
                    status, text = server.order("attempt", "one", **order)["result"]
                assert status == 302, (kilobytes, text)
                assert server.order("has_happened", "one", **order)["result"]
            print(f"{name}: {outcomes}, started again by hand {ends} times")
            assert outcomes[ROOM_OF_POSTGRESQL[0]] == 503
            assert outcomes[ROOM_OF_POSTGRESQL[-1]] == 302
    panics = cluster.postgresql.read_log().count("PANIC:")
    print(f"the log could not be written {panics} times")
    assert (panics > 0) == is_log_used_up


def use_up_log(cluster):
    """Leave a few kilobytes of the last file of the log that there is: the next needs room."""
    with cluster.connect() as connection:

        def ask(query):
            return connection.execute(query).fetchone()[0]

        while ask(IS_LAST_OF_LOG) is False:
            ask("SELECT pg_logical_emit_message(true, 'drill', 'x')")
            ask("SELECT pg_switch_wal()")
        written = ask("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')")
        left = LOG_BYTES - int(written) % LOG_BYTES - LEFT_OF_LOG_BYTES
        ask(f"SELECT pg_logical_emit_message(true, 'drill', repeat('x', {max(0, left)}))")


def bring_back(cluster) -> bool:
    """Wait for a PostgreSQL that recovers; start one that has ended, as an operator does."""
    server = cluster.postgresql

    def is_decided():
        return server.process.poll() is not None or cluster.has_postgresql()

    wait_until(is_decided, "PostgreSQL or its end")
    if has_ended := server.process.poll() is not None:
        server.start()
    return has_ended
