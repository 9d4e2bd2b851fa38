"""The spreadsheets of figures, whose rows may name one another."""

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

    whole_columns = ("part_of",)

    def list_wholes(self, key, texts):
        try:
            return self.fields["part_of"].widget.list_keys(*texts, key)
        except ValueError:
            return []  # told when the cell is read

    def complete(self, run, row, instance, wrong):
        """Refuse a whole that is, by figures of which the file may not tell, a part of this one."""
        seen, above = set(), instance.part_of_id
        while above is not None and above not in seen:
            if above == instance.pk:
                wrong["part_of"] = ["内訳をたどると、この数値に戻って輪になります。"]
            seen.add(above)
            above = run.there.above.get(above)
        return True
