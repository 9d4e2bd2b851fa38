"""What a citizen does, by keyboard alone and without JavaScript."""

import pytest


@pytest.fixture(params=["with JavaScript", "without JavaScript"])
def visitor(browser, site, request):
    """Return a page, once with and once without JavaScript."""
    context = browser.new_context(
        base_url=site,
        java_script_enabled=request.param == "with JavaScript",
        viewport={"width": 1280, "height": 900},
    )
    yield context.new_page()
    context.close()


def follow(page, name, **options):
    """Go to a link by the Tab key alone, and open it with Enter."""
    link = page.locator("main").get_by_role("link", name=name, **options).first
    address = link.get_attribute("href")
    for _ in range(400):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        if focused.count() and focused.get_attribute("href") == address:
            break
    else:
        raise AssertionError(f"The Tab key does not reach {name!r}.")
    with page.expect_navigation():
        page.keyboard.press("Enter")


def test_from_the_home_page_by_pillar_and_initiative_to_an_item_and_its_csv(visitor):
    visitor.goto("/")
    follow(visitor, "行政と教育のDXの推進")
    assert visitor.url.endswith("/pillars/dx/")
    follow(visitor, "デジタルメディアの活用")
    assert visitor.url.endswith("/initiatives/digital-media/")
    follow(visitor, "動画・放送スタジオ運営")
    assert visitor.url.endswith("/settlements/2020/chiji-senryaku/2.3.1/")
    with visitor.expect_download() as download:
        follow_download(visitor)
    text = download.value.path().read_bytes().decode("utf-8-sig")
    assert "3449" in text
    assert "スタジオを活用した動画制作" in text


def follow_download(page):
    link = page.locator("main a[href*='format=csv']").first
    link.focus()
    page.keyboard.press("Enter")


def test_from_the_search_to_an_item_and_its_source(visitor):
    visitor.goto("/")
    for _ in range(30):
        visitor.keyboard.press("Tab")
        if visitor.locator(":focus").get_attribute("name") == "q":
            break
    visitor.keyboard.insert_text("記者会見")
    with visitor.expect_navigation():
        visitor.keyboard.press("Enter")
    assert visitor.locator("mark").first.inner_text() == "記者会見"
    follow(visitor, "記者室運営")
    assert "7,997千円" in visitor.locator("main").inner_text()
    follow(visitor, "令和2年度 主要施策の成果に関する説明書 第2 知事戦略")
    assert "/documents/fy2020-settlement-report-chiji-senryaku/" in visitor.url
    assert visitor.locator("h1").inner_text().startswith("令和2年度 主要施策の成果に関する説明書")
