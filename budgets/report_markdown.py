"""The text and the tables of a report as the Markdown that an item's body holds. Pure."""

import re

from .report_parts import Paragraph, Table

BULLET = re.compile(r"^(?:[-*+] +)?[・･●○◎◆■▪◦] *")


def block_markdown(blocks: tuple[Paragraph | Table, ...]) -> str:
    """Return paragraphs and tables in order; 「・」 becomes a list, a blank cell stays blank."""
    return "\n\n".join(
        _table_markdown(block) if isinstance(block, Table) else _paragraph_markdown(block)
        for block in blocks
    )


def _paragraph_markdown(paragraph: Paragraph) -> str:
    return "\n".join(BULLET.sub("- ", line) for line in paragraph.text.split("\n"))


def _table_markdown(table: Table) -> str:
    width = max(map(len, (table.header, *table.rows)))
    header = table.header or ("",) * width
    rows = [header, ("---",) * width, *table.rows]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows
    )
