"""A trial of the admin: three of a fictitious department, and records that nobody takes for real."""

import re

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from budgets.models import Settlement, SettlementItem
from initiatives.models import Initiative, Pillar, ResultsReport
from portal.management.commands import make_demo_staff
from portal.models import Department, Role, SourceDocument, Version
from portal.publishing import Status
from portal.readiness import list_findings
from portal.rights import rights_of
from portal.workflow import perform
from tests.admin_pages import text_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def prepared(monkeypatch):
    """Collect what the command prepares first; the test database is prepared already."""
    calls = []
    monkeypatch.setattr(make_demo_staff, "call_command", lambda name, **options: calls.append(name))
    return calls


@pytest.fixture
def run(settings, capsys):
    settings.DEBUG = True

    def run(*arguments):
        call_command("make_demo_staff", *arguments)
        return capsys.readouterr().out

    return run


def passwords_of(output):
    return dict(re.findall(r"：(\S+)　パスワード (\S{16})\n", output))


def test_it_is_refused_without_debug_and_says_how_to_try(settings, prepared):
    settings.DEBUG = False
    with pytest.raises(CommandError, match="DEBUG=1 make demo-staff"):
        call_command("make_demo_staff")
    assert prepared == []
    assert not User.objects.exists() and not Department.objects.exists()


def test_three_roles_are_made_with_passwords_that_let_them_in(run, prepared, client):
    passwords = passwords_of(run())
    assert prepared == ["migrate", "load_first_content"]
    assert list(passwords) == ["taiken-henshu", "taiken-shonin", "taiken-kanri"]
    assert len(set(passwords.values())) == 3
    for username, password in passwords.items():
        assert client.login(username=username, password=password)
        assert client.get("/admin/").status_code == 200
    department = Department.objects.get()
    editor, approver, administrator = map(rights_of, User.objects.order_by("pk"))
    assert editor.departments_as(Role.EDITOR) == {department.pk} != editor.approving
    assert approver.departments_as(Role.APPROVER) == {department.pk} != approver.editing
    assert administrator.is_over_all


def test_a_second_run_changes_nothing_and_prints_no_password(run):
    run()
    before = list(User.objects.values_list("username", "password"))
    Initiative.objects.update(title="試しに直した題名【架空】")
    output = run()
    assert output.count("すでにいます") == 3 and passwords_of(output) == {}
    assert "パスワードを作り直すには、--reset を付けます。" in output
    assert list(User.objects.values_list("username", "password")) == before
    assert {initiative.title for initiative in Initiative.objects.all()} == {
        "試しに直した題名【架空】"
    }


def test_reset_makes_new_passwords_for_all(run, client):
    old = passwords_of(run())
    new = passwords_of(run("--reset"))
    assert old.keys() == new.keys() and not set(old.values()) & set(new.values())
    assert client.login(username="taiken-henshu", password=new["taiken-henshu"])
    assert not client.login(username="taiken-henshu", password=old["taiken-henshu"])


def test_the_drafts_go_the_whole_way_to_the_public(run):
    run()
    editor, approver = (User.objects.get(username=f"taiken-{n}") for n in ("henshu", "shonin"))
    for model in (Initiative, Settlement):
        draft = model.objects.get(status=Status.DRAFT)
        assert [f for f in list_findings(draft) if f.level == "error"] == []
        perform(draft, "submit", editor)
        perform(draft, "approve", approver)
        assert model.objects.published().count() == 2


@pytest.mark.parametrize(
    "model", [Department, SourceDocument, Pillar, ResultsReport, Initiative, Settlement]
)
def test_every_public_page_says_that_its_record_is_fictitious(run, client, model):
    run()
    records = model.objects.published() if hasattr(model.objects, "published") else model.objects
    for record in records.all():
        record.full_clean()
        page = client.get(record.get_absolute_url(), follow=True)
        assert page.status_code == 200
        heading = re.search(r"<h1.*?</h1>", page.content.decode(), re.DOTALL)[0]
        assert "架空" in heading, record
    assert Version.objects.filter(action="体験の準備").count() == 8


def test_every_item_is_marked_and_its_breakdown_adds_up(run, client):
    run()
    items = SettlementItem.objects.published()
    assert items.count() == 5 and all(item.name.startswith("【架空】") for item in items)
    settlement = Settlement.objects.published().get()
    assert "架空の記録です" in text_of(client.get(settlement.get_absolute_url()))
    assert not [f for f in list_findings(settlement) if "内訳" in f.message]
