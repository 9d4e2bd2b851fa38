"""The queries of the main pages find their rows in the large tables by an index.

The rows here are few: SQLite plans without statistics as it does with many, and PostgreSQL is told
to read a whole table only where no index serves.
"""

import json
import re

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from budgets.models import Program, Settlement
from budgets.snapshots import notes_within
from portal.changes import list_changes_of
from portal.models import ChangeNote, Status
from tests.builders import make_change_note
from tests.public_pages import make_world

pytestmark = pytest.mark.django_db

LARGE = ("budgets_settlementitem", "budgets_settlementfigure", "portal_searchentry")


def list_scans(sql: str) -> list[str]:
    """Return what a query's plan reads a whole large table by."""
    return {"sqlite": list_scans_of_sqlite, "postgresql": list_scans_of_postgresql}[
        connection.vendor
    ](sql)


def list_scans_of_sqlite(sql):
    names = {table: table for table in LARGE}
    for table, alias in re.findall(r'"(\w+)" ([A-Z]+\d+)\b', sql):
        names[alias] = table
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        steps = [detail for *_, detail in cursor.fetchall()]
    scanned = [(step, match[1]) for step in steps if (match := re.match(r"SCAN (\w+)", step))]
    return [step for step, name in scanned if names.get(name) in LARGE]


def list_scans_of_postgresql(sql):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}")
        (answer,) = cursor.fetchone()
    plan = json.loads(answer) if isinstance(answer, str) else answer
    return list(walk(plan[0]["Plan"]))


def walk(node):
    if node["Node Type"] == "Seq Scan" and node["Relation Name"] in LARGE:
        yield f"Seq Scan on {node['Relation Name']}"
    for below in node.get("Plans", ()):
        yield from walk(below)


def test_a_scan_is_noticed():
    assert list_scans('SELECT COUNT(*) FROM "budgets_settlementfigure" WHERE "value" > 3')
    assert list_scans(
        'SELECT * FROM "budgets_settlement" S0 INNER JOIN "budgets_settlementitem" U1 '
        'ON (U1."name" = S0."heading") WHERE U1."name" LIKE \'x%\''
    )
    assert not list_scans('SELECT * FROM "budgets_settlementfigure" WHERE "item_id" = 3')


def test_the_main_pages_read_no_large_table_as_a_whole(client):
    world = make_world()
    (item,), (document,) = world["items"], world["documents"]
    settlement = item.settlement
    place = f"{settlement.fiscal_year}/{settlement.department.slug}"
    addresses = [
        "/",
        "/settlements/",
        "/changes/",
        "/feed.atom",
        "/settlements/?sort=-amount_yen",
        f"/settlements/{settlement.fiscal_year}/",
        settlement.get_absolute_url(),
        item.get_absolute_url(),
        *(
            world[kind][0].get_absolute_url()
            for kind in ("departments", "programs", "initiatives", "pillars", "reports")
        ),
        document.get_absolute_url(),
        "/guide/checks/",
        "/search/?q=架空",
        "/api/v1/settlements",
        f"/api/v1/settlements/{place}",
        f"/api/v1/settlements/{place}/items/{item.code}",
        "/api/v1/checks?status=partial",
        f"/api/v1/documents/{document.slug}",
        "/api/v1/search?q=架空",
    ]
    scans, plans = {}, 0
    for address in addresses:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address).status_code == 200, address
        asked = [query["sql"] for query in queries if query["sql"].startswith("SELECT")]
        for sql in (sql for sql in asked if any(table in sql for table in LARGE)):
            plans += 1
            if found := list_scans(sql):
                scans.setdefault(address, []).append((found, sql))
    assert scans == {}
    assert plans > len(addresses)


def test_what_notes_and_programs_stand_for_is_looked_up_row_by_row():
    """With many rows PostgreSQL reads all that an EXISTS could find, which few rows do not show."""
    world = make_world()
    (item,), (department,), (program,) = (
        world[kind] for kind in ("items", "departments", "programs")
    )
    note = make_change_note(record=item)
    found = [
        ChangeNote.objects.published(),
        list_changes_of(department),
        notes_within(item.settlement),
    ]
    assert all(note in notes for notes in found)
    assert list(Program.objects.published()) == [program]
    for queryset in [*found, Program.objects.published()]:
        assert "EXISTS" not in str(queryset.query)
    Settlement.objects.update(status=Status.DRAFT)
    assert note not in ChangeNote.objects.published()
    assert not Program.objects.published().exists()
