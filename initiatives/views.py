import mimetypes

from django.db.models import Count, OuterRef, Prefetch, Subquery
from django.http import FileResponse, Http404
from django.shortcuts import get_object_or_404, render
from django.urls import reverse

from portal.addresses import redirect_former_slug, tell_withdrawal
from portal.lists import ListForm, csv_response
from portal.models import ChangeNote
from portal.year_charts import make_series_drawings

from .forms import IndicatorListForm, InitiativeListForm
from .images import WIDTHS, name_width
from .models import (
    Indicator,
    IndicatorValue,
    Initiative,
    InitiativeImage,
    Pillar,
    ResultsReport,
)
from .tables import (
    INDICATOR_VALUE_COLUMNS,
    INITIATIVE_COLUMNS,
    NEWEST_COLUMNS,
    PILLAR_COLUMNS,
    REPORT_COLUMNS,
    list_points,
    make_year_rows,
)


def pillar_list(request):
    form = ListForm(request.GET)
    pillars = form.filter(
        Pillar.objects.published().with_initiative_count().select_related("plan__source")
    )
    if form.wants_csv:
        return csv_response(request, "pillars", PILLAR_COLUMNS, pillars)
    return render(
        request, "initiatives/pillar_list.html", {"form": form, "page": form.paginate(pillars)}
    )


def report_list(request):
    form = ListForm(request.GET)
    reports = form.filter(reports_with_count())
    if form.wants_csv:
        return csv_response(request, "reports", REPORT_COLUMNS, reports)
    return render(
        request, "initiatives/report_list.html", {"form": form, "page": form.paginate(reports)}
    )


@tell_withdrawal(ResultsReport)
@redirect_former_slug(ResultsReport)
def report_detail(request, slug):
    report = get_object_or_404(reports_with_count(), slug=slug)
    form = ListForm(request.GET)
    initiatives = form.filter(initiatives_as_rows().filter(report=report))
    if form.wants_csv:
        return csv_response(request, f"report-{slug}", INITIATIVE_COLUMNS, initiatives)
    return render(
        request,
        "initiatives/report_detail.html",
        {
            "report": report,
            "form": form,
            "trail": [("実績報告", reverse("report_list"))],
            "initiatives": initiatives_as_cards()
            .filter(report=report)
            .order_by("pillar__plan", "pillar__position", "pillar__slug", "position", "slug"),
            "notes": ChangeNote.objects.about(report),
        },
    )


def initiative_list(request):
    form = InitiativeListForm(request.GET)
    if form.wants_csv:
        initiatives = form.filter(initiatives_as_rows())
        return csv_response(request, "initiatives", INITIATIVE_COLUMNS, initiatives)
    page = form.paginate(form.filter(initiatives_as_cards()))
    return render(request, "initiatives/initiative_list.html", {"form": form, "page": page})


def initiative_image(request, pk, width=None):
    """Send the picture of a public initiative; a draft's picture stays hidden."""
    image = get_object_or_404(InitiativeImage.objects.published(), pk=pk)
    name, storage = image.image.name, image.image.storage
    if width and width not in WIDTHS:
        raise Http404
    if width and storage.exists(narrower := name_width(name, width)):
        name = narrower
    content_type, _ = mimetypes.guess_type(name)
    if content_type not in ("image/jpeg", "image/png", "image/webp"):
        raise Http404
    try:
        content = storage.open(name)
    except FileNotFoundError as error:
        raise Http404 from error
    return FileResponse(
        content, content_type=content_type, headers={"Cache-Control": "public, max-age=3600"}
    )


def indicator_list(request):
    form = IndicatorListForm(request.GET)
    indicators = form.filter(Indicator.objects.published())
    values = IndicatorValue.objects.published().select_related("indicator", "source")
    newest = Prefetch("values", newest_of_each_indicator(values), to_attr="newest")
    with_newest = indicators.prefetch_related(newest)
    if form.wants_csv and form.table == "newest":
        return csv_response(request, "indicators-newest", NEWEST_COLUMNS, with_newest)
    if form.wants_csv:
        rows = values.filter(indicator__in=indicators).order_by(*form.value_order(), "year")
        return csv_response(request, "indicators", INDICATOR_VALUE_COLUMNS, rows)
    return render(
        request,
        "initiatives/indicator_list.html",
        {"form": form, "page": form.paginate(with_newest)},
    )


@tell_withdrawal(Indicator)
@redirect_former_slug(Indicator)
def indicator_detail(request, slug):
    indicator = get_object_or_404(
        Indicator.objects.published().select_related("department", "source"), slug=slug
    )
    form = ListForm(request.GET)
    values = form.filter(
        IndicatorValue.objects.published()
        .filter(indicator=indicator)
        .select_related("indicator", "source")
    )
    if form.wants_csv:
        return csv_response(request, f"indicator-{slug}", INDICATOR_VALUE_COLUMNS, values)
    return render(
        request,
        "initiatives/indicator_detail.html",
        {
            "form": form,
            "trail": [("指標", reverse("indicator_list"))],
            "indicator": indicator,
            "rows": make_year_rows(values),
            "drawings": make_series_drawings(list_points(values), indicator.unit),
            "initiatives": Initiative.objects.published()
            .filter(indicators=indicator)
            .select_related("pillar"),
            "notes": ChangeNote.objects.about(indicator, *values),
        },
    )


def reports_with_count():
    return (
        ResultsReport.objects.published()
        .select_related("source")
        .annotate(initiative_count=Initiative.objects.published().count_per("report"))
    )


def initiatives_as_cards():
    """Public initiatives with what a card shows."""
    initiatives = Initiative.objects.published().defer("body", "easy_summary")
    return initiatives.select_related("pillar").prefetch_related("distinctions")


def initiatives_as_rows():
    """Public initiatives with what a row of INITIATIVE_COLUMNS holds."""
    return (
        Initiative.objects.published()
        .select_related("pillar", "report", "source")
        .prefetch_related("departments", "places", "distinctions")
        .annotate(figure_count=Count("figures", distinct=True))
    )


def newest_of_each_indicator(values):
    """Keep of some values the newest one of each indicator."""
    newer_first = values.filter(indicator=OuterRef("indicator")).order_by("-year")
    return values.filter(pk=Subquery(newer_first.values("pk")[:1]))
