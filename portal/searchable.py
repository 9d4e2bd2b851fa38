"""What can be searched, and how the index follows every change of it.

The index holds the records whose publication has the status "published": not drafts, of which an
import brings many thousands, but what waits for its day, or had its day. Only `published()` of a
record's model, asked at the time of the search, decides what is found. Therefore an entry holds its
record's own text alone, and that of parts which are public whenever the record is.
`internal_note` is never read.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field

from django.db import connections, router, transaction
from django.db.models import Field, Model, QuerySet
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save
from django.urls import get_script_prefix

from budgets.models import Program, Settlement, SettlementItem
from initiatives.models import Indicator, Initiative, Pillar, ResultsReport

from .edition import holding_edition
from .fiscal_year import format_fiscal_year_short
from .markdown import plain_text
from .models import Department, Figure, GlossaryTerm, SearchEntry, SearchKind, SourceDocument
from .publishing import Status
from .search_index import hold_indexing, index_soon, is_passed_by  # noqa: F401
from .search_models import KIND_NUMBERS, SAMPLE, SAMPLED, first_id
from .search_text import MAX_TOKEN_BYTES, index_text, make_mark, measure_tokens, normalise
from .searchable_items import Texts, read_items
from .versions import is_versioned, parts_written, root_model, root_path, rows_written

BATCH_SIZE = 500
# Of a longer text the beginning is searched. A tsvector of PostgreSQL holds 1 MiB of different
# tokens; those of a title take up to 36 bytes for each character.
MAX_TITLE, MAX_CHARACTERS, MAX_BYTES = 5_000, 100_000, 800_000
COLUMNS = (
    *("id", "kind", "object_id", "title", "context", "address", "body", "title_words"),
    "tokens",
)
UPSERT = f"""
INSERT INTO portal_searchentry ({", ".join(COLUMNS)}) VALUES ({", ".join(["%s"] * len(COLUMNS))})
ON CONFLICT (id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in COLUMNS[3:])}
"""  # noqa: S608 - names alone


@dataclass(frozen=True)
class Searchable:
    """How records of one model are found.

    `get_texts` gives the texts of a record. `joined` (single records) and `related` (many) are the
    paths to what title, texts and address are made of: it is loaded with the record, and a change
    of it writes the entry anew. `status` is the path to the status without which there is no entry;
    "" where all records have one. `facets` are the paths to what narrows a search: the fiscal year,
    the slugs of departments and of the pillar. `read` gives the texts of many records at once,
    where instances of them would take too long.
    """

    kind: SearchKind
    model: type[Model]
    get_texts: Callable[[Model], Iterable[str]] | None = None
    get_title: Callable[[Model], str] = str
    get_context: Callable[[Model], str] = lambda record: ""
    status: str = ""
    joined: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    facets: dict[str, str] = field(default_factory=dict)
    read: Callable[[list[int]], Iterable[Texts]] | None = None

    def published(self, **narrowing) -> QuerySet:
        """Return the public records, narrowed by facets; none where the kind has no such facet."""
        records = self.model.objects.published().order_by()
        for facet, value in narrowing.items():
            if value is not None and facet not in self.facets:
                return records.none()
            if value is not None:
                records = records.filter(**{self.facets[facet]: value})
        return records

    def indexed(self) -> QuerySet:
        """Return the records that have an entry."""
        records = self.model.objects.order_by("pk")
        return records.filter(**{self.status: Status.PUBLISHED}) if self.status else records

    def lock(self, pks: list[int]) -> list[int]:
        """Return which of the records have an entry, and let nobody else write those entries."""
        records = self.indexed().filter(pk__in=pks)
        locked = records.select_for_update(no_key=True, of=("self",))
        return list(locked.values_list("pk", flat=True))

    def load(self, pks: list[int]) -> Iterator[Texts]:
        """Yield the texts of the records in the order of their numbers."""
        records = self.model.objects.filter(pk__in=pks).order_by("pk")
        records = records.select_related(*self.joined or [None]).prefetch_related(*self.related)
        for record in records:
            title, context = self.get_title(record), self.get_context(record)
            texts = list(self.get_texts(record))
            yield Texts(record.pk, title, context, record.get_absolute_url(), texts)

    def list_marks(self, pks: list[int]) -> dict[int, list[str]]:
        """Return the marks of what narrows a search to each record, and of the sample."""
        kind = make_mark("kind", KIND_NUMBERS[self.kind]).tokens[0]
        marks = {pk: [kind, *([] if pk % SAMPLED else SAMPLE.tokens)] for pk in pks}
        for facet, path in self.facets.items():
            records = self.model.objects.filter(pk__in=pks).order_by("pk", path)
            for pk, value in records.values_list("pk", path):
                if value is not None:
                    marks[pk].append(make_mark(facet, value).tokens[0])
        return marks

    def make_row(self, texts: Texts, marks: list[str]) -> tuple:
        """Return the entry of a record, in the order of COLUMNS."""
        body = " ".join(" ".join(texts.texts).split())
        title_words = normalise(texts.title[:MAX_TITLE])[:MAX_TITLE]
        # A character may become many.
        text = f"{texts.number} {body}" if texts.number else body
        words = f"{title_words} {normalise(text[:MAX_CHARACTERS])}".strip()[:MAX_CHARACTERS]
        while len(words) * MAX_TOKEN_BYTES > MAX_BYTES and measure_tokens(words) > MAX_BYTES:
            words = words[: len(words) * 3 // 4]
        return (
            first_id(self.kind) + texts.pk,
            str(self.kind),
            texts.pk,
            texts.title,
            texts.context,
            texts.address.removeprefix(get_script_prefix()),
            body,
            title_words,
            index_text(title_words, words, marks),
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
            status="status",
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
            status="status",
            joined=("department",),
            related=("priority_policies__efforts",),
            facets={"fiscal_year": "fiscal_year", "department": "department__slug"},
        ),
        Searchable(
            SearchKind.SETTLEMENT_ITEM,
            SettlementItem,
            read=read_items,
            status="settlement__status",
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
            status="status",
            facets={"department": "department__slug"},
        ),
        Searchable(
            SearchKind.REPORT, ResultsReport, lambda report: [report.summary], status="status"
        ),
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
            status="status",
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

    Entries of records that are gone or not published go too. Who writes with `bulk_create` or `update`, which send
    no signals, calls this afterwards.
    """
    searchable = SEARCHABLES[kind]
    with transaction.atomic(savepoint=False), holding_edition() if pks is None else nullcontext():
        if pks is None:
            known = searchable.indexed().order_by().values("pk")
            SearchEntry.objects.filter(kind=kind).exclude(object_id__in=known).delete()
            pks = known.values_list("pk", flat=True)
        wanted = sorted(pks)
        return sum(
            _rebuild_batch(searchable, wanted[start : start + BATCH_SIZE])
            for start in range(0, len(wanted), BATCH_SIZE)
        )


def _rebuild_batch(searchable: Searchable, batch: list[int]) -> int:
    """Write the entries of some records that are not what they should be."""
    first = first_id(searchable.kind)
    entries = SearchEntry.objects.filter(pk__in=[first + pk for pk in batch])
    found = searchable.lock(batch)
    if gone := set(batch) - set(found):
        entries.filter(object_id__in=gone).delete()
    present = {row[0]: row for row in entries.values_list(*COLUMNS)}
    marks = searchable.list_marks(found)
    rows = (
        searchable.make_row(texts, marks[texts.pk])
        for texts in (searchable.read or searchable.load)(found)
    )
    changed = [row for row in rows if present.get(row[0]) != row]
    if changed:
        with connections[router.db_for_write(SearchEntry)].cursor() as cursor:
            cursor.executemany(UPSERT, changed)
    return len(found)


def rebuild_all():
    """Write all entries anew; those that are right are left alone."""
    return {kind: rebuild(kind) for kind in SEARCHABLES}


def fill_index(plan=None, using="default", **kwargs):
    """Write the entries after migrations that took all of them away, now or in a run that was killed.

    Without a plan it is no `migrate` that asks: a database was emptied.
    """
    if plan is not None and using == "default" and not SearchEntry.objects.exists():
        with transaction.atomic():  # all or none: who is killed meanwhile leaves an empty one
            rebuild_all()


def _walk(searchable: Searchable) -> Iterator[tuple[str, type[Model], Field]]:
    """Yield each step to a related record: its path, the model it leads to, and its field."""
    narrowing = (path.rpartition("__")[0] for path in searchable.facets.values())
    for related in {*searchable.joined, *searchable.related, *filter(None, narrowing)}:
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
    rows_written.connect(_around_rows_written)
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
    if instance.pk is not None and not is_passed_by():
        instance._affected_before = _list_affected(instance)


def _after_change(instance, created=False, raw=False, **kwargs):
    if is_passed_by():
        return
    changed = defaultdict(set)
    # In a fixture, what refers to a record may stand before it.
    affected = _list_affected(instance, is_new=created and not raw)
    for kind, pk in affected | instance.__dict__.pop("_affected_before", set()):
        changed[kind].add(pk)
    for kind, pks in changed.items():
        index_soon(rebuild, kind, pks)


def _around_rows_written(sender, pks, is_new, **kwargs):
    """Index what takes from rows of a model that were, or are about to be, written in bulk."""
    for kind, path, is_part in _paths[sender] if pks else ():
        if is_new and not is_part:
            continue
        records = SEARCHABLES[kind].model.objects.order_by()
        for start in range(0, len(pks), BATCH_SIZE):
            batch = pks[start : start + BATCH_SIZE]
            if path != "pk":
                batch = records.filter(**{f"{path}__in": batch}).values_list("pk", flat=True)
            index_soon(rebuild, kind, set(batch))


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
