"""Departments renamed, merged, split and abolished: past years stay, one can try it and undo it."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from portal import versions
from portal.audit import AuditEntry
from portal.models import (
    Department,
    FormerSlug,
    Membership,
    Reorganisation,
    ReorganisationKind,
    Role,
    Version,
)
from portal.publishing import Status
from portal.reorganisation import (
    ReorganisationError,
    find_done,
    fingerprint,
    list_obstacles,
    reorganise,
    try_out,
    undo,
)
from portal.reorganisation_plan import NewDepartment, Plan
from portal.revisions import make_revision
from tests import builders
from tests.admin_pages import Page, text_of

pytestmark = pytest.mark.django_db

RENAMED, MERGED, SPLIT, ABOLISHED = ReorganisationKind


@pytest.fixture
def administrator():
    return builders.make_staff(Role.ADMINISTRATOR, username="架空管理")


@pytest.fixture
def old():
    return builders.make_department(name="架空旧部", slug="old", established_in=2000)


def new(name="架空新部", slug="new"):
    return NewDepartment(name, slug)


def plan(kind, *departments, **fields):
    numbers = tuple(department.pk for department in departments)
    existing = tuple(department.pk for department in fields.pop("existing", ()))
    return Plan(**{"fiscal_year": 2025} | fields, kind=kind, departments=numbers, existing=existing)


def everything():
    """Return what the database holds of all that a reorganisation touches."""
    models = [relation.related_model for relation in Department._meta.related_objects]
    return {
        model._meta.label: versions.take_rows(model, model._base_manager.order_by("pk"))
        for model in {Department, *models} - {Membership}
    } | {"memberships": list(Membership.objects.order_by("pk").values())}


def refused(wanted, user) -> list[str]:
    before = everything()
    with pytest.raises(ReorganisationError) as error:
        reorganise(wanted, user)
    assert everything() == before
    assert not Reorganisation.objects.exists()
    return error.value.problems


class TestRenaming:
    def test_makes_a_new_department_and_leaves_the_old_one_its_name(self, old, administrator):
        above = builders.make_department()
        Department.objects.filter(pk=old.pk).update(
            parent=above, position=7, description="架空の説明"
        )
        reorganise(plan(RENAMED, old, new=(new(),)), administrator)
        old.refresh_from_db()
        made = Department.objects.get(slug="new")
        assert (old.name, old.slug, old.abolished_in) == ("架空旧部", "old", 2025)
        assert list(old.successors.all()) == [made]
        assert (made.name, made.established_in, made.parent, made.position) == (
            "架空新部",
            2025,
            above,
            7,
        )
        assert made.description == "架空の説明"
        assert not FormerSlug.objects.exists()

    def test_past_settlements_and_initiatives_keep_the_old_department(self, old, administrator):
        past = builders.make_settlement(department=old, fiscal_year=2024, status=Status.DRAFT)
        drafted = builders.make_settlement(department=old, fiscal_year=2025, status=Status.DRAFT)
        public = builders.make_settlement(department=old, fiscal_year=2026)
        initiatives = [
            builders.make_initiative(departments=[old], status=Status.DRAFT, fiscal_year=year)
            for year in (2024, 2025, None)
        ]
        done = reorganise(plan(RENAMED, old, new=(new(),)), administrator)
        for record in (past, drafted, public):
            record.refresh_from_db()
        assert [each.department.slug for each in (past, drafted, public)] == ["old", "new", "old"]
        assert [each.departments.get().slug for each in initiatives] == ["old", "new", "old"]
        assert set(done.report[3]["lines"]) == {
            "決算「令和8年度 架空旧部」：いま「公開」なので移しません。",
            "令和7年度より前の決算1件：前の部局とその名称のままです。",
            "令和7年度より前の取組1件：前の部局とその名称のままです。",
            "年度の書いていない取組1件：前の部局のままです。",
        }

    def test_indicators_with_their_revisions_and_programs_go_over(self, old, administrator):
        indicator = builders.make_indicator(department=old)
        revision = make_revision(indicator, administrator)
        program = builders.make_program(department=old)
        done = reorganise(plan(RENAMED, old, new=(new(),)), administrator)
        for record in (indicator, revision, program):
            record.refresh_from_db()
            assert record.department.slug == "new"
            assert versions.latest_version(record).action == "組織の再編（改称）"
        assert indicator.status == Status.PUBLISHED
        assert {change["where"] for change in done.report[1]["changes"]} == {
            f"指標「{indicator}」",
            f"指標「{indicator}」の改訂案",
            f"事業「{program}」",
        }

    def test_the_staff_have_the_same_roles_in_the_new_department_too(self, old, administrator):
        editor = builders.make_staff(Role.EDITOR, old, username="架空編集")
        done = reorganise(plan(RENAMED, old, new=(new(),)), administrator)
        assert set(editor.memberships.values_list("department__slug", "role")) == {
            ("old", "editor"),
            ("new", "editor"),
        }
        assert done.report[2]["lines"] == ["架空編集：架空新部 編集者"]

    def test_children_go_over_but_not_those_abolished_before(self, old, administrator):
        child = builders.make_department(parent=old)
        gone = builders.make_department(parent=old, abolished_in=2020)
        reorganise(plan(RENAMED, old, new=(new(),)), administrator)
        child.refresh_from_db()
        gone.refresh_from_db()
        assert (child.parent.slug, gone.parent.slug) == ("new", "old")

    def test_what_was_written_without_a_version_is_kept_before(self, old, administrator):
        versions.save_version(old, "作成")
        Department.objects.filter(pk=old.pk).update(name_en="Unversioned")
        done = reorganise(plan(RENAMED, old, new=(new(),)), administrator)
        undo(done, administrator)
        old.refresh_from_db()
        assert (old.name_en, old.abolished_in) == ("Unversioned", None)


class TestMerging:
    def test_several_become_one_new_one(self, old, administrator):
        other = builders.make_department(name="架空別部")
        both = builders.make_initiative(
            departments=[old, other], status=Status.DRAFT, fiscal_year=2025
        )
        reorganise(plan(MERGED, old, other, new=(new(),)), administrator)
        made = Department.objects.get(slug="new")
        assert set(made.predecessors.all()) == {old, other}
        assert [each.slug for each in both.departments.all()] == ["new"]

    def test_one_is_taken_in_by_one_that_is_there(self, old, administrator):
        there = builders.make_department(established_in=1990)
        reorganise(plan(MERGED, old, existing=[there]), administrator)
        assert list(there.predecessors.all()) == [old]
        there.refresh_from_db()
        assert there.established_in == 1990

    def test_two_drafts_of_the_same_year_do_not_collide(self, old, administrator):
        other = builders.make_department(name="架空別部")
        drafts = [
            builders.make_settlement(department=each, fiscal_year=2025, status=Status.DRAFT)
            for each in (old, other)
        ]
        done = reorganise(plan(MERGED, old, other, new=(new(),)), administrator)
        for draft in drafts:
            draft.refresh_from_db()
        assert [draft.department.slug for draft in drafts] == ["new", other.slug]
        assert done.report[3]["lines"] == [
            "決算「令和7年度 架空別部」：この部局の、同じ年度の決算がすでにあります。移しません。"
        ]

    def test_the_new_one_may_have_the_name_of_one_that_ends(self, old, administrator):
        other = builders.make_department()
        wanted = plan(MERGED, old, other, new=(new(name=old.name),))
        reorganise(wanted, administrator)
        assert Department.objects.filter(name="架空旧部").count() == 2

    def test_a_role_that_somebody_has_already_is_not_given_twice(self, old, administrator):
        there = builders.make_department()
        editor = builders.make_staff(Role.EDITOR, old)
        Membership.objects.create(user=editor, role=Role.EDITOR, department=there)
        done = reorganise(plan(MERGED, old, existing=[there]), administrator)
        assert done.memberships == []
        undo(done, administrator)
        assert editor.memberships.count() == 2


class TestSplitting:
    def test_each_record_goes_to_the_successor_that_is_chosen(self, old, administrator):
        children = [builders.make_department(parent=old) for _ in range(2)]
        indicator = builders.make_indicator(department=old)
        heirs = {
            f"portal.department:{children[1].pk}": 1,
            f"initiatives.indicator:{indicator.pk}": 1,
        }
        wanted = plan(SPLIT, old, new=(new(), new("架空第二部", "second")), heirs=heirs)
        reorganise(wanted, administrator)
        for record in (*children, indicator):
            record.refresh_from_db()
        assert [child.parent.slug for child in children] == ["new", "second"]
        assert indicator.department.slug == "second"

    def test_a_choice_that_is_none_is_refused(self, old, administrator):
        heirs = {"portal.department:1": 2}
        wanted = plan(SPLIT, old, new=(new(), new("架空第二部", "second")), heirs=heirs)
        assert refused(wanted, administrator) == [
            "引き継ぐ部局の選び方が正しくありません。もう一度選んでください。"
        ]


class TestAbolishing:
    def test_without_a_successor_all_stays_and_is_said(self, old, administrator):
        indicator = builders.make_indicator(department=old)
        builders.make_staff(Role.EDITOR, old)
        done = reorganise(plan(ABOLISHED, old), administrator)
        indicator.refresh_from_db()
        old.refresh_from_db()
        assert (indicator.department, old.abolished_in) == (old, 2025)
        assert done.memberships == []
        assert done.report[3]["lines"] == [
            f"指標「{indicator}」：引き継ぐ部局がないため移しません。"
        ]

    def test_with_a_successor_that_one_takes_over(self, old, administrator):
        there = builders.make_department()
        indicator = builders.make_indicator(department=old)
        reorganise(plan(ABOLISHED, old, existing=[there]), administrator)
        indicator.refresh_from_db()
        assert indicator.department == there

    def test_children_are_not_left_alone(self, old, administrator):
        builders.make_department(parent=old, name="架空課")
        assert refused(plan(ABOLISHED, old), administrator) == [
            "下位の組織（架空課）が残ります。先に廃止するか、「上位の組織」を変えるか、"
            "引き継ぐ部局を選んでください。"
        ]


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("fields", "problem"),
        [
            ({"fiscal_year": 2000}, "「架空旧部」は平成12年度に設置"),
            ({"new": (new("架空旧部"),)}, "新しい名称が、いまの名称と同じです。"),
            ({"new": (new("架空既存部"),)}, "「架空既存部」という部局は、すでにあります。"),
            ({"new": (new(slug="taken"),)}, "識別子「taken」は、すでに使われています。"),
            ({"new": (new(slug="former"),)}, "前のアドレスからの転送に使われています。"),
            ({"new": ()}, "改称した後の部局を、一つ書いてください。"),
            ({"new": (new(slug="悪い 識別子"),)}, "識別子は、半角の英小文字と数字"),
        ],
    )
    def test_a_renaming_that_cannot_be(self, fields, problem, old, administrator):
        builders.make_department(name="架空既存部", slug="taken")
        FormerSlug.objects.create(model="portal.department", slug="former", object_id=1)
        problems = refused(plan(RENAMED, old, **{"new": (new(),)} | fields), administrator)
        assert problem in problems[-1]

    def test_a_department_that_is_abolished_already(self, administrator):
        gone = builders.make_department(name="架空廃止部", abolished_in=2020)
        assert refused(plan(RENAMED, gone, new=(new(),)), administrator) == [
            "「架空廃止部」は、令和2年度に廃止されています。"
        ]

    def test_a_department_that_is_gone(self, administrator):
        wanted = Plan(RENAMED, 2025, (999_999,), (new(),))
        assert refused(wanted, administrator) == [
            "選んだ部局は、もうありません。もう一度選んでください。"
        ]

    def test_merging_with_itself(self, old, administrator):
        assert refused(plan(MERGED, old, existing=[old]), administrator) == [
            "「架空旧部」は、なくなる部局と引き継ぐ部局の両方に選ばれています。"
        ]

    def test_merging_only_one_or_into_two(self, old, administrator):
        there = builders.make_department()
        assert "二つ以上" in refused(plan(MERGED, old, new=(new(),)), administrator)[0]
        wanted = plan(MERGED, old, existing=[there], new=(new(),))
        assert "どちらか一つ" in refused(wanted, administrator)[0]

    def test_splitting_into_one_or_into_the_same_twice(self, old, administrator):
        assert "二つ以上" in refused(plan(SPLIT, old, new=(new(),)), administrator)[0]
        problems = refused(plan(SPLIT, old, new=(new(), new())), administrator)
        assert problems == [
            "「架空新部」という部局は、すでにあります。別の名称にしてください。",
            "識別子「new」は、すでに使われています。別の識別子にしてください。",
        ]

    def test_a_successor_that_is_not_there_in_that_year(self, old, administrator):
        late = builders.make_department(name="架空未来部", established_in=2030)
        gone = builders.make_department(name="架空廃止部", abolished_in=2025)
        for each in (late, gone):
            assert refused(plan(ABOLISHED, old, existing=[each]), administrator) == [
                f"引き継ぐ「{each}」は、令和7年度にはありません。"
            ]

    def test_a_circle_of_successors(self, old, administrator):
        between = builders.make_department()
        first = builders.make_department(name="架空前身部")
        first.successors.add(between)
        between.successors.add(old)
        assert refused(plan(ABOLISHED, old, existing=[first]), administrator) == [
            "「架空前身部」は「架空旧部」の前身なので、引き継ぐ部局にすると輪になります。"
        ]

    def test_a_successor_below_what_ends(self, old, administrator):
        child = builders.make_department(parent=builders.make_department(parent=old), name="架空課")
        problems = refused(plan(MERGED, old, existing=[child]), administrator)
        assert problems == [
            "「架空課」は「架空旧部」の下位の組織です。先に「上位の組織」を変えてください。"
        ]


class TestTheTrialRun:
    def test_changes_nothing_and_tells_what_the_real_run_does(self, old, administrator):
        builders.make_indicator(department=old)
        builders.make_staff(Role.EDITOR, old)
        builders.make_settlement(department=old, fiscal_year=2020)
        before, kept = everything(), Version.objects.count()
        wanted = plan(RENAMED, old, new=(new(),))
        tried = try_out(wanted, administrator)
        assert everything() == before
        assert (Version.objects.count(), Reorganisation.objects.count()) == (kept, 0)
        assert fingerprint(reorganise(wanted, administrator)) == fingerprint(tried)


class TestUndoing:
    @pytest.fixture
    def world(self, old):
        other = builders.make_department(name="架空別部")
        builders.make_department(parent=old)
        builders.make_indicator_value(builders.make_indicator(department=old))
        builders.make_program(department=other)
        settlement = builders.make_settlement(department=old, fiscal_year=2025, status=Status.DRAFT)
        builders.make_settlement_figure(builders.make_item(settlement, "1.1"))
        builders.make_initiative(departments=[old, other], status=Status.DRAFT, fiscal_year=2026)
        builders.make_staff(Role.EDITOR, old)
        return old, other

    @pytest.mark.parametrize("kind", [MERGED, SPLIT, ABOLISHED])
    def test_brings_all_back(self, kind, world, administrator):
        old, other = world
        there = builders.make_department()
        wanted = {
            MERGED: plan(MERGED, old, other, new=(new(),)),
            SPLIT: plan(SPLIT, old, new=(new(), new("架空第二部", "second")), existing=[other]),
            ABOLISHED: plan(ABOLISHED, old, existing=[there]),
        }[kind]
        before = everything()
        done = reorganise(wanted, administrator)
        assert everything() != before
        assert list_obstacles(done) == []
        undone = undo(done, administrator)
        assert everything() == before
        assert undone.undone_by == "架空管理"
        old.refresh_from_db()
        assert versions.latest_version(old).action == f"組織の再編（{kind.label}）の取消し"

    def test_happens_once(self, old, administrator):
        done = reorganise(plan(ABOLISHED, old), administrator)
        undo(done, administrator)
        with pytest.raises(ReorganisationError, match="もう取り消されています"):
            undo(done, administrator)

    def test_is_refused_by_the_names_of_what_changed_or_refers_to_the_new(
        self, world, administrator
    ):
        old, other = world
        done = reorganise(plan(MERGED, old, other, new=(new(),)), administrator)
        made = Department.objects.get(slug="new")
        child = made.children.get()
        versions.begin_change(child)
        child.name = "架空変更課"
        child.save()
        versions.save_version(child, "変更", administrator)
        Department.objects.filter(pk=other.pk).update(name_en="Unversioned")
        made.settlements.update(status=Status.PUBLISHED)
        builders.make_settlement(department=made, fiscal_year=2030)
        builders.make_staff(Role.APPROVER, made, username="架空新任")
        builders.make_change_note(made, text="架空の知らせ")
        made.programs.get().delete()
        before = everything()
        with pytest.raises(ReorganisationError) as error:
            undo(done, administrator)
        text = "\n".join(
            re.sub(r"\d{4}-\d\d-\d\d( \d\d:\d\d)?", "", p) for p in error.value.problems
        )
        for part in (
            "部局「架空変更課」は、その後架空管理さんが変えています（「変更」）。",
            "部局「架空別部」は、その後変わっています。",
            "決算「令和7年度 架空新部」は、その後「公開」になっています。",
            "決算「令和12年度 架空新部」が、「架空新部」に結び付いています。",
            "所属と役割「架空新部 承認者」（架空新任）が、「架空新部」に結び付いています。",
            "更新・正誤「 更新」が、「架空新部」について書かれています。",
            "」は、削除されています。",
        ):
            assert part in text
        assert len(error.value.problems) == 7
        assert everything() == before

    def test_a_later_reorganisation_is_undone_first(self, old, administrator):
        first = reorganise(plan(RENAMED, old, new=(new(),)), administrator)
        made = Department.objects.get(slug="new")
        second = reorganise(
            plan(RENAMED, made, fiscal_year=2026, new=(new("架空三代目部", "third"),)),
            administrator,
        )
        assert "部局「架空新部」は、その後架空管理さんが変えています" in list_obstacles(first)[0]
        undo(second, administrator)
        undo(first, administrator)
        assert list(Department.objects.values_list("slug", "abolished_in")) == [("old", None)]


class TestThePages:
    """The form, the trial, the deed and the undoing, as an administrator meets them."""

    @pytest.fixture
    def staff(self, client, administrator):
        client.force_login(administrator)
        return client

    def send(self, client, kind, button="_try", follow=True, **fields):
        address = reverse("admin:portal_department_reorganise", args=[kind])
        return client.post(address, fields | {button: "1"}, follow=follow)

    def renaming(self, old, **fields):
        names = {"new_0_name": "架空新部", "new_0_slug": "new", "comment": "架空の規則"}
        return {"departments": old.pk, "fiscal_year": "令和7年度"} | names | fields

    def test_a_renaming_from_the_list_to_its_undoing(self, staff, old):
        builders.make_staff(Role.EDITOR, old, username="架空編集")
        words = text_of(staff.get(reverse("admin:portal_department_changelist")))
        assert "組織の再編" in words
        page = staff.get(reverse("admin:portal_department_change", args=[old.pk]))
        start = reverse("admin:portal_department_reorganisations") + f"?department={old.pk}"
        assert start in page.content.decode()
        page = staff.get(start).content.decode()
        form = staff.get(re.search(r'href="([^"]*reorganise/renamed/[^"]*)"', page)[1])
        assert f'<option value="{old.pk}" selected>架空旧部</option>' in form.content.decode()

        trial = self.send(staff, "renamed", **self.renaming(old))
        words = text_of(trial)
        for part in (
            "令和7年度（2025年度）の改称の試行です。まだ何も変わっていません。",
            "追加 部局「架空新部」",
            "変更 部局「架空旧部」 廃止年度 （空欄） 令和7年度 引き継いだ部局 （空欄） 架空新部",
            "架空編集：架空新部 編集者",
            "根拠・理由：架空の規則",
        ):
            assert part in words
        assert not Department.objects.filter(slug="new").exists()

        sent = self.hidden(trial)
        assert sent["tried"]
        page = self.send(staff, "renamed", "_confirm", **sent)
        assert "組織の再編を実施しました。" in text_of(page)
        assert Department.objects.get(slug="new").established_in == 2025
        assert AuditEntry.objects.filter(action="reorganised", username="架空管理").count() == 1

        again = self.send(staff, "renamed", "_confirm", **sent)
        assert "この再編は、もう実施されています。" in text_of(again)
        assert Reorganisation.objects.count() == Department.objects.filter(slug="new").count() == 1

        address = page.redirect_chain[-1][0]
        words = text_of(staff.post(address, follow=True))
        assert "組織の再編を取り消しました。" in words
        assert "架空管理さんが取り消しました" in words
        assert Department.objects.get().abolished_in is None
        assert AuditEntry.objects.filter(action="reorganised").count() == 2
        words = text_of(staff.post(address, follow=True))
        assert "この再編は、もう取り消されています。" in words
        assert "改称 令和7年度" in text_of(staff.get(start))

    def hidden(self, trial):
        found = {}
        for tag in re.findall(r"<input[^>]*type=.hidden.[^>]*>", trial.content.decode()):
            name, value = (re.search(rf'{key}="([^"]*)"', tag) for key in ("name", "value"))
            if name[1] != "csrfmiddlewaretoken":
                found.setdefault(name[1], []).append(value[1] if value else "")
        return found

    def test_what_changed_after_the_trial_is_tried_again_first(self, staff, old):
        sent = self.hidden(self.send(staff, "renamed", **self.renaming(old)))
        builders.make_indicator(department=old, name="架空の後の指標")
        page = self.send(staff, "renamed", "_confirm", **sent)
        assert "前の試行と内容が違います。まだ実施していません。" in text_of(page)
        assert "架空の後の指標" in text_of(page)
        assert not Reorganisation.objects.exists()
        page = self.send(staff, "renamed", "_confirm", **self.hidden(page))
        assert "組織の再編を実施しました。" in text_of(page)

    def test_a_split_asks_who_takes_over_what(self, staff, old):
        child = builders.make_department(parent=old, name="架空課")
        fields = self.renaming(old, new_1_name="架空第二部", new_1_slug="second")
        trial = self.send(staff, "split", **fields)
        assert "部局「架空課」 架空新部 架空第二部" in text_of(trial)
        sent = self.hidden(trial) | {f"heir:portal.department:{child.pk}": "1"}
        page = self.send(staff, "split", "_confirm", **sent)
        assert "前の試行と内容が違います。" in text_of(page)
        sent |= self.hidden(page)
        assert "組織の再編を実施しました。" in text_of(
            self.send(staff, "split", "_confirm", **sent)
        )
        child.refresh_from_db()
        assert child.parent.slug == "second"
        sent |= {f"heir:portal.department:{child.pk}": "x"}
        assert self.send(staff, "split", **sent).status_code == 200

    def test_the_way_back_keeps_what_was_written(self, staff, old):
        page = self.send(staff, "renamed", "_back", **self.renaming(old))
        assert 'value="架空新部"' in page.content.decode()

    @pytest.mark.parametrize(
        ("fields", "problem"),
        [
            ({"departments": ""}, "部局を選んでください。"),
            ({"departments": "x"}, "正しく選択してください"),
            ({"fiscal_year": ""}, "施行する年度を書いてください。"),
            ({"fiscal_year": "らいねん"}, "らいねん"),
            ({"new_0_name": ""}, "新しい部局の名称を書いてください。"),
            ({"new_0_slug": ""}, "新しい部局の識別子を書いてください。"),
            ({"new_0_slug": "A_b"}, "識別子は、半角の英小文字と数字"),
            ({"new_0_name": "", "new_0_slug": ""}, "改称した後の部局を、一つ書いてください。"),
            ({"fiscal_year": "1999"}, "設置より後の年度にしてください。"),
        ],
    )
    @pytest.mark.parametrize("button", ["_try", "_confirm"])
    def test_bad_input_gets_a_sentence(self, button, fields, problem, staff, old):
        fields = self.renaming(old) | fields | {"tried": "x"}
        page = self.send(staff, "renamed", button, **fields)
        assert page.status_code == 200
        assert problem in text_of(page)
        assert not Reorganisation.objects.exists()

    def test_unknown_kinds_and_numbers_are_not_found(self, staff):
        for address in ("reorganise/x/", "reorganisations/999999/", f"reorganisations/{'9' * 30}/"):
            assert staff.get(f"/admin/portal/department/{address}").status_code == 404
        start = reverse("admin:portal_department_reorganisations")
        assert staff.get(start, {"department": "x", "p": "x"}).status_code == 200
        form = reverse("admin:portal_department_reorganise", args=["merged"])
        assert staff.get(form, {"department": "x"}).status_code == 200

    @pytest.mark.parametrize("role", [Role.EDITOR, Role.APPROVER])
    def test_only_administrators_get_there(self, role, client, administrator, old):
        done = reorganise(plan(ABOLISHED, old), administrator)
        client.force_login(builders.make_staff(role, old))
        for name, args in (
            ("reorganisations", []),
            ("reorganisation", [done.pk]),
            *(("reorganise", [kind]) for kind in ReorganisationKind),
        ):
            address = reverse(f"admin:portal_department_{name}", args=args)
            assert client.get(address).status_code == 403
            assert client.post(address).status_code == 403
        done.refresh_from_db()
        assert done.undone_at is None
        page = client.get(reverse("admin:portal_department_change", args=[old.pk]))
        assert "組織の再編" not in page.content.decode()

    def test_every_page_is_japanese_and_strict(self, staff, old, administrator):
        builders.make_department(parent=old)
        fields = self.renaming(old, new_1_name="架空第二部", new_1_slug="second")
        pages = [self.send(staff, "split", **fields), self.send(staff, "split", departments="x")]
        done = reorganise(plan(RENAMED, old, new=(new(),)), administrator)
        builders.make_settlement(department=Department.objects.get(slug="new"))
        addresses = ["reorganisations/", f"reorganisations/{done.pk}/"]
        addresses += [f"reorganise/{kind}/" for kind in ReorganisationKind]
        pages += [staff.get(f"/admin/portal/department/{address}") for address in addresses]
        for response in pages:
            page = Page(response.content.decode())
            assert page.blocked == []
            assert page.english - {"new", "second", "office", "tokyo"} == set()

    def test_the_list_reads_no_more_for_more_reorganisations(self, staff, administrator):
        address = reverse("admin:portal_department_reorganisations")

        def count():
            with CaptureQueriesContext(connection) as queries:
                staff.get(address)
            return len(queries)

        for _ in range(2):
            reorganise(plan(ABOLISHED, builders.make_department()), administrator)
        count()
        few = count()
        for _ in range(5):
            reorganise(plan(ABOLISHED, builders.make_department()), administrator)
        assert count() == few <= 8

    def test_a_reorganisation_undone_can_be_done_again(self, administrator, old):
        wanted = plan(RENAMED, old, new=(new(),))
        assert find_done(wanted) is None
        done = reorganise(wanted, administrator)
        assert find_done(wanted) == done
        undo(done, administrator)
        assert find_done(wanted) is None
        reorganise(wanted, administrator)
