"""One line of a report: its letters and its numbering. Pure, and linear in its length."""

import re
import unicodedata
from typing import NamedTuple

# The order of numbering, from the outermost to the innermost, unless a report nests otherwise.
STYLES = (
    "第1編", "第1部", "第1章", "第1節", "第1", "政策", "政策1-1", "施策", "施策1-1", "1款", "1項", "1目",
    "Ⅰ", "Ⅰ-1", "一", "1", "1-1", "1-1-1", "(一)", "(1)", "<1>", "①", "1)", "ア", "(ア)", "ア)",
    "a", "(a)", "ⅰ",
)  # fmt: skip
CHAPTERS = ("第1編", "第1部", "第1章", "第1節", "第1")
MAX_NUMBER = 199
MAX_NAME = 120
MIN_WRAPPED = 28

# One character for one, so that places in the plain text are places in the printed one.
PLAIN = str.maketrans(
    {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
    | {"\u3000": " ", "\xa0": " ", "\t": " ", "〜": "~", "−": "-", "‐": "-", "‑": "-", "–": "-"}
)
KANA = (
    "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲン"
)
KANJI_DIGITS = "〇一二三四五六七八九"
ROMANS = "ⅠⅡⅢⅣⅤⅥⅦⅧⅨⅩⅪⅫ"
SMALL_ROMANS = "ⅰⅱⅲⅳⅴⅵⅶⅷⅸⅹⅺⅻ"
CIRCLES = {
    **{chr(ord("①") + n): n + 1 for n in range(20)},
    **{chr(ord("㉑") + n): n + 21 for n in range(15)},
    **{chr(ord("㊱") + n): n + 36 for n in range(15)},
    **{chr(ord("❶") + n): n + 1 for n in range(10)},
}
BULLET = re.compile(r"(?:[-*+] +)?[・･•●○◎◆◇■□▼▽★☆※→⇒▪◦]|[-*+–—] ")
BRACKETED = re.compile(r"[【〔［\[＜<《]\s*([^】〕］\]＞>》]{1,60})[】〕］\]＞>》]\s*")
MARKDOWN = re.compile(r"\s*(#{1,6}\s+|\*\*)")

LABELS = [
    (re.compile(pattern), style)
    for pattern, style in [
        (r"第 ?([0-9]{1,3}|[一二三四五六七八九十]{1,3}) ?(編|部|章|節|款|項|目)(?=[ :、.]|$|\S)", "第"),
        (r"第 ?([0-9]{1,3}|[一二三四五六七八九十]{1,3})(?: +|[、.:])(?=\S)", "第1"),
        (r"([0-9]{1,3}) ?(款|項|目) +(?=\S)", "款"),
        (
            r"(基本目標|基本方針|目標|政策|戦略|柱|分野|施策|取組) ?([0-9]{1,2})(?:-([0-9]{1,2}))?(?:[ :.、]+)(?=\S)",
            "政策",
        ),
        (r"([Ⅰ-Ⅻ])-([0-9]{1,2})[ .、]+(?=\S)", "Ⅰ-1"),
        (r"([Ⅰ-Ⅻ])[ .、]*", "Ⅰ"),
        (r"([ⅰ-ⅻ])[ .、]*", "ⅰ"),
        (r"\( ?([0-9]{1,3}) ?\) *", "(1)"),
        (r"([⑴-⒇])[ .、]*", "⑴"),
        (r"[<〔\[【]([0-9]{1,3})[>〕\]】] *", "<1>"),
        (r"\(([一二三四五六七八九十]{1,3})\) *", "(一)"),
        (r"([①-⑳㉑-㉟㊱-㊿❶-❿])[ .、]*", "①"),
        (r"\( ?([ア-ンｱ-ﾝ]) ?\) *", "(ア)"),
        (r"\(([a-z])\) *", "(a)"),
        (r"([ア-ンｱ-ﾝ])\) *", "ア)"),
        (r"([0-9]{1,3})\) *", "1)"),
        (r"([0-9]{1,2}(?:[-.][0-9]{1,2}){1,2})(?:[. 、]+)(?=\D)", "1-1"),
        (r"([0-9]{1,3})(?:[.、] *(?=\D)| +(?=\S))", "1"),
        (r"([一二三四五六七八九十]{1,3})(?:[.、]| )+(?=\S)", "一"),
        (r"([ア-ンｱ-ﾝ])(?:[.、]| )+(?=\S)", "ア"),
        (r"([a-z])(?:[.、]| )+(?=\S)", "a"),
        # Without a space: only where this very number is due.
        (r"([0-9]{1,2})(?=[^\W0-9_a-zA-Z])", "1?"),
        (r"([ア-ン])(?=[一-龥「『（(A-Z0-9])", "ア?"),
    ]
]  # fmt: skip
COUNTERS = re.compile(
    r"(?:年|月|日|時|分|回|件|人|名|円|千円|百万円|億円|万|%|％|か所|カ所|ヶ所|箇所|つ|社|団体|市町村"
    r"|歳|台|本|部|校|戸|世帯|ha|km|m|t)(?![一-龥])|[,%/~:.+*=]|[0-9]"
)

COUNTED = re.compile(
    r"[年月日時分回件人名円千万億%％かカヶ箇つ社団市町村歳台本部校戸世期次種区代割点位番号個級階条]"
)

CONTENTS = re.compile(r"(?:[.・…‥･] ?){3,}\s*[0-9]{1,4}$")
SINGLE = r"[^\W\d_]"
SPACED = re.compile(rf"(?<![^\s・、（）()「」]){SINGLE} {SINGLE}(?![^\s・、（）()「」])")
EDGES = " ・、（）()「」『』【】〔〕[]:：,.／/"


class Label(NamedTuple):
    style: str
    number: int
    printed: str
    rest: str
    is_sure: bool = True
    prefix: tuple[int, ...] = ()


def plain(text: str) -> str:
    """Return the text with full-width letters, digits and spaces in half width, place by place."""
    return text.translate(PLAIN)


def squeeze(text: str) -> str:
    """Return the text with letters that were spaced apart put together.

    "区 分" -> "区分"; "I o T ・ A I 導入促進" -> "IoT・AI導入促進"; "A 事業 B 事業" stays.
    """
    text = " ".join(text.replace("\u3000", " ").split()) if "  " in text else text.strip()
    if not _is_spaced(text):
        return text
    kept = []
    for index, character in enumerate(text):
        if character not in " \u3000" or not _is_artefact(text, index):
            kept.append(character)
    return "".join(kept)


def _is_spaced(text: str) -> bool:
    return SPACED.search(text.replace("\u3000", " ")) is not None


def _is_artefact(text: str, index: int) -> bool:
    """Tell whether the space at `index` follows a letter that stands alone in spaced-apart text.

    A whole word before a letter that stands alone keeps its space: 「セミナー 開 催 日」.
    """
    left, right = text[max(index - 2, 0) : index], text[index + 1 : index + 3]
    if not left or not right:
        return True
    if left[-1].isdigit() and right[0].isdigit():
        return False
    if left[-1] in "（(" or right[0] in "）)":
        return True
    is_left_single = len(left) == 1 or left[0] in EDGES + "\u3000"
    is_latin = all(c.isascii() and c.isalpha() for c in (left[-1], right[0]))
    return is_left_single or (is_latin and (len(right) == 1 or right[1] in EDGES + "\u3000"))


def strip_markdown(text: str) -> str:
    """Return a line without the marks of a Markdown heading or of bold: "## **1 総務**"."""
    match = MARKDOWN.match(text)
    if match is None:
        return text.strip()
    text = text[match.end() :].strip()
    if text.startswith("**"):
        text = text[2:]
    return text.removesuffix("**").rstrip("#").strip() if "**" in text else text.strip()


def is_sentence(text: str) -> bool:
    """Tell whether a line is running text: a full stop stands at its end or outside of brackets."""
    depth = 0
    for character in text:
        if character in "（(「『":
            depth += 1
        elif character in "）)」』":
            depth -= 1
        elif character in "。｡" and depth <= 0:
            return True
    return text.endswith(("、", "，", "。", "した", "である", "ます"))


def read_label(text: str) -> Label | None:
    """Return the number that a line starts with, or None: "(2) 総務調整費" -> "(1)" style, 2."""
    line = plain(text)
    for pattern, style in LABELS:
        match = pattern.match(line)
        if match is None:
            continue
        label = _make_label(style, match, text)
        if label is None or not 1 <= label.number <= MAX_NUMBER:
            continue
        return label
    return None


def _make_label(style: str, match: re.Match[str], text: str) -> Label | None:
    printed, rest = text[: match.end()].strip().rstrip(".．、 　"), text[match.end() :].strip()
    digits = match[1]
    following = plain(rest)
    prefix = ()
    match style.rstrip("?"):
        case "第":
            suffix = match[2]
            style = f"第1{suffix}" if suffix in "編部章節" else f"1{suffix}"
            if rest[:1] in ("の", "に", "は"):
                return None
            number = _number_of(digits)
        case "政策":
            style = "施策" if digits in ("施策", "取組") else "政策"
            style += "1-1" if match[3] else ""
            number = int(match[3] or match[2])
            prefix = (int(match[2]),) if match[3] else ()
        case "Ⅰ-1":
            prefix, number = (ROMANS.index(digits) + 1,), int(match[2])
        case "款":
            style, number = f"1{match[2]}", int(digits)
        case "第1" | "一" | "(一)":
            number = _number_of(digits)
        case "Ⅰ":
            number = ROMANS.index(digits) + 1
        case "ⅰ":
            number = SMALL_ROMANS.index(digits) + 1
        case "⑴":
            style, number = "(1)", ord(digits) - ord("⑴") + 1
        case "①":
            number = CIRCLES[digits]
        case "ア" | "(ア)" | "ア)":
            kana = unicodedata.normalize("NFKC", digits)
            if kana not in KANA:
                return None
            number = KANA.index(kana) + 1
        case "a" | "(a)":
            number = ord(digits) - ord("a") + 1
        case "1-1":
            numbers = tuple(map(int, re.split("[-.]", digits)))
            style = "1-1" if len(numbers) == 2 else "1-1-1"
            prefix, number = numbers[:-1], numbers[-1]
        case _:
            number = int(digits)
    is_sure = not style.endswith("?")
    style = style.rstrip("?")
    if following[:1] in tuple(")、。,・･"):
        return None
    if style == "1" and (COUNTERS if is_sure else COUNTED).match(following):
        return None
    if style in ("ア", "a") and re.match(r"\S( |$)", following) and is_sure:
        # "ス マ ー ト" is a word spaced apart; "ア 県 庁 舎" is a number before one.
        is_sure = False
    return Label(style, number, printed, rest, is_sure, prefix)


def _number_of(digits: str) -> int:
    if digits.isdecimal():
        return int(digits)
    tens, ten, ones = digits.rpartition("十")
    total = (KANJI_DIGITS.find(tens) if tens else 1) * 10 if ten else 0
    return total + (KANJI_DIGITS.find(ones) if ones else 0)


def is_page_number(text: str) -> bool:
    """Tell whether a line is nothing but a page's number: "12", "- 12 -", "P.12", "12 / 40"."""
    return (
        re.fullmatch(
            r"[-―─~ ]*(?:p\.? ?|page )?[0-9]{1,4}(?: ?(?:/|頁|ページ) ?[0-9]{0,4})?[-―─~ ]*",
            plain(text)[:40].strip().lower(),
        )
        is not None
        and len(text) <= 40
    )


def is_contents_line(text: str) -> bool:
    """Tell whether a line is one of a table of contents: "総務費 ……… 12"."""
    return CONTENTS.search(plain(text[-80:])) is not None


def is_wrapped_sentence(text: str, following: str) -> bool:
    """Tell whether a long line goes on in the next, where a sentence ends, and is no name."""
    if len(text) < MIN_WRAPPED or not is_sentence(following):
        return False
    breaks = "ぁ" <= text[-1] <= "ん" or opens_bracket(text)
    return breaks or "ぁ" <= following[0] <= "ん" or following[0] in "ー）」"


def opens_bracket(text: str) -> bool:
    """Tell whether a bracket of the text is left open."""
    return any(
        text.count(left) > text.count(right) for left, right in ("「」", "（）", "『』", "()")
    )
