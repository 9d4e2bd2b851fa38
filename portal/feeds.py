"""The Atom feed: what was corrected or updated, and the newest initiatives.

`?pillar=` and `?department=` with a slug narrow it to what belongs to one of them.
"""

import datetime
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.syndication.views import Feed
from django.core.validators import slug_re
from django.db.models.functions import Coalesce, Greatest
from django.http import Http404
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed
from django.utils.html import escape
from django.utils.timezone import localtime, make_aware

from initiatives.models import Initiative, Pillar

from .addresses import find_by_former_slug
from .changes import address_of, list_changes, list_changes_of
from .models import Department

CHANGE_COUNT = 50
INITIATIVE_COUNT = 50

OWNERS = {"pillar": Pillar, "department": Department}

# XML 1.0 has no place for them, and a text pasted from a slide may hold one (U+000B).
CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


@dataclass(frozen=True)
class Entry:
    """`key` stays the same for as long as the record exists, also where its address changes."""

    key: str
    title: str
    text: str
    url: str
    updated_at: datetime.datetime


@dataclass(frozen=True)
class Scope:
    """Where a feed is asked for, and the pillar or department that it keeps to, if any."""

    host: str
    kind: str = ""
    owner: Pillar | Department | None = None


class LatestFeed(Feed):
    feed_type = Atom1Feed
    subtitle = "公開した取組と、更新・正誤のお知らせです。"
    author_name = settings.PREFECTURE_NAME

    def get_object(self, request):
        host = urlsplit(f"//{request.get_host()}").hostname
        asked = [(kind, slug) for kind in OWNERS if (slug := request.GET.get(kind))]
        if not asked:
            return Scope(host)
        if len(asked) > 1:
            raise Http404
        ((kind, slug),) = asked
        owners = OWNERS[kind].objects.published()
        owner = slug_re.match(slug) and (
            owners.filter(slug=slug).first() or find_by_former_slug(owners.model, slug)
        )
        if not owner:
            raise Http404
        return Scope(host, kind, owner)

    def title(self, scope):
        name = f"{scope.owner.name}の" if scope.owner else ""
        return _printable(f"{settings.SITE_NAME}：{name}新着と更新")

    def link(self, scope):
        return scope.owner.get_absolute_url() if scope.owner else reverse("change_list")

    def feed_url(self, scope):
        query = f"?{scope.kind}={scope.owner.slug}" if scope.owner else ""
        return reverse("feed") + query

    def feed_guid(self, scope):
        key = f"/{scope.kind}/{scope.owner.pk}" if scope.owner else ""
        return f"tag:{scope.host},2024:feed{key}"

    def items(self, scope):
        entries = [*_change_entries(scope), *_initiative_entries(scope)]
        entries.sort(key=lambda entry: entry.updated_at, reverse=True)
        return [(scope.host, entry) for entry in entries]

    def item_guid(self, item):
        host, entry = item
        return f"tag:{host},2024:{entry.key}"

    def item_title(self, item):
        return _printable(item[1].title)

    def item_description(self, item):
        return escape(_printable(item[1].text))  # Django marks a summary as HTML

    def item_link(self, item):
        return item[1].url

    def item_updateddate(self, item):
        return localtime(item[1].updated_at)


def _change_entries(scope):
    notes = list_changes_of(scope.owner) if scope.owner else list_changes()
    for note in notes[:CHANGE_COUNT]:
        values = (
            f"（{note.field}：{note.old or '空欄'} → {note.new or '空欄'}）" if note.field else ""
        )
        yield Entry(
            key=f"change/{note.pk}",
            title=f"{note.get_kind_display()}：{note.record}",
            text=note.text + values,
            url=address_of(note.record),
            updated_at=make_aware(datetime.datetime.combine(note.noted_on, datetime.time.min)),
        )


def _initiative_entries(scope):
    # What was written first and is shown from a later day on is new on that day.
    shown_since = Greatest("updated_at", Coalesce("publish_from", "updated_at"))
    initiatives = Initiative.objects.published().annotate(shown_since=shown_since)
    if scope.kind == "pillar":
        initiatives = initiatives.for_pillar(scope.owner)
    elif scope.kind == "department":
        initiatives = initiatives.for_department(scope.owner)
    for initiative in initiatives.order_by("-shown_since", "-pk")[:INITIATIVE_COUNT]:
        yield Entry(
            key=f"initiative/{initiative.pk}",
            title=initiative.title,
            text=initiative.summary,
            url=initiative.get_absolute_url(),
            updated_at=initiative.shown_since,
        )


def _printable(text: str) -> str:
    return CONTROL_CHARACTERS.sub("", text)
