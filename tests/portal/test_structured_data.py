import json
import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.structured_data import describe_breadcrumbs, write_json_ld
from tests.builders import (
    make_department,
    make_document,
    make_initiative,
    make_item,
    make_settlement,
)
from tests.public_pages import arguments_of, list_addresses, make_world

ATTACK = '</script><script>alert("1")</script><!--'


def read_blocks(page: str) -> list[dict]:
    blocks = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    return [json.loads(block) for block in blocks]


def read_meta(page: str) -> dict[str, str]:
    found = re.findall(r'<meta (?:name|property)="([^"]+)" content="([^"]*)">', page)
    return {name: unescape(content) for name, content in found}


def read_canonical(page: str) -> str:
    (address,) = re.findall(r'<link rel="canonical" href="([^"]*)">', page)
    return unescape(address)


@given(st.text())
def test_no_text_ends_the_block_or_is_changed(text):
    written = write_json_ld({"name": text})
    assert not re.search("[<>&]", written)
    assert json.loads(written) == {"@context": "https://schema.org", "name": text}


def test_what_is_not_known_is_left_out():
    assert json.loads(write_json_ld({"name": "a", "isBasedOn": None})).keys() == {
        "@context",
        "name",
    }


def test_breadcrumbs_are_numbered_from_the_home_page_on():
    trail = [("ホーム", "/"), ("決算", "/settlements/")]
    items = describe_breadcrumbs(trail, "https://x{}".format)["itemListElement"]
    assert [(item["position"], item["name"], item["item"]) for item in items] == [
        (1, "ホーム", "https://x/"),
        (2, "決算", "https://x/settlements/"),
    ]


@pytest.mark.django_db
class TestPages:
    def test_the_home_page_names_the_prefecture_and_the_search(self, client, settings):
        (block,) = read_blocks(client.get("/").content.decode())
        organisation, site = block["@graph"]
        assert organisation["@type"] == "GovernmentOrganization"
        assert organisation["name"] == settings.PREFECTURE_NAME
        assert site["name"] == settings.SITE_NAME
        assert site["publisher"]["@id"] == organisation["@id"]
        assert site["potentialAction"]["target"] == "http://testserver/search/?q={q}"

    def test_a_page_below_says_the_way_to_it(self, client):
        department = make_department(slug="kikaku", name="架空企画部")
        (block,) = read_blocks(client.get("/departments/kikaku/").content.decode())
        assert block["@type"] == "BreadcrumbList"
        assert [step["name"] for step in block["itemListElement"]] == [
            *("ホーム", "部局", department.name)
        ]
        assert block["itemListElement"][-1]["item"] == "http://testserver/departments/kikaku/"

    def test_a_settlement_is_a_dataset_with_its_files_and_its_paper(self, client):
        department = make_department(slug="kikaku", name="架空企画部")
        source = make_document(slug="paper")
        item = make_item(make_settlement(department=department, fiscal_year=2020, source=source))
        address = f"http://testserver{item.settlement.get_absolute_url()}"
        page = client.get(item.settlement.get_absolute_url()).content.decode()
        (dataset,) = [b for b in read_blocks(page) if b["@type"] == "Dataset"]
        assert dataset["name"] == "令和2年度（2020年度） 架空企画部の決算"
        assert dataset["url"] == address
        assert dataset["temporalCoverage"] == "2020-04-01/2021-03-31"
        assert dataset["license"].startswith("https://creativecommons.org/licenses/by/4.0/")
        assert dataset["isBasedOn"] == "http://testserver/documents/paper/"
        files = [file["contentUrl"] for file in dataset["distribution"]]
        assert files == [
            f"{address}?format=csv",
            "http://testserver/api/v1/settlements/2020/kikaku",
        ]
        for file in files:
            assert client.get(file.removeprefix("http://testserver")).status_code == 200

    def test_a_paper_that_is_not_public_is_not_named(self, client):
        source = make_document(slug="secret-paper", status="draft")
        settlement = make_settlement(source=source)
        page = client.get(settlement.get_absolute_url()).content.decode()
        assert "isBasedOn" not in page
        assert "secret-paper" not in page

    def test_every_file_of_the_open_data_page_is_there(self, client):
        page = client.get("/open-data/").content.decode()
        (lists,) = [b["@graph"] for b in read_blocks(page) if "@graph" in b]
        files = [file["contentUrl"] for each in lists for file in each["distribution"]]
        assert len(files) > 15
        for file in files:
            assert client.get(file.removeprefix("http://testserver")).status_code == 200, file

    def test_no_title_breaks_out_of_its_place(self, client):
        initiative = make_initiative(title=f"題名{ATTACK}", summary=f"概要{ATTACK}")
        page = client.get(initiative.get_absolute_url()).content.decode()
        assert "<script>alert" not in page
        assert read_blocks(page)[0]["itemListElement"][-1]["name"] == initiative.title
        meta = read_meta(page)
        assert meta["og:title"] == initiative.title
        assert meta["og:description"] == meta["description"] == initiative.summary
        assert meta["og:type"] == "article"

    def test_every_page_says_the_same_in_title_and_preview(self, client):
        for address in list_addresses(arguments_of(**make_world())):
            answer = client.get(address)
            if address.startswith("/embed/"):
                continue  # a part of another page, which is the one to share
            if answer.status_code == 302 or not answer["Content-Type"].startswith("text/html"):
                continue
            page, meta = answer.content.decode(), read_meta(answer.content.decode())
            title = unescape(re.search(r"<title>(.*?)</title>", page)[1])
            assert title.split("｜")[0] == meta["og:title"], address
            assert meta["og:url"] == read_canonical(page) == f"http://testserver{address}"
            assert meta["og:site_name"] and meta["og:description"] == meta["description"]
            assert meta["og:locale"] == "ja_JP"
            assert meta["og:image"] == "http://testserver/static/portal/share.png"
            assert read_blocks(page), address

    @pytest.mark.parametrize(
        ("query", "canonical"),
        [
            ("", ""),
            ("?sort=title&unit=man&format=html&q=x", ""),
            ("?page=2&sort=title", "?page=2"),
            ("?page=1", ""),
            ("?page=" + "9" * 5000, ""),
            ("?page=２", ""),
            ('?page="><script>', ""),
        ],
    )
    def test_the_canonical_address_leaves_out_what_only_narrows(self, client, query, canonical):
        page = client.get(f"/initiatives/{query}").content.decode()
        assert read_canonical(page) == f"http://testserver/initiatives/{canonical}"

    def test_a_page_that_is_not_there_has_no_preview(self, client):
        page = client.get("/nothing/").content.decode()
        assert "canonical" not in page
        assert "og:url" not in page
        assert "mailto:" not in page

    def test_a_reader_can_hand_the_address_on(self, client):
        initiative = make_initiative(slug="bridge", title="橋&川")
        page = client.get("/initiatives/bridge/?a=b").content.decode()
        assert "http://testserver/initiatives/bridge/?a=b</span>" in page
        (address,) = re.findall(r'href="(mailto:[^"]*)"', page)
        assert unescape(address) == (
            "mailto:?subject=%E6%A9%8B%26%E5%B7%9D&body=%E6%A9%8B%26%E5%B7%9D%0D%0A"
            "http%3A%2F%2Ftestserver%2Finitiatives%2Fbridge%2F%3Fa%3Db"
        )
        assert initiative.title == "橋&川"
        assert "印刷する" not in page  # print.js adds the button
