"""The read-only API under /api/v1/: all routers, and what is done before one answers.

What concerns every answer (CORS, HEAD, limits, errors) stands in api_http.py, lists in api_lists.py.
"""

from functools import cache

from django.conf import settings
from django.http import Http404
from ninja import NinjaAPI
from ninja.errors import ValidationError
from ninja.renderers import JSONRenderer

from budgets.api import router as settlements_router
from budgets.figures_api import router as figures_router
from budgets.initiatives_api import router as initiatives_with_costs_router
from initiatives.api import router as initiatives_router

from .api_conditions import answer_from_edition
from .api_http import answer_problem
from .api_openapi import complete_schema
from .api_parameters import describe_problems, refuse_what_is_not_asked_for
from .fictitious import is_fictitious
from .records_api import router as records_router


class JapaneseRenderer(JSONRenderer):
    json_dumps_params = {"ensure_ascii": False}


class PortalAPI(NinjaAPI):
    def get_openapi_operation_id(self, operation):
        return operation.view_func.__name__

    def get_openapi_schema(self, *, path_prefix=None, path_params=None):
        """Return the schema, made once: who reads it changes nothing in it."""
        return _make_schema(path_prefix or self.get_root_path(path_params or {}), is_fictitious())


@cache
def _make_schema(path_prefix: str, is_fictitious: bool) -> dict:
    return complete_schema(super(PortalAPI, api).get_openapi_schema(path_prefix=path_prefix))


api = PortalAPI(
    title=f"{settings.SITE_NAME} API",
    version="1.1",
    description=(
        "公開中の取組、決算、指標、部局と、その出典を返します。読み取り専用で、登録はいりません。"
        "金額は円の整数、年度は4月に始まる年度の西暦です。"
        "資料に記載のない値は null で、0とは違います。"
    ),
    docs_url=None,
    renderer=JapaneseRenderer(),
    urls_namespace="api_v1",
)
api.add_decorator(answer_from_edition, mode="view")
api.add_decorator(refuse_what_is_not_asked_for, mode="view")  # comes first
for router in (
    initiatives_router,
    initiatives_with_costs_router,
    settlements_router,
    figures_router,
    records_router,
):
    api.add_router("", router)


@api.exception_handler(ValidationError)
def answer_bad_parameters(request, error):
    return answer_problem(422, describe_problems(error))


@api.exception_handler(Http404)
def answer_not_found(request, error):
    return answer_problem(404)
