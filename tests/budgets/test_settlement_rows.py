"""Lists of items and figures are read of the settlements alone that a page shows."""

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from budgets import settlement_rows
from portal.models import Status
from tests.builders import (
    make_department,
    make_document,
    make_funding,
    make_initiative_figure,
    make_item,
    make_program,
    make_settlement,
    make_settlement_figure,
)

pytestmark = pytest.mark.django_db
PATHS = ["settlement-items", "figures"]


@pytest.fixture(autouse=True)
def _empty_cache():
    cache.clear()


@pytest.fixture
def settlements():
    """Five settlements of two years; one has no items, and one more is a draft."""
    departments = [make_department(slug=slug, position=3 - n) for n, slug in enumerate("abc")]
    made = []
    for year in (2021, 2020):
        for department in departments[: 3 if year == 2021 else 2]:
            settlement = make_settlement(fiscal_year=year, department=department)
            made.append(settlement)
            for code in ("1", "2", "10", "2.1")[: 0 if department.slug == "b" else 4]:
                item = make_item(settlement, code, name=f"{year} {department.slug} {code}")
                for label in ("甲", "乙"):
                    make_settlement_figure(item, label=label)
    draft = make_settlement(fiscal_year=2021, department=make_department(), status=Status.DRAFT)
    make_settlement_figure(make_item(draft))
    make_initiative_figure(label="取組の数")
    return made


@pytest.fixture(params=["counted", "not counted"])
def _knowledge(request, monkeypatch):
    """Few settlements are counted at once; of many, one at a time is tried first."""
    if request.param == "not counted":
        monkeypatch.setattr(settlement_rows, "FEW", 0)
        monkeypatch.setattr(settlement_rows, "AT_ONCE", 1)


def read_all(client, address):
    rows = []
    while address:
        page = client.get(address).json()
        rows += page["items"]
        address = page["next"]
    return rows


@pytest.mark.usefixtures("settlements", "_knowledge")
class TestPages:
    @pytest.mark.parametrize("path", PATHS)
    def test_every_place_and_size_shows_a_part_of_the_whole(self, client, get_json, path):
        whole = get_json(path, limit=1000)
        assert whole["count"] == len(whole["items"]) == {"figures": 25}.get(path, 12)
        for limit in (1, 3, 5, 11):
            for offset in range(0, 27, 2):
                page = get_json(path, limit=limit, offset=offset)
                assert page["items"] == whole["items"][offset : offset + limit]
                assert page["count"] == whole["count"]
                assert (page["next"] is None) == (offset + limit >= whole["count"])
            assert read_all(client, f"/api/v1/{path}?limit={limit}") == whole["items"]

    def test_items_come_by_year_place_of_the_department_and_number(self, get_json):
        names = [item["name"] for item in get_json("settlement-items")["items"]]
        places = ["2021 c", "2021 a", "2020 a"]
        assert names == [f"{place} {code}" for place in places for code in ("1", "2", "2.1", "10")]

    def test_figures_come_by_year_slug_and_number_those_of_initiatives_last(self, get_json):
        figures = get_json("figures", fields="label,record")["items"]
        titles = [figure["record"]["title"] for figure in figures[:-1]]
        places = ["2021 a", "2021 c", "2020 a"]
        wanted = [f"{place} {code}" for place in places for code in ("1", "2", "2.1", "10")]
        assert titles == [title for title in wanted for _ in range(2)]
        assert figures[-1]["label"] == "取組の数"

    @pytest.mark.parametrize("path", PATHS)
    def test_a_settlement_withdrawn_on_the_way_is_left_out(
        self, client, get_json, settlements, path
    ):
        fields = "record" if path == "figures" else "url"
        whole = get_json(path, limit=1000, fields=fields)["items"]
        first = get_json(path, limit=3, fields=fields)
        gone = settlements[2] if path == "settlement-items" else settlements[0]
        gone.status = Status.WITHDRAWN
        gone.withdrawal_reason = "誤り"
        gone.save()
        rest = read_all(client, first["next"])
        left = [row for row in whole if gone.get_absolute_url() not in str(row)]
        assert first["items"] + rest != left
        assert rest == [row for row in left if row not in first["items"]]

    def test_other_conditions_narrow_within_the_settlements(self, get_json):
        assert get_json("settlement-items", level=2)["count"] == 3
        (item,) = get_json("settlement-items", level=2, limit=1, offset=2)["items"]
        assert item["name"] == "2020 a 2.1"
        found = get_json("figures", q="2021 2.1", limit=1, offset=1)
        assert (found["count"], found["items"][0]["record"]["title"]) == (4, "2021 a 2.1")


class TestFields:
    def test_what_is_not_asked_for_is_not_read(self, client):
        item = make_item(program=make_program(), source=make_document())
        make_settlement_figure(item)
        make_funding(item)

        def tables(fields):
            cache.clear()
            with CaptureQueriesContext(connection) as queries:
                assert client.get(f"/api/v1/settlement-items?fields={fields}").json()["items"]
            return " ".join(query["sql"] for query in queries)

        narrow = tables("code,amount_yen,department")
        for name in ("settlementfigure", "fundingsource", "program", "sourcedocument", "body"):
            assert name not in narrow
        wide = tables("figures,funding,program,source,body")
        for name in ("settlementfigure", "fundingsource", "program", "sourcedocument", "body"):
            assert name in wide

    def test_a_whole_is_told_where_it_stands_at_the_same_item(self, get_json):
        item = make_item()
        whole = make_settlement_figure(item, label="全体")
        make_settlement_figure(item, label="内訳", part_of=whole)
        make_settlement_figure(make_item(item.settlement, "2"), label="よそ", part_of=whole)
        wholes = {
            figure["label"]: figure["part_of"] and figure["part_of"]["label"]
            for each in get_json("settlement-items")["items"]
            for figure in each["figures"]
        }
        assert wholes == {"全体": None, "内訳": "全体", "よそ": None}
        assert wholes == {
            figure["label"]: figure["part_of"] and figure["part_of"]["label"]
            for figure in get_json("figures")["items"]
        }

    def test_a_document_that_is_not_public_is_not_told(self, get_json):
        hidden = make_document(status=Status.DRAFT, title="秘密")
        make_settlement_figure(make_item(source=hidden, locator="p.1"), source=hidden)
        (item,) = get_json("settlement-items")["items"]
        nothing = {"document": None, "title": None, "url": None, "locator": ""}
        assert item["source"] == item["figures"][0]["source"] == nothing

    def test_numbers_beyond_what_json_libraries_count_in_are_told_whole(self, get_json):
        make_settlement_figure(value=123456789012345, unit="兆円", kind="money")
        (figure,) = get_json("figures")["items"]
        assert figure["amount_yen"] == 123456789012345 * 10**12
