import pytest

from initiatives.models import Indicator, IndicatorValue, Initiative, InitiativeFigure
from portal.publishing import Status
from tests import builders
from tests.admin_pages import import_file, list_problems, upload


@pytest.fixture
def staff(db, admin_client):
    return admin_client


def test_a_new_initiative_is_a_draft_and_nothing_else(staff):
    report, pillar = builders.make_report(slug="report"), builders.make_pillar(slug="pillar")
    header = "識別子,題名,概要,実績報告,柱,公開状態\n"
    first, second = (
        "first,一つ目,概要,report,pillar,\n",
        "second,二つ目,概要,report,pillar,下書き\n",
    )
    import_file(staff, Initiative, header + first + second)
    assert set(Initiative.objects.values_list("status", flat=True)) == {"draft"}
    assert set(Initiative.objects.values_list("report", "pillar")) == {(report.pk, pillar.pk)}
    public = "third,三つ目,概要,report,pillar,公開\n"
    [problem] = list_problems(upload(staff, Initiative, header + public))
    assert problem[:3] == (2, "公開状態", "公開")
    assert problem[3] == (
        "取込では公開状態を変えられません。新しい記録は「下書き」にします。"
        "公開は、記録のページの「承認を求める」から進めます。"
    )


def test_figures_of_an_initiative_move_it_on(staff):
    initiative = builders.make_initiative(slug="netsugen", status=Status.DRAFT)
    before = initiative.updated_at
    data = "取組,区分,項目,測るもの,時期,種類,値,単位\nnetsugen,,会員,人数,令和5年度,成果,420,人\n"
    import_file(staff, InitiativeFigure, data)
    initiative.refresh_from_db()
    assert initiative.updated_at > before
    assert initiative.figures.get().key == ("", "会員", "人数", "令和5年度")


def test_figures_of_two_initiatives_do_not_mix(staff):
    for slug in ("one", "two"):
        builders.make_initiative_figure(builders.make_initiative(slug=slug), label="全体")
    data = (
        "取組,区分,項目,測るもの,時期,種類,値,単位,何の内訳か\n"
        "one,,部分,,,活動量,1,件,｜全体｜｜\n"
        "two,,部分,,,活動量,2,件,｜全体｜｜\n"
    )
    import_file(staff, InitiativeFigure, data)
    for figure in InitiativeFigure.objects.filter(label="部分"):
        assert figure.part_of.initiative == figure.initiative


def test_the_values_of_an_indicator_are_named_by_its_own_kind_of_year(staff):
    builders.make_indicator(slug="tax", status=Status.DRAFT)
    builders.make_indicator(slug="passports", period_kind="calendar_year", status=Status.DRAFT)
    data = "指標,年,実績\ntax,令和2年度,5\npassports,令和2年,7\ntax,2021,6\npassports,2021,8\n"
    import_file(staff, IndicatorValue, data)
    values = IndicatorValue.objects.order_by("indicator__slug", "year")
    assert list(values.values_list("indicator__slug", "year", "actual")) == [
        ("passports", 2020, 7),
        ("passports", 2021, 8),
        ("tax", 2020, 5),
        ("tax", 2021, 6),
    ]


def test_the_other_kind_of_year_is_refused(staff):
    builders.make_indicator(slug="tax", status=Status.DRAFT)
    builders.make_indicator(slug="passports", period_kind="calendar_year", status=Status.DRAFT)
    data = "指標,年,実績\ntax,令和2年,5\npassports,令和2年度,7\n"
    problems = list_problems(upload(staff, IndicatorValue, data))
    assert [problem[:3] for problem in problems] == [
        (2, "年", "令和2年"),
        (3, "年", "令和2年度"),
    ]
    assert "暦年です" in problems[0][3]
    assert "年度です。ここは暦年の欄です。" in problems[1][3]


def test_a_value_that_says_nothing_is_refused(staff):
    builders.make_indicator(slug="tax", status=Status.DRAFT)
    [problem] = list_problems(upload(staff, IndicatorValue, "指標,年,実績\ntax,2020,\n"))
    assert problem[3] == "実績・目標・基準のどれか、または注記を書いてください。"


def test_the_initiatives_of_an_indicator_stand_in_one_cell(staff):
    first, second = builders.make_initiative(), builders.make_initiative()
    indicator = builders.make_indicator(status=Status.DRAFT)
    data = f"識別子,関連する取組\n{indicator.slug},{first.slug}、{second.slug}\n"
    import_file(staff, Indicator, data)
    assert set(indicator.initiatives.all()) == {first, second}
    import_file(staff, Indicator, f"識別子,関連する取組\n{indicator.slug},\n")
    assert not indicator.initiatives.exists()
