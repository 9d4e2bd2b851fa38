"""What crawlers read: /sitemap.xml, an index of one sitemap a kind of page, and /robots.txt."""

from functools import partial

from django.contrib.contenttypes.models import ContentType
from django.contrib.sitemaps import Sitemap
from django.db.models import OuterRef, Subquery
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from budgets.models import Program, Settlement, SettlementItem
from initiatives.models import Indicator, Initiative, Pillar, ResultsReport

from .addresses import address_pattern
from .models import Department, SourceDocument, Version
from .versions import root_of

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
    "open_data_dictionary",
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
    """The pages of a model's published records; a page is as new as its record."""

    limit = 5000

    def __init__(self, model, *related):
        self.model = model
        self.related = related

    def items(self):
        kept = Version.objects.filter(
            content_type=ContentType.objects.get_for_model(self.model),
            object_id=OuterRef("pk"),
            is_deletion=False,
        )
        saved = kept.order_by("-number").values("saved_at")[:1]
        published = self.model.objects.published().select_related(*self.related)
        return published.annotate(saved_at=Subquery(saved)).order_by("pk")

    def lastmod(self, record):
        """Return when the record was last saved; for a part, the publication that it is part of."""
        root = root_of(record)
        return getattr(root, "updated_at", None) or record.saved_at

    def get_latest_lastmod(self):
        """Leave it out of the index: it would read every record there is."""
        return None


class SettlementItemSitemap(Sitemap):
    """The pages of the items: so many that they are read as values alone."""

    limit = RecordSitemap.limit

    def __init__(self):
        self.pattern = address_pattern("settlement_item_detail")

    def items(self):
        items = SettlementItem.objects.published().order_by("pk")
        place = ("settlement__fiscal_year", "settlement__department__slug", "code")
        return items.values_list(*place, "settlement__updated_at")

    def location(self, row):
        return self.pattern % row[:3]

    def lastmod(self, row):
        return row[3]

    def get_latest_lastmod(self):
        """Leave it out of the index: it would read every item there is."""
        return None


SITEMAPS = {
    "lists": ListSitemap,
    "pillars": partial(RecordSitemap, Pillar, "plan"),
    "reports": partial(RecordSitemap, ResultsReport),
    "initiatives": partial(RecordSitemap, Initiative),
    "departments": partial(RecordSitemap, Department),
    "settlement-years": SettlementYearSitemap,
    "settlements": partial(RecordSitemap, Settlement, "department"),
    "settlement-items": SettlementItemSitemap,
    "programs": partial(RecordSitemap, Program),
    "indicators": partial(RecordSitemap, Indicator),
    "documents": partial(RecordSitemap, SourceDocument),
}


@require_safe
def robots(request):
    sitemap = request.build_absolute_uri(reverse("sitemap"))
    text = f"User-agent: *\nDisallow: /admin/\nSitemap: {sitemap}\n"
    return HttpResponse(text, content_type="text/plain; charset=utf-8")
