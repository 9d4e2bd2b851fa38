"""What spreadsheet files have in common, read (spreadsheet_reading) or written (spreadsheet_writing).

CSV is UTF-8 with or without BOM, or CP932 (what Excel calls Shift_JIS). CP932 holds ～ － ∥ ￠ ￡ ￢
but not their look-alikes 〜 (U+301C) − (U+2212) ‖ ¢ £ ¬: a text with one of these, or with anything
else that would not come back the same, is refused by name and never replaced.

Text that a spreadsheet would run as a formula is written with one ' before it (`guard`), in CSV
and in XLSX alike since people save the one as the other, and read back without it (`unguard`).
"""

import datetime
import re
from decimal import Decimal
from typing import Any


class SpreadsheetError(ValueError):
    """A file that cannot be read or written whole; the message is Japanese, with a remedy."""


CSV_ENCODINGS = {"utf-8-sig": "UTF-8（BOM付き）", "utf-8": "UTF-8", "cp932": "Shift_JIS（CP932）"}
DICTIONARY_TITLE = "データ辞書"
GUIDE_TITLE = "データ項目の説明"
MEGABYTE = 2**20
MAX_PROBLEMS = 20
MAX_SHEET_ROWS = 1_048_576  # of Excel, the header among them
FORMULA_LIKE = re.compile(r"'*[=+\-@\t\r\n]")
PLAIN_NUMBER = re.compile(r"[+-]?[0-9][0-9,]*(\.[0-9]+)?")
PRIVATE = re.compile("[\x80-\xa0\ue000-\uf8ff]")


def guard(text: str) -> str:
    """Return the text so that no spreadsheet runs it: "=1+1" -> "'=1+1"; "-5" stays as it is."""
    return f"'{text}" if FORMULA_LIKE.match(text) and not PLAIN_NUMBER.fullmatch(text) else text


def unguard(text: str) -> str:
    """Return what `guard` was given."""
    return text[1:] if text.startswith("'") and FORMULA_LIKE.match(text) else text


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
