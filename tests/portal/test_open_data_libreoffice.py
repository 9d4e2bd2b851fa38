"""The bulk files as LibreOffice reads them, where it is installed (Debian's libreoffice-calc)."""

import csv
import io
import shutil
import subprocess

import pytest

from tests.builders import make_item, make_settlement, make_settlement_figure

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(
        shutil.which("soffice") is None, reason="needs LibreOffice (libreoffice-calc)"
    ),
]

NAME = "髙﨑の「架空」事業①～㈱ｱｲｳ"
UTF8_CSV = "csv:Text - txt - csv (StarCalc):44,34,76"


def convert(path, folder) -> list[dict]:
    """Return the rows of a file as LibreOffice saves them again."""
    options = []
    if path.suffix == ".csv":
        # Comma, double quote, UTF-8; every column as a text, as Excel shows what is typed.
        options = ["--infilter=CSV:44,34,76"]
    subprocess.run(
        [
            "soffice",
            f"-env:UserInstallation=file://{folder}/profile",
            "--headless",
            *options,
            "--convert-to",
            UTF8_CSV,
            "--outdir",
            str(folder / "out"),
            str(path),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    text = (folder / "out" / f"{path.stem}.csv").read_text("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_the_files_open_without_garbled_characters(suffix, client, tmp_path):
    item = make_item(make_settlement(), "1.2", name=NAME, amount_yen=4_016_000)
    make_settlement_figure(item, label=NAME, value=-5, unit="件", kind="activity")
    for table, column in (("settlement-items", "name"), ("settlement-figures", "label")):
        data = b"".join(client.get(f"/open-data/{table}.{suffix}", {"header": "en"}))
        path = tmp_path / f"{table}.{suffix}"
        path.write_bytes(data)
        rows = convert(path, tmp_path)
        assert NAME in {row[column] for row in rows}, rows
        if table == "settlement-items":
            row = next(row for row in rows if row["name"] == NAME)
            assert row["code"] == "1.2"
            assert row["amount_yen"] == "4016000"
        else:
            assert {row["value"] for row in rows} == {"-5"}
