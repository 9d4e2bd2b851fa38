"""「文書から取り込む」: a settlement report is read, reviewed beside its text, and made a draft."""

import hashlib
from collections import defaultdict

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.http import urlencode

from portal import versions
from portal.amounts import format_yen
from portal.audit import AuditAction, write_audit
from portal.differences import compare
from portal.form_fields import FiscalYearFormField
from portal.import_log import name_of
from portal.import_targets import PERIOD, Target, latest_kept, make_entry
from portal.models import Department, FigureKind, ImportLog, ImportState, Role, SourceDocument
from portal.publishing import Status, live_q
from portal.revisions import get_revision
from portal.rights import rights_of
from portal.workflow import has_role

from .importers import ReportImportError, import_report, stored_settlement
from .models import Settlement
from .report_compare import compare_report
from .report_files import MAX_BYTES, MEGABYTE, ReportFileError, read_report_file
from .report_overview import check_report, stated_amount_yen
from .report_parts import ROLES
from .report_reader import parse_report

MAX_LINES = 4_000  # of a longer text the review shows the lines that say something
PASTED = "貼り付けた文章"


class DocumentForm(forms.Form):
    department = forms.ModelChoiceField(Department.objects.none(), label="部局")
    fiscal_year = FiscalYearFormField(label="年度", help_text="「2020」「令和2年度」「R2」")
    document = forms.ModelChoiceField(
        SourceDocument.objects.none(),
        label="出典資料",
        required=False,
        help_text="先に「出典資料」に登録しておくと、読み取った項目と数値の出典になります。",
    )
    file = forms.FileField(
        label="ファイル",
        required=False,
        help_text=(
            f"文字データ（.txt、.md）、Word（.docx）、文字のあるPDF。{MAX_BYTES // MEGABYTE}MBまで。"
        ),
    )
    text = forms.CharField(
        label="または、文章を貼り付ける",
        required=False,
        widget=forms.Textarea(attrs={"rows": 12}),
        strip=False,
    )

    def __init__(self, *args, user, **kwargs):
        super().__init__(*args, **kwargs)
        rights = rights_of(user)
        departments = Department.objects.all()
        if not rights.is_over_all:
            departments = departments.filter(pk__in=rights.editing)
        self.fields["department"].queryset = departments
        self.fields["document"].queryset = SourceDocument.objects.filter(live_q())

    def clean(self):
        data = super().clean()
        file, text = data.get("file"), data.get("text", "")
        if bool(file) == bool(text.strip()) and "file" not in self.errors:
            raise forms.ValidationError(
                "ファイルを選ぶか、文章を貼り付けるか、どちらか一つにしてください。"
            )
        if file and file.size > MAX_BYTES:
            self.add_error("file", f"{MAX_BYTES // MEGABYTE}MBまでのファイルを選んでください。")
        elif not self.errors:
            data["bytes"] = file.read() if file else text.encode()
            try:
                read_report_file(data["bytes"])
            except ReportFileError as error:
                self.add_error("file" if file else "text", str(error))
        return data


class DocumentPages:
    """Adds the reading of a document to the admin of settlements."""

    def get_urls(self):
        wrap = self.admin_site.admin_view
        return [
            path("read/", wrap(self.read_view), name="budgets_settlement_read"),
            path("read/<int:log>/", wrap(self.reading_view), name="budgets_settlement_reading"),
            *super().get_urls(),
        ]

    def read_view(self, request):
        """Take a file or a text."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        initial = {name: request.GET.get(name) for name in ("department", "fiscal_year")}
        form = DocumentForm(
            request.POST or None, request.FILES or None, user=request.user, initial=initial
        )
        if request.method == "POST" and form.is_valid():
            data = form.cleaned_data
            name = data["file"].name if data["file"] else PASTED
            log = keep_document(request.user, name, data["bytes"])
            address = reverse("admin:budgets_settlement_reading", args=[log.pk])
            chosen = {"department": data["department"].pk, "fiscal_year": data["fiscal_year"]}
            if data["document"]:
                chosen["document"] = data["document"].pk
            return redirect(f"{address}?{urlencode(chosen)}")
        return TemplateResponse(
            request,
            "admin/budgets/report_read.html",
            self.document_context(request, "文書から取り込む") | {"form": form},
        )

    def reading_view(self, request, log):
        """Show the text beside what was read from it; on POST make or update the draft."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        log = get_object_or_404(
            ImportLog, pk=log, user=request.user, model=Settlement._meta.label_lower
        )
        if log.state != ImportState.PREVIEWED:
            messages.info(request, "この文書は、もう取り込まれています。")
            return redirect("admin:budgets_settlement_read")
        chosen = self.read_choice(request)
        try:
            text = read_report_file(bytes(log.file))
        except ReportFileError as error:
            raise Http404 from error
        report = parse_report(text)
        settlement, refusal = find_target(request.user, chosen)
        errors = [refusal] if refusal else []
        if request.method == "POST" and not errors:
            try:
                counts = accept(log, report, text, settlement, chosen, request)
            except ReportImportError as error:
                errors.append(str(error))
            else:
                return self.show_counts(request, counts)
        context = self.document_context(request, "読み取りの確認") | {
            "log": log,
            "report": report,
            "chosen": chosen,
            "errors": errors,
            "settlement": settlement,
            "makes_revision": bool(settlement and settlement.status == Status.PUBLISHED),
            "is_again": bool(settlement),
            "differences": compare_report(report, stored_settlement(settlement))
            if settlement
            else [],
            **make_review(report, text),
        }
        return TemplateResponse(request, "admin/budgets/report_review.html", context)

    def read_choice(self, request) -> dict:
        """Return the department, year and document that the address names; Http404 for others."""
        form = DocumentForm(user=request.user)
        found = {}
        for name in ("department", "fiscal_year", "document"):
            try:
                found[name] = form.fields[name].clean(request.GET.get(name, ""))
            except forms.ValidationError as error:
                raise Http404 from error
        return found

    def show_counts(self, request, counts):
        messages.success(
            request,
            f"「{counts.settlement}」の下書きに取り込みました。作成{counts.created}件、"
            f"更新{counts.updated}件、変更なし{counts.unchanged}件、削除{counts.deleted}件。",
        )
        for sentence in counts.kept[:20]:
            messages.warning(request, sentence)
        if len(counts.kept) > 20:
            messages.warning(request, f"ほかに{len(counts.kept) - 20}件、職員の直しを残しました。")
        return redirect("admin:budgets_settlement_change", counts.settlement.pk)

    def document_context(self, request, title) -> dict:
        return self.admin_site.each_context(request) | {
            "title": title,
            "opts": self.opts,
            "media": self.media,
            "list_address": reverse("admin:budgets_settlement_changelist"),
        }


def find_target(user, chosen) -> tuple[Settlement | None, str]:
    """Return the settlement that a reading would go to, if there is one, and why it may not."""
    live = Settlement.objects.filter(
        live_q(), fiscal_year=chosen["fiscal_year"], department=chosen["department"]
    ).first()
    if live is None:
        return None, ""
    if not has_role(user, Role.EDITOR, live):
        return None, "この部局の決算を編集する権限がありません。"
    revision = get_revision(live)
    target = revision or live
    is_open = target.status == Status.DRAFT or (target is live and live.status == Status.PUBLISHED)
    if is_open:
        return target, ""
    return target, (
        f"「{target}」は、いま「{target.get_status_display()}」のため、取り込めません。"
        "下の「登録との違い」で、文書と見比べることはできます。"
    )


@transaction.atomic
def accept(log, report, text, settlement, chosen, request):
    """Bring a reading into a draft, made as a revision where the settlement is public."""
    log = ImportLog.objects.select_for_update().get(pk=log.pk)
    if log.state != ImportState.PREVIEWED:
        raise ReportImportError("この文書は、もう取り込まれています。")
    target, content = None, {}
    if settlement:
        target = Target(settlement, settlement)
        target.begin(request.user)
        content = versions.take(target.root)
    counts = import_report(
        report,
        chosen["department"],
        chosen["fiscal_year"],
        settlement=target and target.root,
        text=text,
        source=chosen["document"],
        overwrite=request.POST.get("overwrite") == "on",
        user=request.user,
    )
    made = counts.settlement
    period = [getattr(made, name) for name in PERIOD]
    before = target and target.before
    log.state, log.imported_at = ImportState.IMPORTED, timezone.now()
    log.versions = [make_entry(made, before, latest_kept(made).number, period)]
    log.new_count, log.changed_count = counts.created, counts.updated + counts.deleted
    log.unchanged_count = counts.unchanged
    log.report = {
        "source": "文書から取り込み",
        "revisions": [[str(made), target.is_new_revision]] if made.is_revision else [],
        "rows": list_rows(compare(Settlement, content, versions.take(made))),
    }
    log.save()
    write_audit(request, AuditAction.IMPORT, record=name_of(log), detail=log.sha256)
    return counts


def list_rows(changes) -> list[dict]:
    """Return the changes of a reading as the log of imports shows them."""
    return [
        {
            "line": "",
            "kind": "new" if change.kind == "new" else "update",
            "record": change.where or "決算",
            "cells": [[cell.column, cell.old, cell.new] for cell in change.cells],
        }
        for change in changes
    ]


def keep_document(user, name: str, data: bytes) -> ImportLog:
    """Keep a document between its reading and its acceptance, where every host finds it."""
    return ImportLog.objects.create(
        model=Settlement._meta.label_lower,
        user=user,
        username=user.get_username(),
        file_name=name[-255:],
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        file=data,
    )


def make_review(report, text) -> dict:
    """Return what the two columns of the review show."""
    uses = {use.line: use for use in report.line_uses()}
    remarks = defaultdict(list)
    for remark in report.remarks:
        remarks[remark.line].append(remark)
    lines = [
        {
            "number": number,
            "text": line,
            "use": uses.get(number),
            "role": ROLES.get(uses[number].role, "") if number in uses else "",
            "remarks": remarks.get(number, []),
        }
        for number, line in enumerate(text.splitlines(), 1)
    ]
    shown = lines
    if len(lines) > MAX_LINES:
        telling = ("heading", "amount", "table", "remark")
        shown = [
            line
            for line in lines
            if line["remarks"] or (line["use"] and line["use"].role in telling)
        ][:MAX_LINES]
    return {
        "lines": shown,
        "hidden_lines": len(lines) - len(shown),
        "rows": [
            {
                "item": item,
                "depth": item.code.count(".") + 1,
                "amount": "" if item.amount_yen is None else format_yen(item.amount_yen),
                "figures": [
                    {
                        "figure": figure,
                        "value": figure.as_printed or f"{figure.value:,f}{figure.unit}",
                        "kind": FigureKind(figure.kind).label,
                        "is_unsure": figure.line in remarks,
                    }
                    for figure in item.figures
                ],
                "unsure": sum(figure.line in remarks for figure in item.figures),
            }
            for item in report.items
        ],
        "remark_count": len(report.remarks),
        "stated_amount": format_yen(stated_amount_yen(report)),
        "checks": [result for result in check_report(report) if result.status != "none"],
    }


def reading_address(settlement) -> str:
    """Return the page that reads a document for a settlement, or compares one with it."""
    chosen = {"department": settlement.department_id, "fiscal_year": settlement.fiscal_year}
    return f"{reverse('admin:budgets_settlement_read')}?{urlencode(chosen)}"
