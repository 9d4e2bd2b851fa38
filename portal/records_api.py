"""Departments, documents with what cites them, and the search in the API."""

from datetime import date

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Query, Router
from pydantic import BaseModel, Field

from .addresses import redirect_former_slug
from .api_lists import CountedRows, Page, SortedPage, each
from .api_parameters import MAX_TEXT, TEXT, Slug
from .api_schemas import DepartmentRef, Listing, department_ref, url_of
from .citations import Citations
from .models import Department, SearchKind, SourceDocument
from .search import Hit, Search

router = Router(tags=["部局・出典・検索"])

MAX_CITATIONS = 1000


class DepartmentOut(DepartmentRef):
    name_en: str = Field(description="英語名。登録がなければ空")
    parent: str | None = Field(description="上位の組織の識別子。なければ null")
    established_in: int | None = Field(description="設置年度（4月に始まる年度の西暦）")
    abolished_in: int | None = Field(description="廃止年度。この年度にはもうない、という最初の年度")
    successors: list[DepartmentRef] = Field(description="引き継いだ部局")
    description: str = Field(description="説明")
    url: str = Field(description="部局のページのアドレス")


class DocumentOut(BaseModel):
    slug: str = Field(description="出典資料の識別子")
    title: str = Field(description="題名")
    issued_by: str = Field(description="発行者")
    issued_on: date | None = Field(description="発行日")
    fiscal_year: int | None = Field(description="対象年度（4月に始まる年度の西暦）")
    original_url: str = Field(description="資料の掲載先のアドレス。登録がなければ空")
    note: str = Field(description="注記")
    url: str = Field(description="出典資料のページのアドレス")


class CitationOut(BaseModel):
    kind: str = Field(
        description="記録の種類（plan, report, initiative, indicator, settlement, settlement_item）"
    )
    title: str = Field(description="記録の題名")
    locator: str = Field(description="資料の中の箇所。実績値だけが引用しているときは空")
    figure_count: int = Field(description="記録の中で、この資料を出典とする実績値の数（件）")
    url: str = Field(description="記録のページのアドレス")


class CitedDocumentOut(DocumentOut):
    cited_by: list[CitationOut] = Field(
        description=f"この資料を出典とする公開中の記録。最大{MAX_CITATIONS}件"
    )
    cited_by_count: int = Field(description="この資料を出典とする公開中の記録の総数（件）")


class HitOut(BaseModel):
    kind: SearchKind = Field(description="記録の種類")
    title: str = Field(description="記録の題名")
    url: str = Field(description="記録のページのアドレス")
    excerpt: str = Field(description="言葉が見つかったあたりの文")


class HitListing(Listing[HitOut]):
    count_is_exact: bool = Field(
        description="count が総数かどうか。false なら、総数は count 件以上"
    )


class DepartmentPage(SortedPage):
    row = DepartmentOut
    usual_order = ("position", "slug")
    sorts = {name: name for name in ("slug", "name", "established_in", "abolished_in")}


class DocumentPage(SortedPage):
    row = DocumentOut
    usual_order = ("-issued_on", "slug")
    sorts = {name: name for name in ("slug", "title", "issued_by", "issued_on", "fiscal_year")}


class SearchPage(Page):
    row = HitOut

    q: str = Field(min_length=1, max_length=MAX_TEXT, description=TEXT)


def departments():
    return Department.objects.published().select_related("parent").prefetch_related("successors")


def department_out(request: HttpRequest, department: Department) -> DepartmentOut:
    return DepartmentOut(
        slug=department.slug,
        name=department.name,
        name_en=department.name_en,
        parent=department.parent.slug if department.parent else None,
        established_in=department.established_in,
        abolished_in=department.abolished_in,
        successors=[department_ref(each) for each in department.successors.all()],
        description=department.description,
        url=url_of(request, department),
    )


@router.get("departments", response=Listing[DepartmentOut], summary="部局の一覧")
def list_departments(request, page: Query[DepartmentPage]):
    """部局を、組織の順に返します。廃止された部局も含みます。"""
    return page.answer(request, page.rows(departments()), each(department_out))


@router.get("departments/{slug:slug}", response=DepartmentOut, summary="部局")
@redirect_former_slug(Department)
def get_department(request, slug: Slug):
    """部局を1つ返します。"""
    return department_out(request, get_object_or_404(departments(), slug=slug))


def document_fields(request: HttpRequest, document: SourceDocument) -> dict:
    return {
        "slug": document.slug,
        "title": document.title,
        "issued_by": document.issued_by,
        "issued_on": document.issued_on,
        "fiscal_year": document.fiscal_year,
        "original_url": document.url,
        "note": document.note,
        "url": url_of(request, document),
    }


def document_out(request: HttpRequest, document: SourceDocument) -> DocumentOut:
    return DocumentOut(**document_fields(request, document))


@router.get("documents", response=Listing[DocumentOut], summary="出典資料の一覧")
def list_documents(request, page: Query[DocumentPage]):
    """出典資料を、新しい順に返します。"""
    return page.answer(request, page.rows(SourceDocument.objects.published()), each(document_out))


@router.get("documents/{slug:slug}", response=CitedDocumentOut, summary="出典資料")
@redirect_former_slug(SourceDocument)
def get_document(request, slug: Slug):
    """出典資料を1つ、それを出典とする記録とともに返します。"""
    document = get_object_or_404(SourceDocument.objects.published(), slug=slug)
    citations = Citations(document)
    cited_by = [
        CitationOut(
            kind=group.kind,
            title=str(record),
            locator=record.locator if record.source_id == document.pk else "",
            figure_count=getattr(record, "figure_count", 0),
            url=url_of(request, record),
        )
        for group, records in citations[:MAX_CITATIONS]
        for record in records
    ]
    return CitedDocumentOut(
        **document_fields(request, document),
        cited_by=cited_by,
        cited_by_count=citations.count(),
    )


def hit_out(request: HttpRequest, hit: Hit) -> HitOut:
    return HitOut(
        kind=hit.kind,
        title=hit.title,
        url=request.build_absolute_uri(hit.url),
        excerpt=hit.excerpt,
    )


@router.get("search", response=HitListing, summary="検索")
def search(request, page: Query[SearchPage]):
    """公開中のすべての記録から、言葉を含むものを、よく合う順に返します。

    返すのは、どの形式でも1,000件までです。それより多いとき、count は1,000で、count_is_exact は
    false です。決算項目などの一覧の q で絞り込めば、すべてを読めます。
    """
    found = Search(page.q)
    rows = CountedRows(lambda start, number: (found.list_hits(number, start), found.count))
    rows.told = {"count_is_exact": found.is_exact}
    return page.answer(request, rows, each(hit_out))
