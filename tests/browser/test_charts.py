"""Charts as a browser draws them: no text over another, none out of its rectangle."""

import pytest
from django.template.loader import render_to_string
from django.test import RequestFactory

from portal.charts import Slice, make_treemaps
from portal.year_charts import make_series_drawings

WIDTHS = (320, 360, 768, 1280)
NAMES = [
    "「架空県インターネット上の誹謗中傷等の被害者支援等に関する条例」の制定と周知",
    "庁内ネットワーク用パソコン等整備・コミュニケーションシステム運用管理",
    "デジタルトランスフォーメーション推進（ICTリテラシー向上PJ）",
    "海外県人会、海外サポーターズとの連携",
    "旅券発給",
]

# The box of each visible line of text in a chart, with that of its rectangle where it has one.
TEXTS = """() => [...document.querySelectorAll("main svg text")]
  .filter((text) => text.checkVisibility())
  .map((text) => {
    const box = (element) => {
      const {left, top, right, bottom} = element.getBoundingClientRect();
      return {left, top, right, bottom};
    };
    const frame = text.closest(".treemap") && text.parentElement.querySelector("rect");
    return {words: text.textContent, box: box(text), frame: frame && box(frame)};
  })"""


def overlaps(one, other, slack=0.5):
    return (
        one["left"] < other["right"] - slack
        and other["left"] < one["right"] - slack
        and one["top"] < other["bottom"] - slack
        and other["top"] < one["bottom"] - slack
    )


def is_within(inner, outer, slack=0.5):
    return (
        inner["left"] >= outer["left"] - slack
        and inner["right"] <= outer["right"] + slack
        and inner["top"] >= outer["top"] - slack
        and inner["bottom"] <= outer["bottom"] + slack
    )


def assert_texts_stand_apart(page):
    """Check all widths; return how many texts stood there in all."""
    seen = 0
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        texts = page.evaluate(TEXTS)
        seen += len(texts)
        for index, text in enumerate(texts):
            if text["frame"]:
                assert is_within(text["box"], text["frame"]), (width, text)
            for other in texts[index + 1 :]:
                assert not overlaps(text["box"], other["box"]), (width, text, other)
    return seen


def draw(page, template, context):
    """Put a component in the place of a page's content."""
    request = RequestFactory().get("/")
    html = render_to_string(f"components/{template}", context, request)
    page.goto("/accessibility/")
    page.evaluate("(html) => { document.querySelector('main').innerHTML = html }", html)


@pytest.mark.parametrize("ratio", [1.0, 1.08, 1.3, 2.0], ids="growing by {}".format)
def test_a_treemap_of_sixty_long_names_is_legible(page, ratio):
    slices = [
        Slice(f"{NAMES[i % len(NAMES)]}{i}", int(10_000_000 * ratio**i), f"/{i}/")
        for i in range(60)
    ]
    draw(page, "_treemap.html", {"treemaps": make_treemaps(slices), "caption": "架空県の決算"})
    assert assert_texts_stand_apart(page) >= 8
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


@pytest.mark.parametrize("years", [2, 5, 12, 20])
def test_a_series_of_years_is_legible(page, years):
    points = [
        (f"令和{year}年度", None if year == 2 else (-1) ** year * 987_654_321_000 // year)
        for year in range(1, years + 1)
    ]
    drawings = make_series_drawings(points)
    draw(page, "_series_chart.html", {"drawings": drawings, "caption": "架空県の決算額"})
    assert assert_texts_stand_apart(page) >= 8


@pytest.mark.parametrize(
    "address",
    [
        "/",
        "/settlements/2020/chiji-senryaku/",
        "/settlements/2020/chiji-senryaku/1/",
        "/indicators/passport-applications/",
    ],
)
def test_the_charts_of_the_real_content_are_legible(page, address):
    page.goto(address)
    assert assert_texts_stand_apart(page) > 0
    for source in page.locator("figure.chart > p.meta").all():
        assert "出典" in source.inner_text()
    assert page.locator("figure.chart > p.meta").count() == page.locator("figure.chart").count()
