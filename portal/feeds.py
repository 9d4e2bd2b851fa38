"""The Atom feed: what was corrected or updated, and the newest initiatives."""

import datetime
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.syndication.views import Feed
from django.db.models.functions import Coalesce, Greatest
from django.urls import reverse_lazy
from django.utils.feedgenerator import Atom1Feed
from django.utils.html import escape
from django.utils.timezone import make_aware

from initiatives.models import Initiative

from .changes import address_of, list_changes

CHANGE_COUNT = 50
INITIATIVE_COUNT = 50

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


class LatestFeed(Feed):
    feed_type = Atom1Feed
    title = f"{settings.SITE_NAME}：新着と更新"
    subtitle = "公開した取組と、更新・正誤のお知らせです。"
    author_name = settings.PREFECTURE_NAME
    link = reverse_lazy("change_list")

    def get_object(self, request):
        return urlsplit(f"//{request.get_host()}").hostname

    def feed_guid(self, host):
        return f"tag:{host},2024:feed"

    def items(self, host):
        entries = [*_change_entries(), *_initiative_entries()]
        entries.sort(key=lambda entry: entry.updated_at, reverse=True)
        return [(host, entry) for entry in entries]

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
        return item[1].updated_at


def _change_entries():
    for note in list_changes()[:CHANGE_COUNT]:
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


def _initiative_entries():
    # What was written first and is shown from a later day on is new on that day.
    shown_since = Greatest("updated_at", Coalesce("publish_from", "updated_at"))
    initiatives = Initiative.objects.published().annotate(shown_since=shown_since)
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
