"""Settlements, items, figures and checks as the API tells them."""

import pytest

from tests.builders import (
    make_cost,
    make_department,
    make_document,
    make_effort,
    make_funding,
    make_initiative,
    make_initiative_figure,
    make_item,
    make_policy,
    make_program,
    make_settlement,
    make_settlement_figure,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def settlement():
    department = make_department(slug="d", name="架空戦略部")
    return make_settlement(department=department, fiscal_year=2020, heading="第2 架空戦略")


def codes(answer):
    return [item["code"] for item in answer["items"]]


class TestSettlements:
    def test_a_settlement_sums_what_is_printed(self, get_json, settlement):
        make_item(settlement, "1.1", amount_yen=4_016_000)
        make_item(settlement, "1.1.1", amount_yen=1_000)
        make_item(settlement, "1.2", amount_yen=16_000)
        (answer,) = get_json("settlements")["items"]
        assert answer == {
            "fiscal_year": 2020,
            "fiscal_year_label": "令和2年度",
            "department": {"slug": "d", "name": "架空戦略部"},
            "stage": "prepared",
            "stated_amount_yen": 4_032_000,
            "item_count": 4,
            "heading": "第2 架空戦略",
            "source": {"document": None, "title": None, "url": None, "locator": ""},
            "url": "http://testserver/settlements/2020/d/",
        }

    def test_without_amounts_and_stage_both_are_null(self, get_json):
        make_item(make_settlement(stage=""))
        (answer,) = get_json("settlements")["items"]
        assert (answer["stated_amount_yen"], answer["stage"]) == (None, None)

    def test_the_newest_year_comes_first_and_filters_narrow(self, get_json):
        other = make_department(slug="e")
        for year in [2019, 2021, 2020]:
            make_settlement(fiscal_year=year, department=other)
        make_settlement(fiscal_year=2020)
        years = [s["fiscal_year"] for s in get_json("settlements", department="e")["items"]]
        assert years == [2021, 2020, 2019]
        assert get_json("settlements", fiscal_year="R2")["count"] == 2
        assert get_json("settlements", fiscal_year=2020, department="e")["count"] == 1
        assert get_json("settlements", fiscal_year=2018, department="e")["count"] == 0

    def test_the_whole_tree_by_children_in_the_order_of_the_codes(self, get_json, settlement):
        for code in ["2", "1.10", "1.2.1", "1.2"]:
            if not settlement.items.filter(code=code).exists():
                make_item(settlement, code)
        answer = get_json("settlements/2020/d")

        def outline(items):
            return {item["code"]: outline(item["children"]) for item in items}

        tree = outline(answer["items"])
        assert tree == {"1": {"1.2": {"1.2.1": {}}, "1.10": {}}, "2": {}}
        assert list(tree["1"]) == ["1.2", "1.10"]
        assert answer["item_count"] == 5

    def test_an_item_whose_parent_is_missing_is_not_lost(self, get_json, settlement):
        item = make_item(settlement, "1.1")
        above = item.parent
        item.parent = None
        item.save()
        above.delete()
        assert codes(get_json("settlements/2020/d")) == ["1.1"]

    def test_priority_policies_with_their_efforts(self, get_json, settlement):
        policy = make_policy(settlement, name="政策立案", efforts=["計画の策定"])
        make_effort(policy, name="条例の制定", item=make_item(settlement, "1.7.5"), position=1)
        make_policy(settlement, name="情報発信")
        assert get_json("settlements/2020/d")["priority_policies"] == [
            {
                "number": 1,
                "name": "政策立案",
                "efforts": ["計画の策定", "条例の制定"],
                "effort_codes": [None, "1.7.5"],
            },
            {"number": 2, "name": "情報発信", "efforts": [], "effort_codes": []},
        ]


class TestItem:
    def test_one_item_with_everything(self, get_json, settlement):
        paper = make_document(slug="paper", title="架空県の決算")
        item = make_item(
            settlement,
            "2.3",
            name="インターネット広報",
            body="本文です。",
            easy_summary="やさしい要約です。",
            amount_yen=32_560_000,
            initial_budget_yen=30_000_000,
            supplementary_yen=-1_000_000,
            carried_in_yen=0,
            budget_yen=33_000_000,
            carried_over_yen=0,
            unused_yen=440_000,
            program=make_program(slug="studio", name="架空スタジオ"),
            source=paper,
            locator="第2 2(3)",
        )
        make_funding(item, kind="general", amount_yen=32_560_000)
        figure = make_settlement_figure(
            make_item(settlement, "2.3.1"), label="動画制作", kind="expenditure", value=3_449
        )
        make_settlement_figure(
            item, label="再生回数", kind="outcome", value="0.25", unit="億回", part_of=figure
        )
        make_cost(
            make_initiative(slug="video", title="架空動画"), item, share_percent=25, note="按分"
        )
        nowhere = {"document": None, "title": None, "url": None, "locator": ""}
        answer = get_json("settlements/2020/d/items/2.3")
        assert [check["check"] for check in answer["checks"]] == [
            *("breakdown", "funding", "identity", "attribution")
        ]
        del answer["checks"]
        assert answer == {
            "fiscal_year": 2020,
            "fiscal_year_label": "令和2年度",
            "department": {"slug": "d", "name": "架空戦略部"},
            "code": "2.3",
            "label": "(3)",
            "level": 2,
            "name": "インターネット広報",
            "body": "本文です。",
            "easy_summary": "やさしい要約です。",
            "amount_yen": 32_560_000,
            "initial_budget_yen": 30_000_000,
            "supplementary_yen": -1_000_000,
            "carried_in_yen": 0,
            "budget_yen": 33_000_000,
            "carried_over_yen": 0,
            "unused_yen": 440_000,
            "parent_code": "2",
            "program": {
                "slug": "studio",
                "name": "架空スタジオ",
                "url": "http://testserver/programs/studio/",
            },
            "figures": [
                {
                    "group": "",
                    "label": "再生回数",
                    "measure": "",
                    "kind": "outcome",
                    "value": 0.25,
                    "unit": "億回",
                    "amount_yen": None,
                    "period": "",
                    "as_printed": "",
                    "note": "",
                    "part_of": None,
                    "source": nowhere,
                }
            ],
            "funding": [{"kind": "general", "amount_yen": 32_560_000, "source": nowhere}],
            "breakdown": {
                "status": "partial",
                "covered_yen": 3_449_000,
                "covered_percent": 10.5,
                "message": "公表された内訳は、決算額32,560千円の10.5%（3,449千円）です。",
            },
            "initiatives": [
                {
                    "slug": "video",
                    "title": "架空動画",
                    "relation": "cost",
                    "share_percent": 25,
                    "attributed_yen": 8_140_000,
                    "note": "按分",
                    "url": "http://testserver/initiatives/video/",
                }
            ],
            "source": {
                "document": "paper",
                "title": "架空県の決算",
                "url": "http://testserver/documents/paper/",
                "locator": "第2 2(3)",
            },
            "url": "http://testserver/settlements/2020/d/2.3/",
        }

    def test_blank_is_null_and_not_zero(self, get_json, settlement):
        make_item(settlement)
        answer = get_json("settlements/2020/d/items/1")
        amounts = [value for name, value in answer.items() if name.endswith("_yen")]
        assert amounts == [None] * 7
        assert answer["parent_code"] is answer["program"] is None
        assert answer["breakdown"] == {
            "status": "none",
            "covered_yen": None,
            "covered_percent": None,
            "message": "決算額が資料に記載されていないため、内訳と比べられません。",
        }

    def test_the_item_is_the_same_in_the_tree_in_the_list_and_alone(self, get_json, settlement):
        item = make_item(settlement, "1", amount_yen=5_000_000)
        make_settlement_figure(item, kind="expenditure", value=4_000)
        make_funding(item)
        alone = get_json("settlements/2020/d/items/1")
        (listed,) = get_json("settlement-items")["items"]
        (nested,) = get_json("settlements/2020/d")["items"]
        assert {name: alone[name] for name in listed} == listed
        assert nested.pop("children") == []
        assert {name: alone[name] for name in nested} == nested


class TestItems:
    @pytest.fixture
    def items(self, settlement):
        for code, name, amount_yen in [
            ("1", "甲費", None),
            ("1.2", "乙費", 500),
            ("1.10", "丙費", 0),
            ("2", "架空温泉費", 9_000),
        ]:
            make_item(settlement, code, name=name, amount_yen=amount_yen)
        make_item(make_settlement(fiscal_year=2019), "1.3", name="丁費", amount_yen=500)

    @pytest.mark.parametrize(
        ("parameters", "expected"),
        [
            ({}, ["1", "1.2", "1.10", "2", "1", "1.3"]),
            ({"order": "-fiscal_year"}, ["1", "1.2", "1.10", "2", "1", "1.3"]),
            ({"order": "fiscal_year"}, ["1", "1.3", "1", "1.2", "1.10", "2"]),
            ({"order": "code"}, ["1", "1", "1.2", "1.3", "1.10", "2"]),
            ({"order": "-code"}, ["2", "1.10", "1.3", "1.2", "1", "1"]),
            ({"fiscal_year": 2020, "order": "amount_yen"}, ["1.10", "1.2", "2", "1"]),
            ({"fiscal_year": 2020, "order": "-amount_yen"}, ["2", "1.2", "1.10", "1"]),
            ({"fiscal_year": 2020, "level": 2}, ["1.2", "1.10"]),
            ({"fiscal_year": 2020, "level": 1}, ["1", "2"]),
            ({"level": 8}, []),
            ({"min_amount_yen": 0, "department": "d"}, ["1.2", "1.10", "2"]),
            ({"min_amount_yen": 1, "max_amount_yen": 500}, ["1.2", "1.3"]),
            ({"max_amount_yen": 0}, ["1.10"]),
            ({"min_amount_yen": 10**15}, []),
            ({"q": "温泉"}, ["2"]),
            ({"fiscal_year": 2019, "department": "d"}, []),
        ],
    )
    def test_filters_and_order(self, get_json, items, parameters, expected):
        answer = get_json("settlement-items", **parameters)
        assert codes(answer) == expected
        assert answer["count"] == len(expected)

    def test_names_are_ordered_both_ways(self, get_json, items):
        names = [i["name"] for i in get_json("settlement-items", order="name")["items"]]
        back = [i["name"] for i in get_json("settlement-items", order="-name")["items"]]
        assert sorted(names) == sorted(back)
        assert [n for n in names if n != names[0]] == [n for n in back[::-1] if n != names[0]]

    @pytest.mark.parametrize("order", ["code", "-code", "name", "amount_yen", "-amount_yen"])
    def test_equal_rows_keep_their_places_over_the_pages(self, get_json, order):
        for year in range(2000, 2012):
            make_item(make_settlement(fiscal_year=year), "1", name="同じ", amount_yen=7)
        whole = get_json("settlement-items", order=order)["items"]
        pages = [
            get_json("settlement-items", order=order, limit=1, offset=offset)["items"][0]
            for offset in range(12)
        ]
        assert pages == whole
        assert len({item["url"] for item in whole}) == 12

    @pytest.mark.parametrize(
        ("parameter", "value"),
        [
            ("min_amount_yen", "-1"),
            ("min_amount_yen", "1.5"),
            ("max_amount_yen", str(2**63)),
            ("max_amount_yen", "9" * 40),
            ("level", "0"),
            ("level", "9"),
            ("order", "amount"),
            ("order", ""),
        ],
    )
    def test_a_bad_filter_is_named(self, get_json, parameter, value):
        (problem,) = get_json("settlement-items", expect=422, **{parameter: value})["errors"]
        assert problem["parameter"] == parameter

    def test_the_orders_that_there_are_are_listed(self, get_json):
        message = get_json("settlement-items", expect=422, order="size")["message"]
        assert message == (
            "order：次のどれかを書いてください：-fiscal_year, fiscal_year, code, -code, name, -name, "
            "amount_yen, -amount_yen。"
        )


class TestFigures:
    @pytest.fixture
    def figures(self, settlement):
        item = make_item(settlement, "1.2", name="架空動画費")
        make_settlement_figure(item, label="再生回数", kind="outcome", value=7_347, unit="回")
        make_settlement_figure(item, label="制作費", kind="expenditure", value=1_760)
        late = make_item(settlement, "1.10", name="後の費目")
        make_settlement_figure(late, label="ﾌｫﾛﾜｰ数", value=40_422, unit="人")
        initiative = make_initiative(
            slug="i",
            title="架空の動画",
            fiscal_year=2023,
            departments=[make_department(slug="e")],
        )
        make_initiative_figure(initiative, label="再生回数", value=39_470_000, unit="回")
        make_initiative_figure(
            make_initiative(slug="j", title="年度のない取組"), label="寄附", kind="money", value=5
        )

    def test_figures_come_with_their_record(self, get_json, figures):
        answer = get_json("figures")
        assert answer["count"] == 5
        assert [(f["record"]["kind"], f["label"]) for f in answer["items"]] == [
            ("settlement_item", "再生回数"),
            ("settlement_item", "制作費"),
            ("settlement_item", "ﾌｫﾛﾜｰ数"),
            ("initiative", "再生回数"),
            ("initiative", "寄附"),
        ]
        assert answer["items"][1]["amount_yen"] == 1_760_000
        assert answer["items"][0]["record"] == {
            "kind": "settlement_item",
            "title": "架空動画費",
            "url": "http://testserver/settlements/2020/d/1.2/",
        }
        assert answer["items"][3]["record"]["url"] == "http://testserver/initiatives/i/"
        assert [f["fiscal_year"] for f in answer["items"]] == [2020, 2020, 2020, 2023, None]

    @pytest.mark.parametrize(
        ("parameters", "labels"),
        [
            ({"kind": "expenditure"}, ["制作費"]),
            ({"kind": "money"}, ["寄附"]),
            ({"fiscal_year": 2023}, ["再生回数"]),
            ({"fiscal_year": 2020, "kind": "outcome"}, ["再生回数"]),
            ({"department": "d"}, ["再生回数", "制作費", "ﾌｫﾛﾜｰ数"]),
            ({"department": "e"}, ["再生回数"]),
            ({"q": "再生"}, ["再生回数", "再生回数"]),
            ({"q": "動画　制作"}, ["制作費"]),
            ({"q": "フォロワー"}, []),
            ({"q": "100%_"}, []),
        ],
    )
    def test_filters(self, get_json, figures, parameters, labels):
        answer = get_json("figures", **parameters)
        assert [figure["label"] for figure in answer["items"]] == labels
        assert answer["count"] == len(labels)

    def test_a_kind_that_there_is_not_is_said(self, get_json):
        message = get_json("figures", expect=422, kind="cost")["message"]
        assert (
            message == "kind：次のどれかを書いてください：expenditure, money, activity, outcome。"
        )


def test_an_item_alone_is_checked_as_it_is_among_all_of_its_settlement(get_json):
    settlement = make_settlement()
    above = make_item(settlement, "1", amount_yen=9_000)
    item = make_item(settlement, "1.2", amount_yen=5_000, budget_yen=6_000, unused_yen=1_000)
    below = make_item(settlement, "1.2.1", amount_yen=4_000)
    make_item(settlement, "1.20", amount_yen=3_000)
    for each, value in [(above, 1), (item, 2), (below, 4)]:
        whole = make_settlement_figure(each, kind="expenditure", value=value)
        make_settlement_figure(each, kind="expenditure", value=1, group="うち", part_of=whole)
        make_funding(each, amount_yen=4_000)
        make_cost(item=each, share_percent=60)
    path = f"settlements/{settlement.fiscal_year}/{settlement.department.slug}"
    (nested,) = get_json(path)["items"]
    for expected in (nested, *nested["children"], *nested["children"][0]["children"]):
        found = get_json(f"{path}/items/{expected['code']}")
        assert found["checks"] == expected["checks"]
        assert found["breakdown"] == expected["breakdown"]
    assert len(found["checks"]) > 0


class TestChecks:
    @pytest.fixture
    def checked(self, settlement):
        over = make_item(settlement, "1.2", name="超過の費目", amount_yen=5_000)
        make_settlement_figure(over, kind="expenditure", value=6)
        make_item(settlement, "1.10", amount_yen=7_000)
        other = make_item(make_settlement(fiscal_year=2019), "1", amount_yen=4_000)
        make_settlement_figure(other, kind="expenditure", value=4)

    def test_a_result_names_its_item_and_says_a_sentence(self, get_json, checked):
        (answer,) = get_json("checks", status="exceeded")["items"]
        assert answer == {
            "check": "breakdown",
            "status": "exceeded",
            "code": "1.2",
            "subject": "",
            "expected": 5_000,
            "actual": 6_000,
            "difference": 1_000,
            "unit": "円",
            "covered_percent": 120,
            "message": "公表された内訳は、決算額5千円を1千円上回ります。",
            "fiscal_year": 2020,
            "department": {"slug": "d", "name": "架空戦略部"},
            "name": "超過の費目",
            "url": "http://testserver/settlements/2020/d/1.2/",
        }

    @pytest.mark.parametrize(
        ("parameters", "found"),
        [
            ({}, [(2020, "1.2"), (2020, "1.10"), (2019, "1")]),
            ({"limit": 1, "offset": 1}, [(2020, "1.10")]),
            ({"fiscal_year": 2019}, [(2019, "1")]),
            ({"department": "d", "status": "none"}, [(2020, "1.10")]),
            ({"status": "matched"}, [(2019, "1")]),
            ({"status": "overlapping"}, []),
        ],
    )
    def test_filters_and_pages(self, get_json, checked, parameters, found):
        answer = get_json("checks", **parameters)
        assert [(c["fiscal_year"], c["code"]) for c in answer["items"]] == found

    def test_a_status_that_there_is_not_is_said(self, get_json):
        assert get_json("checks", expect=422, status="ok")["message"].startswith(
            "status：次のどれかを書いてください：matched, partial, exceeded, mismatched"
        )
