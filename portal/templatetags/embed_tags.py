"""What stands beside a chart, so that others can show it: its code, picture and numbers."""

from django import template
from django.urls import reverse
from django.utils.html import format_html

from portal.display_unit import carry_unit
from portal.embed_sheets import TONES

register = template.Library()

# The height of the frame that shows a chart with its source, in a column of text.
HEIGHTS = {
    "treemap": 820,
    "largest": 820,
    "ranking": 760,
    "coverage": 380,
    "funding": 420,
    "series": 520,
}


@register.filter
def tone(number: int) -> str:
    """Return the colour of a tone on white paper."""
    return TONES[number - 1]


@register.inclusion_tag("components/_embed.html", takes_context=True)
def embed_chart(context, page, chart, title, *place):
    """Show how to embed or keep a chart of a page: {% embed_chart "program" "series" name slug %}."""
    request = context.request
    address = carry_unit(reverse(f"embed_{page}", args=[*place, chart]), request)
    files = {
        format: carry_unit(reverse(f"embed_{page}_file", args=[*place, chart, format]), request)
        for format in ("svg", "csv")
    }
    code = format_html(
        '<iframe src="{}" title="{}" width="100%" height="{}" loading="lazy"></iframe>',
        request.build_absolute_uri(address),
        title,
        HEIGHTS[chart],
    )
    return {"title": title, "code": str(code), "address": address, **files}
