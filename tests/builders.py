"""Valid, published objects with made-up content; a test names only the fields that it is about.

Every default is plainly fictitious (架空県). Slugs, names and codes are unique in a test run.
"""

import datetime
import io
from decimal import Decimal
from itertools import count

from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.utils import timezone
from PIL import Image

from budgets.item_codes import parent_code
from budgets.models import (
    FundingSource,
    InitiativeCost,
    PriorityEffort,
    PriorityPolicy,
    Program,
    ProgramAlias,
    ProgramLineage,
    Settlement,
    SettlementFigure,
    SettlementItem,
    Stage,
)
from initiatives.models import (
    Distinction,
    Indicator,
    IndicatorValue,
    Initiative,
    InitiativeFigure,
    InitiativeImage,
    InitiativeLink,
    Pillar,
    Plan,
    ResultsReport,
)
from portal.freezing import freeze
from portal.models import (
    ChangeNote,
    Department,
    GlossaryTerm,
    ImportLog,
    Membership,
    Place,
    SourceDocument,
)
from portal.publishing import Status

_numbers = count(1)


def _next() -> int:
    return next(_numbers)


def make_department(**fields):
    number = _next()
    return Department.objects.create(
        **{"slug": f"department-{number}", "name": f"架空県第{number}部"} | fields
    )


def make_document(**fields):
    number = _next()
    return SourceDocument.objects.create(
        **{
            "slug": f"document-{number}",
            "title": f"架空県資料第{number}号",
            "issued_by": "架空県",
            "issued_on": datetime.date(2021, 9, 1),
            "status": Status.PUBLISHED,
        }
        | fields
    )


def make_place(**fields):
    """Make a place; the code's sixth digit is its right check digit."""
    number = _next()
    digits = f"{90000 + number % 10000:05}"
    total = sum(int(digit) * weight for digit, weight in zip(digits, range(6, 1, -1), strict=True))
    code = f"{digits}{(11 - total % 11) % 10}"
    return Place.objects.create(**{"code": code, "name": f"架空県第{number}市"} | fields)


def make_term(**fields):
    number = _next()
    return GlossaryTerm.objects.create(
        **{
            "term": f"架空用語{number}",
            "reading": "かくうようご",
            "explanation": "試験のために作った言葉です。",
            "easy_explanation": "ためしに つくった ことばです。",
        }
        | fields
    )


def make_change_note(record=None, **fields):
    """Make a note on `record`; on a new initiative where none is given."""
    record = record or make_initiative()
    return ChangeNote.objects.create(
        **{
            "record": record,
            "kind": "update",
            "noted_on": datetime.date(2024, 9, 1),
            "text": f"架空の更新その{_next()}",
        }
        | fields
    )


def make_plan(**fields):
    number = _next()
    return Plan.objects.create(
        **{
            "slug": f"plan-{number}",
            "name": f"架空県総合計画{number}",
            "status": Status.PUBLISHED,
        }
        | fields
    )


def make_pillar(**fields):
    number = _next()
    return Pillar.objects.create(
        **{
            "slug": f"pillar-{number}",
            "number": number % 30_000,
            "name": f"架空の柱{number}",
            "plan": fields.get("plan") or make_plan(),
        }
        | fields
    )


def make_report(**fields):
    number = _next()
    return ResultsReport.objects.create(
        **{
            "slug": f"report-{number}",
            "title": f"架空県政の実績その{number}",
            "presented_on": datetime.date(2024, 8, 2),
            "term_year": 5,
            "status": Status.PUBLISHED,
        }
        | fields
    )


def make_initiative(*, departments=(), places=(), distinctions=(), **fields):
    """Make an initiative; `distinctions` are names ("全国初"), in order."""
    number = _next()
    initiative = Initiative.objects.create(
        **{
            "slug": f"initiative-{number}",
            "title": f"架空の取組{number}",
            "summary": "架空県で行ったことになっている取組です。",
            "report": fields.get("report") or make_report(),
            "pillar": fields.get("pillar") or make_pillar(),
            "status": Status.PUBLISHED,
        }
        | fields
    )
    initiative.departments.set(departments)
    initiative.places.set(places)
    for position, name in enumerate(distinctions):
        Distinction.objects.create(initiative=initiative, name=name, position=position)
    return initiative


def make_distinction(initiative=None, **fields):
    initiative = initiative or make_initiative()
    return Distinction.objects.create(
        **{"initiative": initiative, "name": f"架空初その{_next()}"} | fields
    )


def make_link(initiative=None, **fields):
    initiative = initiative or make_initiative()
    return InitiativeLink.objects.create(
        **{
            "initiative": initiative,
            "title": f"架空のリンク{_next()}",
            "url": "https://www.example.jp/",
        }
        | fields
    )


def make_image(initiative=None, **fields):
    """Make an image with a real little PNG file under MEDIA_ROOT."""
    initiative = initiative or make_initiative()
    number = _next()
    data = io.BytesIO()
    Image.new("RGB", (8, 6), (number % 256, 120, 200)).save(data, "PNG")
    return InitiativeImage.objects.create(
        **{
            "initiative": initiative,
            "image": ContentFile(data.getvalue(), name=f"image-{number}.png"),
            "alt": f"架空の写真{number}",
            "credit": "架空県",
            "licence": "CC BY 4.0",
        }
        | fields
    )


def make_initiative_figure(initiative=None, **fields):
    initiative = initiative or make_initiative()
    return InitiativeFigure.objects.create(**{"initiative": initiative} | _figure_defaults(fields))


def make_indicator(**fields):
    number = _next()
    return Indicator.objects.create(
        **{
            "slug": f"indicator-{number}",
            "name": f"架空の指標{number}",
            "unit": "件",
            "status": Status.PUBLISHED,
        }
        | fields
    )


def make_indicator_value(indicator=None, **fields):
    """Make a value of the year after the indicator's latest one, or of 2020."""
    indicator = indicator or make_indicator()
    latest = indicator.values.order_by("-year").first()
    return IndicatorValue.objects.create(
        **{
            "indicator": indicator,
            "year": latest.year + 1 if latest else 2020,
            "actual": Decimal(100),
            "status": Status.PUBLISHED,
        }
        | fields
    )


def make_settlement(**fields):
    return Settlement.objects.create(
        **{
            "fiscal_year": 2020,
            "department": fields.get("department") or make_department(),
            "stage": Stage.PREPARED,
            "status": Status.PUBLISHED,
        }
        | fields
    )


def make_snapshot(settlement=None):
    """Freeze a public settlement as it is."""
    return freeze(settlement or make_settlement())


def make_item(settlement=None, code="1", **fields):
    """Make an item, and those above it that are not there yet."""
    settlement = settlement or make_settlement()
    above = parent_code(code)
    return SettlementItem.objects.create(
        **{
            "settlement": settlement,
            "parent": settlement.items.filter(code=above).first()
            or (make_item(settlement, above) if above else None),
            "code": code,
            "name": f"架空の項目{code}",
        }
        | fields
    )


def make_settlement_figure(item=None, **fields):
    item = item or make_item()
    return SettlementFigure.objects.create(**{"item": item} | _figure_defaults(fields))


def make_funding(item=None, **fields):
    item = item or make_item()
    return FundingSource.objects.create(
        **{"item": item, "kind": "general", "amount_yen": 1_000} | fields
    )


def make_policy(settlement=None, *, efforts=(), **fields):
    """Make a priority policy; `efforts` are the names of its main efforts, in order."""
    settlement = settlement or make_settlement()
    number = settlement.priority_policies.count() + 1
    policy = PriorityPolicy.objects.create(
        **{"settlement": settlement, "number": number, "name": f"架空の重点施策{number}"} | fields
    )
    for position, name in enumerate(efforts):
        PriorityEffort.objects.create(policy=policy, name=name, position=position)
    return policy


def make_effort(policy=None, **fields):
    policy = policy or make_policy()
    return PriorityEffort.objects.create(
        **{"policy": policy, "name": f"架空の主な取組{_next()}"} | fields
    )


def make_program(*, aliases=(), **fields):
    """Make a program; it is public once an item of a public settlement names it."""
    number = _next()
    program = Program.objects.create(
        **{"slug": f"program-{number}", "name": f"架空の事業{number}"} | fields
    )
    for name in aliases:
        ProgramAlias.objects.create(program=program, name=name)
    return program


def make_lineage(program=None, **fields):
    program = program or make_program()
    return ProgramLineage.objects.create(
        **{"program": program, "fiscal_year": 2020, "kind": "continued"} | fields
    )


def make_cost(initiative=None, item=None, **fields):
    """Join an initiative and an item: the whole amount as cost, unless `relation` says else."""
    share = None if fields.get("relation") == "editorial" else 100
    return InitiativeCost.objects.create(
        **{
            "initiative": initiative or make_initiative(),
            "item": item or make_item(amount_yen=1_000_000),
            "relation": "cost",
            "share_percent": share,
        }
        | fields
    )


def _figure_defaults(fields):
    """Complete a figure's fields: an activity in 件, money in 千円; `value` may be an int."""
    unit = "千円" if fields.get("kind") in ("expenditure", "money") else "件"
    return {
        "label": f"架空の数{_next()}",
        "kind": "activity",
        "unit": unit,
        **fields,
        "value": Decimal(str(fields.get("value", 12))),
    }


def make_import_log(**fields):
    """Make the log of an import of one term, that anybody could have done."""
    number = _next()
    report = {"source": "CSV、UTF-8。1行", "revisions": [], "rows": []}
    return ImportLog.objects.create(
        **{
            "model": "portal.glossaryterm",
            "file_name": f"架空の表{number}.csv",
            "sha256": f"{number:064x}",
            "size": 3,
            "file": b"a,b",
            "state": "imported",
            "imported_at": timezone.now(),
            "report": report,
        }
        | fields
    )


def make_staff(role=None, department=None, **fields):
    """Make a user who may enter the admin, with a role in a department (over all without one)."""
    user = get_user_model().objects.create(
        **{"username": f"staff-{_next()}", "is_staff": True} | fields
    )
    if role:
        Membership.objects.create(user=user, role=role, department=department)
    return user
