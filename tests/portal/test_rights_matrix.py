"""Who may open and do what: every page of the admin, for every role, on own, others' and shared work.

Nothing of another department's unpublished work is ever in an answer, whatever is asked for.
"""

import io
import re
import zipfile

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import models, transaction
from django.test import Client
from django.urls import reverse

from budgets.models import (
    InitiativeCost,
    PriorityEffort,
    Settlement,
    SettlementFigure,
    SettlementItem,
)
from initiatives.models import Indicator, Initiative, InitiativeFigure, ResultsReport
from portal import versions
from portal.models import (
    AuditEntry,
    ChangeNote,
    Department,
    ImportLog,
    Role,
    SourceDocument,
)
from portal.publishing import Publication, Revisable
from portal.record_admin import RecordAdmin
from portal.revisions import get_revision
from portal.workflow import RULES
from tests import builders
from tests.admin_pages import change_url, form_of, page_url, save, text_of

pytestmark = pytest.mark.django_db

SEE, EDIT, APPROVE = "see", "edit", "approve"
ALL = {SEE, EDIT, APPROVE}
# What a role may do with its department's work, with another's, with papers, and with what all share.
# `any` is what it may do with the first kind in some department.
MAY = {
    "nobody": {"any": set(), "own": set(), "other": set(), "paper": set(), "shared": set()},
    "editor": {
        "any": {SEE, EDIT},
        "own": {SEE, EDIT},
        "other": set(),
        "paper": {SEE, EDIT},
        "shared": {SEE},
    },
    "approver": {
        "any": {SEE, APPROVE},
        "own": {SEE, APPROVE},
        "other": set(),
        "paper": {SEE, APPROVE},
        "shared": {SEE},
    },
    "both": {"any": ALL, "own": ALL, "other": set(), "paper": ALL, "shared": {SEE}},
    "elsewhere": {
        "any": {SEE, EDIT},
        "own": set(),
        "other": set(),
        "paper": {SEE, EDIT},
        "shared": {SEE},
    },
    "administrator": {"any": ALL, "own": ALL, "other": ALL, "paper": ALL, "shared": ALL},
    "superuser": {"any": ALL, "own": ALL, "other": ALL, "paper": ALL, "shared": ALL},
    "inactive": {"any": set(), "own": set(), "other": set(), "paper": set(), "shared": set()},
    "no staff": {"any": set(), "own": set(), "other": set(), "paper": set(), "shared": set()},
}
OVER_ALL = {"administrator", "superuser"}
# What each page asks for: of a kind of record, or of one record.
OF_A_KIND = {
    "changelist": SEE,
    "export": SEE,
    "add": EDIT,
    "import": EDIT,
    "template": EDIT,
    "read": EDIT,
}
OF_A_RECORD = {
    "change": SEE,
    "history": SEE,
    "version": SEE,
    "review": SEE,
    "preview": SEE,
    "tree": SEE,
    "delete": EDIT,
}
SENT_TO_A_RECORD = {"change": EDIT, "delete": EDIT, "restore_version": EDIT, "tree": EDIT}
STEP_ROLES = {Role.EDITOR: EDIT, Role.APPROVER: APPROVE}
# Pages with tests of their own, here or with the subject.
ELSEWHERE = {
    "step",
    "revise",
    "records",
    "paste",
    "process_import",
    "reading",
    "reorganise",
    "reorganisation",
    "reorganisations",
}
SECRET, HIDDEN_YEN = "よその秘密", 987_654_321
SECRETS = re.compile(f"{SECRET}|secret-|987,?654")
RECORDS = {model: a for model, a in admin.site._registry.items() if isinstance(a, RecordAdmin)}
NOT_MARKED = {"slug", "code", "code_order", "unit", "image", "licence"}


def make_work(department, mark=""):
    """Make drafts of every kind for a department; with `mark` in all their texts."""
    settlement = builders.make_settlement(department=department, status="draft")
    item = builders.make_item(settlement, "1.2", amount_yen=HIDDEN_YEN if mark else 1_000)
    whole = builders.make_settlement_figure(item, label="全体", value=HIDDEN_YEN if mark else 10)
    builders.make_settlement_figure(item, label="部分", value=3, part_of=whole)
    builders.make_funding(item)
    builders.make_policy(settlement, efforts=["主な取組"])
    initiative = builders.make_initiative(
        departments=[department],
        distinctions=["全国初"],
        status="draft",
        **({"slug": f"secret-{department.pk}"} if mark else {}),
    )
    builders.make_initiative_figure(initiative)
    builders.make_link(initiative)
    builders.make_image(initiative)
    builders.make_cost(initiative, item)
    indicator = builders.make_indicator(department=department, status="draft")
    indicator.initiatives.add(initiative)
    builders.make_indicator_value(indicator)
    if mark:
        for model, record in list_work(department):
            for field in model._meta.concrete_fields:
                is_text = isinstance(field, (models.CharField, models.TextField))
                if not is_text or field.choices or isinstance(field, models.URLField):
                    continue
                if field.name not in NOT_MARKED:
                    model.objects.filter(pk=record.pk).update(**{field.name: f"{mark}{record.pk}"})
    for root in (settlement, initiative, indicator):
        versions.save_version(type(root).objects.get(pk=root.pk), "作成")
    return settlement


def list_work(department) -> list:
    """Return (model, record) for the first record of each kind that belongs to a department."""
    found = []
    for model, model_admin in RECORDS.items():
        if model_admin.scope:
            record = model.objects.filter(**{model_admin.scope: department}).last()
            found.append((model, record))
    return found


def list_shared() -> list:
    found = []
    for model, model_admin in RECORDS.items():
        if not model_admin.scope and model is not ChangeNote:
            record = model.objects.last()
            versions.save_version(versions.root_of(record), "作成")
            found.append((model, record))
    return found


@pytest.fixture(scope="class")
def own(kept_for_class):
    return builders.make_department(name="架空自部")


@pytest.fixture(scope="class")
def other(kept_for_class):
    return builders.make_department(name="架空他部")


@pytest.fixture(scope="class")
def world(own, other):
    make_work(own)
    make_work(other, SECRET)
    builders.make_lineage(builders.make_program(aliases=["別名"]))
    builders.make_place()
    builders.make_term()
    builders.make_document(status="draft")
    ResultsReport.objects.update(status="draft")


def enter(role, own):
    """Return a client in which somebody of a role has entered."""
    fields = {
        "superuser": {"is_superuser": True},
        "inactive": {"is_active": False},
        "no staff": {"is_staff": False},
    }.get(role, {})
    user = builders.make_staff(**fields)
    third = builders.make_department(name="架空第三部")
    for held, department in {
        "editor": [(Role.EDITOR, own)],
        "approver": [(Role.APPROVER, own)],
        "both": [(Role.EDITOR, own), (Role.APPROVER, own)],
        "elsewhere": [(Role.EDITOR, third)],
        "administrator": [(Role.ADMINISTRATOR, None)],
        "inactive": [(Role.EDITOR, own), (Role.APPROVER, own)],
        "no staff": [(Role.EDITOR, own), (Role.APPROVER, own)],
    }.get(role, []):
        user.memberships.create(role=held, department=department)
    client = Client()
    client.force_login(user)
    client.user = user
    return client


def is_allowed(response) -> bool:
    if response.status_code == 302:
        return response["Location"] != "/admin/" and "/login/" not in response["Location"]
    assert response.status_code in (200, 403, 404), response.status_code
    return response.status_code == 200


def content_of(response) -> str:
    """Return the text of an answer, of a workbook that of all its sheets."""
    data = response.getvalue()
    if not data.startswith(b"PK"):
        return data.decode()
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        return "".join(book.read(name).decode(errors="replace") for name in book.namelist())


def ask(client, address, data=None, method="get"):
    """Send a request and undo what it did; return the answer."""
    with transaction.atomic():
        response = getattr(client, method)(address, data or {})
        transaction.set_rollback(True)
    return response


def page_of(record, action, *more) -> str:
    name = f"admin:{record._meta.app_label}_{record._meta.model_name}_{action}"
    return reverse(name, args=[record.pk, *more])


def pages_of(model) -> set[str]:
    prefix = f"{model._meta.app_label}_{model._meta.model_name}_"
    names = {url.name.removeprefix(prefix) for url in RECORDS[model].get_urls() if url.name}
    return {name.removeprefix("portal_changenote_") for name in names}


def class_of(model) -> str:
    """Return which column of the table a shared model is in."""
    return "paper" if model is SourceDocument else "shared"


def may_delete(model) -> bool:
    return not (RECORDS[model].is_root and issubclass(model, Publication))


def test_every_page_of_every_record_is_in_the_table():
    known = {*OF_A_KIND, *OF_A_RECORD, *SENT_TO_A_RECORD, *ELSEWHERE}
    assert {name for model in RECORDS for name in pages_of(model)} == known
    others = set(admin.site._registry) - set(RECORDS)
    assert others == {User, AuditEntry, ImportLog}


@pytest.mark.parametrize("role", MAY)
class TestTheTable:
    def test_kinds(self, role, own, world):
        client = enter(role, own)
        wrong = []
        for model, model_admin in RECORDS.items():
            may = MAY[role]["any" if model_admin.scope else class_of(model)]
            for page in OF_A_KIND.keys() & pages_of(model):
                for method in ("get",) if page in ("changelist", "template") else ("get", "post"):
                    is_sent = page == "export" and method == "post"
                    data = {"format": 0, "resource": ""} if is_sent else {}
                    answer = ask(client, page_url(model, page), data, method)
                    if is_allowed(answer) != (OF_A_KIND[page] in may):
                        wrong.append((model.__name__, page, method, answer.status_code))
                    if role not in OVER_ALL and SECRETS.search(content_of(answer)):
                        wrong.append((model.__name__, page, method, "secret"))
        assert wrong == []

    def test_records(self, role, own, other, world):
        client = enter(role, own)
        wrong = []
        work = [("own", *pair) for pair in list_work(own)]
        work += [("other", *pair) for pair in list_work(other)]
        work += [(class_of(model), model, record) for model, record in list_shared()]
        for kind, model, record in work:
            may, pages = MAY[role][kind], pages_of(model)
            asked = [
                (page, page_of(record, *args(page)), need, "get")
                for page, need in OF_A_RECORD.items()
                if page in pages
            ]
            asked += [
                (page, page_of(record, *args(page)), need, "post")
                for page, need in SENT_TO_A_RECORD.items()
                if page in pages
            ]
            if "step" in pages:
                asked += [
                    (action, page_of(record, "step", action), STEP_ROLES[rule.role], "post")
                    for action, rule in RULES.items()
                ]
            for page, address, need, method in asked:
                data = {"post": "yes"} if page == "delete" else {}
                answer = ask(client, address, data, method)
                expected = need in may and (page != "delete" or may_delete(model))
                if is_allowed(answer) != expected:
                    wrong.append((kind, model.__name__, page, method, answer.status_code))
                if role not in OVER_ALL and SECRETS.search(content_of(answer)):
                    wrong.append((kind, model.__name__, page, method, "secret"))
        assert wrong == []

    def test_what_is_public_changes_by_a_revision_alone(self, role, own, other, world):
        for model in RECORDS:
            if issubclass(model, Revisable):
                model.objects.update(status="published")
        client = enter(role, own)
        wrong = []
        for kind, department in (("own", own), ("other", other)):
            for model, record in list_work(department):
                for page in ("change", "delete"):
                    answer = ask(client, page_of(record, page), {"post": "yes"}, "post")
                    if is_allowed(answer):
                        wrong.append((kind, model.__name__, page))
                if "revise" not in pages_of(model):
                    continue
                answer = ask(client, page_of(record, "revise"), {}, "post")
                if is_allowed(answer) != (EDIT in MAY[role][kind]):
                    wrong.append((kind, model.__name__, "revise"))
        assert wrong == []

    def test_choices(self, role, own, world):
        """What is offered while one types is what a form would accept, and no more."""
        client = enter(role, own)
        asked = 0
        for model, model_admin in RECORDS.items():
            for name in model_admin.autocomplete_fields:
                for term in ("", SECRET, "架空"):
                    query = {
                        "app_label": model._meta.app_label,
                        "model_name": model._meta.model_name,
                        "field_name": name,
                        "term": term,
                    }
                    answer = client.get(reverse("admin:autocomplete"), query)
                    assert is_allowed(answer) == bool(MAY[role]["shared"])
                    words = answer.content.decode("unicode_escape", "replace")
                    text = str(answer.json()) if answer.status_code == 200 else words
                    assert role in OVER_ALL or not SECRETS.search(text), (model, name)
                    asked += 1
        assert asked > 60
        found = client.get(reverse("admin:portal_changenote_records"), {"term": SECRET})
        assert is_allowed(found) == bool(MAY[role]["shared"])
        if found.status_code == 200:
            assert bool(found.json()["results"]) == (role in OVER_ALL)

    def test_pages_that_belong_to_no_department(self, role, own, world):
        client = enter(role, own)
        is_superuser, is_over_all = role == "superuser", role in OVER_ALL
        for address, expected in [
            (page_url(User, "changelist"), is_superuser),
            (page_url(User, "add"), is_superuser),
            (page_of(client.user, "change"), is_superuser),
            (page_of(client.user, "delete"), False),
            (page_of(client.user, "history"), is_superuser),
            (f"/admin/auth/user/{client.user.pk}/password/", is_superuser),
            (page_url(AuditEntry, "changelist"), is_over_all),
            (page_url(ImportLog, "changelist"), bool(MAY[role]["shared"])),
            (reverse("admin:portal_department_reorganisations"), is_over_all),
            (reverse("admin:portal_department_reorganise", args=["merged"]), is_over_all),
        ]:
            assert is_allowed(client.get(address)) == expected, address


def args(page):
    return (page, 1) if page in ("version", "restore_version") else (page,)


LOOKUPS = [
    (Initiative, "departments__id__exact={other}"),
    (Initiative, f"q={SECRET}"),
    (Settlement, "department__id__exact={other}"),
    (Indicator, "department__id__exact={other}"),
    (SettlementItem, "settlement__department__id__exact={other}"),
    (SettlementItem, "settlement__id__exact={settlement}"),
    (SettlementItem, f"q={SECRET}"),
    (SettlementFigure, "item__settlement__department__id__exact={other}"),
    (SettlementFigure, "item__id__exact={item}"),
    (InitiativeFigure, "initiative__id__exact={initiative}"),
    (Indicator, f"initiatives__title__startswith={SECRET}"),
    (ChangeNote, f"q={SECRET}"),
]


class TestDetours:
    """An editor of one department tries to get at another's work."""

    @pytest.fixture
    def client(self, own, world):
        return enter("editor", own)

    @pytest.fixture
    def mine(self, own, world):
        return dict(list_work(own))

    @pytest.fixture
    def theirs(self, other, world):
        return dict(list_work(other))

    @pytest.mark.parametrize(("model", "query"), LOOKUPS)
    def test_lookups_find_nothing(self, client, theirs, other, model, query):
        query = query.format(
            other=other.pk,
            settlement=theirs[Settlement].pk,
            item=theirs[SettlementItem].pk,
            initiative=theirs[Initiative].pk,
        )
        for page in ("changelist", "export"):
            if page in pages_of(model):
                answer = client.get(f"{page_url(model, page)}?{query}", follow=True)
                shown = answer.content.decode().replace(f'value="{SECRET}"', "")  # the search
                assert not SECRETS.search(shown)
                if "cl" in (answer.context or {}) and "?e=1" not in answer.request["PATH_INFO"]:
                    listed = {record.pk for record in answer.context["cl"].result_list}
                    assert model not in theirs or theirs[model].pk not in listed

    def test_bulk_actions_pass_over_records_of_others(self, client, mine, theirs):
        for model in theirs:
            if may_delete(model):
                chosen = {
                    "action": "delete_selected",
                    "_selected_action": [mine[model].pk, theirs[model].pk],
                    "select_across": "1",
                }
                asked = client.post(page_url(model, "changelist"), chosen)
                assert not SECRETS.search(asked.content.decode())
                ask(client, page_url(model, "changelist"), chosen | {"post": "yes"}, "post")
                client.post(page_url(model, "changelist"), chosen | {"post": "yes"})
                assert model.objects.filter(pk=theirs[model].pk).exists(), model

    @pytest.mark.parametrize(
        "query", ["_popup=1", "_to_field=slug", "_to_field=id", "_popup=1&_to_field=id"]
    )
    def test_pop_ups_open_nothing_more(self, client, theirs, query):
        for record in theirs.values():
            for page in ("change", "delete"):
                answer = client.get(f"{page_of(record, page)}?{query}", follow=True)
                assert not SECRETS.search(content_of(answer))
        slug = theirs[Initiative].slug
        answer = client.get(f"/admin/initiatives/initiative/{slug}/change/?_to_field=slug")
        assert answer.status_code == 400 or not is_allowed(answer)

    def test_nothing_moves_into_or_out_of_another_department(
        self, client, mine, theirs, own, other
    ):
        for model, name in [
            (Initiative, "departments"),
            (Indicator, "department"),
            (Settlement, "department"),
        ]:
            page = client.get(change_url(mine[model]))
            for value in (
                [other.pk],
                [own.pk, other.pk] if name == "departments" else [other.pk],
                [],
            ):
                values = form_of(page.content.decode()) | {name: value}
                answer = client.post(change_url(mine[model]), values)
                assert answer.status_code == 200, (model, value)
                assert not SECRETS.search(content_of(answer))
            assert model.objects.filter(**{RECORDS[model].scope: own}).count() == 1

    def test_a_record_is_not_added_to_another_department(self, client, own, other, world):
        fields = {
            Initiative: {
                "title": "題名",
                "slug": "new-one",
                "summary": "概要",
                "report": Initiative.objects.first().report_id,
                "pillar": Initiative.objects.first().pillar_id,
            },
            Indicator: {"name": "名称", "slug": "new-one", "unit": "人"},
            Settlement: {"fiscal_year": "R3"},
        }
        for model, name in [
            (Initiative, "departments"),
            (Indicator, "department"),
            (Settlement, "department"),
        ]:
            page = client.get(page_url(model, "add"))
            before = model.objects.count()
            for value in ([other.pk], []):
                assert save(client, page, fields[model] | {name: value}) != []
            assert model.objects.count() == before
            assert save(client, page, fields[model] | {name: [own.pk]}) == []
            assert model.objects.count() == before + 1

    def test_no_relation_names_a_record_of_others(self, client, mine, theirs):
        """Each field of each form, its tables included, is sent the number of another's record."""
        tried = 0
        for model, record in mine.items():
            page = client.get(change_url(record))
            form = page.context["adminform"].form
            forms = [(form, form.prefix)]
            for formset in page.context["inline_admin_formsets"]:
                forms += [(row, row.prefix) for row in formset.formset.initial_forms]
            for row, prefix in forms:
                for name, field in row.fields.items():
                    related = getattr(getattr(field, "queryset", None), "model", None)
                    if related not in theirs or name in ("id",) or field.disabled:
                        continue
                    if name == getattr(RECORDS[type(row.instance)], "owner_name", ""):
                        continue
                    key = f"{prefix}-{name}" if prefix else name
                    values = form_of(page.content.decode()) | {key: theirs[related].pk}
                    answer = client.post(change_url(record), values)
                    assert answer.status_code == 200, (model, name)
                    assert not SECRETS.search(content_of(answer))
                    tried += 1
        assert tried >= 8
        assert not InitiativeCost.objects.filter(
            item=theirs[SettlementItem], initiative=mine[Initiative]
        ).exists()

    def test_no_part_is_added_to_a_record_of_others(self, client, mine, theirs):
        for model, record in theirs.items():
            owner = RECORDS[model].owner_name
            if not owner:
                continue
            page = client.get(page_url(model, "add"))
            before = model.objects.count()
            values = form_of(page.content.decode()) | copy_of(mine[model])
            values[owner] = getattr(record, f"{owner}_id")
            answer = client.post(page_url(model, "add"), values)
            assert answer.status_code == 200, model
            assert "正しく選択してください" in text_of(answer), model
            assert not SECRETS.search(content_of(answer))
            # A copy that passes by what its owner allows is none either.
            values["_saveasnew"] = "1"
            assert client.post(change_url(mine[model]), values).status_code == 403
            assert model.objects.count() == before

    def test_who_approves_here_and_edits_there_adds_nothing_here(self, own, mine):
        client = enter("approver", own)
        there = builders.make_department()
        client.user.memberships.create(role=Role.EDITOR, department=there)
        for model, record in mine.items():
            if owner := RECORDS[model].owner_name:
                page = client.get(page_url(model, "add"))
                values = form_of(page.content.decode()) | copy_of(record)
                values[owner] = getattr(record, f"{owner}_id")
                assert "正しく選択してください" in text_of(
                    client.post(page_url(model, "add"), values)
                )
        page = client.get(page_url(Initiative, "add"))
        errors = save(client, page, {"departments": [own.pk]})
        assert any("正しく選択してください" in error for error in errors)

    def test_filters_offer_no_values_of_others(self, client, mine, theirs, other):
        """A year, a department or a pillar that only others have is no choice."""
        Settlement.objects.filter(pk=theirs[Settlement].pk).update(fiscal_year=1987)
        Initiative.objects.filter(pk=theirs[Initiative].pk).update(fiscal_year=1987)
        for model in theirs:
            for choices in list_filters(client, model):
                assert "昭和62年度" not in choices, model
                assert other.name not in choices, model
                assert not SECRETS.search("".join(choices))

    def test_notes_on_the_drafts_of_others_are_hidden_and_on_public_records_shown(
        self, client, mine, theirs
    ):
        builders.make_change_note(theirs[Initiative], text=f"{SECRET}の更新")
        builders.make_change_note(mine[Initiative], text="自部の更新")
        public = builders.make_initiative(
            departments=[builders.make_department()], title="公開の取組"
        )
        builders.make_change_note(public, text="公開の更新")
        text = text_of(client.get(page_url(ChangeNote, "changelist")))
        assert "自部の更新" in text
        assert "公開の更新" in text
        assert "取組：公開の取組" in text
        assert SECRET not in text

    def test_a_version_from_another_department_is_not_brought_back(self, client, mine, own, other):
        initiative = mine[Initiative]
        initiative.departments.set([other])
        versions.save_version(initiative, "他部のとき")
        initiative.departments.set([own])
        versions.save_version(initiative, "移した")
        answer = client.post(page_of(initiative, "restore_version", 2), follow=True)
        assert "ほかの部局の記録になるため" in text_of(answer)
        assert set(initiative.departments.all()) == {own}

    def test_the_same_of_what_is_public_makes_no_revision(self, client, mine, own, other):
        indicator = mine[Indicator]
        Indicator.objects.filter(pk=indicator.pk).update(department=other)
        versions.save_version(indicator, "他部のとき")
        Indicator.objects.filter(pk=indicator.pk).update(department=own, status="published")
        versions.save_version(indicator, "移した")
        answer = client.post(page_of(indicator, "restore_version", 2), follow=True)
        assert "ほかの部局の記録になるため" in text_of(answer)
        assert get_revision(indicator) is None

    def test_an_effort_names_no_item_of_another_settlement(self, client, mine, own):
        second = builders.make_settlement(department=own, fiscal_year=2021, status="draft")
        item = builders.make_item(second, "1")
        page = client.get(change_url(mine[PriorityEffort]))
        assert save(client, page, {"item": item.pk}) == [
            "決算項目は、同じ決算の中から選んでください。"
        ]


def copy_of(record) -> dict:
    """Return what a form would send to add a part like this one."""
    values = {
        field.name: getattr(record, field.attname)
        for field in record._meta.concrete_fields
        if field.editable and not field.primary_key
    }
    return {name: value for name, value in values.items() if value not in (None, "")} | {
        "label": "写し",
        "name": "写し",
        "number": 9,
        "code": "9",
        "year": 1999,
    }


def list_filters(client, model) -> list[list[str]]:
    changelist = client.get(page_url(model, "changelist")).context["cl"]
    return [
        [str(choice["display"]) for choice in spec.choices(changelist)]
        for spec in changelist.filter_specs
    ]


def test_departments_are_no_secret(own, other):
    client = enter("editor", own)
    assert other.name in text_of(client.get(page_url(Department, "changelist")))
