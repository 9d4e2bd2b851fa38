"""Amounts of money as people type and print them, to whole yen and back, and plain numbers.

Money is whole yen in an int. Nothing is rounded in either direction: an amount that is no whole
number of yen is refused, and an amount that is no whole number of thousands is written with all
its digits (30,245,843 yen is "30,245.843千円"). None, an amount that is not stated, has no text
here: every `format_` raises TypeError for it, and the page says 「資料に記載なし」 itself.
"""

import re
import unicodedata
from decimal import Decimal


class AmountError(ValueError):
    """A text or number that is no exact amount; the message is a Japanese sentence."""


UNIT_YEN: dict[str, int] = {
    "円": 1,
    "千円": 10**3,
    "万円": 10**4,
    "百万円": 10**6,
    "千万円": 10**7,
    "億円": 10**8,
    "十億円": 10**9,
    "兆円": 10**12,
}

MAX_LENGTH = 40
MAX_DIGITS = 30
BLANKS = {"", *"-‐‑‒–—―−ー─"}
MINUS_SIGNS = "▲△-−‐‑–"
MULTIPLIERS = {unit.removesuffix("円"): yen for unit, yen in UNIT_YEN.items() if unit != "円"}
PART = re.compile(r"([0-9,]+)(?:\.([0-9]+))?\s*(兆|十億|億|千万|百万|万|千)?\s*")
COMMAS = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+")


def parse_amount(text: str, default_unit: str = "円") -> int | None:
    """Return whole yen from an amount as people type it; None for a blank or "－".

    "4,016千円" -> 4_016_000; "△１，２００" -> -1200; "2,725億円" -> 272_500_000_000;
    "1億2,346万円" -> 123_460_000; "(1,200)" and "（1,200）" -> -1200; "1.5千円" -> 1500.
    A number without a unit counts in `default_unit`, the unit of the table's header.
    Raises AmountError, quoting the text, for anything else ("皆増", "約3億円", "12,34円").
    """
    body = _clean(text)
    if body in BLANKS:
        return None
    sign, body = _split_sign(body, text)
    has_yen_sign, has_yen = body[0] in "¥\\", body.endswith("円")
    numerator, scale, has_multiplier = _parse_parts(
        body.lstrip("¥\\" if has_yen_sign else "").removesuffix("円").strip(), text
    )
    if has_multiplier and (has_yen_sign or not has_yen):
        raise _unreadable(text, "単位は「円」まで書いてください。")
    if not (has_yen_sign or has_yen):
        numerator *= UNIT_YEN[default_unit]
    yen, rest = divmod(numerator, 10**scale)
    if rest:
        raise _unreadable(text, "1円未満の端数があります。")
    return sign * yen


def parse_number(text: str) -> Decimal | None:
    """Return the exact number of a table cell; None for a blank or "－".

    "1,105" -> 1105; "1.9万" -> 19000; "2億406万" -> 204060000; "△3" -> -3.
    Raises AmountError for anything else; "約", "超" and units are the caller's to take off.
    """
    body = _clean(text)
    if body in BLANKS:
        return None
    sign, body = _split_sign(body, text)
    numerator, scale, _ = _parse_parts(body, text)
    while scale and numerator % 10 == 0:
        numerator, scale = numerator // 10, scale - 1
    # From text, because arithmetic on Decimal rounds to the context's 28 digits.
    return Decimal(f"{sign * numerator}E-{scale}") if scale else Decimal(sign * numerator)


def amount_yen_of(value: Decimal, unit: str) -> int | None:
    """Return a figure's value in whole yen; None where the unit is not money.

    (Decimal("32560"), "千円") -> 32_560_000; (Decimal("62"), "件") -> None.
    Raises AmountError where that is no whole number of yen.
    """
    if unit not in UNIT_YEN:
        return None
    is_finite = value.is_finite()
    if not is_finite or value.adjusted() > MAX_DIGITS or value.as_tuple().exponent < -MAX_DIGITS:
        raise AmountError(f"「{value:.20}{unit}」は金額として扱える数ではありません。")
    numerator, denominator = value.as_integer_ratio()
    yen, rest = divmod(numerator * UNIT_YEN[unit], denominator)
    if rest:
        raise AmountError(
            f"「{value}{unit}」には1円未満の端数があります。円の単位まで割り切れる額にしてください。"
        )
    return yen


def format_amount(amount_yen: int, unit: str) -> str:
    """Return an amount in a unit of UNIT_YEN, with every digit: (4016000, "千円") -> "4,016千円".

    What is left below the unit follows the decimal point: (30245843, "千円") -> "30,245.843千円".
    """
    sign, rest = _sign_of(amount_yen)
    if unit not in UNIT_YEN:
        raise AmountError(
            f"「{unit}」は金額の単位ではありません。{'、'.join(UNIT_YEN)}のどれかにしてください。"
        )
    whole, fraction = divmod(rest, UNIT_YEN[unit])
    if not fraction:
        return f"{sign}{whole:,}{unit}"
    places = len(str(UNIT_YEN[unit])) - 1
    return f"{sign}{whole:,}.{fraction:0{places}d}".rstrip("0") + unit


def format_yen(amount_yen: int) -> str:
    """Return "4,016,000円" for 4016000; "▲1,200円" for -1200."""
    return format_amount(amount_yen, "円")


def format_thousand_yen(amount_yen: int) -> str:
    """Return "4,016千円" for 4016000, and "30,245.843千円" for 30245843."""
    return format_amount(amount_yen, "千円")


def format_ten_thousand_yen(amount_yen: int) -> str:
    """Return "401.6万円" for 4016000."""
    return format_amount(amount_yen, "万円")


def format_hundred_million_yen(amount_yen: int) -> str:
    """Return "2,725億円" for 272500000000."""
    return format_amount(amount_yen, "億円")


def format_mixed(amount_yen: int) -> str:
    """Return the reading in 兆, 億 and 万: "4億160万円" for 401600000.

    "3,024万5,843円" for 30245843; "1兆2億円" for 1000200000000; "0円" for 0.
    """
    sign, rest = _sign_of(amount_yen)
    text = ""
    for unit in ("兆", "億", "万", ""):
        whole, rest = divmod(rest, MULTIPLIERS.get(unit, 1))
        if whole:
            text += f"{whole:,}{unit}"
    return f"{sign}{text or 0}円"


def _clean(text: str) -> str:
    if len(text) > MAX_LENGTH:
        raise _unreadable(text, f"{MAX_LENGTH}文字以内で書いてください。")
    # NFKC would make "5²" 52 and "⑴" (1), which is -1.
    if any(unicodedata.category(character) == "No" for character in text):
        raise _unreadable(text, "丸数字や上付き数字は使えません。")
    return unicodedata.normalize("NFKC", text).strip()


def _split_sign(body: str, text: str) -> tuple[int, str]:
    """Return 1 or -1 and what is left: ▲, △ or a minus before the number, or brackets round it."""
    sign, rest = 1, body
    if body[0] == "(" and body[-1] == ")":
        sign, rest = -1, body[1:-1]
    elif body[0] in MINUS_SIGNS:
        sign, rest = -1, body[1:]
    elif body[0] in "¥\\" and body[1:2] and body[1] in MINUS_SIGNS:
        sign, rest = -1, body[0] + body[2:]
    if not rest.strip():
        raise _unreadable(text)
    return sign, rest.strip()


def _parse_parts(body: str, text: str) -> tuple[int, int, bool]:
    """Return a numerator, the decimal places below it, and whether 万, 億 … occurred.

    The parts of "1億2,346万" must go down, and each must be smaller than the unit before it.
    """
    total, scale, position, parts = 0, 0, 0, 0
    limit, multiplier = None, 1
    while position < len(body):
        match = PART.match(body, position)
        if match is None or limit == 1:
            raise _unreadable(text)
        digits, fraction, unit = match[1], match[2] or "", match[3]
        if not COMMAS.fullmatch(digits):
            raise _unreadable(text, "桁区切りのコンマの位置が正しくありません。")
        if fraction and (parts or match.end() < len(body)):
            raise _unreadable(text, "小数点は、数と単位が一組のときに一度だけ使えます。")
        multiplier = MULTIPLIERS[unit] if unit else 1
        value = int(digits.replace(",", "")) * multiplier
        if limit is not None and value >= limit:
            raise _unreadable(text, "単位は大きいものから順に、一度ずつ書いてください。")
        total += value
        if fraction:
            scale = len(fraction)
            total = total * 10**scale + int(fraction) * multiplier
        limit, position, parts = multiplier, match.end(), parts + 1
    if not parts:
        raise _unreadable(text)
    return total, scale, parts > 1 or multiplier > 1


def _sign_of(amount_yen: int) -> tuple[str, int]:
    if not isinstance(amount_yen, int):
        raise TypeError(f"an amount is whole yen in an int, not {amount_yen!r}")
    return ("▲" if amount_yen < 0 else ""), abs(amount_yen)


def _unreadable(text: str, reason: str = "") -> AmountError:
    # A lone surrogate cannot be sent to a browser; it shows as "?".
    shown = text[:MAX_LENGTH].encode("utf-8", "replace").decode()
    quoted = shown if len(text) <= MAX_LENGTH else f"{shown}…"
    return AmountError(
        f"「{quoted}」は金額・数として読めません。{reason}"
        "「4,016千円」「30,245,843」のように数字で書いてください。記載がないときは空欄か「－」にします。"
    )
