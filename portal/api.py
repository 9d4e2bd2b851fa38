"""The read-only API under /api/v1/: all routers, and the sentences of its errors.

What concerns every answer (CORS, ETag, HEAD, JSON for all errors) stands in api_http.py.
"""

from django.conf import settings
from django.http import Http404
from ninja import NinjaAPI
from ninja.errors import ValidationError
from ninja.renderers import JSONRenderer

from budgets.api import router as settlements_router
from budgets.figures_api import router as figures_router
from budgets.initiatives_api import router as initiatives_with_costs_router
from initiatives.api import router as initiatives_router

from .api_http import problem
from .api_parameters import describe_problems, refuse_what_is_not_asked_for
from .records_api import router as records_router


class JapaneseRenderer(JSONRenderer):
    json_dumps_params = {"ensure_ascii": False}


api = NinjaAPI(
    title=f"{settings.SITE_NAME} API",
    version="1",
    description=(
        "公開中の取組、決算、指標、部局と、その出典をJSONで返します。読み取り専用で、登録はいりません。"
        "金額は円の整数、年度は4月に始まる年度の西暦です。"
        "資料に記載のない値は null で、0とは違います。"
    ),
    docs_url=None,
    renderer=JapaneseRenderer(),
    urls_namespace="api_v1",
)
api.add_decorator(refuse_what_is_not_asked_for, mode="view")
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
    body = problem(422, describe_problems(error))
    body["message"] = " ".join(each["message"] for each in body["errors"])
    return api.create_response(request, body, status=422)


@api.exception_handler(Http404)
def answer_not_found(request, error):
    return api.create_response(request, problem(404), status=404)
