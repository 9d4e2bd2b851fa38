import mimetypes

from django.db.models import Count, Prefetch
from django.http import FileResponse, Http404
from django.shortcuts import get_object_or_404, render

from portal.addresses import redirect_former_slug
from portal.lists import ListForm, csv_response

from .forms import IndicatorListForm, InitiativeListForm
from .models import (
    Indicator,
    IndicatorValue,
    Initiative,
    InitiativeFigure,
    InitiativeImage,
    Pillar,
    ResultsReport,
)
from .tables import (
    INDICATOR_VALUE_COLUMNS,
    INITIATIVE_COLUMNS,
    PILLAR_COLUMNS,
    REPORT_COLUMNS,
    make_bars,
    make_year_rows,
)


def pillar_list(request):
    form = ListForm(request.GET)
    pillars = form.filter(
        Pillar.objects.published().with_initiative_count().select_related("plan__source")
    )
    if form.wants_csv:
        return csv_response("pillars", PILLAR_COLUMNS, pillars)
    return render(request, "initiatives/pillar_list.html", {"form": form, "pillars": pillars})


def initiatives_for_lists():
    """Public initiatives with all that a row of a list shows."""
    return (
        Initiative.objects.published()
        .select_related("pillar", "report", "source")
        .prefetch_related("departments", "places", "distinctions")
        .annotate(figure_count=Count("figures"))
    )


@redirect_former_slug(Pillar)
def pillar_detail(request, slug):
    pillar = get_object_or_404(
        Pillar.objects.published().select_related("plan__source"), slug=slug
    )
    form = ListForm(request.GET)
    initiatives = form.filter(initiatives_for_lists().for_pillar(pillar))
    if form.wants_csv:
        return csv_response(f"pillar-{slug}", INITIATIVE_COLUMNS, initiatives)
    figures = InitiativeFigure.objects.select_related("source")
    return render(
        request,
        "initiatives/pillar_detail.html",
        {
            "pillar": pillar,
            "form": form,
            "page": form.paginate(initiatives.prefetch_related(Prefetch("figures", figures))),
            "pillars": Pillar.objects.published().filter(plan=pillar.plan),
            "indicators": Indicator.objects.published()
            .filter(initiatives__in=Initiative.objects.published().for_pillar(pillar))
            .distinct(),
        },
    )


def reports_with_count():
    return (
        ResultsReport.objects.published()
        .select_related("source")
        .annotate(initiative_count=Initiative.objects.published().count_per("report"))
    )


def report_list(request):
    form = ListForm(request.GET)
    reports = form.filter(reports_with_count())
    if form.wants_csv:
        return csv_response("reports", REPORT_COLUMNS, reports)
    return render(
        request, "initiatives/report_list.html", {"form": form, "page": form.paginate(reports)}
    )


@redirect_former_slug(ResultsReport)
def report_detail(request, slug):
    report = get_object_or_404(reports_with_count(), slug=slug)
    initiatives = initiatives_for_lists().filter(report=report)
    return render(
        request,
        "initiatives/report_detail.html",
        {
            "report": report,
            "initiatives": initiatives.order_by("pillar__position", "position", "slug"),
        },
    )


def initiative_list(request):
    form = InitiativeListForm(request.GET)
    initiatives = form.filter(initiatives_for_lists())
    if form.wants_csv:
        return csv_response("initiatives", INITIATIVE_COLUMNS, initiatives)
    return render(
        request,
        "initiatives/initiative_list.html",
        {"form": form, "page": form.paginate(initiatives)},
    )


@redirect_former_slug(Initiative)
def initiative_detail(request, slug):
    initiative = get_object_or_404(
        Initiative.objects.published()
        .select_related("pillar__plan", "report", "source")
        .prefetch_related("departments", "places", "distinctions", "images", "links"),
        slug=slug,
    )
    costs = initiative.costs.published().select_related("item__settlement__department")
    siblings = list(
        Initiative.objects.published()
        .filter(pillar=initiative.pillar_id, report=initiative.report_id)
        .values("slug", "title")
    )
    place = [sibling["slug"] for sibling in siblings].index(slug)
    return render(
        request,
        "initiatives/initiative_detail.html",
        {
            "initiative": initiative,
            "figures": initiative.figures.select_related("source", "part_of"),
            "costs": [cost for cost in costs if cost.relation == "cost"],
            "related": [cost for cost in costs if cost.relation == "editorial"],
            "indicators": initiative.indicators.published(),
            "before": siblings[place - 1] if place else None,
            "after": siblings[place + 1] if place + 1 < len(siblings) else None,
        },
    )


def initiative_image(request, pk):
    """Send the picture of a public initiative; a draft's picture stays hidden."""
    image = get_object_or_404(InitiativeImage.objects.published(), pk=pk)
    content_type, _ = mimetypes.guess_type(image.image.name)
    if content_type not in ("image/jpeg", "image/png", "image/webp", "image/gif"):
        raise Http404
    try:
        content = image.image.open("rb")
    except FileNotFoundError as error:
        raise Http404 from error
    return FileResponse(
        content, content_type=content_type, headers={"Cache-Control": "public, max-age=3600"}
    )


def indicator_list(request):
    form = IndicatorListForm(request.GET)
    indicators = form.filter(Indicator.objects.published())
    values = IndicatorValue.objects.published().select_related("indicator", "source")
    if form.wants_csv:
        rows = values.filter(indicator__in=indicators).order_by(
            "indicator__position", "indicator__slug", "year"
        )
        return csv_response("indicators", INDICATOR_VALUE_COLUMNS, rows)
    newest = Prefetch("values", values.order_by("-year"), to_attr="newest")
    return render(
        request,
        "initiatives/indicator_list.html",
        {"form": form, "page": form.paginate(indicators.prefetch_related(newest))},
    )


@redirect_former_slug(Indicator)
def indicator_detail(request, slug):
    indicator = get_object_or_404(
        Indicator.objects.published().select_related("department", "source"), slug=slug
    )
    values = (
        IndicatorValue.objects.published()
        .filter(indicator=indicator)
        .select_related("indicator", "source")
    )
    form = ListForm(request.GET)
    values = form.filter(values)
    if form.wants_csv:
        return csv_response(f"indicator-{slug}", INDICATOR_VALUE_COLUMNS, values)
    return render(
        request,
        "initiatives/indicator_detail.html",
        {
            "form": form,
            "indicator": indicator,
            "rows": make_year_rows(values),
            "bars": make_bars(values),
            "initiatives": Initiative.objects.published().filter(indicators=indicator),
        },
    )
