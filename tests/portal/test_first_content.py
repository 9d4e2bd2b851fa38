import io
import json
from collections import Counter

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, models
from django.test import TestCase

from budgets.models import Settlement, SettlementItem
from initiatives.models import Initiative, ResultsReport
from portal import versions
from portal.models import ChangeNote, Department, SearchEntry, Version
from tests.builders import make_department

VERSIONED = [model for model in apps.get_models() if versions.is_versioned(model)]


def load() -> str:
    """Run the command and return what it says."""
    said = io.StringIO()
    call_command("load_first_content", stdout=said)
    return said.getvalue()


class TestLoaded(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.said = load()

    def test_an_empty_database_gets_every_record_of_the_fixtures(self):
        assert self.said == "最初の内容を入れました。\n"
        counts = Counter(
            record["model"]
            for path in (settings.BASE_DIR / "fixtures").glob("*.json")
            for record in json.loads(path.read_text())
        )
        assert counts["budgets.settlementitem"] == 77
        assert counts == {label: apps.get_model(label).objects.count() for label in counts}

    def test_both_papers_are_public_at_once_and_their_publication_is_noted(self):
        notes = ChangeNote.objects.published()
        assert {(note.record, note.text, note.kind) for note in notes} == {
            (Settlement.objects.get(), "最初の公開", "update"),
            (ResultsReport.objects.get(), "最初の公開", "update"),
        }

    def test_every_record_can_be_brought_back_to_its_first_version(self):
        for model in VERSIONED:
            if versions.root_model(model) is not model:
                continue
            for record in model.objects.all():
                # Notes on the first publication come after; they are no part of any record.
                [version] = Version.objects.about(record) if model is not ChangeNote else [None]
                assert version is None or version.content == versions.take(record), record
        initiative = Initiative.objects.filter(places__isnull=False).first()
        [row] = Version.objects.about(initiative).get().content["initiatives.initiative"]
        assert set(row["places"]) == {place.pk for place in initiative.places.all()}

    def test_every_record_obeys_the_rules_that_staff_are_held_to(self):
        # loaddata validates nothing: a fixture could hold what the admin would refuse.
        for model in VERSIONED:
            for record in model.objects.all():
                record.full_clean()

    def test_items_sort_by_number(self):
        codes = list(SettlementItem.objects.values_list("code", flat=True))
        assert codes == sorted(codes, key=lambda code: [int(part) for part in code.split(".")])

    def test_every_item_and_initiative_can_be_searched_for(self):
        entries = Counter(SearchEntry.objects.values_list("kind", flat=True))
        assert entries["settlement_item"] == SettlementItem.objects.count()
        assert entries["initiative"] == Initiative.objects.count()

    def test_a_second_run_changes_nothing_and_keeps_what_staff_edited(self):
        initiative = Initiative.objects.first()
        initiative.title = "職員が直した題名"
        initiative.save()
        SettlementItem.objects.filter(children=None).first().delete()
        before = SettlementItem.objects.count(), ChangeNote.objects.count()
        assert load() == "すでに内容があるので、何も変えませんでした。\n"
        assert Initiative.objects.filter(title="職員が直した題名").count() == 1
        assert (SettlementItem.objects.count(), ChangeNote.objects.count()) == before


@pytest.mark.django_db
def test_a_database_with_a_department_is_left_alone():
    make_department()
    load()
    assert Department.objects.count() == 1
    assert not Initiative.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_load_that_fails_leaves_nothing_behind(monkeypatch):
    def fail(*args, **kwargs):
        raise DatabaseError("disk full")

    monkeypatch.setattr(models.Model, "save", fail)
    with pytest.raises(DatabaseError, match="disk full"):
        load()
    assert not Department.objects.exists()
    assert not Initiative.objects.exists()
