"""The documentation page tells all that the schema holds, and its examples work."""

import re

import pytest
from django.core.management import call_command

from portal.api import api
from portal.api_docs import describe_field, list_operations, list_tables

pytestmark = pytest.mark.django_db


def test_the_page_names_every_path_parameter_and_field(client):
    page = client.get("/api/v1/docs")
    assert page.status_code == 200
    assert page["Content-Type"].startswith("text/html")
    text = page.content.decode()
    schema = api.get_openapi_schema()
    for path, methods in schema["paths"].items():
        assert f"<code>{path}</code>" in text
        for parameter in methods["get"]["parameters"]:
            assert f"<code>{parameter['name']}</code>" in text
    for table in list_tables(schema):
        assert f'id="{table.name}"' in text
        assert all(field.description in text for field in table.fields)
    assert "limit：1以上の整数で書いてください。" in text


def test_the_root_leads_to_the_page(client):
    assert client.get("/api/v1/")["Location"] == "/api/v1/docs"


def test_the_page_needs_no_other_host_and_no_inline_script(client):
    text = client.get("/api/v1/docs").content.decode()
    assert not re.search(r"<script>|<script (?!type=|src=)", text)
    assert not re.search(r'<script type="module"(?! src="/static/)', text)
    assert " style=" not in text
    assert not re.search(r'(?:src|href)="(?:https?:)?//(?!testserver/)', text)


def test_every_link_within_the_page_leads_somewhere(client):
    text = client.get("/api/v1/docs").content.decode()
    anchors = set(re.findall(r'id="([^"]+)"', text))
    assert set(re.findall(r'href="#([^"]+)"', text)) <= anchors


def test_every_example_answers_with_the_first_content(client):
    call_command("load_first_content", verbosity=0)
    for operations in list_operations(api.get_openapi_schema()).values():
        for operation in operations:
            answer = client.get(operation.example)
            assert answer.status_code == 200, operation.example
            assert answer.json().get("count", 1) > 0, operation.example
            assert operation.command("https://example.jp").startswith("curl ")


def test_the_error_on_the_page_is_the_real_one(client):
    answer = client.get("/api/v1/pillars?limit=0").json()
    text = client.get("/api/v1/docs").content.decode()
    assert answer["detail"] in text
    for status in (404, 405, 412, 422, 429, 500):
        assert f'id="problem-{status}"' in text
    assert answer["errors"][0]["message_en"] in text


def test_types_are_told_in_words():
    schemas = {
        "Thing": {"properties": {}},
        "Kind": {"enum": ["a", "b"], "type": "string"},
    }

    def told(details):
        field = describe_field("name", details, schemas)
        return field.type, field.schema

    thing, kind = {"$ref": "#/components/schemas/Thing"}, {"$ref": "#/components/schemas/Kind"}
    assert told({"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}) == (
        *("整数（1以上、1000以下、省略時は 100）",),
        "",
    )
    assert told({"anyOf": [{"type": "integer"}, {"type": "null"}]}) == ("整数 または null", "")
    assert told({"type": "array", "items": thing}) == ("オブジェクトの配列", "Thing")
    assert told({"anyOf": [thing, {"type": "null"}]}) == ("オブジェクト または null", "Thing")
    assert told(kind) == told({"allOf": [kind]}) == ("a / b", "")
    assert told({"type": "string", "format": "date"}) == ("日付（2024-08-02）", "")
