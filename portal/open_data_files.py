"""The bulk files as bytes: CSV, XLSX, JSON Lines and one ZIP, made some rows at a time.

Memory does not grow with the rows. The same records give the same bytes, but for XLSX, in which the
writing library puts the time; so a SHA-256 is told of CSV and JSON Lines alone.
"""

import hashlib
import io
import json
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import IO

from .csv_text import flatten, format_columns, format_header, write_flat
from .open_data_columns import Table
from .spreadsheet_writing import refuse_lost_characters, save_xlsx

ENCODING = "utf-8-sig"
EXACT_DIGITS = 15  # of a float
PART_SIZE = 2**16


@dataclass(frozen=True)
class Facts:
    """What a finished file is: its rows (without the header), bytes and SHA-256."""

    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Form:
    """How a file is written: its format, the language of its header and its encoding."""

    format: str = "csv"
    header: str = "ja"
    encoding: str = ENCODING


def flat_rows(table: Table, base: str) -> Iterator[list]:
    """Yield the rows as CSV and XLSX hold them: a text is one line."""
    for row in table.rows(base):
        yield [flatten(cell) if isinstance(cell, str) else cell for cell in row]


def check_encoding(tables: Iterable[Table], base: str, form: Form) -> None:
    """Raise SpreadsheetError where the tables hold what the encoding does not."""
    if form.encoding == "cp932":
        for table in tables:
            refuse_lost_characters([table.header(form.header)], form.encoding)
            refuse_lost_characters(flat_rows(table, base), form.encoding)


def iter_file(table: Table, base: str, form: Form) -> Iterator[bytes]:
    """Yield a CSV or JSON Lines file, some rows at a time; CP932 after `check_encoding`."""
    return (part for part, _ in _iter_parts(table, base, form))


def make_file(table: Table, base: str, form: Form) -> tuple[Facts, bytes]:
    """Return the facts of a CSV or JSON Lines file and its content."""
    meter = Meter()
    data = b"".join(meter.read(_iter_parts(table, base, form)))
    return meter.facts(), data


def iter_jsonl(table: Table, base: str) -> Iterator[bytes]:
    """Yield lines with an object a row: English keys, null for a blank, all digits, line breaks."""
    return (part for part, _ in _iter_jsonl_parts(table, base))


def _iter_parts(table: Table, base: str, form: Form) -> Iterator[tuple[bytes, int]]:
    """Yield the parts of a file, and how many rows each holds."""
    if form.format == "jsonl":
        return _iter_jsonl_parts(table, base)
    return _iter_csv_parts(table, base, form)


def _iter_csv_parts(table, base, form):
    # Sent with the first rows: where those cannot be read, nothing has been sent yet.
    head = format_header(table.header(form.header)).encode(form.encoding)
    codec = form.encoding.removesuffix("-sig")
    for batch in table.batches(base):
        cells = [_prepare(column, each) for column, each in zip(table.columns, batch, strict=True)]
        yield head + format_columns(cells).encode(codec), len(cells[0])
        head = b""
    if head:
        yield head, 0


def _prepare(column, cells):
    """Return a column's cells as CSV holds them."""
    if column.type == "string" and not column.page:
        return write_flat(cells)
    if column.type == "number" and Decimal in set(map(type, cells)):
        return [format(cell, "f") if type(cell) is Decimal else cell for cell in cells]
    return cells


def _iter_jsonl_parts(table, base):
    keys = [column.key for column in table.columns]
    encode = json.JSONEncoder(ensure_ascii=False, default=str).encode
    for batch in table.batches(base):
        write = encode
        for place, column in enumerate(table.columns):
            cells = batch[place]
            if column.type == "string":
                batch[place] = [cell or None for cell in cells]
            elif column.type == "number" and all(map(_is_exact_as_float, cells)):
                batch[place] = [float(cell) if type(cell) is Decimal else cell for cell in cells]
            elif column.type == "number":
                write = _write_object
        lines = [write(dict(zip(keys, row, strict=True))) for row in zip(*batch, strict=True)]
        yield "".join(f"{line}\n" for line in lines).encode(), len(lines)


def _is_exact_as_float(cell) -> bool:
    """Tell whether the number, as a float, is written with the same digits."""
    if type(cell) is not Decimal:
        return True
    return len(cell.as_tuple().digits) <= EXACT_DIGITS and -4 <= cell.adjusted() < EXACT_DIGITS


def _write_object(row: dict) -> str:
    """Write an object with all digits of its numbers."""
    return f"{{{', '.join(f'{json.dumps(key)}: {_json(cell)}' for key, cell in row.items())}}}"


def _json(cell) -> str:
    if isinstance(cell, Decimal):
        return format(cell, "f")
    return json.dumps(cell, ensure_ascii=False, default=str)


def write_xlsx(table: Table, base: str, form: Form) -> IO[bytes]:
    """Return a temporary file with the workbook, at its beginning.

    Raises SpreadsheetError for what Excel cannot hold.
    """
    dictionary = (
        (
            column.header(form.header),
            describe_meaning(column),
            "、".join(filter(None, (column.type, column.unit))),
            not column.blank,
        )
        for column in table.columns
    )
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the answer closes it
    rows = flat_rows(table, base)
    save_xlsx(file, table.header(form.header), rows, title=table.title, dictionary=dictionary)
    file.seek(0)
    return file


def describe_meaning(column) -> str:
    """Return what a cell says, with the code table where it holds a code."""
    codes = "、".join(f"{code}：{label}" for code, label in column.codes)
    blank = f"空欄は「{column.blank}」" if column.blank else ""
    return "。".join(filter(None, (column.meaning, codes, blank)))


class Meter:
    """Counts what flows through: `facts()` once all parts have."""

    def __init__(self):
        self.rows = self.bytes = 0
        self.sha256 = hashlib.sha256()

    def read(self, parts: Iterable[tuple[bytes, int]]) -> Iterator[bytes]:
        for part, rows in parts:
            self.rows += rows
            self.bytes += len(part)
            self.sha256.update(part)
            yield part

    def facts(self) -> Facts:
        return Facts(self.rows, self.bytes, self.sha256.hexdigest())


def measure(table: Table, base: str, form: Form) -> Facts:
    """Return the facts of a file by making it once."""
    meter = Meter()
    for _ in meter.read(_iter_parts(table, base, form)):
        pass
    return meter.facts()


class Outflow(io.RawIOBase):
    """A file that can only be written to; `take` gives what was written since the last time."""

    def __init__(self):
        self.buffer = bytearray()

    def writable(self):
        return True

    def write(self, data):
        self.buffer += data
        return len(data)

    def take(self) -> bytes:
        data = bytes(self.buffer)
        self.buffer.clear()
        return data


def iter_zip(
    tables: Iterable[Table],
    base: str,
    form: Form,
    written_at: datetime,
    describe: Callable[[dict[str, Facts]], dict],
) -> Iterator[bytes]:
    """Yield a ZIP of all tables as CSV, with the Data Package of `describe` and SHA256SUMS.

    `describe` is given the facts of every file by the name of its table.
    """
    out, facts = Outflow(), {}
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:

        def entry(name):
            info = zipfile.ZipInfo(name, written_at.timetuple()[:6])
            info.compress_type = zipfile.ZIP_DEFLATED
            return info

        for table in tables:
            meter = Meter()
            with archive.open(entry(f"{table.name}.csv"), "w", force_zip64=True) as member:
                for part in meter.read(_iter_parts(table, base, form)):
                    member.write(part)
                    if len(out.buffer) > PART_SIZE:
                        yield out.take()
            facts[table.name] = meter.facts()
        package = json.dumps(describe(facts), ensure_ascii=False, indent=2)
        archive.writestr(entry("datapackage.json"), package)
        sums = "".join(f"{each.sha256}  {name}.csv\n" for name, each in facts.items())
        archive.writestr(entry("SHA256SUMS"), sums)
    yield out.take()
