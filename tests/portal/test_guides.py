"""The pages that explain the others, and what explains itself on a page."""

import csv
import io
import re

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from portal.publishing import Status
from tests import builders

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


class TestTerms:
    def test_a_term_in_a_text_is_a_button_that_opens_its_explanation_once_on_the_page(self, get):
        term = builders.make_term(term="架空額", explanation="作った額です。")
        builders.make_term(term="出てこない語")
        item = builders.make_item(body="架空額は、架空額です。\n\n# 次\n\n架空額")
        html = get(item.get_absolute_url())
        button = (
            f'<button type="button" class="term" popovertarget="explain-{term.pk}">架空額</button>'
        )
        assert html.count(button) == 2
        assert html.count(f'id="explain-{term.pk}" popover>') == 1
        assert html.count("作った額です。") == 1
        assert term.get_absolute_url() in html
        assert "出てこない語" not in html

    def test_initiatives_settlements_and_key_labels_are_explained_too(self, get):
        term = builders.make_term(term="決算額")
        mark = f'popovertarget="explain-{term.pk}">決算額</button>'
        initiative = builders.make_initiative(summary="決算額のこと", body="決算額のくわしいこと")
        settlement = builders.make_settlement(introduction="決算額の概要")
        item = builders.make_item(amount_yen=1_000)
        assert get(initiative.get_absolute_url()).count(mark) == 2
        assert f"{mark}の概要" in get(settlement.get_absolute_url())
        assert f'<dt><button type="button" class="term" {mark}</dt>' in get(item.get_absolute_url())

    def test_what_staff_write_stays_escaped(self, get):
        builders.make_term(term="<b>太字</b>", explanation="<script>悪</script>")
        builders.make_term(term="悪い語", explanation="<script>悪</script>")
        initiative = builders.make_initiative(summary="<b>太字</b>と悪い語", body="<i>悪い語</i>")
        html = get(initiative.get_absolute_url())
        assert "<b>太字" not in html
        assert "<script>悪" not in html
        assert "&lt;script&gt;悪" in html

    def test_a_page_without_terms_has_no_list_of_terms(self, get):
        assert "このページの用語" not in get(builders.make_initiative().get_absolute_url())


class TestGuideSettlement:
    def test_without_data_it_explains_in_words_alone(self, get):
        builders.make_settlement_figure(
            builders.make_item(builders.make_settlement(status=Status.DRAFT), amount_yen=9_000),
            kind="expenditure",
        )
        text = text_of(get(reverse("guide_settlement")))
        assert "公開中の決算に例となる項目ができると" in text
        for word in ("決算額", "千円", "「款」", "内訳", "資料に記載なし", "▲", "引用するときは"):
            assert word in text


class TestGuideChecks:
    def test_a_year_without_a_public_settlement_is_said_to_have_none(self, get):
        builders.make_item(builders.make_settlement(fiscal_year=2021), amount_yen=1_000)
        builders.make_item(builders.make_settlement(fiscal_year=2019, status="draft"))
        html = get(reverse("guide_checks"), fiscal_year="2019")
        assert "この年度の決算は公開されていません。" in html
        assert "令和3年度（2021年度）の決算の、突合の結果の数" in text_of(html)


class TestOperands:
    def test_a_budget_adds_up_from_three_amounts(self, get):
        item = builders.make_item(
            amount_yen=700_000, budget_yen=1_000_000, carried_over_yen=200_000, unused_yen=90_000
        )
        text = text_of(get(item.get_absolute_url()))
        assert "不一致" in text
        for operand in ("決算額 700千円", "翌年度繰越額 200千円", "不用額 90千円"):
            assert operand in text


class TestCoverage:
    @pytest.fixture
    def departments(self):
        old = builders.make_department(name="架空旧部", abolished_in=2020, position=1)
        new = builders.make_department(name="架空新部", established_in=2020, position=2)
        builders.make_department(name="架空課", parent=new)
        for department, year in ((old, 2018), (new, 2021)):
            item = builders.make_item(
                builders.make_settlement(department=department, fiscal_year=year)
            )
            builders.make_settlement_figure(item)
        builders.make_settlement(department=new, fiscal_year=2020, status=Status.DRAFT)
        builders.make_settlement(department=new, fiscal_year=2030, status=Status.DRAFT)
        return old, new

    def test_it_tells_what_is_there_what_is_missing_and_what_did_not_exist(self, get, departments):
        rows = read_csv(get(reverse("coverage"), format="csv"))
        assert [(row["部局"], row["年度（西暦）"], row["状況"]) for row in rows] == [
            ("架空旧部", "2018", "掲載"),
            ("架空旧部", "2019", "未掲載"),
            ("架空旧部", "2020", "組織なし"),
            ("架空旧部", "2021", "組織なし"),
            ("架空新部", "2018", "組織なし"),
            ("架空新部", "2019", "組織なし"),
            ("架空新部", "2020", "未掲載"),
            ("架空新部", "2021", "掲載"),
        ]
        assert rows[0]["項目（件）"] == "1"
        assert rows[0]["実績値（件）"] == "1"
        assert rows[1]["項目（件）"] == ""
        text = text_of(get(reverse("coverage")))
        assert "まだ掲載していないものは 2 件です。" in text
        assert "架空課" not in text

    def test_a_number_without_a_public_source_and_locator_is_counted(self, get):
        public, draft = builders.make_document(), builders.make_document(status=Status.DRAFT)
        item = builders.make_item(source=public, locator="第1")
        builders.make_settlement_figure(item, source=public, locator="第1")
        builders.make_settlement_figure(item, source=public)
        builders.make_settlement_figure(item, source=draft, locator="第1")
        builders.make_settlement_figure(item)
        (row,) = read_csv(get(reverse("coverage"), format="csv"))
        assert (row["項目（件）"], row["実績値（件）"]) == ("1", "4")
        assert row["出典か箇所のないもの（件）"] == "3"

    def test_a_year_without_a_report_is_missing(self, get):
        plan = builders.make_plan()
        for day in ("2022-08-02", "2025-03-31"):
            report = builders.make_report(title=f"架空報告{day}", presented_on=day)
            builders.make_initiative(report=report, pillar=builders.make_pillar(plan=plan))
            builders.make_initiative(report=report, status=Status.DRAFT)
        rows = read_csv(get(reverse("coverage"), format="csv", table="reports"))
        assert [(r["発表の年度（西暦）"], r["状況"], r["取組（件）"]) for r in rows] == [
            ("2022", "掲載", "1"),
            ("2023", "未掲載", ""),
            ("2024", "掲載", "1"),
        ]

    def test_an_empty_portal_says_so(self, get):
        text = text_of(get(reverse("coverage")))
        assert "公開中の決算はありません。" in text
        assert "公開中の実績報告はありません。" in text

    def test_the_number_of_queries_does_not_grow(self, client, departments):
        with CaptureQueriesContext(connection) as few:
            client.get(reverse("coverage"))
        for year in range(1990, 2010):
            builders.make_item(builders.make_settlement(fiscal_year=year))
            builders.make_report(presented_on=f"{year}-08-02")
        with CaptureQueriesContext(connection) as many:
            client.get(reverse("coverage"))
        assert len(many) == len(few) <= 5


class TestCitation:
    def test_every_kind_of_record_tells_how_to_cite_it_and_on_what_terms(self, get):
        source = builders.make_document(title="架空の資料", issued_by="架空県")
        cited = {"source": source, "locator": "第1 2(3)"}
        program = builders.make_program()
        item = builders.make_item(program=program, **cited)
        for record in (
            builders.make_initiative(**cited),
            builders.make_report(**cited),
            builders.make_indicator(**cited),
            builders.make_settlement(**cited),
            item,
        ):
            html = get(record.get_absolute_url())
            assert "架空県「架空の資料」第1 2(3)。" in html
            assert f"http://testserver{record.get_absolute_url()}（令和" in html
            assert html.count('rel="license noopener"') == 1
        for record in (source, program):
            html = get(record.get_absolute_url())
            assert f"http://testserver{record.get_absolute_url()}（令和" in html
            assert html.count('rel="license noopener"') == 1

    def test_a_pillar_and_a_department_tell_it_with_their_permanent_address(self, get):
        source = builders.make_document(title="架空の計画", issued_by="架空県")
        pillar = builders.make_pillar(plan=builders.make_plan(source=source, locator="第2"))
        assert "架空県「架空の計画」第2。" in get(pillar.get_absolute_url())
        for record in (pillar, builders.make_department()):
            html = get(record.get_absolute_url())
            assert f"「{record.name}」http://testserver{record.get_absolute_url()}</p>" in html
            assert "このアドレスは変わりません。" in html

    def test_a_source_that_is_not_public_is_not_named(self, get):
        source = builders.make_document(title="秘密の資料", status=Status.DRAFT)
        assert "秘密の資料" not in get(builders.make_item(source=source).get_absolute_url())


class TestEasySummary:
    def test_it_is_shown_where_staff_entered_one(self, get):
        text = "これは 短い文です。"
        for record in (
            builders.make_initiative(easy_summary=text),
            builders.make_settlement(easy_summary=text),
            builders.make_item(easy_summary=text),
        ):
            html = get(record.get_absolute_url())
            assert '<h2 id="easy-summary">やさしい日本語</h2>' in html
            assert text in html

    def test_without_one_there_is_no_heading(self, get):
        assert "easy-summary" not in get(builders.make_item().get_absolute_url())


class TestAccessibility:
    def test_it_names_the_aim_and_the_contact(self, get, settings):
        settings.CONTACT_NAME = "架空県広報課"
        settings.CONTACT_URL = "https://example.jp/contact"
        text = get(reverse("accessibility"))
        assert "JIS X 8341-3:2016のレベルAA" in text
        assert "（WCAG）2.2のレベルAA" in text
        assert '<a href="https://example.jp/contact" rel="noopener">架空県広報課</a>' in text

    def test_the_tests_that_it_names_exist(self, get):
        named = re.findall(r"<code>(test_\w+\.py)</code>", get(reverse("accessibility")))
        assert len(named) == 8
        for name in named:
            assert (settings.BASE_DIR / "tests" / "browser" / name).exists()


def test_every_page_links_to_the_guides_and_the_sitemap_names_them(get):
    names = ("guide_settlement", "guide_checks", "coverage", "accessibility")
    home, sitemap = get("/"), get("/sitemap-lists.xml")
    for name in names:
        assert f'href="{reverse(name)}"' in home
        assert f"{reverse(name)}</loc>" in sitemap


def test_the_open_data_page_offers_the_coverage_and_the_results_of_the_checks(get):
    html = get(reverse("open_data"))
    assert 'href="/coverage/?format=csv"' in html
    assert 'href="/guide/checks/?format=csv"' in html
