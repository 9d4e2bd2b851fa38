import csv
import io

import pytest
from django import forms
from django.test import RequestFactory

from portal.lists import ADDRESS, FiscalYearChoice, ListForm, csv_response, list_choices
from portal.models import Department
from tests.builders import make_department


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
