"""What every list of the API can be asked for: fields, an order, the next rows, another format."""

import csv
import io
import json
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import BaseModel

from budgets.api_schemas import FlatItemOut
from budgets.figures_api import FlatFigureOut
from portal.api_lists import list_columns
from portal.api_parameters import ParameterError
from portal.spreadsheets import unguard
from tests.api_world import LISTS, make_world
from tests.builders import (
    make_department,
    make_document,
    make_indicator,
    make_initiative,
    make_initiative_figure,
    make_item,
    make_pillar,
    make_settlement,
    make_settlement_figure,
)

pytestmark = pytest.mark.django_db
SORTED = [path for path in LISTS if path != "checks"]


@pytest.fixture
def read_text(client):
    def read(path, **parameters):
        answer = client.get(f"/api/v1/{path}", parameters)
        assert answer.status_code == 200, b"".join(answer)
        return b"".join(answer).decode()

    return read


@pytest.fixture
def read_csv(read_text):
    def read(path, **parameters):
        text = read_text(path, format="csv", **parameters)
        assert text.startswith("\ufeff")
        return list(csv.DictReader(io.StringIO(text[1:], newline="")))

    return read


def walk(client, path, **parameters):
    """Return each page of a list by following `next`."""
    address, pages = f"/api/v1/{path}", []
    while address:
        answer = client.get(address, parameters if not pages else None)
        assert answer.status_code == 200, answer.content.decode()
        pages.append(answer.json())
        address = pages[-1]["next"]
        link = f'<{address}>; rel="next"' if address else None
        assert answer.get("Link") == link
    return pages


def rows_of(pages):
    return [item for page in pages for item in page["items"]]


class TestNext:
    @pytest.mark.parametrize("path", [*LISTS, "search"])
    def test_following_next_shows_each_row_once(self, client, get_json, path):
        make_world("a", size=3)
        asked = {"q": "架空"} if path == "search" else {}
        whole = get_json(path, limit=1000, **asked)
        pages = walk(client, path, limit=2, **asked)
        assert rows_of(pages) == whole["items"]
        assert {page["count"] for page in pages} == {whole["count"]}
        assert [len(page["items"]) for page in pages[:-1]] == [2] * (len(pages) - 1)
        after = walk(client, path, limit=2, offset=1, **asked)
        assert rows_of(after) == whole["items"][1:]

    @pytest.mark.parametrize("path", SORTED)
    def test_every_order_can_be_followed_both_ways(self, client, get_json, path):
        make_world("a", size=2)
        make_document(slug="undated", issued_on=None)
        make_item(make_settlement(fiscal_year=2011), "1", amount_yen=None)
        make_initiative(slug="undated", fiscal_year=None)
        make_initiative_figure(make_initiative(slug="more", fiscal_year=None))
        schema = get_json("openapi.json")["paths"][f"/api/v1/{path}"]["get"]["parameters"]
        (sort,) = [each for each in schema if each["name"] == "sort"]
        names = sort["schema"]["description"].rpartition("：")[2].split("、")
        assert len(names) >= 3
        for name in names:
            for order in (name, f"-{name}", f"{name},-{names[0]}"):
                if name == names[0] and "," in order:
                    continue
                whole = get_json(path, sort=order)["items"]
                assert len(whole) >= 2
                limit = max(1, len(whole) // 3)
                assert rows_of(walk(client, path, sort=order, limit=limit)) == whole, order

    def test_rows_that_come_or_go_meanwhile_shift_nothing(self, client, get_json):
        for name in ("b", "d", "f", "h"):
            make_department(slug=name)
        first = get_json("departments", limit=2, fields="slug")
        make_department(slug="a")
        make_department(slug="e")
        second = client.get(first["next"]).json()
        slugs = [item["slug"] for item in first["items"] + second["items"]]
        assert slugs == ["b", "d", "e", "f"]
        assert second["count"] == 4  # as when the reading began

    def test_no_page_counts_or_skips_again(self, client, get_json):
        for _ in range(5):
            make_department()
        address = get_json("departments", limit=2)["next"]
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address).status_code == 200
        texts = [query["sql"] for query in queries]
        assert not [text for text in texts if "COUNT(" in text or "OFFSET" in text]

    @pytest.mark.parametrize(
        "change",
        [
            {"cursor": "x"},
            {"cursor": ""},
            {"cursor": "a:b:c"},
            {"cursor": "架空"},
            {"fiscal_year": "2020"},
            {"sort": "name"},
            {"offset": "1"},
        ],
    )
    def test_a_cursor_of_something_else_is_refused(self, client, get_json, change):
        make_world("a")
        cursor = _parameters(get_json("settlement-items", limit=1)["next"])["cursor"]
        answer = get_json("settlement-items", expect=422, **{"cursor": cursor, **change})
        (problem,) = answer["errors"]
        assert problem["parameter"] == ("offset" if "offset" in change else "cursor")
        assert "cursor" in problem["message"]
        make_department()
        other = _parameters(get_json("departments", limit=1)["next"])["cursor"]
        get_json("settlement-items", expect=422, cursor=other)

    def test_size_and_fields_may_change_on_the_way(self, client, get_json):
        make_world("a", size=2)
        start = get_json("settlement-items", limit=1, fields="url", fiscal_year="R2")
        assert _parameters(start["next"])["fields"] == "url"
        cursor = _parameters(start["next"])["cursor"]
        rest = get_json("settlement-items", limit=1000, cursor=cursor, fiscal_year=2020)
        whole = get_json("settlement-items")["items"]
        assert rest["items"] == whole[1:]


def _parameters(address):
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


class TestFields:
    @pytest.mark.parametrize("path", LISTS)
    def test_a_row_holds_the_chosen_fields_alone(self, get_json, path):
        make_world("a")
        whole = get_json(path)["items"]
        first, *others = whole[0]
        for name in others:
            chosen = get_json(path, fields=f"{name},{first}")["items"]
            assert chosen == [{first: row[first], name: row[name]} for row in whole]

    @pytest.mark.parametrize(
        ("fields", "start"),
        [
            ("colour", "fields：「colour」は使えません。使えるもの：slug、number、"),
            ("slug,", "fields：「」は使えません。"),
            ("", "fields：「」は使えません。"),
            ("slug,slug", "fields：同じ項目は1回だけ書いてください。"),
            ("plan.name", "fields：「plan.name」は使えません。"),
        ],
    )
    def test_what_is_no_field_is_refused(self, get_json, fields, start):
        (problem,) = get_json("pillars", expect=422, fields=fields)["errors"]
        assert problem["message"].startswith(start)
        assert problem["message_en"]


class TestReadyRows:
    @pytest.mark.parametrize(
        ("path", "row"), [("settlement-items", FlatItemOut), ("figures", FlatFigureOut)]
    )
    def test_rows_made_without_the_schema_are_what_it_tells(self, get_json, path, row):
        make_world("a", size=2)
        part = make_settlement_figure(value="0.5", unit="度")
        make_settlement_figure(part.item, label="内訳", part_of=part)
        make_settlement_figure(part_of=part)
        items = get_json(path)["items"]
        assert len(items) >= 4
        for item in items:
            dumped = row.model_validate(item, strict=False).model_dump(mode="json")
            assert json.dumps(dumped) == json.dumps(item)  # the order of the fields too


class TestSort:
    def test_rows_come_in_the_order_asked_for(self, get_json):
        settlement = make_settlement()
        for code, name, amount in [
            ("1", "乙", 5),
            ("2", "甲", None),
            ("10", "丙", 5),
            ("3", "丁", 9),
        ]:
            make_item(settlement, code, name=name, amount_yen=amount)

        def codes(sort):
            return [item["code"] for item in get_json("settlement-items", sort=sort)["items"]]

        assert codes("amount_yen") == ["1", "10", "3", "2"]
        assert codes("-amount_yen") == ["3", "1", "10", "2"]
        assert codes("-amount_yen,-code") == ["3", "10", "1", "2"]
        assert codes("-code") == ["10", "3", "2", "1"]

    def test_pillars_are_sorted_by_number(self, get_json):
        for slug, number in [("a", 3), ("b", None), ("c", 1)]:
            make_pillar(slug=slug, number=number)
        slugs = [item["slug"] for item in get_json("pillars", sort="-number")["items"]]
        assert slugs == ["a", "c", "b"]

    @pytest.mark.parametrize("sort", ["colour", "", "-", "name,", "name,-name", "--name"])
    def test_what_is_no_order_is_refused(self, get_json, sort):
        (problem,) = get_json("indicators", expect=422, sort=sort)["errors"]
        assert problem["parameter"] == "sort"

    def test_the_order_of_before_decides_among_equals(self, get_json):
        for code, year in [("2", 2020), ("1", 2019), ("10", 2018)]:
            make_item(make_settlement(fiscal_year=year), code, name="同じ", amount_yen=7)
        items = get_json("settlement-items", sort="amount_yen", order="-code")["items"]
        assert [item["code"] for item in items] == ["10", "2", "1"]


class TestFormats:
    @pytest.mark.parametrize("path", [*LISTS, "search"])
    def test_all_formats_hold_the_same_rows(self, client, get_json, read_text, read_csv, path):
        make_world("a", size=2)
        asked = {"q": "架空"} if path == "search" else {}
        items = get_json(path, **asked)["items"]
        lines = read_text(path, format="jsonl", **asked).splitlines()
        assert [json.loads(line) for line in lines] == items
        table = read_csv(path, **asked)
        assert len(table) == len(items) > 0
        for row, item in zip(table, items, strict=True):
            for name, cell in row.items():
                value = item
                for part in name.split("."):
                    value = value and value[part]
                if not isinstance(value, list):
                    assert unguard(cell) == ("" if value is None else str(value)), name

    def test_a_file_is_named_and_holds_all_rows_unless_a_limit_is_given(self, client, read_csv):
        for number in range(1, 112):
            make_department(slug=f"d{number}")
        answer = client.get("/api/v1/departments?format=csv")
        assert answer["Content-Type"] == "text/csv; charset=utf-8"
        assert answer["Content-Disposition"] == 'attachment; filename="departments.csv"'
        assert "Link" not in answer
        assert len(read_csv("departments")) == 111
        assert len(read_csv("departments", offset=100)) == 11
        answer = client.get("/api/v1/departments?format=jsonl&limit=100")
        assert answer["Content-Type"] == "application/jsonl; charset=utf-8"
        assert len(list(answer)) == 100
        rest = client.get(answer["Link"].removeprefix("<").partition(">")[0])
        assert len(list(rest)) == 11

    def test_a_file_is_read_some_rows_at_a_time(self, client, get_json, monkeypatch):
        monkeypatch.setattr("portal.api_lists.BATCH", 2)
        monkeypatch.setattr("portal.open_data_columns.CHUNK", 2)
        make_world("a", size=3)
        for path in LISTS:
            lines = b"".join(client.get(f"/api/v1/{path}?format=jsonl")).splitlines()
            assert [json.loads(line) for line in lines] == get_json(path)["items"], path

    @pytest.mark.parametrize("sort", ["fiscal_year", "-unit,label"])
    @pytest.mark.parametrize("offset", [0, 1])
    def test_a_file_holds_the_rows_and_fields_asked_for(self, get_json, read_text, sort, offset):
        make_world("a", size=3)
        make_settlement_figure(make_item(make_settlement(fiscal_year=2011)), value="0.5", unit="度")
        part = make_settlement_figure(value="1.5", unit="千円")
        make_settlement_figure(part.item, label="内訳", part_of=part)
        asked = {"offset": offset}
        columns = {"figures", "funding"}
        for path, row, sort_ in (
            ("settlement-items", FlatItemOut, "name" if "unit" in sort else sort),
            ("figures", FlatFigureOut, sort),
        ):
            fields = ",".join(name for name in row.model_fields if name not in columns)
            for more in ({}, {"sort": sort_}):
                items = get_json(path, fields=fields, **asked, **more)["items"]
                lines = read_text(path, format="jsonl", fields=fields, **asked, **more).splitlines()
                assert lines == [json.dumps(item, ensure_ascii=False) for item in items]
                assert len(items) >= 4

    def test_a_file_goes_on_from_a_cursor(self, client, get_json, read_text):
        make_world("a", size=3)
        for path, sort in (("settlement-items", "code"), ("figures", "label"), ("figures", None)):
            asked = {"sort": sort} if sort else {}
            items = get_json(path, **asked)["items"]
            cursor = _parameters(get_json(path, limit=2, **asked)["next"])["cursor"]
            lines = read_text(path, format="jsonl", cursor=cursor, **asked).splitlines()
            assert [json.loads(line) for line in lines] == items[2:]

    def test_more_parts_of_a_file_take_no_more_queries(self, client, monkeypatch):
        make_world("a", size=5)

        def count(path):
            with CaptureQueriesContext(connection) as queries:
                parts = list(client.get(f"/api/v1/{path}"))
            return len(queries), len(parts)

        paths = [
            f"{path}?format={format}&fields={fields}"
            for path, fields in (("settlement-items", "code,name"), ("figures", "label,source"))
            for format in ("csv", "jsonl")
        ]
        for path in paths:
            count(path)  # whatever is loaded once a process or an edition
        before = [count(path) for path in paths]
        monkeypatch.setattr("portal.open_data_columns.CHUNK", 2)
        after = [count(path) for path in paths]
        assert [queries for queries, _ in after] == [queries for queries, _ in before]
        assert all(parts > few for (_, parts), (_, few) in zip(after, before, strict=True))

    def test_who_asks_for_the_head_of_a_file_is_spared_the_reading(self, client):
        make_world("a")
        for path in ("figures", "settlement-items"):
            with CaptureQueriesContext(connection) as queries:
                answer = client.head(f"/api/v1/{path}?format=csv")
            assert answer.status_code == 200
            texts = [query["sql"] for query in queries if "budgets_settlementitem" in query["sql"]]
            reading = [text for text in texts if "COUNT(" not in text]
            assert "LIMIT 2" in reading[0]  # the others read of that row alone
        assert client.head("/api/v1/figures?format=csv&department=nai").status_code == 422

    def test_a_row_is_flat(self, read_csv):
        department = make_department(slug="d", name="架空部")
        make_initiative(slug="i", departments=[department, make_department(slug="e")])
        make_item(make_settlement(department=department), amount_yen=0, unused_yen=None)
        (item,) = read_csv("settlement-items")
        assert (item["department.slug"], item["department.name"]) == ("d", "架空部")
        assert (item["amount_yen"], item["unused_yen"]) == ("0", "")
        assert item["program.slug"] == item["source.document"] == ""
        assert not {"figures", "funding"} & set(item)
        (initiative,) = read_csv("initiatives", fields="departments,slug,pillar")
        assert list(initiative) == [
            *("departments", "slug", "pillar.slug", "pillar.number", "pillar.name"),
        ]
        assert initiative["departments"] == "d;e"

    def test_no_spreadsheet_runs_what_a_record_holds(self, read_csv):
        make_department(name="=1+1")
        make_settlement_figure(value="-5", note="-架空")
        assert read_csv("departments", fields="name")[0]["name"] == "'=1+1"
        (figure,) = read_csv("figures")
        assert (figure["value"], figure["note"]) == ("-5", "'-架空")

    def test_what_has_no_place_in_a_row_is_said(self, get_json):
        answer = get_json("settlement-items", expect=422, format="csv", fields="code,figures")
        assert answer["detail"].startswith("fields：figures は一つの欄に収まらないため")
        assert get_json("settlement-items", fields="code,figures")["items"] == []

    def test_an_empty_list_is_a_header_alone(self, read_text):
        assert read_text("departments", format="csv", fields="slug,name") == "\ufeffslug,name\r\n"
        assert read_text("departments", format="jsonl") == ""

    def test_a_filter_that_names_nothing_is_refused_in_every_format(self, get_json):
        for format in ("json", "csv", "jsonl"):
            get_json("settlement-items", expect=422, department="nai", format=format)
        (problem,) = get_json("pillars", expect=422, format="xml")["errors"]
        assert problem["message"] == "format：次のどれかを書いてください：json, csv, jsonl。"

    def test_a_head_request_reads_no_further_than_the_first_rows(self, client):
        make_world("a")
        answer = client.head("/api/v1/figures?format=csv")
        assert answer.content == b""
        assert answer["Content-Type"] == "text/csv; charset=utf-8"
        assert answer["ETag"] == client.get("/api/v1/figures?format=csv")["ETag"]

    def test_more_rows_take_no_more_queries(self, client):
        def count(path):
            cache.clear()  # which keeps how many rows there are
            with CaptureQueriesContext(connection) as queries:
                b"".join(client.get(f"/api/v1/{path}"))
            return len(queries)

        make_world("a")
        paths = [f"{path}?format=csv&{extra}" for path in LISTS for extra in ("", "limit=1000")]
        for path in paths:
            count(path)  # whatever is loaded once a process or an edition
        before = {path: count(path) for path in paths}
        make_world("b", size=10)
        assert {path: count(path) for path in paths} == before


class TestColumns:
    def test_lists_of_objects_without_an_identifier_are_left_out(self):
        class Ref(BaseModel):
            slug: str

        class Row(BaseModel):
            name: str
            owner: Ref | None
            tags: list[str]
            codes: list[str | None]
            refs: list[Ref]
            rows: list["Row"]

        Row.model_rebuild()
        columns = list_columns(Row)
        assert [name for name, _ in columns] == ["name", "owner.slug", "tags", "codes", "refs"]
        row = {
            "name": "甲",
            "owner": None,
            "tags": ["x", "y"],
            "codes": ["1", None],
            "refs": [{"slug": "a"}, {"slug": "b"}],
            "rows": [],
        }
        assert [get(row) for _, get in columns] == ["甲", None, "x;y", "1;", "a;b"]
        with pytest.raises(ParameterError):
            list_columns(Row, ["rows"])


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)
ROWS = st.lists(
    st.tuples(
        TEXTS.filter(str.strip),
        st.none() | st.integers(0, 10**15),
        st.decimals(-(10**6), 10**6, places=3),
    ),
    min_size=1,
    max_size=6,
)


class TestEquality:
    @given(ROWS, st.integers(1, 3), st.sampled_from(["name", "-amount_yen", "amount_yen,-name"]))
    @hypothesis_settings(
        max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    def test_pages_csv_and_json_lines_agree(
        self, client, get_json, read_text, read_csv, rows, size, sort
    ):
        department = make_department()
        settlement = make_settlement(department=department)
        for number, (text, amount, value) in enumerate(rows, start=1):
            item = make_item(settlement, str(number), name=text, amount_yen=amount)
            make_settlement_figure(item, label=text, value=value)
        asked = {"department": department.slug}
        for path, sort_, names in [
            ("settlement-items", sort, ("code", "name", "amount_yen")),
            ("figures", "label", ("label", "value", "unit")),
        ]:
            items = get_json(path, sort=sort_, **asked)["items"]
            assert len(items) == len(rows)
            assert rows_of(walk(client, path, sort=sort_, limit=size, **asked)) == items
            lines = read_text(path, format="jsonl", sort=sort_, **asked).split("\n")[:-1]
            assert [json.loads(line) for line in lines] == items
            for row, item in zip(read_csv(path, sort=sort_, **asked), items, strict=True):
                for name in names:
                    cell = "" if item[name] is None else str(item[name])
                    assert unguard(row[name]) == cell or float(row[name]) == item[name]


def test_an_indicator_s_values_stand_in_json_lines_alone(read_csv, read_text):
    make_indicator(slug="n")
    assert "values" not in read_csv("indicators")[0]
    assert json.loads(read_text("indicators", format="jsonl"))["values"] == []
