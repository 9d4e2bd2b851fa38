"""What was public of a settlement from a day on, as a page and as files."""

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

from portal.addresses import redirect_former_slug, tell_withdrawal
from portal.models import Department

from .item_codes import code_level, code_number, item_label
from .models import Settlement, Snapshot
from .snapshots import SUMS_NAME, ZIP_NAME
from .views import trail_to

CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "zip": "application/zip",
    SUMS_NAME: "text/plain; charset=utf-8",
}


def find_snapshot(fiscal_year, department, key) -> Snapshot:
    settlement = get_object_or_404(
        Settlement.objects.published().select_related("department", "source"),
        fiscal_year=fiscal_year,
        department__slug=department,
    )
    try:
        snapshot = settlement.snapshots.published().get_by_key(key)
    except Snapshot.DoesNotExist as error:
        raise Http404 from error
    snapshot.settlement = settlement
    return snapshot


@require_safe
@tell_withdrawal(Settlement, fiscal_year="fiscal_year", department="department__slug")
@redirect_former_slug(Department, "department")
def snapshot_detail(request, fiscal_year, department, key):
    snapshot = find_snapshot(fiscal_year, department, key)
    settlement, content = snapshot.settlement, snapshot.read_content()
    newer = settlement.snapshots.published().filter(visible_from__gt=snapshot.visible_from)
    return render(
        request,
        "budgets/snapshot_detail.html",
        {
            "snapshot": snapshot,
            "settlement": settlement,
            "frozen": content["settlements"][0],
            "files": snapshot.list_files(),
            "items": [
                item | {"depth": code_level(item["code"]), "label": label_of(item["code"])}
                for item in content["settlement-items"]
            ],
            "figures": content["settlement-figures"],
            "funding": content["funding"],
            "policies": content["priority-policies"],
            "newer": newer.defer("archive").order_by("visible_from").first(),
            "trail": trail_to(fiscal_year, settlement),
        },
    )


def label_of(code):
    return item_label(code_level(code), code_number(code))


@require_safe
@tell_withdrawal(Settlement, fiscal_year="fiscal_year", department="department__slug")
@redirect_former_slug(Department, "department")
def snapshot_file(request, fiscal_year, department, key, name):
    snapshot = find_snapshot(fiscal_year, department, key)
    if name not in {SUMS_NAME, ZIP_NAME, *(file["name"] for file in snapshot.files)}:
        raise Http404
    etag = f'"{snapshot.sha256[:16]}"'
    answer = get_conditional_response(request, etag, int(snapshot.visible_from.timestamp()))
    if answer is None:
        answer = HttpResponse(
            snapshot.read(name), content_type=CONTENT_TYPES[name.rpartition(".")[2]]
        )
        whole = f"settlement-{fiscal_year}-{department}-{key}.zip"
        file_name = whole if name == ZIP_NAME else name
        answer["Content-Disposition"] = f'attachment; filename="{file_name}"'
    answer["ETag"] = etag
    answer["Access-Control-Allow-Origin"] = "*"
    return answer
