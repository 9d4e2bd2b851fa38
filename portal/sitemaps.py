"""What crawlers read: /sitemap.xml, an index of one sitemap a kind of page, and /robots.txt."""

from functools import partial

from django.contrib.sitemaps import Sitemap
from django.db.models import OuterRef, Subquery
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from budgets.models import Program, Settlement, SettlementItem
from initiatives.models import Indicator, Initiative, Pillar, ResultsReport

from .models import Department, SourceDocument

LIST_PAGES = [
    "home",
    "pillar_list",
    "report_list",
    "initiative_list",
    "department_list",
    "settlement_list",
    "indicator_list",
    "document_list",
    "glossary",
    "open_data",
    "change_list",
    "guide_settlement",
    "guide_checks",
    "coverage",
    "accessibility",
    "api_docs",
]


class ListSitemap(Sitemap):
    def items(self):
        return LIST_PAGES

    def location(self, name):
        return reverse(name)


class SettlementYearSitemap(Sitemap):
    def items(self):
        years = Settlement.objects.published().order_by("-fiscal_year")
        return list(years.values_list("fiscal_year", flat=True).distinct())

    def location(self, fiscal_year):
        return reverse("settlement_year", args=[fiscal_year])


class RecordSitemap(Sitemap):
    """The pages of a model's published records; a page was last changed at its latest version."""

    limit = 5000

    def __init__(self, model, *related):
        self.model = model
        self.related = related

    def items(self):
        versions = self.model.history.filter(id=OuterRef("pk")).order_by("-history_date")
        return (
            self.model.objects.published()
            .select_related(*self.related)
            .annotate(changed_at=Subquery(versions.values("history_date")[:1]))
            .order_by("pk")
        )

    def lastmod(self, record):
        # A publication's `updated_at` follows its figures too, which have a history of their own.
        moments = [record.changed_at, getattr(record, "updated_at", None)]
        return max(filter(None, moments), default=None)

    def get_latest_lastmod(self):
        """Leave it out of the index: it would read every record there is."""
        return None


SITEMAPS = {
    "lists": ListSitemap,
    "pillars": partial(RecordSitemap, Pillar),
    "reports": partial(RecordSitemap, ResultsReport),
    "initiatives": partial(RecordSitemap, Initiative),
    "departments": partial(RecordSitemap, Department),
    "settlement-years": SettlementYearSitemap,
    "settlements": partial(RecordSitemap, Settlement, "department"),
    "settlement-items": partial(RecordSitemap, SettlementItem, "settlement__department"),
    "programs": partial(RecordSitemap, Program),
    "indicators": partial(RecordSitemap, Indicator),
    "documents": partial(RecordSitemap, SourceDocument),
}


@require_safe
def robots(request):
    sitemap = request.build_absolute_uri(reverse("sitemap"))
    text = f"User-agent: *\nDisallow: /admin/\nSitemap: {sitemap}\n"
    return HttpResponse(text, content_type="text/plain; charset=utf-8")
