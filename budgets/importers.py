"""From a report that was read to a draft settlement: atomic, repeatable, sparing staff's edits."""

import hashlib
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from portal.models import Department
from portal.publishing import Status, live_q
from portal.search_index import hold_indexing
from portal.versions import begin_change, save_version

from .item_codes import code_order, parent_code
from .models import (
    PriorityEffort,
    PriorityPolicy,
    ReportReading,
    Settlement,
    SettlementFigure,
    SettlementItem,
)
from .report_compare import StoredFigure, StoredItem, StoredSettlement
from .report_markdown import block_markdown
from .report_parts import Report

Rows = dict[str, dict[str, dict[str, Any]]]  # kind → key → field → value, as JSON
KINDS = {"policies": "重点施策", "efforts": "主な取組", "items": "決算項目", "figures": "実績値"}
ACTION = "文書から取り込み"
MISSING = object()


class ReportImportError(ValueError):
    """A report that cannot become this draft; the message is Japanese and says why."""


@dataclass
class ImportCounts:
    """What an import did; `kept` names what staff changed and the import therefore left alone."""

    settlement: Settlement
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    kept: list[str] = field(default_factory=list)


@transaction.atomic
def import_report(
    report: Report,
    department: Department,
    fiscal_year: int,
    *,
    settlement: Settlement | None = None,
    text: str = "",
    source=None,
    overwrite: bool = False,
    user=None,
) -> ImportCounts:
    """Make or update the draft settlement of a department and year; a second run changes nothing.

    What staff changed, made or deleted since the reading before is kept and named, unless
    `overwrite` takes the paper's word for what the paper holds. `source` is the document to cite.
    `settlement` is the draft where it is not the one of that department and year: a revision.
    Raises ReportImportError where the settlement is no draft, and where a number occurs twice.
    """
    _refuse_repeated_codes(report)
    if settlement is None:
        settlement = Settlement.objects.filter(
            live_q(), fiscal_year=fiscal_year, department=department
        ).first()
    if settlement is None:
        settlement = Settlement(fiscal_year=fiscal_year, department=department, source=source)
        _save(settlement, "決算")
    else:
        begin_change(settlement)
        settlement.refresh_from_db()
    if settlement.status != Status.DRAFT:
        raise ReportImportError(
            f"「{settlement}」は下書きではありません（{settlement.get_status_display()}）。"
            "文書から取り込めるのは、下書きの決算だけです。"
        )
    with hold_indexing():
        counts = _Import(report, settlement, source, overwrite).run()
    ReportReading.objects.update_or_create(
        settlement=settlement,
        defaults={
            "read_at": timezone.now(),
            "text": text,
            "sha256": hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
            "rows": report_rows(report),
        },
    )
    save_version(settlement, ACTION, user)
    return counts


def report_rows(report: Report) -> Rows:
    """Return the rows that a report gives, by kind and key, as JSON."""
    rows: Rows = {
        "settlements": {
            "": {
                "heading": report.heading,
                "introduction": block_markdown(report.introduction_blocks),
            }
        },
        "policies": {},
        "efforts": {},
        "items": {},
        "figures": {},
    }
    for number, policy in enumerate(report.priority_policies, start=1):
        rows["policies"][str(number)] = {"name": policy.name}
        for position, name in enumerate(policy.efforts, start=1):
            rows["efforts"][f"{number}\t{name}"] = {"position": position}
    for item in report.items:
        rows["items"][item.code] = {
            "name": item.name,
            "body": block_markdown(item.blocks),
            "amount_yen": item.amount_yen,
            "locator": item.locator,
            **dict(item.amounts),
        }
        for position, figure in enumerate(item.figures, start=1):
            rows["figures"]["\t".join((item.code, *figure.key))] = {
                "kind": figure.kind,
                "value": _number(figure.value),
                "unit": figure.unit,
                "as_printed": figure.as_printed,
                "position": position,
                "locator": item.locator,
                "part_of": "\t".join((item.code, *figure.part_of)) if figure.part_of else None,
            }
    return rows


def stored_settlement(settlement: Settlement) -> StoredSettlement:
    """Return what `compare_report` compares a report with, in four queries."""
    figures: dict[int, list[StoredFigure]] = {}
    for figure in SettlementFigure.objects.filter(item__settlement=settlement):
        figures.setdefault(figure.item_id, []).append(
            StoredFigure(figure.name, figure.value, figure.unit, figure.kind, figure.as_printed)
        )
    policies = settlement.priority_policies.prefetch_related("efforts").order_by("number")
    return StoredSettlement(
        settlement.heading,
        tuple((p.name, tuple(effort.name for effort in p.efforts.all())) for p in policies),
        tuple(
            StoredItem(item.code, item.name, item.amount_yen, tuple(figures.get(item.pk, ())))
            for item in settlement.items.order_by("code_order")
        ),
    )


def _refuse_repeated_codes(report: Report) -> None:
    if not report.items:
        raise ReportImportError("番号の付いた見出しが1つもないため、取り込めません。")
    lines: dict[str, list[int]] = {}
    for item in report.items:
        lines.setdefault(item.code, []).append(item.line)
    repeated = [
        f"「{code}」（{'行目、'.join(map(str, at))}行目）"
        for code, at in lines.items()
        if len(at) > 1
    ]
    if repeated:
        more = f"など{len(repeated)}件" if len(repeated) > 5 else ""
        raise ReportImportError(
            f"同じ項目番号が2か所以上にあります：{'、'.join(repeated[:5])}{more}。"
            "文書の番号を直すか、重なったところを除いてから取り込んでください。"
        )


class _Import:
    """One run: the paper's rows against the stored ones and those of the reading before."""

    def __init__(self, report: Report, settlement: Settlement, source, overwrite: bool):
        self.settlement = settlement
        self.source = source
        self.overwrite = overwrite
        self.new = report_rows(report)
        reading = ReportReading.objects.filter(settlement=settlement).first()
        self.last: Rows = reading.rows if reading else {}
        self.counts = ImportCounts(settlement)
        self.stored = {
            "settlements": {"": settlement},
            "policies": {str(p.number): p for p in settlement.priority_policies.all()},
            "items": {item.code: item for item in settlement.items.all()},
            "efforts": {
                f"{effort.policy.number}\t{effort.name}": effort
                for effort in PriorityEffort.objects.filter(
                    policy__settlement=settlement
                ).select_related("policy")
            },
            "figures": {
                "\t".join((figure.item.code, *figure.key)): figure
                for figure in SettlementFigure.objects.filter(
                    item__settlement=settlement
                ).select_related("item")
            },
        }

    def run(self) -> ImportCounts:
        is_first = not self.last and not self.stored["items"]
        for kind in ("settlements", "policies", "items", "efforts", "figures"):
            rows = self.new[kind]
            keys = {"items": _parents_first, "figures": _wholes_first}.get(kind, list)(rows)
            for key in keys:
                self._write(kind, key, rows[key], is_first)
        for kind in ("figures", "efforts", "items", "policies"):
            gone = self.last.get(kind, {}).keys() - self.new[kind].keys()
            for key in sorted(gone, key=lambda key: key.count("."), reverse=True):
                self._drop(kind, key)
        return self.counts

    def _write(self, kind: str, key: str, row: dict, is_first: bool) -> None:
        record = self.stored[kind].get(key)
        if record is None:
            if key in self.last.get(kind, {}) and not self.overwrite:
                self._keep(kind, key, "職員が消した")
                return
            record = self._make(kind, key)
            if record is None:
                self._keep(kind, key, "上の項目が消されている")
                return
            self._set(kind, record, row)
            _save(record, _name(kind, key))
            self.stored[kind][key] = record
            self.counts.created += 1
            return
        last = self.last.get(kind, {}).get(key, {})
        changes = {}
        for name, value in row.items():
            now = self._value(kind, record, name)
            if now == value:
                continue
            is_untouched = now == last.get(name, MISSING) or (is_first and now in ("", None))
            if is_untouched or self.overwrite:
                changes[name] = value
            elif value != last.get(name, MISSING):
                self._keep(kind, key, f"職員が直した「{_label(record, name)}」がある")
            else:
                self._keep(kind, key, f"職員が「{_label(record, name)}」を直した")
        if changes:
            self._set(kind, record, changes)
            _save(record, _name(kind, key))
            self.counts.updated += 1
        else:
            self.counts.unchanged += 1

    def _drop(self, kind: str, key: str) -> None:
        """Delete what the paper no longer holds, where nobody has touched or used it."""
        record = self.stored[kind].get(key)
        if record is None:
            return
        last = self.last[kind][key]
        is_edited = any(self._value(kind, record, name) != value for name, value in last.items())
        if (is_edited and not self.overwrite) or _is_used(kind, record):
            self._keep(kind, key, "文書にないが、職員が直したか使っている")
            return
        record.delete()
        del self.stored[kind][key]
        self.counts.deleted += 1

    def _make(self, kind: str, key: str):
        """Return a new record with what its key says; None where its parent was deleted."""
        if kind == "policies":
            return PriorityPolicy(settlement=self.settlement, number=int(key))
        if kind == "efforts":
            number, name = key.split("\t")
            policy = self.stored["policies"].get(number)
            return policy and PriorityEffort(policy=policy, name=name)
        if kind == "items":
            above = parent_code(key)
            parent = self.stored["items"].get(above)
            if above and parent is None:
                return None
            return SettlementItem(
                settlement=self.settlement, parent=parent, code=key, source=self.source
            )
        code, group, label, measure, period = key.split("\t")
        item = self.stored["items"].get(code)
        return item and SettlementFigure(
            item=item,
            group=group,
            label=label,
            measure=measure,
            period=period,
            source=self.source,
        )

    def _value(self, kind: str, record, name: str):
        """Return a stored field as the rows hold it."""
        value = getattr(record, name)
        if name == "part_of":
            return "\t".join((record.item.code, *value.key)) if value else None
        return _number(value) if name == "value" else value

    def _set(self, kind: str, record, row: dict) -> None:
        for name, value in row.items():
            if name == "part_of":
                value = self.stored["figures"].get(value)
            elif name == "value":
                value = Decimal(value)
            setattr(record, name, value)

    def _keep(self, kind: str, key: str, reason: str) -> None:
        self.counts.kept.append(f"{_name(kind, key)}：{reason}ため、そのままにしました。")


def _parents_first(rows: dict) -> list[str]:
    return sorted(rows, key=code_order)


def _wholes_first(rows: dict) -> list[str]:
    """Return the keys of figures, each after that of the figure that it is a part of."""
    ordered: dict[str, None] = {}
    for key in rows:
        line = []
        while key in rows and key not in ordered and key not in line:
            line.append(key)
            key = rows[key]["part_of"]
        ordered |= dict.fromkeys(reversed(line))
    return list(ordered)


def _number(value: Decimal) -> str:
    return str(int(value)) if value == value.to_integral_value() else str(value.normalize())


def _is_used(kind: str, record) -> bool:
    if kind == "policies":
        return record.efforts.exists()
    if kind == "items":
        relations = (record.children, record.figures, record.costs, record.funding_sources)
        return any(relation.exists() for relation in (*relations, record.efforts))
    return False


def _name(kind: str, key: str) -> str:
    parts = [part for part in key.split("\t") if part]
    return f"{KINDS.get(kind, '決算')}「{'・'.join(parts)}」" if parts else "決算"


def _label(record, name: str) -> str:
    return record._meta.get_field(name).verbose_name


def _save(record, name: str) -> None:
    try:
        record.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        raise ReportImportError(f"{name}：{'、'.join(error.messages)}") from error
    record.save()
