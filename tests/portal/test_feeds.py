import datetime
import html
import xml.etree.ElementTree as ElementTree

import pytest
from django.utils import timezone

from portal.publishing import Status
from tests.builders import (
    make_change_note,
    make_document,
    make_initiative,
    make_item,
    make_policy,
    make_settlement,
)

pytestmark = pytest.mark.django_db

ATOM = {"atom": "http://www.w3.org/2005/Atom"}
DAY = datetime.timedelta(days=1)


@pytest.fixture
def read_feed(client):
    """Return a function that asks for the feed and gives its entries as dicts, newest first."""

    def read():
        answer = client.get("/feed.atom")
        assert answer.status_code == 200
        assert answer["Content-Type"] == "application/atom+xml; charset=utf-8"
        feed = ElementTree.fromstring(answer.content)
        return [
            {
                "id": entry.findtext("atom:id", namespaces=ATOM),
                "title": entry.findtext("atom:title", namespaces=ATOM),
                "summary": entry.findtext("atom:summary", namespaces=ATOM),
                "updated": entry.findtext("atom:updated", namespaces=ATOM),
                "link": entry.find("atom:link", ATOM).get("href"),
            }
            for entry in feed.findall("atom:entry", ATOM)
        ]

    return read


def test_an_initiative_is_an_entry_with_its_summary_and_absolute_address(read_feed):
    make_initiative(slug="digital-class", title="架空デジタル教室", summary="端末を配りました。")
    (entry,) = read_feed()
    assert entry["title"] == "架空デジタル教室"
    assert entry["summary"] == "端末を配りました。"
    assert entry["link"] == "http://testserver/initiatives/digital-class/"
    assert entry["updated"][:10] == timezone.localdate().isoformat()


def test_a_sign_in_a_text_is_a_sign_and_no_markup(read_feed):
    make_initiative(title="A<B&C", summary="<script>1 < 2 & 3")
    (entry,) = read_feed()
    assert entry["title"] == "A<B&C"
    assert html.unescape(entry["summary"]) == "<script>1 < 2 & 3"
    assert "<" not in entry["summary"]


def test_a_correction_shows_what_stood_there_and_what_stands_there_now(read_feed):
    item = make_item(name="架空の広報", code="1")
    make_change_note(
        item,
        kind="correction",
        text="転記の誤りを直しました。",
        field="決算額",
        old="4,016千円",
        new="4,061千円",
        noted_on=datetime.date(2024, 9, 1),
    )
    (entry,) = read_feed()
    assert entry["title"] == "正誤：1 架空の広報"
    assert entry["summary"] == "転記の誤りを直しました。（決算額：4,016千円 → 4,061千円）"
    assert entry["updated"] == "2024-09-01T00:00:00+09:00"
    assert entry["link"] == f"http://testserver{item.get_absolute_url()}"


def test_a_value_that_was_blank_is_called_blank(read_feed):
    make_change_note(make_document(), kind="correction", field="発行日", old="", new="2024-08-02")
    assert read_feed()[0]["summary"].endswith("（発行日：空欄 → 2024-08-02）")


def test_a_note_on_a_record_without_a_page_leads_to_the_list_of_changes(read_feed):
    make_change_note(make_policy())
    assert read_feed()[0]["link"] == "http://testserver/changes/"


def test_entries_of_both_kinds_stand_newest_first(read_feed):
    make_change_note(make_document(title="古い資料"), noted_on=datetime.date(2024, 1, 1))
    make_initiative(title="今日の取組")
    make_change_note(make_document(title="これからの資料"), noted_on=timezone.localdate() + 2 * DAY)
    titles = [entry["title"] for entry in read_feed()]
    assert titles == ["更新：これからの資料", "今日の取組", "更新：古い資料"]


def test_an_initiative_shown_from_a_later_day_on_is_new_on_that_day(read_feed):
    yesterday = timezone.now() - DAY
    waited = make_initiative(title="待っていた取組", publish_from=yesterday)
    type(waited).objects.filter(pk=waited.pk).update(updated_at=yesterday - 30 * DAY)
    (entry,) = read_feed()
    assert entry["updated"][:10] == timezone.localdate(yesterday).isoformat()


def test_an_entry_keeps_its_id_when_its_slug_changes(read_feed):
    initiative = make_initiative(slug="before")
    before = read_feed()[0]
    initiative.slug = "after"
    initiative.save()
    after = read_feed()[0]
    assert before["id"] == after["id"] == f"tag:testserver,2024:initiative/{initiative.pk}"
    assert after["link"] == "http://testserver/initiatives/after/"


@pytest.mark.parametrize("status", [Status.DRAFT, Status.IN_REVIEW, Status.WITHDRAWN])
def test_what_is_not_published_never_appears(read_feed, status):
    make_change_note(make_initiative(status=status, title="秘密の取組"), text="秘密の更新")
    settlement = make_settlement(status=status)
    make_change_note(make_item(settlement, name="秘密の項目"), text="秘密の正誤")
    make_change_note(settlement, text="秘密の決算")
    assert read_feed() == []


def test_what_is_published_later_or_no_longer_never_appears(read_feed):
    now = timezone.now()
    make_initiative(publish_from=now + DAY)
    make_initiative(publish_from=now - 2 * DAY, publish_until=now - DAY)
    assert read_feed() == []


def test_an_internal_note_never_appears(client):
    make_initiative(internal_note="庁内だけの話")
    assert "庁内だけの話" not in client.get("/feed.atom").content.decode()


def test_a_control_character_pasted_into_a_text_does_not_break_the_feed(read_feed):
    make_initiative(title="改行\x0bの取組", summary="本文\x01です")
    (entry,) = read_feed()
    assert (entry["title"], entry["summary"]) == ("改行の取組", "本文です")


def test_the_feed_is_bounded_and_its_queries_do_not_grow(
    client, read_feed, django_assert_max_num_queries
):
    settlement = make_settlement()

    def fill(numbers):
        for number in numbers:
            make_change_note(make_item(settlement, str(number)))
            make_change_note(make_document())
            make_initiative()

    fill(range(1, 3))
    with django_assert_max_num_queries(12) as few:
        client.get("/feed.atom")
    fill(range(3, 63))
    with django_assert_max_num_queries(len(few)):
        client.get("/feed.atom")
    assert len(read_feed()) == 100
