"""Figures of a record sorted into tables: one a kind, in it one section a group. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from .models import FigureKind


@dataclass(frozen=True)
class FigureTable:
    """The figures of one kind; `sections` are pairs of a group ("" for none) and its figures."""

    kind: FigureKind
    sections: list[tuple[str, list]]

    @property
    def figures(self) -> list:
        return [figure for _, figures in self.sections for figure in figures]

    @property
    def has_measures(self) -> bool:
        return any(figure.measure for figure in self.figures)

    @property
    def has_periods(self) -> bool:
        return any(figure.period for figure in self.figures)

    @property
    def width(self) -> int:
        """Return the number of columns: item, value, source, and those that say something."""
        return 3 + self.has_measures + self.has_periods


def group_figures(figures: Iterable) -> list[FigureTable]:
    """Return a table a kind that occurs; groups and figures keep the order that they come in.

    A group that the paper interrupts is one section all the same.
    """
    kinds = {kind: {} for kind in FigureKind}
    for figure in figures:
        kinds[FigureKind(figure.kind)].setdefault(figure.group, []).append(figure)
    return [FigureTable(kind, list(groups.items())) for kind, groups in kinds.items() if groups]
