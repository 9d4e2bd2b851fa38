"""The text of a PDF, read by a process of its own: one that takes too long or too much is ended.

The file may be hostile, so the process knows no settings and no secrets. It reads the PDF from its
input, writes the pages as JSON, and tells by its exit code what hindered it.
"""

import io
import json
import resource
import subprocess
import sys
from pathlib import Path

MAX_SECONDS = 120  # of a processor; a page of a thick report takes some 0.1
MAX_MEMORY = 2 * 2**30
MAX_PAGES = 2_000
MAX_CHARACTERS = 20_000_000
ENCRYPTED, TOO_MUCH, BROKEN = 3, 4, 5


class PdfError(ValueError):
    """A PDF that cannot be read; the message is Japanese, with a remedy."""


SENTENCES = {
    ENCRYPTED: "パスワードの付いたPDFです。外してから選んでください。",
    TOO_MUCH: (
        f"読むのに時間かメモリーがかかりすぎるPDFです（{MAX_PAGES:,}ページまで）。"
        "部局ごとに分けてください。"
    ),
    BROKEN: "壊れているか、読めない形のPDFです。",
}


def read_pages(data: bytes) -> list[str]:
    """Return the text of each page. Raises PdfError for a PDF that is locked, broken or a bomb."""
    try:
        done = subprocess.run(  # noqa: S603 - this very module
            [sys.executable, "-m", __name__, str(MAX_SECONDS), str(MAX_MEMORY)],
            input=data,
            capture_output=True,
            cwd=Path(__file__).parent.parent,
            env={},
            timeout=3 * MAX_SECONDS,  # where other processes take their turns
        )
    except subprocess.TimeoutExpired:
        raise PdfError(SENTENCES[TOO_MUCH]) from None
    if done.returncode == 0:
        return json.loads(done.stdout)
    # A negative code is the signal that ended it.
    code = TOO_MUCH if done.returncode < 0 else done.returncode
    raise PdfError(SENTENCES.get(code, SENTENCES[BROKEN]))


def main(data: bytes) -> int:
    try:
        import pypdf  # the process alone needs it

        reader = pypdf.PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            return ENCRYPTED
        if len(reader.pages) > MAX_PAGES:
            return TOO_MUCH
        pages, length = [], 0
        for page in reader.pages:
            pages.append(page.extract_text())
            length += len(pages[-1])
            if length > MAX_CHARACTERS:
                return TOO_MUCH
        json.dump(pages, sys.stdout)
    except MemoryError:
        return TOO_MUCH
    except Exception:  # pypdf raises what its parsers raise: no list of them is complete
        return BROKEN
    return 0


if __name__ == "__main__":
    seconds, memory = map(int, sys.argv[1:])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    sys.exit(main(sys.stdin.buffer.read()))
