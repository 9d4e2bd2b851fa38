"""The portal's search: hits, facet counts and suggestions over everything published.

However many records hold the words, no more than MAX_FOUND are read. Where there are more, a number
tells the least that there are, and says so.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from django.db.models import Count
from django.urls import get_script_prefix

from budgets.models import Program
from initiatives.models import Distinction

from .models import SearchEntry, SearchKind
from .search_queries import (
    FACETS,
    PublicRow,
    find_entries,
    find_public,
    list_choices,
    list_chosen,
    list_marks,
    read_public,
)
from .search_text import Term, in_title, make_excerpt, parse_query

KINDS = dict(SearchKind.choices)
MAX_FOUND = 1_000
MAX_COUNTED = 100  # of a shorter query, and of the titles that share a pair of characters
# A hit later in a text is found, but not shown: marking takes a second for 300,000 characters.
EXCERPTED_CHARACTERS = 20_000
MAX_SUGGESTIONS = 5
MAX_EXAMPLES = 3
MAX_DROPPED = 5
MAX_PAIRS = 16
Pieces = list[tuple[str, bool]]


@dataclass(frozen=True)
class Hit:
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
        return min(len(self._numbers), MAX_FOUND)

    @property
    def is_exact(self) -> bool:
        """Tell whether `count` is how many there are; else it is that many at the least."""
        return len(self._numbers) <= MAX_FOUND

    def list_hits(self, limit: int, offset: int = 0) -> list[Hit]:
        numbers = self._numbers[:MAX_FOUND][offset : offset + limit]
        entries = SearchEntry.objects.defer("tokens", "title_words").in_bulk(numbers)
        return [_make_hit(entries[each], self.terms) for each in numbers if each in entries]

    def count_facets(self) -> dict[str, list[FacetValue]]:
        """Return the choices of "kind", "fiscal_year", "department" and "pillar" among the hits.

        The counts of a facet follow the other choices made, not its own. Choices without a hit are
        left out. Where more than MAX_FOUND records hold the words, all choices are returned, and
        nothing is counted.
        """
        if self._public is None:
            return _list_uncounted()
        rows = self._public.values()
        by_kind = Counter(row.kind for row in rows if row.is_within(KINDS, self.narrowing))
        facets = {"kind": [FacetValue(k, KINDS[k], by_kind[k]) for k in KINDS if k in by_kind]}
        for facet in FACETS:
            others = self.narrowing | {facet: None}
            within = (row for row in rows if row.is_within(self.kinds, others))
            counts = Counter(choice for row in within for choice in row.choices[facet])
            facets[facet] = [
                FacetValue(str(value), label, count)
                for (_, value, label), count in sorted(counts.items())
            ]
        return facets

    @cached_property
    def _entries(self) -> dict[int, str]:
        """The words of the titles of what holds the query, public or not, by number of the entry."""
        found = find_entries([self.terms], MAX_FOUND + 1) if self.terms else []
        return {number: words for _, number, words in found}

    @cached_property
    def _public(self) -> dict[int, PublicRow] | None:
        """What is public of all that holds the query; None where that is too much to be read."""
        return read_public(self._entries) if len(self._entries) <= MAX_FOUND else None

    @cached_property
    def _numbers(self) -> list[int]:
        """The numbers of the entries that were found, best first: one more than are shown."""
        if self._public is None:
            found = dict(find_public(self.terms, self.kinds, self.narrowing, MAX_FOUND + 1))
        else:
            found = {
                number: self._entries[number]
                for number, row in self._public.items()
                if row.is_within(self.kinds, self.narrowing)
            }
        words = [term.text for term in self.terms]
        return sorted(
            found, key=lambda number: (sum(word not in found[number] for word in words), number)
        )


def _list_uncounted() -> dict[str, list[FacetValue]]:
    """Return all choices there are, for a search that finds too much to be counted."""
    return {"kind": [FacetValue(kind, label) for kind, label in KINDS.items()]} | {
        facet: [FacetValue(str(value), label) for _, value, label in list_choices(facet)]
        for facet in FACETS
    }


def find(query: str, *, limit: int = 20, offset: int = 0, **narrowing) -> Found:
    """Return public records that hold all words of the query; `narrowing` is as for `Search`."""
    search = Search(query, **narrowing)
    return Found(search.list_hits(limit, offset), search.count, search.is_exact)


def count_facets(query: str, **narrowing) -> dict[str, list[FacetValue]]:
    """Return the choices that narrow a search; `narrowing` is as for `Search`."""
    return Search(query, **narrowing).count_facets()


def drop_words(query: str, **narrowing) -> list[Shorter]:
    """Return the query less one word each, then each word alone, with how much that finds.

    What finds nothing is left out. `narrowing` is as for `Search`. Two database queries.
    """
    words = query.split()[:MAX_DROPPED]
    if len(words) < 2:
        return []
    shorter = [" ".join(words[:place] + words[place + 1 :]) for place in range(len(words))]
    shorter = [each for each in dict.fromkeys([*shorter, *words]) if parse_query(each)]
    if not shorter:
        return []
    kinds = list_chosen(narrowing.pop("kinds", None))
    marks = list_marks(narrowing, kinds)
    found = find_entries([[*parse_query(each), *marks] for each in shorter], MAX_COUNTED + 1)
    public = read_public({number for _, number, _ in found})
    # Of one that is cut off, what is not public or of another kind was counted for the limit too.
    read = Counter(place for place, _, _ in found)
    counts = Counter(
        place
        for place, number, _ in found
        if number in public and public[number].is_within(kinds, narrowing)
    )
    return [
        Shorter(each, min(counts[place], MAX_COUNTED), read[place] <= MAX_COUNTED)
        for place, each in enumerate(shorter)
        if counts[place]
    ]


def list_examples() -> list[str]:
    """Return words that find something: the commonest distinctions and some programs' names."""
    names = Distinction.objects.published().values_list("name", flat=True)
    names = names.annotate(n=Count("pk")).order_by("-n", "name")
    programs = Program.objects.published().order_by("slug").values_list("name", flat=True)
    return [*names[:MAX_EXAMPLES], *programs[:MAX_EXAMPLES]]


def suggest(query: str, kinds: Iterable[str] | None = None) -> list[Suggestion]:
    """Return the public titles nearest to a query: those that share most pairs of characters.

    Of each pair MAX_COUNTED titles are looked at. Three database queries.
    """
    pairs = [token for term in parse_query(query) for token in term.tokens if len(token) == 2]
    pairs = list(dict.fromkeys(pairs))[:MAX_PAIRS]
    if not pairs:
        return []
    chosen = list_chosen(kinds)
    marks = list_marks({}, chosen)
    searches = [[*in_title([Term(pair, (pair,), False)]), *marks] for pair in pairs]
    found = {number: words for _, number, words in find_entries(searches, MAX_COUNTED)}
    least = max(1, len(pairs) // 3)
    shared = {number: sum(pair in words for pair in pairs) for number, words in found.items()}
    nearest = sorted(
        (number for number in found if shared[number] >= least),
        key=lambda number: (-shared[number], len(found[number]), number),
    )
    public = read_public(nearest)
    shown = (number for number in nearest if number in public and public[number].kind in chosen)
    numbers = list(islice(shown, MAX_SUGGESTIONS))
    entries = SearchEntry.objects.in_bulk(numbers)
    return [
        Suggestion(entry.kind, KINDS[entry.kind], entry.title, _make_url(entry))
        for entry in (entries[number] for number in numbers if number in entries)
    ]


def _make_hit(entry: SearchEntry, terms: list[Term]) -> Hit:
    pieces = make_excerpt(entry.body[:EXCERPTED_CHARACTERS], terms)
    return Hit(
        kind=entry.kind,
        kind_label=KINDS[entry.kind],
        title=entry.title,
        context=entry.context,
        url=_make_url(entry),
        title_pieces=make_excerpt(entry.title, terms, length=len(entry.title)),
        excerpt="".join(text for text, _ in pieces),
        pieces=pieces,
    )


def _make_url(entry: SearchEntry) -> str:
    return get_script_prefix() + entry.address
