"""Addresses are permanent: a former slug redirects, and a withdrawn record says why it is gone."""

from functools import lru_cache, wraps

from django.http import Http404
from django.shortcuts import redirect, render
from django.urls import get_resolver, get_script_prefix

from .models import FormerSlug, Transition


def find_by_former_slug(model, slug):
    """Return the public record that had this slug before, or None."""
    former = FormerSlug.objects.filter(model=model._meta.label_lower, slug=slug)
    return model.objects.published().filter(pk__in=former.values("object_id")).first()


def address_pattern(name: str) -> str:
    """Return the path of a page with %s for each part: "/settlements/%s/%s/" for its name.

    For many addresses at once, where `reverse` would take most of the time.
    """
    return _address_pattern(name, get_script_prefix())


@lru_cache
def _address_pattern(name, prefix):
    ((pattern, names),) = get_resolver().reverse_dict.getlist(name)[0][0]
    return prefix.replace("%", "%%") + pattern % dict.fromkeys(names, "%s")


def redirect_former_slug(model, argument="slug"):
    """Make a view that raises Http404 answer 301 where `argument` is a former slug of `model`.

    Only what `model.objects.published()` holds is redirected to.
    """

    def decorate(view):
        @wraps(view)
        def wrapped(request, **kwargs):
            try:
                return view(request, **kwargs)
            except Http404:
                record = find_by_former_slug(model, kwargs[argument])
                if record is None or record.slug == kwargs[argument]:
                    raise
                kwargs[argument] = record.slug
                address = redirect(request.resolver_match.view_name, permanent=True, **kwargs)
                if query := request.META.get("QUERY_STRING"):
                    address["Location"] += f"?{query}"
                return address

        return wrapped

    return decorate


def tell_withdrawal(model, **fields):
    """Make a view that raises Http404 answer 410, with the reason, where the record was withdrawn.

    `fields` names the field of the model for each argument of the view; by default slug="slug".
    """
    fields = fields or {"slug": "slug"}

    def decorate(view):
        @wraps(view)
        def wrapped(request, **kwargs):
            try:
                return view(request, **kwargs)
            except Http404:
                wanted = {field: kwargs[argument] for argument, field in fields.items()}
                record = model.objects.withdrawn().filter(**wanted).first()
                if record is None:
                    raise
                step = Transition.objects.about(record).filter(action="withdraw").first()
                context = {
                    "kind": model._meta.verbose_name,
                    "reason": record.withdrawal_reason,
                    "withdrawn_at": step and step.happened_at,
                }
                return render(request, "withdrawn.html", context, status=410)

        return wrapped

    return decorate
