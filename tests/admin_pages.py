"""Every screen of the admin, and what a screen may and may not hold."""

import re
from html.parser import HTMLParser

from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from portal import versions
from portal.models import ImportLog, ImportState, Role
from portal.publishing import Publication, Revisable
from portal.search_index import hold_indexing
from portal.workflow import RULES
from tests import builders

# Names of formats and of things that staff meet under just these names.
KNOWN_WORDS = {"CSV", "UTF", "BOM", "Shift", "JIS", "Excel", "XLSX", "Markdown", "Control", "Mac"}
KNOWN_WORDS |= {"Command", "URL", "MB", "LDAP", "CC", "BY", "CP", "SHA"}
MADE_UP = re.compile(
    r"[a-z]+(-[a-z]+)*-\d+|[a-z.]+@[a-z.]+|\badmin\b|https?://\S+|\S+\.png|md5|\S+\*{3,}|\S+\.csv|[0-9a-f]{64}"
)
ELSEWHERE = re.compile(r"(?!http://testserver/|https://www\.example\.jp/)((https?:)?//|\w+:)")
SPOKEN_ATTRIBUTES = {"alt", "title", "placeholder", "aria-label"}


class Page(HTMLParser):
    """The words a person meets on a page, and what a strict Content-Security-Policy blocks."""

    def __init__(self, html):
        super().__init__()
        self.words, self.blocked, self.open = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag in ("script", "style") and "src" not in attributes:
            self.open.append(tag)
        for name, value in attributes.items():
            if name == "style" or name.startswith("on"):
                self.blocked.append(f"<{tag} {name}={value!r}>")
            if name in ("src", "href") and ELSEWHERE.match(value or ""):
                self.blocked.append(f"<{tag} {name}={value!r}>")
            if name in SPOKEN_ATTRIBUTES or (
                tag == "input" and name == "value" and attributes.get("type") == "submit"
            ):
                self.words.append(value or "")

    def handle_endtag(self, tag):
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_data(self, data):
        if not self.open:
            self.words.append(data)
        elif data.strip():
            self.blocked.append(f"<{self.open[-1]}>{data.strip()[:60]}")

    @property
    def english(self) -> set[str]:
        text = MADE_UP.sub(" ", "\n".join(self.words))
        return set(re.findall(r"[A-Za-z]{2,}", text)) - KNOWN_WORDS


@hold_indexing()
def make_everything():
    """Make one record of each kind, joined to one another."""
    settlement = builders.make_settlement(department=builders.make_department(parent=None))
    item = builders.make_item(settlement, "1.2.3", amount_yen=4_016_000)
    whole = builders.make_settlement_figure(item, label="全体", value=10)
    builders.make_settlement_figure(item, label="部分", value=3, part_of=whole)
    builders.make_funding(item, source=builders.make_document())
    builders.make_policy(settlement, efforts=["架空の主な取組"])
    builders.make_lineage(builders.make_program(aliases=["架空の別名"]))
    initiative = builders.make_initiative(
        departments=[settlement.department],
        places=[builders.make_place()],
        distinctions=["全国初"],
    )
    builders.make_initiative_figure(initiative)
    builders.make_indicator_value()
    builders.make_cost(initiative, item)
    builders.make_link(initiative)
    builders.make_image(initiative)
    builders.make_change_note(item)
    builders.make_term()
    builders.make_import_log()
    builders.make_staff(Role.EDITOR, settlement.department, username="kakuu-1")
    ImportLog.objects.create(
        model="portal.glossaryterm",
        state=ImportState.IMPORTED,
        file_name="架空.csv",
        sha256="0" * 64,
        size=0,
        file=b"",
        username="kakuu-1",
    )


def set_status(status):
    """Give all publications a status, whatever steps lead there."""
    for model in apps.get_models():
        if issubclass(model, Revisable):
            model.objects.update(status=status)


def list_screens(model) -> dict[str, str]:
    """Return the addresses of all screens of a model, with its first record, by their names."""
    model_admin = admin.site._registry[model]
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    # Nobody deletes themselves, and the first user is who looks at the screens.
    record = model._base_manager.last() if model is User else model._base_manager.first()
    screens = {action: reverse(f"{name}_{action}") for action in ("changelist", "add")}
    for action in ("change", "delete", "history"):
        screens[action] = reverse(f"{name}_{action}", args=[record.pk])
    if not model_admin.has_add_permission(superuser_request()):
        del screens["add"]
    if not model_admin.has_delete_permission(superuser_request(), record):
        del screens["delete"]
    if versions.is_versioned(model) and versions.root_model(model) is model:
        versions.save_version(record, "作成")
        screens["version"] = reverse(f"{name}_version", args=[record.pk, 1])
        if issubclass(model, Publication):
            screens |= {step: reverse(f"{name}_step", args=[record.pk, step]) for step in RULES}
            for action in ("review", "preview"):
                screens[action] = reverse(f"{name}_{action}", args=[record.pk])
    if getattr(model_admin, "resource_classes", None):
        screens |= {action: reverse(f"{name}_{action}") for action in ("import", "export")}
    return screens


def superuser_request():
    request = RequestFactory().get("/")
    request.user = User(is_superuser=True, is_staff=True)
    request.resolver_match = None
    return request


def page_url(model, action) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{action}")


def export(client, model, file_format) -> bytes:
    """Return the file that the export screen gives for a format: utf-8-sig, utf-8, cp932, xlsx."""
    number = ["utf-8-sig", "utf-8", "cp932", "xlsx"].index(file_format)
    response = client.post(page_url(model, "export"), {"format": number, "resource": ""})
    assert response.headers["Content-Disposition"].startswith("attachment"), Page(
        response.content.decode()
    ).words
    return response.getvalue()


def upload(client, model, data, name="表.csv"):
    """Send a file to the import screen; return its answer, whose context holds the result."""
    if isinstance(data, str):
        data = data.encode()
    file = SimpleUploadedFile(name, data)
    response = client.post(page_url(model, "import"), {"import_file": file, "format": "0"})
    assert response.status_code == 200
    return response


def confirm(client, model, previewed):
    """Press 取り込む on a preview; return the page that follows."""
    fields = previewed.context["confirm_form"].initial
    return client.post(page_url(model, "process_import"), fields, follow=True)


def import_file(client, model, data, name="表.csv"):
    previewed = upload(client, model, data, name)
    assert list_problems(previewed) == []
    return confirm(client, model, previewed)


def list_problems(response) -> list[tuple]:
    """Return (line, column, value, message) for each problem; what concerns the file as (message,)."""
    form = response.context.get("form")
    refusals = [(message,) for message in form.errors.get("import_file", [])] if form else []
    result = response.context.get("result")
    if result is None:
        return refusals
    refusals += [(str(error.error),) for error in result.base_errors]
    return refusals + [(p.line, p.column, p.value, p.message) for p in result.problems]


def change_url(record) -> str:
    name = f"admin:{record._meta.app_label}_{record._meta.model_name}_change"
    return reverse(name, args=[record.pk])


def text_of(response) -> str:
    return " ".join(" ".join(Page(response.content.decode()).words).split())


NOT_SENT = {"submit", "file", "checkbox", "radio"}


class _Form(HTMLParser):
    """What a browser sends when a record's form is saved as it stands."""

    def __init__(self, html):
        super().__init__()
        self.values, self.select, self.textarea, self.inside = {}, None, None, False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if tag == "form":
            self.inside = found.get("id", "").endswith("_form")
        if not self.inside:
            return
        name, kind = found.get("name"), found.get("type")
        if tag == "select":
            self.select = name
            if "multiple" not in found:
                self.values[name] = ""
        elif tag == "option" and "selected" in found and self.select in self.values:
            self.values[self.select] = found.get("value", "")
        elif tag == "option" and "selected" in found:
            self.values.setdefault(f"*{self.select}", []).append(found["value"])
        elif tag == "textarea":
            self.textarea = name
            self.values[name] = ""
        elif tag == "input" and name and (kind not in NOT_SENT or "checked" in found):
            self.values[name] = found.get("value", "on" if "checked" in found else "")

    def handle_endtag(self, tag):
        if tag == "form":
            self.inside = False
        elif tag == "textarea" and self.textarea:
            text = self.values[self.textarea].replace("\r\n", "\n").removeprefix("\n")
            self.values[self.textarea] = text.replace("\n", "\r\n")
            self.textarea = None

    def handle_data(self, data):
        if self.textarea:
            self.values[self.textarea] += data


def form_of(html) -> dict:
    """Return the values of a record's form, without the hidden row that scripts copy."""
    return {
        name.removeprefix("*"): value
        for name, value in _Form(html).values.items()
        if "__prefix__" not in name
    }


def save(client, page, changes) -> list[str]:
    """Send the form of a record's page with some values changed; return the errors, if any."""
    values = form_of(page.content.decode()) | changes
    response = client.post(page.request["PATH_INFO"], values)
    if response.status_code == 302:
        return []
    return [str(message) for errors in response.context["errors"] for message in errors]


def count_queries(client, address) -> int:
    """Return how many queries a page takes once the caches of a process are warm."""
    client.get(address)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
    return len(queries)
