"""The columns of the CSV files of settlements; a blank amount is one that the paper omits."""

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

FIGURE_COLUMNS: list[Column] = [
    *_settlement_columns(lambda figure: figure.item.settlement),
    ("項目番号", lambda figure: figure.item.code),
    ("項目の名称", lambda figure: figure.item.name),
    ("区分", lambda figure: figure.group),
    ("項目", lambda figure: figure.label),
    ("測るもの", lambda figure: figure.measure),
    ("種類", lambda figure: figure.get_kind_display()),
    ("値", lambda figure: figure.value.normalize()),
    ("単位", lambda figure: figure.unit),
    ("金額（円）", lambda figure: figure.amount_yen),
    ("時期", lambda figure: figure.period),
    ("資料の表記", lambda figure: figure.as_printed),
    ("何の内訳か", lambda figure: figure.part_of.name if figure.part_of else None),
    ("注記", lambda figure: figure.note),
    *_source_columns(lambda figure: figure),
]
