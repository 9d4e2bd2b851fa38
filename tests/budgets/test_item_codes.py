"""Codes sort by number, and labels go on where the printed ones end."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgets.item_codes import (
    CODE_PATTERN,
    code_level,
    code_number,
    code_order,
    item_label,
    parent_code,
)

codes = st.lists(st.integers(1, 9999), min_size=1, max_size=8).map(
    lambda numbers: ".".join(map(str, numbers))
)


def numbers(code):
    return [int(part) for part in code.split(".")]


def test_a_code_tells_level_number_and_parent():
    assert (code_level("1.7.2.1"), code_number("1.7.2.1"), parent_code("1.7.2.1")) == (
        4,
        1,
        "1.7.2",
    )
    assert (code_level("12"), code_number("12"), parent_code("12")) == (1, 12, "")


def test_codes_sort_by_number():
    shuffled = ["1.10", "10", "1.2", "2", "1", "1.2.1", "1.1"]
    assert sorted(shuffled, key=code_order) == ["1", "1.1", "1.2", "1.2.1", "1.10", "2", "10"]


@given(st.lists(codes))
def test_the_order_text_sorts_as_the_numbers_do(many):
    assert sorted(many, key=code_order) == sorted(many, key=numbers)


@given(codes)
def test_a_descendant_starts_with_its_ancestors_order(code):
    assert re.fullmatch(CODE_PATTERN, code)
    assert code_order(f"{code}.3").startswith(f"{code_order(code)}.")
    assert len(code_order(code)) == 5 * code_level(code) - 1


@pytest.mark.parametrize("code", ["", "0", "01", "1.", ".1", "1..2", "1.0", "1.2a", "１", "10000"])
def test_what_is_no_code(code):
    assert not re.fullmatch(CODE_PATTERN, code)


@pytest.mark.parametrize(
    ("level", "labels"),
    [
        (1, {1: "1", 10: "10"}),
        (2, {1: "(1)", 11: "(11)"}),
        (3, {1: "①", 20: "⑳", 21: "㉑", 35: "㉟", 36: "㊱", 50: "㊿", 51: "○51"}),
        (4, {1: "ア", 5: "オ", 44: "ワ", 46: "ン", 47: "アア", 48: "アイ", 92: "アン", 93: "イア"}),
        (5, {2: "(イ)", 47: "(アア)"}),
        (6, {1: "a", 26: "z", 27: "aa"}),
        (7, {28: "(ab)"}),
        (8, {3: "(3)"}),
    ],
)
def test_labels(level, labels):
    assert {number: item_label(level, number) for number in labels} == labels


@given(st.integers(1, 8), st.integers(1, 9998))
def test_neighbours_have_different_labels(level, number):
    assert item_label(level, number) != item_label(level, number + 1)
