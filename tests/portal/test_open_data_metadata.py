"""What the bulk files say of themselves holds, judged by libraries that others read it with."""

import csv
import io
import json
import re
import zipfile

import frictionless
import pytest
from rdflib import Graph, URIRef
from rdflib import namespace as ns

from portal.models import EditionNumber
from portal.open_data_tables import TABLES
from tests.builders import make_item, make_settlement_figure
from tests.public_pages import make_world

pytestmark = pytest.mark.django_db

FOLDER = "http://testserver/open-data/"


@pytest.fixture(autouse=True)
def _limit_of_csv():
    """Put back what frictionless raises for the whole process."""
    limit = csv.field_size_limit()
    yield
    csv.field_size_limit(limit)


@pytest.fixture
def world():
    world = make_world()
    (item,) = world["items"]
    make_item(item.settlement, "1.3", name="=1+1", supplementary_yen=-5, body="本文")
    make_settlement_figure(item, label="改\n行,と", value="-0.5")
    return world


def problems_of(path) -> list:
    report = frictionless.Package(str(path)).validate()
    assert len(report.tasks) == len(TABLES)
    assert not report.warnings
    return report.flatten(["name", "rowNumber", "fieldName", "message"])


class TestDataPackage:
    @pytest.mark.parametrize("query", [{}, {"header": "en"}, {"encoding": "cp932"}])
    def test_the_zip_is_a_data_package_with_valid_data(self, client, world, tmp_path, query):
        answer = client.get("/open-data/all.zip", query)
        zipfile.ZipFile(io.BytesIO(b"".join(answer))).extractall(tmp_path)
        assert problems_of(tmp_path / "datapackage.json") == []
        package = json.loads((tmp_path / "datapackage.json").read_text())
        for resource in package["resources"]:
            assert resource["bytes"] == (tmp_path / resource["path"]).stat().st_size
            assert resource["hash"].startswith("sha256:")

    def test_the_descriptor_on_the_site_holds_of_the_files_beside_it(self, client, world, tmp_path):
        package = client.get("/open-data/datapackage.json").json()
        (tmp_path / "datapackage.json").write_text(json.dumps(package))
        for resource in package["resources"]:
            data = b"".join(client.get(f"/open-data/{resource['path']}"))
            (tmp_path / resource["path"]).write_bytes(data)
        assert problems_of(tmp_path / "datapackage.json") == []
        assert package["licenses"][0]["name"] == "CC-BY-4.0"
        assert package["homepage"] == FOLDER
        assert "created" in package

    def test_a_broken_file_would_be_found(self, client, world, tmp_path):
        archive = zipfile.ZipFile(io.BytesIO(b"".join(client.get("/open-data/all.zip"))))
        archive.extractall(tmp_path)
        file = tmp_path / "settlement-items.csv"
        file.write_bytes(file.read_bytes().replace(b",4016000,", b",4016000yen,"))
        assert len(problems_of(tmp_path / "datapackage.json")) > 1

    def test_other_headers_lie_at_addresses_of_their_own(self, client, world):
        for query in ("header=en", "encoding=cp932&header=en"):
            package = client.get(f"/open-data/datapackage.json?{query}").json()
            resource = package["resources"][0]
            assert resource["path"] == f"{FOLDER}departments.csv?{query}"
            assert resource["schema"]["fields"][0]["name"] == "slug"
            assert client.get(resource["path"].removeprefix("http://testserver")).status_code == 200
            assert resource["encoding"] == ("cp932" if "cp932" in query else "utf-8")

    def test_amounts_have_a_phase_a_direction_a_factor_and_a_unit(self, client):
        package = client.get("/open-data/datapackage.json?header=en").json()
        schemas = {resource["name"]: resource["schema"] for resource in package["resources"]}
        schema = schemas["settlement-items"]
        fields = {field["name"]: field for field in schema["fields"]}
        phases = {name: f["phase"] for name, f in fields.items() if "phase" in f}
        assert phases == {
            "amount_yen": "executed",
            "initial_budget_yen": "approved",
            "budget_yen": "adjusted",
        }
        for name, field in fields.items():
            if name.endswith("_yen"):
                assert (field["unit"], field["factor"], field["currency"]) == ("円", 1, "JPY")
        amount = fields["amount_yen"]
        assert amount["direction"] == "expenditure"
        assert amount["normalize"] == {"phase": "executed", "direction": "expenditure"}
        assert amount["blankMeans"] == "資料に記載がない"
        extra = {field["name"]: field for field in schema["extraFields"]}
        assert amount["normalize"].keys() <= extra.keys()
        assert [field["name"] for field in extra.values() if "normalizationTarget" in field] == [
            "amount"
        ]
        assert fields["fiscal_year"]["columnType"] == "date:fiscal-year"
        assert fields["code"] == fields["code"] | {"type": "string", "columnType": "budget-line-id"}
        assert schema["primaryKey"] == ["fiscal_year", "department_slug", "code"]

    def test_an_empty_portal_is_described_too(self, client, tmp_path):
        answer = client.get("/open-data/all.zip")
        zipfile.ZipFile(io.BytesIO(b"".join(answer))).extractall(tmp_path)
        assert problems_of(tmp_path / "datapackage.json") == []


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")
class TestCatalog:
    @pytest.fixture
    def graph(self, client, world):
        answer = client.get("/open-data/catalog.jsonld")
        assert answer["Content-Type"] == "application/ld+json"
        return Graph().parse(data=answer.content, format="json-ld")

    def test_the_catalogue_says_what_dcat_ap_asks_for(self, graph):
        (catalog,) = graph.subjects(ns.RDF.type, ns.DCAT.Catalog)
        for each in (
            ns.DCTERMS.title,
            ns.DCTERMS.description,
            ns.DCTERMS.publisher,
            ns.DCTERMS.license,
        ):
            assert graph.value(catalog, each), each
        publisher = graph.value(catalog, ns.DCTERMS.publisher)
        assert (publisher, ns.RDF.type, ns.FOAF.Agent) in graph
        assert str(graph.value(publisher, ns.FOAF.name)) == "群馬県"
        assert graph.value(catalog, ns.DCTERMS.modified).datatype == ns.XSD.dateTime
        assert len(list(graph.objects(catalog, ns.DCAT.dataset))) == len(TABLES)

    def test_every_dataset_and_every_distribution_is_described(self, graph, client):
        datasets = list(graph.subjects(ns.RDF.type, ns.DCAT.Dataset))
        assert {str(graph.value(each, ns.DCTERMS.identifier)) for each in datasets} == set(TABLES)
        dictionary = client.get("/open-data/dictionary/").content.decode()
        for dataset in datasets:
            for each in (ns.DCTERMS.title, ns.DCTERMS.description):
                assert graph.value(dataset, each).language == "ja"
            for each in (ns.DCTERMS.publisher, ns.DCTERMS.language, ns.DCAT.theme, ns.DCAT.keyword):
                assert graph.value(dataset, each), each
            page, _, anchor = str(graph.value(dataset, ns.DCAT.landingPage)).partition("#")
            assert page == f"{FOLDER}dictionary/" and f'id="{anchor}"' in dictionary
            files = list(graph.objects(dataset, ns.DCAT.distribution))
            assert len(files) == 3
            for file in files:
                assert (file, ns.RDF.type, ns.DCAT.Distribution) in graph
                assert graph.value(file, ns.DCAT.accessURL) == URIRef(FOLDER)
                address = str(graph.value(file, ns.DCAT.downloadURL))
                answer = client.get(address.removeprefix("http://testserver"))
                media_type = str(graph.value(file, ns.DCAT.mediaType)).partition("media-types/")[2]
                assert answer["Content-Type"].partition(";")[0] == media_type
                assert "creativecommons.org" in str(graph.value(file, ns.DCTERMS.license))

    def test_an_empty_portal_has_a_catalogue_without_a_date(self, client):
        EditionNumber.objects.update(changed_at=None)  # as before the first change
        assert "dct:modified" not in client.get("/open-data/catalog.jsonld").json()


class TestPages:
    def test_the_page_describes_every_bulk_file_to_search_engines(self, client):
        page = client.get("/open-data/").content.decode()
        blocks = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
        (catalog,) = [b for b in map(json.loads, blocks) if b.get("@type") == "DataCatalog"]
        assert catalog["license"].startswith("https://creativecommons.org/licenses/by/4.0/")
        assert len(catalog["dataset"]) == len(TABLES)
        for dataset in catalog["dataset"]:
            assert 50 <= len(dataset["description"]) + 30 <= 5000
            for file in dataset["distribution"]:
                path = file["contentUrl"].removeprefix("http://testserver")
                assert f'href="{path}"' in page
                assert client.get(path).status_code == 200

    def test_the_dictionary_names_every_column_once(self, client):
        page = client.get("/open-data/dictionary/").content.decode()
        for name, table in TABLES.items():
            section = re.search(rf'<h2 id="{name}">.*?</table>', page, re.DOTALL)[0]
            keys = re.findall(r'data-label="英数字の名前"><code>(.*?)</code>', section)
            assert keys == [column.key for column in table.columns]

    def test_the_page_links_to_everything_that_describes_the_files(self, client):
        page = client.get("/open-data/").content.decode()
        for file in ("all.zip", "manifest.json", "datapackage.json", "catalog.jsonld"):
            assert f'href="/open-data/{file}"' in page
        assert 'href="/open-data/dictionary/"' in page
