"""The API's lists beside Datasette: the same rows and columns of the same data, as JSON and CSV."""

import itertools
import json
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

from . import datasette
from .arithmetic import find_percentile, find_ratio, run_interleaved
from .load import Connection, Load, fetch, make_request, run_load
from .servers import Server, make_gunicorn_command, serve, tell_options
from .tables import Aim, Table
from .world import FOLDER, World

ROUNDS = 5
CONNECTIONS = 4
REQUESTS = 80
ROUND_SECONDS = 5
CSV_ROUNDS = 1
CSV_SECONDS = 20
AHEAD = Aim(least=1)
# So many rows apart, each request asks for rows of its own.
STRIDE = 7
AMOUNTS = ["amount_yen", "budget_yen", "carried_over_yen", "unused_yen"]
ITEM_FIELDS = ["fiscal_year", "department", "code", "name", *AMOUNTS]
FIGURE_COLUMNS = ["group", "label", "measure", "kind", "value", "unit", "period", "note"]
PUBLIC = """s.status = 'published'
 and (s.publish_from is null or s.publish_from <= datetime('now'))
 and (s.publish_until is null or s.publish_until > datetime('now'))"""
ITEM_SQL = f"""select s.fiscal_year, d.slug as department_slug, d.name as department_name,
 i.code, i.name, {", ".join(f"i.{name}" for name in AMOUNTS)}
from budgets_settlementitem i
 join budgets_settlement s on s.id = i.settlement_id
 join portal_department d on d.id = s.department_id
where s.fiscal_year = :year and {PUBLIC}
order by d.position, d.slug, i.code_order limit 100 offset :offset"""
WHOLE_FIGURE = [
    "group",
    "label",
    "measure",
    "period",
    "kind",
    "value",
    "unit",
    "as_printed",
    "note",
]
# An item with its text, program, source, figures and funding, each of these with its own source.
WHOLE_ITEM_SQL = f"""select s.fiscal_year, d.slug as department_slug, d.name as department_name,
 i.code, i.name, i.body, i.easy_summary, {", ".join(f"i.{name}" for name in AMOUNTS)},
 p.slug as program_slug, p.name as program_name,
 c.slug as document, c.title as document_title, i.locator,
 (select json_group_array(json(told)) from (
   select json_object({", ".join(f"'{name}', f.[{name}]" for name in WHOLE_FIGURE)},
    'part_of', f.part_of_id, 'document', e.slug, 'title', e.title, 'locator', f.locator) as told
   from budgets_settlementfigure f left join portal_sourcedocument e on e.id = f.source_id
   where f.item_id = i.id order by f.position, f.id)) as figures,
 (select json_group_array(json(told)) from (
   select json_object('kind', g.kind, 'amount_yen', g.amount_yen,
    'document', e.slug, 'title', e.title, 'locator', g.locator) as told
   from budgets_fundingsource g left join portal_sourcedocument e on e.id = g.source_id
   where g.item_id = i.id order by g.id)) as funding
from budgets_settlementitem i
 join budgets_settlement s on s.id = i.settlement_id
 join portal_department d on d.id = s.department_id
 left join budgets_program p on p.id = i.program_id
 left join portal_sourcedocument c on c.id = i.source_id
where s.fiscal_year = :year and {PUBLIC}
order by d.position, d.slug, i.code_order limit 100 offset :offset"""
FIGURE_SQL = f"""select s.fiscal_year, i.name as record,
 {", ".join(f'f."{name}"' for name in FIGURE_COLUMNS)}
from budgets_settlementfigure f
 join budgets_settlementitem i on i.id = f.item_id
 join budgets_settlement s on s.id = i.settlement_id
 join portal_department d on d.id = s.department_id
where s.fiscal_year = :year and {PUBLIC}
order by d.slug, i.code_order, f.position, f.id limit 100 offset :offset"""


@dataclass(frozen=True)
class List:
    """A list of the API, with the question of the same rows to Datasette.

    Without `fields` it is asked for all. `columns` are those of the table itself, where it holds
    what is asked for. `read_own` and `read_other` make the same values of an answer's row, so that
    both can be compared before they are measured.
    """

    name: str
    path: str
    fields: list[str]
    sql: str
    table: str
    columns: list[str]
    read_own: Callable[[dict], list]
    read_other: Callable[[dict], list]


def pick(row: dict, names: Iterable[str]) -> list:
    return [row[name] for name in names]


def read_item(row: dict) -> list:
    return [row["department"]["slug"], *pick(row, ["code", "name", *AMOUNTS])]


def read_whole_item(row: dict) -> list:
    program, figures, funding = row["program"], row["figures"], row["funding"]
    return [
        *read_item(row),
        *pick(row, ["body", "easy_summary"]),
        *pick(program or {"slug": None, "name": None}, ["slug", "name"]),
        *read_source(row),
        [[*pick(each, WHOLE_FIGURE), *read_source(each)] for each in figures],
        [[*pick(each, ["kind", "amount_yen"]), *read_source(each)] for each in funding],
    ]


def read_source(row: dict) -> list:
    return pick(row["source"], ["document", "title", "locator"])


def read_item_of_datasette(row: dict) -> list:
    return pick(row, ["department_slug", "code", "name", *AMOUNTS])


def read_whole_item_of_datasette(row: dict) -> list:
    source = ["document", "title", "locator"]
    return [
        *read_item_of_datasette(row),
        *pick(row, ["body", "easy_summary", "program_slug", "program_name"]),
        *pick(row, ["document", "document_title", "locator"]),
        [pick(each, [*WHOLE_FIGURE, *source]) for each in json.loads(row["figures"])],
        [pick(each, ["kind", "amount_yen", *source]) for each in json.loads(row["funding"])],
    ]


ITEM_COLUMNS = ["settlement_id", "code", "name", *AMOUNTS]
FIGURES = List(
    "実績値（欄を選ぶ）",
    "/api/v1/figures",
    ["fiscal_year", "record", *FIGURE_COLUMNS],
    FIGURE_SQL,
    "budgets_settlementfigure",
    ["item_id", *FIGURE_COLUMNS],
    lambda row: [row["record"]["title"], *pick(row, FIGURE_COLUMNS)],
    lambda row: [row["record"], *pick(row, FIGURE_COLUMNS)],
)
ITEMS = List(
    "決算項目（欄を選ぶ）",
    "/api/v1/settlement-items",
    ITEM_FIELDS,
    ITEM_SQL,
    "budgets_settlementitem",
    ITEM_COLUMNS,
    read_item,
    read_item_of_datasette,
)
WHOLE_ITEMS = replace(
    ITEMS,
    name="決算項目（全欄）",
    fields=[],
    sql=WHOLE_ITEM_SQL,
    columns=[],
    read_own=read_whole_item,
    read_other=read_whole_item_of_datasette,
)
LISTS = [ITEMS, WHOLE_ITEMS, FIGURES, replace(FIGURES, name="実績値（全欄）", fields=[])]
CSV_LISTS = {"決算項目": ITEMS, "実績値": FIGURES}


def measure_api(world: World, say) -> list[Table]:
    ranges = world.call("world_inside:count_public_rows")
    notes, rows, files = [], [], []
    with ExitStack() as stack:
        command = make_gunicorn_command("portal.wsgi")
        own = stack.enter_context(serve(command, world.environment))
        rival = None
        if world.vendor == "sqlite":
            try:
                program = datasette.install()
            except datasette.NoDatasetteError as error:
                say(str(error))
                notes.append("Datasetteをここに入れられなかったため、相手の列は空です。")
            else:
                folder = stack.enter_context(tempfile.TemporaryDirectory(dir=FOLDER))
                copy = datasette.copy_database(world.path, Path(folder))
                rival = stack.enter_context(datasette.serve_datasette(program, copy))
        else:
            notes.append("Datasetteが読むのはSQLiteだけのため、相手の列は空です。")
        for each in LISTS:
            rows += measure_list(each, own, rival, ranges[each.table], say)
        for name, each in CSV_LISTS.items():
            files.append(measure_csv(name, each, own, rival, say))
    setting = (
        "それぞれの手引どおりに動かし（ポータルは "
        f"`gunicorn {tell_options(command)}`、Datasetteは `-i` の1プロセス）、"
        f"{CONNECTIONS}本のつないだままの接続から、{ROUNDS}巡、交互に呼びました。"
        f"「毎回違う」は一度も同じ範囲を求めないもの、「同じ」は同じ100件を繰り返し求めるもの。"
        f"Datasette {datasette.read_version()} には、同じ行と欄を"
        "SQLで求めたとき（`?sql=`）と、表をそのまま求めたとき（結合も数えることもなし）の速いほうを、"
        "比の相手にしました。ポータルは、件数を数え、公開の条件を確かめています。"
        "CPUは、1つの答えにサーバーのプロセスが使った時間です（Datasetteは速いほうのもの。"
        "SQLを別のスレッドで進めるので、1プロセスでも1コアより多く使います）。"
        "全欄の決算項目は、実績値（100件に500件余り）、財源、それぞれの出典も含むため、"
        "Datasetteにも、SQLのJSON関数で同じものを求めました（突合の結果、アドレス、項目の親は、"
        "ポータルの答えだけにあります）。全欄の実績値は、Datasetteには欄の一部だけを求めました。"
    )
    return [
        Table(
            "APIの一覧 100件",
            [
                "求めるもの",
                "件/秒",
                "p50 ms",
                "p99 ms",
                "CPU ms",
                "Datasette SQL 件/秒",
                "Datasette 表 件/秒",
                "Datasette CPU ms",
                "比",
                "めあて",
                "",
            ],
            rows,
            [setting, *notes],
        ),
        Table(
            "すべての行のCSV",
            [
                "求めるもの",
                "行",
                "行/秒",
                "MB/秒",
                "Datasette 行/秒",
                "比",
                "めあて",
                "",
            ],
            files,
            ["`format=csv` と、Datasetteの表の `.csv?_stream=on`。初めから終わりまでの時間から。"],
        ),
    ]


def measure_list(each: List, own: Server, rival: Server | None, ranges: dict, say) -> list:
    check_same_rows(each, own, rival, ranges)
    rows = []
    for repetition in ("毎回違う", "同じ"):
        is_same = repetition == "同じ"
        measures = {"own": make_asker(own, walk(ranges, partial(ask_own, each)), is_same)}
        if rival:
            measures["sql"] = make_asker(rival, walk(ranges, partial(ask_sql, each)), is_same)
        if rival and each.columns:
            measures["table"] = make_asker(
                rival, walk_table(ranges, partial(ask_table, each)), is_same
            )
        loads = run_interleaved(measures, ROUNDS)
        rows.append([f"{each.name}・{repetition}", *compare(loads)])
        say(f"{each.name}・{repetition}")
    return rows


def compare(loads: dict[str, list[Load]]) -> list:
    for who, rounds in loads.items():
        for load in rounds:
            if set(load.statuses) != {200}:
                raise ValueError(f"{who}: {dict(load.statuses)}")
    speeds = {who: [load.per_second for load in rounds] for who, rounds in loads.items()}
    waits = [each * 1000 for load in loads["own"] for each in load.latencies]
    medians = {who: statistics.median(each) for who, each in speeds.items()}
    others = [who for who in speeds if who != "own"]
    fastest = max(others, key=medians.get, default=None)
    ratio = min((find_ratio(speeds["own"], speeds[who]) for who in others), default=None)
    return [
        medians["own"],
        find_percentile(waits, 50),
        find_percentile(waits, 99),
        find_cpu_ms(loads["own"]),
        medians.get("sql"),
        medians.get("table"),
        fastest and find_cpu_ms(loads[fastest]),
        ratio,
        str(AHEAD),
        AHEAD.judge(ratio) if ratio is not None else None,
    ]


def find_cpu_ms(rounds: list[Load]) -> float | None:
    """Return what the server used for one answer; None where it could not be asked."""
    if any(load.server_seconds is None for load in rounds):
        return None
    return sum(load.server_seconds for load in rounds) / sum(load.count for load in rounds) * 1000


def make_asker(server: Server, addresses: Iterator[str], is_same: bool) -> Callable[[], Load]:
    """Return what runs one round: of requests not made before, or of one again and again."""
    again = make_request(next(addresses))

    def ask() -> Load:
        requests = [again]
        if not is_same:
            requests = [make_request(each) for each in itertools.islice(addresses, REQUESTS)]
        before = server.cpu_seconds()
        load = run_load(
            server.port,
            requests,
            count=REQUESTS,
            connections=CONNECTIONS,
            seconds=ROUND_SECONDS,
        )
        if before is not None:
            load.server_seconds = server.cpu_seconds() - before
        return load

    ask()
    return ask


def walk(ranges: dict[str, int], make_address: Callable[[int, int], str]) -> Iterator[str]:
    """Go through all years and places in them; no address comes twice.

    `ranges` tells how many rows each year has.
    """
    for start in itertools.count():
        found = False
        for year, count in ranges.items():
            offset = start * STRIDE
            if offset + 100 <= count:
                found = True
                yield make_address(int(year), offset)
        if not found:
            raise ValueError("There are too few rows for so many different requests.")


def walk_table(ranges: dict[str, int], make_address: Callable[[int], str]) -> Iterator[str]:
    """Go through places of a table; no address comes twice before all have come."""
    places = sum(ranges.values()) - 100
    step = next(step for step in itertools.count(7919) if math.gcd(step, places) == 1)
    for number in range(places):
        yield make_address(number * step % places)


def ask_own(each: List, year: int, offset: int) -> str:
    asked = {"fiscal_year": year, "limit": 100, "offset": offset}
    chosen = {"fields": ",".join(each.fields)} if each.fields else {}
    return f"{each.path}?{urlencode(asked | chosen)}"


def ask_sql(each: List, year: int, offset: int) -> str:
    asked = {"sql": each.sql, "year": year, "offset": offset, "_shape": "objects"}
    return f"/{datasette.DATABASE}.json?{urlencode(asked)}"


def ask_table(each: List, after: int) -> str:
    asked = [("_next", after), ("_size", 100), ("_shape", "objects")]
    asked += [("_nofacet", 1), ("_nosuggest", 1), ("_nocount", 1)]
    asked += [("_col", column) for column in each.columns]
    return f"/{datasette.DATABASE}/{each.table}.json?{urlencode(asked)}"


def check_same_rows(each: List, own: Server, rival: Server | None, ranges: dict):
    year = int(next(iter(ranges)))
    answer = fetch(own.port, ask_own(each, year, 100), accept_encoding="identity")
    ours = [each.read_own(row) for row in json.loads(answer.body)["items"]]
    if len(ours) != 100:
        raise ValueError(f"{each.path} answered {answer.status} with {len(ours)} rows")
    if rival:
        rows = json.loads(fetch(rival.port, ask_sql(each, year, 100)).body)["rows"]
        theirs = [each.read_other(row) for row in rows]
        if ours != theirs:
            differing = next(pair for pair in zip(ours, theirs, strict=True) if pair[0] != pair[1])
            raise ValueError(f"{each.path} and Datasette do not hold the same rows: {differing}")


def measure_csv(name: str, each: List, own: Server, rival: Server | None, say) -> list:
    fields = [field for field in each.fields if field != "record"]
    addresses = {
        "own": (own, f"{each.path}?{urlencode({'format': 'csv', 'fields': ','.join(fields)})}")
    }
    if rival:
        asked = [("_stream", "on"), ("_size", "max"), *(("_col", name) for name in each.columns)]
        addresses["other"] = (
            rival,
            f"/{datasette.DATABASE}/{each.table}.csv?{urlencode(asked)}",
        )
    reads = run_interleaved(
        {who: partial(read_csv, *address) for who, address in addresses.items()},
        CSV_ROUNDS,
        CSV_SECONDS,
    )
    say(f"{name} CSV")
    speeds = {who: [rows / seconds for seconds, rows, _ in read] for who, read in reads.items()}
    _, rows, size = reads["own"][0]
    own_speed = statistics.median(speeds["own"])
    ratio = find_ratio(speeds["own"], speeds["other"]) if rival else None
    return [
        name,
        rows,
        own_speed,
        own_speed * size / rows / 1e6,
        statistics.median(speeds["other"]) if rival else None,
        ratio,
        str(AHEAD),
        AHEAD.judge(ratio) if ratio is not None else None,
    ]


def read_csv(server: Server, address: str) -> tuple[float, int, int]:
    """Return seconds, rows and bytes of a whole file; the heading is no row."""
    connection = Connection(server.port)
    start = time.perf_counter()
    try:
        status, _, body = connection.ask(make_request(address, accept_encoding="identity"))
    finally:
        connection.close()
    seconds = time.perf_counter() - start
    if status != 200:
        raise ValueError(f"{address} answered {status}")
    return seconds, body.count(b"\n") - 1, len(body)
