"""Each change shows at once on every page that it concerns, whichever process made it or keeps pages."""

from contextlib import ExitStack, closing

import pytest
from django.db import connection

from portal.edition_triggers import list_models
from tests.drills.databases import Databases
from tests.drills.reading import Process

pytestmark = [pytest.mark.drill, pytest.mark.django_db(transaction=True)]
# What staff keep of a record's way, of which pages show the moments alone.
SHOWN_NOWHERE = {"portal.version", "portal.transition", "portal.place"}
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


def test_every_models_change_shows_on_every_page_at_once(processes):
    keeping, fresh, writer = processes
    addresses = writer.ask("make_world")
    assert len(addresses) > 60
    before = fresh.ask("read", addresses=addresses)
    again = fresh.ask("read", addresses=addresses)
    # Those that tell the moment at which they were made.
    telling = {address for address in addresses if before[address] != again[address]}
    assert telling <= TELLING
    steady = [address for address in addresses if address not in TELLING]
    assert keeping.ask("read", addresses=steady) == {a: before[a] for a in steady}
    silent = set()
    for model in list_models():
        label = model._meta.label_lower
        assert writer.ask("change", label=label) > 0 or label == "portal.version", label
        now = fresh.ask("read", addresses=steady)
        shown = keeping.ask("read", addresses=steady)
        stale = [address for address in steady if shown[address] != now[address]]
        assert stale == [], f"{label} was changed, and these pages still show what was: {stale}"
        if now == {address: before[address] for address in steady}:
            silent.add(label)
        before = now
    assert silent <= SHOWN_NOWHERE, silent
