"""docs/security.md tells what was tried by numbers that are counted here."""

import re
from pathlib import Path

import pytest
from django.conf import settings

from tests import attack_files as files
from tests import attack_inputs as inputs
from tests import audit
from tests.drills.test_attack_sweeps import PATHOLOGICAL, READERS
from tests.portal.test_attack_requests import KINDS, STARTS, list_headers

TEXT = (Path(settings.BASE_DIR) / "docs" / "security.md").read_text()
TRIED = {
    "文に埋め込むスクリプト × Markdownの形": (
        len(inputs.MARKUP),
        len(inputs.MARKUP) * len(inputs.MARKDOWN),
    ),
    "表計算の式": (len(inputs.FORMULAS), len(inputs.FORMULAS)),
    "ログインの行き先": (len(inputs.REDIRECTS), 3 * len(inputs.REDIRECTS)),
    "偽のホスト名": (len(inputs.HOSTS), 4 * len(inputs.HOSTS)),
    "転送のヘッダー": (len(inputs.FORWARDED), len(inputs.FORWARDED)),
    "おかしなヘッダー": (len(list_headers()), len(list_headers()) * len(KINDS[:-1])),
    "おかしなパス": (len(inputs.PATHS), len(inputs.PATHS) * len(STARTS)),
    "ほかのものを隠した画像": (len(files.DISGUISED), len(files.DISGUISED)),
    "画像でないもの、巨大な画像": (len(files.REFUSED_PICTURES), len(files.REFUSED_PICTURES)),
    "害のあるXLSX": (len(files.WORKBOOKS), len(files.WORKBOOKS)),
    "害のあるDOCX": (len(files.DOCUMENTS), len(files.DOCUMENTS)),
    "害のあるPDF": (len(files.PDFS) + 1, len(files.PDFS) + 1),
    "病的な文 × 読取り": (len(PATHOLOGICAL), len(PATHOLOGICAL) * len(READERS)),
}


@pytest.mark.parametrize("name", TRIED)
def test_the_numbers_of_the_document_are_those_of_the_tests(name):
    told = re.search(rf"^\| {re.escape(name)} \| ([\d,]+) \| ([\d,]+) \|", TEXT, re.MULTILINE)
    assert told, name
    assert tuple(int(number.replace(",", "")) for number in told.groups()) == TRIED[name]


def test_every_row_of_the_table_is_counted_and_every_test_it_names_is_there():
    rows = re.findall(r"^\| ([^|]+) \| [\d,]+ \| [\d,]+ \|", TEXT, re.MULTILINE)
    assert rows == list(TRIED)
    folder = Path(settings.BASE_DIR) / "tests"
    for name in set(re.findall(r"`(?:tests/\w+/)?(test_\w+\.py)`", TEXT)):
        assert list(folder.rglob(name)), name


@pytest.mark.parametrize(
    ("dependencies", "code", "words"),
    [
        ([], 2, "尋ねられませんでした"),
        ([{"name": "a", "skip_reason": "x"}], 2, "1個のうち1個が未確認"),
        ([{"name": "a", "version": "1", "vulns": []}], 0, "1個を確かめ"),
        (
            [{"name": "a", "version": "1", "vulns": [{"id": "X-1", "fix_versions": ["2"]}]}],
            1,
            "a 1: X-1（直った版: 2）",
        ),
        (
            [
                {"name": "a", "version": "1", "vulns": [{"id": "X-1", "fix_versions": []}]},
                {"name": "b", "skip_reason": "x"},
            ],
            1,
            "まだありません",
        ),
    ],
)
def test_the_audit_never_calls_well_what_it_could_not_ask_about(dependencies, code, words):
    lines, answered = audit.judge({"dependencies": dependencies})
    assert answered == code
    assert words in "\n".join(lines)
