"""The API's documentation page: docs/api.md, then what the OpenAPI schema tells."""

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from django.conf import settings
from django.shortcuts import render
from django.utils.safestring import SafeString, mark_safe

from .api import api
from .api_http import SENTENCES, problem
from .api_openapi import PARTIAL, is_listing
from .api_parameters import problem_of
from .markdown import render_markdown

TYPES = {
    "boolean": "true か false",
    "integer": "整数",
    "number": "数",
    "string": "文字列",
    "null": "null",
}
LIMITS = {
    "minimum": "{}以上",
    "maximum": "{}以下",
    "minLength": "{}文字以上",
    "maxLength": "{}文字以内",
    "default": "省略時は {}",
}
GUIDE = Path(settings.BASE_DIR, "docs", "api.md").read_text("utf-8")
GUIDE_ORIGIN = "https://portal.example.jp"
# What `limit=0` is answered.
EXAMPLE_PROBLEM = problem_of(
    "limit",
    "limit：1以上の整数で書いてください。",
    "limit: Input should be greater than or equal to 1",
)
# What the portal's first content answers.
EXAMPLE_SLUGS = {
    "pillars": "dx",
    "reports": "fifth-year",
    "initiatives": "digital-media",
    "indicators": "prefectural-tax-revenue",
    "departments": "chiji-senryaku",
    "documents": "fifth-year-results",
}
EXAMPLE_VALUES = {"fiscal_year": "2020", "department": "chiji-senryaku", "code": "1.7"}
EXAMPLE_QUERIES = {
    "/api/v1/search": {"q": "上海"},
    "/api/v1/figures": {"q": "再生回数"},
    "/api/v1/settlement-items": {"order": "-amount_yen", "limit": "5"},
}


@dataclass(frozen=True)
class Field:
    """A parameter, or a field of an answer; `schema` names the table that tells more of it."""

    name: str
    type: str
    description: str
    schema: str = ""
    is_required: bool = False


@dataclass(frozen=True)
class Operation:
    path: str
    anchor: str
    summary: str
    description: str
    parameters: list[Field]
    answer: Field
    is_list: bool
    example: str

    def command(self, origin: str) -> str:
        return f"curl {shlex.quote(origin + self.example)}"


@dataclass(frozen=True)
class SchemaTable:
    name: str
    fields: list[Field]


def api_docs(request):
    schema = api.get_openapi_schema()
    origin = request.build_absolute_uri("/").rstrip("/")
    return render(
        request,
        "portal/api_docs.html",
        {
            "origin": origin,
            "description": schema["info"]["description"],
            "guide": render_guide(origin),
            "problems": [(int(each), *texts[:2]) for each, texts in sorted(SENTENCES.items())],
            "problem": json.dumps(problem(422, [EXAMPLE_PROBLEM]), ensure_ascii=False, indent=2),
            "groups": [
                (tag, [(operation, operation.command(origin)) for operation in operations])
                for tag, operations in list_operations(schema).items()
            ],
            "tables": list_tables(schema),
        },
    )


def render_guide(origin: str) -> SafeString:
    """Return docs/api.md from its first section on, with examples that ask this site."""
    text = GUIDE[GUIDE.index("\n## ") :].replace(GUIDE_ORIGIN, origin)
    html = render_markdown(text, top_heading=1).replace("<pre>", '<pre tabindex="0">')
    return mark_safe(html)  # noqa: S308 - cleaned by render_markdown


def list_operations(schema: dict) -> dict[str, list[Operation]]:
    """Return the operations by their tags, in the order in which the schema has them."""
    schemas = schema["components"]["schemas"]
    groups: dict[str, list[Operation]] = {}
    for path, methods in schema["paths"].items():
        details = methods["get"]
        content = details["responses"][200]["content"]["application/json"]["schema"]
        name = content["$ref"].rpartition("/")[-1]
        is_list = is_listing(schemas[name])
        if is_list:
            content = schemas[name]["properties"]["items"]["items"]["anyOf"][0]
        groups.setdefault(details["tags"][0], []).append(
            Operation(
                path=path,
                anchor=details["operationId"],
                summary=details["summary"],
                description=details["description"],
                parameters=[
                    describe_field(each["name"], each["schema"], schemas, each["required"])
                    for each in details["parameters"]
                ],
                answer=describe_field("", content, schemas),
                is_list=is_list,
                example=make_example(path),
            )
        )
    return groups


def list_tables(schema: dict) -> list[SchemaTable]:
    """Return the fields of each object that an answer holds, by the object's name."""
    schemas = schema["components"]["schemas"]
    return [
        SchemaTable(
            name,
            [
                describe_field(field, each, schemas)
                for field, each in details["properties"].items()
                if not (field == "items" and is_listing(details))  # stands with the operation
            ],
        )
        for name, details in sorted(schemas.items())
        if "properties" in details and not name.startswith(("Listing_", PARTIAL))
    ]


def describe_field(name: str, details: dict, schemas: dict, is_required: bool = False) -> Field:
    type_, schema = _describe_type(details, schemas)
    limits = [
        text.format(details[limit])
        for limit, text in LIMITS.items()
        if details.get(limit) not in (None, "", [])
    ]
    return Field(
        name=name,
        type=type_ + (f"（{'、'.join(limits)}）" if limits else ""),
        description=details.get("description", ""),
        schema=schema,
        is_required=is_required,
    )


def make_example(path: str) -> str:
    """Return an address that asks for what the path stands for."""
    example = path.replace("{slug}", EXAMPLE_SLUGS.get(path.split("/")[3], ""))
    for name, value in EXAMPLE_VALUES.items():
        example = example.replace(f"{{{name}}}", value)
    query = urlencode(EXAMPLE_QUERIES.get(path, {}))
    return f"{example}?{query}" if query else example


def _describe_type(details: dict, schemas: dict) -> tuple[str, str]:
    """Return a type in words, and the name of the object that it is made of."""
    if "allOf" in details:
        return _describe_type(details["allOf"][0], schemas)
    if "anyOf" in details:
        texts, names = zip(
            *(_describe_type(each, schemas) for each in details["anyOf"]), strict=True
        )
        return " または ".join(texts), "".join(names)
    if "$ref" in details:
        name = details["$ref"].rpartition("/")[-1]
        return (
            ("オブジェクト", name)
            if "properties" in schemas[name]
            else _describe_type(schemas[name], schemas)
        )
    if "enum" in details:
        return " / ".join(details["enum"]), ""
    if details["type"] == "array":
        text, name = _describe_type(details["items"], schemas)
        return f"{text}の配列", name
    if details.get("format") == "date":
        return "日付（2024-08-02）", ""
    return TYPES[details["type"]], ""
