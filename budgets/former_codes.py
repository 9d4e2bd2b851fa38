"""Addresses of items are permanent: a code that an item had in public leads to its present one."""

from functools import wraps

from django.db import models
from django.http import Http404
from django.shortcuts import redirect

from portal.revisions import revision_applied


class FormerCode(models.Model):
    """A code that an item of a public settlement had before."""

    settlement = models.ForeignKey("Settlement", models.CASCADE, related_name="former_codes")
    code = models.CharField(max_length=39)
    item = models.ForeignKey("SettlementItem", models.CASCADE, related_name="former_codes")

    class Meta:
        verbose_name = verbose_name_plural = "前の項目番号"
        constraints = [
            models.UniqueConstraint("settlement", "code", name="former_code_is_unique"),
        ]

    def __str__(self):
        return f"{self.settlement_id}: {self.code}"


def _item_model():
    return FormerCode._meta.get_field("item").related_model


def keep_former_codes(sender, record, changes, **kwargs):
    """Note the codes that a revision took from the items of a settlement."""
    moved = [
        (cell.old, change.number)
        for change in changes
        if change.model is _item_model() and change.kind == "changed"
        for cell in change.cells
        if cell.name == "code"
    ]
    for code, number in moved:
        FormerCode.objects.update_or_create(
            settlement=record, code=code, defaults={"item_id": number}
        )


def connect_signals():
    revision_applied.connect(keep_former_codes)


def redirect_former_code(view):
    """Make a view of an item that raises Http404 answer 301 where `code` is a former code.

    An item that has the code now comes first. Only public items are redirected to.
    """

    @wraps(view)
    def wrapped(request, **kwargs):
        try:
            return view(request, **kwargs)
        except Http404:
            code = (
                _item_model()
                .objects.published()
                .filter(
                    former_codes__code=kwargs["code"],
                    settlement__fiscal_year=kwargs["fiscal_year"],
                    settlement__department__slug=kwargs["department"],
                )
                .values_list("code", flat=True)
                .first()
            )
            if code is None or code == kwargs["code"]:
                raise
            place = kwargs | {"code": code}
            answer = redirect(request.resolver_match.view_name, permanent=True, **place)
            if query := request.META.get("QUERY_STRING"):
                answer["Location"] += f"?{query}"
            return answer

    return wrapped
