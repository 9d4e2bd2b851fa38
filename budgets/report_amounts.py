"""The amounts that a line of a report names: 決算額 4,016千円. Pure, and linear in its length."""

import re
from dataclasses import dataclass, field

from portal.amounts import UNIT_YEN, AmountError, parse_amount

from .report_lines import opens_bracket, plain

AMOUNT_FIELDS = {
    "決算額": "amount_yen",
    "決算見込額": "amount_yen",
    "支出済額": "amount_yen",
    "当初予算額": "initial_budget_yen",
    "補正予算額": "supplementary_yen",
    "補正額": "supplementary_yen",
    "前年度繰越額": "carried_in_yen",
    "前年度からの繰越額": "carried_in_yen",
    "予算現額": "budget_yen",
    "最終予算額": "budget_yen",
    "翌年度繰越額": "carried_over_yen",
    "翌年度への繰越額": "carried_over_yen",
    "不用額": "unused_yen",
}
# They mean the settled amount where they stand right in or under a heading.
COSTS = ("事業費", "決算", "執行額", "実績額", "支出額")
# Beside a settled amount they are amounts too, of which the paper does not say which.
OTHERS = (
    "予算額",
    "当初予算",
    "予算",
    "前年度決算額",
    "国庫支出金",
    "国費",
    "県債",
    "その他特定財源",
    "一般財源",
)

MAX_LINE = 300
MAX_YEN = 10**15
_YEAR = r"(?:(?:令和|平成|R|H)(?:元|[0-9]{1,2})年度 ?の? ?)?"
AMOUNT_WORD = re.compile(
    rf"[(\[【〔<]*{_YEAR}("
    + "|".join(sorted((*AMOUNT_FIELDS, *COSTS, *OTHERS), key=len, reverse=True))
    + r")[)\]】〕>]? *:? *(?!/)"
)
# A blank that was taken is never given back: many of them would be tried in all ways.
PRINTED_AMOUNT = re.compile(
    r"[(\[【〔<]? *+(?:約? *+[▲△-]? *+[0-9][0-9,. ]*+(?:(?:十億|百万|千万|兆|億|万|千)[0-9,]*)* *+円?"
    r"|皆増|皆減|[▲△-]+|[-―ー－]+) *+[)\]】〕>]?"
)
TRAILING_AMOUNT = re.compile(
    r"(?:(?<=[ )…])|\( *|: *)([▲△-]?[0-9][0-9,.]*)( *(?:億|百万|千|万)?円)? *\)?$"
)
UNIT_NOTE = re.compile(r"単位 *[:・]? *(十億円|百万円|千万円|億円|万円|千円|円)")
GAP = re.compile(r"[ 、,/)(】]*")
AROUND = " \u3000：:…・.‥"


@dataclass(frozen=True)
class Amounts:
    """The amounts of a line by field; `before` and `after` is the text around them.

    `is_open` where the word ends the line, so that the amount must be on the next; `is_cost` where
    a word of COSTS gave the settled amount.
    """

    before: str
    after: str
    yen: dict[str, int] = field(default_factory=dict)
    is_open: bool = False
    is_cost: bool = False
    problems: tuple[str, ...] = ()


def read_amounts(text: str, unit: str = "", *, takes_costs: bool = False) -> Amounts | None:
    """Return the amounts that a line names, or None where it names none of a settlement.

    `unit` counts for a number without one (from 「単位：千円」). `takes_costs` in a heading and
    right under it, where 事業費 is the settled amount.
    """
    if len(text) > MAX_LINE:
        return None
    line = plain(text)
    words = _settled_words(takes_costs)
    first = next((m for m in AMOUNT_WORD.finditer(line) if _may_start(line, m.start())), None)
    yen, problems, word, is_open, is_cost, end = {}, [], first, False, False, 0
    has_field = False
    while word is not None:
        printed = PRINTED_AMOUNT.match(line, word.end())
        name = words.get(word[1], "")
        if printed is None:
            if word.end() == len(line) and name == "amount_yen" and word[1] not in COSTS:
                is_open, end = True, len(line)
            break
        end = printed.end()
        amount, problem = read_amount(printed[0], unit)
        if not name:
            problems.append(f"「{word[1]} {printed[0].strip()}」は、どの額か決まりません。")
        elif problem:
            problems.append(f"{problem}{word[1]}は空欄にしました。")
        elif amount is not None:
            yen.setdefault(name, amount)
        has_field = has_field or bool(name)
        is_cost = is_cost or (word[1] in COSTS and bool(name))
        word = AMOUNT_WORD.match(line, GAP.match(line, end).end())
    if not (has_field or is_open):
        return None
    before = text[: first.start()].rstrip(AROUND)
    return Amounts(before, text[end:].strip(" \u3000"), yen, is_open, is_cost, tuple(problems))


def _settled_words(takes_costs: bool) -> dict[str, str]:
    return AMOUNT_FIELDS | dict.fromkeys(COSTS, "amount_yen") if takes_costs else AMOUNT_FIELDS


def _may_start(line: str, start: int) -> bool:
    """An amount follows a space, a bracket or nothing: not 「前年度の決算額」."""
    return start == 0 or line[start] in "([【〔<" or line[start - 1] in " )]】〕:、"


def read_amount(printed: str, unit: str = "") -> tuple[int | None, str]:
    """Return whole yen and "", or None and a sentence that says what is wrong ("" for a dash)."""
    body = plain(printed).strip(" ()[]【】〔〕<>").replace(" ", "")
    if body in ("皆増", "皆減", "▲", "△"):
        return None, f"「{body}」は金額として読めません。"
    if body.startswith("約"):
        return None, f"「{body}」は概数です。"
    try:
        if not unit and body[-1:].isdigit():
            parse_amount(body)
            return None, f"「{body}」の単位が分かりません。"
        amount = parse_amount(body, unit or "円")
    except AmountError as error:
        return None, str(error)
    if amount is not None and amount < 0:
        return None, f"「{body}」はマイナスの額です。"
    if amount is not None and amount > MAX_YEN:
        return None, f"「{body}」は大きすぎます。"
    return amount, ""


def read_bare_amount(text: str, unit: str = "") -> tuple[int | None, str] | None:
    """Read a line that is nothing but an amount ("59,184千円"); None for any other line."""
    body = plain(text).strip()
    if len(body) > 40 or not PRINTED_AMOUNT.fullmatch(body) or not body.strip("()[]<>- "):
        return None
    return read_amount(body, unit)


def read_trailing_amount(text: str, unit: str = "") -> tuple[str, int] | None:
    """Return the name and the yen of a heading that ends in an amount: "広報費　1,234千円"."""
    if len(text) > MAX_LINE:
        return None
    match = TRAILING_AMOUNT.search(plain(text))
    if match is None or not match.start() or not (match[2] or (unit and "," in match[1])):
        return None
    amount, problem = read_amount(match[1] + (match[2] or ""), unit)
    name = text[: match.start()].strip(AROUND)
    return None if problem or amount is None or opens_bracket(name) else (name, amount)


def read_unit_note(text: str) -> str:
    """Return the unit that a note states: "（単位：千円）" -> "千円"; "" where there is none."""
    match = UNIT_NOTE.search(plain(text[:200]))
    return match[1] if match and match[1] in UNIT_YEN else ""
