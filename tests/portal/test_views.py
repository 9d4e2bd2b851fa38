import csv
import datetime
import io
import re
from html import unescape
from itertools import pairwise

import pytest

from portal.publishing import Status
from tests.builders import (
    make_change_note,
    make_department,
    make_document,
    make_funding,
    make_indicator,
    make_indicator_value,
    make_initiative,
    make_initiative_figure,
    make_item,
    make_pillar,
    make_plan,
    make_policy,
    make_program,
    make_report,
    make_settlement,
    make_settlement_figure,
    make_term,
)
from tests.public_pages import arguments_of, list_addresses, make_world

pytestmark = pytest.mark.django_db


def words_of(answer) -> str:
    main = re.search(r"<main.*</main>", answer.content.decode(), re.DOTALL)[0]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", main)).split())


@pytest.fixture
def read(client):
    """Return a function that gives the words of a page, single-spaced."""

    def read(address, expect=200, **parameters):
        answer = client.get(address, parameters)
        assert answer.status_code == expect
        return words_of(answer)

    return read


@pytest.fixture
def read_csv(client):
    def read(address, **parameters):
        answer = client.get(address, {**parameters, "format": "csv"})
        assert answer["Content-Type"].startswith("text/csv")
        return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))

    return read


class TestHome:
    def test_it_leads_to_pillars_results_settlement_and_changes(self, read):
        source = make_document(title="架空の実績")
        report = make_report(title="架空県政の実績")
        pillar = make_pillar(number=1, name="道づくり")
        initiative = make_initiative(
            pillar=pillar, report=report, title="架空橋", distinctions=["全国初"], source=source
        )
        make_indicator_value(
            make_indicator(name="架空税収", unit="億円"), actual=2725, source=source, locator="p.1"
        )
        settlement = make_settlement(fiscal_year=2020, department=make_department(name="架空部"))
        make_item(settlement, name="橋の点検", amount_yen=4_016_000, source=source, locator="第2")
        make_change_note(initiative, text="写真を加えました。")
        words = read("/")
        for part in (
            "群馬県は何をして、いくら使い、どうなったか。",
            "架空税収 2,725億円 令和2年度（確定） 出典： 架空の実績 p.1",
            "令和6年8月2日に発表された「 架空県政の実績 」の取組",
            "柱1 道づくり 取組1件",
            "架空橋 全国初 出典： 架空の実績",
            "令和2年度（2020年度）の決算から読む",
            "資料に金額が書かれた項目の合計 4,016千円 （401万6,000円）",
            "橋の点検 架空部 4,016千円 （401万6,000円） 出典： 架空の実績 第2",
            "更新 取組「 架空橋 」 写真を加えました。",
        ):
            assert part in words

    def test_it_stands_on_an_empty_database(self, read):
        words = read("/")
        assert "公開中の柱はありません。" in words
        assert "決算から読む" not in words

    def test_it_names_the_newest_year_that_is_public(self, read):
        make_settlement(fiscal_year=2019)
        make_settlement(fiscal_year=2021, status=Status.DRAFT)
        assert "令和元年度（2019年度）の決算から読む" in read("/")

    def test_it_shows_the_newest_stated_value_of_an_indicator(self, read):
        indicator = make_indicator(name="架空税収", unit="億円")
        make_indicator_value(indicator, year=2021, actual=10)
        make_indicator_value(indicator, year=2022, actual=None, note="不明")
        make_indicator_value(indicator, year=2023, actual=99, status=Status.DRAFT)
        assert "架空税収 10億円 令和3年度" in read("/")

    def test_the_names_of_site_and_prefecture_are_settings(self, client, settings):
        settings.SITE_NAME = "架空県ポータル"
        settings.PREFECTURE_NAME = "架空県"
        page = client.get("/").content.decode()
        assert "<title>架空県ポータル</title>" in page
        assert "架空県は何をして" in page
        assert "群馬" not in page


class TestDepartments:
    def test_the_list_tells_years_and_counts(self, read, read_csv):
        parent = make_department(slug="kikaku", name="架空企画部", established_in=2020)
        make_department(name="架空事務所", parent=parent, abolished_in=2022)
        make_settlement(department=parent)
        make_settlement(department=parent, fiscal_year=2021, status=Status.DRAFT)
        make_initiative(departments=[parent])
        words = read("/departments/")
        assert "架空企画部 — 令和2年度 — 1件 1件" in words
        assert "架空事務所 架空企画部 資料に記載なし 令和4年度 0件 0件" in words
        row = read_csv("/departments/", q="架空企画部")[0]
        assert (row["設置年度（西暦）"], row["廃止年度（西暦）"]) == ("2020", "")
        assert row["アドレス"] == "http://testserver/departments/kikaku/"

    def test_the_page_shows_what_the_department_did_and_spent(self, read):
        source = make_document(title="架空の説明書")
        department = make_department(slug="kikaku", name="架空企画部", name_en="Planning")
        child = make_department(name="架空事務所", parent=department)
        before = make_department(name="架空旧部")
        before.successors.add(department)
        settlement = make_settlement(department=department, fiscal_year=2020, source=source)
        program = make_program(name="架空事業", department=department)
        make_item(settlement, amount_yen=16_000, program=program)
        make_initiative(title="架空橋", departments=[department])
        make_indicator(name="架空の数", department=department)
        words = read("/departments/kikaku/")
        for part in (
            "英語名 Planning",
            "設置 資料に記載なし",
            "前身 架空旧部",
            "下位の組織 架空事務所",
            "令和2年度（2020年度）の決算 （1項目） 資料に金額が書かれた項目の合計： 16千円",
            "出典： 架空の説明書",
            "取組 架空橋",
            "指標 架空の数",
            "事業 架空事業",
        ):
            assert part in words
        assert "上位の組織 架空企画部" in read(child.get_absolute_url())
        assert "引き継いだ部局 架空企画部" in read(before.get_absolute_url())

    def test_its_link_to_the_list_of_initiatives_narrows_to_them(self, client):
        department = make_department(slug="kikaku")
        make_initiative(title="この部の取組", departments=[department])
        make_initiative(title="よその取組")
        page = client.get("/departments/kikaku/").content.decode()
        addresses = re.findall(r'href="(/initiatives/\?[^"]*)"', page)
        assert addresses
        for address in map(unescape, addresses):
            text = client.get(address).content.decode()
            assert "よその取組" not in text
            assert "この部の取組" in text


class TestDocuments:
    def test_the_list_says_what_is_not_stated(self, read):
        make_document(title="架空の説明書", issued_on=None, fiscal_year=2020)
        make_document(title="秘密の紙", status=Status.DRAFT)
        words = read("/documents/")
        assert "架空の説明書 架空県、令和2年度（2020年度）について 発行日：資料に記載なし" in words
        assert "秘密の紙" not in words

    @pytest.mark.parametrize("sort", ["", "-issued_on", "issued_on"])
    def test_a_document_without_a_date_stands_last(self, read, sort):
        make_document(title="日付のない紙", issued_on=None)
        make_document(title="日付のある紙", issued_on=datetime.date(2024, 8, 2))
        words = read(f"/documents/?sort={sort}")
        assert words.index("日付のある紙") < words.index("日付のない紙")

    def test_the_page_lists_every_public_record_that_cites_it_with_counts(self, read):
        document = make_document(slug="paper", url="https://www.example.jp/paper.pdf")
        cited = {"source": document}
        make_plan(name="架空計画", locator="表紙", **cited)
        make_report(title="架空県政の実績", **cited)
        initiative = make_initiative(title="架空橋", locator="p.4", **cited)
        make_initiative_figure(initiative, **cited)
        make_initiative_figure(initiative, **cited)
        make_initiative_figure(initiative)
        other = make_document()
        elsewhere = make_initiative(title="数だけの取組", source=other, locator="よその紙のp.9")
        make_initiative_figure(elsewhere, **cited)
        make_indicator_value(make_indicator(name="値だけの指標"), **cited)
        settlement = make_settlement(
            fiscal_year=2020, department=make_department(name="架空部"), locator="第2", **cited
        )
        make_settlement_figure(make_item(settlement, "3", name="橋の点検"), **cited)
        make_funding(make_item(settlement, "4", name="財源だけの項目"), **cited)
        make_initiative(title="秘密", status=Status.DRAFT, **cited)
        words = read("/documents/paper/")
        for part in (
            "総合計画（1件）",
            "架空計画 表紙 —",
            "実績報告（1件）",
            "取組（2件）",
            "架空橋 p.4 2件",
            "数だけの取組 — 1件",
            "値だけの指標 — 1件",
            "令和2年度 架空部 第2 —",
            "決算項目（2件）",
            "3 橋の点検 — 1件",
            "4 財源だけの項目 — —",
            "https://www.example.jp/paper.pdf",
        ):
            assert part in words
        assert "秘密" not in words
        assert "よその紙" not in words

    def test_a_document_that_nothing_cites_says_so(self, read):
        make_document(slug="paper")
        assert "公開中の記録はありません。" in read("/documents/paper/")

    def test_the_file_is_sorted_like_the_page(self, read_csv):
        make_document(title="新しい紙", issued_on=datetime.date(2024, 8, 2))
        make_document(title="古い紙", issued_on=datetime.date(2020, 1, 1))
        titles = [row["題名"] for row in read_csv("/documents/", sort="issued_on")]
        assert titles == ["古い紙", "新しい紙"]
        assert read_csv("/documents/")[0]["発行日"] in ("2024-08-02", "2020-01-01")


class TestGlossary:
    def test_terms_stand_in_the_rows_of_the_syllabary(self, read):
        make_term(term="決算", reading="けっさん", explanation="一年のまとめ。")
        make_term(term="繰越", reading="くりこし", easy_explanation="つぎの としに つかう お金")
        make_term(term="予算", reading="よさん")
        make_term(term="IoT", reading="IoT")
        words = read("/glossary/")
        assert "か行 や行 その他 か行 繰越 （くりこし）" in words
        assert (
            "やさしい日本語： つぎの としに つかう お金 決算 （けっさん） 一年のまとめ。" in words
        )
        assert words.index("や行 予算") < words.index("その他 IoT")

    def test_it_is_narrowed_by_words(self, read, read_csv):
        make_term(term="決算", explanation="一年のまとめ。")
        make_term(term="予算", explanation="一年の計画。")
        assert "条件に合うもの： 1 語" in read("/glossary/", q="決算")
        assert [row["用語"] for row in read_csv("/glossary/", q="計画")] == ["予算"]
        assert "条件に合う用語はありません。" in read("/glossary/", q="宇宙")

    def test_a_term_can_be_linked_to(self, client):
        term = make_term()
        path, anchor = term.get_absolute_url().split("#")
        assert f'id="{anchor}"' in client.get(path).content.decode()


class TestSearch:
    def test_hits_are_marked_and_told_apart(self, client, read):
        settlement = make_settlement(fiscal_year=2020, department=make_department(name="架空部"))
        make_item(settlement, name="動画の制作")
        make_initiative(title="動画再生回数", summary="動画を配信しました。")
        words = read("/search/", q="動画")
        assert "「動画」の検索結果" in words
        assert "2 件" in words
        assert re.search("決算項目.? ?令和2年度 架空部", words)
        assert "<mark>動画</mark>再生回数" in client.get("/search/", {"q": "動画"}).content.decode()

    def test_facets_narrow_and_let_go(self, client, read):
        make_initiative(title="動画再生回数")
        make_term(term="動画")
        words = read("/search/", q="動画")
        assert "種類 取組（1） 用語（1）" in words
        page = client.get("/search/", {"q": "動画", "page": "1"}).content.decode()
        address = unescape(re.search(r'href="(\?[^"]*kind=initiative[^"]*)"', page)[1])
        assert "page" not in address
        narrowed = client.get(f"/search/{address}")
        assert "1 件" in words_of(narrowed)
        assert "取組（1） の絞り込み を外す" in words_of(narrowed)
        chosen = re.search(r'href="(\?[^"]*)" aria-current="true"', narrowed.content.decode())[1]
        assert "2 件" in words_of(client.get(f"/search/{unescape(chosen)}"))

    def test_nothing_found_offers_what_is_near(self, read):
        make_initiative(title="架空県立自然史博物館")
        words = read("/search/", q="架空自然博物館")
        assert "見つかりませんでした。" in words
        assert "近いもの 架空県立自然史博物館 （取組）" in words

    def test_a_page_beyond_the_last_shows_the_last(self, read, read_csv):
        for number in range(1, 24):
            make_term(term=f"動画{number:02}")
        words = read("/search/", q="動画", page=10**30)
        assert "指定のページはないため、最後のページを表示しています。" in words
        assert "2／2ページ" in words
        assert "動画 23" in words
        assert len(read_csv("/search/", q="動画", page=2)) == 23

    @pytest.mark.parametrize(
        "parameters",
        [{"kind": "x"}, {"fiscal_year": "x"}, {"department": "x"}, {"pillar": "x"}],
        ids=str,
    )
    def test_a_broken_filter_narrows_nothing_and_says_so(self, read, parameters):
        make_term(term="動画")
        words = read("/search/", q="動画", **parameters)
        assert "この条件では絞り込んでいません。" in words
        assert "1 件" in words

    def test_without_a_word_it_explains_itself(self, read):
        assert "まとめて検索します。" in read("/search/")
        assert "まとめて検索します。" in read("/search/", q="a" * 101)

    def test_a_query_is_shown_as_text(self, client):
        page = client.get("/search/", {"q": '"><script>alert(1)</script>'}).content.decode()
        assert "<script>alert" not in page


class TestOpenData:
    def test_every_file_and_every_list_of_the_api_answers(self, client):
        page = client.get("/open-data/").content.decode()
        assert "CC BY 4.0" in page
        files = re.findall(r'href="(/[^"]*format=csv)"', page)
        assert len(files) >= 9
        for address in files:
            assert client.get(address)["Content-Type"] == "text/csv; charset=utf-8", address
        lists = re.findall(r'href="(/api/v1/[a-z-]+)"', page)
        assert len(lists) >= 7
        for address in lists:
            assert client.get(address).status_code == 200, address


class TestChanges:
    def test_a_correction_shows_what_stood_there_before(self, read):
        item = make_item(name="橋の点検", code="3")
        make_change_note(
            item, kind="correction", text="転記の誤りでした。", field="決算額", old="", new="16千円"
        )
        words = read("/changes/")
        assert "令和6年9月1日 正誤 決算項目「 3 橋の点検 」 転記の誤りでした。" in words
        assert "決算額： （空欄） → 16千円" in words

    def test_updates_and_corrections_can_be_told_apart(self, read, read_csv):
        make_change_note(text="新しい写真")
        make_change_note(kind="correction", text="誤りを直した", field="名称", old="あ", new="い")
        assert "新しい写真" not in read("/changes/", kind="correction")
        (row,) = read_csv("/changes/", kind="correction")
        assert (row["種別"], row["前"], row["後"]) == ("正誤", "あ", "い")
        assert row["日付"] == "2024-09-01"
        assert row["アドレス"].startswith("http://testserver/initiatives/")

    def test_a_note_on_a_record_without_a_page_stands_without_a_link(self, client, read_csv):
        make_change_note(make_policy(name="架空の重点"), text="名称を直した")
        page = client.get("/changes/").content.decode()
        assert "重点施策「1 架空の重点」" in page
        assert 'href=""' not in page
        (row,) = read_csv("/changes/")
        assert row["アドレス"] == "http://testserver/changes/"


class TestEveryPage:
    @pytest.fixture
    def pages(self):
        addresses = list_addresses(arguments_of(**make_world()))
        return [
            address
            for address in addresses
            if address.endswith("/") and "/images/" not in address and "/api/" not in address
        ]

    def test_it_is_whole_by_itself(self, client, pages):
        assert len(pages) > 20
        for address in pages:
            page = client.get(address).content.decode()
            assert page.count("<h1") == 1, address
            assert '<main id="main"' in page, address
            assert "<title>" in page, address
            assert 'lang="ja"' in page, address
            assert not re.search(r"<[^>]*\sstyle=", page), address
            assert not re.search(r"<script(?![^>]*(\ssrc=|ld\+json))", page), address
            assert not re.search(r"\son[a-z]+=", page), address
            assert not re.search(r'(src|href|action)=""', page), address

    def test_its_headings_leave_out_no_level(self, client, pages):
        for address in pages:
            levels = [int(x) for x in re.findall(r"<h(\d)", client.get(address).content.decode())]
            assert levels[0] == 1, address
            steps = pairwise(levels)
            assert all(after <= before + 1 for before, after in steps), (address, levels)

    def test_its_own_links_all_lead_somewhere(self, client, pages):
        links = set()
        for address in pages:
            page = client.get(address).content.decode()
            found = re.findall(r'href="([^"#]+)(?:#[^"]*)?"', page)
            links |= {
                unescape(x) if x[0] == "/" else address + unescape(x)
                for x in found
                if x[0] in "/?" and not x.startswith("/static/")
            }
        assert len(links) > 60
        for link in sorted(links):
            assert client.get(link).status_code in (200, 302), link

    def test_an_unknown_address_answers_in_the_portals_design(self, client, settings):
        settings.DEBUG = False
        answer = client.get("/nothing/")
        assert answer.status_code == 404
        assert "ページが見つかりません" in words_of(answer)
        assert "群馬県 政策と決算のポータル" in answer.content.decode()


def test_a_fault_answers_with_a_page_that_needs_nothing(client, monkeypatch):
    client.raise_request_exception = False
    monkeypatch.setattr("portal.open_data.list_datasets", lambda: 1 / 0)
    answer = client.get("/open-data/")
    assert answer.status_code == 500
    assert "ただいま表示できません" in answer.content.decode()
