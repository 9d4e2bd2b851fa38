"""Moving the items of a settlement's tree. Planning is pure: codes in, new codes out."""

from collections import defaultdict
from collections.abc import Iterable
from enum import StrEnum

from portal import versions

from .item_codes import MAX_LEVEL, code_level, code_number, code_order, parent_code

MAX_NUMBER = 9999


class MoveError(ValueError):
    """A move cannot be made; the text tells a person why."""


class Move(StrEnum):
    UP = "up"
    DOWN = "down"
    OUT = "out"
    IN = "in"


def plan_move(codes: Iterable[str], code: str, move: Move) -> dict[str, str]:
    """Return the new code (value) of each item (key) whose code a move changes.

    Up and down change places with the neighbour; in makes the item the last one below the neighbour
    above it; out puts it after the item that it was below. Whole subtrees follow. What stood after
    the item at its old place closes up by one, what stands after its new place gives way by one:
    gaps that the paper prints stay as they are.
    Raises MoveError where the item cannot go there.
    """
    codes = list(codes)
    below = _group(codes)
    siblings, above = below[parent_code(code)], parent_code(code)
    index = siblings.index(code)
    match move:
        case Move.UP | Move.DOWN:
            other = index + (1 if move == Move.DOWN else -1)
            if not 0 <= other < len(siblings):
                end = "下" if move == Move.DOWN else "上"
                raise MoveError(f"同じ段のいちばん{end}にあります。")
            return _carry(codes, {code: siblings[other], siblings[other]: code})
        case Move.IN:
            if index == 0:
                raise MoveError("同じ段の前に項目がないため、下の段に入れられません。")
            if deepest_level(codes, code) == MAX_LEVEL:
                raise MoveError(f"項目番号は{MAX_LEVEL}段までです。")
            new_above = siblings[index - 1]
            last = max(map(code_number, below[new_above]), default=0)
            places = {code: _child(new_above, last + 1)}
        case Move.OUT:
            if not above:
                raise MoveError("いちばん上の段にあります。")
            aunts = below[parent_code(above)]
            places = {code: _step(above, 1)}
            places |= {aunt: _step(aunt, 1) for aunt in aunts if _sorts_after(aunt, above)}
    return _carry(codes, places | {after: _step(after, -1) for after in siblings[index + 1 :]})


def plan_renumbering(codes: Iterable[str]) -> dict[str, str]:
    """Return what makes the numbers 1, 2, 3 … at each place of the tree, in the order they have."""
    below, new = _group(codes), {"": ""}
    for above in sorted(below, key=code_order):
        for number, code in enumerate(below[above], 1):
            new[code] = _child(new.get(above, above), number)
    return {code: place for code, place in new.items() if code != place}


def list_moves(codes: Iterable[str]) -> dict[str, set[Move]]:
    """Return the moves that each item can make."""
    codes = list(codes)
    deepest = defaultdict(int)
    for code in codes:
        at = code
        while at:
            deepest[at] = max(deepest[at], code_level(code))
            at = parent_code(at)
    moves = {}
    for above, siblings in _group(codes).items():
        for index, code in enumerate(siblings):
            moves[code] = {Move.OUT} if above else set()
            if index:
                moves[code] |= {Move.UP} | ({Move.IN} if deepest[code] < MAX_LEVEL else set())
            if index + 1 < len(siblings):
                moves[code].add(Move.DOWN)
    return moves


def next_codes(codes: Iterable[str]) -> dict[str, str]:
    """Return the code after the last one below each item, and under "" after the last topmost one."""
    codes = list(codes)
    last = dict.fromkeys(["", *codes], 0)
    for code in codes:
        above = parent_code(code)
        last[above] = max(last.get(above, 0), code_number(code))
    return {above: f"{above}.{number + 1}".removeprefix(".") for above, number in last.items()}


def deepest_level(codes: Iterable[str], code: str) -> int:
    """Return the level of the deepest item at or below `code`."""
    return max(code_level(each) for each in codes if f"{each}.".startswith(f"{code}."))


def apply_codes(settlement, new_codes: dict[str, str]):
    """Give the items of a settlement new codes, and the parents and the order that follow.

    All at once, with the search index; the items keep their numbers, so that what names them
    (efforts, costs, figures) goes along. Belongs into a transaction that holds the settlement.
    Raises MoveError where two items would have one code.
    """
    content = versions.take(settlement)
    rows = content["budgets.settlementitem"]
    for row in rows:
        row["code"] = new_codes.get(row["code"], row["code"])
        row["code_order"] = code_order(row["code"])
    numbers = {row["code"]: row["pk"] for row in rows}
    if len(numbers) < len(rows):
        raise MoveError("動かした先の項目番号が、ほかの項目と重なります。番号を直してください。")
    for row in rows:
        row["parent_id"] = numbers.get(parent_code(row["code"]))
    versions.put(settlement, content)


def _group(codes) -> dict[str, list[str]]:
    below = defaultdict(list)
    for code in sorted(codes, key=code_order):
        below[parent_code(code)].append(code)
    return below


def _carry(codes, places) -> dict[str, str]:
    """Return the new code of each item at or below one that gets a new place."""
    new_codes = {}
    for code in codes:
        at = code
        while at and at not in places:
            at = parent_code(at)
        if at:
            new_codes[code] = places[at] + code.removeprefix(at)
    return new_codes


def _child(above, number) -> str:
    if number > MAX_NUMBER:
        raise MoveError(f"項目番号は{MAX_NUMBER}までです。先に番号を振り直してください。")
    return f"{above}.{number}" if above else str(number)


def _step(code, by) -> str:
    return _child(parent_code(code), code_number(code) + by)


def _sorts_after(code, other) -> bool:
    return code_order(code) > code_order(other)
