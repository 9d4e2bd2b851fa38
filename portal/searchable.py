"""What can be searched, and how the index follows every change of it.

The index also holds what is not public: only `published()` of a record's model, asked at the time
of the search, decides what is found. Therefore an entry holds its record's own text alone, and
that of parts which are public whenever the record is. `internal_note` is never read.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import Field, Model, QuerySet
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save
from django.urls import get_script_prefix

from budgets.models import Program, Settlement, SettlementItem
from initiatives.models import Indicator, Initiative, Pillar, ResultsReport

from .fiscal_year import format_fiscal_year_short
from .markdown import plain_text
from .models import Department, Figure, GlossaryTerm, SearchEntry, SearchKind, SourceDocument
from .search_index import hold_indexing, index_soon  # noqa: F401
from .search_text import index_text, normalise
from .versions import is_versioned, parts_written, root_model, root_path

BATCH_SIZE = 200
# Of a longer text the beginning is searched: a tsvector of PostgreSQL holds 1 MiB.
MAX_CHARACTERS = 100_000


@dataclass(frozen=True)
class Searchable:
    """How records of one model are found.

    `get_texts` gives the texts of a record. `joined` (single records) and `related` (many) are the
    paths to what title, texts and address are made of: it is loaded with the record, and a change
    of it writes the entry anew. `facets` are the paths to what narrows a search: the fiscal year,
    the slugs of departments and of the pillar.
    """

    kind: SearchKind
    model: type[Model]
    get_texts: Callable[[Model], Iterable[str]]
    get_title: Callable[[Model], str] = str
    get_context: Callable[[Model], str] = lambda record: ""
    joined: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    facets: dict[str, str] = field(default_factory=dict)

    def published(self, **narrowing) -> QuerySet:
        """Return the public records, narrowed by facets; none where the kind has no such facet."""
        records = self.model.objects.published().order_by()
        for facet, value in narrowing.items():
            if value is not None and facet not in self.facets:
                return records.none()
            if value is not None:
                records = records.filter(**{self.facets[facet]: value})
        return records

    def load(self, pks: list[int]) -> QuerySet:
        """Return the records with all that their entries are made of, one writer at a time."""
        records = self.model.objects.filter(pk__in=pks).order_by("pk")
        records = records.select_related(*self.joined or [None]).prefetch_related(*self.related)
        return records.select_for_update(of=["self"], no_key=True)

    def make_entry(self, record) -> SearchEntry:
        title = self.get_title(record)
        body = " ".join(" ".join(self.get_texts(record)).split())
        tokens = index_text(f"{title} {body}"[:MAX_CHARACTERS])[: 3 * MAX_CHARACTERS]
        return SearchEntry(
            kind=self.kind,
            object_id=record.pk,
            title=title,
            context=self.get_context(record),
            address=record.get_absolute_url().removeprefix(get_script_prefix()),
            body=body,
            title_words=normalise(title),
            tokens=tokens,
        )


def _list_figures(figures: Iterable[Figure]) -> list[str]:
    return [f"{figure} {figure.period} {figure.note}" for figure in figures]


def _list_initiative_texts(initiative):
    return [
        initiative.summary,
        plain_text(initiative.body),
        initiative.easy_summary,
        initiative.period,
        *(distinction.name for distinction in initiative.distinctions.all()),
        *_list_figures(initiative.figures.all()),
        *(place.name for place in initiative.places.all()),
    ]


def _list_settlement_texts(settlement):
    return [
        settlement.heading,
        plain_text(settlement.introduction),
        settlement.easy_summary,
        *(policy.name for policy in settlement.priority_policies.all()),
        *(e.name for policy in settlement.priority_policies.all() for e in policy.efforts.all()),
        f"{settlement.fiscal_year}年度",
        format_fiscal_year_short(settlement.fiscal_year),
    ]


def _list_item_texts(item):
    program = item.program
    return [
        plain_text(item.body),
        item.easy_summary,
        *_list_figures(item.figures.all()),
        # An effort of another settlement may not be public yet.
        *(e.name for e in item.efforts.all() if e.policy.settlement_id == item.settlement_id),
        *([program.name, *(alias.name for alias in program.aliases.all())] if program else []),
        item.label,
    ]


def _list_department_texts(department):
    former_names = (former.name for former in department.predecessors.all())
    return [department.description, department.name_en, *former_names]


SEARCHABLES = {
    searchable.kind: searchable
    for searchable in [
        Searchable(
            SearchKind.INITIATIVE,
            Initiative,
            _list_initiative_texts,
            related=("distinctions", "figures", "places"),
            facets={
                "fiscal_year": "fiscal_year",
                "department": "departments__slug",
                "pillar": "pillar__slug",
            },
        ),
        Searchable(
            SearchKind.SETTLEMENT,
            Settlement,
            _list_settlement_texts,
            joined=("department",),
            related=("priority_policies__efforts",),
            facets={"fiscal_year": "fiscal_year", "department": "department__slug"},
        ),
        Searchable(
            SearchKind.SETTLEMENT_ITEM,
            SettlementItem,
            _list_item_texts,
            get_title=lambda item: item.name,
            get_context=lambda item: str(item.settlement),
            joined=("settlement__department", "program"),
            related=("figures", "efforts__policy", "program__aliases"),
            facets={
                "fiscal_year": "settlement__fiscal_year",
                "department": "settlement__department__slug",
            },
        ),
        Searchable(
            # A value is published by itself, so that its note is no part of the indicator's text.
            SearchKind.INDICATOR,
            Indicator,
            lambda indicator: [indicator.description],
            facets={"department": "department__slug"},
        ),
        Searchable(SearchKind.REPORT, ResultsReport, lambda report: [report.summary]),
        Searchable(
            SearchKind.PILLAR,
            Pillar,
            lambda pillar: [pillar.description],
            get_title=lambda pillar: pillar.name,
            facets={"pillar": "slug"},
        ),
        Searchable(
            SearchKind.DEPARTMENT,
            Department,
            _list_department_texts,
            related=("predecessors",),
            facets={"department": "slug"},
        ),
        Searchable(
            SearchKind.DOCUMENT,
            SourceDocument,
            lambda document: [document.issued_by, document.note],
            facets={"fiscal_year": "fiscal_year"},
        ),
        Searchable(
            SearchKind.PROGRAM,
            Program,
            lambda program: [program.description, *(a.name for a in program.aliases.all())],
            related=("aliases",),
            facets={"department": "department__slug"},
        ),
        Searchable(
            SearchKind.GLOSSARY_TERM,
            GlossaryTerm,
            lambda term: [term.explanation, term.easy_explanation, term.reading],
        ),
    ]
}


def rebuild(kind: str, pks: Iterable[int] | None = None) -> int:
    """Write the entries of these records (all by default) anew; return how many there are.

    Entries of records that are gone go too. Who writes with `bulk_create` or `update`, which send
    no signals, calls this afterwards.
    """
    searchable = SEARCHABLES[kind]
    entries = SearchEntry.objects.filter(kind=kind)
    with transaction.atomic(savepoint=False):
        if pks is None:
            entries.exclude(object_id__in=searchable.model.objects.order_by().values("pk")).delete()
            pks = searchable.model.objects.order_by().values_list("pk", flat=True)
        wanted, written = sorted(pks), 0
        for start in range(0, len(wanted), BATCH_SIZE):
            batch = wanted[start : start + BATCH_SIZE]
            found = [searchable.make_entry(record) for record in searchable.load(batch)]
            SearchEntry.objects.bulk_create(
                found,
                update_conflicts=True,
                unique_fields=["kind", "object_id"],
                update_fields=["title", "context", "address", "body", "title_words", "tokens"],
            )
            if gone := set(batch) - {entry.object_id for entry in found}:
                entries.filter(object_id__in=gone).delete()
            written += len(found)
    return written


def _walk(searchable: Searchable) -> Iterator[tuple[str, type[Model], Field]]:
    """Yield each step to a related record: its path, the model it leads to, and its field."""
    for related in searchable.joined + searchable.related:
        model, names = searchable.model, related.split("__")
        for depth, name in enumerate(names, 1):
            step = model._meta.get_field(name)
            model = step.related_model
            yield "__".join(names[:depth]), model, step


# Model -> kind, path to it, and whether it is a part, which names its whole when it is made.
_paths: dict[type[Model], set[tuple[str, str, bool]]] = defaultdict(set)


def connect_signals():
    """Make the index follow each save and delete of what it is made of."""
    tables = set()
    for kind, searchable in SEARCHABLES.items():
        _paths[searchable.model].add((kind, "pk", True))
        for path, model, step in _walk(searchable):
            _paths[model].add((kind, path, step.one_to_many))
            if step.many_to_many:
                tables.add((step if step.auto_created else step.remote_field).through)
    for model in _paths:
        pre_save.connect(_before_change, sender=model)
        post_save.connect(_after_change, sender=model)
        pre_delete.connect(_before_change, sender=model)
        post_delete.connect(_after_change, sender=model)
    parts_written.connect(_after_parts_written)
    for table in tables:
        m2m_changed.connect(_around_many_to_many, sender=table)


def _list_affected(record: Model, is_new: bool = False) -> set[tuple[str, int]]:
    """Return kind and number of each searchable record whose text takes from this record."""
    affected = set()
    for kind, path, is_part in _paths[type(record)]:
        if is_new and not is_part:
            continue
        pks = [record.pk]
        if path != "pk":
            records = SEARCHABLES[kind].model.objects.filter(**{path: record.pk})
            pks = records.values_list("pk", flat=True)
        affected |= {(kind, pk) for pk in pks}
    return affected


def _before_change(instance, **kwargs):
    # A part that goes over from one record to another changes both.
    if instance.pk is not None:
        instance._affected_before = _list_affected(instance)


def _after_change(instance, created=False, raw=False, **kwargs):
    changed = defaultdict(set)
    # In a fixture, what refers to a record may stand before it.
    affected = _list_affected(instance, is_new=created and not raw)
    for kind, pk in affected | instance.__dict__.pop("_affected_before", set()):
        changed[kind].add(pk)
    for kind, pks in changed.items():
        index_soon(rebuild, kind, pks)


def _around_many_to_many(instance, action, **kwargs):
    change = _before_change if action.startswith("pre_") else _after_change
    change(instance)


def _after_parts_written(sender, record, **kwargs):
    """Index a record whose parts were written in bulk, and those of them that have entries."""
    for kind, searchable in SEARCHABLES.items():
        if is_versioned(searchable.model) and root_model(searchable.model) is sender:
            path = root_path(searchable.model) or "pk"
            records = searchable.model.objects.filter(**{path: record.pk}).order_by()
            index_soon(rebuild, kind, list(records.values_list("pk", flat=True)))
