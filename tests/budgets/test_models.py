"""What the models refuse by name, and the words that their querysets know."""

import datetime

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from budgets.models import (
    FundingSource,
    InitiativeCost,
    PriorityEffort,
    PriorityPolicy,
    Program,
    ProgramAlias,
    ProgramLineage,
    Settlement,
    SettlementFigure,
    SettlementItem,
)
from portal.models import Department, FormerSlug
from portal.publishing import Status
from tests.builders import (
    make_cost,
    make_department,
    make_effort,
    make_funding,
    make_item,
    make_lineage,
    make_policy,
    make_program,
    make_settlement,
    make_settlement_figure,
)

pytestmark = pytest.mark.django_db

HOUR = datetime.timedelta(hours=1)


def refused(name, act):
    """Assert that the database refuses an act by the constraint of that name."""
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        act()
    # SQLite tells the columns of a unique constraint, and the name only of the others.
    message = str(caught.value)
    assert name in message or "UNIQUE constraint failed" in message, message


class TestConstraints:
    def test_a_department_settles_a_year_once(self):
        first = make_settlement()
        refused(
            "settlement_is_unique_in_year_and_department",
            lambda: make_settlement(department=first.department),
        )
        twin = Settlement(fiscal_year=2020, department=first.department)
        with pytest.raises(ValidationError, match="この部局の、同じ年度の決算がすでにあります。"):
            twin.full_clean()

    def test_a_stage_is_one_of_the_list_or_blank(self):
        make_settlement(stage="")
        refused("settlement_stage_is_known", lambda: make_settlement(stage="final"))

    def test_a_code_stands_once_in_a_settlement(self):
        item = make_item(code="1")
        make_item(code="1")
        refused("settlement_item_code_is_unique", lambda: make_item(item.settlement, "1"))

    @pytest.mark.parametrize(
        "field",
        [
            "amount_yen",
            "initial_budget_yen",
            "carried_in_yen",
            "budget_yen",
            "carried_over_yen",
            "unused_yen",
        ],
    )
    def test_amounts_are_not_negative(self, field):
        make_item(**{field: 0})
        refused(f"settlement_item_{field}_is_not_negative", lambda: make_item(**{field: -1}))

    def test_a_supplementary_budget_may_be_negative(self):
        assert make_item(supplementary_yen=-5_000).supplementary_yen == -5_000

    def test_a_figure_has_a_known_kind_and_money_a_unit_of_money(self):
        refused("settlementfigure_kind_is_known", lambda: make_settlement_figure(kind="cost"))
        refused(
            "settlementfigure_money_has_a_money_unit",
            lambda: make_settlement_figure(kind="expenditure", unit="件"),
        )

    def test_a_figure_is_not_part_of_itself(self):
        figure = make_settlement_figure()
        figure.part_of = figure
        refused("settlementfigure_is_not_part_of_itself", figure.save)

    def test_a_figure_stands_once_in_its_item(self):
        figure = make_settlement_figure(label="件数")
        make_settlement_figure(label="件数")
        make_settlement_figure(figure.item, label="件数", period="令和元年度")
        refused(
            "settlement_figure_is_unique", lambda: make_settlement_figure(figure.item, label="件数")
        )

    def test_each_source_of_funding_stands_once_and_is_not_negative(self):
        funding = make_funding(kind="national")
        refused(
            "funding_source_kind_is_unique", lambda: make_funding(funding.item, kind="national")
        )
        refused("funding_source_kind_is_known", lambda: make_funding(kind="lottery"))
        refused("funding_source_amount_is_not_negative", lambda: make_funding(amount_yen=-1))

    def test_policies_efforts_aliases_and_lineage_stand_once(self):
        policy = make_policy(efforts=["主な取組"])
        refused(
            "priority_policy_number_is_unique", lambda: make_policy(policy.settlement, number=1)
        )
        refused("priority_effort_is_unique_in_policy", lambda: make_effort(policy, name="主な取組"))
        program = make_program(aliases=["別名"])
        refused(
            "program_alias_is_unique",
            lambda: ProgramAlias.objects.create(program=program, name="別名"),
        )
        make_lineage(program)
        refused("program_lineage_is_unique", lambda: make_lineage(program))
        refused("program_lineage_kind_is_known", lambda: make_lineage(kind="moved"))

    def test_a_cost_has_a_share_and_an_editorial_link_none(self):
        name = "initiative_cost_share_fits_relation"
        make_cost(share_percent="0.01")
        make_cost(relation="editorial")
        refused(name, lambda: make_cost(share_percent=0))
        refused(name, lambda: make_cost(share_percent="100.01"))
        refused(name, lambda: make_cost(share_percent=None))
        refused(name, lambda: make_cost(relation="editorial", share_percent=10))
        refused(name, lambda: make_cost(relation="related", share_percent=10))

    def test_an_initiative_and_an_item_are_joined_once(self):
        cost = make_cost()
        refused("initiative_cost_is_unique", lambda: make_cost(cost.initiative, cost.item))


class TestCodes:
    def test_items_sort_by_number(self):
        settlement = make_settlement()
        for code in ["1.10", "1.2", "2", "1.2.1", "10"]:
            make_item(settlement, code)
        assert [item.code for item in settlement.items.all()] == [
            *("1", "1.2", "1.2.1", "1.10", "2", "10")
        ]

    def test_the_order_follows_a_changed_code(self):
        item = make_item(code="2")
        item.code = "10"
        item.save()
        item.refresh_from_db()
        assert item.code_order == "0010"

    def test_an_item_knows_its_label_and_level(self):
        settlement = make_settlement()
        labels = {
            code: (make_item(settlement, code).label, settlement.items.get(code=code).depth)
            for code in ["1", "1.2", "1.2.21", "1.2.21.47"]
        }
        assert labels == {
            "1": ("1", 1),
            "1.2": ("(2)", 2),
            "1.2.21": ("㉑", 3),
            "1.2.21.47": ("アア", 4),
        }

    @pytest.mark.parametrize("code", ["", "0", "1.", "1..2", "1.0", "a", "１", "1\n"])
    def test_what_is_no_code_is_said(self, code):
        with pytest.raises(ValidationError) as caught:
            SettlementItem(settlement=make_settlement(), code=code, name="名").full_clean()
        assert "code" in caught.value.message_dict

    def test_the_parent_must_be_the_one_that_the_code_says(self):
        item = make_item(code="1.7.2")
        item.parent = item.parent.parent
        with pytest.raises(
            ValidationError,
            match=r"項目番号「1\.7\.2」の上位は「1\.7」です。「1」が選ばれています。",
        ):
            item.full_clean()

    def test_the_parent_must_be_of_the_same_settlement(self):
        item = make_item(code="1.7")
        item.parent = make_item(code="1")
        with pytest.raises(ValidationError, match="上位の項目は、同じ決算の中から選んでください。"):
            item.full_clean()

    def test_more_than_eight_levels_are_refused(self):
        with pytest.raises(ValidationError, match="項目番号は8段までです。"):
            SettlementItem(
                settlement=make_settlement(), code="1.1.1.1.1.1.1.1.1", name="名"
            ).full_clean()


class TestPublished:
    """Every part of a settlement is public exactly when the settlement is."""

    def parts(self, **publication):
        settlement = make_settlement(**publication)
        item = make_item(settlement, program=make_program(aliases=["別名"]))
        make_settlement_figure(item)
        make_funding(item)
        make_cost(item=item)
        make_lineage(item.program)
        make_policy(settlement, efforts=["取組"])

    def counts(self):
        models = [
            *(Settlement, SettlementItem, SettlementFigure, FundingSource, InitiativeCost),
            *(PriorityPolicy, PriorityEffort, Program, ProgramAlias, ProgramLineage),
        ]
        return {model.objects.published().count() for model in models}

    def test_a_published_settlement_shows_with_all_its_parts(self):
        self.parts()
        assert self.counts() == {1}

    @pytest.mark.parametrize("status", [Status.DRAFT, Status.IN_REVIEW, Status.WITHDRAWN])
    def test_any_other_state_hides_all_of_it(self, status):
        self.parts(status=status)
        assert self.counts() == {0}

    def test_it_shows_within_its_period_alone(self):
        now = timezone.now()
        for publication, shown in [
            ({"publish_from": now - HOUR}, 1),
            ({"publish_from": now + HOUR}, 0),
            ({"publish_until": now + HOUR}, 1),
            ({"publish_until": now - HOUR}, 0),
            ({"publish_from": now - HOUR, "publish_until": now + HOUR}, 1),
        ]:
            Settlement.objects.all().delete()
            settlement = make_settlement(**publication)
            assert Settlement.objects.published().count() == shown, publication
            assert settlement.is_published() == bool(shown), publication

    @pytest.mark.parametrize("hidden", ["initiative", "report", "plan"])
    def test_a_cost_needs_both_its_sides_public(self, hidden):
        cost = make_cost()
        initiative = cost.initiative
        record = {
            "initiative": initiative,
            "report": initiative.report,
            "plan": initiative.pillar.plan,
        }[hidden]
        record.status = Status.DRAFT
        record.save()
        assert not InitiativeCost.objects.published().exists()

    def test_a_program_shows_once_a_public_item_names_it(self):
        program = make_program()
        assert not Program.objects.published().exists()
        make_item(make_settlement(status=Status.DRAFT), program=program)
        assert not Program.objects.published().exists()
        make_item(program=program)
        assert Program.objects.published().get() == program


class TestTotals:
    def test_the_topmost_stated_amounts_are_summed(self):
        settlement = make_settlement()
        make_item(settlement, "1")
        make_item(settlement, "1.1", amount_yen=100)
        make_item(settlement, "1.1.1", amount_yen=60)
        make_item(settlement, "1.10", amount_yen=30)
        make_item(settlement, "2", amount_yen=7)
        make_item(settlement, "2.1", amount_yen=7)
        make_item(make_settlement(), "1", amount_yen=999)
        found = Settlement.objects.with_totals().get(pk=settlement.pk)
        assert (found.stated_amount_yen, found.item_count) == (137, 6)
        assert [item.code for item in settlement.items.topmost_with_amount()] == [
            "1.1",
            "1.10",
            "2",
        ]

    def test_the_sum_leaps_over_all_below_an_amount_and_over_nothing_else(self):
        settlement = make_settlement()
        deepest = "2.9999.9999.9999.9999.9999.9999.9999"
        for code in ("1", "1.1", "1.2.1", "1.10", "2", deepest, "3", "10.1", "9999"):
            make_item(settlement, code, amount_yen=1)
        settlement.items.filter(code__in=["1", "3"]).update(amount_yen=None)
        topmost = settlement.items.topmost_with_amount()
        for number, item in enumerate(topmost):
            settlement.items.filter(pk=item.pk).update(amount_yen=10**number)
        assert [item.code for item in topmost] == ["1.1", "1.2.1", "1.10", "2", "10.1", "9999"]
        assert Settlement.objects.with_totals().get().stated_amount_yen == 111_111

    def test_settlements_are_sorted_and_counted_by_their_sums(self):
        few, many = make_settlement(), make_settlement()
        make_item(few, amount_yen=1)
        make_item(many, amount_yen=2)
        totals = Settlement.objects.with_totals()
        assert list(totals.order_by("-stated_amount_yen")) == [many, few]
        assert totals.filter(stated_amount_yen__gt=1).count() == 1

    def test_an_amount_below_two_silent_levels_is_topmost(self):
        settlement = make_settlement()
        make_item(settlement, "1.1.1", amount_yen=5)
        assert Settlement.objects.with_totals().get().stated_amount_yen == 5

    def test_without_any_amount_the_sum_is_not_zero_but_unknown(self):
        settlement = make_settlement()
        make_item(settlement)
        make_settlement()
        silent, empty = Settlement.objects.with_totals().order_by("pk")
        assert (silent.stated_amount_yen, silent.item_count) == (None, 1)
        assert (empty.stated_amount_yen, empty.item_count) == (None, 0)

    def test_a_stated_zero_counts_as_stated(self):
        make_item(amount_yen=0)
        assert Settlement.objects.with_totals().get().stated_amount_yen == 0


class TestNarrowing:
    def test_items_by_level(self):
        settlement = make_settlement()
        make_item(settlement, "1.2.3.4.5.6.7.8")
        assert [item.code for item in settlement.items.at_level(1)] == ["1"]
        assert [item.code for item in settlement.items.at_level(4)] == ["1.2.3.4"]
        assert [item.level for item in settlement.items.with_level()] == [1, 2, 3, 4, 5, 6, 7, 8]

    def test_by_year_and_department(self):
        department = make_department()
        early = make_settlement(fiscal_year=2019, department=department)
        make_settlement(fiscal_year=2020, department=department)
        item = make_item(early)
        make_item(make_settlement(fiscal_year=2019))
        assert Settlement.objects.in_fiscal_year(2019).for_department(department).get() == early
        assert SettlementItem.objects.in_fiscal_year(2019).for_department(department).get() == item


def test_natural_keys_lead_back_to_their_records():
    program = make_program(aliases=["別名"])
    item = make_item(code="1.2", program=program)
    figure = make_settlement_figure(item, group="甲", label="乙", measure="丙", period="丁")
    policy = make_policy(item.settlement, efforts=["主な取組"])
    department = item.settlement.department.slug
    assert item.natural_key() == (2020, department, "1.2")
    assert figure.natural_key() == (2020, department, "1.2", "甲", "乙", "丙", "丁")
    for record in [
        *(item.settlement, item, figure, program, policy, policy.efforts.get()),
        *(make_funding(item), make_lineage(program), make_cost(item=item), program.aliases.get()),
    ]:
        assert type(record).objects.get_by_natural_key(*record.natural_key()) == record


class TestFormerSlugs:
    def test_a_renamed_record_is_known_by_its_former_slug(self):
        department = make_department(slug="old")
        department.slug = "new"
        department.save()
        former = FormerSlug.objects.get()
        assert (former.model, former.slug, former.object_id) == (
            *("portal.department", "old"),
            department.pk,
        )

    def test_a_slug_that_is_taken_again_is_no_former_one(self):
        department = make_department(slug="old")
        for slug in ["new", "old"]:
            department.slug = slug
            department.save()
        assert [former.slug for former in FormerSlug.objects.all()] == ["new"]

    def test_the_last_record_that_gave_a_slug_up_owns_it(self):
        for _ in range(2):
            department = make_department(slug="old")
            department.slug = f"new-{department.pk}"
            department.save()
        assert FormerSlug.objects.get(slug="old").object_id == department.pk

    def test_a_new_record_leaves_no_trace(self):
        make_department(slug="new")
        assert not FormerSlug.objects.exists()

    @pytest.mark.parametrize("slug", ["", "A", "a_b", "-a", "a-", "a--b", "漢字", "a\n", "a b"])
    def test_what_is_no_slug_is_said(self, slug):
        with pytest.raises(ValidationError) as caught:
            Department(slug=slug, name="架空部").full_clean()
        assert "slug" in caught.value.message_dict
