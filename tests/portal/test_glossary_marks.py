"""Terms are marked where they stand, and nothing else of a text changes."""

import re

from hypothesis import given
from hypothesis import strategies as st

from portal.glossary_marks import mark_terms
from portal.markdown import render_markdown

WORDS = [
    "決算",
    "決算額",
    "柱",
    "PFI",
    "DX",
    "ヤングケアラー",
    "ふるさと納税",
    "企業版ふるさと納税",
]
MARKS = [
    *("# ", "\n\n", "- ", "| a | b |\n|---|---|\n", "[決算](https://example.jp)"),
    *("`", "*", "&", "<b>", "ー", "S", "の", "“", ">"),
]


def mark(html, words=WORDS):
    return mark_terms(html, words, lambda word: f"[{word}]")


def test_the_longest_term_is_marked_and_not_the_one_within_it():
    assert mark("<p>決算額と企業版ふるさと納税</p>") == "<p>[決算額]と[企業版ふるさと納税]</p>"


def test_a_term_is_marked_at_its_first_place_in_each_section():
    html = "<p>決算と決算</p><p>決算</p><h3>次</h3><p>決算と決算</p>"
    assert mark(html) == "<p>[決算]と決算</p><p>決算</p><h3>次</h3><p>[決算]と決算</p>"


def test_headings_links_code_and_buttons_stay_as_they_are():
    for tag in ("h3", "a", "code", "pre", "button", "dfn"):
        html = f"<{tag}>決算<em>決算</em></{tag}>"
        assert mark(html) == html
    html = "<a><code>決算</code>決算</a>決算"
    assert mark(html) == "<a><code>決算</code>決算</a>[決算]"


def test_a_word_in_letters_or_katakana_is_not_found_within_a_longer_one():
    html = "<p>SPFI PFIS PFI2 ＰPFI ヤングケアラーズ ヤングケアラー。DX推進、PFI</p>"
    assert (
        mark(html)
        == "<p>SPFI PFIS PFI2 ＰPFI ヤングケアラーズ [ヤングケアラー]。[DX]推進、[PFI]</p>"
    )


def test_a_word_of_one_kanji_stands_alone():
    assert mark("<p>電柱と柱書きと、7つの柱で</p>") == "<p>電柱と柱書きと、7つの[柱]で</p>"


def test_entities_and_attributes_are_no_text():
    html = '<th class="決算">&amp;</th><td title="a>決算">x</td>'
    assert mark(html, ["決算", "amp"]) == html


def test_without_terms_a_text_stays_as_it_is():
    assert mark("<p>決算</p>", []) == "<p>決算</p>"
    assert mark("<p>決算</p>", [""]) == "<p>決算</p>"


@given(st.lists(st.sampled_from([*WORDS, *MARKS])).map("".join))
def test_removing_the_marks_gives_back_the_text(text):
    html = str(render_markdown(text))
    marked = mark_terms(html, WORDS, lambda word: f"\x01{word}\x02")
    assert re.sub("[\x01\x02]", "", marked) == html
    for word in re.findall("\x01(.*?)\x02", marked):
        assert word in WORDS


@given(st.text(alphabet="決算額PFIX柱 ア。", max_size=60))
def test_every_first_word_that_stands_alone_is_marked(text):
    marked = mark(text)
    assert marked.replace("[", "").replace("]", "") == text
    if "決算" in text:
        assert "[決算" in marked
