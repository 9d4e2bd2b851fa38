import json
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings

from budgets.report_parts import Table
from budgets.report_quantities import read_quantities
from budgets.report_reader import parse_report

SAMPLE = Path(settings.BASE_DIR) / "tests" / "samples" / "report-fy2020.txt"
FIXTURES = Path(settings.BASE_DIR) / "fixtures"


def read(body, name="架空事業"):
    """Return the figures of an item with this body as short tuples."""
    [item] = parse_report(f"1 {name}\n\n{body}").items
    return [(f.label, f.measure, f.kind, f.value, f.unit) for f in item.figures]


def table(*rows):
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def reasons(body):
    return [remark.reason for remark in parse_report(f"1 架空事業\n\n{body}").remarks]


class TestQuantities:
    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("203件", [(203, "件")]),
            ("約2億406万件", [(204_060_000, "件")]),
            ("約1.9万人", [(19_000, "人")]),
            ("番組内コーナー(1分30秒)", [(90, "秒")]),
            ("48社73名", [(48, "社"), (73, "名")]),
            ("4,016千円", [(4016, "千円")]),
            ("2億3,400万円", [(234_000_000, "円")]),
            ("10市10町2村", [(10, "市"), (10, "町"), (2, "村")]),
            ("2つの河川において", [(2, "河川")]),
            ("１，２３４人", [(1234, "人")]),
            ("45.6％", [(Decimal("45.6"), "%")]),
        ],
    )
    def test_numbers_are_read_with_their_units(self, text, found):
        assert [(q.value, q.unit) for q in read_quantities(text) if q.is_sure] == found

    @pytest.mark.parametrize(
        "text",
        [
            "令和3年度", "4月24日", "令和3年1月22日～2月4日", "第3回定例会", "午後6時", "普通科1年生", "R3.4.1",
            "平成24～27年度", "10年間", "2課題", "COVID-19件", "令和2年度末累計", "10:30", "20～30人", "約7分×12話",
        ],
    )  # fmt: skip
    def test_dates_ordinals_ranges_and_words_are_no_quantities(self, text):
        assert [q for q in read_quantities(text) if q.unit and q.is_sure] == []


class TestTables:
    def test_the_unit_of_the_first_cell_counts_for_the_column(self):
        rows = ["区分", "金額"], ["主管課経費", "1,419千円"], ["部局調整費", "2,597"]
        assert read(table(*rows)) == [
            ("主管課経費", "金額", "expenditure", 1419, "千円"),
            ("部局調整費", "金額", "expenditure", 2597, "千円"),
        ]

    def test_the_header_or_a_note_above_states_the_unit(self):
        one = table(["区分", "事業費（百万円）"], ["甲", "12"])
        other = "（単位：百万円）\n" + table(["区分", "事業費"], ["甲", "12"])
        under = table(["区分", "事業費"], ["", "百万円"], ["甲", "12"])
        for body in (one, other, under):
            assert read(body) == [("甲", "事業費", "expenditure", 12, "百万円")]

    def test_a_bare_number_without_any_unit_stays_in_the_table(self):
        body = table(["区分", "事業費"], ["甲", "12"])
        assert read(body) == []
        assert "この数は実績値にせず、表に残しました。" in reasons(body)[0]

    def test_money_whose_kind_no_word_tells_stays_in_the_table(self):
        assert read(table(["区分", "内容"], ["甲", "12千円"])) == []

    @pytest.mark.parametrize(
        ("header", "kind"),
        [
            ("事業費", "expenditure"),
            ("金額", "expenditure"),
            ("補助金額", "expenditure"),
            ("決算額", "expenditure"),
            ("対象事業費", "money"),
            ("寄附金額", "money"),
            ("国庫支出金", "money"),
            ("予算現額", "money"),
            ("実績（国費ベース）", "money"),
        ],
    )
    def test_the_words_of_the_column_tell_the_kind_of_money(self, header, kind):
        assert [figure[2] for figure in read(table(["区分", header], ["甲", "12千円"]))] == [kind]

    def test_what_people_did_in_answer_is_an_outcome(self):
        assert read(table(["区分", "参加者数", "回数"], ["甲", "5人", "2回"])) == [
            ("甲", "参加者数", "outcome", 5, "人"),
            ("甲", "回数", "activity", 2, "回"),
        ]

    def test_a_bracket_that_adds_up_divides_the_number_before_it(self):
        [item] = parse_report(
            "1 甲\n" + table(["区分", "件数"], ["会見", "203件（県：141、他：62）"])
        ).items
        whole, *parts = item.figures
        assert [(p.group, p.label, p.value, p.part_of) for p in parts] == [
            ("内訳", "県", 141, whole.key),
            ("内訳", "他", 62, whole.key),
        ]

    def test_a_bracket_that_does_not_add_up_is_no_part(self):
        [item] = parse_report(
            "1 甲\n" + table(["区分", "件数"], ["会見", "203件（県：1、他：2）"])
        ).items
        assert [figure.part_of for figure in item.figures] == [None, None, None]

    def test_a_total_row_is_the_whole_of_the_rows_above(self):
        [item] = parse_report(
            "1 甲\n"
            + table(["区分", "事業費"], ["い", "1千円"], ["ろ", "2千円"], ["合計", "3千円"])
        ).items
        assert [(f.label, f.part_of and f.part_of[1]) for f in item.figures] == [
            ("い", "合計"),
            ("ろ", "合計"),
            ("合計", None),
        ]

    def test_a_total_that_the_rows_do_not_make_is_remarked(self):
        body = table(["区分", "事業費"], ["い", "1千円"], ["ろ", "2千円"], ["計", "4千円"])
        assert "計が、上の行の和と合いません" in "".join(reasons(body))

    def test_a_row_that_lost_a_cell_gives_no_figure(self):
        body = table(
            ["区分", "", "事業量", "", "事業費"],
            ["紙", "広報", "398部", "12回", "2,378千円"],
            ["", "声", "135本", "12", "343"],
            ["", "テレビ", "番組の名", "30分番組", "39"],
            ["", "報", "208本", "208", "572"],
        )
        assert ("テレビ", "事業費", "expenditure", 39, "千円") not in read(body)
        assert len(read(body)) == 9
        assert any(reason.startswith("欄がずれている") for reason in reasons(body))

    def test_a_header_pushed_left_by_a_spanning_cell_is_moved_back(self):
        body = table(["区分", "事業量", "事業費", ""], ["媒体", "県HP", "友だち数 5人", "20千円"])
        assert read(body) == [
            ("県HP", "友だち数", "outcome", 5, "人"),
            ("県HP", "事業費", "expenditure", 20, "千円"),
        ]

    def test_a_second_header_row_names_the_columns(self):
        [item] = parse_report(
            "1 旅券\n" + table(["男女別", ""], ["男", "女"], ["6件", "7件"])
        ).items
        assert [(f.group, f.label, f.value) for f in item.figures] == [
            ("男女別", "男", 6),
            ("男女別", "女", 7),
        ]

    def test_years_in_headers_and_labels_are_periods(self):
        body = table(["区分", "令和2年度", "令和元年度"], ["件数", "5件", "6件"])
        [item] = parse_report(f"1 甲\n{body}").items
        assert [(f.label, f.period, f.value) for f in item.figures] == [
            ("件数", "令和2年度", 5),
            ("件数", "令和元年度", 6),
        ]

    def test_html_tables_keep_their_spans(self):
        body = (
            "<table><tr><th>区分</th><th>人数</th><th>事業費</th></tr>\n"
            '<tr><td>甲</td><td>3人<br>5回</td><td rowspan="2">9千円</td></tr>\n'
            "<tr><td>乙</td><td>4人</td></tr></table>"
        )
        assert read(body) == [
            ("甲", "人数", "activity", 3, "人"),
            ("甲", "人数（回）", "activity", 5, "回"),
            ("甲", "事業費", "expenditure", 9, "千円"),
            ("乙", "人数", "activity", 4, "人"),
        ]

    def test_columns_set_with_tabs_or_wide_spaces_are_tables(self):
        for gap in ("\t", "　　", "    "):
            lines = [gap.join(row) for row in (["区分", "回数"], ["甲", "3回"], ["乙", "4"])]
            assert [figure[3] for figure in read("\n".join(lines))] == [3, 4]

    def test_a_table_without_a_header_gives_what_its_cells_state(self):
        assert read("| 甲 | 3回 | 5千円 |\n| 乙 | 4回 | 6千円 |") == [
            ("甲", "回数", "activity", 3, "回"),
            ("乙", "回数", "activity", 4, "回"),
        ]

    def test_the_name_of_a_row_is_its_label_and_its_number_is_none(self):
        body = table(
            ["番号", "事業名", "実施主体", "事業費（千円）"],
            ["1", "道路整備", "架空市", "100"],
            ["2", "橋整備", "架空町", "200"],
        )
        assert [(label, value) for label, _, _, value, _ in read(body)] == [
            ("道路整備", 100),
            ("橋整備", 200),
        ]

    def test_subtotals_are_parts_of_the_total_and_count_once(self):
        [item] = parse_report(
            "1 甲\n"
            + table(
                ["区分", "事業費"], ["い", "1千円"], ["ろ", "2"], ["小計", "3"],
                ["は", "4"], ["小計", "4"], ["合計", "7"],
            )
        ).items  # fmt: skip
        wholes = {figure.key: figure.value for figure in item.figures}
        assert [(f.label, wholes.get(f.part_of)) for f in item.figures] == [
            ("い", 3), ("ろ", 3), ("小計", 7), ("は", 4), ("小計", 7), ("合計", None),
        ]  # fmt: skip

    def test_a_row_of_which_is_part_of_the_row_above(self):
        [item] = parse_report(
            "1 甲\n" + table(["区分", "事業費"], ["い", "3千円"], ["うち乙", "2"])
        ).items
        assert item.figures[1].part_of == item.figures[0].key

    def test_the_spending_of_an_earlier_year_is_no_part_of_the_settlement(self):
        body = table(
            ["区分", "令和3年度", "", "令和2年度", ""],
            ["", "件数", "金額", "件数", "金額"],
            ["相談", "3件", "5千円", "2件", "4千円"],
        )
        [item] = parse_report(f"1 甲\n{body}").items
        assert [(f.measure, f.period, f.kind) for f in item.figures] == [
            ("件数", "令和3年度", "activity"),
            ("金額", "令和3年度", "expenditure"),
            ("件数", "令和2年度", "activity"),
            ("金額", "令和2年度", "money"),
        ]

    def test_a_bare_number_among_mixed_units_stays_in_the_table(self):
        body = table(["区分", "実績"], ["来場者", "100人"], ["開催", "38"], ["講座", "2回"])
        assert [figure[3] for figure in read(body)] == [100, 2]

    def test_a_blank_below_an_amount_is_remarked_and_is_no_zero(self):
        body = table(["区分", "事業費"], ["会見", "7千円"], ["資料", ""])
        assert [figure[3] for figure in read(body)] == [7]
        assert "0円ではありません。" in reasons(body)[0]

    def test_a_header_that_counts_gives_its_unit(self):
        assert read(table(["区分", "参加者数", "件数"], ["甲", "5", "6"])) == [
            ("甲", "参加者数", "outcome", 5, "人"),
            ("甲", "件数", "activity", 6, "件"),
        ]


class TestLines:
    def test_a_named_number_of_a_line_is_a_figure(self):
        assert read("・開催回数 10回") == [("架空事業", "開催回数", "activity", 10, "回")]
        assert read("【広報】フォロワー数：約1.9万人") == [
            ("広報", "フォロワー数", "outcome", 19_000, "人")
        ]

    def test_a_line_with_years_gives_a_figure_for_each(self):
        [item] = parse_report("1 旅券\n・発行件数 令和2年：13,062件、令和元年：49,251件").items
        assert [(f.measure, f.period, f.value) for f in item.figures] == [
            ("発行件数", "令和2年", 13_062),
            ("発行件数", "令和元年", 49_251),
        ]

    def test_donations_are_other_money(self):
        assert read("（令和2年度寄附受入実績：1,298件、30,245,843円）") == [
            ("寄附受入実績", "件数", "outcome", 1298, "件"),
            ("寄附受入実績", "金額", "money", 30_245_843, "円"),
        ]

    def test_a_number_in_a_sentence_stays_there_with_a_remark(self):
        assert read("3社（8名）に対して補助を行った。") == []
        assert reasons("3社（8名）に対して補助を行った。") == [
            "文の中の数は、実績値にしていません。"
        ]


class TestTheReportOfFY2020:
    """The sample holds the paper's headings, lists and tables; its sentences are left out."""

    # Where the sample's table has lost a cell, staff told what each number is; the reader does not.
    LEFT_IN_THE_TABLE = Counter(
        {("2.2", 30, "分", "activity"): 1, ("2.2", 39, "回", "activity"): 1}
    )

    @pytest.fixture
    def report(self):
        return parse_report(SAMPLE.read_text())

    @pytest.fixture
    def stored(self):
        names = ("20_settlement", "22_settlement_items", "23_settlement_figures")
        return [r for name in names for r in json.loads((FIXTURES / f"{name}.json").read_text())]

    def test_all_items_have_their_codes_names_and_amounts(self, report, stored):
        rows = [row["fields"] for row in stored if row["model"] == "budgets.settlementitem"]
        wanted = {row["code"]: (row["name"], row["amount_yen"]) for row in rows}
        assert {i.code: (i.name, i.amount_yen) for i in report.items} == wanted
        assert len(report.items) == 77
        assert sum(item.amount_yen is not None for item in report.items) == 21

    def test_the_five_policies_have_their_twelve_efforts(self, report, stored):
        names = [r["fields"]["name"] for r in stored if r["model"] == "budgets.prioritypolicy"]
        efforts = [r["fields"]["name"] for r in stored if r["model"] == "budgets.priorityeffort"]
        assert [policy.name for policy in report.priority_policies] == names
        assert [e for policy in report.priority_policies for e in policy.efforts] == efforts
        assert (len(names), len(efforts)) == (5, 12)

    def test_the_numbers_of_its_tables_are_the_stored_figures_and_none_is_wrong(
        self, report, stored
    ):
        rows = [row["fields"] for row in stored if row["model"] == "budgets.settlementfigure"]
        of_tables, of_all = Counter(), Counter()
        for row in rows:
            key = (row["item"][2], Decimal(str(row["value"])), row["unit"], row["kind"])
            of_all[key] += 1
            of_tables[key] += "表" in row["locator"]
        read = Counter(
            (item.code, figure.value, figure.unit, figure.kind)
            for item in report.items
            for figure in item.figures
        )
        assert read - of_all == Counter()
        assert of_tables - read == self.LEFT_IN_THE_TABLE
        assert (read & of_tables).total() / of_tables.total() > 0.95

    def test_labels_are_those_that_are_stored_where_the_table_has_one(self, report, stored):
        rows = [row["fields"] for row in stored if row["model"] == "budgets.settlementfigure"]
        for code in ("1.2", "5.2", "5.3.2", "4.1.2"):
            wanted = [(r["label"], Decimal(r["value"])) for r in rows if r["item"][2] == code]
            [item] = [item for item in report.items if item.code == code]
            assert [(figure.label, figure.value) for figure in item.figures] == wanted

    def test_every_line_is_accounted_for(self, report):
        lines = SAMPLE.read_text().split("\n")
        assert sorted(use.line for use in report.line_uses()) == [
            number for number, line in enumerate(lines, 1) if line.strip()
        ]

    def test_tables_keep_every_cell(self, report):
        [item] = [item for item in report.items if item.code == "1.4"]
        assert item.tables == (
            Table(
                ("区分", "事業量", "事業費"),
                (
                    ("記者会見", "203件（県：141、その他：62）", "7,997千円"),
                    ("資料提供", "4,270件（県：2,088、その他：2,182）", ""),
                ),
                (71, 72, 73, 74),
                (73, 74),
            ),
        )
