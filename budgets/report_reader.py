"""The report on the results of major measures 主要施策の成果に関する説明書: text → tree. Pure.

Every line that is not blank goes to one place: a title, the introduction, a policy, a heading, an
amount, a body, a table, or a remark alone. Nothing is renumbered, added up or guessed: what is not
certain stays as text, and a remark says why. The time grows with the length of the text.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from portal.fiscal_year import FiscalYearError, parse_fiscal_year

from .item_codes import MAX_LEVEL
from .report_amounts import (
    read_amounts,
    read_bare_amount,
    read_trailing_amount,
    read_unit_note,
)
from .report_figures import distinct_keys, read_text_figures
from .report_lines import (
    BRACKETED,
    BULLET,
    MAX_NAME,
    Label,
    is_contents_line,
    is_sentence,
    is_wrapped_sentence,
    opens_bracket,
    read_label,
    squeeze,
    strip_markdown,
)
from .report_parts import Paragraph, Remark, Report, ReportFigure, ReportItem, ReportPolicy, Table
from .report_policies import find_policies_end, read_policies
from .report_structure import Line, amounts_in, find_department, find_page_headers, learn_ranks
from .report_table_figures import read_table_amounts, read_table_figures
from .report_tables import find_tables

NEWLINE = re.compile(r"\r\n|\r|\n")
DEPARTMENT = re.compile(r"\S{1,20}(?:部|局|課|室|庁|会|戦略|本部|企画)")
TITLE = re.compile(r"主要(?:な)?(?:施策|事業).{0,12}(?:成果|実績|概要)|決算.{0,10}説明書")
SPENT = "expenditure"
MAX_JOINED = 3
MAX_SHOWN = 80


def parse_report(text: str) -> Report:
    """Return what a report's text says; never raises, whatever the text.

    Lines are counted from 1 as editors count them.
    """
    # NUL, which no database keeps, stays visible as the sign of what cannot be read.
    text = text.removeprefix("\ufeff").replace("\0", "\ufffd")
    return _Reader(NEWLINE.split(text)).read()


@dataclass
class _Draft:
    """An item while its lines come in."""

    code: str
    label: str
    name: str
    style: str
    heading_lines: list[int]
    parent: "_Draft | None" = None
    amount_lines: list[int] = field(default_factory=list)
    amounts: dict[str, int] = field(default_factory=dict)
    blocks: list[Paragraph | Table] = field(default_factory=list)
    last_numbers: dict[str, int] = field(default_factory=dict)
    sentences: tuple[str, int] = ("", 0)
    locator: str = ""
    unit: str = ""


class _Reader:
    def __init__(self, lines: Sequence[str]):
        self.lines = lines
        self.remarks: list[Remark] = []
        self.items: list[_Draft] = []
        self.path: list[_Draft] = []
        self.introduction = _Draft("", "", "", "", [])
        self.unit = ""
        self.pending: Line | None = None
        self.titles: list[str] = []
        self.title_lines: list[int] = []
        self.policy_heading = ""
        self.policies: list[ReportPolicy] = []
        self.policy_lines: list[int] = []
        self.department: Label | None = None
        self.department_name = ""
        self.heading = ""

    def read(self) -> Report:
        texts = [strip_markdown(line.replace("\t", "  ")) for line in self.lines]
        labels = [read_label(text) if text else None for text in texts]
        tables = find_tables(
            self.lines,
            lambda index: labels[index] is not None or read_amounts(texts[index]) is not None,
        )
        parts = list(self._parts(texts, labels, tables))
        self.ranks = learn_ranks([part.label for part in parts if isinstance(part, Line)])
        self.department = find_department(parts)
        position = 0
        while position < len(parts):
            part = parts[position]
            if isinstance(part, Table):
                self._close_pending()
                self._owner().blocks.append(part)
                self.unit = ""
                position += 1
            elif end := self._policies_end(parts, position):
                self._take_policies(part, parts[position + 1 : end])
                position = end
            else:
                position += self._take(parts, position)
        self._close_pending()
        return self._report()

    def _parts(self, texts, labels, tables) -> Iterator[Line | Table]:
        """Yield tables and lines of text in order; page numbers become remarks."""
        headers = find_page_headers(texts)
        index = 0
        while index < len(texts):
            if index in tables:
                table, index = tables[index]
                yield table
                continue
            text = texts[index]
            if not text:
                if self.lines[index].strip():  # marks of Markdown and nothing else
                    self._remark(index + 1, self.lines[index], "文字のない行です。", True)
            elif is_contents_line(text):
                self._remark(index + 1, text, "目次の行と読みました。", True)
            elif index in headers:
                self._remark(index + 1, text, headers[index], True)
            else:
                yield Line(index + 1, self.lines[index].strip(), text, labels[index])
            index += 1

    def _take(self, parts, position) -> int:
        """Place one line, or more where they belong together; return how many."""
        line = parts[position]
        if unit := read_unit_note(line.text):
            self.unit = unit
        if self.pending is not None:
            taken = self._take_pending(line)
            if taken:
                return 1
        if self._is_title(line):
            self.title_lines.append(line.number)
            self.titles.append(line.text)
            return 1
        is_below = bool(self.path) and not self.path[-1].blocks and not self.path[-1].amounts
        amounts = amounts_in(line.text, self.unit, line.label is not None or is_below)
        if amounts and not amounts.before and self.path:
            return self._take_amount(line, amounts)
        if amounts and is_below and self._continues_heading(line, amounts):
            item = self.path[-1]
            item.name += squeeze(amounts.before)
            item.heading_lines.append(line.number)
            self._use_amounts(item, amounts, line)
            self.pending = line if amounts.is_open else None
            self._remark(line.number, line.text, "見出しの名称の続きと金額を読みました。")
            return 1
        if line.label is not None and self._is_heading(parts, position, amounts):
            return self._take_heading(parts, position)
        owner = self._owner()
        if self.path and not owner.blocks and "amount_yen" not in owner.amounts:
            bare = read_bare_amount(line.text, self.unit)
            if bare is not None and bare[0] is not None:
                self._set_amounts(owner, {"amount_yen": bare[0]}, line)
                owner.amount_lines.append(line.number)
                self._remark(
                    line.number, line.text, "「決算額」と書かれていない金額を、決算額と読みました。"
                )
                return 1
        self._add_text(line)
        return 1

    def _is_title(self, line: Line) -> bool:
        label, text = line.label, squeeze(line.text)
        if self.department and label and label.style == self.department.style:
            if not self.heading:
                self.introduction.locator = f"{label.printed.replace(' ', '')} "
                self.heading = f"{label.printed.replace(' ', '')} {squeeze(label.rest)}".strip()
                self.department_name = squeeze(label.rest)
            elif label.number == self.department.number:
                same = squeeze(label.rest) == self.department_name
                reason = "表題の繰り返しです。" if same else "同じ番号で、名称の違う表題です。"
                if not same or self.items:
                    self._remark(line.number, line.text, reason)
            return True
        if self.items or self.introduction.blocks or self.policies or is_sentence(text):
            return False
        if label is None and len(text) <= 60 and TITLE.search(text):
            return True
        if (
            label is None
            and not self.heading
            and DEPARTMENT.fullmatch(text)
            and not self.department
        ):
            self.heading = self.department_name = text
            return True
        return False

    # Headings

    def _is_heading(self, parts, position: int, amounts) -> bool:
        """Tell a heading from a numbered sentence; the latter goes to the body."""
        line = parts[position]
        label, following = line.label, _line_at(parts, position + 1)
        parent = self._parent_of(label)
        due = parent.last_numbers.get(label.style, 0) + 1
        owner = self._owner()
        names_amount = amounts is not None or read_trailing_amount(line.text, self.unit)
        if not label.is_sure and label.number != due:
            return False
        is_wrapped = following is not None and (
            following.number == line.number + 1
            and following.label is None
            and is_wrapped_sentence(label.rest, following.text)
        )
        if (is_sentence(label.rest) or is_wrapped) and not names_amount:
            owner.sentences = (label.style, label.number)
            if label.style in ("1", "(1)", "①") and label.number == due > 1:
                self._remark(line.number, line.text, "番号がありますが、文なので本文に入れました。")
            return False
        if owner.sentences == (label.style, label.number - 1) and not names_amount:
            owner.sentences = (label.style, label.number)
            self._remark(line.number, line.text, "番号の付いた文の続きと読み、本文に入れました。")
            return False
        if label.style in ("ア", "a", "一") and due == 1 < label.number:
            # A letter alone is more often a broken word than the third of its kind.
            self._remark(line.number, line.text, "前の番号がないため、本文に入れました。")
            return False
        name = amounts.before if amounts else line.text
        if len(name) > MAX_NAME:
            self._remark(line.number, line.text, "長すぎるため、見出しにせず本文に入れました。")
            return False
        if len(parent.code.split(".")) >= MAX_LEVEL:
            self._remark(line.number, line.text, f"{MAX_LEVEL}段より深いため、本文に入れました。")
            return False
        return True

    def _take_heading(self, parts, position) -> int:
        line = parts[position]
        label = line.label
        text, numbers = label.rest, [line.number]
        while len(numbers) < MAX_JOINED and (not text or opens_bracket(text)):
            following = _line_at(parts, position + len(numbers))
            if following is None or not _continues_name(following):
                break
            text += following.text
            numbers.append(following.number)
        parent = self._parent_of(label)
        while self.path and self.path[-1] is not parent:
            self.path.pop()
        code = f"{parent.code}.{label.number}".lstrip(".")
        self._check_number(line, label, parent)
        amounts = amounts_in(text, self.unit, True)
        if amounts and amounts.is_cost and not amounts.before:
            amounts = None
        name = squeeze(amounts.before if amounts else text)
        item = _Draft(code, label.printed, "", label.style, numbers, parent or None)
        item.locator = parent.locator + label.printed
        self.items.append(item)
        self.path.append(item)
        if amounts:
            self._use_amounts(item, amounts, line)
            if amounts.is_open:
                self.pending = line
        elif trailing := read_trailing_amount(text, self.unit):
            name = squeeze(trailing[0])
            item.amounts["amount_yen"] = trailing[1]
            self._remark(
                line.number, line.text, "「決算額」と書かれていない金額を、決算額と読みました。"
            )
        item.name = name
        if not name:
            self._remark(line.number, line.text, "名称のない見出しです。")
        return len(numbers)

    def _continues_heading(self, line: Line, amounts) -> bool:
        """Tell whether a line right under a heading is the end of its name, with the amount."""
        before = amounts.before
        is_plain = not BULLET.match(before) and not BRACKETED.match(before)
        return (
            line.label is None
            and is_plain
            and not amounts.is_cost
            and not is_sentence(line.text)
            and len(self.path[-1].name + before) <= MAX_NAME
            and self.path[-1].heading_lines[-1] == line.number - 1
        )

    def _parent_of(self, label: Label) -> _Draft:
        """Return the open item under which a number of this style stands."""
        rank = self.ranks[label.style]
        for item in reversed(self.path):
            if self.ranks[item.style] < rank:
                return item
        return self.introduction

    def _check_number(self, line: Line, label: Label, parent: _Draft) -> None:
        last = parent.last_numbers.get(label.style, 0)
        number = label.number
        if number != last + 1:
            if number == last:
                reason = f"番号「{label.printed}」が続けて2回あります。"
            elif number < last:
                reason = f"番号が{last}から{number}へ戻っています。"
            elif last:
                reason = f"番号が{last}から{number}へ飛んでいます。"
            else:
                reason = f"番号が{number}から始まっています。"
            self._remark(line.number, line.text, f"{reason}資料の番号のままにしました。")
        if len(parent.last_numbers) and label.style not in parent.last_numbers:
            self._remark(line.number, line.text, "同じ段に、形の違う番号があります。")
        above = tuple(int(part) for part in parent.code.split(".") if part)
        if label.prefix and label.prefix != above[-len(label.prefix) :]:
            self._remark(line.number, line.text, "番号の前の部分が、上位の項目の番号と違います。")
        parent.last_numbers[label.style] = number

    # Amounts

    def _take_amount(self, line: Line, amounts) -> int:
        item = self.path[-1]
        item.amount_lines.append(line.number)
        self._use_amounts(item, amounts, line)
        if amounts.is_open:
            self.pending = line
        return 1

    def _take_pending(self, line: Line) -> bool:
        """Take the amount whose 「決算額」 ended the line before."""
        read = read_bare_amount(line.text, self.unit)
        if read is None:
            self._close_pending()
            return False
        item = self.path[-1]
        item.amount_lines.append(line.number)
        amount, problem = read
        if problem:
            self._remark(line.number, line.text, f"{problem}決算額は空欄にしました。")
        elif amount is not None:
            self._set_amounts(item, {"amount_yen": amount}, line)
        self.pending = None
        return True

    def _close_pending(self) -> None:
        if self.pending is not None:
            self._remark(self.pending.number, self.pending.text, "「決算額」の金額がありません。")
            self.pending = None

    def _use_amounts(self, item: _Draft, amounts, line: Line) -> None:
        for problem in amounts.problems:
            self._remark(line.number, line.text, problem)
        self._set_amounts(item, amounts.yen, line)
        if amounts.is_cost:
            self._remark(
                line.number, line.text, "「決算額」ではない言葉の金額を、決算額と読みました。"
            )
        if amounts.after.strip("）)】〕 　"):
            self._remark(
                line.number, amounts.after, "金額の後ろの文字です。どこにも入れていません。"
            )

    def _set_amounts(self, item: _Draft, yen: dict[str, int], line: Line) -> None:
        for name, amount in yen.items():
            if item.amounts.setdefault(name, amount) != amount:
                self._remark(
                    line.number,
                    line.text,
                    f"「{item.code} {item.name}」には別の金額がすでにあります。初めの額を残しました。",
                )

    # Text

    def _add_text(self, line: Line) -> None:
        """Add a line to the body, to the paragraph before it where the sentence goes on."""
        blocks = self._owner().blocks
        last = blocks[-1] if blocks else None
        if (
            isinstance(last, Paragraph)
            and len(last.lines) < 200
            and last.lines[-1] == line.number - 1
        ):
            joined = f"{last.text}\n{line.raw}" if len(last.text) < 20_000 else None
            if joined:
                blocks[-1] = Paragraph(joined, (*last.lines, line.number))
                return
        blocks.append(Paragraph(line.raw, (line.number,)))

    def _owner(self) -> _Draft:
        return self.path[-1] if self.path else self.introduction

    def _policies_end(self, parts, position: int) -> int | None:
        if self.items or self.policies:
            return None
        return find_policies_end(parts, position, self.ranks)

    def _take_policies(self, heading: Line, lines: list[Line]) -> None:
        self.policy_heading = "\n".join(filter(None, (self.policy_heading, heading.text)))
        self.policies, unread = read_policies(lines)
        left = {line.number for line in unread}
        self.policy_lines += [line.number for line in (heading, *lines) if line.number not in left]
        for line in unread:
            self._remark(line.number, line.text, "重点施策の中の文です。", True)

    # The end

    def _report(self) -> Report:
        self._remark_repeated_codes()
        items = tuple(self._finish(draft) for draft in self.items)
        if not items:
            self._remark(1, "", "番号の付いた見出しが1つも見付かりません。")
        return Report(
            self.department.number if self.department else None,
            self.department_name,
            self.heading,
            tuple(self.titles),
            tuple(self.title_lines),
            tuple(self.introduction.blocks),
            self.policy_heading,
            tuple(self.policies),
            tuple(self.policy_lines),
            items,
            tuple(sorted(self.remarks, key=lambda remark: remark.line)),
        )

    def _remark_repeated_codes(self) -> None:
        counts = Counter(item.code for item in self.items)
        for item in self.items:
            if counts[item.code] > 1:
                self._remark(
                    item.heading_lines[0],
                    f"{item.label} {item.name}",
                    f"項目番号「{item.code}」が{counts[item.code]}か所にあります。",
                )

    def _finish(self, draft: _Draft) -> ReportItem:
        figures: list[ReportFigure] = []
        keys: Counter[tuple[str, str, str, str]] = Counter()
        for block in draft.blocks:
            if isinstance(block, Table):
                unit = self._unit_above(block)
                amounts = {} if draft.amounts else read_table_amounts(block, unit)
                if amounts:
                    draft.amounts = amounts
                    self._remark(block.lines[0], draft.name, "決算額を表から読みました。")
                found, remarks = read_table_figures(block, draft.name, unit, bool(amounts))
            else:
                found, remarks = read_text_figures(block, draft.name)
            figures += distinct_keys(found, keys)
            self.remarks += remarks
        amounts = dict(draft.amounts)
        return ReportItem(
            draft.code,
            draft.label,
            draft.name,
            tuple(draft.heading_lines),
            tuple(draft.amount_lines),
            amounts.pop("amount_yen", None),
            tuple(amounts.items()),
            tuple(draft.blocks),
            tuple(_spent_in_the_last_year(figures)),
            draft.locator,
        )

    def _unit_above(self, table: Table) -> str:
        """Return the unit that the line above a table states."""
        index = table.lines[0] - 2
        while index >= 0 and not self.lines[index].strip() and index > table.lines[0] - 5:
            index -= 1
        return read_unit_note(self.lines[index]) if index >= 0 else ""

    def _remark(self, line: int, text: str, reason: str, is_unplaced: bool = False) -> None:
        shown = text if len(text) <= MAX_SHOWN or is_unplaced else f"{text[:MAX_SHOWN]}…"
        self.remarks.append(Remark(line, shown, reason, is_unplaced))


def _line_at(parts, position) -> Line | None:
    part = parts[position] if position < len(parts) else None
    return part if isinstance(part, Line) else None


def _continues_name(line: Line) -> bool:
    text = line.text
    is_plain = line.label is None and not BULLET.match(text) and not is_sentence(text)
    return is_plain and len(text) <= MAX_NAME and amounts_in(text) is None


def _spent_in_the_last_year(figures: list[ReportFigure]) -> list[ReportFigure]:
    """Let the spending of earlier years, printed beside the last, be no part of the settlement."""
    years = {figure.period: _year_of(figure.period) for figure in figures if figure.kind == SPENT}
    last = max(years.values(), default=0)
    return [
        replace(figure, kind="money")
        if figure.kind == SPENT and 0 < years[figure.period] < last
        else figure
        for figure in figures
    ]


def _year_of(period: str) -> int:
    try:
        return parse_fiscal_year(period.removesuffix("度").removesuffix("年") + "年度")
    except FiscalYearError:
        return 0
