"""Imports of many rows: bounded pages, bounded queries, one transaction, the index right at once."""

import base64
import csv
import gc
import io
import json
import weakref
import zlib
from decimal import Decimal
from functools import partial

import pytest
from django.contrib.admin.models import LogEntry
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from budgets.models import SettlementFigure, SettlementItem
from initiatives.models import IndicatorValue, Initiative
from initiatives.resources import IndicatorValueResource
from portal import import_results, import_writing, versions
from portal.import_columns import Memo
from portal.models import (
    Department,
    GlossaryTerm,
    ImportLog,
    Role,
    SearchEntry,
    Version,
)
from portal.publishing import Status
from portal.record_import import RecordImport
from tests import builders
from tests.admin_pages import confirm, import_file, list_problems, text_of, upload

pytestmark = pytest.mark.django_db

FIGURES = "年度,部局,項目番号,区分,項目,測るもの,時期,種類,値,単位,何の内訳か\n"
TERMS = "用語,読み,説明\n"


@pytest.fixture
def staff(admin_client):
    return admin_client


@pytest.fixture
def settlement():
    department = builders.make_department(slug="strategy")
    return builders.make_settlement(department=department, status=Status.DRAFT)


def make_figures(count, value=1, start=1) -> str:
    rows = []
    for number in range(start, start + count):
        whole = f"｜数{start}｜｜" if number > start else ""
        rows.append(f"2020,strategy,1,,数{number},,,活動量,{value},件,{whole}")
    return FIGURES + "\n".join(rows)


def make_terms(count, explanation="説明") -> str:
    return TERMS + "\n".join(f"語{number},ご,{explanation}{number}" for number in range(count))


class TestPages:
    @pytest.fixture(autouse=True)
    def small(self, monkeypatch):
        monkeypatch.setattr(import_results, "ROWS_SHOWN", 2)
        monkeypatch.setattr(import_results, "PROBLEMS_SHOWN", 3)
        monkeypatch.setattr(import_results, "PACKED_TOGETHER", 3)

    def test_the_preview_shows_the_first_rows_of_each_group_and_counts_all(self, staff):
        import_file(staff, GlossaryTerm, make_terms(5))
        data = make_terms(5) + "\n" + "\n".join(f"新{n},しん,説明" for n in range(4))
        previewed = upload(staff, GlossaryTerm, data)
        page = text_of(previewed)
        assert "新規 4件" in page
        assert "変更なし 5件" in page
        assert "はじめの2件です。取り込むと、すべてを「取込の記録」からCSVで受け取れます。" in page
        assert "変更のない行を見る（はじめの2件）" in page
        assert "新1" in page
        assert "新2" not in page
        changed = text_of(upload(staff, GlossaryTerm, make_terms(5, "別の説明")))
        assert "変更 5件" in changed
        assert "別の説明1" in changed
        assert "別の説明2" not in changed

    def test_of_many_errors_the_first_are_told_and_the_others_counted(self, staff):
        data = TERMS + "\n".join(f"語{number},," for number in range(4))
        previewed = upload(staff, GlossaryTerm, data)
        assert [problem[:2] for problem in list_problems(previewed)] == [
            (2, "読み"),
            (2, "説明"),
            (3, "読み"),
        ]
        assert "誤り 8件" in text_of(previewed)
        assert "はじめの3件です。ほかに5件あります。" in text_of(previewed)

    def test_what_changed_beyond_the_shown_rows_is_asked_again(self, staff):
        previewed = upload(staff, GlossaryTerm, make_terms(5))
        builders.make_term(term="語4", reading="ご", explanation="ほかの人の説明")
        again = confirm(staff, GlossaryTerm, previewed)
        assert "確かめたあとにデータが変わったため" in text_of(again)
        assert GlossaryTerm.objects.count() == 1
        confirm(staff, GlossaryTerm, again)
        assert GlossaryTerm.objects.get(term="語4").explanation == "説明4"

    def test_the_log_gives_all_changes_as_a_file(self, staff):
        import_file(staff, GlossaryTerm, make_terms(3))
        import_file(staff, GlossaryTerm, make_terms(3, "別の") + "\n新語,=1+1,説明")
        log = ImportLog.objects.first()
        page = text_of(staff.get(reverse("admin:portal_importlog_change", args=[log.pk])))
        assert "下の表は、4行のうち、はじめの3行です。" in page
        response = staff.get(reverse("admin:portal_importlog_changes", args=[log.pk]))
        data = b"".join(response.streaming_content).decode("utf-8-sig")
        rows = list(csv.reader(io.StringIO(data)))
        assert rows[0] == ["行", "区分", "記録", "列", "前", "後"]
        assert rows[1:4] == [
            [str(number + 2), "変更", f"語{number}", "説明", f"説明{number}", f"別の{number}"]
            for number in range(3)
        ]
        assert rows[4:] == [
            ["5", "新規", "新語", "用語", "", "新語"],
            ["5", "新規", "新語", "読み", "", "'=1+1"],
            ["5", "新規", "新語", "説明", "", "説明"],
        ]

    def test_a_log_of_before_gives_its_changes_too(self):
        row = {"line": 2, "kind": "new", "record": "語", "cells": [["用語", "", "語"]]}
        [found] = import_results.iter_rows({"source": "", "revisions": [], "rows": [row]})
        assert (found.line, found.cells) == (2, [["用語", "", "語"]])

    def test_a_log_with_the_titles_in_each_row_gives_its_changes_too(self):
        lines = [[[2, "new", "語", [["用語", "", "語"]]]], [[3, "update", "字", []]]]
        packed = zlib.compress(b"".join(json.dumps(rows).encode() + b"\n" for rows in lines))
        report = {"source": "", "rows": [], "packed": base64.b64encode(packed).decode()}
        first, second = import_results.iter_rows(report)
        assert (first.line, first.kind, first.cells) == (2, "new", [["用語", "", "語"]])
        assert (second.line, second.kind, second.cells) == (3, "update", [])


class TestQueries:
    def count(self, call) -> int:
        with CaptureQueriesContext(connection) as queries:
            call()
        return len(queries)

    def test_more_rows_take_no_more_queries(self, staff, settlement):
        builders.make_item(settlement, "1")
        import_file(staff, SettlementFigure, make_figures(2))
        counts = {
            size: [
                self.count(partial(import_file, staff, SettlementFigure, data))
                for data in (make_figures(size, 1, start), make_figures(size, 2, start))
            ]
            for size, start in [(3, 100), (60, 1_000)]
        }
        assert SettlementFigure.objects.filter(value=2).count() == 63
        assert counts[60] == counts[3]

    def test_more_items_take_no_more_queries(self, staff, settlement):
        def make(chapter, count):
            rows = [f"2020,strategy,{chapter},章,"]
            rows += [f"2020,strategy,{chapter}.{n},項目,{n}" for n in range(1, count)]
            return "年度,部局,項目番号,名称,決算額（円）\n" + "\n".join(rows)

        import_file(staff, SettlementItem, make(1, 3))
        found = [
            self.count(partial(import_file, staff, SettlementItem, make(chapter, size)))
            for chapter, size in [(2, 4), (3, 40)]
        ]
        assert found[1] == found[0]
        assert settlement.items.filter(parent__code="3").count() == 39

    def test_versions_of_many_records_take_the_queries_of_one(self, staff):
        terms = [builders.make_term() for _ in range(15)]
        one = self.count(lambda: versions.save_versions(terms[:1], "作成"))
        assert self.count(lambda: versions.save_versions(terms, "作成")) <= one + 1


class TestVersions:
    def test_many_are_kept_as_each_alone_would_be(self, admin_user):
        settlements = [builders.make_settlement() for _ in range(3)]
        for settlement in settlements:
            builders.make_settlement_figure(builders.make_item(settlement, "1"))
        versions.save_version(settlements[0], "作成")
        versions.save_version(settlements[1], "削除", is_deletion=True)
        numbers = versions.save_versions(settlements, "まとめて", admin_user)
        assert numbers == {settlements[0].pk: 1, settlements[1].pk: 2, settlements[2].pk: 1}
        for settlement in settlements:
            kept = Version.objects.about(settlement).get(number=numbers[settlement.pk])
            assert kept.content == versions.take(settlement)
            assert kept.label == str(settlement)
        assert Version.objects.filter(action="まとめて", user=admin_user).count() == 2

    def test_contents_of_many_do_not_mix(self):
        items = [builders.make_item(builders.make_settlement(), "1") for _ in range(2)]
        for item in items:
            builders.make_settlement_figure(item)
        found = versions.take_many(type(items[0].settlement), [i.settlement_id for i in items])
        for item in items:
            content = found[item.settlement_id]
            assert content == versions.take(item.settlement)
            assert [row["item_id"] for row in content["budgets.settlementfigure"]] == [item.pk]


class TestWriting:
    def test_what_the_database_refuses_saves_nothing_and_is_told(self, staff, monkeypatch):
        previewed = upload(staff, GlossaryTerm, make_terms(2))

        def refuse(*args):
            raise IntegrityError("no")

        monkeypatch.setattr(import_writing, "insert_rows", refuse)
        page = confirm(staff, GlossaryTerm, previewed)
        assert "データベースが受け付けなかったため、何も保存していません。" in text_of(page)
        assert not GlossaryTerm.objects.exists()
        assert not Version.objects.exists()
        assert ImportLog.objects.get().state == "previewed"
        monkeypatch.undo()
        confirm(staff, GlossaryTerm, previewed)
        assert GlossaryTerm.objects.count() == 2

    def test_the_log_of_operations_has_an_entry_for_each_record(self, staff, admin_user):
        import_file(staff, GlossaryTerm, make_terms(2))
        import_file(staff, GlossaryTerm, make_terms(3, "別の"))
        entries = LogEntry.objects.order_by("pk").values_list(
            "object_repr", "action_flag", "change_message", "user"
        )
        added, changed = (1, "表計算ファイルから追加"), (2, "表計算ファイルから変更")
        assert [entry[0] for entry in entries] == ["語0", "語1", "語0", "語1", "語2"]
        assert [entry[1:3] for entry in entries] == [added, added, changed, changed, added]
        assert {entry[3] for entry in entries} == {admin_user.pk}
        pks = LogEntry.objects.order_by("pk").values_list("object_id", flat=True)
        assert int(pks[0]) == GlossaryTerm.objects.get(term="語0").pk

    def test_a_part_hangs_on_a_whole_that_the_file_brings_or_changes(self, staff, settlement):
        item = builders.make_item(settlement, "1")
        old = builders.make_settlement_figure(item, label="前からの数")
        part = builders.make_settlement_figure(item, label="部分")
        data = FIGURES + (
            "2020,strategy,1,,部分,,,活動量,1,件,｜新しい数｜｜\n"
            "2020,strategy,1,,新しい部分,,,活動量,1,件,｜前からの数｜｜\n"
            "2020,strategy,1,,新しい数,,,活動量,2,件,\n"
        )
        import_file(staff, SettlementFigure, data)
        part.refresh_from_db()
        assert part.part_of.label == "新しい数"
        assert item.figures.get(label="新しい部分").part_of == old

    def test_a_row_whose_key_cannot_be_read_is_told_with_all_that_is_wrong(self, staff, settlement):
        builders.make_item(settlement, "1")
        data = FIGURES + "令和2年,strategy,1,,数,,,秘密,約3,,｜総数｜｜\n"
        found = [problem[1] for problem in list_problems(upload(staff, SettlementFigure, data))]
        assert found == ["年度", "種類", "値", "単位", "何の内訳か"]

    def test_the_next_record_made_by_hand_gets_a_free_number(self, staff, settlement):
        item = builders.make_item(settlement, "1")
        import_file(staff, SettlementFigure, make_figures(3))
        figure = builders.make_settlement_figure(item)
        assert figure.pk > max(item.figures.exclude(pk=figure.pk).values_list("pk", flat=True))

    def test_code_order_follows_in_bulk(self, staff, settlement):
        data = "年度,部局,項目番号,名称\n2020,strategy,2,二\n2020,strategy,10,十\n"
        import_file(staff, SettlementItem, data)
        assert list(settlement.items.values_list("code", flat=True)) == ["2", "10"]

    def test_the_index_is_right_when_the_import_ends(self, staff, settlement):
        item = builders.make_item(settlement, "1", name="架空項目")
        entries = SearchEntry.objects.filter(kind="settlement_item", object_id=item.pk)
        import_file(staff, SettlementFigure, make_figures(2))
        import_file(staff, SettlementFigure, make_figures(1).replace("活動量,1,件", "成果,77,人"))
        import_file(staff, SettlementItem, "年度,部局,項目番号,名称\n2020,strategy,1,別の名\n")
        assert not entries.exists()
        settlement.status = Status.PUBLISHED
        settlement.save()
        entry = entries.get()
        assert entry.title == "別の名"
        assert "77人" in entry.body
        assert "数2" in entry.body

    def test_who_took_over_from_a_department_is_found_by_its_name_no_more(self, staff):
        data = "識別子,名称,引き継いだ部局\nold,前の部,new\nnew,次の部,\n"
        import_file(staff, Department, data)
        new = Department.objects.get(slug="new")
        entries = SearchEntry.objects.filter(kind="department", object_id=new.pk)
        assert "前の部" in entries.get().body
        import_file(staff, Department, "識別子,引き継いだ部局\nold,\n")
        assert "前の部" not in entries.get().body

    def test_links_are_added_and_taken_away(self, staff):
        first, second, third = (builders.make_department() for _ in range(3))
        initiative = builders.make_initiative(departments=[first, second], status=Status.DRAFT)
        data = f"識別子,担当部局\n{initiative.slug},{second.slug}、{third.slug}\n"
        previewed = upload(staff, Initiative, data)
        [row] = previewed.context["result"].changed_rows
        assert {row.cells[0].old, row.cells[0].new} == {
            f"{first.slug}、{second.slug}",
            f"{second.slug}、{third.slug}",
        }
        confirm(staff, Initiative, previewed)
        assert set(initiative.departments.all()) == {second, third}

    def test_a_preview_of_a_public_record_makes_no_revision(self, staff):
        settlement = builders.make_settlement(department=builders.make_department(slug="strategy"))
        builders.make_item(settlement, "1")
        before = Version.objects.count()
        previewed = upload(staff, SettlementFigure, make_figures(2))
        assert "（改訂案を作ります）" in text_of(previewed)
        assert Version.objects.count() == before
        confirm(staff, SettlementFigure, previewed)
        assert settlement.revision.items.get().figures.count() == 2
        assert not settlement.items.get().figures.exists()

    def test_only_who_may_import_gets_the_file_of_changes(self, staff, client):
        import_file(staff, GlossaryTerm, make_terms(1))
        client.force_login(builders.make_staff(Role.EDITOR, builders.make_department()))
        address = reverse("admin:portal_importlog_changes", args=[ImportLog.objects.get().pk])
        assert client.get(address).status_code == 404


class TestOutcome:
    """The confirmation writes what the preview found, as long as that still holds."""

    @pytest.fixture(autouse=True)
    def item(self, settlement):
        return builders.make_item(settlement, "1")

    @pytest.fixture
    def examined(self, monkeypatch):
        times, examine = [], RecordImport.examine
        monkeypatch.setattr(
            RecordImport, "examine", lambda run: times.append(run.dry_run) or examine(run)
        )
        return times

    def test_where_nothing_changed_nothing_is_examined_again(self, staff, item, examined):
        import_file(staff, SettlementFigure, make_figures(3))
        data = make_figures(2, value="2.5") + (
            "\n2020,strategy,1,,数4,,,活動量,9,件,｜数5｜｜\n2020,strategy,1,,数5,,,活動量,9,件,"
        )
        import_file(staff, SettlementFigure, data)
        assert examined == [True, True]
        values = {figure.label: figure.value for figure in item.figures.all()}
        assert values == {
            "数1": Decimal("2.5"),
            "数2": Decimal("2.5"),
            "数3": 1,
            "数4": 9,
            "数5": 9,
        }
        assert item.figures.get(label="数4").part_of.label == "数5"
        assert item.figures.get(label="数2").part_of.label == "数1"
        log = ImportLog.objects.first()
        assert (log.new_count, log.changed_count, log.unchanged_count) == (2, 2, 0)
        assert log.outcome is None
        assert Version.objects.about(item.settlement).count() == 3
        undo = reverse("admin:portal_importlog_undo", args=[log.pk])
        staff.post(undo)
        assert sorted(item.figures.values_list("label", "value")) == [
            ("数1", 1),
            ("数2", 1),
            ("数3", 1),
        ]

    def test_dates_and_states_come_back_as_they_were_read(self, staff, examined):
        indicator = builders.make_indicator(slug="kakuu", status=Status.DRAFT)
        headers = IndicatorValueResource().headers
        names = ["indicator__slug", "year", "actual", "publish_from"]
        data = ",".join(headers[name] for name in names) + "\nkakuu,2020,1.25,2024-08-02 10:00\n"
        previewed = upload(staff, IndicatorValue, data)
        uploaded_at = ImportLog.objects.get().uploaded_at
        confirm(staff, IndicatorValue, previewed)
        [value] = indicator.values.all()
        assert value.updated_at > uploaded_at
        assert value.actual == Decimal("1.25")
        assert value.publish_from.isoformat() == "2024-08-02T01:00:00+00:00"
        assert examined == [True]

    def test_what_changed_meanwhile_is_examined_again(self, staff, item, examined):
        previewed = upload(staff, SettlementFigure, make_figures(2))
        builders.make_settlement_figure(item, label="ほかの数")
        confirm(staff, SettlementFigure, previewed)
        assert examined == [True, False]
        assert item.figures.count() == 3
        previewed = upload(staff, SettlementFigure, make_figures(2, value=5))
        item.figures.filter(label="数2").delete()
        again = confirm(staff, SettlementFigure, previewed)
        assert "確かめたあとにデータが変わったため" in text_of(again)
        assert item.figures.get(label="数1").value == 1
        confirm(staff, SettlementFigure, again)
        assert item.figures.get(label="数2").value == 5

    def test_who_lost_the_right_meanwhile_imports_nothing(self, client, item):
        user = builders.make_staff(Role.EDITOR, item.settlement.department)
        other = builders.make_department()
        user.memberships.create(department=other, role=Role.EDITOR)
        client.force_login(user)
        previewed = upload(client, SettlementFigure, make_figures(2))
        user.memberships.exclude(department=other).delete()
        confirm(client, SettlementFigure, previewed)
        assert not item.figures.exists()
        assert ImportLog.objects.get().state == "previewed"

    def test_what_becomes_a_revision_is_examined_in_it(self, staff, settlement, examined):
        settlement.status = Status.PUBLISHED
        settlement.save()
        import_file(staff, SettlementFigure, make_figures(2))
        assert examined == [True, False, False]
        assert settlement.revision.items.get().figures.count() == 2

    def test_what_the_database_refuses_is_told(self, staff, item, monkeypatch):
        previewed = upload(staff, SettlementFigure, make_figures(2))

        def refuse(*args):
            raise IntegrityError("no")

        monkeypatch.setattr(import_writing, "insert_rows", refuse)
        page = confirm(staff, SettlementFigure, previewed)
        assert "データベースが受け付けなかったため、何も保存していません。" in text_of(page)
        monkeypatch.undo()
        confirm(staff, SettlementFigure, previewed)
        assert item.figures.count() == 2


def test_a_blank_cell_of_a_new_record_leaves_the_default(staff, settlement):
    item = builders.make_item(settlement, "1")
    data = FIGURES.replace("何の内訳か", "並び順") + "2020,strategy,1,,数,,,活動量,1,件,"
    import_file(staff, SettlementFigure, data)
    assert item.figures.get().position == 0


def test_a_memo_asks_once_and_does_not_grow_without_bounds(monkeypatch):
    monkeypatch.setattr("portal.import_columns.MEMO_SIZE", 3)
    asked = []

    class Doubler:
        def __init__(self):
            self.doubled = Memo(self.double)

        def double(self, key):
            asked.append(key)
            return key * 2

    doubler = Doubler()
    memo = doubler.doubled
    assert [memo["a"], memo["a"], memo["b"]] == ["aa", "aa", "bb"]
    assert asked == ["a", "b"]
    for key in "cde":
        assert memo[key] == key * 2
    assert len(memo) <= 3
    left = weakref.ref(doubler)
    gc.disable()
    try:
        del doubler
        assert left() is None
    finally:
        gc.enable()
