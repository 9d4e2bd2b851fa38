"""An answer's version is told by one query, and is another after every public change."""

import datetime

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import CharField, ProtectedError, TextField
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal import api, api_conditions, versions
from portal.api_conditions import Deprecation
from portal.publishing import Publication
from tests.admin_pages import change_url, save
from tests.api_world import LISTS, make_world
from tests.builders import make_change_note, make_department, make_document, make_term
from tests.public_pages import make_world as make_whole_world

pytestmark = pytest.mark.django_db


def etag_of(client, path="pillars"):
    return client.get(f"/api/v1/{path}")["ETag"]


def name_of_text(model) -> str:
    """Return a field that holds any text, or else a number."""
    fields = [field for field in versions.fields_of(model) if not field.choices]
    texts = [f.name for f in fields if isinstance(f, TextField | CharField) and not f.unique]
    return (texts or [f.name for f in fields if f.name.startswith("amount")])[0]


class TestNotModified:
    @pytest.mark.parametrize("path", [*LISTS, "pillars/pillar-a", "search?q=架空"])
    def test_one_query_tells_that_nothing_changed(self, client, path):
        make_world("a")
        first = client.get(f"/api/v1/{path}")
        assert "Accept-Encoding" in first["Vary"]
        for headers in (
            {"If-None-Match": first["ETag"]},
            {"If-Modified-Since": first["Last-Modified"]},
        ):
            with CaptureQueriesContext(connection) as queries:
                again = client.get(f"/api/v1/{path}", headers=headers)
            assert (again.status_code, again.content) == (304, b"")
            assert again["ETag"] == first["ETag"]
            assert len(queries) == 1

    def test_every_representation_has_a_tag_of_its_own(self, client):
        make_world("a")
        queries = ["", "?format=csv", "?format=jsonl", "?fields=slug", "?limit=1", "?sort=slug"]
        tags = {etag_of(client, f"pillars{query}") for query in queries}
        assert len(tags) == len(queries)
        other = client.get("/api/v1/pillars", headers={"Host": "localhost"})
        assert other["ETag"] not in tags

    def test_an_answer_that_is_no_success_has_no_such_tag(self, client):
        known = etag_of(client)
        for path in ("pillars/nai", "pillars?limit=x"):
            answer = client.get(f"/api/v1/{path}", headers={"If-None-Match": known})
            assert answer.status_code in (404, 422)
            assert "Last-Modified" not in answer

    def test_a_version_that_must_be_there_and_is_not_is_a_problem(self, client):
        answer = client.get("/api/v1/pillars", headers={"If-Match": '"x"'})
        assert answer.status_code == 412
        assert answer.json()["detail"].startswith("If-Match")


class TestChanges:
    @pytest.fixture(autouse=True)
    def _world(self, db):
        make_whole_world()

    @pytest.mark.parametrize("is_deleted", [False, True])
    def test_every_kind_of_row_that_changes_or_goes_is_another_version(self, client, is_deleted):
        """As the admin and the imports leave it: with a version of the whole record."""
        changed = 0
        for model in [model for model in apps.get_models() if versions.is_versioned(model)]:
            record = model._base_manager.order_by("pk").first()
            if record is None:
                continue
            before, root = etag_of(client), versions.root_of(record)
            row = model._base_manager.filter(pk=record.pk)
            if not is_deleted:
                row.update(**{name_of_text(model): "7"})
                versions.save_version(root, "変更")
            elif root == record:
                continue
            else:
                try:
                    record.delete()
                except ProtectedError:
                    continue
                versions.save_version(root, "変更")
            assert etag_of(client) != before, model
            changed += 1
        assert changed > 5

    def test_every_publication_that_is_saved_is_another_version(self, client):
        for model in apps.get_models():
            if issubclass(model, Publication):
                before = etag_of(client)
                model._base_manager.first().save()
                assert etag_of(client) != before, model

    def test_a_new_department_term_or_change_note_is_another_version(self, client):
        for make in (make_department, make_term, make_document, make_change_note):
            before = etag_of(client)
            make()
            assert etag_of(client) != before, make

    def test_a_publication_that_begins_or_ends_is_another_version(self, client, monkeypatch):
        now = timezone.now()
        hour = datetime.timedelta(hours=1)
        make_document(publish_from=now + hour, publish_until=now + 3 * hour)
        tags = []
        for passed in (0, 2, 4):
            moment = now + passed * hour
            monkeypatch.setattr(timezone, "now", lambda moment=moment: moment)
            tags.append((etag_of(client), client.get("/api/v1/documents").json()["count"]))
        assert len({tag for tag, _ in tags}) == 3
        assert [count for _, count in tags] == [1, 2, 1]


@pytest.mark.parametrize(
    ("make", "field"), [(make_term, "explanation"), (make_change_note, "text")]
)
def test_what_staff_change_or_delete_is_another_version(client, admin_client, make, field):
    record = make()
    before = etag_of(client)
    assert save(admin_client, admin_client.get(change_url(record)), {field: "別の文"}) == []
    changed = etag_of(client)
    address = change_url(record).replace("/change/", "/delete/")
    assert admin_client.post(address, {"post": "yes"}).status_code == 302
    assert len({before, changed, etag_of(client)}) == 3


class TestDeprecation:
    def test_an_operation_that_will_end_says_so(self, client, monkeypatch):
        ending = Deprecation(since=datetime.date(2027, 1, 1), sunset=datetime.date(2028, 1, 1))
        monkeypatch.setitem(api_conditions.DEPRECATED, "list_pillars", ending)
        # The schema is made once a process; here it is made anew.
        monkeypatch.setattr(api, "_make_schema", api._make_schema.__wrapped__)
        answer = client.get("/api/v1/pillars?limit=1")
        assert answer["Deprecation"] == "@1798761600"
        assert answer["Sunset"] == "Sat, 01 Jan 2028 00:00:00 GMT"
        assert answer["Link"] == '<http://testserver/api/v1/docs>; rel="deprecation"'
        paths = client.get("/api/v1/openapi.json").json()["paths"]
        assert paths["/api/v1/pillars"]["get"]["deprecated"] is True
        assert "deprecated" not in paths["/api/v1/reports"]["get"]
        assert "Sunset" not in client.get("/api/v1/reports")


class TestCounts:
    def test_the_rows_are_counted_once_an_edition(self, client):
        make_world("a")

        def ask(query):
            with CaptureQueriesContext(connection) as queries:
                count = client.get(f"/api/v1/settlement-items?limit=1{query}").json()["count"]
            return count, sum("COUNT(" in query["sql"] for query in queries)

        count, counted = ask("")
        assert counted == 1
        assert ask("&offset=1") == (count, 0)
        assert ask("&fiscal_year=1990") == (
            0,
            0,
        )  # no settlement, so that there is nothing to count
        assert ask("&max_amount_yen=0") == (0, 1)
        make_world("b")
        more, counted = ask("")
        assert (more > count, counted) == (True, 1)
