"""A real browser before the real content: one Chromium, one server, one load of the fixtures.

All tests of this folder share them, since each takes seconds to make. The content goes when the
last test is done; no test here may change it.
"""

import os
import shutil

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test.utils import modify_settings
from playwright.sync_api import sync_playwright
from pytest_django.live_server_helper import LiveServer

from portal.management.commands.load_first_content import freeze_missing

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_chromium() -> str:
    """Return where a Chromium is; without one skip the test, or fail it if REQUIRE_BROWSER=1."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        message = f"no Chromium found (looked for {', '.join(NAMES)})"
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(message)
        pytest.skip(message)
    return path


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.is_relative_to(os.path.dirname(__file__)):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="package")
def db(django_db_setup, django_db_blocker):
    """Put the content of fixtures/ into the test database.

    In this folder it stands for pytest-django's `db`, whose name tells that a database is needed.
    """
    with django_db_blocker.unblock():
        call_command("loaddata", *sorted(settings.FIXTURE_DIRS[0].glob("*.json")), verbosity=0)
        freeze_missing()
        yield
        call_command("flush", interactive=False, verbosity=0)


@pytest.fixture(scope="package")
def site(db):
    """Return the address of a server with the content."""
    with modify_settings(ALLOWED_HOSTS={"append": "127.0.0.1"}):
        server = LiveServer("127.0.0.1")
        yield server.url
        server.stop()


@pytest.fixture(scope="package")
def browser(site):
    """Return a Chromium; without one the tests are skipped, or fail if REQUIRE_BROWSER=1.

    It starts after `site` and stops before it: Playwright keeps an event loop in this thread,
    and beside a running loop Django refuses the database to whom it takes for async code.
    """
    path = find_chromium()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(params=["light", "dark"])
def page(browser, site, request):
    """Return a page of the browser, once in the light and once in the dark scheme.

    `page.problems` collects messages in the console and requests to another host.
    """
    context = browser.new_context(
        base_url=site, color_scheme=request.param, viewport={"width": 1280, "height": 900}
    )
    page = context.new_page()
    page.problems = problems = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("requestfailed", lambda asked: problems.append(f"failed: {asked.url}"))
    page.on(
        "request",
        lambda asked: asked.url.startswith((site, "data:")) or problems.append(asked.url),
    )
    yield page
    context.close()
