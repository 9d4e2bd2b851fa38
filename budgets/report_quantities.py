"""Numbers with their units in a cell or a line: "203件（県：141、その他：62）". Pure, linear.

Dates, years, ordinals and clock times are no quantities.
"""

import re
from dataclasses import dataclass
from decimal import Decimal

from portal.amounts import UNIT_YEN, AmountError, parse_number

from .report_lines import plain

MAX_LENGTH = 4_000
MAX_VALUE = 10**15
NUMBER = r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]{1,4})?(?![0-9])|[0-9]{1,15}(?:\.[0-9]{1,4})?(?![0-9])"
COUNTERS = """
    部/回 か所 カ所 ヶ所 ヵ所 ケ所 箇所 か国 カ国 ヶ国 市町村 市町 町村 事業所 事業者 事業 業務 窓口 団体 世帯 件数 店舗 施設 区分
    地区 地域 区域 路線 区間 日間 時間 か月 カ月 ヶ月 週間 テーマ 種類 品目 講座 コース クラス チーム グループ 法人 企業 農家 農場
    経営体 課所 部局 学級 作品 工区 河川 項目 議案 本館 ページ ポイント セット キロ メートル トン リットル ヘクタール 件 回 人 名 社
    者 戸 本 台 部 冊 枚 店 校 園 国 市 町 村 区 日 分 秒 泊 km kg ha cm mm ㎞ ㎏ ㎡ ㎥ m2 m3 m t L %
    ％ 点 科 課 隊 組 橋 基 床 頭 羽 匹 尾 株 体 話 曲 館 棟 室 席 着 袋 箱 缶 機 隻 艘 筆 頁 通 口 杯 種 例 題 巻 号
    県
""".split()  # noqa: SIM905 - a list that one can read
MONEY = sorted(UNIT_YEN, key=len, reverse=True)
UNITS = sorted(COUNTERS, key=len, reverse=True)
# Kanji that may follow a counter of one character: 30分番組, 年3回発行; not 2課題, 3社会.
AFTER_COUNTER = "開実発参受対番訪配掲放設整支相利申交応派出来認採登提購寄超以前程減増未内等余強弱毎延拡製作達成確保完派導供給付"
MASKED = re.compile(
    r"(?:令和|平成|昭和|大正|明治|(?<![A-Za-z])[RHS]) ?(?:元|[0-9]{1,2})(?:年度?末?|\.[0-9]{1,2}(?:\.[0-9]{1,2})?)?"
    r"(?: ?[0-9]{1,2}月(?: ?[0-9]{1,2}日)?末?)?"
    r"|[0-9]{1,4}年(?:度末?|生|間|目|前|後|代|次)?(?: ?[0-9]{1,2}月(?: ?[0-9]{1,2}日)?末?)?(?!齢)"
    r"|[0-9]{1,2}月(?: ?[0-9]{1,2}日)?末?"
    r"|第 ?[0-9]{1,4} ?(?:[-・、~] ?[0-9]{1,4} ?)?"
    r"|(?:午前|午後) ?[0-9]{1,2}時(?:[0-9]{1,2}分)?|[0-9]{1,2}時(?!間)(?:[0-9]{1,2}分)?"
    r"|[0-9]{1,2}:[0-9]{2}|[0-9]{4}/[0-9]{1,2}(?:/[0-9]{1,2})?"
    r"|[0-9]{2,4}-[0-9]{2,4}-[0-9]{3,4}|[0-9]{1,2}(?:・[0-9]{1,2})+(?=歳|年|月)"
)
YEAR = re.compile(
    r"((?:令和|平成|昭和|[RHS]) ?(?:元|[0-9]{1,2})(?:年度?)?|(?:19|20)[0-9]{2}年度?)(?:末|分|実績|累計|末累計)?"
)
QUANTITY = re.compile(
    r"(?P<lead>(?:(?:約|およそ|延べ|のべ|延|合計|計|全|年|各|他に|他|ほか|最大|総) ?)?)"
    rf"(?P<sign>(?:[▲△] ?)?)(?<![0-9A-Za-z.,\-/#])(?:(?P<minutes>[0-9]{{1,3}})分(?P<seconds>[0-9]{{1,2}})秒"
    rf"|(?P<number>{NUMBER})"
    rf"(?: ?(?P<money>{'|'.join(MONEY)})|(?P<times>(?:兆|億|百万|千万|万|千)(?:[0-9][0-9,]{{0,8}}(?:億|万|千))?(?:[0-9][0-9,]{{0,8}})?)(?P<of>{'|'.join(map(re.escape, ['円', *UNITS]))})"
    rf"| ?(?P<unit>{'|'.join(map(re.escape, UNITS))})"
    r"|つの(?P<noun>[一-龥]{1,4}|[ァ-ヴー]{2,10}))?)"
)
ROUGH = (
    "約",
    "およそ",
    "延べ",
    "のべ",
    "延",
    "合計",
    "計",
    "全",
    "年",
    "各",
    "他に",
    "他",
    "ほか",
    "最大",
    "総",
)
AROUND = " :・-(（"
ENDING = (
    "数",
    "額",
    "量",
    "率",
    "実績",
    "者",
    "費",
    "長",
    "人員",
    "件",
    "面積",
    "延長",
    "再生",
    "累計",
)
FRAGMENT = re.compile(r"[をにがはでとたのもへやしいてるりれ]$")
PART = re.compile(
    rf"(?:内訳|うち|[^:]{{0,4}}内訳)?[: ]*(?P<label>[^0-9:]{{1,30}}?) ?:? ?(?P<number>{NUMBER}) ?(?P<unit>[^0-9\s]{{0,4}})"
)
LIST_START = re.compile(r"[ 。、(\0】]")
WORD_GAP = re.compile(r"(?<![A-Za-z]) +| +(?![A-Za-z])")


@dataclass(frozen=True)
class Quantity:
    """A number as printed. `unit` is "" where none is printed; `is_sure` False: leave it alone."""

    name: str
    value: Decimal
    unit: str
    as_printed: str = ""
    period: str = ""
    before: str = ""
    is_sure: bool = True
    at: int = 0
    parts: tuple[tuple[str, Decimal], ...] = ()

    @property
    def is_money(self) -> bool:
        return self.unit in UNIT_YEN


def read_quantities(text: str) -> list[Quantity]:
    """Return the quantities of a text in order."""
    if len(text) > MAX_LENGTH:
        return []
    line = plain(text)
    masked = MASKED.sub(lambda match: "\0" * len(match[0]), line)
    found: list[Quantity] = []
    position = 0
    for match in QUANTITY.finditer(masked):
        if match.start() < position:
            continue
        lead, start, end = match["lead"].strip(), match.start(), match.end()
        between = line[position:start]
        quantity = _make(match, line, masked)
        name, period, before = _name_of(masked[position:start], between, found, lead)
        is_product = masked[end : end + 1] in ("×", "x") or masked[start - 1 : start] in ("×", "x")
        is_range = masked[end : end + 1] == "~" or masked[max(start - 1, 0) : start] == "~"
        parts, end = _parts_after(masked, line, end, quantity.unit)
        found.append(
            Quantity(
                name,
                quantity.value,
                quantity.unit,
                quantity.as_printed if lead in ROUGH or match["times"] or match["minutes"] else "",
                period,
                before,
                quantity.is_sure and not match["sign"].strip() and not is_product and not is_range,
                start,
                parts,
            )
        )
        if match["noun"]:
            end = match.end()
        position = end
    return found


def is_bare(text: str) -> bool:
    """Tell whether a text is nothing but numbers without a unit: "2,597", "1 2"."""
    return re.fullmatch(r"[0-9][0-9,.]*(?: +[0-9][0-9,.]*){0,20}", plain(text).strip()) is not None


def _make(match: re.Match[str], line: str, masked: str) -> Quantity:
    printed = line[match.start() : match.end()].strip()
    if match["minutes"]:
        value = Decimal(int(match["minutes"]) * 60 + int(match["seconds"]))
        return Quantity("", value, "秒", printed)
    number = match["number"] + (match["times"] or "")
    unit = match["of"] or match["money"] or match["unit"] or match["noun"] or ""
    try:
        value = parse_number(number)
    except AmountError:
        return Quantity("", Decimal(0), "", printed, is_sure=False)
    is_sure = _is_whole(match, unit, masked) and value < MAX_VALUE
    return Quantity("", value, unit, printed, is_sure=is_sure)


def _is_whole(match: re.Match[str], unit: str, masked: str) -> bool:
    """Tell whether the unit ends where it seems to: 2課 of 2課題 does not."""
    following = masked[match.end() : match.end() + 1]
    if len(unit) == 1 and unit not in UNIT_YEN and "一" <= following <= "龥":
        return following in AFTER_COUNTER
    return not (unit and unit.isascii() and following.isalpha() and following.isascii())


def _name_of(masked: str, between: str, found: list[Quantity], lead: str) -> tuple[str, str, str]:
    """Return the words that name a number, the year right before it, and what precedes both."""
    masked, between = masked[-120:], between[-120:]
    stripped = masked.rstrip(AROUND)
    period = ""
    if stripped.endswith("\0"):
        start = len(stripped.rstrip("\0"))
        year = YEAR.fullmatch(between[start : len(stripped)])
        period = year[1] if year else ""
        stripped = stripped[:start] if year else stripped
    is_named = len(masked) > len(stripped)
    is_rest = lead in ("他", "ほか", "他に") and ":" not in masked[len(stripped) :]
    cut = max(stripped.rfind(mark) for mark in "\0、。,;)）※\n/／")
    tail = stripped[cut + 1 :].strip(AROUND)
    if tail.endswith("】"):
        name = tail[tail.rfind("【") + 1 : -1]
        return name, period, ""
    bracket, _, rest = tail.rpartition("】")
    before = bracket.rpartition("【")[2] if bracket else ""
    words = [word for word in WORD_GAP.split(rest if bracket else tail) if word]
    name = words[-1].rpartition(":")[2].strip("・「」") if words else ""
    if not name and found and (not stripped.strip(AROUND + "、,／/;") or period):
        return found[-1].name, period, found[-1].before
    if not name or FRAGMENT.search(name) or len(name) > 40 or is_rest:
        name = LIST_START.split(stripped.rpartition(":")[0])[-1].strip(AROUND)
        return (name if len(name) <= 40 else ""), period, ""
    if not is_named and not name.endswith(ENDING):
        return "", period, ""
    before = before or " ".join(words[:-1]).strip(AROUND + "○●◎◆■□※")
    return name, period, before if len(before) <= 60 else ""


def _parts_after(masked: str, line: str, end: int, unit: str):
    """Read a bracket that divides the number before it: （県：141、その他：62）."""
    if masked[end : end + 1] != "(" or (close := masked.find(")", end, end + 200)) < 0:
        return (), end
    inside = masked[end + 1 : close]
    if "\0" in inside:
        return (), end
    entries = [PART.fullmatch(entry.strip()) for entry in re.split("[、/;]", inside)]
    if len(entries) < 2 or not all(entry and entry["unit"] in ("", unit) for entry in entries):
        return (), end
    parts = tuple(
        (entry["label"].strip(" :・"), parse_number(entry["number"])) for entry in entries
    )
    return parts, close + 1
