"""The API against its own schema, asked in all the ways that the schema allows and forbids."""

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from portal.api import api
from portal.wsgi import application
from tests.api_world import make_world

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture
def api_schema(db):
    make_world("a", size=2)
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", application)


schema = schemathesis.pytest.from_fixture("api_schema")


@schema.parametrize()
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_every_answer_is_what_the_schema_says(case):
    case.call_and_validate(checks=CHECKS, headers={"Host": "localhost"})


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
