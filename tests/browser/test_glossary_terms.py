"""A term is explained where it stands: by keyboard, by touch, without a script, and on paper."""

import pytest

ITEM = "/settlements/2020/chiji-senryaku/2.2/"
EASY = "使った結果"  # of the easy explanation of 決算額


@pytest.fixture(params=[True, False], ids=["script", "no script"])
def reader(browser, site, request):
    context = browser.new_context(
        base_url=site,
        viewport={"width": 360, "height": 800},
        has_touch=True,
        java_script_enabled=request.param,
    )
    yield context.new_page()
    context.close()


def get_term(page):
    """Return the first place of 決算額 on the page, and its explanation."""
    term = page.get_by_role("button", name="決算額", exact=True).first
    return term, page.locator(f"#{term.get_attribute('popovertarget')}")


def test_the_keyboard_opens_and_closes_an_explanation(page):
    page.goto(ITEM)
    term, note = get_term(page)
    assert not note.is_visible()
    term.focus()
    page.keyboard.press("Enter")
    assert note.is_visible()
    assert EASY in note.inner_text()
    page.keyboard.press("Tab")
    assert "決算額」の説明を閉じる" in page.locator(":focus").inner_text()
    page.keyboard.press("Enter")
    assert not note.is_visible()
    page.keyboard.press("Enter")
    assert note.is_visible(), "the focus is back on the term"
    page.keyboard.press("Escape")
    assert not note.is_visible()
    assert page.problems == []


def test_a_finger_opens_an_explanation_within_the_screen_and_closes_it(reader):
    reader.goto(ITEM)
    term, note = get_term(reader)
    term.tap()
    box = note.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360
    reader.get_by_role("button", name="「決算額」の説明を閉じる").click()
    assert not note.is_visible()


def test_paper_shows_the_explanations_at_the_end(page):
    page.goto(ITEM)
    _, note = get_term(page)
    page.emulate_media(media="print")
    assert EASY in note.inner_text()
    assert not note.get_by_role("button").is_visible()
