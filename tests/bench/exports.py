"""The exports beside `csv.writer` on rows in memory, and COPY where there is PostgreSQL."""

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
            told["csv_writer_from_memory"],
            told["to_csv_writer_from_memory"],
            str(AIM),
            AIM.judge(told["to_csv_writer_from_memory"]),
            told["csv_writer_from_cursor"],
            told["to_csv_writer_from_cursor"],
            told.get("copy_wall"),
        ]
        for name, told in measured.items()
    ]
    peaks = world.call("exports_inside:measure_memory")
    say("書出しのメモリー")
    limits = sorted({limit for _, limit, _ in peaks})
    found = {(form, limit): megabytes for form, limit, megabytes in peaks}
    memory = [
        [FORMATS.get(form, form), *(found[form, limit] for limit in limits)]
        for form in dict.fromkeys(form for form, _, _ in peaks)
    ]
    notes = [
        "一括ファイルと管理画面の書出しのCSVを、データベースからファイルのバイトまで。相手は、メモリーにある同じ行を"
        "`csv.writer` が書くだけの速さと、カーソルから読みながら `csv.writer` が書く速さ。CPUの時間から"
        "（COPYはサーバーの仕事のため、経過時間から）。"
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
                "csv.writer（メモリーから） 行/秒",
                "比",
                "めあて",
                "",
                "csv.writer（カーソルから） 行/秒",
                "それとの比",
                "COPY 行/秒",
            ],
            rows,
            notes,
        ),
        Table(
            "書出しのメモリー（決算の実績値、プロセス全体の最大、MB）",
            ["形式", *(f"{limit:,}行まで" for limit in limits)],
            memory,
        ),
    ]
