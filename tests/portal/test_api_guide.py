"""The examples of docs/api.md, run as they stand against a server."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest
from django.conf import settings
from django.core.management import call_command

from portal.api_docs import GUIDE_ORIGIN

GUIDE = Path(settings.BASE_DIR, "docs", "api.md").read_text("utf-8")

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def read_examples(live_server):
    call_command("load_first_content", verbosity=0)

    def read(language):
        found = re.findall(rf"^```{language}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
        assert found
        return [text.replace(GUIDE_ORIGIN, live_server.url) for text in found]

    return read


def test_the_examples_work(read_examples, tmp_path):
    for text in read_examples("python"):
        done = subprocess.run(
            [sys.executable, "-"], input=text, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip()
    assert "変わっていません" in done.stdout

    for text in read_examples("powerquery"):
        (address,) = re.findall(r'"(http[^"]+)"', text)
        with urlopen(address) as answer:
            header = answer.readline().decode("utf-8-sig").strip().split(",")
            assert len(answer.readlines()) > 10
        assert set(re.findall(r'\{"(\w+)", ', text)) <= set(header)

    if shutil.which("curl"):
        for text in read_examples("sh"):
            done = subprocess.run(
                ["sh", "-ec", text], cwd=tmp_path, capture_output=True, text=True, timeout=60
            )
            assert done.returncode == 0, done.stderr
        table = (tmp_path / "items.csv").read_text("utf-8-sig")
        assert table.startswith("code,label,level,name,")
