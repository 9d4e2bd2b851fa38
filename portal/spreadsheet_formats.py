"""The file formats of import and export in the admin, as django-import-export wants them."""

import datetime

import tablib
from django import forms
from django.utils import timezone
from django.utils.formats import date_format
from import_export.formats.base_formats import Format
from import_export.forms import ConfirmImportForm, ExportForm, ImportForm
from import_export.tmp_storages import MediaStorage

from .import_results import LINE
from .spreadsheets import (
    CSV_ENCODINGS,
    MEGABYTE,
    SpreadsheetError,
    read_csv,
    read_xlsx,
    write_csv,
    write_xlsx,
)

MAX_ROWS = 5_000  # each new row takes some twenty queries, and a person waits
MAX_BYTES = 10 * MEGABYTE
EXCEL_STARTS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
KEPT_FOR = datetime.timedelta(days=1)


class AnySpreadsheet(Format):
    """A CSV or XLSX file; its content tells which, and in which encoding."""

    def __init__(self, encoding=None):
        pass

    def get_title(self):
        return "CSV・Excel（XLSX）"

    def can_import(self):
        return True

    def create_dataset(self, data):
        read = read_xlsx if data.startswith(EXCEL_STARTS) else read_csv
        table = read(data, max_bytes=MAX_BYTES, max_rows=MAX_ROWS)
        if not table.rows:
            raise SpreadsheetError(
                "見出しだけで、データの行がありません。2行目からデータを書いてください。"
            )
        dataset = tablib.Dataset(headers=[*table.header, LINE])
        dataset.extend([[*row.cells, row.line] for row in table.rows])
        dataset.title = describe(table)
        return dataset


class _Export(Format):
    title = ""

    def get_title(self):
        return self.title

    def can_export(self):
        return True


class _Csv(_Export):
    encoding = ""

    def export_data(self, dataset, **kwargs):
        return write_csv(dataset.headers, list(dataset), self.encoding)

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

    def export_data(self, dataset, **kwargs):
        return write_xlsx(dataset.headers, list(dataset), title=dataset.title)

    def get_extension(self):
        return "xlsx"

    def get_content_type(self):
        return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class SpreadsheetImportForm(ImportForm):
    @property
    def media(self):
        return forms.Media()  # there is one format, hence none to guess by script

    def __init__(self, formats, resources, **kwargs):
        super().__init__(formats, resources, **kwargs)
        self.fields["format"].widget = forms.HiddenInput()
        self.fields["format"].initial = "0"
        file = self.fields["import_file"]
        file.label = "ファイル"
        file.help_text = (
            f"CSV（UTF-8、Shift_JIS）か Excel（XLSX）、{MAX_BYTES // MEGABYTE}MB・{MAX_ROWS:,}行まで。"
            "次の画面で、変わる内容を確かめられます。"
        )
        file.widget.attrs["accept"] = ".csv,.xlsx"

    def clean_import_file(self):
        file = self.cleaned_data["import_file"]
        if file.size > MAX_BYTES:
            raise forms.ValidationError(
                f"{MAX_BYTES // MEGABYTE}MBを超えるファイルは取り込めません。分けてください。"
            )
        return file


class SpreadsheetConfirmForm(ConfirmImportForm):
    format = forms.ChoiceField(choices=[("0", "")], widget=forms.HiddenInput())


class SpreadsheetExportForm(ExportForm):
    def __init__(self, formats, resources, **kwargs):
        super().__init__(formats, resources, **kwargs)
        field = self.fields["format"]
        self.fields["format"] = forms.ChoiceField(
            label="形式", choices=field.choices[1:], initial="0", widget=forms.RadioSelect()
        )


class UploadStorage(MediaStorage):
    """Keeps an uploaded file between preview and confirmation, where every host finds it."""

    def save(self, data):
        self.remove_old()
        super().save(data)

    def read(self):
        try:
            return super().read()
        except OSError:
            raise SpreadsheetError(
                "取り込みの準備が古くなったか、もう取り込まれています。ファイルをもう一度選んでください。"
            ) from None

    def remove_old(self):
        """Remove files that nobody confirmed."""
        folder = self.MEDIA_FOLDER
        names = self._storage.listdir(folder)[1] if self._storage.exists(folder) else []
        for path in (f"{folder}/{name}" for name in names):
            if self._storage.get_modified_time(path) < timezone.now() - KEPT_FOR:
                self._storage.delete(path)


def describe(table) -> str:
    """Return what a file was read as, with what a person should look at."""
    parts = [
        "Excel（XLSX）" if table.encoding == "xlsx" else f"CSV、{CSV_ENCODINGS[table.encoding]}",
        f"{len(table.rows):,}行",
    ]
    if table.blank_rows:
        parts.append(f"空の行を{table.blank_rows}行とばしました")
    if table.ambiguous:
        parts.append("半角カタカナの Shift_JIS とも読めるため、文字が正しいかよく見てください")
    return "。".join(parts)


def file_name(model, extension) -> str:
    return f"{model._meta.model_name}-{date_format(timezone.localdate(), 'Y-m-d')}.{extension}"
