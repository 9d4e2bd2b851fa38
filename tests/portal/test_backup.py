"""What a backup holds, what is refused, and that a restored portal is the one that was backed up."""

import json
import shutil
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from budgets.models import SettlementItem
from initiatives.models import InitiativeImage
from portal import backup
from portal.edition import find_edition
from portal.models import Department, Role
from tests import builders
from tests.admin_pages import make_everything

pytestmark = pytest.mark.django_db(transaction=True)


def read_manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


def media_files() -> dict[str, bytes]:
    media = Path(settings.MEDIA_ROOT)
    return {str(path.relative_to(media)): path.read_bytes() for path in media.rglob("*.*")}


def test_a_restored_portal_is_the_one_that_was_backed_up(tmp_path, capsys):
    make_everything()
    Client().force_login(builders.make_staff(Role.ADMINISTRATOR))
    folder, again, files = tmp_path / "night", tmp_path / "again", media_files()
    call_command("backup", folder)
    told, edition = read_manifest(folder), find_edition().tag
    assert folder.stat().st_mode & 0o077 == 0
    assert told["tables"]["budgets_settlementitem"]["rows"] == SettlementItem.objects.count() == 3
    assert len(files) == len([name for name in told["files"] if name.startswith("media/")]) > 0
    assert not list(tmp_path.glob("*.partial"))
    items = list(SettlementItem.objects.order_by("pk").values())

    SettlementItem.objects.update(name="変えた名称")
    Department.objects.create(slug="later", name="あとの部")
    picture = Path(InitiativeImage.objects.get().image.path)
    picture.unlink()
    later = Path(settings.MEDIA_ROOT) / "initiatives" / "later.png"
    later.write_bytes(b"later")
    call_command("restore", folder)

    assert list(SettlementItem.objects.order_by("pk").values()) == items
    assert not Department.objects.filter(slug="later").exists()
    assert media_files() == files | {"initiatives/later.png": b"later"}
    assert not Session.objects.exists()
    assert find_edition().tag != edition
    said = capsys.readouterr().out
    assert "すべての表の行が同じことを確かめました" in said
    assert "控えにないファイル1個は、そのまま残しました" in said

    call_command("backup", again)  # every row of every table, but logins and the edition
    changed = {"django_session", "portal_editionnumber"}
    tables = {name: told for name, told in told["tables"].items() if name not in changed}
    found = read_manifest(again)["tables"]
    assert {name: told for name, told in found.items() if name not in changed} == tables
    (aside,) = tmp_path.glob("night.before-*")
    call_command("restore", aside)  # and the way back
    assert set(SettlementItem.objects.values_list("name", flat=True)) == {"変えた名称"}
    assert Department.objects.create(slug="next", name="次の部").pk  # the sequences are right
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO portal_searchentry_fts(portal_searchentry_fts) VALUES('integrity-check')"
            )


def spoil_database(folder):
    [dump] = folder.glob("database.*")
    data = bytearray(dump.read_bytes())
    data[len(data) // 2] ^= 0xFF
    dump.write_bytes(data)


def change_manifest(folder, **changes):
    (folder / "manifest.json").write_text(json.dumps(read_manifest(folder) | changes))


def spoil_rows(folder):
    told = read_manifest(folder)["tables"]
    told["portal_department"]["sha256"] = "0" * 64
    change_manifest(folder, tables=told)


SPOILED = {
    "No such file": lambda folder: (folder / "manifest.json").unlink(),
    "控えとして読めません": lambda folder: (folder / "manifest.json").write_text("{}"),
    "知らない形式": lambda folder: change_manifest(folder, format=99),
    "いまのデータベースは": lambda folder: change_manifest(folder, vendor="oracle"),
    "の中身が変わっています": spoil_database,
    "がありません": lambda folder: next(folder.glob("database.*")).unlink(),
    "は、控えにないファイルです": lambda folder: (folder / "more.txt").write_text("x"),
    "新しい版のものです": lambda folder: change_manifest(
        folder, migrations=[["portal", "9999_of_tomorrow"]]
    ),
    "portal_department": spoil_rows,
}


def test_what_is_not_whole_is_refused_and_changes_nothing(tmp_path):
    builders.make_department(slug="kept")
    whole = tmp_path / "whole"
    call_command("backup", whole)
    with pytest.raises(CommandError, match="上書きはしません"):
        call_command("backup", whole)
    assert backup.check_backup(whole).row_count > 0
    Department.objects.update(name="控えのあとの名称")
    for number, (sentence, spoil) in enumerate(SPOILED.items()):
        folder = tmp_path / f"spoiled-{number}"
        shutil.copytree(whole, folder)
        spoil(folder)
        with pytest.raises(CommandError) as refused:
            call_command("restore", folder)
        assert sentence in str(refused.value), sentence
        assert Department.objects.get(slug="kept").name == "控えのあとの名称"


def test_what_a_killed_backup_left_is_thrown_away_by_the_next(tmp_path):
    left = tmp_path / "night.partial" / "media"
    left.mkdir(parents=True)
    (left / "half.png").write_bytes(b"half")
    (left.parent / "database.dump").write_bytes(b"half")
    call_command("backup", tmp_path / "night")
    assert not (tmp_path / "night.partial").exists()
    assert "media/half.png" not in read_manifest(tmp_path / "night")["files"]
    assert backup.check_backup(tmp_path / "night")


def test_a_full_disk_is_told_and_leaves_no_backup(tmp_path, monkeypatch):
    def refuse(path, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backup, "write_file", refuse)
    with pytest.raises(CommandError, match="控えを書けませんでした"):
        call_command("backup", tmp_path / "night")
    assert not (tmp_path / "night").exists()
