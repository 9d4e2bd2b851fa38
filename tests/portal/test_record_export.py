"""The export of staff's tables: the file as the library would make it, read some rows at a time."""

import io
import weakref

import openpyxl
import pytest
from django.contrib import admin
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from budgets.models import SettlementFigure
from budgets.resources import SettlementFigureResource
from initiatives.models import Initiative
from portal.models import AuditEntry, Department, GlossaryTerm
from portal.record_export import RecordTable
from portal.resources import GlossaryTermResource
from portal.spreadsheet_formats import (
    CsvCp932,
    CsvForExcel,
    CsvUtf8,
    Xlsx,
    describe_sheet,
    file_name,
)
from portal.spreadsheet_writing import write_csv, write_xlsx
from portal.spreadsheets import SpreadsheetError
from tests import builders
from tests.admin_pages import export, page_url, text_of
from tests.portal.test_record_resources import MODELS, make_awkward_records
from tests.public_pages import go_away


@pytest.fixture
def staff(db, admin_client):
    return admin_client


def read_sheets(data) -> list:
    """Return what a workbook shows: cells, formats, widths, choices, of every sheet."""
    return [
        (
            sheet.title,
            [[(cell.value, cell.number_format) for cell in row] for row in sheet.iter_rows()],
            {letter: each.width for letter, each in sheet.column_dimensions.items()},
            [(str(rule.sqref), rule.formula1) for rule in sheet.data_validations.dataValidation],
        )
        for sheet in openpyxl.load_workbook(io.BytesIO(data)).worksheets
    ]


FORMATS = {"utf-8-sig": CsvForExcel, "utf-8": CsvUtf8, "cp932": CsvCp932}
NUMBERS = {name: number for number, name in enumerate([*FORMATS, "xlsx"])}


@pytest.mark.parametrize("chunk", [1, 1000])
def test_a_file_is_what_the_library_makes_record_by_record(db, monkeypatch, chunk):
    monkeypatch.setattr("portal.open_data_columns.CHUNK", chunk)
    make_awkward_records()
    for model in MODELS:
        resource = admin.site._registry[model].resource_classes[0]()
        records = model.objects.order_by("pk")
        made = resource.export(records)
        header, rows = made.headers, list(made)
        assert len(rows) == model.objects.count() > 0
        table = RecordTable(resource, records)
        for encoding, file_format in FORMATS.items():
            data = file_format().answer(table).getvalue()
            assert data == write_csv(header, rows, encoding)
        whole = write_xlsx(header, rows, **describe_sheet(resource))
        assert read_sheets(Xlsx().answer(table).getvalue()) == read_sheets(whole)


@pytest.mark.parametrize("file_format", [*FORMATS, "xlsx"])
def test_a_table_without_rows_is_a_header(staff, file_format):
    data = export(staff, GlossaryTerm, file_format)
    if file_format == "xlsx":
        assert openpyxl.load_workbook(io.BytesIO(data)).worksheets[0].max_row == 1
    else:
        assert data == write_csv(["用語", "読み", "説明", "やさしい日本語の説明"], [], file_format)


@pytest.mark.parametrize("file_format", [*FORMATS, "xlsx"])
def test_the_rows_are_read_some_at_a_time_and_let_go(db, monkeypatch, file_format):
    monkeypatch.setattr("portal.open_data_columns.CHUNK", 2)
    item = builders.make_item()
    for number in range(20):
        builders.make_settlement_figure(item, label=f"架空の数{number}")
    reading, alive, most = RecordTable.batches, weakref.WeakSet(), []

    class Batch(list):
        __hash__ = object.__hash__

    def watched(table):
        for columns in reading(table):
            assert {len(cells) for cells in columns} == {2}
            columns = Batch(columns)
            alive.add(columns)
            yield columns
            most.append(len(alive))

    monkeypatch.setattr(RecordTable, "batches", watched)
    table = RecordTable(SettlementFigureResource(), SettlementFigure.objects.order_by("pk"))
    answer = (FORMATS | {"xlsx": Xlsx})[file_format]().answer(table)
    checked = len(most)
    assert checked == {"cp932": 10, "xlsx": 20}.get(file_format, 0)
    for _ in answer:
        pass
    assert len(most) == checked + (0 if file_format == "xlsx" else 10)
    assert max(most) <= 2


def test_the_number_of_queries_does_not_grow_with_the_rows(staff):
    def count():
        with CaptureQueriesContext(connection) as queries:
            for model in MODELS:
                export(staff, model, "utf-8")
        return len(queries)

    make_awkward_records()
    count()  # fills the cache of content types
    few = count()
    item = builders.make_item()
    for _ in range(5):
        department = builders.make_department(parent=builders.make_department())
        department.successors.set([builders.make_department()])
        initiative = builders.make_initiative(
            departments=[department], places=[builders.make_place()]
        )
        builders.make_initiative_figure(initiative)
        builders.make_indicator_value().indicator.initiatives.set([initiative])
        builders.make_settlement_figure(item, part_of=builders.make_settlement_figure(item))
        builders.make_item(program=builders.make_program(department=department))
    assert count() == few


def test_a_client_who_goes_away_ends_the_reading(staff, monkeypatch):
    monkeypatch.setattr("portal.open_data_columns.CHUNK", 1)
    for _ in range(3):
        builders.make_term()
    reading, ended = RecordTable.batches, []

    def watched(table):
        try:
            yield from reading(table)
        finally:
            ended.append(table)

    monkeypatch.setattr(RecordTable, "batches", watched)
    answer = staff.post(page_url(GlossaryTerm, "export"), {"format": 1, "resource": ""})
    next(iter(answer))
    assert ended == []
    go_away(answer)
    assert len(ended) == 1
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT name FROM pg_cursors")
            assert cursor.fetchall() == []


def test_all_that_shift_jis_lacks_is_told_in_the_words_of_the_whole_file(staff, monkeypatch):
    monkeypatch.setattr("portal.open_data_columns.CHUNK", 4)
    for number in range(30):
        builders.make_term(term=f"用語{number:02}", reading="𠮷" if number % 3 else "よ")
    records = GlossaryTerm.objects.order_by("term")
    made = GlossaryTermResource().export(records)
    with pytest.raises(SpreadsheetError) as whole:
        write_csv(made.headers, list(made), "cp932", names=[row[0] for row in made])
    assert "、3行目「読み」の「𠮷」(U+20BB7)（用語01）" in str(whole.value).replace(": ", "、")
    with pytest.raises(SpreadsheetError) as told:
        CsvCp932().answer(RecordTable(GlossaryTermResource(), records))
    assert str(told.value) == str(whole.value)
    page = staff.post(page_url(GlossaryTerm, "export"), {"format": 2, "resource": ""})
    assert str(told.value)[:30] in text_of(page)
    assert not AuditEntry.objects.filter(action="export").exists()


def test_what_excel_cannot_hold_is_told_before_anything_is_sent(staff):
    builders.make_term(term="一", reading="い")
    builders.make_term(term="長い", reading="な", explanation="長" * 32_768)
    page = staff.post(page_url(GlossaryTerm, "export"), {"format": 3, "resource": ""})
    assert "3行目「説明」のセル（32,768字。32,767字まで）" in text_of(page)
    assert not AuditEntry.objects.filter(action="export").exists()


@pytest.mark.parametrize("file_format", [*FORMATS, "xlsx"])
def test_the_file_is_named_and_the_audit_log_tells_of_it(staff, file_format):
    builders.make_department()
    fields = {"format": NUMBERS[file_format], "resource": ""}
    answer = staff.post(page_url(Department, "export"), fields)
    name = file_name(Department, "xlsx" if file_format == "xlsx" else "csv")
    assert answer["Content-Disposition"] == f'attachment; filename="{name}"'
    assert answer.streaming and answer.getvalue()
    entry = AuditEntry.objects.get(action="export")
    title = admin.site._registry[Department].export_formats[NUMBERS[file_format]].title
    assert (entry.record, entry.detail, entry.username) == ("部局の表", title, "admin")


@pytest.mark.filterwarnings("ignore:The 'get_valid_export_item_pks:DeprecationWarning")
def test_chosen_records_alone_are_exported(staff):
    chosen, other = builders.make_initiative(), builders.make_initiative()
    fields = {"format": 1, "resource": "", "export_items": [chosen.pk]}
    data = staff.post(page_url(Initiative, "export"), fields).getvalue().decode()
    assert chosen.slug in data and other.slug not in data


def test_a_database_that_is_lost_at_the_first_row_is_an_error_and_no_file(staff, monkeypatch):
    def lost(table):
        raise OperationalError("架空の停止")
        yield

    monkeypatch.setattr(RecordTable, "batches", lost)
    staff.raise_request_exception = False
    answer = staff.post(page_url(GlossaryTerm, "export"), {"format": 1, "resource": ""})
    assert answer.status_code == 503
    assert "Content-Disposition" not in answer
