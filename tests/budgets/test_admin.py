import re

import pytest
from django.urls import reverse

from budgets.models import (
    FundingSource,
    InitiativeCost,
    PriorityEffort,
    Program,
    Settlement,
    SettlementFigure,
    SettlementItem,
)
from portal.models import Version
from portal.search_index import hold_indexing
from tests import builders
from tests.admin_pages import change_url, count_queries, page_url, save, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(admin_client):
    return admin_client


def make_settlement(**fields):
    """Make a draft: what is public changes by a revision alone."""
    return builders.make_settlement(**{"status": "draft"} | fields)


def make_item(**fields):
    return builders.make_item(make_settlement(), **fields)


class TestItemList:
    def test_items_stand_in_the_order_of_their_numbers_with_their_labels(self, staff):
        settlement = make_settlement()
        for code in ("1.10", "1.2", "2", "1.2.3"):
            builders.make_item(settlement, code, name=f"項目{code}")
        page = staff.get(page_url(SettlementItem, "changelist")).content.decode()
        shown = re.findall(r'<span class="tree tree-(\d)">(.*?)</span>', page)
        assert shown == [
            ("1", "1 架空の項目1"),
            ("2", "(2) 項目1.2"),
            ("3", "③ 項目1.2.3"),
            ("2", "(10) 項目1.10"),
            ("1", "2 項目2"),
        ]

    def test_amounts_are_shown_in_thousands_and_a_missing_one_as_not_stated(self, staff):
        settlement = make_settlement()
        builders.make_item(settlement, "1", amount_yen=30_245_843)
        builders.make_item(settlement, "2", amount_yen=0)
        builders.make_item(settlement, "3")
        page = staff.get(page_url(SettlementItem, "changelist")).content.decode()
        assert '<span class="amount" title="30,245,843円">30,245.843千円</span>' in page
        assert '<span class="amount" title="0円">0千円</span>' in page
        assert page.count("記載なし") == 1

    def test_filters_narrow_by_year_department_level_and_amount(self, staff):
        old = make_settlement(fiscal_year=2019)
        new = make_settlement(fiscal_year=2020)
        builders.make_item(old, "1.1", amount_yen=5)
        builders.make_item(new, "1")
        for query, codes in [
            ("settlement__fiscal_year=2019", ["1", "1.1"]),
            (f"settlement__department__id__exact={new.department_id}", ["1"]),
            ("level=2", ["1.1"]),
            ("amount_yen__isempty=0", ["1.1"]),
        ]:
            response = staff.get(f"{page_url(SettlementItem, 'changelist')}?{query}")
            assert [item.code for item in response.context["cl"].result_list] == codes
        assert "令和元年度" in response.content.decode()


class TestItemPage:
    def test_a_new_child_comes_with_settlement_parent_and_the_next_number(self, staff):
        settlement = make_settlement()
        builders.make_item(settlement, "1.9")
        builders.make_item(settlement, "1.10")
        item = settlement.items.get(code="1")
        page = staff.get(change_url(item)).content.decode()
        address = re.search(r'href="([^"]+)">下位の項目を追加<', page)[1].replace("&amp;", "&")
        initial = staff.get(address).context["adminform"].form.initial
        assert initial["code"] == "1.11"
        assert initial["settlement"] == str(settlement.pk)
        assert initial["parent"] == str(item.pk)

    def test_the_parent_follows_from_the_number_where_none_is_chosen(self, staff):
        parent = make_item(code="1")
        page = staff.get(page_url(SettlementItem, "add"))
        fields = {"settlement": parent.settlement_id, "code": "1.1", "name": "下"}
        assert save(staff, page, fields) == []
        assert parent.children.get().name == "下"

    def test_a_number_that_does_not_fit_its_parent_is_told_in_a_sentence(self, staff):
        item = make_item(code="1.1")
        page = staff.get(change_url(item))
        assert save(staff, page, {"code": "2.1"}) == [
            "項目番号「2.1」の上位は「2」です。「1」が選ばれています。"
        ]

    @pytest.mark.parametrize(
        ("typed", "amount_yen"),
        [("4,016千円", 4_016_000), ("１２，３４５円", 12_345), ("0", 0), ("", None), ("－", None)],
    )
    def test_an_amount_is_read_as_people_write_it(self, staff, typed, amount_yen):
        item = make_item(code="1", amount_yen=7)
        assert save(staff, staff.get(change_url(item)), {"amount_yen": typed}) == []
        item.refresh_from_db()
        assert item.amount_yen == amount_yen

    def test_an_amount_that_is_none_is_refused_in_a_sentence(self, staff):
        item = make_item(code="1")
        [message] = save(staff, staff.get(change_url(item)), {"amount_yen": "皆増"})
        assert message.startswith("「皆増」は金額・数として読めません。")
        [message] = save(staff, staff.get(change_url(item)), {"amount_yen": "-5"})
        assert message == "決算額は0円以上にしてください。"

    def test_saving_without_a_change_keeps_every_value(self, staff):
        item = make_item(code="1", amount_yen=30_245_843, supplementary_yen=-1)
        builders.make_settlement_figure(item, value="1234.5", note="一行目\n二行目")
        builders.make_funding(item, amount_yen=1_000)
        builders.make_cost(item=item)
        models = (SettlementItem, SettlementFigure, FundingSource)
        before = {model: list(model.objects.values()) for model in models}
        assert save(staff, staff.get(change_url(item)), {}) == []
        assert {model: list(model.objects.values()) for model in before} == before
        assert [version.action for version in Version.objects.all()] == ["これまでの内容"]

    def test_a_figure_is_added_in_the_table(self, staff):
        item = make_item(code="1")
        page = staff.get(change_url(item))
        row = {
            "label": "会議",
            "kind": "activity",
            "value": "１，２３４．５",
            "unit": "回",
            "position": 0,
        }
        fields = {f"figures-0-{name}": value for name, value in row.items()}
        assert save(staff, page, fields | {"figures-TOTAL_FORMS": 1}) == []
        assert str(item.figures.get().value) == "1234.5000"

    def test_a_figure_is_part_of_figures_of_its_own_item_only(self, staff):
        item = make_item(code="1")
        own = builders.make_settlement_figure(item, label="自分の")
        other = builders.make_settlement_figure(label="よその")
        part = builders.make_settlement_figure(item, label="部分")
        page = staff.get(change_url(item))
        form = page.context["inline_admin_formsets"][0].formset.forms[1]
        assert [label for _, label in form.fields["part_of"].choices] == [
            "---------",
            "自分の",
            "部分",
        ]
        [message] = save(staff, page, {"figures-1-part_of": other.pk})
        assert "正しく選択してください" in message
        assert save(staff, page, {"figures-1-part_of": own.pk}) == []
        part.refresh_from_db()
        assert part.part_of == own
        form = staff.get(change_url(part)).context["adminform"].form
        assert [label for _, label in form.fields["part_of"].choices] == ["---------", "自分の"]

    def test_figures_in_a_ring_are_refused(self, staff):
        item = make_item(code="1")
        first = builders.make_settlement_figure(item)
        second = builders.make_settlement_figure(item)
        fields = {"figures-0-part_of": second.pk, "figures-1-part_of": first.pk}
        messages = save(staff, staff.get(change_url(item)), fields)
        assert messages == ["内訳をたどると、この数値に戻って輪になります。"] * 2

    def test_a_figure_that_is_there_already_is_refused(self, staff):
        item = make_item(code="1")
        builders.make_settlement_figure(item, label="会議")
        builders.make_settlement_figure(item, label="出張")
        message = "同じ区分・項目・測るもの・時期の実績値がすでにあります。"
        row = {"label": "会議", "kind": "activity", "value": "1", "unit": "回", "position": 0}
        new = {f"figures-2-{name}": value for name, value in row.items()}
        new["figures-TOTAL_FORMS"] = 3
        page = staff.get(change_url(item))
        assert save(staff, page, new) == [message]
        assert save(staff, page, {"figures-1-label": "会議"}) == [message]
        swapped = {"figures-0-label": "出張", "figures-1-label": "会議"}
        assert save(staff, page, swapped) == [message] * 2
        assert save(staff, page, new | {"figures-0-DELETE": "on"}) == []
        assert [figure.label for figure in item.figures.all()] == ["出張", "会議"]

    def test_the_results_of_the_checks_are_shown(self, staff):
        item = make_item(code="1", amount_yen=4_016_000)
        builders.make_settlement_figure(item, kind="expenditure", value=1_004, unit="千円")
        text = text_of(staff.get(change_url(item)))
        assert "公表された内訳は、決算額4,016千円の25%（1,004千円）です。" in text
        assert "公表された内訳は、決算額4,016千円の25%" in text_of(
            staff.get(change_url(item.settlement))
        )

    def test_a_saved_item_moves_on_its_settlement(self, staff):
        item = make_item(code="1")
        before = item.settlement.updated_at
        save(staff, staff.get(change_url(item)), {"name": "新しい名称"})
        assert Settlement.objects.get().updated_at > before


class TestSettlementPage:
    def test_it_leads_to_its_items(self, staff):
        item = make_item(code="1", name="ここの項目")
        make_item(code="1", name="よその項目")
        page = staff.get(change_url(item.settlement)).content.decode()
        address = re.search(r'href="([^"]+)">決算項目の一覧<', page)[1]
        listed = text_of(staff.get(address))
        assert "ここの項目" in listed
        assert "よその項目" not in listed

    @pytest.mark.parametrize("typed", ["2020", "令和2年度", "R2", "２０２０年度"])
    def test_a_fiscal_year_is_read_as_people_write_it(self, staff, typed):
        settlement = make_settlement(fiscal_year=2019)
        assert save(staff, staff.get(change_url(settlement)), {"fiscal_year": typed}) == []
        settlement.refresh_from_db()
        assert settlement.fiscal_year == 2020

    def test_a_calendar_year_is_refused_in_a_sentence(self, staff):
        settlement = make_settlement()
        [message] = save(staff, staff.get(change_url(settlement)), {"fiscal_year": "令和2年"})
        assert message.startswith("「令和2年」は暦年です。")

    def test_the_list_tells_what_is_stated_and_in_which_status_it_is(self, staff):
        item = make_item(code="1", amount_yen=4_016_000)
        builders.make_item(item.settlement, "1.1", amount_yen=16_000)
        text = text_of(staff.get(page_url(Settlement, "changelist")))
        assert "令和2年度" in text
        assert "4,016千円" in text
        assert "下書き" in text

    def test_efforts_name_items_of_their_own_settlement(self, staff):
        policy = builders.make_policy(make_settlement(), efforts=["主な取組"])
        own = builders.make_item(policy.settlement, "1")
        make_item(code="2")
        page = staff.get(change_url(policy))
        form = page.context["inline_admin_formsets"][0].formset.forms[0]
        assert [label for _, label in form.fields["item"].choices] == ["---------", str(own)]
        assert save(staff, page, {"efforts-0-item": own.pk}) == []
        assert PriorityEffort.objects.get().item == own


@pytest.mark.parametrize("by", ["its own page", "the list"])
def test_deleting_a_figure_moves_the_date_of_its_settlement(staff, by):
    figure = builders.make_settlement_figure(make_item())
    before = Settlement.objects.get().updated_at
    if by == "its own page":
        address = reverse("admin:budgets_settlementfigure_delete", args=[figure.pk])
        staff.post(address, {"post": "yes"})
    else:
        chosen = {"action": "delete_selected", "_selected_action": [figure.pk], "post": "yes"}
        staff.post(page_url(SettlementFigure, "changelist"), chosen)
    assert not SettlementFigure.objects.exists()
    assert Settlement.objects.get().updated_at > before


def test_what_is_public_is_not_deleted_and_the_reason_is_said(staff):
    figure = builders.make_settlement_figure(make_item())
    public = builders.make_settlement_figure(builders.make_item(), label="公開の数")
    chosen = {"action": "delete_selected", "_selected_action": [figure.pk, public.pk]}
    address = page_url(SettlementFigure, "changelist")
    said = text_of(staff.post(address, chosen | {"post": "yes"}))
    assert "決算の実績値：公開の数 12件（いまは削除できない状態です）" in said
    assert SettlementFigure.objects.count() == 2


def test_deleting_several_rows_is_one_change_of_each_settlement(staff):
    item, other = make_item(), make_item(code="2")
    figures = [
        *(builders.make_settlement_figure(item, label=label) for label in ("甲", "乙")),
        builders.make_settlement_figure(other),
    ]
    chosen = {"action": "delete_selected", "_selected_action": [f.pk for f in figures]}
    staff.post(page_url(SettlementFigure, "changelist"), chosen | {"post": "yes"})
    assert not SettlementFigure.objects.exists()
    for settlement, before, said in (
        (item.settlement, 2, "決算の実績値2件の削除"),
        (other.settlement, 1, f"決算の実績値「{figures[-1]}」の削除"),
    ):
        versions = Version.objects.about(settlement).order_by("number")
        assert [len(v.content["budgets.settlementfigure"]) for v in versions] == [before, 0]
        assert versions[1].action == said


def test_an_effort_without_a_policy_is_refused_in_a_sentence(staff):
    page = staff.get(page_url(PriorityEffort, "add"))
    values = {"item": make_item().pk, "name": "主な取組"}
    assert save(staff, page, values) == ["このフィールドは必須です。"]


def test_a_settlement_that_others_rely_on_is_not_deleted_by_way_of_its_department(staff):
    settlement = make_settlement()
    page = staff.get(reverse("admin:portal_department_delete", args=[settlement.department_id]))
    assert "保護" in text_of(page)
    assert str(settlement) in text_of(page)


def test_a_programs_names_and_lineage_stand_on_its_page(staff):
    program = builders.make_program(aliases=["旧称"])
    builders.make_lineage(program, kind="expanded", related=builders.make_program(name="元の事業"))
    page = staff.get(change_url(program))
    assert "旧称" in page.content.decode()
    assert "元の事業" in page.content.decode()
    assert save(staff, page, {"lineage-0-fiscal_year": "令和3年度"}) == []
    assert program.lineage.get().fiscal_year == 2021


def make_items(number):
    settlement = make_settlement()
    for code in range(number):
        builders.make_item(settlement, str(code + 1), program=builders.make_program())


def make_figures(number):
    for _ in range(number):
        builders.make_settlement_figure(source=builders.make_document())


@pytest.mark.parametrize(
    ("model", "make"),
    [
        (Settlement, lambda number: [make_settlement() for _ in range(number)]),
        (SettlementItem, make_items),
        (SettlementFigure, make_figures),
        (Program, lambda number: [builders.make_program() for _ in range(number)]),
        (FundingSource, lambda number: [builders.make_funding() for _ in range(number)]),
        (InitiativeCost, lambda number: [builders.make_cost() for _ in range(number)]),
    ],
)
def test_a_list_takes_the_same_queries_at_ten_times_the_rows(staff, model, make):
    make(2)
    few = count_queries(staff, page_url(model, "changelist"))
    make(18)
    assert count_queries(staff, page_url(model, "changelist")) == few <= 20


@pytest.mark.parametrize("status", ["draft", "published"])
def test_a_record_takes_the_same_queries_at_ten_times_its_parts(staff, status):
    item = builders.make_item(make_settlement(status=status), "1", amount_yen=5)

    @hold_indexing()
    def add_parts(number):
        for _ in range(number):
            whole = builders.make_settlement_figure(item, source=builders.make_document())
            builders.make_settlement_figure(item, part_of=whole, source=builders.make_document())
            builders.make_cost(item=item, share_percent=1)
            builders.make_policy(item.settlement)

    add_parts(2)
    addresses = [change_url(item), change_url(item.settlement)]
    few = [count_queries(staff, address) for address in addresses]
    add_parts(18)
    assert [count_queries(staff, address) for address in addresses] == few
    assert max(few) <= 35
