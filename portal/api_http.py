"""What every answer under /api/ has in common: open to all origins, errors by RFC 9457."""

from http import HTTPStatus

from django.http import HttpResponse, JsonResponse
from django.middleware.http import ConditionalGetMiddleware
from django.utils.cache import patch_vary_headers

API_PREFIX = "/api/"
PROBLEM_TYPE = "/api/v1/docs#problem-{}"
PROBLEM_MEDIA_TYPE = "application/problem+json"
METHODS = "GET, HEAD, OPTIONS"
EXPOSED = (
    "ETag, Last-Modified, Link, Retry-After, Deprecation, Sunset, "
    "RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset"
)
# Status -> what it is called, what happened and what to do, the same in English.
SENTENCES = {
    HTTPStatus.NOT_FOUND: (
        "見つかりません",
        "お探しのものはありません。アドレスをお確かめください。使い方は /api/v1/docs にあります。",
        "Not found. See /api/v1/docs for what there is.",
    ),
    HTTPStatus.METHOD_NOT_ALLOWED: (
        "読み取り専用です",
        "このAPIは読み取り専用です。GETでお尋ねください。",
        "This API is read-only. Use GET.",
    ),
    HTTPStatus.PRECONDITION_FAILED: (
        "条件に合いません",
        "If-Match または If-Unmodified-Since の条件に合いません。内容が変わっています。",
        "The data has changed since the version that If-Match or If-Unmodified-Since names.",
    ),
    HTTPStatus.UNPROCESSABLE_ENTITY: (
        "パラメーターの誤り",
        "パラメーターを読み取れません。errors をご覧ください。",
        "Some parameters are not valid. See errors.",
    ),
    HTTPStatus.TOO_MANY_REQUESTS: (
        "回数の上限",
        "短い時間に多くのお尋ねがありました。Retry-After の秒数だけ待って、もう一度お試しください。",
        "Too many requests. Wait for the seconds that Retry-After tells, then try again.",
    ),
    HTTPStatus.INTERNAL_SERVER_ERROR: (
        "サーバーの問題",
        "サーバーで問題が起きました。時間をおいて、もう一度お試しください。",
        "Something went wrong on the server. Please try again later.",
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: (
        "ただいま答えられません",
        "データベースに届きません。Retry-After の秒数だけ待って、もう一度お試しください。",
        "The database cannot be reached. Wait for the seconds that Retry-After tells, then try again.",
    ),
}


def problem(status: int, errors: list[dict] | None = None) -> dict:
    """Return the body of an answer that is no success (schema Problem)."""
    title, detail, detail_en = SENTENCES.get(
        status,
        ("応じられません", "この求めには応じられません。", HTTPStatus(status).phrase),
    )
    if errors:
        detail = " ".join(each["message"] for each in errors)
    return {
        "type": PROBLEM_TYPE.format(status) if status in SENTENCES else "about:blank",
        "title": title,
        "status": int(status),
        "detail": detail,
        "detail_en": detail_en,
        "errors": errors or [],
        "message": detail,
        "message_en": detail_en,
    }


def answer_problem(status: int, errors: list[dict] | None = None) -> JsonResponse:
    answer = JsonResponse(
        problem(status, errors),
        status=status,
        content_type=PROBLEM_MEDIA_TYPE,
        json_dumps_params={"ensure_ascii": False},
    )
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        answer["Allow"] = METHODS
    return answer


def api_middleware(get_response):
    """Give API answers CORS, ETag with 304, HEAD and OPTIONS, and make errors problems."""
    answer_conditionally = ConditionalGetMiddleware(get_response)

    def respond(request):
        if request.method == "OPTIONS":
            return HttpResponse(status=204, headers={"Allow": METHODS})
        is_head = request.method == "HEAD"
        if is_head:
            request.method = "GET"
        response = answer_conditionally(request)
        if response.status_code >= 400 and response["Content-Type"] != PROBLEM_MEDIA_TYPE:
            wait = response.get("Retry-After")
            response = answer_problem(response.status_code)
            if wait:
                response["Retry-After"] = wait
        return _without_body(response) if is_head else response

    def middleware(request):
        if not request.path_info.startswith(API_PREFIX):
            return get_response(request)
        return open_to_all_origins(respond(request))

    return middleware


def open_to_all_origins(response):
    """Let the pages of other hosts read an answer of the API; return it."""
    response["Access-Control-Allow-Origin"] = "*"
    response["Access-Control-Allow-Methods"] = METHODS
    response["Access-Control-Allow-Headers"] = "*"
    response["Access-Control-Expose-Headers"] = EXPOSED
    patch_vary_headers(response, ["Accept-Encoding"])
    return response


def _without_body(response):
    """Return an answer with the headers alone, without making what it would send."""
    return HttpResponse(status=response.status_code, headers=response.headers)
