"""What holds for the whole API: lists, errors, headers, and that nothing unpublished shows."""

import datetime
import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from initiatives.models import IndicatorValue
from portal.models import SearchKind
from portal.publishing import Status
from tests.api_world import LISTS, make_world
from tests.builders import (
    make_department,
    make_document,
    make_indicator,
    make_indicator_value,
    make_initiative,
    make_initiative_figure,
    make_item,
    make_pillar,
    make_report,
    make_settlement,
    make_settlement_figure,
)

pytestmark = pytest.mark.django_db

SECRET = "門外不出"
DETAILS = ["pillars", "reports", "initiatives", "indicators", "departments", "documents"]


class TestLists:
    @pytest.mark.parametrize("path", LISTS)
    def test_a_list_holds_items_and_their_count(self, get_json, path):
        assert get_json(path) == {"items": [], "count": 0, "next": None}
        make_world("a")
        answer = get_json(path)
        assert answer["count"] == len(answer["items"]) >= 1

    @pytest.mark.parametrize("path", LISTS)
    def test_paging_shows_each_row_once(self, get_json, path):
        make_world("a", size=3)
        whole = get_json(path)
        pages = []
        for offset in range(0, whole["count"], 2):
            page = get_json(path, limit=2, offset=offset)
            assert page["count"] == whole["count"]
            assert len(page["items"]) <= 2
            pages += page["items"]
        assert pages == whole["items"]

    def test_a_hundred_rows_unless_asked_for_more(self, get_json):
        for _ in range(101):
            make_department()
        assert len(get_json("departments")["items"]) == 100
        assert len(get_json("departments", limit=1000)["items"]) == 101
        beyond = get_json("departments", offset=100_000)
        assert beyond == {"items": [], "count": 101, "next": None}


class TestBadParameters:
    @pytest.mark.parametrize(
        ("parameter", "value", "sentence"),
        [
            ("limit", "0", "limit：1以上の整数で書いてください。"),
            ("limit", "1001", "limit：1000以下の整数で書いてください。"),
            ("limit", "ten", "limit：整数で書いてください。"),
            ("limit", "", "limit：整数で書いてください。"),
            ("offset", "-1", "offset：0以上の整数で書いてください。"),
            ("offset", "9" * 30, "offset：1000000000以下の整数で書いてください。"),
            ("offset", "9" * 5000, "offset：整数で書いてください。"),
            ("offset", "\0", "offset に使えない文字（NUL）があります。"),
            (
                "colour",
                "red",
                "「colour」というパラメーターはありません。使えるもの：limit、offset",
            ),
        ],
    )
    def test_a_bad_value_is_named_in_a_sentence(self, get_json, parameter, value, sentence):
        for path in [*LISTS, "search"]:
            parameters = {"q": "県"} if path == "search" else {}
            answer = get_json(path, expect=422, **parameters, **{parameter: value})
            (problem,) = answer["errors"]
            assert problem["parameter"] == parameter
            assert problem["message"].startswith(sentence)
            assert answer["detail"] == answer["message"] == problem["message"]
            assert problem["message_en"]

    def test_all_that_is_wrong_is_told_at_once(self, get_json):
        answer = get_json("settlement-items", expect=422, limit="x", level="9", order="size")
        assert [problem["parameter"] for problem in answer["errors"]] == ["limit", "level", "order"]

    def test_a_repeated_parameter_is_refused(self, client):
        answer = client.get("/api/v1/pillars?limit=1&limit=2")
        assert answer.status_code == 422
        assert "limit は1回だけ書いてください。" in answer.json()["message"]

    @pytest.mark.parametrize(
        "year", ["20", "令和2年", "R99", "平成50年度", "二〇二〇", "", "1", "99999"]
    )
    def test_what_is_no_fiscal_year_is_refused(self, get_json, year):
        for path in ["settlements", "settlement-items", "figures", "initiatives", "checks"]:
            (problem,) = get_json(path, expect=422, fiscal_year=year)["errors"]
            assert problem["parameter"] == "fiscal_year"
            assert problem["message"].startswith("fiscal_year：")

    @pytest.mark.parametrize("year", ["2020", "２０２０", "令和2年度", "R2", "2020年度"])
    def test_a_fiscal_year_may_be_written_as_people_do(self, get_json, year):
        make_world("a")
        for path in ["settlements", "settlement-items", "figures", "initiatives", "checks"]:
            assert get_json(path, fiscal_year=year)["count"] >= 1
            assert get_json(path, fiscal_year="2019")["count"] == 0

    @pytest.mark.parametrize("slug", ["nai", "", "架空", "%", "a" * 5000])
    def test_a_department_that_there_is_not_is_refused(self, get_json, slug):
        make_world("a")
        for path in ["settlements", "settlement-items", "figures", "initiatives", "checks"]:
            (problem,) = get_json(path, expect=422, department=slug)["errors"]
            assert problem["message"].endswith("という部局はありません。")
            assert get_json(path, department="department-a") is not None

    def test_detail_paths_know_no_parameter(self, get_json):
        make_pillar(slug="dx")
        answer = get_json("pillars/dx", expect=422, lang="en")
        assert answer["message"] == "「lang」というパラメーターはありません。使えるもの：なし。"


class TestUnknown:
    @pytest.mark.parametrize(
        "path",
        [
            *("nai", "pillars/", "pillars/nai", "reports/nai", "initiatives/nai"),
            *("departments/nai", "documents/nai", "indicators/nai", "settlements/2020/nai"),
            *(
                "settlements/2020/nai/items/1",
                "settlements/2020",
                "pillars/%00",
                "pillars/a%ED%A0%80",
            ),
            *("settlements/2020/a/items/%00", "settlements/2020/a/items/" + "1." * 3000, "架空"),
        ],
    )
    def test_a_404_is_json_with_a_sentence(self, get_json, path):
        answer = get_json(path, expect=404)
        assert answer["detail"].startswith("お探しのものはありません。")
        assert answer["detail_en"].startswith("Not found.")
        assert (answer["type"], answer["status"]) == ("/api/v1/docs#problem-404", 404)
        assert answer["title"] == "見つかりません"
        assert answer["errors"] == []
        # The names that these had before.
        assert (answer["message"], answer["message_en"]) == (answer["detail"], answer["detail_en"])

    def test_an_unknown_year_or_code_of_a_settlement_is_404_and_no_year_422(self, get_json):
        make_item(make_settlement(department=make_department(slug="d")))
        assert get_json("settlements/2020/d/items/1")["code"] == "1"
        for path in [
            "settlements/2021/d",
            "settlements/2020/d/items/2",
            "settlements/2020/d/items/x",
        ]:
            get_json(path, expect=404)
        answer = get_json("settlements/then/d", expect=422)
        assert answer["errors"][0]["parameter"] == "fiscal_year"

    @pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
    def test_nothing_can_be_written(self, client, method):
        answer = getattr(client, method)("/api/v1/pillars")
        assert answer.status_code == 405
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json()["detail"] == "このAPIは読み取り専用です。GETでお尋ねください。"
        assert answer["Allow"] == "GET, HEAD, OPTIONS"

    def test_a_failure_is_a_sentence_too(self, client, monkeypatch):
        def fail(*args, **kwargs):
            raise RuntimeError(SECRET)

        monkeypatch.setattr("portal.records_api.Search", fail)
        client.raise_request_exception = False
        answer = client.get("/api/v1/search?q=県")
        assert answer.status_code == 500
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json()["message"].startswith("サーバーで問題が起きました。")
        assert SECRET not in answer.content.decode()


class TestHeaders:
    PATHS = ["/api/v1/pillars", "/api/v1/pillars/nai", "/api/v1/pillars?limit=x", "/api/v1/nai"]

    @pytest.mark.parametrize("path", PATHS)
    def test_every_origin_may_read_every_answer(self, client, path):
        assert client.get(path)["Access-Control-Allow-Origin"] == "*"
        asked = client.options(path, headers={"Access-Control-Request-Method": "GET"})
        assert (asked.status_code, asked.content) == (204, b"")
        assert asked["Access-Control-Allow-Origin"] == "*"
        assert asked["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"

    @pytest.mark.parametrize("path", PATHS)
    def test_head_answers_as_get_without_the_body(self, client, path):
        got, head = client.get(path), client.head(path)
        assert head.status_code == got.status_code
        assert head.content == b""
        assert head["Content-Type"] == got["Content-Type"]
        assert head.get("ETag") == got.get("ETag")

    @pytest.mark.parametrize("path", LISTS)
    def test_an_unchanged_answer_is_not_sent_again(self, client, path):
        first = client.get(f"/api/v1/{path}")
        again = client.get(f"/api/v1/{path}", headers={"If-None-Match": first["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again["Access-Control-Allow-Origin"] == "*"
        make_world("a")
        changed = client.get(f"/api/v1/{path}", headers={"If-None-Match": first["ETag"]})
        assert changed.status_code == 200
        assert changed["ETag"] != first["ETag"]

    def test_pages_are_left_as_they_are(self, client):
        assert "Access-Control-Allow-Origin" not in client.get("/robots.txt")

    def test_japanese_is_written_as_it_is(self, client):
        make_department(name="架空戦略部")
        assert "架空戦略部" in client.get("/api/v1/departments").content.decode()


@pytest.mark.parametrize("kind", DETAILS)
def test_a_record_answers_what_its_list_says_of_it(get_json, kind):
    path = make_world("a")[kind]
    listed = next(item for item in get_json(kind)["items"] if path.endswith(f"/{item['slug']}"))
    detail = get_json(path)
    assert {name: detail[name] for name in listed} == listed
    assert detail["url"].startswith(f"http://testserver/{kind}/")


class TestFormerSlugs:
    @pytest.mark.parametrize("kind", DETAILS)
    def test_a_renamed_record_is_redirected_to(self, client, kind):
        make = {
            "pillars": make_pillar,
            "reports": make_report,
            "initiatives": make_initiative,
            "indicators": make_indicator,
            "departments": make_department,
            "documents": make_document,
        }[kind]
        record = make(slug="former")
        record.slug = "present"
        record.save()
        answer = client.get(f"/api/v1/{kind}/former")
        assert (answer.status_code, answer["Location"]) == (301, f"/api/v1/{kind}/present")
        assert answer["Access-Control-Allow-Origin"] == "*"
        assert client.get(answer["Location"]).json()["slug"] == "present"

    def test_a_settlement_follows_its_department(self, client):
        department = make_department(slug="former")
        make_item(make_settlement(department=department))
        department.slug = "present"
        department.save()
        for tail in ["", "/items/1"]:
            answer = client.get(f"/api/v1/settlements/2020/former{tail}")
            assert answer.status_code == 301
            assert answer["Location"] == f"/api/v1/settlements/2020/present{tail}"

    def test_a_hidden_record_is_not_given_away(self, get_json):
        initiative = make_initiative(slug="former", status=Status.DRAFT)
        initiative.slug = "hidden"
        initiative.save()
        get_json("initiatives/former", expect=404)


class TestOnlyWhatIsPublished:
    def assert_hidden(self, client, details):
        for path in [
            *(f"{path}?limit=1000" for path in LISTS),
            *("search?q=門外", "initiatives?q=門外", "figures?q=門外", "settlement-items?q=門外"),
            *details.values(),
        ]:
            answer = client.get(f"/api/v1/{path}")
            assert SECRET not in answer.content.decode(), path

    @pytest.mark.parametrize("status", [Status.DRAFT, Status.IN_REVIEW, Status.WITHDRAWN])
    def test_nothing_in_another_state_shows(self, client, get_json, status):
        public = make_world("a")
        hidden = make_world("b", text=SECRET, status=status)
        self.assert_hidden(client, public | {f"hidden {kind}": p for kind, p in hidden.items()})
        for kind, path in hidden.items():
            if kind != "departments":
                get_json(path, expect=404)
        assert get_json("search", q="門外")["count"] == 0
        assert get_json("pillars")["items"][0]["initiative_count"] == 1

    def test_nothing_shows_before_or_after_its_time(self, client):
        now, day = timezone.now(), datetime.timedelta(days=1)
        details = make_world("a")
        make_world("b", text=SECRET, publish_from=now + day)
        make_world("c", text=SECRET, publish_until=now - day)
        self.assert_hidden(client, details)

    def test_internal_notes_never_show(self, client):
        self.assert_hidden(client, make_world("a", internal_note=SECRET))

    def test_a_hidden_document_is_not_cited(self, client, get_json):
        document = make_document(title=SECRET, slug="hidden", status=Status.DRAFT)
        details = make_world("a")
        cited = {"source": document, "locator": SECRET}
        report = make_report(slug="r", **cited)
        initiative = make_initiative(slug="i", report=report, **cited)
        make_initiative_figure(initiative, **cited)
        make_indicator_value(make_indicator(slug="n", **cited), **cited)
        item = make_item(make_settlement(**cited), **cited)
        make_settlement_figure(item, **cited)
        self.assert_hidden(
            client, details | {"r": "reports/r", "i": "initiatives/i", "n": "indicators/n"}
        )
        nowhere = {"document": None, "title": None, "url": None, "locator": ""}
        answer = get_json("initiatives/i")
        assert answer["source"] == nowhere
        assert answer["figures"][0]["source"] == nowhere

    def test_hidden_values_years_and_shares_do_not_show(self, client, get_json):
        details = make_world("a")
        hidden = {"status": Status.DRAFT}
        indicator = IndicatorValue.objects.get().indicator
        make_indicator_value(indicator, year=2031, note=SECRET, **hidden)
        section = make_department(slug="s")
        make_item(make_settlement(fiscal_year=2031, department=section, **hidden), name=SECRET)
        public = get_json("settlements/2020/section-a/items/1.1")["initiatives"]
        self.assert_hidden(client, details)
        assert [value["year"] for value in get_json("indicators")["items"][0]["values"]] == [2020]
        assert get_json("settlements", fiscal_year=2031)["count"] == 0
        assert get_json("settlements/2020/section-a/items/1.1")["initiatives"] == public

    def test_a_whole_of_another_record_does_not_show(self, client):
        details = make_world("a")
        elsewhere = make_initiative_figure(
            make_initiative(status=Status.DRAFT), label=SECRET, kind="activity"
        )
        make_initiative_figure(make_initiative(slug="i"), part_of=elsewhere)
        item = make_item(make_settlement(status=Status.DRAFT))
        hidden = make_settlement_figure(item, label=SECRET)
        make_settlement_figure(part_of=hidden)
        self.assert_hidden(client, details | {"i": "initiatives/i"})


class TestQueries:
    """At most twelve a request, and not one more for ten times the rows."""

    def count(self, client, path):
        client.get(path)  # whatever is loaded once a process
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get(path).status_code == 200
        return len(queries)

    def test_ten_times_the_rows_take_no_more_queries(self, client, monkeypatch):
        monkeypatch.setattr("portal.search.FEW", 0)  # a search of few hits takes one less
        details = make_world("a")
        filtered = [
            "initiatives?pillar=pillar-a&report=report-a&department=department-a&fiscal_year=2020&q=架空",
            "settlement-items?fiscal_year=2020&department=section-a&q=架空&order=-amount_yen&level=2",
            "figures?fiscal_year=2020&kind=expenditure&q=架空",
            "checks?fiscal_year=2020&status=partial",
            # Whoever asks for fewer than there are lets PostgreSQL look once more, kind by kind.
            "search?q=架空&limit=1000",
        ]
        paths = [f"/api/v1/{path}" for path in [*LISTS, *details.values(), *filtered]]
        before = {path: self.count(client, path) for path in paths}
        make_world("b", size=10)
        after = {path: self.count(client, path) for path in paths}
        assert after == before
        # Where nothing is kept of the edition, a search asks once for each kind that it meets.
        bounds = {"/api/v1/search?q=架空&limit=1000": 16}
        assert {path: n for path, n in after.items() if n > bounds.get(path, 12)} == {}

    def test_a_large_settlement_takes_no_more_queries_than_a_small_one(self, client):
        small = make_world("a")["settlements"]
        document = make_document()
        settlement = make_settlement(fiscal_year=2019, department=make_department(slug="many"))
        for number in range(1, 21):
            item = make_item(settlement, f"1.{number}", amount_yen=1_000, source=document)
            make_settlement_figure(item, kind="expenditure", value=1)
        large = self.count(client, "/api/v1/settlements/2019/many")
        assert large <= self.count(client, f"/api/v1/{small}")


class TestDepartments:
    def test_a_department_names_what_is_above_it_and_what_follows_it(self, get_json):
        new = make_department(slug="new", name="新しい架空部", established_in=2022)
        above = make_department(slug="above", position=1)
        department = make_department(
            slug="d",
            name="架空戦略部",
            name_en="Fictitious Strategy Department",
            parent=above,
            established_in=2020,
            abolished_in=2022,
            position=2,
        )
        department.successors.add(new)
        assert get_json("departments/d") == {
            "slug": "d",
            "name": "架空戦略部",
            "name_en": "Fictitious Strategy Department",
            "parent": "above",
            "established_in": 2020,
            "abolished_in": 2022,
            "successors": [{"slug": "new", "name": "新しい架空部"}],
            "description": "",
            "url": "http://testserver/departments/d/",
        }
        listed = get_json("departments")["items"]
        assert [each["slug"] for each in listed] == ["new", "above", "d"]
        assert [each["parent"] for each in listed] == [None, None, "above"]


class TestDocuments:
    def test_a_document_lists_what_cites_it(self, get_json):
        document = make_document(
            slug="paper",
            title="架空県の実績",
            fiscal_year=2020,
            url="https://www.example.jp/paper.pdf",
        )
        cited = {"source": document, "locator": "p.3"}
        report = make_report(slug="r", title="架空の報告", **cited)
        initiative = make_initiative(slug="i", title="架空の取組", report=report)
        make_initiative_figure(initiative, **cited)
        make_initiative_figure(initiative, **cited)
        settlement = make_settlement(department=make_department(slug="d"))
        make_item(settlement, "1", name="架空費", **cited)
        make_item(settlement, "2", name="別の費目")
        answer = get_json("documents/paper")
        assert answer["issued_on"] == "2021-09-01"
        assert answer["original_url"] == "https://www.example.jp/paper.pdf"
        assert answer["cited_by_count"] == 3
        assert answer["cited_by"] == [
            {
                "kind": "report",
                "title": "架空の報告",
                "locator": "p.3",
                "figure_count": 0,
                "url": "http://testserver/reports/r/",
            },
            {
                "kind": "initiative",
                "title": "架空の取組",
                "locator": "",
                "figure_count": 2,
                "url": "http://testserver/initiatives/i/",
            },
            {
                "kind": "settlement_item",
                "title": "1 架空費",
                "locator": "p.3",
                "figure_count": 0,
                "url": "http://testserver/settlements/2020/d/1/",
            },
        ]

    def test_a_document_that_nothing_cites(self, get_json):
        make_document(slug="paper")
        assert get_json("documents/paper")["cited_by"] == []


class TestSearch:
    def test_a_hit_tells_kind_title_address_and_excerpt(self, get_json):
        make_initiative(
            slug="i", title="架空温泉の魅力発信", summary="架空温泉を動画で紹介しました。"
        )
        answer = get_json("search", q="温泉")
        assert answer["count"] == 1
        (hit,) = answer["items"]
        assert set(hit) == {"kind", "title", "url", "excerpt"}
        assert (hit["kind"], hit["title"]) == ("initiative", "架空温泉の魅力発信")
        assert hit["url"] == "http://testserver/initiatives/i/"
        assert "温泉" in hit["excerpt"]

    @pytest.mark.parametrize("query", ["ｵﾝｾﾝ", "おんせん", "オンセン"])
    def test_spelling_does_not_matter(self, get_json, query):
        make_initiative(title="架空オンセンまつり")
        assert get_json("search", q=query)["count"] == 1
        assert get_json("initiatives", q=query)["count"] == 1

    def test_a_query_must_be_there_and_short(self, get_json):
        assert get_json("search", expect=422)["message"] == "q：必ず書いてください。"
        assert get_json("search", expect=422, q="")["message"] == "q：1文字以上で書いてください。"
        assert "100文字以内" in get_json("search", expect=422, q="県" * 101)["message"]

    @pytest.mark.parametrize("query", ["。", '"', "' OR 1=1 --", "県*", "AND", "()", "%", "\\"])
    def test_punctuation_is_no_error(self, get_json, query):
        make_world("a")
        assert get_json("search", q=query)["count"] >= 0
        for path in ["initiatives", "settlement-items", "figures"]:
            assert get_json(path, q=query)["count"] >= 0

    def test_every_kind_that_is_found_is_in_the_schema(self, get_json):
        enum = get_json("openapi.json")["components"]["schemas"]["SearchKind"]["enum"]
        assert enum == SearchKind.values


def test_the_answers_are_valid_json_for_every_number(client):
    make_initiative_figure(value="123456789012345", unit="円", kind="money")
    make_initiative_figure(value="0.1")
    answer = json.loads(client.get("/api/v1/figures").content)
    assert sorted(item["value"] for item in answer["items"]) == [0.1, 123456789012345]
