"""A page on A4, and the weight of each page on the wire."""

import gzip

import pytest

from .test_pages import PAGES

pytestmark = pytest.mark.rendering

LIMIT = 100 * 1024


@pytest.mark.parametrize("page", ["light"], indirect=True)  # both schemes load the same files
@pytest.mark.parametrize("address", PAGES.values(), ids=PAGES)
def test_page_style_and_script_weigh_at_most_100_kilobytes(page, address):
    bodies = []
    page.on(
        "response",
        lambda answer: (
            bodies.append(answer)
            if answer.request.resource_type in ("document", "stylesheet", "script")
            else None
        ),
    )
    page.goto(address, wait_until="networkidle")
    weight = sum(len(gzip.compress(answer.body())) for answer in bodies)
    assert len(bodies) >= 2, "at least the page and its style"
    assert weight <= LIMIT


def test_a_settlement_prints_black_on_white_without_the_controls(page):
    page.goto("/settlements/2020/chiji-senryaku/")
    page.emulate_media(media="print")
    assert not page.locator(".site-header").is_visible()
    assert not page.locator(".list-tools").first.is_visible()
    assert page.locator("h1").inner_text().startswith("令和2年度（2020年度）")
    assert page.locator("h1").is_visible()
    assert "4,016千円" in page.locator("table.items").inner_text()
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    right = "getComputedStyle(document.querySelector('table.items td.right')).textAlign"
    assert page.evaluate(right) == "end"


def test_addresses_of_links_to_elsewhere_are_printed(page):
    page.goto("/settlements/2020/chiji-senryaku/1.4/")
    page.emulate_media(media="print")
    shown = page.evaluate(
        "getComputedStyle(document.querySelector('main a[href^=http]'), '::after').content"
    )
    assert "attr(href)" in shown or "http" in shown
