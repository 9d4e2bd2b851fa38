"""What an editor, an approver and an administrator do in a day, as they do it."""

import pytest

from budgets.models import Settlement
from initiatives.models import Initiative
from portal.models import ChangeNote, Role
from portal.publishing import Status
from tests import builders


def press(page, name):
    page.get_by_role("button", name=name, exact=True).first.click()
    page.wait_for_load_state()


def follow(page, name):
    page.get_by_role("link", name=name, exact=True).first.click()
    page.wait_for_load_state()


def text_of(page) -> str:
    return page.locator("body").inner_text()


@pytest.fixture
def initiative(department):
    return builders.make_initiative(
        slug="kakuu-torikumi",
        title="架空の取組",
        departments=[department],
        source=builders.make_document(),
        locator="p.1",
        status=Status.DRAFT,
    )


def test_from_a_draft_by_sending_back_to_the_public_page(enter, visitor, initiative):
    editor = enter("架空編集", Role.EDITOR)
    follow(editor, "架空の取組")
    editor.get_by_label("概要").first.fill("長すぎる概要です。")
    press(editor, "保存して編集を続ける")
    follow(editor, "承認を求める")
    editor.get_by_label("コメント").fill("見てください。")
    press(editor, "承認を求める")
    assert "承認待ち" in text_of(editor)

    approver = enter("架空承認", Role.APPROVER)
    assert "あなたの承認を待っています" in text_of(approver)
    follow(approver, "架空の取組")
    assert "架空編集さんが" in text_of(approver)
    assert "「見てください。」" in text_of(approver)
    follow(approver, "差し戻す")
    press(approver, "差し戻す")
    assert approver.get_by_label("直してほしいこと").evaluate("field => !field.validity.valid")
    approver.get_by_label("直してほしいこと").fill("短くしてください。")
    press(approver, "差し戻す")

    editor.goto("/admin/")
    assert "差し戻されました" in text_of(editor)
    assert "短くしてください。" in text_of(editor)
    follow(editor, "架空の取組")
    editor.get_by_label("概要").first.fill("短い概要。")
    press(editor, "保存して編集を続ける")
    follow(editor, "承認を求める")
    press(editor, "承認を求める")
    assert visitor.goto("/initiatives/kakuu-torikumi/").status == 404

    approver.goto("/admin/")
    follow(approver, "架空の取組")
    follow(approver, "承認する")
    press(approver, "承認する")
    assert visitor.goto("/initiatives/kakuu-torikumi/").status == 200
    assert "短い概要。" in text_of(visitor)


def test_a_published_amount_is_corrected_beside_the_live_page(enter, visitor, department):
    settlement = builders.make_settlement(
        fiscal_year=2020, department=department, source=builders.make_document(), locator="第1"
    )
    builders.make_item(settlement, "1", name="架空の事業", amount_yen=5_000_000, locator="第1")
    address = settlement.get_absolute_url()

    editor = enter("架空編集", Role.EDITOR)
    editor.goto(f"/admin/budgets/settlement/{settlement.pk}/change/")
    press(editor, "改訂案を作る")
    assert "公開しているページは、承認されるまで変わりません" in text_of(editor)
    revision = Settlement.objects.get(revises=settlement)
    item = revision.items.get()
    editor.goto(f"/admin/budgets/settlementitem/{item.pk}/change/")
    editor.get_by_label("決算額（円）").fill("6,000千円")
    press(editor, "保存して編集を続ける")
    visitor.goto(address)
    assert "5,000千円" in text_of(visitor)
    editor.goto(f"/admin/budgets/settlement/{revision.pk}/review/")
    assert "5,000,000" in text_of(editor)
    assert "6,000,000" in text_of(editor)
    follow(editor, "承認を求める")
    assert "公開している数値が変わります" in text_of(editor)
    editor.get_by_label("正誤").check()
    editor.get_by_label("理由（公開されます）").fill("けたを読み誤っていました。")
    press(editor, "承認を求める")

    approver = enter("架空承認", Role.APPROVER)
    follow(approver, f"{revision}")
    assert "けたを読み誤っていました。" in text_of(approver)
    follow(approver, "公開後の見え方")
    assert "6,000千円" in text_of(approver)
    assert "プレビュー" in text_of(approver)
    approver.go_back()
    follow(approver, "承認する")
    press(approver, "承認する")
    visitor.goto(address)
    assert "6,000千円" in text_of(visitor)
    visitor.goto("/changes/")
    assert "けたを読み誤っていました。" in text_of(visitor)
    note = ChangeNote.objects.get()
    assert (note.old, note.new) == ("5,000,000", "6,000,000")


def test_two_editors_at_once_lose_nothing(enter, initiative):
    first, second = enter("架空一郎", Role.EDITOR), enter("架空二郎", Role.EDITOR)
    address = f"/admin/initiatives/initiative/{initiative.pk}/change/"
    first.goto(address)
    second.goto(address)
    first.get_by_label("概要").first.fill("一郎の概要")
    press(first, "保存して編集を続ける")
    second.get_by_label("概要").first.fill("二郎の概要")
    press(second, "保存して編集を続ける")
    told = text_of(second)
    assert "架空一郎さんが保存しました" in told
    assert "一郎の概要" in told
    assert "二郎の概要" in told
    assert Initiative.objects.get().summary == "一郎の概要"
    press(second, "あなたの入力を重ねて保存する")
    assert Initiative.objects.get().summary == "二郎の概要"
    follow(second, "履歴")
    assert "第1版" in text_of(second)
    first.goto(f"/admin/initiatives/initiative/{initiative.pk}/history/")
    follow(first, "第2版")
    press(first, "この内容に戻す")
    assert Initiative.objects.get().summary == "一郎の概要"


def test_an_administrator_withdraws_and_approves_alone_with_a_mark(enter, visitor, initiative):
    administrator = enter("架空管理", Role.ADMINISTRATOR)
    administrator.goto(f"/admin/initiatives/initiative/{initiative.pk}/change/")
    follow(administrator, "承認を求める")
    press(administrator, "承認を求める")
    follow(administrator, "承認する")
    administrator.get_by_label("自分の申請を、自分で承認します", exact=False).check()
    press(administrator, "承認する")
    assert "自分の申請を自分で承認" in text_of(administrator)
    follow(administrator, "取り下げる")
    administrator.get_by_label("取り下げる理由（公開されます）").fill("数値を確かめています。")
    press(administrator, "取り下げる")
    assert visitor.goto("/initiatives/kakuu-torikumi/").status == 410
    assert "数値を確かめています。" in text_of(visitor)


HEADER = "年度,部局,項目番号,名称,決算額（円）\n"


def upload(page, text, name):
    page.locator("input[type=file]").set_input_files(
        {"name": name, "mimeType": "text/csv", "buffer": text.encode("utf-8-sig")}
    )
    press(page, "内容を確かめる")


def test_a_file_with_mistakes_is_corrected_imported_and_taken_back(enter, department):
    settlement = builders.make_settlement(
        fiscal_year=2020, department=department, status=Status.DRAFT
    )
    builders.make_item(settlement, "1", name="架空管理費", amount_yen=1_000_000)
    editor = enter("架空編集", Role.EDITOR)
    editor.goto("/admin/budgets/settlementitem/import/")
    row = f"令和2年度,{department.slug}"
    upload(editor, f"{HEADER}{row},1,架空管理費,皆増\n{row},1.9.1,架空の細目,5千円\n", "誤り.csv")
    told = text_of(editor)
    assert "皆増" in told
    assert "上位の項目が要ります" in told
    assert "何も保存していません" in told

    editor.goto("/admin/budgets/settlementitem/import/")
    upload(editor, f"{HEADER}{row},1,架空管理費,2千円\n{row},1.1,架空の細目,1千円\n", "正しい.csv")
    told = text_of(editor)
    assert "1,000,000" in told
    assert "2,000" in told
    assert settlement.items.get().amount_yen == 1_000_000
    press(editor, "取り込む")
    amounts = dict(settlement.items.values_list("code", "amount_yen"))
    assert amounts == {"1": 2_000, "1.1": 1_000}

    editor.goto("/admin/portal/importlog/")
    assert "正しい.csv" in text_of(editor)
    assert "誤り.csv" not in text_of(editor)
    editor.locator("#result_list tbody a").first.click()
    editor.wait_for_load_state()
    press(editor, "この取込を取り消す")
    assert "取り消しました" in text_of(editor)
    amounts = dict(settlement.items.values_list("code", "amount_yen"))
    assert amounts == {"1": 1_000_000}


def test_a_document_becomes_a_draft_beside_its_text(enter, department):
    editor = enter("架空編集", Role.EDITOR)
    editor.goto("/admin/budgets/settlement/")
    follow(editor, "文書から取り込む")
    editor.get_by_label("部局").select_option(label="架空県体験部")
    editor.get_by_label("年度").fill("令和3年度")
    editor.get_by_label("または、文章を貼り付ける").fill(
        "第3 架空部\n\n1 架空管理費\n\n(1) 架空調整費\n決算額 4,016千円\n\n架空の調整を行った。\n"
    )
    press(editor, "読み取る")
    assert "4,016,000円" in text_of(editor)
    press(editor, "この内容で下書きにする")
    assert "下書きに取り込みました" in text_of(editor)
    assert Settlement.objects.get().items.get(code="1.1").amount_yen == 4_016_000
