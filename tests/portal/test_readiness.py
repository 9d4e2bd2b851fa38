"""What is said before publishing: what all records share, the register, and the first content."""

import datetime
import re
from collections import Counter

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.template.loader import render_to_string
from django.test import TestCase
from django.utils import timezone

from initiatives.models import Initiative
from portal import readiness
from portal.models import Department, SourceDocument
from portal.publishing import Publication, Status
from portal.readiness import Finding, list_findings
from portal.searchable import hold_indexing
from portal.versions import is_versioned
from tests.builders import (
    make_department,
    make_document,
    make_image,
    make_initiative,
    make_plan,
)

pytestmark = pytest.mark.django_db
TODAY = timezone.localdate()


def say(record) -> list[tuple[str, str]]:
    """Return what is found at a record, as pairs of level and sentence."""
    return [(finding.level, str(finding)) for finding in list_findings(record)]


def test_a_clean_record_of_a_model_without_checks_of_its_own_has_no_findings():
    assert Department not in readiness.CHECKERS
    assert say(make_department()) == []


def test_a_model_without_checks_of_its_own_is_asked_what_all_are_asked():
    assert say(make_department(name="ＤＸ課", description="- <b>係</b>")) == [
        ("remark", "名称：全角の数字・英字「ＤＸ」があります。「DX」のように書いてください。"),
        ("remark", "説明：「<b>」はHTMLとして働かず、文字のまま表示されます。"),
        ("remark", "説明：「</b>」はHTMLとして働かず、文字のまま表示されます。"),
    ]


def test_every_app_adds_to_the_register(monkeypatch):
    monkeypatch.setattr(readiness, "CHECKERS", {**readiness.CHECKERS, Department: []})

    @readiness.checks(Department)
    def check_one(department):
        yield readiness.make_finding(department, "name", "二番目です。")

    @readiness.checks(Department)
    def check_other(department):
        yield readiness.make_finding(department, "", "一番目です。", "error")
        yield readiness.make_finding(department, "name", "二番目です。")

    assert say(make_department()) == [("error", "：一番目です。"), ("remark", "名称：二番目です。")]


def test_a_period_that_is_over_blocks_publication():
    past = timezone.make_aware(datetime.datetime(2024, 4, 1, 9))
    document = make_document(publish_until=past)
    assert say(document) == [
        (
            "error",
            "公開終了日時：公開の期間は令和6年4月1日に終わっています。公開しても表示されません。",
        )
    ]
    document.publish_until = timezone.now() + datetime.timedelta(days=1)
    assert say(document) == []


def test_an_empty_required_text_blocks_publication_and_an_empty_optional_one_does_not():
    document = make_document(title=" \n", note="")
    assert say(document) == [("error", "題名：空です。必ず入れてください。")]


def test_what_only_staff_read_is_not_checked():
    assert say(make_document(internal_note="１２３ <b> #REF!")) == []


def test_a_record_without_a_source_is_blocked():
    assert say(make_plan()) == [("error", "出典：出典がありません。もとの資料を選んでください。")]
    assert say(make_plan(source=make_document())) == []


def test_a_source_that_the_public_cannot_see_is_a_remark_that_leads_to_it():
    document = make_document(title="架空県資料", status=Status.DRAFT)
    (finding,) = list_findings(make_plan(source=document))
    assert (finding.level, str(finding)) == (
        "remark",
        "出典「架空県資料」：いま公開されていない資料なので、"
        "県民には「出典の掲載なし」と表示されます。",
    )
    assert finding.address == f"/admin/portal/sourcedocument/{document.pk}/change/"


def test_a_document_cannot_come_from_the_future():
    day = datetime.date(2090, 4, 1)
    assert say(make_document(issued_on=day)) == [
        ("remark", "発行日：令和72年4月1日は、まだ来ていない日です。")
    ]
    assert say(make_document(issued_on=TODAY)) == []


def test_a_document_issued_long_before_its_year_is_told():
    day = datetime.date(2019, 3, 31)
    assert say(make_document(issued_on=day, fiscal_year=2020)) == [
        ("remark", "対象年度：発行日（平成31年3月31日）が、対象の令和2年度より1年以上前です。")
    ]
    assert say(make_document(issued_on=day, fiscal_year=2019)) == []
    assert say(make_document(issued_on=None, fiscal_year=2020)) == []


def test_a_finding_leads_to_the_field():
    (finding,) = list_findings(make_plan())
    assert re.fullmatch(r"/admin/initiatives/plan/\d+/change/#id_source", finding.address)


def test_every_record_and_part_has_a_page_where_it_is_mended():
    image = make_image(make_initiative())
    for model in apps.get_models():
        if is_versioned(model):
            assert readiness.find_place(model(pk=image.pk))[0].endswith(f"/{image.pk}/change/")
    assert readiness.find_place(image, "alt")[1] == "id_alt"
    assert readiness.find_place(image.initiative, "images")[1] == "images-group"


class TestFirstContent(TestCase):
    """The real first content may be published, and this is all that is worth a look."""

    @classmethod
    def setUpTestData(cls):
        with hold_indexing():
            files = sorted((settings.BASE_DIR / "fixtures").glob("*.json"))
            call_command("loaddata", *files, verbosity=0)
        cls.found = {
            model.__name__: [f for record in model.objects.all() for f in list_findings(record)]
            for model in apps.get_models()
            if issubclass(model, Publication)
        }

    def test_no_record_is_blocked(self):
        assert set(self.found) >= {
            *("SourceDocument", "Plan", "ResultsReport", "Initiative"),
            *("Indicator", "IndicatorValue", "Settlement"),
        }
        assert [str(f) for found in self.found.values() for f in found if f.is_error] == []

    def test_the_remarks_are_those_that_the_papers_leave_no_way_around(self):
        remarks = Counter(
            (model, re.sub(r".*：", "", finding.where), re.sub(r"[\d,.]+", "0", finding.message))
            for model, found in self.found.items()
            for finding in found
        )
        breakdown = "公表された内訳は、決算額0千円の0%（0千円）です。"
        assert remarks == {
            ("Initiative", "担当部局", "担当部局が選ばれていません。"): 57,
            ("Settlement", "決算額と内訳", breakdown): 3,
        }

    def test_the_incomplete_breakdowns_are_told_with_their_share(self):
        assert [str(finding) for finding in self.found["Settlement"]] == [
            "決算項目 1.5 政策調査：決算額と内訳："
            "公表された内訳は、決算額1,511千円の47.3%（716千円）です。",
            "決算項目 2.2 広報活動：決算額と内訳："
            "公表された内訳は、決算額232,972千円の65.4%（152,454千円）です。",
            "決算項目 3.1 デジタルトランスフォーメーション推進：決算額と内訳："
            "公表された内訳は、決算額59,184千円の86.3%（51,092千円）です。",
        ]

    def test_other_records_with_public_texts_have_nothing_to_mend(self):
        for model in apps.get_models():
            if hasattr(getattr(model, "objects", None), "published"):
                for record in model.objects.all():
                    assert not any(finding.is_error for finding in list_findings(record))


class TestPartial:
    def show(self, findings, **context):
        html = render_to_string("admin/_findings.html", {"findings": findings, **context})
        return re.sub(r"\s+", " ", html)

    def test_errors_and_remarks_are_counted_in_words(self):
        html = self.show(
            [
                Finding("error", "題名", "空です。", "/admin/a/1/change/", "id_title"),
                Finding("remark", "題名", "「<b>」です。", "/admin/a/1/change/", "id_title"),
                Finding("remark", "本文", "長いです。"),
            ]
        )
        assert "公開の前に、直してください（1件）" in html
        assert "確かめてください。このままでも公開できます（2件）" in html
        assert '<a href="/admin/a/1/change/#id_title">題名</a>：空です。' in html
        assert "「&lt;b&gt;」です。" in html
        assert "<li>本文：長いです。</li>" in html

    def test_a_field_of_the_same_page_is_reached_without_leaving_it(self):
        here = "/admin/a/1/change/"
        findings = [
            Finding("error", "題名", "空です。", here, "id_title"),
            Finding("error", "数", "空です。", "/admin/b/2/change/", "id_label"),
            Finding("error", "突合", "超過です。", here),
        ]
        html = self.show(findings, here=here)
        assert '<a href="#id_title">題名</a>' in html
        assert '<a href="/admin/b/2/change/#id_label">数</a>' in html
        assert f'<a href="{here}">突合</a>' in html

    def test_nothing_to_mend_is_said_too(self):
        assert "公開の前に直すことは、見付かりませんでした。" in self.show([])


def test_every_document_and_initiative_is_reached_by_its_own_checks():
    assert {SourceDocument, Initiative} <= readiness.CHECKERS.keys()
