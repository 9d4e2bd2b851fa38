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
    """Public records of one kind that cite a document, as a queryset in their usual order.

    Each record has `source_id` and `locator`; initiatives, items and indicators have
    `figure_count` too, the number of their figures or values that cite the document.
    """

    kind: str
    label: str
    records: QuerySet
    count: int


KINDS = ("plan", "report", "initiative", "indicator", "settlement", "settlement_item")


class Citations:
    """All records that cite a document, group by group: counted in one query, read in slices.

    `groups` are those that are not empty; a figure counts with the record that it belongs to.
    """

    def __init__(self, document):
        self.document = document
        found = [
            ("plan", "総合計画", _citing(Plan, document)),
            ("report", "実績報告", _citing(ResultsReport, document)),
            ("initiative", "取組", _citing_with(Initiative, document, InitiativeFigure)),
            ("indicator", "指標", _citing_with(Indicator, document, IndicatorValue)),
            ("settlement", "決算", _citing(Settlement, document).select_related("department")),
            (
                "settlement_item",
                "決算項目",
                _citing_with(
                    SettlementItem, document, SettlementFigure, FundingSource
                ).select_related("settlement__department"),
            ),
        ]
        counts = {kind: _count_all(records) for kind, _, records in found}
        numbers = SourceDocument.objects.filter(pk=document.pk).values(**counts).get()
        self.groups = [
            CitationGroup(kind, label, records, numbers[kind])
            for kind, label, records in found
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
                found.append((group, list(group.records[first:last])))
            start += group.count
        return found

    def starts(self) -> Iterator[tuple[CitationGroup, int]]:
        """Yield each group with the number of records before it."""
        start = 0
        for group in self.groups:
            yield group, start
            start += group.count


def _citing(model, document):
    return model.objects.published().filter(source=document)


def _citing_with(model, document, *parts):
    """Return the records that cite a document themselves, or with one of their public parts.

    The first kind of part is counted.
    """
    citing = [model.objects.filter(source=document).order_by().values("pk")]
    for part in parts:
        owner = _owner_of(part, model)
        citing.append(part.objects.published().filter(source=document).order_by().values(owner))
    owner = _owner_of(parts[0], model)
    own_parts = parts[0].objects.published().filter(source=document, **{owner: OuterRef("pk")})
    counted = own_parts.order_by().values(owner).annotate(n=Count("pk")).values("n")
    return (
        model.objects.published()
        .filter(pk__in=citing[0].union(*citing[1:]))
        .annotate(figure_count=Coalesce(Subquery(counted), 0))
    )


def _owner_of(part, model) -> str:
    return next(field.name for field in part._meta.fields if field.related_model is model)


def _count_all(records: QuerySet) -> Subquery:
    """Return a subquery that counts the records, with nothing else worked out for them."""
    number = Func(F("pk"), function="COUNT", output_field=IntegerField())
    found = records.order_by().select_related(None).values("pk")
    return Subquery(found.annotate(number=number).values("number"))
