"""The import beside django-import-export's default, and beside rows written without any check."""

from .arithmetic import CLOCK_NAMES
from .tables import Aim, Table
from .world import World

ROWS = 20_000
SPEED = Aim(least=20_000)
TIMES = Aim(least=10)
KINDS = {"figures": "実績値", "items": "決算項目"}
ROW_KINDS = {"new": "新しい行", "changed": "変わる行", "unchanged": "同じ行"}


def measure_imports(world: World, say) -> list[Table]:
    measured = world.call("importing:measure_import", rows=ROWS)
    rows = []
    for kind, name in KINDS.items():
        ways = measured[kind]
        for row_kind, row_name in ROW_KINDS.items():
            speed = ways["both"][row_kind]
            rival = ways.get("rival", {}).get(row_kind)
            limit = ways.get("limit", {}).get(row_kind)
            slowest = min(ways["preview"][row_kind], ways["confirm"][row_kind])
            rows.append(
                [
                    f"{name} {measured['rows'][kind]:,}行・{row_name}",
                    ways["preview"][row_kind],
                    ways["confirm"][row_kind],
                    str(SPEED),
                    SPEED.judge(slowest),
                    speed,
                    rival,
                    speed / rival if rival else None,
                    str(TIMES) if rival else None,
                    TIMES.judge(speed / rival) if rival else None,
                    limit,
                    speed / limit if limit else None,
                    ways.get("copy", {}).get(row_kind),
                ]
            )
    say("取込み")
    return [
        Table(
            "表の取込み",
            [
                "取り込むもの",
                "確認 行/秒",
                "確定 行/秒",
                "めあて",
                "",
                "両方 行/秒",
                "import-exportのまま 行/秒",
                "比",
                "めあて",
                "",
                "csv＋bulk_create 行/秒",
                "それとの比",
                "COPY 行/秒",
            ],
            rows,
            [
                f"{CLOCK_NAMES[world.vendor]}から。ポータルは、取込みの画面にファイルを送り（確認：検査、変わるところの表示、記録）、"
                "確定するまで（書込み、版、操作の記録）。import-exportのままは、"
                f"同じ検査を付けた初めのままの使い方で{measured['rows']['rival']:,}行（版は作りません）。"
                "csv＋bulk_createとCOPY（PostgreSQLだけ）は、検査も比較も記録もしない下限。－は、測らない組合せ。"
            ],
        )
    ]
