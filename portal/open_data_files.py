"""The bulk files as bytes: CSV, XLSX, JSON Lines and one ZIP, made row by row.

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

from .open_data_columns import Table
from .spreadsheets import iter_csv, refuse_lost_characters, save_xlsx

ENCODING = "utf-8-sig"
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


def flatten(text: str) -> str:
    """Return a text in one line, with a space for line breaks."""
    return " ".join(filter(None, map(str.strip, text.splitlines())))


def check_encoding(tables: Iterable[Table], base: str, form: Form) -> None:
    """Raise SpreadsheetError where the tables hold what the encoding does not."""
    if form.encoding == "cp932":
        for table in tables:
            refuse_lost_characters([table.header(form.header)], form.encoding)
            refuse_lost_characters(flat_rows(table, base), form.encoding)


def iter_file(table: Table, base: str, form: Form) -> Iterator[bytes]:
    """Yield a CSV or JSON Lines file row by row; CP932 after `check_encoding`."""
    if form.format == "jsonl":
        return iter_jsonl(table, base)
    header, rows = table.header(form.header), flat_rows(table, base)
    return iter_csv(header, rows, form.encoding, is_checked=True)


def iter_jsonl(table: Table, base: str) -> Iterator[bytes]:
    """Yield an object a row: English keys, null for a blank, all digits, line breaks in texts."""
    keys = [json.dumps(column.key) for column in table.columns]
    for row in table.rows(base):
        pairs = (f"{key}: {_json(cell)}" for key, cell in zip(keys, row, strict=True))
        yield f"{{{', '.join(pairs)}}}\n".encode()


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

    def __init__(self, has_header: bool):
        self.parts = -1 if has_header else 0
        self.bytes = 0
        self.sha256 = hashlib.sha256()

    def read(self, parts: Iterable[bytes]) -> Iterator[bytes]:
        for part in parts:
            if part != b"\xef\xbb\xbf":  # the BOM comes alone
                self.parts += 1
            self.bytes += len(part)
            self.sha256.update(part)
            yield part

    def facts(self) -> Facts:
        return Facts(self.parts, self.bytes, self.sha256.hexdigest())


def measure(table: Table, base: str, form: Form) -> Facts:
    """Return the facts of a file by making it once."""
    meter = Meter(has_header=form.format == "csv")
    for _ in meter.read(iter_file(table, base, form)):
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
            meter = Meter(has_header=True)
            with archive.open(entry(f"{table.name}.csv"), "w", force_zip64=True) as member:
                for part in meter.read(iter_file(table, base, form)):
                    member.write(part)
                    if len(out.buffer) > PART_SIZE:
                        yield out.take()
            facts[table.name] = meter.facts()
        package = json.dumps(describe(facts), ensure_ascii=False, indent=2)
        archive.writestr(entry("datapackage.json"), package)
        sums = "".join(f"{each.sha256}  {name}.csv\n" for name, each in facts.items())
        archive.writestr(entry("SHA256SUMS"), sums)
    yield out.take()
