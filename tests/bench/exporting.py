"""The speed and the memory of exports: the portal's, csv.writer's, and PostgreSQL's own COPY.

Of the bulk files with the most rows, and of the same records as staff export them: from the
database to the bytes of the file. Beside it the same rows written by csv.writer alone, once from
memory and once as a plain script exports them, straight from a cursor. Times are CPU time of this process; COPY works in the server, so its time is wall time.
"""

import csv
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice
from statistics import median
from typing import Any, NamedTuple

from django.contrib import admin
from django.db import connection

from budgets.models import SettlementFigure, SettlementItem
from portal.csv_text import iter_csv_columns
from portal.open_data_columns import read_values
from portal.open_data_files import Form, flat_rows, iter_file
from portal.open_data_tables import TABLES
from portal.record_export import RecordTable
from portal.spreadsheet_formats import CsvCp932, CsvForExcel

from .arithmetic import CLOCKS, find_ratio, run_interleaved

BASE = "https://portal.example.jp"
NAMES = ("settlement-items", "settlement-figures")
STAFF_TABLES = {"staff-items": SettlementItem, "staff-figures": SettlementFigure}
STAFF_FORMATS = {"staff-csv": CsvForExcel, "staff-cp932": CsvCp932}
MOST_IN_MEMORY = 50_000
ROUNDS = 3
SECONDS = 15  # for the rounds of a table; there is always one
# Format -> up to how many rows of a small and of a large file; a workbook takes long to write.
LIMITS = {
    **dict.fromkeys(("csv", "jsonl", *STAFF_FORMATS), (5_000, 500_000)),
    "xlsx": (5_000, 25_000),
}
PEAK = """
import sys, django
django.setup()
from tests.bench.exporting import print_peak
print_peak(*sys.argv[1:])
"""


class Sink:
    """Takes what is written, and keeps nothing."""

    def write(self, text) -> int:
        return len(text)


class Writing(NamedTuple):
    """A file to be measured: its number of rows, some of them, its parts, and what it reads."""

    number: int
    some: list[tuple]
    parts: Callable[[], Iterable[bytes]]
    values: Callable[[], Any]


def measure_export(names=(*NAMES, *STAFF_TABLES)) -> dict[str, dict]:
    """Return, by table, rows, rows a second of each way of writing, and ratios to csv.writer."""
    return {name: measure_writing(find_writing(name)) for name in names}


def find_writing(name: str) -> Writing:
    if name in STAFF_TABLES:
        table = staff_table(STAFF_TABLES[name])
        return Writing(
            table.records.count(),
            list(islice(table.rows(), MOST_IN_MEMORY)),
            lambda: iter_csv_columns(table.header, table.batches(), "utf-8-sig"),
            lambda: read_values(table.records, _paths_of(table)),
        )
    table, form = TABLES[name], Form()
    return Writing(
        table.load().count(),
        [tuple(row) for row in islice(flat_rows(table, BASE), MOST_IN_MEMORY)],
        lambda: iter_file(table, BASE, form),
        lambda: read_values(table.load(), _paths_of(table)),
    )


def staff_table(model, most=None) -> RecordTable:
    """Return what staff export of a model: all records, or so many."""
    resource = admin.site._registry[model].resource_classes[0]()
    return RecordTable(resource, model.objects.all()[:most])


def _paths_of(table) -> list[str]:
    return list(dict.fromkeys(path for column in table.columns for path in column.paths))


def measure_writing(writing: Writing) -> dict:
    number, some, sink = writing.number, writing.some, Sink()

    def write_ours():
        for part in writing.parts():
            sink.write(part)

    def write_from_memory():
        csv.writer(sink).writerows(some)

    def write_from_cursor():
        csv.writer(sink).writerows(writing.values().iterator(chunk_size=1000))

    taken = run_interleaved(
        {
            "ours": partial(_seconds_a_row, write_ours, number),
            "memory": partial(_seconds_a_row, write_from_memory, len(some)),
            "cursor": partial(_seconds_a_row, write_from_cursor, number),
        },
        ROUNDS,
        SECONDS,
    )
    told = {
        "rows": number,
        "ours": 1 / median(taken["ours"]),
        "csv_writer_from_memory": 1 / median(taken["memory"]),
        "csv_writer_from_cursor": 1 / median(taken["cursor"]),
        "to_csv_writer_from_memory": find_ratio(taken["memory"], taken["ours"]),
        "to_csv_writer_from_cursor": find_ratio(taken["cursor"], taken["ours"]),
    }
    if connection.vendor == "postgresql":
        query, parameters = writing.values().query.sql_with_params()
        start = time.perf_counter()
        with connection.cursor() as cursor:
            copied = cursor.mogrify(query, parameters)
            with cursor.copy(f"COPY ({copied}) TO STDOUT (FORMAT csv)") as copy:
                for part in copy:
                    sink.write(part)
        told["copy_wall"] = number / (time.perf_counter() - start)
    return told


def measure_peaks(name="settlement-figures") -> list[tuple[str, int, float]]:
    """Return format, number of rows, and the peak memory (MB) of a process that writes so many."""
    return [
        (format, limit, float(_run(PEAK, name, format, str(limit))))
        for format, limits in LIMITS.items()
        for limit in limits
    ]


def _run(code: str, *arguments: str) -> str:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def print_peak(name: str, format: str, limit: str) -> None:
    """Make the file with at most so many rows, and print the peak memory of this process in MB."""
    from dataclasses import replace

    from portal.open_data_files import write_xlsx

    if format in STAFF_FORMATS:
        answer = STAFF_FORMATS[format]().answer(staff_table(SettlementFigure, int(limit)))
        for _ in answer:
            pass
        answer.close()
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    table = TABLES[name]
    some = replace(table, load=lambda: table.load()[: int(limit)])
    if format == "xlsx":
        write_xlsx(some, BASE, Form(format)).close()
    else:
        for _ in iter_file(some, BASE, Form(format)):
            pass
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _seconds_a_row(write: Callable, rows: int) -> float:
    clock = CLOCKS[connection.vendor]
    start = clock()
    write()
    return (clock() - start) / rows
