"""What is said before a settlement, with its whole tree, is published."""

import datetime

import pytest
from django.utils import timezone

from portal.fiscal_year import fiscal_year_of, format_fiscal_year
from portal.publishing import Status
from portal.readiness import list_findings
from portal.search_index import hold_indexing
from tests.builders import (
    make_cost,
    make_department,
    make_document,
    make_effort,
    make_funding,
    make_initiative,
    make_item,
    make_policy,
    make_settlement,
    make_settlement_figure,
)

pytestmark = pytest.mark.django_db


def say(record) -> list[tuple[str, str]]:
    return [(finding.level, str(finding)) for finding in list_findings(record)]


def make_bare_settlement(**fields):
    return make_settlement(**{"source": make_document()} | fields)


def make_ready_settlement(**fields):
    """Make a settlement with one item, of which there is nothing to say."""
    settlement = make_bare_settlement(**fields)
    make_ready_item(settlement)
    return settlement


def make_ready_item(settlement, code="1", **fields):
    return make_item(
        settlement, code, **{"source": settlement.source, "locator": f"第2 {code}"} | fields
    )


def make_ready_figure(item, **fields):
    return make_settlement_figure(item, **{"source": item.source, "locator": "表"} | fields)


class TestSettlement:
    def test_a_complete_one_has_no_findings(self):
        settlement = make_ready_settlement(introduction="# 概要\n\n庁議を開きました。")
        item = make_ready_item(
            settlement,
            "2",
            amount_yen=5_000,
            budget_yen=7_000,
            carried_over_yen=0,
            unused_yen=2_000,
        )
        make_ready_figure(item, kind="expenditure", value=5)
        make_funding(item, amount_yen=5_000)
        make_cost(item=item, share_percent=60)
        make_policy(settlement, efforts=["架空の主な取組"])
        assert say(settlement) == []
        assert say(item) == []

    def test_without_items_it_is_blocked(self):
        assert say(make_bare_settlement()) == [("error", "決算項目：決算項目が1つもありません。")]

    def test_without_any_source_it_is_blocked(self):
        settlement = make_settlement()
        item = make_item(settlement, name="庁議")
        assert say(settlement) == [
            ("error", "出典：出典がありません。もとの資料を選んでください。"),
            ("remark", "決算項目 1 庁議の出典：出典がありません。"),
        ]
        assert say(item) == [("remark", "決算項目 1 庁議の出典：出典がありません。")]

    def test_a_source_that_is_not_public_is_told_once(self):
        document = make_document(title="未公開の資料", status=Status.IN_REVIEW)
        settlement = make_bare_settlement()
        for code in ("1", "2"):
            item = make_ready_item(settlement, code, source=document)
            make_ready_figure(item)
            make_funding(item, source=document)
        ((level, sentence),) = say(settlement)
        assert level == "remark"
        assert sentence.startswith("出典「未公開の資料」：いま公開されていない資料なので、")

    def test_figures_without_a_source_or_place_are_counted_by_item(self):
        settlement = make_bare_settlement()
        item = make_ready_item(settlement, locator="", name="庁議")
        make_settlement_figure(item, label="開催")
        make_ready_figure(item, label="付議", locator="")
        assert say(settlement) == [
            ("remark", "決算項目 1 庁議の出典：出典のない実績値が1件あります（開催）。"),
            (
                "remark",
                "決算項目 1 庁議の出典の箇所：出典の箇所がない実績値が1件あります（付議）。",
            ),
        ]

    def test_the_texts_of_its_whole_tree_are_read(self):
        settlement = make_bare_settlement(introduction="## 内訳", heading="第２")
        item = make_ready_item(settlement, name="ＩＣＴ", body="| a | b |\n|---|---|\n| c |")
        make_ready_figure(item, label="研修", unit="㎞")
        make_cost(make_initiative(title="架空の取組"), item, note="－")
        policy = make_policy(settlement, name="施策①")
        make_effort(policy, name="合 計")
        found = say(settlement)
        assert [sentence.split("：")[0] for _, sentence in found] == [
            "決算項目 1 ＩＣＴの実績値「研修」の単位",
            "資料の見出し",
            "概要",
            "重点施策「1 施策①」の名称",
            "重点施策「1 施策①」の主な取組「合 計」の主な取組",
            "決算項目 1 ＩＣＴの名称",
            "決算項目 1 ＩＣＴの本文",
            "決算項目 1 ＩＣＴと取組「架空の取組」の注記",
        ]
        assert [level for level, _ in found] == ["error"] + ["remark"] * 7

    def test_a_finding_leads_to_the_part(self):
        settlement = make_bare_settlement()
        item = make_ready_item(settlement)
        figure = make_ready_figure(item, unit="％")
        (finding,) = list_findings(settlement)
        page = f"/admin/budgets/settlementfigure/{figure.pk}/change/"
        assert finding.address == f"{page}#id_unit"

    def test_a_policy_without_efforts_is_told(self):
        settlement = make_ready_settlement()
        make_policy(settlement, name="架空の施策")
        assert say(settlement) == [
            ("remark", "重点施策「1 架空の施策」の主な取組：主な取組が1つもありません。")
        ]


class TestSums:
    """The paper may print what does not add up; an attribution is the office's own work."""

    def test_an_incomplete_breakdown_is_told_with_its_share(self):
        settlement = make_bare_settlement()
        item = make_ready_item(settlement, name="庁議", amount_yen=10_000)
        make_ready_figure(item, kind="expenditure", value=4)
        told = (
            "remark",
            "決算項目 1 庁議：決算額と内訳：公表された内訳は、決算額10千円の40%（4千円）です。",
        )
        assert say(settlement) == [told]
        assert say(item) == [told]

    def test_an_amount_without_a_breakdown_is_no_fault(self):
        settlement = make_bare_settlement()
        make_ready_item(settlement, amount_yen=10_000)
        assert say(settlement) == []

    def test_sums_that_do_not_match_are_remarks(self):
        settlement = make_bare_settlement()
        item = make_ready_item(
            settlement, amount_yen=1_000, budget_yen=9_000, carried_over_yen=1, unused_yen=2
        )
        make_ready_item(settlement, "1.1", amount_yen=2_000)
        make_funding(item, amount_yen=3_000)
        whole = make_ready_figure(item, label="全体", value=1)
        make_ready_figure(item, label="一部", value=2, part_of=whole)
        found = say(settlement)
        assert {level for level, _ in found} == {"remark"}
        assert [sentence.split("：")[1] for _, sentence in found] == [
            "決算額と下位の項目",
            "決算額と財源",
            "予算現額と決算額・繰越額・不用額",
            "数値とその内訳",
        ]

    def test_attributions_above_100_percent_block(self):
        settlement = make_bare_settlement()
        item = make_ready_item(settlement, name="庁議", amount_yen=1_000)
        make_cost(item=item, share_percent=60)
        draft = make_cost(make_initiative(status=Status.DRAFT), item, share_percent=41)
        sentence = "取組に按分された割合の合計が101%で、100%を超えています。"
        assert say(settlement) == [("error", f"決算項目 1 庁議：取組への按分：{sentence}")]
        told = [finding for finding in say(draft.initiative) if "按分" in finding[1]]
        assert told == [("error", f"決算項目 1 庁議：取組への按分：項目番号「1」で、{sentence}")]

    def test_what_lies_in_the_bin_takes_no_share(self):
        settlement = make_bare_settlement()
        item = make_ready_item(settlement, amount_yen=1_000)
        cost = make_cost(item=item, share_percent=60)
        make_cost(make_initiative(status=Status.BINNED), item, share_percent=60)
        assert say(settlement) == []
        assert not [finding for finding in say(cost.initiative) if "按分" in finding[1]]

    def test_an_amount_that_is_attributed_twice_blocks(self):
        settlement = make_bare_settlement()
        above = make_cost(item=make_ready_item(settlement, amount_yen=2_000), share_percent=1)
        below = make_ready_item(settlement, "1.1", amount_yen=2_000)
        cost = make_cost(item=below, share_percent=1)
        other = make_cost(item=make_ready_item(settlement, "2", amount_yen=1), share_percent=1)
        ((level, sentence),) = say(settlement)
        assert level == "error"
        assert "同じ額が二重に数えられます。" in sentence
        for initiative in (above.initiative, cost.initiative):
            assert len([f for f in say(initiative) if "二重に数えられます" in f[1]]) == 1
        assert not [f for f in say(other.initiative) if "二重に数えられます" in f[1]]

    def test_a_link_that_is_no_cost_takes_no_share(self):
        settlement = make_bare_settlement()
        item = make_ready_item(settlement, amount_yen=1_000)
        make_cost(item=item, share_percent=100)
        make_cost(item=item, relation="editorial")
        assert say(settlement) == []

    def test_the_shares_of_a_revision_count_by_themselves(self):
        settlement = make_bare_settlement()
        item = make_ready_item(settlement, amount_yen=1_000)
        cost = make_cost(item=item, share_percent=100)
        revision = make_bare_settlement(
            department=settlement.department, revises=settlement, status=Status.DRAFT
        )
        copy = make_ready_item(revision, amount_yen=1_000)
        make_cost(cost.initiative, copy, share_percent=100)
        assert say(settlement) == say(revision) == []
        assert not [finding for finding in say(cost.initiative) if "按分" in finding[1]]


class TestYear:
    def test_a_year_that_is_not_over_is_told_unless_it_is_estimated(self):
        year = fiscal_year_of(timezone.localdate())
        source = make_document(issued_on=None)
        message = (
            f"年度：{format_fiscal_year(year)}は、まだ終わっていません。"
            "年度と決算の段階を確かめてください。"
        )
        assert say(make_ready_settlement(source=source, fiscal_year=year)) == [("remark", message)]
        assert say(make_ready_settlement(source=source, fiscal_year=year, stage="estimated")) == []
        coming = make_ready_settlement(source=source, fiscal_year=year + 1, stage="estimated")
        (told,) = say(coming)
        assert told[1].startswith(f"年度：{format_fiscal_year(year + 1)}は、まだ")

    def test_a_document_of_another_year_is_told(self):
        document = make_document(fiscal_year=2019, issued_on=datetime.date(2020, 3, 31))
        assert say(make_ready_settlement(source=document)) == [
            ("remark", "年度：出典の対象年度は令和元年度で、令和2年度と違います。"),
            ("remark", "出典：出典の発行日（令和2年3月31日）は、令和2年度が始まる前です。"),
        ]

    def test_a_document_of_the_same_year_is_not(self):
        document = make_document(fiscal_year=2020, issued_on=datetime.date(2020, 4, 1))
        assert say(make_ready_settlement(source=document)) == []

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            (
                {"established_in": 2021},
                "部局：架空部は令和3年度に設置されたため、令和2年度にはまだありません。",
            ),
            (
                {"abolished_in": 2020},
                "部局：架空部は令和2年度に廃止されたため、令和2年度にはもうありません。",
            ),
        ],
    )
    def test_a_department_that_was_not_there_is_told(self, fields, message):
        department = make_department(name="架空部", **fields)
        assert say(make_ready_settlement(department=department)) == [("remark", message)]

    def test_a_department_that_was_there_is_not(self):
        department = make_department(established_in=2020, abolished_in=2021)
        assert say(make_ready_settlement(department=department)) == []


class TestQueries:
    def test_a_settlement_of_hundreds_of_items_takes_as_many_as_a_small_one(
        self, django_assert_num_queries
    ):
        settlement = make_bare_settlement()
        policy = make_policy(settlement)
        for size in (1, 120):
            with hold_indexing():
                for number in range(size):
                    code = str(number + 1 + size)
                    item = make_ready_item(settlement, code, source=make_document())
                    whole = make_ready_figure(item)
                    make_ready_figure(item, part_of=whole, value=whole.value)
                    make_funding(item, source=item.source)
                    make_effort(policy, item=item)
                make_cost(item=item)
            settlement = type(settlement).objects.get(pk=settlement.pk)
            with django_assert_num_queries(12):
                assert say(settlement) == []

    def test_an_item_takes_a_few(self, django_assert_num_queries):
        settlement = make_bare_settlement()
        for code in ("1", "2", "3"):
            item = make_ready_item(settlement, code)
            make_ready_figure(item)
            item = type(item).objects.get(pk=item.pk)
            with django_assert_num_queries(5):
                assert say(item) == []
