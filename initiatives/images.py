"""Pictures as they are kept and shown: upright, without what a camera notes, in several widths."""

import io
from typing import BinaryIO

from django.core.exceptions import ValidationError
from PIL import Image, ImageOps

SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp"}
WIDTHS = (480, 960, 1600)
# A decoded pixel takes up to four bytes of memory, however small the file is.
MAX_PIXELS = 50_000_000
MEGABYTE = 2**20
MAX_BYTES = 12 * MEGABYTE
# A JPEG may paint its pixels over and over, with some 75 bytes each time; cameras do it 12 times.
START_OF_SCAN, MAX_SCANS = b"\xff\xda", 100
NO_PICTURE = (
    "この画像は使えません。JPEG、PNG、WebPのファイルを選んでください"
    f"（縦×横で{MAX_PIXELS // 10_000:,}万画素まで、{MAX_BYTES // MEGABYTE}MBまで。SVGは使えません）。"
)


def read_picture(file: BinaryIO) -> Image.Image:
    """Return the decoded picture, upright, with its colour profile and no other metadata.

    The format is found in the bytes, whatever the file is called. Raises ValidationError for what
    is no JPEG, PNG or WebP picture, is broken, too large, or would take too long to decode.
    """
    try:
        file.seek(0)
        data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ValidationError(NO_PICTURE)
        picture = Image.open(io.BytesIO(data), formats=list(SUFFIXES))
        scans = data.count(START_OF_SCAN) if picture.format not in ("PNG", "WEBP") else 0
        if picture.width * picture.height > MAX_PIXELS or scans > MAX_SCANS:
            raise ValidationError(NO_PICTURE)
        upright = ImageOps.exif_transpose(picture)
    # Pillow raises these four for broken files, and warns before it raises for huge ones.
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValidationError(NO_PICTURE) from error
    finally:
        file.seek(0)
    kept = {"transparency"} | ({"icc_profile"} if upright.mode in ("RGB", "RGBA", "P") else set())
    if upright.mode == "CMYK":
        upright = upright.convert("RGB")
    upright.info = {key: value for key, value in upright.info.items() if key in kept}
    # A camera may put several pictures into one file (MPO): the first one is a JPEG.
    upright.format = picture.format if picture.format in SUFFIXES else "JPEG"
    return upright


def write_original(picture: Image.Image) -> tuple[str, bytes]:
    """Return the file's suffix and its bytes in the format that it came in."""
    return SUFFIXES[picture.format], _write(picture, picture.format, quality=92)


def write_widths(picture: Image.Image) -> dict[int, bytes]:
    """Return WebP files of those WIDTHS that are smaller than the picture."""
    colours = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    return {
        width: _write(
            colours.resize((width, max(1, round(picture.height * width / picture.width)))),
            "WEBP",
            quality=80,
        )
        for width in WIDTHS
        if width < picture.width
    }


def name_width(name: str, width: int) -> str:
    """Return where the picture `name` is kept in a width: initiatives/480/a.png.webp."""
    folder, _, file = name.rpartition("/")
    return f"{folder}/{width}/{file}.webp"


def _write(picture: Image.Image, file_format: str, quality: int) -> bytes:
    data = io.BytesIO()
    profile = picture.info.get("icc_profile")
    picture.save(data, file_format, icc_profile=profile, quality=quality)
    return data.getvalue()
