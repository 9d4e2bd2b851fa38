"""What every test stands on: no collected static files, its own media folder, a JSON client."""

import os

import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import settings as hypothesis_settings

# No test measures time. What lands is judged by the same examples each time; at a desk they vary.
hypothesis_settings.register_profile(
    "portal", deadline=None, derandomize=os.environ.get("CI") == "true"
)
hypothesis_settings.load_profile("portal")


@pytest.fixture(autouse=True)
def _no_files_outside_the_test(settings, tmp_path):
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # They answer before the page is asked; test_page_cache.py turns them on.
    left_out = ("portal.due_revisions.", "portal.page_cache.")
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if not name.startswith(left_out)]
    # They count all requests of a machine; test_api_limits.py turns them on.
    settings.API_RATE = settings.SEARCH_RATE = "0"
    settings.AXES_ENABLED = False  # counts failures by request; test_entry.py turns it on


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
