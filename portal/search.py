"""The portal's search: hits, facet counts and suggestions over everything published.

However many records hold the words, no more than MAX_FOUND are told of. Where there are more, a number
tells the least that there are, and says so.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from django.db.models import Count
from django.urls import get_script_prefix

from budgets.models import Program
from initiatives.models import Distinction

from .models import SearchKind
from .search_gate import FACETS, Choices, Gate, open_gate
from .search_models import ALL_KINDS
from .search_queries import (
    Entry,
    find_all,
    find_any,
    find_first,
    list_chosen,
    list_marks,
    read_title_words,
    reads_in_order,
)
from .search_text import Term, in_title, make_excerpt, parse_query

KINDS = dict(SearchKind.choices)
MAX_FOUND = 1_000
FEW = 50  # so many hits are read at once, which is quicker than to ask the index for titles
MANY = 300  # of more hits, enough of the first few mostly have the words in their titles
MAX_COUNTED = 100  # of a shorter query, and of the titles that share a pair of characters
MAX_SUGGESTIONS = 5
MAX_EXAMPLES = 3
MAX_DROPPED = 5
MAX_PAIRS = 16
Pieces = list[tuple[str, bool]]


class Hit(NamedTuple):
    """A record that was found. Pieces are (text, is_hit); joined they are the text.

    `context` tells records of one title apart (令和2年度 知事戦略部); "" where nothing is needed.
    """

    kind: str
    kind_label: str
    title: str
    context: str
    url: str
    title_pieces: Pieces
    excerpt: str
    pieces: Pieces


@dataclass(frozen=True)
class Found:
    """Hits, and how many there are in all; that number or more where it is not exact."""

    results: list[Hit]
    count: int
    is_exact: bool = True


@dataclass(frozen=True)
class FacetValue:
    """A choice that narrows a search: its value in the query string, its name, its hits.

    None for the hits where they were not counted; there may be none, too.
    """

    value: str
    label: str
    count: int | None = None


@dataclass(frozen=True)
class Shorter:
    """A query of fewer words, and its hits."""

    query: str
    count: int
    is_exact: bool = True


@dataclass(frozen=True)
class Suggestion:
    kind: str
    kind_label: str
    title: str
    url: str


class Search:
    """The public records that hold all words of a query: read once, however much is asked of them.

    Words in the title count before words in the text; then comes the order of the kinds.
    `department` and `pillar` are slugs. A query without a letter or digit finds nothing.
    """

    def __init__(
        self,
        query: str,
        *,
        kinds: Iterable[str] | None = None,
        fiscal_year: int | None = None,
        department: str | None = None,
        pillar: str | None = None,
    ):
        self.terms = parse_query(query)
        self.kinds = list_chosen(kinds)
        self.narrowing = {"fiscal_year": fiscal_year, "department": department, "pillar": pillar}

    @property
    def count(self) -> int:
        return min(len(self._found), MAX_FOUND)

    @property
    def is_exact(self) -> bool:
        """Tell whether `count` is how many there are; else it is that many at the least."""
        return len(self._found) <= MAX_FOUND

    def list_hits(self, limit: int, offset: int = 0) -> list[Hit]:
        number = min(offset + limit, MAX_FOUND)
        entries = self._read_first()
        numbers = self._list_best(number, entries)[offset:]
        entries |= self._gate.read_shown([each for each in numbers if each not in entries])
        prefix = get_script_prefix()
        return [_make_hit(entries[each], self.terms, prefix) for each in numbers if each in entries]

    def count_facets(self) -> dict[str, list[FacetValue]]:
        """Return the choices of "kind", "fiscal_year", "department" and "pillar" among the hits.

        The counts of a facet follow the other choices made, not its own. Choices without a hit are
        left out. Where more than MAX_FOUND records hold the words, all choices are returned, and
        nothing is counted.
        """
        if len(self._all) > MAX_FOUND:
            return self._list_uncounted()
        # Of a thousand items most share their choices with others.
        rows = Counter((kind, choices) for _, kind, choices in self._gate.list_choices(self._all))
        by_kind, made = Counter(), _list_made(self.narrowing)
        for (kind, choices), number in rows.items():
            if _is_within(choices, made):
                by_kind[kind] += number
        facets = {"kind": [FacetValue(k, KINDS[k], by_kind[k]) for k in KINDS if k in by_kind]}
        for place, facet in enumerate(FACETS):
            counts, others = Counter(), [each for each in made if each[0] != place]
            for (kind, choices), number in rows.items():
                if kind in self.kinds and _is_within(choices, others):
                    for choice in choices[place]:
                        counts[choice] += number
            facets[facet] = [
                FacetValue(str(value), label, count)
                for (_, value, label), count in sorted(counts.items())
            ]
        return facets

    def _list_uncounted(self) -> dict[str, list[FacetValue]]:
        """Return all choices there are, for a search that finds too much to be counted."""
        return {"kind": [FacetValue(kind, KINDS[kind]) for kind in KINDS]} | {
            facet: [
                FacetValue(str(value), label)
                for _, value, label in self._gate.list_all_choices(facet)
            ]
            for facet in FACETS
        }

    @cached_property
    def _gate(self) -> Gate:
        return open_gate()

    @cached_property
    def _all(self) -> list[int]:
        """The entries that hold the query, however it is narrowed: one more than are told of."""
        return self._find(self.terms, ALL_KINDS, {}, MAX_FOUND + 1) if self.terms else []

    @cached_property
    def _found(self) -> list[int]:
        """The entries that were found, by kind: one more than are told of."""
        if self.kinds == ALL_KINDS and not _list_made(self.narrowing):
            return self._all
        if len(self._all) <= MAX_FOUND:
            return _narrow(self._gate, self._all, self.kinds, self.narrowing)
        return self._find(self.terms, self.kinds, self.narrowing, MAX_FOUND + 1)

    def _read_first(self) -> dict[int, Entry]:
        """Return the first entries that were found, where that may be enough to tell the best."""
        number = len(self._found)
        is_whole = len(self._all) <= MAX_FOUND
        if number <= FEW or (number > MANY and is_whole and not reads_in_order()):
            return self._gate.read_shown(self._found[:FEW])
        return {}

    def _list_best(self, number: int, first: dict[int, Entry]) -> list[int]:
        """Return so many of the entries that were found, the best first."""
        titles = {each: entry.title_words for each, entry in first.items()}
        if len(self._found) <= FEW:
            return self._sort(titles)[:number]
        words = [term.text for term in self.terms]
        titled = sorted(each for each, title in titles.items() if all(w in title for w in words))
        if len(titled) < number:
            titled = self._find_titled(number)
        if len(titled) >= number:
            return titled[:number]
        known = set(titled)
        others = [each for each in self._found if each not in known][: MAX_FOUND + 1 - len(titled)]
        if len(self.terms) > 1:
            others = self._sort(read_title_words(others))
        return [*titled, *others][:number]

    def _find_titled(self, number: int) -> list[int]:
        """Return those of the entries that were found that hold all words in the title.

        So many at the least, where there are so many.
        """
        terms = in_title(self.terms)
        if reads_in_order():
            return self._find(terms, self.kinds, self.narrowing, number)
        if len(self._all) > MAX_FOUND:
            return self._find(terms, self.kinds, self.narrowing, MAX_FOUND + 1)
        titled = set(find_all(terms))
        return [each for each in self._found if each in titled]

    def _find(self, terms, kinds: list[str], narrowing: dict, wanted: int) -> list[int]:
        """Return so many public entries that hold the terms, by kind."""
        terms = [*terms, *list_marks(narrowing)]
        limit = wanted + wanted // 16  # some may be hidden
        while True:
            read = find_first(terms, kinds, limit)
            found = _narrow(self._gate, read, kinds, narrowing)
            if len(found) >= wanted or len(read) < limit:
                return found[:wanted]
            limit *= 4

    def _sort(self, titles: dict[int, str]) -> list[int]:
        """Return the numbers of titles: first what has more of the words in it, then by number."""
        words = [term.text for term in self.terms]
        return sorted(
            titles, key=lambda number: (sum(word not in titles[number] for word in words), number)
        )


def find(query: str, *, limit: int = 20, offset: int = 0, **narrowing) -> Found:
    """Return public records that hold all words of the query; `narrowing` is as for `Search`."""
    search = Search(query, **narrowing)
    return Found(search.list_hits(limit, offset), search.count, search.is_exact)


def count_facets(query: str, **narrowing) -> dict[str, list[FacetValue]]:
    """Return the choices that narrow a search; `narrowing` is as for `Search`."""
    return Search(query, **narrowing).count_facets()


def drop_words(query: str, **narrowing) -> list[Shorter]:
    """Return the query less one word each, then each word alone, with how much that finds.

    What finds nothing is left out. `narrowing` is as for `Search`.
    """
    words = query.split()[:MAX_DROPPED]
    if len(words) < 2:
        return []
    shorter = [" ".join(words[:place] + words[place + 1 :]) for place in range(len(words))]
    shorter = [each for each in dict.fromkeys([*shorter, *words]) if parse_query(each)]
    if not shorter:
        return []
    kinds, gate = list_chosen(narrowing.pop("kinds", None)), open_gate()
    marks = list_marks(narrowing, kinds)
    # Of one that is cut off, what is not public or of another kind was counted for the limit too.
    read = find_any([[*parse_query(each), *marks] for each in shorter], MAX_COUNTED + 1)
    counts = [len(_narrow(gate, numbers, kinds, narrowing)) for numbers in read]
    return [
        Shorter(each, min(count, MAX_COUNTED), len(numbers) <= MAX_COUNTED)
        for each, count, numbers in zip(shorter, counts, read, strict=True)
        if count
    ]


def list_examples() -> list[str]:
    """Return words that find something: the commonest distinctions and some programs' names."""
    names = Distinction.objects.published().values_list("name", flat=True)
    names = names.annotate(n=Count("pk")).order_by("-n", "name")
    programs = Program.objects.published().order_by("slug").values_list("name", flat=True)
    return [*names[:MAX_EXAMPLES], *programs[:MAX_EXAMPLES]]


def suggest(query: str, kinds: Iterable[str] | None = None) -> list[Suggestion]:
    """Return the public titles nearest to a query: those that share most pairs of characters.

    Of each pair MAX_COUNTED titles are looked at.
    """
    words = [term for term in parse_query(query) if len(term.text) > 1]
    pairs = list(dict.fromkeys(token for term in words for token in term.tokens))[:MAX_PAIRS]
    if not pairs:
        return []
    chosen = list_chosen(kinds)
    marks = list_marks({}, chosen)
    searches = [[*in_title([Term(pair, (pair,))]), *marks] for pair in pairs]
    gate, found = open_gate(), sorted(set().union(*find_any(searches, MAX_COUNTED)))
    titles = read_title_words(gate.pick(found, chosen))
    least = max(1, len(pairs) // 3)
    shared = {number: sum(pair in words for pair in pairs) for number, words in titles.items()}
    nearest = sorted(
        (number for number in titles if shared[number] >= least),
        key=lambda number: (-shared[number], len(titles[number]), number),
    )[:MAX_SUGGESTIONS]
    entries = gate.read_shown(nearest)
    return [
        Suggestion(entry.kind, KINDS[entry.kind], entry.title, get_script_prefix() + entry.address)
        for entry in (entries[number] for number in nearest if number in entries)
    ]


def _narrow(gate: Gate, numbers: list[int], kinds: list[str], narrowing: dict) -> list[int]:
    """Return those of the entries that are public, of these kinds, and belong to the choices made."""
    public, made = gate.pick(numbers, kinds), _list_made(narrowing)
    if not made:
        return public
    choices = gate.list_choices(public)
    return sorted(number for number, _, each in choices if _is_within(each, made))


def _list_made(narrowing: dict) -> list[tuple[int, int | str]]:
    """Return the choices made: the place of the facet, and the value."""
    return [(FACETS.index(f), value) for f, value in narrowing.items() if value is not None]


def _is_within(choices: Choices, made: list[tuple[int, int | str]]) -> bool:
    return all(any(value == choice[1] for choice in choices[place]) for place, value in made)


def _make_hit(entry: Entry, terms: list[Term], prefix: str) -> Hit:
    pieces = make_excerpt(entry.body, terms)
    return Hit(
        kind=entry.kind,
        kind_label=KINDS[entry.kind],
        title=entry.title,
        context=entry.context,
        url=prefix + entry.address,
        title_pieces=make_excerpt(entry.title, terms, length=len(entry.title)),
        excerpt="".join([text for text, _ in pieces]),
        pieces=pieces,
    )
