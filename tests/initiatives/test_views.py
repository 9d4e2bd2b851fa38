import csv
import datetime
import io
import re
from html import unescape

import pytest
from django.utils import timezone

from portal.publishing import Status
from tests.builders import (
    make_change_note,
    make_cost,
    make_department,
    make_document,
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
    make_report,
    make_settlement,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def read(client):
    """Return a function that gives the words of a page, single-spaced."""

    def read(address, expect=200, **parameters):
        answer = client.get(address, parameters)
        assert answer.status_code == expect
        main = re.search(r"<main.*</main>", answer.content.decode(), re.DOTALL)[0]
        return " ".join(unescape(re.sub(r"<[^>]*>", " ", main)).split())

    return read


@pytest.fixture
def read_csv(client):
    def read(address, **parameters):
        answer = client.get(address, {**parameters, "format": "csv"})
        assert answer["Content-Type"].startswith("text/csv")
        return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))

    return read


class TestPillarList:
    def test_it_names_each_pillar_of_a_plan_and_counts_its_public_initiatives(self, read):
        plan = make_plan(name="架空総合計画", source=make_document(title="架空の計画書"))
        pillar = make_pillar(plan=plan, number=1, name="架空の道づくり")
        make_pillar(plan=plan, number=None, name="全体を支える", position=9)
        make_initiative(pillar=pillar)
        make_initiative(pillar=pillar, status=Status.DRAFT)
        words = read("/pillars/")
        assert "架空総合計画 出典： 架空の計画書" in words
        assert "柱1 架空の道づくり 取組1件" in words
        assert "全体を支える 取組0件" in words

    def test_pillars_of_a_draft_plan_stay_hidden(self, read):
        make_pillar(plan=make_plan(status=Status.DRAFT), name="まだ秘密")
        assert "公開中の柱はありません。" in read("/pillars/")

    def test_the_file_holds_a_row_a_pillar(self, read_csv):
        pillar = make_pillar(slug="roads", number=3, name="架空の道づくり")
        make_initiative(pillar=pillar)
        (row,) = read_csv("/pillars/")
        assert row["番号"] == "3"
        assert row["公開中の取組（件）"] == "1"
        assert row["アドレス"] == "http://testserver/pillars/roads/"


class TestPillarDetail:
    def test_it_shows_initiatives_with_figures_and_their_source(self, read):
        document = make_document(title="架空の実績")
        pillar = make_pillar(slug="roads", name="架空の道づくり", description="道の説明です。")
        initiative = make_initiative(
            pillar=pillar, title="架空橋の完成", summary="橋が通りました。", distinctions=["架空初"]
        )
        make_initiative_figure(
            initiative, label="橋の長さ", value=320, unit="m", source=document, locator="p.4"
        )
        words = read("/pillars/roads/")
        assert "道の説明です。" in words
        assert "架空橋の完成 架空初 橋が通りました。 橋の長さ 320m 出典： 架空の実績 p.4" in words

    def test_it_leads_to_the_settlement_items_of_its_initiatives(self, client, read):
        pillar = make_pillar(slug="roads")
        settlement = make_settlement(
            fiscal_year=2020, department=make_department(name="架空土木部")
        )
        item = make_item(settlement, name="橋の点検", amount_yen=16_000)
        initiative = make_initiative(pillar=pillar, title="架空橋の完成")
        make_cost(initiative, item, relation="editorial")
        make_cost(initiative, make_item(make_settlement(status=Status.DRAFT), name="秘密の項目"))
        words = read("/pillars/roads/")
        assert "橋の点検 令和2年度 架空土木部 16千円 （1万6,000円） 架空橋の完成 関連" in words
        assert "秘密の項目" not in words
        assert item.get_absolute_url() in client.get("/pillars/roads/").content.decode()

    def test_of_many_settlement_items_the_newest_are_shown_and_the_file_holds_all(
        self, read, read_csv, monkeypatch
    ):
        monkeypatch.setattr("budgets.initiative_views.SHOWN_COSTS", 2)
        initiative = make_initiative(pillar=make_pillar(slug="roads"))
        for year in (2018, 2020):
            item = make_item(make_settlement(fiscal_year=year), name=f"架空{year}年度の橋")
            make_cost(initiative, item)
        assert "新しい年度から" not in read("/pillars/roads/")
        make_cost(initiative, make_item(make_settlement(fiscal_year=2019), name="架空の道"))
        words = read("/pillars/roads/")
        assert "3 件のうち、新しい年度から2件を表示しています。すべてはCSVにあります。" in words
        assert "架空2020年度の橋" in words
        assert "架空の道" in words
        assert "架空2018年度の橋" not in words
        assert len(read_csv("/pillars/roads/", table="costs")) == 3

    def test_it_leads_to_indicators_and_to_the_other_pillars(self, read):
        pillar = make_pillar(slug="roads", name="架空の道づくり")
        make_pillar(plan=pillar.plan, number=9, name="架空の川づくり")
        make_indicator(name="舗装率").initiatives.add(make_initiative(pillar=pillar))
        words = read("/pillars/roads/")
        assert "関連する指標 舗装率" in words
        assert "ほかの柱 9 架空の川づくり" in words

    def test_an_unknown_pillar_is_a_404_in_the_portals_design(self, read):
        assert "ページが見つかりません" in read("/pillars/nothing/", expect=404)

    def test_a_former_slug_redirects_for_good_and_keeps_the_query(self, client):
        pillar = make_pillar(slug="before")
        pillar.slug = "after"
        pillar.save()
        answer = client.get("/pillars/before/?page=2&format=csv")
        assert answer.status_code == 301
        assert answer["Location"] == "/pillars/after/?page=2&format=csv"


class TestReports:
    def test_the_list_tells_term_year_and_number_of_initiatives(self, read):
        report = make_report(title="架空県政の実績", term_year=5, source=make_document(title="紙"))
        make_initiative(report=report)
        words = read("/reports/")
        assert "架空県政の実績 令和6年8月2日発表（就任5年目）、取組1件 出典： 紙" in words

    def test_the_page_groups_initiatives_by_pillar(self, read):
        report = make_report(slug="fifth", term_year=None)
        pillar = make_pillar(number=2, name="架空の道づくり")
        make_initiative(report=report, pillar=pillar, title="い", position=1)
        make_initiative(
            report=report, pillar=pillar, title="ろ", position=2, distinctions=["架空初"]
        )
        make_initiative(report=report, pillar=pillar, title="は", status=Status.WITHDRAWN)
        words = read("/reports/fifth/")
        assert "2 架空の道づくり い ろ 架空初 " in words
        assert "取組 2件" in words
        assert "期間 資料に記載なし" in words
        assert " は " not in words

    def test_the_file_holds_the_initiatives_of_the_report(self, read_csv):
        report = make_report(slug="fifth", title="架空県政の実績")
        make_initiative(report=report, title="い")
        make_initiative(title="よその取組")
        assert [row["題名"] for row in read_csv("/reports/fifth/")] == ["い"]


class TestInitiativeList:
    @pytest.fixture
    def bridge(self):
        return make_initiative(
            title="架空橋の完成",
            summary="橋が通りました。",
            pillar=make_pillar(slug="roads", number=1, name="道づくり"),
            report=make_report(slug="fifth"),
            departments=[make_department(slug="doboku", name="架空土木部")],
            distinctions=["全国初"],
            fiscal_year=2023,
        )

    @pytest.fixture
    def school(self):
        return make_initiative(
            title="架空学校の開校",
            pillar=make_pillar(slug="schools"),
            report=make_report(slug="fourth"),
            fiscal_year=2022,
        )

    @pytest.mark.parametrize(
        "parameters",
        [
            {"q": "橋"},
            {"pillar": "roads"},
            {"report": "fifth"},
            {"department": "doboku"},
            {"distinction": "全国初"},
            {"fiscal_year": "2023"},
            {"fiscal_year": "令和5年度"},
            {"q": "ﾊｼ 完成", "pillar": "roads"},
        ],
        ids=str,
    )
    def test_each_filter_narrows_the_page_and_the_file_alike(
        self, read, read_csv, bridge, school, parameters
    ):
        if "ﾊｼ" in parameters.get("q", ""):
            bridge.summary = "ハシが通りました。"
            bridge.save()
        words = read("/initiatives/", **parameters)
        assert "条件に合うもの： 1 件" in words
        assert "架空橋の完成" in words
        assert "架空学校の開校" not in words
        assert [row["題名"] for row in read_csv("/initiatives/", **parameters)] == ["架空橋の完成"]

    @pytest.mark.parametrize(
        "parameters",
        [
            {"pillar": "nothing"},
            {"report": "nothing"},
            {"department": "nothing"},
            {"distinction": "宇宙初"},
            {"fiscal_year": "令和99年度"},
            {"q": "、。"},
            {"q": "a\0b"},
        ],
        ids=str,
    )
    def test_a_broken_filter_narrows_nothing_and_says_so(
        self, read, read_csv, bridge, school, parameters
    ):
        words = read("/initiatives/", **parameters)
        assert "の指定を読み取れなかったため、この条件では絞り込んでいません。" in words
        assert "架空橋の完成" in words
        assert "架空学校の開校" in words
        assert len(read_csv("/initiatives/", **parameters)) == 2

    def test_a_known_department_without_initiatives_narrows_to_none(self, read, bridge):
        make_department(slug="empty")
        words = read("/initiatives/", department="empty")
        assert "条件に合う取組はありません。" in words
        assert "読み取れなかった" not in words

    def test_the_order_follows_the_query_string(self, read_csv, bridge, school):
        titles = [row["題名"] for row in read_csv("/initiatives/", sort="title")]
        assert titles == sorted(titles)
        type(school).objects.filter(pk=school.pk).update(updated_at=timezone.now())
        newest = read_csv("/initiatives/", sort="-updated_at")[0]
        assert newest["題名"] == "架空学校の開校"

    def test_many_initiatives_come_in_pages_and_whole_in_the_file(self, read, read_csv):
        pillar, report = make_pillar(), make_report()
        for number in range(53):
            make_initiative(pillar=pillar, report=report, position=number, title=f"第{number}番")
        assert "1／2ページ 次のページへ" in read("/initiatives/")
        second = read("/initiatives/", page=2)
        assert "第52番" in second
        assert "第49番" not in second
        assert "指定のページはないため、最後のページを表示しています。" in read(
            "/initiatives/", page=99
        )
        assert len(read_csv("/initiatives/", page=2)) == 53

    def test_the_file_holds_every_fact_of_a_row(self, read_csv):
        document = make_document(title="架空の実績")
        initiative = make_initiative(
            slug="bridge",
            title="架空橋の完成",
            summary="橋が通りました。",
            pillar=make_pillar(number=1, name="道づくり"),
            report=make_report(title="架空県政の実績"),
            departments=[make_department(name="甲部"), make_department(name="乙部")],
            places=[make_place(name="架空市")],
            distinctions=["全国初", "過去最高"],
            occurred_on=datetime.date(2024, 3, 1),
            source=document,
            locator="p.4",
        )
        make_initiative_figure(initiative)
        make_initiative_figure(initiative)
        (row,) = read_csv("/initiatives/")
        assert row == {
            "識別子": "bridge",
            "題名": "架空橋の完成",
            "概要": "橋が通りました。",
            "柱の番号": "1",
            "柱": "道づくり",
            "実績報告": "架空県政の実績",
            "年度（西暦）": "",
            "日付": "2024-03-01",
            "時期": "",
            "部局": row["部局"],
            "場所": "架空市",
            "特色": "全国初、過去最高",
            "実績値（件）": "2",
            "出典": "架空の実績",
            "出典の箇所": "p.4",
            "アドレス": "http://testserver/initiatives/bridge/",
        }
        assert sorted(row["部局"].split("、")) == ["乙部", "甲部"]


class TestInitiativeDetail:
    def test_it_shows_everything_that_the_paper_states(self, read):
        document = make_document(title="架空の実績")
        initiative = make_initiative(
            slug="bridge",
            title="架空橋の完成",
            summary="橋が通りました。",
            body="# 経過\n\n- 着工\n- 完成",
            pillar=make_pillar(number=1, name="道づくり"),
            report=make_report(title="架空県政の実績"),
            departments=[make_department(name="架空土木部")],
            places=[make_place(name="架空市")],
            distinctions=["全国初"],
            occurred_on=datetime.date(2024, 3, 1),
            fiscal_year=2023,
            source=document,
            locator="第1章",
        )
        make_link(initiative, title="開通式のようす")
        make_image(initiative, alt="橋の写真", credit="架空県", licence="CC BY 4.0")
        words = read("/initiatives/bridge/")
        for part in (
            "架空橋の完成 全国初 橋が通りました。",
            "柱 1 道づくり",
            "架空県政の実績 （令和6年8月2日発表）",
            "時期 令和6年3月1日 令和5年度（2023年度）",
            "担当部局 架空土木部",
            "場所 架空市",
            "出典 出典： 架空の実績 第1章",
            "経過 着工 完成",
            "架空県／利用条件：CC BY 4.0",
            "開通式のようす",
        ):
            assert part in words

    def test_what_the_paper_does_not_state_is_called_so(self, read):
        make_initiative(slug="bridge")
        words = read("/initiatives/bridge/")
        assert "時期 資料に記載なし 担当部局 資料に記載なし" in words
        assert "出典 出典の掲載なし" in words

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"value": 4016, "unit": "千円", "kind": "money"}, "4,016千円 （401万6,000円）"),
            ({"value": 16, "unit": "千円", "kind": "money"}, "16千円 （1万6,000円）"),
            ({"value": 2725, "unit": "億円", "kind": "money"}, "2,725億円"),
            ({"value": "12.5", "unit": "%"}, "12.5%"),
            ({"value": 0, "unit": "件"}, "0件"),
            ({"value": -3, "unit": "件"}, "▲3件"),
            ({"value": 19000, "unit": "人", "as_printed": "約1.9万人"}, "約1.9万人"),
            (
                {"value": 300_000_000, "unit": "円", "kind": "money", "as_printed": "約3億円"},
                "約3億円",
            ),
        ],
        ids=str,
    )
    def test_a_figure_reads_as_printed_with_a_reading_only_where_it_helps(
        self, read, fields, expected
    ):
        figure = make_initiative_figure(label="架空の数", measure="", period="令和5年度", **fields)
        words = read(figure.initiative.get_absolute_url())
        assert f"架空の数 {expected} 令和5年度" in words

    def test_beside_every_figure_stands_its_source(self, read):
        initiative = make_initiative(slug="bridge")
        make_initiative_figure(initiative, source=make_document(title="公開の紙"), locator="p.4")
        make_initiative_figure(
            initiative, source=make_document(title="秘密の紙", status=Status.DRAFT), locator="p.5"
        )
        words = read("/initiatives/bridge/")
        assert "公開の紙 p.4" in words
        assert "秘密の紙" not in words
        assert "出典の掲載なし" in words

    def test_a_part_names_its_whole(self, read):
        whole = make_initiative_figure(label="全体の長さ")
        make_initiative_figure(whole.initiative, label="橋の部分", part_of=whole)
        assert "橋の部分 「全体の長さ」の内訳" in read(whole.initiative.get_absolute_url())

    def test_an_editorial_link_is_no_cost(self, read):
        settlement = make_settlement(
            fiscal_year=2020, department=make_department(name="架空土木部")
        )
        cost = make_cost(
            item=make_item(settlement, name="橋の点検", amount_yen=16_000),
            relation="editorial",
            note="どちらも同じ橋です。",
        )
        words = read(cost.initiative.get_absolute_url())
        assert "関連する決算項目（費用ではありません）" in words
        assert (
            "橋の点検 （令和2年度 架空土木部）：決算額 16千円 （1万6,000円） どちらも同じ橋です。"
            in words
        )
        assert "この取組の費用" not in words

    def test_a_cost_shows_its_share_in_yen(self, read):
        cost = make_cost(item=make_item(name="橋の点検", amount_yen=1_000_001), share_percent=40)
        make_cost(item=cost.item, share_percent=60)
        words = read(cost.initiative.get_absolute_url())
        assert "この取組の費用" in words
        assert "40% 400,000円" in words or "40% 400,001円" in words

    def test_it_leads_to_its_neighbours_in_the_same_pillar_and_report(self, read):
        pillar, report = make_pillar(), make_report()
        for position, title in enumerate(["い", "ろ", "は", "に"]):
            make_initiative(
                pillar=pillar,
                report=report,
                position=position,
                title=title,
                slug=f"number-{position}",
                status=Status.DRAFT if title == "は" else Status.PUBLISHED,
            )
        make_initiative(pillar=pillar, title="よその報告")
        words = read("/initiatives/number-1/")
        assert words.endswith("前の取組：い 次の取組：に")
        assert "前の取組" not in read("/initiatives/number-0/")
        assert "次の取組" not in read("/initiatives/number-3/")

    def test_it_tells_how_to_cite_it_and_where_its_data_is(self, client, read):
        initiative = make_initiative(slug="bridge", title="架空橋の完成")
        assert "「架空橋の完成」http://testserver/initiatives/bridge/（" in read(
            "/initiatives/bridge/"
        )
        page = client.get(initiative.get_absolute_url()).content.decode()
        (address,) = re.findall(r'href="(/api/v1/initiatives/[^"]*)"', page)
        assert client.get(address).json()["title"] == "架空橋の完成"

    def test_it_tells_its_own_updates_and_corrections_and_those_of_its_figures(self, read):
        figure = make_initiative_figure()
        make_change_note(
            figure, kind="correction", text="転記の誤りでした。", field="値", old="12", new="21"
        )
        make_change_note(figure.initiative, text="写真を加えました。")
        make_change_note(text="よその更新")
        words = read(figure.initiative.get_absolute_url())
        assert "正誤 転記の誤りでした。 値： 12 → 21" in words
        assert "更新 写真を加えました。" in words
        assert "よその更新" not in words

    @pytest.mark.parametrize("status", [Status.DRAFT, Status.IN_REVIEW, Status.WITHDRAWN])
    def test_what_is_not_published_is_a_404(self, read, status):
        make_initiative(slug="bridge", status=status)
        read("/initiatives/bridge/", expect=404)

    def test_a_former_slug_never_leads_to_a_draft(self, client):
        initiative = make_initiative(slug="before")
        initiative.slug = "after"
        initiative.save()
        assert client.get("/initiatives/before/")["Location"] == "/initiatives/after/"
        initiative.status = Status.DRAFT
        initiative.save()
        assert client.get("/initiatives/before/").status_code == 404


class TestInitiativeImage:
    def test_the_picture_of_a_public_initiative_is_sent(self, client):
        answer = client.get(make_image().get_absolute_url())
        assert answer["Content-Type"] == "image/png"
        assert b"".join(answer).startswith(b"\x89PNG")

    def test_the_picture_of_a_draft_is_hidden(self, client):
        image = make_image(make_initiative(status=Status.DRAFT))
        assert client.get(image.get_absolute_url()).status_code == 404

    def test_a_file_that_is_gone_or_no_picture_is_a_404(self, client):
        gone = make_image()
        gone.image.storage.delete(gone.image.name)
        assert client.get(gone.get_absolute_url()).status_code == 404
        drawing = make_image()
        type(drawing).objects.filter(pk=drawing.pk).update(image="initiatives/a.svg")
        assert client.get(drawing.get_absolute_url()).status_code == 404


class TestIndicators:
    def test_the_list_shows_the_newest_value_with_source(self, read):
        indicator = make_indicator(name="架空の人口", unit="人")
        source = make_document(title="統計")
        make_indicator_value(indicator, year=2020, actual=5, source=source)
        make_indicator_value(
            indicator, year=2021, actual=1234, state="estimated", source=source, locator="p.4"
        )
        make_indicator_value(indicator, year=2022, actual=7, status=Status.DRAFT)
        assert "架空の人口 1,234人 令和3年度 見込み 出典： 統計 p.4" in read("/indicators/")

    def test_an_indicator_without_a_stated_number_says_so(self, read):
        indicator = make_indicator(name="架空の残高")
        make_indicator_value(indicator, actual=None, note="額は書かれていません。")
        make_indicator(name="空の指標")
        words = read("/indicators/")
        assert "架空の残高 資料に記載なし 令和2年度" in words
        assert "空の指標 資料に記載なし — — —" in words

    def test_the_page_shows_differences_with_a_triangle_and_a_dash_without_base(self, read):
        indicator = make_indicator(slug="population", unit="人")
        for year, actual in [(2018, 0), (2019, 1000), (2020, 874), (2022, 900)]:
            make_indicator_value(indicator, year=year, actual=actual)
        words = read("/indicators/population/")
        assert "平成30年度 0人 — — — 確定" in words
        assert "令和元年度 1,000人 1,000人 — — 確定" in words
        assert "令和2年度 874人 ▲126人 ▲12.6% — 確定" in words
        assert "令和4年度 900人 — — — 確定" in words

    def test_a_calendar_year_is_no_fiscal_year(self, read):
        indicator = make_indicator(slug="passports", period_kind="calendar_year")
        make_indicator_value(indicator, year=2020, actual=12, target=20, baseline=3)
        words = read("/indicators/passports/")
        assert "暦年（1月から12月まで）" in words
        assert "令和2年 12件 — — 20件 確定" in words
        assert "令和2年度" not in words
        assert "基準値：3件。" in words

    def test_it_is_linked_with_its_public_initiatives_both_ways(self, read):
        indicator = make_indicator(slug="population", name="架空の人口")
        initiative = make_initiative(title="移住の相談")
        indicator.initiatives.add(initiative, make_initiative(title="秘密", status=Status.DRAFT))
        words = read("/indicators/population/")
        assert "関連する取組 移住の相談" in words
        assert "秘密" not in words
        assert "関連する指標 架空の人口" in read(initiative.get_absolute_url())

    def test_the_files_hold_a_row_a_value_and_leave_blank_what_is_not_stated(self, read_csv):
        indicator = make_indicator(slug="population", unit="人")
        make_indicator_value(indicator, year=2019, actual=None, note="不明")
        make_indicator_value(indicator, year=2020, actual=0)
        for address in ("/indicators/", "/indicators/population/"):
            first, second = read_csv(address)
            assert (first["年（西暦）"], first["実績"], first["注記"]) == ("2019", "", "不明")
            assert (second["年（西暦）"], second["実績"], second["単位"]) == ("2020", "0", "人")
            assert second["年（和暦）"] == "令和2年度"

    def test_the_file_follows_filter_and_order_of_the_list(self, read_csv):
        for name, position in (("乙の指標", 1), ("甲の指標", 2), ("丙の数", 3)):
            make_indicator_value(make_indicator(name=name, position=position))
        rows = read_csv("/indicators/", q="指標", sort="position")
        assert [row["指標"] for row in rows] == ["乙の指標", "甲の指標"]
        names = [row["指標"] for row in read_csv("/indicators/", sort="name")]
        assert names == sorted(names)
