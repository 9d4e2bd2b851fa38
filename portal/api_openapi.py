"""What the OpenAPI schema tells of every operation: headers, formats, partial rows, problems."""

from copy import deepcopy
from http import HTTPStatus

from ninja.schema import NinjaGenerateJsonSchema
from pydantic.json_schema import models_json_schema

from .api_conditions import DEPRECATED
from .api_http import PROBLEM_MEDIA_TYPE, SENTENCES
from .api_schemas import Problem
from .fictitious import tell_fictitious

REF = "#/components/schemas/{model}"
PARTIAL = "Partial"
SUCCESS_HEADERS = {
    "ETag": ("string", "この内容の印。If-None-Match で送ると、変わっていなければ 304"),
    "Last-Modified": ("string", "公開中の記録が最後に変わった時刻"),
}
LIST_HEADERS = {"Link": ("string", '続きのアドレス（rel="next"）。最後なら、ない')}
LIMIT_HEADERS = {
    "RateLimit-Limit": ("integer", "1つのアドレスから、決まった時間に尋ねられる回数"),
    "RateLimit-Remaining": ("integer", "残りの回数"),
    "RateLimit-Reset": ("integer", "数え直すまでの秒数"),
}
RETRY = {"Retry-After": ("integer", "待つ秒数")}
ERRORS = {HTTPStatus.UNPROCESSABLE_ENTITY: {}, HTTPStatus.TOO_MANY_REQUESTS: RETRY}
OF_ONE = {HTTPStatus.NOT_FOUND: {}}


def complete_schema(schema: dict) -> dict:
    """Return the schema with what holds for all operations; it is changed in place."""
    schema["info"]["description"] = tell_fictitious() + schema["info"]["description"]
    schemas = schema["components"]["schemas"]
    _, problems = models_json_schema(
        [(Problem, "serialization")],
        ref_template=REF,
        schema_generator=NinjaGenerateJsonSchema,
    )
    schemas |= problems["$defs"]
    for name in [name for name in schemas if name.endswith("Page")]:
        del schemas[name]  # ninja's own: the parameters stand with their operations
    for path, methods in schema["paths"].items():
        details = methods["get"]
        success = details["responses"][200]
        success["description"] = "答え"
        name = success["content"]["application/json"]["schema"]["$ref"].rpartition("/")[-1]
        is_list = is_listing(schemas[name])
        success["headers"] = _headers(
            SUCCESS_HEADERS | LIMIT_HEADERS | (LIST_HEADERS if is_list else {})
        )
        if is_list:
            allow_partial_rows(schemas, name)
            for media_type in ("text/csv", "application/jsonl"):
                success["content"][media_type] = {"schema": {"type": "string"}}
        details["responses"][304] = {"description": "変わっていません（本文なし）"}
        for status, headers in (ERRORS | (OF_ONE if "{" in path else {})).items():
            details["responses"][int(status)] = {
                "description": SENTENCES[status][0],
                "headers": _headers(headers | LIMIT_HEADERS),
                "content": {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": REF.format(model="Problem")}}},
            }
        if details["operationId"] in DEPRECATED:
            details["deprecated"] = True
    return schema


def is_listing(model: dict) -> bool:
    return {"items", "count"} <= model.get("properties", {}).keys()


def allow_partial_rows(schemas: dict, name: str) -> None:
    """Let a list's items be whole rows, or rows that hold some of their fields (`fields`)."""
    items = schemas[name]["properties"]["items"]
    row = items["items"]["$ref"].rpartition("/")[-1]
    partial = deepcopy(schemas[row])
    partial.pop("required")
    partial |= {"title": PARTIAL + row, "minProperties": 1, "additionalProperties": False}
    schemas[PARTIAL + row] = partial
    items["items"] = {"anyOf": [items["items"], {"$ref": REF.format(model=PARTIAL + row)}]}


def _headers(headers: dict[str, tuple[str, str]]) -> dict:
    return {
        name: {"schema": {"type": type_}, "description": description, "required": False}
        for name, (type_, description) in headers.items()
    }
