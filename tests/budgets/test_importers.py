import io
import json
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db.models import Sum

from budgets.importers import ReportImportError, import_report, stored_settlement
from budgets.models import (
    ReportReading,
    Settlement,
    SettlementFigure,
    SettlementItem,
)
from budgets.report_compare import compare_report
from budgets.report_reader import parse_report
from portal.models import Version
from portal.publishing import Status
from tests.builders import make_department, make_document, make_settlement

SAMPLE = Path(settings.BASE_DIR) / "tests" / "samples" / "report-fy2020.txt"
TEXT = """第7 架空部

架空部は、架空県の仕事を受け持つ。

【重点施策】
1 架空の推進
・甲
・乙
1 総務費
(1) 庁議 決算額 4,016千円
会議を開いた。
・議題 3件

| 区分 | 事業費 |
|---|---|
| 会見 | 3,000千円 |
| 資料 | 1,016 |

(2) 広報
2 民生費
"""

pytestmark = pytest.mark.django_db


@pytest.fixture
def department():
    return make_department(slug="kakuu", name="架空部")


def read(department, text=TEXT, **options):
    return import_report(parse_report(text), department, 2021, text=text, **options)


def item(code):
    return SettlementItem.objects.get(code=code)


class TestFirstImport:
    def test_a_report_becomes_a_draft_that_nobody_sees(self, department):
        counts = read(department)
        settlement = Settlement.objects.get()
        assert (settlement.status, settlement.heading) == (Status.DRAFT, "第7 架空部")
        assert settlement.introduction == "架空部は、架空県の仕事を受け持つ。"
        assert not Settlement.objects.published().exists()
        assert (counts.created, counts.updated, counts.kept) == (9, 1, [])

    def test_items_hold_their_place_text_tables_and_amounts(self, department):
        document = make_document()
        read(department, source=document)
        row = item("1.1")
        assert (row.parent, row.amount_yen, row.locator) == (item("1"), 4_016_000, "第7 1(1)")
        assert row.source == document
        assert row.body == (
            "会議を開いた。\n- 議題 3件\n\n"
            "| 区分 | 事業費 |\n| --- | --- |\n| 会見 | 3,000千円 |\n| 資料 | 1,016 |"
        )
        assert item("1.2").amount_yen is None

    def test_figures_add_up_to_the_amount(self, department):
        read(department)
        spent = item("1.1").figures.filter(kind="expenditure")
        assert spent.aggregate(total=Sum("value"))["total"] == 4016
        assert {figure.unit for figure in spent} == {"千円"}

    def test_the_rows_of_a_table_are_parts_of_its_total(self, department):
        read(department, TEXT.replace("| 資料 | 1,016 |", "| 資料 | 1,016 |\n| 計 | 4,016 |"))
        figures = {figure.label: figure for figure in item("1.1").figures.all()}
        assert figures["会見"].part_of == figures["資料"].part_of == figures["計"]
        assert [figure.label for figure in item("1.1").figures.order_by("position")] == [
            "会見",
            "資料",
            "計",
        ]

    def test_policies_and_efforts_keep_their_order(self, department):
        read(department)
        policy = Settlement.objects.get().priority_policies.get()
        assert (policy.number, policy.name) == (1, "架空の推進")
        assert [effort.name for effort in policy.efforts.all()] == ["甲", "乙"]

    def test_the_text_is_kept_with_its_sum_and_a_version(self, department):
        read(department)
        reading = ReportReading.objects.get()
        assert (reading.text, len(reading.sha256)) == (TEXT, 64)
        assert Version.objects.about(Settlement.objects.get()).count() == 1


class TestFurtherImports:
    def test_the_same_text_again_changes_nothing(self, department):
        read(department)
        counts = read(department)
        assert (counts.created, counts.updated, counts.deleted, counts.unchanged) == (0, 0, 0, 10)
        assert Version.objects.about(Settlement.objects.get()).count() == 1

    def test_a_total_stays_the_whole_of_its_parts(self, department):
        text = TEXT.replace("| 資料 | 1,016 |", "| 資料 | 1,016 |\n| 計 | 4,016 |")
        read(department, text)
        counts = read(department, text)
        assert (counts.updated, counts.kept) == (0, [])

    def test_a_new_text_changes_what_nobody_touched(self, department):
        read(department)
        counts = read(department, TEXT.replace("4,016千円", "5,000千円").replace("庁議", "部議"))
        assert (item("1.1").name, item("1.1").amount_yen) == ("部議", 5_000_000)
        assert counts.kept == []

    def test_what_staff_changed_stays_and_is_named(self, department):
        read(department)
        SettlementItem.objects.filter(code="1.1").update(name="庁内会議")
        counts = read(department, TEXT.replace("庁議 決算額 4,016千円", "部議 決算額 9千円"))
        assert (item("1.1").name, item("1.1").amount_yen) == ("庁内会議", 9_000)
        assert counts.kept == [
            "決算項目「1.1」：職員が直した「名称」があるため、そのままにしました。"
        ]

    def test_overwriting_takes_the_word_of_the_paper(self, department):
        read(department)
        SettlementItem.objects.filter(code="1.1").update(name="庁内会議")
        SettlementItem.objects.filter(code="2").delete()
        assert read(department, overwrite=True).kept == []
        assert (item("1.1").name, item("2").name) == ("庁議", "民生費")

    def test_what_staff_deleted_stays_away(self, department):
        read(department)
        item("2").delete()
        item("1.1").figures.filter(label="会見").delete()
        counts = read(department)
        assert not SettlementItem.objects.filter(code="2").exists()
        assert not SettlementFigure.objects.filter(label="会見").exists()
        assert len(counts.kept) == 2

    def test_what_staff_added_stays(self, department):
        read(department)
        settlement = Settlement.objects.get()
        SettlementItem.objects.create(settlement=settlement, code="3", name="職員の項目")
        read(department)
        assert item("3").name == "職員の項目"

    def test_what_the_paper_no_longer_holds_goes_unless_staff_use_it(self, department):
        read(department)
        SettlementItem.objects.filter(code="2").update(body="職員が書いた。")
        counts = read(department, TEXT.replace("(2) 広報\n2 民生費\n", ""))
        assert counts.deleted == 1
        assert list(SettlementItem.objects.values_list("code", flat=True)) == ["1", "1.1", "2"]
        assert "文書にない" in counts.kept[0]


class TestRefusals:
    @pytest.mark.parametrize("status", [Status.IN_REVIEW, Status.PUBLISHED, Status.WITHDRAWN])
    def test_only_a_draft_is_written(self, department, status):
        settlement = make_settlement(department=department, fiscal_year=2021, status=status)
        with pytest.raises(ReportImportError, match="は下書きではありません"):
            read(department)
        assert not settlement.items.exists()

    def test_a_number_that_occurs_twice_is_refused_with_its_lines(self, department):
        with pytest.raises(ReportImportError, match="「1」（1行目、2行目）"):
            read(department, "1 甲\n1 乙")
        assert not Settlement.objects.exists()

    def test_a_text_without_headings_is_refused(self, department):
        with pytest.raises(ReportImportError, match="見出しが1つもない"):
            read(department, "本文だけ。")
        assert not Settlement.objects.exists()


class TestComparison:
    def test_the_paper_of_fy2020_and_the_first_content_do_not_differ(self):
        call_command("load_first_content", stdout=io.StringIO())
        settlement = Settlement.objects.get()
        report = parse_report(SAMPLE.read_text())
        # The mended errors of fixtures/README.md are spaces and line breaks, which do not count.
        assert compare_report(report, stored_settlement(settlement)) == []

    def test_each_difference_is_named_with_its_line(self, department):
        read(department)
        item("1.2").delete()
        SettlementItem.objects.filter(code="1.1").update(name="部議", amount_yen=5)
        SettlementItem.objects.create(settlement=Settlement.objects.get(), code="3", name="余り")
        SettlementFigure.objects.filter(label="会見").update(value=3001)
        differences = compare_report(
            parse_report(TEXT), stored_settlement(Settlement.objects.get())
        )
        assert [str(difference) for difference in differences] == [
            "10行目 1.1 名称：文書「庁議」、登録「部議」",
            "10行目 1.1 決算額：文書「4,016,000円」、登録「5円」",
            "16行目 1.1 実績値 会見・事業費：文書「3,000千円」、登録「なし」",
            "10行目 1.1 実績値 会見・事業費：文書「なし」、登録「3,001千円」",
            "19行目 1.2 項目：文書「広報」、登録「なし」",
            "3 項目：文書「なし」、登録「余り」",
        ]

    def test_queries_do_not_grow_with_the_settlement(self, department, django_assert_num_queries):
        read(department)
        settlement = Settlement.objects.get()
        with django_assert_num_queries(4):
            stored_settlement(settlement)


class TestCommand:
    def run(self, *arguments, text=TEXT, tmp_path):
        file, out = tmp_path / "report.txt", io.StringIO()
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        options = ["--department", "kakuu", "--fiscal-year", "令和3年度", *arguments]
        call_command("read_report", str(file), *options, stdout=out, stderr=out)
        return out.getvalue()

    def test_it_prints_the_tree_sums_checks_and_remarks(self, department, tmp_path):
        answer = self.run(tmp_path=tmp_path)
        assert "　1.1　(1) 庁議　4,016,000円　実績値2件" in answer
        assert "項目4件、金額1件、実績値2件" in answer
        assert "突合 1.1：公表された内訳は、決算額4,016千円と一致します。" in answer
        assert "12行目「・議題 3件」" in answer
        assert not Settlement.objects.exists()

    def test_json_holds_the_whole_report(self, department, tmp_path):
        answer = json.loads(self.run("--json", tmp_path=tmp_path))
        assert [row["code"] for row in answer["items"]] == ["1", "1.1", "1.2", "2"]
        row = answer["items"][1]
        assert (row["label"], row["name"], row["amount_yen"]) == ("(1)", "庁議", 4_016_000)
        assert row["body"] == "会議を開いた。\n・議題 3件"
        assert row["tables"][0]["rows"] == [["会見", "3,000千円"], ["資料", "1,016"]]
        figure = row["figures"][1]
        assert (figure["label"], figure["measure"], figure["kind"]) == (
            "資料",
            "事業費",
            "expenditure",
        )
        assert (figure["value"], figure["unit"], figure["amount_yen"]) == (1016, "千円", 1_016_000)
        assert answer["priority_policies"][0]["efforts"] == ["甲", "乙"]
        assert answer["remarks"][0]["line"] == 12

    def test_commit_writes_a_draft_and_says_what_it_did(self, department, tmp_path):
        answer = self.run("--commit", tmp_path=tmp_path)
        assert "令和3年度 架空部の下書き：作成9件、更新1件、変更なし0件、削除0件" in answer
        assert Settlement.objects.get().items.count() == 4

    def test_compare_counts_the_differences(self, department, tmp_path):
        with pytest.raises(CommandError, match="登録されていません"):
            self.run("--compare", tmp_path=tmp_path)
        read(department)
        assert "文書と登録の違い：0件" in self.run("--compare", tmp_path=tmp_path)

    @pytest.mark.parametrize(
        ("arguments", "text", "sentence"),
        [
            ((), "", "空のファイルです。"),
            ((), b"\0\1\2", "文字のファイルとして読めません。"),
            (("--fiscal-year", "平成99年度"), TEXT, "という年はありません"),
            (("--department", "nai"), TEXT, "部局「nai」はありません。"),
            (("--commit", "--document", "nai"), TEXT, "出典資料「nai」はありません。"),
            (("--commit",), "1 甲\n1 乙", "同じ項目番号が2か所以上にあります"),
        ],
    )
    def test_bad_input_is_refused_in_words(self, department, tmp_path, arguments, text, sentence):
        with pytest.raises(CommandError, match=sentence):
            self.run(*arguments, text=text, tmp_path=tmp_path)
        assert not Settlement.objects.exists()

    def test_a_file_that_is_not_there_is_refused(self, department, tmp_path):
        with pytest.raises(CommandError, match="を開けません"):
            call_command(
                "read_report", str(tmp_path / "x"), "--department=kakuu", "--fiscal-year=R3"
            )
