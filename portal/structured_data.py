"""What a page says to machines: schema.org descriptions as JSON-LD. Pure.

`absolute` makes a whole address of a path. Nothing is described that the page does not show.
"""

import json
from collections.abc import Callable, Iterable

from .fiscal_year import format_fiscal_year_both

LICENCE = "https://creativecommons.org/licenses/by/4.0/deed.ja"
# As Django's json_script does: no text can end the element that it stands in.
ESCAPES = {ord(sign): f"\\u{ord(sign):04X}" for sign in "<>&"}


def write_json_ld(data: dict) -> str:
    """Return JSON that is safe within a <script> element; what is None is left out."""
    data = {key: value for key, value in data.items() if value is not None}
    text = json.dumps({"@context": "https://schema.org", **data}, ensure_ascii=False)
    return text.translate(ESCAPES)


def describe_site(name: str, organisation: str, address: str, search: str) -> dict:
    """Return the site and who answers for it; `search` is the address of the search page."""
    publisher = {"@type": "GovernmentOrganization", "@id": f"{address}#organization"}
    return {
        "@graph": [
            {**publisher, "name": organisation},
            {
                "@type": "WebSite",
                "name": name,
                "url": address,
                "inLanguage": "ja",
                "publisher": publisher,
                "potentialAction": {
                    "@type": "SearchAction",
                    "target": f"{search}?q={{q}}",
                    "query-input": "required name=q",
                },
            },
        ]
    }


def describe_breadcrumbs(trail: Iterable[tuple], absolute: Callable[[str], str]) -> dict:
    """Return the way to a page: pairs of a title and a path, the page itself last."""
    return {
        "@type": "BreadcrumbList",
        "itemListElement": [
            {"@type": "ListItem", "position": place, "name": str(title), "item": absolute(path)}
            for place, (title, path) in enumerate(trail, 1)
        ],
    }


def describe_list(dataset, publisher: str, absolute: Callable[[str], str]) -> dict:
    """Return a list of the open-data page (its title, row, page, csv and api) as a Dataset."""
    files = {"text/csv": dataset.csv}
    if dataset.api:
        files["application/json"] = f"/api/v1/{dataset.api}"
    return _describe_dataset(
        name=dataset.title,
        description=f"公開中の「{dataset.title}」の全件です。1行が{dataset.row}を表し、"
        "空欄は資料に記載がないことを表します。文字コードはUTF-8（BOM付き）です。",
        address=absolute(dataset.page),
        publisher=publisher,
        files={kind: absolute(path) for kind, path in files.items()},
    )


def describe_settlement(settlement, publisher: str, absolute: Callable[[str], str]) -> dict:
    """Return a settlement with its totals, department and source loaded as a Dataset."""
    year, source = settlement.fiscal_year, settlement.public_source
    page = settlement.get_absolute_url()
    return _describe_dataset(
        name=f"{format_fiscal_year_both(year)} {settlement.department}の決算",
        description=f"{settlement.department}の{format_fiscal_year_both(year)}の決算を、"
        f"{settlement.item_count}の項目ごとに、金額、実績値、資料の箇所とともに収めたものです。"
        "空欄は資料に記載がないことを表し、0円とは区別しています。",
        address=absolute(page),
        publisher=publisher,
        files={
            "text/csv": absolute(f"{page}?format=csv"),
            "application/json": absolute(f"/api/v1{page.rstrip('/')}"),
        },
        temporalCoverage=f"{year}-04-01/{year + 1}-03-31",
        dateModified=settlement.updated_at.isoformat(),
        isBasedOn=source and absolute(source.get_absolute_url()),
    )


def _describe_dataset(*, name, description, address, publisher, files, **more) -> dict:
    return {
        "@type": "Dataset",
        "name": name,
        "description": description,
        "url": address,
        "inLanguage": "ja",
        "license": LICENCE,
        "isAccessibleForFree": True,
        "creator": {"@type": "GovernmentOrganization", "name": publisher},
        "distribution": [
            {"@type": "DataDownload", "encodingFormat": kind, "contentUrl": address}
            for kind, address in files.items()
        ],
        **more,
    }
