"""Spreadsheet files both ways: bytes → table, rows → CSV or XLSX bytes. Nothing is guessed silently.

CSV is UTF-8 with or without BOM, or CP932 (what Excel calls Shift_JIS). CP932 holds ～ － ∥ ￠ ￡ ￢
but not their look-alikes 〜 (U+301C) − (U+2212) ‖ ¢ £ ¬: a text with one of these, or with anything
else that would not come back the same, is refused by name and never replaced.

Text that a spreadsheet would run as a formula is written with one ' before it (`guard`), in CSV
and in XLSX alike since people save the one as the other, and read back without it (`unguard`).
"""

import csv
import datetime
import io
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from itertools import islice
from typing import IO, Any, NamedTuple
from xml.etree import ElementTree

import openpyxl
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.utils.escape import unescape
from openpyxl.worksheet.datavalidation import DataValidation

from .office_files import OfficeFileError, check_office_file


class SpreadsheetError(ValueError):
    """A file that cannot be read or written whole; the message is Japanese, with a remedy."""


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


CSV_ENCODINGS = {"utf-8-sig": "UTF-8（BOM付き）", "utf-8": "UTF-8", "cp932": "Shift_JIS（CP932）"}
DICTIONARY_TITLE = "データ辞書"
GUIDE_TITLE = "データ項目の説明"
GUIDE_HEADER = ("列名", "要るか", "書き方", "選べる値", "空欄の意味")
DICTIONARY_HEADER = ("列名", "意味", "単位・形式", "必須")
MEGABYTE = 2**20
MAX_COLUMNS = 500
MAX_SHARED = 50_000
MAX_CELL_LENGTH = 32_767  # of Excel
MAX_EXACT_DIGITS = 15  # of a number in Excel
MAX_PROBLEMS = 20
MAX_SHEET_ROWS = 1_048_576  # of Excel, the header among them
MAX_LIST_LENGTH = 255  # of the choices that a cell of Excel offers
MAX_COLUMN_WIDTH = 60
TEXT_FORMAT = "@"
NOT_IN_EXCEL = "Excel のセルに書けない内容があります"
NOT_IN_ENCODING = "{}で書けない文字があります。UTF-8 で書き出してください"
RESAVE = "Excel で「CSV UTF-8（コンマ区切り）」として保存し直してください。"

FORMULA_LIKE = re.compile(r"'*[=+\-@\t\r\n]")
PLAIN_NUMBER = re.compile(r"[+-]?[0-9][0-9,]*(\.[0-9]+)?")
NEWLINE = re.compile(rb"\r\n|\r|\n")
PRIVATE = re.compile("[\x80-\xa0\ue000-\uf8ff]")
NO_TEXT = re.compile("[\x00\ud800-\udfff]")  # what no database holds
ILLEGAL_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def guard(text: str) -> str:
    """Return the text so that no spreadsheet runs it: "=1+1" -> "'=1+1"; "-5" stays as it is."""
    return f"'{text}" if FORMULA_LIKE.match(text) and not PLAIN_NUMBER.fullmatch(text) else text


def unguard(text: str) -> str:
    """Return what `guard` was given."""
    return text[1:] if text.startswith("'") and FORMULA_LIKE.match(text) else text


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
    is_latin = encoding == "utf-8" and not text.isascii() and max(text) < "\u3000"
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


def write_csv(
    header: Sequence[str],
    rows: Iterable[Sequence[Any]],
    encoding: str = "utf-8-sig",
    *,
    names: Sequence[str] = (),
) -> bytes:
    """Return a CSV file with CRLF: None as a blank, numbers with all digits, dates in ISO form.

    Raises SpreadsheetError naming row, column and character for what the encoding cannot hold;
    also the record, where `names` holds one for each row.
    """
    rows = list(rows)
    problems = []
    for number, row in enumerate(_all_rows(header, rows), start=1):
        found = _problems(number, header, row, lambda text: _characters_lost(text, encoding))
        name = f"（{names[number - 2]}）" if names and number > 1 else ""
        problems += [f"{problem}{name}" for problem in found]
    _refuse(problems, NOT_IN_ENCODING.format(CSV_ENCODINGS[encoding]))
    return b"".join(_csv_parts(header, rows, encoding))


def refuse_lost_cells(
    header: Sequence[str],
    batches: Iterable[Sequence[Sequence[Any]]],
    encoding: str,
    name_row: Callable[[Sequence[Any]], str],
) -> None:
    """Raise what `write_csv` raises, of rows that come some at a time, column by column.

    Memory does not grow with the rows.
    """
    problems = _batch_problems(
        header,
        batches,
        lambda texts: _is_lost("".join(texts), encoding),
        partial(_characters_lost, encoding=encoding),
        lambda row: f"（{name_row(row)}）",
    )
    _refuse(problems, NOT_IN_ENCODING.format(CSV_ENCODINGS[encoding]))


def refuse_lost_characters(rows: Iterable[Sequence[Any]], encoding: str) -> None:
    """Raise SpreadsheetError with the characters that the encoding cannot hold, if there are any.

    Memory does not grow with the rows.
    """
    lost = {}
    for row in rows:
        for cell in row:
            if isinstance(cell, str) and not cell.isascii():
                lost |= dict.fromkeys(_list_characters_lost(cell, encoding))
    if lost:
        raise SpreadsheetError(
            f"{CSV_ENCODINGS[encoding]}では書けない文字があるため、このファイルは作れません："
            f"{_name_characters(lost)}。UTF-8のファイルをお使いください。"
        )


def measure_sheet(header: Sequence[str], batches: Iterable[Sequence[Sequence[Any]]]) -> list[int]:
    """Return how wide the columns of a sheet must be, of rows that come column by column.

    Memory does not grow with the rows. Raises SpreadsheetError, naming row and column, for all that
    Excel cannot hold.
    """
    widths = list(map(_display_width, header))

    def measured():
        for columns in batches:
            for place, cells in enumerate(columns):
                widths[place] = _widest(cells, widths[place])
            yield columns

    _refuse(
        _batch_problems(header, measured(), _holds_illegal_in_excel, _characters_illegal_in_xml),
        NOT_IN_EXCEL,
    )
    return widths


def save_xlsx(
    file: IO[bytes],
    header: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    title: str,
    dictionary: Iterable[tuple[str, str, str, bool]] | None = None,
    guide: Iterable[Sequence[str]] | None = None,
    text_columns: Collection[str] = (),
    choices: Mapping[str, Sequence[str]] | None = None,
    widths: Sequence[int] | None = None,
) -> None:
    """Write the workbook of `write_xlsx` to a file; memory does not grow with the rows.

    The columns are as wide as `measure_sheet` says, or as their headers.
    Raises SpreadsheetError at the first row that Excel cannot hold.
    """
    workbook = openpyxl.Workbook(write_only=True)
    widths = widths or list(map(_display_width, header))
    _fill_sheet(workbook, title, header, rows, widths, text_columns, choices)
    if dictionary is not None:
        _add_dictionary(workbook, dictionary)
    if guide is not None:
        _add_sheet(workbook, GUIDE_TITLE, GUIDE_HEADER, list(guide))
    workbook.save(file)


def write_xlsx(
    header: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    title: str,
    dictionary: Iterable[tuple[str, str, str, bool]] | None = None,
    guide: Iterable[Sequence[str]] | None = None,
    text_columns: Collection[str] = (),
    choices: Mapping[str, Sequence[str]] | None = None,
) -> bytes:
    """Return a workbook: a sheet named by the title and, where given, the データ辞書 or a guide.

    Text stays text (leading zeros, "=1+1"), numbers are numbers while Excel keeps all digits.
    A row of the dictionary: column, meaning, unit or format, whether it is required; one of the
    guide stands under GUIDE_HEADER. What staff add to `text_columns` stays text too; Excel offers
    the `choices` of a column in its cells, and takes others after asking.
    """
    workbook = openpyxl.Workbook(write_only=True)
    _add_sheet(workbook, title, header, list(rows), text_columns, choices or {})
    if dictionary is not None:
        _add_dictionary(workbook, dictionary)
    if guide is not None:
        _add_sheet(workbook, GUIDE_TITLE, GUIDE_HEADER, list(guide))
    stream = io.BytesIO()
    workbook.save(stream)
    return stream.getvalue()


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


def text_of(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        value = Decimal(repr(value))
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return str(value)


def _csv_parts(
    header: Sequence[str], rows: Iterable[Sequence[Any]], encoding: str
) -> Iterator[bytes]:
    codec = "utf-8" if encoding == "utf-8-sig" else encoding
    if encoding == "utf-8-sig":
        yield b"\xef\xbb\xbf"
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    for row in _all_rows(header, rows):
        writer.writerow([guard(text_of(cell)) for cell in row])
        yield stream.getvalue().encode(codec)
        stream.seek(0)
        stream.truncate()


def _all_rows(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[Sequence[Any]]:
    yield header
    for row in rows:
        if len(row) != len(header):
            raise ValueError(f"a row of {len(row)} cells under a header of {len(header)}: {row!r}")
        yield row


def _problems(number: int, header: Sequence[str], row: Sequence[Any], find_bad: Any) -> list[str]:
    return [
        f"{number}行目「{name}」の{bad}"
        for name, cell in zip(header, row, strict=True)
        if (bad := find_bad(text_of(cell)))
    ]


def _batch_problems(
    header: Sequence[str],
    batches: Iterable[Sequence[Sequence[Any]]],
    is_odd: Callable[[Collection[str]], bool],
    find_bad: Callable[[str], str],
    name_row: Callable[[Sequence[Any]], str] = lambda row: "",
) -> Iterator[str]:
    """Yield what `_problems` finds in a header and its rows; the texts of a column are looked at
    together first."""
    yield from _problems(1, header, header, find_bad)
    start = 2
    for columns in batches:
        if any(is_odd({cell for cell in cells if isinstance(cell, str)}) for cells in columns):
            for number, row in enumerate(zip(*columns, strict=True), start):
                for problem in _problems(number, header, row, find_bad):
                    yield f"{problem}{name_row(row)}"
        start += len(columns[0])


def _widest(cells: Sequence[Any], width: int) -> int:
    """Return the width of the widest cell of a column; `width` where that, or the most, is wider."""
    for cell in set(cells):
        # No character is wider than two.
        if width < MAX_COLUMN_WIDTH and (type(cell) is not str or 2 * len(cell) > width):
            width = max(width, _display_width(cell))
    return width


def _refuse(problems: Iterable[str], lead: str) -> None:
    problems = iter(problems)
    if named := list(islice(problems, MAX_PROBLEMS)):
        others = sum(1 for _ in problems)
        more = f"、ほか{others}件" if others else ""
        raise SpreadsheetError(f"{lead}: {'、'.join(named)}{more}")


def _list_characters_lost(text: str, encoding: str) -> list[str]:
    if not _is_lost(text, encoding):
        return []
    return [character for character in text if _is_lost(character, encoding)]


def _is_lost(text: str, encoding: str) -> bool:
    """Tell whether the encoding does not hold every character of the text."""
    codec = "utf-8" if encoding == "utf-8-sig" else encoding
    if "\0" in text or (codec == "cp932" and PRIVATE.search(text)):
        return True
    return text.encode(codec, "ignore").decode(codec) != text


def _characters_lost(text: str, encoding: str) -> str:
    return _name_characters(_list_characters_lost(text, encoding))


def _characters_illegal_in_xml(text: str) -> str:
    if len(text) > MAX_CELL_LENGTH:
        return f"セル（{len(text):,}字。{MAX_CELL_LENGTH:,}字まで）"
    return _name_characters(ILLEGAL_IN_XML.findall(text))


def _holds_illegal_in_excel(texts: Collection[str]) -> bool:
    is_long = max(map(len, texts), default=0) > MAX_CELL_LENGTH
    return is_long or ILLEGAL_IN_XML.search("".join(texts)) is not None


def _name_characters(characters: Iterable[str]) -> str:
    names = [
        f"「{character}」(U+{ord(character):04X})"
        if character.isprintable()
        else f"U+{ord(character):04X}"
        for character in dict.fromkeys(characters)
    ]
    return "".join(names[:MAX_PROBLEMS]) + ("…" if len(names) > MAX_PROBLEMS else "")


def _add_dictionary(
    workbook: openpyxl.Workbook, dictionary: Iterable[tuple[str, str, str, bool]]
) -> None:
    lines = [(*row[:3], "必須" if row[3] else "任意") for row in dictionary]
    _add_sheet(workbook, DICTIONARY_TITLE, DICTIONARY_HEADER, lines)


def _add_sheet(
    workbook: openpyxl.Workbook,
    title: str,
    header: Sequence[str],
    rows: list[Sequence[Any]],
    text_columns: Collection[str] = (),
    choices: Mapping[str, Sequence[str]] | None = None,
) -> None:
    columns = list(zip(*_all_rows(header, rows), strict=True))
    widths = measure_sheet(header, [[cells[1:] for cells in columns]] if rows else [])
    _fill_sheet(workbook, title, header, rows, widths, text_columns, choices)


def _fill_sheet(
    workbook: openpyxl.Workbook,
    title: str,
    header: Sequence[str],
    rows: Iterable[Sequence[Any]],
    widths: Sequence[int],
    text_columns: Collection[str] = (),
    choices: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Add a sheet, row by row; raise SpreadsheetError at the first that Excel cannot hold."""
    sheet = _open_sheet(workbook, title, header, widths, text_columns)
    for column, texts in (choices or {}).items():
        _offer(sheet, get_column_letter(header.index(column) + 1), texts)
    is_text = [column in text_columns for column in header]
    try:
        for number, row in enumerate(rows, start=2):
            if number > MAX_SHEET_ROWS:
                raise SpreadsheetError(
                    f"Excel のシートには{MAX_SHEET_ROWS:,}行までしか書けません。CSV をお使いください。"
                )
            _refuse(_problems(number, header, row, _characters_illegal_in_xml), NOT_IN_EXCEL)
            cells = zip(row, is_text, strict=True)
            sheet.append([_make_cell(sheet, cell, is_text=text) for cell, text in cells])
    finally:
        sheet.close()


def _offer(sheet: Any, letter: str, texts: Sequence[str]) -> None:
    formula = '"' + ",".join(texts) + '"'
    if len(formula) > MAX_LIST_LENGTH or any("," in text or '"' in text for text in texts):
        return  # Excel cannot hold such a list in the cell; the guide names the choices
    rule = DataValidation(
        type="list",
        formula1=formula,
        allow_blank=True,
        showErrorMessage=True,
        errorStyle="warning",
        errorTitle="選べる値",
        error=f"{'、'.join(texts)} のどれかを書いてください。"[:200],
    )
    rule.add(f"{letter}2:{letter}{MAX_SHEET_ROWS}")
    sheet.data_validations.append(rule)


def _open_sheet(
    workbook: openpyxl.Workbook,
    title: str,
    header: Sequence[str],
    widths: Sequence[int],
    text_columns: Collection[str] = (),
) -> Any:
    """Add a sheet with its header, the columns as wide as told, up to MAX_COLUMN_WIDTH."""
    name = title.translate(str.maketrans("[]:*?/\\'", "［］：＊？／＼’"))[:31]
    sheet = workbook.create_sheet(name)
    sheet.freeze_panes = "A2"
    for position, (column, width) in enumerate(zip(header, widths, strict=True), start=1):
        dimension = sheet.column_dimensions[get_column_letter(position)]
        dimension.width = min(width, MAX_COLUMN_WIDTH) + 2
        if column in text_columns:
            dimension.number_format = TEXT_FORMAT
    sheet.append([_make_cell(sheet, cell, is_bold=True) for cell in header])
    return sheet


def _display_width(value: Any) -> int:
    lines = text_of(value).splitlines() or [""]
    return max(sum(1 + (unicodedata.east_asian_width(c) in "FWA") for c in line) for line in lines)


def _make_cell(
    sheet: Any, value: Any, *, is_bold: bool = False, is_text: bool = False
) -> WriteOnlyCell:
    cell = WriteOnlyCell(sheet)
    if is_text:
        cell.number_format = TEXT_FORMAT
    if is_bold:
        cell.font = Font(bold=True)
    if value is None or isinstance(value, bool) or _is_exact_in_excel(value):
        cell.value = value
    else:
        # XML turns a carriage return into a newline, and Excel reads "_x000D_" as one.
        text = re.sub(r"_(?=x[0-9A-Fa-f]{4}_)", "_x005F_", guard(text_of(value)))
        cell.value = text.replace("\r", "_x000D_")
        cell.data_type = "s"
    return cell


def _is_exact_in_excel(value: Any) -> bool:
    if isinstance(value, int | float | Decimal):
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        return number.is_finite() and len(number.as_tuple().digits) <= MAX_EXACT_DIGITS
    # Excel has no date before 1900, and a 29 February in 1900; a time of day stays text.
    is_date = isinstance(value, datetime.date) and not isinstance(value, datetime.datetime)
    return is_date and value >= datetime.date(1900, 3, 1)
