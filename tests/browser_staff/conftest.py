"""A browser before the admin, with made-up content that each test may change."""

import os

import pytest
from django.contrib.auth import get_user_model
from playwright.sync_api import sync_playwright

from portal.models import Membership, Role
from tests import builders
from tests.browser.conftest import ARGUMENTS, find_chromium

PASSWORD = "kakuu-no-aikotoba-1"


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.is_relative_to(os.path.dirname(__file__)):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.django_db(transaction=True))


@pytest.fixture(scope="package")
def chromium():
    """Return a Chromium; without one the tests are skipped, or fail if REQUIRE_BROWSER=1."""
    path = find_chromium()
    # Playwright keeps an event loop in this thread, where Django would refuse the database.
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def department(chromium, db):
    return builders.make_department(name="架空県体験部")


@pytest.fixture
def enter(live_server, chromium, department):
    """Return a function that gives the page of a person who has logged in with a role.

    What the browser complains about, and what it asks of other hosts, fails the test at its end.
    """
    contexts, problems = [], []

    def log_in(username, role, where=department):
        user = get_user_model().objects.create_user(username, password=PASSWORD, is_staff=True)
        over_all = role == Role.ADMINISTRATOR
        Membership.objects.create(user=user, role=role, department=None if over_all else where)
        context = chromium.new_context(base_url=live_server.url, locale="ja-JP")
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: m.type == "error" and problems.append(m.text))
        page.on(
            "request",
            lambda r: r.url.startswith((live_server.url, "data:")) or problems.append(r.url),
        )
        page.goto("/admin/login/")
        page.get_by_label("ユーザー名").fill(username)
        page.get_by_label("パスワード").fill(PASSWORD)
        page.get_by_role("button", name="ログイン").click()
        return page

    yield log_in
    for context in contexts:
        context.close()
    # A late save is answered with 409 on purpose, a withdrawn page with 410.
    assert [text for text in problems if "409" not in text and "410" not in text] == []


@pytest.fixture
def visitor(live_server, chromium, department):
    context = chromium.new_context(base_url=live_server.url, locale="ja-JP")
    yield context.new_page()
    context.close()
