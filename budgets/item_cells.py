"""The fields of a settlement item in the API as columns, for files of all items."""

from typing import NamedTuple

from portal.api_files import Cells, Parts, address, changed, plain, source
from portal.fiscal_year import format_fiscal_year
from portal.open_data_columns import change_each

from .api_schemas import AMOUNTS
from .facts import load_breakdowns
from .item_codes import code_level, code_number, item_label, parent_code


class StatedAmount(NamedTuple):
    pk: int
    settlement_id: int
    code: str
    amount_yen: int | None


def load_results(*values) -> dict:
    items = list(map(StatedAmount, *values))
    breakdowns = load_breakdowns(items)
    results = [breakdowns[item.pk] for item in items]
    percents = [result.covered_percent for result in results]
    return {
        "status": [result.status.value for result in results],
        "covered_yen": [result.actual for result in results],
        "covered_percent": [None if each is None else float(each) for each in percents],
        "message": [result.message for result in results],
    }


YEAR = "settlement__fiscal_year"
DEPARTMENT = "settlement__department__slug"
ITEM_CELLS = {
    "code": plain("code"),
    "label": changed(lambda code: item_label(code_level(code), code_number(code)), "code"),
    "level": changed(code_level, "code"),
    **{name: plain(name) for name in ("name", "body", "easy_summary", *AMOUNTS)},
    "parent_code": changed(lambda code: parent_code(code) or None, "code"),
    "program": Parts(
        {
            "slug": plain("program__slug"),
            "name": plain("program__name"),
            "url": address("program_detail", "program__slug"),
        },
        is_optional=True,
    ),
    "breakdown": Parts(
        {name: plain(name) for name in ("status", "covered_yen", "covered_percent", "message")},
        paths=("pk", "settlement_id", "code", "amount_yen"),
        load=load_results,
    ),
    "source": source(),
    "url": address("settlement_item_detail", YEAR, DEPARTMENT, "code"),
    "fiscal_year": plain(YEAR),
    "fiscal_year_label": Cells((YEAR,), lambda site, years: change_each(format_fiscal_year, years)),
    "department": Parts({"slug": plain(DEPARTMENT), "name": plain("settlement__department__name")}),
}
