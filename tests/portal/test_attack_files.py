"""Files that staff may be handed: each is read for what it is, or refused in a sentence."""

import io

import pytest
from django.core.exceptions import ValidationError

from budgets import pdf_text
from budgets.report_files import ReportFileError, read_report_file
from initiatives.images import read_picture, write_original, write_widths
from portal.office_files import OfficeFileError, check_office_file
from portal.spreadsheet_reading import read_xlsx
from portal.spreadsheets import SpreadsheetError
from tests.attack_files import (
    DECLARATIONS,
    DISGUISED,
    DOCUMENTS,
    PDFS,
    REFUSED_PICTURES,
    SLOW_PDF,
    WORKBOOKS,
    make_document,
    make_workbook,
)

DOCTYPE = "文書型の宣言（DOCTYPE）"
# They take seconds to make; tests/drills/test_attack_sweeps.py tries them.
HEAVY = {"300-megabytes-of-zeros", "30-million-marks", "two-million-paragraphs"}
HEAVY |= {"200-megabytes-of-blanks", "deep-arrays", "a-million-cells-in-a-row"}


def of(files):
    return [name for name in files if name not in HEAVY]


@pytest.mark.parametrize("name", DISGUISED)
def test_of_a_picture_the_picture_alone_is_kept(name):
    data = DISGUISED[name]()
    assert b"attack" in data
    picture = read_picture(io.BytesIO(data))
    suffix, kept = write_original(picture)
    for written in (kept, *write_widths(picture).values()):
        assert b"attack" not in written
        assert b"PK" not in written and b"<html" not in written
    assert suffix == f".{name.partition('-')[0].replace('jpeg', 'jpg')}"


@pytest.mark.parametrize("name", REFUSED_PICTURES)
def test_what_is_no_picture_or_too_much_of_one_is_refused(name):
    with pytest.raises(ValidationError, match="この画像は使えません"):
        read_picture(io.BytesIO(REFUSED_PICTURES[name]()))


@pytest.mark.parametrize("name", of(WORKBOOKS))
def test_a_workbook_that_harms_is_refused_in_a_sentence(name):
    with pytest.raises(SpreadsheetError) as refused:
        read_xlsx(WORKBOOKS[name](), max_rows=5_000)
    is_declared = any(name.endswith(each) for each in (*DECLARATIONS, "dtd", "laughs"))
    assert (DOCTYPE in str(refused.value)) == is_declared
    assert "attack" not in str(refused.value) and "root:" not in str(refused.value)


@pytest.mark.parametrize("name", of(DOCUMENTS))
def test_a_word_document_that_harms_is_refused_in_a_sentence(name):
    with pytest.raises(ReportFileError) as refused:
        read_report_file(DOCUMENTS[name]())
    is_declared = any(name.endswith(each) for each in (*DECLARATIONS, "dtd"))
    assert (DOCTYPE in str(refused.value)) == is_declared


@pytest.mark.parametrize("name", of(PDFS))
def test_a_pdf_that_harms_is_refused_in_a_sentence(name):
    with pytest.raises(ReportFileError, match="PDF"):
        read_report_file(PDFS[name]())


def test_a_pdf_that_takes_too_long_is_ended(monkeypatch):
    monkeypatch.setattr(pdf_text, "MAX_SECONDS", 1)
    with pytest.raises(ReportFileError, match="時間かメモリーがかかりすぎるPDF"):
        read_report_file(SLOW_PDF)


def test_who_reads_a_pdf_knows_no_secrets(monkeypatch):
    seen = {}

    def run(command, **options):
        seen.update(options)
        raise pdf_text.subprocess.TimeoutExpired(command, 1)

    monkeypatch.setattr(pdf_text.subprocess, "run", run)
    with pytest.raises(pdf_text.PdfError, match="かかりすぎる"):
        pdf_text.read_pages(b"%PDF")
    assert seen["env"] == {}


def test_what_offices_write_passes():
    assert check_office_file(make_document())
    assert [row.cells for row in read_xlsx(make_workbook()).rows] == [("値",)]
    assert "総務費" in read_report_file(make_document())


def test_the_limits_count_what_is_there(monkeypatch):
    monkeypatch.setattr("portal.office_files.MAX_MARKS", {"": 10})
    with pytest.raises(OfficeFileError, match="多すぎるファイルです"):
        check_office_file(make_workbook())
