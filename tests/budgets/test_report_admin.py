"""「文書から取り込む」: from a document to a draft, to a revision, and back."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from budgets.models import Settlement
from portal.import_log import UndoError, undo_import
from portal.models import ImportLog, Role
from portal.publishing import Status
from portal.revisions import get_revision
from tests import builders
from tests.admin_pages import text_of

pytestmark = pytest.mark.django_db

READ = reverse("admin:budgets_settlement_read")
TEXT = """第3 架空部

架空部は、架空の仕事をした。

【令和3年度に実施した重点施策及び主な取組】

1 架空の重点
- ・架空の取組

1 架空管理費

(1) 架空調整費
決算額 4,016千円

架空の調整を行った。

| 区分 | 件数 |
| --- | --- |
| 架空の相談 | 12件 |

(2) 架空広報費
決算額 7,997千円
"""


@pytest.fixture
def department():
    return builders.make_department(name="架空県第一部")


@pytest.fixture
def editor(department, client):
    user = builders.make_staff(Role.EDITOR, department)
    client.force_login(user)
    return user


def send(client, department, text=TEXT, **fields):
    values = {"department": department.pk, "fiscal_year": "令和3年度", "text": text} | fields
    return client.post(READ, values)


def review_of(client, department, **fields) -> str:
    answer = send(client, department, **fields)
    assert answer.status_code == 302, text_of(answer)
    return answer["Location"]


def accept(client, address, **fields):
    return client.post(address, fields, follow=True)


class TestReading:
    def test_a_text_is_shown_beside_what_was_read_and_nothing_is_saved(
        self, client, department, editor
    ):
        page = client.get(review_of(client, department))
        text = text_of(page)
        for words in (
            "まだ何も保存していません",
            "架空調整費",
            "4,016,000円",
            "架空の重点",
            "もとの文章",
        ):
            assert words in text
        html = page.content.decode()
        line = TEXT.splitlines().index("(1) 架空調整費") + 1
        assert f'href="#line-{line}"' in html
        assert f'id="line-{line}"' in html
        assert not Settlement.objects.exists()

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
    def test_a_file_is_read_in_each_encoding(self, encoding, client, department, editor):
        file = SimpleUploadedFile("説明書.txt", TEXT.encode(encoding))
        address = review_of(client, department, text="", file=file)
        assert "架空調整費" in text_of(client.get(address))

    @pytest.mark.parametrize(
        ("fields", "sentence"),
        [
            ({"text": " "}, "どちらか一つ"),
            ({"text": TEXT, "file": SimpleUploadedFile("x.txt", TEXT.encode())}, "どちらか一つ"),
            (
                {"text": "", "file": SimpleUploadedFile("x.bin", bytes(range(256)) * 9)},
                "読めません",
            ),
            ({"text": "", "file": SimpleUploadedFile("x.pdf", b"%PDF-1.4 broken")}, "PDF"),
            ({"text": "", "file": SimpleUploadedFile("x.docx", b"PK\x03\x04broken")}, "Word"),
            ({"fiscal_year": "昔"}, "昔"),
            ({"fiscal_year": ""}, "必須"),
        ],
    )
    def test_what_cannot_be_read_is_told_in_a_sentence(
        self, fields, sentence, client, department, editor
    ):
        answer = send(client, department, **fields)
        assert answer.status_code == 200
        assert sentence in text_of(answer)
        assert not ImportLog.objects.exists()

    def test_a_long_text_is_shown_in_part_with_a_word_about_it(self, client, department, editor):
        long = TEXT + "\n本文の行です。" * 5000
        text = text_of(client.get(review_of(client, department, text=long)))
        assert "長い文章なので" in text
        assert "架空広報費" in text


class TestAccepting:
    def test_a_reading_becomes_a_draft_with_its_source(self, client, department, editor):
        document = builders.make_document()
        address = review_of(client, department, document=document.pk)
        page = accept(client, address)
        settlement = Settlement.objects.get()
        assert (settlement.status, settlement.fiscal_year) == (Status.DRAFT, 2021)
        amounts = dict(settlement.items.values_list("code", "amount_yen"))
        assert amounts == {"1": None, "1.1": 4_016_000, "1.2": 7_997_000}
        assert settlement.items.get(code="1.1").source == document
        assert "下書きに取り込みました" in text_of(page)
        assert client.get(settlement.get_absolute_url()).status_code == 404

    def test_accepting_twice_does_it_once(self, client, department, editor):
        address = review_of(client, department)
        accept(client, address)
        page = accept(client, address)
        assert "もう取り込まれています" in text_of(page)
        assert Settlement.objects.count() == 1

    def test_staff_edits_are_kept_and_told_unless_the_paper_is_to_win(
        self, client, department, editor
    ):
        accept(client, review_of(client, department))
        item = Settlement.objects.get().items.get(code="1.1")
        item.name = "職員の名称"
        item.save()
        page = accept(client, review_of(client, department))
        item.refresh_from_db()
        assert item.name == "職員の名称"
        assert "職員が「名称」を直したため、そのままにしました" in text_of(page)
        accept(client, review_of(client, department), overwrite="on")
        item.refresh_from_db()
        assert item.name == "架空調整費"

    def test_a_published_settlement_is_compared_and_read_into_a_revision(
        self, client, department, editor
    ):
        settlement = builders.make_settlement(department=department, fiscal_year=2021)
        builders.make_item(settlement, "1", name="架空管理費")
        builders.make_item(settlement, "1.1", name="架空調整費", amount_yen=4_000_000)
        address = review_of(client, department)
        text = text_of(client.get(address))
        assert "改訂案を作って、そこに取り込みます" in text
        assert "登録との違い" in text
        assert "4,000" in text
        accept(client, address, overwrite="on")
        assert settlement.items.get(code="1.1").amount_yen == 4_000_000
        revision = get_revision(settlement)
        assert revision.items.get(code="1.1").amount_yen == 4_016_000
        assert revision.items.get(code="1.2").name == "架空広報費"

    def test_what_waits_for_approval_is_compared_and_left_alone(self, client, department, editor):
        settlement = builders.make_settlement(
            department=department, fiscal_year=2021, status=Status.IN_REVIEW
        )
        page = accept(client, review_of(client, department))
        assert "いま「承認待ち」のため、取り込めません" in text_of(page)
        assert not settlement.items.exists()


class TestUndoing:
    def test_a_new_draft_goes_to_the_bin(self, client, department, editor):
        accept(client, review_of(client, department))
        log = ImportLog.objects.get()
        assert (log.state, log.file_name) == ("imported", "貼り付けた文章")
        assert "架空調整費" in text_of(
            client.get(reverse("admin:portal_importlog_change", args=[log.pk]))
        )
        undo_import(log, editor)
        assert Settlement.objects.get().status == Status.BINNED

    def test_a_second_reading_is_taken_back_alone(self, client, department, editor):
        accept(client, review_of(client, department))
        changed = TEXT.replace("7,997千円", "8,000千円")
        accept(client, review_of(client, department, text=changed))
        item = Settlement.objects.get().items.get(code="1.2")
        assert item.amount_yen == 8_000_000
        undo_import(ImportLog.objects.first(), editor)
        item.refresh_from_db()
        assert item.amount_yen == 7_997_000

    def test_what_was_changed_since_is_not_taken_back(self, client, department, editor):
        accept(client, review_of(client, department))
        item = Settlement.objects.get().items.get(code="1.1")
        item.name = "直した名称"
        item.save()
        with pytest.raises(UndoError, match="変更されています"):
            undo_import(ImportLog.objects.get(), editor)

    def test_a_revision_that_a_reading_made_is_discarded(self, client, department, editor):
        settlement = builders.make_settlement(department=department, fiscal_year=2021)
        builders.make_item(settlement, "1", name="架空管理費")
        accept(client, review_of(client, department))
        undo_import(ImportLog.objects.get(), editor)
        assert get_revision(settlement) is None
        assert Settlement.objects.get() == settlement


class TestRights:
    def test_another_department_is_no_choice(self, client, department):
        other = builders.make_department(name="よその部")
        client.force_login(builders.make_staff(Role.EDITOR, department))
        assert "よその部" not in text_of(client.get(READ))
        assert "正しく選択してください" in text_of(send(client, other))
        address = review_of(client, department).replace(
            f"department={department.pk}", f"department={other.pk}"
        )
        assert client.get(address).status_code == 404
        assert client.post(address).status_code == 404

    def test_a_reading_is_seen_by_who_sent_it_alone(self, client, department, editor):
        address = review_of(client, department)
        client.force_login(builders.make_staff(Role.EDITOR, department))
        assert client.get(address).status_code == 404

    def test_approvers_and_visitors_read_nothing(self, client, department):
        client.force_login(builders.make_staff(Role.APPROVER, department))
        assert client.get(READ).status_code == 403
        client.logout()
        assert client.get(READ).status_code == 302
