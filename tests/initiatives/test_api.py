"""Pillars, reports, initiatives and indicators as the API tells them."""

import datetime
from decimal import Decimal

import pytest

from tests.builders import (
    make_cost,
    make_department,
    make_document,
    make_image,
    make_indicator,
    make_indicator_value,
    make_initiative,
    make_initiative_figure,
    make_item,
    make_link,
    make_pillar,
    make_place,
    make_plan,
    make_report,
    make_settlement,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def paper():
    return make_document(slug="paper", title="架空県の実績")


SOURCE = {
    "document": "paper",
    "title": "架空県の実績",
    "url": "http://testserver/documents/paper/",
    "locator": "p.12",
}


class TestPillars:
    def test_a_pillar_with_the_number_of_its_initiatives(self, get_json):
        plan = make_plan(slug="plan", name="架空県総合計画")
        pillar = make_pillar(
            plan=plan, slug="dx", number=1, name="DXの推進", description="説明文", position=1
        )
        make_pillar(plan=plan, slug="cross", number=None, name="横断", position=2)
        make_initiative(pillar=pillar)
        make_initiative(pillar=pillar)
        assert get_json("pillars/dx") == {
            "slug": "dx",
            "number": 1,
            "name": "DXの推進",
            "description": "説明文",
            "plan": {"slug": "plan", "name": "架空県総合計画"},
            "initiative_count": 2,
            "url": "http://testserver/pillars/dx/",
        }
        listed = get_json("pillars")["items"]
        assert [(p["slug"], p["number"], p["initiative_count"]) for p in listed] == [
            ("dx", 1, 2),
            ("cross", None, 0),
        ]


class TestReports:
    def test_a_report_with_its_source(self, get_json, paper):
        report = make_report(
            slug="fifth",
            title="架空県政の実績",
            presented_on=datetime.date(2024, 8, 2),
            term_year=5,
            source=paper,
            locator="p.12",
        )
        make_initiative(report=report)
        assert get_json("reports/fifth") == {
            "slug": "fifth",
            "title": "架空県政の実績",
            "presented_on": "2024-08-02",
            "term_year": 5,
            "summary": "",
            "initiative_count": 1,
            "source": SOURCE,
            "url": "http://testserver/reports/fifth/",
        }

    def test_the_newest_report_comes_first(self, get_json):
        make_report(slug="old", presented_on=datetime.date(2023, 8, 1), term_year=None)
        make_report(slug="new", presented_on=datetime.date(2024, 8, 2))
        listed = get_json("reports")["items"]
        assert [(r["slug"], r["term_year"]) for r in listed] == [("new", 5), ("old", None)]


class TestInitiatives:
    def test_an_initiative_with_all_that_belongs_to_it(self, get_json, paper):
        department = make_department(slug="d", name="架空戦略部")
        initiative = make_initiative(
            slug="cup",
            title="架空杯の開催",
            summary="大会を開きました。",
            body="**本文**",
            easy_summary="やさしい要約です。",
            fiscal_year=2023,
            occurred_on=datetime.date(2023, 11, 3),
            period="令和5年11月",
            pillar=make_pillar(slug="sports", number=3, name="架空の柱"),
            report=make_report(slug="fifth", title="架空の報告"),
            departments=[department],
            places=[make_place(code="100005", name="架空市")],
            distinctions=["全国初", "過去最高"],
            source=paper,
            locator="p.12",
        )
        whole = make_initiative_figure(
            initiative, label="参加者", value=203, unit="人", period="令和5年度", position=1
        )
        make_initiative_figure(
            initiative,
            group="内訳",
            label="県内",
            measure="人数",
            kind="outcome",
            value="0.5",
            unit="万人",
            as_printed="約0.5万人",
            note="速報",
            part_of=whole,
            position=2,
            source=paper,
            locator="p.12",
        )
        image = make_image(initiative, alt="会場の写真", credit="架空県", licence="CC BY 4.0")
        make_link(initiative, title="大会のページ", url="https://www.example.jp/cup")
        item = make_item(
            make_settlement(department=department), "1.2", name="架空費", amount_yen=1_000_001
        )
        make_cost(initiative, item, share_percent="50.00", note="半分")
        make_cost(initiative, make_item(item.settlement, "1.10"), relation="editorial")
        nowhere = {"document": None, "title": None, "url": None, "locator": ""}
        cost, link = (answer := get_json("initiatives/cup")).pop("costs")
        assert answer == {
            "slug": "cup",
            "title": "架空杯の開催",
            "summary": "大会を開きました。",
            "body": "**本文**",
            "easy_summary": "やさしい要約です。",
            "pillar": {"slug": "sports", "number": 3, "name": "架空の柱"},
            "report": {"slug": "fifth", "title": "架空の報告", "presented_on": "2024-08-02"},
            "fiscal_year": 2023,
            "occurred_on": "2023-11-03",
            "period": "令和5年11月",
            "departments": [{"slug": "d", "name": "架空戦略部"}],
            "places": [{"code": "100005", "name": "架空市"}],
            "distinctions": ["全国初", "過去最高"],
            "figures": [
                {
                    "group": "",
                    "label": "参加者",
                    "measure": "",
                    "kind": "activity",
                    "value": 203,
                    "unit": "人",
                    "amount_yen": None,
                    "period": "令和5年度",
                    "as_printed": "",
                    "note": "",
                    "part_of": None,
                    "source": nowhere,
                },
                {
                    "group": "内訳",
                    "label": "県内",
                    "measure": "人数",
                    "kind": "outcome",
                    "value": 0.5,
                    "unit": "万人",
                    "amount_yen": None,
                    "period": "",
                    "as_printed": "約0.5万人",
                    "note": "速報",
                    "part_of": {
                        "group": "",
                        "label": "参加者",
                        "measure": "",
                        "period": "令和5年度",
                    },
                    "source": SOURCE,
                },
            ],
            "images": [
                {
                    "url": f"http://testserver/initiatives/images/{image.pk}/",
                    "alt": "会場の写真",
                    "credit": "架空県",
                    "licence": "CC BY 4.0",
                }
            ],
            "links": [{"title": "大会のページ", "url": "https://www.example.jp/cup"}],
            "source": SOURCE,
            "url": "http://testserver/initiatives/cup/",
        }
        assert cost == {
            "relation": "cost",
            "share_percent": 50,
            "attributed_yen": 500_001,
            "item": {
                "fiscal_year": 2020,
                "department": {"slug": "d", "name": "架空戦略部"},
                "code": "1.2",
                "name": "架空費",
                "amount_yen": 1_000_001,
                "url": "http://testserver/settlements/2020/d/1.2/",
            },
            "note": "半分",
        }
        assert (link["relation"], link["share_percent"], link["attributed_yen"]) == (
            *("editorial", None),
            None,
        )
        assert (link["item"]["code"], link["item"]["amount_yen"]) == ("1.10", None)

    def test_what_the_paper_does_not_state_is_null(self, get_json):
        make_initiative(slug="i")
        answer = get_json("initiatives/i")
        assert (answer["fiscal_year"], answer["occurred_on"], answer["period"]) == (None, None, "")
        assert answer["costs"] == answer["figures"] == answer["departments"] == []

    def test_initiatives_that_share_an_item_get_all_of_its_yen(self, get_json):
        item = make_item(amount_yen=100)
        for share in ["33.33", "33.33", "33.34"]:
            make_cost(item=item, share_percent=share)
        yen = [i["costs"][0]["attributed_yen"] for i in get_json("initiatives")["items"]]
        assert sorted(yen) == [33, 33, 34]

    def test_each_filter_narrows(self, get_json):
        department = make_department(slug="d")
        wanted = make_initiative(
            slug="wanted",
            title="架空温泉まつり",
            pillar=make_pillar(slug="p"),
            report=make_report(slug="r"),
            fiscal_year=2023,
            departments=[department, make_department()],
        )
        make_initiative(fiscal_year=2022, title="別の取組")
        for parameters in [
            {"pillar": "p"},
            {"report": "r"},
            {"fiscal_year": "令和5年度"},
            {"department": "d"},
            {"q": "温泉"},
            {"pillar": "p", "report": "r", "fiscal_year": 2023, "department": "d", "q": "まつり"},
        ]:
            answer = get_json("initiatives", **parameters)
            assert [i["slug"] for i in answer["items"]] == [wanted.slug], parameters
            assert answer["count"] == 1
        assert get_json("initiatives", pillar="p", fiscal_year=2022)["items"] == []

    @pytest.mark.parametrize(
        ("parameter", "sentence"),
        [
            ("pillar", "pillar「nai」という柱はありません。"),
            ("report", "report「nai」という実績報告はありません。"),
            ("department", "department「nai」という部局はありません。"),
        ],
    )
    def test_a_filter_that_names_nothing_is_said(self, get_json, parameter, sentence):
        make_initiative()
        answer = get_json("initiatives", expect=422, **{parameter: "nai"})
        assert answer["message"] == sentence


class TestIndicators:
    def test_an_indicator_with_its_values(self, get_json, paper):
        indicator = make_indicator(
            slug="passports",
            name="架空旅券の発行",
            description="説明文",
            unit="件",
            direction="higher",
            period_kind="calendar_year",
            department=make_department(slug="d", name="架空戦略部"),
        )
        make_indicator_value(
            indicator, year=2020, actual=13_062, source=paper, locator="p.12", state="final"
        )
        make_indicator_value(
            indicator,
            year=2019,
            actual=None,
            target=Decimal("70000.25"),
            baseline=-1,
            state="estimated",
            as_printed="約7万",
            note="速報",
        )
        answer = get_json("indicators/passports")
        values = answer.pop("values")
        assert answer == {
            "slug": "passports",
            "name": "架空旅券の発行",
            "description": "説明文",
            "unit": "件",
            "direction": "higher",
            "period_kind": "calendar_year",
            "department": {"slug": "d", "name": "架空戦略部"},
            "source": {"document": None, "title": None, "url": None, "locator": ""},
            "url": "http://testserver/indicators/passports/",
        }
        assert values == [
            {
                "year": 2019,
                "year_label": "令和元年",
                "period_kind": "calendar_year",
                "actual": None,
                "target": 70000.25,
                "baseline": -1,
                "state": "estimated",
                "as_printed": "約7万",
                "note": "速報",
                "source": {"document": None, "title": None, "url": None, "locator": ""},
            },
            {
                "year": 2020,
                "year_label": "令和2年",
                "period_kind": "calendar_year",
                "actual": 13062,
                "target": None,
                "baseline": None,
                "state": "final",
                "as_printed": "",
                "note": "",
                "source": SOURCE,
            },
        ]

    def test_a_fiscal_year_is_labelled_as_one(self, get_json):
        make_indicator_value(make_indicator(slug="n"), year=2020)
        assert get_json("indicators/n")["values"][0]["year_label"] == "令和2年度"
