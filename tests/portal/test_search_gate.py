"""What is public is asked once an edition: nothing hidden is found for that, nothing public missed."""

import datetime

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from budgets.models import Settlement, SettlementItem
from initiatives.models import Initiative
from portal.edition import find_edition
from portal.publishing import Status
from portal.search import count_facets, find, suggest
from portal.search_gate import Gate, open_gate
from portal.search_models import first_id
from portal.searchable import SEARCHABLES
from tests.builders import (
    make_department,
    make_document,
    make_initiative,
    make_item,
    make_program,
    make_settlement,
    make_term,
)
from tests.public_pages import make_world

KINDS = [str(kind) for kind in SEARCHABLES]


def titles(query, **narrowing):
    return [hit.title for hit in find(query, **narrowing).results]


def list_asked(ask) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        ask()
    return [each["sql"] for each in captured.captured_queries]


@pytest.mark.django_db(transaction=True)
class TestKept:
    def test_a_second_search_of_an_edition_asks_the_index_alone(self):
        make_item(make_settlement(fiscal_year=2020), name="温泉", program=make_program(name="温泉"))
        make_initiative(title="温泉", departments=[make_department()])
        make_term(term="温泉")
        find("温泉の里")
        first = list_asked(lambda: (find("温泉"), count_facets("温泉")))
        second = list_asked(lambda: (find("温泉"), count_facets("温泉")))

        tables = ("initiatives_initiative", "budgets_settlement ", 'budgets_settlement"')
        assert any(table in sql for sql in first for table in tables)
        assert not any(table in sql for sql in second for table in tables)
        # The edition, what holds the words, and the entries.
        assert len(list_asked(lambda: find("温泉"))) == 3
        assert len(list_asked(lambda: count_facets("温泉"))) == 3

    @pytest.mark.parametrize("query", ["温泉", "温泉 費用"])
    def test_each_change_shows_at_once(self, query):
        settlement = make_settlement(status=Status.DRAFT)
        make_item(settlement, name="温泉の費用")
        make_initiative(title="温泉の取組", summary="費用")
        assert titles(query) == ["温泉の取組"]

        settlement.status = Status.PUBLISHED
        settlement.save()
        assert set(titles(query)) == {"温泉の費用", "温泉の取組"}
        Initiative.objects.update(status=Status.WITHDRAWN)
        assert titles(query) == ["温泉の費用"]
        assert count_facets(query)["kind"][0].value == "settlement_item"
        Settlement.objects.update(status=Status.WITHDRAWN)
        assert titles(query) == []
        assert suggest("温泉宿") == []

    def test_a_publication_begins_and_ends_without_a_write(self, monkeypatch):
        start = timezone.now() + datetime.timedelta(days=1)
        end = start + datetime.timedelta(days=1)
        settlement = make_settlement(publish_from=start, publish_until=end)
        make_item(settlement, name="温泉の費用")
        make_document(title="温泉の資料")

        shown = {None: [], start: ["温泉の費用"], end: []}
        for moment, more in shown.items():
            if moment:
                monkeypatch.setattr("django.utils.timezone.now", lambda moment=moment: moment)
            assert titles("温泉") == [*more, "温泉の資料"]

    def test_what_a_preview_publishes_is_found_within_it_alone(self):
        settlement = make_settlement(status=Status.DRAFT)
        make_item(settlement, name="温泉の費用")
        make_document(title="温泉の資料")
        assert titles("温泉") == ["温泉の資料"]

        with transaction.atomic():
            settlement.status = Status.PUBLISHED
            settlement.save()
            assert titles("温泉") == ["温泉の費用", "温泉の資料"]
            transaction.set_rollback(True)
        assert titles("温泉") == ["温泉の資料"]

    def test_nothing_is_kept_that_was_read_after_a_change(self):
        make_initiative(title="温泉")
        edition = find_edition().tag
        gate = Gate(edition)
        Initiative.objects.update(status=Status.WITHDRAWN)
        assert gate.read("initiative") == {}

        Initiative.objects.update(status=Status.PUBLISHED)
        assert len(Gate(edition).read("initiative")) == 1

    def test_an_entry_that_outlived_its_record_is_not_shown(self):
        item = make_item(name="温泉")
        SettlementItem.objects.filter(pk=item.pk)._raw_delete("default")

        assert titles("温泉") == []
        assert suggest("温泉宿") == []


@pytest.mark.django_db
class TestAgreement:
    @pytest.mark.parametrize(
        "status", sorted(set(Status.values) - {"approved"})
    )  # a revision's alone
    def test_the_gate_lets_through_what_is_published_and_nothing_else(self, status):
        make_world()
        make_world()
        changed = Settlement.objects.earliest("pk")
        Settlement.objects.filter(pk=changed.pk).update(status=status)

        gate = open_gate()
        for kind in KINDS:
            model = SEARCHABLES[kind].model
            known = sorted(model._base_manager.values_list("pk", flat=True))
            public = SEARCHABLES[kind].published().values_list("pk", flat=True)
            picked = gate.pick([first_id(kind) + pk for pk in known])
            assert picked == sorted(first_id(kind) + pk for pk in public), kind
            assert sorted(number for number, _, _ in gate.list_choices(picked)) == picked

    def test_only_the_kinds_that_are_asked_for_are_let_through(self):
        item, document = make_item(), make_document()
        numbers = [
            first_id("settlement_item") + item.pk,
            first_id("document") + document.pk,
        ]
        assert open_gate().pick(numbers, ["document"]) == numbers[1:]
        assert open_gate().pick(numbers) == numbers
