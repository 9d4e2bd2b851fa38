"""Seen from inside a world: what is in it, and which pages and words are measured."""

import re
from collections import Counter
from itertools import combinations, product

from django.apps import apps
from django.db import connection
from django.db.models import Count
from django.urls import reverse

WORDS = re.compile(r"(?<![一-龥])[一-龥]{2,4}(?![一-龥])|(?<![ァ-ヴー])[ァ-ヴー]{3,8}(?![ァ-ヴー])")
WORD_SAMPLE = 3000
MANY_PAIRS = 200


def settle():
    """Bring the database to rest, as it comes to rest by itself: SQLite gathers no statistics."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            cursor.execute("VACUUM ANALYZE")


def count_rows() -> dict[str, int]:
    """Return how many records there are of what tells the size of a world."""
    labels = {
        "決算": "budgets.Settlement",
        "決算項目": "budgets.SettlementItem",
        "実績値": "budgets.SettlementFigure",
        "取組": "initiatives.Initiative",
        "検索の索引": "portal.SearchEntry",
    }
    return {name: apps.get_model(label).objects.count() for name, label in labels.items()}


def read_server_version() -> str:
    if connection.vendor == "sqlite":
        return f"SQLite {'.'.join(map(str, connection.Database.sqlite_version_info))}"
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        return f"PostgreSQL {cursor.fetchone()[0].split()[0]}"


def list_pages() -> dict[str, str]:
    """Return the addresses of the measured pages, by their name in the table."""
    from budgets.models import Settlement, SettlementFigure, SettlementItem

    settlements = Settlement.objects.published().order_by("pk")
    sized = settlements.annotate(n=Count("items")).order_by("-n", "pk")
    largest = settlements.get(pk=sized.values_list("pk", flat=True)[0])
    figures = SettlementFigure.objects.published().filter(item__settlement=largest)
    (fullest,) = (
        figures.order_by().values_list("item").annotate(n=Count("pk")).order_by("-n", "item")[:1]
    )
    item = SettlementItem.objects.published().get(pk=fullest[0])
    return {
        "トップ": reverse("home"),
        "年度の決算": reverse("settlement_year", args=[largest.fiscal_year]),
        "決算（項目が最も多い）": largest.get_absolute_url(),
        "決算項目（実績値が最も多い）": item.get_absolute_url(),
        "取組の一覧": reverse("initiative_list"),
        "検索": f"{reverse('search')}?q={quote_word(list_words()['common'][0])}",
    }


def list_answers() -> dict[str, str]:
    """Return the pages, and the API's lists and files that are measured like pages."""
    pages = list_pages()
    settlement = pages["決算（項目が最も多い）"]
    return pages | {
        "部局の一覧": reverse("department_list"),
        "決算の一覧": reverse("settlement_list"),
        "指標の一覧": reverse("indicator_list"),
        "更新・正誤": reverse("change_list"),
        "フィード": reverse("feed"),
        "サイトマップ": reverse("sitemap"),
        "API 決算項目100件": "/api/v1/settlement-items?limit=100",
        "API 実績値100件": "/api/v1/figures?limit=100",
        "API 取組100件": "/api/v1/initiatives?limit=100",
        "API 決算": f"/api/v1{settlement.rstrip('/')}",
        "API 検索": f"/api/v1/search?{pages['検索'].partition('?')[2]}",
    }


def list_words() -> dict[str, list[str]]:
    """Return search words of the data itself: found once in a sample, by a fiftieth, by most."""
    entries, counts = _sample_texts(), Counter()
    for text in entries:
        counts.update(set(WORDS.findall(text)))
    ordered = [word for word, _ in sorted(counts.items(), key=lambda each: (-each[1], each[0]))]
    fiftieth = [word for word in ordered if counts[word] <= max(2, len(entries) // 50)]
    rare = [word for word in ordered if counts[word] == 1]
    return {
        "rare": rare[:-4:-1] or ordered[-3:],
        "common": fiftieth[:3],
        "commonest": [word for word in ordered if len(word) == 2][:3],
    }


def list_hard_words() -> dict[str, list[str]]:
    """Return what costs a search most: single characters, words that never meet, and one that is not.

    Each of the two words, or all pairs of characters of the one, stands in as many texts as can be.
    """
    from portal.search_text import normalise

    texts = [normalise(text) for text in _sample_texts()]
    pairs = [{text[at : at + 2] for at in range(len(text) - 1)} for text in texts]
    number = Counter(pair for each in pairs for pair in each if " " not in pair)
    common = sorted(number, key=lambda pair: (-number[pair], pair))[:MANY_PAIRS]
    where = {pair: {at for at, each in enumerate(pairs) if pair in each} for pair in common}

    def count_meetings(pair, other):
        return len(where[pair] & where[other])

    apart = [each for each in combinations(common, 2) if not count_meetings(*each)]
    joined = [
        (pair, other)
        for pair, other in product(common, common)
        if pair[1] == other[0] and not any(pair + other[1] in text for text in texts)
    ]
    characters = Counter(character for text in texts for character in set(text) - {" "})
    return {
        "character": [each for each, _ in characters.most_common(2)],
        "apart": [" ".join(each) for each in sorted(apart, key=lambda each: -number[each[1]])[:1]],
        "not a word": [
            pair + other[1]
            for pair, other in sorted(joined, key=lambda each: -count_meetings(*each))[:1]
        ],
    }


def _sample_texts() -> list[str]:
    from portal.models import SearchEntry

    pks = SearchEntry.objects.order_by("pk").values_list("pk", flat=True)
    step = max(1, len(pks) // WORD_SAMPLE)
    entries = SearchEntry.objects.filter(pk__in=list(pks[::step][:WORD_SAMPLE])).order_by("pk")
    return [f"{title} {body}" for title, body in entries.values_list("title", "body")]


def quote_word(word: str) -> str:
    from urllib.parse import quote

    return quote(word)


def count_public_rows() -> dict[str, dict[str, int]]:
    """Return, by table, how many rows of each fiscal year the API's lists hold."""
    from budgets.models import SettlementFigure, SettlementItem

    counted = {}
    for model, path in (
        (SettlementItem, "settlement__fiscal_year"),
        (SettlementFigure, "item__settlement__fiscal_year"),
    ):
        rows = model.objects.published().order_by(path).values_list(path)
        counted[model._meta.db_table] = dict(rows.annotate(n=Count("pk")))
    return counted
