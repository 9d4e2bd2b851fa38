"""A little fictitious prefecture in which every kind of record occurs, for tests of the whole API."""

from portal.search_index import hold_indexing
from tests.builders import (
    make_cost,
    make_department,
    make_document,
    make_funding,
    make_image,
    make_indicator,
    make_indicator_value,
    make_initiative,
    make_initiative_figure,
    make_item,
    make_link,
    make_pillar,
    make_place,
    make_plan,
    make_policy,
    make_program,
    make_report,
    make_settlement,
    make_settlement_figure,
)

LISTS = [
    *("pillars", "reports", "initiatives", "indicators", "departments", "documents"),
    *("settlements", "settlement-items", "figures", "checks"),
]


@hold_indexing()
def make_world(suffix: str, *, size=1, text="架空", **publication) -> dict[str, str]:
    """Make `size` of everything, and return the path of one record of each kind.

    `suffix` ends the slugs, `text` stands in every text, `publication` is the state of all that
    has one.
    """
    document = make_document(
        slug=f"document-{suffix}", title=text, issued_by=text, note=text, **publication
    )
    cited = {"source": document, "locator": f"{text}p.1"}
    department = make_department(slug=f"department-{suffix}")
    plan = make_plan(name=text, **cited, **publication)
    for number in range(size):
        name = f"{suffix}-{number}" if number else suffix
        section = {"department": make_department(parent=department, slug=f"section-{name}")}
        department.successors.add(section["department"])
        pillar = make_pillar(plan=plan, slug=f"pillar-{name}", name=text, description=text)
        report = make_report(
            slug=f"report-{name}", title=text, summary=text, **cited, **publication
        )
        initiative = make_initiative(
            slug=f"initiative-{name}",
            title=text,
            summary=text,
            body=text,
            easy_summary=text,
            period=text,
            fiscal_year=2020,
            pillar=pillar,
            report=report,
            departments=[section["department"], department],
            places=[make_place()],
            distinctions=[text],
            **cited,
            **publication,
        )
        make_image(initiative, alt=text, credit=text, licence=text)
        make_link(initiative, title=text)
        indicator = make_indicator(
            slug=f"indicator-{name}", name=text, description=text, **section, **cited, **publication
        )
        make_indicator_value(indicator, note=text, as_printed=text, **cited, **publication)
        settlement = make_settlement(
            **section,
            heading=text,
            introduction=text,
            easy_summary=text,
            fiscal_year=2020,
            **cited,
            **publication,
        )
        policy = make_policy(settlement, name=text)
        for code in ["1.1", "1.2"]:
            item = make_item(
                settlement,
                code,
                name=text,
                body=text,
                easy_summary=text,
                amount_yen=9_000,
                program=make_program(name=text, slug=f"program-{name}-{code[-1]}"),
                **cited,
            )
            policy.efforts.create(name=f"{text}{code}", item=item)
            make_funding(item, **cited)
            make_cost(initiative, item, share_percent=50, note=text)
            make_figures(make_settlement_figure, item, text, cited)
        make_figures(make_initiative_figure, initiative, text, cited)
    return {
        "pillars": f"pillars/pillar-{suffix}",
        "reports": f"reports/report-{suffix}",
        "initiatives": f"initiatives/initiative-{suffix}",
        "indicators": f"indicators/indicator-{suffix}",
        "departments": f"departments/department-{suffix}",
        "documents": f"documents/document-{suffix}",
        "settlements": f"settlements/2020/section-{suffix}",
        "settlement-items": f"settlements/2020/section-{suffix}/items/1.1",
    }


def make_figures(make, record, text, cited):
    fields = {"note": text, "group": text, "measure": text, "period": text, **cited}
    whole = make(record, label="全体", kind="expenditure", value=5, **fields)
    make(record, label="うち", kind="expenditure", value=2, part_of=whole, **fields)
    make(record, label="件数", as_printed=text, **fields)
