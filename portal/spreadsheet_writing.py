"""Spreadsheet files written: rows → CSV or XLSX bytes. What cannot be written whole is refused by name."""

import csv
import datetime
import io
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from itertools import islice
from typing import IO, Any

import openpyxl
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from .spreadsheets import (
    CSV_ENCODINGS,
    DICTIONARY_TITLE,
    GUIDE_TITLE,
    MAX_PROBLEMS,
    MAX_SHEET_ROWS,
    PRIVATE,
    SpreadsheetError,
    guard,
    text_of,
)

GUIDE_HEADER = ("列名", "要るか", "書き方", "選べる値", "空欄の意味")
DICTIONARY_HEADER = ("列名", "意味", "単位・形式", "必須")
MAX_CELL_LENGTH = 32_767  # of Excel
MAX_EXACT_DIGITS = 15  # of a number in Excel
MAX_LIST_LENGTH = 255  # of the choices that a cell of Excel offers
MAX_COLUMN_WIDTH = 60
TEXT_FORMAT = "@"
NOT_IN_EXCEL = "Excel のセルに書けない内容があります"
NOT_IN_ENCODING = "{}で書けない文字があります。UTF-8 で書き出してください"
ILLEGAL_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


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
    stream, rows = io.BytesIO(), list(rows)
    save_xlsx(
        stream,
        header,
        rows,
        title=title,
        dictionary=dictionary,
        guide=guide,
        text_columns=text_columns,
        choices=choices,
        widths=_measure_rows(header, rows),
    )
    return stream.getvalue()


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
    workbook: openpyxl.Workbook, title: str, header: Sequence[str], rows: list[Sequence[Any]]
) -> None:
    _fill_sheet(workbook, title, header, rows, _measure_rows(header, rows))


def _measure_rows(header: Sequence[str], rows: list[Sequence[Any]]) -> list[int]:
    columns = list(zip(*_all_rows(header, rows), strict=True))
    return measure_sheet(header, [[cells[1:] for cells in columns]] if rows else [])


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
