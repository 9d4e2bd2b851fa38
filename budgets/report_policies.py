"""The priority policies 重点施策 at the beginning of a report, each with its main efforts. Pure."""

import re

from .report_lines import BRACKETED, BULLET, is_sentence, opens_bracket, squeeze
from .report_parts import ReportPolicy, Table
from .report_structure import Line, amounts_in

POLICY_WORDS = re.compile(r"重点施策|重点的に取り組|重点事業|主な取組|主要な取組|重点項目")


def find_policies_end(parts, position: int, ranks: dict[str, int]) -> int | None:
    """Return where the priority policies end that a line announces, or None."""
    line = parts[position]
    if not isinstance(line, Line) or is_sentence(line.text):
        return None
    text = squeeze(line.text)
    if line.label or len(text) > 60 or not POLICY_WORDS.search(text) or BULLET.match(text):
        return None
    style, number, last = "", 0, position
    index = position + 1
    while index < len(parts):
        part = parts[index]
        if isinstance(part, Table) or BRACKETED.fullmatch(part.text):
            break
        label = part.label if part.label and not is_sentence(part.label.rest) else None
        if label and label.style == style and label.number <= number:
            break
        if amounts_in(part.text) is not None:
            # Numbers with an amount are items, and so is what stands above them.
            return last if style and last > position else index
        if label:
            style = style or label.style
            if label.style == style:
                number, last = label.number, index
            elif ranks[label.style] < ranks[style]:
                break
        index += 1
    return index if index > position + 1 else None


def read_policies(lines: list[Line]) -> tuple[list[ReportPolicy], list[Line]]:
    """Return the policies that lines list, and the lines that are neither policy nor effort."""
    policies, unread = [], []
    style, name, efforts, number = "", "", [], 0
    for line in lines:
        label, text = line.label, squeeze(line.text)
        bullet = BULLET.match(text)
        if label and not bullet and (not style or label.style == style):
            if name:
                policies.append(ReportPolicy(name, tuple(efforts), number))
            style, name, efforts, number = label.style, squeeze(label.rest), [], line.number
        elif name and (bullet or label):
            efforts.append(text[bullet.end() :].strip() if bullet else squeeze(label.rest))
        elif efforts and opens_bracket(efforts[-1]):
            efforts[-1] += text
        elif name and not efforts and opens_bracket(name):
            name += text
        elif bullet:
            policies.append(ReportPolicy(text[bullet.end() :].strip(), (), line.number))
        else:
            unread.append(line)
    if name:
        policies.append(ReportPolicy(name, tuple(efforts), number))
    return policies, unread
