"""The pieces that answers of several apps are made of. All fields are always there."""

from decimal import Decimal
from typing import Generic, TypeVar

from django.http import HttpRequest
from pydantic import BaseModel, Field

from .models import Cited, Department, Figure, FigureKind

Answer = TypeVar("Answer")


class Listing(BaseModel, Generic[Answer]):
    items: list[Answer] = Field(description="この回に返す記録")
    count: int = Field(
        description="条件に合う記録の総数（件）。続きを読むときは、読み始めたときの数"
    )
    next: str | None = Field(description="続きを読むアドレス。最後なら null")


class ParameterProblem(BaseModel):
    parameter: str = Field(description="問題のあるパラメーターの名前")
    message: str = Field(description="どう直せばよいか（日本語）")
    message_en: str = Field(description="The same in English")


class Problem(BaseModel):
    """The body of every answer that is no success (RFC 9457)."""

    type: str = Field(description="問題の種類。説明のあるアドレス")
    title: str = Field(description="問題の種類の名前（日本語）")
    status: int = Field(description="HTTPの状態の番号")
    detail: str = Field(description="何が起きたか、どう直せばよいか（日本語）")
    detail_en: str = Field(description="The same in English")
    errors: list[ParameterProblem] = Field(description="パラメーターごとの問題（422のとき）")
    message: str = Field(description="detail と同じ。前からの名前", deprecated=True)
    message_en: str = Field(description="The same as detail_en", deprecated=True)


class SourceOut(BaseModel):
    document: str | None = Field(
        description="出典資料の識別子（/documents の slug）。登録がなければ null"
    )
    title: str | None = Field(description="出典資料の題名")
    url: str | None = Field(description="出典資料のページのアドレス")
    locator: str = Field(description="資料の中の箇所（例：第2 1(4)、p.12）")


class DepartmentRef(BaseModel):
    slug: str = Field(description="部局の識別子")
    name: str = Field(description="部局の名称")


class FigureRef(BaseModel):
    group: str = Field(description="区分")
    label: str = Field(description="項目")
    measure: str = Field(description="測るもの")
    period: str = Field(description="時期")


class FigureOut(FigureRef):
    kind: FigureKind = Field(
        description=(
            "種類。expenditure：決算額の内訳、money：その他の金額（寄附、交付金など）、"
            "activity：活動量、outcome：成果"
        )
    )
    value: int | float = Field(description="値。単位は unit。有効数字15桁まで正確な数")
    unit: str = Field(description="値の単位（例：千円、件、人）")
    amount_yen: int | None = Field(description="金額（円）。単位が金額でなければ null")
    as_printed: str = Field(
        description="資料の表記。概数など、値と表記が違うときだけ（例：約1.9万人）"
    )
    note: str = Field(description="注記")
    part_of: FigureRef | None = Field(
        description="何の内訳か。同じ記録の中の実績値。内訳でなければ null"
    )
    source: SourceOut = Field(description="出典")


def number_of(value: Decimal | int | None) -> int | float | None:
    """Return a number for JSON: an int where it is whole, else a float (exact to 15 digits)."""
    if value is None:
        return None
    return int(value) if value == int(value) else float(value)


def url_of(request: HttpRequest, record) -> str:
    """Return the absolute address of a record's page."""
    return request.build_absolute_uri(record.get_absolute_url())


def source_of(request: HttpRequest, cited: Cited) -> SourceOut:
    """Return where a record is printed; nothing of a document that is not public."""
    if document := cited.public_source:
        return SourceOut(
            document=document.slug,
            title=document.title,
            url=url_of(request, document),
            locator=cited.locator,
        )
    return SourceOut(document=None, title=None, url=None, locator="")


def department_ref(department: Department) -> DepartmentRef:
    return DepartmentRef(slug=department.slug, name=department.name)


def figure_fields(request: HttpRequest, figure: Figure) -> dict:
    """Return what FigureOut holds; needs `source` and `part_of` loaded.

    A whole that stands in another record, which may be hidden, is not shown.
    """
    whole = figure.part_of
    if whole and whole.record_id != figure.record_id:
        whole = None
    return {
        **_key_of(figure),
        "kind": figure.kind,
        "value": number_of(figure.value),
        "unit": figure.unit,
        "amount_yen": figure.amount_yen,
        "as_printed": figure.as_printed,
        "note": figure.note,
        "part_of": _key_of(whole) if whole else None,
        "source": source_of(request, figure),
    }


def _key_of(figure: Figure) -> dict:
    return {
        "group": figure.group,
        "label": figure.label,
        "measure": figure.measure,
        "period": figure.period,
    }
