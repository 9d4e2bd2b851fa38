"""Japanese text set in lines: its width in em, and where a line may end. Pure.

The widths are upper bounds for common Japanese gothic fonts: no font file is at hand, and a label
that is measured too wide is merely set smaller, while one measured too narrow would overflow.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise, takewhile
from math import inf

# Kinsoku (JIS X 4051): characters that begin no line, and that end none.
CLOSING = set("、。，．,.・：；:;？！?!）)］]｝}〉》」』】〕’”")
NO_START = CLOSING | set("ーゝゞ々〻…‥％%‰℃〜～ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ")
NO_END = set("（(［[｛{〈《「『【〔‘“￥¥▲△#＃№")
PIECE = re.compile(r"[!-~¥]+|\s+|.", re.DOTALL)
SCRIPT = re.compile(r"(?P<kanji>[一-鿿㐀-䶿豈-﫿々])|(?P<hiragana>[ぁ-ゟ])|(?P<katakana>[ァ-ヿｦ-ﾟ])")

# What a break costs: little between phrases, more where scripts change, most inside a word.
FREE, PHRASE, CHANGE, BEFORE_HIRAGANA = 0, 1, 3, 9
SAME_SCRIPT = {"kanji": 5, "hiragana": 6, "katakana": 12}
ODD_KANJI = 4  # most words of kanji have two, so a break after the first or third splits one
UNEVEN = 2  # for a line left empty
# What each further line costs: first let words stay whole, then use as few lines as can be.
LINE_COSTS = (2, 1000)


def measure(text: str) -> float:
    """Return the width of a line in em: 1 for a full-width character, 0.64 for a digit."""
    return sum(map(_width, text))


@lru_cache(maxsize=4096)
def wrap(text: str, width: float, max_lines: int) -> tuple[str, ...] | None:
    """Return the lines of a text, each at most `width` em, or None where it does not fit.

    A word in Latin letters stays whole, and no line begins with a closing bracket or a small kana.
    ("メディア・コンテンツ推進", 8, 2) -> ("メディア・", "コンテンツ推進").
    """
    if measure(text) > width * max_lines:
        return None
    pieces = _split(text)
    for line_cost in LINE_COSTS:
        lines = _break(pieces, width, line_cost)
        if lines is not None and len(lines) <= max_lines:
            return lines
    return None


def _width(character: str) -> float:
    if unicodedata.combining(character):
        return 0
    if unicodedata.east_asian_width(character) in "WFA" or character in "MW@%mw":
        return 1
    return 0.77 if character.isupper() else 0.64


def _split(text: str) -> list[str]:
    """Return the pieces that no line break may enter."""
    pieces: list[str] = []
    for piece in PIECE.findall(text.strip()):
        if pieces and (piece.isspace() or piece[0] in NO_START or pieces[-1][-1] in NO_END):
            pieces[-1] += piece
        else:
            pieces.append(piece)
    return pieces


def _break(pieces: Sequence[str], width: float, line_cost: int) -> tuple[str, ...] | None:
    """Return the lines whose breaks, number and uneven ends together cost least."""
    best = [(0.0, 0)]  # for each number of pieces: the least cost, and where its last line starts
    for end in range(1, len(pieces) + 1):
        cheapest, room = (inf, 0), width
        for start in range(end - 1, -1, -1):
            room -= measure(pieces[start] if start < end - 1 else pieces[start].rstrip())
            if room < 0:
                break
            uneven = UNEVEN * (room / width) ** 2 if end < len(pieces) else 0
            cost = best[start][0] + line_cost + uneven + _break_cost(pieces, start)
            cheapest = min(cheapest, (cost, start))
        best.append(cheapest)
    if best[-1][0] == inf:
        return None
    ends = [len(pieces)]
    while ends[0]:
        ends.insert(0, best[ends[0]][1])
    return tuple("".join(pieces[start:end]).strip() for start, end in pairwise(ends))


def _break_cost(pieces: Sequence[str], index: int) -> int:
    """Return what a line break before `pieces[index]` costs."""
    if index == 0:
        return FREE
    before, after = pieces[index - 1][-1], pieces[index][0]
    if before.isspace() or before in CLOSING or after in NO_END:
        return FREE
    left, right = _script(before), _script(after)
    if left != right:
        if left == "hiragana":
            return PHRASE
        return BEFORE_HIRAGANA if right == "hiragana" else CHANGE
    cost = SAME_SCRIPT.get(left, CHANGE)
    if left == "kanji":
        run = takewhile(lambda piece: _script(piece[-1]) == "kanji", reversed(pieces[:index]))
        cost += ODD_KANJI * (sum(1 for _ in run) % 2)
    return cost


def _script(character: str) -> str | None:
    match = SCRIPT.match(character)
    return match.lastgroup if match else None
