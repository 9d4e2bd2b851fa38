"""The guides on the real content: the numbers that they say are those of the paper."""

import csv
import io
import re

import pytest
from django.core.management import call_command
from django.urls import reverse

from portal.models import GlossaryTerm
from tests import builders


@pytest.fixture(scope="module", autouse=True)
def loaded(kept_for_module):
    call_command("load_first_content", verbosity=0)


pytestmark = pytest.mark.django_db


@pytest.fixture
def get(client):
    def get(address, **query):
        answer = client.get(address, query)
        assert answer.status_code == 200
        return answer.content.decode()

    return get


def text_of(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def read_csv(text):
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def test_the_first_content_explains_the_amount_of_an_item(get):
    html = get("/settlements/2020/chiji-senryaku/2.2/")
    term = GlossaryTerm.objects.get(term="決算額")
    assert f'popovertarget="explain-{term.pk}">決算額</button>' in html
    assert term.explanation in html


def test_it_reads_a_real_item_of_the_newest_year(get):
    text = text_of(get(reverse("guide_settlement")))
    assert "令和2年度（2020年度）の知事戦略部の決算から、「 (2) 広報活動" in text
    assert "232,972千円 ＝ 232,972,000円 ＝ 2億3,297万2,000円" in text
    assert "足し合わせた額 152,454千円" in text
    assert "公表された内訳は、決算額232,972千円の65.4%（152,454千円）です。" in text
    assert "「 1.1 庁議 」の決算額： 資料に記載なし" in text


def test_each_check_has_its_formula_and_a_real_example(get):
    html = get(reverse("guide_checks"))
    assert text_of(html).count("公開中の決算には、この突合をする数がまだありません。") == 4
    for formula in (
        "公表された内訳の割合（%）＝ 内訳の合計 ÷ 決算額 × 100",
        "予算現額 ＝ 決算額 ＋ 翌年度繰越額 ＋ 不用額",
    ):
        assert formula in html
    assert '例：<a href="/settlements/2020/chiji-senryaku/1.5/">' in html


def test_the_numbers_of_results_are_counted_by_status(get):
    text = text_of(get(reverse("guide_checks")))
    assert "決算額と内訳 4 3 0 0 0 14" in text
    assert "数値とその内訳 6 0 0 0 0 0" in text


def test_the_list_is_narrowed_by_check_and_status_and_saved_as_it_stands(get):
    rows = read_csv(get(reverse("guide_checks"), status="partial", format="csv"))
    assert [(row["項目番号"], row["足し合わせた数"]) for row in rows] == [
        ("1.5", "716000"),
        ("2.2", "152454000"),
        ("3.1", "51092000"),
    ]
    assert rows[1]["差"] == "-80518000"
    assert read_csv(get(reverse("guide_checks"), check="funding", format="csv")) == []


def test_every_link_to_a_formula_leads_to_one(get):
    """The links stand in several templates: each of their targets is on the page."""
    world = builders.make_item(amount_yen=700, budget_yen=1_000)
    program = builders.make_program()
    builders.make_item(program=program, amount_yen=1_000)
    page = get(reverse("guide_checks"))
    addresses = [
        world.get_absolute_url(),
        program.get_absolute_url(),
        "/settlements/2020/chiji-senryaku/",
        "/settlements/2020/chiji-senryaku/2/",
        "/settlements/",
        "/indicators/passports-issued/",
    ]
    found = set()
    for address in addresses:
        found |= set(re.findall(rf'href="{reverse("guide_checks")}#([\w-]+)"', get(address)))
    assert {"stated-total", "stated-below", "breakdown", "execution", "difference"} <= found
    assert [target for target in found if f'id="{target}"' not in page] == []


def test_the_numbers_that_were_added_up_are_listed_with_their_items(get):
    html = get("/settlements/2020/chiji-senryaku/2.3/")
    operands = html[html.index("足し合わせた数（4）") :]
    for amount in ("3,449千円", "1,760千円", "6,839千円", "20,512千円"):
        assert amount in operands
    assert operands.count('<a href="/settlements/2020/chiji-senryaku/2.3.1/">2.3.1</a>') == 3


def test_the_first_content_is_there_and_cited_throughout(get):
    text = text_of(get(reverse("coverage")))
    assert "77項目、実績値165件 出典か箇所のないもの0件" in text
