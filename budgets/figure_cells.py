"""The fields of a figure in the API as columns, for files of all figures.

Beside the figure's own: `record` (the kind), `title`, `stated_year`, `owner` (the slug of an item's
department, or of the initiative) and `code` ("" of an initiative), which FigureRows adds.
"""

from portal.api_files import Cells, Parts, changed, plain, source
from portal.api_schemas import number_of
from portal.open_data_columns import FIGURE_KEYS, change_each, tidy_number, yen_of


def number_each(site, values):
    return change_each(lambda value: number_of(tidy_number(value)), values)


def address_each(site, years, owners, codes):
    item, initiative = site.pattern("settlement_item_detail"), site.pattern("initiative_detail")
    return [
        item % (year, owner, code) if code else initiative % owner
        for year, owner, code in zip(years, owners, codes, strict=True)
    ]


FIGURE_CELLS = {
    **{name: plain(name) for name in (*FIGURE_KEYS, "kind")},
    "value": Cells(("value",), number_each),
    "unit": plain("unit"),
    "amount_yen": changed(yen_of, "value", "unit"),
    **{name: plain(name) for name in ("as_printed", "note")},
    "part_of": Parts({name: plain(f"own_whole__{name}") for name in FIGURE_KEYS}, is_optional=True),
    "source": source(),
    "fiscal_year": plain("stated_year"),
    "record": Parts(
        {
            "kind": plain("record"),
            "title": plain("title"),
            "url": Cells(("stated_year", "owner", "code"), address_each),
        }
    ),
}
