"""The API against its own schema, asked in all the ways that the schema allows and forbids."""

from functools import cache

import pytest
import schemathesis
from hypothesis import Phase, given
from hypothesis import settings as hypothesis_settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS as ALL_CHECKS
from schemathesis.checks import load_all_checks
from schemathesis.config import PositiveDataAcceptanceConfig

from portal.api import api
from portal.fictitious import EXPLANATION, WARNING
from tests.api_world import make_world

load_all_checks()
CHECKS = [ALL_CHECKS.get_one(name) for name in ALL_CHECKS.get_all_names()]
# A slug or a cursor of the right form may still name nothing, which is refused by 404 or 422.
ACCEPTANCE = PositiveDataAcceptanceConfig(expected_statuses=["2xx", 404, 422])


@pytest.fixture(scope="module", autouse=True)
def world(kept_for_module):
    make_world("a")


@pytest.fixture
def schema(application, settings):
    """The schema, to be asked of the application itself."""
    settings.ALLOWED_HOSTS = ["*"]
    return read_schema(application)


@cache
def read_schema(application):
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", application)
    schema.config.checks.positive_data_acceptance = ACCEPTANCE
    return schema


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("path", sorted(api.get_openapi_schema()["paths"]))
def test_every_answer_is_what_the_schema_says(schema, path, mode):
    @given(schema[path]["GET"].as_strategy(generation_mode=mode))
    @hypothesis_settings(max_examples=10, deadline=None, database=None, phases=[Phase.generate])
    def check(case):
        case.call_and_validate(checks=CHECKS)

    check()


def test_every_record_is_what_the_schema_says(schema):
    for path in [path for path in schema if "{" in path]:
        slug = f"{path.split('/')[3].removesuffix('s')}-a"
        values = {"slug": slug, "fiscal_year": 2020, "department": "section-a", "code": "1.1"}
        asked = {name: value for name, value in values.items() if f"{{{name}}}" in path}
        response = schema[path]["GET"].Case(path_parameters=asked).call_and_validate(checks=CHECKS)
        assert response.status_code == 200, path


def test_every_list_in_every_form_is_what_the_schema_says(schema):
    for path in [path for path in schema if "{" not in path]:
        asked = {"q": "架空"} if path.endswith("search") else {}
        field = "record" if path.endswith("figures") else "url"
        for query in ({}, {"format": "csv"}, {"format": "jsonl"}, {"fields": field}, {"limit": 1}):
            case = schema[path]["GET"].Case(query=asked | query)
            assert case.call_and_validate(checks=CHECKS).status_code == 200, path


def test_it_is_made_once_and_tells_of_a_fictitious_prefecture(settings):
    assert api.get_openapi_schema() is api.get_openapi_schema()
    before = api.get_openapi_schema()["info"]["description"]
    settings.PREFECTURE_NAME = "架空県"
    assert api.get_openapi_schema()["info"]["description"] == WARNING + "。" + EXPLANATION + before
    settings.PREFECTURE_NAME = "群馬県"
    assert api.get_openapi_schema()["info"]["description"] == before


def test_every_parameter_and_field_is_described_in_japanese():
    document = api.get_openapi_schema()
    described = {
        f"{path} {parameter['name']}": parameter.get("description", "")
        for path, methods in document["paths"].items()
        for parameter in methods["get"]["parameters"]
        if parameter["in"] == "query"
    }
    described |= {
        f"{name}.{field}": details.get("description", "")
        for name, schema in document["components"]["schemas"].items()
        for field, details in schema.get("properties", {}).items()
        if not field.endswith("_en")
    }
    silent = [name for name, text in described.items() if not any(c > "\u3040" for c in text)]
    assert silent == []


def test_every_amount_tells_its_unit():
    schemas = api.get_openapi_schema()["components"]["schemas"]
    amounts = {
        f"{name}.{field}": details
        for name, schema in schemas.items()
        for field, details in schema.get("properties", {}).items()
        if field.endswith("_yen")
    }
    assert len(amounts) > 10
    assert [
        name for name, details in amounts.items() if "（円）" not in details["description"]
    ] == []
    for details in amounts.values():
        types = {each["type"] for each in details.get("anyOf", [details])}
        assert types <= {"integer", "null"}
