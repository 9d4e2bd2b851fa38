"""What stands in the way of publishing a record, and what is worth a look before.

An error blocks publication, a remark does not: a paper may print sums that do not match, and no
figure is changed for that. `list_findings` asks the checkers that each app registers.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from unicodedata import normalize

from django.db import models
from django.urls import reverse
from django.utils import timezone

from .fiscal_year import fiscal_year_of, format_date, format_fiscal_year
from .models import Cited, Figure, Publication, SourceDocument
from .text_checks import check_characters, check_line, check_long_text

ERROR, REMARK = "error", "remark"
INTERNAL = {"internal_note"}
SHOWN = 3


@dataclass(frozen=True)
class Finding:
    """A sentence about a place (`where`, in words); `page` and `anchor` lead staff there."""

    level: str
    where: str
    message: str
    page: str = ""
    anchor: str = ""

    def __str__(self):
        return f"{self.where}：{self.message}"

    @property
    def is_error(self) -> bool:
        return self.level == ERROR

    @property
    def address(self) -> str:
        return f"{self.page}#{self.anchor}" if self.page and self.anchor else self.page


Checker = Callable[[models.Model], Iterable[Finding]]
CHECKERS: dict[type[models.Model], list[Checker]] = defaultdict(list)


def checks(model: type[models.Model]) -> Callable[[Checker], Checker]:
    """Register a function that yields findings on a saved record of a model."""

    def register(checker):
        CHECKERS[model].append(checker)
        return checker

    return register


def list_findings(record: models.Model) -> list[Finding]:
    """Return what there is to say on a saved record, errors first.

    A model without a checker of its own gets `check_record`.
    """
    checkers = CHECKERS.get(type(record), [check_record])
    found = [finding for checker in checkers for finding in checker(record)]
    return sorted(dict.fromkeys(found), key=lambda finding: not finding.is_error)


def make_finding(record, field: str, message: str, level: str = REMARK, name: str = "") -> Finding:
    """Return a finding at a field of a record; `name` says which part of the whole it is."""
    page, anchor = find_place(record, field)
    label = label_of(record, field)
    where = f"{name}の{label}" if name and label else name or label
    return Finding(level, where, message, page, anchor)


def label_of(record, field: str) -> str:
    """Return what staff call a field, or the parts that a record has many of."""
    if not field:
        return ""
    found = record._meta.get_field(field)
    return found.related_model._meta.verbose_name if found.auto_created else found.verbose_name


def find_place(record, field: str = "") -> tuple[str, str]:
    """Return the admin page where a record is edited, and the field's anchor on it."""
    opts = record._meta
    page = reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[record.pk])
    if not field:
        return page, ""
    return page, f"{field}-group" if opts.get_field(field).auto_created else f"id_{field}"


def check_record(record) -> Iterator[Finding]:
    """Yield what any record can be asked: its period, its texts, its source."""
    if isinstance(record, Publication):
        yield from check_period(record)
    yield from check_texts(record)
    if isinstance(record, Cited):
        yield from check_sources(record)


def check_period(record: Publication) -> Iterator[Finding]:
    if record.publish_until and record.publish_until <= timezone.now():
        day = format_date(timezone.localdate(record.publish_until))
        message = f"公開の期間は{day}に終わっています。公開しても表示されません。"
        yield make_finding(record, "publish_until", message, ERROR)


def check_texts(record, name: str = "") -> Iterator[Finding]:
    """Yield what is empty or cannot be read by a machine in the public texts of one record."""
    for field in record._meta.concrete_fields:
        if not isinstance(field, models.CharField | models.TextField | models.FileField):
            continue
        if not field.editable or field.choices or field.name in INTERNAL:
            continue
        text = str(getattr(record, field.attname) or "")
        if not text.strip() and not field.blank:
            yield make_finding(record, field.name, "空です。必ず入れてください。", ERROR, name)
            continue
        level = ERROR if field.name == "unit" else REMARK
        for message in _check_text(field, text):
            yield make_finding(record, field.name, message, level, name)


def _check_text(field, text: str) -> Iterator[str]:
    if isinstance(field, models.TextField):
        return check_long_text(text)
    if field.name == "as_printed" or isinstance(field, models.URLField | models.FileField):
        return check_characters(text)
    return check_line(text, has_printed_labels=field.name == "locator")


def check_sources(record: Cited, parts: Iterable[Cited] = ()) -> Iterator[Finding]:
    """Yield that no document is named, or one that the public cannot see; in one query at most.

    `parts` are what else on the record's page is cited. A document on one of them is enough.
    """
    cited = {part.source_id for part in (record, *parts)} - {None}
    if not cited:
        message = "出典がありません。もとの資料を選んでください。"
        level = ERROR if isinstance(record, Publication) else REMARK
        yield make_finding(record, "source", message, level)
    for document in SourceDocument.objects.filter(pk__in=cited).order_by("pk"):
        if not document.is_published():
            message = "いま公開されていない資料なので、県民には「出典の掲載なし」と表示されます。"
            yield make_finding(document, "", message, name=f"出典「{document}」")


def check_citations(record: Cited, parts: list[Cited], kind: str, name="") -> Iterator[Finding]:
    """Yield which of the parts (of one `kind`, in words) have no source or no place in it."""
    if silent := [part for part in parts if part.source_id is None]:
        message = f"出典のない{kind}が{len(silent)}件あります（{list_names(silent)}）。"
        yield make_finding(silent[0], "source", message, name=name)
    placeless = [part for part in parts if part.source_id and not part.locator.strip()]
    if placeless and not record.locator.strip():
        message = f"出典の箇所がない{kind}が{len(placeless)}件あります（{list_names(placeless)}）。"
        yield make_finding(placeless[0], "locator", message, name=name)
    elif not parts and record.source_id and not record.locator.strip():
        message = "資料のどこに書いてあるかを入れてください（例：第2 1(4)、p.12）。"
        yield make_finding(record, "locator", message, name=name)


def check_figures(figures: Iterable[Figure], within: str = "") -> Iterator[Finding]:
    """Yield the faults in the texts of a record's figures, and figures that are there twice."""
    taken = {}
    for figure in figures:
        name = f"{within}実績値「{figure.name}」"
        yield from check_texts(figure, name)
        key = tuple("".join(normalize("NFKC", part).split()).casefold() for part in figure.key)
        other = taken.setdefault(key, figure)
        if other is not figure:
            message = f"「{other.name}」と、空白や全角・半角のほかは同じ名前と時期です。"
            yield make_finding(figure, "label", message, name=name)


@checks(SourceDocument)
def check_document(document) -> Iterator[Finding]:
    yield from check_record(document)
    if not document.issued_on:
        return
    if document.issued_on > timezone.localdate():
        message = f"{format_date(document.issued_on)}は、まだ来ていない日です。"
        yield make_finding(document, "issued_on", message)
    # A budget is printed in the year before its own; nothing is printed two years ahead.
    if document.fiscal_year and fiscal_year_of(document.issued_on) < document.fiscal_year - 1:
        message = (
            f"発行日（{format_date(document.issued_on)}）が、"
            f"対象の{format_fiscal_year(document.fiscal_year)}より1年以上前です。"
        )
        yield make_finding(document, "fiscal_year", message)


def list_names(records: list) -> str:
    """Return the first few names, and that there are more."""
    names = "、".join(str(getattr(record, "name", record)) for record in records[:SHOWN])
    return f"{names}など" if len(records) > SHOWN else names
