import datetime
import xml.etree.ElementTree as ElementTree

import pytest
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone

from budgets.models import Settlement
from initiatives.models import Pillar
from portal import versions
from portal.models import Version
from portal.publishing import Status
from portal.sitemaps import RecordSitemap
from tests.builders import (
    make_department,
    make_document,
    make_indicator,
    make_initiative,
    make_item,
    make_pillar,
    make_program,
    make_report,
    make_settlement,
)

pytestmark = pytest.mark.django_db

SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


@pytest.fixture
def read_sitemap(client):
    """Return a function that follows the index and gives (address, lastmod) of every page."""

    def locations(address):
        answer = client.get(address)
        assert answer.status_code == 200
        assert answer["Content-Type"] == "application/xml"
        for entry in ElementTree.fromstring(answer.content):
            yield entry.findtext(f"{SITEMAP}loc"), entry.findtext(f"{SITEMAP}lastmod")

    def read():
        return dict(page for section, _ in locations("/sitemap.xml") for page in locations(section))

    return read


def test_every_kind_of_public_page_is_listed_with_its_absolute_address(read_sitemap):
    settlement = make_settlement(fiscal_year=2020)
    program = make_program()
    records = [
        make_pillar(),
        make_report(),
        make_initiative(),
        make_department(),
        settlement,
        make_item(settlement, "1.2", program=program),
        program,
        make_indicator(),
        make_document(),
    ]
    pages = read_sitemap()
    for record in records:
        assert f"http://testserver{record.get_absolute_url()}" in pages
    for address in ["/", "/initiatives/", "/settlements/", "/settlements/2020/", "/glossary/"]:
        assert f"http://testserver{address}" in pages


LONG_AGO = datetime.datetime(2024, 9, 1, 12, tzinfo=datetime.UTC)


def test_a_page_was_last_changed_when_its_record_was_last_saved(read_sitemap):
    program = make_program()
    item = make_item(program=program)
    versions.save_version(program, "作成")
    Version.objects.update(saved_at=LONG_AGO)
    later = LONG_AGO + datetime.timedelta(days=3)
    Settlement.objects.update(updated_at=later)
    pages = read_sitemap()
    assert pages[f"http://testserver{program.get_absolute_url()}"] == "2024-09-01"
    assert pages[f"http://testserver{item.get_absolute_url()}"] == "2024-09-04"


def test_what_was_not_saved_after_all_moves_no_page(read_sitemap):
    program = make_program()
    make_item(program=program)
    versions.save_version(program, "作成")
    versions.save_aside(program, versions.take(program), "保存されなかった入力")
    Version.objects.filter(number=1).update(saved_at=LONG_AGO)
    assert read_sitemap()[f"http://testserver{program.get_absolute_url()}"] == "2024-09-01"


def test_a_publication_moves_with_its_figures(read_sitemap):
    initiative = make_initiative()
    versions.save_version(initiative, "作成")
    Version.objects.update(saved_at=LONG_AGO)
    moved = LONG_AGO + datetime.timedelta(days=3)
    type(initiative).objects.filter(pk=initiative.pk).update(updated_at=moved)
    assert read_sitemap()[f"http://testserver{initiative.get_absolute_url()}"] == "2024-09-04"
    Version.objects.all().delete()  # as after loaddata
    assert read_sitemap()[f"http://testserver{initiative.get_absolute_url()}"] == "2024-09-04"


def test_addresses_follow_the_protocol_of_the_request(client):
    index = client.get("/sitemap.xml", secure=True).content.decode()
    assert "https://testserver/sitemap-initiatives.xml" in index
    lists = client.get("/sitemap-lists.xml", secure=True).content.decode()
    assert "<loc>https://testserver/glossary/</loc>" in lists
    assert "http://testserver" not in index + lists


@pytest.mark.parametrize("status", [Status.DRAFT, Status.IN_REVIEW, Status.WITHDRAWN])
def test_what_is_not_published_never_appears(read_sitemap, status):
    before = set(read_sitemap())
    later = timezone.now() + datetime.timedelta(days=1)
    report = make_report(status=status)
    settlement = make_settlement(
        status=status, fiscal_year=1999, department=make_department(slug="known")
    )
    program = make_program()
    make_item(settlement, program=program)
    make_initiative(report=report)
    make_initiative(
        status=status, report=make_report(slug="known"), pillar=make_pillar(slug="known")
    )
    make_initiative(publish_from=later, report=report)
    make_indicator(status=status)
    make_document(status=status)
    added = {address.removeprefix("http://testserver") for address in set(read_sitemap()) - before}
    # The organisation itself, and the pillars of the public plans, are no secret.
    assert {address for address in added if not address.startswith("/pillars/")} == {
        "/departments/known/",
        "/reports/known/",
    }


def test_a_long_section_is_cut_into_pages_that_the_index_names(client, read_sitemap, monkeypatch):
    monkeypatch.setattr(RecordSitemap, "limit", 2)
    documents = [make_document() for _ in range(5)]
    index = client.get("/sitemap.xml").content.decode()
    assert "/sitemap-documents.xml?p=3" in index
    assert "/sitemap-documents.xml?p=4" not in index
    pages = read_sitemap()
    for page in ["", "?p=2", "?p=3"]:
        assert client.get(f"/sitemap-documents.xml{page}").content.count(b"<url>") in (1, 2)
    assert len([address for address in pages if "/documents/document-" in address]) == 5
    assert f"http://testserver{documents[0].get_absolute_url()}" in pages


@pytest.mark.parametrize(
    "address",
    ["/sitemap-secrets.xml", "/sitemap-documents.xml?p=99", "/sitemap-documents.xml?p=x%00"],
)
def test_an_unknown_section_or_page_is_not_found(client, address):
    assert client.get(address).status_code == 404


@pytest.mark.parametrize("count", [1, 20])
def test_queries_do_not_grow_with_the_pages(client, django_assert_num_queries, count):
    settlement = make_settlement()
    for number in range(1, count + 1):
        make_item(settlement, str(number))
    ContentType.objects.get_for_model(Pillar)  # asked once by a process
    with django_assert_num_queries(10):
        client.get("/sitemap.xml")
    with django_assert_num_queries(2):
        answer = client.get("/sitemap-settlement-items.xml")
    assert answer.content.count(b"<url>") == count


def test_robots_are_kept_from_the_admin_and_shown_the_sitemap(client):
    answer = client.get("/robots.txt")
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.content.decode() == (
        "User-agent: *\nDisallow: /admin/\nSitemap: http://testserver/sitemap.xml\n"
    )


def test_a_browser_that_asks_for_the_icon_finds_it(client):
    answer = client.get("/favicon.ico")
    assert answer.status_code == 302
    assert answer["Location"] == "/static/portal/favicon.ico"
