"""Items move as staff expect, and whatever is moved, no item is lost and no code is double."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgets.item_codes import MAX_LEVEL, code_level, code_number, code_order, parent_code
from budgets.item_tree import (
    Move,
    MoveError,
    apply_codes,
    list_moves,
    next_codes,
    plan_move,
    plan_renumbering,
)
from tests import builders

TREE = ["1", "1.1", "1.2", "1.2.1", "1.2.2", "1.3", "2"]


def move(codes, code, kind):
    """Return the codes after a move, each in the place of the item that had it."""
    new = plan_move(codes, code, kind)
    assert all(old in codes for old in new)
    return [new.get(each, each) for each in codes]


@st.composite
def trees(draw):
    """Draw the codes of a tree without gaps, in order."""
    codes = []
    for _ in range(draw(st.integers(1, 12))):
        above = draw(st.sampled_from(["", *(c for c in codes if code_level(c) < MAX_LEVEL)]))
        number = sum(parent_code(code) == above for code in codes) + 1
        codes.append(f"{above}.{number}".removeprefix("."))
    return sorted(codes, key=code_order)


def assert_is_whole(codes):
    assert len(set(codes)) == len(codes)
    assert all(parent_code(code) in {"", *codes} for code in codes)
    assert all(code_level(code) <= MAX_LEVEL for code in codes)


def assert_is_gapless(codes):
    for above in {parent_code(code) for code in codes}:
        numbers = sorted(code_number(code) for code in codes if parent_code(code) == above)
        assert numbers == list(range(1, len(numbers) + 1))


class TestOneMove:
    def test_up_changes_places_with_the_one_above_and_takes_what_is_below_along(self):
        assert plan_move(TREE, "1.2", Move.UP) == {
            "1.1": "1.2",
            "1.2": "1.1",
            "1.2.1": "1.1.1",
            "1.2.2": "1.1.2",
        }

    def test_down_changes_places_with_the_one_below(self):
        assert plan_move(TREE, "1.2.1", Move.DOWN) == {"1.2.1": "1.2.2", "1.2.2": "1.2.1"}

    def test_in_makes_an_item_the_last_one_below_the_item_before_it(self):
        assert plan_move(TREE, "1.3", Move.IN) == {"1.3": "1.2.3"}

    def test_in_closes_the_place_that_an_item_leaves(self):
        assert plan_move(TREE, "1.2", Move.IN) == {
            "1.2": "1.1.1",
            "1.2.1": "1.1.1.1",
            "1.2.2": "1.1.1.2",
            "1.3": "1.2",
        }

    def test_out_puts_an_item_after_the_item_that_it_was_below(self):
        assert plan_move(TREE, "1.2", Move.OUT) == {
            "1.2": "2",
            "1.2.1": "2.1",
            "1.2.2": "2.2",
            "1.3": "1.2",
            "2": "3",
        }

    def test_the_tenth_item_stands_after_the_second(self):
        codes = [str(number) for number in range(1, 12)]
        assert plan_move(codes, "10", Move.UP) == {"9": "10", "10": "9"}

    def test_a_gap_that_the_paper_prints_stays(self):
        codes = ["1", "2", "5", "5.3", "9"]
        assert plan_move(codes, "5", Move.UP) == {"2": "5", "5": "2", "5.3": "2.3"}
        assert plan_move(codes, "2", Move.IN) == {"2": "1.1", "5": "4", "5.3": "4.3", "9": "8"}


class TestWhereAnItemCannotGo:
    @pytest.mark.parametrize(
        ("code", "kind", "reason"),
        [
            ("1", Move.UP, "同じ段のいちばん上にあります。"),
            ("2", Move.DOWN, "同じ段のいちばん下にあります。"),
            ("1.3", Move.DOWN, "同じ段のいちばん下にあります。"),
            ("2", Move.OUT, "いちばん上の段にあります。"),
            ("1.1", Move.IN, "同じ段の前に項目がないため、下の段に入れられません。"),
        ],
    )
    def test_it_is_told_why(self, code, kind, reason):
        with pytest.raises(MoveError, match=reason):
            plan_move(TREE, code, kind)

    def test_nothing_goes_deeper_than_the_last_level_with_all_that_is_below_it(self):
        deep = ["1", *(".".join("2" + "1" * depth) for depth in range(MAX_LEVEL))]
        with pytest.raises(MoveError, match="項目番号は8段までです。"):
            plan_move(deep, "2", Move.IN)
        assert Move.IN not in list_moves(deep)["2"]
        assert plan_move(deep[:-1], "2", Move.IN)["2"] == "1.1"

    def test_nothing_gets_a_number_of_five_digits(self):
        with pytest.raises(MoveError, match="項目番号は9999までです。"):
            plan_move(["1", "1.1", "9999"], "1.1", Move.OUT)


@given(trees(), st.data())
def test_any_moves_keep_every_item_and_leave_no_gap(codes, data):
    for _ in range(data.draw(st.integers(1, 6))):
        possible = list_moves(codes)
        code = data.draw(st.sampled_from(sorted(codes)))
        kind = data.draw(st.sampled_from(list(Move)))
        if kind not in possible[code]:
            with pytest.raises(MoveError):
                plan_move(codes, code, kind)
            continue
        index, below = codes.index(code), [each.startswith(f"{code}.") for each in codes]
        codes = move(codes, code, kind)
        assert_is_whole(codes)
        assert_is_gapless(codes)
        assert [each.startswith(f"{codes[index]}.") for each in codes] == below


@given(trees(), st.data())
def test_a_move_back_restores_the_tree(codes, data):
    possible = list_moves(codes)
    code = data.draw(st.sampled_from(codes))
    for kind, back in [(Move.UP, Move.DOWN), (Move.DOWN, Move.UP), (Move.IN, Move.OUT)]:
        if kind in possible[code]:
            moved = move(codes, code, kind)
            assert move(moved, moved[codes.index(code)], back) == codes


@given(trees(), st.data())
def test_renumbering_closes_every_gap_and_keeps_the_order(codes, data):
    assert plan_renumbering(codes) == {}
    step = data.draw(st.integers(2, 9))
    gapped = [".".join(str(int(n) * step) for n in code.split(".")) for code in codes]
    new = plan_renumbering(gapped)
    assert [new.get(code, code) for code in gapped] == codes


@given(trees())
def test_the_next_code_is_free_and_the_last_one_at_its_place(codes):
    for above, code in next_codes(codes).items():
        assert parent_code(code) == above
        assert code not in codes
        assert_is_gapless([*codes, code])


@pytest.mark.django_db
def test_the_items_take_their_codes_at_once_with_parents_order_and_what_names_them():
    settlement = builders.make_settlement(status="draft")
    for code in TREE:
        builders.make_item(settlement, code, name=f"もとの{code}")
    item = settlement.items.get(code="1.2")
    figure = builders.make_settlement_figure(item)
    effort = builders.make_effort(builders.make_policy(settlement), item=item)
    cost = builders.make_cost(item=item)
    apply_codes(settlement, plan_move(TREE, "1.2", Move.OUT))
    found = list(settlement.items.values_list("code", "code_order", "name", "parent__name"))
    assert found == [
        ("1", "0001", "もとの1", None),
        ("1.1", "0001.0001", "もとの1.1", "もとの1"),
        ("1.2", "0001.0002", "もとの1.3", "もとの1"),
        ("2", "0002", "もとの1.2", None),
        ("2.1", "0002.0001", "もとの1.2.1", "もとの1.2"),
        ("2.2", "0002.0002", "もとの1.2.2", "もとの1.2"),
        ("3", "0003", "もとの2", None),
    ]
    for part in (figure, effort, cost):
        part.refresh_from_db()
        assert part.item.code == "2"
    for item in settlement.items.all():
        item.full_clean()


@pytest.mark.django_db
def test_two_items_never_get_one_code():
    settlement = builders.make_settlement(status="draft")
    builders.make_item(settlement, "1")
    builders.make_item(settlement, "2")
    with pytest.raises(MoveError, match="重なります"):
        apply_codes(settlement, {"1": "2"})
    assert list(settlement.items.values_list("code", flat=True)) == ["1", "2"]
