"""What every answer under /api/ has in common: open to all origins, limited, errors by RFC 9457."""

import time
from http import HTTPStatus
from ipaddress import ip_address, ip_network

from django.conf import settings
from django.core.cache import cache
from django.http import HttpResponse, JsonResponse
from django.middleware.http import ConditionalGetMiddleware
from django.utils.cache import patch_vary_headers

from .audit import client_address

API_PREFIX = "/api/"
PROBLEM_TYPE = "/api/v1/docs#problem-{}"
PROBLEM_MEDIA_TYPE = "application/problem+json"
METHODS = "GET, HEAD, OPTIONS"
EXPOSED = (
    "ETag, Last-Modified, Link, Retry-After, Deprecation, Sunset, "
    "RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset"
)
SECONDS = {"s": 1, "min": 60, "hour": 3600}
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
    """Give API answers CORS, ETag with 304, HEAD, OPTIONS and a limit, and make errors problems."""
    answer_conditionally = ConditionalGetMiddleware(get_response)

    def respond(request):
        if request.method == "OPTIONS":
            return HttpResponse(status=204, headers={"Allow": METHODS})
        limits = count_request(request)
        if limits.get("Retry-After"):
            response = answer_problem(HTTPStatus.TOO_MANY_REQUESTS)
        else:
            is_head = request.method == "HEAD"
            if is_head:
                request.method = "GET"
            response = answer_conditionally(request)
            if response.status_code >= 400 and response["Content-Type"] != PROBLEM_MEDIA_TYPE:
                response = answer_problem(response.status_code)
            if is_head:
                response = _without_body(response)
        for name, value in limits.items():
            response[name] = value
        return response

    def middleware(request):
        if not request.path_info.startswith(API_PREFIX):
            return get_response(request)
        response = respond(request)
        response["Access-Control-Allow-Origin"] = "*"
        response["Access-Control-Allow-Methods"] = METHODS
        response["Access-Control-Allow-Headers"] = "*"
        response["Access-Control-Expose-Headers"] = EXPOSED
        patch_vary_headers(response, ["Accept-Encoding"])
        return response

    return middleware


def count_request(request) -> dict[str, int]:
    """Count a request of its address, and return the headers that tell how many are left.

    "Retry-After" is among them where there are none. The count stands in Django's cache, so hosts
    that share one count together.
    """
    most, _, span = settings.API_RATE.partition("/")
    if not int(most):
        return {}
    seconds, now = SECONDS[span], int(time.time())
    left = seconds - now % seconds
    key = f"api-rate:{_network(client_address(request))}:{now // seconds}"
    cache.add(key, 0, seconds + 1)
    try:
        count = cache.incr(key)
    except ValueError:  # gone between the two
        count = 1
    headers = {
        "RateLimit-Limit": int(most),
        "RateLimit-Remaining": max(0, int(most) - count),
        "RateLimit-Reset": left,
    }
    return headers | ({"Retry-After": left} if count > int(most) else {})


def _network(address: str | None) -> str:
    """Return what counts as one client: an IPv4 address, or the /64 that an IPv6 one is free in."""
    if address and ip_address(address).version == 6:
        return ip_network((address, 64), strict=False).network_address.exploded
    return address or "unknown"


def _without_body(response):
    """Return an answer with the headers alone, without making what it would send."""
    return HttpResponse(status=response.status_code, headers=response.headers)
