"""Lists narrowed by words, as the search finds them: same texts, same spelling rules."""

from django.db.models import QuerySet

from .models import SearchEntry
from .search_text import parse_query


def filter_by_text(queryset: QuerySet, kind: str, q: str) -> QuerySet:
    """Narrow a published queryset of the kind's model to the records whose text holds `q`.

    `kind` is one of SearchKind. A `q` without a letter or digit (blank, punctuation only) narrows
    nothing; `is_searchable` tells, so that a form can say it.
    """
    terms = parse_query(q)
    if not terms:
        return queryset
    entries = SearchEntry.objects.using(queryset.db).filter(kind=kind).matching(terms)
    return queryset.filter(pk__in=entries.values("object_id"))


def is_searchable(q: str) -> bool:
    """Tell whether a query holds anything that can be looked for."""
    return bool(parse_query(q))
