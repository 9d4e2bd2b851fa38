"""The fixtures of the 2024-08-02 paper, against literals read from the paper."""

import datetime
import json
import re
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import call_command

from initiatives.models import (
    Distinction,
    Indicator,
    IndicatorValue,
    Initiative,
    InitiativeFigure,
    Pillar,
    Plan,
    ResultsReport,
)
from portal.models import Department, GlossaryTerm, Place, SourceDocument

FOLDER = Path(__file__).resolve().parents[2] / "fixtures"
FILES = sorted(FOLDER.glob("[01]?_*.json"))
MODELS = [
    Department,
    Place,
    SourceDocument,
    GlossaryTerm,
    Plan,
    Pillar,
    ResultsReport,
    Initiative,
    Distinction,
    InitiativeFigure,
    Indicator,
    IndicatorValue,
]

TITLES = {
    "dx": [
        "心と学びのサポートセンター「つなぐん」 オンライン不登校支援「つなサポ」開設",
        "群馬県庁の窓口 キャッシュレス決済拡大",
        "デジタルメディアの活用 R5年度動画再生回数3,947万回",
    ],
    "resilience": [
        "令和6年能登半島地震に係る応援職員・トイレトレーラーの派遣",
        "上信自動車道・西毛広域幹線道路の一部開通",
    ],
    "medical-care": [
        "県内全域で高校生世代まで医療費無料化",
        "県立小児医療センター移転候補地決定",
        "医師臨床研修マッチング 4年連続100人以上維持",
        "医学分野の探知犬育成を開始",
        "HPVワクチン理解促進のための新たな取組(群馬モデル)の実施を決定",
    ],
    "active-society": [
        "移住希望地ランキング 過去最高順位",
        "こどもまんなか推進本部会議開催",
        "ヤングケアラー支援ワンストップ相談窓口 LINE相談開始",
        "児童対象デマンドタクシー「こどもデマンド渋川」",
        "県立みらい共創中学校(夜間中学) 開校",
        "インクルーシブ教育モデル校決定",
        "聴覚障害への理解促進 手話の普及啓発のため「#SHUWANOWA」動画配信",
        "認定まごマネージャー育成プログラム最終発表会",
        "EVカーシェア実証実験「EGシェア」予約受付開始",
        "ぐんま外国人雇用適正化推進プラットフォームを構築",
        "外国人住民のための防災訓練 災害時外国人支援ボランティア養成講座",
    ],
    "regional-economy": [
        "高崎駅が「ぐんまちゃん駅」に変身",
        "VTuber「大神ミオ」とコラボ動画配信",
        "赤城ウェルグラウンド体験イベントを開催",
        "「地産地消型PPA」電力供給先事業者決定",
        "「板倉ニュータウンにおける地域マイクログリッド事業及び水素利活用事業」基本契約締結",
        "ぐんまフラワーパークリニューアル",
        "畜産試験場で生まれた「福勝鶴」 種雄牛として総合評価1位",
        "産直ECサイト「ポケットマルシェ」 山本知事のライブショッピング",
        "在日フランス商工会議所 群馬デスク開所を発表",
        "欧州イノベーション・技術機構(EIT) 代表団 交流会",
        "信越化学工業株式会社 伊勢崎市に新拠点設置を発表",
        "ロケ支援スペシャルチーム発足",
        "米国訪問 クリエイティブ産業を視察 Netflixやスタートアップ企業にトップセールス",
    ],
    "co-creation": [
        "韓国訪問 民間の先進取組を視察",
        "県立自然史博物館と米国インディアナポリス子ども博物館との協定締結",
        "「ぐんま推しナンバープレート」交付開始",
        "湯けむり国スポ・全スポぐんま2029 群馬県開催内定",
        "敷島エリアグランドデザイン策定",
        "県立敷島公園新水泳場 PFI事業による整備プランの決定",
        "デジタル技術を活用した橋の長寿命化",
        "群馬県官民共創ポリシープロジェクト",
        "「一太のふらっとCafe」実施",
        "群馬パーセントフォーアート コンセプトペーパー発表",
    ],
    "education": [
        "スコットランド訪問 SEL教育研究等の協力体制構築",
        "OECD「社会情動的スキルに関する調査(SSES)」国際報告書第1弾公表",
        "群馬県内初のサテライト施設 tsukurun KIRYU開設",
        "TUMO Gunma 契約締結調印式 デジタル担当大臣訪問",
        "米国インディアナ州から高校生来県",
    ],
    "cross-cutting": [
        "ベトナム ファム・ミン・チン首相 来県",
        "米国 インディアナ州 ホルコム州知事一行 来県",
        "「高校生リバースメンター」知事への政策提言を実施",
        "湯けむりフォーラム2023開催",
        "デジタル田園都市国家構想実現会議 群馬開催",
        "群馬県未来構想フォーラム Next Stage 開催",
        "県税収入額 過去最高 2,725億円を確保",
        "R5年度決算見込み(積立基金残高・県債残高)",
    ],
}


@pytest.fixture(scope="module", autouse=True)
def loaded(kept_for_module):
    call_command("loaddata", *FILES, verbosity=0)


pytestmark = pytest.mark.django_db


def initiative(slug):
    return Initiative.objects.get(slug=slug)


def count_rows():
    return {model.__name__: model.objects.count() for model in MODELS}


def test_every_fact_of_the_paper_is_counted():
    assert count_rows() == {
        "Department": 3,
        "Place": 7,
        "SourceDocument": 2,
        "GlossaryTerm": 79,
        "Plan": 1,
        "Pillar": 8,
        "ResultsReport": 1,
        "Initiative": 57,
        "Distinction": 10,
        "InitiativeFigure": 11,
        "Indicator": 8,
        "IndicatorValue": 12,
    }


def test_loading_again_adds_nothing():
    before = count_rows()
    call_command("loaddata", *FILES, verbosity=0)
    assert count_rows() == before


def test_all_that_is_loaded_is_public_and_nothing_carries_an_internal_note():
    for model in MODELS:
        assert model is Place or model.objects.published().count() == model.objects.count(), model
    for name, fields in iter_fixture_fields():
        assert "pk" not in fields, name
        assert not fields.get("internal_note"), name


def iter_fixture_fields():
    for path in FILES:
        for record in json.loads(path.read_text(encoding="utf-8")):
            assert set(record) == {"model", "fields"}, path.name
            yield path.name, record["fields"]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_record_passes_the_validation_that_the_admin_applies(model):
    for record in model.objects.all():
        record.full_clean()


def test_the_plan_has_seven_numbered_pillars_and_the_cross_cutting_group():
    assert Plan.objects.get(slug="shin-gunma-plan").name == "新・群馬県総合計画"
    assert list(Pillar.objects.values_list("number", "slug", "name")) == [
        (1, "dx", "行政と教育のDXの推進"),
        (2, "resilience", "災害レジリエンスNo.1の実現"),
        (3, "medical-care", "医療提供体制の強化"),
        (4, "active-society", "県民総活躍社会の実現"),
        (5, "regional-economy", "地域経済循環の形成"),
        (6, "co-creation", "官民共創コミュニティの育成"),
        (7, "education", "教育イノベーションの推進と「始動人」の活躍"),
        (None, "cross-cutting", "県政全般を支える取組"),
    ]


def test_the_sixth_pillar_tells_that_the_slides_print_another_name():
    assert "「官民共創コミュニティの実現」" in Pillar.objects.get(number=6).description


def test_the_report_is_the_fifth_year_presented_on_2024_08_02():
    report = ResultsReport.objects.get(slug="fifth-year")
    assert report.title == "山本県政5年目の実績と成果"
    assert report.presented_on == datetime.date(2024, 8, 2)
    assert report.term_year == 5
    assert report.source.slug == "fifth-year-results"


def test_both_papers_tell_what_was_not_carried_over():
    first = SourceDocument.objects.get(slug="fifth-year-results")
    assert first.issued_on == datetime.date(2024, 8, 2)
    assert first.issued_by == "群馬県"
    assert "群馬県知事定例記者会見" in first.note
    second = SourceDocument.objects.get(slug="fy2020-settlement-report-chiji-senryaku")
    assert (second.fiscal_year, second.issued_on) == (2020, None)
    assert "表紙がない" in second.note
    for document in (first, second):
        assert "取り出した文字" in document.note
        assert "グラフと写真は引き継いでいません" in document.note


@pytest.mark.parametrize("pillar", TITLES)
def test_a_pillar_holds_its_initiatives_in_the_order_of_the_paper(pillar):
    titles = Initiative.objects.filter(pillar__slug=pillar).order_by("position")
    assert list(titles.values_list("title", flat=True)) == TITLES[pillar]


def test_every_initiative_is_cited_and_located_on_a_slide_of_its_pillar():
    for record in Initiative.objects.select_related("pillar", "source", "report"):
        assert record.source.slug == "fifth-year-results"
        assert record.report.slug == "fifth-year"
        heading = record.pillar.name.replace("育成", "実現")
        number = f"{record.pillar.number}. " if record.pillar.number else ""
        assert re.fullmatch(rf"{re.escape(number + heading)}（.+）", record.locator), record.locator
        assert record.summary.endswith("。")


FIGURES = [
    ("digital-media", "動画再生回数", "", "39470000", "回", "令和5年度", "3,947万回", "outcome"),
    (
        "digital-media",
        "再生回数300万超の動画",
        "再生回数",
        "3000000",
        "回",
        "",
        "300万超",
        "outcome",
    ),
    (
        "residency-matching",
        "医師臨床研修マッチング",
        "各年の人数",
        "100",
        "人",
        "",
        "100人以上",
        "outcome",
    ),
    (
        "residency-matching",
        "医師臨床研修マッチング",
        "100人以上が続いた年数",
        "4",
        "年",
        "",
        "4年連続",
        "outcome",
    ),
    (
        "migration-ranking",
        "移住希望地ランキング",
        "群馬県の順位",
        "2",
        "位",
        "令和5年",
        "全国2位",
        "outcome",
    ),
    (
        "kodomo-demand-shibukawa",
        "1回券",
        "運賃",
        "500",
        "円",
        "2024年3月1日～3月31日",
        "",
        "money",
    ),
    (
        "kodomo-demand-shibukawa",
        "1ヵ月券",
        "運賃",
        "3000",
        "円",
        "2024年3月1日～3月31日",
        "",
        "money",
    ),
    ("local-ppa", "選定した事業者", "", "9", "社", "", "", "activity"),
    (
        "stud-bull-evaluation",
        "福勝鶴",
        "種雄牛としての総合評価の順位",
        "1",
        "位",
        "",
        "総合評価1位",
        "outcome",
    ),
    ("prefectural-tax-revenue", "県税収入額", "", "2725", "億円", "令和5年度", "", "money"),
    ("fy2023-settlement-outlook", "積立基金残高", "", "532", "億円", "令和5年度", "", "money"),
]


def test_the_figures_are_exactly_those_of_the_paper():
    figures = InitiativeFigure.objects.values_list(
        "initiative__slug", "label", "measure", "value", "unit", "period", "as_printed", "kind"
    )
    expected = {(*row[:3], Decimal(row[3]), *row[4:]) for row in FIGURES}
    assert set(figures) == expected
    assert len(figures) == len(FIGURES)


def test_every_figure_has_a_source_and_a_locator():
    for figure in InitiativeFigure.objects.select_related("source", "initiative"):
        assert figure.source.slug == "fifth-year-results"
        assert figure.locator == figure.initiative.locator


def test_amounts_of_money_are_whole_yen():
    amounts = {
        figure.label: figure.amount_yen for figure in InitiativeFigure.objects.filter(kind="money")
    }
    assert amounts == {
        "1回券": 500,
        "1ヵ月券": 3_000,
        "県税収入額": 272_500_000_000,
        "積立基金残高": 53_200_000_000,
    }


@pytest.mark.parametrize(
    ("slug", "measure"),
    [("digital-media", "再生回数"), ("residency-matching", "各年の人数")],
)
def test_a_lower_bound_is_told_to_be_one(slug, measure):
    figure = InitiativeFigure.objects.get(initiative__slug=slug, measure=measure)
    assert "資料は下限だけを示しています" in figure.note


def test_the_distinctions_are_exactly_those_of_the_paper():
    assert set(Distinction.objects.values_list("initiative__slug", "name")) == {
        ("residency-matching", "4年連続100人以上"),
        ("hpv-vaccine", "全国初"),
        ("migration-ranking", "過去最高順位"),
        ("migration-ranking", "全国2位"),
        ("stud-bull-evaluation", "総合評価1位"),
        ("shikishima-pool", "全国初"),
        ("percent-for-art", "全国初"),
        ("tsukurun-kiryu", "群馬県内初"),
        ("tumo-gunma", "アジア初"),
        ("prefectural-tax-revenue", "過去最高"),
    }


def test_years_and_periods_stand_only_where_the_paper_states_them():
    assert set(Initiative.objects.exclude(fiscal_year=None).values_list("slug", "fiscal_year")) == {
        ("digital-media", 2023),
        ("prefectural-tax-revenue", 2023),
        ("fy2023-settlement-outlook", 2023),
    }
    assert dict(Initiative.objects.exclude(period="").values_list("slug", "period")) == {
        "migration-ranking": "令和5年",
        "kodomo-demand-shibukawa": "2024年3月1日～3月31日",
        "flower-park-renewal": "来年4月オープン（令和6年8月2日の資料の表記）",
    }
    assert not Initiative.objects.exclude(occurred_on=None).exists()
    assert not Initiative.objects.exclude(departments=None).exists()


def test_initiatives_stand_at_the_places_that_the_paper_names():
    rows = Initiative.objects.exclude(places=None).values_list("slug", "places__name")
    assert set(rows) == {
        ("free-medical-care", "群馬県"),
        ("migration-ranking", "群馬県"),
        ("national-sports-2029", "群馬県"),
        ("kodomo-demand-shibukawa", "渋川市"),
        ("inclusive-education-model-school", "玉村町"),
        ("gunmachan-station", "高崎市"),
        ("itakura-microgrid", "板倉町"),
        ("shin-etsu-isesaki", "伊勢崎市"),
        ("tsukurun-kiryu", "桐生市"),
    }


def test_places_carry_their_official_codes():
    assert dict(Place.objects.values_list("name", "code")) == {
        "群馬県": "100005",
        "高崎市": "102024",
        "桐生市": "102032",
        "伊勢崎市": "102041",
        "渋川市": "102083",
        "玉村町": "104647",
        "板倉町": "105210",
    }


@pytest.mark.parametrize(
    ("slug", "facts"),
    [
        (
            "cashless-payment",
            [
                "県庁3階（キャッシュレス総合窓口）",
                "産業技術センター",
                "動物愛護センター",
                "群馬会館",
                "昭和庁舎",
                "クレカ",
                "電子マネー",
                "QRコード",
                "県税の支払い",
                "県有施設の入場料",
            ],
        ),
        ("road-openings", ["吾妻西バイパス", "高崎西工区"]),
        (
            "hpv-vaccine",
            [
                "ショッピングモール",
                "動画、リーフレット、ロゴ、キャッチコピー",
                "接種時間の延長",
                "マッピングサイト",
                "LINE相談窓口",
                "あなたをまもる手段",
            ],
        ),
        (
            "young-carer-line",
            [
                "虹色のかさ",
                "ツナガル × ヨリドコロ × イバシ",
                "090-1158-4140",
                "午前9時～午後5時",
                "年末年始は休み",
                "友だち登録",
            ],
        ),
        (
            "kodomo-demand-shibukawa",
            ["18歳未満", "GunMaaS", "LINEかメール", "1回券500円", "1ヵ月券3,000円"],
        ),
        ("inclusive-education-model-school", ["玉村町立上陽小学校"]),
        ("shuwanowa", ["手話の輪", "榛名山", "筆談"]),
        (
            "local-ppa",
            [
                "CAINZ",
                "株式会社 群成舎",
                "ShinEtsu",
                "NTT東日本",
                "GNホールディングス",
                "群馬日産自動車",
                "日産プリンス群馬",
                "GNロジパートナーズ",
                "日産部品群馬販売",
            ],
        ),
        ("natural-history-museum-agreement", ["CHILDREN'S MUSEUM INDIANAPOLIS"]),
        ("bridge-longevity", ["過積載車両検知システム"]),
        (
            "percent-for-art",
            ["令和5年4月1日に施行", "1%", "20世紀の初めにアメリカ", "韓国と台湾", "群馬モデル"],
        ),
        ("fy2023-settlement-outlook", ["532億円", "返還", "減額して精算", "県債の残高"]),
    ],
)
def test_the_further_facts_of_a_slide_stand_in_the_body(slug, facts):
    body = initiative(slug).body
    assert [fact for fact in facts if fact not in body] == []


@pytest.mark.parametrize(
    ("slug", "words"),
    [
        ("local-ppa", "取り出した文字の順だけでは決まりません"),
        ("shikishima-pool", "文字の順だけでは決まりません"),
        ("tumo-gunma", "資料の文字からは分かりません"),
        ("young-carer-line", "確かめられません"),
        ("prefectural-tax-revenue", "年度と、見込みか確定かは書かれていません"),
    ],
)
def test_what_the_paper_leaves_open_is_told_so(slug, words):
    assert words in initiative(slug).body


INDICATORS = {
    "prefectural-tax-revenue": ("億円", "higher", "fiscal_year", {2023: 2725}),
    "reserve-fund-balance": ("億円", "none", "fiscal_year", {2023: 532}),
    "prefectural-bond-balance": ("億円", "none", "fiscal_year", {2023: None}),
    "video-views": ("回", "higher", "fiscal_year", {2023: 39470000}),
    "migration-ranking": ("位", "lower", "calendar_year", {2023: 2}),
    "gunmachan-design-permissions": (
        "件",
        "none",
        "fiscal_year",
        {2018: 1551, 2019: 1317, 2020: 1105},
    ),
    "passport-applications": ("件", "none", "calendar_year", {2019: 49351, 2020: 12741}),
    "passports-issued": ("件", "none", "calendar_year", {2019: 49251, 2020: 13062}),
}


def test_the_indicators_hold_exactly_the_printed_values():
    found = {
        record.slug: (
            record.unit,
            record.direction,
            record.period_kind,
            dict(record.values.values_list("year", "actual")),
        )
        for record in Indicator.objects.all()
    }
    assert found == INDICATORS


def test_only_the_figures_of_the_unsettled_year_are_estimated():
    estimated = IndicatorValue.objects.filter(state="estimated")
    assert set(estimated.values_list("indicator__slug", "year")) == {
        ("prefectural-tax-revenue", 2023),
        ("reserve-fund-balance", 2023),
        ("prefectural-bond-balance", 2023),
    }


def test_the_fund_balance_carries_its_caveat_wherever_it_stands():
    value = IndicatorValue.objects.get(indicator__slug="reserve-fund-balance")
    figure = InitiativeFigure.objects.get(label="積立基金残高")
    for note in (value.note, figure.note):
        assert "コロナ関連の国庫支出金" in note
        assert "国へ返還する分" in note
        assert "減額して精算される分" in note


def test_the_bond_balance_is_blank_and_not_zero():
    value = IndicatorValue.objects.get(indicator__slug="prefectural-bond-balance")
    assert value.actual is None
    assert "額はありません" in value.note


def test_indicators_are_cited_and_linked_to_the_initiatives_that_show_them():
    assert set(
        Indicator.objects.exclude(initiatives=None).values_list("slug", "initiatives__slug")
    ) == {
        ("prefectural-tax-revenue", "prefectural-tax-revenue"),
        ("reserve-fund-balance", "fy2023-settlement-outlook"),
        ("prefectural-bond-balance", "fy2023-settlement-outlook"),
        ("video-views", "digital-media"),
        ("migration-ranking", "migration-ranking"),
    }
    assert set(
        IndicatorValue.objects.filter(source__fiscal_year=2020).values_list(
            "indicator__department__slug", "locator"
        )
    ) == {("chiji-senryaku", "第2 2(1)⑥"), ("chiji-senryaku", "第2 5(4)")}
    assert not IndicatorValue.objects.filter(source=None).exists()


def test_the_governors_strategy_department_has_its_two_offices():
    rows = Department.objects.values_list("slug", "name", "parent__slug", "established_in")
    assert list(rows) == [
        ("chiji-senryaku", "知事戦略部", None, 2020),
        ("tokyo-office", "東京事務所", "chiji-senryaku", None),
        ("shanghai-office", "上海事務所", "chiji-senryaku", 2013),
    ]


def test_every_term_is_explained_in_official_and_in_easy_words():
    for term in GlossaryTerm.objects.all():
        assert re.fullmatch(r"[ぁ-ゖー]+", term.reading), term.term
        assert term.explanation.endswith("。"), term.term
        sentences = [part for part in term.easy_explanation.split("。") if part]
        assert sentences, term.term
        assert max(map(len, sentences)) <= 50, term.term
        assert term.easy_explanation != term.explanation


def test_no_title_occurs_twice():
    for model, field in [(Initiative, "title"), (Pillar, "name"), (Indicator, "name")]:
        counts = Counter(model.objects.values_list(field, flat=True))
        assert max(counts.values()) == 1, model
