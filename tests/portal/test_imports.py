"""Whose records an import may change, where its rows go, and how it is undone as a whole."""

import io
from zipfile import ZipFile

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from budgets.models import Program, Settlement, SettlementFigure, SettlementItem
from initiatives.models import Indicator, IndicatorValue, Initiative, InitiativeFigure
from portal import revisions, versions, workflow
from portal.models import (
    AuditEntry,
    Department,
    GlossaryTerm,
    ImportLog,
    Place,
    Role,
    SourceDocument,
    Version,
)
from portal.publishing import Status
from tests import builders
from tests.admin_pages import (
    Page,
    confirm,
    export,
    import_file,
    list_problems,
    page_url,
    text_of,
    upload,
)

pytestmark = pytest.mark.django_db

FIGURES = "取組,区分,項目,測るもの,時期,種類,値,単位\n"
ITEMS = "年度,部局,項目番号,名称\n"


def sign_in(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def department():
    return builders.make_department(slug="strategy", name="架空戦略部")


@pytest.fixture
def editor(department):
    return builders.make_staff(Role.EDITOR, department, username="kaku-1")


@pytest.fixture
def desk(editor):
    return sign_in(editor)


@pytest.fixture
def chief(db):
    return sign_in(builders.make_staff(Role.ADMINISTRATOR, username="zaisei"))


def make_own(department, **fields):
    return builders.make_initiative(slug="own", departments=[department], **fields)


def import_log() -> ImportLog:
    return ImportLog.objects.get(state="imported")


def log_url(log, action) -> str:
    return reverse(f"admin:portal_importlog_{action}", args=[log.pk])


def undo(client, log=None):
    return client.post(log_url(log or import_log(), "undo"), follow=True)


class TestRights:
    """Each kind of record, by who imports it: their own, another department's, everybody's."""

    def make_rows(self, department):
        """Make records of a department, drafts all; return a file that changes each, by model."""
        initiative = builders.make_initiative(departments=[department], status=Status.DRAFT)
        builders.make_initiative_figure(initiative, label="会員")
        indicator = builders.make_indicator(department=department, status=Status.DRAFT)
        builders.make_indicator_value(indicator)
        settlement = builders.make_settlement(department=department, status=Status.DRAFT)
        builders.make_settlement_figure(builders.make_item(settlement, "1"), label="件数")
        slug = department.slug
        return {
            Initiative: f"識別子,題名\n{initiative.slug},変えた題名\n",
            InitiativeFigure: f"取組,区分,項目,測るもの,時期,値\n{initiative.slug},,会員,,,99\n",
            Indicator: f"識別子,名称\n{indicator.slug},変えた名称\n",
            IndicatorValue: f"指標,年,実績\n{indicator.slug},2020,99\n",
            Settlement: f"年度,部局,資料の見出し\n2020,{slug},変えた見出し\n",
            SettlementItem: f"年度,部局,項目番号,名称\n2020,{slug},1,変えた名称\n",
            SettlementFigure: (
                f"年度,部局,項目番号,区分,項目,測るもの,時期,値\n2020,{slug},1,,件数,,,99\n"
            ),
        }

    @pytest.mark.parametrize("role", Role)
    @pytest.mark.parametrize("is_own", [True, False], ids=["own", "other"])
    def test_only_editors_of_the_department_and_who_is_over_all_change_its_records(
        self, department, role, is_own
    ):
        place = None if role == Role.ADMINISTRATOR else department
        client = sign_in(builders.make_staff(role, place))
        files = self.make_rows(department if is_own else builders.make_department(slug="other"))
        for model, data in files.items():
            if role == Role.APPROVER:
                assert client.get(page_url(model, "import")).status_code == 403
                assert client.post(page_url(model, "process_import")).status_code == 403
            elif role == Role.ADMINISTRATOR or is_own:
                import_file(client, model, data)
            else:
                previewed = upload(client, model, data)
                messages = [problem[3] for problem in list_problems(previewed)]
                assert any("ほかの部局の記録" in message for message in messages)
        changed = role != Role.APPROVER and (is_own or role == Role.ADMINISTRATOR)
        assert Version.objects.filter(action="取込：表.csv").exists() is changed
        assert Initiative.objects.filter(title="変えた題名").exists() is changed
        assert InitiativeFigure.objects.filter(value=99).exists() is changed

    def test_a_part_of_a_hidden_record_reads_as_one_that_is_not_there(self, desk):
        hidden = builders.make_initiative(slug="hidden", title="秘密の取組")
        builders.make_initiative_figure(hidden, label="秘密の数", value=7)
        said = set()
        for slug in ("hidden", "nowhere"):
            previewed = upload(desk, InitiativeFigure, f"{FIGURES}{slug},,秘密の数,,,成果,8,件\n")
            [(_, _, _, message)] = list_problems(previewed)
            said.add(message.replace(slug, "x"))
            assert "秘密の取組" not in previewed.content.decode()
        assert said == {
            "取組「x」の取組はありません。書き直すか、先に登録してください。"
            "ほかの部局の記録には取り込めません。"
        }

    @pytest.mark.parametrize("model", [Department, Place, GlossaryTerm, Program])
    def test_what_all_share_is_imported_by_who_is_over_all_alone(self, desk, chief, model):
        assert desk.get(page_url(model, "import")).status_code == 403
        assert desk.get(page_url(model, "template")).status_code == 403
        assert chief.get(page_url(model, "import")).status_code == 200

    def test_a_paper_is_imported_by_any_editor(self, desk):
        data = "識別子,題名,発行者\npaper,架空県資料,架空県\n"
        import_file(desk, SourceDocument, data)
        assert SourceDocument.objects.get().status == "draft"

    def test_a_new_record_is_of_a_department_of_the_editor(self, desk, department):
        report, pillar = builders.make_report(slug="report"), builders.make_pillar(slug="pillar")
        builders.make_department(slug="other")
        header = "識別子,題名,概要,実績報告,柱,担当部局\n"
        for given in ("other", "strategy、other", ""):
            data = f"{header}new,新しい取組,概要,{report.slug},{pillar.slug},{given}\n"
            assert list_problems(upload(desk, Initiative, data)) == [
                (2, "担当部局", given, "自分の部局を書いてください。")
            ]
        import_file(desk, Initiative, f"{header}new,新しい取組,概要,report,pillar,strategy\n")
        assert list(Initiative.objects.get().departments.all()) == [department]
        problems = list_problems(upload(desk, Settlement, "年度,部局\n2021,other\n"))
        assert problems == [(2, "部局", "other", "自分の部局を書いてください。")]
        import_file(desk, Settlement, "年度,部局\n2021,strategy\n")
        assert Settlement.objects.get().department == department

    def test_a_record_is_not_given_away_and_keeps_whom_it_has(self, desk, department):
        other = builders.make_department(slug="other")
        builders.make_initiative(slug="both", departments=[department, other], status=Status.DRAFT)
        data = "識別子,題名,担当部局\nboth,変えた題名,strategy、other\n"
        import_file(desk, Initiative, data)
        assert Initiative.objects.get().title == "変えた題名"
        given_away = upload(desk, Initiative, "識別子,担当部局\nboth,other\n")
        assert list_problems(given_away)[0][3] == "自分の部局を書いてください。"

    def test_a_hidden_record_is_not_named_in_a_cell_unless_it_is_there_already(
        self, desk, department
    ):
        hidden = builders.make_initiative(slug="hidden")
        indicator = builders.make_indicator(slug="mine", department=department, status=Status.DRAFT)
        data = "識別子,関連する取組,名称\nmine,hidden,変えた名称\n"
        [(_, column, _, message)] = list_problems(upload(desk, Indicator, data))
        assert column == "関連する取組"
        assert message.startswith("「hidden」という取組の識別子はありません。")
        indicator.initiatives.set([hidden])
        import_file(desk, Indicator, data)
        indicator.refresh_from_db()
        assert indicator.name == "変えた名称"

    def test_an_export_holds_what_the_editor_sees_and_no_revisions(self, desk, department, editor):
        own = make_own(department, title="自分の取組")
        builders.make_initiative_figure(own, label="自分の数")
        builders.make_initiative(title="よその取組")
        revision = revisions.make_revision(own, editor)
        assert export(desk, Initiative, "utf-8").decode().count("\r\n") == 2
        assert "よその取組" not in export(desk, Initiative, "utf-8").decode()
        figures = export(desk, InitiativeFigure, "utf-8").decode()
        assert figures.count("自分の数") == 1
        revision.figures.update(label="改訂案の数")
        address = f"{page_url(InitiativeFigure, 'export')}?initiative__id__exact={revision.pk}"
        of_revision = desk.post(address, {"format": 1, "resource": ""}).getvalue().decode()
        assert "own,,改訂案の数" in of_revision
        assert "自分の数" not in of_revision


class TestStates:
    @pytest.mark.parametrize(
        ("status", "words"),
        [
            (Status.IN_REVIEW, "いま「承認待ち」です。申請を取り戻すか、差し戻してもらってから"),
            (Status.WITHDRAWN, "いま「取下げ」です。記録のページで「下書きに戻す」を選んでから"),
            (Status.BINNED, "いま「ごみ箱」です。ごみ箱から戻してから"),
        ],
    )
    def test_what_is_on_its_way_takes_no_rows(self, desk, department, status, words):
        make_own(department, status=status)
        for model, data in [
            (Initiative, "識別子,題名\nown,変えた題名\n"),
            (InitiativeFigure, f"{FIGURES}own,,会員,,,成果,420,人\n"),
        ]:
            [(line, column, _, message)] = list_problems(upload(desk, model, data))
            assert (line, column) == (2, "")
            assert words in message

    def test_a_revision_on_its_way_takes_no_rows(self, desk, department, editor):
        revision = revisions.make_revision(make_own(department), editor)
        Initiative.objects.filter(pk=revision.pk).update(status=Status.IN_REVIEW)
        [(_, _, _, message)] = list_problems(
            upload(desk, Initiative, "識別子,題名\nown,変えた題名\n")
        )
        assert message.startswith("この記録の改訂案は、いま「承認待ち」です。")

    def test_a_state_is_compared_and_never_set(self, desk, department):
        public = make_own(department)
        draft = builders.make_initiative(
            slug="draft", departments=[department], status=Status.DRAFT
        )
        data = "識別子,公開状態\nown,公開\ndraft,公開\n"
        [(line, column, _, message)] = list_problems(upload(desk, Initiative, data))
        assert (line, column) == (3, "公開状態")
        assert message.startswith(
            "取込では公開状態を変えられません。いまは「下書き」です。そのままにするか、"
        )
        data = "識別子,公開状態,公開開始日時\nown,公開,2030-01-01\n"
        [(_, column, _, message)] = list_problems(upload(desk, Initiative, data))
        assert column == "公開開始日時"
        assert "下書きだけです" in message
        public.publish_from = timezone.now()
        public.save()
        problems = list_problems(upload(desk, Initiative, "識別子,公開開始日時\nown,\n"))
        assert [problem[1] for problem in problems] == ["公開開始日時"]
        unchanged = upload(desk, Initiative, export(desk, Initiative, "utf-8"))
        assert unchanged.context["result"].totals["skip"] == 2
        import_file(
            desk, Initiative, "識別子,公開状態,公開開始日時\ndraft,下書き,2030-01-01 9:00\n"
        )
        draft.refresh_from_db()
        assert draft.publish_from.isoformat() == "2030-01-01T00:00:00+00:00"
        before = public.publish_from
        public.refresh_from_db()
        assert (public.status, public.publish_from) == ("published", before)

    def test_a_value_becomes_public_with_its_indicator(self, desk, department):
        indicator = builders.make_indicator(slug="tax", department=department)
        import_file(desk, IndicatorValue, "指標,年,実績,公開状態\ntax,2020,5,公開\n")
        assert not indicator.values.exists()
        assert indicator.revision.values.get().status == "published"
        [problem] = list_problems(
            upload(desk, IndicatorValue, "指標,年,実績,公開状態\ntax,2021,5,承認待ち\n")
        )
        assert (
            problem[3]
            == "「承認待ち」は選べません。下書き、公開、取下げ のどれかを書いてください。"
        )


class TestRevisions:
    def test_rows_of_a_public_record_go_into_a_revision_which_the_preview_tells(
        self, desk, department
    ):
        own = make_own(department, title="公開の題名")
        previewed = upload(desk, Initiative, "識別子,題名\nown,次の題名\n")
        assert "公開中の記録は、そのままにして、改訂案に入れます" in text_of(previewed)
        assert "「公開の題名」（改訂案を作ります）" in text_of(previewed)
        assert not Initiative.objects.filter(revises=own).exists()
        confirm(desk, Initiative, previewed)
        own.refresh_from_db()
        assert own.title == "公開の題名"
        assert (own.revision.title, own.revision.status) == ("次の題名", "draft")
        actions = Version.objects.about(own.revision).values_list("action", flat=True)
        assert list(actions) == ["取込：表.csv", "改訂案の作成"]

    def test_an_open_revision_is_gone_on_with(self, desk, department, editor):
        own = make_own(department)
        revision = revisions.make_revision(own, editor)
        Initiative.objects.filter(pk=revision.pk).update(summary="直しかけ")
        previewed = upload(desk, Initiative, "識別子,題名\nown,次の題名\n")
        assert "（いまの改訂案に入れます）" in text_of(previewed)
        confirm(desk, Initiative, previewed)
        revision.refresh_from_db()
        assert (revision.title, revision.summary) == ("次の題名", "直しかけ")

    def test_unchanged_rows_make_no_revision(self, desk, department):
        own = make_own(department)
        builders.make_initiative_figure(own, label="会員", value=420, unit="人")
        import_file(desk, InitiativeFigure, export(desk, InitiativeFigure, "utf-8"))
        assert Initiative.objects.count() == 1
        assert not Version.objects.exists()

    def test_items_and_figures_find_their_place_within_the_revision(self, desk, department):
        settlement = builders.make_settlement(department=department)
        item = builders.make_item(settlement, "1.2")
        builders.make_settlement_figure(item, label="総数", value=203)
        header = "年度,部局,項目番号,区分,項目,測るもの,時期,種類,値,単位,何の内訳か\n"
        data = (
            f"{header}2020,strategy,1.2,県,件数,,,活動量,141,件,｜総数｜｜\n"
            "2020,strategy,1.2,,総数,,,活動量,204,件,\n"
        )
        import_file(desk, SettlementFigure, data)
        import_file(desk, SettlementItem, f"{ITEMS}2020,strategy,1.2.1,下の項目\n")
        revision = settlement.revision
        part = SettlementFigure.objects.get(group="県")
        assert part.item.settlement == revision
        assert (part.part_of.value, part.part_of.item) == (204, part.item)
        assert revision.items.get(code="1.2.1").parent.settlement == revision
        assert list(settlement.items.values_list("code", flat=True)) == ["1", "1.2"]
        assert item.figures.get().value == 203
        changes = {(row.kind, row.where) for row in revisions.list_changes(revision)}
        assert ("changed", "決算項目 1.2 架空の項目1.2 ＞ 決算の実績値 総数") in changes

    def test_one_version_a_record_however_many_rows(self, desk, department):
        for slug in ("one", "two"):
            builders.make_initiative(slug=slug, departments=[department], status=Status.DRAFT)
        rows = [f"{slug},,数{n},,,成果,{n},件" for slug in ("one", "two") for n in range(1, 6)]
        import_file(desk, InitiativeFigure, FIGURES + "\n".join(rows))
        actions = Version.objects.values_list("action", flat=True)
        assert sorted(actions) == ["これまでの内容"] * 2 + ["取込：表.csv"] * 2

    def test_the_queries_for_a_row_do_not_grow_with_the_record(self, chief):
        def count(size):
            department = builders.make_department()
            settlement = builders.make_settlement(department=department)
            for number in range(1, size + 1):
                builders.make_settlement_figure(builders.make_item(settlement, str(number)))
            data = f"{ITEMS}2020,{department.slug},1,変えた名称\n"
            with CaptureQueriesContext(connection) as queries:
                upload(chief, SettlementItem, data)
            return len(queries)

        count(1)
        assert count(3) == count(40)


class TestUndo:
    def test_a_changed_draft_is_as_it_was_before(self, desk, department):
        own = make_own(department, status=Status.DRAFT, title="前の題名")
        before = versions.take(own)
        data = "識別子,題名,公開開始日時\nown,次の題名,2030-01-01\n"
        page = import_file(desk, Initiative, data, name="取組.csv")
        assert "取り込みました：新規0件、変更1件" in text_of(page)
        page = undo(desk)
        assert "取込を取り消しました。" in text_of(page)
        own.refresh_from_db()
        assert versions.take(own) == before
        assert (own.title, own.publish_from) == ("前の題名", None)
        actions = Version.objects.about(own).values_list("action", flat=True)
        assert list(actions) == ["取込の取消し：取組.csv", "取込：取組.csv", "これまでの内容"]
        log = ImportLog.objects.get()
        assert (log.state, log.undone_by) == ("undone", "kaku-1")
        assert AuditEntry.objects.filter(action="import_undone").get().record.endswith("取組.csv")
        assert "もう取り消されています" in text_of(undo(desk, log))

    def test_new_records_go_to_the_bin_and_shared_ones_leave_a_version(self, desk, chief):
        report, pillar = builders.make_report(slug="report"), builders.make_pillar(slug="pillar")
        header = "識別子,題名,概要,実績報告,柱,担当部局\n"
        import_file(desk, Initiative, f"{header}new,新しい取組,概要,report,pillar,strategy\n")
        undo(desk)
        made = Initiative.objects.get(slug="new")
        assert (made.status, made.title) == ("binned", "新しい取組")
        assert {made.report, made.pillar} == {report, pillar}
        data = "識別子,名称,上位の組織\nchild,子の課,parent\nparent,親の部,\n"
        import_file(chief, Department, data)
        undo(chief)
        assert list(Department.objects.values_list("slug", flat=True)) == ["strategy"]
        kept = Version.objects.filter(is_deletion=True, label="親の部").get()
        assert versions.restore_deleted(kept, None).slug == "parent"

    def test_a_revision_that_the_import_made_is_discarded_and_kept_in_the_history(
        self, desk, department
    ):
        own = make_own(department)
        import_file(desk, Initiative, "識別子,題名\nown,次の題名\n")
        undo(desk)
        assert Initiative.objects.get() == own
        aside = Version.objects.about(own).filter(is_deletion=True).get()
        assert aside.content["initiatives.initiative"][0]["title"] == "次の題名"

    def test_an_open_revision_is_as_it_was_before(self, desk, department, editor):
        revision = revisions.make_revision(make_own(department, title="前の題名"), editor)
        import_file(desk, Initiative, "識別子,題名\nown,次の題名\n")
        undo(desk)
        revision.refresh_from_db()
        assert (revision.title, revision.slug) == ("前の題名", f"own--{revision.revises_id}")

    def test_one_record_that_changed_since_stops_the_whole(self, desk, department):
        names = ("one", "two")
        for slug in names:
            builders.make_initiative(
                slug=slug, title=f"前の{slug}", departments=[department], status=Status.DRAFT
            )
        import_file(desk, Initiative, "識別子,題名\none,次の一\ntwo,次の二\n")
        Initiative.objects.filter(slug="two").update(summary="ほかの人の直し")
        page = text_of(undo(desk))
        assert "取り消せません。何も変えていません。" in page
        assert "「次の二」は、取り込んだあとに変更されています。" in page
        assert "「次の一」は" not in page
        titles = Initiative.objects.order_by("slug").values_list("title", flat=True)
        assert list(titles) == ["次の一", "次の二"]
        assert import_log().state == "imported"

    def test_what_went_on_to_approval_or_to_the_public_is_not_undone(
        self, desk, department, editor
    ):
        own = make_own(department)
        import_file(desk, Initiative, "識別子,題名\nown,次の題名\n")
        revision = own.revision
        Initiative.objects.filter(pk=revision.pk).update(status=Status.IN_REVIEW)
        assert "「次の題名」は、いま「承認待ち」です。" in text_of(undo(desk))
        workflow.publish_revision(revision, editor)
        assert "公開されたか、破棄・削除されました" in text_of(undo(desk))
        own.refresh_from_db()
        assert own.title == "次の題名"

    def test_a_new_department_that_others_use_by_now_stays(self, chief):
        import_file(chief, Department, "識別子,名称\nnew,新しい部\n")
        builders.make_settlement(department=Department.objects.get(slug="new"))
        assert "「新しい部」を、ほかの記録が使っています。" in text_of(undo(chief))
        assert Department.objects.filter(slug="new").exists()

    def test_who_has_lost_the_department_undoes_nothing(self, desk, department, editor):
        own = make_own(department, status=Status.DRAFT)
        import_file(desk, Initiative, "識別子,題名\nown,次の題名\n")
        editor.memberships.update(department=builders.make_department())
        assert "「次の題名」を変える権限がありません。" in text_of(undo(desk))
        own.refresh_from_db()
        assert own.title == "次の題名"


class TestLog:
    @pytest.fixture
    def log(self, desk, department):
        make_own(department, status=Status.DRAFT, title="前の題名")
        import_file(desk, Initiative, "識別子,題名\nown,次の題名\n", name="取組.csv")
        return import_log()

    def test_it_tells_who_what_and_how_much_and_gives_the_file_back(self, desk, log):
        page = desk.get(log_url(log, "change"))
        assert "<del>前の題名</del> → <ins>次の題名</ins>" in page.content.decode()
        assert log.sha256 in text_of(page)
        assert "新規 0件、変更 1件、変更なし 0件" in text_of(page)
        assert "取組.csv" in text_of(desk.get(page_url(ImportLog, "changelist")))
        file = desk.get(log_url(log, "file"))
        assert file.content.decode() == "識別子,題名\nown,次の題名\n"
        assert file["Content-Disposition"].startswith("attachment; ")

    def test_an_editor_meets_only_their_own_imports_and_who_is_over_all_meets_all(
        self, log, chief, department
    ):
        colleague = sign_in(builders.make_staff(Role.EDITOR, department))
        assert "取組.csv" not in text_of(colleague.get(page_url(ImportLog, "changelist")))
        for action in ("change", "file"):
            assert colleague.get(log_url(log, action)).status_code == 404
            assert chief.get(log_url(log, action)).status_code == 200
        assert colleague.post(log_url(log, "undo")).status_code == 404
        assert chief.get(log_url(log, "undo")).status_code == 405
        assert "取込を取り消しました。" in text_of(undo(chief))

    def test_nobody_confirms_the_file_of_another(self, desk, department):
        make_own(department, status=Status.DRAFT)
        previewed = upload(desk, Initiative, "識別子,題名\nown,次の題名\n")
        colleague = sign_in(builders.make_staff(Role.EDITOR, department))
        fields = previewed.context["confirm_form"].initial
        address = page_url(Initiative, "process_import")
        assert colleague.post(address, fields).status_code == 404
        assert desk.post(page_url(Indicator, "process_import"), fields).status_code == 404
        assert Initiative.objects.get().title != "次の題名"

    def test_a_list_of_many_imports_takes_no_more_queries_and_no_files(self, desk, log):
        address = page_url(ImportLog, "changelist")
        desk.get(address)

        def count():
            with CaptureQueriesContext(connection) as queries:
                assert desk.get(address).status_code == 200
            assert not any('"portal_importlog"."file",' in q["sql"] for q in queries)
            return len(queries)

        before = count()
        for _ in range(5):
            log.pk = None
            log.save()
        assert count() == before


class TestWords:
    def test_every_screen_of_an_import_is_japanese_and_keeps_to_the_policy(self, desk, department):
        make_own(department)
        item = builders.make_item(builders.make_settlement(department=department))
        paste = reverse("admin:budgets_settlementfigure_paste", args=[item.pk])
        table = {"table": "国名\t件数（件）\n甲国\t1\n", "has_header": "on"}
        previewed = upload(desk, Initiative, "識別子,題名\nown,次の題名\n")
        pages = [
            desk.get(page_url(Initiative, "import")),
            previewed,
            upload(desk, Initiative, "識別子,題名\nown,\nnew,新しい題名\n"),
            confirm(desk, Initiative, previewed),
            desk.get(page_url(ImportLog, "changelist")),
            desk.get(paste),
            desk.post(paste, table),
            desk.post(paste, {"table": ""}),
        ]
        for response in pages:
            page = Page(response.content.decode())
            assert (page.english, page.blocked) == (set(), [])
        page = Page(undo(desk).content.decode())
        assert (page.english, page.blocked) == (set(), [])


class TestWorkbooks:
    def test_a_template_holds_headers_choices_and_a_guide_and_is_refused_while_empty(self, desk):
        data = desk.get(page_url(InitiativeFigure, "template")).content
        workbook = openpyxl.load_workbook(io.BytesIO(data))
        sheet, guide = workbook.worksheets
        assert [sheet.title, guide.title] == ["取組の実績値", "データ項目の説明"]
        header = [cell.value for cell in sheet[1]]
        assert header[:5] == ["取組", "区分", "項目", "測るもの", "時期"]
        assert sheet.freeze_panes == "A2"
        [rule] = sheet.data_validations.dataValidation
        assert rule.formula1 == '"決算額の内訳,その他の金額,活動量,成果"'
        assert str(rule.sqref).startswith("F2:F")
        rows = {row[0]: row[1:] for row in guide.iter_rows(min_row=2, values_only=True)}
        assert rows["取組"][0] == "必ず要ります（どの記録かを示します）"
        assert rows["値"][3] == "空欄にはできません"
        assert rows["種類"][2] == "決算額の内訳、その他の金額、活動量、成果"
        [(message,)] = list_problems(upload(desk, InitiativeFigure, data, "ひな形.xlsx"))
        assert "データの行がありません" in message

    def test_a_filled_template_is_imported_without_its_guide(self, desk, department):
        builders.make_settlement(department=department, status=Status.DRAFT)
        data = desk.get(page_url(SettlementItem, "template")).content
        workbook = openpyxl.load_workbook(io.BytesIO(data))
        sheet = workbook.worksheets[0]
        header = [cell.value for cell in sheet[1]]
        column = openpyxl.utils.get_column_letter(header.index("項目番号") + 1)
        assert sheet.column_dimensions[column].number_format == "@"
        values = {"年度": 2020, "部局": "strategy", "項目番号": "1", "名称": "総務費"}
        for name, value in values.items():
            sheet.cell(2, header.index(name) + 1, value)
        stream = io.BytesIO()
        workbook.save(stream)
        import_file(desk, SettlementItem, stream.getvalue(), "項目.xlsx")
        assert SettlementItem.objects.get().name == "総務費"

    def test_codes_of_an_export_stay_text_with_their_zeros(self, chief):
        Place.objects.create(code="012025", name="架空市")
        data = export(chief, Place, "xlsx")
        sheet = openpyxl.load_workbook(io.BytesIO(data)).worksheets[0]
        assert (sheet["A2"].value, sheet["A2"].number_format) == ("012025", "@")
        assert b"data_type" not in ZipFile(io.BytesIO(data)).read("xl/worksheets/sheet1.xml")

    @pytest.mark.parametrize("file_format", ["utf-8-sig", "cp932", "xlsx"])
    @pytest.mark.parametrize(
        "text",
        ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "'=1", "－", "△5", "-5", "＝1", "-"],
    )
    def test_no_text_runs_as_a_formula_and_each_comes_back(self, chief, text, file_format):
        term = builders.make_term(explanation=f"{text}", reading=f"よ{text}")
        data = export(chief, GlossaryTerm, file_format)
        if file_format == "xlsx":
            cell = openpyxl.load_workbook(io.BytesIO(data)).worksheets[0]["C2"]
            assert cell.data_type == "s"
        previewed = upload(chief, GlossaryTerm, data)
        is_trimmed = text != text.strip()
        totals = previewed.context["result"].totals
        assert (totals["skip"], totals["update"]) == ((1, 0))
        term.refresh_from_db()
        assert term.explanation == text or is_trimmed

    def test_a_negative_number_stays_a_number(self, desk, department):
        make_own(department, status=Status.DRAFT)
        data = FIGURES + "own,,一,,,成果,-5,件\nown,,二,,,成果,△5,件\nown,,三,,,成果,'-5.5,件\n"
        import_file(desk, InitiativeFigure, data)
        values = InitiativeFigure.objects.order_by("pk").values_list("value", flat=True)
        assert [str(value.normalize()) for value in values] == ["-5", "-5", "-5.5"]
        assert "-5.5" in export(desk, InitiativeFigure, "utf-8").decode()

    def test_a_file_of_two_readings_is_read_as_the_person_says(self, chief):
        data = b"caf\xc3\xa9\n1\n"
        response = upload(chief, GlossaryTerm, data)
        [message] = response.context["form"].errors["encoding"]
        assert "UTF-8なら「café」、Shift_JIS（CP932）なら「cafﾃｩ」と読めます。" in message
        assert not ImportLog.objects.exists()
        for encoding, header in [("utf-8", "café"), ("cp932", "cafﾃｩ")]:
            file = SimpleUploadedFile("表.csv", data)
            response = chief.post(
                page_url(GlossaryTerm, "import"), {"import_file": file, "encoding": encoding}
            )
            assert f"見出し「{header}」という列はありません" in text_of(response)

    def test_the_encoding_that_was_chosen_holds_until_the_import(self, chief):
        data = "用語,読み,説明\n決算,けっさん,説明\n".encode("cp932")
        file = SimpleUploadedFile("表.csv", data)
        fields = {"import_file": file, "encoding": "cp932"}
        previewed = chief.post(page_url(GlossaryTerm, "import"), fields)
        confirm(chief, GlossaryTerm, previewed)
        assert GlossaryTerm.objects.get().term == "決算"
        wrong = {"import_file": SimpleUploadedFile("表.csv", data), "encoding": "utf-8"}
        page = chief.post(page_url(GlossaryTerm, "import"), wrong)
        assert "UTF-8の文字として読めません" in text_of(page)

    def test_characters_that_shift_jis_lacks_are_told_with_their_record(self, chief):
        builders.make_term(term="決算", reading="けっさん", explanation="𠮷野")
        page = chief.post(page_url(GlossaryTerm, "export"), {"format": 2, "resource": ""})
        assert "2行目「説明」の「𠮷」(U+20BB7)（決算）" in text_of(page)
