"""Codes and printed labels of the nodes of a settlement's tree. Pure."""

from functools import lru_cache
from string import ascii_lowercase

CODE_PATTERN = r"[1-9][0-9]{0,3}(\.[1-9][0-9]{0,3})*"
MAX_LEVEL = 8
# After an item's order: no item below it sorts later, however a database sorts the full stop.
LAST_BELOW = ".9999" * (MAX_LEVEL - 1)

_KANA = (
    "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲン"
)


def code_level(code: str) -> int:
    """Return the depth of a code: "1" is 1, "1.7.2" is 3."""
    return code.count(".") + 1


def code_number(code: str) -> int:
    """Return the last number of a code: "1.10" is 10."""
    return int(code.rsplit(".", 1)[-1])


def parent_code(code: str) -> str:
    """Return the code one level up: "1.7.2" -> "1.7"; "" for a topmost one."""
    return code.rpartition(".")[0]


@lru_cache(maxsize=10_000)
def code_order(code: str) -> str:
    """Return a text that sorts as the numbers do: "1.10" -> "0001.0010", after "0001.0002".

    A descendant's order starts with its ancestor's order and a full stop.
    """
    return ".".join(part.zfill(4) for part in code.split("."))


def item_label(level: int, number: int) -> str:
    """Return the label that a report prints: 1, (1), ①, ア, (ア), a, (a), then (1) again.

    Circles end at ㊿ in Unicode, after that "○51" stands. ン is followed by アア, アイ …,
    and z by aa.
    """
    match level:
        case 1:
            return str(number)
        case 3:
            return _circled(number)
        case 4:
            return _lettered(number, _KANA)
        case 5:
            return f"({_lettered(number, _KANA)})"
        case 6:
            return _lettered(number, ascii_lowercase)
        case 7:
            return f"({_lettered(number, ascii_lowercase)})"
        case _:
            return f"({number})"


def _circled(number: int) -> str:
    if number <= 20:
        return chr(ord("①") + number - 1)
    if number <= 35:
        return chr(ord("㉑") + number - 21)
    if number <= 50:
        return chr(ord("㊱") + number - 36)
    return f"○{number}"


def _lettered(number: int, letters: str) -> str:
    label = ""
    while number > 0:
        number, rest = divmod(number - 1, len(letters))
        label = letters[rest] + label
    return label
