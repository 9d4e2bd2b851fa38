import datetime
import html
import xml.etree.ElementTree as ElementTree

import pytest
from django.utils import timezone

from portal.publishing import Status
from tests.builders import (
    make_change_note,
    make_department,
    make_document,
    make_indicator,
    make_initiative,
    make_initiative_figure,
    make_item,
    make_pillar,
    make_policy,
    make_program,
    make_settlement,
    make_settlement_figure,
)

pytestmark = pytest.mark.django_db

ATOM = {"atom": "http://www.w3.org/2005/Atom"}
DAY = datetime.timedelta(days=1)


@pytest.fixture
def read_feed(client):
    """Return a function that asks for the feed and gives its entries as dicts, newest first."""

    def read(**narrowing):
        answer = client.get("/feed.atom", narrowing)
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
    assert entry["updated"].endswith("+09:00")


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


def read_titles(entries):
    return {entry["title"] for entry in entries}


class TestNarrowed:
    def test_a_pillar_has_its_initiatives_and_what_changed_in_them(self, read_feed):
        pillar = make_pillar(slug="dx")
        initiative = make_initiative(title="柱の取組", pillar=pillar)
        figure = make_initiative_figure(initiative, label="数")
        other = make_initiative(title="別の柱の取組")
        for record in (pillar, initiative, figure, other, make_item(), make_document()):
            make_change_note(record)
        titles = read_titles(read_feed(pillar="dx"))
        assert titles == {
            "柱の取組",
            "更新：柱の取組",
            f"更新：{pillar}",
            f"更新：{figure}",
        }

    def test_a_department_has_all_that_belongs_to_it(self, read_feed):
        department = make_department(slug="kikaku")
        initiative = make_initiative(departments=[department, make_department()])
        settlement = make_settlement(department=department)
        item = make_item(settlement, program=make_program(department=department))
        indicator = make_indicator(department=department)
        theirs = [department, initiative, settlement, item, item.program, indicator]
        theirs += [make_settlement_figure(item), make_initiative_figure(initiative)]
        others = [make_initiative(), make_item(), make_indicator(), make_document()]
        for record in (*theirs, *others):
            make_change_note(record)
        titles = read_titles(read_feed(department="kikaku"))
        assert titles == {initiative.title, *(f"更新：{record}" for record in theirs)}

    def test_what_is_hidden_stays_so(self, read_feed):
        department, pillar = make_department(slug="kikaku"), make_pillar(slug="dx")
        hidden = make_initiative(
            status=Status.DRAFT, departments=[department], pillar=pillar, title="秘密"
        )
        settlement = make_settlement(department=department, status=Status.DRAFT)
        for record in (hidden, settlement, make_item(settlement)):
            make_change_note(record, text="秘密")
        assert read_feed(department="kikaku") == read_feed(pillar="dx") == []

    def test_it_names_itself_and_its_page(self, client):
        department = make_department(slug="kikaku", name="架空企画部")
        answer = client.get("/feed.atom?department=kikaku")
        feed = ElementTree.fromstring(answer.content)
        assert feed.findtext("atom:title", namespaces=ATOM).endswith("：架空企画部の新着と更新")
        assert feed.findtext("atom:id", namespaces=ATOM) == (
            f"tag:testserver,2024:feed/department/{department.pk}"
        )
        links = {link.get("rel"): link.get("href") for link in feed.findall("atom:link", ATOM)}
        assert links == {
            "alternate": "http://testserver/departments/kikaku/",
            "self": "http://testserver/feed.atom?department=kikaku",
        }

    def test_the_pages_of_pillars_and_departments_lead_to_it(self, client):
        for record, address in (
            (make_pillar(slug="dx"), "/feed.atom?pillar=dx"),
            (make_department(slug="kikaku"), "/feed.atom?department=kikaku"),
        ):
            page = client.get(record.get_absolute_url()).content.decode()
            assert f'<link rel="alternate" type="application/atom+xml" title="{record.name}' in page
            assert page.count(f'href="{address}"') == 2

    @pytest.mark.parametrize(
        "query",
        ["pillar=x", "department=x", "pillar=%00", "pillar=a%20b", "pillar=dx&department=x"],
    )
    def test_an_unknown_pillar_or_department_is_a_404(self, client, query):
        make_pillar(slug="dx")
        answer = client.get(f"/feed.atom?{query}")
        assert answer.status_code == 404
        assert "ページが見つかりません" in answer.content.decode()

    def test_a_pillar_of_a_hidden_plan_is_a_404(self, client):
        pillar = make_pillar(slug="dx")
        type(pillar.plan).objects.update(status=Status.DRAFT)
        assert client.get("/feed.atom?pillar=dx").status_code == 404

    def test_a_subscription_outlives_a_new_slug(self, client):
        pillar = make_pillar(slug="dx")
        make_initiative(pillar=pillar, title="柱の取組")
        pillar.slug = "digital"
        pillar.save()
        assert "柱の取組" in client.get("/feed.atom?pillar=dx").content.decode()

    def test_a_blank_choice_narrows_nothing(self, read_feed):
        make_initiative()
        assert len(read_feed(pillar="", department="")) == 1


def test_a_reader_that_has_the_feed_is_not_sent_it_again(client):
    make_initiative()
    first = client.get("/feed.atom")
    again = client.get("/feed.atom", headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    make_initiative()
    assert client.get("/feed.atom", headers={"If-None-Match": first["ETag"]}).status_code == 200
