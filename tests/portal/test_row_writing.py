"""Rows written in bulk, past Django's own way: what is told arrives, what is refused is told."""

from decimal import Decimal

import pytest
from django.db import DataError, IntegrityError, connection, transaction

from budgets.models import SettlementFigure
from portal.models import GlossaryTerm
from portal.row_writing import ROWS_AT_ONCE, insert_rows, reserve_numbers, update_rows
from tests.builders import make_item

pytestmark = pytest.mark.django_db

TEXTS = ["架空", "\\N", "", "タブ\tと\n改行\r\n", "'; DROP TABLE", 'コンマ,"引用"', "\\", "%s"]


def fields_of(model, *names):
    return [model._meta.get_field(name) for name in names]


def insert_terms(texts):
    pks = reserve_numbers(GlossaryTerm, len(texts))
    fields = fields_of(GlossaryTerm, "id", "term", "reading", "explanation", "easy_explanation")
    rows = [
        (pk, f"架空の語{number}", "かくう", text, "")
        for number, (pk, text) in enumerate(zip(pks, texts, strict=True))
    ]
    insert_rows(GlossaryTerm, fields, iter(rows))
    return pks


def test_texts_arrive_as_they_are_whatever_they_hold():
    pks = insert_terms(TEXTS)
    told = dict(GlossaryTerm.objects.values_list("pk", "explanation"))
    assert [told[pk] for pk in pks] == TEXTS
    update_rows(GlossaryTerm, [(pk, {"explanation": f"{text}直し"}) for pk, text in told.items()])
    told = dict(GlossaryTerm.objects.values_list("pk", "explanation"))
    assert [told[pk] for pk in pks] == [f"{text}直し" for text in TEXTS]


def test_numbers_blanks_and_relations_arrive_in_more_rows_than_go_at_once():
    item, number = make_item(), ROWS_AT_ONCE + 3
    fields = SettlementFigure._meta.concrete_fields
    blank = {
        field.name: field.get_db_prep_save(field.get_default(), connection) for field in fields
    }
    pks = reserve_numbers(SettlementFigure, number)
    rows = (
        blank
        | {"id": pk, "item": item.pk, "kind": "activity", "label": f"第{place}"}
        | {"value": Decimal("0.1") * place, "part_of": pks[0] if place else None}
        for place, pk in enumerate(pks)
    )
    insert_rows(SettlementFigure, fields, (list(row.values()) for row in rows))
    read = SettlementFigure.objects.order_by("pk").values_list("value", "label", "part_of")
    assert list(read.all()) == [
        (Decimal("0.1") * place, f"第{place}", pks[0] if place else None) for place in range(number)
    ]
    changes = [(pk, {"value": Decimal(place), "part_of": None}) for place, pk in enumerate(pks)]
    update_rows(SettlementFigure, [(pks[0], {"label": "改めた名"}), *changes[1:]])
    assert list(read.all()) == [(0, "改めた名", None)] + [
        (place, f"第{place}", None) for place in range(1, number)
    ]


def test_what_the_database_refuses_is_an_error_of_django():
    (pk,) = insert_terms(["架空"])
    fields = fields_of(GlossaryTerm, "id", "term", "reading", "explanation", "easy_explanation")
    with pytest.raises(IntegrityError), transaction.atomic():
        insert_rows(GlossaryTerm, fields, [(pk, "別の語", "べつ", "説明", "")])
    with pytest.raises(IntegrityError), transaction.atomic():
        update_rows(GlossaryTerm, [(pk, {"term": None})])
    assert GlossaryTerm.objects.get().term == "架空の語0"


@pytest.mark.skipif(
    connection.vendor != "postgresql", reason="needs PostgreSQL: SQLite has no length"
)
def test_a_text_that_is_too_long_is_refused_and_never_cut():
    (pk,) = insert_terms(["架空"])
    fields = fields_of(GlossaryTerm, "id", "term", "reading", "explanation", "easy_explanation")
    too_long = "長" * (fields[1].max_length + 1)
    with pytest.raises(DataError), transaction.atomic():
        update_rows(GlossaryTerm, [(pk, {"term": too_long})])
    with pytest.raises(DataError), transaction.atomic():
        insert_rows(GlossaryTerm, fields, [(pk + 1, too_long, "べつ", "説明", "")])
    assert GlossaryTerm.objects.get().term == "架空の語0"
