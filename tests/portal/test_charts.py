"""Charts as numbers: areas, labels, shares, and colours that can be told apart."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.charts import (
    PADDING,
    TREEMAP_FRAMES,
    Slice,
    make_bars,
    make_stack,
    make_treemap,
    make_treemaps,
    share_percents,
)
from portal.text_lines import NO_START, measure, wrap

FRAME = TREEMAP_FRAMES[0]
NAMES = [
    "庁内ネットワーク用パソコン等整備",
    "群馬自治体情報セキュリティクラウド",
    "「群馬県インターネット上の誹謗中傷等の被害者支援等に関する条例」の制定",
    "DX",
]
amounts = st.lists(st.integers(1, 10**13), min_size=1, max_size=60)


def slices(values):
    return [
        Slice(f"{NAMES[i % len(NAMES)]}{i}", yen, f"/items/{i}/") for i, yen in enumerate(values)
    ]


@given(amounts, st.sampled_from(TREEMAP_FRAMES))
def test_rectangles_fill_the_frame_without_overlap(values, frame):
    rects = make_treemap(slices(values), frame).rects
    assert len(rects) == len(values)
    area = sum(rect.width * rect.height for rect in rects)
    assert area == pytest.approx(frame.width * frame.height, rel=1e-6)
    for rect in rects:
        assert rect.x >= -0.01
        assert rect.y >= -0.01
        assert rect.x + rect.width <= frame.width + 0.01
        assert rect.y + rect.height <= frame.height + 0.01


@given(amounts)
def test_an_area_is_in_proportion_to_its_amount(values):
    total = sum(values)
    for rect in make_treemap(slices(values), FRAME).rects:
        share = rect.mark.slice.amount_yen / total
        if share > 1e-6:
            drawn = rect.width * rect.height / (FRAME.width * FRAME.height)
            assert drawn == pytest.approx(share, rel=1e-3)


@given(amounts, st.sampled_from(TREEMAP_FRAMES))
def test_a_label_stays_within_its_rectangle(values, frame):
    for rect in make_treemap(slices(values), frame).rects:
        if rect.label is None:
            continue
        lines = [*rect.label.lines, *filter(None, [rect.label.amount_line])]
        for line in lines:
            assert line.x >= rect.x
            right = line.x + measure(line.text) * rect.label.font_size
            assert right <= rect.x + rect.width + 0.01
            assert rect.y <= line.y - 0.8 * rect.label.font_size
            assert line.y + 0.29 * rect.label.font_size <= rect.y + rect.height + 0.01
        assert PADDING > 0


def test_what_has_no_name_in_the_picture_is_numbered_and_listed():
    treemap = make_treemap(slices([10**9, *[10**5] * 20]), FRAME)
    named = {
        rect.mark.slice.name
        for rect in treemap.rects
        if rect.label and not rect.label.lines[0].text.isdigit()
    }
    listed = {mark.slice.name for mark in treemap.small}
    assert named | listed == {rect.mark.slice.name for rect in treemap.rects}
    assert not named & listed


def test_what_cannot_be_drawn_is_left_out_and_said():
    treemap = make_treemap(slices([5000, None, 0, -3000]), FRAME)
    assert [mark.amount for mark in treemap.left_out] == ["資料に記載なし", "0千円", "▲3千円"]
    assert make_treemaps(slices([None, 0])) == []


def test_amounts_are_written_with_all_their_digits():
    (rect,) = make_treemap([Slice("寄附", 30_245_843)], FRAME, "千円").rects
    assert rect.mark.title == "寄附　30,245.843千円"


def test_bars_start_at_one_zero():
    bars = make_bars(slices([100, None, -25]))
    assert [(bar.start, bar.width) for bar in bars] == [(20, 80), (None, None), (0, 20)]


@given(st.lists(st.integers(0, 10**13), min_size=1, max_size=20).filter(any))
def test_shares_come_to_exactly_a_hundred(values):
    assert sum(share_percents(values)) == Decimal("100.0")


def test_a_stack_has_a_part_for_each_amount():
    stack = make_stack(slices([600_000, 300_000, 100_000, None]))
    assert [segment.percent_text for segment in stack.segments] == ["60.0%", "30.0%", "10.0%"]
    assert [segment.start for segment in stack.segments] == [0, 60, 90]
    assert [mark.amount for mark in stack.left_out] == ["資料に記載なし"]
    assert make_stack(slices([0, 0])).segments == []


@given(st.text("県政ー、。）（のアDX1 ", min_size=1, max_size=40), st.integers(2, 20))
def test_lines_fit_and_lose_nothing(text, width):
    lines = wrap(text, width, 50)
    if lines is None:
        return
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(measure(line) <= width + 1e-9 for line in lines)


def test_no_line_begins_with_a_closing_mark():
    lines = wrap("コンピューター（計算機）、サーバー", 6, 6)
    assert all(line[0] not in NO_START for line in lines[1:])


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_every_tone_stands_out_from_the_paper_and_carries_its_text():
    css = (Path(__file__).parents[2] / "portal/static/portal/portal.css").read_text()
    palettes = re.findall(r"(?:--tone-\d: #[0-9a-f]{6};[^\n]*\s+){8}", css)
    inks = re.findall(r"--on-tone: (#[0-9a-f]{6})", css)
    assert len(palettes) == len(inks) == 2
    for palette, ink, paper in zip(palettes, inks, ["#ffffff", "#14161c"], strict=True):
        tones = re.findall(r"#[0-9a-f]{6}", palette)
        for tone in tones:
            assert contrast(tone, paper) >= 3
            assert contrast(tone, ink) >= 4.5
