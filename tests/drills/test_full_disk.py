"""No room on the disk: staff are told so, and neither rows nor files are there by half."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from django.db import connection

from tests.drills.databases import Databases
from tests.drills.killing import Server
from tests.drills.test_kill import comparable

pytestmark = [
    pytest.mark.drill,
    pytest.mark.django_db,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a small disk"),
]
DISK_BYTES = 16 * 1024 * 1024
# So much is left free: from nothing at all to enough for everything.
ROOM_KILOBYTES = [0, 16, 64, 128, 256, 512, 768, 1024, 4096]


@pytest.fixture
def disk(tmp_path):
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "drill", place]
    subprocess.run(mount, check=True)
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


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
        assert "サーバーの保存場所がいっぱいです" in text or "ただいま表示できません" in text
        found = comparable(server.order("digest", database, **media)["result"])
        assert found == before, (kilobytes, status)
        status, text = server.order("attempt", database, **order)["result"]
        assert status == 302, (kilobytes, text)
    print(f"{name}: {outcomes}")
    assert outcomes[ROOM_KILOBYTES[0]] == 503 and outcomes[ROOM_KILOBYTES[-1]] == 302
