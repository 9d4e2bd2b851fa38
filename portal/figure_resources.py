"""The spreadsheets of figures, whose rows may name one another."""

from .cells import split_key
from .record_resources import CITED, RecordResource

FIGURE_KEY = ["group", "label", "measure", "period"]
FIGURE = [
    *FIGURE_KEY,
    "kind",
    "value",
    "unit",
    "as_printed",
    "note",
    "part_of",
    "position",
    *CITED,
]


class FigureResource(RecordResource):
    """Figures of records; a part may stand before or after its whole."""

    def list_wholes(self, key, row):
        text = row.get(self.headers["part_of"], "")
        try:
            return [self.whole_key(key, text)] if text.strip() else []
        except ValueError:
            return []  # told when the cell is read

    def whole_key(self, key, text):
        return (*key[: -len(FIGURE_KEY)], *split_key(text))

    def complete(self, instance, row, errors):
        """Refuse a whole that is, by figures of which the file may not tell, a part of this one."""
        seen, above, record = set(), instance.part_of, self.key_of(row)[: -len(FIGURE_KEY)]
        while above and above.pk not in seen:
            if above.pk == instance.pk:
                errors["part_of"] = "内訳をたどると、この数値に戻って輪になります。"
            seen.add(above.pk)
            above = self.existing.get((*record, *above.key), above).part_of
