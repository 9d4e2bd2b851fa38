import io
import struct
import zlib

import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from initiatives.forms import PictureFormField
from initiatives.images import MAX_PIXELS, name_width, read_picture, write_original, write_widths
from initiatives.models import InitiativeImage
from portal.publishing import Status
from tests.builders import make_image, make_initiative

GPS_IFD, ORIENTATION, MAKE = 0x8825, 0x0112, 0x010F


def draw(size=(8, 6), file_format="JPEG", mode="RGB", colour="red", **options) -> bytes:
    data = io.BytesIO()
    Image.new(mode, size, colour).save(data, file_format, **options)
    return data.getvalue()


def photograph(size=(8, 6), orientation=1) -> bytes:
    """Return a JPEG with what a telephone writes into it: where it was, what it is, how it lay."""
    exif = Image.Exif()
    exif[ORIENTATION], exif[MAKE] = orientation, "架空電話"
    exif[GPS_IFD] = {1: "N", 2: (36.0, 23.0, 0.0)}
    return draw(size, exif=exif, comment=b"secret place")


def read(data: bytes) -> Image.Image:
    return read_picture(io.BytesIO(data))


def reopen(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def claim_size(width, height) -> bytes:
    """Return a small PNG whose header claims a size."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"\x00" * 100)
    chunks = [header, data, b"IEND"]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in chunks
    )


class TestReadPicture:
    def test_what_the_camera_notes_is_left_out(self):
        assert b"secret place" in photograph()
        suffix, data = write_original(read(photograph()))
        kept = reopen(data)
        assert suffix == ".jpg"
        assert not kept.getexif()
        assert "comment" not in kept.info
        assert b"secret place" not in data

    def test_a_picture_that_lay_on_its_side_stands_upright(self):
        picture = read(photograph((8, 6), orientation=6))
        assert picture.size == (6, 8)
        assert reopen(write_original(picture)[1]).size == (6, 8)

    def test_the_colour_profile_and_the_transparency_are_kept(self):
        png = draw(file_format="PNG", mode="RGBA", colour=(1, 2, 3, 0), icc_profile=b"profile")
        picture = read(png)
        kept = reopen(write_original(picture)[1])
        assert kept.info["icc_profile"] == b"profile"
        assert kept.getpixel((0, 0)) == (1, 2, 3, 0)

    def test_a_picture_for_printing_becomes_one_for_screens(self):
        picture = read(draw(mode="CMYK", colour=(0, 0, 0, 0), icc_profile=b"ink"))
        assert (picture.mode, picture.info) == ("RGB", {})
        assert picture.getpixel((0, 0)) == (255, 255, 255)

    @pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
    def test_the_format_is_found_in_the_bytes(self, file_format):
        assert read(draw(file_format=file_format)).format == file_format

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"no picture",
            b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
            b"%PDF-1.7",
            draw(file_format="GIF", mode="P", colour=0),
            draw(file_format="BMP"),
            draw(file_format="TIFF"),
            draw((400, 300))[:-600],
            draw(file_format="PNG")[:40],
        ],
        ids=["empty", "text", "svg", "pdf", "gif", "bmp", "tiff", "cut-jpeg", "cut-png"],
    )
    def test_what_cannot_be_shown_is_refused_with_a_sentence(self, data):
        with pytest.raises(ValidationError, match="JPEG、PNG、WebPのファイルを選んでください"):
            read(data)

    @pytest.mark.parametrize("width", [MAX_PIXELS // 1000 + 1, 1_000_000])
    def test_a_decompression_bomb_is_refused_before_it_is_decoded(self, width):
        with pytest.raises(ValidationError, match="5,000万画素まで"):
            read(claim_size(width, 1000))


class TestWidths:
    @pytest.mark.parametrize(
        ("width", "made"),
        [(480, []), (481, [480]), (1600, [480, 960]), (2000, [480, 960, 1600])],
    )
    def test_no_width_is_larger_than_the_picture(self, width, made):
        assert list(write_widths(read(draw((width, 10))))) == made

    def test_a_width_keeps_the_shape(self):
        made = write_widths(read(draw((1000, 500), "PNG")))
        assert {width: reopen(data).size for width, data in made.items()} == {
            480: (480, 240),
            960: (960, 480),
        }
        assert reopen(made[480]).format == "WEBP"

    def test_a_very_flat_picture_keeps_a_line(self):
        assert reopen(write_widths(read(draw((5000, 1))))[480]).size == (480, 1)

    def test_files_of_different_formats_have_different_names(self):
        assert name_width("initiatives/a.png", 480) == "initiatives/480/a.png.webp"
        assert name_width("initiatives/a.jpg", 480) == "initiatives/480/a.jpg.webp"


@pytest.mark.django_db
class TestKept:
    def make(self, size=(1000, 500), status=Status.PUBLISHED, name="架空の写真.JPEG"):
        initiative = make_initiative(status=status)
        return make_image(initiative, image=ContentFile(photograph(size), name=name))

    def test_the_file_on_disk_tells_no_place_either(self):
        image = self.make()
        with image.image.open() as file:
            assert b"secret place" not in file.read()
        assert (image.width, image.height) == (1000, 500)
        assert image.image.name.endswith(".jpg")

    def test_saving_again_without_a_new_file_writes_nothing(self):
        image = self.make()
        before = image.image.storage.listdir("initiatives/480")
        InitiativeImage.objects.get(pk=image.pk).save()
        assert image.image.storage.listdir("initiatives/480") == before

    def test_a_file_that_is_no_picture_is_never_kept(self):
        with pytest.raises(ValidationError):
            make_image(image=ContentFile(b"no picture", name="a.png"))
        assert not InitiativeImage.objects.exists()

    def test_the_page_offers_each_width_and_the_size(self, client):
        image = self.make()
        page = client.get(image.initiative.get_absolute_url()).content.decode()
        address = image.get_absolute_url()
        assert f'srcset="{address}480/ 480w, {address}960/ 960w, {address} 1000w"' in page
        assert 'width="1000" height="500"' in page
        assert f'alt="{image.alt}" loading="lazy"' in page

    def test_a_width_is_sent_as_webp(self, client):
        answer = client.get(f"{self.make().get_absolute_url()}480/")
        assert answer["Content-Type"] == "image/webp"
        assert answer["Cache-Control"] == "public, max-age=3600"
        assert reopen(b"".join(answer)).size == (480, 240)

    def test_a_width_that_is_missing_falls_back_to_the_picture(self, client):
        image = self.make()
        image.image.storage.delete(name_width(image.image.name, 960))
        for width in (960, 1600):
            answer = client.get(f"{image.get_absolute_url()}{width}/")
            assert answer["Content-Type"] == "image/jpeg"
            assert reopen(b"".join(answer)).size == (1000, 500)

    @pytest.mark.parametrize("width", ["1", "481", "9" * 5000, "-480", "480.webp"])
    def test_another_width_is_a_404(self, client, width):
        assert client.get(f"{self.make().get_absolute_url()}{width}/").status_code == 404

    @pytest.mark.parametrize("status", [Status.DRAFT, Status.IN_REVIEW, Status.WITHDRAWN])
    def test_no_width_of_what_is_not_published_is_sent(self, client, status):
        image = self.make(status=status)
        assert image.image.storage.exists(name_width(image.image.name, 480))
        for address, _ in image.list_sources():
            assert client.get(address).status_code == 404


def test_the_form_says_what_can_be_uploaded():
    field = PictureFormField()
    picture = SimpleUploadedFile("a.png", draw(file_format="PNG"), "image/png")
    assert field.clean(picture).read() == draw(file_format="PNG")
    for name in ("a.svg", "a.png"):
        with pytest.raises(ValidationError):
            field.clean(SimpleUploadedFile(name, b"<svg/>", "image/svg+xml"))


@pytest.mark.django_db
def test_staff_read_the_sentence_beside_the_field(admin_client):
    answer = admin_client.post(
        "/admin/initiatives/initiativeimage/add/",
        {
            "initiative": make_initiative().pk,
            "alt": "架空の写真",
            "licence": "CC BY 4.0",
            "position": 0,
            "image": SimpleUploadedFile("a.png", claim_size(30_000, 30_000), "image/png"),
        },
        secure=True,
    )
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "この画像は使えません。JPEG、PNG、WebPのファイルを選んでください" in page
    assert not InitiativeImage.objects.exists()
