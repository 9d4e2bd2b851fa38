"""Every bulk file keeps the 30 rules of 「行政データにおける機械可読性に関するルール」.

A test begins with the rule's number; docs/open-data.md says of each how it is kept.
"""

import csv
import inspect
import io
import re
import zipfile
from functools import wraps

import openpyxl
import pytest
from django.core.exceptions import ValidationError

from portal.models import validate_place_code
from portal.open_data_tables import TABLES
from tests.builders import (
    make_department,
    make_distinction,
    make_funding,
    make_indicator_value,
    make_initiative,
    make_item,
    make_place,
    make_settlement,
    make_settlement_figure,
)
from tests.public_pages import make_world

pytestmark = pytest.mark.django_db

PLAIN_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
BOM = b"\xef\xbb\xbf"
# Whole numbers that count nothing: years, and places in an order.
WITHOUT_UNIT = {"year", "number", "level", "term_year"}


@pytest.fixture
def world():
    world = make_world()
    (initiative,), (item,) = world["initiatives"], world["items"]
    settlement, (department,) = item.settlement, world["departments"]
    make_initiative(
        pillar=initiative.pillar,
        summary="一行目、,\n二行目",
        departments=[department, make_department()],
        places=[make_place()],
    )
    make_distinction(initiative, name="=1+1")
    make_item(settlement, "1.3", amount_yen=0, supplementary_yen=-1_500)
    make_item(make_settlement(department=department, fiscal_year=2019), amount_yen=5)
    make_settlement_figure(item, label="その他", value="-2.5", unit="度", note="  改行\r\nの注 ")
    make_funding(make_item(settlement, "1.4", amount_yen=9), kind="other", amount_yen=8)
    make_indicator_value(world["indicators"][0], actual=None, target=0)
    return world


@pytest.fixture
def read(client, world):
    def get(name, format="csv", **query):
        answer = client.get(f"/open-data/{name}.{format}", query)
        assert answer.status_code == 200, answer.content.decode()
        return b"".join(answer)

    return get


@pytest.fixture
def read_rows(read):
    """Return a function that reads a CSV file as dicts by the English keys."""

    def get(name):
        text = read(name, header="en").decode("utf-8-sig")
        return list(csv.DictReader(io.StringIO(text, newline="")))

    return get


@pytest.fixture
def open_sheet(read):
    def get(name):
        return openpyxl.load_workbook(io.BytesIO(read(name, "xlsx")))

    return get


def every_table(test):
    """Run a test with the name of each table, all in one world."""
    signature = inspect.signature(test)
    fixtures = [each for each in signature.parameters.values() if each.name != "name"]

    @wraps(test)
    def run(**given):
        for name in TABLES:
            test(name=name, **given)

    run.__signature__ = signature.replace(parameters=fixtures)
    return run


@every_table
def test_l1_01_a_file_is_csv_xlsx_or_json_lines(client, world, name):
    types = [client.get(f"/open-data/{name}.{f}")["Content-Type"] for f in ("csv", "xlsx", "jsonl")]
    assert types == [
        "text/csv; charset=utf-8",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/jsonl; charset=utf-8",
    ]


@every_table
def test_l1_02_a_sheet_holds_one_table(open_sheet, name):
    title = TABLES[name].title.replace("/", "／")
    assert open_sheet(name).sheetnames == [title, "データ辞書"]


@every_table
def test_l1_03_no_row_and_no_column_is_blank(read, name):
    header, *rows = csv.reader(io.StringIO(read(name).decode("utf-8-sig"), newline=""))
    assert all(header)
    assert rows and all(any(row) for row in rows)


@every_table
def test_l1_04_nothing_stands_outside_the_table(read, open_sheet, name):
    rows = list(csv.reader(io.StringIO(read(name).decode("utf-8-sig"), newline="")))
    width = len(TABLES[name].columns)
    assert {len(row) for row in rows} == {width}
    sheet = open_sheet(name).worksheets[0]
    assert (sheet.max_row, sheet.max_column) == (len(rows), width)


@every_table
def test_l1_05_every_column_has_a_name_that_says_what_it_holds(name):
    for column in TABLES[name].columns:
        assert re.search(r"[ぁ-んァ-ヶ一-龠]", column.title), column
        assert column.meaning


@every_table
def test_l1_06_no_cell_is_laid_out_with_spaces_or_line_breaks(read, name):
    for row in csv.reader(io.StringIO(read(name).decode("utf-8-sig"), newline="")):
        for cell in row:
            assert cell == cell.strip()
            assert not re.search(r"[\n\r\t]|  |　　", cell), cell


def test_l1_07_what_there_are_several_of_stands_in_rows_of_its_own(world, read_rows):
    several = [row for row in read_rows("initiative-attributes") if row["kind"] == "department"]
    slugs = [row["initiative_slug"] for row in several]
    assert len(slugs) > len(set(slugs))
    assert {row["code"] for row in several} >= {d.slug for d in world["departments"]}
    assert all("、" not in row["name"] for row in several)


@every_table
def test_l1_08_the_portals_own_words_are_of_the_common_set_of_characters(name):
    table = TABLES[name]
    words = [table.title, table.row, *table.header("ja")]
    words += [word for column in table.columns for code in column.codes for word in code]
    for word in words:
        word.encode("iso2022_jp")  # ASCII and JIS X 0208


def test_l1_09_a_blank_is_no_zero(read_rows):
    amounts = {row["code"]: row["amount_yen"] for row in read_rows("settlement-items")}
    assert amounts["1.3"] == "0"
    assert read_rows("indicator-values")[-1]["actual"] == ""
    assert read_rows("indicator-values")[-1]["target"] == "0"


@every_table
def test_l1_10_a_workbook_holds_no_picture_shape_or_comment(read, name):
    parts = zipfile.ZipFile(io.BytesIO(read(name, "xlsx"))).namelist()
    assert not [part for part in parts if re.search("drawing|media|comment|chart", part)]


@every_table
def test_l1_11_no_format_says_what_no_cell_says(open_sheet, name):
    for sheet in open_sheet(name):
        for row in sheet.iter_rows(min_row=2):
            for cell in row:
                assert not cell.font.b and not cell.font.i and not cell.font.strike
                assert cell.fill.fill_type is None
                assert cell.font.color is None or cell.font.color.theme == 1
        assert not sheet.conditional_formatting


@every_table
def test_l1_12_no_cells_are_merged(open_sheet, name):
    assert all(not sheet.merged_cells.ranges for sheet in open_sheet(name))


@every_table
def test_l1_13_no_row_column_or_sheet_is_hidden(open_sheet, name):
    for sheet in open_sheet(name):
        assert sheet.sheet_state == "visible"
        dimensions = [*sheet.row_dimensions.values(), *sheet.column_dimensions.values()]
        assert not any(each.hidden or each.outlineLevel for each in dimensions)


@every_table
def test_l1_14_a_record_is_a_line(read, name):
    data = read(name)
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert data.count(b"\r\n") == data.count(b"\n") == data.count(b"\r") == len(rows)


def test_l1_15_a_text_with_a_comma_is_quoted(read):
    assert '"一行目、, 二行目"' in read("initiatives").decode()


@every_table
def test_l2_01_numbers_are_numbers_alone(read_rows, open_sheet, name):
    table = TABLES[name]
    numeric = [column for column in table.columns if column.type in ("integer", "number")]
    for row in read_rows(name):
        for column in numeric:
            assert row[column.key] == "" or PLAIN_NUMBER.fullmatch(row[column.key]), column.key
    sheet = open_sheet(name).worksheets[0]
    for column in numeric:
        place = table.columns.index(column)
        for (cell,) in sheet.iter_rows(min_row=2, min_col=place + 1, max_col=place + 1):
            assert cell.value is None or cell.data_type == "n"


def test_l2_01_a_negative_number_has_a_plain_minus(read_rows, read):
    assert "-1500" in {row["supplementary_yen"] for row in read_rows("settlement-items")}
    assert "-2.5" in {row["value"] for row in read_rows("settlement-figures")}
    assert '"value": -2.5,' in read("settlement-figures", "jsonl").decode()


@every_table
def test_l2_02_nothing_is_left_out_because_the_row_above_says_it(read_rows, name):
    always = [column.key for column in TABLES[name].columns if not column.blank]
    assert len(always) > 1
    for row in read_rows(name):
        assert all(row[key] for key in always), row


@every_table
def test_l2_03_every_column_has_a_name_of_its_own(name):
    for language in ("ja", "en"):
        header = TABLES[name].header(language)
        assert len(set(header)) == len(header)


@every_table
def test_l2_04_a_choice_is_written_one_way(read_rows, name):
    for column in TABLES[name].columns:
        if column.codes:
            pairs = {(row[column.key], row[f"{column.key}_label"]) for row in read_rows(name)}
            assert pairs <= {*column.codes, *([("", "")] if column.blank else [])}


def test_l2_05_what_is_other_is_a_choice_and_its_details_stand_elsewhere(read_rows):
    (row,) = [row for row in read_rows("funding") if row["kind"] == "other"]
    assert row["kind_label"] == "その他特定財源"


@every_table
def test_l2_06_no_cell_holds_a_formula(open_sheet, name):
    cells = [cell for sheet in open_sheet(name) for row in sheet.iter_rows() for cell in row]
    assert "f" not in {cell.data_type for cell in cells}
    if name == "initiative-attributes":
        assert "'=1+1" in {cell.value for cell in cells}


@every_table
def test_l3_01_the_header_is_the_first_line_and_data_the_second(read, open_sheet, name):
    first, second, *_ = read(name).decode("utf-8-sig").split("\r\n")
    assert next(csv.reader([first])) == TABLES[name].header("ja")
    assert second
    sheet = open_sheet(name).worksheets[0]
    assert [cell.value for cell in sheet[1]] == TABLES[name].header("ja")


@every_table
def test_l3_02_a_code_table_comes_with_the_codes(client, open_sheet, name):
    page = client.get("/open-data/dictionary/").content.decode()
    sheet = open_sheet(name)["データ辞書"]
    meanings = {row[0]: row[1] for row in sheet.iter_rows(values_only=True)}
    for column in TABLES[name].columns:
        for code, label in column.codes:
            assert f"<code>{code}</code>：{label}" in page
            assert f"{code}：{label}" in meanings[column.title_with_unit]


@every_table
def test_l3_03_the_only_sign_in_a_column_of_numbers_is_a_blank_that_is_explained(client, name):
    page = client.get("/open-data/dictionary/").content.decode()
    for column in TABLES[name].columns:
        assert (column.blank or "空欄はない") in page


@every_table
def test_l3_04_every_number_has_its_unit(name):
    keys = {column.key for column in TABLES[name].columns}
    for column in TABLES[name].columns:
        if column.unit:
            assert column.header("ja").endswith(f"（{column.unit}）")
        elif column.type == "number":
            assert "unit" in keys and "単位は「単位」の列にある" in column.meaning
        elif column.type == "integer":
            assert column.key in WITHOUT_UNIT or "西暦" in column.title, column.key


@every_table
def test_l3_05_times_are_western_years_and_iso_dates(read_rows, name):
    for row in read_rows(name):
        for column in TABLES[name].columns:
            cell = row[column.key]
            if column.type == "date" and cell:
                assert re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", cell)
            if "西暦" in column.title and cell:
                assert re.fullmatch(r"[0-9]{4}", cell)
                assert re.match("令和|平成", row[f"{column.key}_era"])


def test_l3_06_a_place_has_its_standard_code(read_rows):
    places = [row for row in read_rows("initiative-attributes") if row["kind"] == "place"]
    assert places
    for row in places:
        try:
            validate_place_code(row["code"])
        except ValidationError as error:
            pytest.fail(f"{row['code']}: {error}")


def test_l3_07_all_years_stand_under_one_header(read_rows):
    assert {row["fiscal_year"] for row in read_rows("settlement-items")} == {"2019", "2020"}


@every_table
def test_l3_08_columns_dates_and_encoding_are_told(client, read, name):
    page = client.get("/open-data/dictionary/").content.decode()
    for column in TABLES[name].columns:
        assert column.meaning in page and f"<code>{column.key}</code>" in page
        assert re.fullmatch("[a-z][a-z_]*", column.key)
    assert read(name).startswith(BOM)
    assert not read(name, encoding="utf-8").startswith(BOM)
    assert client.get("/open-data/manifest.json").json()["changed_at"]


@every_table
def test_l3_09_a_year_is_a_row_and_never_a_column(name):
    header = " ".join(TABLES[name].header("ja"))
    assert not re.search(r"[0-9]{4}|令和|平成|昭和", header)
