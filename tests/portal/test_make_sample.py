"""架空県: the same options give the same rows; and who sees it is told that it is made up."""

import hashlib
import json
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import transaction
from django.db.models import Count, Q

from budgets.checks import CheckStatus, check_settlement
from budgets.facts import load_item_facts
from budgets.models import (
    InitiativeCost,
    Program,
    Settlement,
    SettlementFigure,
    SettlementItem,
    Snapshot,
)
from initiatives.models import IndicatorValue, Initiative
from portal.models import Department, Place, SearchEntry, SourceDocument
from portal.publishing import Status
from portal.sample import SampleError, Size, make_sample
from portal.sample_settlements import make_codes
from portal.search import find
from tests import builders

SIZE = Size(departments=4, years=3, items=6)
CONTENT = ["portal", "initiatives", "budgets"]
NOT_MADE = {"portal.editionnumber", "portal.editionmoment"}

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fictitious_prefecture(settings):
    settings.PREFECTURE_NAME = "架空県"


def digest() -> str:
    """Return a digest of every row of content with its number, where the database does not give it."""
    found = hashlib.sha256()
    models = [
        model
        for app in CONTENT
        for model in apps.get_app_config(app).get_models(include_auto_created=True)
        if model._meta.label_lower not in NOT_MADE
    ]
    for model in models:
        fields = [field.attname for field in model._meta.concrete_fields]
        if model in (SearchEntry, Snapshot):
            fields.remove("id")
        for row in model._base_manager.order_by(*fields[:3]).values_list(*fields):
            found.update(
                f"{model._meta.label} {[bytes(v) if isinstance(v, memoryview) else v for v in row]}\n".encode()
            )
    return found.hexdigest()


def make_and_undo(size: Size) -> str:
    with transaction.atomic():
        make_sample(size)
        made = digest()
        transaction.set_rollback(True)
    return made


def run(**options) -> str:
    out = StringIO()
    call_command("make_sample", departments=2, years=2, items=5, stdout=out, **options)
    return out.getvalue()


class TestRows:
    def test_the_same_options_give_the_same_rows_with_the_same_numbers(self):
        small = Size(departments=4, years=2, items=5)
        assert make_and_undo(small) == make_and_undo(small)

    def test_another_seed_gives_other_rows(self):
        small = {"departments": 1, "years": 1, "items": 5}
        assert make_and_undo(Size(**small)) != make_and_undo(Size(**small, seed=2))

    def test_the_options_say_how_much_there_is(self):
        make_sample(SIZE)
        assert Settlement.objects.count() == 4 * 3
        counts = Settlement.objects.annotate(n=Count("items")).values_list("n", flat=True)
        assert set(counts) == {6}
        assert Settlement.objects.values("fiscal_year").distinct().count() == 3

    def test_every_kind_of_record_is_valid(self):
        make_sample(SIZE)
        for app in CONTENT:
            for model in apps.get_app_config(app).get_models():
                for record in model._base_manager.all()[:25]:
                    record.full_clean(validate_unique=False, validate_constraints=False)

    def test_the_database_goes_on_counting_after_the_last_row(self):
        make_sample(SIZE)
        last = Program.objects.order_by("pk").last()
        assert builders.make_program().pk == last.pk + 1

    def test_some_records_are_not_public(self):
        make_sample(SIZE)
        found = {*Settlement.objects.values_list("status", flat=True)}
        assert found == {Status.DRAFT, Status.PUBLISHED, Status.WITHDRAWN}
        scheduled = Settlement.objects.filter(status=Status.PUBLISHED)
        assert scheduled.count() == Settlement.objects.published().count() + 1
        assert Initiative.objects.filter(status=Status.DRAFT).exists()
        assert IndicatorValue.objects.published().count() < IndicatorValue.objects.count()

    def test_each_public_settlement_of_the_newest_year_has_its_snapshot_of_that_day(self):
        make_sample(SIZE)
        newest = Settlement.objects.published().in_fiscal_year(2023)
        assert newest.count() == 2
        for settlement in newest:
            snapshot = settlement.snapshots.get()
            assert snapshot.visible_from == settlement.publish_from
            assert len(snapshot.read_content()["settlement-items"]) == 6
        assert not Settlement.objects.filter(status=Status.DRAFT, snapshots__isnull=False).exists()

    def test_bureaus_are_renamed_and_merged(self):
        make_sample(SIZE)
        followed = Department.objects.filter(parent=None, successors__isnull=False)
        heirs = Department.objects.annotate(n=Count("predecessors")).filter(n=2)
        assert followed.count() == 3
        assert [heir.name for heir in heirs] == ["架空県 農政県土部"]

    def test_a_program_has_items_in_several_years(self):
        make_sample(SIZE)
        years = Count("items__settlement__fiscal_year", distinct=True)
        assert Program.objects.annotate(years=years).filter(years=3).exists()

    def test_what_checks_find_is_mixed(self):
        make_sample(Size(departments=2, years=2, items=200))
        facts = load_item_facts(Settlement.objects.all(), costs=InitiativeCost.objects.all())
        results = [result for each in facts.values() for result in check_settlement(each)]
        found = [result.status for result in results if result.expected is not None]
        matched = found.count(CheckStatus.MATCHED)
        assert matched > len(found) / 2
        assert {CheckStatus.PARTIAL, CheckStatus.EXCEEDED, CheckStatus.NONE} <= {*found}

    def test_everything_that_people_could_take_for_real_is_marked(self):
        make_sample(SIZE)
        for model, field in [(Department, "name"), (SourceDocument, "title"), (Place, "name")]:
            assert not model.objects.filter(~Q(**{f"{field}__startswith": "架空県"})).exists()

    def test_words_are_found(self):
        make_sample(SIZE)
        items = SettlementItem.objects.filter(settlement__status=Status.PUBLISHED)
        assert 0 < items.count() < 72
        assert SearchEntry.objects.filter(kind="settlement_item").count() == items.count()
        item = SettlementItem.objects.published().first()
        assert item.name in [hit.title for hit in find(item.name).results]

    def test_figures_number_about_five_an_item(self):
        make_sample(Size(departments=1, years=1, items=300))
        assert 1300 < SettlementFigure.objects.count() < 1800


def test_a_tree_has_so_many_items_with_each_one_above_them():
    from random import Random

    for number in (3, 12, 333):
        codes = make_codes(Random(1), number)
        assert len({*codes}) == number
        assert all("." not in code or code.rpartition(".")[0] in codes for code in codes)
    assert max(code.count(".") for code in codes) in (3, 4)


class TestCommand:
    def test_it_tells_what_it_made(self):
        told = run()
        assert "決算：4件" in told
        assert "架空県のデータを作りました（--departments 2 --years 2 --items 5 --seed 1）" in told

    def test_a_second_run_changes_nothing_and_says_so(self):
        run()
        before = digest()
        assert "何も変えませんでした" in run()
        assert digest() == before

    def test_other_options_in_the_same_database_are_refused(self):
        run()
        with pytest.raises(CommandError, match="別の指定で作った架空のデータ"):
            run(seed=2)

    @pytest.mark.parametrize("make", [builders.make_department, builders.make_term])
    def test_a_database_with_other_content_is_refused(self, make):
        make()
        with pytest.raises(CommandError, match="すでに内容があります"):
            run()
        assert not Settlement.objects.exists()

    def test_a_real_prefecture_is_refused(self, settings):
        settings.PREFECTURE_NAME = "群馬県"
        with pytest.raises(CommandError, match="環境変数 PREFECTURE_NAME=架空県"):
            run()
        assert not Department.objects.exists()

    @pytest.mark.parametrize(
        "wrong", [{"departments": 0}, {"years": 41}, {"items": 2}, {"seed": -1}]
    )
    def test_a_size_out_of_bounds_is_refused(self, wrong):
        with pytest.raises(SampleError, match="までの数にしてください"):
            make_sample(Size(**wrong))


class TestBanner:
    def test_every_page_says_that_the_data_is_made_up(self, client, admin_client):
        make_sample(Size(departments=2, years=2, items=12))
        settlement = Settlement.objects.published().first()
        chart = f"/embed{settlement.get_absolute_url()}ranking/"
        for address in ("/", settlement.get_absolute_url(), chart, "/admin/login/"):
            text = client.get(address, follow=True).content.decode()
            assert '<p class="fictitious">架空のデータです。' in text, address
        assert '<p class="fictitious">' in admin_client.get("/admin/").content.decode()

    def test_machines_are_told_too(self, client):
        catalogue = json.loads(client.get("/open-data/catalog.jsonld").content)
        assert "架空のデータです" in catalogue["dct:description"]["@value"]
        package = json.loads(client.get("/open-data/datapackage.json").content)
        assert "架空のデータです" in package["description"]
        schema = client.get("/api/v1/openapi.json").json()
        assert "架空のデータです" in schema["info"]["description"]

    def test_a_real_prefecture_says_nothing_of_it(self, client, settings):
        settings.PREFECTURE_NAME = "群馬県"
        for address in ("/", "/admin/login/", "/open-data/catalog.jsonld", "/api/v1/openapi.json"):
            assert "架空のデータ" not in client.get(address, follow=True).content.decode()
