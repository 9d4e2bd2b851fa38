"""What is said before an initiative, an indicator or a report of results is published."""

import datetime
from decimal import Decimal

import pytest
from django.utils import timezone

from initiatives.models import InitiativeImage
from portal.fiscal_year import fiscal_year_of
from portal.publishing import Status
from portal.readiness import list_findings
from tests.builders import (
    make_department,
    make_distinction,
    make_document,
    make_image,
    make_indicator,
    make_indicator_value,
    make_initiative,
    make_initiative_figure,
    make_link,
    make_pillar,
    make_plan,
    make_report,
)

pytestmark = pytest.mark.django_db


def say(record) -> list[tuple[str, str]]:
    return [(finding.level, str(finding)) for finding in list_findings(record)]


def make_ready_initiative(**fields):
    """Make an initiative of which there is nothing to say."""
    return make_initiative(
        **{
            "departments": [make_department()],
            "source": make_document(title="架空県資料"),
            "locator": "p.12",
        }
        | fields
    )


def make_ready_figure(initiative, **fields):
    return make_initiative_figure(
        initiative, **{"source": initiative.source, "locator": "p.12"} | fields
    )


class TestInitiative:
    def test_a_complete_one_has_no_findings(self):
        initiative = make_ready_initiative(
            body="# 内容\n\n[県の計画](https://www.example.jp/)",
            fiscal_year=2023,
            occurred_on=datetime.date(2024, 3, 31),
        )
        whole = make_ready_figure(initiative, label="全体", value=10)
        make_ready_figure(initiative, label="うち県内", value=10, part_of=whole)
        make_image(initiative)
        make_link(initiative, title="架空県の計画")
        make_distinction(initiative)
        assert say(initiative) == []

    def test_without_a_department_it_is_a_remark(self):
        assert say(make_ready_initiative(departments=[])) == [
            ("remark", "担当部局：担当部局が選ばれていません。")
        ]

    @pytest.mark.parametrize(("field", "label"), [("summary", "概要"), ("title", "題名")])
    def test_without_a_summary_or_title_it_is_blocked(self, field, label):
        assert say(make_ready_initiative(**{field: " "})) == [
            ("error", f"{label}：空です。必ず入れてください。")
        ]

    def test_without_any_source_it_is_blocked(self):
        initiative = make_ready_initiative(source=None)
        make_initiative_figure(initiative, label="参加者数")
        assert say(initiative) == [
            ("error", "出典：出典がありません。もとの資料を選んでください。"),
            ("remark", "出典：出典のない実績値が1件あります（参加者数）。"),
        ]

    def test_a_source_on_a_figure_is_enough(self):
        initiative = make_ready_initiative(source=None)
        make_ready_figure(initiative, source=make_document())
        assert say(initiative) == []

    def test_figures_without_a_place_are_counted_where_the_initiative_has_none_either(self):
        initiative = make_ready_initiative(locator="")
        for number in range(4):
            make_ready_figure(initiative, label=f"数{number}", locator="")
        assert say(initiative) == [
            (
                "remark",
                "出典の箇所：出典の箇所がない実績値が4件あります（数0、数1、数2など）。",
            )
        ]
        initiative.locator = "p.3"
        assert say(initiative) == []

    def test_an_initiative_without_figures_needs_a_place_of_its_own(self):
        assert say(make_ready_initiative(locator="")) == [
            (
                "remark",
                "出典の箇所：資料のどこに書いてあるかを入れてください（例：第2 1(4)、p.12）。",
            )
        ]

    def test_a_source_that_is_not_public_is_told_once(self):
        document = make_document(title="未公開の資料", status=Status.DRAFT)
        initiative = make_ready_initiative(source=document)
        make_ready_figure(initiative)
        ((level, sentence),) = say(initiative)
        assert level == "remark"
        assert sentence.startswith("出典「未公開の資料」：いま公開されていない資料なので、")

    def test_an_image_without_alt_text_or_licence_blocks(self):
        initiative = make_ready_initiative()
        make_image(initiative)
        image = make_image(initiative, alt="", licence=" ")
        errors = list_findings(initiative)
        assert [(finding.level, str(finding)) for finding in errors] == [
            ("error", "画像2の代替テキスト：空です。必ず入れてください。"),
            ("error", "画像2の利用条件：空です。必ず入れてください。"),
        ]
        page = f"/admin/initiatives/initiativeimage/{image.pk}/change/"
        assert [finding.address for finding in errors] == [f"{page}#id_alt", f"{page}#id_licence"]
        InitiativeImage.objects.update(alt="庁舎の写真", licence="CC BY 4.0")
        assert say(initiative) == []

    def test_a_unit_that_no_machine_reads_blocks_and_a_label_does_not(self):
        initiative = make_ready_initiative()
        figure = make_ready_figure(initiative, label="ＤＸ研修", unit="㎞", period="令和２年度")
        findings = list_findings(initiative)
        name = "実績値「ＤＸ研修」"
        assert [(finding.level, str(finding)) for finding in findings] == [
            (
                "error",
                f"{name}の単位：機種依存文字「㎞」があります。「km」のように書いてください。",
            ),
            (
                "remark",
                f"{name}の項目：全角の数字・英字「ＤＸ」があります。「DX」のように書いてください。",
            ),
            (
                "remark",
                f"{name}の時期：全角の数字・英字「２」があります。「2」のように書いてください。",
            ),
        ]
        page = f"/admin/initiatives/initiativefigure/{figure.pk}/change/"
        assert findings[0].address == f"{page}#id_unit"

    def test_the_same_figure_in_other_characters_is_told(self):
        initiative = make_ready_initiative()
        make_ready_figure(initiative, label="SNS の投稿", period="8月")
        make_ready_figure(initiative, label="SNSの投稿", period="9月")
        make_ready_figure(initiative, label="snsの投稿", period="8月")
        assert say(initiative) == [
            (
                "remark",
                "実績値「snsの投稿」の項目：「SNS の投稿」と、"
                "空白や全角・半角のほかは同じ名前と時期です。",
            )
        ]

    def test_parts_that_exceed_their_whole_are_told(self):
        initiative = make_ready_initiative()
        whole = make_ready_figure(initiative, label="全体", value=10)
        for label, group, value in [("男", "性別", 5), ("女", "性別", 6), ("県内", "地域", 10)]:
            make_ready_figure(initiative, label=label, group=group, value=value, part_of=whole)
        assert say(initiative) == [
            ("remark", "実績値「全体」の値：「性別」の内訳2件の合計が、この値を上回ります。")
        ]

    def test_money_in_different_units_is_added_in_yen(self):
        initiative = make_ready_initiative()
        whole = make_ready_figure(initiative, label="全体", kind="money", unit="億円", value=1)
        part = make_ready_figure(
            initiative, label="一部", kind="money", unit="千円", value=100_000, part_of=whole
        )
        assert say(initiative) == []
        part.value = Decimal(100_001)
        part.save()
        assert say(initiative) == [
            ("remark", "実績値「全体」の値：内訳1件の合計が、この値を上回ります。")
        ]

    def test_parts_in_another_unit_cannot_be_added(self):
        initiative = make_ready_initiative()
        whole = make_ready_figure(initiative, label="全体", unit="件")
        make_ready_figure(initiative, label="一部", unit="人", part_of=whole)
        assert say(initiative) == [
            ("remark", "実績値「全体」の単位：内訳と単位が違うため、足し合わせて比べられません。")
        ]

    def test_a_link_that_does_not_say_where_it_leads_is_told(self):
        initiative = make_ready_initiative()
        make_link(initiative, title="こちら")
        assert say(initiative) == [
            (
                "remark",
                "関連リンク「こちら」の題名：リンクの文字「こちら」だけでは、行き先が分かりません。"
                "ページの題名などにしてください。",
            )
        ]
        initiative.links.update(title="")
        assert say(initiative) == [("error", "関連リンク「」の題名：空です。必ず入れてください。")]

    def test_a_date_outside_its_fiscal_year_is_told(self):
        initiative = make_ready_initiative(fiscal_year=2022, occurred_on=datetime.date(2023, 4, 1))
        assert say(initiative) == [
            ("remark", "日付：令和5年4月1日は、令和4年度の日ではありません。")
        ]

    def test_what_happened_after_the_report_is_told(self):
        initiative = make_ready_initiative(occurred_on=datetime.date(2024, 8, 3))
        assert say(initiative) == [
            ("remark", "日付：令和6年8月3日は、実績報告の発表日（令和6年8月2日）より後です。")
        ]
        assert say(make_ready_initiative(fiscal_year=2025)) == [
            ("remark", "年度：令和7年度は、実績報告の発表日（令和6年8月2日）より後に始まります。")
        ]

    def test_a_report_or_plan_that_is_not_public_hides_it(self):
        initiative = make_ready_initiative(
            report=make_report(title="架空の報告", status=Status.DRAFT),
            pillar=make_pillar(plan=make_plan(name="架空の計画", status=Status.WITHDRAWN)),
        )
        hidden = "がいま公開されていないため、公開しても県民には見えません。"
        assert say(initiative) == [
            ("remark", f"実績報告：「架空の報告」{hidden}"),
            ("remark", f"柱：「架空の計画」{hidden}"),
        ]

    def test_the_queries_do_not_grow_with_the_parts(self, django_assert_num_queries):
        initiative = make_ready_initiative()
        for number in range(5):
            whole = make_ready_figure(initiative, source=make_document())
            make_ready_figure(initiative, part_of=whole)
            make_image(initiative)
            make_link(initiative)
            make_distinction(initiative, name=f"架空の{number}番")
            initiative = type(initiative).objects.get(pk=initiative.pk)
            with django_assert_num_queries(10):
                assert say(initiative) == []


def make_ready_indicator(**fields):
    indicator = make_indicator(**{"source": make_document(), "locator": "p.3"} | fields)
    make_indicator_value(indicator, source=indicator.source, locator="p.3")
    return indicator


class TestIndicator:
    def test_a_complete_one_has_no_findings(self):
        assert say(make_ready_indicator()) == []

    def test_without_any_value_it_is_blocked(self):
        indicator = make_indicator(source=make_document(), locator="p.3")
        assert say(indicator) == [("error", "指標の値：値が1つもありません。")]

    def test_values_that_are_all_drafts_are_told(self):
        indicator = make_ready_indicator()
        indicator.values.update(status=Status.DRAFT)
        assert say(indicator) == [
            (
                "remark",
                "指標の値：いま公開されている値がないため、県民には値のない指標が見えます。",
            )
        ]

    def test_without_any_source_it_is_blocked(self):
        indicator = make_indicator(name="架空の件数")
        make_indicator_value(indicator)
        assert say(indicator) == [
            ("error", "出典：出典がありません。もとの資料を選んでください。"),
            ("remark", "出典：出典のない指標の値が1件あります（架空の件数 令和2年度）。"),
        ]

    def test_a_unit_that_no_machine_reads_blocks(self):
        assert say(make_ready_indicator(unit="％")) == [
            (
                "error",
                "単位：全角の数字・英字「％」があります。「%」のように書いてください。",
            )
        ]

    @pytest.mark.parametrize("kind", ["fiscal_year", "calendar_year"])
    def test_an_actual_of_a_year_to_come_is_an_estimate(self, kind):
        today = timezone.localdate()
        year = (today.year if kind == "calendar_year" else fiscal_year_of(today)) + 1
        indicator = make_ready_indicator(period_kind=kind)
        cited = {"source": indicator.source, "locator": "p.3"}
        make_indicator_value(indicator, year=year - 1, **cited)
        assert say(indicator) == []
        value = make_indicator_value(indicator, year=year, **cited)
        wrong = (
            "remark",
            f"指標の値「{value.year_label}」の確からしさ："
            "まだ始まっていない年の実績が「見込み」になっていません。",
        )
        assert say(indicator) == [wrong]
        assert say(value) == [wrong]
        indicator.values.filter(year=year).update(actual=None, target=3)
        assert say(indicator) == []
        indicator.values.filter(year=year).update(actual=2, state="estimated")
        assert say(indicator) == []

    def test_a_value_may_lean_on_the_source_of_its_indicator(self):
        indicator = make_ready_indicator()
        value = make_indicator_value(indicator)
        assert say(value) == []
        assert say(make_indicator_value(make_indicator())) == [
            ("error", "出典：出典がありません。もとの資料を選んでください。")
        ]

    def test_the_texts_of_its_values_are_read(self):
        indicator = make_ready_indicator()
        indicator.values.update(note="#N/A")
        assert say(indicator) == [
            (
                "remark",
                "指標の値「令和2年度」の注記：Excelのエラー「#N/A」が残っています。"
                "もとの表を確かめて、書き換えてください。",
            )
        ]

    def test_the_queries_do_not_grow_with_the_values(self, django_assert_num_queries):
        indicator = make_ready_indicator()
        for _ in range(4):
            make_indicator_value(indicator, source=make_document(), locator="p.4")
            indicator = type(indicator).objects.get(pk=indicator.pk)
            with django_assert_num_queries(2):
                assert say(indicator) == []


class TestReportAndPlan:
    def test_a_complete_report_has_no_findings(self):
        report = make_report(source=make_document())
        make_initiative(report=report)
        assert say(report) == []

    def test_a_report_without_initiatives_or_from_the_future_is_told(self):
        report = make_report(source=make_document(), presented_on=datetime.date(2090, 8, 2))
        assert say(report) == [
            ("remark", "発表日：令和72年8月2日は、まだ来ていない日です。"),
            ("remark", "取組：この報告の取組が1件もありません。"),
        ]

    def test_a_report_without_a_source_is_blocked(self):
        report = make_initiative().report
        assert say(report) == [("error", "出典：出典がありません。もとの資料を選んでください。")]

    def test_a_plan_ends_after_it_begins(self):
        source = make_document()
        assert say(make_plan(source=source, starts_in=2021, ends_in=2021)) == []
        assert say(make_plan(source=source, starts_in=2021, ends_in=2020)) == [
            ("remark", "終了年度：終了年度が、開始年度（令和3年度）より前です。")
        ]
