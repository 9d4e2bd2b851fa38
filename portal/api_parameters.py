"""What a request may ask of the API: years, slugs, words; and what is wrong with a request."""

from collections.abc import Callable
from functools import wraps
from inspect import unwrap
from typing import Annotated, Any

from django.db.models import QuerySet
from django.http import Http404
from ninja.errors import ValidationError
from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from .fiscal_year import FIRST_FISCAL_YEAR, LAST_YEAR, FiscalYearError, parse_fiscal_year

MAX_YEN = 10**15
MAX_TEXT = 100


def refusal(sentence: str, english: str) -> PydanticCustomError:
    """Return the error of a value that a validator does not take."""
    return PydanticCustomError("refusal", english, {"sentence": sentence})


def _read_fiscal_year(text: Any) -> int:
    try:
        return parse_fiscal_year(str(text))
    except FiscalYearError as error:
        raise refusal(str(error), "Write a fiscal year such as 2020.") from error


FiscalYear = Annotated[
    int,
    BeforeValidator(_read_fiscal_year),
    WithJsonSchema({"type": "integer", "minimum": FIRST_FISCAL_YEAR, "maximum": LAST_YEAR}),
]
# Any text may be asked for, and what is no slug is not found; the pattern is for readers.
Slug = Annotated[str, WithJsonSchema({"type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"})]
FISCAL_YEAR = "年度。4月に始まる年度の西暦（令和2年度は2020）。「令和2年度」「R2」とも書けます。"
DEPARTMENT = "部局の識別子（/departments の slug）"
TEXT = "含む言葉。空白で区切ると、すべてを含むもの。全角・半角、かな・カナ、大文字・小文字は同じとみなします。"


def optional(description: str):
    """Return the field of a parameter that need not be given; type it `… | None`."""
    return Field(None, description=description, json_schema_extra=_leave_out_null)


def _leave_out_null(schema: dict) -> None:
    # "null" is nothing that one could write into a query string.
    schema |= schema.pop("anyOf")[0]


class ParameterError(ValidationError):
    """A parameter whose value names nothing; the message is a Japanese sentence."""

    def __init__(self, parameter: str, sentence: str, english: str):
        super().__init__([problem_of(parameter, sentence, english)])


def problem_of(parameter: str, sentence: str, english: str) -> dict[str, str]:
    return {"parameter": parameter, "message": sentence, "message_en": english}


def require_slugs(asked: dict[str, tuple[str | None, QuerySet]]) -> None:
    """Raise ParameterError for the first parameter whose slug is none of its published records.

    `asked` maps a parameter to its slug (None: not asked) and the records. To be called where a
    list came out empty, so that a full one costs no query.
    """
    for parameter, (slug, records) in asked.items():
        if slug is not None and not records.published().filter(slug=slug).exists():
            name = records.model._meta.verbose_name
            raise ParameterError(
                parameter,
                f"{parameter}「{slug[:MAX_TEXT]}」という{name}はありません。",
                f"There is no such {parameter}.",
            )


def refuse_what_is_not_asked_for(run: Callable) -> Callable:
    """Wrap an operation's `run`: unknown or repeated parameters are said, not passed over.

    A NUL character, which PostgreSQL refuses in a text, is refused here for both databases.
    """
    operation = unwrap(run).__self__
    known = [
        name
        for model in operation.models
        if model.__ninja_param_source__ == "query"
        for name in model.__ninja_flatten_map__
    ]

    @wraps(run)
    def wrapped(request, **path_values):
        if any("\0" in value for value in path_values.values() if isinstance(value, str)):
            return operation.api.on_exception(request, Http404())
        problems = [
            problem_of(name[:MAX_TEXT], *sentences)
            for name, values in request.GET.lists()
            if (sentences := _what_is_wrong(name, values, known))
        ]
        if problems:
            return operation.api.on_exception(request, ValidationError(problems))
        return run(request, **path_values)

    return wrapped


def _what_is_wrong(name: str, values: list[str], known: list[str]) -> tuple[str, str] | None:
    if name not in known:
        allowed = "、".join(known) or "なし"
        return (
            f"「{name[:MAX_TEXT]}」というパラメーターはありません。使えるもの：{allowed}。",
            f"Unknown parameter. Allowed: {', '.join(known) or 'none'}.",
        )
    if len(values) > 1:
        return f"{name} は1回だけ書いてください。", "Give this parameter only once."
    if "\0" in values[0]:
        return f"{name} に使えない文字（NUL）があります。", "NUL characters are not allowed."
    return None


def describe_problems(error: ValidationError) -> list[dict[str, str]]:
    """Return what is wrong with each parameter: its name, a Japanese and an English sentence."""
    return [each if "message" in each else problem_of(*_translate(each)) for each in error.errors]


def _translate(error: dict) -> tuple[str, str, str]:
    """Return parameter, Japanese and English sentence of one of pydantic's errors."""
    name, context = str(error["loc"][-1]), error.get("ctx", {})
    match error["type"]:
        case "refusal":
            sentence = context["sentence"]
        case "missing":
            sentence = "必ず書いてください。"
        case "greater_than_equal":
            sentence = f"{context['ge']}以上の整数で書いてください。"
        case "less_than_equal":
            sentence = f"{context['le']}以下の整数で書いてください。"
        case "string_too_long":
            sentence = f"{context['max_length']}文字以内で書いてください。"
        case "string_too_short":
            sentence = f"{context['min_length']}文字以上で書いてください。"
        case "literal_error" | "enum":
            choices = context["expected"].replace("'", "").replace(" or ", ", ")
            sentence = f"次のどれかを書いてください：{choices}。"
        case kind if kind.startswith("int"):
            sentence = "整数で書いてください。"
        case _:
            sentence = "この値は使えません。"
    return name, f"{name}：{sentence}", f"{name}: {error['msg']}"
