from django.contrib import admin
from django.contrib.sitemaps.views import index, sitemap
from django.shortcuts import redirect
from django.templatetags.static import static
from django.urls import include, path
from django.views.decorators.http import conditional_page
from django.views.generic import RedirectView

from . import guides, views
from .api import api
from .api_docs import api_docs
from .feeds import LatestFeed
from .health import healthz
from .sitemaps import SITEMAPS, robots

handler500 = "portal.outage.answer_error"

urlpatterns = [
    path("", views.home, name="home"),
    path("api/v1/", RedirectView.as_view(pattern_name="api_docs")),
    path("api/v1/docs", api_docs, name="api_docs"),
    path("api/v1/", api.urls),
    path("departments/", views.department_list, name="department_list"),
    path("departments/<slug:slug>/", views.department_detail, name="department_detail"),
    path("documents/", views.document_list, name="document_list"),
    path("documents/<slug:slug>/", views.document_detail, name="document_detail"),
    path("glossary/", views.glossary, name="glossary"),
    path("search/", views.search, name="search"),
    path("changes/", views.change_list, name="change_list"),
    path("guide/settlement/", guides.guide_settlement, name="guide_settlement"),
    path("guide/checks/", guides.guide_checks, name="guide_checks"),
    path("coverage/", guides.coverage, name="coverage"),
    path("accessibility/", guides.accessibility, name="accessibility"),
    path("feed.atom", conditional_page(LatestFeed()), name="feed"),
    path(
        "sitemap.xml",
        index,
        {"sitemaps": SITEMAPS, "sitemap_url_name": "sitemap_section"},
        name="sitemap",
    ),
    path("sitemap-<slug:section>.xml", sitemap, {"sitemaps": SITEMAPS}, name="sitemap_section"),
    path("robots.txt", robots, name="robots"),
    path("favicon.ico", lambda request: redirect(static("portal/favicon.ico")), name="favicon"),
    path("healthz", healthz, name="healthz"),
    path("", include("initiatives.urls")),
    path("", include("budgets.urls")),
    path("", include("portal.open_data")),
    path("", include("portal.embeds")),
    path("admin/", admin.site.urls),
]
