"""The edition: one number that every change of content raises, whoever writes and how."""

from contextlib import nullcontext
from datetime import datetime, timedelta
from unittest.mock import patch

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from initiatives.models import Initiative
from portal.edition import find_edition, fold_edition, holding_edition, raise_edition
from portal.edition_triggers import NOT_CONTENT, list_models, make_triggers
from portal.models import (
    AuditEntry,
    EditionMoment,
    EditionNumber,
    FormerSlug,
    GlossaryTerm,
    SearchKind,
)
from portal.searchable import rebuild
from tests.builders import make_document, make_initiative, make_settlement, make_term
from tests.public_pages import make_world
from tests.triggers import drop_trigger

pytestmark = pytest.mark.django_db


@pytest.fixture
def at(monkeypatch):
    """Return a function that sets the clock."""

    def set_clock(moment):
        monkeypatch.setattr("django.utils.timezone.now", lambda: moment)

    return set_clock


def tag() -> str:
    return find_edition().tag


def count_states_of_the_edition() -> int:
    """Return how many states of rows of the edition this transaction of PostgreSQL has written."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT n_tup_ins + n_tup_upd FROM pg_stat_xact_user_tables "
            "WHERE relname = 'portal_editionnumber'"
        )
        return cursor.fetchone()[0]


class TestChanges:
    def test_each_kind_of_content_raises_it_by_update_and_delete(self):
        world = make_world()
        make_document().save()
        (department,) = world["departments"]
        department.successors.add(make_world()["departments"][0])
        FormerSlug.objects.create(model="portal.department", slug="mae", object_id=department.pk)
        missing, silent = set(), set()
        for model in list_models():
            rows = model._base_manager.order_by("pk")
            if not rows.exists():
                missing.add(model._meta.label_lower)
                continue
            name = next(f.name for f in model._meta.concrete_fields if not f.primary_key)
            before = tag()
            rows.filter(pk=rows.first().pk).update(**{name: rows.values_list(name, flat=True)[0]})
            after = tag()
            with transaction.atomic():
                model._base_manager.filter(pk=rows.first().pk)._raw_delete(rows.db)
                deleted = tag()
                transaction.set_rollback(True)
            if len({before, after, deleted}) < 3 or tag() != after:
                silent.add(model._meta.label_lower)
        assert silent == set()
        # Made by steps of staff alone; the triggers of all tables are compared below.
        assert missing <= {"portal.version", "portal.transition", "budgets.formercode"}

    def test_every_table_has_its_triggers(self):
        query = {
            "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
            "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
        }[connection.vendor]
        with connection.cursor() as cursor:
            cursor.execute(query)
            found = {name for (name,) in cursor.fetchall()}
        ends = ("_insert", "_update", "_delete") if connection.vendor == "sqlite" else ("",)
        wanted = {f"edition_{m._meta.db_table}{end}" for m in list_models() for end in ends}
        assert wanted - found == set()
        assert not any(name.startswith("edition_portal_auditentry") for name in found)

    def test_what_is_no_content_is_known(self):
        known = {model._meta.label_lower for model in list_models()}
        assert not known & NOT_CONTENT
        assert "budgets.settlementitem" in known
        assert "initiatives.initiative_departments" in known

    def test_rows_that_are_added_at_once_or_by_hand_raise_it(self):
        tags = [tag()]
        GlossaryTerm.objects.bulk_create([GlossaryTerm(term="架空", reading="かくう")])
        tags.append(tag())
        with connection.cursor() as cursor:
            cursor.execute("UPDATE portal_glossaryterm SET explanation = %s", ["架空の説明"])
        tags.append(tag())
        raise_edition()
        tags.append(tag())
        assert len(set(tags)) == 4

    def test_many_writes_that_are_held_together_raise_it_once_at_their_end(self):
        before = tag()
        with transaction.atomic(), holding_edition():
            make_term()
            with holding_edition():
                make_term()
            within = tag()
        after = tag()
        assert after != before
        assert within == before
        make_term()
        assert tag() != after
        with pytest.raises(ValueError), transaction.atomic(), holding_edition():
            make_term()
            raise ValueError
        last = tag()
        make_term()
        assert tag() != last

    @pytest.mark.skipif(connection.vendor != "postgresql", reason="needs PostgreSQL")
    def test_many_statements_that_are_held_leave_one_state_of_their_row(self):
        """Each state that a transaction leaves behind is read again for each statement after it."""
        written = [count_states_of_the_edition()]
        for hold in (nullcontext, holding_edition):
            with transaction.atomic(), hold():
                for _ in range(20):
                    make_term()
            written.append(count_states_of_the_edition())
        before, free, held = written
        assert free - before >= 20
        assert held - free == 1

    def test_the_search_index_of_everything_is_written_under_one_edition(self):
        terms = [GlossaryTerm(term=f"架空{number}", reading="かくう") for number in range(20)]
        GlossaryTerm.objects.bulk_create(terms)
        before = tag()
        with patch("portal.edition.raise_edition", wraps=raise_edition) as raised:
            assert rebuild(SearchKind.GLOSSARY_TERM) == 20
        assert raised.call_count == 1
        assert tag() != before

    def test_what_is_no_content_leaves_it(self):
        make_term()
        before = tag()
        AuditEntry.objects.create(action="login", username="架空")
        with CaptureQueriesContext(connection) as queries:
            assert tag() == before
        assert len(queries) == 1

    def test_it_is_the_same_whether_queries_are_watched_or_not(self):
        now = timezone.now()
        make_document(publish_from=now - timedelta(days=1), publish_until=now + timedelta(days=1))
        edition = find_edition()
        with CaptureQueriesContext(connection):
            assert find_edition() == edition
        assert edition.changed_at > edition.began_at == now - timedelta(days=1)

    @pytest.mark.skipif(connection.vendor != "postgresql", reason="needs PostgreSQL")
    def test_postgresql_is_asked_for_all_of_it_after_a_change_or_a_moment_alone(self, monkeypatch):
        document = make_document(publish_until=timezone.now() + timedelta(hours=1))
        edition = find_edition()
        monkeypatch.setattr("portal.edition.QUERY", "SELECT * FROM gone")
        assert find_edition() == edition
        with pytest.raises(DatabaseError), transaction.atomic():
            make_term()
            find_edition()
        assert find_edition() == edition
        monkeypatch.setattr("django.utils.timezone.now", lambda: document.publish_until)
        with pytest.raises(DatabaseError), transaction.atomic():
            find_edition()

    @pytest.mark.parametrize("is_watched", [False, True])
    def test_a_database_without_its_tables_is_an_error_of_django(self, is_watched):
        watching = CaptureQueriesContext(connection) if is_watched else nullcontext()
        with pytest.raises(DatabaseError), transaction.atomic(), watching:
            with connection.cursor() as cursor:
                cursor.execute("ALTER TABLE portal_editionmoment RENAME TO gone")
            find_edition()

    def test_a_migration_that_made_a_table_anew_gets_its_triggers_back(self):
        if connection.vendor == "sqlite":
            names = ["edition_portal_glossaryterm_update"]
            on = ""
        else:
            names, on = ["edition_portal_glossaryterm"], " ON portal_glossaryterm"
        with connection.cursor() as cursor:
            for name in names:
                cursor.execute(f"DROP TRIGGER {name}{on}")
        term = make_term()
        make_triggers()
        make_triggers()
        before = tag()
        GlossaryTerm.objects.filter(pk=term.pk).update(explanation="別の説明")
        assert tag() != before

    def test_moments_from_before_the_triggers_are_noted(self):
        document = make_document(publish_until=timezone.now() + timedelta(hours=1))
        EditionMoment.objects.all().delete()
        drop_trigger(document._meta.db_table, "_publish_until", "insert")
        assert find_edition().next_due_at is None
        make_triggers()
        assert find_edition().next_due_at == document.publish_until

    def test_folding_keeps_the_edition(self, monkeypatch):
        monkeypatch.setattr("portal.edition.ROWS_KEPT", 0)
        for days in (3, 2, 1, -1):
            make_document(publish_from=timezone.now() - timedelta(days=days))
        edition = find_edition()
        fold_edition()
        assert find_edition().tag == edition.tag
        assert find_edition().next_due_at == edition.next_due_at
        assert EditionMoment.objects.count() == 2
        assert EditionNumber.objects.count() == 1


class TestMoments:
    def test_a_publication_begins_and_ends_to_the_microsecond(self, at):
        start = timezone.now().replace(hour=3, minute=0, second=0, microsecond=0)
        begin, end = start + timedelta(hours=1), start + timedelta(hours=2)
        make_initiative(publish_from=begin, publish_until=end)
        told = {}
        for moment in (begin, end):
            for after in (-1, 0, 1):
                at(moment + timedelta(microseconds=after))
                edition = find_edition()
                told[moment, after] = edition.tag, Initiative.objects.published().count()
        assert told[begin, -1][1] == 0 and told[begin, 0][1] == 1 and told[end, 0][1] == 0
        assert told[begin, -1] != told[begin, 0] == told[begin, 1] == told[end, -1]
        assert told[end, -1] != told[end, 0] == told[end, 1]

    def test_the_next_moment_and_the_last_one_are_told(self, at):
        now = timezone.now()
        settlement = make_settlement(publish_from=now + timedelta(hours=1))
        assert find_edition().next_due_at == settlement.publish_from
        at(settlement.publish_from)
        edition = find_edition()
        assert (edition.began_at, edition.next_due_at) == (settlement.publish_from, None)
        assert edition.changed_at == settlement.publish_from

    def test_a_moment_that_is_moved_counts_anew(self):
        now = timezone.now()
        document = make_document(publish_until=now + timedelta(hours=2))
        type(document).objects.filter(pk=document.pk).update(publish_until=now + timedelta(hours=1))
        assert find_edition().next_due_at == now + timedelta(hours=1)

    def test_a_new_day_is_a_new_edition(self, at):
        zone = timezone.get_current_timezone()
        tags = set()
        for day, hour in [(22, 1), (22, 23), (23, 0)]:
            at(datetime(2026, 11, day, hour, tzinfo=zone))
            tags.add(tag())
        assert len(tags) == 2
