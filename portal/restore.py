"""Puts a backup back: checked before anything changes, the present state kept aside first."""

from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from .backup import (
    MEDIA,
    BackupError,
    Manifest,
    check_backup,
    copy_file,
    database_way,
    describe,
    list_migrations,
    write_backup,
)
from .edition import raise_edition


@dataclass(frozen=True)
class Restored:
    """`aside` is the backup of what was there before; `needs_migrate`: the code is newer."""

    manifest: Manifest
    aside: Path
    kept_files: int
    needs_migrate: bool


def restore_backup(folder: Path) -> Restored:
    """Put a backup in the place of the present state.

    Files that are missing come first, then the database in one transaction, then files that differ:
    whenever it is killed, either the old or the new state stands whole, and it can be run again.
    Files that the backup does not know stay. All logins end, and no kept page is shown any more.
    """
    folder = folder.absolute()
    manifest = check_backup(folder)
    known = set(MigrationLoader(None).disk_migrations)
    if unknown := [
        f"{app}.{name}" for app, name in manifest.migrations if (app, name) not in known
    ]:
        raise BackupError(
            "この控えは、いまのコードより新しい版のものです。コードを新しくしてから戻してください"
            f"（知らない移行：{'、'.join(unknown[:5])}）。"
        )
    aside = _name_aside(folder)
    write_backup(aside)
    media = Path(settings.MEDIA_ROOT)
    differing = []
    for name, told in manifest.media.items():
        if not (media / name).exists():
            copy_file(folder / MEDIA / name, media / name)
        elif describe(media / name) != told:
            differing.append(name)
    way = database_way()
    way.restore(folder / way.DUMP, manifest.tables)
    for name in differing:
        copy_file(folder / MEDIA / name, media / name)
    there = {path.relative_to(media).as_posix() for path in media.rglob("*") if path.is_file()}
    applied = set(map(tuple, list_migrations()))
    _end_what_was_before(applied)
    return Restored(manifest, aside, len(there - manifest.media.keys()), bool(known - applied))


def _name_aside(folder: Path) -> Path:
    stem = f"{folder.name}.before-{timezone.localtime():%Y%m%d-%H%M%S}"
    names = chain([stem], (f"{stem}-{number}" for number in count(2)))
    return next(path for path in map(folder.with_name, names) if not path.exists())


def _end_what_was_before(applied: set):
    if ("sessions", "0001_initial") in applied:
        Session.objects.all().delete()
    if ("portal", "0007_edition") in applied:
        raise_edition()
