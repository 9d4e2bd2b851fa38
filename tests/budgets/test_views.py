import csv
import datetime
import io
import re
from decimal import Decimal
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from budgets.forms import SettlementListForm
from budgets.models import Program, ProgramAlias, Settlement
from portal.models import Department
from portal.publishing import Status
from tests.builders import (
    make_change_note,
    make_cost,
    make_department,
    make_document,
    make_effort,
    make_funding,
    make_initiative,
    make_item,
    make_lineage,
    make_policy,
    make_program,
    make_report,
    make_settlement,
    make_settlement_figure,
)

pytestmark = pytest.mark.django_db

SECRET = "公開前の秘密"
PARAMETERS = ["fiscal_year", "department", "sort", "page", "format", "table", "unit"]
HOSTILE = ["%00", "9" * 400, "-1", "'\"><script>", "%F0%9F%98%80", "１", "%ED%A0%80", "../..", " "]


class _Text(HTMLParser):
    def __init__(self):
        super().__init__()
        self.parts = []

    def handle_data(self, data):
        self.parts.append(data)


def text_of(html):
    parser = _Text()
    parser.feed(html)
    return " ".join(" ".join(parser.parts).split())


@pytest.fixture
def get(client):
    """Return a function that gives the HTML of a page that must be there."""

    def get(address):
        answer = client.get(address)
        assert answer.status_code == 200, (address, answer.status_code)
        return answer.content.decode()

    return get


@pytest.fixture
def get_csv(client):
    """Return a function that gives the rows of a CSV file as dicts, by the titles."""

    def get_csv(address):
        answer = client.get(address)
        assert answer["Content-Type"] == "text/csv; charset=utf-8", address
        assert answer.content.startswith(b"\xef\xbb\xbf")
        return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))

    return get_csv


def make_secret_settlement(**fields):
    """Make a draft whose every text is SECRET, with all that can belong to a settlement."""
    settlement = make_settlement(
        heading=SECRET, introduction=SECRET, **{"status": Status.DRAFT} | fields
    )
    item = make_item(settlement, name=SECRET, body=SECRET, amount_yen=987_654_321)
    make_settlement_figure(item, label=SECRET)
    make_effort(make_policy(settlement, name=SECRET), name=SECRET, item=item)
    return settlement, item


class TestSettlementList:
    def test_it_shows_each_settlement_with_its_sum_stage_and_source(self, get):
        settlement = make_settlement(
            department=make_department(name="架空総務部"),
            source=make_document(title="架空決算資料"),
            locator="第9",
        )
        make_item(settlement, "1.1", amount_yen=4_016_000)
        make_item(settlement, "1.2", amount_yen=16_000)
        text = text_of(get("/settlements/"))
        assert "令和2年度（2020年度） 架空総務部 4,032千円 （403万2,000円） 3 調製" in text
        assert "架空決算資料 第9" in text
        assert "県が公表した部局の総額ではありません" in text

    def test_what_the_paper_omits_is_said_and_is_not_zero(self, get):
        make_item(make_settlement(stage=""))
        text = text_of(get("/settlements/"))
        assert text.count("資料に記載なし") == 2
        assert "0千円" not in text

    def test_drafts_withdrawn_and_ended_ones_are_hidden(self, get):
        ended = timezone.now() - datetime.timedelta(minutes=1)
        make_secret_settlement(department=make_department(name=SECRET))
        make_secret_settlement(status=Status.WITHDRAWN, department=make_department(name=SECRET))
        make_secret_settlement(
            status=Status.PUBLISHED, publish_until=ended, department=make_department(name=SECRET)
        )
        html = get("/settlements/")
        assert SECRET not in html
        assert "公開中の決算はありません" in html

    def test_it_is_narrowed_by_year_in_any_writing_and_by_department(self, get_csv):
        department = make_department(slug="somu")
        for fiscal_year in (2019, 2020):
            make_settlement(fiscal_year=fiscal_year, department=department)
            make_settlement(fiscal_year=fiscal_year)
        rows = get_csv("/settlements/?format=csv&fiscal_year=令和2年度&department=somu")
        assert [(row["年度（西暦）"], row["部局"]) for row in rows] == [("2020", department.name)]
        assert len(get_csv("/settlements/?format=csv&fiscal_year=R1")) == 2

    def test_it_sorts_by_amount_and_puts_unstated_ones_last(self, get_csv):
        for amount_yen in (None, 5000, 9000):
            make_item(make_settlement(), amount_yen=amount_yen)
        rows = get_csv("/settlements/?format=csv&sort=-amount_yen")
        assert [row["資料に金額が書かれた項目の合計（円）"] for row in rows] == ["9000", "5000", ""]

    @pytest.mark.parametrize(
        ("sort", "amounts"),
        [
            ("", ["3千円", "1千円", "2千円"]),
            ("fiscal_year", ["2千円", "1千円", "3千円"]),
            ("-amount_yen", ["3千円", "2千円", "1千円"]),
        ],
    )
    def test_a_page_shows_its_settlements_in_order_with_their_sums(
        self, get, monkeypatch, sort, amounts
    ):
        monkeypatch.setattr(SettlementListForm, "page_size", 2)
        for fiscal_year, amount_yen in [(2018, 2_000), (2019, 1_000), (2020, 3_000)]:
            make_item(make_settlement(fiscal_year=fiscal_year), amount_yen=amount_yen)
        pages = [get(f"/settlements/?sort={sort}&page={page}") for page in (1, 2)]
        shown = [re.findall(r'<span class="amount">(\d千円)</span>', page) for page in pages]
        assert shown == [amounts[:2], amounts[2:]]

    def test_it_pages(self, get):
        for _ in range(51):
            make_settlement()
        assert "1／2ページ" in get("/settlements/")
        assert get("/settlements/?page=2").count('<th scope="row"') == 1

    def test_departments_and_years_stand_side_by_side(self, get):
        somu, kikaku = make_department(name="架空総務部"), make_department(name="架空企画部")
        for department, fiscal_year, amount_yen in [
            *((somu, 2018, 900_000), (somu, 2019, 1_000_000), (somu, 2020, 900_000)),
            *((kikaku, 2019, 0), (kikaku, 2020, 5_000)),
        ]:
            settlement = make_settlement(department=department, fiscal_year=fiscal_year)
            make_item(settlement, amount_yen=amount_yen)
        make_secret_settlement(fiscal_year=2021, department=somu)
        text = text_of(get("/settlements/"))
        table = text[text.index("部局と年度") : text.index("掲載している決算")]
        assert "部局 平成30年度 令和元年度 令和2年度" in table
        assert "架空総務部 900千円 — 1,000千円 100千円 （11.1%） 900千円 ▲100千円 （▲10%）" in table
        assert "架空企画部 掲載なし 0千円 — 5千円 5千円" in table
        assert "987,654" not in table

    def test_a_single_year_is_not_compared(self, get):
        make_settlement()
        assert "年度をくらべる" not in get("/settlements/")

    def test_a_broken_filter_narrows_nothing_and_is_said(self, get):
        settlement = make_settlement()
        html = get("/settlements/?fiscal_year=abc&department=nobody")
        assert "「年度」の指定を読み取れなかった" in html
        assert "「部局」の指定を読み取れなかった" in html
        assert settlement.get_absolute_url() in html

    def test_only_departments_with_public_settlements_can_be_chosen(self, get):
        make_settlement(department=make_department(name="架空公開部"))
        make_secret_settlement(department=make_department(name=SECRET))
        html = get("/settlements/")
        assert ">架空公開部</option>" in html
        assert SECRET not in html


class TestSettlementYear:
    def test_it_sums_what_is_printed_over_the_departments(self, get):
        for amount_yen in (1_000_000, 2_500_000, None):
            make_item(make_settlement(), amount_yen=amount_yen)
        make_item(make_settlement(fiscal_year=2019), amount_yen=7_000_000)
        make_secret_settlement()
        text = text_of(get("/settlements/2020/"))
        assert "令和2年度（2020年度）の決算" in text
        assert "掲載しているものは3部局です" in text
        assert "上の決算の合計 3,500千円 （350万円）" in text
        assert "前の年度：令和元年度（2019年度）" in text
        assert "次の年度" not in text

    def test_no_sum_is_made_of_nothing(self, get):
        make_item(make_settlement())
        assert "上の決算の合計" not in get("/settlements/2020/")

    def test_departments_are_drawn_and_ranked(self, get):
        for name, amount_yen in [
            ("架空小部", 1_000_000),
            ("架空大部", 3_000_000),
            ("架空空部", None),
        ]:
            department = make_department(slug=f"d{amount_yen}", name=name)
            make_item(make_settlement(department=department), amount_yen=amount_yen)
        html = get("/settlements/2020/")
        assert html.count('<a href="/settlements/2020/d3000000/" class="tone-1">') == 3
        text = text_of(html)
        assert "1 架空大部 3,000千円 75.0% 2 架空小部 1,000千円 25.0%" in text
        assert "図に表せない項目： 架空空部 （資料に記載なし）" in text

    @pytest.mark.parametrize("fiscal_year", [2019, 1000, 2999])
    def test_a_year_without_a_public_settlement_is_not_found(self, client, fiscal_year):
        make_settlement()
        make_secret_settlement(fiscal_year=2019)
        answer = client.get(f"/settlements/{fiscal_year}/")
        assert answer.status_code == 404
        assert "ページが見つかりません" in answer.content.decode()

    def test_the_csv_holds_the_rows_of_the_year(self, get_csv):
        settlement = make_settlement()
        make_settlement(fiscal_year=2019)
        rows = get_csv("/settlements/2020/?format=csv")
        assert [row["アドレス"] for row in rows] == [
            f"http://testserver{settlement.get_absolute_url()}"
        ]


class TestSettlementDetail:
    @pytest.fixture
    def settlement(self):
        settlement = make_settlement(
            department=make_department(slug="somu", name="架空総務部"),
            heading="第9 架空総務",
            introduction="**架空**の部です。",
            source=make_document(title="架空決算資料"),
            locator="第9",
        )
        make_item(settlement, "1", name="架空管理費")
        first = make_item(settlement, "1.1", name="架空会議", amount_yen=1_000_000)
        make_settlement_figure(first, label="会場費", kind="expenditure", value=654)
        make_item(settlement, "1.2", name="架空調査", amount_yen=2_000_000)
        make_item(settlement, "1.2.1", name="架空の聞き取り")
        make_item(settlement, "1.10", name="架空広報", amount_yen=1_500_000)
        return settlement

    def test_every_item_stands_in_the_order_of_the_paper_with_label_and_amount(
        self, get, settlement
    ):
        text = text_of(get("/settlements/2020/somu/"))
        items = text[text.index("項目ごとの決算額") :]
        for printed in [
            "1 架空管理費 資料に記載なし 下の項目に書かれた額の合計 4,500千円",
            "(1) 架空会議 1,000千円 （100万円） 公表された内訳は決算額の65.4%",
            "(2) 架空調査 2,000千円 （200万円） 金額の内訳の記載なし",
            "① 架空の聞き取り 資料に記載なし",
            "(10) 架空広報 1,500千円 （150万円）",
            "資料に金額が書かれた項目の合計 4,500千円 （450万円）",
        ]:
            assert printed in items
            items = items[items.index(printed) :]

    def test_it_says_what_the_settlement_is_and_where_it_is_printed(self, get, settlement):
        html = get("/settlements/2020/somu/")
        text = text_of(html)
        assert "令和2年度（2020年度） 架空総務部の決算" in text
        assert "<strong>架空</strong>の部です。" in html
        assert "決算の段階 調製" in text
        assert "資料の見出し 第9 架空総務" in text
        assert "架空決算資料 第9" in text
        assert "/departments/somu/" in html
        assert "/api/v1/settlements/2020/somu" in html

    def test_the_breakdown_is_drawn_and_said(self, get, settlement):
        html = get("/settlements/2020/somu/")
        assert 'width="65.4"' in html
        assert "一部 1項目 内訳の記載なし 2項目" in text_of(html)
        assert "数が食い違うところはありませんでした" in html

    def test_numbers_that_contradict_each_other_are_told(self, get, settlement):
        item = settlement.items.get(code="1.2")
        make_funding(item, amount_yen=2_000_001)
        text = text_of(get("/settlements/2020/somu/"))
        assert (
            "超過 1.2 架空調査 ：決算額と財源：財源の合計は、決算額2,000千円を1円上回ります。"
            in text
        )

    def test_the_topmost_amounts_are_drawn_and_ranked_with_their_shares(self, get, settlement):
        make_item(settlement, "1.2.2", name="架空の一部", amount_yen=400_000)
        html = get("/settlements/2020/somu/")
        assert html.count('<a href="/settlements/2020/somu/1.2/" class="tone-1">') == 3  # 3 widths
        assert "<title>架空調査　2,000千円（1.2）</title>" in html
        text = text_of(html)
        ranking = text[text.index("金額の大きい順") : text.index("項目ごとの決算額")]
        assert "1 架空調査 2,000千円 44.4%" in ranking
        assert "2 架空広報 1,500千円 33.3%" in ranking
        assert "3 架空会議 1,000千円 22.2%" in ranking
        assert "架空の一部" not in ranking  # it is part of 1.2
        items = text[text.index("項目ごとの決算額") :]
        assert "架空の一部 400千円 （40万円） 金額の内訳の記載なし 20.0% 8.9%" in items

    def test_one_amount_alone_is_no_picture(self, get):
        settlement = make_settlement()
        make_item(settlement, amount_yen=1_000_000)
        make_item(settlement, "2")
        html = get(settlement.get_absolute_url())
        assert "treemap" not in html
        assert "金額の大きい順" not in html

    def test_the_csv_holds_every_item_and_no_zero_for_a_blank(self, get_csv, settlement):
        rows = get_csv("/settlements/2020/somu/?format=csv")
        assert [(r["項目番号"], r["見出し番号"], r["階層"], r["上位項目番号"]) for r in rows] == [
            ("1", "1", "1", ""),
            ("1.1", "(1)", "2", "1"),
            ("1.2", "(2)", "2", "1"),
            ("1.2.1", "①", "3", "1.2"),
            ("1.10", "(10)", "2", "1"),
        ]
        assert [row["決算額（円）"] for row in rows] == ["", "1000000", "2000000", "", "1500000"]
        assert (rows[1]["内訳の状態"], rows[1]["内訳の額（円）"]) == ("一部", "654000")
        assert rows[1]["アドレス"] == "http://testserver/settlements/2020/somu/1.1/"

    def test_the_csv_of_figures_holds_every_figure(self, get_csv, settlement):
        item = settlement.items.get(code="1.2.1")
        whole = make_settlement_figure(item, label="回数", value=Decimal("12.50"), unit="回")
        make_settlement_figure(item, group="地区別", label="北", value=12, part_of=whole)
        rows = get_csv("/settlements/2020/somu/?format=csv&table=figures")
        assert [(r["項目番号"], r["項目"], r["値"], r["金額（円）"]) for r in rows] == [
            ("1.1", "会場費", "654", "654000"),
            ("1.2.1", "回数", "12.5", ""),
            ("1.2.1", "北", "12", ""),
        ]
        assert rows[2]["何の内訳か"] == "回数"

    def test_priority_policies_lead_to_their_items(self, get, settlement):
        policy = make_policy(settlement, name="架空の重点", efforts=["項目のない取組"])
        make_effort(policy, name="聞き取りの実施", item=settlement.items.get(code="1.2.1"))
        html = get("/settlements/2020/somu/")
        assert "1 架空の重点" in text_of(html)
        assert '<a href="/settlements/2020/somu/1.2.1/">聞き取りの実施</a>' in html
        assert "<li>項目のない取組</li>" in html

    def test_an_effort_never_leads_to_a_draft(self, get, settlement):
        _, hidden = make_secret_settlement()
        make_effort(make_policy(settlement), name="架空の取組名", item=hidden)
        html = get("/settlements/2020/somu/")
        assert "<li>架空の取組名</li>" in html
        assert SECRET not in html

    def test_a_settlement_without_items_says_so(self, get):
        html = get(make_settlement().get_absolute_url())
        assert "まだ登録されていません" in html

    def test_its_change_notes_are_shown_and_no_others(self, get, settlement):
        make_change_note(
            settlement, kind="correction", text="架空の正誤", field="段階", old="見込み", new="調製"
        )
        make_change_note(text="よその更新")
        text = text_of(get("/settlements/2020/somu/"))
        assert "架空の正誤 段階： 見込み → 調製" in text
        assert "よその更新" not in text

    def test_an_unpublished_source_is_not_named(self, get, get_csv):
        source = make_document(title=SECRET, status=Status.DRAFT)
        settlement = make_settlement(source=source, internal_note=SECRET)
        item = make_item(settlement, source=source)
        make_settlement_figure(item, source=source)
        address = settlement.get_absolute_url()
        for page in (address, f"{address}1/", f"{address}?format=csv&table=figures"):
            assert SECRET not in get(page), page

    def test_a_former_slug_of_the_department_redirects(self, client, settlement):
        settlement.department.slug = "kikaku"
        settlement.department.save()
        for rest in ("", "1.1/", "?sort=-amount_yen"):
            answer = client.get(f"/settlements/2020/somu/{rest}")
            assert answer.status_code == 301
            assert answer["Location"] == f"/settlements/2020/kikaku/{rest}"

    @pytest.mark.parametrize(
        "address",
        ["2019/somu/", "2020/nobody/", "2020/somu/9/", "2020/somu/1.3/", "2020/somu/1.1.1.1.1/"],
    )
    def test_what_is_not_there_is_not_found(self, client, settlement, address):
        assert client.get(f"/settlements/{address}").status_code == 404

    def test_a_draft_is_not_found_on_any_page(self, client):
        settlement, item = make_secret_settlement()
        for address in (settlement.get_absolute_url(), item.get_absolute_url()):
            for query in ("", "?format=csv", "?format=csv&table=figures"):
                answer = client.get(address + query)
                assert answer.status_code == 404
                assert SECRET not in answer.content.decode()


class TestSettlementItemDetail:
    @pytest.fixture
    def item(self):
        settlement = make_settlement(department=make_department(slug="somu", name="架空総務部"))
        make_item(settlement, "1", name="架空管理費")
        make_item(settlement, "1.1", name="架空会議")
        item = make_item(
            settlement,
            "1.2",
            name="架空調査",
            amount_yen=1_000_000,
            body="| 区分 | 金額 |\n| --- | --: |\n| 甲 | 654 |",
            source=make_document(title="架空決算資料"),
            locator="第9 1(2)",
        )
        make_item(settlement, "1.2.1", name="架空の聞き取り")
        return item

    address = "/settlements/2020/somu/1.2/"

    def test_it_shows_name_amount_text_and_source(self, get, item):
        html = get(self.address)
        text = text_of(html)
        assert re.search(r"<h1><span class=\"item-label\">\(2\)</span> 架空調査</h1>", html)
        assert "決算額 1,000千円 （100万円）" in text
        assert "架空決算資料 第9 1(2)" in text
        assert '<th scope="col">区分</th>' in html
        assert "ホーム 決算 令和2年度（2020年度） 架空総務部 1 架空管理費 (2) 架空調査" in text

    def test_its_neighbours_children_and_api_are_linked(self, get, item):
        html = get(self.address)
        assert 'rel="prev" href="/settlements/2020/somu/1.1/"' in html
        assert 'rel="next" href="/settlements/2020/somu/1.2.1/"' in html
        assert "① 架空の聞き取り 資料に記載なし" in text_of(html)
        assert "/api/v1/settlements/2020/somu/items/1.2" in html
        assert "http://testserver/settlements/2020/somu/1.2/" in html

    def test_budget_and_rate_are_shown_only_where_given(self, get, item):
        text = text_of(get(self.address))
        assert "予算現額" not in text
        assert "執行率" not in text
        item.budget_yen, item.unused_yen = 1_200_000, 200_000
        item.carried_over_yen = 0
        item.save()
        text = text_of(get(self.address))
        assert "予算現額 1,200千円" in text
        assert "翌年度繰越額 0千円" in text
        assert "執行率 83.3%" in text
        assert "当初予算額" not in text
        assert "予算現額は、決算額・翌年度繰越額・不用額の合計と一致します。" in text

    def test_figures_stand_with_value_kind_and_source(self, get, get_csv, item):
        make_settlement_figure(
            item,
            label="参加者数",
            value=19_000,
            unit="人",
            as_printed="約1.9万人",
            source=make_document(title="架空統計"),
            locator="p.3",
            note="架空の注",
        )
        text = text_of(get(self.address))
        assert (
            "架空調査の実績値：活動量 項目 値 出典 参加者数 約1.9万人 出典： 架空統計 p.3" in text
        )
        assert "注：架空の注" in text
        assert get_csv(f"{self.address}?format=csv")[0]["資料の表記"] == "約1.9万人"

    def test_the_breakdown_counts_what_stands_below(self, get, item):
        below = item.children.get()
        make_settlement_figure(item, label="旅費", kind="expenditure", value=454)
        make_settlement_figure(below, label="謝礼", kind="expenditure", value=200)
        make_settlement_figure(below, label="寄附", kind="money", value=999)
        text = text_of(get(self.address))
        assert "公表された内訳は、決算額1,000千円の65.4%（654千円）です。" in text
        assert "1.2.1 架空の聞き取り 謝礼 200千円 （20万円）" in text
        assert "寄附" not in text

    def test_an_item_without_an_amount_shows_the_sum_below_it(self, get, item):
        text = text_of(get("/settlements/2020/somu/1/"))
        assert (
            "決算額 資料に記載なし 下の項目に書かれた額の合計は 1,000千円（100万円）です。" in text
        )

    def test_funding_is_listed(self, get, item):
        make_funding(item, kind="national", amount_yen=1_000_000)
        text = text_of(get(self.address))
        assert "国庫支出金 1,000千円 （100万円）" in text
        assert "財源の合計は、決算額1,000千円と一致します。" in text

    def test_costs_are_shared_out_to_the_yen(self, get, item):
        make_cost(make_initiative(title="架空の取組甲"), item, share_percent=Decimal("33.33"))
        make_cost(make_initiative(title="架空の取組乙"), item, share_percent=Decimal("33.33"))
        text = text_of(get(self.address))
        assert "架空の取組甲 33.33% 333,300円" in text
        assert "どの取組にも按分されていない額 333,400円" in text

    def test_an_editorial_link_is_named_as_no_cost(self, get, item):
        report = make_report(title="架空の実績報告")
        make_cost(
            make_initiative(title="架空の続き", report=report),
            item,
            relation="editorial",
            note="同じ施設です。",
        )
        text = text_of(get(self.address))
        assert "関連する取組（費用ではありません）" in text
        assert "架空の続き （架空の実績報告） 同じ施設です。" in text
        assert "按分" not in text

    def test_nothing_of_a_draft_initiative_is_shown(self, get, item):
        draft = make_initiative(title=SECRET, status=Status.DRAFT)
        make_cost(draft, item, share_percent=50, note=SECRET)
        hidden = make_initiative(title=SECRET, report=make_report(status=Status.DRAFT))
        make_cost(hidden, item, relation="editorial", note=SECRET)
        text = text_of(get(self.address))
        assert SECRET not in text
        assert "按分" not in text

    def test_program_and_priority_policy_are_linked(self, get, item):
        item.program = make_program(name="架空の続く事業")
        item.save()
        make_effort(make_policy(item.settlement, name="架空の重点"), name="調べる", item=item)
        text = text_of(get(self.address))
        assert "年度をこえた事業 架空の続く事業" in text
        assert "重点施策「1 架空の重点」の主な取組：調べる" in text

    def test_an_effort_of_a_draft_settlement_is_hidden(self, get, item):
        draft, _ = make_secret_settlement()
        make_effort(draft.priority_policies.get(), name=f"{SECRET}の取組", item=item)
        assert SECRET not in get(self.address)

    def test_a_figure_names_no_whole_of_another_settlement(self, get, get_csv, item):
        _, hidden = make_secret_settlement()
        make_settlement_figure(item, label="架空の一部", part_of=hidden.figures.get())
        assert SECRET not in get(self.address)
        assert get_csv(f"{self.address}?format=csv")[0]["何の内訳か"] == ""

    def test_notes_on_the_item_and_on_its_figures_are_shown(self, get, item):
        figure = make_settlement_figure(item)
        make_change_note(item, text="項目の更新")
        make_change_note(figure, text="数値の更新")
        make_change_note(item.children.get(), text="下の項目の更新")
        text = text_of(get(self.address))
        assert "項目の更新" in text
        assert "数値の更新" in text
        assert "下の項目の更新" not in text

    def test_its_breakdown_is_a_bar_with_words(self, get, item):
        make_settlement_figure(item, label="旅費", kind="expenditure", value=654)
        text = text_of(get(self.address))
        assert "公表された内訳は決算額の65.4%" in text
        assert "内訳が公表されている額 654千円 65.4%" in text
        assert "内訳の記載がない額 346千円 34.6%" in text

    def test_without_a_breakdown_the_words_stand_alone(self, get, item):
        html = get(self.address)
        assert "金額の内訳は資料に記載されていません。" in html
        assert "stack-bar" not in html

    def test_its_shares_and_the_picture_of_what_stands_below_are_shown(self, get, item):
        below = item.children.get()
        below.amount_yen = 250_000
        below.save()
        make_item(item.settlement, "1.2.2", name="架空の集計", amount_yen=500_000)
        make_item(item.settlement, "1.3", amount_yen=3_000_000)
        html = get(self.address)
        text = text_of(html)
        assert "上の項目の25.0%、部局の記載額の合計の25.0%" in text
        assert '<a href="/settlements/2020/somu/1.2.2/" class="tone-1">' in html
        assert "1 架空の集計 500千円 50.0% 2 架空の聞き取り 250千円 25.0%" in text

    def test_sources_of_funding_are_a_bar(self, get, item):
        make_funding(item, kind="national", amount_yen=250_000)
        make_funding(item, kind="bonds", amount_yen=750_000)
        text = text_of(get(self.address))
        assert "国庫支出金 250千円 25.0%" in text
        assert "県債 750千円 75.0%" in text

    def test_a_figure_from_the_papers_own_place_names_only_the_place(self, get, item):
        make_settlement_figure(item, label="回数", source=item.source, locator="第9 1(2) 表")
        text = text_of(get(self.address))
        row = text[text.index("回数 12件") :]
        assert row.startswith("回数 12件 出典： 架空決算資料 第9 1(2) 表")
        assert '<span class="visually-hidden">架空決算資料 </span>第9 1(2) 表</a>' in get(
            self.address
        )

    def test_figures_stand_by_kind_and_group(self, get, item):
        for number, (kind, group) in enumerate(
            [("outcome", ""), ("activity", "広報"), ("activity", "会議"), ("activity", "広報")]
        ):
            make_settlement_figure(item, kind=kind, group=group, label=f"架空{number}番")
        text = text_of(get(self.address))
        order = [
            "：活動量 項目",
            "広報",
            "架空1番",
            "架空3番",
            "会議",
            "架空2番",
            "：成果 項目",
            "架空0番",
        ]
        text = text[text.index("：活動量 項目") :]
        assert sorted(order, key=text.index) == order


class TestComparison:
    @pytest.fixture
    def program(self):
        """Two years of a department: a rise, a fall, zero, new, gone, and a renamed program."""
        department = make_department(slug="somu", name="架空総務部")
        program = make_program(name="架空の続く事業")
        for fiscal_year, amounts in [
            (2019, {"1.1": 1_000_000, "1.2": 900_000, "1.3": 0, "1.4": 50_000, "1.5": 7_000}),
            (2020, {"1.1": 1_100_000, "1.2": 600_000, "1.3": 10_000, "1.4": None, "1.6": 8_000}),
        ]:
            settlement = make_settlement(fiscal_year=fiscal_year, department=department)
            for code, amount_yen in amounts.items():
                make_item(settlement, code, amount_yen=amount_yen)
            code = {2019: "2", 2020: "3"}[fiscal_year]
            amount_yen = {2019: 400_000, 2020: 500_000}[fiscal_year]
            make_item(settlement, code, name=f"架空{code}", amount_yen=amount_yen, program=program)
        return program

    def test_two_years_stand_side_by_side(self, get, program):
        text = text_of(get("/settlements/2020/somu/"))
        table = text[text.index("同じもの") : text.index("項目ごとの決算額")]
        for printed in [
            "1.1 架空の項目1.1 1,000千円 1,100千円 100千円 （10%） 番号と名称",
            "1.2 架空の項目1.2 900千円 600千円 ▲300千円 （▲33.3%） 番号と名称",
            "1.3 架空の項目1.3 0千円 10千円 10千円 番号と名称",
            "1.4 架空の項目1.4 50千円 資料に記載なし — 番号と名称",
            "1.6 架空の項目1.6 項目なし 8千円 —",
            "3 架空3 400千円 500千円 100千円 （25%） 事業",
            "1.5 架空の項目1.5 7千円 項目なし —",
            "資料に金額が書かれた項目の合計 2,357千円 2,218千円 ▲139千円 （▲5.9%）",
        ]:
            assert printed in table
            table = table[table.index(printed) :]

    def test_the_csv_holds_the_rows_of_the_table(self, get_csv, program):
        rows = get_csv("/settlements/2020/somu/?format=csv&table=comparison")
        assert [(r["項目番号"], r["増減（円）"], r["増減率（%）"]) for r in rows] == [
            ("1.1", "100000", "10.0"),
            ("1.2", "-300000", "-33.3"),
            ("1.3", "10000", ""),
            ("1.4", "", ""),
            ("1.6", "", ""),
            ("3", "100000", "25.0"),
            ("1.5", "", ""),
        ]
        assert rows[5]["前年度の項目番号"] == "2"

    def test_an_item_is_compared_with_itself(self, get, program):
        text = text_of(get("/settlements/2020/somu/3/"))
        assert "前年度との差 100千円 （25%） 前年度は 2 架空2 の400千円です。" in text
        assert "事業が同じ項目と比べています。" in text
        text = text_of(get("/settlements/2020/somu/1.2/"))
        assert "前年度との差 ▲300千円 （▲33.3%）" in text
        assert "前年度との差" not in get("/settlements/2020/somu/1.6/")

    def test_a_year_before_that_is_a_draft_is_not_compared(self, get, program):
        Settlement.objects.filter(fiscal_year=2019).update(status=Status.DRAFT)
        for address in ("/settlements/2020/somu/", "/settlements/2020/somu/3/"):
            assert "前年度" not in text_of(get(address)).replace("前年度繰越額", "")

    def test_a_program_is_drawn_over_the_years(self, get, program):
        html = get(program.get_absolute_url())
        assert "<title>令和元年度　400千円</title>" in html
        assert "<title>令和2年度　500千円</title>" in html


class TestDisplayUnit:
    @pytest.fixture
    def address(self):
        settlement = make_settlement(department=make_department(slug="somu"))
        program = make_program(slug="tv")
        make_item(settlement, "1.1", amount_yen=123_456_000, program=program)
        make_item(settlement, "1.2", amount_yen=0)
        return settlement.get_absolute_url()

    @pytest.mark.parametrize(
        ("query", "amount"),
        [
            ("", "123,456千円"),
            ("?unit=sen", "123,456千円"),
            ("?unit=man", "12,345.6万円"),
            ("?unit=oku", "1.23456億円"),
        ],
    )
    def test_amounts_are_exact_in_each_unit(self, get, address, query, amount):
        for page in (address, f"{address}1.1/", f"{address}1/", "/settlements/", "/programs/tv/"):
            assert amount in text_of(get(page + query)), page

    def test_the_unit_is_kept_from_page_to_page(self, get, address):
        html = get(f"{address}?unit=oku")
        for kept in (f"{address}1.1/?unit=oku", "/settlements/2020/?unit=oku"):
            assert f'href="{kept}"' in html
        html = get(f"{address}1.1/?unit=oku")
        for kept in (f"{address}?unit=oku", "/programs/tv/?unit=oku", f"{address}1/?unit=oku"):
            assert f'href="{kept}"' in html
        assert f'href="{address}1.1/?unit=man"' in get("/programs/tv/?unit=man")
        assert f'href="{address}?unit=man"' in get("/settlements/2020/?unit=man")

    def test_the_usual_unit_leaves_addresses_as_they_are(self, get, address):
        for query in ("", "?unit=sen", "?unit=xx"):
            assert f'href="{address}1.1/"' in get(address + query)

    def test_a_link_for_each_unit_shows_which_is_chosen(self, get, address):
        html = get(f"{address}?unit=man")
        assert f'<a href="{address}?unit=man" aria-current="true">万円</a>' in html
        assert f'<a href="{address}?unit=oku">億円</a>' in html

    @pytest.mark.parametrize("unit", ["xx", "%00", "千円", "SEN"])
    def test_an_unknown_unit_is_said(self, get, address, unit):
        text = text_of(get(f"{address}?unit={unit}"))
        assert "「表示単位」の指定を読み取れなかったため、千円で表示しています。" in text
        assert "123,456千円" in text


class TestProgramDetail:
    @pytest.fixture
    def program(self):
        program = make_program(
            slug="tv", name="架空放送", description="架空の説明", aliases=["旧放送"]
        )
        for fiscal_year, amount_yen in [(2018, 900_000), (2019, 1_000_000), (2020, 900_000)]:
            make_item(
                make_settlement(fiscal_year=fiscal_year), program=program, amount_yen=amount_yen
            )
        return program

    def test_amounts_are_compared_over_the_years(self, get, program):
        text = text_of(get("/programs/tv/"))
        assert "架空の説明" in text
        assert "別の呼び名 旧放送" in text
        assert re.search(r"平成30年度（2018年度） \S+ 1 架空の項目1 900千円 （90万円） —", text)
        assert re.search(r"1,000千円 （100万円） 100千円 （11.1%）", text)
        assert re.search(r"900千円 （90万円） ▲100千円 （▲10%）", text)

    def test_a_missing_amount_gives_no_difference(self, get, program):
        item = program.items.get(settlement__fiscal_year=2019)
        item.amount_yen = None
        item.save()
        text = text_of(get("/programs/tv/"))
        # three years, the sentence that explains the sign, and the gap in both drawings
        assert text.count("—") == 6
        assert "▲1" not in text

    def test_figures_of_its_items_are_shown(self, get, program):
        make_settlement_figure(program.items.first(), label="架空の放送回数", value=1105)
        text = text_of(get("/programs/tv/"))
        assert "架空の放送回数 1,105件" in text

    def test_lineage_names_only_public_programs(self, get, program):
        public = make_program(name="架空の相手")
        make_item(program=public)
        make_lineage(program, kind="merged", related=public, note="架空の統合")
        make_lineage(program, kind="split", related=make_program(name=SECRET))
        text = text_of(get("/programs/tv/"))
        assert "令和2年度（2020年度）：統合（ 架空の相手 ） 架空の統合" in text
        assert "令和2年度（2020年度）：分割" in text
        assert SECRET not in text

    def test_only_items_of_public_settlements_are_shown(self, get, get_csv, program):
        _, hidden = make_secret_settlement(fiscal_year=2021)
        hidden.program = program
        hidden.save()
        assert SECRET not in get("/programs/tv/")
        rows = get_csv("/programs/tv/?format=csv")
        assert [row["年度"] for row in rows] == ["平成30年度", "令和元年度", "令和2年度"]

    def test_a_program_without_public_items_is_not_found(self, client):
        _, hidden = make_secret_settlement()
        hidden.program = make_program(slug="secret", name=SECRET)
        hidden.save()
        answer = client.get("/programs/secret/")
        assert answer.status_code == 404
        assert SECRET not in answer.content.decode()

    def test_a_former_slug_redirects(self, client, program):
        program.slug = "television"
        program.save()
        assert client.get("/programs/tv/")["Location"] == "/programs/television/"


BUSY_PAGES = [
    "/settlements/",
    "/settlements/?fiscal_year=2020&department=somu",
    "/settlements/?format=csv",
    "/settlements/2020/",
    "/settlements/2020/somu/",
    "/settlements/2020/somu/?format=csv",
    "/settlements/2020/somu/?format=csv&table=figures",
    "/settlements/2020/somu/?unit=oku&format=csv&table=comparison",
    "/settlements/2020/somu/1/",
    "/settlements/2020/somu/1.1/?unit=man",
    "/settlements/2020/somu/1/?format=csv",
    "/programs/tv/",
    "/programs/tv/?format=csv",
]


def make_busy_pages(size):
    """Fill BUSY_PAGES with `size` of all that they can show, on top of what is there."""
    department, _ = Department.objects.get_or_create(slug="somu", defaults={"name": "架空総務部"})
    program, _ = Program.objects.get_or_create(slug="tv", defaults={"name": "架空放送"})
    settlement = Settlement.objects.filter(
        department=department, fiscal_year=2020
    ).first() or make_settlement(department=department, source=make_document())
    item = settlement.items.filter(code="1").first() or make_item(
        settlement, amount_yen=10**9, program=program, source=make_document()
    )
    item.funding_sources.all() or make_funding(item, source=make_document())
    before = Settlement.objects.filter(department=department, fiscal_year=2019).first()
    before = before or make_settlement(department=department, fiscal_year=2019)
    policy = make_policy(settlement)
    first = item.children.count() + 1
    for number in range(first, first + size):
        child = make_item(settlement, f"1.{number}", amount_yen=1000, source=make_document())
        make_item(before, f"1.{number}", amount_yen=900, source=make_document())
        whole = make_settlement_figure(item, kind="expenditure", source=make_document())
        make_settlement_figure(item, kind="expenditure", part_of=whole)
        make_settlement_figure(child, kind="expenditure", source=make_document())
        make_effort(policy, item=child)
        make_effort(make_policy(settlement), item=item)
        make_cost(make_initiative(), item, share_percent=1)
        make_cost(make_initiative(), item, relation="editorial")
        for record in (item, whole, settlement, program):
            make_change_note(record)
        other = make_program()
        make_item(make_settlement(fiscal_year=1900 + number), program=program)
        make_item(make_settlement(fiscal_year=2020), program=other)
        make_lineage(program, fiscal_year=1900 + number, related=other)
        ProgramAlias.objects.create(program=program, name=f"架空の別名{number}")


def count_queries(client, address):
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
    return len(queries)


def test_a_page_needs_at_most_12_queries_and_no_more_for_ten_times_the_rows(client):
    make_busy_pages(1)
    few = {address: count_queries(client, address) for address in BUSY_PAGES}
    make_busy_pages(9)
    assert {address: count_queries(client, address) for address in BUSY_PAGES} == few
    assert max(few.values()) <= 12, few


def test_no_query_string_breaks_a_page(client):
    make_busy_pages(1)
    for address in {page.partition("?")[0] for page in BUSY_PAGES}:
        for value in HOSTILE:
            query = "&".join(f"{name}={value}" for name in PARAMETERS)
            answer = client.get(f"{address}?{query}")
            assert answer.status_code == 200, (address, value)
            assert "読み取れなかったため" in answer.content.decode(), (address, value)


class _Structure(HTMLParser):
    """Collects heading levels and what the rules of the site forbid."""

    def __init__(self):
        super().__init__()
        self.levels, self.faults, self.tables, self.captions = [], [], 0, 0

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if re.fullmatch(r"h[1-6]", tag):
            self.levels.append(int(tag[1]))
        self.tables += tag == "table"
        self.captions += tag == "caption"
        is_code = tag == "script" and not (attrs.get("src") or "json" in attrs.get("type", ""))
        if is_code or "style" in attrs or tag == "style" or any(a[:2] == "on" for a in attrs):
            self.faults.append((tag, attrs))
        if tag == "th" and attrs.get("scope") not in ("col", "row", "rowgroup"):
            self.faults.append((tag, attrs))
        is_loaded = tag == "link" and attrs.get("rel") in ("stylesheet", "icon")
        loaded = attrs.get("href") if is_loaded else attrs.get("src")
        for value in [loaded or ""]:
            if value.startswith("//") or re.match(r"\w+:", value):
                self.faults.append((tag, value))


def test_every_page_is_well_built(get):
    make_busy_pages(2)
    for address in BUSY_PAGES:
        if "format" in address:
            continue
        page = _Structure()
        page.feed(get(address))
        levels = page.levels
        assert (levels[0], levels.count(1)) == (1, 1), address
        assert all(b - a <= 1 for a, b in pairwise(levels)), address
        assert page.tables == page.captions >= 1, address
        assert page.faults == [], address
