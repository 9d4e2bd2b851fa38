"""An uploaded file is there with its row and whole, or not at all."""

import errno
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import DatabaseError, connection, transaction

from initiatives.models import InitiativeImage
from tests import builders


class FullDisk(ContentFile):
    """A file of which only the first half can be written."""

    def chunks(self, chunk_size=None):
        yield b"first half"
        raise OSError(errno.ENOSPC, "No space left on device")


def list_files() -> list[Path]:
    return [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


def test_a_file_that_finds_no_room_is_not_there_by_half():
    with pytest.raises(OSError, match="No space left"):
        default_storage.save("initiatives/a.png", FullDisk(b"first half, second half"))
    assert list_files() == []
    assert default_storage.save("initiatives/a.png", ContentFile(b"whole")) == "initiatives/a.png"


@pytest.mark.django_db
def test_a_picture_whose_row_cannot_be_saved_leaves_no_file():
    def refuse(execute, sql, params, many, context):
        if sql.startswith("INSERT") and InitiativeImage._meta.db_table in sql:
            raise DatabaseError("the disk is full")
        return execute(sql, params, many, context)

    initiative = builders.make_initiative()
    with (
        connection.execute_wrapper(refuse),
        pytest.raises(DatabaseError),
        transaction.atomic(),
    ):
        builders.make_image(initiative)
    assert list_files() == []
    assert builders.make_image(initiative).image.size > 0


@pytest.mark.django_db
def test_a_picture_one_of_whose_widths_finds_no_room_leaves_neither_file_nor_row(monkeypatch):
    initiative = builders.make_initiative()
    monkeypatch.setattr(
        "initiatives.models.write_widths",
        lambda picture: {480: b"narrow", 960: None},  # the second cannot be written
    )
    with pytest.raises(TypeError), transaction.atomic():
        builders.make_image(initiative)
    assert list_files() == []
    assert not InitiativeImage.objects.exists()
