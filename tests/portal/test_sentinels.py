"""Nothing that is not public shows at any public address.

Every text of a hidden record holds SECRET; every public address is read for it.
"""

import copy
import datetime

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.utils import timezone

from portal import revisions, versions
from portal.audit import AuditAction, write_audit
from portal.models import ImportLog, Reorganisation, Role, Transition
from portal.publishing import Publication, Status
from tests.builders import (
    make_change_note,
    make_cost,
    make_distinction,
    make_document,
    make_effort,
    make_funding,
    make_image,
    make_indicator,
    make_indicator_value,
    make_initiative,
    make_initiative_figure,
    make_item,
    make_lineage,
    make_link,
    make_pillar,
    make_plan,
    make_policy,
    make_program,
    make_report,
    make_settlement,
    make_settlement_figure,
    make_staff,
)
from tests.public_pages import arguments_of, list_addresses, make_world

pytestmark = pytest.mark.django_db

SECRET = "見えてはならない"
HALF = SECRET[:4]  # what is searched for, since a page repeats the query
SLUG = "must-not-show"
DAY = datetime.timedelta(days=1)


def hidden_states():
    now = timezone.now()
    return {
        "draft": {"status": Status.DRAFT},
        "in-review": {"status": Status.IN_REVIEW},
        "withdrawn": {"status": Status.WITHDRAWN},
        "binned": {"status": Status.BINNED},
        "scheduled": {"status": Status.PUBLISHED, "publish_from": now + DAY},
        "expired": {"status": Status.PUBLISHED, "publish_until": now - DAY},
    }


def hide(world, state, fields):
    """Make hidden records of all kinds, joined with the public ones in every way there is."""
    fields = {"internal_note": SECRET, **fields}
    (initiative,), (item,), (indicator,) = world["initiatives"], world["items"], world["indicators"]
    (pillar,), (report,) = world["pillars"], world["reports"]
    text = f"{SECRET}{state}"

    document = make_document(
        title=text, issued_by=text, note=text, slug=f"{SLUG}-{state}", **fields
    )
    cited = {"source": document}
    make_initiative(pillar=pillar, report=report, departments=world["departments"], **cited)
    for record in (initiative, initiative.pillar.plan, report, indicator, item, item.settlement):
        if state == "draft":
            type(record).objects.filter(pk=record.pk).update(**cited)
    make_initiative_figure(initiative, **cited)
    make_settlement_figure(item, **cited)
    make_funding(make_item(item.settlement, f"7.{item.settlement.items.count()}"), **cited)
    make_indicator_value(indicator, **cited)

    secret = {"title": text, "summary": text, "body": text, "period": text}
    place = {"slug": f"{SLUG}-initiative-{state}", "departments": world["departments"]}
    hidden_initiative = make_initiative(
        pillar=pillar, report=report, distinctions=[text], **place, **secret, **fields
    )
    plan = make_plan(name=text, description=text, slug=f"{SLUG}-plan-{state}", **fields)
    hidden_pillar = make_pillar(
        plan=plan, name=text, description=text, slug=f"{SLUG}-pillar-{state}"
    )
    hidden_report = make_report(title=text, summary=text, slug=f"{SLUG}-report-{state}", **fields)
    under_hidden = [
        make_initiative(pillar=hidden_pillar, report=report, **secret),
        make_initiative(pillar=pillar, report=hidden_report, **secret),
        hidden_initiative,
    ]
    images = []
    for owner in under_hidden:
        whole = make_initiative_figure(owner, label=text, note=text, value=98_765_432)
        make_initiative_figure(initiative, part_of=whole)
        make_distinction(owner, name=text + "特色")
        make_link(owner, title=text)
        images.append(make_image(owner, alt=text, credit=text))
        make_cost(owner, item, relation="editorial", note=text)
        indicator.initiatives.add(owner)
        make_change_note(owner, text=text)
        make_change_note(whole, text=text)

    hidden_indicator = make_indicator(
        name=text, description=text, slug=f"{SLUG}-indicator-{state}", **fields
    )
    hidden_indicator.initiatives.add(initiative)
    make_indicator_value(hidden_indicator, actual=98_765_432, note=text)
    make_indicator_value(indicator, actual=98_765_432, note=text, as_printed=text, **fields)
    make_change_note(hidden_indicator, text=text)

    settlement = make_settlement(
        department=item.settlement.department,
        fiscal_year=1990 + list(hidden_states()).index(state),
        heading=text,
        introduction=text,
        **fields,
    )
    program = make_program(name=text, slug=f"{SLUG}-program-{state}", aliases=[text + "別名"])
    hidden_item = make_item(
        settlement, name=text, body=text, amount_yen=98_765_432_000, program=program
    )
    make_item(settlement, "2", name=text, program=item.program)
    whole = make_settlement_figure(hidden_item, label=text, note=text, value=98_765_432)
    make_settlement_figure(item, part_of=whole)
    make_funding(hidden_item)
    make_effort(make_policy(settlement, name=text), name=text, item=item)
    make_effort(item.settlement.priority_policies.first(), item=hidden_item)
    make_cost(initiative, hidden_item, relation="editorial", note=text)
    make_lineage(item.program, fiscal_year=1990 + settlement.fiscal_year % 10, related=program)
    for record in (document, plan, hidden_report, settlement, hidden_item, whole):
        make_change_note(record, text=text)
    return {
        "documents": [document],
        "pillars": [hidden_pillar],
        "reports": [hidden_report],
        "initiatives": under_hidden,
        "images": images,
        "indicators": [hidden_indicator],
        "programs": [program],
        "items": [hidden_item],
    }


@pytest.fixture(scope="module")
def kept_worlds(kept_for_module):
    world = make_world(internal_note=SECRET)
    return world, {state: hide(world, state, f) for state, f in hidden_states().items()}


@pytest.fixture
def worlds(kept_worlds):
    """Return the public records, and the hidden ones of each state."""
    return copy.deepcopy(kept_worlds)


def read(client, address) -> str:
    answer = client.get(address)
    headers = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
    return headers + b"".join(answer).decode(errors="replace")


def list_variants(address):
    """Return an address with each query string that makes it tell something else."""
    yield address
    if address.startswith("/api/"):
        yield f"{address}?limit=1000"
        yield f"{address}?format=csv"
        yield f"{address}?format=jsonl&q={HALF}"
        yield f"{address}?fields=url&limit=1"
        yield f"{address}?q={HALF}"
        yield f"{address}?fiscal_year=1990"
    else:
        yield f"{address}?format=csv"
        yield f"{address}?format=csv&table=figures"
        yield f"{address}?q={HALF}"
        yield f"{address}?format=csv&q={HALF}"
        yield f"{address}?page=2"
        yield f"{address}?sort=-updated_at"


def test_nothing_hidden_shows_at_any_public_address(client, worlds):
    world, _ = worlds
    addresses = list_addresses(arguments_of(**world))
    assert len(addresses) > 50
    for address in addresses:
        for variant in list_variants(address):
            text = read(client, variant)
            for trace in (SECRET, SLUG, "98,765,432", "98765432"):
                assert trace not in text, f"{trace} in {variant}"


def rewrite(record):
    """Put the secret into every text of a record and of all its parts."""
    for model in [type(record), *(part for part, _ in versions.parts_of(type(record)))]:
        path = versions.root_path(model) or "pk"
        unique = {f.name for f in model._meta.concrete_fields if f.unique}
        names = [
            field.name
            for field in versions.fields_of(model)
            if isinstance(field, models.TextField | models.CharField)
            and not isinstance(field, models.FileField)
            and not field.choices
            and field.name not in unique | {"code", "code_order", "unit", "url"}
        ]
        for row in model._base_manager.filter(**{path: record.pk}):
            for name in names:
                setattr(row, name, f"{SECRET}{row.pk}")
            row.save()


def test_what_only_the_office_keeps_shows_at_no_public_address(client, worlds):
    """Revisions, waiting and approved, versions, comments, files: none of it is the public's."""
    world, _ = worlds
    editor = make_staff(Role.ADMINISTRATOR, username=f"{SECRET}職員")
    originals = [
        *world["initiatives"],
        world["items"][0].settlement,
        *world["indicators"],
        *world["documents"],
        *world["reports"],
    ]
    for number, record in enumerate(originals):
        revision = revisions.make_revision(record, editor)
        rewrite(revision)
        type(revision).objects.filter(pk=revision.pk).update(
            status=Status.APPROVED if number % 2 else Status.IN_REVIEW,
            publish_from=timezone.now() + DAY,
            announcements={"x": {"kind": "update", "text": SECRET}},
        )
        Transition.objects.create(
            content_type=ContentType.objects.get_for_model(record),
            object_id=record.pk,
            label=SECRET,
            action="approve",
            before="in_review",
            after="published",
            username=SECRET,
            comment=SECRET,
        )
        assert SECRET in str(versions.take(revision))
        versions.save_version(revision, SECRET, editor, SECRET)
        versions.save_aside(record, versions.take(revision), SECRET, editor, SECRET)
    ImportLog.objects.create(
        model=SECRET, file_name=SECRET, sha256="", size=1, file=SECRET.encode(), report=[SECRET]
    )
    write_audit(None, AuditAction.IMPORT, user=editor, record=SECRET, detail=SECRET)
    Reorganisation.objects.create(kind="renamed", fiscal_year=2020, comment=SECRET)
    for address in list_addresses(arguments_of(**world)):
        for variant in list_variants(address):
            assert SECRET not in read(client, variant), variant
    assert client.get("/api/v1/search", {"q": HALF}).json()["count"] == 0


def test_a_hidden_record_has_no_page_of_its_own(client, worlds):
    _, hidden = worlds
    for state, records in hidden.items():
        arguments = arguments_of(**records) | {"department": [], "sitemap_section": []}
        for address in set(list_addresses(arguments)) - set(list_addresses(arguments_of())):
            assert client.get(address).status_code in (404, 422), (state, address)


def test_the_search_counts_no_hidden_record(client, worlds):
    page = client.get("/search/", {"q": HALF}).content.decode()
    assert "見つかりませんでした" in page
    assert client.get("/api/v1/search", {"q": HALF}).json()["count"] == 0


def test_a_former_slug_never_leads_to_what_is_hidden(client, worlds):
    _, hidden = worlds
    for state, records in hidden.items():
        for kind in ("initiatives", "pillars", "reports", "indicators", "documents", "programs"):
            record = records[kind][-1]
            before, record.slug = record.slug, f"{record.slug}-new"
            record.save()
            for prefix in ("", "api/v1/"):
                slash = "" if prefix else "/"
                answer = client.get(f"/{prefix}{kind}/{before}{slash}")
                assert answer.status_code == 404, (state, kind)
                assert "Location" not in answer


def test_a_scheduled_record_shows_once_its_time_has_come(client, worlds):
    _, hidden = worlds
    now = timezone.now()
    for records in hidden["scheduled"].values():
        for record in records:
            for owner in (
                record,
                getattr(record, "plan", None),
                getattr(record, "settlement", None),
                getattr(record, "initiative", None),
            ):
                if isinstance(owner, Publication):
                    type(owner).objects.filter(pk=owner.pk).update(publish_from=now - DAY)
    arguments = arguments_of(**hidden["scheduled"])
    addresses = list_addresses(arguments | {"department": [], "sitemap_section": []})
    own = set(addresses) - set(list_addresses(arguments_of()))
    assert len(own) > 20
    for address in own:
        assert client.get(address).status_code == 200, address
    assert f"{SECRET}scheduled" in client.get("/initiatives/").content.decode()
    assert f"{SECRET}scheduled" in client.get("/feed.atom").content.decode()
    assert f"{SECRET}scheduled" in client.get("/changes/").content.decode()
    assert client.get("/api/v1/search", {"q": HALF}).json()["count"] > 0
    assert f"{SECRET}draft" not in client.get("/initiatives/").content.decode()
