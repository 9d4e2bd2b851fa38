import datetime
import io
import json

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import set_script_prefix
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from budgets.models import Settlement, SettlementFigure, SettlementItem
from initiatives.models import Initiative
from portal.models import Department, GlossaryTerm, SearchEntry, SearchKind
from portal.publishing import Status
from portal.search import KINDS, FacetValue, Found, count_facets, find, suggest
from portal.search_index import filter_by_text, hold_indexing, is_searchable
from portal.searchable import SEARCHABLES, rebuild
from tests.builders import (
    make_department,
    make_distinction,
    make_document,
    make_effort,
    make_indicator,
    make_indicator_value,
    make_initiative,
    make_initiative_figure,
    make_item,
    make_pillar,
    make_place,
    make_plan,
    make_policy,
    make_program,
    make_report,
    make_settlement,
    make_settlement_figure,
    make_term,
)

pytestmark = pytest.mark.django_db


def titles(query, **narrowing):
    return [hit.title for hit in find(query, **narrowing).results]


def is_found(record, query):
    return record.get_absolute_url() in [hit.url for hit in find(query, limit=1000).results]


def index_rows():
    fields = [f.name for f in SearchEntry._meta.fields if f.name != "id"]
    return sorted(SearchEntry.objects.values_list(*fields))


def check_full_text_table():
    """SQLite raises where its full-text table and ours have come apart."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO portal_searchentry_fts (portal_searchentry_fts, rank)"
                " VALUES ('integrity-check', 1)"
            )


class TestWords:
    @pytest.mark.parametrize(
        ("text", "query"),
        [
            ("架空県の観光施策", "観光"),
            ("架空県の観光施策", "施"),
            ("架空県の観光施策", "策"),
            ("架空県の観光施策", "観光施策"),
            ("架空県の観光施策", "施策　架空"),
            ("ぐんまちゃん", "グンマチャン"),
            ("グンマチャン", "ぐんまちゃん"),
            ("ｸﾞﾝﾏﾁｬﾝ", "ぐんまちゃん"),
            ("く\u3099んま", "ぐんま"),
            ("スーパーコンピューター", "スーパーコンピュータ"),
            ("スーパーコンピュータ", "ｽｰﾊﾟｰｺﾝﾋﾟｭｰﾀｰ"),
            ("デジタルトランスフォーメーション（DX）", "ｄｘ"),
            ("官民共創スペース「NETSUGEN」", "netsugen"),
            ("官民共創スペース「netsugen」", "ＮＥＴＳＵＧＥＮ"),
            ("髙﨑市の渡邊さん", "高崎市 渡辺"),
            ("高崎市の渡辺さん", "髙﨑市 渡邉"),
            ("１２３件", "123件"),
            ("関ヶ原", "関ケ原"),
            ("𠮷野家", "吉野"),
            ("100%の達成_率", "100%の達成_率"),
        ],
    )
    def test_a_word_is_found_in_each_of_its_spellings(self, text, query):
        initiative = make_initiative(summary=text)
        other = make_initiative(summary="無関係な文章です。")

        found = find(query)

        assert found.count == 1
        assert found.results[0].title == initiative.title
        assert other.title not in titles(query)

    @pytest.mark.parametrize(
        ("text", "query"),
        [
            ("政策、立案", "策立"),
            ("政策 立案", "政策立案"),
            ("第1項（県）", "項県"),
            ("観光施策", "策施"),
            ("観光施策", "光観"),
            ("観光と施策", "観光施策"),
            ("観光客と光客船", "観光客船"),
            ("観光施策", "観光 温泉"),
        ],
    )
    def test_a_phrase_reaches_over_no_stop_and_no_gap(self, text, query):
        make_initiative(summary=text)

        assert find(query) == Found([], 0)

    @pytest.mark.parametrize("query", ["%", "_", "*", "観_光客", "観%光客", "観*光客", "観客%光"])
    def test_wildcards_stand_for_nothing(self, query):
        make_initiative(title="観客と光", summary="観客の光")

        assert titles(query) == (["観客と光"] if query == "観客%光" else [])

    def test_a_phrase_reaches_over_no_field(self):
        make_initiative(title="架空の政策", summary="立案した。", distinctions=["全国", "初物"])

        assert titles("政策立案") == []
        assert titles("全国初物") == []
        assert titles("政策 立案 全国 初物") == ["架空の政策"]

    def test_words_stand_in_text_tables_and_figures_alike(self):
        item = make_item(
            name="庁議",
            body="会議を**開催**した。\n\n| 区分 | 金額 |\n|---|---|\n| 主管課運営費 | 1,419千円 |\n",
        )
        make_settlement_figure(
            item, group="会議", label="付議案件", measure="延べ数", period="令和2年度", value=97
        )
        make_settlement_figure(item, label="費用", kind="money", value=16, note="速報の値")

        for query in ["開催", "主管課運営費", "1,419千円", "付議案件", "延べ数", "97件", "速報"]:
            assert titles(query) == ["庁議"], query

    def test_a_word_late_in_a_long_text_is_found(self):
        sentences = "".join(f"架空の文章その{number}。" for number in range(6_000))
        initiative = make_initiative(body=f"{sentences}最後に温泉文化を語る。")

        assert is_found(initiative, "温泉文化")
        assert is_found(initiative, "架空の文章その5999")
        assert not is_found(initiative, "架空の文章その6000")

    def test_a_text_of_many_different_characters_can_be_saved(self):
        text = "".join(map(chr, [*range(0x4E00, 0x9FA0), *range(0x20000, 0x2A6D0)])) * 3
        initiative = make_initiative(title="字典", body=text)

        assert is_found(initiative, "字典")
        assert is_found(initiative, "\u4e01\u4e02")


class TestWhatIsIndexed:
    def test_an_initiative(self):
        initiative = make_initiative(
            title="題名語",
            summary="概要語",
            body="# 見出語\n\n[連結語](https://www.example.jp/x)",
            period="時期語",
            distinctions=["特色語"],
            places=[make_place(name="地名語")],
        )
        make_initiative_figure(
            initiative, group="区分語", label="項目語", note="注記語", as_printed="約1.9万人"
        )

        for query in [
            *("題名語", "概要語", "見出語", "連結語", "時期語", "特色語", "地名語"),
            *("区分語", "項目語", "注記語", "約1.9万人"),
        ]:
            assert titles(query) == ["題名語"], query
        assert titles("example") == []

    def test_a_settlement(self):
        settlement = make_settlement(
            department=make_department(name="架空戦略部"),
            fiscal_year=2020,
            heading="見出語",
            introduction="**概要語**",
        )
        make_policy(settlement, name="重点語", efforts=["主取組語"])

        for query in [
            *("令和2年度", "2020年度", "R2", "２０２０年度", "架空戦略部 令和2年度"),
            *("見出語", "概要語", "重点語", "主取組語"),
        ]:
            assert titles(query, kinds=["settlement"]) == ["令和2年度 架空戦略部"], query

    def test_a_settlement_item(self):
        settlement = make_settlement(department=make_department(name="架空戦略部"))
        program = make_program(name="事業語", aliases=["別称語"])
        item = make_item(settlement, "1.2", name="項目語", program=program)
        make_effort(make_policy(settlement), name="取組語", item=item)

        for query in ["項目語", "事業語", "別称語", "取組語", "(2) 項目語"]:
            assert titles(query, kinds=["settlement_item"]) == ["項目語"], query
        (hit,) = find("項目語").results
        assert hit.context == "令和2年度 架空戦略部"
        assert hit.url == f"/settlements/2020/{settlement.department.slug}/1.2/"

    @pytest.mark.parametrize(
        ("make", "fields", "queries"),
        [
            (make_indicator, {"name": "指標語", "description": "説明語"}, ["指標語", "説明語"]),
            (make_report, {"title": "報告語", "summary": "概要語"}, ["報告語", "概要語"]),
            (make_pillar, {"name": "柱語", "description": "説明語"}, ["柱語", "説明語"]),
            (
                make_document,
                {"title": "題名語", "issued_by": "発行語", "note": "注記語"},
                ["題名語", "発行語", "注記語"],
            ),
            (
                make_department,
                {"name": "部局語", "name_en": "Imaginary Bureau", "description": "説明語"},
                ["部局語", "bureau", "説明語"],
            ),
            (
                make_term,
                {
                    "term": "用語語",
                    "reading": "よみかたご",
                    "explanation": "説明語",
                    "easy_explanation": "やさしいご",
                },
                ["用語語", "ヨミカタゴ", "説明語", "やさしいご"],
            ),
        ],
    )
    def test_the_other_kinds(self, make, fields, queries):
        record = make(**fields)

        for query in queries:
            assert is_found(record, query), query

    def test_a_program_is_found_by_its_other_names_too(self):
        program = make_program(name="事業語", description="説明語", aliases=["別称語"])
        make_item(program=program)

        for query in ["事業語", "説明語", "別称語"]:
            assert is_found(program, query), query

    def test_a_department_is_found_by_the_name_of_its_predecessor(self):
        old, new = make_department(name="旧企画部"), make_department(name="新戦略部")
        old.successors.add(new)

        assert titles("企画部") == ["旧企画部", "新戦略部"]

    def test_every_kind_has_its_table_row_and_its_label(self):
        assert list(SEARCHABLES) == list(SearchKind) == list(KINDS)
        assert KINDS["settlement_item"] == "決算項目"


class TestTheGate:
    @pytest.mark.parametrize(
        "make", [make_initiative, make_settlement, make_indicator, make_report, make_document]
    )
    @pytest.mark.parametrize(
        "fields",
        [
            {"status": Status.DRAFT},
            {"status": Status.IN_REVIEW},
            {"status": Status.WITHDRAWN},
            {"publish_from": timezone.now() + datetime.timedelta(days=1)},
            {"publish_until": timezone.now() - datetime.timedelta(days=1)},
        ],
    )
    def test_what_is_not_public_is_never_found(self, make, fields):
        record = make(**fields)
        kind = next(kind for kind, each in SEARCHABLES.items() if each.model is type(record))
        entries = SearchEntry.objects.filter(kind=kind, object_id=record.pk)

        assert entries.exists() == (record.status == Status.PUBLISHED)
        assert not is_found(record, str(record))
        assert str(record) not in [suggestion.title for suggestion in suggest(str(record))]
        assert str(record) not in titles(str(record))
        assert kind not in [choice.value for choice in count_facets(str(record))["kind"]]

        record.status, record.publish_from, record.publish_until = Status.PUBLISHED, None, None
        record.save()
        assert is_found(record, str(record))

        record.status = Status.WITHDRAWN
        record.save()
        assert not entries.exists()

    def test_items_come_into_the_index_and_leave_it_with_their_settlement(self):
        settlement = make_settlement(status=Status.DRAFT)
        item = make_item(settlement, name="項目語")
        make_settlement_figure(item, label="数値語")
        entries = SearchEntry.objects.filter(kind="settlement_item")
        for status, found in [(Status.PUBLISHED, 1), (Status.WITHDRAWN, 0), (Status.PUBLISHED, 1)]:
            assert not entries.exists() or status == Status.WITHDRAWN
            settlement.status = status
            settlement.save()
            assert entries.count() == found
            assert titles("項目語 数値語") == ["項目語"] * found

        Settlement.objects.update(status=Status.DRAFT)  # sends no signal
        assert titles("項目語") == []
        assert rebuild("settlement_item") == 0
        assert not entries.exists()

    def test_what_hangs_on_a_hidden_record_is_hidden_with_it(self):
        settlement = make_settlement(status=Status.DRAFT)
        make_item(settlement, name="秘密語", program=make_program(name="秘密語の事業"))
        make_initiative(title="秘密語", report=make_report(status=Status.DRAFT))
        make_initiative(
            title="秘密語", pillar=make_pillar(name="秘密語", plan=make_plan(status=Status.DRAFT))
        )

        assert find("秘密語") == Found([], 0)
        assert suggest("秘密語") == []
        assert not any(count_facets("秘密語").values())

        settlement.status = Status.PUBLISHED
        settlement.save()
        assert titles("秘密語") == ["秘密語", "秘密語の事業"]

    def test_a_schedule_holds_to_the_second(self, monkeypatch):
        start = timezone.now() + datetime.timedelta(days=1)
        end = start + datetime.timedelta(days=1)
        initiative = make_initiative(publish_from=start, publish_until=end)

        def found_at(now):
            monkeypatch.setattr("django.utils.timezone.now", lambda: now)
            return is_found(initiative, initiative.title)

        second = datetime.timedelta(seconds=1)
        assert [found_at(start - second), found_at(start)] == [False, True]
        assert [found_at(end - second), found_at(end)] == [True, False]

    @pytest.mark.parametrize(
        "make", [make_initiative, make_settlement, make_indicator, make_report, make_document]
    )
    def test_an_internal_note_is_not_even_indexed(self, make):
        make(internal_note="庁内秘密語")

        assert find("庁内秘密語").count == 0
        assert not SearchEntry.objects.filter(tokens__contains="秘密").exists()

    def test_the_note_of_a_hidden_value_is_no_part_of_its_indicator(self):
        indicator = make_indicator()
        make_indicator_value(indicator, note="未公開語", status=Status.DRAFT)

        assert find("未公開語").count == 0
        assert not SearchEntry.objects.filter(body__contains="未公開語").exists()

    def test_an_item_holds_no_text_of_another_settlement(self):
        item = make_item(name="項目語")
        hidden = make_settlement(status=Status.DRAFT, fiscal_year=2021)
        make_effort(make_policy(hidden), name="未公開語", item=item)

        assert find("未公開語").count == 0


class TestKeepingUp:
    def test_a_changed_title_replaces_the_old_one(self):
        initiative = make_initiative(title="旧題名語")
        initiative.title = "新題名語"
        initiative.save()

        assert titles("旧題名語") == []
        assert titles("新題名語") == ["新題名語"]

    @pytest.mark.parametrize(
        "delete",
        [lambda record: record.delete(), lambda record: type(record).objects.all().delete()],
    )
    def test_a_deleted_record_is_gone(self, delete):
        initiative = make_initiative(title="題名語", distinctions=["特色語"])
        make_initiative_figure(initiative)
        delete(initiative)

        assert find("題名語").count == 0
        assert not SearchEntry.objects.filter(kind="initiative").exists()
        check_full_text_table()

    def test_a_part_is_added_changed_and_deleted(self):
        initiative = make_initiative()
        distinction = make_distinction(initiative, name="全国初")
        assert is_found(initiative, "全国初")

        distinction.name = "過去最高"
        distinction.save()
        assert not is_found(initiative, "全国初")
        assert is_found(initiative, "過去最高")

        distinction.delete()
        assert not is_found(initiative, "過去最高")

    def test_a_part_goes_over_to_another_record(self):
        settlement = make_settlement()
        one, two = make_item(settlement, "1"), make_item(settlement, "2")
        figure = make_settlement_figure(one, label="移動語")
        figure.item = two
        figure.save()

        assert [is_found(one, "移動語"), is_found(two, "移動語")] == [False, True]

    def test_a_program_gives_its_names_to_its_items(self):
        program = make_program(name="旧事業語", aliases=["別称語"])
        item = make_item(program=program)
        program.name = "新事業語"
        program.save()
        assert [is_found(item, "旧事業語"), is_found(item, "新事業語")] == [False, True]

        program.aliases.get().delete()
        assert not is_found(item, "別称語")

    def test_places_are_set_from_both_sides(self):
        initiative, place = make_initiative(), make_place(name="地名語")
        initiative.places.add(place)
        assert is_found(initiative, "地名語")

        place.initiatives.clear()
        assert not is_found(initiative, "地名語")

        place.initiatives.set([initiative])
        place.name = "改名語"
        place.save()
        assert is_found(initiative, "改名語")

        initiative.places.set([])
        assert not is_found(initiative, "改名語")

    def test_a_renamed_department_renames_its_settlements_and_their_addresses(self):
        department = make_department(name="旧名語部", slug="old")
        settlement = make_settlement(department=department)
        make_item(settlement, name="項目語")
        department.name, department.slug = "新名語部", "new"
        department.save()

        assert titles("新名語部", kinds=["settlement"]) == ["令和2年度 新名語部"]
        (hit,) = find("項目語").results
        assert (hit.context, hit.url) == ("令和2年度 新名語部", "/settlements/2020/new/1/")

    def test_a_loaded_fixture_is_found(self, tmp_path):
        file = tmp_path / "terms.json"
        fields = {"term": "読込語", "reading": "よみこみご", "explanation": "試験の語です。"}
        file.write_text(json.dumps([{"model": "portal.glossaryterm", "fields": fields}]))
        call_command("loaddata", file, verbosity=0)

        assert titles("読込語") == ["読込語"]

    def test_many_changes_are_indexed_once(self, django_assert_num_queries):
        item = make_item()
        with hold_indexing():
            with hold_indexing():
                make_settlement_figure(item, label="一番語")
            make_settlement_figure(item, label="二番語")
            assert not is_found(item, "一番語")

        assert is_found(item, "一番語")
        assert is_found(item, "二番語")

    def test_a_bulk_writer_rebuilds_what_it_wrote(self):
        item = make_item()
        SettlementFigure.objects.bulk_create(
            [SettlementFigure(item=item, label="一括語", kind="activity", value=1, unit="件")]
        )
        assert not is_found(item, "一括語")

        assert rebuild("settlement_item", [item.pk]) == 1
        assert is_found(item, "一括語")

    def test_the_command_mends_the_index_and_counts_it(self, capsys):
        initiative, gone = make_initiative(title="題名語"), make_initiative(title="消去語")
        SearchEntry.objects.filter(object_id=initiative.pk).delete()
        Initiative.objects.filter(pk=gone.pk)._raw_delete("default")
        call_command("rebuild_search_index")

        assert titles("題名語") == ["題名語"]
        assert not SearchEntry.objects.filter(title="消去語").exists()
        assert "取組：1件" in capsys.readouterr().out

    @settings(
        max_examples=25,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(
        st.lists(
            st.tuples(
                st.integers(0, 13), st.integers(0, 1), st.sampled_from(["あい", "カキ", "県庁"])
            ),
            max_size=12,
        )
    )
    def test_the_kept_index_equals_one_built_anew(self, steps):
        sid = transaction.savepoint()
        world = World()
        for step, number, text in steps:
            world.steps[step](number, text)
        kept = index_rows()
        check_full_text_table()
        SearchEntry.objects.all().delete()
        call_command("rebuild_search_index", stdout=io.StringIO())

        assert index_rows() == kept
        check_full_text_table()
        transaction.savepoint_rollback(sid)


class World:
    """A few joined records, and steps that change them."""

    def __init__(self):
        self.departments = [make_department(), make_department()]
        self.settlements = [make_settlement(department=d) for d in self.departments]
        self.items = [make_item(s, program=make_program()) for s in self.settlements]
        self.initiatives = [make_initiative(), make_initiative()]
        self.places = [make_place(), make_place()]
        self.steps = [
            lambda n, text: self.rename(self.departments[n], "name", text),
            lambda n, text: self.rename(self.departments[n], "slug", f"slug-{n}-{len(text)}"),
            lambda n, text: self.departments[n].successors.set([self.departments[1 - n]]),
            lambda n, text: self.departments[n].predecessors.clear(),
            lambda n, text: self.rename(self.settlements[n], "fiscal_year", 2018 + len(text)),
            lambda n, text: make_policy(self.settlements[n], name=text, efforts=[text]),
            lambda n, text: self.rename(self.items[n].program, "name", text),
            lambda n, text: self.rename(self.items[n], "program", self.items[1 - n].program),
            lambda n, text: make_settlement_figure(self.items[n], note=text),
            lambda n, text: self.move_figures(self.items[n], self.items[1 - n]),
            lambda n, text: self.items[n].figures.all().delete(),
            lambda n, text: self.initiatives[n].places.set(self.places[: len(text)]),
            lambda n, text: self.rename(self.places[n], "name", text),
            lambda n, text: make_effort(
                make_policy(self.settlements[n]), name=text, item=self.items[n]
            ),
        ]

    def rename(self, record, field, value):
        record.refresh_from_db()
        setattr(record, field, value)
        record.save()

    def move_figures(self, item, other):
        for figure in item.figures.all():
            figure.item = other
            figure.save()


class TestFind:
    def test_hits_in_the_title_come_first_then_the_order_of_kinds(self):
        in_text = make_initiative(title="別の取組", summary="温泉文化を語る")
        term = make_term(term="温泉文化")
        item = make_item(name="温泉文化の振興")
        first, second = make_initiative(title="温泉文化"), make_initiative(title="温泉文化の会")
        half = make_document(title="温泉の資料", note="文化")

        assert titles("温泉文化") == [
            *(first.title, second.title, item.name, term.term, in_text.title),
        ]
        assert titles("温泉 文化")[-2:] == [half.title, in_text.title]

    def test_pages_hold_each_hit_once(self):
        made = [make_initiative(title=f"温泉{number}") for number in range(7)]
        titles = [initiative.title for initiative in made]
        for changed in (None, made[0], made[3], made[1]):
            if changed:  # its entry is written anew, in another place
                changed.summary = "直した説明"
                changed.save()

            pages = [find("温泉", limit=3, offset=offset) for offset in (0, 3, 6, 9, 10**30)]

            assert [page.count for page in pages] == [7] * 5
            assert [[hit.title for hit in page.results] for page in pages] == [
                *(titles[:3], titles[3:6], titles[6:], [], []),
            ]

    def test_a_hit_shows_where_the_words_stand(self):
        initiative = make_initiative(
            title="おんせん文化", summary=f"{'前' * 100}温泉とオンセン。{'後' * 200}"
        )

        (hit,) = find("おんせん").results

        assert hit.kind == "initiative"
        assert hit.kind_label == "取組"
        assert hit.url == f"/initiatives/{initiative.slug}/"
        assert hit.title_pieces == [("おんせん", True), ("文化", False)]
        assert ("オンセン", True) in hit.pieces
        assert hit.excerpt == "".join(text for text, _ in hit.pieces)
        assert hit.excerpt.startswith("…前")
        assert hit.excerpt.endswith("後…")

    def test_a_hit_of_the_title_alone_shows_the_beginning_of_the_text(self):
        make_initiative(title="温泉文化", summary="架空の概要です。")

        (hit,) = find("温泉").results

        assert hit.pieces == [("架空の概要です。", False)]

    def test_markup_in_a_text_stays_text(self):
        make_initiative(title="<b>温泉</b>", summary="<script>alert(1)</script>")

        (hit,) = find("温泉").results

        assert hit.title_pieces == [("<b>", False), ("温泉", True), ("</b>", False)]

    def test_hits_are_narrowed(self):
        one, two = make_department(), make_department()
        pillar = make_pillar(name="温泉の柱")
        make_initiative(title="温泉甲", departments=[one, two], pillar=pillar, fiscal_year=2020)
        make_initiative(title="温泉乙", departments=[two])
        make_item(make_settlement(department=one, fiscal_year=2021), name="温泉丙")

        assert titles("温泉", kinds=["settlement_item", "pillar"]) == ["温泉丙", "温泉の柱"]
        assert titles("温泉", kinds=["unknown"]) == []
        assert titles("温泉", kinds=[]) == titles("温泉")
        assert titles("温泉", fiscal_year=2020) == ["温泉甲"]
        assert titles("温泉", fiscal_year=10**30) == []
        assert titles("温泉", department=one.slug) == ["温泉甲", "温泉丙"]
        assert titles("温泉", department=two.slug) == ["温泉甲", "温泉乙"]
        assert titles("温泉", department=one.slug, fiscal_year=2021) == ["温泉丙"]
        assert titles("温泉", pillar=pillar.slug) == ["温泉甲", "温泉の柱"]
        assert titles("温泉", pillar="unknown") == []

    def test_an_address_follows_the_prefix_under_which_the_portal_is_mounted(self):
        initiative = make_initiative(title="温泉")
        try:
            set_script_prefix("/portal/")
            assert find("温泉").results[0].url == f"/portal/initiatives/{initiative.slug}/"
            initiative.save()
            assert find("温泉").results[0].url == f"/portal/initiatives/{initiative.slug}/"
        finally:
            set_script_prefix("/")
        assert find("温泉").results[0].url == f"/initiatives/{initiative.slug}/"

    @pytest.mark.parametrize("few", [0, 1000])
    def test_the_number_of_queries_does_not_grow(self, few, monkeypatch):
        monkeypatch.setattr("portal.search.FEW", few)

        def make_all():
            make_initiative(title="温泉", departments=[make_department(name="温泉部")])
            make_item(name="温泉", program=make_program(name="温泉事業"))
            for make in (make_indicator, make_report, make_document):
                make(**{"name" if make is make_indicator else "title": "温泉"})
            make_term()

        def count_queries(ask, *asked, **more):
            with CaptureQueriesContext(connection) as captured:
                ask(*asked, **more)
            return len(captured)

        counts = []
        for _ in range(2):
            make_all()
            counts.append(
                [
                    count_queries(find, "温泉", limit=1000),
                    count_queries(count_facets, "温泉"),
                    count_queries(suggest, "温泉旅行"),
                ]
            )
            for _ in range(9):
                make_all()
        assert all(few >= many for few, many in zip(*counts, strict=True))
        # Within a transaction nothing is kept: the kinds found are asked for each time.
        assert max(counts[0]) <= 12

    def test_a_query_without_words_asks_nothing_and_finds_nothing(self, django_assert_num_queries):
        make_initiative()

        with django_assert_num_queries(0):
            for query in ["", " ", "、。", "\0", "\ud800", "*" * 100_000]:
                assert find(query) == Found([], 0)
                assert suggest(query) == []
                assert not any(count_facets(query).values())


HOSTILE = [
    *("'", '"', "''--", '"; DROP TABLE portal_searchentry; --', "a\0b", "温泉\0", "\ud800温泉"),
    *("温泉\udfff", "NEAR(温泉 文化)", "温泉 AND", "OR 温泉", "NOT", "温泉 -文化", "tokens:温泉"),
    *("{tokens}:温泉", "^温泉", "温泉*", "a:*", "!温泉", "温泉 & | <-> !", "(((((", "\\", "\\'"),
    *("%", "%s %(x)s", "{}", "温泉" * 50_000, "温 " * 50_000, "\u3099" * 100_000, "🙂🙂", "\u202e"),
    *(
        "\ufdfa" * 1_000,
        "ﬃ",
        "İ",
        "ß",
        "\u200d",
        "１" * 200,
        "-1",
        "1e308",
        "a.b.c",
        "x@y.jp/z?q=1",
    ),
]


class TestHostileQueries:
    @pytest.mark.parametrize("query", HOSTILE)
    def test_a_hostile_query_is_only_words(self, query):
        self.ask(query)

    @settings(
        max_examples=60,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(st.text(st.characters(), max_size=60))
    def test_any_text_is_a_query(self, query):
        self.ask(query)

    def ask(self, query):
        with transaction.atomic():
            found = find(query, limit=3)
            assert found.count >= len(found.results)
            count_facets(query)
            assert len(suggest(query)) <= 5
            list(filter_by_text(Initiative.objects.published(), "initiative", query))

    @settings(
        max_examples=60,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40))
    def test_any_text_is_found_by_itself(self, text):
        with transaction.atomic():
            term = make_term(explanation=text)
            assert is_found(term, text) == is_searchable(text)
            transaction.set_rollback(True)


class TestFacets:
    def test_each_choice_has_its_hits(self):
        one = make_department(name="甲部", slug="one", position=2)
        two = make_department(name="乙部", slug="two", position=1)
        pillar = make_pillar(name="温泉の柱", slug="onsen")
        make_initiative(title="温泉", departments=[one, two], pillar=pillar, fiscal_year=2020)
        make_initiative(title="温泉", departments=[two], status=Status.DRAFT)
        make_item(make_settlement(department=one, fiscal_year=2019), name="温泉")
        make_document(title="温泉", fiscal_year=2020)
        make_initiative(title="別の取組")

        assert count_facets("温泉") == {
            "kind": [
                FacetValue("initiative", "取組", 1),
                FacetValue("settlement_item", "決算項目", 1),
                FacetValue("pillar", "柱", 1),
                FacetValue("document", "出典資料", 1),
            ],
            "fiscal_year": [
                FacetValue("2020", "令和2年度", 2),
                FacetValue("2019", "令和元年度", 1),
            ],
            "department": [FacetValue("two", "乙部", 1), FacetValue("one", "甲部", 2)],
            "pillar": [FacetValue("onsen", "温泉の柱", 2)],
        }

    def test_a_facet_follows_the_other_choices_and_not_its_own(self):
        make_document(title="温泉", fiscal_year=2020)
        make_document(title="温泉", fiscal_year=2019)
        make_initiative(title="温泉", fiscal_year=2020)

        facets = count_facets("温泉", kinds=["document"], fiscal_year=2020)

        assert [(c.value, c.count) for c in facets["kind"]] == [("initiative", 1), ("document", 1)]
        assert [(c.value, c.count) for c in facets["fiscal_year"]] == [("2020", 1), ("2019", 1)]

    def test_the_counts_are_those_of_find(self):
        departments = [make_department(), make_department()]
        for number in range(6):
            make_initiative(
                title="温泉", departments=departments[: number % 3], fiscal_year=2018 + number % 2
            )
            make_item(make_settlement(fiscal_year=2018 + number % 3), name="温泉")

        facets = count_facets("温泉", fiscal_year=2018)

        for choice in facets["fiscal_year"]:
            assert find("温泉", fiscal_year=int(choice.value)).count == choice.count
        for choice in facets["department"]:
            found = find("温泉", fiscal_year=2018, department=choice.value)
            assert found.count == choice.count
        for choice in facets["kind"]:
            assert find("温泉", fiscal_year=2018, kinds=[choice.value]).count == choice.count


class TestFilterByText:
    def test_a_list_is_narrowed_as_the_search_would(self):
        found = make_initiative(title="おんせん文化")
        make_initiative()
        make_initiative(title="温泉文化", status=Status.DRAFT)
        make_term(term="オンセン")

        narrowed = filter_by_text(Initiative.objects.published(), "initiative", "オンセン")

        assert list(narrowed) == [found]
        assert narrowed.count() == 1

    def test_each_kind_has_its_own_entries(self):
        department = make_department(name="温泉部")
        GlossaryTerm.objects.create(pk=department.pk, term="別", reading="べつ", explanation="別")

        assert filter_by_text(Department.objects.published(), "department", "温泉").count() == 1
        assert (
            filter_by_text(GlossaryTerm.objects.published(), "glossary_term", "温泉").count() == 0
        )

    def test_it_joins_the_other_words_of_the_vocabulary(self):
        settlement = make_settlement(fiscal_year=2020)
        make_item(settlement, "1", name="温泉")
        make_item(settlement, "1.1", name="温泉の二")
        items = SettlementItem.objects.published().in_fiscal_year(2020).at_level(2)

        narrowed = filter_by_text(items.select_related("settlement"), "settlement_item", "温泉")

        assert [item.code for item in narrowed.order_by("code_order")] == ["1.1"]

    @pytest.mark.parametrize("q", ["", " 　", "、。！", "\0", "%_*"])
    def test_a_query_without_words_narrows_nothing(self, q):
        make_initiative()

        assert filter_by_text(Initiative.objects.published(), "initiative", q).count() == 1
        assert not is_searchable(q)
        assert is_searchable("温")


class TestSuggestions:
    def test_the_nearest_titles_are_suggested(self):
        make_term(term="執行率")
        make_term(term="不用額")
        near = make_initiative(title="温泉文化の世界遺産登録")
        make_initiative(title="文化の日", status=Status.DRAFT)

        assert [(s.kind_label, s.title) for s in suggest("予算執行率")] == [("用語", "執行率")]
        (suggestion,) = suggest("温泉文化の無形遺産登録")
        assert suggestion.title == near.title
        assert suggestion.url == near.get_absolute_url()

    def test_the_nearest_comes_first_and_there_are_at_most_five(self):
        for number in range(9):
            make_initiative(title=f"上海の会その{number}")
        make_item(name="上海事務所")

        suggested = [suggestion.title for suggestion in suggest("上海事務室")]

        assert suggested[0] == "上海事務所"
        assert len(suggested) == 5

    def test_nothing_near_means_no_suggestion(self):
        make_initiative(title="架空の取組")

        assert suggest("宇宙旅行") == []
        assert suggest("宙") == []
