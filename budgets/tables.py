"""The columns of the CSV files of settlements; a blank amount is one that the paper omits."""

from initiatives.tables import FIGURE_VALUE_COLUMNS
from portal.lists import ADDRESS, Column

from .item_codes import parent_code


def _source_columns(get_cited) -> list[Column]:
    def title(record):
        source = get_cited(record).public_source
        return source.title if source else None

    return [
        ("出典", title),
        ("出典の箇所", lambda record: get_cited(record).locator),
        (ADDRESS, lambda record: get_cited(record).get_absolute_url()),
    ]


def _settlement_columns(get_settlement) -> list[Column]:
    return [
        ("年度（西暦）", lambda record: get_settlement(record).fiscal_year),
        ("年度", lambda record: get_settlement(record).fiscal_year_label),
        ("部局", lambda record: get_settlement(record).department.name),
    ]


SETTLEMENT_COLUMNS: list[Column] = [
    *_settlement_columns(lambda settlement: settlement),
    ("決算の段階", lambda settlement: settlement.get_stage_display()),
    ("資料に金額が書かれた項目の合計（円）", lambda settlement: settlement.stated_amount_yen),
    ("項目数", lambda settlement: settlement.item_count),
    *_source_columns(lambda settlement: settlement),
]

# An item by its amount alone.
AMOUNT_COLUMNS: list[Column] = [
    *_settlement_columns(lambda item: item.settlement),
    ("項目番号", lambda item: item.code),
    ("名称", lambda item: item.name),
    ("決算額（円）", lambda item: item.amount_yen),
    *_source_columns(lambda item: item),
]

# A row is a link of an initiative and an item, and the yen that fall to the initiative.
COST_COLUMNS: list[Column] = [
    ("取組の識別子", lambda row: row[0].initiative.slug),
    ("取組", lambda row: row[0].initiative.title),
    *_settlement_columns(lambda row: row[0].item.settlement),
    ("項目番号", lambda row: row[0].item.code),
    ("項目の名称", lambda row: row[0].item.name),
    ("項目の決算額（円）", lambda row: row[0].item.amount_yen),
    ("つながり", lambda row: row[0].get_relation_display()),
    ("取組の割合（%）", lambda row: row[0].share_percent),
    ("取組の額（円）", lambda row: row[1]),
    ("注記", lambda row: row[0].note),
    *_source_columns(lambda row: row[0].item),
]

# A row is an OutlineRow.
ITEM_COLUMNS: list[Column] = [
    *_settlement_columns(lambda row: row.item.settlement),
    ("項目番号", lambda row: row.item.code),
    ("見出し番号", lambda row: row.item.label),
    ("階層", lambda row: row.item.depth),
    ("名称", lambda row: row.item.name),
    ("上位項目番号", lambda row: parent_code(row.item.code)),
    ("決算額（円）", lambda row: row.item.amount_yen),
    ("当初予算額（円）", lambda row: row.item.initial_budget_yen),
    ("補正額（円）", lambda row: row.item.supplementary_yen),
    ("前年度繰越額（円）", lambda row: row.item.carried_in_yen),
    ("予算現額（円）", lambda row: row.item.budget_yen),
    ("翌年度繰越額（円）", lambda row: row.item.carried_over_yen),
    ("不用額（円）", lambda row: row.item.unused_yen),
    ("内訳の状態", lambda row: row.breakdown.status.label),
    ("内訳の額（円）", lambda row: row.breakdown.actual),
    *_source_columns(lambda row: row.item),
]

# A row is a ComparedItem.
COMPARISON_COLUMNS: list[Column] = [
    *_settlement_columns(lambda row: row.item.settlement),
    ("項目番号", lambda row: row.item.code),
    ("名称", lambda row: row.item.name),
    ("前年度の項目番号", lambda row: row.before.code if row.before else None),
    ("前年度の決算額（円）", lambda row: row.change.before_yen),
    ("決算額（円）", lambda row: row.change.after_yen),
    ("増減（円）", lambda row: row.change.difference_yen),
    ("増減率（%）", lambda row: row.change.percent),
    ("前年度の項目との対応", lambda row: row.matching.value),
    (ADDRESS, lambda row: row.item.get_absolute_url()),
]

# A row is a Rank.
RANK_COLUMNS: list[Column] = [
    ("順位", lambda row: row.place),
    ("名称", lambda row: row.bar.mark.slice.name),
    ("金額（円）", lambda row: row.bar.mark.slice.amount_yen),
    ("割合", lambda row: row.share),
    (ADDRESS, lambda row: row.bar.mark.slice.url),
]

# A row is a department, a fiscal year, and the Change since the year before.
YEARS_COLUMNS: list[Column] = [
    ("部局", lambda row: row[0].name),
    ("年度（西暦）", lambda row: row[1]),
    ("資料に金額が書かれた項目の合計（円）", lambda row: row[2].after_yen),
    ("前年度との差（円）", lambda row: row[2].difference_yen),
    ("増減率（%）", lambda row: row[2].percent),
    (ADDRESS, lambda row: row[0].get_absolute_url()),
]

# A row is a name and yen.
BUDGET_COLUMNS: list[Column] = [
    ("区分", lambda row: row[0]),
    ("金額（円）", lambda row: row[1]),
]

FUNDING_COLUMNS: list[Column] = [
    *_settlement_columns(lambda part: part.item.settlement),
    ("項目番号", lambda part: part.item.code),
    ("財源", lambda part: part.get_kind_display()),
    ("金額（円）", lambda part: part.amount_yen),
    *_source_columns(lambda part: part)[:-1],
    (ADDRESS, lambda part: part.item.get_absolute_url()),
]

FIGURE_COLUMNS: list[Column] = [
    *_settlement_columns(lambda figure: figure.item.settlement),
    ("項目番号", lambda figure: figure.item.code),
    ("項目の名称", lambda figure: figure.item.name),
    *FIGURE_VALUE_COLUMNS,
    *_source_columns(lambda figure: figure),
]
