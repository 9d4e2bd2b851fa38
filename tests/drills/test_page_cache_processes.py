"""Each change shows at once on every page that it concerns, whichever process made it or keeps pages."""

from contextlib import ExitStack, closing

import pytest
from django.db import connection

from portal.edition_triggers import list_models
from tests.drills.databases import Databases
from tests.drills.reading import Process

pytestmark = pytest.mark.django_db(transaction=True)
# Where a change of each model shows: the address of its world that begins so.
SHOWN = {
    "portal.department_successors": "/departments/department-",
    "portal.department": "/departments/department-",
    "portal.sourcedocument": "/documents/document-",
    "portal.place": "/initiatives/initiative-",
    "portal.glossaryterm": "/glossary/",
    "portal.changenote": "/changes/",
    "initiatives.plan": "/pillars/pillar-",
    "initiatives.pillar": "/pillars/pillar-",
    "initiatives.resultsreport": "/reports/report-",
    "initiatives.initiative_departments": "/initiatives/initiative-",
    "initiatives.initiative_places": "/initiatives/initiative-",
    "initiatives.initiative": "/initiatives/initiative-",
    "initiatives.initiativefigure": "/initiatives/initiative-",
    "initiatives.distinction": "/initiatives/initiative-",
    "initiatives.initiativeimage": "/initiatives/initiative-",
    "initiatives.initiativelink": "/initiatives/initiative-",
    "initiatives.indicator_initiatives": "/indicators/indicator-",
    "initiatives.indicator": "/indicators/indicator-",
    "initiatives.indicatorvalue": "/indicators/indicator-",
    "budgets.settlement": "/settlements/2020/department-",
    "budgets.prioritypolicy": "/settlements/2020/department-",
    "budgets.priorityeffort": "/settlements/2020/department-",
    "budgets.settlementitem": "/settlements/2020/department-",
    "budgets.settlementfigure": "/programs/program-",
    "budgets.fundingsource": "/guide/checks/",
    "budgets.program": "/programs/program-",
    "budgets.programalias": "/programs/program-",
}
# Of these it does not show what their rows say, but that they are there. Taken away last.
SHOWN_BY_BEING_THERE = {
    "budgets.snapshot": "/settlements/2020/department-",
    "budgets.programlineage": "/programs/program-",
    "budgets.initiativecost": "/initiatives/initiative-",
    "portal.formerslug": "/departments/mae/",
    "budgets.formercode": "/settlements/2020/department-3/9/",
    "portal.searchentry": "/search/?q=",
}
# What staff keep of a record's way, of which pages show the moments alone.
SHOWN_NOWHERE = {"portal.version", "portal.transition"}
TELLING = {
    "/open-data/",
    "/open-data/manifest.json",
    "/open-data/all.zip",
    "/open-data/documents.xlsx",
}


@pytest.fixture
def processes(tmp_path):
    """Yield a process that keeps pages, one that keeps none, and one that writes, on one database."""
    databases = Databases(tmp_path)
    name = databases.copy_of_tests("pages")
    address = databases.environment["DATABASE_URL"].rsplit("/none", 1)[0]
    url = f"sqlite:///{name}" if connection.vendor == "sqlite" else f"{address}/{name}"
    environment = {"DATABASE_URL": url, "DRILL_MEDIA": str(tmp_path / "media")}
    with ExitStack() as opened:
        yield [
            opened.enter_context(closing(Process(environment | more)))
            for more in ({}, {"DRILL_KEEPS_NOTHING": "1"}, {})
        ]
    databases.drop()


class World:
    """A process that keeps pages, one that keeps none, and one that writes; and the addresses."""

    def __init__(self, processes):
        self.keeping, self.fresh, self.writer = processes
        self.addresses = self.writer.ask("make_world")

    def change(self, label):
        is_gone = label in SHOWN_BY_BEING_THERE
        assert self.writer.ask("change", label=label, is_gone=is_gone) > 0, label

    def find(self, label) -> str:
        beginning = (SHOWN | SHOWN_BY_BEING_THERE)[label]
        return next(address for address in self.addresses if address.startswith(beginning))


@pytest.fixture
def world(processes):
    return World(processes)


def test_all_models_are_known():
    labels = {model._meta.label_lower for model in list_models()}
    assert labels == SHOWN.keys() | SHOWN_BY_BEING_THERE.keys() | SHOWN_NOWHERE


def test_every_models_change_shows_at_once_where_it_concerns(world):
    """The lean form: one page of each model, in every run of the tests."""
    for label in SHOWN | SHOWN_BY_BEING_THERE:
        page = [world.find(label)]
        before = world.keeping.ask("read", addresses=page)
        assert world.keeping.ask("read", addresses=page) == before
        world.change(label)
        shown = world.keeping.ask("read", addresses=page)
        assert shown == world.fresh.ask("read", addresses=page), label
        assert shown != before, label


@pytest.mark.drill
def test_every_models_change_shows_on_every_page_at_once(world):
    assert len(world.addresses) > 60
    before = world.fresh.ask("read", addresses=world.addresses)
    again = world.fresh.ask("read", addresses=world.addresses)
    # Those that tell the moment at which they were made.
    assert {address for address in before if before[address] != again[address]} <= TELLING
    steady = [address for address in world.addresses if address not in TELLING]
    assert world.keeping.ask("read", addresses=steady) == {a: before[a] for a in steady}
    for label in SHOWN | SHOWN_BY_BEING_THERE:
        world.change(label)
        now = world.fresh.ask("read", addresses=steady)
        shown = world.keeping.ask("read", addresses=steady)
        stale = [address for address in steady if shown[address] != now[address]]
        assert stale == [], f"{label} was changed, and these pages still show what was: {stale}"
        before = now
    print(f"{len(SHOWN | SHOWN_BY_BEING_THERE)} models, {len(steady)} pages, none of them stale")
