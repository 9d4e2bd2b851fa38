"""The bulk files: whole, the same in every format, honest about themselves, and made row by row."""

import csv
import hashlib
import io
import json
import re
import tracemalloc
import zipfile
from decimal import Decimal
from xml.etree import ElementTree

import openpyxl
import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.html import strip_tags
from django.utils.timezone import now
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from budgets.models import SettlementFigure, SettlementItem
from portal.open_data_columns import CHUNK, Table
from portal.open_data_files import Form, iter_file, iter_zip, write_xlsx
from portal.open_data_tables import TABLES
from portal.publishing import Status
from portal.spreadsheets import unguard
from tests.builders import (
    make_change_note,
    make_cost,
    make_department,
    make_document,
    make_indicator,
    make_indicator_value,
    make_initiative,
    make_initiative_figure,
    make_item,
    make_settlement,
    make_settlement_figure,
)
from tests.portal.test_sentinels import SECRET, SLUG, hidden_states, hide
from tests.public_pages import go_away, make_world

pytestmark = pytest.mark.django_db

FILES = [f"{name}.{format}" for name in TABLES for format in ("csv", "xlsx", "jsonl")]
BASE = "http://testserver"


@pytest.fixture(autouse=True)
def _forgotten():
    cache.clear()


@pytest.fixture
def fetch(client):
    """Return a function that gives the bytes of a file of the open-data page."""

    def get(file, **query):
        answer = client.get(f"/open-data/{file}", query)
        assert answer.status_code == 200, read_words(answer)
        return b"".join(answer)

    return get


@pytest.fixture
def read_rows(fetch):
    """Return a function that reads a bulk CSV file as dicts by the English keys."""

    def get(name, **query):
        text = fetch(f"{name}.csv", header="en", **query).decode("utf-8-sig")
        return list(csv.DictReader(io.StringIO(text, newline="")))

    return get


def read_words(answer):
    return " ".join(strip_tags(answer.content.decode()).split())


class TestFormats:
    def test_three_formats_hold_the_same_rows(self, fetch, read_rows):
        make_world()
        for name, table in TABLES.items():
            rows = read_rows(name)
            objects = [json.loads(line) for line in fetch(f"{name}.jsonl").splitlines()]
            sheet = openpyxl.load_workbook(io.BytesIO(fetch(f"{name}.xlsx", header="en")))
            header, *cells = sheet.worksheets[0].iter_rows(values_only=True)
            assert list(header) == [column.key for column in table.columns]
            assert len(rows) == len(objects) == len(cells) > 0, name
            for row, each, line in zip(rows, objects, cells, strict=True):
                assert list(each) == list(row) == list(header)
                for key, cell in zip(header, line, strict=True):
                    text = "" if each[key] is None else str(each[key])
                    assert row[key] == text, (name, key)
                    if hasattr(cell, "date"):
                        cell = cell.date().isoformat()
                    assert ("" if cell is None else str(cell)) == text, (name, key)

    def test_the_header_is_japanese_unless_english_is_asked_for(self, fetch):
        make_department(slug="kikaku", name="架空企画部")
        japanese = fetch("departments.csv").decode("utf-8-sig").splitlines()
        english = fetch("departments.csv", header="en").decode("utf-8-sig").splitlines()
        assert japanese[0].startswith("識別子,名称,英語名,上位の組織の識別子")
        assert english[0].startswith("slug,name,name_en,parent_slug")
        assert japanese[1:] == english[1:]
        assert english[1] == "kikaku,架空企画部,,,,,,,,,http://testserver/departments/kikaku/"

    def test_json_lines_keep_line_breaks_and_all_digits(self, fetch):
        figure = make_settlement_figure(value="12345678901.2345", note="一行目\n二行目")
        (line,) = fetch("settlement-figures.jsonl").decode().splitlines()
        assert '"value": 12345678901.2345,' in line
        assert json.loads(line)["note"] == figure.note
        assert "一行目 二行目" in fetch("settlement-figures.csv").decode()

    def test_the_file_is_utf8_with_or_without_bom_or_shift_jis(self, client, fetch):
        make_department(name="架空部～①髙")
        assert fetch("departments.csv") == b"\xef\xbb\xbf" + fetch(
            "departments.csv", encoding="utf-8"
        )
        assert "架空部～①髙" in fetch("departments.csv", encoding="cp932").decode("cp932")
        answer = client.get("/open-data/departments.csv?encoding=cp932")
        assert answer["Content-Type"] == "text/csv; charset=windows-31j"
        assert answer["Content-Disposition"] == 'attachment; filename="departments.csv"'

    @pytest.mark.parametrize("file", ["departments.csv", "departments.csv.sha256", "all.zip"])
    def test_shift_jis_names_the_characters_that_it_cannot_hold(self, client, file):
        make_department(name="架空〜部", description="𠮷野〜")
        answer = client.get(f"/open-data/{file}?encoding=cp932")
        assert answer.status_code == 422
        words = read_words(answer)
        assert "Shift_JIS（CP932）では書けない文字があるため、このファイルは作れません" in words
        assert "「〜」(U+301C)" in words and "「𠮷」(U+20BB7)" in words

    def test_a_text_that_excel_cannot_hold_is_refused_with_its_place(self, client):
        make_department(description="長" * 40_000)
        answer = client.get("/open-data/departments.xlsx")
        assert answer.status_code == 422
        assert "2行目「説明」のセル（40,000字。32,767字まで）" in read_words(answer)

    def test_an_empty_portal_has_files_with_a_header_alone(self, fetch):
        for name, table in TABLES.items():
            assert len(fetch(f"{name}.csv").splitlines()) == 1, name
            assert fetch(f"{name}.jsonl") == b""
            sheet = openpyxl.load_workbook(io.BytesIO(fetch(f"{name}.xlsx"))).worksheets[0]
            assert sheet.max_row == 1 and sheet.max_column == len(table.columns)

    def test_a_year_is_told_in_western_years_and_in_its_era(self, read_rows):
        make_settlement(fiscal_year=2019)
        (row,) = read_rows("settlements")
        assert (row["fiscal_year"], row["fiscal_year_era"]) == ("2019", "令和元年度")

    def test_a_formula_is_written_as_text_and_a_negative_number_plainly(self, read_rows):
        make_item(name="=1+1", supplementary_yen=-5)
        (row,) = read_rows("settlement-items")
        assert (row["name"], row["supplementary_yen"]) == ("'=1+1", "-5")


class TestRefusals:
    @pytest.mark.parametrize(
        ("file", "query", "sentence"),
        [
            (
                "departments.csv",
                "page=2",
                "「page」という指定はありません。使えるのは encoding、header です。",
            ),
            ("departments.csv", "encoding=utf-16", "encoding に「utf-16」は使えません。"),
            ("departments.xlsx", "header=fr", "ja、en から選んでください。"),
            ("departments.xlsx", "encoding=utf-8", "使えるのは header です。"),
            ("departments.jsonl", "header=en", "このファイルは、指定なしで使います。"),
            ("departments.csv.sha256", "x=1", "「x」という指定はありません。"),
            ("all.zip", "format=csv", "「format」という指定はありません。"),
            ("manifest.json", "header=en", "「header」という指定はありません。"),
            ("datapackage.json", "encoding=%00", "は使えません。"),
            ("catalog.jsonld", "%ED%A0%80=1", "という指定はありません。"),
        ],
    )
    def test_a_parameter_that_is_not_understood_is_refused(self, client, file, query, sentence):
        answer = client.get(f"/open-data/{file}", QUERY_STRING=query)
        assert answer.status_code == 400
        assert sentence in read_words(answer)

    @pytest.mark.parametrize(
        "file",
        ["nothing.csv", "departments.pdf", "departments.xlsx.sha256", "csv", "departments.csv/"],
    )
    def test_a_file_that_is_not_there_is_404(self, client, file):
        assert client.get(f"/open-data/{file}").status_code == 404

    def test_only_reading_is_allowed(self, client):
        assert client.post("/open-data/departments.csv").status_code == 405


class TestWhatIsPublic:
    def test_nothing_hidden_stands_in_any_file(self, fetch):
        world = make_world(internal_note=SECRET)
        for state, fields in hidden_states().items():
            hide(world, state, fields)
        archive = zipfile.ZipFile(io.BytesIO(fetch("all.zip")))
        contents = {name: archive.read(name) for name in archive.namelist()}
        for file in FILES:
            contents[file] = fetch(file)
            if file.endswith("xlsx"):
                parts = zipfile.ZipFile(io.BytesIO(contents[file]))
                contents[file] = b"".join(parts.read(name) for name in parts.namelist())
        assert len(contents) == len(FILES) + 2
        for file, content in contents.items():
            for trace in (SECRET, SLUG, "98765432"):
                assert trace not in content.decode(errors="replace"), f"{trace} in {file}"

    def test_a_whole_in_another_record_is_not_named(self, read_rows):
        whole = make_settlement_figure(label="見えない全体")
        make_settlement_figure(label="内訳", part_of=whole)
        whole.item.settlement.status = Status.DRAFT
        whole.item.settlement.save()
        (row,) = read_rows("settlement-figures")
        assert (row["label"], row["part_of_label"]) == ("内訳", "")

    def test_a_source_that_is_not_public_is_not_named_nor_its_place(self, read_rows):
        make_item(source=make_document(status=Status.DRAFT), locator="秘密の箇所")
        (row,) = read_rows("settlement-items")
        assert (row["source_slug"], row["locator"]) == ("", "")


TEXTS = st.sampled_from(
    ["=1+1", "-5", "+3人", "@x", "'引用", 'コンマ,と"引用"', "改\n行", "㈱①〜", "a\tb", "橋&川<b>"]
)
YEN = st.none() | st.integers(0, 9_999_999_999_999)
ROWS = st.lists(
    st.tuples(TEXTS, YEN, st.integers(-(10**12), 10**12), st.decimals(-(10**9), 10**9, places=4)),
    min_size=1,
    max_size=4,
)


class TestEquality:
    """What a page, its CSV file, the API and the bulk file say is one and the same."""

    @given(ROWS)
    @settings(
        max_examples=15,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    def test_page_list_api_and_bulk_file_agree_on_items(self, client, get_json, read_rows, rows):
        department = make_department()
        settlement = make_settlement(department=department)
        for number, (text, amount, change, value) in enumerate(rows, start=1):
            item = make_item(
                settlement, str(number), name=text, amount_yen=amount, supplementary_yen=change
            )
            make_settlement_figure(item, label=text, value=value, unit="度")
        mine = {"department": department.slug}

        bulk = [
            r for r in read_rows("settlement-items") if r["department_slug"] == mine["department"]
        ]
        api = get_json("settlement-items", **mine)["items"]
        answer = client.get(f"{settlement.get_absolute_url()}?format=csv")
        text = answer.content.decode("utf-8-sig")
        page = list(csv.DictReader(io.StringIO(text, newline="")))
        html = client.get(settlement.get_absolute_url()).content.decode()
        assert len(bulk) == len(api) == len(page) == len(rows)
        for here, there, shown in zip(bulk, api, page, strict=True):
            assert here["code"] == there["code"] == shown["項目番号"]
            assert here["name"] == " ".join(map(str.strip, shown["名称"].splitlines()))
            assert unguard(shown["名称"]) == there["name"]
            assert here["amount_yen"] == shown["決算額（円）"] == _printed(there["amount_yen"])
            assert here["supplementary_yen"] == shown["補正額（円）"]
            assert here["supplementary_yen"] == _printed(there["supplementary_yen"])
            assert here["url"] == there["url"] == shown["アドレス"]
            assert here["url"].removeprefix(BASE) in html

        figures = [
            r for r in read_rows("settlement-figures") if r["department_slug"] == mine["department"]
        ]
        told = get_json("figures", **mine)["items"]
        assert [Decimal(row["value"]) for row in figures] == [
            Decimal(str(each["value"])) for each in told
        ]

    def test_lists_of_the_api_and_bulk_files_hold_the_same_records(self, get_json, read_rows):
        make_world()
        make_indicator_value(make_indicator(unit="%"), actual=None, target="0.5")
        for path, name in [
            ("pillars", "pillars"),
            ("reports", "reports"),
            ("initiatives", "initiatives"),
            ("departments", "departments"),
            ("documents", "documents"),
        ]:
            found = {each["slug"]: each["url"] for each in get_json(path)["items"]}
            assert {row["slug"]: row["url"] for row in read_rows(name)} == found
        values = {
            (indicator["slug"], str(value["year"])): _printed(value["actual"])
            for indicator in get_json("indicators")["items"]
            for value in indicator["values"]
        }
        rows = read_rows("indicator-values")
        assert {(r["indicator_slug"], r["year"]): r["actual"] for r in rows} == values

        checks = sorted(
            (each["code"], each["check"], each["status"], _printed(each["difference"]))
            for each in get_json("checks")["items"]
        )
        assert checks == sorted(
            (row["code"], row["check"], row["status"], row["difference"])
            for row in read_rows("checks")
        )
        costs = get_json("initiatives")["items"][0]["costs"]
        assert [row["attributed_yen"] for row in read_rows("initiative-costs")] == [
            _printed(cost["attributed_yen"]) for cost in costs
        ]


def _printed(number) -> str:
    return "" if number is None else f"{Decimal(str(number)).normalize():f}"


class TestHonesty:
    def test_the_page_tells_how_many_rows_each_file_has(self, client, read_rows):
        make_world()
        page = client.get("/open-data/").content.decode()
        rows = re.findall(
            r"dictionary/#([a-z-]+)\".*?data-label=\"件数\">(.*?)</td>", page, re.DOTALL
        )
        assert list(dict(rows)) == list(TABLES)
        for name, told in rows:
            if name == "checks":
                assert told == "作るときに計算"
            else:
                assert told == f"{len(read_rows(name))}件", name

    def test_the_count_follows_the_records(self, client):
        make_department()
        assert "1件" in read_words(client.get("/open-data/"))
        make_department()
        assert "2件" in read_words(client.get("/open-data/"))

    def test_rows_bytes_and_sha256_are_those_of_the_files(self, client, fetch):
        make_world()
        manifest = client.get("/open-data/manifest.json").json()
        assert manifest["license"] == "https://creativecommons.org/licenses/by/4.0/"
        assert len(manifest["files"]) == 2 * len(TABLES)
        for file in manifest["files"]:
            data = fetch(file["path"])
            assert file["bytes"] == len(data)
            assert file["sha256"] == hashlib.sha256(data).hexdigest()
            header = 1 if file["path"].endswith("csv") else 0
            assert file["rows"] == len(data.decode("utf-8-sig").splitlines()) - header

    def test_a_checksum_is_a_line_that_sha256sum_reads(self, fetch):
        make_department()
        for query in ({}, {"header": "en"}, {"encoding": "cp932"}):
            expected = hashlib.sha256(fetch("departments.csv", **query)).hexdigest()
            line = fetch("departments.csv.sha256", **query).decode()
            assert line == f"{expected}  departments.csv\n"
        expected = hashlib.sha256(fetch("departments.jsonl")).hexdigest()
        assert fetch("departments.jsonl.sha256").decode() == f"{expected}  departments.jsonl\n"

    def test_a_checksum_follows_the_records(self, fetch):
        department = make_document(title="前")
        before = fetch("documents.csv.sha256")
        department.title = "後"
        department.save()
        assert fetch("documents.csv.sha256") != before

    def test_the_zip_holds_every_table_with_its_checksum(self, fetch):
        make_world()
        data = fetch("all.zip")
        archive = zipfile.ZipFile(io.BytesIO(data))
        assert archive.testzip() is None
        sums = archive.read("SHA256SUMS").decode()
        for name in TABLES:
            content = archive.read(f"{name}.csv")
            assert content == fetch(f"{name}.csv")
            assert f"{hashlib.sha256(content).hexdigest()}  {name}.csv\n" in sums
        assert fetch("all.zip") == data

    def test_the_edition_is_told_and_answered_304(self, client):
        make_world()
        for file in ["departments.csv", "checks.xlsx", "all.zip", "datapackage.json"]:
            answer = client.get(f"/open-data/{file}")
            etag, modified = answer["ETag"], answer["Last-Modified"]
            with CaptureQueriesContext(connection) as queries:
                for headers in ({"If-None-Match": etag}, {"If-Modified-Since": modified}):
                    again = client.get(f"/open-data/{file}", headers=headers)
                    assert (again.status_code, again.content) == (304, b"")
            assert len(queries) == 2
            assert answer["Access-Control-Allow-Origin"] == "*"
            assert 'rel="license"' in answer["Link"]
        make_department()
        assert client.get(f"/open-data/{file}", headers={"If-None-Match": etag}).status_code == 200

    def test_the_end_of_a_publication_makes_a_new_edition(self, client):
        document = make_document()
        before = client.get("/open-data/documents.csv")["ETag"]
        type(document).objects.update(publish_until=now())
        assert client.get("/open-data/documents.csv")["ETag"] != before

    def test_a_head_request_makes_no_file(self, client):
        make_world()
        with CaptureQueriesContext(connection) as queries:
            answer = client.head("/open-data/settlement-items.xlsx")
        assert len(queries) == 1
        assert answer["ETag"] and "Content-Length" not in answer


class TestSize:
    def test_no_file_asks_more_often_where_there_is_more(self, fetch):
        def count():
            counts = {}
            for file in [*FILES, "all.zip", "catalog.jsonld"]:
                fetch(file)  # fills the cache of content types
                with CaptureQueriesContext(connection) as queries:
                    fetch(file)
                counts[file] = len(queries)
            return counts

        world = make_world()
        (item,), (initiative,) = world["items"], world["initiatives"]
        few = count()
        assert max(number for file, number in few.items() if file != "all.zip") <= 12
        for number in range(2, 12):
            below = make_item(item.settlement, f"2.{number}", amount_yen=5)
            make_settlement_figure(below)
            make_cost(initiative, below, share_percent=1)
            make_initiative_figure(initiative)
            make_item(make_settlement(fiscal_year=1990 + number))
            for record in (below, initiative):
                make_change_note(record)
        assert count() == few

    @pytest.mark.parametrize("format", ["csv", "jsonl", "xlsx", "zip"])
    def test_memory_does_not_grow_with_the_rows(self, format, monkeypatch):
        monkeypatch.setattr("portal.open_data_columns.CHUNK", 100)
        assert CHUNK > 100
        item, few, many = make_item(), 200, 2_000
        table, form = TABLES["settlement-figures"], Form("csv" if format == "zip" else format)

        def measure(number):
            SettlementFigure.objects.bulk_create(
                SettlementFigure(
                    item=item, label=f"架空の数{n}", kind="activity", value=n, unit="件"
                )
                for n in range(item.figures.count(), number)
            )
            if format == "xlsx":
                make = lambda: [write_xlsx(table, BASE, form).close()]  # noqa: E731
            elif format == "zip":
                make = lambda: iter_zip([table], BASE, form, now(), lambda facts: {})  # noqa: E731
            else:
                make = lambda: iter_file(table, BASE, form)  # noqa: E731
            tracemalloc.start()
            try:
                for _ in make():
                    pass
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

        measure(few)  # loads what is loaded once
        small = measure(few)
        assert measure(many) < 1.5 * small

    @pytest.mark.parametrize("format", ["csv", "jsonl"])
    def test_a_reader_who_goes_away_ends_the_reading(self, client, monkeypatch, format):
        monkeypatch.setattr("portal.open_data_columns.CHUNK", 1)
        for _ in range(3):
            make_settlement_figure()
        reading, ended = Table._read, []

        def watched(table):
            try:
                yield from reading(table)
            finally:
                ended.append(table.name)

        monkeypatch.setattr(Table, "_read", watched)
        answer = client.get(f"/open-data/settlement-figures.{format}")
        parts = iter(answer)
        next(parts), next(parts)
        assert ended == []
        go_away(answer)
        assert ended == ["settlement-figures"]
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT name FROM pg_cursors")
                assert cursor.fetchall() == []

    def test_checks_and_costs_come_some_at_a_time_and_whole(self, monkeypatch, read_rows):
        monkeypatch.setattr("budgets.found_checks.SETTLEMENTS_AT_ONCE", 2)
        monkeypatch.setattr("portal.open_data_tables.CHUNK", 2)
        for number in range(5):
            item = make_item(make_settlement(fiscal_year=2000 + number), amount_yen=number)
            make_cost(item=item, share_percent=50)
        rows = [row for row in read_rows("checks") if row["check"] == "breakdown"]
        assert [row["fiscal_year"] for row in rows] == ["2004", "2003", "2002", "2001", "2000"]
        assert len(read_rows("initiative-costs")) == SettlementItem.objects.count() == 5


class TestSmallFiles:
    def test_security_txt_names_a_contact_and_expires_within_a_year(self, client, settings):
        settings.CONTACT_URL = "https://www.example.jp/contact"
        answer = client.get("/.well-known/security.txt")
        assert answer["Content-Type"] == "text/plain; charset=utf-8"
        fields = dict(line.split(": ", 1) for line in answer.content.decode().splitlines())
        assert fields["Contact"] == "https://www.example.jp/contact"
        assert fields["Canonical"] == "http://testserver/.well-known/security.txt"
        assert fields["Preferred-Languages"] == "ja, en"
        expires = now().fromisoformat(fields["Expires"])
        assert 170 < (expires - now()).days < 365

    def test_security_txt_names_the_page_with_the_contact_where_no_address_is_set(
        self, client, settings
    ):
        settings.CONTACT_URL = ""
        text = client.get("/.well-known/security.txt").content.decode()
        assert text.startswith("Contact: http://testserver/accessibility/\n")

    def test_a_browser_learns_how_to_search(self, client, settings):
        settings.SITE_NAME = "架空県 & とても長い名前の政策と決算のポータル"
        home = client.get("/").content.decode()
        assert (
            'rel="search" type="application/opensearchdescription+xml"' in home
            and 'href="/opensearch.xml"' in home
        )
        answer = client.get("/opensearch.xml")
        root = ElementTree.fromstring(answer.content)
        space = "{http://a9.com/-/spec/opensearch/1.1/}"
        assert len(root.findtext(f"{space}ShortName")) <= 16
        template = root.find(f"{space}Url").get("template")
        assert template == "http://testserver/search/?q={searchTerms}"
        make_initiative(title="架空の橋をかけた")
        page = client.get(template.replace("{searchTerms}", "架空の橋").removeprefix(BASE))
        assert "1件" in read_words(page).replace(" ", "")
