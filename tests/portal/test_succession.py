"""Which department followed which: in words, on the pages, and in what is compared over the years."""

import csv
import io

import pytest

from budgets.compare import compare_departments
from budgets.models import Settlement
from budgets.series import make_series
from portal.models import Department
from portal.succession import Succession, load_succession
from tests import builders
from tests.admin_pages import text_of


def department(pk, since=None, until=None):
    return Department(pk=pk, name=f"架空{pk}部", established_in=since, abolished_in=until)


class TestWhatFollowed:
    def test_a_renaming_is_followed_both_ways(self):
        old, new = department(1, until=2025), department(2, since=2025)
        succession = Succession([(old, new)])
        assert succession.renamed_from(new) == old
        assert succession.name_step(old, new) == "令和7年度に改称"
        assert succession.tell_year(new, 2025) == (
            "令和7年度に、「架空1部」から「架空2部」に改称しました。前の年度は、改称する前の決算です。"
        )
        assert succession.tell_year(new, 2026) == succession.tell_year(old, 2025) == ""

    def test_a_merger_is_no_renaming(self):
        first, second = department(1, until=2025), department(2, until=2025)
        new = department(3, since=2025)
        succession = Succession([(first, new), (second, new)])
        assert succession.renamed_from(new) is None
        assert succession.name_step(first, new) == "令和7年度に統合"
        assert succession.tell_year(new, 2025) == (
            "令和7年度に、「架空1部」と「架空2部」を統合して「架空3部」ができました。"
            "前の年度の決算とは比べていません。"
        )

    def test_a_split_is_no_renaming(self):
        old, new = department(1, until=2025), [department(pk, since=2025) for pk in (2, 3)]
        succession = Succession([(old, each) for each in new])
        assert [succession.renamed_from(each) for each in new] == [None, None]
        assert succession.name_step(old, new[0]) == "令和7年度に分割"
        assert "「架空1部」を分割して「架空3部」ができました。" in succession.tell_year(
            new[1], 2025
        )

    def test_taking_over_into_one_that_was_there_is_no_renaming(self):
        old, there = department(1, until=2025), department(2, since=2000)
        succession = Succession([(old, there)])
        assert succession.renamed_from(there) is None
        assert succession.name_step(old, there) == "令和7年度に引継ぎ"
        assert succession.tell_year(there, 2025) == (
            "令和7年度に、「架空1部」を引き継ぎました。前の年度とは範囲が違います。"
        )

    def test_a_renamed_one_that_takes_over_later_is_still_the_renamed_one(self):
        old, new = department(1, until=2020), department(2, since=2020)
        late = department(3, until=2025)
        succession = Succession([(old, new), (late, new)])
        assert succession.renamed_from(new) == old
        assert "引き継ぎました" in succession.tell_year(new, 2025)

    def test_without_years_nothing_is_said(self):
        old, new = department(1), department(2)
        succession = Succession([(old, new)])
        assert succession.renamed_from(new) is None
        assert succession.name_step(old, new) == ""

    def test_the_present_ones_are_found_through_several_steps_and_circles(self):
        first, second = department(1, until=2010), department(2, 2010, 2020)
        third, fourth = department(3, 2020), department(4, 2020)
        succession = Succession([(first, second), (second, third), (second, fourth)])
        assert succession.present(first) == [third, fourth]
        assert succession.present_beyond(second) == []
        assert succession.present_beyond(first) == [third, fourth]
        circle = Succession([(first, second), (second, first)])
        assert circle.present(first) == []

    def test_what_is_still_to_come_is_not_the_present(self):
        old, new = department(1, until=2030), department(2, since=2030)
        assert Succession([(old, new)], until=2029).present(old) == []
        assert Succession([(old, new)], until=2030).present(old) == [new]


def settlement(department, year, amount_yen):
    made = Settlement(department=department, fiscal_year=year)
    made.stated_amount_yen = amount_yen
    return made


class TestWhatIsCompared:
    def test_a_renamed_department_is_one_row_under_its_latest_name(self):
        first, second, third = (
            department(1, None, 2020),
            department(2, 2020, 2021),
            department(3, 2021),
        )
        succession = Succession([(first, second), (second, third)])
        settlements = [
            settlement(d, 2019 + n, 100 * (n + 1)) for n, d in enumerate([first, second, third])
        ]
        (row,) = compare_departments(settlements, [2020, 2021], succession)
        assert row.department == third
        assert [change.difference_yen for _, change in row.cells] == [100, 100]
        assert [cell.department for cell, _ in row.cells] == [second, third]
        assert [remark[:20] for remark in row.remarks] == [
            "令和2年度に、「架空1部」から「架空2部",
            "令和3年度に、「架空2部」から「架空3部",
        ]

    def test_merged_ones_are_said_and_not_added_up(self):
        first, second, new = (
            department(1, None, 2020),
            department(2, None, 2020),
            department(3, 2020),
        )
        succession = Succession([(first, new), (second, new)])
        rows = compare_departments(
            [settlement(first, 2019, 1), settlement(second, 2019, 2), settlement(new, 2020, 5)],
            [2019, 2020],
            succession,
        )
        assert [row.department for row in rows] == [first, second, new]
        assert rows[2].cells[1][1].difference_yen is None
        assert "統合" in rows[2].remarks[0]
        assert rows[0].remarks == []

    def test_two_names_with_a_settlement_of_the_same_year_stay_apart(self):
        old, new = department(1, None, 2020), department(2, 2020)
        rows = compare_departments(
            [settlement(old, 2020, 1), settlement(new, 2020, 2)],
            [2020],
            Succession([(old, new)]),
        )
        assert [row.cells[0][1].after_yen for row in rows] == [1, 2]

    @pytest.mark.django_db
    def test_a_program_tells_what_its_departments_came_out_of(self):
        old = builders.make_department(name="架空旧部", abolished_in=2020)
        new = builders.make_department(name="架空新部", established_in=2020)
        old.successors.add(new)
        items = [
            builders.make_item(
                builders.make_settlement(department=each, fiscal_year=year), amount_yen=year
            )
            for each, year in ((old, 2019), (new, 2020))
        ]
        years = make_series(items, load_succession())
        assert [year.remarks for year in years] == [
            [],
            ["令和2年度に、「架空旧部」から「架空新部」に改称しました。"],
        ]
        assert years[1].change.difference_yen == 1


@pytest.mark.django_db
class TestThePages:
    @pytest.fixture
    def renamed(self):
        old = builders.make_department(name="架空旧部", slug="old", abolished_in=2020)
        new = builders.make_department(name="架空新部", slug="new", established_in=2020)
        old.successors.add(new)
        program = builders.make_program()
        for each, year, amount_yen in ((old, 2019, 1_000_000), (new, 2020, 3_000_000)):
            settlement = builders.make_settlement(department=each, fiscal_year=year)
            builders.make_item(settlement, name="架空項目", amount_yen=amount_yen, program=program)
        return old, new

    def test_old_and_new_lead_to_each_other_with_the_year(self, client, renamed):
        _, new = renamed
        page = client.get("/departments/old/")
        assert "引き継いだ部局 架空新部 （令和2年度に改称）" in text_of(page)
        assert 'href="/departments/new/"' in page.content.decode()
        page = client.get("/departments/new/")
        assert "前身 架空旧部 （令和2年度に改称）" in text_of(page)
        newest = builders.make_department(name="架空最新部", established_in=2022)
        Department.objects.filter(pk=new.pk).update(abolished_in=2022)
        new.successors.add(newest)
        assert "いまの部局 架空最新部" in text_of(client.get("/departments/old/"))

    def test_the_list_shows_the_abolished_apart_with_what_followed(self, client, renamed):
        builders.make_department(name="架空将来廃止部", abolished_in=2099)
        heading = " 廃止された部局 "
        for sort in ("", "name", "position"):
            words = text_of(client.get("/departments/", {"sort": sort}))
            current, abolished = words.split(heading)
            assert "架空新部" in current
            assert "架空将来廃止部" in current
            assert "架空旧部 — 資料に記載なし 令和2年度 引継ぎ： 架空新部" in abolished
        Department.objects.filter(slug="old").update(abolished_in=None)
        assert heading not in text_of(client.get("/departments/"))

    def test_a_past_settlement_keeps_the_name_and_leads_to_the_present(self, client, renamed):
        page = client.get("/settlements/2019/old/")
        words = text_of(page)
        assert "令和元年度（2019年度） 架空旧部の決算" in words
        assert "この年度の名称です。いまの部局： 架空新部" in words
        assert "いまの部局" not in text_of(client.get("/settlements/2020/new/"))

    def test_the_year_of_a_renaming_is_compared_with_the_old_name_and_says_so(
        self, client, renamed
    ):
        words = text_of(client.get("/settlements/2020/new/"))
        assert (
            "「架空旧部」から「架空新部」に改称しました。前の年度は、改称する前の決算です。"
            in words
        )
        assert "令和元年度（2019年度）の架空旧部の決算 と比べています。" in words
        assert "2,000千円" in words
        item = text_of(client.get("/settlements/2020/new/1/"))
        assert "前年度との差 2,000千円" in item
        assert "「架空旧部」から「架空新部」に改称しました。" in item
        program = text_of(client.get(builders.Program.objects.get().get_absolute_url()))
        assert "令和2年度に、「架空旧部」から「架空新部」に改称しました。" in program

    def test_the_years_side_by_side_are_one_row_and_the_file_keeps_the_names(self, client, renamed):
        words = text_of(client.get("/settlements/"))
        assert "架空新部 令和2年度に、「架空旧部」から「架空新部」に改称しました。" in words
        answer = client.get("/settlements/", {"format": "csv", "table": "years"})
        rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
        assert [(row["部局"], row["年度（西暦）"], row["前年度との差（円）"]) for row in rows] == [
            ("架空旧部", "2019", ""),
            ("架空新部", "2020", "2000000"),
        ]

    def test_the_year_of_a_merger_is_said_and_not_compared(self, client, renamed):
        _, new = renamed
        other = builders.make_department(name="架空別部", abolished_in=2020)
        other.successors.add(new)
        words = text_of(client.get("/settlements/2020/new/"))
        assert (
            "前年度との比較 令和2年度に、「架空旧部」と「架空別部」を統合して「架空新部」が"
            "できました。前の年度の決算とは比べていません。"
        ) in words
        assert "と比べています" not in words
