"""A Django project of one view: the least that an answer by Django costs under gunicorn.

It returns what the portal answered, byte by byte and header by header, read from the file that
BENCH_ANSWERS names. BENCH_MIDDLEWARE=default adds what `startproject` adds.
"""

import base64
import json
import os
from pathlib import Path

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import re_path

DEFAULT_MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]


def load_answers() -> dict[str, dict]:
    answers = json.loads(Path(os.environ["BENCH_ANSWERS"]).read_text())
    for answer in answers.values():
        answer["body"] = base64.b64decode(answer["body"])
    return answers


ANSWERS = load_answers()


def answer(request, path):
    known = ANSWERS[request.get_full_path()]
    if request.headers.get("If-None-Match") == known["etag"]:
        response = HttpResponse(status=304, headers=known["headers_304"])
        del response["Content-Type"]  # which Django adds to what has no content
        return response
    return HttpResponse(known["body"], headers=known["headers"])


urlpatterns = [re_path("(.*)", answer)]

settings.configure(
    SECRET_KEY=os.environ["SECRET_KEY"],
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    MIDDLEWARE=DEFAULT_MIDDLEWARE if os.environ.get("BENCH_MIDDLEWARE") == "default" else [],
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
)
application = get_wsgi_application()
