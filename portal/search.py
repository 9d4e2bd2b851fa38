"""The portal's search: hits, facet counts and suggestions over everything published."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Case, Count, IntegerField, Q, QuerySet, Value, When
from django.db.models.functions import Length
from django.urls import get_script_prefix

from budgets.models import Program
from initiatives.models import Distinction

from .fiscal_year import format_fiscal_year
from .models import SearchEntry, SearchKind
from .search_text import Term, make_excerpt, parse_query
from .searchable import SEARCHABLES, Searchable

KINDS = dict(SearchKind.choices)
KIND_ORDER = Case(
    *(When(kind=kind, then=order) for order, kind in enumerate(KINDS)),
    output_field=IntegerField(),
)
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
    results: list[Hit]
    count: int


@dataclass(frozen=True)
class FacetValue:
    """A choice that narrows a search: its value in the query string, its name, its hits."""

    value: str
    label: str
    count: int


@dataclass(frozen=True)
class Suggestion:
    kind: str
    kind_label: str
    title: str
    url: str


def find(
    query: str,
    *,
    kinds: Iterable[str] | None = None,
    fiscal_year: int | None = None,
    department: str | None = None,
    pillar: str | None = None,
    limit: int = 20,
    offset: int = 0,
) -> Found:
    """Return the public records that hold all words of the query, and how many there are.

    Words in the title count before words in the text; then comes the order of the kinds.
    `department` and `pillar` are slugs. A query without a letter or digit finds nothing. Two
    database queries.
    """
    terms = parse_query(query)
    if not terms:
        return Found([], 0)
    narrowing = {"fiscal_year": fiscal_year, "department": department, "pillar": pillar}
    entries = _published(SearchEntry.objects.matching(terms), kinds, narrowing)
    count = entries.count()
    if offset >= count:
        return Found([], count)
    missing = sum((_lacks(term.text) for term in terms), Value(0))
    page = entries.defer("tokens", "title_words").order_by(missing, KIND_ORDER, "object_id")[
        offset : offset + limit
    ]
    return Found([_make_hit(entry, terms) for entry in page], count)


def count_facets(
    query: str,
    *,
    kinds: Iterable[str] | None = None,
    fiscal_year: int | None = None,
    department: str | None = None,
    pillar: str | None = None,
) -> dict[str, list[FacetValue]]:
    """Return the choices of "kind", "fiscal_year", "department" and "pillar" among the hits.

    The counts of a facet follow the other choices made, not its own. Choices without a hit are
    left out. One database query a facet.
    """
    matching = SearchEntry.objects.matching(parse_query(query))
    narrowing = {"fiscal_year": fiscal_year, "department": department, "pillar": pillar}
    by_kind = dict(
        _published(matching, None, narrowing).values_list("kind").annotate(n=Count("pk"))
    )
    facets = {"kind": [FacetValue(k, KINDS[k], by_kind[k]) for k in KINDS if k in by_kind]}
    for facet in narrowing:
        counts = _count_choices(facet, matching, kinds, narrowing | {facet: None})
        facets[facet] = [
            FacetValue(str(value), label, count)
            for (_, value, label), count in sorted(counts.items())
        ]
    return facets


def drop_words(query: str, **narrowing) -> list[tuple[str, int]]:
    """Return the query less one word each, then each word alone, with how much that finds.

    What finds nothing is left out. `narrowing` is as for `find`. One database query.
    """
    words = query.split()[:MAX_DROPPED]
    if len(words) < 2:
        return []
    shorter = [" ".join(words[:place] + words[place + 1 :]) for place in range(len(words))]
    shorter = [each for each in dict.fromkeys([*shorter, *words]) if parse_query(each)]
    kinds, arms = narrowing.pop("kinds", None), []
    for place, terms in enumerate(map(parse_query, shorter)):
        entries = _published(SearchEntry.objects.matching(terms), kinds, narrowing)
        arms.append(entries.order_by().values_list(Value(place)).annotate(n=Count("pk")))
    counts = dict(arms[0].union(*arms[1:], all=True)) if arms else {}
    return [(query, n) for place, query in enumerate(shorter) if (n := counts.get(place))]


def list_examples() -> list[str]:
    """Return words that find something: the commonest distinctions and some programs' names."""
    names = Distinction.objects.published().values_list("name", flat=True)
    names = names.annotate(n=Count("pk")).order_by("-n", "name")
    programs = Program.objects.published().order_by("slug").values_list("name", flat=True)
    return [*names[:MAX_EXAMPLES], *programs[:MAX_EXAMPLES]]


def suggest(query: str, kinds: Iterable[str] | None = None) -> list[Suggestion]:
    """Return the public titles nearest to a query: those that share most pairs of characters."""
    pairs = [token for term in parse_query(query) for token in term.tokens if len(token) == 2]
    pairs = list(dict.fromkeys(pairs))[:MAX_PAIRS]
    if not pairs:
        return []
    shared = sum((1 - _lacks(pair) for pair in pairs), Value(0))
    entries = _published(SearchEntry.objects.sharing(pairs), kinds, {}).annotate(shared=shared)
    nearest = entries.filter(shared__gte=max(1, len(pairs) // 3)).order_by(
        "-shared", Length("title"), KIND_ORDER, "object_id"
    )
    return [
        Suggestion(entry.kind, KINDS[entry.kind], entry.title, _make_url(entry))
        for entry in nearest[:MAX_SUGGESTIONS]
    ]


def _list_chosen(kinds: Iterable[str] | None) -> list[Searchable]:
    kinds = set(kinds or KINDS)
    return [searchable for kind, searchable in SEARCHABLES.items() if kind in kinds]


def _published(entries: QuerySet, kinds: Iterable[str] | None, narrowing: dict) -> QuerySet:
    """Keep the entries of what is public at this moment."""
    visible = Q(pk__in=[])
    for searchable in _list_chosen(kinds):
        records = searchable.published(**narrowing)
        visible |= Q(kind=searchable.kind, object_id__in=records.values("pk"))
    return entries.filter(visible)


def _lacks(words: str) -> Case:
    """Return 1 for an entry without these words in its title, else 0."""
    return Case(When(title_words__contains=words, then=0), default=1)


def _count_choices(facet: str, matching: QuerySet, kinds, narrowing: dict) -> Counter:
    """Count the hits of each choice: (what it is sorted by, value, label) -> number."""
    arms = []
    for searchable in _list_chosen(kinds):
        if path := searchable.facets.get(facet):
            entries = matching.filter(kind=searchable.kind).values("object_id")
            records = searchable.published(**narrowing).filter(pk__in=entries)
            columns = [path]
            if path.endswith("slug"):
                columns = [
                    path.removesuffix("slug") + name for name in ("position", "slug", "name")
                ]
            arms.append(records.values_list(*columns).annotate(n=Count("pk")))
    counts = Counter()
    for *choice, number in arms[0].union(*arms[1:], all=True) if arms else []:
        if None in choice:
            continue
        if facet == "fiscal_year":
            (year,) = choice
            choice = [-year, year, format_fiscal_year(year)]
        counts[tuple(choice)] += number
    return counts


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
