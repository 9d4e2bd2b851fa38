"""The fixtures of the FY2020 settlement, against literals read from the paper."""

import json
import re
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db.models import Sum

from budgets.item_codes import code_order
from budgets.models import (
    InitiativeCost,
    PriorityEffort,
    PriorityPolicy,
    Program,
    ProgramAlias,
    ProgramLineage,
    Settlement,
    SettlementFigure,
    SettlementItem,
)

FILES = sorted((Path(__file__).resolve().parents[2] / "fixtures").glob("*.json"))
MODELS = [
    Settlement,
    PriorityPolicy,
    Program,
    ProgramAlias,
    ProgramLineage,
    SettlementItem,
    PriorityEffort,
    SettlementFigure,
    InitiativeCost,
]

ITEMS = [
    ("1", "知事戦略管理費"),
    ("1.1", "庁議"),
    ("1.2", "総務調整費"),
    ("1.3", "社会参加費"),
    ("1.4", "記者室運営"),
    ("1.5", "政策調査"),
    ("1.6", "戦略企画推進"),
    ("1.6.1", "企画会議等運営"),
    ("1.6.2", "政策アドバイザー設置"),
    ("1.7", "連携推進"),
    ("1.7.1", "各種知事会議"),
    ("1.7.2", "教育イノベーション・プロジェクト"),
    ("1.7.2.1", "STEAM教育推進PJ"),
    ("1.7.2.2", "自由な発想育成PJ"),
    ("1.7.2.3", "大学連携による産業人材育成PJ"),
    ("1.7.2.4", "ICTリテラシー向上PJ"),
    ("1.7.3", "寺子屋・自我作古開催支援"),
    ("1.7.4", "公立大学法人等評価"),
    ("1.7.5", "「群馬県インターネット上の誹謗中傷等の被害者支援等に関する条例」の制定"),
    ("1.8", "未来創生"),
    ("1.8.1", "総合計画・総合戦略"),
    ("1.8.1.1", "総合計画"),
    ("1.8.1.2", "総合戦略"),
    ("1.8.2", "ふるさと納税推進"),
    ("1.8.2.1", "ぐんまふるさと納税（個人版ふるさと納税）"),
    ("1.8.2.2", "企業版ふるさと納税"),
    ("1.8.3", "地方創生関係交付金"),
    ("1.9", "若者定着促進"),
    ("1.9.1", "奨学金返還支援制度"),
    ("1.10", "データ分析・活用推進"),
    ("1.10.1", "県民幸福度アンケート"),
    ("1.10.2", "ビッグデータ分析"),
    ("1.11", "東京事務所運営"),
    ("2", "メディアプロモーション費"),
    ("2.1", "メディア・コンテンツ推進"),
    ("2.1.1", "ぐんまちゃんキャラバン隊"),
    ("2.1.2", "アニメ製作"),
    ("2.1.3", "新曲制作"),
    ("2.1.4", "ぐんまちゃんお誕生日会"),
    ("2.1.5", "ぐんまちゃんの情報発信"),
    ("2.1.6", "ぐんまちゃんのデザイン利用許諾"),
    ("2.1.7", "着ぐるみ製作"),
    ("2.1.8", "ぐんまちゃんの著作権契約・権利保全"),
    ("2.1.9", "「ぐんま応援びと」"),
    ("2.2", "広報活動"),
    ("2.3", "インターネット広報"),
    ("2.3.1", "動画・放送スタジオ運営"),
    ("2.3.2", "群馬県ホームページ運営"),
    ("3", "デジタル改革費"),
    ("3.1", "デジタルトランスフォーメーション推進"),
    ("3.1.1", "地域活性化ラボラトリー"),
    ("3.1.2", "イノベーションハブ運営"),
    ("3.1.3", "ロボット導入促進"),
    ("3.1.4", "ロボット導入実証"),
    ("3.1.5", "IoT・AI導入促進"),
    ("4", "業務プロセス改革費"),
    ("4.1", "業務プロセス改革推進"),
    ("4.1.1", "行政改革推進"),
    ("4.1.2", "ぐんま電子申請等受付システム運用"),
    ("4.2", "情報化推進・セキュリティ対策"),
    ("4.2.1", "社会保障・税番号制度推進"),
    ("4.2.2", "情報セキュリティ"),
    ("4.2.3", "群馬自治体情報セキュリティクラウド"),
    ("4.2.4", "情報化推進"),
    ("4.3", "県庁情報基盤整備"),
    ("4.3.1", "県庁情報通信ネットワーク運用管理"),
    ("4.3.2", "コミュニケーションシステム運用管理"),
    ("4.3.3", "庁内ネットワーク用パソコン等整備"),
    ("4.3.4", "テレワーク推進"),
    ("5", "地域外交費"),
    ("5.1", "国際政策推進"),
    ("5.2", "上海事務所運営"),
    ("5.3", "国際交流推進"),
    ("5.3.1", "県民向け国際交流イベントの実施"),
    ("5.3.2", "海外県人会、海外ぐんまサポーターズとの連携"),
    ("5.3.3", "語学指導を行う海外青年招致（JETプログラム）"),
    ("5.4", "旅券発給"),
]

AMOUNTS_YEN = {
    "1.2": 4_016_000,
    "1.3": 16_000,
    "1.4": 7_997_000,
    "1.5": 1_511_000,
    "1.6": 3_443_000,
    "1.7": 32_001_000,
    "1.8": 11_530_000,
    "1.9": 181_000,
    "1.10": 3_783_000,
    "1.11": 21_258_000,
    "2.1": 138_642_000,
    "2.2": 232_972_000,
    "2.3": 32_560_000,
    "3.1": 59_184_000,
    "4.1": 25_539_000,
    "4.2": 179_082_000,
    "4.3": 1_063_965_000,
    "5.1": 37_372_000,
    "5.2": 15_442_000,
    "5.3": 213_108_000,
    "5.4": 21_001_000,
}

POLICIES = {
    "政策立案・検証": [
        ("新・群馬県総合計画の策定", "1.8.1.1"),
        ("教育イノベーションの推進", "1.7.2"),
        ("インターネット上の誹謗中傷等の被害者支援等に関する条例の制定", "1.7.5"),
    ],
    "戦略的な情報発信": [
        ("ぐんまちゃんのブランド力強化", "2.1"),
        ("動画・放送スタジオ「tsulunos」の開設・運営", "2.3.1"),
    ],
    "デジタルトランスフォーメーションの推進": [
        ("地域活性化ラボラトリー", "3.1.1"),
        ("官民共創スペース「NETSUGEN」の開設・運営", "3.1.2"),
    ],
    "業務プロセス改革の推進": [
        ("行財政改革大綱、群馬県庁DXアクションプランの策定", "4.1.1"),
        ("行政改革の推進（電子決裁の推進、押印廃止に向けた取組等）", "4.1.1"),
        ("県庁情報基盤整備", "4.3"),
    ],
    "トップセールス": [
        ("オンラインを活用したトップ外交の実施", "5.1"),
        ("上海事務所運営", "5.2"),
    ],
}

# Rows of each Markdown table in a body, in the order of the tables.
TABLE_ROWS = {
    "1.1": [1],
    "1.2": [2],
    "1.3": [1],
    "1.4": [2],
    "1.5": [1],
    "1.7.1": [3],
    "1.8.3": [2],
    "2.1.6": [3],
    "2.2": [9],
    "2.3.1": [3, 6],
    "2.3.2": [3],
    "3.1.1": [5],
    "3.1.2": [3],
    "3.1.3": [2],
    "3.1.4": [1],
    "3.1.5": [3],
    "4.1.2": [2],
    "4.2.4": [2],
    "5.1": [3],
    "5.2": [5],
    "5.3.1": [2],
    "5.3.2": [9],
    "5.3.3": [2],
    "5.4": [2, 1],
}

FIGURE_COUNTS = {
    "1.1": 2,
    "1.2": 2,
    "1.3": 2,
    "1.4": 7,
    "1.5": 4,
    "1.6.1": 1,
    "1.7.1": 3,
    "1.7.2.1": 1,
    "1.7.2.2": 2,
    "1.7.2.3": 2,
    "1.7.3": 1,
    "1.8.2.1": 2,
    "1.8.2.2": 2,
    "1.8.3": 4,
    "1.9.1": 2,
    "1.11": 1,
    "2.1.1": 4,
    "2.1.2": 2,
    "2.1.4": 1,
    "2.1.5": 3,
    "2.1.6": 3,
    "2.1.7": 1,
    "2.1.8": 3,
    "2.1.9": 1,
    "2.2": 32,
    "2.3.1": 11,
    "2.3.2": 4,
    "3.1.1": 7,
    "3.1.2": 5,
    "3.1.3": 4,
    "3.1.4": 3,
    "3.1.5": 6,
    "4.1.2": 2,
    "4.2.2": 2,
    "4.2.3": 1,
    "4.2.4": 2,
    "4.3.4": 1,
    "5.1": 1,
    "5.2": 5,
    "5.3.2": 9,
    "5.3.3": 5,
    "5.4": 9,
}


@pytest.fixture(scope="module", autouse=True)
def loaded(kept_for_module):
    call_command("loaddata", *FILES, verbosity=0)


pytestmark = pytest.mark.django_db


def item(code):
    return SettlementItem.objects.get(code=code)


def values(code, **fields):
    """Return the values of an item's figures in the order of the paper."""
    figures = SettlementFigure.objects.filter(item__code=code, **fields)
    return [int(value) for value in figures.values_list("value", flat=True)]


def count_rows():
    return {model.__name__: model.objects.count() for model in MODELS}


def count_table_rows(markdown):
    counts = []
    for block in re.findall(r"(?:^\|.*\n?)+", markdown, re.MULTILINE):
        header, rule, *rows = block.strip().split("\n")
        assert set(rule) <= set("| -")
        assert {row.count("|") for row in rows} == {header.count("|")}
        counts.append(len(rows))
    return counts


def test_every_fact_of_the_paper_is_counted():
    assert count_rows() == {
        "Settlement": 1,
        "PriorityPolicy": 5,
        "Program": 7,
        "ProgramAlias": 9,
        "ProgramLineage": 4,
        "SettlementItem": 77,
        "PriorityEffort": 12,
        "SettlementFigure": 165,
        "InitiativeCost": 14,
    }


def test_loading_again_adds_nothing():
    before = count_rows()
    call_command("loaddata", *FILES, verbosity=0)
    assert count_rows() == before


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_needs_no_primary_keys_and_holds_no_internal_note(path):
    for record in json.loads(path.read_text(encoding="utf-8")):
        assert set(record) == {"model", "fields"}
        assert not record["fields"].get("internal_note")


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_record_passes_the_validation_that_the_admin_applies(model):
    for record in model.objects.all():
        record.full_clean()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_everything_is_public(model):
    assert model.objects.published().count() == model.objects.count()


def test_the_settlement_says_what_the_paper_says_and_no_more():
    settlement = Settlement.objects.get()
    assert settlement.natural_key() == (2020, "chiji-senryaku")
    assert (settlement.heading, settlement.locator) == ("第2 知事戦略", "第2")
    assert settlement.stage == ""
    for fact in ["令和2年度に置かれた", "司令塔", "ビジョン", "20年後", "基本計画", "10年間"]:
        assert fact in settlement.introduction


def test_the_tree_has_exactly_the_codes_and_names_of_the_paper_in_its_order():
    assert list(SettlementItem.objects.values_list("code", "name")) == ITEMS


def test_each_code_has_its_order_for_the_database():
    for code, order in SettlementItem.objects.values_list("code", "code_order"):
        assert order == code_order(code)


def test_exactly_21_items_state_an_amount():
    stated = SettlementItem.objects.exclude(amount_yen=None)
    assert dict(stated.values_list("code", "amount_yen")) == AMOUNTS_YEN
    assert len(AMOUNTS_YEN) == 21


def test_the_locator_of_an_item_is_made_of_its_printed_labels():
    assert item("1").locator == "第2 1"
    assert item("1.4").locator == "第2 1(4)"
    assert item("1.7.2").locator == "第2 1(7)②"
    assert item("1.7.2.1").locator == "第2 1(7)②ア"
    for record in SettlementItem.objects.all():
        assert record.locator.endswith(record.label)


def test_the_five_policies_have_their_twelve_efforts_and_items():
    found = defaultdict(list)
    for effort in PriorityEffort.objects.select_related("policy", "item"):
        found[effort.policy.name].append((effort.name, effort.item.code))
    assert found == POLICIES
    assert list(PriorityPolicy.objects.values_list("number", "name")) == list(
        enumerate(POLICIES, 1)
    )


def test_figures_are_counted_by_item_and_by_kind():
    figures = SettlementFigure.objects.order_by()
    assert Counter(figures.values_list("item__code", flat=True)) == FIGURE_COUNTS
    assert Counter(figures.values_list("kind", flat=True)) == {
        "activity": 107,
        "outcome": 29,
        "expenditure": 24,
        "money": 5,
    }


@pytest.mark.parametrize("model", [Settlement, SettlementItem, SettlementFigure])
def test_everything_is_cited_with_a_locator(model):
    for record in model.objects.select_related("source"):
        assert record.source.slug == "fy2020-settlement-report-chiji-senryaku"
        assert record.locator.startswith("第2")


def test_a_figure_stands_where_its_item_stands():
    for figure in SettlementFigure.objects.select_related("item"):
        assert figure.locator in (figure.item.locator, f"{figure.item.locator} 表")


@pytest.mark.parametrize("code", [code for code, _ in ITEMS])
def test_every_table_stands_in_the_body_with_all_its_rows(code):
    assert count_table_rows(item(code).body) == TABLE_ROWS.get(code, [])


def test_only_headings_without_a_text_of_their_own_have_no_body():
    assert set(SettlementItem.objects.filter(body="").values_list("code", flat=True)) == {
        *("1", "2", "3", "4", "5"),
        *("1.6", "1.7", "1.7.2", "1.8", "1.8.1", "1.8.2", "1.9", "1.10"),
        *("2.3", "3.1", "4.1", "4.2", "4.3", "5.3"),
    }


@pytest.mark.parametrize(
    ("code", "whole", "parts"),
    [
        ("1.4", ("記者会見", ""), {"県・その他の別": [141, 62]}),
        ("1.4", ("資料提供", ""), {"県・その他の別": [2088, 2182]}),
        ("2.1.1", ("ぐんまちゃんキャラバン隊", ""), {"訪問先別": [63, 57, 32]}),
        ("2.2", ("tsulunos PLUS", ""), {"部数別": [1, 2]}),
        (
            "5.4",
            ("旅券発行件数", "令和2年"),
            {"男女別": [6641, 6421], "有効期間別": [7582, 5476, 4]},
        ),
    ],
)
def test_parts_add_up_to_their_whole(code, whole, parts):
    label, period = whole
    figure = SettlementFigure.objects.exclude(parts=None).distinct()
    figure = figure.get(item__code=code, label=label, period=period)
    found = defaultdict(list)
    for part in figure.parts.all():
        assert part.unit == figure.unit
        found[part.group].append(int(part.value))
    assert found == parts
    assert {sum(group) for group in found.values()} == {int(figure.value)}


def test_the_wholes_are_those_of_the_paper():
    wholes = SettlementFigure.objects.filter(parts__isnull=False).distinct()
    assert {int(value) for value in wholes.values_list("value", flat=True)} == {
        *(203, 4270, 152, 3, 13062),
    }


@pytest.mark.parametrize(
    ("code", "thousand_yen"),
    [
        ("1.2", [1419, 2597]),
        ("1.3", [16]),
        ("1.4", [7997]),
        ("2.3", [3449, 1760, 6839, 20512]),
    ],
)
def test_a_complete_breakdown_adds_up_to_the_settled_amount(code, thousand_yen):
    figures = SettlementFigure.objects.filter(item__code__startswith=code, kind="expenditure")
    assert [int(figure.value) for figure in figures] == thousand_yen
    assert {figure.unit for figure in figures} == {"千円"}
    assert sum(figure.amount_yen for figure in figures) == item(code).amount_yen


@pytest.mark.parametrize(
    ("code", "thousand_yen", "percent"),
    [
        ("1.5", 716, "47.4"),
        ("2.2", 152454, "65.4"),
        ("3.1", 51092, "86.3"),
    ],
)
def test_an_incomplete_breakdown_covers_a_part_of_the_settled_amount(code, thousand_yen, percent):
    figures = SettlementFigure.objects.filter(item__code__startswith=code, kind="expenditure")
    covered = figures.aggregate(total=Sum("value"))["total"]
    assert covered == thousand_yen
    share = covered * 1000 * 100 / item(code).amount_yen
    assert round(share, 1) == Decimal(percent)


def test_nothing_else_of_the_settled_amounts_is_broken_down():
    codes = SettlementFigure.objects.filter(kind="expenditure").values_list("item__code", flat=True)
    assert set(codes) == {
        *("1.2", "1.3", "1.4", "1.5", "2.2", "2.3.1", "2.3.2"),
        *("3.1.1", "3.1.2", "3.1.3", "3.1.4", "3.1.5"),
    }


def test_other_money_is_exactly_that_of_the_paper():
    figures = SettlementFigure.objects.filter(kind="money")
    assert {(figure.item.code, figure.label, figure.amount_yen) for figure in figures} == {
        ("1.8.2.1", "寄附受入実績", 30_245_843),
        ("1.8.2.2", "寄附受入実績", 18_503_879),
        ("1.8.3", "地方創生推進交付金", 700_241_236),
        ("1.8.3", "地方創生拠点整備交付金", 254_313_758),
        ("3.1.4", "ロボット導入調査支援補助", 4_912_000),
    }


def test_the_lost_cell_of_the_media_table_is_blank_and_not_zero():
    programme = SettlementFigure.objects.filter(item__code="2.2", label="県広報番組「ぐんま一番」")
    assert {(figure.measure, int(figure.value)) for figure in programme} == {
        ("番組の長さ", 30),
        ("回数", 39),
    }
    assert "読み取れません" in programme.get(measure="回数").note
    assert not SettlementFigure.objects.filter(value=0).exists()
    row = next(line for line in item("2.2").body.split("\n") if "ぐんま一番" in line)
    assert row.endswith("| 39回 | （読み取れない） |")


@pytest.mark.parametrize(
    ("code", "label", "series"),
    [
        (
            "2.1.6",
            "ぐんまちゃんのデザイン利用許諾",
            [("令和2年度", 1105), ("令和元年度", 1317), ("平成30年度", 1551)],
        ),
        ("5.4", "旅券申請件数", [("令和2年", 12741), ("令和元年", 49351)]),
        ("5.4", "旅券発行件数", [("令和2年", 13062), ("令和元年", 49251)]),
    ],
)
def test_a_series_keeps_fiscal_and_calendar_years_apart(code, label, series):
    figures = SettlementFigure.objects.filter(item__code=code, label=label)
    assert list(figures.values_list("period", "value")) == series


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("1.1", [41, 97]),
        ("1.2", [1419, 2597]),
        ("1.3", [2, 16]),
        ("1.4", [203, 141, 62, 4270, 2088, 2182, 7997]),
        ("1.5", [10, 1, 4, 716]),
        ("1.6.1", [10]),
        ("1.7.1", [2, 2, 1]),
        ("1.7.2.1", [54]),
        ("1.7.2.2", [6, 22]),
        ("1.7.2.3", [8, 56]),
        ("1.7.3", [10]),
        ("1.8.2.1", [1298, 30245843]),
        ("1.8.2.2", [14, 18503879]),
        ("1.8.3", [15, 700241236, 4, 254313758]),
        ("1.9.1", [3, 8]),
        ("1.11", [77]),
        ("2.1.1", [152, 63, 57, 32]),
        ("2.1.2", [12, 7]),
        ("2.1.4", [18358]),
        ("2.1.5", [19000, 12000, 13]),
        ("2.1.6", [1105, 1317, 1551]),
        ("2.1.7", [5]),
        ("2.1.8", [14, 14, 2]),
        ("2.1.9", [5]),
        (
            "2.2",
            [
                *(630000, 1, 619000, 6, 609500, 5, 98555),
                *(3, 619000, 1, 609000, 2, 3164, 398, 12, 2378, 135, 12, 343),
                *(30, 39, 90, 208, 17572, 4, 209, 14488, 115, 208, 7147, 806, 8807),
            ],
        ),
        (
            "2.3.1",
            [1513, 1812761, 3449, 1, 7347, 1760, 1, 3162878, 2766068, 772218, 6839],
        ),
        ("2.3.2", [204060000, 20512, 40422, 72134]),
        ("3.1.1", [2, 16, 2601, 583, 528, 7, 15]),
        ("3.1.2", [12091, 38, 1898, 83, 29878]),
        ("3.1.3", [25, 3, 13, 1745]),
        ("3.1.4", [2, 4912, 2000]),
        ("3.1.5", [28, 48, 73, 18, 19, 13757]),
        ("4.1.2", [59683, 2963]),
        ("4.2.2", [5782, 1500]),
        ("4.2.3", [38]),
        ("4.2.4", [2, 21]),
        ("4.3.4", [323]),
        ("5.1", [300]),
        ("5.2", [76, 71, 47, 8, 19]),
        ("5.3.2", [109, 20, 124, 69, 50, 73, 90, 26, 25]),
        ("5.3.3", [125, 10, 10, 2, 3]),
        ("5.4", [12741, 49351, 13062, 49251, 6641, 6421, 7582, 5476, 4]),
    ],
)
def test_the_numbers_of_an_item_are_those_of_the_paper(code, expected):
    assert values(code) == expected


@pytest.mark.parametrize(
    ("code", "label", "printed"),
    [
        ("2.1.5", "Twitter", "約1.9万人"),
        ("2.3.2", "県ホームページ", "約2億406万件"),
        ("4.2.2", "標的型攻撃メール訓練", "約1,500人対象"),
    ],
)
def test_a_round_number_keeps_its_wording(code, label, printed):
    figure = SettlementFigure.objects.exclude(as_printed="").get(item__code=code, label=label)
    assert figure.as_printed == printed


@pytest.mark.parametrize(
    ("code", "facts"),
    [
        ("1.5", ["令和3年度当初予算", "政策プレゼン調査研究費"]),
        ("1.7.1", ["※いずれもWeb開催", "※6月は書面、10月はWeb開催", "1回（8月）開催"]),
        ("1.7.2.1", ["吾妻中央高等学校 普通科1年生54名"]),
        ("1.8.1.1", ["ビジョン：令和2年12月", "基本計画：令和3年3月", "パブリックコメント"]),
        ("1.8.1.2", ["第1期群馬県版総合戦略", "第15次群馬県総合計画"]),
        ("2.1.3", ["内田彩（女性声優、歌手、太田市出身）", "∞リボンをギュッと∞"]),
        ("2.1.4", ["令和3年2月22日（月）午後6時", "プレミア公開", "tsulunosチャンネル"]),
        ("2.1.6", ["平成21年8月"]),
        ("2.3.1", ["令和2年4月24日", "32階", "上毛新聞 | － | 令和3年1月22日掲出"]),
        ("2.3.1", ["読売新聞 | － | 令和3年1月28日掲出", "令和3年1月29日～2月4日"]),
        ("3.1.1", ["第3回前期定例会", "稼働中（一般公開）", "7業務15窓口"]),
        ("3.1.2", ["令和2年12月"]),
        ("3.1.5", ["鈴木工業株式会社", "18社19名"]),
        ("4.2.4", ["観音山ファミリーパーク、近代美術館"]),
        ("4.3.4", ["ア ", "イ ", "ウ ", "エ ", "閉域LTE網", "G Suite Business"]),
        ("5.1", ["平成24～27年度", "平成28～令和元年度", "ASEAN", "令和2年11月18日"]),
        ("5.1", ["藍紹敏書記", "磯俣秋男大使 他300名", "令和2年9月4日"]),
        ("5.3.1", ["令和2年11月29日～12月5日", "YouTubeのtsulunosチャンネル"]),
        ("5.3.2", ["在パラグアイ群馬県人会 | 124人", "次年度子弟支援事業に研修生推薦"]),
        ("5.3.3", ["10市10町2村", "前橋市、富岡市", "米国とフランス"]),
    ],
)
def test_dates_and_names_stand_in_the_body(code, facts):
    body = item(code).body
    assert [fact for fact in facts if fact not in body] == []


def test_programs_belong_to_the_items_that_report_on_them():
    programs = SettlementItem.objects.exclude(program=None)
    assert dict(programs.values_list("code", "program__slug")) == {
        "1.9.1": "scholarship-repayment-support",
        "1.11": "tokyo-office",
        "2.1.6": "gunmachan-design-licence",
        "2.3.1": "tsulunos",
        "3.1.2": "netsugen",
        "5.2": "shanghai-office",
        "5.4": "passport-issuance",
    }


def test_a_program_is_new_only_where_the_paper_says_when_it_began():
    rows = ProgramLineage.objects.values_list("program__slug", "fiscal_year", "kind")
    assert set(rows) == {
        ("tsulunos", 2020, "new"),
        ("netsugen", 2020, "new"),
        ("scholarship-repayment-support", 2020, "new"),
        ("shanghai-office", 2013, "new"),
    }


LINKS = {
    ("us-visit-creative-industry", "5.2"): "トップセールス",
    ("co-creation-policy-project", "3.1.2"): "官民共創",
    ("digital-media", "2.3.1"): "動画再生",
    ("gunmachan-station", "2.1"): "ぐんまちゃん",
    ("us-visit-creative-industry", "5.1"): "トップセールス",
    ("scotland-visit-sel", "1.7.2"): "教育イノベーション",
    ("oecd-sses", "1.7.2"): "教育イノベーション",
    ("tsukurun-kiryu", "1.7.2"): "教育イノベーション",
    ("tumo-gunma", "1.7.2"): "教育イノベーション",
    ("indiana-high-school-students", "1.7.2"): "教育イノベーション",
    ("indiana-high-school-students", "5.1"): "米国インディアナ州",
    ("vietnam-prime-minister", "5.1"): "ベトナム",
    ("indiana-governor", "5.1"): "ホルコム",
    ("yukemuri-forum-2023", "5.1"): "湯けむりフォーラム",
}


def test_the_two_papers_are_linked_where_both_carry_the_same_word():
    links = InitiativeCost.objects.select_related("initiative__pillar", "item")
    assert {(link.initiative.slug, link.item.code) for link in links} == set(LINKS)
    for link in links:
        word = LINKS[link.initiative.slug, link.item.code]
        policies = " ".join(effort.policy.name for effort in link.item.efforts.all())
        assert word in f"{link.initiative.title} {link.initiative.pillar.name}"
        assert word in f"{link.item.name} {link.item.body} {policies}"
        assert word in link.note


def test_a_link_between_the_papers_is_no_cost():
    for link in InitiativeCost.objects.all():
        assert (link.relation, link.share_percent) == ("editorial", None)
        assert "費用の割り当てではなく、関連するもの" in link.note
