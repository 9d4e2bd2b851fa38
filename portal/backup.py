"""A backup: one folder with the database, the uploaded files, and a manifest that tells what is in it.

Taken while the portal runs. The folder has its name only once it is whole, and is never written to
again. restore.py puts one back.
"""

import fcntl
import hashlib
import json
import os
import platform
import shutil
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path

import django
from django.conf import settings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from .release import RELEASE

FORMAT = 1
MANIFEST = "manifest.json"
MEDIA = "media"
LOCK = "lock"
CHUNK = 1024 * 1024


class BackupError(Exception):
    """A backup cannot be taken, or cannot be put back; the text tells an operator why."""


@dataclass(frozen=True)
class Manifest:
    """What a backup holds.

    `tables` is {"rows", "sha256"} by table, `files` {"bytes", "sha256"} by path in the folder.
    """

    taken_at: str
    vendor: str
    versions: dict[str, str]
    migrations: list[list[str]]
    tables: dict[str, dict]
    files: dict[str, dict]
    format: int = field(default=FORMAT)

    @property
    def row_count(self) -> int:
        return sum(table["rows"] for table in self.tables.values())

    @property
    def media(self) -> dict[str, dict]:
        """Return the uploaded files by their path in MEDIA_ROOT."""
        return {
            name.removeprefix(f"{MEDIA}/"): told
            for name, told in self.files.items()
            if name.startswith(f"{MEDIA}/")
        }

    def __str__(self):
        return (
            f"{self.taken_at}の控え：表{len(self.tables):,}、行{self.row_count:,}、"
            f"画像などのファイル{len(self.media):,}"
        )


def database_way():
    """Return the module that knows how the present database is dumped, checked and put back."""
    return import_module(f"portal.backup_{connection.vendor}")


def write_backup(folder: Path) -> Manifest:
    """Write a backup into a folder that is not there yet.

    The database is taken as it is at one moment, the files after it: they are only ever added.
    What a killed run left behind (FOLDER.partial) is thrown away by the next one.
    """
    folder = folder.absolute()
    if folder.exists():
        raise BackupError(f"{folder} がもうあります。上書きはしません。別の名前にしてください。")
    partial = folder.with_name(f"{folder.name}.partial")
    try:
        with _hold(partial):
            manifest = _fill(partial)
        partial.rename(folder)
        sync(folder.parent)
    except OSError as error:
        raise BackupError(f"控えを書けませんでした。{error}") from error
    return manifest


def _fill(partial: Path) -> Manifest:
    way = database_way()
    tables, migrations = way.dump(partial / way.DUMP)
    media = Path(settings.MEDIA_ROOT)
    files = {way.DUMP: describe(partial / way.DUMP)}
    for source in sorted(path for path in media.rglob("*") if path.is_file()):
        name = f"{MEDIA}/{source.relative_to(media).as_posix()}"
        copy_file(source, partial / name)
        files[name] = describe(partial / name)
    manifest = Manifest(
        taken_at=timezone.localtime().isoformat(timespec="seconds"),
        vendor=connection.vendor,
        versions={
            "release": RELEASE,
            "django": django.__version__,
            "python": platform.python_version(),
            connection.vendor: ".".join(map(str, connection.get_database_version())),
        },
        migrations=migrations,
        tables=tables,
        files=files,
    )
    write_file(
        partial / MANIFEST, json.dumps(asdict(manifest), ensure_ascii=False, indent=1).encode()
    )
    return manifest


@contextmanager
def _hold(partial: Path):
    """Hold an empty folder that only the owner may read: passwords and keys are in a backup."""
    partial.mkdir(mode=0o700, exist_ok=True)
    lock = partial / LOCK
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupError(f"{partial} に、別の控えを取っているところです。") from None
        for left in partial.iterdir():
            if left.is_dir():
                shutil.rmtree(left)
            elif left != lock:
                left.unlink()
        yield
        lock.unlink()


def read_manifest(folder: Path) -> Manifest:
    try:
        told = json.loads((folder / MANIFEST).read_bytes())
        manifest = Manifest(**told)
    except (OSError, ValueError, TypeError) as error:
        raise BackupError(f"{folder} は、控えとして読めません。{error}") from error
    if manifest.format != FORMAT:
        raise BackupError(f"{folder} は、このコードの知らない形式（{manifest.format}）の控えです。")
    return manifest


def check_backup(folder: Path) -> Manifest:
    """Return the manifest of a backup that holds just what it tells; raise BackupError otherwise."""
    manifest = read_manifest(folder)
    if manifest.vendor != connection.vendor:
        raise BackupError(
            f"{manifest.vendor} の控えです。いまのデータベースは {connection.vendor} です。"
        )
    there = {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    } - {MANIFEST}
    problems = [f"{name} がありません。" for name in sorted(manifest.files.keys() - there)]
    problems += [
        f"{name} は、控えにないファイルです。" for name in sorted(there - manifest.files.keys())
    ]
    problems += [
        f"{name} の中身が変わっています。"
        for name, told in manifest.files.items()
        if name in there and describe(folder / name) != told
    ]
    if problems:
        more = f"ほか{len(problems) - 5}件。" if len(problems) > 5 else ""
        raise BackupError("控えが壊れています。" + "".join(problems[:5]) + more)
    way = database_way()
    way.check(folder / way.DUMP, manifest.tables)
    return manifest


def list_migrations() -> list[list[str]]:
    """Return what is applied; [] for a database that is empty."""
    return sorted(map(list, MigrationRecorder(connection).applied_migrations()))


def describe(path: Path) -> dict:
    with path.open("rb") as file:
        return {
            "bytes": path.stat().st_size,
            "sha256": hashlib.file_digest(file, "sha256").hexdigest(),
        }


def copy_file(source: Path, target: Path):
    """Copy a file so that it is whole on the disk, or not there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    with source.open("rb") as file, partial.open("wb") as copy:
        shutil.copyfileobj(file, copy, CHUNK)
        copy.flush()
        os.fsync(copy.fileno())
    shutil.copymode(source, partial)
    partial.replace(target)


def write_file(path: Path, data: bytes):
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync(path: Path):
    """Bring a file, or the names in a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
