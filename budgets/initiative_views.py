"""The pages of a pillar and of an initiative: they join what was done with what it cost."""

from django.db.models import Prefetch
from django.shortcuts import get_object_or_404, render
from django.urls import reverse

from initiatives.forms import InitiativeForm, PillarForm
from initiatives.models import Indicator, Initiative, InitiativeFigure, Pillar
from initiatives.tables import INITIATIVE_COLUMNS, INITIATIVE_FIGURE_COLUMNS
from initiatives.views import initiatives_as_cards, initiatives_as_rows
from portal.addresses import redirect_former_slug, tell_withdrawal
from portal.lists import csv_response
from portal.models import ChangeNote

from .facts import attribute_costs, load_attributions
from .models import CostRelation, InitiativeCost
from .tables import COST_COLUMNS

SHOWN_COSTS = 100  # on a pillar's page; its file holds all


@redirect_former_slug(Pillar)
def pillar_detail(request, slug):
    pillar = get_object_or_404(Pillar.objects.published().select_related("plan__source"), slug=slug)
    form = PillarForm(request.GET)
    costs = costs_with_item().filter(initiative__pillar=pillar).select_related("initiative")
    costs = costs.order_by("item__settlement", "item__code_order", "pk")
    if form.wants_csv and form.table == "costs":
        return csv_response(request, f"costs-pillar-{slug}", COST_COLUMNS, with_yen(costs))
    if form.wants_csv:
        rows = form.filter(initiatives_as_rows().for_pillar(pillar))
        return csv_response(request, f"pillar-{slug}", INITIATIVE_COLUMNS, rows)
    initiatives = form.filter(initiatives_as_cards().for_pillar(pillar))
    figures = Prefetch("figures", InitiativeFigure.objects.select_related("source"))
    return render(
        request,
        "initiatives/pillar_detail.html",
        {
            "pillar": pillar,
            "form": form,
            "trail": [("柱", reverse("pillar_list"))],
            "page": form.paginate(initiatives.prefetch_related(figures)),
            "costs": costs[:SHOWN_COSTS],
            "cost_count": costs.count(),
            "pillars": Pillar.objects.published().filter(plan=pillar.plan),
            "indicators": Indicator.objects.published()
            .filter(initiatives__in=Initiative.objects.published().for_pillar(pillar))
            .distinct(),
            "notes": ChangeNote.objects.about(pillar),
        },
    )


@tell_withdrawal(Initiative)
@redirect_former_slug(Initiative)
def initiative_detail(request, slug):
    initiative = get_object_or_404(
        Initiative.objects.published()
        .select_related("pillar__plan", "report", "source")
        .prefetch_related("departments", "places", "distinctions", "images", "links"),
        slug=slug,
    )
    figures = load_figures(initiative)
    items = InitiativeCost.objects.published().filter(initiative=initiative).values("item")
    sharing = list(costs_with_item().filter(item__in=items).order_by("pk"))
    attributed = attribute_costs(sharing)
    costs = [cost for cost in sharing if cost.initiative_id == initiative.pk]
    attributed_costs = [
        (cost, attributed.get(cost.pk)) for cost in costs if cost.relation == CostRelation.COST
    ]
    form = InitiativeForm(request.GET)
    if form.wants_csv and form.table == "costs":
        return csv_response(request, f"costs-{slug}", COST_COLUMNS, attributed_costs)
    if form.wants_csv:
        return csv_response(request, f"figures-{slug}", INITIATIVE_FIGURE_COLUMNS, figures)
    before, after = find_neighbours(initiative)
    return render(
        request,
        "initiatives/initiative_detail.html",
        {
            "initiative": initiative,
            "trail": [
                ("柱", reverse("pillar_list")),
                (initiative.pillar, initiative.pillar.get_absolute_url()),
            ],
            "figures": figures,
            "form": form,
            "costs": attributed_costs,
            "related": [cost for cost in costs if cost.relation == CostRelation.EDITORIAL],
            "indicators": initiative.indicators.published(),
            "before": before,
            "after": after,
            "notes": ChangeNote.objects.about(initiative, *figures),
        },
    )


def with_yen(costs):
    """Return pairs of a link and the yen that it attributes, None where it attributes none."""
    costs = list(costs)
    attributed = load_attributions(costs)
    return [(cost, attributed.get(cost.pk)) for cost in costs]


def costs_with_item():
    """Public links of initiatives and items, with what a row about the item shows."""
    return InitiativeCost.objects.published().select_related(
        "item__settlement__department", "item__source"
    )


def load_figures(initiative):
    """Return the figures; a whole (`part_of`) in another initiative, maybe a draft, is left out."""
    figures = list(initiative.figures.select_related("source", "part_of"))
    for figure in figures:
        if figure.part_of and figure.part_of.initiative_id != initiative.pk:
            figure.part_of = None
    return figures


def find_neighbours(initiative):
    """Return slug and title of the public initiatives before and after it in pillar and report."""
    siblings = list(
        Initiative.objects.published()
        .filter(pillar=initiative.pillar_id, report=initiative.report_id)
        .values("slug", "title")
    )
    slugs = [sibling["slug"] for sibling in siblings]
    place = slugs.index(initiative.slug)
    before = siblings[place - 1] if place else None
    return before, siblings[place + 1] if place + 1 < len(siblings) else None
