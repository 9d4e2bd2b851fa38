"""What stands on a document: every public record that cites it."""

from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, Q

from budgets.models import Settlement, SettlementFigure, SettlementItem
from initiatives.models import (
    Indicator,
    IndicatorValue,
    Initiative,
    InitiativeFigure,
    Plan,
    ResultsReport,
)


@dataclass(frozen=True)
class CitationGroup:
    """Public records of one kind that cite a document, as a queryset in their usual order.

    Each record has `locator`, and `figure_count` where its figures cite the document.
    """

    kind: str
    label: str
    records: object


def list_citations(document) -> list[CitationGroup]:
    """Return the groups that are not empty; a figure counts with the record that it belongs to."""
    groups = [
        CitationGroup("plan", "総合計画", _citing(Plan, document)),
        CitationGroup("report", "実績報告", _citing(ResultsReport, document)),
        CitationGroup(
            "initiative",
            "取組",
            _citing_with_figures(Initiative, InitiativeFigure, "initiative", document),
        ),
        CitationGroup("indicator", "指標", _citing_indicators(document)),
        CitationGroup(
            "settlement", "決算", _citing(Settlement, document).select_related("department")
        ),
        CitationGroup(
            "settlement_item",
            "決算項目",
            _citing_with_figures(
                SettlementItem, SettlementFigure, "item", document
            ).select_related("settlement__department"),
        ),
    ]
    return [group for group in groups if group.records]


def _citing(model, document):
    return model.objects.published().filter(source=document)


def _citing_with_figures(model, figure_model, owner, document):
    figures = figure_model.objects.filter(source=document)
    return (
        model.objects.published()
        .annotate(figure_count=Count("figures", filter=Q(figures__source=document)))
        .filter(Q(source=document) | Q(Exists(figures.filter(**{owner: OuterRef("pk")}))))
    )


def _citing_indicators(document):
    values = IndicatorValue.objects.published().filter(source=document, indicator=OuterRef("pk"))
    return Indicator.objects.published().filter(Q(source=document) | Q(Exists(values)))
