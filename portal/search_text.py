"""Japanese text for searching: one normal form, two-character tokens, queries, and hits to mark.

Neither database's own parser knows where a Japanese word ends, so both get the same tokens: every
two neighbouring characters, and the last character of each run alone. 群馬県 is 群馬 馬県 県. A word
is found as a phrase of its pairs (群馬県 -> "群馬 馬県"). The single character ends each run, so that
no phrase reaches over a comma or a space.

Each character that a text has stands once more, with a mark before it: by that a single character is
found, not as the beginning of however many tokens. The tokens of a title stand a second time, each
with another mark before it, so that titles are asked by themselves; so do marks of what narrows a
search (kind, fiscal year …). A mark is a private character, which `normalise` leaves in no text.

The tokens are letters, decimal digits and marks alone, hence neither query language can be injected
into, and both parsers keep every such token whole:

- SQLite: FTS5 with `TOKENIZER` and `to_fts5`;
- PostgreSQL: the tokens as they are in a tsvector, and each three neighbouring characters as well;
  asked with `to_tsquery`, which finds the texts that hold all of a word's three neighbouring
  characters, and `list_phrases`, which must stand in what `index_text` gives. A tsvector keeps too few
  positions for phrases of its own: 16,383, and 256 of one token.
"""

import re
import sys
import unicodedata
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

TOKENIZER = "unicode61 remove_diacritics 0"  # the default makes é of café an e in the index alone

HIRAGANA_TO_KATAKANA = {code: code + 0x60 for code in [*range(0x3041, 0x3097), 0x309D, 0x309E]}
# 関ヶ原 is 関ケ原; the free-standing ゛ and ゜ of typewriters join the letter before them.
SMALL_KE = str.maketrans("ヶヵ", "ケカ")
SOUND_MARKS = str.maketrans("゛゜ﾞﾟ", "\u3099\u309a\u3099\u309a")
LONG_VOWEL_MARKS = frozenset("ー-‐‑‒–—―−─~〜")
# Each group holds the forms of one character, the usual one first.
VARIANT_GROUPS = """
高髙 崎﨑嵜 吉𠮷 浜濱濵 辺邊邉 斉齊斎齋 徳德 瀬瀨 沢澤 島嶋嶌 広廣 国國 真眞 恵惠 桜櫻 竜龍 栄榮 条條 実實 寿壽
円圓 会會 学學 県縣 旧舊 蔵藏 済濟 滝瀧 槙槇 曽曾 昇曻 桑桒 柳栁 富冨 静靜 弥彌 礼禮 万萬 応應 駅驛 体體 鉄鐵
図圖 鴎鷗 郷鄕 黒黑 増增 清淸 横橫 巻卷 寛寬 教敎 暦曆 歩步 毎每 緑綠 緒緖 穂穗 峰峯 館舘 籠篭 讃讚 群羣 恋戀
楽樂 渋澁 関關 鉱鑛 糸絲 園薗 黄黃 検檢 労勞 医醫 芸藝 総總 観觀 温溫 台臺 塩鹽 麦麥 蛍螢 豊豐 宝寶 亀龜 仏佛
"""
VARIANTS = {ord(form): group[0] for group in VARIANT_GROUPS.split() for form in group[1:]}
# Vowel signs that Unicode made letters later; SQLite still takes them for marks.
FORMER_MARKS = frozenset(map(chr, [*range(0x19B0, 0x19CA), 0x1CF2, 0x1CF3]))
MAX_MARKS = 8
# A character of four bytes makes itself marked, a pair, and three characters.
MAX_TOKEN_BYTES = 27
TITLE_MARK, FACET_MARK, CHARACTER_MARK = "\ue000", "\ue001", "\ue002"
MARK = "\0"  # where a text holds one; itself it separates
MAX_FOLDED = 65_536
# Letters, digits, punctuation, kana and their wide forms: what texts are made of beside kanji, each
# of which is its own normal form unless it is one of VARIANTS.
PLAIN = [
    *(*range(0x9, 0xE), *range(0x20, 0x7F), *range(0xA0, 0x250)),
    *(
        *range(0x2010, 0x2070),
        *range(0x2460, 0x2469),
        *range(0x3000, 0x3100),
        *range(0xFF01, 0xFF5F),
    ),
]
LONG_VOWELS = re.compile("ー(?<=[ァ-ヺヽヾ]ー)ー*")
UTF_32 = f"utf-32-{sys.byteorder[0]}e"


@dataclass(frozen=True)
class Term:
    """One word of a query: its normal form, and its tokens, which follow each other."""

    text: str
    tokens: tuple[str, ...]


def in_title(terms: Iterable[Term]) -> list[Term]:
    """Return the terms as they are looked for in titles alone."""
    return [Term(term.text, tuple(TITLE_MARK + token for token in term.tokens)) for term in terms]


def make_mark(facet: str, value: object) -> Term:
    """Return the term that finds what the index holds under this value: a number, or a slug."""
    told = value.encode().hex() if isinstance(value, str) else value
    return Term("", (f"{FACET_MARK}{facet[0]}{told}",))


def normalise(text: str) -> str:
    """Return the form in which texts are compared: words between single spaces.

    NFKC, lower case, katakana for hiragana, no long-vowel marks after kana, one form of a name's
    character (髙橋 -> 高橋), no combining marks or variation selectors; everything else that is no
    letter or decimal digit separates. "ぐんまスーパー（１号）" -> "グンマスパ 1号".
    """
    folded = text.translate(_folded)
    if MARK in folded:
        return "".join(character for character, _, _ in _normal_characters(text)).strip()
    return " ".join(LONG_VOWELS.sub("", folded).replace("ー", " ").split())


def index_text(title_words: str, words: str, marks: Iterable[str] = ()) -> str:
    """Return the tokens of a record between spaces, with its marks: what the databases index.

    `words` is the normal form of its whole text, the title's at the beginning.
    """
    tokens = index_words(words), index_title(title_words), index_characters(words), *marks
    return " ".join(filter(None, tokens))


def index_words(words: str) -> str:
    """Return the pairs of a text in its normal form, and what ends each run.

    "群馬県 温泉" -> "群馬 馬県 県 温泉 泉". Everything is done to the whole text at once: a step for
    each character is three times slower.
    """
    if not words:
        return ""
    codes = array("I", words.encode(UTF_32))
    pairs = array("I", " ".encode(UTF_32)) * (3 * len(words))
    pairs[0::3] = array("I", words.replace(" ", MARK).encode(UTF_32))
    pairs[1:-3:3] = codes[1:]
    # After a space, a pair begins that is none.
    first, *others = pairs.tobytes().decode(UTF_32).split(MARK)
    return (first + "".join([run[2:] for run in others])).replace("  ", " ").rstrip()


def index_characters(words: str) -> str:
    """Return what finds each character of a text in its normal form."""
    return " ".join([CHARACTER_MARK + each for each in sorted({*words} - {" "})])


def index_title(words: str) -> str:
    """Return the tokens of a title in its normal form as they are looked for in titles alone."""
    tokens = f"{index_words(words)} {index_characters(words)}"
    return f"{TITLE_MARK}{tokens.replace(' ', f' {TITLE_MARK}')}" if words else ""


def measure_tokens(words: str) -> int:
    """Return how many bytes PostgreSQL needs for the different tokens of a text in its normal form.

    It is never more than MAX_TOKEN_BYTES for each character.
    """
    parts = {words[at : at + size] for size in (1, 2, 3) for at in range(len(words))}
    return sum(len(part.encode()) for part in parts) + 3 * len(set(words))


def parse_query(text: str, max_terms: int = 8, max_length: int = 100) -> list[Term]:
    """Return the terms that must all occur; none where the query holds no letter or digit.

    Characters after `max_length` and words after `max_terms` are left out, repeated words too.
    """
    words = list(dict.fromkeys(normalise(text[:max_length])[:max_length].split()))
    return [_make_term(word) for word in words[:max_terms]]


def to_fts5(terms: Iterable[Term]) -> str:
    """Return an FTS5 MATCH string, such as `"群馬 馬県" AND "温泉"`; "" for no terms."""
    return " AND ".join(f'"{" ".join(term.tokens)}"' for term in terms)


def to_tsquery(terms: Iterable[Term]) -> str:
    """Return a tsquery, such as `'群馬県' & '温泉'`; "" for no terms."""
    return " & ".join(f"'{token}'" for term in terms for token in _join_pairs(term.tokens))


def list_phrases(terms: Iterable[Term]) -> list[str]:
    """Return the tokens of each word of four and more characters, as `index_text` gives them."""
    return [" ".join(term.tokens) for term in terms if len(term.tokens) > 2]


def find_spans(text: str, terms: Iterable[Term]) -> list[tuple[int, int]]:
    """Return where in the original text a term stands: (start, end) pairs, ordered and merged."""
    words = [term.text for term in terms if term.text]
    spans = _find_plain(text, words) if _is_plain(text, words) else _find_in_any(text, words)
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def make_excerpt(text: str, terms: Iterable[Term], length: int = 120) -> list[tuple[str, bool]]:
    """Return about the first hit `length` characters of the text as (piece, is_hit) pairs.

    An end that is cut off shows "…". Without a hit the excerpt is the beginning.
    """
    spans = find_spans(text, terms)
    if not spans and 0 < len(text) <= length:
        return [(text, False)]
    first_hit = spans[0][0] if spans else 0
    start = max(0, min(first_hit - length // 4, len(text) - length))
    end = min(len(text), start + length)
    pieces = [("…", False)] if start else []
    position = start
    for hit_start, hit_end in spans:
        hit_start, hit_end = max(hit_start, start), min(hit_end, end)
        if hit_start >= hit_end:
            continue
        pieces.append((text[position:hit_start], False))
        pieces.append((text[hit_start:hit_end], True))
        position = hit_end
    pieces.append((text[position:end], False))
    if end < len(text):
        pieces.append(("…", False))
    return [piece for piece in pieces if piece[0]]


@lru_cache(maxsize=1)
def _list_forms() -> dict[str, str]:
    """Return the usual characters by what they become: of those that become one, or a space."""
    forms = defaultdict(str)
    for code in [*PLAIN, *VARIANTS, *map(ord, LONG_VOWEL_MARKS)]:
        folded = _folded[code]
        if len(folded) == 1 and folded != MARK:
            forms[folded] += chr(code)
        elif folded.isspace():
            forms[" "] += chr(code)
    return forms


@lru_cache(maxsize=1)
def _find_other() -> re.Pattern:
    return re.compile(f"[^一-鿿{re.escape(''.join(_list_forms().values()))}]")


def _is_plain(text: str, words: Iterable[str]) -> bool:
    """Tell whether these words can be found in a text as it is written.

    They cannot where a character joins others, or where one stands for several of which a word has
    one: ⑩ for 10.
    """
    if not (found := _find_other().findall(text)):
        return True
    others = [_folded[ord(other)] for other in set(found)]
    wanted = set("ー").union(*words)
    return all(folded not in ("", MARK) and wanted.isdisjoint(folded) for folded in others)


@lru_cache(maxsize=256)
def _make_pattern(word: str) -> re.Pattern:
    """Return what finds a normal word in all its forms, with the marks of long vowels in it."""
    forms = _list_forms()
    long = f"[{re.escape(forms['ー'])}]*+"
    return re.compile(
        "".join(f"[{re.escape(c + forms.get(c, ''))}]" + long * _is_katakana(c) for c in word)
    )


def _find_plain(text: str, words: Iterable[str]) -> list[tuple[int, int]]:
    """Return the spans of normal words in a text that is plain to them."""
    spans = []
    for word in words:
        pattern = _make_pattern(word)
        found = pattern.search(text)
        while found:
            spans.append(found.span())
            found = pattern.search(text, found.start() + 1)
    return spans


def _find_in_any(text: str, words: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Yield the spans of normal words in any text; this takes a microsecond for each character."""
    characters = list(_normal_characters(text))
    normal = "".join(character for character, _, _ in characters)
    for word in words:
        at = normal.find(word)
        while at >= 0:
            yield characters[at][1], characters[at + len(word) - 1][2]
            at = normal.find(word, at + 1)


def _normal_characters(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield each character of the normal form with the span of the original that it stands for.

    A character that vanishes (a long-vowel mark, a variation selector) belongs to the one before.
    """
    pending: tuple[str, int, int] | None = None
    for cluster, start, end in _clusters(text):
        for character in _fold(cluster):
            last = pending[0] if pending else " "
            if character in LONG_VOWEL_MARKS and _is_katakana(last):
                pending = (last, pending[1], end)
            elif character != " " and character not in LONG_VOWEL_MARKS:
                if pending:
                    yield pending
                pending = (character, start, end)
            elif last != " ":
                yield pending
                pending = (" ", start, end)
        if pending and not _fold(cluster) and pending[0] != " ":
            pending = (pending[0], pending[1], end)
    if pending:
        yield pending


def _clusters(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield each character together with the combining marks on it: ﾊﾞ, か and a dakuten."""
    start = 0
    while start < len(text):
        end = start + 1
        while end < len(text) and end - start < MAX_MARKS and _is_mark(text[end]):
            end += 1
        yield text[start:end], start, end
        start = end


@lru_cache(maxsize=16384)
def _is_mark(character: str) -> bool:
    return unicodedata.category(character.translate(SOUND_MARKS))[0] == "M"


@lru_cache(maxsize=16384)
def _fold(cluster: str) -> str:
    """Return the normal characters of one cluster: letters, digits, long-vowel marks and spaces."""
    text = unicodedata.normalize("NFKC", cluster.translate(SOUND_MARKS)).casefold().lower()
    text = unicodedata.normalize("NFKC", text).translate(HIRAGANA_TO_KATAKANA)
    folded = ""
    for character in text.translate(SMALL_KE).translate(VARIANTS):
        category = unicodedata.category(character)
        if category[0] == "M" or category == "Cf" or character in FORMER_MARKS:
            continue
        is_word = category[0] == "L" or category in ("Nd", "Nl") or character in LONG_VOWEL_MARKS
        folded += character if is_word else " "
    return folded


class _Folded(dict):
    """What a character becomes where no combining mark stands on it, for `str.translate`."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        folded = MARK if _is_mark(character) else _fold(character)
        folded = "".join("ー" if each in LONG_VOWEL_MARKS else each for each in folded)
        if len(self) < MAX_FOLDED:
            self[code] = folded
        return folded


_folded = _Folded()


def _is_katakana(character: str) -> bool:
    return "ァ" <= character <= "ヾ" and character != "・"


def _make_term(word: str) -> Term:
    pairs = tuple(map("".join, pairwise(word)))
    return Term(word, pairs or (CHARACTER_MARK + word,))


def _join_pairs(tokens: tuple[str, ...]) -> Iterable[str]:
    """Return each three neighbouring characters: 群馬 馬県 -> 群馬県; of one token that itself."""
    return (one + other[-1] for one, other in pairwise(tokens)) if len(tokens) > 1 else tokens
