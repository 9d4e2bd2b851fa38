from django.contrib import admin
from django.urls import include, path

from . import views
from .api import api

urlpatterns = [
    path("", views.home, name="home"),
    path("departments/", views.department_list, name="department_list"),
    path("departments/<slug:slug>/", views.department_detail, name="department_detail"),
    path("documents/", views.document_list, name="document_list"),
    path("documents/<slug:slug>/", views.document_detail, name="document_detail"),
    path("glossary/", views.glossary, name="glossary"),
    path("search/", views.search, name="search"),
    path("open-data/", views.open_data, name="open_data"),
    path("changes/", views.change_list, name="change_list"),
    path("healthz", views.healthz, name="healthz"),
    path("", include("initiatives.urls")),
    path("", include("budgets.urls")),
    path("api/v1/", api.urls),
    path("admin/", admin.site.urls),
]
