"""A whole record as data: taken, put back, copied, kept."""

import pytest

from budgets.models import Settlement, SettlementFigure, SettlementItem
from initiatives.models import Initiative, InitiativeFigure
from portal import versions
from portal.differences import compare
from portal.models import GlossaryTerm, SearchEntry, Version
from portal.publishing import Status
from tests import builders

pytestmark = pytest.mark.django_db


def make_tree():
    """Make a settlement with every kind of part, each joined to others."""
    settlement = builders.make_settlement(introduction="架空の概要")
    item = builders.make_item(settlement, "1.2.3", amount_yen=4_016_000)
    whole = builders.make_settlement_figure(item, label="全体", value=10)
    builders.make_settlement_figure(item, label="部分", value=3, part_of=whole)
    builders.make_funding(item)
    builders.make_policy(settlement, efforts=["架空の主な取組"])
    builders.make_cost(builders.make_initiative(), item)
    return settlement, item


def renamed(content, model, **fields):
    """Return a content whose rows of a model have other values."""
    label = model._meta.label_lower
    return content | {label: [row | fields for row in content[label]]}


class TestTaking:
    def test_a_content_holds_every_part_and_no_state(self):
        settlement, _item = make_tree()
        content = versions.take(settlement)
        counts = {label: len(rows) for label, rows in content.items()}
        assert counts == {
            "budgets.settlement": 1,
            "budgets.prioritypolicy": 1,
            "budgets.settlementitem": 3,
            "budgets.settlementfigure": 2,
            "budgets.fundingsource": 1,
            "budgets.initiativecost": 1,
            "budgets.priorityeffort": 1,
        }
        assert "status" not in content["budgets.settlement"][0]
        assert content["budgets.settlementitem"][-1]["amount_yen"] == 4_016_000

    def test_links_to_many_records_are_content(self):
        department, place = builders.make_department(), builders.make_place()
        initiative = builders.make_initiative(departments=[department], places=[place])
        row = versions.take(initiative)["initiatives.initiative"][0]
        assert row["departments"] == [department.pk]
        assert row["places"] == [place.pk]

    def test_the_state_of_a_part_is_content(self):
        value = builders.make_indicator_value(status=Status.DRAFT)
        content = versions.take(value.indicator)
        assert content["initiatives.indicatorvalue"][0]["status"] == "draft"

    @pytest.mark.parametrize("size", [1, 8])
    def test_the_queries_do_not_grow_with_the_rows(self, size, django_assert_num_queries):
        settlement = builders.make_settlement()
        for number in range(1, size + 1):
            builders.make_settlement_figure(builders.make_item(settlement, str(number)))
        with django_assert_num_queries(7):
            versions.take(settlement)


class TestPutting:
    def test_putting_back_what_was_taken_changes_nothing(self):
        settlement, _ = make_tree()
        content = versions.take(settlement)
        versions.put(settlement, content)
        assert versions.take(settlement) == content

    def test_everything_that_was_changed_added_or_deleted_is_as_before(self):
        settlement, item = make_tree()
        content = versions.take(settlement)
        item.figures.all().delete()
        SettlementItem.objects.filter(pk=item.pk).update(name="書き換え", amount_yen=None)
        builders.make_settlement_figure(item, label="余分")
        builders.make_item(settlement, "2")
        settlement.priority_policies.all().delete()
        Settlement.objects.filter(pk=settlement.pk).update(introduction="")
        versions.put(Settlement.objects.get(), content)
        assert versions.take(settlement) == content

    def test_a_deleted_branch_comes_back_under_its_numbers(self):
        settlement, item = make_tree()
        content = versions.take(settlement)
        settlement.items.get(code="1").delete()
        assert SettlementFigure.objects.count() == 0
        versions.put(settlement, content)
        assert versions.take(settlement) == content
        assert settlement.items.get(code="1.2.3").pk == item.pk

    def test_unique_codes_can_change_places(self):
        settlement = builders.make_settlement()
        first = builders.make_item(settlement, "1", name="甲")
        second = builders.make_item(settlement, "2", name="乙")
        content = versions.take(settlement)
        SettlementItem.objects.filter(pk=first.pk).update(code="9", code_order="0009")
        second.code = "1"
        second.save()
        first.refresh_from_db()
        first.code = "2"
        first.save()
        versions.put(settlement, content)
        assert list(settlement.items.values_list("code", "name", "pk")) == [
            ("1", "甲", first.pk),
            ("2", "乙", second.pk),
        ]

    def test_figures_funding_and_policies_can_change_places(self):
        settlement = builders.make_settlement()
        item = builders.make_item(settlement, "1")
        one = builders.make_settlement_figure(item, label="甲", value=1)
        two = builders.make_settlement_figure(item, label="乙", value=2, part_of=one)
        first = builders.make_policy(settlement, number=1, name="第一", efforts=["い"])
        builders.make_policy(settlement, number=2, name="第二", efforts=["ろ"])
        builders.make_funding(item, kind="national", amount_yen=1)
        builders.make_funding(item, kind="general", amount_yen=2)
        content = versions.take(settlement)
        swapped = {
            "budgets.settlementfigure": {"甲": "乙", "乙": "甲"},
            "budgets.prioritypolicy": {1: 2, 2: 1},
            "budgets.fundingsource": {"national": "general", "general": "national"},
        }
        keys = {
            "budgets.settlementfigure": "label",
            "budgets.prioritypolicy": "number",
            "budgets.fundingsource": "kind",
        }
        other = content | {
            label: [row | {keys[label]: swapped[label][row[keys[label]]]} for row in content[label]]
            for label in swapped
        }
        versions.put(settlement, other)
        assert versions.take(settlement) == other
        two.refresh_from_db()
        assert (two.label, two.part_of_id) == ("甲", one.pk)
        first.refresh_from_db()
        assert (first.number, [effort.name for effort in first.efforts.all()]) == (2, ["い"])
        versions.put(settlement, content)
        assert versions.take(settlement) == content

    def test_the_state_of_the_record_stays(self):
        initiative = builders.make_initiative(status=Status.DRAFT)
        content = versions.take(initiative)
        initiative.status = Status.PUBLISHED
        initiative.save()
        versions.put(initiative, content)
        assert Initiative.objects.get().status == Status.PUBLISHED

    def test_a_needed_record_that_is_gone_is_named(self):
        settlement, item = make_tree()
        content = versions.take(settlement)
        initiative = item.costs.get().initiative
        item.costs.all().delete()
        initiative.delete()
        with pytest.raises(versions.ContentError, match=r"取組（番号.*）がもうない"):
            versions.put(settlement, content)
        assert settlement.items.count() == 3

    def test_a_relation_that_may_be_blank_is_left_out_where_its_target_is_gone(self):
        program = builders.make_program()
        item = builders.make_item(builders.make_settlement(), "1", program=program)
        content = versions.take(item.settlement)
        item.program = None
        item.save()
        program.delete()
        versions.put(item.settlement, content)
        item.refresh_from_db()
        assert item.program is None

    def test_the_search_follows(self):
        settlement, item = make_tree()
        content = versions.take(settlement)
        versions.put(settlement, renamed(content, SettlementItem, name="探せる名称"))
        entry = SearchEntry.objects.get(kind="settlement_item", object_id=item.pk)
        assert entry.title == "探せる名称"
        versions.put(settlement, renamed(content, SettlementItem, name="戻した名称"))
        entry.refresh_from_db()
        assert entry.title == "戻した名称"


class TestCopying:
    def test_a_copy_has_all_parts_under_numbers_of_its_own(self):
        settlement, item = make_tree()
        copy, numbers = versions.copy(
            versions.take(settlement), Settlement, status=Status.DRAFT, revises=settlement
        )
        copied = copy.items.get(code="1.2.3")
        assert copied.pk == numbers["budgets.settlementitem"][item.pk] != item.pk
        assert copied.parent == copy.items.get(code="1.2")
        part, whole = copied.figures.get(label="部分"), copied.figures.get(label="全体")
        assert part.part_of == whole
        assert copied.costs.count() == copied.funding_sources.count() == 1
        assert copy.priority_policies.get().efforts.get().name == "架空の主な取組"
        assert versions.take(settlement)["budgets.settlementitem"][-1]["pk"] == item.pk


class TestReading:
    def test_a_renamed_whole_is_no_change_of_its_parts(self):
        settlement, _ = make_tree()
        old = versions.take(settlement)
        SettlementItem.objects.filter(code="1.2").update(name="新しい名称")
        [change] = compare(Settlement, old, versions.take(settlement))
        assert (change.where, change.cells[0].new) == ("決算項目 1.2 新しい名称", "新しい名称")

    def test_a_part_that_moved_to_another_whole_is_told_by_their_names(self):
        settlement, item = make_tree()
        old = versions.take(settlement)
        item.figures.filter(label="部分").update(part_of=None)
        [change] = compare(Settlement, old, versions.take(settlement))
        assert change.cells[0][:3] == ("何の内訳か", "全体", "")


class TestKeeping:
    def test_a_save_without_a_change_keeps_no_version(self):
        term = builders.make_term()
        assert versions.save_version(term, "作成").number == 1
        assert versions.save_version(term, "変更") is None
        term.explanation = "書き換えた説明"
        term.save()
        assert versions.save_version(term, "変更").number == 2
        assert Version.objects.about(term).count() == 2

    def test_the_first_change_of_an_old_record_keeps_what_was_before(self):
        term = builders.make_term(explanation="前の説明")
        versions.begin_change(term)
        version = Version.objects.about(term).get()
        assert version.content["portal.glossaryterm"][0]["explanation"] == "前の説明"
        assert version.action == "これまでの内容"

    def test_a_deleted_record_comes_back_with_its_parts(self, admin_user):
        program = builders.make_program(aliases=["別名"])
        content = versions.take(program)
        version = versions.save_version(program, "削除", admin_user, is_deletion=True)
        number = program.pk
        program.delete()
        restored = versions.restore_deleted(version, admin_user)
        assert restored.pk == number
        assert versions.take(restored) == content
        with pytest.raises(versions.ContentError, match="もう戻されています"):
            versions.restore_deleted(version, admin_user)

    def test_a_deleted_record_whose_place_is_taken_stays_deleted(self, admin_user):
        term = builders.make_term(term="架空語")
        version = versions.save_version(term, "削除", admin_user, is_deletion=True)
        term.delete()
        builders.make_term(term="架空語")
        with pytest.raises(versions.ContentError, match="用語"):
            versions.restore_deleted(version, admin_user)
        assert GlossaryTerm.objects.count() == 1


def test_every_model_with_parts_names_them_all():
    """A table that belongs to a record and is no part of it would be lost with a version."""
    initiative_parts = {part for part, _ in versions.parts_of(Initiative)}
    assert InitiativeFigure in initiative_parts
    for root in (Settlement, Initiative):
        parts = {part for part, _ in versions.parts_of(root)}
        owned = {
            relation.related_model
            for model in [root, *parts]
            for relation in model._meta.related_objects
            if relation.one_to_many
            and relation.on_delete.__name__ == "CASCADE"
            and versions.is_versioned(relation.related_model)
        }
        # A cost belongs to the item; the initiative is only named by it.
        assert {model.__name__ for model in owned - parts - {root}} <= {"InitiativeCost"}
