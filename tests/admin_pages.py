"""Every screen of the admin, and what a screen may and may not hold."""

import re
from html.parser import HTMLParser

from django.contrib import admin
from django.contrib.auth.models import Group
from django.urls import reverse

from tests import builders

# Names of formats and of things that staff meet under just these names.
KNOWN_WORDS = {"CSV", "UTF", "BOM", "Shift", "JIS", "Excel", "XLSX", "Markdown", "Control", "Mac"}
KNOWN_WORDS |= {"Command", "URL", "MB", "LDAP", "CC", "BY", "CP"}
MADE_UP = re.compile(
    r"[a-z]+(-[a-z]+)*-\d+|[a-z.]+@[a-z.]+|\badmin\b|https?://\S+|\S+\.png|md5|\S+\*{3,}"
)
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
            if name in ("src", "href") and re.match(r"(https?:)?//|javascript:|data:", value or ""):
                if not value.startswith(("http://testserver/", "https://www.example.jp/")):
                    self.blocked.append(f"<{tag} {name}={value!r}>")
            if name in SPOKEN_ATTRIBUTES or (name == "value" and attributes.get("type") == "submit"):
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
    Group.objects.create(name="架空課")


def list_screens(model) -> dict[str, str]:
    """Return the addresses of all screens of a model, with its first record, by their names."""
    model_admin = admin.site._registry[model]
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    record = model._base_manager.first()
    screens = {action: reverse(f"{name}_{action}") for action in ("changelist", "add")}
    for action in ("change", "delete", "history"):
        screens[action] = reverse(f"{name}_{action}", args=[record.pk])
    if hasattr(model, "history"):
        version = record.history.first()
        screens["version"] = reverse(f"{name}_simple_history", args=[record.pk, version.pk])
    if getattr(model_admin, "resource_classes", None):
        screens |= {action: reverse(f"{name}_{action}") for action in ("import", "export")}
    return screens
