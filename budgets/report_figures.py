"""From lines to figures, and what all figures share. Pure.

A number of a line becomes a figure where the line names it (開催回数 10回) and is no sentence.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from .report_kinds import DEFAULT_MEASURES, kind_of
from .report_lines import is_sentence
from .report_parts import Paragraph, Remark, ReportFigure
from .report_quantities import ENDING, read_quantities


def read_text_figures(
    paragraph: Paragraph, item_name: str
) -> tuple[list[ReportFigure], list[Remark]]:
    """Return the figures of lines that name them (開催回数 10回), and remarks on other numbers."""
    figures, remarks = [], []
    for number, line in zip(paragraph.lines, paragraph.text.split("\n"), strict=True):
        quantities = [q for q in read_quantities(line) if q.unit]
        if not quantities:
            continue
        is_listed = not is_sentence(line)
        unread = False
        for quantity in quantities:
            is_named = quantity.name.endswith(ENDING) or (quantity.name and quantity.period)
            kind = kind_of(quantity, quantity.name, "", item_name)
            if not (is_listed and is_named and quantity.is_sure and kind):
                unread = True
                continue
            label, measure = quantity.before or item_name, quantity.name
            if measure.endswith("実績") and not quantity.period:
                label, measure = measure, DEFAULT_MEASURES.get(quantity.unit, "") or "金額"
            figures += make_figures(quantity, kind, label, measure, number)
        if unread:
            shown = line.strip()
            remarks.append(
                Remark(
                    number,
                    shown if len(shown) <= 80 else f"{shown[:80]}…",
                    "文の中の数は、実績値にしていません。",
                )
            )
    return figures, remarks


def make_figures(quantity, kind, label, measure, line, group="") -> Iterator[ReportFigure]:
    """Yield the figure of a quantity, and those of its parts where they add up to it."""
    whole = ReportFigure(
        label[:200],
        measure[:100],
        kind,
        quantity.value,
        quantity.unit,
        line,
        group[:100],
        quantity.period,
        quantity.as_printed[:100],
    )
    yield whole
    is_sum = sum((value for _, value in quantity.parts), Decimal(0)) == quantity.value
    for name, value in quantity.parts:
        yield replace(
            whole,
            group="内訳",
            label=name,
            measure=f"{whole.label}の{whole.measure}"[:100],
            value=value,
            as_printed="",
            part_of=whole.key if is_sum else None,
        )


def distinct_keys(figures: list[ReportFigure], taken: Counter) -> list[ReportFigure]:
    """Tell figures apart that would share a key, by unit and then by number; parts keep their whole.

    `taken` counts the keys that are in use, and takes up the new ones.
    """
    units: dict[tuple, str] = {}
    renamed: dict[tuple, tuple] = {}
    found, waiting = [], []
    for index, figure in enumerate(figures):
        measure, whole = figure.measure, figure.part_of
        if units.setdefault(figure.key, figure.unit) != figure.unit:
            measure = f"{measure}（{figure.unit}）"
        new = replace(figure, measure=measure, part_of=renamed.get(whole, whole))
        same = new.key
        while new.key in taken:
            taken[same] += 1
            new = replace(new, measure=f"{measure}（{taken[same]}）")
        taken[new.key] = 1
        if whole and whole not in renamed:
            waiting.append(index)
        renamed[figure.key] = new.key
        found.append(new)
    for index in waiting:  # a 計 stands below its parts
        whole = found[index].part_of
        found[index] = replace(found[index], part_of=renamed.get(whole, whole))
    return found
