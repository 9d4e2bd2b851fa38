"""A client generated from the API's schema reads what the API answers."""

import importlib
import json
import subprocess
import sys

import httpx
import pytest

from portal.api import api
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
def ask(generated, application, settings):
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
    models = generated("models")
    make_world("a", size=2)
    item = make_item(make_settlement(fiscal_year=2011), "1", name="架空費", amount_yen=None)

    listing = ask("決算.list_items", fiscal_year=2011, sort="code")
    assert (listing.count, listing.next_) == (1, None)
    (row,) = listing.items
    assert isinstance(row, models.FlatItemOut)
    assert (row.name, row.amount_yen, row.fiscal_year) == ("架空費", None, 2011)

    listing = ask("決算.list_items", fields="code,level", sort="-code", limit=1)
    assert listing.next_.startswith("http://portal.example.jp/api/v1/settlement-items?")
    (row,) = listing.items
    assert isinstance(row, models.PartialFlatItemOut)
    assert (row.code, row.level) == ("1.2", 2)

    department = item.settlement.department.slug
    record = ask("決算.get_item", 2011, department, "1")
    assert record.department.slug == department
    figures = ask("実績値.list_figures", kind=models.ListFiguresKind("expenditure"), q="全体").items
    assert {figure.amount_yen for figure in figures} == {5_000}

    problem = ask("決算.get_item", 2011, department, "2")
    assert isinstance(problem, models.Problem)
    assert (problem.status, problem.title) == (404, "見つかりません")
    problem = ask("決算.list_items", department="nai")
    assert problem.errors[0].parameter == "department"
