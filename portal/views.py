from django.db.models import Prefetch
from django.shortcuts import get_object_or_404, render

from budgets.models import Program, Settlement, SettlementItem
from initiatives.models import Indicator, IndicatorValue, Initiative, Pillar, ResultsReport

from .addresses import redirect_former_slug
from .changes import list_changes
from .citations import list_citations
from .forms import ChangeListForm, DepartmentListForm, DocumentListForm, GlossaryForm, SearchForm
from .lists import csv_response
from .models import Department, GlossaryTerm, SourceDocument
from .search import count_facets, find, suggest
from .tables import (
    CHANGE_COLUMNS,
    DEPARTMENT_COLUMNS,
    DOCUMENT_COLUMNS,
    GLOSSARY_COLUMNS,
    SEARCH_COLUMNS,
    list_datasets,
)


def home(request):
    settlements = Settlement.objects.published().select_related("department").with_totals()
    latest = settlements.order_by("-fiscal_year").first()
    fiscal_year = latest.fiscal_year if latest else None
    largest = (
        SettlementItem.objects.published()
        .in_fiscal_year(fiscal_year)
        .topmost_with_amount()
        .select_related("settlement__department", "source")
        .order_by("-amount_yen", "code_order")
    )
    return render(
        request,
        "portal/home.html",
        {
            "pillars": Pillar.objects.published().with_initiative_count(),
            "report": ResultsReport.objects.published().select_related("source").first(),
            "indicators": indicators_with_latest_value()[:4],
            "fiscal_year": fiscal_year,
            "settlements": settlements.in_fiscal_year(fiscal_year),
            "largest": largest[:6],
            "changes": list_changes()[:5],
        },
    )


def indicators_with_latest_value():
    """Indicators that have a public value; `stated` holds their values, newest first."""
    stated = (
        IndicatorValue.objects.published()
        .filter(actual__isnull=False)
        .select_related("source", "indicator")
        .order_by("-year")
    )
    return (
        Indicator.objects.published()
        .filter(pk__in=stated.order_by().values("indicator"))
        .prefetch_related(Prefetch("values", stated, to_attr="stated"))
    )


def department_list(request):
    form = DepartmentListForm(request.GET)
    departments = form.filter(
        Department.objects.published()
        .select_related("parent")
        .annotate(
            settlement_count=Settlement.objects.published().count_per("department"),
            initiative_count=Initiative.objects.published().count_per("departments"),
        )
    )
    if form.wants_csv:
        return csv_response("departments", DEPARTMENT_COLUMNS, departments)
    return render(
        request,
        "portal/department_list.html",
        {"form": form, "page": form.paginate(departments)},
    )


@redirect_former_slug(Department)
def department_detail(request, slug):
    department = get_object_or_404(
        Department.objects.published()
        .select_related("parent")
        .prefetch_related("children", "successors", "predecessors"),
        slug=slug,
    )
    return render(
        request,
        "portal/department_detail.html",
        {
            "department": department,
            "settlements": Settlement.objects.published()
            .for_department(department)
            .with_totals()
            .select_related("department"),
            "initiatives": Initiative.objects.published().for_department(department)[:50],
            "indicators": Indicator.objects.published().filter(department=department),
            "programs": Program.objects.published().filter(department=department),
        },
    )


def document_list(request):
    form = DocumentListForm(request.GET)
    documents = form.filter(SourceDocument.objects.published())
    if form.wants_csv:
        return csv_response("documents", DOCUMENT_COLUMNS, documents)
    return render(
        request, "portal/document_list.html", {"form": form, "page": form.paginate(documents)}
    )


@redirect_former_slug(SourceDocument)
def document_detail(request, slug):
    document = get_object_or_404(SourceDocument.objects.published(), slug=slug)
    return render(
        request,
        "portal/document_detail.html",
        {"document": document, "groups": list_citations(document)},
    )


def glossary(request):
    form = GlossaryForm(request.GET)
    terms = form.filter(GlossaryTerm.objects.published())
    if form.wants_csv:
        return csv_response("glossary", GLOSSARY_COLUMNS, terms)
    return render(request, "portal/glossary.html", {"form": form, "terms": terms})


def search(request):
    form = SearchForm(request.GET)
    form.is_valid()
    query, narrowing = form.value("q") or "", form.narrowing()
    if form.wants_csv:
        found = find(query, **narrowing, limit=10_000)
        return csv_response("search", SEARCH_COLUMNS, found.results)
    offset = form.offset()
    found = find(query, **narrowing, limit=form.page_size, offset=offset)
    return render(
        request,
        "portal/search.html",
        {
            "form": form,
            "site_query": query,
            "found": found,
            "page": form.paginate_found(found),
            "facets": count_facets(query, **narrowing) if found.count else {},
            "suggestions": suggest(query) if query and not found.count else [],
        },
    )


def open_data(request):
    return render(request, "portal/open_data.html", {"datasets": list_datasets()})


def change_list(request):
    form = ChangeListForm(request.GET)
    notes = form.filter(list_changes())
    if form.wants_csv:
        return csv_response("changes", CHANGE_COLUMNS, notes)
    return render(request, "portal/change_list.html", {"form": form, "page": form.paginate(notes)})


