import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.markdown import plain_text, render_markdown


class Elements(HTMLParser):
    """Collects the tags and attributes that a browser would see."""

    def __init__(self, html):
        super().__init__()
        self.found = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


def test_text_becomes_paragraphs_and_lines():
    assert render_markdown("一行目\n二行目\n\n次の段落") == (
        "<p>一行目<br>\n二行目</p>\n<p>次の段落</p>\n"
    )


def test_lists_emphasis_and_links():
    html = render_markdown("1. **一**\n2. *二*\n\n- ~~三~~\n- [県](https://www.example.jp/)")
    assert "<ol>\n<li><strong>一</strong></li>\n<li><em>二</em></li>\n</ol>" in html
    assert "<li><s>三</s></li>" in html
    assert '<li><a href="https://www.example.jp/" rel="noopener">県</a></li>' in html


@pytest.mark.parametrize(
    ("top_heading", "tags"), [(3, ["h3", "h4", "h6"]), (2, ["h2", "h3", "h5"]), (6, ["h6"] * 3)]
)
def test_headings_begin_below_those_of_the_page(top_heading, tags):
    html = render_markdown("# 一\n## 二\n#### 四", top_heading)
    assert re.findall(r"<(h\d)>", html) == tags


TABLE = "| 項目 | 金額 | 割合 |\n|:---|---:|:---:|\n| 旅費 | 4,016千円 | 12% |"


def test_a_table_says_its_alignment_without_inline_style():
    html = render_markdown(TABLE)
    assert '<th scope="col" class="right">金額</th>' in html
    assert '<td class="right">4,016千円</td>' in html
    assert '<td class="center">12%</td>' in html
    assert '<td class="left">旅費</td>' in html
    assert "style" not in html


def test_a_table_scrolls_by_itself_and_can_be_reached_by_keyboard():
    html = render_markdown(f"{TABLE}\n\n> {TABLE.replace(chr(10), chr(10) + '> ')}")
    assert html.count('role="region"') == html.count("<table>") == html.count("</table></div>") == 2
    assert 'aria-label="表1"' in html
    assert 'aria-label="表2"' in html
    assert "<thead>" in html


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<b onclick='alert(1)'>太字</b>",
    "<svg/onload=alert(1)>",
    "<style>body{display:none}</style>",
    "<iframe src='https://evil.example/'></iframe>",
    "<a href='javascript:alert(1)'>a</a>",
    "<table style='position:fixed'><tr><td></table>",
    "<th onmouseover=alert(1)>",
    "[a](javascript:alert(1))",
    "[a](JaVaScRiPt:alert(1))",
    "[a](java\nscript:alert(1))",
    "[a](&#106;avascript:alert(1))",
    "[a](data:text/html;base64,PHNjcmlwdD4=)",
    "[a](vbscript:msgbox(1))",
    "[a](file:///etc/passwd)",
    "<javascript:alert(1)>",
    "[a]\n\n[a]: javascript:alert(1)",
    "![a](javascript:alert(1))",
    "![a](data:image/svg+xml,<svg onload=alert(1)>)",
    '[a](https://x.example/ "\'onmouseover=alert(1)")',
    "`<script>`",
    "```\n<script>alert(1)</script>\n```",
    "```html onload=alert(1)\n<b>\n```",
    "| <script> | a |\n|---|---|\n| <td style='x'> | [b](javascript:1) |",
    "# <script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<!-- a --><![CDATA[ b ]]><?php c ?>",
]
ALLOWED = {
    *("p", "br", "hr", "ul", "ol", "li", "strong", "em", "s", "code", "pre", "blockquote", "a"),
    *("h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td", "div"),
}
ATTRIBUTES = {"href", "rel", "title", "class", "scope", "role", "aria-label", "tabindex"}


def assert_harmless(html):
    for tag, attributes in Elements(html).found:
        assert tag in ALLOWED
        assert attributes.keys() <= ATTRIBUTES
        if href := attributes.get("href"):
            scheme = re.match(r"\s*([a-z]+):", href, re.IGNORECASE)
            assert scheme is None or scheme[1].lower() in ("http", "https", "mailto")


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_in_a_text_runs_or_styles(text):
    assert_harmless(render_markdown(text))


@given(
    st.lists(st.sampled_from([*HOSTILE, TABLE, "\n\n", "> ", "- ", "**", "`", "文"]), max_size=6)
)
def test_no_mixture_of_hostile_texts_runs_or_styles(pieces):
    assert_harmless(render_markdown("".join(pieces)))


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "<b>太字</b>", "5 < 6 & 7 > 6"])
def test_raw_html_shows_as_the_characters_it_is(text):
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert render_markdown(text) == f"<p>{escaped}</p>\n"


def test_a_picture_is_no_picture_but_its_words_stay():
    html = render_markdown("![県庁](https://www.example.jp/a.png)")
    assert "<img" not in html
    assert "県庁" in html


def test_plain_text_keeps_the_words_of_every_block_without_marks():
    text = (
        "# 題名\n\n**太字**と[県](https://x.example/)\n続き\n\n- 一\n- 二\n\n    コード\n\n" + TABLE
    )
    assert plain_text(text) == (
        "題名\n太字と県 続き\n一\n二\nコード\n項目\n金額\n割合\n旅費\n4,016千円\n12%"
    )


@pytest.mark.parametrize("text", ["", "   ", "\n\n"])
def test_an_empty_text_is_empty(text):
    assert render_markdown(text) == ""
    assert plain_text(text) == ""
