from decimal import Decimal

from django import template
from django.utils import timezone
from django.utils.safestring import mark_safe

from portal.amounts import format_amount, format_mixed, format_thousand_yen, format_yen
from portal.display_unit import carry_unit, get_unit
from portal.figure_tables import group_figures
from portal.fiscal_year import (
    FiscalYearError,
    format_date,
    format_fiscal_year,
    format_fiscal_year_both,
)
from portal.markdown import render_markdown

register = template.Library()

register.filter("markdown", render_markdown)
register.filter("thousand_yen", format_thousand_yen)
register.filter("mixed_yen", format_mixed)
register.filter("yen", format_yen)
register.filter("fiscal_year", format_fiscal_year)
register.filter("fiscal_year_both", format_fiscal_year_both)
register.filter("by_kind", group_figures)


@register.simple_tag(takes_context=True)
def in_unit(context, amount_yen) -> str:
    """Write an amount in the reader's unit, with all its digits: 4,016千円, 401.6万円."""
    return format_amount(amount_yen, get_unit(getattr(context, "request", None)))


@register.simple_tag(takes_context=True)
def amount(context, amount_yen, with_reading=True) -> str:
    """Show an amount in the reader's unit, and in 億 and 万 beside it; or that none is stated."""
    if amount_yen is None:
        return mark_safe('<span class="not-stated">資料に記載なし</span>')
    text, mixed = in_unit(context, amount_yen), format_mixed(amount_yen)
    return _with_reading(text, mixed if with_reading and mixed != text else "")


@register.simple_tag(takes_context=True)
def change(context, of) -> str:
    """Show what a Change is; ▲ is a fall, "—" stands where an amount or a base is missing."""
    if of.difference_yen is None:
        return "—"
    percent = of.percent
    return _with_reading(
        in_unit(context, of.difference_yen), "" if percent is None else f"{number(percent)}%"
    )


def _with_reading(text: str, mixed: str) -> str:
    html = f'<span class="amount">{text}</span>'
    if mixed:
        html += f' <span class="reading">（{mixed}）</span>'
    return mark_safe(html)  # noqa: S308 - digits and units alone


@register.simple_tag(takes_context=True)
def unit_kept(context, address) -> str:
    """Write a path so that it leads to a page in the reader's unit."""
    return carry_unit(address, getattr(context, "request", None))


@register.filter
def era_date(value) -> str:
    """Write a date, or a moment in Japan's time, in the era's years: 令和6年8月2日.

    A day that no era can name is written in western years.
    """
    if hasattr(value, "hour"):
        value = timezone.localtime(value).date()
    try:
        return format_date(value)
    except FiscalYearError:
        return f"{value.year}年{value.month}月{value.day}日"


@register.filter
def number(value) -> str:
    """Write a number with commas and without trailing zeros: 1234.5000 -> 1,234.5."""
    text = f"{Decimal(value):,f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", "▲")


@register.filter
def printed(figure) -> str:
    """Write a figure as its paper does: 約1.9万人, 4,016千円."""
    return figure.as_printed or f"{number(figure.value)}{figure.unit}"


@register.filter
def reading(figure) -> str:
    """Write a figure's money in 億 and 万; "" where that says no more than the paper does."""
    if figure.amount_yen is None:
        return ""
    text = format_mixed(figure.amount_yen)
    return "" if text in printed(figure) else text
