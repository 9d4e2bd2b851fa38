import pytest

from budgets.models import Settlement, SettlementFigure, SettlementItem
from portal.publishing import Status
from tests import builders
from tests.admin_pages import import_file, list_problems, upload

ITEMS = "年度,部局,項目番号,名称,決算額（円）"
FIGURES = "年度,部局,項目番号,区分,項目,測るもの,時期,種類,値,単位,何の内訳か"


@pytest.fixture
def staff(db, admin_client):
    return admin_client


@pytest.fixture
def settlement(db):
    department = builders.make_department(slug="strategy")
    return builders.make_settlement(department=department, status=Status.DRAFT)


def make_file(header, *rows):
    return "\n".join([header, *rows]) + "\n"


class TestSettlements:
    def test_a_settlement_is_named_by_year_and_department(self, staff, settlement):
        builders.make_department(slug="health")
        data = make_file("年度,部局,決算の段階", "令和2年度,strategy,監査済", "R3,health,")
        import_file(staff, Settlement, data)
        stages = Settlement.objects.values_list("fiscal_year", "department__slug", "stage")
        assert list(stages) == [(2021, "health", ""), (2020, "strategy", "audited")]

    def test_an_unknown_department_is_named(self, staff):
        [problem] = list_problems(upload(staff, Settlement, make_file("年度,部局", "2020,nope")))
        message = "部局「nope」の部局はありません。書き直すか、先に登録してください。"
        assert problem == (2, "部局", "nope", message)


class TestItems:
    def test_amounts_are_read_as_people_write_them_and_a_blank_is_not_zero(self, staff, settlement):
        data = make_file(
            ITEMS,
            '2020,strategy,1,総務費,"4,016千円"',
            "令和2年度,strategy,2,広報費,３０２４５８４３円",
            "R2,strategy,3,調査費,",
            "2020年度,strategy,4,連携費,0",
            "2020,strategy,5,外交費,－",
        )
        import_file(staff, SettlementItem, data)
        amounts = settlement.items.values_list("amount_yen", flat=True)
        assert list(amounts) == [4_016_000, 30_245_843, None, 0, None]

    def test_an_amount_that_is_emptied_is_no_longer_stated(self, staff, settlement):
        builders.make_item(settlement, "1", amount_yen=1_000)
        import_file(staff, SettlementItem, make_file(ITEMS, "2020,strategy,1,総務費,"))
        assert settlement.items.get().amount_yen is None

    def test_a_row_may_stand_before_that_of_the_item_above_it(self, staff, settlement):
        data = make_file(
            ITEMS,
            "2020,strategy,1.2.1,下の下,",
            "2020,strategy,1.10,下の十,",
            "2020,strategy,1.2,下,",
            "2020,strategy,1,上,",
        )
        import_file(staff, SettlementItem, data)
        tree = settlement.items.values_list("code", "parent__code")
        assert list(tree) == [("1", None), ("1.2", "1"), ("1.2.1", "1.2"), ("1.10", "1")]

    def test_a_new_item_may_hang_on_one_that_is_not_in_the_file(self, staff, settlement):
        builders.make_item(settlement, "1")
        import_file(staff, SettlementItem, make_file(ITEMS, "2020,strategy,1.1,下,"))
        assert settlement.items.get(code="1.1").parent.code == "1"

    def test_an_item_without_the_one_above_it_is_refused(self, staff, settlement):
        [problem] = list_problems(
            upload(staff, SettlementItem, make_file(ITEMS, "2020,strategy,3.1,下,"))
        )
        assert problem[:3] == (2, "項目番号", "3.1")
        assert problem[3].startswith("上位の項目が要ります。「3」という決算項目はありません。")

    def test_wrong_rows_are_all_named_and_nothing_is_saved(self, staff, settlement):
        data = make_file(
            ITEMS,
            "令和2年,strategy,1,名称,",
            "2021,strategy,1,名称,",
            "2020,nope,1,名称,",
            "2020,strategy,1.a,名称,",
            "2020,strategy,2,名称,皆増",
            "2020,strategy,3,名称,-5",
            "2020,strategy,4,,99999999999999999999",
            "2020,strategy,5,よい行,5",
            "2020,strategy,5.1,よい行の下,約5円",
        )
        problems = list_problems(upload(staff, SettlementItem, data))
        assert [problem[:3] for problem in problems] == [
            (2, "年度", "令和2年"),
            (3, "部局", "strategy"),
            (4, "部局", "nope"),
            (5, "項目番号", "1.a"),
            (6, "決算額（円）", "皆増"),
            (7, "", ""),
            (8, "名称", ""),
            (8, "決算額（円）", "99999999999999999999"),
            (10, "決算額（円）", "約5円"),
        ]
        assert problems[1][3].startswith("年度「2021」・部局「strategy」の決算はありません。")
        assert problems[4][3].startswith("「皆増」は金額・数として読めません。")
        assert problems[5][3] == "決算額は0円以上にしてください。"
        assert not SettlementItem.objects.exists()

    def test_an_import_moves_on_the_settlement(self, staff, settlement):
        before = settlement.updated_at
        import_file(staff, SettlementItem, make_file(ITEMS, "2020,strategy,1,総務費,5"))
        settlement.refresh_from_db()
        assert settlement.updated_at > before

    def test_an_import_of_what_is_there_already_leaves_the_settlement_alone(
        self, staff, settlement
    ):
        builders.make_item(settlement, "1", name="総務費", amount_yen=5)
        settlement.refresh_from_db()
        before = settlement.updated_at
        import_file(staff, SettlementItem, make_file(ITEMS, "2020,strategy,1,総務費,5"))
        settlement.refresh_from_db()
        assert settlement.updated_at == before

    def test_unchanged_rows_take_the_same_queries_however_many_they_are(
        self, staff, settlement, django_assert_max_num_queries
    ):
        rows = []
        for number in range(1, 61):
            builders.make_item(settlement, str(number), name="項目")
            rows.append(f"2020,strategy,{number},項目,")
        with django_assert_max_num_queries(25):
            upload(staff, SettlementItem, make_file(ITEMS, *rows))


class TestFigures:
    @pytest.fixture
    def item(self, settlement):
        return builders.make_item(settlement, "1")

    def test_a_part_may_stand_before_and_after_its_whole(self, staff, item):
        data = make_file(
            FIGURES,
            "2020,strategy,1,県,件数,,,活動量,141,件,｜総数｜｜",
            "2020,strategy,1,,総数,,,活動量,203,件,",
            "2020,strategy,1,その他,件数,,,活動量,62,件,｜総数｜｜",
        )
        import_file(staff, SettlementFigure, data)
        whole = item.figures.get(label="総数")
        assert sorted(part.value for part in whole.parts.all()) == [62, 141]
        assert [figure.group for figure in item.figures.all()] == ["", "県", "その他"]

    def test_a_part_of_what_is_not_there_is_refused(self, staff, item):
        data = make_file(FIGURES, "2020,strategy,1,県,件数,,,活動量,141,件,｜総数｜｜")
        [problem] = list_problems(upload(staff, SettlementFigure, data))
        assert problem[:3] == (2, "何の内訳か", "｜総数｜｜")
        assert problem[3].startswith("「｜総数｜｜」という決算の実績値はありません。")

    def test_a_part_names_its_whole_in_four_parts(self, staff, item):
        data = make_file(FIGURES, "2020,strategy,1,県,件数,,,活動量,141,件,総数")
        [problem] = list_problems(upload(staff, SettlementFigure, data))
        assert "「区分｜項目｜測るもの｜時期」の形ではありません" in problem[3]

    def test_a_ring_that_runs_through_figures_outside_the_file_is_refused(self, staff, item):
        whole = builders.make_settlement_figure(item, label="全体")
        builders.make_settlement_figure(item, label="部分", part_of=whole)
        data = make_file(
            "年度,部局,項目番号,区分,項目,測るもの,時期,何の内訳か",
            "2020,strategy,1,,全体,,,｜部分｜｜",
        )
        message = "内訳をたどると、この数値に戻って輪になります。"
        assert list_problems(upload(staff, SettlementFigure, data)) == [
            (2, "何の内訳か", "｜部分｜｜", message)
        ]

    def test_the_unit_of_money_and_the_kind_must_fit(self, staff, item):
        data = make_file(FIGURES, "2020,strategy,1,,金額,,,決算額の内訳,5,件,")
        [problem] = list_problems(upload(staff, SettlementFigure, data))
        assert problem[1] == ""
        assert problem[3].startswith("金額の単位は、円・千円・万円")

    def test_numbers_keep_their_digits(self, staff, item):
        data = make_file(
            FIGURES,
            '2020,strategy,1,,千,,,活動量,"1,105",件,',
            "2020,strategy,1,,万,,,活動量,1.9万,人,",
            "2020,strategy,1,,率,,,成果,62.5,%,",
            "2020,strategy,1,,約,,,活動量,約3,件,",
        )
        [problem] = list_problems(upload(staff, SettlementFigure, data))
        assert problem[:3] == (5, "値", "約3")
        good = data.replace("約3", "△3")
        import_file(staff, SettlementFigure, good)
        assert [str(figure.value.normalize()) for figure in item.figures.all()] == [
            "1105",
            "1.9E+4",
            "62.5",
            "-3",
        ]

    def test_an_unknown_item_is_named_with_its_settlement(self, staff, item):
        data = make_file(FIGURES, "2020,strategy,9,,件数,,,活動量,1,件,")
        [problem] = list_problems(upload(staff, SettlementFigure, data))
        assert problem[:3] == (2, "項目番号", "9")
        assert problem[3].startswith("年度「2020」・部局「strategy」・項目番号「9」の決算項目は")
