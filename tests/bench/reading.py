"""The report reader: megabytes a second, and whether a longer report is slower by the megabyte."""

from .arithmetic import fit_exponent
from .tables import Aim, Table
from .world import World

MEGABYTES = (1, 3, 10)
AIM = Aim(most=1.1)


def measure_reader(world: World, say) -> list[Table]:
    read = [world.call("reading_inside:measure_reading", megabytes=each) for each in MEGABYTES]
    exponent = fit_exponent([each["bytes"] for each in read], [each["seconds"] for each in read])
    rows = [
        [
            f"{megabytes} MB",
            each["seconds"],
            each["bytes"] / 1e6 / each["seconds"],
            each["items"],
            each["peak_mb"],
        ]
        for megabytes, each in zip(MEGABYTES, read, strict=True)
    ]
    return [
        Table(
            "決算の報告書の読取り",
            ["報告書", "CPU 秒", "MB/秒", "読み取った項目", "最大のメモリー MB"],
            rows,
            [
                f"試験の見本をこの長さまで繰り返した文。時間は長さの{exponent:.2f}乗で増えます"
                f"（めあては{AIM}：{AIM.judge(exponent)}）。"
            ],
        )
    ]
