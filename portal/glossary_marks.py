"""Words of the glossary marked where they stand in a text. Pure."""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

# Sanitised HTML: a stop ">" inside an attribute stands between double quotes.
_TAG_OR_ENTITY = re.compile(r'(<(?:[^">]|"[^"]*")*+>|&#?\w+;)')
_TAG_NAME = re.compile(r"<(/?)(\w+)")
_HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
_LEFT_ALONE = _HEADINGS | {"a", "button", "code", "dfn", "pre"}
_LETTERS = re.compile(r"[0-9A-Za-z０-９Ａ-Ｚａ-ｚ]{2}|[ァ-ヺー]{2}")
_KANJI = re.compile(r"[一-鿿々]{2}")


def mark_terms(html: str, words: Iterable[str], mark: Callable[[str], str]) -> str:
    """Return sanitised HTML with the first place of each word after each heading replaced.

    `mark` gives the HTML for a word. The longest word wins. Headings, links, code and buttons
    stay as they are. A word in katakana or Latin letters is not found within a longer one, nor
    a word of one kanji beside another kanji.
    """
    pattern = _find_any(tuple(words))
    if pattern is None:
        return html
    marked, left_alone, pieces = set(), [], []
    for piece in _TAG_OR_ENTITY.split(html):
        if tag := _TAG_NAME.match(piece):
            closes, name = tag.groups()
            if left_alone and closes and name == left_alone[-1]:
                left_alone.pop()
            elif name in _LEFT_ALONE and not closes:
                left_alone.append(name)
            if name in _HEADINGS:
                marked.clear()
        elif not left_alone and not piece.startswith("&"):
            piece = _mark_text(piece, pattern, mark, marked)
        pieces.append(piece)
    return "".join(pieces)


def _mark_text(text, pattern, mark, marked):
    def replace(match):
        word = match[0]
        if word in marked or not _stands_alone(text, match.start(), match.end()):
            return word
        marked.add(word)
        return mark(word)

    return pattern.sub(replace, text)


def _stands_alone(text: str, start: int, end: int) -> bool:
    edges = [text[start - 1 : start + 1] if start else "", text[end - 1 : end + 1]]
    joins = _LETTERS if end - start > 1 else _KANJI
    return not any(joins.fullmatch(edge) for edge in edges)


@lru_cache(maxsize=8)
def _find_any(words: tuple[str, ...]) -> re.Pattern | None:
    longest_first = sorted(filter(None, words), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
