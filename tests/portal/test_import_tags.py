from portal.templatetags.import_tags import import_cells


def test_what_changes_is_shown_with_what_was_there():
    cells = [("値<1>", "", "甲\r\n乙&"), ("注記", "<b>", "")]
    assert import_cells(cells, "update") == (
        "<div><dt>値&lt;1&gt;</dt><dd><del>（空欄）</del> → <ins>甲<br>乙&amp;</ins></dd></div>"
        "<div><dt>注記</dt><dd><del>&lt;b&gt;</del> → <ins>（空欄）</ins></dd></div>"
    )


def test_a_new_record_held_nothing_before():
    assert import_cells([("値", "", "5")], "new") == ("<div><dt>値</dt><dd><ins>5</ins></dd></div>")
