from django.db.models import Exists, OuterRef, Q, Subquery
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone

from budgets.models import Program, Settlement, SettlementItem
from budgets.shares import slice_items
from budgets.tables import AMOUNT_COLUMNS
from initiatives.models import (
    Distinction,
    Indicator,
    IndicatorValue,
    Initiative,
    Pillar,
    ResultsReport,
)
from initiatives.views import initiatives_as_cards, newest_of_each_indicator

from .addresses import redirect_former_slug, tell_withdrawal
from .changes import list_changes
from .charts import make_treemaps
from .citations import Citations
from .fiscal_year import fiscal_year_of
from .forms import (
    ChangeListForm,
    DepartmentListForm,
    DocumentForm,
    DocumentListForm,
    GlossaryForm,
    Hits,
    SearchForm,
)
from .lists import CHUNK, ListForm, csv_response
from .models import ChangeNote, Department, GlossaryTerm, SearchKind, SourceDocument
from .search import drop_words, list_examples, suggest
from .succession import load_succession
from .tables import (
    CHANGE_COLUMNS,
    CITATION_COLUMNS,
    DEPARTMENT_COLUMNS,
    DOCUMENT_COLUMNS,
    GLOSSARY_COLUMNS,
    SEARCH_COLUMNS,
    group_by_kana,
)


def home(request):
    settlements = list(settlements_of_latest_year()[:6])
    fiscal_year = settlements[0].fiscal_year if settlements else None
    items = list(largest_items(fiscal_year)[:24]) if fiscal_year else []
    form = ListForm(request.GET)
    if form.wants_csv:
        return csv_response(request, "largest-items", AMOUNT_COLUMNS, items[:6])
    return render(
        request,
        "portal/home.html",
        {
            "report": ResultsReport.objects.published().select_related("source").first(),
            "pillars": Pillar.objects.published().with_initiative_count(),
            "distinguished": initiatives_as_cards()
            .filter(Exists(Distinction.objects.filter(initiative=OuterRef("pk"))))
            .select_related("source")[:6],
            "values": newest_stated_values()[:4],
            "fiscal_year": fiscal_year,
            "settlements": settlements,
            "items": items[:6],
            "treemaps": make_treemaps(slice_items(items), "千円") if len(items) > 1 else [],
            "form": form,
            "changes": list_changes()[:3],
        },
    )


def settlements_of_latest_year():
    """The settlements of the newest year that has any."""
    settlements = Settlement.objects.published()
    newest = settlements.order_by("-fiscal_year").values("fiscal_year")[:1]
    return (
        settlements.filter(fiscal_year=Subquery(newest))
        .select_related("department", "source")
        .with_totals()
    )


def newest_stated_values():
    """The newest value that states a number, of each public indicator in their order."""
    stated = IndicatorValue.objects.published().filter(actual__isnull=False)
    return (
        newest_of_each_indicator(stated)
        .select_related("indicator", "source")
        .order_by("indicator__position", "indicator__slug")
    )


def largest_items(fiscal_year):
    """The items of a year that state an amount below no other one, the largest first."""
    return (
        SettlementItem.objects.published()
        .in_fiscal_year(fiscal_year)
        .topmost_with_amount()
        .select_related("settlement__department", "source")
        .order_by("-amount_yen", "code_order")
    )


def department_list(request):
    form = DepartmentListForm(request.GET)
    departments = form.filter(
        Department.objects.published()
        .select_related("parent")
        .prefetch_related("successors")
        .annotate(
            is_abolished=Q(
                abolished_in__isnull=False,
                abolished_in__lte=fiscal_year_of(timezone.localdate()),
            ),
            settlement_count=Settlement.objects.published().count_per("department"),
            initiative_count=Initiative.objects.published().count_per("departments"),
        )
        .order_by("is_abolished", "position", "slug")
    )
    if form.wants_csv:
        return csv_response(request, "departments", DEPARTMENT_COLUMNS, departments)
    return render(
        request,
        "portal/department_list.html",
        {"form": form, "page": form.paginate(departments)},
    )


@redirect_former_slug(Department)
def department_detail(request, slug):
    department = get_object_or_404(
        Department.objects.published().select_related("parent").prefetch_related("children"),
        slug=slug,
    )
    succession = load_succession()
    trail = [("部局", reverse("department_list"))]
    if department.parent:
        trail.append((department.parent, department.parent.get_absolute_url()))
    return render(
        request,
        "portal/department_detail.html",
        {
            "department": department,
            "trail": trail,
            "predecessors": [
                (old, succession.name_step(old, department))
                for old in succession.before(department)
            ],
            "successors": [
                (new, succession.name_step(department, new)) for new in succession.after(department)
            ],
            "present": succession.present_beyond(department),
            "settlements": Settlement.objects.published()
            .for_department(department)
            .with_totals()
            .select_related("department", "source"),
            "initiatives": Initiative.objects.published()
            .for_department(department)
            .select_related("pillar")[:50],
            "indicators": Indicator.objects.published().filter(department=department),
            "programs": Program.objects.published().filter(department=department),
            "notes": ChangeNote.objects.about(department),
        },
    )


def document_list(request):
    form = DocumentListForm(request.GET)
    documents = form.filter(SourceDocument.objects.published())
    if form.wants_csv:
        return csv_response(request, "documents", DOCUMENT_COLUMNS, documents)
    return render(
        request, "portal/document_list.html", {"form": form, "page": form.paginate(documents)}
    )


@tell_withdrawal(SourceDocument)
@redirect_former_slug(SourceDocument)
def document_detail(request, slug):
    document = get_object_or_404(SourceDocument.objects.published(), slug=slug)
    form, citations = DocumentForm(request.GET), Citations(document)
    if form.wants_csv:
        rows = (
            (group.label, record, record.locator if record.source_id == document.pk else "")
            for group in citations.groups
            if form.table in ("all", group.kind)
            for record in group.records.iterator(chunk_size=CHUNK)
        )
        return csv_response(request, f"document-{slug}-{form.table}", CITATION_COLUMNS, rows)
    return render(
        request,
        "portal/document_detail.html",
        {
            "form": form,
            "document": document,
            "trail": [("出典資料", reverse("document_list"))],
            "page": form.paginate(citations),
            "starts": [
                (group, before // form.page_size + 1) for group, before in citations.starts()
            ],
            "notes": ChangeNote.objects.about(document),
        },
    )


def glossary(request):
    form = GlossaryForm(request.GET)
    terms = form.filter(GlossaryTerm.objects.published())
    if form.wants_csv:
        return csv_response(request, "glossary", GLOSSARY_COLUMNS, terms)
    return render(
        request,
        "portal/glossary.html",
        {"form": form, "count": len(terms), "groups": group_by_kana(terms)},
    )


def search(request):
    form = SearchForm(request.GET)
    query, narrowing = form.value("q") or "", form.narrowing()
    hits = Hits(query, narrowing)
    if form.wants_csv:
        return csv_response(request, "search", SEARCH_COLUMNS, hits)
    page = form.paginate(hits)
    is_narrowed = bool(query) and any(narrowing.values())
    is_missed = query and not page.object_list
    has_facets = page.object_list or is_narrowed
    return render(
        request,
        "portal/search.html",
        {
            "form": form,
            "site_query": query,
            "page": page,
            "is_exact": hits.search.is_exact,
            "facets": form.list_facets(hits.search.count_facets()) if has_facets else [],
            "is_narrowed": is_narrowed,
            "examples": [] if query else list_examples(),
            "shorter": drop_words(query, **narrowing) if is_missed else [],
            "suggestions": suggest(query) if is_missed else [],
            "terms": suggest(query, [SearchKind.GLOSSARY_TERM])[:1] if is_missed else [],
        },
    )


def change_list(request):
    form = ChangeListForm(request.GET)
    notes = form.filter(list_changes())
    if form.wants_csv:
        return csv_response(request, "changes", CHANGE_COLUMNS, notes)
    return render(request, "portal/change_list.html", {"form": form, "page": form.paginate(notes)})
