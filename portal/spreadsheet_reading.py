"""Spreadsheet files read: bytes → table of text cells. Nothing is guessed silently."""

import csv
import datetime
import io
import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from xml.etree import ElementTree

import openpyxl
from openpyxl.utils.escape import unescape

from .office_files import OfficeFileError, check_office_file
from .spreadsheets import (
    CSV_ENCODINGS,
    DICTIONARY_TITLE,
    GUIDE_TITLE,
    MAX_SHEET_ROWS,
    MEGABYTE,
    PRIVATE,
    SpreadsheetError,
    text_of,
    unguard,
)


class Decoded(NamedTuple):
    text: str
    encoding: str
    ambiguous: bool = False


class Row(NamedTuple):
    line: int  # of the file in CSV, of the sheet in XLSX; where the row begins
    cells: tuple[str, ...]


class Table(NamedTuple):
    header: tuple[str, ...]
    rows: tuple[Row, ...]
    encoding: str  # "utf-8-sig", "utf-8", "cp932" or "xlsx"
    ambiguous: bool
    blank_rows: int


MAX_COLUMNS = 500
MAX_SHARED = 50_000
RESAVE = "Excel で「CSV UTF-8（コンマ区切り）」として保存し直してください。"
NEWLINE = re.compile(rb"\r\n|\r|\n")
WIDE = re.compile("[\u3000-\U0010ffff]")  # kana, kanji and what comes after: in no Latin text
NO_TEXT = re.compile("[\x00\ud800-\udfff]")  # what no database holds


def decode(data: bytes, encoding: str | None = None) -> Decoded:
    """Return the text of a CSV file and its encoding: utf-8-sig, utf-8 or cp932.

    A BOM means utf-8-sig; bytes that are UTF-8 throughout are utf-8; then CP932 is tried. Every
    byte must be readable. `ambiguous` is set where the file, all of it below U+3000, could also be
    half-width katakana in CP932 (C3 A9 is é or ﾃｩ); `encoding` settles it.
    Raises SpreadsheetError for Excel files, UTF-16, NUL bytes, broken UTF-8 (also where CP932 could
    read it as gibberish), 外字, and anything else, naming line and byte.
    """
    _refuse_other_formats(data)
    if encoding is None or (encoding == "utf-8" and data.startswith(b"\xef\xbb\xbf")):
        encoding = _find_encoding(data)
    body = data.removeprefix(b"\xef\xbb\xbf") if encoding == "utf-8-sig" else data
    try:
        text = body.decode("utf-8" if encoding == "utf-8-sig" else encoding)
    except UnicodeDecodeError as error:
        place = _place_of(data, error.start + len(data) - len(body))
        raise SpreadsheetError(
            f"{place}が{CSV_ENCODINGS[encoding]}の文字として読めません。{RESAVE}"
        ) from None
    if encoding == "cp932":
        for number, line in enumerate(re.split("\r\n|\r|\n", text), start=1):
            if PRIVATE.search(line):
                raise SpreadsheetError(
                    f"{number}行目に外字など、ほかの機械では読めない文字があります。"
                    "標準の文字に置き換えてください。"
                )
    is_latin = encoding == "utf-8" and not text.isascii() and not WIDE.search(text)
    return Decoded(text, encoding, ambiguous=is_latin and _is_readable(body, "cp932"))


def read_csv(
    data: bytes,
    *,
    encoding: str | None = None,
    max_bytes: int = 10 * MEGABYTE,
    max_rows: int = 100_000,
) -> Table:
    """Return the table of a CSV file: the first line as header, the rest as text cells.

    Wholly blank rows are left out and counted. Missing cells at the end of a row are blank.
    Raises SpreadsheetError, naming the line, for all that would lose or shift a cell.
    """
    _check_size(data, max_bytes)
    decoded = decode(data, encoding)
    return _make_table(_csv_rows(decoded.text), decoded.encoding, decoded.ambiguous, max_rows)


def read_pasted(text: str, *, max_rows: int = 100_000) -> list[Row]:
    """Return the rows of cells copied from Excel (tabs between them), all of the same width.

    Wholly blank rows and columns at the end are left out; the lines count from 1.
    Raises SpreadsheetError, naming the line, for a cell whose quotes do not close.
    """
    found = [(line, cells) for line, cells in _csv_rows(text, "\t") if any(map(str.strip, cells))]
    if len(found) > max_rows:
        raise SpreadsheetError(f"{max_rows:,}行を超えています。分けてください。")
    filled = [number for _, cells in found for number, cell in enumerate(cells, 1) if cell.strip()]
    width = max(filled, default=0)
    if width > MAX_COLUMNS:
        raise SpreadsheetError(f"{MAX_COLUMNS}列を超えています。分けてください。")
    return [
        Row(line, tuple([unguard(cell) for cell in cells[:width]] + [""] * (width - len(cells))))
        for line, cells in found
    ]


def read_xlsx(data: bytes, *, max_bytes: int = 10 * MEGABYTE, max_rows: int = 100_000) -> Table:
    """Return the table of the first sheet that does not explain another one, as text cells.

    1.0 -> "1"; 0.1 -> "0.1"; dates -> "2024-08-02"; booleans -> "TRUE"; formulas -> their result.
    Raises SpreadsheetError for what is no readable workbook, naming the cell where there is one.
    """
    _check_size(data, max_bytes)
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise SpreadsheetError(
            "パスワード付きのファイルか、古い形式（.xls）です。パスワードを外し、.xlsx で保存してください。"
        )
    try:
        check_office_file(data)
        return _make_table(_xlsx_rows(data), "xlsx", False, max_rows)
    except SpreadsheetError:
        raise
    except OfficeFileError as error:
        raise SpreadsheetError(str(error)) from error
    except Exception as error:  # openpyxl raises whatever a damaged part happens to cause
        raise SpreadsheetError(
            "Excel（.xlsx）のファイルとして読めません。Excel で開き、.xlsx で保存し直してください。"
        ) from error


def _check_size(data: bytes, max_bytes: int) -> None:
    if not data.strip():
        raise SpreadsheetError("空のファイルです。1行目に見出しのあるファイルを選んでください。")
    if len(data) > max_bytes:
        raise SpreadsheetError(
            f"{max_bytes / MEGABYTE:g}MBを超えるファイルは読めません。分けてください。"
        )


def _refuse_other_formats(data: bytes) -> None:
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise SpreadsheetError(
            f"名前は .csv でも、中身は Excel のファイルです。.xlsx のまま選ぶか、{RESAVE}"
        )
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise SpreadsheetError(f"UTF-16（Unicode テキスト）のファイルです。{RESAVE}")
    if b"\0" in data:
        place = _place_of(data, data.index(b"\0"))
        raise SpreadsheetError(f"{place}に文字ではないバイト（NUL）があります。{RESAVE}")


def _find_encoding(data: bytes) -> str:
    if data.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    if _is_readable(data, "utf-8"):
        return "utf-8"
    # UTF-8 with one broken byte is often valid CP932, as gibberish; CP932 hardly ever holds more
    # kanji and kana in UTF-8 than errors.
    text = data.decode("utf-8", "replace")
    errors = text.count("\ufffd")
    is_broken_utf8 = sum(character >= "\u3000" for character in text) - errors > errors
    return "utf-8" if is_broken_utf8 else "cp932"


def _is_readable(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def show_readings(data: bytes) -> dict[str, str]:
    """Return, by encoding, a part of an ambiguous file as each encoding reads it."""
    body = data.removeprefix(b"\xef\xbb\xbf")
    line = next(line for line in NEWLINE.split(body) if not line.isascii())
    return {name: line.decode(name)[:40] for name in ("utf-8", "cp932")}


def _place_of(data: bytes, position: int) -> str:
    line = len(NEWLINE.findall(data, 0, position)) + 1
    return f"{line}行目（先頭から{position + 1}バイト目）"


def _csv_rows(text: str, delimiter: str = ",") -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "unexpected end" in str(error):
                reason = 'この行から始まるセルの「"」が閉じられていません。'
            elif "field larger" in str(error):
                reason = 'セルが長すぎます。「"」の閉じ忘れかもしれません。'
            else:
                reason = '「"」の使い方が正しくありません。'
            raise SpreadsheetError(
                f'{line}行目: {reason}「"」を含むセルは全体を「"」で囲み、中の「"」は二つ重ねます。'
            ) from None
        yield line, cells


def _xlsx_rows(data: bytes) -> Iterator[tuple[int, list[str]]]:
    workbook = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    explaining = {DICTIONARY_TITLE, GUIDE_TITLE}
    sheet = next((sheet for sheet in workbook.worksheets if sheet.title not in explaining), None)
    if sheet is None:
        raise SpreadsheetError(
            "データのシートがありません。データ辞書などの説明とは別のシートに置いてください。"
        )
    sheet.reset_dimensions()  # a file may state millions of rows that it does not have
    with sheet._get_source() as source:
        _check_cells(source)
    for number, row in enumerate(sheet.iter_rows(), start=1):
        if len(row) > MAX_COLUMNS:
            raise SpreadsheetError(
                f"{number}行目: {MAX_COLUMNS}列を超えています。余分な列を削除してください。"
            )
        for cell in row:
            if cell.data_type == "e":
                raise SpreadsheetError(
                    f"{cell.coordinate} のセルがエラー（{cell.value}）です。直してから保存してください。"
                )
            if isinstance(cell.value, str) and NO_TEXT.search(unescape(cell.value)):
                raise SpreadsheetError(
                    f"{cell.coordinate} のセルに、文字ではないもの（{cell.value}）があります。"
                    "書き直してから保存してください。"
                )
        yield number, [_text_of_cell(cell.value) for cell in row]


def _check_cells(source: Any) -> None:
    """Refuse what openpyxl would not tell of, or read into memory first, naming the cell or row."""
    # openpyxl, whose parser is the same, cannot tell a missing result from the result "".
    cells = 0
    for event, element in ElementTree.iterparse(source, ["start", "end"]):  # noqa: S314
        if event == "start":
            if element.tag.endswith("}row"):
                cells = 0
                if not 1 <= int(element.get("r") or 1) <= MAX_SHEET_ROWS:
                    raise SpreadsheetError(f"行の番号が1から{MAX_SHEET_ROWS:,}までではありません。")
            continue
        if element.tag.endswith("}row"):
            element.clear()
        if not element.tag.endswith("}c"):
            continue
        cells += 1
        if cells > MAX_COLUMNS:
            raise SpreadsheetError(
                f"{MAX_COLUMNS}列を超える行があります。余分な列を削除してください。"
            )
        has_result = element.get("t") == "str" or element.findtext("{*}v")
        if element.find("{*}f") is not None and not has_result:
            raise SpreadsheetError(
                f"{element.get('r')} のセルの数式に計算結果がありません。"
                "Excel で開いて保存し直すか、値に置き換えてください。"
            )
        element.clear()


def _text_of_cell(value: Any) -> str:
    if isinstance(value, str):
        return unescape(value)
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        value = value.date()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return text_of(value)


def _make_table(
    numbered: Iterator[tuple[int, list[str]]], encoding: str, ambiguous: bool, max_rows: int
) -> Table:
    _, first = next(numbered, (1, []))
    header = _parse_header(first)
    width, rows, blank_rows = len(header), [], 0
    shared: dict[str, str] = {}  # most cells of a table repeat, and are held once
    for line, cells in numbered:
        text = "".join(cells)
        if not text or text.isspace():
            blank_rows += 1
            continue
        if len(cells) > width and any(cell.strip() for cell in cells[width:]):
            raise SpreadsheetError(
                f"{line}行目: 見出しは{width}列ですが、{len(cells)}列あります。"
                'コンマを含むセルは「"」で囲み、余分な列は削除してください。'
            )
        if len(rows) == max_rows:
            raise SpreadsheetError(f"データが{max_rows:,}行を超えています。分けてください。")
        if "'" in text:
            cells = [unguard(cell) for cell in cells]
        if len(cells) != width:
            cells = cells[:width] + [""] * (width - len(cells))
        if len(shared) > MAX_SHARED:
            shared.clear()
        rows.append(Row(line, tuple(map(shared.setdefault, cells, cells))))
    return Table(header, tuple(rows), encoding, ambiguous, blank_rows)


def _parse_header(cells: list[str]) -> tuple[str, ...]:
    names = [unguard(cell).strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise SpreadsheetError("1行目に見出しがありません。1行目に列の名前を書いてください。")
    for number, name in enumerate(names, start=1):
        if not name:
            raise SpreadsheetError(
                f"1行目: {number}列目の見出しが空です。列の名前を書いてください。"
            )
        if name in names[: number - 1]:
            raise SpreadsheetError(f"1行目: 見出し「{name}」が二つあります。一つにしてください。")
    return tuple(names)
