"""Tables in running text: Markdown rows, HTML tables, columns set with tabs or wide spaces. Pure."""

import html
import re
from bisect import bisect_left
from collections.abc import Sequence

from .report_lines import BULLET, plain, squeeze
from .report_parts import Table

MAX_COLUMNS = 60
MAX_HTML_LINES = 5_000
BARS = "|｜│┃"
RULE = re.compile(r"[\s|｜:+=\-─━—│┃┌┐└┘├┤┬┴┼╋┏┓┗┛┣┫┳┻╂]+")
TAG = re.compile(r"<[/a-zA-Z!][^<>]*>")
SPLIT_TAGS = re.compile(r"(<[^<>]*>)")
SPAN = re.compile(r"\b(rowspan|colspan)\s*=\s*[\"']?(\d{1,3})", re.IGNORECASE)
WIDE_GAP = re.compile(r"\t+ *|[ \u3000]{2,}|\u3000")
ANY_GAP = re.compile(r"[ \t\u3000]+")
HEADER_WORDS = re.compile(r"区分|種別|項目|名称|事業名|団体名|施設名|事業区分|内訳|年度|科目")
MONEY_OR_COUNT = re.compile(r"(?:費|額|数|量|実績|人員)(?:[(（]\S+)?(?: |$)")
BETWEEN_JAPANESE = re.compile(r"(?<=[^\x00-\x7f]) (?=[^\x00-\x7f])")
NUMBER_COLUMNS = ("番号", "No", "No.", "№", "整理番号", "順位", "#")
HAS_DIGIT = re.compile(r"[0-9０-９]")

Row = tuple[int, list[str]]


def find_tables(lines: Sequence[str], is_taken) -> dict[int, tuple[Table | None, int]]:
    """Return the tables by the index of their first line, each with the index after its last.

    `is_taken(index)` tells of lines that are headings or amounts, which no spaced table holds.
    """
    closings = [i for i, line in enumerate(lines) if "</table" in line.lower()]
    found, index = {}, 0
    while index < len(lines):
        line = lines[index].strip()
        end = index + 1
        table = None
        if line[:1] in tuple(BARS) or (RULE.fullmatch(line) and _is_box(line)):
            rows, end = _bar_rows(lines, index)
            if rows:
                table = make_table(rows, range(index, end), _header_size(lines, index, end))
        elif "<table" in line.lower():
            last = bisect_left(closings, index)
            if last < len(closings) and closings[last] - index < MAX_HTML_LINES:
                end = closings[last] + 1
                filled = [at for at in range(index, end) if lines[at].strip()]
                table = make_table(_html_rows(lines, index, end), filled)
        elif line:
            rows, end = _spaced_rows(lines, index, is_taken)
            table = make_table(rows, [number - 1 for number, _ in rows]) if rows else None
        if table is not None:
            found[index] = (table, end)
        index = max(end, index + 1)
    return found


def clean_cell(text: str) -> str:
    """Return a cell's text without tags, line breaks and letters spaced apart."""
    if "<" in text:
        text = TAG.sub(" ", text)
    if "&" in text:
        text = html.unescape(text)
    return squeeze(" ".join(text.split()).strip(" *"))


def join_words(text: str) -> str:
    """Return a label without the spaces that a cell's line breaks left between Japanese words."""
    return BETWEEN_JAPANESE.sub("", text)


def make_table(rows: list[Row], indexes, header_size: int | None = None) -> Table | None:
    """Make a table of rows; its header is what stands above the rule, else a first row in words."""
    rows = [(number, [clean_cell(cell) for cell in cells]) for number, cells in rows]
    lines = tuple(index + 1 for index in indexes)
    width = max((len(cells) for _, cells in rows), default=0)
    if not width or width > MAX_COLUMNS:
        return Table((), tuple(tuple(cells) for _, cells in rows), lines, tuple(n for n, _ in rows))
    padded = [(number, cells + [""] * (width - len(cells))) for number, cells in rows]
    size = header_size if header_size is not None else int(_is_header(padded))
    header, body = padded[:size], padded[size:]
    if size > 1:
        # What precedes the header proper is a caption or an upper row of it.
        names = [
            " ".join(filter(None, column)) for column in zip(*(c for _, c in header), strict=True)
        ]
    else:
        names = header[0][1] if header else []
    return Table(
        tuple(names),
        tuple(tuple(cells) for _, cells in body),
        lines,
        tuple(number for number, _ in body),
    )


def _is_header(rows: list[Row]) -> bool:
    """Tell whether the first row is in words: no number but in the name of a year or a unit."""
    if len(rows) < 2:
        return False
    cells = [plain(cell) for cell in rows[0][1]]
    return sum(map(bool, cells)) >= 2 and not any(
        re.match(r"[▲△-]? *[0-9][0-9,]*(?!.*年)", cell) for cell in cells
    )


def _is_box(line: str) -> bool:
    return any(character in line for character in "─━┌├└│┃┏┣┗|｜")


def _bar_rows(lines: Sequence[str], index: int) -> tuple[list[Row], int]:
    rows = []
    while index < len(lines):
        line = lines[index].strip()
        if not line or not (line[0] in BARS or (RULE.fullmatch(line) and _is_box(line))):
            break
        if not RULE.fullmatch(line) or _is_blank_row(line):
            rows.append((index + 1, _bar_cells(line)))
        index += 1
    return rows, index


def _is_blank_row(line: str) -> bool:
    return not line.strip("|｜│┃ \u3000")


def _bar_cells(line: str) -> list[str]:
    for bar in BARS[1:]:
        line = line.replace(bar, "|")
    cells = line.replace("\\|", "\0").removeprefix("|").removesuffix("|").split("|")
    return [cell.replace("\0", "|").strip() for cell in cells]


def _header_size(lines: Sequence[str], start: int, end: int) -> int | None:
    """Return how many rows stand above the Markdown rule; None where there is none."""
    size = 0
    for index in range(start, min(end, start + 4)):
        line = lines[index].strip()
        if RULE.fullmatch(line) and not _is_blank_row(line):
            if "-" in line and size:
                return size
        else:
            size += 1
    return None


def _html_rows(lines: Sequence[str], start: int, end: int) -> list[Row]:
    """Return the cells of an HTML table; what a span covers is blank."""
    rows, row, cell, number = [], None, None, start + 1
    spans: dict[int, int] = {}
    for index in range(start, end):
        for piece in SPLIT_TAGS.split(lines[index]):
            tag = piece[1:].lstrip("/").lower() if piece.startswith("<") else ""
            is_closing = piece.startswith("</")
            if tag.startswith("tr") and tag[2:3] in " >":
                row = None if is_closing else []
                if row is not None:
                    number = index + 1
                    rows.append((number, row))
                    _fill_spans(row, spans)
            elif tag.startswith(("td", "th")) and tag[2:3] in " >/":
                if is_closing:
                    cell = None
                    continue
                if row is None:
                    row = []
                    rows.append((index + 1, row))
                _fill_spans(row, spans)
                size = {name.lower(): int(value) for name, value in SPAN.findall(piece)}
                cell = len(row)
                for offset in range(min(max(size.get("colspan", 1), 1), MAX_COLUMNS)):
                    if size.get("rowspan", 1) > 1:
                        spans[cell + offset] = size["rowspan"] - 1
                    row.append("")
            elif tag:
                if row and cell is not None and tag.startswith(("br", "li", "p", "div")):
                    row[cell] += " "
            elif piece.strip():
                if row is not None and cell is not None:
                    row[cell] += piece
                else:  # outside of every cell, and yet to be kept
                    rows.append((index + 1, [piece.strip()]))
        if row is not None and cell is not None:
            row[cell] += " "
    return rows


def _fill_spans(row: list[str], spans: dict[int, int]) -> None:
    while len(row) in spans:
        column = len(row)
        spans[column] -= 1
        if not spans[column]:
            del spans[column]
        row.append("")


def _spaced_rows(lines: Sequence[str], index: int, is_taken) -> tuple[list[Row], int]:
    """Return neighbouring lines that fall into the same number of columns, one with a number.

    No rows where no number is among them; the index goes on behind them all the same.
    """
    rows = []
    width, end = 0, index
    gap = _gap_of(lines[index].strip())
    while end < len(lines) and (line := lines[end].strip()):
        cells = gap.split(line)
        if len(cells) < 2 or (width and len(cells) != width) or _is_prose(cells):
            break
        if line[0] in BARS or line[0] == "<" or BULLET.match(line):
            break
        if is_taken(end) and not (rows and rows[0][1][0] in NUMBER_COLUMNS):
            break
        width = len(cells)
        rows.append((end + 1, cells))
        end += 1
    has_numbers = any(HAS_DIGIT.search(cell) for _, row in rows[1:] for cell in row[1:])
    return (rows if len(rows) >= 2 and has_numbers else []), end


def _gap_of(header: str) -> re.Pattern:
    """Return what parts the columns: a single space under a header of known words (区分 件数 金額)."""
    words = header.split(" ")
    is_header = (
        len(words) > 1 and HEADER_WORDS.fullmatch(words[0]) and MONEY_OR_COUNT.search(header)
    )
    return ANY_GAP if is_header and not WIDE_GAP.search(header) else WIDE_GAP


def _is_prose(cells: list[str]) -> bool:
    return len(cells) > MAX_COLUMNS or any(len(cell) > 60 or "。" in cell for cell in cells)
