"""Every kind of page on phone, tablet and desk, light and dark."""

import pytest
from django.utils import timezone

from tests.public_pages import list_routes

PAGES = {
    "home": "/",
    "pillar_list": "/pillars/",
    "pillar_detail": "/pillars/regional-economy/",
    "report_list": "/reports/",
    "report_detail": "/reports/fifth-year/",
    "initiative_list": "/initiatives/?q=動画",
    "initiative_detail": "/initiatives/digital-media/",
    "indicator_list": "/indicators/",
    "indicator_detail": "/indicators/passport-applications/",
    "department_list": "/departments/",
    "department_detail": "/departments/chiji-senryaku/",
    "document_list": "/documents/",
    "document_detail": "/documents/fy2020-settlement-report-chiji-senryaku/",
    "settlement_list": "/settlements/",
    "settlement_year": "/settlements/2020/",
    "settlement_detail": "/settlements/2020/chiji-senryaku/",
    "settlement_item_detail": "/settlements/2020/chiji-senryaku/1.7.2/",
    "program_detail": "/programs/tsulunos/",
    "glossary": "/glossary/",
    "search": "/search/?q=動画&kind=nothing",
    "open_data": "/open-data/",
    "open_data_dictionary": "/open-data/dictionary/",
    "guide_settlement": "/guide/settlement/",
    "guide_checks": "/guide/checks/",
    "coverage": "/coverage/",
    "accessibility": "/accessibility/",
    "change_list": "/changes/?page=99",
    "api_docs": "/api/v1/docs",
    "snapshot_detail": f"/settlements/2020/chiji-senryaku/snapshots/{timezone.localdate()}/",
    "embed_settlement_year": "/embed/settlements/2020/largest/",
    "embed_settlement": "/embed/settlements/2020/chiji-senryaku/ranking/",
    "embed_settlement_item": "/embed/settlements/2020/chiji-senryaku/2.2/coverage/",
    "embed_indicator": "/embed/indicators/passport-applications/series/",
}
NOT_HTML = {
    *("feed", "sitemap", "sitemap_section", "robots", "favicon", "healthz"),
    *("initiative_image", "initiative_image_width"),
    *(f"open_data_{name}" for name in ("file", "sha256", "zip", "manifest", "package", "catalog")),
    *("security_txt", "opensearch", "snapshot_file"),
    *(f"embed_{page}_file" for page in ("settlement_year", "settlement", "settlement_item")),
    *("embed_program_file", "embed_indicator_file"),
}
# Needs two years, which the first content has not; it looks as that of an indicator.
NOT_THERE = {"embed_program"}
WIDTHS = (1280, 768, 360, 320)

# Texts whose colour and background contrast less than WCAG 2.2 AA asks: "ratio: text".
FAINT_TEXTS = """() => {
  const parse = (colour) => {
    const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number);
    return {rgb: [r, g, b], a};
  };
  const luminance = ({rgb}) => {
    const [r, g, b] = rgb.map((c) => c / 255).map(
      (c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const background = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.a === 1) return colour;
    }
    return parse(matchMedia("(prefers-color-scheme: dark)").matches ? "rgb(0,0,0)" : "rgb(255,255,255)");
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    if (!text || !element.checkVisibility() || element.closest("svg, .visually-hidden")) continue;
    const style = getComputedStyle(element);
    const pair = [luminance(parse(style.color)), luminance(background(element))].sort((a, b) => b - a);
    const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (isLarge ? 3 : 4.5)) faint.push(`${ratio.toFixed(2)}: ${text.slice(0, 30)}`);
  }
  return faint;
}"""


def test_every_kind_of_page_is_looked_at():
    kinds = {name for name, _ in list_routes() if not name.startswith("api_v1:")}
    assert kinds - NOT_HTML - NOT_THERE <= PAGES.keys()


@pytest.mark.parametrize("page", ["light"], indirect=True)
@pytest.mark.parametrize("address", PAGES.values(), ids=PAGES)
def test_a_page_fits_reads_and_keeps_to_itself(page, address):
    assert page.goto(address).status == 200
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            needed = page.evaluate("document.documentElement.scrollWidth")
            assert needed <= width, f"{address} needs {needed} of {width} pixels"
        assert page.evaluate(FAINT_TEXTS) == [], scheme
    assert page.locator("h1").count() == 1
    assert page.locator("h1").inner_text()
    assert page.problems == []


def test_the_styles_arrive(page):
    page.goto("/")
    assert page.evaluate("getComputedStyle(document.body).margin") == "0px"


def test_an_unknown_address_answers_in_the_portals_design(page):
    assert page.goto("/nothing/").status == 404
    assert page.get_by_role("heading", level=1).inner_text() == "ページが見つかりません"
    page.set_viewport_size({"width": 320, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_the_keyboard_reaches_the_content_first(page):
    page.goto("/initiatives/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "本文へ移動"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_a_list_is_narrowed_without_javascript(browser, site):
    context = browser.new_context(base_url=site, java_script_enabled=False)
    page = context.new_page()
    page.goto("/initiatives/")
    page.get_by_label("ことば").fill("動画")
    page.get_by_role("button", name="この条件で表示").click()
    assert "条件に合うもの" in page.locator(".count").inner_text()
    assert page.get_by_role("link", name="デジタルメディアの活用").count() == 1
    context.close()
