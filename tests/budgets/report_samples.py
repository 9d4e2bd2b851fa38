"""Fictitious reports of 架空県 for property tests: each with the truth that it was printed from."""

from dataclasses import dataclass, field

from hypothesis import strategies as st

from portal.amounts import UNIT_YEN

KANA = "アイウエオカキクケコサシスセソ"
ROMANS = "ⅠⅡⅢⅣⅤⅥⅦⅧⅨⅩ"
LABELS = {
    "第1章": lambda n: f"第{n}章",
    "第1": lambda n: f"第{n}",
    "施策": lambda n: f"施策{n}",
    "1款": lambda n: f"第{n}款",
    "1項": lambda n: f"第{n}項",
    "1目": lambda n: f"第{n}目",
    "Ⅰ": lambda n: ROMANS[n - 1],
    "1": str,
    "(1)": lambda n: f"({n})",
    "①": lambda n: chr(ord("①") + n - 1),
    "ア": lambda n: KANA[n - 1],
    "(ア)": lambda n: f"({KANA[n - 1]})",
    "a": lambda n: chr(ord("a") + n - 1),
    "(a)": lambda n: f"({chr(ord('a') + n - 1)})",
}
NESTINGS = [
    ["1", "(1)", "①", "ア"],
    ["第1章", "1", "(1)", "ア", "(ア)", "a"],
    ["第1", "1", "(1)", "ア", "(ア)", "a", "(a)"],
    ["Ⅰ", "1", "(1)", "①", "ア", "(ア)"],
    ["1", "(1)", "ア", "①"],
    ["1", "(1)", "ア", "(ア)", "a"],
    ["施策", "施策1-1", "(1)", "①"],
    ["1款", "1項", "1目", "(1)"],
    ["1", "1-1", "(1)", "ア"],
]
WITHOUT_SPACE = ("(1)", "①", "(ア)", "(a)", "第1章")
FULL_WIDTH = str.maketrans("0123456789(),", "０１２３４５６７８９（），")
WORDS = [
    "架空", "文化", "道路", "橋りょう", "観光", "防災", "農林", "子育て", "スポーツ", "デジタル",
    "ICT", "森林", "国際", "広報", "医療", "福祉", "水産", "交通", "統計", "県産品PR",
]  # fmt: skip
ENDS = [
    "推進",
    "対策",
    "整備",
    "振興",
    "支援事業",
    "活動費",
    "の普及",
    "管理費",
    "（架空型）",
    "・調査",
]
SENTENCES = [
    "架空県の暮らしを支えるため、関係する団体と力を合わせて進めた。",
    "県民の理解を深めるため、分かりやすい説明に努めた。",
    "前年度に続き、職員の研修と施設の点検を行った。",
]
COUNTS = [("開催回数", "回"), ("支援件数", "件"), ("設置台数", "台"), ("補助団体数", "団体")]
MONEY = [
    ("事業費", "expenditure"),
    ("補助金額", "expenditure"),
    ("金額", "expenditure"),
    ("対象事業費", "money"),
    ("国費", "money"),
]


@dataclass
class Sample:
    """A report's text, and what stands in it: items as (code, name, yen), figures by code."""

    text: str
    items: list[tuple[str, str, int | None]] = field(default_factory=list)
    figures: list[tuple[str, str, str, str, int, str]] = field(default_factory=list)
    policies: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)


@st.composite
def names(draw):
    words = draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=3))
    return "".join(words) + draw(st.sampled_from(ENDS))


@st.composite
def reports(draw, has_tables=True):
    """Draw a report with one nesting, one width of digits and one unit of money."""
    writer = _Writer(draw, has_tables)
    writer.write()
    sample = writer.sample
    sample.text = draw(st.sampled_from(["\n", "\r\n"])).join(writer.lines)
    return sample


class _Writer:
    def __init__(self, draw, has_tables):
        self.draw = draw
        self.has_tables = has_tables
        self.lines: list[str] = []
        self.sample = Sample("")
        self.nesting = draw(st.sampled_from(NESTINGS))
        self.is_full_width = draw(st.booleans())
        self.unit = draw(st.sampled_from(["円", "千円", "百万円"]))
        self.page = 1
        self.count = 0

    def write(self):
        draw = self.draw
        if draw(st.booleans()):
            self.add("令和３年度　主要施策の成果に関する説明書", "")
        if draw(st.integers(0, 4)) == 0:
            self.add("目　次", "1 架空費 ……… 3", "2 架空対策費 ・・・・・・ 12", "")
        if self.nesting[0] not in ("第1章", "第1") and draw(st.booleans()):
            self.add("第7 架空部", "", "架空部は、架空県の仕事を受け持つ。", "")
        if draw(st.booleans()):
            self.write_policies()
        for number in range(1, draw(st.integers(2, 3)) + 1):
            self.write_item("", 0, number)

    def write_policies(self):
        self.add("【令和３年度に実施した重点施策及び主な取組】", "")
        for number in range(1, self.draw(st.integers(1, 3)) + 1):
            name = self.draw(names())
            efforts = self.draw(st.lists(names(), min_size=1, max_size=3))
            self.add(f"{number} {name}", *(f"・{effort}" for effort in efforts), "")
            self.sample.policies.append((name, tuple(efforts)))
        if self.nesting[0] != "1":
            self.lines.insert(len(self.lines), "【決算の内容】")

    def write_item(self, parent, depth, number):
        draw = self.draw
        style = self.nesting[depth]
        code = f"{parent}.{number}".lstrip(".")
        name = draw(names())
        self.count += 1
        yen = self.write_heading(style, parent, number, name)
        self.sample.items.append((code, name, yen))
        if draw(st.booleans()):
            self.add(draw(st.sampled_from(["", "　"])) + draw(st.sampled_from(SENTENCES)), "")
        if self.has_tables and draw(st.integers(0, 3)) == 0:
            self.write_table(code)
        if draw(st.integers(0, 9)) == 0:
            self.add("", f"- {self.page} -", "")
            self.page += 1
        if depth + 1 < len(self.nesting) and self.count < 25:
            for child in range(1, draw(st.integers(0, 3)) + 1):
                self.write_item(code, depth + 1, child)

    def write_heading(self, style, parent, number, name):
        draw = self.draw
        label = self.digits(LABELS[style](number) if style in LABELS else "")
        gaps = [" ", "　", "　　"] + ([""] if style in WITHOUT_SPACE else [])
        if style.endswith("1-1"):
            label = self.digits(f"{style[:-3]}{parent.rsplit('.')[-1]}-{number}")
        heading = draw(st.sampled_from(["", "　", "    "])) + label + draw(st.sampled_from(gaps))
        shown = name
        if name.isalpha() and not name.isascii() and len(name) > 3 and "I" not in name:
            shown = " ".join(name) if draw(st.integers(0, 7)) == 0 else name
        heading += shown
        if draw(st.booleans()):
            self.add(heading)
            return None
        amount = draw(st.integers(1, 999_999_999))
        printed = self.digits(f"{amount:,}") + draw(st.sampled_from(["", " "])) + self.unit
        way = draw(st.integers(0, 8))
        if way == 0:
            self.add(f"{heading} 決算額 {printed}")
        elif way == 1:
            self.add(f"{heading}（決算額：{printed}）")
        elif way == 2:
            self.add(heading, f"決算額　{printed}")
        elif way == 3:
            self.add(heading, "", "（決算額 " + printed + "）", "")
        elif way == 5:
            self.add(f"{heading}（事業費 {printed}）")
        elif way == 6:
            self.add(f"{heading}………… {printed}")
        elif way == 7:
            self.add(heading, f"予算現額 9,876,543千円　決算額 {printed}　不用額 －")
        elif way == 4:
            self.add(heading, "", "決算額", "", printed, "")
        else:
            self.add(f"{heading}　　決算額", printed)
        return amount * UNIT_YEN[self.unit]

    def write_table(self, code):
        draw = self.draw
        measure, counter = draw(st.sampled_from(COUNTS))
        money, kind = draw(st.sampled_from(MONEY))
        labels = draw(st.lists(names(), min_size=1, max_size=4, unique=True))
        where = draw(st.sampled_from(["each", "first", "header", "above"]))
        header = ["区分", measure, money]
        if where in ("header", "above"):
            header[1] += f"（{counter}）"
        if where == "header":
            header[2] += f"（{self.unit}）"
        rows = []
        for index, label in enumerate(labels):
            count, amount = draw(st.integers(1, 9999)), draw(st.integers(1, 9_999_999))
            is_printed = where == "each" or (where == "first" and index == 0)
            rows.append(
                [
                    label,
                    self.digits(f"{count:,}") + (counter if is_printed else ""),
                    self.digits(f"{amount:,}") + (self.unit if is_printed else ""),
                ]
            )
            self.sample.figures += [
                (code, label, measure, "activity", count, counter),
                (code, label, money, kind, amount, self.unit),
            ]
        self.add("")
        if where == "above":
            self.add(f"（単位：{self.unit}）")
        shape = draw(st.sampled_from([_pipes, _html, _tabs, _gaps, _spaces]))
        self.add(*shape([header, *rows]), "")

    def digits(self, text):
        return text.translate(FULL_WIDTH) if self.is_full_width else text

    def add(self, *lines):
        self.lines += lines


def _pipes(rows):
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return [lines[0], "|---|---|---|", *lines[1:]]


def _html(rows):
    lines = ["<table>"]
    for tag, row in zip(["th", *["td"] * len(rows)], rows, strict=False):
        lines.append("<tr>" + "".join(f"<{tag}>{cell}</{tag}>" for cell in row) + "</tr>")
    return [*lines, "</table>"]


def _tabs(rows):
    return ["\t".join(row) for row in rows]


def _spaces(rows):
    return [" ".join(row) for row in rows]


def _gaps(rows):
    return ["　　".join(row) for row in rows]


FRAGMENTS = [
    "1 架空費", "(1) 架空", "①架空", "ア 架空", "(ア)", "第1章 架空", "第2 架空部", "決算額", "決算額 皆減",
    "決算額 ▲12千円", "12,345千円", "（単位：千円）", "| 区分 | 金額 |", "|---|---|", "| 架空 | 1,234 |", "<table>",
    "<tr><td rowspan=3>3件</td>", "</table>", "a\tb\t3件", "架空　　3件　　5千円", "【重点施策】", "・架空 3件（県：1、他：2）",
    "- 3 -", "約1.9万人", "1分30秒", "令和3年度に16か所", "。", "**", "# ", "─────", "|", "", "\0", "\ufeff", "１２３",
    "予算現額 10千円 決算額 9千円 不用額 1千円", "全3回", "3つの河川", "2課題", "ｱ 架空", "1-2 架空", "一 架空",
]  # fmt: skip

noise = st.one_of(
    st.text(max_size=400),
    st.lists(
        st.one_of(
            st.sampled_from(FRAGMENTS),
            st.text(alphabet="0123,.件円千（）()|　 第一ア①", max_size=30),
        ),
        max_size=30,
    ).map("\n".join),
)
