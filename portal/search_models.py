"""The table of the search's index, and how each database looks things up in it."""

import orjson
from django.db import models

from .search_text import Term, list_phrases, make_mark, to_fts5, to_tsquery

# Entries are numbered by kind, then by record: their order is that in which hits are shown.
RECORD_BITS = 40


class SearchKind(models.TextChoices):
    """What the search finds, in the order in which equally good hits are shown."""

    INITIATIVE = "initiative", "取組"
    SETTLEMENT = "settlement", "決算"
    SETTLEMENT_ITEM = "settlement_item", "決算項目"
    INDICATOR = "indicator", "指標"
    REPORT = "report", "実績報告"
    PILLAR = "pillar", "柱"
    DEPARTMENT = "department", "部局"
    DOCUMENT = "document", "出典資料"
    PROGRAM = "program", "事業"
    GLOSSARY_TERM = "glossary_term", "用語"


ALL_KINDS = [str(kind) for kind in SearchKind]
KIND_NUMBERS = {kind: number for number, kind in enumerate(ALL_KINDS)}
# Nearly all entries are of this kind: it is not worth looking for its mark.
COMMONEST_KIND = str(SearchKind.SETTLEMENT_ITEM)
# The mark of a sample of the entries: those of the records whose number divides by SAMPLED.
SAMPLE, SAMPLED = make_mark("sample", 1), 8


def first_id(kind: str) -> int:
    """Return what the numbers of a kind's entries begin with; the record's own is added to it."""
    return KIND_NUMBERS[kind] << RECORD_BITS


def kind_of(number: int) -> str:
    """Return the kind of the entry that has this number."""
    return ALL_KINDS[number >> RECORD_BITS]


class SearchEntry(models.Model):
    """What the search knows of one published record: searchable.py writes it, nobody else.

    Its number is `first_id(kind)` plus the record's.
    `address` leaves out the prefix under which the portal is mounted. `title_words` is the
    title's normal form; `tokens` are those of the title and of `body`, then those of the title
    alone, single characters, and what narrows a search, marked (search_text.py). Both databases
    index `tokens` in their own way: see the migrations.
    """

    kind = models.CharField(max_length=20, choices=SearchKind)
    object_id = models.BigIntegerField()
    title = models.TextField()
    context = models.TextField(blank=True)
    address = models.TextField()
    body = models.TextField(blank=True)
    title_words = models.TextField(blank=True)
    tokens = models.TextField(blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "検索の索引"

    def __str__(self):
        return self.title


class Index:
    """The index of a database, as SQL: a table `e`, the number of its entries, and conditions."""

    def __init__(self, vendor: str):
        self.is_sqlite = vendor == "sqlite"
        self.table = "portal_searchentry_fts e" if self.is_sqlite else "portal_searchentry e"
        self.id = "e.rowid" if self.is_sqlite else "e.id"
        self._gather = "(SELECT json_group_array(id) FROM ({}))" if self.is_sqlite else "ARRAY({})"

    def gather(self, statement: str) -> str:
        """Return the expression for all that a statement selects as `id`: one value, not many rows."""
        return self._gather.format(statement)

    def read_gathered(self, value) -> list[int]:
        return sorted(orjson.loads(value) if self.is_sqlite else value)

    def holds(self, terms: list[Term], kind: str = "") -> tuple[str, list]:
        """Return the condition that an entry (of the kind) holds all terms, and its parameters."""
        if self.is_sqlite:
            condition, params = "e.portal_searchentry_fts MATCH %s", [to_fts5(terms)]
            if kind:
                condition += " AND e.rowid BETWEEN %s AND %s"
                params += _range_of(kind)
            return condition, params
        if kind:
            terms = [*terms, make_mark("kind", KIND_NUMBERS[kind])]
        phrases = list_phrases(terms)
        condition = "e.vector @@ %s::tsquery" + " AND strpos(e.tokens, %s) > 0" * len(phrases)
        return condition, [to_tsquery(terms), *phrases]

    def select(self, terms: list[Term], limit: int, kind: str = "") -> tuple[str, list]:
        """Return what selects, as `id`, so many entries (of the kind) that hold all terms.

        PostgreSQL reads its index alone. Where very many hold the terms, those selected are of the
        sample.
        """
        if not self.is_sqlite and kind in ("", COMMONEST_KIND):
            sql = "SELECT unnest(portal_find_many(%s::tsquery, %s::tsquery, %s::text[], %s, %s, %s)) AS id"
            queries = [to_tsquery(terms), to_tsquery([SAMPLE])]
            return sql, [*queries, list_phrases(terms), *_range_of(kind), limit]
        return self.select_all(terms, limit, kind)

    def select_all(self, terms: list[Term], limit: int, kind: str = "") -> tuple[str, list]:
        """Return the same, for terms that not many entries (of the kind) hold together."""
        if self.is_sqlite:
            condition, params = self.holds(terms, kind)
            sql = f"SELECT {self.id} AS id FROM {self.table} WHERE {condition} LIMIT %s"  # noqa: S608
            return sql, [*params, limit]
        marks = [make_mark("kind", KIND_NUMBERS[kind])] if kind else []
        sql = "SELECT unnest(portal_find(%s::tsquery, %s::text[], %s, %s, %s)) AS id"
        return sql, [to_tsquery([*terms, *marks]), list_phrases(terms), *_range_of(kind), limit]


def _range_of(kind: str) -> tuple[int, int]:
    """Return the first and the last number that an entry (of the kind) may have."""
    kinds = [kind] if kind else [*KIND_NUMBERS]
    return first_id(kinds[0]), first_id(kinds[-1]) + (1 << RECORD_BITS) - 1
