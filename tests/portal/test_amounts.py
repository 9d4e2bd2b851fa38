from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.amounts import (
    UNIT_YEN,
    AmountError,
    amount_yen_of,
    format_amount,
    format_hundred_million_yen,
    format_mixed,
    format_ten_thousand_yen,
    format_thousand_yen,
    format_yen,
    parse_amount,
    parse_number,
)

REMEDY = (
    "「4,016千円」「30,245,843」のように数字で書いてください。"
    "記載がないときは空欄か「－」にします。"
)
AMOUNTS = st.integers(-(10**16) + 1, 10**16 - 1)


@pytest.mark.parametrize(
    ("text", "amount_yen"),
    [
        ("4,016千円", 4_016_000),
        ("16千円", 16_000),
        ("2,725億円", 272_500_000_000),
        ("1億2,346万円", 123_460_000),
        ("3億円", 300_000_000),
        ("1兆2億円", 1_000_200_000_000),
        ("1兆2億3万4円", 1_000_200_030_004),
        ("3,024万5,843円", 30_245_843),
        ("１２，３４５円", 12_345),
        ("30,245,843円", 30_245_843),
        ("30,245,843", 30_245_843),
        ("30245843", 30_245_843),
        ("0", 0),
        ("0円", 0),
        ("¥1,200", 1_200),
        ("￥1,200", 1_200),
        ("\\1,200", 1_200),
        ("¥1,200円", 1_200),
        ("5百万円", 5_000_000),
        ("1億2千万円", 120_000_000),
        ("2十億円", 2_000_000_000),
        ("3億2,500千円", 302_500_000),
        ("1.5千円", 1_500),
        ("1.50千円", 1_500),
        ("30,245.843千円", 30_245_843),
        ("2.5億円", 250_000_000),
        ("1.0円", 1),
        ("4,016 千円", 4_016_000),
        (" 1億 2,346万 円\u3000", 123_460_000),
        ("▲1,200円", -1_200),
        ("△１，２００", -1_200),
        ("−1,200千円", -1_200_000),
        ("-1,200", -1_200),
        ("－1,200", -1_200),
        ("(1,200)", -1_200),
        ("（1,200千円）", -1_200_000),
        ("▲ 3", -3),
        ("-¥1,200", -1_200),
        ("¥-1,200", -1_200),
        ("▲0", 0),
    ],
)
def test_an_amount_is_read_as_people_type_it(text, amount_yen):
    assert parse_amount(text) == amount_yen


@pytest.mark.parametrize(
    "text", ["", " ", "\u3000", "－", "-", "―", "—", "–", "−", "ー", "‐", " － "]
)
def test_a_blank_or_a_dash_is_no_amount_and_not_zero(text):
    assert parse_amount(text) is None
    assert parse_number(text) is None


def test_a_number_without_unit_counts_in_the_unit_of_the_header():
    assert parse_amount("4,016", default_unit="千円") == 4_016_000
    assert parse_amount("▲1.5", default_unit="千円") == -1_500
    assert parse_amount("4,016円", default_unit="千円") == 4_016
    assert parse_amount("¥4,016", default_unit="千円") == 4_016
    assert parse_amount("3億円", default_unit="千円") == 300_000_000
    assert parse_amount("－", default_unit="千円") is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("皆増", ""),
        ("皆減", ""),
        ("約3億円", ""),
        ("3億円超", ""),
        ("3億円余", ""),
        ("不明", ""),
        ("…", ""),
        ("千円", ""),
        ("円", ""),
        ("¥", ""),
        ("▲", ""),
        ("()", ""),
        ("( )", ""),
        ("▲▲3", ""),
        ("(▲3)", ""),
        ("▲(3)", ""),
        ("(3", ""),
        ("(3)千円", ""),
        ("+3", ""),
        ("12 345", ""),
        ("1e3", ""),
        ("0x10", ""),
        ("１２、３４５", ""),
        ("3ドル", ""),
        ("円3", ""),
        ("3円円", ""),
        ("3円4円", ""),
        (".5千円", ""),
        ("5.千円", ""),
        ("1.2.3千円", "小数点は、数と単位が一組のときに一度だけ使えます。"),
        ("٣", ""),
        ("\0", ""),
        ("1,23円", "桁区切りのコンマの位置が正しくありません。"),
        ("12,34,567", "桁区切りのコンマの位置が正しくありません。"),
        ("1234,567", "桁区切りのコンマの位置が正しくありません。"),
        (",123", "桁区切りのコンマの位置が正しくありません。"),
        ("123,", "桁区切りのコンマの位置が正しくありません。"),
        ("1,,234", "桁区切りのコンマの位置が正しくありません。"),
        ("1万2億円", "単位は大きいものから順に、一度ずつ書いてください。"),
        ("1億2億円", "単位は大きいものから順に、一度ずつ書いてください。"),
        ("1億20,000万円", "単位は大きいものから順に、一度ずつ書いてください。"),
        ("1.5億2万円", "小数点は、数と単位が一組のときに一度だけ使えます。"),
        ("1億2.5万円", "小数点は、数と単位が一組のときに一度だけ使えます。"),
        ("1.2345千円", "1円未満の端数があります。"),
        ("0.5円", "1円未満の端数があります。"),
        ("3億", "単位は「円」まで書いてください。"),
        ("16千", "単位は「円」まで書いてください。"),
        ("¥3億", "単位は「円」まで書いてください。"),
        ("¥3億円", "単位は「円」まで書いてください。"),
        ("⑴", "丸数字や上付き数字は使えません。"),
        ("5²円", "丸数字や上付き数字は使えません。"),
        ("½千円", "丸数字や上付き数字は使えません。"),
    ],
)
def test_anything_else_is_refused_with_the_text_a_reason_and_a_remedy(text, reason):
    with pytest.raises(AmountError) as caught:
        parse_amount(text)
    assert str(caught.value) == f"「{text}」は金額・数として読めません。{reason}{REMEDY}"


@pytest.mark.parametrize("text", ["9" * 1_000_000, "1," * 500_000, "(" * 1_000_000, "\ufdfa" * 41])
def test_a_huge_text_is_refused_unread(text):
    for parse in (parse_amount, parse_number):
        with pytest.raises(AmountError) as caught:
            parse(text)
        assert str(caught.value) == (
            f"「{text[:40]}…」は金額・数として読めません。40文字以内で書いてください。{REMEDY}"
        )


@pytest.mark.parametrize(
    ("amount_yen", "yen", "thousand", "ten_thousand", "hundred_million", "mixed"),
    [
        (0, "0円", "0千円", "0万円", "0億円", "0円"),
        (1, "1円", "0.001千円", "0.0001万円", "0.00000001億円", "1円"),
        (4_016_000, "4,016,000円", "4,016千円", "401.6万円", "0.04016億円", "401万6,000円"),
        (
            30_245_843,
            "30,245,843円",
            "30,245.843千円",
            "3,024.5843万円",
            "0.30245843億円",
            "3,024万5,843円",
        ),
        (401_600_000, "401,600,000円", "401,600千円", "40,160万円", "4.016億円", "4億160万円"),
        (
            272_500_000_000,
            "272,500,000,000円",
            "272,500,000千円",
            "27,250,000万円",
            "2,725億円",
            "2,725億円",
        ),
        (
            1_000_200_000_000,
            "1,000,200,000,000円",
            "1,000,200,000千円",
            "100,020,000万円",
            "10,002億円",
            "1兆2億円",
        ),
        (-1_200, "▲1,200円", "▲1.2千円", "▲0.12万円", "▲0.000012億円", "▲1,200円"),
    ],
)
def test_an_amount_is_written_with_every_digit(
    amount_yen, yen, thousand, ten_thousand, hundred_million, mixed
):
    assert format_yen(amount_yen) == yen
    assert format_thousand_yen(amount_yen) == thousand
    assert format_ten_thousand_yen(amount_yen) == ten_thousand
    assert format_hundred_million_yen(amount_yen) == hundred_million
    assert format_mixed(amount_yen) == mixed


@given(AMOUNTS, st.sampled_from(sorted(UNIT_YEN)))
def test_every_written_amount_reads_back(amount_yen, unit):
    assert parse_amount(format_amount(amount_yen, unit)) == amount_yen
    assert parse_amount(format_mixed(amount_yen)) == amount_yen
    assert parse_amount(format_amount(amount_yen, unit).removesuffix(unit), unit) == amount_yen


@given(AMOUNTS)
def test_every_named_format_reads_back(amount_yen):
    for write in (
        format_yen,
        format_thousand_yen,
        format_ten_thousand_yen,
        format_hundred_million_yen,
    ):
        assert parse_amount(write(amount_yen)) == amount_yen


@pytest.mark.parametrize("amount_yen", [None, 4_016.0, Decimal(4_016), "4016"])
def test_only_an_int_is_written_and_none_has_no_text(amount_yen):
    for write in (format_yen, format_thousand_yen, format_mixed):
        with pytest.raises(TypeError, match="whole yen"):
            write(amount_yen)


def test_an_unknown_unit_is_refused():
    with pytest.raises(AmountError) as caught:
        format_amount(1, "ドル")
    assert str(caught.value) == (
        "「ドル」は金額の単位ではありません。"
        "円、千円、万円、百万円、千万円、億円、十億円、兆円のどれかにしてください。"
    )


@pytest.mark.parametrize(
    ("value", "unit", "amount_yen"),
    [
        ("32560", "千円", 32_560_000),
        ("1.5", "億円", 150_000_000),
        ("-3", "百万円", -3_000_000),
        ("30245.843", "千円", 30_245_843),
        ("1E+3", "円", 1_000),
        ("0", "千円", 0),
        ("16.000", "円", 16),
        ("62", "件", None),
        ("62.5", "%", None),
        ("62", "", None),
    ],
)
def test_a_figure_in_a_unit_of_money_has_an_amount(value, unit, amount_yen):
    assert amount_yen_of(Decimal(value), unit) == amount_yen


@pytest.mark.parametrize(
    ("value", "unit", "message"),
    [
        (
            "0.5",
            "円",
            "「0.5円」には1円未満の端数があります。円の単位まで割り切れる額にしてください。",
        ),
        (
            "1.2345",
            "千円",
            "「1.2345千円」には1円未満の端数があります。円の単位まで割り切れる額にしてください。",
        ),
        ("NaN", "円", "「NaN円」は金額として扱える数ではありません。"),
        ("Infinity", "円", "「Infinity円」は金額として扱える数ではありません。"),
        ("1E+1000000", "円", "「1E+1000000円」は金額として扱える数ではありません。"),
        ("1E-1000000", "円", "「1E-1000000円」は金額として扱える数ではありません。"),
    ],
)
def test_a_figure_that_is_no_whole_yen_is_refused(value, unit, message):
    with pytest.raises(AmountError) as caught:
        amount_yen_of(Decimal(value), unit)
    assert str(caught.value) == message


@given(AMOUNTS, st.sampled_from(sorted(UNIT_YEN)))
def test_a_written_amount_is_the_amount_of_its_number_and_unit(amount_yen, unit):
    number = parse_number(format_amount(amount_yen, unit).removesuffix(unit))
    assert amount_yen_of(number, unit) == amount_yen


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1,105", "1105"),
        ("１，１０５", "1105"),
        ("1.9万", "19000"),
        ("2億406万", "204060000"),
        ("△3", "-3"),
        ("(3)", "-3"),
        ("0", "0"),
        ("0.1", "0.1"),
        ("1.50", "1.5"),
        ("3千", "3000"),
        ("123456789012345678901234567890.12345678", "123456789012345678901234567890.12345678"),
    ],
)
def test_a_number_of_a_cell_is_read_exactly(text, number):
    assert parse_number(text) == Decimal(number)
    assert str(parse_number(text)) == number


@pytest.mark.parametrize(
    "text", ["約2億406万", "100超", "3以上", "1,105件", "12%", "1,1", "3円", "A"]
)
def test_a_number_with_more_than_the_number_is_refused(text):
    with pytest.raises(AmountError, match=f"「{text}」は金額・数として読めません。"):
        parse_number(text)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=0, max_value=10**12, places=4))
def test_every_plain_decimal_reads_back(number):
    assert parse_number(format(number, "f")) == number
    assert parse_number(format(number, ",f")) == number
    assert parse_number(f"▲{number:,f}") == -number


def test_half_a_surrogate_pair_can_still_be_quoted():
    with pytest.raises(AmountError) as caught:
        parse_amount("3\ud800円")
    assert str(caught.value) == f"「3?円」は金額・数として読めません。{REMEDY}"


@given(st.text(alphabet=st.characters(codec=None), max_size=60))
def test_any_text_gives_a_number_none_or_a_sentence(text):
    for parse, kind in ((parse_amount, int), (parse_number, Decimal)):
        try:
            value = parse(text)
        except AmountError as error:
            assert str(error).endswith(REMEDY)
            assert str(error).encode()
        else:
            assert value is None or type(value) is kind


@given(st.text(alphabet="0123456789,.億万千円▲()¥ -", max_size=20))
def test_no_digit_is_lost_in_what_is_accepted(text):
    try:
        amount_yen = parse_amount(text)
    except AmountError:
        return
    if amount_yen is not None:
        assert parse_amount(format_yen(amount_yen)) == amount_yen
        assert (amount_yen == 0) == (not any(digit in text for digit in "123456789"))
