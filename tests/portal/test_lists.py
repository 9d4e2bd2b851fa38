import csv
import io

import pytest
from django import forms
from django.test import RequestFactory

from portal.lists import (
    ADDRESS,
    WHOLE_BYTES,
    FiscalYearChoice,
    ListForm,
    csv_response,
    list_choices,
)
from portal.models import Department
from portal.page_cache import MAX_BYTES
from portal.spreadsheet_writing import write_csv
from tests.builders import make_department
from tests.public_pages import go_away, make_world


class Form(ListForm):
    page_size = 2
    sorts = {"position": ("組織の順", ["position"]), "name": ("名称順", ["name"])}

    colour = forms.ChoiceField(label="色", required=False, choices=[("", "すべて"), ("red", "赤")])
    fiscal_year = FiscalYearChoice(label="年度", required=False)

    def narrow(self, queryset):
        if colour := self.value("colour"):
            queryset = queryset.filter(name__startswith=colour)
        return queryset


def ask(**parameters):
    return Form(parameters)


def test_an_empty_query_string_narrows_nothing_and_has_no_problem():
    form = ask()
    assert form.problems() == []
    assert not form.is_narrowed
    assert not form.wants_csv


@pytest.mark.parametrize("text", ["2020", "令和2年度", "R2", "２０２０年度", " r2 "])
def test_a_fiscal_year_is_read_in_any_writing(text):
    form = ask(fiscal_year=text)
    assert form.value("fiscal_year") == 2020
    assert form.is_narrowed
    assert form["fiscal_year"].value() == 2020


def test_a_broken_filter_narrows_nothing_and_says_so():
    form = ask(colour="blue", fiscal_year="令和99年度")
    assert form.value("colour") is None
    assert not form.is_narrowed
    colour, fiscal_year = form.problems()
    assert colour == (
        "「色」の指定を読み取れなかったため、この条件では絞り込んでいません。（一覧にない値です。）"
    )
    assert fiscal_year.startswith(
        "「年度」の指定を読み取れなかったため、この条件では絞り込んでいません。（「令和99年度」"
    )


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"sort": "size"}, "「並び順」の指定を読み取れなかったため、いつもの順に並べています。"),
        ({"page": "x"}, "「ページ」の指定を読み取れなかったため、最初のページを表示しています。"),
        ({"page": "0"}, "「ページ」の指定を読み取れなかったため、最初のページを表示しています。"),
        ({"page": "1.5"}, "「ページ」の指定を読み取れなかったため、最初のページを表示しています。"),
        ({"page": "9" * 5000}, "「ページ」の指定を読み取れなかったため、"),
        ({"format": "pdf"}, "「形式」の指定を読み取れなかったため、ページのまま表示しています。"),
    ],
)
def test_a_broken_order_page_or_format_is_named(parameters, sentence):
    (problem,) = ask(**parameters).problems()
    assert problem.startswith(sentence)


def test_rows_come_in_pages():
    form = ask(page="2")
    page = form.paginate(["い", "ろ", "は"])
    assert (list(page), page.number, page.paginator.num_pages) == (["は"], 2, 2)
    assert form.problems() == []


@pytest.mark.parametrize("number", ["3", "1" + "0" * 30])
def test_a_page_beyond_the_last_shows_the_last_and_says_so(number):
    form = ask(page=number)
    assert list(form.paginate(["い", "ろ", "は"])) == ["は"]
    assert form.problems() == ["指定のページはないため、最後のページを表示しています。"]


def test_an_empty_list_has_one_page_and_no_problem():
    form = ask()
    assert list(form.paginate([])) == []
    assert form.problems() == []


def test_a_field_that_offers_no_choice_is_not_shown_but_still_read():
    class Lonely(ListForm):
        pillar = forms.ChoiceField(label="柱", required=False, choices=[("", "すべて")])

    form = Lonely({"pillar": "dx"})
    assert form.shown_fields() == []
    assert form.problems()[0].startswith("「柱」の指定を読み取れなかったため")


def test_the_order_stands_last_in_the_form():
    assert [field.name for field in ask().shown_fields()] == ["colour", "fiscal_year", "sort"]


@pytest.mark.django_db
def test_a_list_is_narrowed_and_sorted():
    for position, name in enumerate(["red い", "blue ろ", "red あ"]):
        make_department(name=name, position=position)
    departments = Department.objects.all()
    assert [str(d) for d in ask(colour="red").filter(departments)] == ["red い", "red あ"]
    assert [str(d) for d in ask(colour="red", sort="name").filter(departments)] == [
        "red あ",
        "red い",
    ]


@pytest.mark.django_db
def test_choices_are_slugs_with_names():
    department = make_department(slug="kikaku", name="架空企画部")
    assert list_choices([department]) == [("", "すべて"), ("kikaku", "架空企画部")]


def test_a_csv_file_tells_blank_from_nought_and_gives_whole_addresses():
    columns = [
        ("名称", lambda row: row["name"]),
        ("金額（円）", lambda row: row["amount_yen"]),
        (ADDRESS, lambda row: "/pillars/dx/?a=b"),
    ]
    rows = [{"name": "=1+1", "amount_yen": 0}, {"name": "無", "amount_yen": None}]
    answer = csv_response(RequestFactory().get("/x/"), "list", columns, rows)
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="list.csv"'
    assert answer.content.startswith(b"\xef\xbb\xbf")
    header, first, second = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert header == ["名称", "金額（円）", "アドレス"]
    assert first[1:] == ["0", "http://testserver/pillars/dx/?a=b"]
    assert first[0] != "=1+1"  # a spreadsheet would calculate it
    assert first[0].endswith("=1+1")
    assert second[1] == ""


def ask_for_numbers(records, method="get"):
    request = getattr(RequestFactory(), method)("/x/")
    return csv_response(request, "numbers", [("番号", lambda record: record)], records)


class TestLongFiles:
    def test_what_may_be_kept_is_whole_and_what_may_not_is_streamed(self):
        assert WHOLE_BYTES == MAX_BYTES
        rows = [(text,) for text in ["長" * 10_000] * 100]
        for number in (50, 100):
            answer = ask_for_numbers([text for (text,) in rows[:number]])
            data = write_csv(["番号"], rows[:number])
            assert answer.streaming == (len(data) > MAX_BYTES) == (number == 100)
            assert answer.getvalue() == data
            assert answer["Content-Type"] == "text/csv; charset=utf-8"
            assert answer["Content-Disposition"] == 'attachment; filename="numbers.csv"'

    def test_a_long_file_is_read_as_it_is_sent_and_no_further(self, monkeypatch):
        monkeypatch.setattr("portal.lists.WHOLE_BYTES", 1)
        taken, ended = [], []

        def records():
            try:
                for number in range(5000):
                    taken.append(number)
                    yield number
            finally:
                ended.append(True)

        answer = ask_for_numbers(records())
        begun = len(taken)
        assert 0 < begun < 1000
        parts = iter(answer)
        next(parts), next(parts)
        assert begun < len(taken) < 2000
        assert ended == []
        go_away(answer)
        assert ended == [True]
        assert len(taken) < 2000

    def test_a_head_request_reads_the_beginning_alone(self, monkeypatch):
        monkeypatch.setattr("portal.lists.WHOLE_BYTES", 1)
        taken = []
        records = (taken.append(number) or number for number in range(5000))
        answer = ask_for_numbers(records, method="head")
        assert answer.getvalue() == b""
        assert "Content-Length" not in answer
        assert 0 < len(taken) < 1000

    def test_what_goes_wrong_at_the_beginning_is_raised_while_it_can_be_answered(self):
        with pytest.raises(ZeroDivisionError):
            ask_for_numbers(1 / 0 for _ in range(3))

    @pytest.mark.django_db
    def test_the_records_of_a_queryset_are_not_kept(self):
        make_department()
        departments = Department.objects.all()
        assert len(ask_for_numbers(departments).content.splitlines()) == 2
        assert departments._result_cache is None

    @pytest.mark.django_db
    def test_a_page_sends_the_same_rows_whole_and_in_parts(self, client, monkeypatch):
        world = make_world()
        addresses = [
            "/initiatives/?format=csv",
            "/indicators/?format=csv&table=newest",
            "/changes/?format=csv",
            "/departments/?format=csv",
            "/guide/checks/?format=csv",
            f"{world['items'][0].get_absolute_url()}?format=csv",
            *(f"{each.get_absolute_url()}?format=csv" for each in world["documents"]),
        ]
        whole = [client.get(address).content for address in addresses]
        assert all(data.count(b"\r\n") > 1 for data in whole)
        monkeypatch.setattr("portal.lists.WHOLE_BYTES", 1)
        for address, data in zip(addresses, whole, strict=True):
            answer = client.get(f"{address}&again=1")
            assert answer.streaming
            assert b"".join(answer).replace(b"&again=1", b"") == data
            head = client.head(f"{address}&again=1")
            assert (head.status_code, head.getvalue()) == (200, b"")
