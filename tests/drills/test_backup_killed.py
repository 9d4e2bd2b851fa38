"""A backup or a restore that is killed: nothing half passes for whole, and the next run succeeds."""

import time

import pytest

from tests.drills.test_kill import World, comparable

pytestmark = [pytest.mark.drill, pytest.mark.django_db]
KILLS = 12


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker, tmp_path_factory):
    with django_db_blocker.unblock():
        made = World(tmp_path_factory.mktemp("backup"))
        yield made
        made.close()


def moments(world, do, database, **order) -> list[float]:
    """Return moments spread over what the order lasts when nothing disturbs it."""
    began = time.monotonic()
    world.order(do, database, **order)
    lasts = time.monotonic() - began
    return [lasts * (number + 0.5) / KILLS for number in range(KILLS)]


def test_a_backup_that_is_killed_never_passes_for_one(world, tmp_path):
    whole, killed = {"folder": str(tmp_path / "whole")}, 0
    for number, seconds in enumerate(moments(world, "backup", world.whole, **whole)):
        folder = tmp_path / f"night-{number}"
        order = {"folder": str(folder)}
        report = world.order("backup", world.whole, stop={"seconds": seconds}, **order)
        killed += report["killed"]
        if not folder.exists():
            world.order("backup", world.whole, **order)
        tables = world.order("check_backup", world.whole, **order)["result"]
        assert comparable(tables).items() >= comparable(world.before).items()
        assert not folder.with_name(f"{folder.name}.partial").exists()
    print(f"backup: {killed} kills of {KILLS}, each followed by a whole backup")
    assert killed > KILLS // 3


def test_a_restore_that_is_killed_leaves_the_old_or_the_new_and_can_be_run_again(world, tmp_path):
    order, killed = {"folder": str(tmp_path / "night")}, 0
    world.order("backup", world.whole, **order)

    def make_changed() -> str:
        database = world.begin()
        world.order("perform", database, operation="import")
        return database

    wanted = comparable(world.before)
    for seconds in moments(world, "restore", make_changed(), **order):
        database = make_changed()
        changed = comparable(world.digest(database))
        report = world.order("restore", database, stop={"seconds": seconds}, **order)
        killed += report["killed"]
        assert comparable(world.digest(database)) in (changed, wanted)
        world.order("restore", database, **order)
        assert comparable(world.digest(database)) == wanted
    print(f"restore: {killed} kills of {KILLS}, each followed by a restore; every row compared")
    assert killed > KILLS // 3
