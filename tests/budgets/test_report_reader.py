import json
import re
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings as project
from hypothesis import given, settings
from hypothesis import strategies as st

from budgets.report_lines import plain, read_label, squeeze
from budgets.report_reader import parse_report

from .report_samples import noise, reports

SAMPLE = Path(project.BASE_DIR) / "tests" / "samples" / "report-fy2020.txt"


def lines_with_text(text):
    text = text.removeprefix("\ufeff")
    return [number for number, line in enumerate(re.split("\r\n|\r|\n", text), 1) if line.strip()]


def assert_every_line_is_accounted_for(text):
    assert sorted(use.line for use in parse_report(text).line_uses()) == lines_with_text(text)


def reasons(report):
    return [remark.reason for remark in report.remarks]


def figures(report):
    return [
        (item.code, figure.label, figure.measure, figure.kind, int(figure.value), figure.unit)
        for item in report.items
        for figure in item.figures
    ]


class TestHeadings:
    def test_numbers_become_codes_by_their_nesting(self):
        report = parse_report(
            "1 総務費\n(1) 庁議\n①会議\nア 資料\n(ア) 印刷\na 紙\n(2)広報\n2 民生費"
        )
        assert [(item.code, item.label, item.name) for item in report.items] == [
            ("1", "1", "総務費"),
            ("1.1", "(1)", "庁議"),
            ("1.1.1", "①", "会議"),
            ("1.1.1.1", "ア", "資料"),
            ("1.1.1.1.1", "(ア)", "印刷"),
            ("1.1.1.1.1.1", "a", "紙"),
            ("1.2", "(2)", "広報"),
            ("2", "2", "民生費"),
        ]

    def test_a_report_may_nest_circles_under_kana(self):
        report = parse_report("1 甲\nア 乙\n① 丙\n② 丁\nイ 戊\n① 己\n2 庚")
        assert [item.code for item in report.items] == [
            "1",
            "1.1",
            "1.1.1",
            "1.1.2",
            "1.2",
            "1.2.1",
            "2",
        ]

    def test_chapters_stand_above_roman_numbers(self):
        report = parse_report("第１章　安全\nⅠ　防災\n１　消防\n第２章　生活\n")
        assert [(item.code, item.name) for item in report.items] == [
            ("1", "安全"),
            ("1.1", "防災"),
            ("1.1.1", "消防"),
            ("2", "生活"),
        ]

    def test_the_only_chapter_above_all_is_the_department(self):
        report = parse_report("第 2 架 空 部\n\n第2 架空部\n\n架空部は新しい。\n\n1 総務費")
        assert (report.department_number, report.department_name) == (2, "架空部")
        assert report.heading == "第2 架空部"
        assert report.introduction == "架空部は新しい。"
        assert [item.locator for item in report.items] == ["第2 1"]

    def test_letters_spaced_apart_are_put_together(self):
        assert squeeze("I o T ・ A I 導入促進") == "IoT・AI導入促進"
        assert squeeze("区 分") == "区分"
        assert squeeze("令 和 2 年 度") == "令和2年度"
        assert squeeze("A 事業 B 事業") == "A 事業 B 事業"
        assert squeeze("始動人Jr. キャンプ") == "始動人Jr. キャンプ"
        assert squeeze("619,000 6 5") == "619,000 6 5"

    @pytest.mark.parametrize(
        "text",
        [
            "10年間の計画",
            "2.5倍",
            "(令和2年)",
            "第1期計画",
            "アニメ製作",
            "3,000人",
            "１件",
            "20年後の姿",
        ],
    )
    def test_a_number_that_counts_is_no_heading(self, text):
        assert not [item for item in parse_report(f"1 総務費\n{text}").items if item.code != "1"]

    def test_a_heading_without_a_space_is_read_where_its_number_is_due(self):
        assert [item.name for item in parse_report("1総務費\n2民生費").items] == [
            "総務費",
            "民生費",
        ]
        assert parse_report("7人の侍").items == ()

    def test_numbered_sentences_stay_in_the_body_with_their_continuation(self):
        report = parse_report(
            "1 総務費\nア 環境を整備した。\nイ 閉域の網とし\nて、323台を置いた。\nウ 契約を結んだ。"
        )
        [item] = report.items
        assert item.body.startswith("ア 環境を整備した。\nイ 閉域の網とし\nて、")
        assert "番号の付いた文の続きと読み、本文に入れました。" in reasons(report)

    def test_a_numbered_sentence_that_is_wrapped_stays_in_the_body(self):
        text = "1 総務費\nア 職員への感染の拡大を防ぎ、業務を続けられるようにするため、在宅で勤務で\nきる環境を整えた。"
        assert [item.code for item in parse_report(text).items] == ["1"]

    def test_a_letter_without_the_one_before_it_is_no_heading(self):
        report = parse_report("1 総務費\nト もの")
        assert [item.code for item in report.items] == ["1"]
        assert reasons(report) == ["前の番号がないため、本文に入れました。"]

    @pytest.mark.parametrize(
        ("text", "codes", "reason"),
        [
            ("1 甲\n3 乙", ["1", "3"], "番号が1から3へ飛んでいます。"),
            ("1 甲\n2 乙\n2 丙", ["1", "2", "2"], "番号「2」が続けて2回あります。"),
            ("1 甲\n2 乙\n3 丙\n1 丁", ["1", "2", "3", "1"], "番号が3から1へ戻っています。"),
            ("(2) 甲", ["2"], "番号が2から始まっています。"),
        ],
    )
    def test_numbering_is_remarked_and_never_changed(self, text, codes, reason):
        report = parse_report(text)
        assert [item.code for item in report.items] == codes
        assert any(found.startswith(reason) for found in reasons(report))

    def test_a_code_that_occurs_twice_is_remarked_at_both_places(self):
        remarks = [r for r in parse_report("1 甲\n1 乙").remarks if "2か所" in r.reason]
        assert [remark.line for remark in remarks] == [1, 2]

    def test_a_name_with_an_open_bracket_goes_on_in_the_next_line(self):
        assert (
            parse_report("1 架空（その\n甲）の事業\n本文。").items[0].name == "架空（その甲）の事業"
        )

    def test_markdown_headings_are_headings(self):
        report = parse_report("# 1 総務費\n## **(1) 庁議**\n")
        assert [(item.code, item.name) for item in report.items] == [
            ("1", "総務費"),
            ("1.1", "庁議"),
        ]

    def test_labels_are_read_in_every_width(self):
        printed = [
            "１ 甲",
            "（１）甲",
            "⑴ 甲",
            "①甲",
            "（ア）甲",
            "ｱ 甲",
            "ａ．甲",
            "Ⅰ 甲",
            "一 甲",
            "1-1 甲",
        ]
        assert [read_label(text).number for text in printed] == [1] * len(printed)


class TestAmounts:
    @pytest.mark.parametrize(
        "text",
        [
            "1 総務費 決算額 4,016千円",
            "1 総務費　（決算額：4,016 千円）",
            "1 総務費\n決算額 4,016千円",
            "1 総務費\n\n決算額\n\n4,016千円",
            "１　総務費　【決算額】４，０１６，０００円",
            "1 総務費 予算現額 5,000千円 決算額 4,016千円 不用額 984千円",
            "（単位：千円）\n1 総務費 決算額 4,016",
            "1 総務費\n4,016千円",
            "1 総務費　　4,016千円",
            "1 総務費（4,016千円）",
            "1 総務費\n支出済額：4,016千円",
            "1 総務費（事業費 4,016千円）",
            "1 総務費 ………… 4,016千円",
            "1 総務費\n（4,016千円）",
            "1 総務費　令和3年度決算額 4,016千円",
            "1 総務費\n予算額 5,000千円　決算額 4,016千円",
            "1 総務費\n決 算 額 4,016千円",
        ],
    )
    def test_an_amount_is_read_however_it_is_printed(self, text):
        [item] = parse_report(text).items
        assert (item.name, item.amount_yen) == ("総務費", 4_016_000)
        assert_every_line_is_accounted_for(text)

    def test_the_amounts_of_a_budget_are_read_beside_it(self):
        [item] = parse_report(
            "1 総務費\n予算現額 5,000千円　決算額 4,000千円　翌年度繰越額 600千円　不用額 400千円"
        ).items
        assert dict(item.amounts) == {
            "budget_yen": 5_000_000,
            "carried_over_yen": 600_000,
            "unused_yen": 400_000,
        }

    def test_the_one_row_of_a_table_states_the_amounts_of_its_item(self):
        text = "1 総務費\n（単位：千円）\n| 予算現額 | 決算額 | 不用額 |\n|--|--|--|\n| 5,000 | 4,000 | 1,000 |"
        [item] = parse_report(text).items
        assert (item.amount_yen, dict(item.amounts)["budget_yen"]) == (4_000_000, 5_000_000)
        assert item.figures == ()

    @pytest.mark.parametrize("printed", ["皆減", "▲", "▲12千円", "4,01千円", "約3億円", "4,016"])
    def test_what_is_no_amount_is_blank_and_remarked(self, printed):
        text = f"1 総務費 決算額 {printed}"
        report = parse_report(text)
        assert (report.items[0].name, report.items[0].amount_yen) == ("総務費", None)
        assert any("決算額は空欄にしました。" in reason for reason in reasons(report))

    def test_a_dash_states_no_amount(self):
        report = parse_report("1 総務費 決算額 －")
        assert (report.items[0].amount_yen, report.remarks) == (None, ())

    def test_an_amount_that_never_comes_is_remarked(self):
        report = parse_report("1 総務費\n決算額\n本文。")
        assert reasons(report) == ["「決算額」の金額がありません。"]

    def test_a_second_amount_does_not_replace_the_first(self):
        report = parse_report("1 総務費 決算額 10円\n決算額 20円")
        assert report.items[0].amount_yen == 10
        assert "初めの額を残しました" in reasons(report)[0]

    def test_a_name_that_goes_on_in_the_next_line_takes_its_amount_from_there(self):
        report = parse_report("1 長い名称の\n続きの事業　決算額 4,016千円\n本文。")
        [item] = report.items
        assert (item.name, item.amount_yen) == ("長い名称の続きの事業", 4_016_000)
        assert reasons(report) == ["見出しの名称の続きと金額を読みました。"]

    def test_what_stands_behind_an_amount_is_kept_in_a_remark(self):
        [remark] = parse_report("1 総務費 決算額 10円（うち国庫 3円）").remarks
        assert remark.text == "（うち国庫 3円）"

    def test_an_amount_without_its_word_is_remarked(self):
        assert "決算額と読みました" in reasons(parse_report("1 総務費　1,000円"))[0]


class TestPolicies:
    def test_policies_end_where_numbering_begins_anew(self):
        report = parse_report(
            "【令和3年度の重点施策】\n1 甲\n・い\n・ろ（は、\nに）\n2 乙\n- ・ほ\n1 総務費\n(1) 庁議"
        )
        assert [(policy.name, policy.efforts) for policy in report.priority_policies] == [
            ("甲", ("い", "ろ（は、に）")),
            ("乙", ("ほ",)),
        ]
        assert [item.name for item in report.items] == ["総務費", "庁議"]

    def test_numbers_with_amounts_are_items_and_no_policies(self):
        report = parse_report("重点施策\n・甲\n1 総務費\n(1) 庁議 決算額 3円")
        assert [item.code for item in report.items] == ["1", "1.1"]
        assert [policy.name for policy in report.priority_policies] == ["甲"]


class TestPages:
    def test_a_table_of_contents_is_no_tree(self):
        report = parse_report("目次\n1 総務費 ……… 3\n2 民生費 ・・・・ 12\n1 総務費\n2 民生費")
        assert [item.line for item in report.items] == [4, 5]
        assert reasons(report) == ["目次の行と読みました。"] * 2

    def test_page_numbers_and_headers_beside_them_are_remarks_alone(self):
        page = "架空県 決算\n本文。\n\n- {} -\n"
        report = parse_report("1 総務費\n" + "".join(page.format(n) for n in range(1, 5)))
        unplaced = [remark.text for remark in report.remarks if remark.is_unplaced]
        assert unplaced.count("架空県 決算") == 2
        assert [text for text in unplaced if text.startswith("-")] == [
            "- 1 -",
            "- 2 -",
            "- 3 -",
            "- 4 -",
        ]

    @pytest.mark.parametrize("text", ["", "\n\n", "  \n　\n"])
    def test_an_empty_text_gives_an_empty_report_with_a_remark(self, text):
        report = parse_report(text)
        assert report.items == ()
        assert reasons(report) == ["番号の付いた見出しが1つも見付かりません。"]


class TestGeneratedReports:
    @settings(max_examples=60)
    @given(reports())
    def test_names_codes_amounts_policies_and_figures_are_exact(self, sample):
        report = parse_report(sample.text)
        assert [(i.code, i.name, i.amount_yen) for i in report.items] == sample.items
        assert [(p.name, p.efforts) for p in report.priority_policies] == sample.policies
        assert Counter(figures(report)) == Counter(sample.figures)

    @settings(max_examples=20)
    @given(reports())
    def test_every_line_of_a_report_is_accounted_for_once(self, sample):
        assert_every_line_is_accounted_for(sample.text)

    @settings(max_examples=150)
    @given(noise)
    def test_any_text_is_read_without_loss_or_invention(self, text):
        assert_every_line_is_accounted_for(text)
        printed = plain(text)
        numbers = {
            Decimal(n.replace(",", "")) for n in re.findall(r"[0-9][0-9,]*(?:\.[0-9]+)?", printed)
        }
        report = parse_report(text)
        json.dumps(report.as_json())
        for item in report.items:
            assert len({figure.key for figure in item.figures}) == len(item.figures)
            for figure in item.figures:
                assert figure.value in numbers or plain(figure.as_printed) in printed

    @settings(max_examples=50)
    @given(st.lists(st.sampled_from(SAMPLE.read_text().split("\n")), max_size=30).map("\n".join))
    def test_lines_of_a_report_in_any_order_are_read_too(self, text):
        assert_every_line_is_accounted_for(text)

    @settings(max_examples=20)
    @given(reports())
    def test_half_a_report_and_a_report_twice_are_read_too(self, sample):
        assert_every_line_is_accounted_for(sample.text[: len(sample.text) // 2])
        assert_every_line_is_accounted_for(sample.text * 2)
