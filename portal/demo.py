"""A fictitious department with its staff and records, to try the admin on. Never for production."""

import datetime
import secrets

from django.contrib.auth.models import User
from django.db import transaction

from budgets.item_codes import parent_code
from budgets.models import PriorityEffort, Settlement, SettlementFigure, Stage
from initiatives.models import Initiative, InitiativeFigure, Pillar, Plan, ResultsReport

from . import versions
from .models import Department, Membership, Role, SourceDocument
from .publishing import Status

DEPARTMENT = {"slug": "demo", "name": "架空県 体験部"}
MARK = "【架空】"
WARNING = "体験のために作った、架空の記録です。実在する県、事業、金額ではありません。"
STAFF = {
    Role.EDITOR: ("taiken-henshu", "編集"),
    Role.APPROVER: ("taiken-shonin", "承認"),
    Role.ADMINISTRATOR: ("taiken-kanri", "管理"),
}
# Code, name, amount in yen (None: the paper states none) and figures in 千円 below the amount.
ITEMS = [
    ("1", "体験の総務", None, {}),
    ("1.1", "体験用の広報", 3_000_000, {"広報紙": 1_800, "動画": 1_200}),
    ("1.2", "体験用の研修", 1_250_000, {"研修": 1_250}),
    ("2", "体験の事業", None, {}),
    ("2.1", "体験用の電子申請", 12_000_000, {"システム": 9_500, "説明会": 2_500}),
]


@transaction.atomic
def make_demo(reset: bool = False) -> list[tuple[str, str, str | None]]:
    """Make what is missing of the staff and, with their department, of the records.

    Returns of each of the staff the role, the user name, and the password where it is new.
    """
    department, is_new = Department.objects.get_or_create(
        slug=DEPARTMENT["slug"],
        defaults={**DEPARTMENT, "description": WARNING, "position": 9_000},
    )
    if is_new:
        make_records(department)
    return [make_user(role, department, reset) for role in STAFF]


def make_user(role, department, reset):
    username, name = STAFF[role]
    user, is_new = User.objects.get_or_create(
        username=username,
        defaults={"last_name": "体験", "first_name": name, "is_staff": True},
    )
    Membership.objects.get_or_create(
        user=user,
        role=role,
        department=None if role == Role.ADMINISTRATOR else department,
    )
    password = None
    if is_new or reset:
        password = secrets.token_urlsafe(12)
        user.set_password(password)
        user.save()
    return role.label, username, password


def make_records(department):
    """Make a published and a draft initiative and settlement with all that they stand on."""
    document = SourceDocument.objects.create(
        slug="demo-document",
        title=f"{MARK}体験用の資料",
        issued_by="架空県",
        issued_on=datetime.date(2023, 9, 1),
        note=WARNING,
        status=Status.PUBLISHED,
    )
    plan = Plan.objects.create(
        slug="demo-plan",
        name=f"{MARK}体験用の総合計画",
        description=WARNING,
        source=document,
        status=Status.PUBLISHED,
    )
    pillar = Pillar.objects.create(
        slug="demo-pillar",
        name=f"{MARK}体験の柱",
        description=WARNING,
        plan=plan,
        position=9_000,
    )
    report = ResultsReport.objects.create(
        slug="demo-report",
        title=f"{MARK}体験用の実績報告",
        presented_on=datetime.date(2023, 8, 1),
        summary=WARNING,
        source=document,
        status=Status.PUBLISHED,
    )
    records = [department, document, plan, report]
    for number, status in enumerate([Status.PUBLISHED, Status.DRAFT], 1):
        initiative = Initiative.objects.create(
            slug=f"demo-initiative-{number}",
            title=f"{MARK}体験用の取組その{number}",
            summary=WARNING,
            report=report,
            pillar=pillar,
            source=document,
            locator=f"p.{number}",
            status=status,
        )
        initiative.departments.add(department)
        InitiativeFigure.objects.create(
            initiative=initiative, label="体験会", kind="activity", value=12 * number, unit="回"
        )
        settlement = Settlement.objects.create(
            fiscal_year=2021 + number,
            department=department,
            heading=f"{MARK}体験用の決算",
            introduction=WARNING,
            stage=Stage.PREPARED,
            source=document,
            status=status,
        )
        make_items(settlement)
        records += [initiative, settlement]
    for record in records:
        versions.save_version(record, "体験の準備")


def make_items(settlement):
    items = {}
    for position, (code, name, amount_yen, figures) in enumerate(ITEMS, 1):
        items[code] = settlement.items.create(
            parent=items.get(parent_code(code)),
            code=code,
            name=f"{MARK}{name}",
            amount_yen=amount_yen,
            locator=f"p.{position}",
        )
        for place, (label, thousands) in enumerate(figures.items()):
            SettlementFigure.objects.create(
                item=items[code],
                label=label,
                measure="事業費",
                kind="expenditure",
                value=thousands,
                unit="千円",
                position=place,
            )
    policy = settlement.priority_policies.create(number=1, name=f"{MARK}体験の重点施策")
    PriorityEffort.objects.create(policy=policy, name=f"{MARK}電子申請", item=items["2.1"])
