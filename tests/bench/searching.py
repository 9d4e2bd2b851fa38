"""The search beside the raw SQL on its index: the first twenty that hold a word, and how many."""

import statistics

from .arithmetic import CLOCK_NAMES, find_ratio
from .tables import Aim, Table
from .world import World

AIM = Aim(most=3)
KINDS = {
    "rare": "まれ",
    "common": "ふつう",
    "commonest": "多い",
    "character": "1文字",
    "apart": "どちらも多いが、一緒にはない",
    "not a word": "2文字ずつは多いが、続いてはいない",
}


def measure_search(world: World, say) -> list[Table]:
    rows, clock = [], CLOCK_NAMES[world.vendor]
    for measured in world.call("searching_inside:measure_words"):
        times = measured["ms"]
        raw = [sum(pair) for pair in zip(times["raw_hits"], times["raw_count"], strict=True)]
        ratio, whole = find_ratio(times["find"], raw), find_ratio(times["page"], raw)
        rows.append(
            [
                f"{measured['word']}（{KINDS[measured['kind']]}）",
                measured["raw_count"],
                *(statistics.median(times[name]) for name in ("find", "page")),
                *(statistics.median(times[name]) for name in ("raw_hits", "raw_count")),
                ratio,
                str(AIM),
                AIM.judge(ratio),
                whole,
            ]
        )
        say(f"検索 {measured['word']}")
    return [
        Table(
            "検索",
            [
                "言葉",
                "索引の件数",
                "検索 ms",
                "絞込みの数も ms",
                "生のSQL 20件 ms",
                "生のSQL 数 ms",
                "比",
                "めあて",
                "",
                "絞込みの数も含む比",
            ],
            rows,
            [
                f"言葉はデータから選んだもの。時間は{clock}。生のSQLは、索引だけに、その言葉を含む20件と件数を尋ねるもので、"
                "公開の条件も、題名を先にする順もありません。比は、検索（20件、順、公開の条件、件数、抜粋）を、生のSQL二つの合計で割った値。"
            ],
        )
    ]
