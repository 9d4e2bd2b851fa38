"""Processes that read public pages, or change records behind everybody's back, on one database.

Each line that comes in is an order as JSON, each line that goes out its answer.
"""

import json
import os
import subprocess
import sys

REPLACED = "改"


class Process:
    """One of them, as a test sees it."""

    def __init__(self, environment: dict):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.drills.reading"],
            env=os.environ
            | {"API_RATE": "0", "SEARCH_RATE": "0", "LOG_LEVEL": "ERROR"}
            | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, do: str, **more):
        print(json.dumps({"do": do} | more), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)


def make_world() -> list[str]:
    """Make one record of every kind; return all public addresses."""
    from budgets.models import FormerCode
    from portal.models import FormerSlug
    from tests import public_pages

    world = public_pages.make_world()
    (department,), (item,) = world["departments"], world["items"]
    department.successors.add(*type(department).objects.exclude(pk=department.pk))
    FormerSlug.objects.create(model="portal.department", slug="mae", object_id=department.pk)
    FormerCode.objects.create(settlement=item.settlement, code="9", item=item)
    item.settlement.introduction = "架空の概要"
    item.settlement.save()
    return [
        *(
            address
            for address in public_pages.list_addresses(public_pages.arguments_of(**world))
            if address not in ("/favicon.ico", "/healthz")
        ),
        *("/departments/mae/", f"{item.settlement.get_absolute_url()}9/", "/search/?q=架空"),
    ]


def read(addresses: list[str]) -> dict[str, str]:
    """Return status and text of each page."""
    from django.test import Client

    client = Client(raise_request_exception=False)
    found = {}
    for address in addresses:
        answer = client.get(address)
        body = b"".join(answer) if answer.streaming else answer.content
        found[address] = f"{answer.status_code} {body.hex()}"
    return found


def change(label: str, is_gone: bool) -> int:
    """Change the words and numbers of all rows of a model, or take them away.

    By one statement without a signal; returns how many rows.
    """
    from django.apps import apps
    from django.db import models
    from django.db.models.functions import Concat

    model = apps.get_model(label)
    changed = {}
    for field in model._meta.concrete_fields:
        is_key = field.primary_key or field.unique or field.choices or field.is_relation
        if is_key or field.name in (
            "slug",
            "code",
            "code_order",
            "model",
            "address",
            "locator",
            "unit",
        ):
            continue
        if isinstance(field, models.TextField | models.CharField):
            new = Concat(field.name, models.Value(REPLACED), output_field=models.TextField())
            is_blank = models.When(**{field.name: ""}, then=models.Value(""))
            changed[field.name] = models.Case(
                is_blank, default=new, output_field=models.TextField()
            )
        elif (
            isinstance(field, models.BigIntegerField | models.DecimalField)
            and "share" not in field.name
        ):
            changed[field.name] = models.F(field.name) + 1
    rows = model._base_manager.all()
    return rows.update(**changed) if changed and not is_gone else rows._raw_delete(rows.db)


def serve():
    import django

    django.setup()
    from django.conf import settings
    from django.test.utils import setup_test_environment

    setup_test_environment()
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": plain}
    settings.MEDIA_ROOT = os.environ["DRILL_MEDIA"]
    if os.environ.get("DRILL_KEEPS_NOTHING"):
        settings.CACHES["pages"] = {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}
    for line in sys.stdin:
        order = json.loads(line)
        do = {"make_world": make_world, "read": read, "change": change}[order.pop("do")]
        print(json.dumps(do(**order)), flush=True)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    serve()
