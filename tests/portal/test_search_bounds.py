"""However many records hold the words: what is read stays small, what is told stays true."""

import datetime
import re
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from budgets.models import Settlement, SettlementItem
from portal import search as searching
from portal.models import SearchEntry
from portal.publishing import Status
from portal.search import FacetValue, Search, Shorter, count_facets, drop_words, find, suggest
from portal.search_index import filter_by_text
from portal.searchable import SEARCHABLES, fill_index, rebuild, rebuild_all
from tests.builders import (
    make_department,
    make_document,
    make_effort,
    make_initiative,
    make_item,
    make_policy,
    make_program,
    make_settlement,
    make_settlement_figure,
    make_term,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def few(monkeypatch):
    """Let more than four hits, or two of a shorter query, be too many; and read titles of two."""
    monkeypatch.setattr(searching, "MAX_FOUND", 4)
    monkeypatch.setattr(searching, "FEW", 2)
    monkeypatch.setattr(searching, "MAX_COUNTED", 2)


def titles(query, **narrowing):
    return [hit.title for hit in find(query, **narrowing).results]


class TestMoreThanAreRead:
    def test_the_count_says_that_it_is_the_least(self, few):
        for number in range(4):
            make_document(title=f"温泉{number}")
        assert find("温泉").count == 4
        assert find("温泉").is_exact

        make_document(title="温泉の五")
        found = find("温泉")
        assert (found.count, found.is_exact, len(found.results)) == (4, False, 4)
        assert find("温泉", offset=4).results == []
        assert find("温泉", offset=3, limit=20).results == found.results[3:]

    def test_the_best_hits_are_among_those_that_are_read(self, few):
        for number in range(9):
            make_initiative(title=f"別の取組{number}", summary="温泉について")
        make_term(term="温泉", reading="おんせん")
        make_item(name="温泉の費用")

        assert titles("温泉")[:2] == ["温泉の費用", "温泉"]
        assert len(titles("温泉")) == 4

    def test_a_narrowed_search_finds_what_stands_behind_many_others(self, few):
        department = make_department(slug="baths")
        for year in range(9):
            make_item(make_settlement(fiscal_year=2001 + year), name="温泉")
        make_item(make_settlement(fiscal_year=2020, department=department), name="温泉の末")
        make_document(title="温泉の資料", fiscal_year=2020)

        assert titles("温泉", fiscal_year=2020) == ["温泉の末", "温泉の資料"]
        assert titles("温泉", department="baths") == ["温泉の末"]
        assert titles("温泉", kinds=["document"]) == ["温泉の資料"]
        assert find("温泉", fiscal_year=2020).is_exact
        assert titles("温泉", fiscal_year=1999) == []
        assert titles("温泉", fiscal_year=10**30) == []

    def test_what_is_hidden_takes_no_place(self, few):
        for _ in range(9):
            make_initiative(title="温泉", status=Status.DRAFT)
        shown = make_document(title="温泉")

        found = find("温泉")
        assert [hit.url for hit in found.results] == [shown.get_absolute_url()]
        assert (found.count, found.is_exact) == (1, True)

    def test_facets_offer_every_choice_and_count_none(self, few):
        make_settlement(fiscal_year=1999, status=Status.DRAFT)
        for year in (2019, 2020, 2020, 2020, 2020):
            make_document(title="温泉", fiscal_year=year)

        facets = count_facets("温泉")

        assert facets["fiscal_year"] == [
            FacetValue("2020", "令和2年度"),
            FacetValue("2019", "令和元年度"),
        ]
        assert FacetValue("document", "出典資料") in facets["kind"]
        assert {choice.count for values in facets.values() for choice in values} == {None}

    def test_a_shorter_query_tells_the_least(self, few):
        for _ in range(3):
            make_document(title="温泉")
        make_document(title="河川")

        assert drop_words("温泉 河川") == [Shorter("河川", 1), Shorter("温泉", 2, is_exact=False)]

    def test_a_title_is_suggested_by_its_rare_pairs(self, few):
        for _ in range(5):
            make_document(title="温泉")
        make_program(name="別の事業")
        near = make_document(title="温泉図鑑")

        assert near.title in [each.title for each in suggest("温泉図鑑集成")]

    def test_the_page_says_so_and_counts_no_choice(self, few, client):
        for year in (2019, 2020, 2020, 2020, 2020):
            make_document(title="温泉", fiscal_year=year)

        page = client.get("/search/", {"q": "温泉"}).content.decode()
        assert "<strong>4</strong>件以上" in page
        assert "この検索結果の初めの4件をCSVで保存" in page
        assert re.search(r">令和2年度</a>", page)
        narrowed = client.get("/search/", {"q": "温泉", "fiscal_year": "2019"}).content.decode()
        assert "<strong>1</strong>件　" in narrowed

    def test_the_api_says_so_and_ends_there(self, few, client):
        for _ in range(5):
            make_document(title="温泉")

        answer = client.get("/api/v1/search", {"q": "温泉", "limit": "3"}).json()
        assert (answer["count"], answer["count_is_exact"]) == (4, False)
        following = urlsplit(answer["next"])
        rest = client.get(f"{following.path}?{following.query}").json()
        assert (len(rest["items"]), rest["next"]) == (1, None)
        exact = client.get("/api/v1/search", {"q": "河川"}).json()
        assert (exact["count"], exact["count_is_exact"]) == (0, True)


class TestTheGateAtOnce:
    @pytest.mark.parametrize("number", [2, 9])
    def test_a_withdrawal_by_update_hides_at_once(self, few, number):
        settlement = make_settlement()
        for place in range(number):
            make_item(settlement, str(place + 1), name="温泉")
        assert find("温泉").count == min(number, 4)

        Settlement.objects.update(status=Status.WITHDRAWN)
        assert find("温泉") == searching.Found([], 0)
        assert suggest("温泉宿") == []

    @pytest.mark.parametrize("number", [2, 9])
    def test_an_expiry_hides_without_a_write(self, few, number, monkeypatch):
        end = timezone.now() + datetime.timedelta(days=1)
        for _ in range(number):
            make_initiative(title="温泉", publish_until=end)
        assert find("温泉").count == min(number, 4)

        monkeypatch.setattr("django.utils.timezone.now", lambda: end)
        assert find("温泉").count == 0


class TestBoundedWork:
    """Steps of SQLite's machine, and rows that PostgreSQL answers, instead of time.

    PostgreSQL's plan for some hundred rows tells nothing: it reads so small a table whole.
    """

    def cost_of(self, query, **narrowing):
        with CaptureQueriesContext(connection) as captured:
            if connection.vendor == "sqlite":
                steps = 0

                def count_step():
                    nonlocal steps
                    steps += 1

                connection.connection.set_progress_handler(count_step, 1)
                try:
                    self.ask(query, **narrowing)
                finally:
                    connection.connection.set_progress_handler(None, 1)
                return steps, len(captured)
            self.ask(query, **narrowing)
        rows = 0
        for statement in [each["sql"] for each in captured.captured_queries]:
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT COUNT(*) FROM ({statement}) answered")
                rows += cursor.fetchone()[0]
        return rows, len(captured)

    def ask(self, query, **narrowing):
        search = Search(query, **narrowing)
        search.list_hits(2)
        search.count_facets()

    @pytest.mark.parametrize("query", ["温泉", "温泉 地域", "温"])
    @pytest.mark.parametrize("narrowing", [{}, {"fiscal_year": 2020}])
    def test_twenty_times_the_hits_are_no_more_work(self, few, query, narrowing):
        settlement = make_settlement()
        items = [make_item(settlement, str(n + 1), name="温泉の地域") for n in range(10)]
        small, queries = self.cost_of(query, **narrowing)
        model = type(items[0])
        fields = [f.name for f in model._meta.concrete_fields if f.name not in ("id", "code")]
        kept = {name: getattr(items[0], name) for name in fields}
        model.objects.bulk_create(model(code=str(n), **kept) for n in range(11, 201))
        rebuild("settlement_item")

        large, more_queries = self.cost_of(query, **narrowing)

        assert SearchEntry.objects.filter(title="温泉の地域").count() == 200
        assert more_queries == queries
        assert large < 2 * small + (300 if connection.vendor == "sqlite" else 0)


class TestWriting:
    def test_what_is_right_already_is_not_written(self):
        item = make_item()
        with CaptureQueriesContext(connection) as captured:
            assert rebuild("settlement_item", [item.pk]) == 1
        assert not [each for each in captured.captured_queries if "INSERT" in each["sql"]]

        SearchEntry.objects.filter(title=item.name).update(body="別の文")
        rebuild("settlement_item", [item.pk])
        assert not SearchEntry.objects.filter(body="別の文").exists()

    def test_an_item_read_in_bulk_is_what_its_instance_tells(self):
        settlement = make_settlement(department=make_department(name="架空戦略部"))
        item = make_item(
            settlement,
            "1.2.3",
            name="項目",
            body="**強い**文\n\n二段目",
            program=make_program(name="事業", aliases=["別称"]),
        )
        make_effort(make_policy(settlement), name="取組", item=item)
        figure = make_settlement_figure(item, group="区分", label="件数", value=97, note="注")

        (texts,) = SEARCHABLES["settlement_item"].read([item.pk])

        assert texts.title == item.name
        assert texts.context == str(settlement)
        assert texts.address == item.get_absolute_url()
        assert texts.texts == [
            *("強い文\n二段目", "", f"{figure} {figure.period} {figure.note}", "取組"),
            *("事業", "別称"),
        ]
        assert texts.number == item.label

    def test_the_number_of_an_item_is_found_and_is_in_no_excerpt(self, client):
        settlement = make_settlement(status="published")
        make_item(settlement, "1.2", name="温泉の振興")
        make_item(settlement, "1.3", name="温泉の地図", body="湯を配る。")
        assert [hit.excerpt for hit in find("温泉").results] == ["", "湯を配る。"]
        assert [hit.title for hit in find("(2) 温泉").results] == ["温泉の振興"]
        page = client.get(reverse("search"), {"q": "温泉"}).content.decode()
        assert "<mark>温泉</mark>の振興" in page
        assert "<p></p>" not in page

    def test_a_moved_initiative_is_narrowed_by_its_new_department(self, few):
        one, two = make_department(slug="one"), make_department(slug="two")
        for number in range(9):
            make_initiative(title=f"温泉{number}", departments=[two])
        initiative = make_initiative(title="温泉の末", departments=[one])
        assert titles("温泉", department="one") == ["温泉の末"]

        initiative.departments.set([two])
        assert titles("温泉", department="one") == []
        one.slug = "renamed"
        one.save()
        initiative.departments.set([one])
        assert titles("温泉", department="renamed") == ["温泉の末"]


class TestWhateverTheWords:
    @pytest.mark.parametrize("query", ["温泉", "泉", "温泉 河川", "河川 泉", "温泉街の地図"])
    def test_the_order_is_the_same_whether_titles_are_read_or_asked_for(self, query, monkeypatch):
        make_document(title="資料の一", note="温泉と河川の地図")
        make_document(title="温泉、街の地図", note="河川と温泉街の地図")
        make_document(title="河川の資料", note="温泉")
        make_document(title="温泉街の地図と河川", note="")
        make_initiative(title="温泉", summary="河川")
        make_term(term="源泉", reading="げんせん", explanation="河川の温泉街の地図")
        read = titles(query)

        for few, many in [(0, 300), (2, 0), (4, 0)]:
            monkeypatch.setattr(searching, "FEW", few)
            monkeypatch.setattr(searching, "MANY", many)
            assert titles(query) == read
            assert [titles(query, limit=1, offset=place)[0] for place in range(len(read))] == read
        assert len(read) > 1

    def test_a_single_character_is_found_first_in_titles(self):
        make_document(title="河川の資料", note="源泉の地図")
        make_term(term="温泉", reading="おんせん")

        assert titles("泉") == ["温泉", "河川の資料"]
        assert titles("泉 河") == ["河川の資料"]
        assert titles("林") == []
        assert suggest("泉") == []

    def test_of_very_many_hits_each_is_told_once(self, few):
        for number in range(45):
            make_document(title=f"温泉{number}")
        make_term(term="温泉", reading="おんせん")

        pages = [find("温泉", offset=offset, limit=2) for offset in (0, 2)]
        urls = [hit.url for page in pages for hit in page.results]
        assert len(set(urls)) == 4
        assert {page.is_exact for page in pages} == {False}
        assert titles("温泉", kinds=["glossary_term"]) == ["温泉"]
        assert titles("44") == ["温泉44"]

    def test_a_word_of_pairs_that_do_not_follow_each_other_is_not_found(self):
        make_document(title="温泉、泉源", note="源泉、泉源地")

        assert titles("温泉源") == []
        assert titles("泉源地") == titles("源泉") == ["温泉、泉源"]
        assert titles("温泉源地") == []

    @pytest.mark.skipif(connection.vendor != "postgresql", reason="needs PostgreSQL")
    def test_postgresql_reads_the_index_alone(self):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT proname, proconfig, provolatile FROM pg_proc"
                " WHERE proname LIKE 'portal_find%' ORDER BY proname"
            )
            assert cursor.fetchall() == [
                ("portal_find", ["enable_seqscan=off", "plan_cache_mode=force_generic_plan"], "v"),
                ("portal_find_many", None, "v"),
            ]

    @pytest.mark.skipif(connection.vendor != "sqlite", reason="needs SQLite")
    def test_sqlite_does_not_look_for_each_hit_in_each_settlement(self):
        items = filter_by_text(SettlementItem.objects.published(), "settlement_item", "温泉")
        plan = items.order_by().explain()

        assert "budgets_settlementitem" in plan
        assert "rowid=?" not in plan.replace("PRIMARY KEY (rowid=?)", "")


class TestTheIndexAfterAMigration:
    def test_an_index_that_a_migration_emptied_is_filled(self):
        document = make_document(title="温泉")
        SearchEntry.objects.all().delete()

        fill_index()  # it is no `migrate` that asks
        assert find("温泉").count == 0
        fill_index(plan=[])  # all migrations were done by a run that was killed after them
        assert titles("温泉") == [document.title]
        assert sum(rebuild_all().values()) == SearchEntry.objects.count()
