import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils.html import strip_tags

from portal.publishing import Status
from portal.search import Shorter, drop_words, list_examples
from tests.builders import (
    make_department,
    make_initiative,
    make_item,
    make_pillar,
    make_program,
    make_settlement,
    make_term,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def search(client):
    """Return a function that searches and gives the page's main part."""

    def ask(q="", **parameters):
        answer = client.get("/search/", {"q": q, **parameters})
        assert answer.status_code == 200
        return re.search(r"<main.*</main>", answer.content.decode(), re.DOTALL)[0]

    return ask


def read_text(html):
    return " ".join(unescape(strip_tags(html)).split())


def read_links(html):
    """Return the parameters of each link that searches again, by its text."""
    links = re.findall(r'<a href="(\?[^"]*)"[^>]*>(.*?)</a>', html, re.DOTALL)
    return {
        read_text(text): {
            name: value
            for name, (value,) in parse_qs(
                urlsplit(unescape(address)).query, keep_blank_values=True
            ).items()
        }
        for address, text in links
    }


@pytest.fixture
def world():
    """Make hits for 観光 of several kinds, years, pillars and departments."""
    planning = make_department(slug="planning", name="架空企画部")
    tourism = make_department(slug="tourism", name="架空交流部")
    pillar = make_pillar(slug="dx", number=1, name="架空の柱")
    make_initiative(
        title="観光の推進", pillar=pillar, departments=[planning], fiscal_year=2023, slug="visit"
    )
    make_initiative(title="観光の調査", departments=[tourism], fiscal_year=2020)
    settlement = make_settlement(department=planning, fiscal_year=2020)
    make_item(settlement, name="観光費", amount_yen=1_000)
    make_term(term="観光入込客", reading="かんこういりこみきゃく")


class TestHits:
    def test_a_hit_is_marked_and_says_what_it_is_and_where(self, search, world):
        page = search("観光")
        (title,) = re.findall(r'<a href="/initiatives/visit/">\s*(.*?)\s*</a>', page)
        assert title == "<mark>観光</mark>の推進"
        assert "決算項目 令和2年度 架空企画部" in read_text(page)

    def test_hits_in_titles_stand_first(self, search, world):
        make_initiative(title="別の題名", summary="観光について")
        titles = re.findall(r"<h2><a[^>]*>(.*?)</a>", search("観光"), re.DOTALL)
        assert read_text(titles[-1]) == "別の題名"

    def test_a_hit_is_no_markup(self, search):
        make_initiative(title="<script>観光</script>")
        page = search("観光")
        assert "&lt;script&gt;<mark>観光</mark>&lt;/script&gt;" in page
        assert "<script>観光" not in page

    def test_the_page_of_many_hits_counts_on(self, client):
        for _ in range(21):
            make_initiative(title="観光の取組")
        page = client.get("/search/", {"q": "観光", "page": "2"}).content.decode()
        assert '<ol class="hits" start="21">' in page
        assert "「観光」の検索結果（2ページ目）" in page


class TestFacets:
    def test_each_choice_shows_its_hits(self, search, world):
        text = read_text(search("観光"))
        for choice in (
            *("取組（2）", "決算項目（1）", "用語（1）"),
            *("令和5年度（1）", "令和2年度（2）"),
            *("架空企画部（2）", "架空交流部（1）"),
            "架空の柱（1）",
        ):
            assert choice in text

    def test_a_link_keeps_the_other_choices_and_begins_anew(self, search, world):
        links = read_links(search("観光", kind="initiative", page="1"))
        assert links["令和5年度（1）"] == {"q": "観光", "kind": "initiative", "fiscal_year": "2023"}

    def test_a_choice_that_is_made_can_be_taken_back(self, search, world):
        page = search("観光", kind="initiative", fiscal_year="2020")
        links = read_links(page)
        assert links["取組（1）の絞り込みを外す"] == {
            "q": "観光",
            "kind": "",
            "fiscal_year": "2020",
        }
        assert links["令和2年度（1）の絞り込みを外す"]["kind"] == "initiative"
        assert links["絞り込みをすべて外す"] == {"q": "観光"}
        assert page.count('aria-current="true"') == 2

    def test_a_choice_without_a_hit_can_be_taken_back_too(self, search, world):
        page = search("観光", kind="report", fiscal_year="1999", department="tourism", pillar="dx")
        links = read_links(page)
        for name, label in {
            "kind": "実績報告（0）",
            "fiscal_year": "平成11年度（0）",
            "department": "架空交流部（0）",
            "pillar": "1 架空の柱（0）",
        }.items():
            assert links[f"{label}の絞り込みを外す"][name] == ""

    def test_what_is_hidden_is_not_counted(self, search, world):
        make_initiative(title="観光の秘密", status=Status.DRAFT)
        assert "取組（2）" in read_text(search("観光"))

    def test_a_broken_choice_is_said_and_narrows_nothing(self, search, world):
        page = search("観光", kind="secret", fiscal_year="いつか")
        assert "「種類」の指定を読み取れなかったため" in page
        assert "4件" in read_text(page)


class TestNothingFound:
    def test_fewer_words_are_offered_with_their_hits(self, search, world):
        page = search("観光 推進 ロケット")
        assert "見つかりませんでした" in page
        assert "観光 推進（1件）" in read_text(page)
        assert read_links(page)["観光 推進"] == {"q": "観光 推進"}
        assert read_links(page)["観光"] == {"q": "観光"}
        assert "ロケット（" not in page

    def test_fewer_words_keep_the_narrowing(self, search, world):
        links = read_links(search("観光 ロケット", kind="initiative"))
        assert links["観光"] == {"q": "観光", "kind": "initiative"}
        assert "（2件）" in search("観光 ロケット", kind="initiative")

    def test_the_nearest_titles_and_the_nearest_term_are_named(self, search, world):
        text = read_text(search("観光入込電車"))
        assert "近い用語 観光入込客" in text
        assert "近いもの" in text
        assert "観光の推進（取組）" in text

    def test_without_anything_near_there_is_a_sentence_alone(self, search):
        page = search("龍")
        assert "見つかりませんでした" in page
        assert "<h2>" not in page

    def test_what_is_hidden_is_not_offered(self, search):
        make_initiative(title="秘密の観光", status=Status.DRAFT)
        page = search("観光 ロケット")
        assert "秘密" not in page
        assert "ことばを減らすと" not in page

    @pytest.mark.parametrize("query", ["", "観光", "、 。", "観光 観光", "ロケット 龍"])
    def test_nothing_is_dropped_where_that_finds_no_more(self, query):
        make_initiative(title="観、光")
        assert drop_words(query) == []

    def test_at_most_five_words_are_dropped(self, world):
        found = drop_words(" ".join(["観光", "龍", "鳳", "龜", "鸞", "推進"]))
        assert found == [Shorter("観光", 4)]


class TestEmptyQuery:
    def test_examples_lead_to_hits(self, search):
        make_initiative(distinctions=["全国初"])
        make_initiative(distinctions=["全国初", "過去最高"])
        make_initiative(distinctions=["秘密初"], status=Status.DRAFT)
        make_item(program=make_program(name="架空の広報事業"))
        examples = list_examples()
        assert examples == ["全国初", "過去最高", "架空の広報事業"]
        page = search()
        for example in examples:
            assert read_links(page)[example]["q"] == example
            assert "見つかりませんでした" not in search(example)

    def test_it_stands_on_an_empty_database(self, search):
        page = search()
        assert "検索の例" not in page
        assert "まとめて検索します" in page


def test_the_number_of_queries_stays_within_bounds(client, world, django_assert_max_num_queries):
    for query in (
        "",
        "q=観光",
        "q=観光&kind=initiative&fiscal_year=2020&department=tourism&pillar=dx",
        "q=観光 推進 ロケット 電車 龍 海&kind=initiative&pillar=dx",
    ):
        client.get(f"/search/?{query}")
        with django_assert_max_num_queries(25):
            client.get(f"/search/?{query}")


def test_the_box_that_waits_for_the_conversion_is_a_search_field(client):
    page = client.get("/search/").content.decode()
    assert page.count('type="search"') == 2
    assert '<script type="module" src="/static/portal/search.js"></script>' in page
