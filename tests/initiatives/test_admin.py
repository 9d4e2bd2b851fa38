import io
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from PIL import Image

from initiatives.models import (
    Distinction,
    Indicator,
    IndicatorValue,
    Initiative,
    InitiativeFigure,
    InitiativeImage,
    Pillar,
    Plan,
    ResultsReport,
)
from portal.models import Version
from portal.revisions import apply_revision, discard_revision, make_revision
from tests import builders
from tests.admin_pages import change_url, count_queries, form_of, page_url, save, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(admin_client):
    return admin_client


def make_draft(**fields):
    """Make a draft: what is public changes by a revision alone."""
    return builders.make_initiative(status="draft", **fields)


class TestInitiativePage:
    def test_distinctions_figures_and_links_are_added_on_it(self, staff):
        initiative = make_draft()
        rows = {
            "distinctions-TOTAL_FORMS": 1,
            "distinctions-0-name": "全国初",
            "distinctions-0-position": 0,
            "figures-TOTAL_FORMS": 1,
            "figures-0-label": "来場者",
            "figures-0-kind": "outcome",
            "figures-0-value": "1.9万",
            "figures-0-unit": "人",
            "figures-0-as_printed": "約1.9万人",
            "figures-0-position": 0,
            "links-TOTAL_FORMS": 1,
            "links-0-title": "県のページ",
            "links-0-url": "www.example.jp/a",
            "links-0-position": 0,
        }
        assert save(staff, staff.get(change_url(initiative)), rows) == []
        assert initiative.distinctions.get().name == "全国初"
        assert initiative.figures.get().value == 19_000
        assert initiative.links.get().url == "https://www.example.jp/a"

    def test_an_image_needs_words_for_those_who_do_not_see_it(self, staff):
        initiative = make_draft()
        data = builders.make_image().image.read()
        values = form_of(staff.get(change_url(initiative)).content.decode()) | {
            "images-TOTAL_FORMS": 1,
            "images-0-image": SimpleUploadedFile("a.png", data),
            "images-0-licence": "CC BY 4.0",
            "images-0-position": 0,
        }
        page = staff.post(change_url(initiative), values)
        assert "このフィールドは必須です" in text_of(page)
        assert not initiative.images.exists()

    def test_what_is_no_image_is_refused(self, staff):
        initiative = make_draft()
        values = form_of(staff.get(change_url(initiative)).content.decode()) | {
            "images-TOTAL_FORMS": 1,
            "images-0-image": SimpleUploadedFile("a.png", b"<svg onload=alert(1)>"),
            "images-0-alt": "写真",
            "images-0-licence": "CC BY 4.0",
            "images-0-position": 0,
        }
        assert "画像" in text_of(staff.post(change_url(initiative), values))
        assert not InitiativeImage.objects.exists()

    def test_an_initiative_that_an_indicator_names_can_be_deleted_and_a_pillar_with_it_not(
        self, staff
    ):
        initiative = make_draft()
        page = staff.get(change_url(initiative.pillar).replace("change", "delete"))
        assert "保護" in text_of(page)
        assert initiative.title in text_of(page)


def test_pillars_without_a_number_do_not_bar_each_other(staff):
    plan = builders.make_plan()
    for number in (None, None, 1, 2):
        builders.make_pillar(plan=plan, number=number)
    page = staff.get(change_url(plan))
    assert save(staff, page, {}) == []
    assert save(staff, page, {"pillars-3-number": "1"}) == [
        "同じ総合計画に、同じ番号の柱があります。"
    ]


class TestIndicatorPage:
    def test_years_are_read_as_the_indicator_counts_them(self, staff):
        indicator = builders.make_indicator(period_kind="calendar_year", status="draft")
        builders.make_indicator_value(indicator, year=2019)
        page = staff.get(change_url(indicator))
        [message] = save(staff, page, {"values-0-year": "令和2年度"})
        assert "年度です。ここは暦年の欄です。" in message
        assert save(staff, page, {"values-0-year": "令和2年"}) == []
        assert indicator.values.get().year == 2020

    def test_a_fiscal_year_is_what_an_indicator_counts_unless_it_says_otherwise(self, staff):
        value = builders.make_indicator_value(builders.make_indicator(status="draft"), year=2019)
        for record, name in [(value, "year"), (value.indicator, "values-0-year")]:
            page = staff.get(change_url(record))
            [message] = save(staff, page, {name: "令和2年"})
            assert message.startswith("「令和2年」は暦年です。")
            assert save(staff, page, {name: "R3"}) == []
        value.refresh_from_db()
        assert value.year == 2021

    def test_a_saved_value_moves_on_its_indicator(self, staff):
        value = builders.make_indicator_value(builders.make_indicator(status="draft"))
        before = value.indicator.updated_at
        assert save(staff, staff.get(change_url(value)), {"actual": "1,234.5"}) == []
        assert Indicator.objects.get().updated_at > before
        value.refresh_from_db()
        assert str(value.actual) == "1234.5000"


def test_lists_filter_by_status_pillar_and_year(staff):
    shown = builders.make_initiative(fiscal_year=2020, title="出る取組")
    builders.make_initiative(fiscal_year=2021, status="draft", title="出ない取組")
    for query in ("fiscal_year=2020", f"pillar__id__exact={shown.pillar_id}", "status=published"):
        text = text_of(staff.get(f"{page_url(Initiative, 'changelist')}?{query}"))
        assert "出る取組" in text
        assert "出ない取組" not in text
        assert "令和2年度" in text


class TestList:
    def test_a_revision_stands_beside_what_it_revises_and_not_for_itself(self, staff):
        initiative = builders.make_initiative(title="公開している取組")
        revision = make_revision(initiative, None)
        Initiative.objects.filter(pk=revision.pk).update(status="in_review")
        builders.make_initiative(title="改訂していない取組")
        page = staff.get(page_url(Initiative, "changelist"))
        assert page.context["cl"].result_count == 2
        assert f'href="{change_url(revision)}">改訂案：承認待ち</a>' in page.content.decode()
        counted = staff.get(page_url(Initiative, "changelist") + "?_facets=True")
        assert "改訂案あり (1)" in text_of(counted)
        narrowed = staff.get(page_url(Initiative, "changelist") + "?status=revision")
        assert [record.title for record in narrowed.context["cl"].result_list] == [
            "公開している取組"
        ]

    def test_the_parts_of_a_revision_are_listed_from_its_page_alone(self, staff):
        figure = builders.make_initiative_figure(label="その数")
        revision = make_revision(figure.initiative, None)
        address = page_url(InitiativeFigure, "changelist")
        assert staff.get(address).context["cl"].result_count == 1
        listed = staff.get(f"{address}?initiative__id__exact={revision.pk}")
        assert [f.initiative for f in listed.context["cl"].result_list] == [revision]

    @pytest.mark.parametrize("model", [Initiative, Indicator, ResultsReport])
    def test_revisions_take_no_queries_of_their_own(self, staff, model):
        make = {
            Initiative: builders.make_initiative,
            Indicator: builders.make_indicator,
            ResultsReport: builders.make_report,
        }[model]
        address = page_url(model, "changelist")
        make_revision(make(), None)
        few = count_queries(staff, address)
        for _ in range(9):
            make_revision(make(), None)
        assert count_queries(staff, address) == few


class TestPicturesInHistory:
    """A version and a revision name the same file; nothing that is done with them removes it."""

    def files(self):
        return {path.name for path in (Path(settings.MEDIA_ROOT) / "initiatives").iterdir()}

    def new_picture(self):
        data = io.BytesIO()
        Image.new("RGB", (8, 6), (1, 2, 3)).save(data, "PNG")
        return SimpleUploadedFile("new.png", data.getvalue())

    def test_a_revision_shares_the_file_and_its_approval_keeps_both(self, staff, client):
        image = builders.make_image()
        old = image.image.name
        revision = make_revision(image.initiative, None)
        copied = revision.images.get()
        assert copied.image.name == old
        values = form_of(staff.get(change_url(revision)).content.decode())
        assert (
            staff.post(
                change_url(revision), values | {"images-0-image": self.new_picture()}
            ).status_code
            == 302
        )
        assert client.get(image.get_absolute_url()).status_code == 200
        revision.refresh_from_db()
        apply_revision(revision, None)
        image.refresh_from_db()
        assert image.image.name != old
        assert client.get(image.get_absolute_url()).status_code == 200
        assert {Path(old).name, Path(image.image.name).name} <= self.files()
        first = Version.objects.about(image.initiative).order_by("number").first()
        made = make_revision(image.initiative, None, first.content)
        apply_revision(made, None)
        image.refresh_from_db()
        assert image.image.name == old
        assert client.get(image.get_absolute_url()).status_code == 200

    def test_a_discarded_revision_takes_no_file_with_it(self, client):
        image = builders.make_image()
        discard_revision(make_revision(image.initiative, None), None)
        assert client.get(image.get_absolute_url()).status_code == 200

    def test_a_deleted_picture_comes_back_with_the_version(self, staff):
        image = builders.make_image(make_draft())
        page = staff.get(change_url(image.initiative))
        assert save(staff, page, {"images-0-DELETE": "on"}) == []
        assert not InitiativeImage.objects.exists()
        name = "admin:initiatives_initiative_restore_version"
        staff.post(reverse(name, args=[image.initiative_id, 1]))
        brought = InitiativeImage.objects.get()
        assert (brought.pk, brought.image.name) == (image.pk, image.image.name)
        assert Path(brought.image.name).name in self.files()

    def test_a_picture_of_a_late_form_is_kept_too(self, staff):
        initiative = make_draft()
        page = staff.get(change_url(initiative))
        assert save(staff, staff.get(change_url(initiative)), {"title": "前の題名"}) == []
        rows = {
            "images-TOTAL_FORMS": 1,
            "images-0-image": self.new_picture(),
            "images-0-alt": "遅れた写真",
            "images-0-licence": "CC BY 4.0",
            "images-0-position": 0,
        }
        answer = staff.post(change_url(initiative), form_of(page.content.decode()) | rows)
        assert answer.status_code == 409
        staff.post(answer.context["restore_address"])
        assert Path(initiative.images.get().image.name).name in self.files()


def test_the_state_of_a_value_is_one_that_the_public_gate_knows(staff):
    value = builders.make_indicator_value(builders.make_indicator(status="draft"))
    form = staff.get(change_url(value)).context["adminform"].form
    assert [label for _, label in form.fields["status"].choices] == ["下書き", "公開", "取下げ"]


@pytest.mark.parametrize(
    ("model", "make"),
    [
        (Plan, builders.make_plan),
        (Pillar, builders.make_pillar),
        (ResultsReport, builders.make_report),
        (Initiative, builders.make_initiative),
        (InitiativeFigure, builders.make_initiative_figure),
        (Distinction, builders.make_distinction),
        (
            Indicator,
            lambda: builders.make_indicator(department=builders.make_department()),
        ),
        (IndicatorValue, builders.make_indicator_value),
    ],
)
def test_a_list_takes_the_same_queries_at_ten_times_the_rows(staff, model, make):
    for _ in range(2):
        make()
    few = count_queries(staff, page_url(model, "changelist"))
    for _ in range(18):
        make()
    assert count_queries(staff, page_url(model, "changelist")) == few <= 20


@pytest.mark.parametrize("status", ["draft", "published"])
def test_a_record_takes_the_same_queries_at_ten_times_its_parts(staff, status):
    initiative = builders.make_initiative(status=status)
    indicator = builders.make_indicator(status=status)

    def add_parts(number):
        for _ in range(number):
            builders.make_initiative_figure(initiative, source=builders.make_document())
            builders.make_distinction(initiative)
            builders.make_link(initiative)
            builders.make_indicator_value(indicator, source=builders.make_document())
            initiative.departments.add(builders.make_department())
            builders.make_pillar(plan=initiative.pillar.plan)

    add_parts(2)
    addresses = [change_url(r) for r in (initiative, indicator, initiative.pillar.plan)]
    few = [count_queries(staff, address) for address in addresses]
    add_parts(18)
    assert [count_queries(staff, address) for address in addresses] == few
    assert max(few) <= 40
