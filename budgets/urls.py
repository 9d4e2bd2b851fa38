from django.urls import path, register_converter

from . import initiative_views, item_views, snapshot_views, views
from .item_codes import CODE_PATTERN


class FiscalYearConverter:
    regex = r"[12][0-9]{3}"
    to_python = int
    to_url = str


class ItemCodeConverter:
    regex = CODE_PATTERN.replace("(", "(?:")
    to_python = str
    to_url = str


class SnapshotKeyConverter:
    regex = r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:-(?:[2-9]|[1-9][0-9]{1,3}))?"
    to_python = str
    to_url = str


register_converter(FiscalYearConverter, "fiscal_year")
register_converter(ItemCodeConverter, "item_code")
register_converter(SnapshotKeyConverter, "snapshot_key")

urlpatterns = [
    path("pillars/<slug:slug>/", initiative_views.pillar_detail, name="pillar_detail"),
    path("initiatives/<slug:slug>/", initiative_views.initiative_detail, name="initiative_detail"),
    path("settlements/", views.settlement_list, name="settlement_list"),
    path("settlements/<fiscal_year:fiscal_year>/", views.settlement_year, name="settlement_year"),
    path(
        "settlements/<fiscal_year:fiscal_year>/<slug:department>/",
        views.settlement_detail,
        name="settlement_detail",
    ),
    path(
        "settlements/<fiscal_year:fiscal_year>/<slug:department>/<item_code:code>/",
        item_views.settlement_item_detail,
        name="settlement_item_detail",
    ),
    path(
        "settlements/<fiscal_year:fiscal_year>/<slug:department>/snapshots/<snapshot_key:key>/",
        snapshot_views.snapshot_detail,
        name="snapshot_detail",
    ),
    path(
        "settlements/<fiscal_year:fiscal_year>/<slug:department>/snapshots/<snapshot_key:key>/<name>",
        snapshot_views.snapshot_file,
        name="snapshot_file",
    ),
    path("programs/<slug:slug>/", views.program_detail, name="program_detail"),
]
