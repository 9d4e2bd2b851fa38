"""What every test stands on: no collected static files, its own media folder, a JSON client."""

import gc
import os

import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from django.test.utils import override_settings
from hypothesis import settings as hypothesis_settings

from portal.edition_triggers import watch
from portal.search_index import hold_indexing

# No test measures time. What lands is judged by the same examples each time; at a desk they vary.
hypothesis_settings.register_profile(
    "portal", deadline=None, derandomize=os.environ.get("CI") == "true"
)
hypothesis_settings.load_profile("portal")


def pytest_collection_finish():
    """Let the garbage collector pass over what is imported, a quarter of a million objects."""
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup():
    """Index what a fixture makes once, at its end, and not with every row of it."""
    with hold_indexing():
        return (yield)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """Let the process know that all changes are counted, which each asks once, with a query."""
    with django_db_blocker.unblock():
        assert watch.look()


@pytest.fixture(autouse=True)
def _no_files_outside_the_test(request, settings, tmp_path):
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    if not {"kept_for_class", "kept_for_module"} & set(request.fixturenames):
        settings.MEDIA_ROOT = tmp_path / "media"
    settings.STATIC_ROOT = tmp_path / "static"  # WhiteNoise looks through it for each client
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # They answer before the page is asked; test_page_cache.py turns them on.
    left_out = ("portal.due_revisions.", "portal.page_cache.")
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if not name.startswith(left_out)]
    # They count all requests of a machine; test_api_limits.py turns them on.
    settings.API_RATE = settings.SEARCH_RATE = "0"
    settings.AXES_ENABLED = False  # counts failures by request; test_entry.py turns it on


def _keep(django_db_setup, django_db_blocker, tmp_path_factory):
    """Let fixtures make content that several tests read; it goes when the last of them is done.

    What a test changes in the database is undone after it, what it changes in an instance is not.
    """
    media = tmp_path_factory.mktemp("media")
    with django_db_blocker.unblock(), override_settings(MEDIA_ROOT=media), transaction.atomic():
        yield
        transaction.set_rollback(True)


kept_for_class = pytest.fixture(scope="class", name="kept_for_class")(_keep)
kept_for_module = pytest.fixture(scope="module", name="kept_for_module")(_keep)


@pytest.fixture
def application(db, monkeypatch):
    """The WSGI application, to be asked within the test's transaction."""
    from portal.wsgi import application

    monkeypatch.setattr("portal.fast_lane.close_old_connections", lambda: None)
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield application
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def get_json(client):
    """Return a function that asks the API for a path and gives back the answer's JSON.

    get_json("initiatives", pillar="dx") -> dict; `expect` is the wanted status.
    """

    def get(path, expect=200, **parameters):
        answer = client.get(f"/api/v1/{path}", parameters)
        assert answer.status_code == expect, (answer.status_code, answer.content.decode())
        is_problem = answer.status_code >= 400
        media_type = "application/problem+json" if is_problem else "application/json"
        assert answer["Content-Type"].startswith(media_type)
        return answer.json()

    return get
