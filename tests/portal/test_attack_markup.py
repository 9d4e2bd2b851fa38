"""No text that staff write, paste or import runs on a page, in a feed, or in a spreadsheet."""

import csv
import io
import json
import re
import zipfile
from html.parser import HTMLParser
from itertools import cycle
from xml.etree import ElementTree

import openpyxl
import pytest
from django.apps import apps
from django.db import models

from budgets.models import SettlementItem
from initiatives.models import Initiative
from portal import searchable
from portal.markdown import render_markdown
from portal.models import ChangeNote, ImportLog
from portal.search import KINDS
from portal.spreadsheets import PLAIN_NUMBER, guard, unguard
from tests.admin_pages import export, list_screens, make_everything, page_url
from tests.attack_inputs import FORMULAS, MARK, MARKDOWN, MARKUP
from tests.public_pages import arguments_of, list_addresses, make_world

ADDRESSES = {"src", "href", "action", "formaction", "data", "xlink:href", "srcdoc", "poster"}
FORBIDDEN = {
    "iframe",
    "object",
    "embed",
    "style",
    "math",
    "template",
    "noscript",
    "marquee",
}
SCHEME = re.compile("(?!https?:|mailto:)[^/?#]*:")
DATA = "application/ld+json"
LOADING = {"script", "link", "img", "source", "video", "audio", "image", "use"}
NAMED = {"canonical", "alternate"}  # addresses that nothing loads
# Texts that are codes, addresses and the like: a form never lets markup into them.
NO_TEXT = re.compile(
    "slug|code|unit|licence|image|url|username|password|sha256|file|model|key|reading"
)


class Dangers(HTMLParser):
    """What would run, or load from elsewhere, on a page."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.found, self.script = [], None
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if tag == "script":
            self.script = values
            if "src" not in values and values.get("type") not in (DATA, "application/json"):
                self.found.append(f"<script {values}>")
        if tag in FORBIDDEN or (tag == "base" and "href" in values):
            self.found.append(f"<{tag}>")
        for name, value in attrs:
            address = re.sub(r"[\x00-\x20]", "", value or "")
            runs = name.startswith("on") or name in ("style", "srcdoc", "http-equiv")
            leads_to_code = name in ADDRESSES and SCHEME.match(address)
            is_loaded = tag in LOADING and values.get("rel") not in NAMED
            if runs or leads_to_code or (is_loaded and re.match("(https?:)?//", address)):
                self.found.append(f"<{tag} {name}={value!r}>")

    def handle_endtag(self, tag):
        if tag == "script":
            self.script = None

    def handle_data(self, data):
        if (
            self.script is not None
            and data.strip()
            and ("src" in self.script or not _is_json(data))
        ):
            self.found.append(f"<script>{data[:60]}")


def _is_json(text) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def list_texts():
    """Return (model, field) for each text that staff write."""
    for model in apps.get_models():
        if model._meta.app_label not in ("portal", "initiatives", "budgets"):
            continue
        for field in model._meta.concrete_fields:
            is_text = isinstance(field, (models.CharField, models.TextField))
            if is_text and not field.choices and not NO_TEXT.search(field.name):
                yield model, field


def fill_texts(texts) -> int:
    """Put the texts into all texts of all records, one after the other; whole lists where they fit."""
    given, count = cycle(texts), 0
    for model, field in list_texts():
        for pk in list(model._base_manager.values_list("pk", flat=True)):
            text = next(given)
            if field.max_length is None:
                text = "\n\n".join(texts)
            else:
                text = next((t for t in given if len(t) <= field.max_length - 4), "")
                text = f"{text}{pk}" if field.unique else text
            model._base_manager.filter(pk=pk).update(**{field.name: text})
            count += 1
    return count


def fill_world(texts):
    world = make_world()
    make_everything()
    assert fill_texts(texts) > 80
    for kind in KINDS:
        searchable.rebuild(kind)
    return world


@pytest.mark.parametrize("wrapping", MARKDOWN)
def test_markdown_makes_nothing_that_runs(wrapping):
    for text in MARKUP:
        html = render_markdown(wrapping.replace("{}", text))
        assert Dangers(html).found == [], text
        assert not re.search(
            r"<(?!/?(p|br|hr|[uo]l|li|strong|em|s|code|pre|blockquote|a|h[2-6]|t[hdr]"
            r"|table|thead|tbody|div)\b)",
            html,
        ), text


def test_the_judge_sees_what_runs():
    seen = [text for text in MARKUP if Dangers(f"<p>{text}</p>").found]
    assert len(seen) >= 40


@pytest.mark.django_db
def test_no_public_answer_runs_what_a_record_holds(client):
    world = fill_world(MARKUP)
    shown = 0
    for address in list_addresses(arguments_of(**world)):
        response = client.get(address)
        # Excel holds no control characters, and is refused with a sentence.
        assert response.status_code in (200, 302, 422) or address == "/healthz", address
        kind = response.get("Content-Type", "").partition(";")[0]
        data = b"".join(response) if response.streaming else response.content
        if kind == "text/html":
            assert Dangers(data.decode()).found == [], address
        elif kind in ("application/json", "application/ld+json", "application/problem+json"):
            json.loads(data)
        elif kind.endswith("xml"):
            root = ElementTree.fromstring(data)
            assert "script" not in {node.tag.rpartition("}")[2] for node in root.iter()}, address
            for node in root.iter():
                assert not any(name.startswith("on") for name in node.attrib), address
                if node.get("type") == "html":
                    assert Dangers(node.text or "").found == [], address
        else:
            assert not kind.startswith("text/") or kind in ("text/csv", "text/plain"), address
        assert kind not in ("text/html", "image/svg+xml") or response["Content-Security-Policy"]
        shown += MARK.encode() in data
    assert shown > 30


@pytest.mark.django_db
def test_no_page_of_the_admin_runs_what_a_record_holds(admin_client):
    """The screens of four kinds; tests/drills/test_attack_sweeps.py opens all of them."""
    make_everything()
    fill_texts(MARKUP)
    assert open_screens(admin_client, [Initiative, SettlementItem, ChangeNote, ImportLog]) > 15


def open_screens(client, kinds) -> int:
    """Fail for a screen that runs something or may be kept; return how many show the texts."""
    shown = 0
    for model in kinds:
        for address in list_screens(model).values():
            response = client.get(address, follow=True)
            page = response.content.decode()
            assert response.status_code in (200, 403, 404, 409), address
            assert Dangers(page).found == [], address
            assert "no-store" in response["Cache-Control"], address
            policy = response["Content-Security-Policy"]
            assert "unsafe" not in policy and "default-src 'none'" in policy, address
            shown += MARK in page
    return shown


class TestFormulas:
    @pytest.mark.parametrize("text", FORMULAS)
    def test_a_guarded_text_is_no_formula_and_comes_back(self, text):
        guarded = guard(text)
        assert guarded == text if PLAIN_NUMBER.fullmatch(text) else not is_run(guarded)
        assert unguard(guarded) == text

    @pytest.mark.django_db
    def test_no_file_for_a_spreadsheet_holds_one(self, client, admin_client):
        """Of public pages all, of the staff's files some; the drill takes all of them."""
        world = fill_world(FORMULAS)
        cells = 0
        for address in list_addresses(arguments_of(**world)):
            for query in ("format=csv", "")[address.endswith(".csv") :]:
                response = client.get(address, QUERY_STRING=query)
                kind = response.get("Content-Type", "")
                if response.status_code == 200 and kind.startswith("text/csv"):
                    data = b"".join(response) if response.streaming else response.content
                    cells += check_cells(data, address)
        assert cells > 1_000
        assert check_files_of_staff(admin_client, [Initiative, SettlementItem]) > 50


def check_files_of_staff(client, kinds) -> int:
    """Fail for a file with a formula; return how many cells were looked at."""
    cells = 0
    for model in kinds:
        cells += check_cells(export(client, model, "utf-8-sig"), model)
        cells += check_cells(export(client, model, "xlsx"), model)
        cells += check_cells(client.get(page_url(model, "template")).content, model)
    return cells


def is_run(text) -> bool:
    return bool(re.match(r"[=+\-@\t\r\n]", text)) and not PLAIN_NUMBER.fullmatch(text)


def check_cells(data: bytes, place) -> int:
    """Fail for a cell that a spreadsheet would run; return how many cells were looked at."""
    if data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = "".join(
                archive.read(name).decode() for name in archive.namelist() if "worksheets/" in name
            )
        assert "<f>" not in parts and "<f " not in parts, place
        sheets = openpyxl.load_workbook(io.BytesIO(data))
        found = [cell.value for sheet in sheets for row in sheet.rows for cell in row]
    else:
        text = data.decode("utf-8-sig")
        found = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
    run = [cell for cell in found if isinstance(cell, str) and is_run(cell)]
    assert run == [], (place, run[:3])
    return len(found)
