from django.urls import path

from . import views

urlpatterns = [
    path("pillars/", views.pillar_list, name="pillar_list"),
    path("reports/", views.report_list, name="report_list"),
    path("reports/<slug:slug>/", views.report_detail, name="report_detail"),
    path("initiatives/", views.initiative_list, name="initiative_list"),
    path("initiatives/images/<int:pk>/", views.initiative_image, name="initiative_image"),
    path(
        "initiatives/images/<int:pk>/<int:width>/",
        views.initiative_image,
        name="initiative_image_width",
    ),
    path("indicators/", views.indicator_list, name="indicator_list"),
    path("indicators/<slug:slug>/", views.indicator_detail, name="indicator_detail"),
]
