"""The words that tell what a number is: spending, other money, activity or outcome. Pure."""

import re

from portal.amounts import UNIT_YEN

from .report_quantities import Quantity

EXPENDITURE = re.compile(
    r"事業費|金額|補助額|補助金|助成|交付額|交付金額|交付決定額|決算|支出|執行額|委託料|委託費|委託額|経費|支給額|支払額|給付額|工事費|実績額|負担金"
)
OTHER_MONEY = re.compile(
    r"対象事業費|対象経費|総事業費|全体事業費|寄附|寄付|国費|国庫|県債|起債|一般財源|特定財源|予算|繰越|不用|収入|歳入|調定|収納|未収|滞納"
    r"|融資|貸付|残高|基金|売上|販売|商談|成約|出荷|生産額|産出額|契約額|被害|単価|増減|比較|前年|計画|目標|見込|減免|控除|県税|手数料"
)
OUTCOME = re.compile(
    r"参加|来場|受講|再生|閲覧|フォロワー|友だち|友達|利用件数|利用者|利用数|アクセス|申請件数|申請数|応募|露出|来館|入館|入場|視聴|ダウンロード|寄附"
)
DEFAULT_MEASURES = {
    "件": "件数", "回": "回数", "人": "人数", "名": "人数", "社": "企業数", "部": "部数", "本": "本数",
    "台": "台数", "日": "日数", "日間": "日数", "団体": "団体数", "事業": "事業数", "校": "学校数",
    "世帯": "世帯数", "部/回": "1回の部数", "か所": "か所数", "分": "長さ", "秒": "長さ",
}  # fmt: skip


def kind_of(quantity: Quantity, name: str, header: str, label: str) -> str | None:
    """Return the kind of a figure; None where the words do not tell what the money is."""
    if quantity.is_money:
        return money_kind(name, header, label)
    words = f"{name} {header} {label}" if not name or name == header else f"{name} {label}"
    return "outcome" if OUTCOME.search(words) else "activity"


def money_word(unit: str, header: str) -> str:
    """Return the word of a generic header that names its money: 国費 of 「実績（国費ベース）」."""
    match = OTHER_MONEY.search(header) if unit in UNIT_YEN else None
    return match[0] if match else ""


def money_kind(name: str, header: str, label: str) -> str | None:
    for words in (name, header):
        if OTHER_MONEY.search(words):
            return "money"
    if re.search(r"寄附|寄付|国費|国庫支出|県債|一般財源|歳入|収入", label):
        return "money"
    return "expenditure" if EXPENDITURE.search(f"{name} {header}") else None
