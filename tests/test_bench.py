"""The bench's own arithmetic, its tables and its client: what must be right for its numbers to be."""

import base64
import json
import os
import socket
import subprocess
import sys
import threading

import pytest
from django.db import connection

from tests.bench import world
from tests.bench.arithmetic import (
    find_middle,
    find_percentile,
    find_ratio,
    fit_exponent,
    run_interleaved,
)
from tests.bench.growth import take_least
from tests.bench.load import Connection, make_request, run_load
from tests.bench.pages import Subresources
from tests.bench.servers import ROOT, make_gunicorn_command
from tests.bench.tables import Aim, Table, format_cell, read_sections, write_sections


@pytest.mark.parametrize(("power", "factor"), [(0, 3.0), (1, 0.2), (2, 7.0), (-0.5, 1.0)])
def test_the_exponent_of_a_power_is_that_power(power, factor):
    sizes = [1_000, 10_000, 100_000]
    values = [factor * size**power for size in sizes]
    assert fit_exponent(sizes, values) == pytest.approx(power)


def test_an_exponent_needs_different_sizes():
    with pytest.raises(ValueError):
        fit_exponent([1000, 1000], [1.0, 2.0])


def test_rounds_take_turns_and_go_back_every_second_time():
    calls = []
    answers = run_interleaved(
        {name: lambda name=name: calls.append(name) or len(calls) for name in "AB"}, rounds=3
    )
    assert "".join(calls) == "ABBAAB"
    assert answers == {"A": [1, 4, 5], "B": [2, 3, 6]}


def test_a_ratio_of_medians_ignores_a_disturbed_round():
    assert find_ratio([9, 9, 0.1], [10, 10, 10]) == pytest.approx(0.9)


def test_the_middle_leaves_out_what_a_busy_machine_did_and_jumps_between_no_two_points():
    assert find_middle([10, 11, 12, 13, 90, 0.1, 12, 12]) == pytest.approx(11.75)
    assert find_middle([1] * 4 + [3] * 4) == 2
    assert find_middle([7.0]) == 7


def test_growth_is_told_by_the_least_of_each_clock():
    slow = {"first_ms": 9.0, "ms": 6.0, "cpu_ms": 2.0, "queries": 4, "bytes": 100}
    fast = {"first_ms": 3.0, "ms": 5.0, "cpu_ms": 4.0, "queries": 4, "bytes": 100}
    assert take_least([slow, fast]) == slow | {"first_ms": 3.0, "ms": 5.0, "cpu_ms": 2.0}


def test_a_percentile_is_a_value_that_was_measured():
    values = [float(number) for number in range(100, 0, -1)]
    assert find_percentile(values, 50) == 50
    assert find_percentile(values, 99) == 99
    assert find_percentile([3.0], 99) == 3


@pytest.mark.parametrize(
    ("aim", "value", "judged"),
    [
        (Aim(least=0.9), 0.9, "○"),
        (Aim(least=0.9), 0.89, "×"),
        (Aim(most=3), 3.0, "○"),
        (Aim(most=3), 3.01, "×"),
    ],
)
def test_an_aim_judges_what_was_measured(aim, value, judged):
    assert aim.judge(value) == judged


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (None, "－"),
        (1234567, "1,234,567"),
        (1234.5, "1,234"),
        (12.34, "12.3"),
        (1.234, "1.23"),
        (0.1234, "0.123"),
        ("決算", "決算"),
    ],
)
def test_a_cell_is_written_for_reading(cell, text):
    assert format_cell(cell) == text


def test_a_table_keeps_its_columns_where_a_cell_holds_a_bar():
    text = Table("題", ["もの", "数"], [["a|b", 1]], ["注。"]).format()
    assert text.splitlines() == [
        "#### 題",
        "",
        "注。",
        "",
        "| もの | 数 |",
        "| --- | ---: |",
        r"| a\|b | 1 |",
    ]


ORDER = [("sqlite", "pages"), ("sqlite", "api"), ("postgresql", "pages")]


def test_a_part_renews_its_own_section_and_nothing_else(tmp_path):
    document = tmp_path / "performance.md"
    document.write_text("# 題\n\n前\n\n<!-- bench:begin -->\n<!-- bench:end -->\n\n後\n")
    write_sections(document, {("postgresql", "pages"): "P1", ("sqlite", "pages"): "S1"}, ORDER)
    write_sections(document, {("sqlite", "api"): "A1\n\n| 表 |"}, ORDER)
    write_sections(document, {("sqlite", "pages"): "S2"}, ORDER)
    text = document.read_text()
    assert text.startswith("# 題\n\n前\n\n<!-- bench:begin -->\n")
    assert text.endswith("\n<!-- bench:end -->\n\n後\n")
    assert read_sections(text) == {
        ("sqlite", "pages"): "S2",
        ("sqlite", "api"): "A1\n\n| 表 |",
        ("postgresql", "pages"): "P1",
    }
    assert text.index("S2") < text.index("A1") < text.index("P1")


def test_a_document_without_marks_gets_them_at_its_end(tmp_path):
    document = tmp_path / "performance.md"
    write_sections(document, {("sqlite", "api"): "A"}, ORDER)
    assert document.read_text().startswith("# ")
    document.write_text("# 題\n")
    write_sections(document, {("sqlite", "api"): "A"}, ORDER)
    assert document.read_text() == (
        "# 題\n\n<!-- bench:begin -->\n<!-- bench:sqlite:api -->\nA\n<!-- bench:end -->\n"
    )


def test_marks_in_the_wrong_order_change_nothing(tmp_path):
    document = tmp_path / "performance.md"
    document.write_text("<!-- bench:end -->\n<!-- bench:begin -->\n")
    with pytest.raises(ValueError):
        write_sections(document, {("sqlite", "api"): "A"}, ORDER)
    assert document.read_text() == "<!-- bench:end -->\n<!-- bench:begin -->\n"


def test_the_rival_runs_under_the_command_of_the_operations_guide():
    own, rival = (make_gunicorn_command(name) for name in ("portal.wsgi", "tests.bench.bare"))
    assert own[0].endswith("gunicorn") and own[0] == rival[0] and own[2:] == rival[2:]
    assert own[own.index("--workers") + 1] == "2"
    assert own[own.index("--bind") + 1] == "127.0.0.1:{port}"
    assert "--threads" in own


def test_what_a_page_loads_is_found():
    page = Subresources()
    page.feed(
        '<link rel="stylesheet" href="/a.css"><link rel="canonical" href="/">'
        '<script src="/b.js" type="module"></script><script type="application/json">{}</script>'
        '<img src="/c.png" alt=""><a href="/d">d</a>'
    )
    assert page.addresses == ["/a.css", "/b.js", "/c.png"]


PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=1\r\nlo\r\n0\r\n\r\n"
)
UNCHANGED = b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n'


@pytest.fixture
def answer_with():
    """Return a function that starts a server of these answers, one a request, and gives its port.

    It sends byte by byte, and ends each connection after so many answers.
    """
    listeners = []

    def start(answers, each_connection=1000):
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        left = iter(answers)

        def converse(connection):
            with connection:
                for _ in range(each_connection):
                    received = b""
                    while not received.endswith(b"\r\n\r\n"):
                        more = connection.recv(4096)
                        if not more:
                            return
                        received += more
                    answer = next(left, None)
                    if answer is None:
                        return
                    for place in range(len(answer)):
                        connection.sendall(answer[place : place + 1])

        def accept():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=converse, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return listener.getsockname()[1]

    yield start
    for listener in listeners:
        listener.close()


def test_a_header_that_is_given_takes_the_place_of_the_usual_one():
    assert make_request("/", accept_encoding="br").lower().count(b"accept-encoding:") == 1
    assert b"\r\nAccept-Encoding: br\r\n" in make_request("/", accept_encoding="br")


def test_the_client_reads_answers_of_every_kind_over_one_connection(answer_with):
    connection = Connection(answer_with([PLAIN, CHUNKED, UNCHANGED, PLAIN]))
    request = make_request("/", if_none_match='"x"')
    assert b'\r\nIf-None-Match: "x"\r\n' in request
    answers = [connection.ask(request) for _ in range(4)]
    connection.close()
    assert [(status, body) for status, _, body in answers] == [
        (200, b"hello"),
        (200, b"hello"),
        (304, b""),
        (200, b"hello"),
    ]


def test_the_client_goes_on_where_the_server_ends_a_kept_connection(answer_with):
    connection = Connection(answer_with([PLAIN] * 4, each_connection=2))
    bodies = [connection.ask(make_request("/"))[2] for _ in range(4)]
    connection.close()
    assert bodies == [b"hello"] * 4


def test_a_load_tells_each_answer_and_each_failure(answer_with):
    port = answer_with([PLAIN] * 10 + [UNCHANGED] * 2)
    load = run_load(port, [make_request("/")], count=12, connections=4, seconds=20)
    assert (load.count, load.bytes) == (12, 50)
    assert load.statuses == {200: 10, 304: 2}
    assert load.per_second > 0
    failed = run_load(answer_with([]), [make_request("/")], count=2, connections=2, seconds=20)
    assert failed.count == 0
    assert sum(failed.statuses.values()) == 2 and not {200, 304} & set(failed.statuses)


def test_the_bare_view_gives_back_what_it_was_told(tmp_path, monkeypatch):
    answers = tmp_path / "answers.json"
    known = {
        "etag": 'W/"1"',
        "headers": {"Content-Type": "text/html", "ETag": 'W/"1"'},
        "headers_304": {"ETag": 'W/"1"'},
        "body": base64.b64encode("決算".encode()).decode(),
    }
    answers.write_text(json.dumps({"/a/?q=1": known}))
    code = """
from django.test import Client
from tests.bench.bare import application
client = Client(headers={"host": "127.0.0.1"})
whole = client.get("/a/?q=1")
same = client.get("/a/?q=1", headers={"if-none-match": 'W/"1"'})
print(whole.status_code, whole.content.decode(), whole["ETag"], same.status_code, same.content)
"""
    environment = {
        "PATH": os.environ["PATH"],
        "SECRET_KEY": "x" * 50,
        "BENCH_ANSWERS": str(answers),
    }
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert answer.stdout.split() == ["200", "決算", 'W/"1"', "304", "b''"], answer.stderr


def test_no_further_round_begins_after_the_time_is_up():
    assert run_interleaved({"A": lambda: 1}, rounds=5, seconds=-1) == {"A": [1]}


def test_a_database_that_was_not_finished_is_made_anew_and_a_finished_one_serves_again(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(world, "FOLDER", tmp_path)
    filled = []

    def fill(made, say):
        assert not made.path.exists()
        made.path.write_text("half")
        filled.append(made.path)
        if len(filled) == 1:
            raise RuntimeError("ended in the middle")

    monkeypatch.setattr(world, "fill", fill)
    with pytest.raises(RuntimeError), world.open_worlds("sqlite", "", [1], print):
        pass
    for _ in range(2):
        with world.open_worlds("sqlite", "", [1], print) as worlds:
            assert worlds[1].path.read_text() == "half"
            assert worlds[1].path.parent == tmp_path
    assert len(filled) == 2
    assert [path.name for path in tmp_path.iterdir()] == [worlds[1].path.name]


@pytest.mark.skipif(connection.vendor == "sqlite", reason="needs PostgreSQL")
def test_the_benchs_own_database_is_dropped_where_filling_it_fails(tmp_path, monkeypatch):
    import psycopg

    configured, names = os.environ["DATABASE_URL"], []

    def list_databases():
        with psycopg.connect(configured.rpartition("/")[0] + "/postgres") as server:
            return {name for (name,) in server.execute("SELECT datname FROM pg_database")}

    def fill(made, say):
        names.append(made.database_url.rpartition("/")[2])
        assert names[0] in list_databases()
        raise RuntimeError("ended in the middle")

    monkeypatch.setattr(world, "FOLDER", tmp_path)
    monkeypatch.setattr(world, "fill", fill)
    with pytest.raises(RuntimeError), world.open_worlds("postgresql", configured, [1], print):
        pass
    assert names[0].startswith("portal_bench_")
    assert names[0] not in list_databases()
