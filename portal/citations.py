"""What stands on a document: every public record that cites it."""

from dataclasses import dataclass

from django.db.models import Count, Q

from budgets.models import Settlement, SettlementItem
from initiatives.models import Indicator, IndicatorValue, Initiative, Plan, ResultsReport


@dataclass(frozen=True)
class CitationGroup:
    """Public records of one kind that cite a document, as a queryset in their usual order.

    Each record has `source_id` and `locator`; initiatives, items and indicators have
    `figure_count` too, the number of their figures or values that cite the document.
    """

    kind: str
    label: str
    records: object


KINDS = ("plan", "report", "initiative", "indicator", "settlement", "settlement_item")


def list_citations(document) -> list[CitationGroup]:
    """Return the groups that are not empty; a figure counts with the record that it belongs to."""
    groups = [
        CitationGroup("plan", "総合計画", _citing(Plan, document)),
        CitationGroup("report", "実績報告", _citing(ResultsReport, document)),
        CitationGroup(
            "initiative",
            "取組",
            _citing_with_parts(Initiative, document, "figures"),
        ),
        CitationGroup("indicator", "指標", _citing_indicators(document)),
        CitationGroup(
            "settlement", "決算", _citing(Settlement, document).select_related("department")
        ),
        CitationGroup(
            "settlement_item",
            "決算項目",
            _citing_with_parts(
                SettlementItem, document, "figures", "funding_sources"
            ).select_related("settlement__department"),
        ),
    ]
    return [group for group in groups if group.records]


def _citing(model, document):
    return model.objects.published().filter(source=document)


def _citing_with_parts(model, document, *parts):
    citing = Q(source=document)
    for part in parts:
        citing |= Q(pk__in=model.objects.filter(**{f"{part}__source": document}).values("pk"))
    count = Count("figures", filter=Q(figures__source=document), distinct=True)
    return model.objects.published().annotate(figure_count=count).filter(citing)


def _citing_indicators(document):
    values = IndicatorValue.objects.published().filter(source=document)
    return (
        Indicator.objects.published()
        .annotate(figure_count=values.count_per("indicator"))
        .filter(Q(source=document) | Q(figure_count__gt=0))
    )
