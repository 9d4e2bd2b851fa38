"""The open-data pages: bulk files of all public records, their dictionary, and what describes them.

A file is made while it is sent. Whoever has the present edition already is answered 304 by one
query. A parameter that is not understood is refused with a sentence: a program should know.
"""

import hashlib
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from django import forms
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.db.models import Func, IntegerField, Subquery
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    JsonResponse,
    StreamingHttpResponse,
)
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import path, reverse
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.http import http_date
from django.views.decorators.http import require_safe

from .edition import Edition, find_edition
from .fictitious import tell_fictitious
from .open_data_columns import Table
from .open_data_files import (
    Facts,
    Form,
    check_encoding,
    iter_file,
    iter_zip,
    measure,
    write_xlsx,
)
from .open_data_metadata import FORMATS, LICENCE_URL, describe_catalog, describe_package
from .open_data_tables import TABLES
from .spreadsheets import CSV_ENCODINGS, MAX_PROBLEMS, SpreadsheetError
from .tables import list_datasets

# A change that the edition does not tell shows in the numbers after this many seconds at the latest.
REMEMBERED_SECONDS = 3600
CONTENT_TYPES = {
    **{format: media_type for format, (media_type, _) in FORMATS.items()},
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/jsonl; charset=utf-8",
}
CP932 = "text/csv; charset=windows-31j"
PLAIN = "text/plain; charset=utf-8"
ZIP = "application/zip"
EARLIEST = datetime(1980, 1, 1)
SECURITY_TXT_DAYS = 180
# What is made of the same records differs where the columns do.
DEFINITION = hashlib.sha256(
    repr([(t.name, t.header("ja"), t.header("en")) for t in TABLES.values()]).encode()
).hexdigest()[:8]


class FileForm(forms.Form):
    """The query string of a file; what a format does not know is refused too."""

    encoding = forms.ChoiceField(required=False, choices=list(CSV_ENCODINGS.items()))
    header = forms.ChoiceField(required=False, choices=[("ja", "日本語"), ("en", "英語")])
    of_format = {"csv": ("encoding", "header"), "xlsx": ("header",), "jsonl": ()}

    def __init__(self, data, format):
        super().__init__(data)
        self.format = format
        self.fields = {name: self.fields[name] for name in self.of_format[format]}

    def problems(self) -> list[str]:
        """Return a sentence for each parameter that is not understood."""
        known = "、".join(self.fields)
        advice = f"使えるのは {known} です。" if known else "このファイルは、指定なしで使います。"
        unknown = [
            f"「{name[:30]}」という指定はありません。{advice}"
            for name in self.data
            if name not in self.fields
        ]
        wrong = [
            f"{name} に「{self.data[name][:30]}」は使えません。"
            f"{'、'.join(value for value, _ in self.fields[name].choices)} から選んでください。"
            for name in self.errors
        ]
        return (unknown + wrong)[:MAX_PROBLEMS]

    def form(self) -> Form:
        chosen = {name: value for name, value in self.cleaned_data.items() if value}
        return Form(self.format, **chosen)


def serve(
    request: HttpRequest, edition: Edition, content_type: str, make: Callable[[], HttpResponse]
) -> HttpResponse:
    """Answer 304 to who has the edition, a HEAD without a body, and else what `make` returns."""
    etag = f'W/"{edition.tag}{DEFINITION}"'
    modified = edition.changed_at and int(edition.changed_at.timestamp())
    answer = get_conditional_response(request, etag, modified)
    if answer is None:
        # Without a length, which nobody knows before the file is made.
        is_head = request.method == "HEAD"
        answer = StreamingHttpResponse((), content_type=content_type) if is_head else make()
    answer["ETag"] = etag
    answer["Access-Control-Allow-Origin"] = "*"
    answer["Link"] = f'<{LICENCE_URL}>; rel="license"'
    if modified:
        answer["Last-Modified"] = http_date(modified)
    return answer


def refuse(request: HttpRequest, problems: list[str], status: int = 400) -> HttpResponse:
    return render(request, "portal/open_data_refused.html", {"problems": problems}, status=status)


def base_of(request: HttpRequest) -> str:
    """Return the address of the site, without a path."""
    return f"{request.scheme}://{request.get_host()}"


def describe(request: HttpRequest, edition: Edition) -> dict:
    """Return what the metadata say of the whole."""
    return {
        "site": settings.SITE_NAME,
        "publisher": settings.PREFECTURE_NAME,
        "warning": tell_fictitious(),
        "changed_at": edition.changed_at,
        "folder": request.build_absolute_uri(reverse("open_data")),
    }


def find_facts(request: HttpRequest, edition: Edition, table: Table, form: Form) -> Facts:
    """Return the facts of a file, made for that once an edition."""
    base = base_of(request)
    key = f"open-data:{edition.tag}{DEFINITION}:{base}:{table.name}:{form}".replace(" ", "")
    if (facts := cache.get(key)) is None:
        facts = measure(table, base, form)
        if find_edition() == edition:
            cache.set(key, facts, REMEMBERED_SECONDS)
    return facts


def count_rows(edition: Edition) -> dict[str, int]:
    """Return how many rows each table has, by its name; none of one whose rows are computed."""
    key = f"open-data:{edition.tag}{DEFINITION}:counts"
    if (counts := cache.get(key)) is None:
        queries = {
            f"{name.replace('-', '_')}_{number}": Subquery(
                rows.order_by()
                .annotate(rows=Func("pk", function="COUNT", output_field=IntegerField()))
                .values("rows")
            )
            for name, table in TABLES.items()
            for number, rows in enumerate(table.counted())
        }
        # A table that always has a row stands in for a query without one.
        found = ContentType.objects.order_by("pk").values(**queries).first() or {}
        counts = {}
        for name, number in found.items():
            table = name.rpartition("_")[0].replace("_", "-")
            counts[table] = counts.get(table, 0) + (number or 0)  # None: nothing can be there
        cache.set(key, counts, REMEMBERED_SECONDS)
    return counts


@require_safe
def open_data(request):
    edition = find_edition()
    counts = count_rows(edition)
    return render(
        request,
        "portal/open_data.html",
        {
            "files": [(table, counts.get(name)) for name, table in TABLES.items()],
            "tables": TABLES.values(),
            "edition": edition,
            "now": timezone.now(),
            "datasets": list_datasets(),
        },
    )


@require_safe
def open_data_dictionary(request):
    return render(
        request,
        "portal/open_data_dictionary.html",
        {"tables": TABLES.values(), "trail": [("オープンデータ", reverse("open_data"))]},
    )


@require_safe
def open_data_file(request, name, format):
    if name not in TABLES or format not in FORMATS:
        raise Http404
    query = FileForm(request.GET, format)
    if problems := query.problems():
        return refuse(request, problems)
    table, base, form = TABLES[name], base_of(request), query.form()
    content_type = CP932 if form.encoding == "cp932" else CONTENT_TYPES[format]

    def make():
        if format == "xlsx":
            return FileResponse(write_xlsx(table, base, form), content_type=content_type)
        check_encoding([table], base, form)
        return StreamingHttpResponse(iter_file(table, base, form), content_type=content_type)

    try:
        answer = serve(request, find_edition(), content_type, make)
    except SpreadsheetError as error:
        return refuse(request, [str(error)], 422)
    answer["Content-Disposition"] = f'attachment; filename="{name}.{format}"'
    return answer


@require_safe
def open_data_sha256(request, name, format):
    """Answer a line that `sha256sum --check` reads."""
    if name not in TABLES or format not in ("csv", "jsonl"):
        raise Http404
    query = FileForm(request.GET, format)
    if problems := query.problems():
        return refuse(request, problems)
    edition, form = find_edition(), query.form()

    def make():
        check_encoding([TABLES[name]], base_of(request), form)
        facts = find_facts(request, edition, TABLES[name], form)
        return HttpResponse(f"{facts.sha256}  {name}.{format}\n", content_type=PLAIN)

    try:
        return serve(request, edition, PLAIN, make)
    except SpreadsheetError as error:
        return refuse(request, [str(error)], 422)


@require_safe
def open_data_zip(request):
    query = FileForm(request.GET, "csv")
    if problems := query.problems():
        return refuse(request, problems)
    edition, base, form, tables = find_edition(), base_of(request), query.form(), TABLES.values()

    def make():
        check_encoding(tables, base, form)
        about = describe(request, edition)

        def describe_files(facts):
            return describe_package(tables, **about, form=form, facts=facts, is_local=True)

        written_at = timezone.localtime(edition.changed_at) if edition.changed_at else EARLIEST
        parts = iter_zip(tables, base, form, written_at, describe_files)
        return StreamingHttpResponse(parts, content_type=ZIP)

    try:
        answer = serve(request, edition, ZIP, make)
    except SpreadsheetError as error:
        return refuse(request, [str(error)], 422)
    answer["Content-Disposition"] = 'attachment; filename="open-data.zip"'
    return answer


def answer_json(request, edition, make, content_type="application/json"):
    def respond():
        return JsonResponse(
            make(),
            content_type=content_type,
            json_dumps_params={"ensure_ascii": False, "indent": 2},
        )

    return serve(request, edition, content_type, respond)


@require_safe
def open_data_manifest(request):
    """Answer rows, bytes and SHA-256 of every file that is the same whenever it is made."""
    if problems := FileForm(request.GET, "jsonl").problems():
        return refuse(request, problems)
    edition = find_edition()

    def make():
        return {
            "changed_at": edition.changed_at,
            "generated_at": timezone.now(),
            "license": LICENCE_URL,
            "files": [
                {
                    "path": f"{table.name}.{format}",
                    "title": table.title,
                    **asdict(find_facts(request, edition, table, Form(format))),
                }
                for table in TABLES.values()
                for format in ("csv", "jsonl")
            ],
        }

    return answer_json(request, edition, make)


@require_safe
def open_data_package(request):
    query = FileForm(request.GET, "csv")
    if problems := query.problems():
        return refuse(request, problems)
    edition = find_edition()
    about = describe(request, edition)
    return answer_json(
        request, edition, lambda: describe_package(TABLES.values(), **about, form=query.form())
    )


@require_safe
def open_data_catalog(request):
    if problems := FileForm(request.GET, "jsonl").problems():
        return refuse(request, problems)
    edition = find_edition()
    about = describe(request, edition)
    return answer_json(
        request, edition, lambda: describe_catalog(TABLES.values(), **about), "application/ld+json"
    )


@require_safe
def security_txt(request):
    """Answer whom to tell of a vulnerability (RFC 9116), fresh for some months."""
    page = request.build_absolute_uri(reverse("accessibility"))
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    expires = midnight + timedelta(days=SECURITY_TXT_DAYS)
    lines = [
        f"Contact: {settings.CONTACT_URL or page}",
        f"Expires: {expires:%Y-%m-%dT%H:%M:%SZ}",
        "Preferred-Languages: ja, en",
        f"Canonical: {request.build_absolute_uri(reverse('security_txt'))}",
    ]
    return HttpResponse("".join(f"{line}\n" for line in lines), content_type=PLAIN)


@require_safe
def opensearch(request):
    """Answer how a browser searches this site."""
    return render(
        request,
        "portal/open_data_opensearch.xml",
        {
            "short_name": settings.SITE_NAME[:16],
            "search": request.build_absolute_uri(reverse("search")),
            "icon": request.build_absolute_uri(static("portal/icon.svg")),
            "self": request.build_absolute_uri(reverse("opensearch")),
        },
        content_type="application/opensearchdescription+xml; charset=utf-8",
    )


urlpatterns = [
    path("open-data/", open_data, name="open_data"),
    path("open-data/dictionary/", open_data_dictionary, name="open_data_dictionary"),
    path("open-data/all.zip", open_data_zip, name="open_data_zip"),
    path("open-data/manifest.json", open_data_manifest, name="open_data_manifest"),
    path("open-data/datapackage.json", open_data_package, name="open_data_package"),
    path("open-data/catalog.jsonld", open_data_catalog, name="open_data_catalog"),
    path("open-data/<slug:name>.<slug:format>", open_data_file, name="open_data_file"),
    path("open-data/<slug:name>.<slug:format>.sha256", open_data_sha256, name="open_data_sha256"),
    path(".well-known/security.txt", security_txt, name="security_txt"),
    path("opensearch.xml", opensearch, name="opensearch"),
]
