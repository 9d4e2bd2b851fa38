"""The speed and the memory of exports: the portal's, csv.writer's, and PostgreSQL's own COPY.

Of the bulk files with the most rows: from the database to the bytes of the file. Beside it the same
rows written by csv.writer alone, once from memory and once as a plain script exports them, straight
from a cursor. Times are CPU time of this process; COPY works in the server, so its time is wall time.
"""

import csv
import resource
import subprocess
import sys
import time
from itertools import islice

from django.db import connection

from portal.open_data_columns import read_values
from portal.open_data_files import Form, flat_rows, iter_file, measure
from portal.open_data_tables import TABLES

BASE = "https://portal.example.jp"
NAMES = ("settlement-items", "settlement-figures")
MOST_IN_MEMORY = 50_000
ROUNDS = 3
FORMATS = ("csv", "jsonl", "xlsx")
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


def measure_export(names=NAMES) -> dict[str, dict]:
    """Return, by table, rows, rows a second of each way of writing, and ratios to csv.writer."""
    return {name: measure_table(TABLES[name]) for name in names}


def measure_table(table) -> dict:
    form, sink = Form(), Sink()
    number = measure(table, BASE, form).rows
    some = [tuple(row) for row in islice(flat_rows(table, BASE), MOST_IN_MEMORY)]
    paths = list(dict.fromkeys(path for column in table.columns for path in column.paths))

    def write_ours():
        for part in iter_file(table, BASE, form):
            sink.write(part)

    def write_from_memory():
        csv.writer(sink).writerows(some)

    def write_from_cursor():
        csv.writer(sink).writerows(read_values(table.load(), paths).iterator(1000))

    ours, raw, plain = [], [], []
    for _ in range(ROUNDS):  # one after the other, so that all meet the same machine
        ours.append(_seconds(write_ours) / number)
        raw.append(_seconds(write_from_memory) / len(some))
        plain.append(_seconds(write_from_cursor) / number)
    told = {
        "rows": number,
        "ours": 1 / min(ours),
        "csv_writer_from_memory": 1 / min(raw),
        "csv_writer_from_cursor": 1 / min(plain),
        "to_csv_writer_from_memory": min(raw) / min(ours),
        "to_csv_writer_from_cursor": min(plain) / min(ours),
    }
    if connection.vendor == "postgresql":
        query, parameters = read_values(table.load(), paths).query.sql_with_params()
        start = time.perf_counter()
        with connection.cursor() as cursor:
            copied = cursor.mogrify(query, parameters)
            with cursor.copy(f"COPY ({copied}) TO STDOUT (FORMAT csv)") as copy:
                for part in copy:
                    sink.write(part)
        told["copy_wall"] = number / (time.perf_counter() - start)
    return told


def measure_peaks(name="settlement-figures", formats=FORMATS, limits=(5_000, 500_000)) -> dict:
    """Return the peak memory (MB) of a process of its own, by format and number of rows."""
    return {
        (format, limit): float(
            subprocess.run(
                [sys.executable, "-c", PEAK, name, format, str(limit)],
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            ).stdout
        )
        for format in formats
        for limit in limits
    }


def print_peak(name: str, format: str, limit: str) -> None:
    """Make the file with at most so many rows, and print the peak memory of this process in MB."""
    from dataclasses import replace

    from portal.open_data_files import write_xlsx

    table = TABLES[name]
    some = replace(table, load=lambda: table.load()[: int(limit)])
    if format == "xlsx":
        write_xlsx(some, BASE, Form(format)).close()
    else:
        for _ in iter_file(some, BASE, Form(format)):
            pass
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _seconds(write) -> float:
    start = time.process_time()
    write()
    return time.process_time() - start
