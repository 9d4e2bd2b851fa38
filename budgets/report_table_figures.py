"""From the rows of a table to figures: label, measure, value, unit, period. Pure.

A number becomes a figure where its unit is printed with it, in its column's header or above it in
the column, and, for money, where the column's words tell its kind. All else stays in the table.
"""

import re
from collections import Counter
from dataclasses import replace

from portal.amounts import UNIT_YEN

from .report_amounts import AMOUNT_FIELDS, read_amount
from .report_figures import distinct_keys, make_figures
from .report_kinds import DEFAULT_MEASURES, kind_of, money_kind, money_word
from .report_lines import plain
from .report_parts import Remark, ReportFigure, Table
from .report_quantities import UNITS, YEAR, Quantity, is_bare, read_quantities
from .report_tables import MAX_COLUMNS, NUMBER_COLUMNS, join_words

GENERIC = re.compile(
    r".{0,8}(?:実績|内容|事業量|概要|状況|備考|数量|結果|成果|活動|効果|摘要)等?(?:\(.*\))?"
)
CONTENT = re.compile(
    r"内容|実績|結果|成果|概要|備考|状況|活動|効果|摘要|事業量|数量|期間|時期|場所"
)
MEASURE = re.compile(r"(?:数|額|費|量|率|件|回|人員|単価|面積|延長|割合|金|円\)?)(?:\(.*\))?$")
LABEL_HEADER = re.compile(
    r"区分|名|項目|種別|種類|別$|科目|年度|年次|団体|市町村|施設|部局|番号|No"
)
TOTAL = re.compile(r"(?:合|総|小)? ?計|計\(.*\)")
BLANK = re.compile(r"[-‐–—―ー－…・*＊※]*|皆[増減]|[▲△]")
HEADER_UNIT = re.compile(r"^(.*?)[(\[ :]+(?:単位[:：]?)?([^()\[\] ]{1,6})[)\]]?$")
ALL_UNITS = {*UNITS, *UNIT_YEN}
COLUMN_LETTER = re.compile(
    r" ?\([A-Z](?:[-+=/ ][A-Z]){0,3}\)$|(?<=[^ -~]) ?[A-Z](?:[-+/=][A-Z]){0,3}$"
)
COUNTED = re.compile(
    r"(件|回|人|者|社|日|台|か所|箇所|団体|校|施設|世帯|市町村|戸|本|冊|部|店|組|名|事業|地区|路線)数$"
)
WHOLE_COURSE = re.compile(r" ?[(（]全[0-9０-９]+.{1,3}[)）]$")
MAX_ROWS = 5_000


def read_table_amounts(table: Table, unit: str) -> dict[str, int]:
    """Return the amounts of an item that a table of one row, or its total, states in columns.

    Only where the columns of a settlement stand together: 予算現額, 決算額, 翌年度繰越額, 不用額.
    """
    names = [_header_parts(cell) for cell in table.header]
    fields = {
        column: AMOUNT_FIELDS[name]
        for column, (name, _) in enumerate(names)
        if name in AMOUNT_FIELDS
    }
    totals = [row for row in table.rows if row and TOTAL.fullmatch(plain(row[0]).replace(" ", ""))]
    rows = table.rows if len(table.rows) == 1 else totals
    if len(fields) < 2 or "amount_yen" not in fields.values() or len(rows) != 1:
        return {}
    amounts = {}
    for column, field in fields.items():
        amount, problem = read_amount(rows[0][column], names[column][1] or unit)
        if problem:
            return {}
        if amount is not None:
            amounts.setdefault(field, amount)
    return amounts


def read_table_figures(
    table: Table, item_name: str, unit: str = "", is_amount_table: bool = False
) -> tuple[list[ReportFigure], list[Remark]]:
    """Return the figures of a table's rows, and a remark for each row that keeps its numbers.

    `unit` is stated above the table. The columns of an amount table that are the item's own amounts
    are left out where it has but one row.
    """
    if not table.rows or len(table.rows[0]) > MAX_COLUMNS or len(table.rows) > MAX_ROWS:
        return [], [
            Remark(table.lines[0], "", "表が大きいか、形が読めないため、実績値にしていません。")
        ]
    return _TableReader(table, item_name, unit, is_amount_table).read()


class _TableReader:
    def __init__(self, table: Table, item_name: str, unit: str, is_amount_table: bool):
        self.table = table
        self.item_name = item_name
        self.unit = unit
        self.is_amount_table = is_amount_table
        self.rows = [list(row) for row in table.rows]
        self.row_lines = list(table.row_lines[-len(self.rows) :])
        self.width = len(self.rows[0])
        self.figures: list[ReportFigure] = []
        self.remarks: list[Remark] = []
        self.groups = [""] * self.width

    def read(self) -> tuple[list[ReportFigure], list[Remark]]:
        self._read_header()
        self.cells = [[self._quantities(cell) for cell in row] for row in self.rows]
        self._align_header()
        self.label_columns = self._find_label_columns()
        self.shifted = {index for index in range(len(self.rows)) if self._is_shifted(index)}
        self._find_units()
        label, group = "", ""
        for index, row in enumerate(self.rows):
            words = [join_words(row[column]) for column in self.label_columns]
            if not any(words) and _is_total(row[0]):
                words[-1:] = [row[0]]
            group, label = self._label_of(words, group, label)
            if index in self.shifted:
                group = ""
            self._read_row(index, group if len(words) > 1 else "", label)
        self._remark_blanks()
        self._divide_totals()
        return self.figures, self.remarks

    def _quantities(self, cell: str) -> list[Quantity]:
        found = read_quantities(cell)
        unit = ""
        for index, quantity in enumerate(found):
            # 「630,000部/回 619,000」: the unit of the first counts for the rest of a list.
            if not quantity.unit and unit and quantity.name in ("", found[index - 1].name):
                found[index] = replace(quantity, unit=unit)
            unit = found[index].unit
        return found

    def _read_header(self) -> None:
        header = list(self.table.header) or [""] * self.width
        self.header = (header + [""] * self.width)[: self.width]
        first = self.rows[0]
        is_sub_header = (
            "" in self.header[1:]
            and len(self.rows) > 1
            and sum(map(bool, first)) > 1
            and all(low or name for name, low in zip(self.header, first, strict=True))
            and not any(q.unit for cell in first for q in read_quantities(cell))
            and not any(is_bare(cell) for cell in first)
        )
        if is_sub_header:
            upper = _fill_left(self.header)
            pairs = list(zip(upper, first, strict=True))
            self.groups = [name if low and name != low else "" for name, low in pairs]
            self.header = [low or name for name, low in pairs]
            del self.rows[0], self.row_lines[0]
        units = [cell.strip("()（） ") for cell in self.rows[0]]
        if len(self.rows) > 1 and any(units) and all(not u or u in ALL_UNITS for u in units):
            self.header = [f"{h}({u})" if u else h for h, u in zip(self.header, units, strict=True)]
            del self.rows[0], self.row_lines[0]

    def _align_header(self) -> None:
        """Let a header that a spanning cell has pushed out of place stand over its columns.

        A blank takes the name to its left; where money then stands over people, all names move
        right by the blanks at the end. Where that does not help, the columns have no name.
        """
        filled = [place for place, name in enumerate(self.header, start=1) if name]
        blanks = self.width - max(filled, default=self.width)
        moved = [self.header[0]] * blanks + self.header[: self.width - blanks]
        for names in (_fill_left(self.header), _fill_left(moved)):
            if not self._contradicts(names):
                self.header = names
                return
        self.remarks.append(
            Remark(
                self.table.lines[0], " ".join(filter(None, self.header)), "見出しと列が合いません。"
            )
        )
        self.header = [""] * self.width

    def _contradicts(self, names: list[str]) -> bool:
        for column, name in enumerate(names):
            words = _header_parts(name)[0]
            is_money = words.endswith(("費", "額", "金", "料")) and not words.endswith("料金")
            is_count = words.endswith(("数", "件", "人員"))
            if (is_money or is_count) and any(
                quantity.unit and quantity.is_money != is_money
                for row in self.cells
                for quantity in row[column][:1]
            ):
                return True
        return False

    def _find_label_columns(self) -> list[int]:
        columns = []
        start = self.start = int(self.header[0] in NUMBER_COLUMNS and self.width > 2)
        for column in range(start, min(self.width, 4)):
            name = _header_parts(self.header[column])[0]
            values = [row[column] for row in self.rows if row[column]]
            numeric = sum(
                is_bare(cell) or bool(re.match(r"[約延べ計]*[0-9]", plain(cell))) for cell in values
            )
            is_same = column > start and name == _header_parts(self.header[start])[0]
            is_words = numeric * 2 <= len(values) or LABEL_HEADER.search(name) is not None
            if column == start or is_same:
                fits = is_words and not (MEASURE.search(name) and not LABEL_HEADER.search(name))
            else:
                has_quantity = any(q.unit for row in self.cells for q in row[column])
                fits = not has_quantity and numeric == 0 and not CONTENT.search(name)
                fits = fits and bool(values) and not MEASURE.search(name)
                # A name for every row tells the rows apart; what stands beside it describes them.
                above = [row[start] for row in self.rows if not _is_total(row[start])]
                fits = fits and ("" in above or len({*above}) < len(above))
            if not fits:
                break
            columns.append(column)
        return columns if len(columns) < self.width - start else columns[:1]

    def _find_units(self) -> None:
        """Find each column's unit: in its header, above the table, or in its first cell."""
        self.units, self.measures = [], []
        for column in range(self.width):
            name, unit = _header_parts(self.header[column])
            if not unit:
                printed = [
                    row[column]
                    for index, row in enumerate(self.cells)
                    if row[column] and index not in self.shifted
                ]
                known = [q.unit for quantities in printed for q in quantities[:1] if q.unit]
                # A column of mixed units says nothing of a bare number, unless its header does.
                is_one = len({*known}) == 1 or not GENERIC.fullmatch(name)
                unit = known[0] if known and printed[0][0].unit and is_one else ""
            if not unit and (counted := COUNTED.search(name)):
                unit = counted[1].replace("者", "人")
            if not unit and self.unit and money_kind("", name, ""):
                unit = self.unit
            self.units.append(unit)
            self.measures.append(name)

    def _label_of(self, words: list[str], group: str, label: str) -> tuple[str, str]:
        if not words:
            return "", ""
        if len(words) > 1 and words[0]:
            return words[0], "・".join(filter(None, words[1:])) or words[0]
        if len(words) > 1:
            return group, "・".join(filter(None, words[1:])) or label
        return "", words[0] or label

    def _read_row(self, index: int, group: str, label: str) -> None:
        row, line = self.rows[index], self.row_lines[index]
        unread = []
        is_shifted = index in self.shifted
        for column, cell in enumerate(row):
            quantities = self.cells[index][column]
            if column < self.start:
                continue
            if column in self.label_columns:
                quantities = [q for q in quantities if q.unit and q.as_printed.startswith("全")]
            elif not cell or not quantities:
                if re.fullmatch(r"皆[増減]|[▲△]", cell):
                    unread.append(cell)
                continue
            if is_shifted:
                unread.append(cell)
                continue
            sub = ""
            for quantity in quantities:
                sub = _sub_label(cell, quantity) or sub
                if not self._add(quantity, column, cell, group, label, sub, line, len(quantities)):
                    unread.append(quantity.as_printed or f"{quantity.value:,}{quantity.unit}")
        if unread:
            reason = "欄がずれているようです。" if is_shifted else "単位か種類が確かでありません。"
            self.remarks.append(
                Remark(
                    line, "、".join(unread)[:80], f"{reason}この数は実績値にせず、表に残しました。"
                )
            )

    def _is_shifted(self, index: int) -> bool:
        """Tell whether words stand where every other row has a number, so that a cell was lost."""
        row = self.rows[index]
        for column in range(1, self.width):
            if column in self.label_columns or not row[column] or self.cells[index][column]:
                continue
            if BLANK.fullmatch(row[column]):
                continue
            others = [
                bool(self.cells[other][column])
                for other in range(max(index - 20, 0), min(index + 21, len(self.rows)))
                if other != index and self.rows[other][column]
            ]
            if len(others) >= 3 and all(others) and any(is_bare(cell) for cell in row):
                return True
        return False

    def _add(self, quantity, column, cell, group, label, sub, line, count) -> bool:
        """Add one number's figures; False where it is not certain."""
        header, unit = self.measures[column], quantity.unit
        if not unit:
            if not (is_bare(cell) or (count > 1 and not quantity.name)):
                return False
            unit = self.units[column]
        if not unit or not quantity.is_sure:
            return False
        quantity = replace(quantity, unit=unit)
        group_of_column = self.groups[column]
        period, header = _year_and_rest(header)
        if not period and YEAR.fullmatch(plain(group_of_column)):
            period, group_of_column = group_of_column, ""
        period = quantity.period or period
        measure = header
        if GENERIC.fullmatch(plain(measure)) or not measure or column in self.label_columns:
            name = "" if column in self.label_columns else quantity.name
            measure = name or DEFAULT_MEASURES.get(unit, "") or money_word(unit, header)
        elif quantity.name and quantity.name != measure:
            measure = quantity.name
        label = label or re.split(r"[0-9]", plain(cell))[0].strip(" 約計(") or self.item_name
        # Under a year as a header, the row's label tells what was measured.
        kind = kind_of(quantity, quantity.name, header or label, label)
        if kind is None:
            return False
        if self.is_amount_table and len(self.rows) == 1 and header in AMOUNT_FIELDS:
            return True
        if YEAR.fullmatch(plain(label)) and not period:
            quantity, label = replace(quantity, period=label), self.item_name
        label = WHOLE_COURSE.sub("", label) or label
        if group_of_column and not self.label_columns:
            group, label = group_of_column, header
            measure = DEFAULT_MEASURES.get(unit, "") if measure == header else measure
        elif group_of_column:
            group = group_of_column
        if sub:
            group, label = label, sub
        quantity = replace(quantity, period=quantity.period or period)
        self.figures += make_figures(quantity, kind, label, measure, line, group)
        return True

    def _remark_blanks(self) -> None:
        """Remark the first blank below an amount: part of that amount, or nothing stated."""
        for column, unit in enumerate(self.units):
            if unit not in UNIT_YEN or column in self.label_columns:
                continue
            filled = [bool(row[column]) for row in self.rows]
            start = filled.index(True) if True in filled else len(filled)
            blank = next((i for i in range(start, len(filled)) if not filled[i]), 0)
            if blank and blank not in self.shifted:
                reason = "空欄が、上の額に含まれるのか、記載がないのかは決まりません。0円ではありません。"
                self.remarks.append(Remark(self.row_lines[blank], self.measures[column], reason))

    def _divide_totals(self) -> None:
        """Make rows parts of the 計 below them, and 「うち」 of the row above, where they fit.

        A 小計 counts the rows since the last one, a 計 all that is no part yet. One that does not
        add up would count twice, and stays in the table.
        """
        self.figures = distinct_keys(self.figures, Counter())
        open_rows: dict[tuple, list[int]] = {}
        closed: dict[tuple, int] = {}
        dropped = set()
        for index, figure in enumerate(self.figures):
            if figure.part_of:
                continue
            column = (re.sub(r"（[0-9]+）$", "", figure.measure), figure.unit, figure.period)
            rows = open_rows.setdefault(column, [])
            label = plain(figure.label).replace(" ", "")
            if label.startswith(("うち", "(うち", "内訳")) and rows:
                whole = self.figures[rows[-1]].key
                self.figures[index] = replace(figure, group="うち", part_of=whole)
            elif _is_total(label):
                start = closed.get(column, 0) if label == "小計" else 0
                parts = rows[start:]
                if parts and sum(self.figures[row].value for row in parts) == figure.value:
                    for row in parts:
                        self.figures[row] = replace(self.figures[row], part_of=figure.key)
                    open_rows[column] = [*rows[:start], index]
                    closed[column] = start + 1
                elif parts:
                    dropped.add(index)
                    reason = "計が、上の行の和と合いません。この数は表に残しました。"
                    self.remarks.append(Remark(figure.line, figure.label, reason))
                else:
                    rows.append(index)
            else:
                rows.append(index)
        self.figures = [f for index, f in enumerate(self.figures) if index not in dropped]


def _sub_label(cell: str, quantity: Quantity) -> str:
    """Return the heading of the list entry of a cell (「・先進企業視察 開催日：…」) a number is in."""
    if "・" not in cell or not quantity.name:
        return ""
    before = plain(cell)[: quantity.at]
    head = re.split(r"(?:^| )・ ?", before)[-1] if " ・" in before else ""
    first = head.split(" ")[0]
    return first if first and ":" not in first and not re.search(r"[0-9]", first) else ""


def _year_and_rest(header: str) -> tuple[str, str]:
    """Return the year that a header begins with, and what is left of it."""
    match = YEAR.match(plain(header))
    return (match[0], header[match.end() :].lstrip(" の　")) if match else ("", header)


def _is_total(label: str) -> bool:
    return TOTAL.fullmatch(plain(label).replace(" ", "")) is not None


def _fill_left(names: list[str]) -> list[str]:
    filled = []
    for name in names:
        filled.append(name or (filled[-1] if filled else ""))
    return filled


def _header_parts(header: str) -> tuple[str, str]:
    """Return a column's name and the unit it states: "事業費（千円）" -> ("事業費", "千円")."""
    text = COLUMN_LETTER.sub("", plain(join_words(header)).strip())
    match = HEADER_UNIT.match(text)
    if match and match[2] in ALL_UNITS and match[1]:
        return match[1].strip(), match[2]
    return text, ""
