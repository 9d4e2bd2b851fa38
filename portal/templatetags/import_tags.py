"""What a row of an import changes, as HTML: a preview shows thousands of cells."""

from functools import lru_cache
from html import escape

from django import template
from django.utils.safestring import SafeString

register = template.Library()
BLANK = "（空欄）"
escape_title = lru_cache(escape)


@register.filter
def import_cells(cells, kind: str) -> SafeString:
    """Return the cells (column, old, new) of a row; a "new" record held nothing before."""
    return SafeString(
        "".join(
            [
                f"<div><dt>{escape_title(column)}</dt><dd>"
                f"{'' if kind == 'new' else f'<del>{show(old)}</del> → '}<ins>{show(new)}</ins>"
                "</dd></div>"
                for column, old, new in cells
            ]
        )
    )


def show(text: str) -> str:
    return escape(text or BLANK).replace("\r\n", "\n").replace("\r", "\n").replace("\n", "<br>")
