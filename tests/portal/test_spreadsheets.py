import datetime
import io
import re
import zipfile
from decimal import Decimal

import openpyxl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from portal.csv_text import ROWS_AT_ONCE, flatten, iter_csv, quote, write_flat, write_safe
from portal.spreadsheet_reading import Decoded, Row, Table, decode, read_csv, read_xlsx
from portal.spreadsheet_writing import write_csv, write_xlsx
from portal.spreadsheets import SpreadsheetError, guard, unguard

RESAVE = "Excel で「CSV UTF-8（コンマ区切り）」として保存し直してください。"
HEADER = ("名称", "金額")
UTF8_TEXT = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


def is_kept_by_cp932(character):
    try:
        is_same = character.encode("cp932").decode("cp932") == character
    except UnicodeEncodeError:
        return False
    is_private = "\ue000" <= character <= "\uf8ff" or "\x80" <= character <= "\xa0"
    return is_same and not is_private and character != "\0"


CP932_TEXT = st.text(alphabet=[*filter(is_kept_by_cp932, map(chr, range(0xFFFF)))], max_size=20)
XLSX_TEXT = st.text(
    alphabet=st.characters(
        codec="utf-8",
        exclude_categories=["Cc"],
        include_characters="\t\n\r",
        exclude_characters="\ufffe\uffff",
    ),
    max_size=20,
)


class Label:
    """A text that is no str, as Django's lazy labels are."""

    def __init__(self, text):
        self.text = text

    def __str__(self):
        return self.text


def make_rows(text):
    return st.lists(st.tuples(text, text).filter(lambda row: any(cell.strip() for cell in row)))


def make_xlsx(*rows, title="データ", change=None):
    """Return a workbook as Excel or openpyxl would leave it, without any of the portal's care."""
    workbook = openpyxl.Workbook()
    workbook.active.title = title
    for row in rows:
        workbook.active.append(row)
    if change:
        change(workbook)
    stream = io.BytesIO()
    workbook.save(stream)
    return stream.getvalue()


def message_of(function, *arguments, **options):
    with pytest.raises(SpreadsheetError) as caught:
        function(*arguments, **options)
    return str(caught.value)


# Formulas


@pytest.mark.parametrize(
    ("text", "guarded"),
    [
        ("=1+1", "'=1+1"),
        ("+81-27-223-1111", "'+81-27-223-1111"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("\n=1", "'\n=1"),
        ("'=1+1", "''=1+1"),
        ("-", "'-"),
        ("-5", "-5"),
        ("-1,200", "-1,200"),
        ("-0.5", "-0.5"),
        ("+5", "+5"),
        ("'-5", "''-5"),
        ("－", "－"),
        ("▲5", "▲5"),
        ("'引用'", "'引用'"),
        ("群馬県", "群馬県"),
        ("0012", "0012"),
        ("", ""),
    ],
)
def test_text_that_would_run_as_a_formula_gets_one_quote(text, guarded):
    assert guard(text) == guarded
    assert unguard(guarded) == text


@given(st.text() | st.text(alphabet="'=+-@\t\r\n10,.", max_size=6))
def test_a_guarded_text_comes_back_and_never_runs(text):
    assert unguard(guard(text)) == text
    is_number = guard(text).lstrip("+-").replace(",", "").replace(".", "").isdecimal()
    assert is_number or not guard(text).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


# Encodings


@pytest.mark.parametrize(
    ("data", "decoded"),
    [
        (b"name,1\r\n", Decoded("name,1\r\n", "utf-8")),
        (b"", Decoded("", "utf-8")),
        ("名称".encode(), Decoded("名称", "utf-8")),
        ("名称".encode("utf-8-sig"), Decoded("名称", "utf-8-sig")),
        (b"\xef\xbb\xbf", Decoded("", "utf-8-sig")),
        ("名称".encode("cp932"), Decoded("名称", "cp932")),
        ("①㈱髙﨑".encode("cp932"), Decoded("①㈱髙﨑", "cp932")),
        (b"\x87\x40\x87\x8a\xfb\xfc\xfa\xb1", Decoded("①㈱髙﨑", "cp932")),
        ("ｸﾞﾝﾏｹﾝ".encode("cp932"), Decoded("ｸﾞﾝﾏｹﾝ", "cp932")),
        ("～－∥".encode("cp932"), Decoded("～－∥", "cp932")),
        ("〜−‖𠮷😀".encode(), Decoded("〜−‖𠮷😀", "utf-8")),
        ("邊邉齋藤".encode("cp932"), Decoded("邊邉齋藤", "cp932")),
    ],
)
def test_the_encoding_is_found(data, decoded):
    assert decode(data) == decoded


def test_bytes_with_two_readings_are_reported_and_can_be_settled():
    data = b"caf\xc3\xa9"
    assert decode(data) == Decoded("café", "utf-8", ambiguous=True)
    assert decode(data, encoding="utf-8") == Decoded("café", "utf-8", ambiguous=True)
    assert decode(data, encoding="cp932") == Decoded("cafﾃｩ", "cp932", ambiguous=False)
    assert decode("カフェ café".encode()).ambiguous is False
    table = read_csv(b"caf\xc3\xa9\n")
    assert (table.header, table.ambiguous) == (("café",), True)


def test_utf8_that_breaks_in_the_third_line_is_named_and_not_read_as_gibberish():
    data = "名称,金額\r\n群馬県,1\r\n".encode() + b"\xe6\xb8,2\r\n" + "温泉,3\r\n".encode()
    assert message_of(decode, data) == (
        f"3行目（先頭から29バイト目）がUTF-8の文字として読めません。{RESAVE}"
    )
    gibberish = "名称\r\n群馬\r\n".encode() + b"\xe6\xb8\xa9\xb1\r\n"
    assert gibberish.decode("cp932") == "蜷咲ｧｰ\r\n鄒､鬥ｬ\r\n貂ｩｱ\r\n"
    assert message_of(decode, gibberish) == (
        f"3行目（先頭から20バイト目）がUTF-8の文字として読めません。{RESAVE}"
    )


def test_broken_bytes_after_a_bom_are_counted_from_the_start_of_the_file():
    assert message_of(decode, b"\xef\xbb\xbfa\n\x8c") == (
        f"2行目（先頭から6バイト目）がUTF-8（BOM付き）の文字として読めません。{RESAVE}"
    )


@pytest.mark.parametrize("newline", [b"\r\n", b"\n", b"\r"])
def test_broken_cp932_is_named(newline):
    data = newline.join(["名称".encode("cp932"), "群馬".encode("cp932") + b"\x85\x40"])
    assert message_of(decode, data) == (
        f"2行目（先頭から{9 + len(newline)}バイト目）が"
        f"Shift_JIS（CP932）の文字として読めません。{RESAVE}"
    )


@pytest.mark.parametrize("private", [b"\xf0\x40", b"\x80", b"\xa0", b"\xfd"])
def test_characters_of_one_machine_alone_are_refused(private):
    assert message_of(decode, "名称\r\n群馬".encode("cp932") + private) == (
        "2行目に外字など、ほかの機械では読めない文字があります。標準の文字に置き換えてください。"
    )


def test_other_kinds_of_files_are_named():
    assert message_of(decode, "名称".encode("utf-16")) == (
        f"UTF-16（Unicode テキスト）のファイルです。{RESAVE}"
    )
    assert message_of(decode, "名称".encode("utf-16-be").join([b"\xfe\xff", b""])) == (
        f"UTF-16（Unicode テキスト）のファイルです。{RESAVE}"
    )
    assert message_of(decode, b"a,b\r\nc\0,d") == (
        f"2行目（先頭から7バイト目）に文字ではないバイト（NUL）があります。{RESAVE}"
    )
    assert message_of(decode, "name".encode("utf-16-le")) == (
        f"1行目（先頭から2バイト目）に文字ではないバイト（NUL）があります。{RESAVE}"
    )
    excel = f"名前は .csv でも、中身は Excel のファイルです。.xlsx のまま選ぶか、{RESAVE}"
    assert message_of(read_csv, write_xlsx(HEADER, [], title="取組")) == excel
    assert message_of(read_csv, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100)) == excel


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused_with_a_sentence(data):
    for read in (decode, read_csv, read_xlsx):
        try:
            read(data)
        except SpreadsheetError as error:
            assert str(error).endswith(("。", "ます。"))


# Reading CSV


def test_a_table_carries_its_lines():
    data = '名称,金額\r\n群馬県,1\r\n\r\n　,\r\n"二\r\n行",2\r\n温泉,3\r\n'.encode()
    assert read_csv(data) == Table(
        header=("名称", "金額"),
        rows=(
            Row(2, ("群馬県", "1")),
            Row(5, ("二\r\n行", "2")),
            Row(7, ("温泉", "3")),
        ),
        encoding="utf-8",
        ambiguous=False,
        blank_rows=2,
    )


@pytest.mark.parametrize("newline", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8", "cp932"])
def test_every_newline_and_encoding_is_read(newline, encoding):
    text = newline.join(["名称,金額", '"髙﨑""市""",ｸﾞﾝﾏ', "a b,", ""])
    table = read_csv(text.encode(encoding))
    assert table.header == ("名称", "金額")
    assert table.rows == (Row(2, ('髙﨑"市"', "ｸﾞﾝﾏ")), Row(3, ("a b", "")))
    assert table.encoding == encoding


def test_only_a_newline_ends_a_line():
    table = read_csv("名称,金額\n一\x0b二\u2028三\x85四\x0c,5\n".encode())
    assert table.rows == (Row(2, ("一\x0b二\u2028三\x85四\x0c", "5")),)


def test_a_header_alone_is_an_empty_table():
    assert read_csv("名称,金額".encode()) == Table(("名称", "金額"), (), "utf-8", False, 0)


def test_missing_cells_at_the_end_are_blank_and_surplus_blanks_are_dropped():
    table = read_csv("名称,金額,備考,,\n群馬県\n温泉,1,,, \n".encode())
    assert table.header == ("名称", "金額", "備考")
    assert table.rows == (Row(2, ("群馬県", "", "")), Row(3, ("温泉", "1", "")))


def test_guarded_cells_are_read_without_their_quote():
    table = read_csv("名称,金額\n'=1+1,-5\n''-5,'引用'\n".encode())
    assert table.rows == (Row(2, ("=1+1", "-5")), Row(3, ("'-5", "'引用'")))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "空のファイルです。1行目に見出しのあるファイルを選んでください。"),
        (" \r\n\r\n", "空のファイルです。1行目に見出しのあるファイルを選んでください。"),
        ("\n名称", "1行目に見出しがありません。1行目に列の名前を書いてください。"),
        (",,\n1,2,3", "1行目に見出しがありません。1行目に列の名前を書いてください。"),
        ("名称,,金額", "1行目: 2列目の見出しが空です。列の名前を書いてください。"),
        ("名称,金額, 名称", "1行目: 見出し「名称」が二つあります。一つにしてください。"),
        (
            "名称,金額\n群馬県,1,234\n",
            "2行目: 見出しは2列ですが、3列あります。"
            'コンマを含むセルは「"」で囲み、余分な列は削除してください。',
        ),
        (
            '名称,金額\n"二\n行",1\n"閉じない,2\n温泉,3\n',
            '4行目: この行から始まるセルの「"」が閉じられていません。'
            '「"」を含むセルは全体を「"」で囲み、中の「"」は二つ重ねます。',
        ),
        (
            '名称,金額\n"群馬"県,1\n',
            '2行目: 「"」の使い方が正しくありません。'
            '「"」を含むセルは全体を「"」で囲み、中の「"」は二つ重ねます。',
        ),
        (
            '名称,金額\n"' + "長" * 200_000,
            '2行目: セルが長すぎます。「"」の閉じ忘れかもしれません。'
            '「"」を含むセルは全体を「"」で囲み、中の「"」は二つ重ねます。',
        ),
    ],
)
def test_a_damaged_csv_is_refused_by_line(text, message):
    assert message_of(read_csv, text.encode()) == message


def test_a_csv_beyond_its_limits_is_refused():
    data = "名称\n一\n二\n三\n".encode()
    assert len(read_csv(data, max_rows=3).rows) == 3
    assert message_of(read_csv, data, max_rows=2) == "データが2行を超えています。分けてください。"
    assert message_of(read_csv, b"a" * (10 * 2**20 + 1)) == (
        "10MBを超えるファイルは読めません。分けてください。"
    )


# Writing CSV


def test_a_csv_is_written_for_excel():
    rows = [
        ("=1+1", 4_016_000),
        ('髙﨑"市",', -5),
        ("二\n行", None),
        ("-5", Decimal("0.10")),
        ("0012", Decimal("1E+3")),
        (True, 0.1),
        (datetime.date(2024, 8, 2), datetime.datetime(2024, 8, 2, 9, 5)),
    ]
    assert write_csv(HEADER, rows) == (
        b"\xef\xbb\xbf"
        + (
            '名称,金額\r\n\'=1+1,4016000\r\n"髙﨑""市"",",-5\r\n"二\n行",\r\n-5,0.10\r\n'
            "0012,1000\r\nTRUE,0.1\r\n2024-08-02,2024-08-02 09:05:00\r\n"
        ).encode()
    )


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8", "cp932"])
def test_a_streamed_csv_is_the_same_csv(encoding):
    rows = [("群馬県", 1), ("=1", None)]
    written = write_csv(HEADER, iter(rows), encoding)
    assert b"".join(iter_csv(HEADER, iter(rows), encoding)) == written
    assert written == {"utf-8-sig": b"\xef\xbb\xbf", "utf-8": b"", "cp932": b""}[encoding] + (
        "名称,金額\r\n群馬県,1\r\n'=1,\r\n".encode(encoding.removesuffix("-sig"))
    )


def test_a_label_that_is_no_str_is_guarded_too():
    assert write_csv(["名称"], [(Label("=1+1"),)], "utf-8") == "名称\r\n'=1+1\r\n".encode()
    workbook = openpyxl.load_workbook(
        io.BytesIO(write_xlsx(["名称"], [(Label("=1+1"),)], title="表"))
    )
    assert (workbook.active["A2"].value, workbook.active["A2"].data_type) == ("'=1+1", "s")


def test_a_streamed_csv_reads_its_rows_some_at_a_time():
    taken = []
    rows = (taken.append(number) or (str(number), number) for number in range(3 * ROWS_AT_ONCE))
    parts = iter_csv(HEADER, rows)
    assert next(parts).startswith(b"\xef\xbb\xbf" + "名称,金額\r\n0,0\r\n1,1\r\n".encode())
    assert len(taken) == ROWS_AT_ONCE
    assert next(parts).startswith(b"500,500\r\n")
    assert len(taken) == 2 * ROWS_AT_ONCE
    assert list(iter_csv(HEADER, [])) == [b"\xef\xbb\xbf" + "名称,金額\r\n".encode()]


@given(rows=make_rows(UTF8_TEXT), encoding=st.sampled_from(["utf-8-sig", "utf-8"]))
def test_any_texts_are_streamed_as_they_are_written(rows, encoding):
    assert b"".join(iter_csv(HEADER, rows, encoding)) == write_csv(HEADER, rows, encoding)


@given(
    st.lists(st.none() | st.integers() | st.floats() | st.decimals() | st.booleans() | st.dates())
)
def test_values_of_every_kind_are_streamed_as_they_are_written(values):
    rows = [(value, "") for value in values]
    assert b"".join(iter_csv(HEADER, rows)) == write_csv(HEADER, rows)


@given(st.lists(st.text("=+-@\t\r\n\x0b\x1c\x85\u2028 　'\"5a.,あ") | st.none()))
def test_a_column_is_made_safe_as_each_of_its_texts(texts):
    careful = [None if text is None else quote(guard(text)) for text in texts]
    assert list(write_safe(texts)) == careful
    careful = [None if text is None else quote(guard(flatten(text))) for text in texts]
    assert list(write_flat(texts)) == careful


@example(["0\r"])
@given(st.lists(st.text('=-\r\n ",あ') | st.none() | st.integers(), min_size=1))
def test_a_file_of_one_column_has_no_empty_lines(cells):
    rows = [(cell,) for cell in cells]
    assert b"".join(iter_csv(["名称"], rows)) == write_csv(["名称"], rows)


def test_what_cp932_cannot_hold_is_named_and_never_replaced():
    rows = [("𠮷野家", 1), ("髙﨑", 2), ("9時〜17時−¢£¬‖", 3), ("😀😀\0", "é")]
    for write in (write_csv, iter_csv):
        assert message_of(write, HEADER, rows, "cp932") == (
            "Shift_JIS（CP932）で書けない文字があります。UTF-8 で書き出してください: "
            "2行目「名称」の「𠮷」(U+20BB7)、"
            "4行目「名称」の「〜」(U+301C)「−」(U+2212)「¢」(U+00A2)「£」(U+00A3)「¬」(U+00AC)"
            "「‖」(U+2016)、"
            "5行目「名称」の「😀」(U+1F600)U+0000、5行目「金額」の「é」(U+00E9)"
        )
    assert message_of(write_csv, ["𠮷"], [], "cp932").endswith("1行目「𠮷」の「𠮷」(U+20BB7)")
    assert message_of(write_csv, HEADER, [("\ue000", "\x80")], "cp932").endswith(
        "2行目「名称」のU+E000、2行目「金額」のU+0080"
    )
    assert message_of(write_csv, HEADER, [("\ud800", "\0")]).endswith(
        "2行目「名称」のU+D800、2行目「金額」のU+0000"
    )


def test_a_long_list_of_characters_is_cut():
    message = message_of(write_csv, HEADER, [("é", "é")] * 100, "cp932")
    assert message.count("「é」") == 20
    assert message.endswith("11行目「金額」の「é」(U+00E9)、ほか180件")
    message = message_of(write_csv, ["名"], [("".join(map(chr, range(0xAC00, 0xAD00))),)], "cp932")
    assert message.count("U+AC") == 20
    assert message.endswith("…")


def test_a_row_of_another_length_is_a_mistake_of_the_code():
    for write in (write_csv, lambda *table: write_xlsx(*table, title="表")):
        with pytest.raises(ValueError, match=r"a row of 1 cells under a header of 2"):
            write(HEADER, [("群馬県",)])


@given(rows=make_rows(UTF8_TEXT), encoding=st.sampled_from(["utf-8-sig", "utf-8"]))
def test_a_written_utf8_csv_reads_back(rows, encoding):
    table = read_csv(write_csv(HEADER, rows, encoding))
    assert [row.cells for row in table.rows] == rows
    assert (table.header, table.encoding, table.ambiguous) == (HEADER, encoding, False)


@given(rows=make_rows(CP932_TEXT))
def test_a_written_cp932_csv_reads_back(rows):
    table = read_csv(write_csv(HEADER, rows, "cp932"), encoding="cp932")
    assert [row.cells for row in table.rows] == rows
    assert table.header == HEADER


@given(st.text(max_size=20))
def test_cp932_holds_a_text_exactly_or_refuses_it(text):
    is_kept = all(map(is_kept_by_cp932, text))
    try:
        data = write_csv(HEADER, [("群馬", text)], "cp932")
    except SpreadsheetError:
        assert not is_kept
    else:
        assert is_kept
        assert read_csv(data, encoding="cp932").rows[0].cells == ("群馬", text)


# XLSX


def test_a_workbook_is_written_for_reading():
    data = write_xlsx(
        ["コード", "名称", "金額", "日付"],
        [
            ("0012", "=1+1", 4_016_000, datetime.date(2024, 8, 2)),
            ("1.10", "群馬県の温泉文化", Decimal("1.5"), None),
            ("12345", "-5", 10**15, datetime.date(1893, 1, 1)),
        ],
        title="取組",
        dictionary=[("コード", "項目の番号", "文字", True), ("金額", "決算額", "円", False)],
    )
    workbook = openpyxl.load_workbook(io.BytesIO(data))
    assert workbook.sheetnames == ["取組", "データ辞書"]
    sheet, dictionary = workbook
    assert [[cell.value for cell in row] for row in sheet] == [
        ["コード", "名称", "金額", "日付"],
        ["0012", "'=1+1", 4_016_000, datetime.datetime(2024, 8, 2)],
        ["1.10", "群馬県の温泉文化", 1.5, None],
        ["12345", "-5", "1000000000000000", "1893-01-01"],
    ]
    assert [cell.data_type for cell in sheet[2]] == ["s", "s", "n", "d"]
    assert [cell.data_type for cell in sheet[4]] == ["s", "s", "s", "s"]
    assert sheet["D2"].number_format == "yyyy-mm-dd"
    assert sheet.freeze_panes == dictionary.freeze_panes == "A2"
    assert [cell.font.bold for cell in sheet[1]] == [True] * 4
    assert [cell.font.bold for cell in sheet[2]] == [False] * 4
    assert [sheet.column_dimensions[letter].width for letter in "ABC"] == [8, 18, 18]
    assert [[cell.value for cell in row] for row in dictionary] == [
        ["列名", "意味", "単位・形式", "必須"],
        ["コード", "項目の番号", "文字", "必須"],
        ["金額", "決算額", "円", "任意"],
    ]
    assert read_xlsx(data) == Table(
        header=("コード", "名称", "金額", "日付"),
        rows=(
            Row(2, ("0012", "=1+1", "4016000", "2024-08-02")),
            Row(3, ("1.10", "群馬県の温泉文化", "1.5", "")),
            Row(4, ("12345", "-5", "1000000000000000", "1893-01-01")),
        ),
        encoding="xlsx",
        ambiguous=False,
        blank_rows=0,
    )


def test_a_title_that_excel_forbids_is_written_in_full_width():
    data = write_xlsx(["名称"], [], title="決算[2020]: 予算/決算*?\\'" + "長" * 40)
    (name,) = openpyxl.load_workbook(io.BytesIO(data)).sheetnames
    assert name == "決算［2020］： 予算／決算＊？＼’" + "長" * 12
    assert len(name) == 31


@pytest.mark.parametrize("encoding", ["utf-8-sig", "xlsx"])
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (0, "0"),
        (-1_200, "-1200"),
        (272_500_000_000, "272500000000"),
        (12_345_678_901_234_567_890, "12345678901234567890"),
        (0.1, "0.1"),
        (1e22, "10000000000000000000000"),
        (1e-7, "0.0000001"),
        (0.1 + 0.2, "0.30000000000000004"),
        (Decimal("0.1"), "0.1"),
        (Decimal("123456789012.3456"), "123456789012.3456"),
        (True, "TRUE"),
        (False, "FALSE"),
        (datetime.date(2024, 8, 2), "2024-08-02"),
        (datetime.date(1872, 6, 14), "1872-06-14"),
        (datetime.datetime(2024, 8, 2, 0, 0), "2024-08-02 00:00:00"),
        (datetime.datetime(2024, 8, 2, tzinfo=datetime.UTC), "2024-08-02 00:00:00+00:00"),
        ("_x000D_", "_x000D_"),
        ("二\r\n行\r", "二\r\n行\r"),
        ("  前後  ", "  前後  "),
        (Label("=1+1"), "=1+1"),
        ("TRUE", "TRUE"),
        ("1E5", "1E5"),
        ("#N/A", "#N/A"),
        ("2024-08-02", "2024-08-02"),
    ],
)
def test_each_kind_of_value_keeps_all_it_says(encoding, value, text):
    if encoding == "xlsx":
        table = read_xlsx(write_xlsx(HEADER, [("群馬", value)], title="表"))
    else:
        table = read_csv(write_csv(HEADER, [("群馬", value)]))
    assert table.rows == (Row(2, ("群馬", text)),)


@given(rows=make_rows(XLSX_TEXT))
def test_a_written_workbook_reads_back(rows):
    table = read_xlsx(write_xlsx(HEADER, rows, title="取組", dictionary=[]))
    assert [row.cells for row in table.rows] == rows
    assert table.header == HEADER


@given(st.integers(), st.decimals(allow_nan=False, allow_infinity=False, places=6))
def test_written_numbers_read_back_exactly(number, decimal):
    table = read_xlsx(write_xlsx(HEADER, [(number, decimal)], title="表"))
    assert int(table.rows[0].cells[0]) == number
    assert Decimal(table.rows[0].cells[1]) == decimal


def test_what_a_cell_of_excel_cannot_hold_is_named():
    rows = [("群馬\x01", "\ud800"), ("長" * 32_768, "\uffff"), ("\0", 1)]
    assert message_of(write_xlsx, HEADER, rows, title="取組") == (
        "Excel のセルに書けない内容があります: 2行目「名称」のU+0001、2行目「金額」のU+D800、"
        "3行目「名称」のセル（32,768字。32,767字まで）、3行目「金額」のU+FFFF、"
        "4行目「名称」のU+0000"
    )


def test_a_workbook_from_excel_is_read_as_text():
    data = make_xlsx(
        ["名称", "数", "日", None],
        ["一", 1.0, datetime.datetime(2024, 8, 2)],
        [],
        ["二", 0.1, datetime.datetime(2024, 8, 2, 9, 30)],
        ["三", 10**20, True],
        ["四", -3, datetime.time(9, 30)],
    )
    table = read_xlsx(data)
    assert table.header == ("名称", "数", "日")
    assert table.rows == (
        Row(2, ("一", "1", "2024-08-02")),
        Row(4, ("二", "0.1", "2024-08-02 09:30:00")),
        Row(5, ("三", "100000000000000000000", "TRUE")),
        Row(6, ("四", "-3", "09:30:00")),
    )
    assert table.blank_rows == 1


def test_the_first_sheet_that_is_no_dictionary_is_read():
    def add_sheets(workbook):
        workbook.create_sheet("取組").append(["名称"])
        workbook.create_sheet("別").append(["別"])

    assert read_xlsx(make_xlsx(["列名"], title="データ辞書", change=add_sheets)).header == ("名称",)
    assert message_of(read_xlsx, make_xlsx(["列名"], title="データ辞書")) == (
        "データのシートがありません。データ辞書などの説明とは別のシートに置いてください。"
    )


def test_a_formula_counts_by_its_result():
    def with_result(xml):
        return lambda data: rewrite(data, "xl/worksheets/sheet1.xml", xml)

    data = make_xlsx(["名称", "数"], ["計", "=1+2"])
    assert message_of(read_xlsx, data) == (
        "B2 のセルの数式に計算結果がありません。"
        "Excel で開いて保存し直すか、値に置き換えてください。"
    )
    three = with_result(lambda xml: re.sub(b"<v ?/>|<v></v>", b"<v>3</v>", xml))
    assert read_xlsx(three(data)).rows == (Row(2, ("計", "3")),)
    blank = with_result(lambda xml: xml.replace(b'<c r="B2">', b'<c r="B2" t="str">'))
    assert read_xlsx(blank(data)).rows == (Row(2, ("計", "")),)


@pytest.mark.parametrize("text", ["甲_xD800_乙", "_x0000_"])
def test_a_cell_that_holds_no_text_is_named(text):
    assert message_of(read_xlsx, make_xlsx(["名称"], [text])) == (
        f"A2 のセルに、文字ではないもの（{text}）があります。書き直してから保存してください。"
    )


def test_a_cell_in_error_is_named():
    assert message_of(read_xlsx, make_xlsx(["名称", "数"], ["計", "#REF!"])) == (
        "B2 のセルがエラー（#REF!）です。直してから保存してください。"
    )


def rewrite(data, name, change):
    """Return the workbook with one part of its archive changed."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(stream, "w") as target:
        for part in source.infolist():
            body = source.read(part)
            target.writestr(part.filename, change(body) if part.filename == name else body)
    return stream.getvalue()


NOT_EXCEL = "Excel（.xlsx）のファイルとして読めません。Excel で開き、.xlsx で保存し直してください。"


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"not a workbook",
        lambda data: "名称,金額\r\n".encode(),
        lambda data: data[: len(data) // 2],
        lambda data: rewrite(data, "xl/worksheets/sheet1.xml", lambda xml: b"\xff" * 99),
        lambda data: rewrite(data, "xl/worksheets/sheet1.xml", lambda xml: xml[:-30]),
        lambda data: rewrite(data, "xl/workbook.xml", lambda xml: b""),
        lambda data: rewrite(data, "[Content_Types].xml", lambda xml: b""),
    ],
)
def test_a_damaged_workbook_is_refused(damage):
    data = write_xlsx(HEADER, [("群馬県", 1)], title="取組")
    assert message_of(read_xlsx, damage(data)) == NOT_EXCEL


def test_a_zip_that_is_no_workbook_is_refused():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("名称.csv", "名称,金額\r\n")
    assert message_of(read_xlsx, stream.getvalue()) == NOT_EXCEL


def test_a_workbook_beyond_its_limits_is_refused():
    assert message_of(read_xlsx, b"") == (
        "空のファイルです。1行目に見出しのあるファイルを選んでください。"
    )
    data = write_xlsx(["名称"], [("一",), ("二",), ("三",)], title="取組")
    assert message_of(read_xlsx, data, max_rows=2) == "データが2行を超えています。分けてください。"
    assert message_of(read_xlsx, data, max_bytes=1024) == (
        "0.000976562MBを超えるファイルは読めません。分けてください。"
    )
    assert message_of(read_xlsx, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100)) == (
        "パスワード付きのファイルか、古い形式（.xls）です。"
        "パスワードを外し、.xlsx で保存してください。"
    )
    wide = make_xlsx(["名称"], change=lambda workbook: workbook.active.cell(2, 16_384, "端"))
    assert message_of(read_xlsx, wide) == (
        "2行目: 500列を超えています。余分な列を削除してください。"
    )


def test_a_small_file_that_unpacks_to_hundreds_of_megabytes_is_refused():
    stream = io.BytesIO(write_xlsx(HEADER, [], title="取組"))
    archive = zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED)
    with archive, archive.open("xl/bomb.xml", "w") as bomb:
        for _ in range(201):
            bomb.write(bytes(2**20))
    assert len(stream.getvalue()) < 2**20
    assert message_of(read_xlsx, stream.getvalue()) == (
        "展開すると200MBを超えるファイルです。分けてください。"
    )
