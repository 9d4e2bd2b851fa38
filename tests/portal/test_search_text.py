import functools
import os
import sqlite3
import unicodedata
from importlib import import_module

import psycopg
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from portal.search_text import (
    TOKENIZER,
    VARIANT_GROUPS,
    VARIANTS,
    Term,
    find_spans,
    in_title,
    index_characters,
    index_text,
    index_title,
    index_words,
    list_phrases,
    make_excerpt,
    normalise,
    parse_query,
    to_fts5,
    to_tsquery,
)

MIGRATION = import_module("portal.migrations.0011_search_characters")

JAPANESE = st.text(
    alphabet=st.one_of(
        st.sampled_from(
            "群馬県温泉文化髙﨑高崎ぐんまグンマｸﾞﾝﾏ゛ﾞーｰ〜-ａAbé①㌔㍿ 　、。「」\u3099\n"
        ),
        st.characters(codec="utf-8"),
    ),
    max_size=60,
)
ANYTHING = st.text(alphabet=st.characters(codec=None), max_size=200)


@pytest.fixture(scope="module")
def sqlite():
    connection = sqlite3.connect(":memory:")
    connection.execute(f"CREATE VIRTUAL TABLE texts USING fts5(tokens, tokenize='{TOKENIZER}')")
    connection.execute("CREATE VIRTUAL TABLE words USING fts5vocab(texts, 'row')")
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def postgresql():
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgres"):
        url = "postgres://postgres@127.0.0.1:5432/"
    server = url.rpartition("/")[0]
    try:
        connection = psycopg.connect(f"{server}/postgres", autocommit=True, connect_timeout=3)
    except psycopg.OperationalError:
        pytest.skip("needs a PostgreSQL server")
    connection.execute(MIGRATION.VECTOR.replace("FUNCTION ", "FUNCTION pg_temp."))
    yield connection
    connection.close()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def find(request):
    """Return a function for each database: does it find the query in the text?"""
    connection = request.getfixturevalue(request.param)

    def find_in_sqlite(text, query):
        connection.execute("DELETE FROM texts")
        connection.execute("INSERT INTO texts VALUES (?)", (index_text("", normalise(text)),))
        match = to_fts5(parse_query(query))
        rows = connection.execute("SELECT 1 FROM texts WHERE texts MATCH ?", (match,))
        return rows.fetchone() is not None

    def find_in_postgresql(text, query):
        terms, tokens = parse_query(query), index_text("", normalise(text))
        row = connection.execute(
            "SELECT pg_temp.portal_search_vector(%s) @@ %s::tsquery", (tokens, to_tsquery(terms))
        ).fetchone()
        return row[0] and all(phrase in tokens for phrase in list_phrases(terms))

    return {"sqlite": find_in_sqlite, "postgresql": find_in_postgresql}[request.param]


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("群馬県", "群馬県"),
        ("ＧＵＮＭＡ Gunma ｇｕｎｍａ", "gunma gunma gunma"),
        ("ぐんま", "グンマ"),
        ("ｸﾞﾝﾏ", "グンマ"),
        ("く\u3099んま", "グンマ"),
        ("く゛んま", "グンマ"),
        ("ﾊﾟｽﾎﾟｰﾄ", "パスポト"),
        ("コンピューター", "コンピュタ"),
        ("コンピュータ", "コンピュタ"),
        ("コンピュ－タ―", "コンピュタ"),
        ("すごーーい〜", "スゴイ"),
        ("東京ー大阪", "東京 大阪"),
        ("9時〜17時", "9時 17時"),
        ("2020-2021", "2020 2021"),
        ("DX−推進", "dx 推進"),
        ("髙橋﨑𠮷野", "高橋崎吉野"),
        ("濵田濱田浜田", "浜田浜田浜田"),
        ("渡邊渡邉渡辺", "渡辺渡辺渡辺"),
        ("齋藤齊藤斎藤斉藤", "斉藤斉藤斉藤斉藤"),
        ("德瀨神", "徳瀬神"),
        ("葛\U000e0100城", "葛城"),
        ("関ヶ原 関ケ原", "関ケ原 関ケ原"),
        ("①㈱㌔㍿ Ⅳ", "1 株 キロ株式会社 iv"),
        ("café Straße", "café strasse"),
        ("cafe\u0301", "café"),
        ("官民共創スペース「NETSUGEN」（ネツゲン）", "官民共創スペス netsugen ネツゲン"),
        ("１２，３４５円", "12 345円"),
        ("群\u200b馬", "群馬"),
        ("一\u3000二\t三\n四", "一 二 三 四"),
        ("、。「」!?", ""),
        ("ー", ""),
        ("", ""),
        ("\0\ud800*\"'", ""),
    ],
)
def test_texts_are_compared_in_one_form(text, normal):
    assert normalise(text) == normal


def test_the_table_of_variants_ends_at_the_usual_form():
    characters = VARIANT_GROUPS.replace("\n", "").replace(" ", "")
    assert len(set(characters)) == len(characters)
    for form, usual in VARIANTS.items():
        assert normalise(chr(form)) == usual == normalise(usual)


@given(JAPANESE)
def test_the_normal_form_of_a_normal_form_is_itself(text):
    assert normalise(normalise(text)) == normalise(text)


@given(ANYTHING)
def test_a_normal_form_holds_letters_digits_and_single_spaces_alone(text):
    normal = normalise(text)
    assert normal == " ".join(normal.split(" ")).strip()
    assert "  " not in normal
    for character in normal.replace(" ", ""):
        assert unicodedata.category(character)[0] == "L" or unicodedata.category(character) in (
            "Nd",
            "Nl",
        )


def test_tokens_are_neighbouring_pairs_and_the_last_character_of_each_run():
    assert index_words("群馬県") == "群馬 馬県 県"
    assert index_words(normalise("群馬県・温泉")) == "群馬 馬県 県 温泉 泉"
    assert index_words(normalise("県、G7")) == "県 g7 7"
    assert index_words("") == ""


def test_a_query_is_phrases_that_must_all_occur():
    assert parse_query("群馬県　おんせん 県") == [
        Term("群馬県", ("群馬", "馬県")),
        Term("オンセン", ("オン", "ンセ", "セン")),
        Term("県", ("\ue002県",)),
    ]
    assert parse_query("温泉 ＊温泉＊ おんせん") == [
        Term("温泉", ("温泉",)),
        Term("オンセン", ("オン", "ンセ", "セン")),
    ]


def test_a_query_is_bounded():
    assert [term.text for term in parse_query("一 二 三 四 五 六 七 八 九 十")] == list(
        "一二三四五六七八"
    )
    assert [term.text for term in parse_query("あい うえ おか", max_terms=2)] == ["アイ", "ウエ"]
    assert [term.text for term in parse_query("あいうえお", max_length=3)] == ["アイウ"]
    (term,) = parse_query("群" * 100_000)
    assert term == Term("群" * 100, ("群群",) * 99)
    assert len(parse_query("\ufdfa" * 100_000)[0].text) <= 100


@pytest.mark.parametrize(
    "query", ["", " ", "!?、。", "\0", "\ud800", "\"'*():&|<->", "*" * 100_000, "\u3099" * 100_000]
)
def test_a_query_without_letters_has_no_terms(query):
    assert parse_query(query) == []
    assert to_fts5([]) == ""
    assert to_tsquery([]) == ""


def test_the_two_query_languages():
    terms = parse_query("群馬県 温泉 県")
    assert to_fts5(terms) == '"群馬 馬県" AND "温泉" AND "\ue002県"'
    assert to_tsquery(terms) == "'群馬県' & '温泉' & '\ue002県'"
    assert list_phrases(terms) == []
    assert to_tsquery(parse_query("群馬県民")) == "'群馬県' & '馬県民'"
    assert list_phrases(parse_query("群馬県民 温泉")) == ["群馬 馬県 県民"]
    titled = in_title(parse_query("群馬県 県"))
    assert to_tsquery(titled) == "'\ue000群馬県' & '\ue000\ue002県'"


def test_each_character_is_a_token_of_its_own():
    assert index_characters("群馬県 県庁") == "\ue002庁 \ue002県 \ue002群 \ue002馬"
    assert index_characters("") == ""
    assert index_title("県 庁") == "\ue000県 \ue000庁 \ue000\ue002庁 \ue000\ue002県"
    assert index_title("") == ""
    assert index_text("県", "県 庁", ["\ue001k2"]) == " ".join(
        ["県", "庁", "\ue000県", "\ue000\ue002県", "\ue002庁", "\ue002県", "\ue001k2"]
    )


def test_postgresql_joins_the_pairs_that_follow_each_other(postgresql):
    tokens = index_text(normalise("温泉街"), normalise("温泉街 𠮷野家、a1b 温泉"), ["\ue001k2"])
    statement = "SELECT tsvector_to_array(pg_temp.portal_search_vector(%s))"
    ((found,),) = postgresql.execute(statement, (tokens,))
    joined = ["温泉街", "吉野家", "a1b", "\ue000温泉街"]
    assert sorted(found) == sorted({*tokens.split(), *joined})
    ((found,),) = postgresql.execute(statement, ("",))
    assert found == []


@given(ANYTHING)
def test_no_query_breaks_out_of_its_quotes(query):
    terms = parse_query(query)
    assert len(terms) <= 8
    for term in terms:
        for token in term.tokens:
            assert 1 <= len(token) <= 2
            assert not set(token) & set("\"'\\*():&|!<>- \0")
            assert token.encode()


HOSTILE = [
    '群馬" OR "x',
    "群馬' | 'x",
    "NEAR(群馬 温泉)",
    "tokens:群馬",
    "群馬 AND NOT 温泉",
    "群馬 OR OR OR",
    "^群馬*",
    "a:*b & !c <-> d",
    "'; DROP TABLE texts; --",
    "\\'群馬",
    "\0群馬\ud800",
    "群馬{}[]~`$%",
    "१२३ क कि ᦰ",
]


@pytest.mark.parametrize("query", HOSTILE)
def test_a_hostile_query_is_only_words(find, query):
    assert find(query, query) is True
    assert find("全く別の文", query) is False


SEARCHES = [
    ("群馬県の温泉文化", "群馬県", True),
    ("群馬県の温泉文化", "群馬", True),
    ("群馬県の温泉文化", "温泉", True),
    ("群馬県の温泉文化", "県", True),
    ("群馬県の温泉文化", "化", True),
    ("群馬県の温泉文化", "群", True),
    ("群馬県の温泉文化", "温泉 群馬", True),
    ("群馬県の温泉文化", "温泉 埼玉", False),
    ("群馬県の温泉文化", "馬群", False),
    ("群馬県の温泉文化", "群県", False),
    ("群馬県の温泉文化", "玉", False),
    ("群馬、馬県", "群馬県", False),
    ("群馬 県庁", "群馬県", False),
    ("県・温泉", "県温", False),
    ("馬県 群馬", "群馬県", False),
    ("ああい", "ああああい", False),
    ("ああああい", "ああい", True),
    ("あいあいう", "あいう", True),
    ("官民共創スペース「ＮＥＴＳＵＧＥＮ」", "netsugen", True),
    ("官民共創スペース「ＮＥＴＳＵＧＥＮ」", "ｽﾍﾟｰｽ", True),
    ("官民共創スペース「ＮＥＴＳＵＧＥＮ」", "すぺーす", True),
    ("G7デジタル大臣会合", "g7", True),
    ("G7デジタル大臣会合", "7", True),
    ("G7デジタル大臣会合", "G", True),
    ("1e5 と 0x10", "1e5", True),
    ("1e5 と 0x10", "e5", True),
    ("1e5 と 0x10", "x1", True),
    ("4,016千円", "016千", True),
    ("3.", "3", True),
    ("髙崎市", "高﨑市", True),
    ("café", "cafe", False),
    ("café", "cafe\u0301", True),
    ("tsulunos", "TSULUNOS", True),
]


@pytest.mark.parametrize(("text", "query", "is_found"), SEARCHES)
def test_words_and_characters_are_found(find, text, query, is_found):
    assert find(text, query) is is_found


@given(data=st.data(), text=JAPANESE)
def test_every_part_of_a_word_is_found(find, data, text):
    words = normalise(text).split()
    assume(words)
    word = data.draw(st.sampled_from(words))
    start = data.draw(st.integers(0, len(word) - 1))
    end = data.draw(st.integers(start + 1, len(word)))
    part = word[start:end]
    assert find(text, part)
    assert find_spans(text, parse_query(part))


@given(text=JAPANESE, query=JAPANESE)
def test_what_is_found_stands_in_the_normal_form(find, text, query):
    terms = parse_query(query)
    assume(terms)
    words = normalise(text).split()
    is_there = all(any(term.text in word for word in words) for term in terms)
    assert find(text, query) is is_there
    assert all(find_spans(text, [term]) for term in terms) is is_there


@functools.cache
def list_word_characters():
    """Letters and digits of the scripts that a Japanese page may hold, in their normal form."""
    characters = map(chr, [*range(0x20, 0xFFFF), *range(0x20000, 0x2EBE1)])
    return sorted({c for c in characters if normalise(c) == c != " " and len(c) == 1})


@pytest.mark.parametrize("other", ["群", "a", "1", "", "\ue002", "\ue000\ue002"])
def test_sqlite_keeps_every_token_as_it_is(sqlite, other):
    characters = list_word_characters()
    assert len(characters) > 100_000
    tokens = {token for c in characters for token in (other + c, c + other)}
    sqlite.execute("DELETE FROM texts")
    sqlite.execute("INSERT INTO texts VALUES (?)", (" ".join(tokens),))
    assert {word for (word,) in sqlite.execute("SELECT term FROM words")} == tokens


@pytest.mark.parametrize("other", ["群", "a", "1", ""])
def test_postgresql_keeps_every_token_as_it_is(postgresql, other):
    tokens = {token for c in list_word_characters() for token in (other + c, c + other)}
    changed = postgresql.execute(
        "SELECT token FROM unnest(%s::text[]) AS token"
        " WHERE strip(to_tsvector('simple', token)) <> array_to_tsvector(ARRAY[token])",
        (list(tokens),),
    ).fetchall()
    assert changed == []


@pytest.mark.parametrize(
    ("text", "query", "marked"),
    [
        ("群馬県の温泉", "温泉", "群馬県の[温泉]"),
        ("群馬県の温泉", "群馬 馬県", "[群馬県]の温泉"),
        ("温泉と温泉", "温泉", "[温泉]と[温泉]"),
        ("ｺﾝﾋﾟｭｰﾀｰ博物館", "こんぴゅーた", "[ｺﾝﾋﾟｭｰﾀｰ]博物館"),
        ("新しいﾊﾞｽ路線", "バス", "新しい[ﾊﾞｽ]路線"),
        ("か\u3099いこく", "がい", "[か\u3099い]こく"),
        ("5㌔走", "キロ", "5[㌔]走"),
        ("5㌔走", "ロ走", "5[㌔走]"),
        ("５㌔走", "5キ", "[５㌔]走"),
        ("ＮＥＴＳＵＧＥＮ、開設", "netsugen", "[ＮＥＴＳＵＧＥＮ]、開設"),
        ("髙﨑市", "高崎", "[髙﨑]市"),
        ("葛\U000e0100城市", "葛", "[葛\U000e0100]城市"),
        ("群馬、県", "馬県", "群馬、県"),
        ("あああ", "ああ", "[あああ]"),
        ("  温泉  ", "温", "  [温]泉  "),
        ("\ud800温泉\0", "温泉", "\ud800[温泉]\0"),
        ("", "温泉", ""),
        ("温泉", "", "温泉"),
    ],
)
def test_hits_are_marked_in_the_text_as_it_was_written(text, query, marked):
    spans = find_spans(text, parse_query(query))
    shown = text
    for start, end in reversed(spans):
        shown = f"{shown[:start]}[{shown[start:end]}]{shown[end:]}"
    assert shown == marked


@given(text=JAPANESE, query=JAPANESE)
def test_every_marked_span_holds_a_term(text, query):
    terms = parse_query(query)
    last = -1
    for start, end in find_spans(text, terms):
        assert last < start < end <= len(text)
        last = end
        assert any(term.text in normalise(text[start:end]) for term in terms)


@given(text=JAPANESE, query=JAPANESE)
def test_marks_are_the_same_whether_a_text_is_searched_as_written_or_in_its_normal_form(
    text, query
):
    terms = parse_query(query)
    # What vanishes lets the whole text be brought into its normal form; the comma keeps it apart.
    assert find_spans(text, terms) == find_spans(f"{text}、\u200d", terms)


def test_a_character_that_stands_for_several_is_marked_whole():
    assert find_spans("第⑩回の10件", parse_query("10")) == [(1, 2), (4, 6)]
    assert find_spans("第⑩回の温泉", parse_query("温泉")) == [(4, 6)]
    assert find_spans("センタｰの案内", parse_query("せんたー")) == [(0, 4)]


def test_each_kanji_is_its_own_normal_form_or_a_variant():
    kanji = {chr(code) for code in range(ord("一"), ord("鿿") + 1)}
    assert {each for each in kanji if normalise(each) != each} == {
        each for each in kanji if ord(each) in VARIANTS
    }


def test_an_excerpt_stands_about_the_first_hit():
    terms = parse_query("温泉")
    assert make_excerpt("群馬県の温泉", terms) == [("群馬県の", False), ("温泉", True)]
    assert make_excerpt("あ" * 100 + "温泉" + "い" * 100, terms, length=12) == [
        ("…", False),
        ("あああ", False),
        ("温泉", True),
        ("いいいいいいい", False),
        ("…", False),
    ]
    assert make_excerpt("あ" * 100 + "温泉", terms, length=12) == [
        ("…", False),
        ("あ" * 10, False),
        ("温泉", True),
    ]
    assert make_excerpt("あ" * 100, terms, length=5) == [("あああああ", False), ("…", False)]
    assert make_excerpt("温泉" * 100, terms, length=5) == [("温泉温泉温", True), ("…", False)]
    assert make_excerpt("", terms) == []


@given(text=JAPANESE, query=JAPANESE, length=st.integers(1, 30))
def test_an_excerpt_is_a_piece_of_the_text(text, query, length):
    terms = parse_query(query)
    pieces = make_excerpt(text, terms, length)
    assert all(piece for piece, _ in pieces)
    cut_start = pieces[:1] == [("…", False)] and not text.startswith("…")
    cut_end = pieces[-1:] == [("…", False)] and not text.endswith("…")
    shown = "".join(piece for piece, _ in pieces[cut_start : len(pieces) - cut_end])
    assert shown in text
    assert len(shown) == min(len(text), length) or "…" in text
    assert any(is_hit for _, is_hit in pieces) is bool(find_spans(text, terms))


def test_a_long_text_is_cut_whole():
    assert normalise("群" * 100_000 + "\u3099" * 100_000) == "群" * 100_000
    tokens = index_words(normalise("温泉" * 100_000)).split()
    assert tokens == ["温泉", "泉温"] * 99_999 + ["温泉", "泉"]
