"""Texts that a machine, a search or a screen reader stumbles over, and texts that it does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.text_checks import check_characters, check_line, check_link_text, check_long_text

LONG_TEXT = """# 事業の内容

庁議を41回開き、97件を話し合いました（①から③まで）。

## 内訳

| 区分 | 事業量 | 事業費 |
| :--- | ---: | --- |
| 記者会見 | 203件 | 7,997千円 |
| 新聞広告 | － | |

> | 年度 | 件数 |
> |---|---|
> | 令和2年度 | 62件 \\| 64件 |

1. [県の総合計画](https://www.example.jp/plan/)、[決算](/settlements/)、<https://www.example.jp/>
2. 3 < 5、`<b>`

# 成果
"""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "千円",
        "m2",
        "%",
        "℃",
        "令和3年1月26日～2月11日",
        "主管課運営費（主管課経費）",
        "4. 県民総活躍社会の実現（#SHUWANOWA）",
        "山田 一郎",
        "ぐんま ちゃん",
        "ぐんま-DX",
        "髙﨑",
    ],
)
def test_a_well_written_name_or_unit_is_left_alone(text):
    assert list(check_line(text)) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("令和２年度", "全角の数字・英字「２」があります。「2」のように書いてください。"),
        ("ＤＸ推進", "全角の数字・英字「ＤＸ」があります。「DX」のように書いてください。"),
        ("％", "全角の数字・英字「％」があります。「%」のように書いてください。"),
        ("ﾃﾞｼﾞﾀﾙ", "半角のカタカナ「ﾃﾞｼﾞﾀﾙ」があります。「デジタル」のように書いてください。"),
        ("①旅費", "機種依存文字「①」があります。「1」のように書いてください。"),
        ("㈱架空", "機種依存文字「㈱」があります。「(株)」のように書いてください。"),
        ("㌔", "機種依存文字「㌔」があります。「キロ」のように書いてください。"),
        ("㎡", "機種依存文字「㎡」があります。「m2」のように書いてください。"),
        ("第Ⅳ期", "機種依存文字「Ⅳ」があります。「IV」のように書いてください。"),
        ("№", "機種依存文字「№」があります。「No」のように書いてください。"),
        ("㉈", "機種依存文字「㉈」があります。別の字に書き換えてください。"),
        ("－", "「－」は値のない印です。記載がないときは空欄にしてください。"),
        (" … ", "「…」は値のない印です。記載がないときは空欄にしてください。"),
        ("N/A", "「N/A」は値のない印です。記載がないときは空欄にしてください。"),
        ("合 計", "文字の間に空白があります。「合計」のように続けて書いてください。"),
        (
            "#REF!",
            "Excelのエラー「#REF!」が残っています。もとの表を確かめて、書き換えてください。",
        ),
        ("参加\u200b者", "目に見えない制御文字（U+200B）があります。消してください。"),
        (
            "架空\ue000",
            "外字、または文字化けした文字（U+E000）があります。"
            "ほかの人の画面では読めないため、別の字に書き換えてください。",
        ),
    ],
)
def test_what_a_machine_cannot_read_is_named_with_what_to_write(text, message):
    assert list(check_line(text)) == [message]


@pytest.mark.parametrize(
    "text", [" 旅費", "旅費 ", "旅費\n宿泊費", "旅費\t宿泊費", "合　計", "旅費  宿泊費"]
)
def test_spaces_that_a_reader_does_not_see_are_told(text):
    (message,) = check_line(text)
    assert message.startswith("前後の空白、改行、タブ、全角の空白、続いた空白のどれかがあります。")


def test_a_place_in_a_report_keeps_its_printed_labels():
    assert list(check_line("第2 1(8)②ア", has_printed_labels=True)) == []
    assert list(check_line("第２ 1(8)②", has_printed_labels=True)) == [
        "全角の数字・英字「２」があります。「2」のように書いてください。"
    ]


def test_the_same_character_is_told_once():
    assert len(list(check_line("①と①と②"))) == 2


def test_a_printed_wording_is_only_asked_for_characters_that_nobody_can_read():
    assert list(check_characters("約１．９万人")) == []
    assert len(list(check_characters("\x07#N/A\ufffd"))) == 3


def test_a_well_written_text_is_left_alone():
    assert list(check_long_text(LONG_TEXT)) == []
    assert list(check_long_text(LONG_TEXT.replace("\n", "\r\n"))) == []
    assert list(check_long_text("")) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("－", "「－」は値のない印です。記載がないときは空欄にしてください。"),
        (
            "参加者は１，２００人です。",
            "全角の数字「１，２００」があります。「1,200」のように書いてください。",
        ),
        (
            "## 内訳",
            "見出し「内訳」は「##」で、間の段を飛ばしています。「#」にしてください。",
        ),
        (
            "# 内容\n\n### 内訳\n\n#### 旅費",
            "見出し「内訳」は「###」で、間の段を飛ばしています。「##」にしてください。",
        ),
        ("# \n\n文", "文字のない見出し「#」があります。"),
        (
            "![ロゴ](https://www.example.jp/a.png)",
            "本文に画像は置けず、リンクになります。"
            "画像は、代替テキストと利用条件を付けて、画像の欄に登録してください。",
        ),
        (
            "[](https://www.example.jp/)",
            "文字のないリンクがあります。行き先が分かる文字を付けてください。",
        ),
        (
            "詳しくは[こちら](https://www.example.jp/)",
            "リンクの文字「こちら」だけでは、行き先が分かりません。ページの題名などにしてください。",
        ),
        (
            "[電話](tel:0270000000)",
            "リンク先「tel:0270000000」は開けないため、消えます。"
            "https:// から始まるアドレスを書いてください。",
        ),
        ("一行目<br>二行目", "「<br>」はHTMLとして働かず、文字のまま表示されます。"),
        ("<!-- 内緒 -->", "「<!--」はHTMLとして働かず、文字のまま表示されます。"),
        (
            "| 区分 | 額 |\n|---|---|\n| 旅費 | 1円 | 2円 |\n| 計 | 3円 |",
            "本文の3行目は3列で、表の見出しの2列と違います。"
            "はみ出した列は表示されません。列の数をそろえてください。",
        ),
        (
            "前の文\n\n> | 区分 | 額 |\n> |---|---|\n> | 旅費 |",
            "本文の5行目は1列で、表の見出しの2列と違います。"
            "はみ出した列は表示されません。列の数をそろえてください。",
        ),
        (
            "| 区分 | 額 | 注 |\n|---|---|\n| 旅費 | 1円 |",
            "表として読めない行があります。"
            "見出しの行と、その下の区切りの行の列の数をそろえてください。",
        ),
        (
            "値は #VALUE! です。",
            "Excelのエラー「#VALUE!」が残っています。もとの表を確かめて、書き換えてください。",
        ),
    ],
)
def test_a_fault_of_a_text_is_told(text, message):
    assert list(check_long_text(text)) == [message]


def test_an_image_without_a_text_is_told_both_ways():
    assert len(list(check_long_text("![](https://www.example.jp/a.png)"))) == 2


@pytest.mark.parametrize(
    "text", ["こちら", "【詳しくはこちら】", "ここをクリック", "詳細", "Click here"]
)
def test_a_vague_link_is_told(text):
    (message,) = check_link_text(text)
    assert message.startswith(f"リンクの文字「{text}」だけでは、")


@pytest.mark.parametrize("text", ["こちらの総合計画", "詳細な設計", "県のリンク集"])
def test_a_link_that_says_where_it_leads_is_left_alone(text):
    assert list(check_link_text(text)) == []


@given(st.text(alphabet="|-: \n>#[]()!<>/ab１①\\\r\u2028`*", max_size=60))
def test_no_text_is_too_odd_to_check(text):
    for message in [*check_long_text(text), *check_line(text)]:
        assert message.endswith("。")
