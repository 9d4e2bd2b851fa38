"""Import and export of any model, through the screens that staff use."""

import io
from datetime import timedelta

import openpyxl
import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.core.management import call_command
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from budgets.models import Settlement, SettlementItem
from initiatives.models import IndicatorValue, Initiative
from portal.cells import join_key, parse_moment, split_key, split_list
from portal.models import (
    AuditEntry,
    Department,
    FormerSlug,
    GlossaryTerm,
    ImportLog,
    SourceDocument,
    Version,
)
from portal.publishing import Status
from portal.row_order import put_in_order
from portal.spreadsheet_writing import write_csv, write_xlsx
from tests import builders
from tests.admin_pages import (
    confirm,
    export,
    import_file,
    list_problems,
    make_everything,
    page_url,
    text_of,
    upload,
)

MODELS = [
    model
    for model, model_admin in admin.site._registry.items()
    if getattr(model_admin, "resource_classes", None)
]
HEADER = ["用語", "読み", "説明", "やさしい日本語の説明"]
AWKWARD = "=1+1、\"引用\"、'一重'、－、髙、∞、Ⅲ、①\n- 次の行\n| 表 | も |"


@pytest.fixture
def staff(db, admin_client):
    return admin_client


def count_everything():
    """Count versions, and the records of every kind."""
    return [model.objects.count() for model in (Version, *MODELS)]


def make_awkward_records():
    """Make records of which every kind of cell is hard to write and to read back."""
    make_everything()
    document = builders.make_document(note=AWKWARD, internal_note="庁内だけ", fiscal_year=2019)
    department = builders.make_department(
        name="=総務部", parent=builders.make_department(), established_in=2019, abolished_in=2021
    )
    department.successors.set([builders.make_department(), builders.make_department()])
    builders.make_term(explanation=AWKWARD, easy_explanation="'=x")
    initiative = builders.make_initiative(
        body=AWKWARD, source=document, departments=[department], places=[builders.make_place()]
    )
    whole = builders.make_initiative_figure(
        initiative, group="男｜女", label="割\\合", value="0.1", period="令和2年度"
    )
    builders.make_initiative_figure(initiative, part_of=whole, value="-3.25", as_printed="約3")
    indicator = builders.make_indicator(period_kind="calendar_year")
    indicator.initiatives.set([initiative])
    builders.make_indicator_value(indicator, actual=None, target="0.0001", note=AWKWARD)
    settlement = builders.make_settlement(department=department, stage="", introduction=AWKWARD)
    program = builders.make_program(description="@x")
    for code in ("1", "1.2", "1.10"):
        builders.make_item(settlement, code, amount_yen=0, program=program, supplementary_yen=-1)


@pytest.fixture(scope="class")
def awkward_records(kept_for_class):
    make_awkward_records()


@pytest.mark.usefixtures("awkward_records")
class TestAwkwardRecords:
    @pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
    @pytest.mark.parametrize("file_format", ["utf-8-sig", "utf-8", "cp932", "xlsx"])
    def test_export_then_import_changes_nothing(self, staff, model, file_format):
        before = count_everything()
        previewed = upload(staff, model, export(staff, model, file_format))
        assert list_problems(previewed) == []
        totals = previewed.context["result"].totals
        assert totals["skip"] == model.objects.count() > 0
        assert totals["new"] == totals["update"] == 0
        confirm(staff, model, previewed)
        assert count_everything() == before


@pytest.mark.parametrize("file_format", ["utf-8-sig", "xlsx"])
def test_the_real_content_comes_back_unchanged(staff, settings, file_format):
    fixtures = sorted(path.name for path in settings.FIXTURE_DIRS[0].glob("*.json"))
    call_command("loaddata", *fixtures, verbosity=0)
    for model in MODELS:
        previewed = upload(staff, model, export(staff, model, file_format))
        assert list_problems(previewed) == []
        assert previewed.context["result"].totals["skip"] == model.objects.count()


def test_an_export_holds_numbers_as_numbers_for_excel_and_codes_as_text(staff):
    builders.make_item(code="1", amount_yen=4_016_000)
    workbook = openpyxl.load_workbook(io.BytesIO(export(staff, SettlementItem, "xlsx")))
    header, first = workbook.active.iter_rows(values_only=True)
    cells = dict(zip(header, first, strict=True))
    assert (cells["年度"], cells["項目番号"], cells["決算額（円）"]) == (2020, "1", 4_016_000)
    assert workbook.active.title == "決算項目"


def test_an_export_to_shift_jis_names_what_it_cannot_write_and_where(staff):
    builders.make_term(term="髙橋", reading="たかはし")
    builders.make_term(term="𠮷田", reading="よしだ")
    page = staff.post(page_url(GlossaryTerm, "export"), {"format": 2, "resource": ""})
    assert page.status_code == 200
    assert "Shift_JIS（CP932）で書けない文字があります" in page.content.decode()
    assert "3行目「用語」の「𠮷」(U+20BB7)" in page.content.decode()


def test_an_export_holds_what_the_list_is_narrowed_to(staff):
    builders.make_term(term="決算額", reading="けっさんがく")
    builders.make_term(term="不用額", reading="ふようがく")
    response = staff.post(page_url(GlossaryTerm, "export") + "?q=ふよう", {"format": 1})
    data = response.getvalue().decode()
    assert data.split("\r\n")[1].startswith("不用額,ふようがく,")
    assert "決算額" not in data


class TestGoodFiles:
    @pytest.mark.parametrize(
        "data",
        [
            write_csv(HEADER, [["新語", "しんご", "説明その1", ""]], "utf-8-sig"),
            write_csv(HEADER, [["新語", "しんご", "説明その1", ""]], "utf-8"),
            write_csv(HEADER, [["新語", "しんご", "説明その1", ""]], "cp932"),
            write_xlsx(HEADER, [["新語", "しんご", "説明その1", None]], title="用語"),
        ],
    )
    def test_a_new_row_becomes_a_record_in_whatever_format(self, staff, data):
        page = import_file(staff, GlossaryTerm, data)
        assert GlossaryTerm.objects.get().explanation == "説明その1"
        assert "取り込みました：新規1件、変更0件" in page.content.decode()

    def test_the_preview_tells_the_encoding_and_each_cell_that_changes(self, staff):
        builders.make_term(term="決算", reading="けつさん", explanation="旧い説明")
        builders.make_term(term="同じ", reading="おなじ")
        data = "用語,読み,説明\n決算,けっさん,旧い説明\n同じ,おなじ,試験のために作った言葉です。\n新語,しんご,新しい説明\n"
        previewed = upload(staff, GlossaryTerm, data.encode("cp932"))
        page = previewed.content.decode()
        assert "CSV、Shift_JIS（CP932）。3行" in page
        groups = ["誤り 0件", "新規 1件", "変更 1件", "変更なし 1件"]
        assert all(group in text_of(previewed) for group in groups)
        assert 'href="#new"' in page and 'id="new"' in page
        assert "<del>けつさん</del> → <ins>けっさん</ins>" in page
        assert "<ins>新しい説明</ins>" in page
        assert "旧い説明" not in page
        assert not GlossaryTerm.objects.filter(term="新語").exists()

    def test_a_column_that_the_file_lacks_keeps_its_content(self, staff):
        builders.make_term(term="決算", reading="けつさん", explanation="残る説明")
        import_file(staff, GlossaryTerm, "用語,読み\n決算,けっさん\n")
        term = GlossaryTerm.objects.get()
        assert (term.reading, term.explanation) == ("けっさん", "残る説明")

    def test_a_blank_cell_empties_the_field(self, staff):
        builders.make_term(term="決算", easy_explanation="消す説明")
        import_file(staff, GlossaryTerm, "用語,やさしい日本語の説明\n決算,\n")
        assert GlossaryTerm.objects.get().easy_explanation == ""

    def test_what_is_saved_is_in_the_history_with_its_reason_and_its_person(
        self, staff, admin_user
    ):
        term = builders.make_term(term="決算")
        import_file(staff, GlossaryTerm, "用語,読み\n決算,けっさん\n", name="用語集.csv")
        last, first = Version.objects.about(term)
        assert (last.action, last.user) == ("取込：用語集.csv", admin_user)
        assert first.action == "これまでの内容"
        assert first.content["portal.glossaryterm"][0]["reading"] == "かくうようご"

    def test_a_choice_is_read_as_its_label_and_as_its_code(self, staff):
        first, second = (builders.make_settlement(status=Status.DRAFT) for _ in range(2))
        rows = [(first, "監査済"), (second, "estimated")]
        lines = [f"{record.fiscal_year},{record.department.slug},{s}" for record, s in rows]
        import_file(staff, Settlement, "年度,部局,決算の段階\n" + "\n".join(lines))
        stages = Settlement.objects.order_by("pk").values_list("stage", flat=True)
        assert list(stages) == ["audited", "estimated"]

    def test_dates_and_fiscal_years_are_read_as_people_write_them(self, staff):
        document = builders.make_document(status=Status.DRAFT)
        data = (
            "識別子,発行日,対象年度,公開開始日時\n"
            f"{document.slug},2021/9/1,令和2年度,2021-09-01 10:30\n"
        )
        import_file(staff, SourceDocument, data)
        document.refresh_from_db()
        assert document.issued_on.isoformat() == "2021-09-01"
        assert document.fiscal_year == 2020
        assert document.publish_from.isoformat() == "2021-09-01T01:30:00+00:00"

    def test_rows_of_one_file_may_name_each_other_in_any_order(self, staff):
        data = (
            "識別子,名称,上位の組織,引き継いだ部局\n"
            "shanghai,上海事務所,strategy,\n"
            "planning,企画部,,strategy\n"
            "strategy,知事戦略部,,\n"
        )
        import_file(staff, Department, data)
        assert Department.objects.get(slug="shanghai").parent.name == "知事戦略部"
        assert Department.objects.get(slug="planning").successors.get().name == "知事戦略部"

    def test_a_row_may_name_a_record_that_is_not_in_the_file(self, staff):
        builders.make_department(slug="strategy")
        import_file(staff, Department, "識別子,名称,上位の組織\nshanghai,上海事務所,strategy\n")
        assert Department.objects.get(slug="shanghai").parent.slug == "strategy"

    def test_several_records_stand_in_one_cell(self, staff):
        department, other = builders.make_department(), builders.make_department()
        initiative = builders.make_initiative(
            departments=[builders.make_department()], status=Status.DRAFT
        )
        data = f"識別子,担当部局\n{initiative.slug},{department.slug}、 {other.slug}\n"
        import_file(staff, Initiative, data)
        assert set(initiative.departments.all()) == {department, other}

    def test_new_records_of_every_kind_are_made_from_their_own_export(self, staff):
        make_awkward_records()
        documents = SourceDocument.objects.count()
        data = export(staff, SourceDocument, "utf-8").replace(b"document-", b"copied-document-")
        data = data.replace(",公開,".encode(), ",下書き,".encode())
        import_file(staff, SourceDocument, data)
        assert SourceDocument.objects.count() == 2 * documents
        assert not FormerSlug.objects.exists()

    def test_the_log_of_operations_tells_of_the_import_in_japanese(self, staff):
        import_file(staff, GlossaryTerm, "用語,読み,説明\n新語,しんご,説明\n")
        entry = LogEntry.objects.get()
        assert (entry.object_repr, entry.change_message) == ("新語", "表計算ファイルから追加")


class TestBadFiles:
    def test_every_error_of_every_row_is_told_at_once_and_nothing_is_saved(self, staff):
        data = (
            "識別子,題名,発行者,発行日,対象年度,公開状態,掲載先のアドレス\n"
            "good,よい行,架空県,,,,\n"
            "Bad_Slug,題,架空県,昨日,令和2年,秘密,ftp//x\n"
            f"long,{'長' * 201},,2021-02-30,R100,下書き,\n"
        )
        response = upload(staff, SourceDocument, data)
        problems = list_problems(response)
        assert [problem[:3] for problem in problems] == [
            (3, "識別子", "Bad_Slug"),
            (3, "発行日", "昨日"),
            (3, "対象年度", "令和2年"),
            (3, "公開状態", "秘密"),
            (3, "掲載先のアドレス", "ftp//x"),
            (4, "題名", "長" * 201),
            (4, "発行者", ""),
            (4, "発行日", "2021-02-30"),
            (4, "対象年度", "R100"),
        ]
        messages = [problem[3] for problem in problems]
        assert "半角の英小文字" in messages[0]
        assert "日付・時刻として読めません。「2024-08-02」「2024/8/2」のように" in messages[1]
        assert "暦年です" in messages[2]
        assert (
            messages[3]
            == "「秘密」は選べません。下書き、承認待ち、承認済み、公開、取下げ、ごみ箱 のどれかを書いてください。"
        )
        assert "200 文字以下" in messages[5]
        assert messages[6] == "空欄にはできません。値を書いてください。"
        assert "という日時はありません" in messages[7]
        assert not SourceDocument.objects.exists()
        page = response.content.decode()
        assert "このファイルには誤りがあります。何も保存していません。" in page
        assert "confirm_form" not in page
        assert "取り込む</" not in page

    def test_headers_are_refused_by_name(self, staff):
        data = "用語,よみ,意味\n決算,けっさん,説明\n"
        [(message,)] = list_problems(upload(staff, GlossaryTerm, data))
        assert "見出し「よみ」という列はありません" in message
        assert "見出し「意味」という列はありません" in message
        [(message,)] = list_problems(upload(staff, GlossaryTerm, "読み,説明\nけっさん,説明\n"))
        assert "見出し「用語」の列がありません" in message

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            (b"", "空です"),
            ("用語,読み\n".encode(), "データの行がありません"),
            ("用語,用語\na,b\n".encode(), "「用語」が二つあります"),
            ("用語,,読み\na,b,c\n".encode(), "2列目の見出しが空です"),
            ("用語,読み\na,b,c\n".encode(), "2行目: 見出しは2列ですが、3列あります"),
            ("用語,読み\na,b\n".encode("utf-16"), "UTF-16"),
            (b"\xef\xbb\xbf\xe7\x94\xa8\xe8\xaa\x9e\n\xff", "2行目"),
            (b"PK\x03\x04broken", "Excel（.xlsx）のファイルとして読めません"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, ".xls"),
            (b"x" * (40 * 2**20 + 1), "40MBを超える"),
            (("用語,読み\n" + "a,b\n" * 200_001).encode(), "200,000行を超えています"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_a_file_that_cannot_be_read_whole_is_refused_with_a_sentence(self, staff, data, words):
        [(message,)] = list_problems(upload(staff, GlossaryTerm, data))
        assert words in message
        assert not GlossaryTerm.objects.exists()

    def test_a_workbook_named_csv_is_read_as_what_it_is(self, staff):
        data = write_xlsx(HEADER[:3], [["新語", "しんご", "説明"]], title="用語")
        previewed = upload(staff, GlossaryTerm, data, name="用語.csv")
        assert "Excel（XLSX）。1行" in previewed.content.decode()

    def test_a_formula_without_a_result_is_refused_by_its_cell(self, staff):
        workbook = openpyxl.Workbook()
        workbook.active.append(["用語", "読み", "説明"])
        workbook.active.append(["新語", "=A2", "説明"])
        stream = io.BytesIO()
        workbook.save(stream)
        [(message,)] = list_problems(upload(staff, GlossaryTerm, stream.getvalue(), "a.xlsx"))
        assert "B2 のセルの数式" in message

    def test_one_record_in_two_rows_is_refused(self, staff):
        data = "用語,読み,説明\n決算,けっさん,一つ目\n予算,よさん,説明\n決算,けっさん,二つ目\n"
        message = "同じ記録が2行目にもあります。どちらか一つにしてください。"
        page = upload(staff, GlossaryTerm, data)
        assert list_problems(page) == [(4, "", "", message)]
        cells = "".join(page.content.decode().split())
        assert f"<td>（行全体）</td><td>－</td><td>{message}" in cells

    def test_a_line_number_is_that_of_the_file(self, staff):
        data = '用語,読み,説明\n決算,けっさん,"二行の\n説明"\n\n予算,よさん,\n'
        assert [problem[0] for problem in list_problems(upload(staff, GlossaryTerm, data))] == [5]

    def test_a_new_record_needs_the_columns_that_may_not_be_blank(self, staff):
        problems = list_problems(upload(staff, GlossaryTerm, "用語\n新語\n"))
        message = "新しい記録には要る列です。列を加えて、値を書いてください。"
        assert problems == [(2, "読み", "", message), (2, "説明", "", message)]

    def test_an_existing_choice_is_not_emptied(self, staff):
        value = builders.make_indicator_value()
        data = f"指標,年,公開状態\n{value.indicator.slug},{value.year},\n"
        assert list_problems(upload(staff, IndicatorValue, data)) == [
            (2, "公開状態", "", "空欄にはできません。値を書いてください。")
        ]

    def test_unknown_records_are_named_with_a_remedy(self, staff):
        initiative = builders.make_initiative()
        data = f"識別子,柱,担当部局,出典\n{initiative.slug},nope,none、nil,paper\n"
        problems = list_problems(upload(staff, Initiative, data))
        assert [problem[:3] for problem in problems] == [
            (2, "柱", "nope"),
            (2, "担当部局", "none、nil"),
            (2, "出典", "paper"),
        ]
        assert problems[0][3].startswith("「nope」という柱の識別子はありません。")

    def test_records_above_each_other_in_a_ring_are_refused(self, staff):
        data = "識別子,名称,上位の組織\na,甲,b\nb,乙,a\nc,丙,c\n"
        problems = list_problems(upload(staff, Department, data))
        assert [problem[:3] for problem in problems] == [
            (2, "上位の組織", "b"),
            (3, "上位の組織", "a"),
            (4, "上位の組織", "c"),
        ]
        assert "輪になります" in problems[0][3]

    def test_a_row_on_a_wrong_row_says_which(self, staff):
        data = "識別子,名称,上位の組織\nchild,子,parent\nparent,,\n"
        problems = list_problems(upload(staff, Department, data))
        assert problems[0][:2] == (2, "上位の組織")
        assert "「parent」の行（3行目）に誤りがあります" in problems[0][3]
        assert problems[1][:2] == (3, "名称")

    def test_a_constraint_of_the_database_is_told_in_its_own_words(self, staff):
        data = "識別子,名称,設置年度,廃止年度\nold,旧部,令和3年度,令和2年度\n"
        message = "廃止年度は、設置年度より後にしてください。"
        assert list_problems(upload(staff, Department, data)) == [(2, "", "", message)]


class TestConfirming:
    def test_a_second_confirmation_is_refused_and_saves_nothing(self, staff):
        previewed = upload(staff, GlossaryTerm, "用語,読み,説明\n新語,しんご,説明\n")
        confirm(staff, GlossaryTerm, previewed)
        GlossaryTerm.objects.all().delete()
        page = confirm(staff, GlossaryTerm, previewed)
        assert "もう取り込まれています" in page.content.decode()
        assert not GlossaryTerm.objects.exists()

    def test_what_has_become_wrong_since_the_preview_saves_nothing(self, staff):
        parent = builders.make_department(slug="parent")
        data = "識別子,名称,上位の組織\nfirst,一課,\nsecond,二課,parent\n"
        previewed = upload(staff, Department, data)
        parent.delete()
        page = confirm(staff, Department, previewed)
        assert "確かめたあとにデータが変わったため、まだ取り込んでいません。" in text_of(page)
        assert [problem[:2] for problem in list_problems(page)] == [(3, "上位の組織")]
        assert not Department.objects.exists()

    def test_what_changed_since_the_preview_is_shown_anew_before_it_is_saved(self, staff):
        term = builders.make_term(term="決算", reading="けつさん")
        previewed = upload(staff, GlossaryTerm, "用語,読み\n決算,けっさん\n")
        GlossaryTerm.objects.update(reading="ほかの人の読み")
        again = confirm(staff, GlossaryTerm, previewed)
        assert "<del>ほかの人の読み</del> → <ins>けっさん</ins>" in again.content.decode()
        term.refresh_from_db()
        assert term.reading == "ほかの人の読み"
        confirm(staff, GlossaryTerm, again)
        term.refresh_from_db()
        assert term.reading == "けっさん"

    def test_a_made_up_form_is_refused(self, staff):
        page = staff.post(page_url(GlossaryTerm, "process_import"), {"log": "x"})
        assert "送られた内容が正しくありません。何も保存していません。" in page.content.decode()
        page = staff.post(page_url(GlossaryTerm, "process_import"), {"log": "99999999"})
        assert page.status_code == 404

    def test_the_file_waits_in_the_database_for_whichever_host_is_asked(self, staff, settings):
        previewed = upload(staff, GlossaryTerm, "用語,読み,説明\n新語,しんご,説明\n")
        log = ImportLog.objects.get()
        assert bytes(log.file).decode() == "用語,読み,説明\n新語,しんご,説明\n"
        assert (log.state, log.new_count) == ("previewed", 1)
        assert not settings.MEDIA_ROOT.exists()
        confirm(staff, GlossaryTerm, previewed)
        log.refresh_from_db()
        assert log.state == "imported"
        assert not settings.MEDIA_ROOT.exists()

    def test_files_that_nobody_confirmed_are_forgotten_after_a_day(self, staff):
        upload(staff, GlossaryTerm, "用語,読み,説明\n新語,しんご,説明\n")
        upload(staff, GlossaryTerm, "用語,読み,説明\n新語,しんご,別の説明\n")
        assert ImportLog.objects.count() == 2
        ImportLog.objects.update(uploaded_at=timezone.now() - timedelta(hours=25))
        import_file(staff, GlossaryTerm, "用語,読み,説明\n新語,しんご,説明\n")
        ImportLog.objects.update(uploaded_at=timezone.now() - timedelta(hours=25))
        upload(staff, GlossaryTerm, "用語,読み,説明\n新語,しんご,別の説明\n")
        assert sorted(ImportLog.objects.values_list("state", flat=True)) == [
            "imported",
            "previewed",
        ]

    def test_the_audit_log_tells_of_import_and_export(self, staff):
        import_file(staff, GlossaryTerm, "用語,読み,説明\n新語,しんご,説明\n", name="用語集.csv")
        export(staff, GlossaryTerm, "utf-8")
        exported, imported = AuditEntry.objects.filter(action__in=["import", "export"])
        assert imported.record.endswith("：用語集.csv")
        assert imported.detail.startswith("新規1件、変更0件、変更なし0件\n")
        assert exported.record == "用語の表"


class TestPureParts:
    @given(st.lists(st.text(), min_size=4, max_size=4))
    def test_a_key_comes_back_from_its_text(self, parts):
        key = tuple(part.strip() for part in parts)
        assert split_key(join_key(key)) == key

    @pytest.mark.parametrize(
        "text", ["", "a", "a｜b｜c", "a｜b｜c｜d｜e", "a｜b｜c｜d\\", "a｜b\\｜c｜d"]
    )
    def test_a_key_of_another_shape_is_refused(self, text):
        with pytest.raises(ValueError, match="区分｜項目｜測るもの｜時期"):
            split_key(text)

    def test_a_list_is_split_at_commas_and_spaces_and_keeps_one_of_each(self):
        assert split_list(" a、b,c， d\n　a ") == ["a", "b", "c", "d"]
        assert split_list("") == []

    def test_a_moment_is_read_to_its_last_digit(self):
        assert parse_moment("２０２４年８月２日", "").isoformat() == "2024-08-02T00:00:00"
        assert parse_moment("2024-08-02 9:05:07.25", "").isoformat() == "2024-08-02T09:05:07.250000"
        assert parse_moment("  ", "") is None

    def test_rows_are_put_after_what_they_need_and_else_left_in_order(self):
        graph = {"a": ["c"], "b": [], "c": ["x"], "d": ["a"]}
        assert put_in_order(graph) == (["c", "a", "b", "d"], set())

    def test_rows_in_a_ring_are_told_apart_from_those_that_hang_on_it(self):
        graph = {"a": ["b"], "b": ["c"], "c": ["a"], "d": ["a"], "e": ["e"]}
        ordered, loops = put_in_order(graph)
        assert loops == {"a", "b", "c", "e"}
        assert sorted(ordered) == ["a", "b", "c", "d", "e"]

    def test_a_long_chain_of_rows_is_put_in_order(self):
        graph = {number: [number + 1] for number in range(3_000)} | {3_000: []}
        assert put_in_order(graph)[0][:2] == [3_000, 2_999]
