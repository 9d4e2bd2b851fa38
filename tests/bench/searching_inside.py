"""Seen from inside a world: the search, and the raw SQL on its index, one after the other."""

from django.conf import settings
from django.core.cache import caches
from django.db import connection

from .arithmetic import CLOCKS, run_interleaved
from .world_inside import list_hard_words, list_words

ROUNDS = 11
SECONDS = 10
LIMIT = 20
FTS5 = "portal_searchentry_fts MATCH %s"
HITS = {
    "sqlite": (
        "SELECT e.kind, e.object_id, e.title, e.context, e.address, e.body"
        " FROM portal_searchentry_fts JOIN portal_searchentry e"
        f" ON e.id = portal_searchentry_fts.rowid WHERE {FTS5} LIMIT {LIMIT}"
    ),
    "postgresql": (
        "SELECT kind, object_id, title, context, address, body FROM portal_searchentry"
        f" WHERE {{condition}} LIMIT {LIMIT}"
    ),
}
COUNT = {
    "sqlite": f"SELECT COUNT(*) FROM portal_searchentry_fts WHERE {FTS5}",
    "postgresql": "SELECT COUNT(*) FROM portal_searchentry WHERE {condition}",
}


def measure_words() -> list[dict]:
    """Return, for each word, its kind, what the index counts, and the milliseconds of each way."""
    return [
        {"word": word, "kind": kind, **_measure(word)}
        for kind, words in (list_words() | list_hard_words()).items()
        for word in words
    ]


def _measure(word: str) -> dict:
    from portal.search import count_facets, find

    condition, parameters = _make_condition(word)
    hits, count = (sql[connection.vendor].format(condition=condition) for sql in (HITS, COUNT))
    ways = {
        "find": lambda: find(word, limit=LIMIT),
        "page": lambda: (find(word, limit=LIMIT), count_facets(word)),
        "raw_hits": lambda: _ask(hits, parameters),
        "raw_count": lambda: _ask(count, parameters),
    }
    return {
        "raw_count": _ask(count, parameters)[0][0],
        "ms": run_interleaved(
            {name: lambda way=way: _time(way) for name, way in ways.items()}, ROUNDS, SECONDS
        ),
    }


def _make_condition(word: str) -> tuple[str, list[str]]:
    from portal.search_text import list_phrases, parse_query, to_fts5, to_tsquery

    terms = parse_query(word)
    if connection.vendor == "sqlite":
        return FTS5, [to_fts5(terms)]
    phrases = list_phrases(terms)
    condition = ["vector @@ %s::tsquery", *["strpos(tokens, %s) > 0"] * len(phrases)]
    return " AND ".join(condition), [to_tsquery(terms), *phrases]


def _ask(sql: str, parameters: list[str]) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


def _time(way) -> float:
    for alias in settings.CACHES:
        caches[alias].clear()
    clock = CLOCKS[connection.vendor]
    start = clock()
    way()
    return (clock() - start) * 1000
