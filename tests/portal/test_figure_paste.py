"""A table copied from Excel, pasted on a record's page, becomes its figures."""

import pytest
from django.test import Client
from django.urls import reverse

from initiatives.models import InitiativeFigure
from portal.figure_paste import guess_uses, split_unit
from portal.models import ImportLog, Role
from portal.publishing import Status
from portal.spreadsheet_reading import Row, read_pasted
from portal.spreadsheets import SpreadsheetError
from tests import builders
from tests.admin_pages import change_url, confirm, page_url, text_of

BREAKDOWN = "区分\t国名\t事業費（千円）\t件数（件）\n東アジア\t甲国\t1,234\t5\n\t乙国\t－\t△3\n"


@pytest.fixture
def department(db):
    return builders.make_department(slug="strategy")


@pytest.fixture
def desk(department):
    client = Client()
    client.force_login(builders.make_staff(Role.EDITOR, department))
    return client


@pytest.fixture
def item(department):
    settlement = builders.make_settlement(department=department, status=Status.DRAFT)
    return builders.make_item(settlement, "1.2")


def paste_url(owner) -> str:
    name = "budgets_settlementfigure" if owner._meta.app_label == "budgets" else None
    return reverse(f"admin:{name or 'initiatives_initiativefigure'}_paste", args=[owner.pk])


def paste(client, owner, table, columns=None, **fields):
    """Paste a table, take the proposed columns but for those given, and go on."""
    sent = {"table": table, "has_header": "on"} | fields
    page = client.post(paste_url(owner), sent)
    form = page.context["form"]
    if form.errors:
        return page
    chosen = {name: field.initial for name, field in form.columns_form.fields.items()}
    return client.post(
        paste_url(owner), sent | chosen | {"columns_of": form.mark} | (columns or {})
    )


def problems_of(page) -> list[tuple]:
    return [(p.line, p.column, p.value, p.message) for p in page.context["form"].problems]


def list_figures(owner):
    return [
        (f.group, f.label, f.measure, f.get_kind_display(), f"{f.value.normalize():f}", f.unit)
        for f in owner.figures.order_by("pk")
    ]


class TestPages:
    def test_a_breakdown_becomes_a_figure_for_each_number(self, desk, item):
        assert paste_url(item) in desk.get(change_url(item)).content.decode()
        assert "表を貼り付ける" in text_of(desk.get(paste_url(item)))
        preview = paste(desk, item, BREAKDOWN, fill_down="on", period="令和2年度")
        text = text_of(preview)
        assert "新規 3件" in text
        assert "数のないセル1個は、実績値にしていません（0ではありません）。" in text
        assert not item.figures.exists()
        confirm(desk, type(item.figures.model()), preview)
        assert list_figures(item) == [
            ("東アジア", "甲国", "事業費", "決算額の内訳", "1234", "千円"),
            ("東アジア", "甲国", "件数", "活動量", "5", "件"),
            ("東アジア", "乙国", "件数", "活動量", "-3", "件"),
        ]
        assert set(item.figures.values_list("period", flat=True)) == {"令和2年度"}
        log = ImportLog.objects.get()
        assert log.file_name == f"貼り付け（{item}）.csv"
        page = desk.post(reverse("admin:portal_importlog_undo", args=[log.pk]), follow=True)
        assert "取込を取り消しました。" in text_of(page)
        assert not item.figures.exists()

    def test_a_public_initiative_takes_them_into_a_revision(self, desk, department):
        initiative = builders.make_initiative(departments=[department])
        builders.make_initiative_figure(initiative, label="会員", value=400, unit="人")
        table = "項目\t値\t単位\t種類\n会員\t420\t人\t成果\n"
        preview = paste(desk, initiative, table)
        assert "改訂案を作ります" in text_of(preview)
        assert "変更 1件" in text_of(preview)
        confirm(desk, InitiativeFigure, preview)
        assert list_figures(initiative)[0][3:] == ("活動量", "400", "人")
        assert list_figures(initiative.revision) == [("", "会員", "", "成果", "420", "人")]

    def test_what_cannot_be_read_is_told_by_row_and_column_of_the_table(self, desk, item):
        table = "国名\t事業費（千円）\t件数（件）\n甲国\t皆増\t1\n\n乙国\t約3\t2\n\t4\t5\n"
        page = paste(desk, item, table, {"use_0": "label", "use_1": "number", "use_2": "number"})
        assert [problem[:3] for problem in problems_of(page)] == [
            (2, "事業費（千円）", "皆増"),
            (4, "事業費（千円）", "約3"),
            (5, "項目", ""),
        ]
        assert "「皆増」は金額・数として読めません。" in text_of(page)
        assert "皆増\t1" in page.content.decode()  # what was pasted is still there
        assert not ImportLog.objects.exists()

    def test_what_the_import_refuses_is_told_by_the_table_too(self, desk, item):
        table = "国名\t事業費（件）\n甲国\t1\n甲国\t2\n"
        page = paste(desk, item, table, {"kind_1": "activity"})
        [problem] = problems_of(page)
        assert problem[:3] == (3, "事業費（件）", "2")
        assert problem[3].startswith("2行目に、区分・項目・測るもの・時期が同じ数があります。")
        page = paste(desk, item, "国名\t事業費（件）\n甲国\t1\n", {"kind_1": "money"})
        [problem] = problems_of(page)
        assert problem[:2] == (2, "事業費（件）")
        assert problem[3].startswith("金額の単位は、円・千円・万円")

    def test_columns_that_do_not_fit_are_asked_for_again(self, desk, item):
        page = paste(desk, item, "国名\t件数\n甲国\t1\n")
        assert "単位を書いてください（例：千円、件、人）。" in text_of(page)
        page = paste(desk, item, "国名\t件数（件）\n甲国\t1\n", {"use_0": "", "use_1": "note"})
        assert "「項目」の列を選んでください。" in text_of(page)
        page = paste(desk, item, "国\t名\t件数（件）\n甲\t国\t1\n", {"use_0": "label"})
        assert "「項目」の列が二つあります。一つにしてください。" in text_of(page)
        preview = paste(
            desk, item, "国名\t長\t件数（件）\n甲国\tx\t1\n", {"use_0": "label", "use_1": ""}
        )
        assert "使わなかった列：長" in text_of(preview)

    @pytest.mark.parametrize("table", ["", "  \n", "国名\t件数\n", '"閉じない\t1\n甲\t2'])
    def test_a_table_without_rows_is_refused_with_a_sentence(self, desk, item, table):
        page = desk.post(paste_url(item), {"table": table, "has_header": "on"})
        assert page.status_code == 200
        assert page.context["form"].errors["table"]

    def test_a_table_without_a_header_names_its_columns_by_number(self, desk, item):
        preview = paste(desk, item, "甲国\t5\n", {"unit_1": "件"}, has_header="")
        assert "新規 1件" in text_of(preview)
        page = paste(desk, item, "甲国\t5\n", has_header="")
        assert "2列目" in text_of(page)

    def test_columns_chosen_for_one_table_are_not_taken_for_another(self, desk, item):
        page = desk.post(
            paste_url(item), {"table": "国名\t件数（件）\n甲国\t1\n", "has_header": "on"}
        )
        mark = page.context["form"].mark
        other = {"table": "国名\t額（千円）\n甲国\t1\n", "has_header": "on", "columns_of": mark}
        page = desk.post(paste_url(item), other | {"use_0": "label", "use_1": "number"})
        assert "列の使い方" in text_of(page)
        assert not ImportLog.objects.exists()


class TestRights:
    def test_others_do_not_paste(self, item, department):
        for role, place, status in [
            (Role.EDITOR, builders.make_department(), 403),
            (Role.APPROVER, department, 403),
            (Role.ADMINISTRATOR, None, 200),
        ]:
            client = Client()
            client.force_login(builders.make_staff(role, place))
            found = client.get(paste_url(item)).status_code
            assert found == status or (found == 404 and status == 403)

    def test_what_waits_for_approval_takes_no_table(self, desk, item):
        type(item.settlement).objects.update(status=Status.IN_REVIEW)
        assert desk.get(paste_url(item)).status_code == 403
        assert "表を貼り付ける" not in text_of(desk.get(change_url(item)))

    def test_an_unknown_record_is_not_found(self, desk, item):
        address = reverse("admin:budgets_settlementfigure_paste", args=[9_999_999])
        assert desk.get(address).status_code == 404
        assert desk.get(page_url(type(item), "changelist")).status_code == 200


class TestPureParts:
    def test_cells_from_excel_are_read_with_their_newlines_and_quotes(self):
        text = '国名\t注記\r\n甲国\t"二行の\n""注記"""\r\n\r\n乙国\t\t\r\n'
        assert read_pasted(text) == [
            Row(1, ("国名", "注記")),
            Row(2, ("甲国", '二行の\n"注記"')),
            Row(5, ("乙国", "")),
        ]
        with pytest.raises(SpreadsheetError, match="2行目"):
            read_pasted('国名\n"閉じない')

    @pytest.mark.parametrize(
        ("title", "parts"),
        [
            ("事業費（千円）", ("事業費", "千円")),
            ("事業費(単位：千円)", ("事業費", "千円")),
            ("件数［件］", ("件数", "件")),
            ("事業費", ("事業費", "")),
            ("（千円）", ("", "千円")),
            ("（仮）事業費（千円）", ("（仮）事業費", "千円")),
        ],
    )
    def test_a_unit_is_read_from_a_header(self, title, parts):
        assert split_unit(title) == parts

    def test_columns_are_guessed_by_header_and_cells(self):
        rows = [Row(2, ("東", "甲国", "1,234", "－", "備えた")), Row(3, ("", "乙国", "", "3", ""))]
        header = ["地域", "国名", "事業費（千円）", "件数", "備考"]
        assert guess_uses(header, rows) == ["group", "label", "number", "number", "note"]
        assert guess_uses(["", ""], [Row(1, ("甲国", "5"))]) == ["label", "number"]
