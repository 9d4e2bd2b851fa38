"""What in a text a machine, a search or a screen reader cannot read. Pure.

Every function yields Japanese sentences that quote the fault and say what to write instead.
"""

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise

from markdown_it.token import Token

from .markdown import URL_SCHEMES, parse_markdown

# A line break is no fault of a long text; zero-width joiners belong to emoji.
INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u2064\ufeff]"
)
LOST = re.compile("[\ufffd\ue000-\uf8ff\U000f0000-\U0010fffd]")
EXCEL_ERROR = re.compile(r"#(?:REF!|N/A|VALUE!|DIV/0!|NAME\?|NUM!|NULL!|SPILL!|CALC!)")
BLANK_MARK = re.compile(r"[-‐‑‒–—―−ー─－…‥・/／]+|N/A")
FULL_WIDTH = re.compile("[０-９Ａ-Ｚａ-ｚ％]+")
HALF_WIDTH_KANA = re.compile("[ｦ-ﾟ]+")
FULL_WIDTH_DIGITS = re.compile("[０-９][０-９．，]*")
# Signs that CP932 holds twice or not at all: ①, ½, Ⅳ, ², №, ㈱, ㌔, ㎡.
MACHINE_DEPENDENT = re.compile(
    "[\u2460-\u24ff\u2776-\u2793\u00bc-\u00be\u2150-\u218b\u00b2\u00b3\u00b9\u2070-\u209f№℡㈀-㏿]"
)
PRINTED_LABELS = re.compile("[①-⑳㉑-㉟㊱-㊿]")
SPACES = re.compile(r"^\s|\s\Z|[\n\r\t\u3000]|\s{2}")
SPACED_OUT = re.compile("[ぁ-ヿ一-鿿](?: [ぁ-ヿ一-鿿])+")

HTML = re.compile(r"</?[a-zA-Z][^<>]*>|<!--")
SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
TABLE_RULE = re.compile(r"\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)+\|?")
CELL_END = re.compile(r"(?<!\\)\|")
VAGUE = re.compile(
    r"(?:詳しくは|詳細は|続きは)?(?:こちら|ここ|コチラ)(?:から|へ|を(?:クリック|ご覧ください))?"
    r"|詳細|詳しく(?:見る|は)?|もっと見る|続きを読む|リンク|クリック|(?:click )?here|more|link",
    re.IGNORECASE,
)


def check_line(text: str, has_printed_labels: bool = False) -> Iterator[str]:
    """Yield the faults of a name, unit, period or place, which a machine sorts and compares.

    `has_printed_labels` allows ①, which a place in a report is called by ("第2 1(8)②").
    """
    yield from check_characters(text)
    if BLANK_MARK.fullmatch(text.strip()):
        yield f"「{text.strip()}」は値のない印です。記載がないときは空欄にしてください。"
        return
    for found in dict.fromkeys(FULL_WIDTH.findall(text)):
        yield _replace("全角の数字・英字", found)
    for found in dict.fromkeys(HALF_WIDTH_KANA.findall(text)):
        yield _replace("半角のカタカナ", found)
    for found in dict.fromkeys(MACHINE_DEPENDENT.findall(text)):
        if not (has_printed_labels and PRINTED_LABELS.match(found)):
            yield _replace("機種依存文字", found)
    if SPACES.search(text):
        yield (
            "前後の空白、改行、タブ、全角の空白、続いた空白のどれかがあります。"
            "半角の空白1つにするか、消してください。"
        )
    elif SPACED_OUT.fullmatch(text):
        joined = text.replace(" ", "")
        yield f"文字の間に空白があります。「{joined}」のように続けて書いてください。"


def check_characters(text: str) -> Iterator[str]:
    """Yield what no text should hold: invisible and lost characters, errors of Excel."""
    for found in dict.fromkeys(INVISIBLE.findall(text)):
        yield f"目に見えない制御文字（U+{ord(found):04X}）があります。消してください。"
    for found in dict.fromkeys(LOST.findall(text)):
        yield (
            f"外字、または文字化けした文字（U+{ord(found):04X}）があります。"
            "ほかの人の画面では読めないため、別の字に書き換えてください。"
        )
    for found in dict.fromkeys(EXCEL_ERROR.findall(text)):
        yield f"Excelのエラー「{found}」が残っています。もとの表を確かめて、書き換えてください。"


def check_long_text(text: str) -> Iterator[str]:
    """Yield the faults of a text of several lines, Markdown or plain."""
    yield from check_characters(text)
    if BLANK_MARK.fullmatch(text.strip()):
        yield f"「{text.strip()}」は値のない印です。記載がないときは空欄にしてください。"
    if found := FULL_WIDTH_DIGITS.search(text):
        yield _replace("全角の数字", found[0])
    tokens = parse_markdown(text)
    yield from _check_headings(tokens)
    for token in tokens:
        if token.type == "inline":
            yield from _check_inline(token)
    yield from _check_tables(tokens, re.split(r"\r\n|\n|\r", text))


def check_link_text(text: str) -> Iterator[str]:
    """Yield what is wrong with the words of a link, which a screen reader reads alone."""
    words = unicodedata.normalize("NFKC", text).strip("【】[]()「」 。≫>→▶")
    if not words:
        yield "文字のないリンクがあります。行き先が分かる文字を付けてください。"
    elif VAGUE.fullmatch(words):
        yield f"リンクの文字「{text}」だけでは、行き先が分かりません。ページの題名などにしてください。"


def _check_headings(tokens: list[Token]) -> Iterator[str]:
    above = 0
    for token, content in pairwise(tokens):
        if token.type != "heading_open":
            continue
        level = int(token.tag[1])
        if not content.content:
            yield f"文字のない見出し「{'#' * level}」があります。"
        if level > above + 1:
            yield (
                f"見出し「{content.content}」は「{'#' * level}」で、間の段を飛ばしています。"
                f"「{'#' * (above + 1)}」にしてください。"
            )
        above = level


def _check_inline(block: Token) -> Iterator[str]:
    before, link = "", None
    for token in block.children or []:
        if token.type == "link_open":
            address, link = token.attrs["href"], ""
            if before.endswith("!"):
                yield (
                    "本文に画像は置けず、リンクになります。"
                    "画像は、代替テキストと利用条件を付けて、画像の欄に登録してください。"
                )
            scheme = SCHEME.match(address)
            if scheme and scheme[1].lower() not in URL_SCHEMES:
                yield (
                    f"リンク先「{address}」は開けないため、消えます。"
                    "https:// から始まるアドレスを書いてください。"
                )
        elif token.type == "link_close":
            yield from check_link_text(link)
            link = None
        elif link is not None:
            link += token.content
        elif token.type == "text":
            for found in dict.fromkeys(HTML.findall(token.content)):
                yield f"「{found}」はHTMLとして働かず、文字のまま表示されます。"
        before = token.content
    if any(TABLE_RULE.fullmatch(line.strip()) for line in block.content.splitlines()):
        yield "表として読めない行があります。見出しの行と、その下の区切りの行の列の数をそろえてください。"


def _check_tables(tokens: list[Token], lines: list[str]) -> Iterator[str]:
    columns = 0
    for token in tokens:
        if token.type == "table_open":
            columns = 0
        elif token.type == "th_open":
            columns += 1
        elif token.type == "tr_open" and columns:  # a row of the body; the parser evens it out
            number = token.map[0]
            cells = CELL_END.split(lines[number].strip().lstrip("> "))
            found = len(cells) - (cells[0] == "") - (len(cells) > 1 and cells[-1] == "")
            if found != columns:
                yield (
                    f"本文の{number + 1}行目は{found}列で、表の見出しの{columns}列と違います。"
                    "はみ出した列は表示されません。列の数をそろえてください。"
                )


def _replace(kind: str, found: str) -> str:
    plain = unicodedata.normalize("NFKC", found)
    instead = f"「{plain}」のように書いて" if plain != found else "別の字に書き換えて"
    return f"{kind}「{found}」があります。{instead}ください。"
