"""Addresses are permanent: a page asked for under a former slug redirects to the present one."""

from functools import wraps

from django.http import Http404
from django.shortcuts import redirect

from .models import FormerSlug


def find_by_former_slug(model, slug):
    """Return the public record that had this slug before, or None."""
    former = FormerSlug.objects.filter(model=model._meta.label_lower, slug=slug)
    return model.objects.published().filter(pk__in=former.values("object_id")).first()


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
