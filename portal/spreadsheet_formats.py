"""The file formats of import and export in the admin, as django-import-export wants them."""

import tempfile

from django import forms
from django.http import FileResponse, StreamingHttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from import_export.formats.base_formats import Format
from import_export.forms import ExportForm

from .csv_text import iter_csv_columns
from .record_export import RecordTable
from .spreadsheet_reading import Table, read_csv, read_xlsx, show_readings
from .spreadsheet_writing import measure_sheet, refuse_lost_cells, save_xlsx, write_xlsx
from .spreadsheets import CSV_ENCODINGS, MEGABYTE, SpreadsheetError

MAX_ROWS = 200_000
MAX_XLSX_ROWS = 50_000  # reading a workbook takes longer than importing it, and a person waits
MAX_BYTES = 40 * MEGABYTE
EXCEL_STARTS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


class AmbiguousFile(SpreadsheetError):
    """A file of which only a person can tell the encoding."""


def read_table(data: bytes, encoding: str = "") -> Table:
    """Return the table of a CSV or XLSX file; its content tells which it is.

    `encoding` is what a person chose for CSV. Raises SpreadsheetError for what cannot be read whole.
    """
    if data.startswith(EXCEL_STARTS):
        table = read_xlsx(data, max_bytes=MAX_BYTES, max_rows=MAX_XLSX_ROWS)
    else:
        table = read_csv(data, encoding=encoding or None, max_bytes=MAX_BYTES, max_rows=MAX_ROWS)
    if table.ambiguous and not encoding:
        readings = "、".join(
            f"{CSV_ENCODINGS[name]}なら「{text}」" for name, text in show_readings(data).items()
        )
        raise AmbiguousFile(
            f"文字コードが決められません。{readings}と読めます。"
            "正しい方を選び、ファイルをもう一度選んでください。"
        )
    if not table.rows:
        raise SpreadsheetError(
            "見出しだけで、データの行がありません。2行目からデータを書いてください。"
        )
    return table


class _Export(Format):
    """A format that sends a table as it is read, so that memory does not grow with the rows.

    `answer` raises SpreadsheetError, before anything is sent, for what the format cannot hold.
    """

    title = ""

    def get_title(self):
        return self.title

    def can_export(self):
        return True


class _Csv(_Export):
    encoding = ""

    def answer(self, table: RecordTable) -> StreamingHttpResponse:
        # No other encoding lacks a character that a database holds.
        if self.encoding == "cp932":
            refuse_lost_cells(table.header, table.batches(), self.encoding, table.name_row)
        parts = iter_csv_columns(table.header, table.batches(), self.encoding)
        return StreamingHttpResponse(parts, content_type=self.get_content_type())

    def get_extension(self):
        return "csv"

    def get_content_type(self):
        return f"text/csv; charset={'Shift_JIS' if self.encoding == 'cp932' else 'utf-8'}"


class CsvForExcel(_Csv):
    title = "CSV UTF-8（BOM付き。Excelで開けます）"
    encoding = "utf-8-sig"


class CsvUtf8(_Csv):
    title = "CSV UTF-8（BOMなし）"
    encoding = "utf-8"


class CsvCp932(_Csv):
    title = "CSV Shift_JIS（CP932。書けない文字があると、書き出さずに知らせます）"
    encoding = "cp932"


class Xlsx(_Export):
    title = "Excel XLSX（Excelで直すなら、これがいちばん安全です）"

    def answer(self, table: RecordTable) -> FileResponse:
        widths = measure_sheet(table.header, table.batches())
        file = tempfile.TemporaryFile()  # noqa: SIM115 - the answer closes it
        sheet = describe_sheet(table.resource)
        save_xlsx(file, table.header, table.rows(), widths=widths, **sheet)
        file.seek(0)
        return FileResponse(file, content_type=self.get_content_type())

    def get_extension(self):
        return "xlsx"

    def get_content_type(self):
        return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class SpreadsheetImportForm(forms.Form):
    import_file = forms.FileField(
        label="ファイル",
        help_text=(
            f"CSV（UTF-8、Shift_JIS）は{MAX_ROWS:,}行、Excel（XLSX）は{MAX_XLSX_ROWS:,}行、"
            f"どちらも{MAX_BYTES // MEGABYTE}MBまで。"
            "次の画面で、変わる内容を確かめられます。"
        ),
        widget=forms.FileInput(attrs={"accept": ".csv,.xlsx"}),
    )
    encoding = forms.ChoiceField(
        label="CSVの文字コード",
        choices=[
            ("", "中身から見分ける"),
            ("utf-8", CSV_ENCODINGS["utf-8"]),
            ("cp932", CSV_ENCODINGS["cp932"]),
        ],
        required=False,
        help_text="見分けられないファイルのときだけ、そう知らせます。ふだんは、このままにします。",
    )

    def clean_import_file(self):
        file = self.cleaned_data["import_file"]
        if file.size > MAX_BYTES:
            raise forms.ValidationError(
                f"{MAX_BYTES // MEGABYTE}MBを超えるファイルは取り込めません。分けてください。"
            )
        return file


class SpreadsheetConfirmForm(forms.Form):
    """Names the kept file that is to be imported, and how it was read."""

    log = forms.IntegerField(widget=forms.HiddenInput())
    encoding = forms.ChoiceField(
        choices=SpreadsheetImportForm.base_fields["encoding"].choices,
        required=False,
        widget=forms.HiddenInput(),
    )


class SpreadsheetExportForm(ExportForm):
    def __init__(self, formats, resources, **kwargs):
        super().__init__(formats, resources, **kwargs)
        field = self.fields["format"]
        self.fields["format"] = forms.ChoiceField(
            label="形式", choices=field.choices[1:], initial="0", widget=forms.RadioSelect()
        )


def make_template(resource) -> bytes:
    """Return a workbook without rows: the headers, the choices, the guide."""
    return write_xlsx(resource.get_export_headers(), [], **describe_sheet(resource))


def describe_sheet(resource) -> dict:
    """Return what a resource's sheet is beside its rows; its guide is a second sheet."""
    columns = resource.get_import_fields()
    return {
        "title": str(resource.get_display_name()),
        "guide": resource.list_guide(),
        "text_columns": {field.column_name for field in columns if field.widget.is_text},
        "choices": {
            field.column_name: field.widget.offered for field in columns if field.widget.offered
        },
    }


def describe_table(table: Table) -> str:
    """Return what a file was read as, with what a person should look at."""
    parts = [
        "Excel（XLSX）" if table.encoding == "xlsx" else f"CSV、{CSV_ENCODINGS[table.encoding]}",
        f"{len(table.rows):,}行",
    ]
    if table.blank_rows:
        parts.append(f"空の行を{table.blank_rows}行とばしました")
    if table.ambiguous:
        parts.append("文字コードは、職員が選んだものです")
    return "。".join(parts)


def file_name(model, extension) -> str:
    return f"{model._meta.model_name}-{date_format(timezone.localdate(), 'Y-m-d')}.{extension}"
