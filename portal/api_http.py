"""What every answer under /api/ has in common: open to all origins, cacheable, always JSON."""

from http import HTTPStatus

from django.http import HttpResponse, JsonResponse
from django.middleware.http import ConditionalGetMiddleware

API_PREFIX = "/api/"
METHODS = "GET, HEAD, OPTIONS"
SENTENCES = {
    HTTPStatus.NOT_FOUND: (
        "お探しのものはありません。アドレスをお確かめください。使い方は /api/v1/docs にあります。",
        "Not found. See /api/v1/docs for what there is.",
    ),
    HTTPStatus.METHOD_NOT_ALLOWED: (
        "このAPIは読み取り専用です。GETでお尋ねください。",
        "This API is read-only. Use GET.",
    ),
    HTTPStatus.UNPROCESSABLE_ENTITY: (
        "パラメーターを読み取れません。errors をご覧ください。",
        "Some parameters are not valid. See errors.",
    ),
    HTTPStatus.INTERNAL_SERVER_ERROR: (
        "サーバーで問題が起きました。時間をおいて、もう一度お試しください。",
        "Something went wrong on the server. Please try again later.",
    ),
}


def problem(status: int, errors: list[dict] | None = None) -> dict:
    """Return the body of an answer that is no 200 (schema Problem)."""
    message, message_en = SENTENCES.get(
        status, ("この求めには応じられません。", HTTPStatus(status).phrase)
    )
    return {"message": message, "message_en": message_en, "errors": errors or []}


def api_middleware(get_response):
    """Give API answers CORS, ETag with 304, HEAD and OPTIONS, and make their errors JSON."""
    answer_conditionally = ConditionalGetMiddleware(get_response)

    def respond(request):
        if request.method == "OPTIONS":
            return HttpResponse(status=204, headers={"Allow": METHODS})
        is_head = request.method == "HEAD"
        if is_head:
            request.method = "GET"
        response = answer_conditionally(request)
        if response.status_code >= 400 and not _is_json(response):
            response = _as_json(response)
        if is_head:
            response.content = b""
        return response

    def middleware(request):
        if not request.path_info.startswith(API_PREFIX):
            return get_response(request)
        response = respond(request)
        response["Access-Control-Allow-Origin"] = "*"
        response["Access-Control-Allow-Methods"] = METHODS
        response["Access-Control-Allow-Headers"] = "*"
        response["Access-Control-Expose-Headers"] = "ETag"
        return response

    return middleware


def _is_json(response) -> bool:
    return response.get("Content-Type", "").startswith("application/json")


def _as_json(response):
    answer = JsonResponse(
        problem(response.status_code),
        status=response.status_code,
        json_dumps_params={"ensure_ascii": False},
    )
    if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        answer["Allow"] = METHODS
    return answer
