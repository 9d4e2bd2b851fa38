"""What changed lately, ready to be listed with a link to each record."""

from django.contrib.contenttypes.prefetch import GenericPrefetch
from django.urls import reverse

from budgets.models import (
    InitiativeCost,
    ProgramLineage,
    Settlement,
    SettlementFigure,
    SettlementItem,
)
from initiatives.models import IndicatorValue, InitiativeFigure

from .models import ChangeNote


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


def address_of(record) -> str:
    """Return the record's page; the list of changes for a record that has none of its own."""
    if hasattr(record, "get_absolute_url"):
        return record.get_absolute_url()
    return reverse("change_list")
