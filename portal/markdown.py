"""Markdown as staff write it, to safe HTML and to plain text."""

import re
from itertools import count

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

_parser = (
    MarkdownIt("commonmark", {"html": False, "breaks": True})
    .enable(["table", "strikethrough"])
    .disable("image")  # a picture comes with alt text and licence, as a record of its own
)
_TAGS = {
    *("p", "br", "hr", "ul", "ol", "li", "strong", "em", "s", "code", "pre", "blockquote", "a"),
    *("h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"),
}
URL_SCHEMES = {"http", "https", "mailto"}
# Right-aligned columns come as an inline style, which the security policy forbids.
_ALIGNMENT = re.compile(r'<(t[hd]) style="text-align:(\w+)">')

# What a text without marks holds none of: plain_text need not parse it.
_MARKS = re.compile(r"[\\`*_\[\]<>&~|\r\t\0]|^ *(?:[#+=-]|\d+[.)]|    )", re.MULTILINE)

_SCROLL = '<div class="table-scroll" role="region" aria-label="表{}" tabindex="0"><table>'


def render_markdown(text: str, top_heading: int = 3) -> SafeString:
    """Return sanitised HTML; "#" becomes `<h3>`, for a page has its own title and sections.

    Raw HTML in the text shows as the characters it is. Links go to http, https and mailto only.
    `top_heading` is what "#" becomes.
    """
    tokens = _parser.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + top_heading - 1)}"
    html = _parser.renderer.render(tokens, _parser.options, {})
    html = _ALIGNMENT.sub(r'<\1 class="\2">', html)
    html = nh3.clean(
        html,
        tags=_TAGS,
        attributes={"a": {"href"}, "th": {"class"}, "td": {"class"}},
        url_schemes=URL_SCHEMES,
        link_rel="noopener",
    )
    html = html.replace("<th", '<th scope="col"').replace('<th scope="col"ead', "<thead")
    numbers = count(1)
    html = re.sub("<table>", lambda _: _SCROLL.format(next(numbers)), html)
    html = html.replace("</table>", "</table></div>")
    return mark_safe(html)  # noqa: S308 - cleaned above


def parse_markdown(text: str) -> list[Token]:
    """Return the tokens that the page is made of."""
    return _parser.parse(text)


def plain_text(text: str) -> str:
    """Return the words of a Markdown text, a line a block, without its marks."""
    if not _MARKS.search(text):
        blocks = re.split(r"\n *\n", text.strip())
        return "\n".join(" ".join(block.split()) for block in blocks)
    lines: list[str] = []
    for token in _parser.parse(text):
        if token.type == "inline":
            children = token.children or []
            lines.append("".join(" " if c.type.endswith("break") else c.content for c in children))
        elif token.type in ("fence", "code_block"):
            lines.append(token.content.strip())
    return "\n".join(lines)
