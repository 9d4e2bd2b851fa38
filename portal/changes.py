"""What changed lately, ready to be listed with a link to each record."""

from django.contrib.contenttypes.prefetch import GenericPrefetch
from django.db.models import OuterRef, Q
from django.urls import reverse

from budgets.models import (
    FundingSource,
    InitiativeCost,
    Program,
    ProgramLineage,
    Settlement,
    SettlementFigure,
    SettlementItem,
)
from initiatives.models import Indicator, IndicatorValue, Initiative, InitiativeFigure, Pillar

from .models import ChangeNote, Department
from .publishing import is_found

# What belongs to a pillar or a department: the path to it from each kind of record.
PATHS = {
    Pillar: {Pillar: "pk", Initiative: "pillar", InitiativeFigure: "initiative__pillar"},
    Department: {
        Department: "pk",
        Initiative: "departments",
        InitiativeFigure: "initiative__departments",
        Settlement: "department",
        SettlementItem: "settlement__department",
        SettlementFigure: "item__settlement__department",
        FundingSource: "item__settlement__department",
        Program: "department",
        ProgramLineage: "program__department",
        Indicator: "department",
        IndicatorValue: "indicator__department",
    },
}


def list_changes():
    """Return the public change notes, newest first, with their records.

    The number of queries grows with the kinds of records, not with the notes.
    """
    with_address = [
        Settlement.objects.select_related("department"),
        SettlementItem.objects.select_related("settlement__department"),
        SettlementFigure.objects.select_related("item__settlement__department"),
        InitiativeFigure.objects.select_related("initiative"),
        InitiativeCost.objects.select_related("initiative", "item"),
        IndicatorValue.objects.select_related("indicator"),
        ProgramLineage.objects.select_related("program"),
    ]
    return (
        ChangeNote.objects.published()
        .select_related("content_type")
        .prefetch_related(GenericPrefetch("record", with_address))
    )


def list_changes_of(owner):
    """Return the public change notes on a pillar or a department and on what belongs to it."""
    belongs = Q(pk__in=[])
    for model, path in PATHS[type(owner)].items():
        own = model.objects.filter(pk=OuterRef("object_id")).filter(**{path: owner.pk})
        belongs |= Q(
            content_type__app_label=model._meta.app_label,
            content_type__model=model._meta.model_name,
        ) & is_found(own)
    return list_changes().filter(belongs)


def address_of(record) -> str:
    """Return the record's page; the list of changes for a record that has none of its own."""
    if hasattr(record, "get_absolute_url"):
        return record.get_absolute_url()
    return reverse("change_list")
