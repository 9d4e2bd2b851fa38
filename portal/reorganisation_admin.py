"""組織の再編 in the admin of departments: what is to happen, a trial run, the deed, and its undoing."""

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Q
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse

from .audit import AuditAction, write_audit
from .fiscal_year import format_fiscal_year
from .form_fields import FiscalYearFormField
from .history_admin import require_numbers
from .models import Department, Reorganisation, ReorganisationKind
from .reorganisation import (
    ReorganisationError,
    find_done,
    fingerprint,
    list_obstacles,
    reorganise,
    try_out,
    undo,
)
from .reorganisation_plan import NewDepartment, Plan
from .rights import rights_of

PAGE_SIZE = 50
HEIR = "heir:"  # before the key of a record, the name of the field that chooses who takes it over

EXPLANATIONS = {
    ReorganisationKind.RENAMED: "一つの部局の名称を変えます。前の名称は、過去の年度に残ります。",
    ReorganisationKind.MERGED: "いくつかの部局を、新しい部局か、今ある部局にまとめます。",
    ReorganisationKind.SPLIT: "一つの部局を、二つ以上に分けます。",
    ReorganisationKind.ABOLISHED: "部局をなくします。仕事を引き継ぐ部局があれば選びます。",
}
NEW_ROWS = {
    ReorganisationKind.RENAMED: 1,
    ReorganisationKind.MERGED: 1,
    ReorganisationKind.SPLIT: 6,
}
NEW_FIELDS = ("name", "slug", "name_en")
MANY = forms.CheckboxSelectMultiple


class ReorganisationForm(forms.Form):
    """What a reorganisation of a kind asks for; `make_plan` returns it."""

    fiscal_year = FiscalYearFormField(
        label="施行する年度",
        help_text="この年度から変わります。例：令和7年度、2025",
        error_messages={"required": "施行する年度を書いてください。"},
    )

    def __init__(self, kind, *args, **kwargs):
        super().__init__(*args, **kwargs, label_suffix="")
        self.kind = ReorganisationKind(kind)
        # One sent twice names a department that is abolished by now: see `find_done`.
        chosen = self._list_choices()
        several = self.kind == ReorganisationKind.MERGED
        choice = forms.ModelMultipleChoiceField if several else forms.ModelChoiceField
        self.fields["departments"] = choice(
            chosen,
            label="統合する部局" if several else f"{self.kind.label}する部局",
            error_messages={"required": "部局を選んでください。"},
            **({"widget": MANY} if several else {}),
        )
        for row in range(NEW_ROWS.get(self.kind, 0)):
            number = f" {row + 1}" if NEW_ROWS[self.kind] > 1 else ""
            for name in NEW_FIELDS:
                field = Department._meta.get_field(name)
                self.fields[f"new_{row}_{name}"] = field.formfield(
                    label=f"新しい部局{number}の{field.verbose_name}",
                    required=False,
                    help_text="アドレスになります。例：tokyo-office" if name == "slug" else "",
                )
        if self.kind != ReorganisationKind.RENAMED:
            self.fields["existing"] = forms.ModelMultipleChoiceField(
                chosen,
                label="引き継ぐ、今ある部局",
                required=False,
                widget=MANY,
                help_text=(
                    "なければ、一つも選びません。"
                    if self.kind != ReorganisationKind.MERGED
                    else "新しい部局を作らず、今ある部局にまとめるときだけ、一つ選びます。"
                ),
            )
        self.fields["comment"] = forms.CharField(
            label="根拠・理由",
            required=False,
            max_length=1000,
            widget=forms.Textarea(attrs={"rows": 2}),
            help_text="公開されません。例：架空県行政組織規則の改正（令和7年3月）",
        )
        self.order_fields(["departments"])

    def _list_choices(self):
        sent = [*self.data.getlist("departments"), *self.data.getlist("existing")] * self.is_bound
        numbers = [number for number in sent if number.isdecimal() and len(number) < 19]
        return Department.objects.filter(Q(abolished_in=None) | Q(pk__in=numbers))

    def rows(self) -> list[list]:
        """Return the fields as they stand in lines: those of a new department together."""
        rows = {}
        for field in self:
            line = field.name.split("_")[1] if field.name.startswith("new_") else field.name
            rows.setdefault(line, []).append(field)
        return list(rows.values())

    def clean(self):
        data = super().clean()
        for row in range(NEW_ROWS.get(self.kind, 0)):
            names = [f"new_{row}_{name}" for name in NEW_FIELDS]
            if not any(data.get(name) for name in names):
                continue
            for name in names[:2]:
                if not data.get(name) and name not in self.errors:
                    label = self.fields[name].label
                    self.add_error(name, f"{label}を書いてください。")
        return data

    def make_plan(self, heirs: dict[str, int]) -> Plan:
        data = self.cleaned_data
        chosen = data["departments"]
        old = [chosen] if isinstance(chosen, Department) else chosen
        rows = range(NEW_ROWS.get(self.kind, 0))
        new = [[data[f"new_{row}_{name}"] for name in NEW_FIELDS] for row in rows]
        return Plan(
            kind=self.kind,
            fiscal_year=data["fiscal_year"],
            departments=tuple(department.pk for department in old),
            new=tuple(NewDepartment(*values) for values in new if values[0]),
            existing=tuple(department.pk for department in data.get("existing", [])),
            comment=data["comment"],
            heirs=heirs,
        )


def read_heirs(post) -> dict[str, int]:
    """Return the places of the chosen successors by the key of the record; -1 for what is none."""
    return {
        name.removeprefix(HEIR): int(value) if value.isdecimal() and len(value) < 4 else -1
        for name, value in post.items()
        if name.startswith(HEIR)
    }


class HeirForm(forms.Form):
    """Which of several successors takes over each record, as a trial found them."""

    def __init__(self, plan, tried):
        super().__init__(label_suffix="")
        existing = Department.objects.in_bulk(plan.existing)
        names = [new.name for new in plan.new] + [existing[pk].name for pk in plan.existing]
        changes = [change for section in tried.report for change in section["changes"]]
        for change in changes if len(names) > 1 else []:
            if change["key"]:
                self.fields[HEIR + change["key"]] = forms.ChoiceField(
                    label=change["where"], choices=list(enumerate(names)), initial=change["heir"]
                )


class ReorganisationPages:
    """Adds the pages of reorganisations to the admin of departments, for administrators alone."""

    def get_urls(self):
        wrap = self.admin_site.admin_view
        return [
            path(
                "reorganisations/",
                wrap(self.reorganisations_view),
                name="portal_department_reorganisations",
            ),
            path(
                "reorganisations/<int:number>/",
                wrap(self.reorganisation_view),
                name="portal_department_reorganisation",
            ),
            path(
                "reorganise/<slug:kind>/",
                wrap(self.reorganise_view),
                name="portal_department_reorganise",
            ),
            *super().get_urls(),
        ]

    def get_links(self, request, obj):
        links = super().get_links(request, obj)
        if rights_of(request.user).is_over_all and not obj.abolished_in:
            address = reverse("admin:portal_department_reorganisations")
            links.append(("改称・統合・分割・廃止", f"{address}?department={obj.pk}"))
        return links

    def reorganisations_view(self, request):
        """Offer the kinds, and list what was done."""
        require_administrator(request)
        chosen = request.GET.get("department", "")
        query = f"?department={chosen}" if chosen.isascii() and chosen.isdecimal() else ""
        kinds = [
            (kind.label, text, reverse("admin:portal_department_reorganise", args=[kind]) + query)
            for kind, text in EXPLANATIONS.items()
        ]
        done = Reorganisation.objects.defer("report", "versions", "memberships")
        page = Paginator(done, PAGE_SIZE).get_page(request.GET.get("p"))
        context = {"kinds": kinds, "page": page}
        return self.show(request, "reorganisations", "組織の再編", **context)

    def reorganise_view(self, request, kind):
        """Ask, try out what was asked for and show it, and do what was shown."""
        require_administrator(request)
        if kind not in ReorganisationKind.values:
            raise Http404
        if request.method != "POST":
            chosen = request.GET.get("department", "")
            several = kind == ReorganisationKind.MERGED
            initial = {"departments": [chosen] if several else chosen} if chosen else {}
            return self.show_form(request, ReorganisationForm(kind, initial=initial))
        form = ReorganisationForm(kind, request.POST)
        if not form.is_valid() or "_back" in request.POST:
            return self.show_form(request, form)
        plan = form.make_plan(read_heirs(request.POST))
        wanted = request.POST.get("tried") if "_confirm" in request.POST else None
        try:
            if wanted and (done := self.do(request, plan, wanted)):
                messages.success(request, "組織の再編を実施しました。")
                return redirect("admin:portal_department_reorganisation", done.pk)
            tried = try_out(plan, request.user)
        except ReorganisationError as error:
            if wanted and (done := find_done(plan)):
                messages.info(request, "この再編は、もう実施されています。")
                return redirect("admin:portal_department_reorganisation", done.pk)
            for problem in error.problems:
                form.add_error(None, problem)
            return self.show_form(request, form)
        if wanted:
            messages.warning(
                request,
                "前の試行と内容が違います。まだ実施していません。もう一度確かめてください。",
            )
        hidden = [field.as_hidden() for field in form]
        return self.show(
            request,
            "reorganisation_trial",
            f"{form.kind.label}の試行",
            form=form,
            hidden=hidden,
            heirs=HeirForm(plan, tried),
            tried=tried,
            mark=fingerprint(tried),
        )

    @transaction.atomic
    def do(self, request, plan, wanted):
        """Do the plan; None, and nothing done, where it would do other things than the trial showed."""
        done = reorganise(plan, request.user)
        if fingerprint(done) != wanted:
            transaction.set_rollback(True)
            return None
        names = "、".join(
            change["where"] for change in done.report[0]["changes"] if not change["key"]
        )
        write_audit(request, AuditAction.REORGANISED, record=done, detail=names)
        return done

    def reorganisation_view(self, request, number):
        """Show what was done, and undo it."""
        require_administrator(request)
        require_numbers(str(number))
        done = get_object_or_404(Reorganisation, pk=number)
        if request.method == "POST":
            try:
                with transaction.atomic():
                    undo(done, request.user)
                    write_audit(
                        request, AuditAction.REORGANISED, record=done, detail="再編の取消し"
                    )
            except ReorganisationError as error:
                messages.error(request, "取り消せません。何も変えていません。")
                for problem in error.problems:
                    messages.error(request, problem)
            else:
                messages.success(request, "組織の再編を取り消しました。")
            return redirect("admin:portal_department_reorganisation", number)
        title = f"{done.get_kind_display()}（{format_fiscal_year(done.fiscal_year)}）"
        obstacles = [] if done.undone_at else list_obstacles(done)
        return self.show(request, "reorganisation", title, reorganisation=done, obstacles=obstacles)

    def show_form(self, request, form):
        title, explanation = f"部局の{form.kind.label}", EXPLANATIONS[form.kind]
        return self.show(request, "reorganisation_form", title, form=form, explanation=explanation)

    def show(self, request, template, title, **context):
        context |= self.admin_site.each_context(request)
        context |= {"title": title, "opts": self.opts, "media": self.media}
        return TemplateResponse(request, f"admin/{template}.html", context)


def require_administrator(request):
    if not rights_of(request.user).is_over_all:
        raise PermissionDenied
