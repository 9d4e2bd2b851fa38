"""The texts of settlement items, of which there are a hundred thousand: read without instances."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from django.db.models import QuerySet
from django.urls import reverse

from budgets.item_codes import code_level, code_number, item_label
from budgets.models import (
    PriorityEffort,
    ProgramAlias,
    Settlement,
    SettlementFigure,
    SettlementItem,
)

from .markdown import plain_text
from .models import format_figure, name_figure


class Texts(NamedTuple):
    """What the entry of a record is made of; `number` is found, and shown in no excerpt."""

    pk: int
    title: str
    context: str
    address: str
    texts: list[str]
    number: str = ""


class _Address:
    """The address of a settlement's items: it is looked up once, not for each of them."""

    def __init__(self, settlement: Settlement):
        code = "1"
        address = reverse(
            "settlement_item_detail",
            args=[settlement.fiscal_year, settlement.department.slug, code],
        )
        self.before, _, self.after = address.rpartition(code)

    def of(self, code: str) -> str:
        return f"{self.before}{code}{self.after}"


def read_items(pks: list[int]) -> Iterator[Texts]:
    """Yield the texts of these items in the order of their numbers."""
    figures = _group(
        SettlementFigure.objects.filter(item__in=pks).order_by("item", "position", "pk"),
        ("item", "group", "label", "measure", "value", "unit", "as_printed", "period", "note"),
    )
    efforts = _group(
        PriorityEffort.objects.filter(item__in=pks).order_by("item", "policy", "position", "pk"),
        ("item", "name", "policy__settlement"),
    )
    items = list(
        SettlementItem.objects.filter(pk__in=pks)
        .order_by("pk")
        .values_list(
            *("pk", "code", "name", "body", "easy_summary", "settlement"),
            *("program", "program__name"),
        )
    )
    programs = {program for *_, program, _ in items if program}
    aliases = _group(
        ProgramAlias.objects.filter(program__in=programs).order_by("program", "name"),
        ("program", "name"),
    )
    settlements = {
        settlement.pk: (str(settlement), _Address(settlement))
        for settlement in Settlement.objects.filter(
            pk__in={settlement for *_, settlement, _, _ in items}
        ).select_related("department")
    }
    for pk, code, name, body, easy_summary, settlement, program, program_name in items:
        context, address = settlements[settlement]
        texts = [
            plain_text(body) if body else "",
            easy_summary,
            *list_figures(figures[pk]),
            # An effort of another settlement may not be public yet.
            *(effort for effort, its in efforts[pk] if its == settlement),
            *([program_name, *(alias for (alias,) in aliases[program])] if program else []),
        ]
        printed = item_label(code_level(code), code_number(code))
        yield Texts(pk, name, context, address.of(code), texts, printed)


def list_figures(figures: Iterable[tuple]) -> list[str]:
    """Return the text of each figure: (group, label, measure, value, unit, as_printed, period, note)."""
    return [
        f"{format_figure(name_figure(*names), value, unit, as_printed)} {period} {note}"
        for *names, value, unit, as_printed, period, note in figures
    ]


def _group(rows: QuerySet, columns: tuple[str, ...]) -> dict[int, list[tuple]]:
    """Return the rows by their first column."""
    grouped = defaultdict(list)
    for number, *row in rows.values_list(*columns):
        grouped[number].append(row)
    return grouped
