"""What a workbook or a Word document must keep to before a library reads it: bounded, and plain XML.

A few KiB of ZIP can hold millions of elements, and entities can stand for more than memory holds.
"""

import io
import zipfile
from typing import IO
from xml.parsers import expat

MEGABYTE = 2**20
MAX_UNPACKED = 200 * MEGABYTE
MAX_PARTS = 2_000
CHUNK = 2**16
# Reading an element takes up to 15 µs and 500 bytes: many may only be what holds the data.
MAX_MARKS = {
    "xl/worksheets/": 24_000_000,
    "xl/sharedStrings.xml": 6_000_000,
    "word/document.xml": 1_500_000,
    "": 200_000,
}


class OfficeFileError(ValueError):
    """A file that would take too much to read, or holds what no office program writes."""


def check_office_file(data: bytes) -> list[str]:
    """Return the names of the parts of an XLSX or DOCX file.

    Raises OfficeFileError, with a Japanese sentence, for a file that is too large once unpacked,
    has too many parts or elements, or declares a document type, which entities need; and
    BadZipFile and others for what is no ZIP file.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = archive.infolist()
        if sum(part.file_size for part in parts) > MAX_UNPACKED:
            raise OfficeFileError(
                f"展開すると{MAX_UNPACKED // MEGABYTE}MBを超えるファイルです。分けてください。"
            )
        if len(parts) > MAX_PARTS:
            raise OfficeFileError(
                "中の部品が多すぎるファイルです。新しいファイルに写してください。"
            )
        marks = dict.fromkeys(MAX_MARKS, 0)
        for part in parts:
            with archive.open(part) as file:
                # Never more than the size that the archive states and that is counted above.
                kind = next(start for start in MAX_MARKS if part.filename.startswith(start))
                marks[kind] += _count_marks(file)
            if marks[kind] > MAX_MARKS[kind]:
                raise OfficeFileError(
                    "セルか書式か段落が多すぎるファイルです。要る部分だけを新しいファイルに写してください。"
                )
        return [part.filename for part in parts]


def _count_marks(file: IO[bytes]) -> int:
    """Return how many "<" stand in a part: one or two an element, in every encoding."""
    count, prolog = 0, _Prolog()
    while chunk := file.read(CHUNK):
        prolog.read(chunk)
        count += chunk.count(b"<")
    return count


class _Prolog:
    """Reads what stands before the first element, and refuses a document type there."""

    def __init__(self):
        self.is_over = False
        self.parser = expat.ParserCreate()
        self.parser.StartDoctypeDeclHandler = self.refuse
        self.parser.StartElementHandler = self.end

    def read(self, chunk: bytes) -> None:
        if self.is_over:
            return
        try:
            self.parser.Parse(chunk)
        except expat.ExpatError:  # no XML, or broken: whoever reads it will say so
            self.is_over = True

    def refuse(self, *declared):
        raise OfficeFileError(
            "文書型の宣言（DOCTYPE）が入っているファイルは読めません。"
            "WordかExcelで開き、保存し直してください。"
        )

    def end(self, *element):
        self.is_over = True
        self.parser.StartElementHandler = None
