"""A client generated from the API's schema reads what the API answers."""

import importlib
import json
import subprocess
import sys

import httpx
import pytest
from django.urls import reverse

from portal.api import api
from portal.wsgi import application
from tests.api_world import make_world
from tests.builders import make_item, make_settlement

NAME = "portal_client"
pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    """Generate the client into a folder of its own; return what imports its modules."""
    folder = tmp_path_factory.mktemp("generated")
    (folder / "openapi.json").write_text(json.dumps(api.get_openapi_schema()))
    (folder / "config.json").write_text(
        json.dumps({"package_name_override": NAME, "post_hooks": []})
    )
    done = subprocess.run(
        [
            *(sys.executable, "-m", "openapi_python_client", "generate"),
            *("--path", folder / "openapi.json", "--config", folder / "config.json"),
            *("--meta", "none", "--output-path", folder / NAME, "--fail-on-warning"),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    yield lambda name: importlib.import_module(f"{NAME}.{name}")
    sys.path.remove(str(folder))


@pytest.fixture
def ask(generated, settings):
    """Return a function that asks an operation of the generated client, without a network."""
    settings.ALLOWED_HOSTS = ["portal.example.jp"]
    client = generated("client").Client(
        "http://portal.example.jp",
        httpx_args={"transport": httpx.WSGITransport(application)},
    )

    def ask(module, *path, **parameters):
        operation = generated(f"api.{module}")
        return operation.sync(*path, client=client, **parameters)

    return ask


def test_the_client_reads_lists_records_and_problems(ask, generated):
    assert reverse("api_docs") == "/api/v1/docs"
    models = generated("models")
    make_world("a", size=2)
    make_item(make_settlement(fiscal_year=2011), "1", name="架空費", amount_yen=None)

    listing = ask("default.budgets_api_list_items", sort="code", limit=1)
    assert listing.count == 5
    assert listing.next_.startswith("http://portal.example.jp/api/v1/settlement-items?")
    (item,) = listing.items
    assert isinstance(item, models.FlatItemOut)
    assert (item.name, item.amount_yen, item.fiscal_year) == ("架空費", None, 2011)
    assert item.department.slug
