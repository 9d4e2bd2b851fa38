"""Each chart can be framed, drawn and read elsewhere, with its source; nothing else can be framed."""

import csv
import io
import re
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from budgets.models import FormerCode, Settlement
from initiatives.models import Indicator
from portal.embed_sheets import TONES
from portal.publishing import Status
from tests.builders import (
    make_department,
    make_document,
    make_funding,
    make_indicator,
    make_indicator_value,
    make_item,
    make_program,
    make_settlement,
    make_settlement_figure,
)

pytestmark = pytest.mark.django_db

SECRET = "見えてはならない"
SVG = "{http://www.w3.org/2000/svg}"
ITEM = "settlements/2020/kaku-bu/1"
CHARTS = {
    "settlements/2020/treemap": "架空部",
    "settlements/2020/ranking": "架空部",
    "settlements/2020/largest": "架空の大きい事業",
    "settlements/2020/kaku-bu/treemap": "架空の大きい事業",
    "settlements/2020/kaku-bu/ranking": "架空の大きい事業",
    f"{ITEM}/treemap": "下の項目A",
    f"{ITEM}/ranking": "下の項目A",
    f"{ITEM}/coverage": "内訳が公表されている額",
    f"{ITEM}/funding": "国庫支出金",
    "programs/kaku-jigyo/series": "架空の年次事業",
    "indicators/kaku-shihyo/series": "架空の年次指標",
}


@pytest.fixture(autouse=True)
def world():
    """Make one record for each chart, and hidden ones beside them."""
    cited = {"source": make_document(title="架空の説明書", issued_by="架空県"), "locator": "第1"}
    department = make_department(slug="kaku-bu", name="架空部")
    settlement = make_settlement(department=department, internal_note=SECRET, **cited)
    program = make_program(slug="kaku-jigyo", name="架空の年次事業")
    item = make_item(
        settlement, "1", name="架空の大きい事業", amount_yen=5_000_000, program=program, **cited
    )
    make_item(settlement, "1.1", name="下の項目A", amount_yen=3_000_000, **cited)
    make_item(settlement, "1.2", name="下の項目B", amount_yen=2_000_000, **cited)
    make_item(settlement, "2", name="架空の小さい事業", amount_yen=1_000_000, **cited)
    make_settlement_figure(item, kind="expenditure", value=4_000, **cited)
    make_funding(item, kind="national", amount_yen=3_000_000, **cited)
    make_funding(item, kind="general", amount_yen=2_000_000, **cited)
    other = make_settlement(department=make_department(name="架空の別部"), **cited)
    make_item(other, amount_yen=700_000, **cited)
    before = make_settlement(department=department, fiscal_year=2019, **cited)
    make_item(before, amount_yen=4_000_000, program=program, **cited)
    indicator = make_indicator(slug="kaku-shihyo", name="架空の年次指標", **cited)
    for actual in (120, 90):
        make_indicator_value(indicator, actual=actual, **cited)
    hidden = make_settlement(
        department=make_department(slug="himitsu"), status=Status.DRAFT, **cited
    )
    make_item(hidden, name=SECRET, amount_yen=9_000_000_000, program=program)
    make_item(hidden, "2", name=SECRET, amount_yen=9_000_000_000)
    make_indicator_value(indicator, actual=77_777, status=Status.DRAFT, note=SECRET)
    return settlement


def read(client, address) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, address
    return answer.content.decode()


class TestFraming:
    @pytest.mark.parametrize("chart", CHARTS)
    def test_a_chart_may_be_framed_by_anybody_and_runs_nothing(self, client, chart):
        answer = client.get(f"/embed/{chart}/")
        assert answer.status_code == 200
        assert "X-Frame-Options" not in answer
        policy = answer["Content-Security-Policy"]
        assert "frame-ancestors *" in policy
        assert "default-src 'none'" in policy
        page = answer.content.decode()
        assert "<script" not in page
        assert "style=" not in page
        assert CHARTS[chart] in page

    @pytest.mark.parametrize(
        "address",
        [
            "/",
            "/settlements/2020/kaku-bu/",
            "/embed/settlements/2020/kaku-bu/series/",
            "/admin/login/",
        ],
    )
    def test_nothing_else_may_be_framed(self, client, address):
        answer = client.get(address)
        assert answer["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]

    @pytest.mark.parametrize("chart", CHARTS)
    def test_a_chart_tells_its_source_its_page_and_its_licence(self, client, chart):
        page = read(client, f"/embed/{chart}/")
        assert "架空県「架空の説明書」" in page
        assert "CC BY 4.0" in page
        address = re.search(r'<h1><a href="http://testserver([^"]+)"', page)[1]
        assert client.get(address).status_code == 200
        assert '<base target="_blank">' in page
        assert "出典は、並べた表の各行に" not in page


class TestFiles:
    @pytest.mark.parametrize("chart", CHARTS)
    def test_the_picture_stands_alone(self, client, chart):
        answer = client.get(f"/embed/{chart}.svg")
        assert answer["Content-Type"] == "image/svg+xml; charset=utf-8"
        text = answer.content.decode()
        root = ElementTree.fromstring(text)
        assert root.tag == f"{SVG}svg"
        assert root.find(f"{SVG}title").text
        assert re.search(r"\d", root.find(f"{SVG}desc").text)
        drawn = "".join(root.itertext())
        assert CHARTS[chart] in drawn
        assert "架空県「架空の説明書」" in drawn
        assert "CC BY 4.0" in drawn
        for foreign in ("href", "<style", "style=", "url(", "<script", "<image", "class="):
            assert foreign not in text
        assert set(re.findall(r'xmlns[^=]*="([^"]+)"', text)) == {SVG.strip("{}")}
        height = float(root.get("height"))
        assert all(float(t.get("y")) < height for t in root.findall(f"{SVG}text"))

    @pytest.mark.parametrize(
        ("chart", "column", "values"),
        [
            ("settlements/2020/treemap", "金額（円）", ["6000000", "700000"]),
            ("settlements/2020/largest", "決算額（円）", ["5000000", "1000000", "700000"]),
            ("settlements/2020/kaku-bu/ranking", "金額（円）", ["5000000", "1000000"]),
            (f"{ITEM}/treemap", "金額（円）", ["3000000", "2000000"]),
            (f"{ITEM}/coverage", "金額（円）", ["4000000", "1000000"]),
            (f"{ITEM}/funding", "金額（円）", ["3000000", "2000000"]),
            ("programs/kaku-jigyo/series", "年度の決算額（円）", ["4000000", "5000000"]),
            ("indicators/kaku-shihyo/series", "実績", ["120", "90"]),
        ],
    )
    def test_the_file_holds_the_numbers_of_the_chart_with_their_source(
        self, client, chart, column, values
    ):
        answer = client.get(f"/embed/{chart}.csv")
        assert answer["Access-Control-Allow-Origin"] == "*"
        rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
        assert [row[column] for row in rows] == values
        assert {row["出典"] for row in rows} == {"架空の説明書"}
        assert all(row["アドレス"].startswith("http://testserver/") for row in rows)

    def test_amounts_are_in_the_unit_of_the_reader(self, client):
        assert "5,000千円" in read(client, "/embed/settlements/2020/kaku-bu/treemap.svg")
        assert "500万円" in read(client, "/embed/settlements/2020/kaku-bu/treemap.svg?unit=man")

    def test_a_name_of_any_letters_leaves_the_picture_valid(self, client, world):
        world.items.filter(code="1").update(name='<b>&"架空"\x0b\ufffe' + "長い名前" * 40)
        for chart in ("treemap", "ranking"):
            text = read(client, f"/embed/settlements/2020/kaku-bu/{chart}.svg")
            assert "<b>&" in "".join(ElementTree.fromstring(text).itertext())

    def test_the_colours_are_those_of_the_pages(self):
        style = (settings.BASE_DIR / Path("portal/static/portal/portal.css")).read_text()
        light = style.partition("--tone-1")[0] + style[style.index("--tone-1") :][:600]
        assert tuple(re.findall(r"--tone-\d: (#\w{6})", light))[:8] == TONES


class TestDisclosure:
    @pytest.mark.parametrize(
        ("address", "charts"),
        [
            ("/settlements/2020/", ["treemap", "ranking"]),
            ("/settlements/2020/kaku-bu/", ["treemap", "ranking"]),
            (f"/{ITEM}/", ["coverage", "treemap", "ranking", "funding"]),
            ("/programs/kaku-jigyo/", ["series"]),
            ("/indicators/kaku-shihyo/", ["series"]),
            ("/", ["largest"]),
        ],
    )
    def test_each_chart_of_a_page_tells_how_to_embed_and_keep_it(self, client, address, charts):
        page = read(client, address)
        tools = re.findall(r'<details class="embed-tools">.*?</details>', page, re.DOTALL)
        assert len(tools) == len(charts)
        for tool, chart in zip(tools, charts, strict=True):
            code = unescape(re.search(r"<code[^>]*>(.*?)</code>", tool)[1])
            frame = re.fullmatch(
                r'<iframe src="http://testserver(\S+)" title="[^"]+" width="100%" '
                r'height="\d+" loading="lazy"></iframe>',
                code,
            )
            assert frame[1].endswith(f"/{chart}/")
            for link in [frame[1], *re.findall(r'<a href="([^"]+)"', tool)]:
                assert client.get(link).status_code == 200

    def test_the_code_keeps_the_unit_of_the_reader(self, client):
        page = read(client, "/settlements/2020/kaku-bu/?unit=man")
        assert "/embed/settlements/2020/kaku-bu/treemap/?unit=man&quot;" in page

    def test_a_title_with_quotes_stays_within_its_attribute(self, client):
        Indicator.objects.update(name='"><script>架空')
        page = read(client, "/indicators/kaku-shihyo/")
        code = unescape(re.search(r"<code[^>]*>(.*?)</code>", page)[1])
        assert 'title="&quot;&gt;&lt;script&gt;架空"' in code
        assert "><script>架空" not in page


class TestVisibility:
    def test_nothing_hidden_shows_in_any_chart(self, client):
        for chart in CHARTS:
            for address in (f"/embed/{chart}/", f"/embed/{chart}.svg", f"/embed/{chart}.csv"):
                text = read(client, address)
                for trace in (SECRET, "77,777", "77777", "9000000000", "9,000,000"):
                    assert trace not in text, address

    @pytest.mark.parametrize(
        "address",
        [
            "settlements/2020/himitsu/treemap/",
            "settlements/2020/himitsu/2/ranking.svg",
            "settlements/2019/kaku-bu/treemap/",  # a single part: the page has no chart
            "settlements/1999/largest/",
            "settlements/2020/kaku-bu/series/",
            "settlements/2020/kaku-bu/coverage.csv",
            "settlements/2020/kaku-bu/treemap.png",
            "settlements/2020/kaku-bu/9/funding/",
            "settlements/2020/kaku-bu/2/funding/",
            "programs/nai/series/",
            "programs/kaku-jigyo/treemap/",
            "indicators/kaku-shihyo/ranking/",
            "",
        ],
    )
    def test_a_wrong_address_is_404(self, client, address):
        assert client.get(f"/embed/{address}").status_code == 404

    def test_a_withdrawn_settlement_answers_410_with_the_reason(self, client):
        Settlement.objects.update(status=Status.WITHDRAWN, withdrawal_reason="架空の誤りのため")
        for end in ("/", ".svg", ".csv"):
            answer = client.get(f"/embed/settlements/2020/kaku-bu/treemap{end}")
            assert answer.status_code == 410
            assert "架空の誤りのため" in answer.content.decode()

    def test_former_addresses_lead_to_the_present_ones(self, client, world):
        FormerCode.objects.create(settlement=world, code="8", item=world.items.get(code="1"))
        answer = client.get("/embed/settlements/2020/kaku-bu/8/funding.svg?unit=man")
        assert answer.status_code == 301
        assert answer["Location"] == f"/embed/{ITEM}/funding.svg?unit=man"
        world.department.slug = "shin-bu"
        world.department.save()
        answer = client.get("/embed/settlements/2020/kaku-bu/treemap/")
        assert answer["Location"] == "/embed/settlements/2020/shin-bu/treemap/"

    def test_the_queries_do_not_grow_with_the_rows(self, client, world):
        addresses = [f"/embed/{chart}{end}" for chart in CHARTS for end in ("/", ".svg", ".csv")]

        def count():
            counts = {}
            for address in addresses:
                with CaptureQueriesContext(connection) as queries:
                    client.get(address)
                counts[address] = len(queries)
            return counts

        few = count()
        assert max(few.values()) <= 12
        for number in range(3, 9):
            make_item(world, f"1.{number}", amount_yen=1_000, source=make_document())
            make_item(world, f"{number}", amount_yen=1_000, source=make_document())
            more = make_settlement(source=make_document())
            make_item(more, amount_yen=1_000 * number, source=make_document())
        assert count() == few
