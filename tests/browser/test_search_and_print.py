"""What the two small scripts add: a conversion can be confirmed, and a page printed."""

import pytest

CONFIRM = {
    "type": "keyDown",
    "key": "Enter",
    "code": "Enter",
    "text": "\r",
    "windowsVirtualKeyCode": 229,  # what a browser sends while an input method has the key
}


@pytest.mark.parametrize(("address", "box"), [("/", "#site-q"), ("/search/", "main [name=q]")])
def test_enter_that_confirms_a_conversion_does_not_search(page, address, box):
    page.goto(address)
    page.evaluate(
        """() => {
            window.searches = 0;
            addEventListener("submit", (event) => { event.preventDefault(); window.searches++; });
        }"""
    )
    page.fill(box, "動画")
    page.context.new_cdp_session(page).send("Input.dispatchKeyEvent", CONFIRM)
    assert page.evaluate("window.searches") == 0
    page.keyboard.press("Enter")
    assert page.evaluate("window.searches") == 1
    assert page.problems == []


def test_the_button_for_printing_prints(page):
    page.goto("/pillars/dx/")
    page.evaluate("window.print = () => { window.printed = true; }")
    page.get_by_role("button", name="印刷する").click()
    assert page.evaluate("window.printed")
    assert page.problems == []


def test_data_blocks_pass_the_content_security_policy_in_silence(page):
    answer = page.goto("/settlements/2020/chiji-senryaku/")
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert page.locator('script[type="application/ld+json"]').count() == 2
    assert page.problems == []
