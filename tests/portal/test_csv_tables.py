"""Beside every table of data stands a link to a file with exactly its rows."""

import csv
import io
import re
from html import unescape

import pytest
from django.utils.html import strip_tags

from budgets.forms import ItemForm, OutlineForm
from tests.builders import (
    make_cost,
    make_department,
    make_document,
    make_funding,
    make_indicator,
    make_indicator_value,
    make_initiative,
    make_initiative_figure,
    make_item,
    make_program,
    make_settlement,
    make_settlement_figure,
)
from tests.public_pages import arguments_of, list_addresses, make_world

pytestmark = pytest.mark.django_db

# A cell of the tables that are called so, not a row, is a row of the file.
BY_CELL = "部局と年度"
# An explanation, a description of the site itself, or an example.
NO_DATA = ("accessibility", "open-data", "guide/settlement", "api/v1")


def read_text(html):
    return " ".join(unescape(strip_tags(html)).split())


def read_rows(client, address):
    answer = client.get(address)
    assert answer["Content-Type"] == "text/csv; charset=utf-8", address
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


def list_body_rows(html):
    """Return the text of the first heading of each row; rows with notes and groups are none."""
    headings = []
    for body in re.findall(r"<tbody.*?</tbody>", html, re.DOTALL):
        for attributes, row in re.findall(r"<tr([^>]*)>(.*?)</tr>", body, re.DOTALL):
            if 'class="note"' not in attributes and "group-row" not in attributes:
                headings.append(read_text(row))
    return headings


def read_pages(client, world):
    """Yield address and main part of every public page."""
    for address in list_addresses(arguments_of(**world)):
        answer = client.get(address)
        if answer.status_code == 200 and answer["Content-Type"].startswith("text/html"):
            yield address, re.search(r"<main.*</main>", answer.content.decode(), re.DOTALL)[0]


def list_tables(main):
    """Return (file, rows): each link to a table's file, and the rows up to the next heading."""
    links = list(re.finditer(r'<a class="csv" href="([^"]*)">\s*この表をCSVで保存', main))
    for link in links:
        rest = main[link.end() :]
        region = re.split(r"<h2|<nav|この表をCSVで保存", rest)[0]
        yield unescape(link[1]), region


@pytest.fixture
def world():
    world = make_world()
    (initiative,), (item,), (department,) = (
        world["initiatives"],
        world["items"],
        world["departments"],
    )
    (document,), (program,), (indicator,) = (
        world["documents"],
        world["programs"],
        world["indicators"],
    )
    cited = {"source": document, "locator": "第2"}
    item.initial_budget_yen = item.budget_yen = 5_000_000
    item.save()
    for number in (1, 2):
        below = make_item(item.settlement, f"1.2.{number}", amount_yen=number * 1_000, **cited)
        make_settlement_figure(below, kind="expenditure", value=number, **cited)
        make_settlement_figure(item, label=f"架空の数その{number}", note="注", **cited)
        make_cost(make_initiative(pillar=initiative.pillar), below, share_percent=50)
    make_funding(item, kind="national", amount_yen=1)
    make_cost(make_initiative(), item, relation="editorial")
    make_initiative_figure(initiative, kind="money", value=3, note="注", **cited)
    earlier = make_settlement(department=department, fiscal_year=2019, **cited)
    before = make_item(earlier, "1.2", name=item.name, amount_yen=4_000_000, program=program)
    make_settlement_figure(before, **cited)
    other = make_settlement(department=make_department(), fiscal_year=2020)
    make_item(other, "1", amount_yen=9_000_000)
    make_indicator_value(make_indicator(), actual=None, target=5)
    make_indicator(name="架空の値のない指標")
    make_indicator_value(indicator, actual=3, note="注")
    return world


def test_the_file_of_every_table_holds_its_rows_and_no_other(client, world):
    checked = set()
    for address, main in read_pages(client, world):
        for file, region in list_tables(main):
            rows = read_rows(client, address + file)
            caption = read_text(re.search(r"<caption>(.*?)</caption>", region, re.DOTALL)[1])
            shown = list_body_rows(region)
            if caption.startswith(BY_CELL):
                assert len(rows) == len(re.findall(r"<td", region))
                continue
            assert len(rows) == len(shown), (address, file, caption)
            checked.add(re.sub(r"\d+", "", file))
    assert checked >= {
        "?format=csv",
        *(
            f"?format=csv&table={table}"
            for table in ("ranking", "comparison", "children", "below", "funding", "attribution")
        ),
        *(
            f"?format=csv&table={table}"
            for table in ("figures", "costs", "budget", "newest", "counts", "settlement_item")
        ),
    }


def test_no_table_of_data_stands_without_its_file(client, world):
    for address, main in read_pages(client, world):
        if address.strip("/").startswith(NO_DATA):
            continue
        for section in re.split(r"<h2", main):
            if "<table" in section:
                assert 'class="csv"' in section, (address, section[:60])


@pytest.mark.parametrize("form", [ItemForm, OutlineForm])
def test_every_table_that_can_be_asked_for_answers_also_where_it_is_empty(client, form):
    item = make_item()
    base = item.get_absolute_url() if form is ItemForm else item.settlement.get_absolute_url()
    for table in form.tables:
        assert client.get(f"{base}?format=csv&table={table}").status_code == 200


def test_an_unknown_table_is_said(client):
    page = client.get(make_item().get_absolute_url(), {"table": "secret"}).content.decode()
    assert "「表」の指定を読み取れなかったため、初めの表とみなします。" in page


def test_the_files_name_their_rows_as_the_tables_do(client, world):
    (document,), (item,) = world["documents"], world["items"]
    rows = read_rows(client, f"{document.get_absolute_url()}?format=csv&table=settlement_item")
    assert {row["種類"] for row in rows} == {"決算項目"}
    assert rows[0]["名称"] == str(item)
    assert rows[0]["資料の箇所"] == "第1 1(1)"
    assert rows[0]["アドレス"] == f"http://testserver{item.get_absolute_url()}"
    everything = read_rows(client, f"{document.get_absolute_url()}?format=csv")
    assert {row["種類"] for row in everything} > {"決算項目", "取組", "指標", "決算"}

    budget = read_rows(client, f"{item.get_absolute_url()}?format=csv&table=budget")
    assert {"区分": "予算現額", "金額（円）": "5000000"} in budget

    largest = read_rows(client, "/?format=csv")
    assert [row["決算額（円）"] for row in largest] == ["9000000", "4016000"]

    (cost,) = read_rows(
        client, f"{world['initiatives'][0].get_absolute_url()}?format=csv&table=costs"
    )
    assert (cost["取組の割合（%）"], cost["取組の額（円）"]) == ("100.00", "4016000")


def test_a_file_of_a_department_holds_what_its_page_lists(client, world):
    (department,) = world["departments"]
    make_document()
    page = client.get(department.get_absolute_url()).content.decode()
    files = [unescape(file) for file in re.findall(r'class="csv" href="([^"]*)"', page)]
    settlements, initiatives = (read_rows(client, file) for file in files)
    assert {row["部局"] for row in settlements} == {department.name}
    assert [row["年度（西暦）"] for row in settlements] == ["2020", "2019"]
    assert [row["識別子"] for row in initiatives] == [world["initiatives"][0].slug]
    assert make_program().name not in page
