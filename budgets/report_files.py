"""A report's file to its text: plain text, Markdown, DOCX and PDF with a text layer."""

import io
import re
import unicodedata

import docx
from docx.table import Table

from portal.office_files import OfficeFileError, check_office_file
from portal.spreadsheet_reading import decode
from portal.spreadsheets import SpreadsheetError

from .pdf_text import PdfError, read_pages

MEGABYTE = 2**20
MAX_BYTES = 20 * MEGABYTE
MAX_TABLE_CELLS = 200_000
READABLE = "UTF-8かShift_JISの文字データ（.txt、.md）、Word（.docx）、文字のあるPDF"
UNREADABLE = re.compile("[\ufffd\ue000-\uf8ff\x00-\x08\x0e-\x1b]|\\(cid:[0-9]+\\)")
JAPANESE = re.compile("[ぁ-んァ-ヶ一-龥]")
MIN_CHARACTERS = 20
# PDFs often hold the look-alikes of kanji that stand for their radicals, and of 「・」.
LOOK_ALIKES = str.maketrans(
    {chr(code): unicodedata.normalize("NFKC", chr(code)) for code in range(0x2F00, 0x2FD6)}
    | dict(
        zip(
            "⺠⻘⻑⻄⻆⻅⻝⻤⺟⻩⻲⻭⻯⻨⻫⻁⻛‧",
            "民青長西角見食鬼母黄亀歯竜麦斉虎風・",
            strict=True,
        )
    )
)
JAPANESE_LETTER = "ぁ-んァ-ヶー一-龥"
# A PDF sets a gap between scripts: 203 件, ICT リテラシー. The number of a heading keeps its space.
DEPARTMENT_GAP = re.compile(r"第 +(?=[0-9])")
SCRIPT_GAPS = re.compile(
    rf"(?<=[^\s0-9,.第][0-9]) (?=[{JAPANESE_LETTER}])|(?<=[0-9][0-9,.][0-9]) (?=[{JAPANESE_LETTER}])"
    rf"|(?<=[ （(：:]\d) (?=[{JAPANESE_LETTER}])|(?<=[ （(：:]\d\d) (?=[{JAPANESE_LETTER}])"
    rf"|(?<=[（「]) +| +(?=[）」])|(?<=[A-Za-z]) (?=[{JAPANESE_LETTER}])|(?<=[{JAPANESE_LETTER}]) (?=[A-Za-z])"
)
ZIP, OLD_OFFICE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"


class ReportFileError(ValueError):
    """A file that cannot be read as text; the message is Japanese, with a remedy."""


def read_report_file(data: bytes) -> str:
    """Return the text of a file, told apart by its content and not by its name.

    Raises ReportFileError for what is empty, too large, binary, encrypted, without a text layer or
    with a broken one.
    """
    if not data.strip():
        raise ReportFileError("空のファイルです。")
    if len(data) > MAX_BYTES:
        raise ReportFileError(
            f"{MAX_BYTES // MEGABYTE}MBを超えるファイルは読めません。部局ごとに分けてください。"
        )
    if data[:1024].lstrip().startswith(b"%PDF"):
        return _read_pdf(data)
    if data.startswith(ZIP):
        return _read_docx(data)
    if data.startswith(OLD_OFFICE):
        raise ReportFileError("古い形式のWordかExcelです。Word（.docx）で保存し直してください。")
    return _read_text(data)


def _read_text(data: bytes) -> str:
    try:
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            text = data.decode("utf-16")
        else:
            text = decode(data).text
    except (SpreadsheetError, UnicodeDecodeError):
        raise ReportFileError(
            f"文字のファイルとして読めません。{READABLE}を選んでください。"
        ) from None
    if len(UNREADABLE.findall(text)) * 50 > len(text):
        raise ReportFileError(f"文字ではないデータが入っています。{READABLE}を選んでください。")
    return text


def _read_pdf(data: bytes) -> str:
    try:
        pages = read_pages(data)
    except PdfError as error:
        raise ReportFileError(str(error)) from None
    text = DEPARTMENT_GAP.sub("第", "\n\n".join(pages).translate(LOOK_ALIKES))
    text = SCRIPT_GAPS.sub("", text)
    characters = "".join(text.split())
    if len(characters) < MIN_CHARACTERS:
        raise ReportFileError(
            "このPDFには文字のデータがありません（紙を写した画像のPDFと思われます）。"
            "もとの文書か、文字を読み取ったPDFを選んでください。"
        )
    broken = sum(len(found) for found in UNREADABLE.findall(text))
    if broken * 20 > len(characters) or len(JAPANESE.findall(text)) * 10 < len(characters):
        raise ReportFileError(
            "このPDFの文字のデータは壊れていて、見えている文字と違います。"
            "もとの文書を選ぶか、文字を読み取り直してください。"
        )
    return text


def _read_docx(data: bytes) -> str:
    try:
        if "word/document.xml" not in check_office_file(data):
            raise ReportFileError(f"Wordの文書ではありません。{READABLE}を選んでください。")
        document = docx.Document(io.BytesIO(data))
        lines, cells = [], 0
        for part in document.iter_inner_content():
            if isinstance(part, Table):
                cells += _count_cells(part)
                if cells > MAX_TABLE_CELLS:
                    raise ReportFileError("表のセルが多すぎます。部局ごとに分けてください。")
                lines += _table_lines(part)
            else:
                lines += [part.text, ""]
    except ReportFileError:
        raise
    except OfficeFileError as error:
        raise ReportFileError(str(error)) from error
    except Exception as error:  # lxml and python-docx raise many kinds
        raise ReportFileError("壊れているか、読めない形のWordの文書です。") from error
    text = "\n".join(lines)
    if not text.strip():
        raise ReportFileError("このWordの文書には文字がありません。")
    return text


def _count_cells(table: Table) -> int:
    """Return how many cells a table states, without making them: one may span a billion."""
    return sum(
        max(0, row.grid_before)
        + max(0, row.grid_after)
        + sum(cell.grid_span for cell in row.tc_lst)
        for row in table._tbl.tr_lst
    )


def _table_lines(table: Table) -> list[str]:
    """Return a table as Markdown rows; a merged cell stands once and leaves blanks."""
    lines, seen = [], set()
    for row in table.rows:
        cells = [""] * row.grid_cols_before
        for cell in row.cells:
            is_first = cell._tc not in seen
            seen.add(cell._tc)
            text = " ".join(cell.text.split()).replace("|", "\\|")
            cells.append(text if is_first else "")
        lines.append(f"| {' | '.join(cells)} |")
    if lines:
        lines.insert(1, "|" + " --- |" * len(table.columns))
    return ["", *lines, ""]
