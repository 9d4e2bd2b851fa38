"""The exports beside `csv.writer` from a cursor and from memory, and COPY where there is PostgreSQL."""

from collections import defaultdict

from .arithmetic import CLOCK_NAMES
from .tables import Aim, Table
from .world import World

AIM = Aim(least=0.33)
NAMES = {
    "settlement-items": "決算項目",
    "settlement-figures": "決算の実績値",
    "staff-items": "決算項目（管理画面の書出し）",
    "staff-figures": "決算の実績値（管理画面の書出し）",
}
FORMATS = {
    "staff-csv": "csv（管理画面）",
    "staff-cp932": "csv CP932（管理画面）",
}


def measure_exports(world: World, say) -> list[Table]:
    measured = world.call("exporting:measure_export")
    say("書出しの速さ")
    rows = [
        [
            NAMES.get(name, name),
            told["rows"],
            told["ours"],
            told["csv_writer_from_cursor"],
            told["to_csv_writer_from_cursor"],
            str(AIM),
            AIM.judge(told["to_csv_writer_from_cursor"]),
            told["csv_writer_from_memory"],
            told["to_csv_writer_from_memory"],
            told.get("copy_wall"),
        ]
        for name, told in measured.items()
    ]
    peaks = world.call("exporting:measure_peaks")
    say("書出しのメモリー")
    found = defaultdict(list)
    for form, limit, megabytes in peaks:
        found[FORMATS.get(form, form)] += [limit, megabytes]
    memory = [[name, *told] for name, told in found.items()]
    notes = [
        "一括ファイルと管理画面の書出しのCSVを、データベースからファイルのバイトまで。相手は、"
        "同じ値をカーソルから読みながら `csv.writer` が書く速さと、メモリーにある同じ行を書くだけの"
        f"速さ。めあては、同じように読む前者と比べました。{CLOCK_NAMES[world.vendor]}から。"
    ]
    if world.vendor == "sqlite":
        notes.append("COPYはPostgreSQLだけにあるため、空（－）です。")
    return [
        Table(
            "書出し",
            [
                "書き出すもの",
                "行",
                "行/秒",
                "csv.writer（カーソルから） 行/秒",
                "比",
                "めあて",
                "",
                "csv.writer（メモリーから） 行/秒",
                "それとの比",
                "COPY 行/秒",
            ],
            rows,
            notes,
        ),
        Table(
            "書出しのメモリー（決算の実績値、プロセス全体の最大、MB）",
            ["形式", "行", "MB", "行", "MB"],
            memory,
        ),
    ]
