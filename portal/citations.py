"""What stands on a document: every public record that cites it."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Count, F, Func, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from budgets.models import FundingSource, Settlement, SettlementFigure, SettlementItem
from initiatives.models import (
    Indicator,
    IndicatorValue,
    Initiative,
    InitiativeFigure,
    Plan,
    ResultsReport,
)

from .models import SourceDocument


@dataclass(frozen=True)
class CitationGroup:
    """Public records of one kind that cite a document, in their usual order.

    `found` are they alone, `shown` all records of the kind with what is shown of one. Each has
    `source_id` and `locator`; initiatives, items and indicators have `figure_count` too, the number
    of their figures or values that cite the document.
    """

    kind: str
    label: str
    found: QuerySet
    shown: QuerySet
    count: int

    @property
    def records(self) -> QuerySet:
        return self.shown.filter(pk__in=self.found.order_by().values("pk"))

    def slice(self, first: int, last: int) -> QuerySet:
        """Return some of the records; of no others is worked out what is shown."""
        return self.shown.filter(pk__in=self.found.values("pk")[first:last])


KINDS = ("plan", "report", "initiative", "indicator", "settlement", "settlement_item")


class Citations:
    """All records that cite a document, group by group: counted in one query, read in slices.

    `groups` are those that are not empty; a figure counts with the record that it belongs to.
    """

    def __init__(self, document):
        self.document = document
        kinds = [
            ("plan", "総合計画", Plan, ()),
            ("report", "実績報告", ResultsReport, ()),
            ("initiative", "取組", Initiative, (InitiativeFigure,)),
            ("indicator", "指標", Indicator, (IndicatorValue,)),
            ("settlement", "決算", Settlement, ()),
            ("settlement_item", "決算項目", SettlementItem, (SettlementFigure, FundingSource)),
        ]
        found = {kind: _citing(model, document, *parts) for kind, _, model, parts in kinds}
        counts = {kind: _count_all(records) for kind, records in found.items()}
        numbers = SourceDocument.objects.filter(pk=document.pk).values(**counts).get()
        self.groups = [
            CitationGroup(kind, label, found[kind], _show(model, document, *parts), numbers[kind])
            for kind, label, model, parts in kinds
            if numbers[kind]
        ]

    def count(self) -> int:
        return sum(group.count for group in self.groups)

    def __len__(self):
        return self.count()

    def __getitem__(self, part: slice) -> list[tuple[CitationGroup, list]]:
        """Return the groups of which the slice holds records, each with those."""
        found, start = [], 0
        for group in self.groups:
            first, last = max((part.start or 0) - start, 0), min(part.stop - start, group.count)
            if first < last:
                found.append((group, list(group.slice(first, last))))
            start += group.count
        return found

    def starts(self) -> Iterator[tuple[CitationGroup, int]]:
        """Yield each group with the number of records before it."""
        start = 0
        for group in self.groups:
            yield group, start
            start += group.count


def _citing(model, document, *parts) -> QuerySet:
    """Return the public records that cite a document themselves, or with a public part.

    What is public is asked where the citations are found, and not again of the records: SQLite
    would go through all public ones to look for those found.
    """
    own = model.objects.published().filter(source=document)
    if not parts:
        return own
    citing = [
        part.objects.published().filter(source=document).order_by().values(_owner_of(part, model))
        for part in parts
    ]
    return model.objects.filter(pk__in=own.order_by().values("pk").union(*citing))


def _show(model, document, *parts) -> QuerySet:
    """Return all records of a kind with what a list shows; the first kind of part is counted."""
    related = {Settlement: ["department"], SettlementItem: ["settlement__department"]}
    records = model.objects.select_related(*related.get(model, [None]))
    if not parts:
        return records
    owner = _owner_of(parts[0], model)
    citing = parts[0].objects.published().filter(source=document, **{owner: OuterRef("pk")})
    counted = citing.order_by().values(owner).annotate(n=Count("pk")).values("n")
    return records.annotate(figure_count=Coalesce(Subquery(counted), 0))


def _owner_of(part, model) -> str:
    return next(field.name for field in part._meta.fields if field.related_model is model)


def _count_all(records: QuerySet) -> Subquery:
    """Return a subquery that counts the records, with nothing else worked out for them."""
    number = Func(F("pk"), function="COUNT", output_field=IntegerField())
    found = records.order_by().select_related(None).values("pk")
    return Subquery(found.annotate(number=number).values("number"))
