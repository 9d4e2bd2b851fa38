"""No violation that axe can find, on any kind of page: at three widths, and dark at the widest."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from .test_pages import PAGES

pytestmark = pytest.mark.rendering

WIDTHS = (1280, 768, 360)
STATES = {
    "not found": "/nothing/",
    "hits": "/search/?q=県",
    "no hits": "/search/?q=存在しない語",
    "breakdown and many figures": "/settlements/2020/chiji-senryaku/2.2/",
    "another unit": "/settlements/2020/chiji-senryaku/?unit=oku",
    "broken query": "/initiatives/?pillar=none&page=x&sort=x",
}
ADDRESSES = PAGES | STATES
axe = Axe()


OPTIONS = {
    "light": {"resultTypes": ["violations"]},
    # The dark scheme changes colours alone, whatever the width.
    "dark": {
        "resultTypes": ["violations"],
        "runOnly": {"type": "rule", "values": ["color-contrast"]},
    },
}


def list_violations(page, scheme) -> list[str]:
    """Return each violation of any impact as "rule: the elements that break it"."""
    page.emulate_media(color_scheme=scheme)
    result = axe.run(page, options=OPTIONS[scheme])
    found = result.response["violations"]
    return [f"{rule['id']}: {[node['html'][:120] for node in rule['nodes'][:3]]}" for rule in found]


@pytest.mark.parametrize("page", ["light"], indirect=True)
@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES)
def test_axe_finds_no_violation(page, address):
    page.goto(address)
    for scheme, width in [("dark", WIDTHS[0]), *(("light", width) for width in WIDTHS)]:
        page.set_viewport_size({"width": width, "height": 900})
        found = list_violations(page, scheme)
        assert found == [], f"{address} at {width} px, {scheme}"


@pytest.mark.parametrize("scheme", OPTIONS)
@pytest.mark.parametrize("page", ["light"], indirect=True)
def test_axe_finds_a_violation_where_there_is_one(page, scheme):
    page.goto("/")
    page.evaluate("document.querySelector('h1').insertAdjacentHTML('afterend', '<img src=x>')")
    page.evaluate("document.querySelector('h1').style.color = '#777777'")
    page.evaluate("document.querySelector('h1').style.background = '#888888'")
    found = {violation.partition(":")[0] for violation in list_violations(page, scheme)}
    is_dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    assert is_dark == (scheme == "dark")
    assert "color-contrast" in found
    assert ("image-alt" in found) == (not is_dark)
