"""Every public address of the portal, taken from the resolver: a new page is tested unasked."""

from unittest.mock import patch

from django.db.backends.base.base import BaseDatabaseWrapper
from django.urls import URLResolver, get_resolver, reverse

from initiatives.images import WIDTHS
from portal.open_data_metadata import FORMATS
from portal.open_data_tables import TABLES
from portal.search_index import hold_indexing
from portal.sitemaps import SITEMAPS
from tests import builders


def go_away(answer):
    """Close an answer as the server does whose reader has gone; the database stays open."""
    with patch.object(BaseDatabaseWrapper, "close_if_unusable_or_obsolete"):
        answer.close()


def list_routes() -> list[tuple[str, bool]]:
    """Return the name of each public route and whether its path has parameters."""
    return list(_walk(get_resolver().url_patterns, ""))


def _walk(patterns, namespace):
    for pattern in patterns:
        if not isinstance(pattern, URLResolver):
            if pattern.name is None:
                continue  # a redirect for those who shorten an address
            yield namespace + pattern.name, bool(pattern.pattern.converters)
        elif pattern.namespace != "admin":
            inner = f"{pattern.namespace}:" if pattern.namespace else namespace
            yield from _walk(pattern.url_patterns, inner)


def list_addresses(records: dict[str, list[dict]]) -> list[str]:
    """Return the addresses of all public routes; `records` is what `arguments_of` gives.

    A route with parameters that `records` does not know is a KeyError: teach it.
    """
    addresses = []
    for name, has_parameters in list_routes():
        stem = name.removeprefix("api_v1:").removeprefix("get_").removesuffix("_detail")
        for arguments in records[stem] if has_parameters else [{}]:
            addresses.append(reverse(name, kwargs=arguments))
    return addresses


def arguments_of(**records) -> dict[str, list[dict]]:
    """Return the path arguments of each kind of page: pillar -> [{"slug": "dx"}].

    `records` are lists of pillars, reports, initiatives, images, indicators, departments,
    documents, programs and items.
    """
    arguments = {
        kind: [{"slug": record.slug} for record in records.get(f"{kind}s", [])]
        for kind in (
            *("pillar", "report", "initiative", "indicator"),
            *("department", "document", "program"),
        )
    }
    items = [
        {
            "fiscal_year": item.settlement.fiscal_year,
            "department": item.settlement.department.slug,
            "code": item.code,
        }
        for item in records.get("items", [])
    ]
    settlements = [{k: v for k, v in each.items() if k != "code"} for each in items]
    snapshots = [
        {**place, "key": snapshot.key}
        for place, item in zip(settlements, records.get("items", []), strict=True)
        for snapshot in item.settlement.snapshots.all()
    ]
    return (
        arguments
        | _charts_of(records, arguments, items, settlements)
        | {
            "snapshot": snapshots,
            "snapshot_file": [
                {**each, "name": name}
                for each in snapshots
                for name in ("settlement.json", "settlement-items.csv", "SHA256SUMS", "all.zip")
            ],
            "settlement_item": items,
            "item": items,
            "settlement": settlements,
            "settlement_year": [{"fiscal_year": each["fiscal_year"]} for each in items],
            "initiative_image": [{"pk": image.pk} for image in records.get("images", [])],
            "initiative_image_width": [
                {"pk": image.pk, "width": WIDTHS[0]} for image in records.get("images", [])
            ],
            # tests/portal/test_open_data.py reads all files in all formats.
            "open_data_file": [
                *({"name": name, "format": "csv"} for name in TABLES),
                *({"name": "documents", "format": format} for format in FORMATS if format != "csv"),
            ],
            "open_data_sha256": [{"name": "documents", "format": "csv"}],
            "sitemap_section": [{"section": section} for section in SITEMAPS],
        }
    )


def _charts_of(records, arguments, items, settlements):
    """Return the arguments of the charts that the pages of these records have, as pages and files."""
    amounts = [
        item.settlement.items.topmost_with_amount().filter(amount_yen__gt=0).count()
        for item in records.get("items", [])
    ]
    charts = {
        "embed_settlement": [
            {**place, "chart": chart}
            for place, count in zip(settlements, amounts, strict=True)
            for chart in ("treemap", "ranking")
            if count > 1
        ],
        "embed_settlement_year": [
            {"fiscal_year": place["fiscal_year"], "chart": "largest"}
            for place, count in zip(settlements, amounts, strict=True)
            if count > 1
        ],
        "embed_settlement_item": [
            {**place, "chart": "funding"}
            for place, item in zip(items, records.get("items", []), strict=True)
            if item.funding_sources.filter(amount_yen__gt=0).exists()
        ],
        "embed_program": [
            {**place, "chart": "series"}
            for place, program in zip(
                arguments["program"], records.get("programs", []), strict=True
            )
            if program.items.published().values("settlement__fiscal_year").distinct().count() > 1
        ],
        "embed_indicator": [
            {**place, "chart": "series"}
            for place, indicator in zip(
                arguments["indicator"], records.get("indicators", []), strict=True
            )
            if indicator.values.published().count() > 1
        ],
    }
    files = {
        f"{name}_file": [{**each, "format": format} for each in known for format in ("svg", "csv")]
        for name, known in charts.items()
    }
    return charts | files


def is_bulk_file(address: str) -> bool:
    """Tell whether a file of the open-data page lies there: it refuses unknown parameters."""
    return address.startswith("/open-data/") and not address.endswith("/")


@hold_indexing()
def make_world(**publication) -> dict[str, list]:
    """Make one record of every kind, all joined with each other, public unless told else.

    `publication` are fields of Publication for all of them (`internal_note="…"`).
    """
    document = builders.make_document(**publication)
    cited = {"source": document, "locator": "第1 1(1)"}
    department = builders.make_department(parent=builders.make_department())
    plan = builders.make_plan(**cited, **publication)
    pillar = builders.make_pillar(plan=plan)
    report = builders.make_report(**cited, **publication)
    initiative = builders.make_initiative(
        pillar=pillar,
        report=report,
        departments=[department],
        places=[builders.make_place()],
        distinctions=["架空初"],
        fiscal_year=2020,
        **cited,
        **publication,
    )
    builders.make_link(initiative)
    image = builders.make_image(initiative)
    whole = builders.make_initiative_figure(initiative, **cited)
    builders.make_initiative_figure(initiative, part_of=whole, **cited)
    indicator = builders.make_indicator(department=department, **cited, **publication)
    indicator.initiatives.add(initiative)
    for actual in (120, 90):
        builders.make_indicator_value(indicator, actual=actual, **cited, **publication)
    settlement = builders.make_settlement(department=department, **cited, **publication)
    program = builders.make_program(department=department, aliases=["架空の別名"])
    builders.make_lineage(program)
    item = builders.make_item(settlement, "1.2", amount_yen=4_016_000, program=program, **cited)
    builders.make_settlement_figure(item, kind="expenditure", value=4_016, **cited)
    builders.make_funding(item, amount_yen=4_016_000, **cited)
    policy = builders.make_policy(settlement)
    builders.make_effort(policy, item=item)
    builders.make_cost(initiative, item)
    builders.make_term()
    for record in (initiative, item, indicator, report, document):
        builders.make_change_note(record)
    builders.make_snapshot(settlement)
    return {
        "departments": [department],
        "documents": [document],
        "pillars": [pillar],
        "reports": [report],
        "initiatives": [initiative],
        "images": [image],
        "indicators": [indicator],
        "programs": [program],
        "items": [item],
    }
