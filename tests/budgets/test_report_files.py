import io
from pathlib import Path

import docx
import pytest
from pypdf import PdfWriter

from budgets.report_files import ReportFileError, read_report_file
from budgets.report_reader import parse_report

TEXT = "1 総務費\n(1) 庁議 決算額 4,016千円\n"


def make_pdf(operators: bytes) -> bytes:
    """Return a PDF of one page that draws with a Japanese font of the reader's machine."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(operators), operators),
        b"<< /Type /Font /Subtype /Type0 /BaseFont /HeiseiKakuGo-W5 /Encoding /UniJIS-UCS2-H"
        b" /DescendantFonts [6 0 R] >>",
        b"<< /Type /Font /Subtype /CIDFontType0 /BaseFont /HeiseiKakuGo-W5 /CIDSystemInfo"
        b" << /Registry (Adobe) /Ordering (Japan1) /Supplement 2 >> >>",
    ]
    data, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(data)
    data += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    data += b"".join(b"%010d 00000 n \n" % place for place in places)
    return data + b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (
        len(objects) + 1,
        start,
    )


def show(*lines: str) -> bytes:
    drawn = b"".join(b"<%s> Tj T*\n" % line.encode("utf-16-be").hex().encode() for line in lines)
    return b"BT /F1 12 Tf 14 TL 50 800 Td\n" + drawn + b"ET"


def make_docx(fill) -> bytes:
    document, file = docx.Document(), io.BytesIO()
    fill(document)
    document.save(file)
    return file.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "utf-16"])
def test_text_is_read_in_the_encodings_of_offices(encoding):
    assert read_report_file(TEXT.encode(encoding)) == TEXT


def test_a_word_document_gives_its_paragraphs_and_tables_in_order():
    def fill(document):
        document.add_paragraph("1 総務費")
        table = document.add_table(rows=2, cols=2)
        for row, texts in zip(table.rows, [("区分", "金額"), ("甲", "12千円")], strict=True):
            for cell, text in zip(row.cells, texts, strict=True):
                cell.text = text
        document.add_paragraph("2 民生費")

    report = parse_report(read_report_file(make_docx(fill)))
    assert [item.name for item in report.items] == ["総務費", "民生費"]
    assert [(f.label, f.value, f.unit) for f in report.items[0].figures] == [("甲", 12, "千円")]


def test_a_pdf_with_text_is_read_line_by_line():
    data = make_pdf(show("1 総務費", "(1) 庁議 決算額 4,016千円", "架空県の会議を行った。"))
    report = parse_report(read_report_file(data))
    assert [(item.name, item.amount_yen) for item in report.items] == [
        ("総務費", None),
        ("庁議", 4_016_000),
    ]


def test_look_alikes_and_gaps_between_scripts_of_a_pdf_are_mended():
    lines = (
        "第 2 架空部",
        "1 総務費",
        "(1) ICT 教育 ⾏政 ‧ 県⺠",
        "架空 件数 3 件（ 6 ⽉ ）を行った。",
    )
    text = read_report_file(make_pdf(show(*lines)))
    report = parse_report(text)
    assert report.heading == "第2 架空部"
    assert [item.name for item in report.items] == ["総務費", "ICT教育 行政 ・ 県民"]
    assert "3件（6月）を行った。" in text


def write_pdf(password=None) -> bytes:
    writer, file = PdfWriter(), io.BytesIO()
    writer.add_blank_page(200, 200)
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    writer.write(file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "空のファイルです。"),
        (b" \n ", "空のファイルです。"),
        (bytes(range(256)) * 9, "文字のファイルとして読めません。"),
        (b"\x89PNG\r\n\x1a\n" + bytes(99), "文字のファイルとして読めません。"),
        (("\ue000" * 50).encode(), "文字ではないデータが入っています。"),
        (b"\xd0\xcf\x11\xe0" + bytes(50), "古い形式のWordかExcelです。"),
        (b"PK\x03\x04" + bytes(50), "壊れているか、読めない形のWordの文書です。"),
        (b"%PDF-1.4\nnothing", "壊れているか、読めない形のPDFです。"),
        (write_pdf(), "文字のデータがありません"),
        (make_pdf(show("\ue001\ue002\ue003" * 20)), "文字のデータは壊れていて"),
        (make_pdf(show("abcdefghij klmnop qrstu vwxyz")), "文字のデータは壊れていて"),
        (b"a" * (20 * 2**20 + 1), "20MBを超えるファイルは読めません。"),
        (make_docx(lambda document: None), "このWordの文書には文字がありません。"),
    ],
    ids=range(13),
)
def test_what_is_no_text_is_refused_in_words(data, sentence):
    with pytest.raises(ReportFileError, match=sentence):
        read_report_file(data)


def test_another_office_file_is_no_word_document():
    data = (Path(docx.__file__).parent / "templates" / "default.docx").read_bytes()
    assert data.startswith(b"PK")
    with pytest.raises(ReportFileError, match="Wordの文書ではありません。"):
        read_report_file(data.replace(b"word/document.xml", b"xxxx/document.xml"))
