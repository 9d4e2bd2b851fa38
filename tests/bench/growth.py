"""Answers that no cache holds, with 1, 10 and 100 times the data: their time, and how it grows."""

from functools import partial

from .arithmetic import fit_exponent, run_interleaved
from .tables import Table
from .world import World

# A page that shows more for more data (a year's departments) grows with what it shows.
FLAT = 0.15
ROUNDS = 3
CLOCKS = ("first_ms", "ms", "cpu_ms")


def measure_growth(worlds: dict[int, World], say) -> list[Table]:
    measured = "cpu_ms" if worlds[1].vendor == "sqlite" else "ms"
    sizes = {size: world.call("world_inside:count_rows") for size, world in worlds.items()}

    def measure(size: int) -> dict[str, dict]:
        say(f"{size}倍：{sizes[size]['決算項目']:,}項目")
        return worlds[size].call("cold_inside:measure_cold")

    rounds = run_interleaved({size: partial(measure, size) for size in worlds}, ROUNDS, 300)
    answers = {
        size: {name: take_least([one[name] for one in found]) for name in found[0]}
        for size, found in rounds.items()
    }
    items = [rows["決算項目"] for rows in sizes.values()]
    largest = answers[max(worlds)]
    cold = [
        [name, each["first_ms"], each["ms"], each["cpu_ms"], each["queries"], each["bytes"]]
        for name, each in largest.items()
    ]
    growth = []
    for name in largest:
        times = [answers[size][name][measured] for size in worlds]
        weights = [answers[size][name]["bytes"] for size in worlds]
        exponent, shown = fit_exponent(items, times), fit_exponent(items, weights)
        queries = {answers[size][name]["queries"] for size in worlds}
        growth.append(
            [
                name,
                *times,
                exponent,
                shown,
                "およそ0",
                "○" if exponent < FLAT else "△" if exponent < shown + FLAT else "×",
                "同じ" if len(queries) == 1 else "～".join(map(str, sorted(queries))),
            ]
        )
    told = "、".join(f"{name}{number:,}" for name, number in sizes[max(worlds)].items())
    clock = "CPU" if measured == "cpu_ms" else "経過時間"
    return [
        Table(
            "キャッシュにない答え",
            ["答え", "プロセスの初回 ms", "ms", "CPU ms", "問合せ", "バイト"],
            cold,
            [
                f"データは{told}。呼ぶたびにすべてのキャッシュを空にした、一つのプロセスの中での中央値。"
                "「プロセスの初回」はテンプレートの準備を含む最初の1回。"
                f"どの量のデータも{ROUNDS}巡、交互に測り、時間ごとに、いちばん短い巡をとりました。"
            ],
        ),
        Table(
            "データの量と時間",
            [
                "答え",
                *(f"{size}倍 ms" for size in worlds),
                "指数",
                "大きさの指数",
                "めあて",
                "",
                "問合せの数",
            ],
            growth,
            [
                f"決算項目は{'、'.join(f'{number:,}' for number in items)}。時間（{clock}）は「量の指数乗」に比例するとみて"
                "当てはめた指数で、0なら量によらず、1なら量に比例します。「大きさの指数」は答えのバイト数について同じ。"
                f"○は{FLAT}未満、△は載せるものが増えた分だけ、×はそれより速く増えたもの。"
            ],
        ),
    ]


def take_least(rounds: list[dict]) -> dict:
    """Return what the rounds found of an answer, with the least of each clock.

    A machine that others share is slow for minutes, which would pass for growth.
    """
    return rounds[0] | {clock: min(each[clock] for each in rounds) for clock in CLOCKS}
