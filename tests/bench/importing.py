"""The speed of imports: the portal's, django-import-export's default, and without any check.

The portal's figures are those of the whole way that staff go: the file is sent to the import page,
which reads, checks, compares and shows it and keeps it in the log; then it is confirmed, which
writes the rows, the versions and the log of operations as the preview found them. Drafts are in no
search index. A file of one row goes before, so that what a server loads once is loaded. The rival
writes its preview and log too, but no versions. The limit is `csv` with `bulk_create`, which checks,
compares and logs nothing; and on PostgreSQL COPY of the same rows.
"""

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg.sql
import tablib
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.test import Client
from django.test.utils import override_settings
from django.urls import reverse
from import_export import fields, resources, widgets
from import_export.admin import ImportMixin

from budgets.models import Settlement, SettlementFigure, SettlementItem
from portal.models import Department, ImportLog, SourceDocument
from portal.search_index import hold_indexing

from .arithmetic import CLOCKS

FIGURES_OF_ITEM = 5
ITEMS_OF_SETTLEMENT = 300
FISCAL_YEAR = 2020
RIVAL_ROWS = 1_000
HEADER = [
    "年度",
    "部局",
    "項目番号",
    "区分",
    "項目",
    "測るもの",
    "時期",
    "種類",
    "値",
    "単位",
    "資料の表記",
    "注記",
    "何の内訳か",
    "並び順",
    "出典",
    "出典の箇所",
]
ITEM_HEADER = [
    "年度",
    "部局",
    "項目番号",
    "名称",
    "決算額（円）",
    "予算現額（円）",
    "不用額（円）",
    "本文",
    "出典",
]


def measure_import(rows: int) -> dict:
    """Return rows a second by what is imported and how, and how often ours is the rival's.

    {"figures": {"preview": {"new": …, "changed": …, "unchanged": …}, "confirm": {…}, "both": {…},
    "rival": {"new": …, "changed": …, "unchanged": …}, "limit": {"new": …}, "copy": {"new": …}}, "items": {…},
    "rows": {"figures": …, "items": …, "rival": …}}. "both" is preview and confirmation together.
    """
    with _scratch_database():
        settlements = -(-rows // ITEMS_OF_SETTLEMENT)
        _make_world(settlements)
        client = _sign_in()
        items = list(_list_items(settlements))
        figures = [
            row for item in items[: len(items) // FIGURES_OF_ITEM] for row in _list_figures(item)
        ]
        measured = {"items": _measure_kind(client, SettlementItem, ITEM_HEADER, items)}
        measured["figures"] = _measure_kind(client, SettlementFigure, HEADER, figures)
        measured["figures"]["rival"] = _measure_rival(figures[:RIVAL_ROWS])
        measured["figures"]["limit"] = {"new": _measure_limit(figures, _create_in_bulk)}
        if connection.vendor == "postgresql":
            measured["figures"]["copy"] = {"new": _measure_limit(figures, _copy)}
        measured["rows"] = {
            "items": len(items),
            "figures": len(figures),
            "rival": RIVAL_ROWS,
        }
    return measured


@contextmanager
def _scratch_database():
    with TemporaryDirectory() as folder:
        test = connection.settings_dict["TEST"]
        kept, test["NAME"] = test["NAME"], test["NAME"]
        if connection.vendor == "sqlite":
            test["NAME"] = str(Path(folder) / "import.sqlite3")
        name = connection.settings_dict["NAME"]
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        try:
            with override_settings(ALLOWED_HOSTS=[*settings.ALLOWED_HOSTS, "testserver"]):
                yield
        finally:
            connection.creation.destroy_test_db(name, verbosity=0)
            test["NAME"] = kept


def _make_world(settlements):
    SourceDocument.objects.create(
        slug="kakuu-kessan", title="架空県の決算資料", issued_by="架空県", status="published"
    )
    for number in range(settlements):
        department = Department.objects.create(slug=f"kakuu-{number}", name=f"架空第{number}部")
        Settlement.objects.create(department=department, fiscal_year=FISCAL_YEAR)


def _sign_in() -> Client:
    user = get_user_model().objects.create_superuser("kakuu-kanri")
    client = Client()
    client.force_login(user)
    return client


def _list_items(settlements):
    for settlement in range(settlements):
        for number in range(ITEMS_OF_SETTLEMENT):
            chapter, place = divmod(number, 10)
            code = f"{chapter + 1}.{place}" if place else f"{chapter + 1}"
            amount = 1_000 * (number * 37 % 9_973 + 1)
            yield [
                str(FISCAL_YEAR),
                f"kakuu-{settlement}",
                code,
                f"架空事業その{number}（第{settlement}部）",
                f"{amount:,}",
                str(amount + 5_000),
                "5000",
                f"架空の事業{number}について、架空県が行ったこと。",
                "kakuu-kessan",
            ]


def _list_figures(item):
    """Yield an item's cost, two parts of it, and two numbers of what was done."""
    year, department, code, name, amount, *_ = item
    total = int(amount.replace(",", "")) // 1_000
    whole = f"｜{name}｜事業費｜令和2年度"
    figures = [
        ("", "事業費", "決算額の内訳", f"{total:,}", "千円", "", ""),
        ("架空北部", "事業費", "決算額の内訳", f"{total // 2}", "千円", "", whole),
        ("架空南部", "事業費", "決算額の内訳", f"{total // 3}", "千円", "", whole),
        ("架空東部", "利用", "活動量", f"{total % 997}", "件", "窓口での数", ""),
        ("架空西部", "利用", "活動量", f"{total % 499}", "件", "郵送での数", ""),
    ]
    for position, (group, measure, kind, value, unit, note, part_of) in enumerate(figures):
        named = [year, department, code, group, name, measure, "令和2年度"]
        cited = [str(position), "kakuu-kessan", f"第2 {code}"]
        yield [*named, kind, value, unit, "", note, part_of, *cited]


def _write(header, rows) -> bytes:
    stream = io.StringIO()
    csv.writer(stream).writerows([header, *rows])
    return stream.getvalue().encode()


def _change(header, rows):
    at = header.index("値") if "値" in header else header.index("決算額（円）")
    return [[*row[:at], str(int(row[at].replace(",", "")) + 2), *row[at + 1 :]] for row in rows]


def _measure_kind(client, model, header, rows) -> dict:
    changed = _change(header, rows)
    _import(client, model, _write(header, rows[:1]))
    model.objects.all()._raw_delete("default")
    found = {"preview": {}, "confirm": {}, "both": {}}
    for what, data in [("new", rows), ("unchanged", rows), ("changed", changed)]:
        preview, confirmation = _import(client, model, _write(header, data))
        found["preview"][what] = len(rows) / preview
        found["confirm"][what] = len(rows) / confirmation
        found["both"][what] = len(rows) / (preview + confirmation)
    return found


def _import(client, model, data) -> tuple[float, float]:
    """Return the seconds that the preview of a file and its confirmation took."""
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    client.get(reverse(f"{name}_import"))  # where the file is chosen
    file = SimpleUploadedFile("架空.csv", data)
    answer, preview = _time(
        lambda: client.post(reverse(f"{name}_import"), {"import_file": file, "encoding": ""})
    )
    log = ImportLog.objects.defer("file").latest("pk")
    if answer.status_code != 200 or log.state != "previewed":
        raise RuntimeError(_find_problem(answer))
    answer, confirmation = _time(
        lambda: client.post(reverse(f"{name}_process_import"), {"log": log.pk, "encoding": ""})
    )
    log.refresh_from_db(fields=["state"])
    if answer.status_code != 302 or log.state != "imported":
        raise RuntimeError(_find_problem(answer))
    return preview, confirmation


def _find_problem(answer) -> str:
    page = answer.content.decode()
    return page[max(page.find('class="import"'), 0) :][:3_000]


def _time(call):
    clock = CLOCKS[connection.vendor]
    start = clock()
    answer = call()
    return answer, clock() - start


class RivalResource(resources.ModelResource):
    """What the documentation of django-import-export advises: natural keys by widgets, checks on."""

    source = fields.Field("source", "source", widgets.ForeignKeyWidget(SourceDocument, "slug"))

    class Meta:
        model = SettlementFigure
        fields = [
            "item",
            "group",
            "label",
            "measure",
            "period",
            "kind",
            "value",
            "unit",
            "as_printed",
            "note",
            "part_of",
            "position",
            "source",
            "locator",
        ]
        import_id_fields = fields[:5]
        clean_model_instances = True
        skip_unchanged = True
        report_skipped = True
        use_transactions = True
        store_instance = True


def _measure_rival(rows) -> dict:
    kinds = {"決算額の内訳": "expenditure", "活動量": "activity"}
    items = {
        (slug, code): pk
        for pk, slug, code in SettlementItem.objects.values_list(
            "pk", "settlement__department__slug", "code"
        )
    }
    told = [
        [
            items[row[1], row[2]],
            *row[3:7],
            kinds[row[7]],
            row[8].replace(",", ""),
            *row[9:12],
            "",
            "0",
            *row[14:],
        ]
        for row in rows
    ]
    changed = [[*row[:6], str(int(row[6]) + 2), *row[7:]] for row in told]
    _clear()
    found = {}
    user = get_user_model().objects.get()
    for what, data in [("new", told), ("unchanged", told), ("changed", changed)]:
        file = _write(RivalResource.Meta.fields, data).decode()
        _, seconds = _time(lambda text=file: _import_as_rival(text, user))
        found[what] = len(rows) / seconds
    return found


def _clear():
    SettlementFigure.objects.all()._raw_delete("default")  # drafts are in no index


def _import_as_rival(text, user):
    """Do as the library's admin does: a dry run for the preview, then the import and its log."""
    for is_dry_run in (True, False):
        dataset = tablib.Dataset().load(text, format="csv")
        with transaction.atomic(), hold_indexing():
            result = RivalResource().import_data(
                dataset, dry_run=is_dry_run, raise_errors=True, rollback_on_validation_errors=True
            )
            if result.has_validation_errors():
                raise RuntimeError(result.invalid_rows[0].error)
    admin = ImportMixin()
    admin.model = SettlementFigure
    rows = {}
    for row in result:
        rows.setdefault(row.import_type, []).append(row.instance)
    admin._create_log_entries(user.pk, rows)


def _measure_limit(rows, write: Callable[[Iterator[dict]], object]) -> float:
    _clear()
    data = _write(HEADER, rows).decode()
    _, seconds = _time(lambda: write(_read_unchecked(data)))
    return len(rows) / seconds


def _read_unchecked(text) -> Iterator[dict]:
    """Yield the figures of a file as what their model is made of."""
    kinds = {"決算額の内訳": "expenditure", "活動量": "activity"}
    source = SourceDocument.objects.get()
    items = {
        (str(year), slug, code): pk
        for pk, year, slug, code in SettlementItem.objects.values_list(
            "pk", "settlement__fiscal_year", "settlement__department__slug", "code"
        )
    }
    reader = csv.reader(io.StringIO(text))
    next(reader)
    for year, slug, code, group, label, measure, period, kind, value, *rest in reader:
        unit, as_printed, note, _, _, _, locator = rest
        yield {
            "item_id": items[year, slug, code],
            "group": group,
            "label": label,
            "measure": measure,
            "period": period,
            "kind": kinds[kind],
            "value": value.replace(",", ""),
            "unit": unit,
            "as_printed": as_printed,
            "note": note,
            "position": 0,
            "source_id": source.pk,
            "locator": locator,
        }


@transaction.atomic
def _create_in_bulk(figures):
    made = [SettlementFigure(**figure) for figure in figures]
    SettlementFigure.objects.bulk_create(made, batch_size=1_000)


@transaction.atomic
def _copy(figures):
    first = next(figures)
    into = psycopg.sql.SQL("COPY {} ({}) FROM STDIN").format(
        psycopg.sql.Identifier(SettlementFigure._meta.db_table),
        psycopg.sql.SQL(", ").join(map(psycopg.sql.Identifier, first)),
    )
    with connection.cursor() as cursor, cursor.copy(into) as copy:
        for figure in chain([first], figures):
            copy.write_row(tuple(figure.values()))
