"""Cells of a staff spreadsheet: text of a file to a model's value, and a value to a cell.

Every `clean` raises ValueError with a Japanese sentence that quotes the text and says what to
write instead. What `render` returns is read back by `clean` as the same value.
"""

import datetime
import re
import unicodedata
from functools import lru_cache

from django.db import models
from django.utils import timezone
from django.utils.functional import cached_property
from import_export.widgets import ManyToManyWidget, Widget

from .amounts import parse_amount, parse_number
from .fiscal_year import FiscalYearError, parse_calendar_year, parse_fiscal_year
from .models import Figure, FiscalYearField
from .publishing import Revisable, Status

DATE = re.compile(
    r"(\d{4})[-/年](\d{1,2})[-/月](\d{1,2})日?(?:[ T](\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?)?"
)
REVISION_MARK = re.compile(r"--\d+\Z")
SEPARATOR = "｜"
MARKED = re.compile(rf"[\\{SEPARATOR}]")


class Cell(Widget):
    """`offered` are the choices that Excel offers; `is_text` keeps Excel from reading numbers.

    `blank` says what a blank cell means where it may be blank. Where the cell `is_own`, `list_keys`
    takes the place of `clean`: it returns the keys of the records that a text names.
    """

    hint = blank = ""
    offered = ()
    is_text = False
    is_own = False  # a row may name another row of the same file

    def describe(self, value):
        """Return the text of what `render` returned, for a person to compare."""
        return "" if value is None else str(value)


class TextCell(Cell):
    is_text = True

    def clean(self, value, row=None, **kwargs):
        return value.replace("\r\n", "\n").strip()

    def render(self, value, **kwargs):
        return self.clean(str(value or ""))


class FiscalYearCell(Cell):
    hint = "「2020」「令和2年度」「R2」"

    def clean(self, value, row=None, **kwargs):
        return parse_fiscal_year(value) if value.strip() else None

    def render(self, value, **kwargs):
        return value


class YearCell(FiscalYearCell):
    """A year of either kind; whose it is decides which spelling fits."""

    hint = "「2020」「令和2年度」、暦年なら「令和2年」"

    def clean(self, value, row=None, **kwargs):
        try:
            return super().clean(value)
        except FiscalYearError:
            return parse_calendar_year(value)


class AmountCell(FiscalYearCell):
    hint = "円。「4,016千円」とも書けます。空欄は「記載なし」で、0円とは違います"
    blank = "「記載なし」。0とは違います"

    def clean(self, value, row=None, **kwargs):
        return parse_amount(value)

    def describe(self, value):
        return "" if value is None else f"{value:,}"


class NumberCell(AmountCell):
    hint = "数字。「1,105」「1.9万」とも書けます"

    def clean(self, value, row=None, **kwargs):
        return parse_number(value)

    def render(self, value, **kwargs):
        """Return the number without trailing zeros."""
        if value is None:
            return None
        return int(value) if value == value.to_integral_value() else value.normalize()


class IntegerCell(FiscalYearCell):
    hint = "整数"

    def clean(self, value, row=None, **kwargs):
        number = parse_number(value)
        if number is None or number == number.to_integral_value():
            return None if number is None else int(number)
        raise ValueError(f"「{value}」は整数ではありません。小数のない数字で書いてください。")


class DateCell(Cell):
    hint = "「2024-08-02」「2024/8/2」"

    def clean(self, value, row=None, **kwargs):
        moment = parse_moment(value, self.hint)
        if moment and moment.time() != datetime.time():
            raise ValueError(f"「{value}」には時刻があります。日付だけを書いてください。")
        return moment and moment.date()

    def render(self, value, **kwargs):
        return value


class DateTimeCell(Cell):
    hint = "「2024-08-02 10:00」（日本時間）"

    def clean(self, value, row=None, **kwargs):
        moment = parse_moment(value, self.hint)
        return moment and timezone.make_aware(moment)

    def render(self, value, **kwargs):
        return timezone.make_naive(value) if value else None


class ChoiceCell(Cell):
    """A choice as its label; its code is read too."""

    def __init__(self, choices):
        super().__init__()
        self.labels = {code: str(label) for code, label in choices if code}
        self.codes = {label: code for code, label in self.labels.items()}
        self.offered = list(self.labels.values())
        self.hint = "、".join(self.offered) + " のどれか"

    def clean(self, value, row=None, **kwargs):
        text = value.strip()
        if text and text not in self.codes and text not in self.labels:
            known = "、".join(self.labels.values())
            raise ValueError(f"「{value}」は選べません。{known} のどれかを書いてください。")
        return self.codes.get(text, text)

    def render(self, value, **kwargs):
        return self.labels.get(value, "")


class StatusCell(ChoiceCell):
    """The state of a record: it is read, and no import changes it."""

    def __init__(self):
        super().__init__(Status.choices)
        self.offered = [str(Status.DRAFT.label)]
        self.hint = "取込では変えられません。新しい記録は「下書き」か空欄"


class SlugCell(TextCell):
    hint = "半角の英小文字、数字、「-」"

    def render(self, value, **kwargs):
        """Return the slug; that of a revision is that of what it revises."""
        return REVISION_MARK.sub("", super().render(value))


class RecordCell(Cell):
    """Another record by its natural key: a slug, or a place's code."""

    is_text = True

    def __init__(self, model, resource_model):
        Widget.__init__(self)
        self.model = model
        self.is_own = model is resource_model
        self.key = "code" if model.__name__ == "Place" else "slug"
        self.named_by = (
            f"{model._meta.verbose_name}の{model._meta.get_field(self.key).verbose_name}"
        )
        self.hint = self.named_by

    def clean(self, value, row=None, **kwargs):
        return self.find(value.strip()) if value.strip() else None

    def render(self, value, **kwargs):
        return getattr(value, self.key) if value else ""

    def list_keys(self, text, key):
        return [(name,) for name in [text.strip()] if name]

    @cached_property
    def records(self):
        records = self.model._default_manager.all()
        if issubclass(self.model, Revisable):
            records = records.filter(revises=None)
        return records.in_bulk(field_name=self.key)

    def find(self, key):
        if key not in self.records:
            raise ValueError(self.say_unknown(key))
        return self.records[key]

    def show_keys(self, keys):
        return "、".join(name for (name,) in keys)

    def say_unknown(self, key) -> str:
        return (
            f"「{key}」という{self.named_by}はありません。一覧で確かめるか、先に登録してください。"
        )


class RecordsCell(RecordCell, ManyToManyWidget):
    def __init__(self, model, resource_model):
        super().__init__(model, resource_model)
        self.hint += "を「、」でつないで"

    def clean(self, value, row=None, **kwargs):
        return [self.find(key) for key in split_list(value)]

    def list_keys(self, text, key):
        return [(name,) for name in split_list(text)]

    def render(self, value, **kwargs):
        return "、".join(getattr(record, self.key) for record in value.all()) if value else ""


class PartOfCell(Cell):
    """The figure that a figure is a part of, by the key of the whole within their record."""

    hint = "「区分｜項目｜測るもの｜時期」"
    is_text = True
    is_own = True

    def list_keys(self, text, key):
        return [(*key[:-4], *split_key(text))] if text.strip() else []

    def show_keys(self, keys):
        return "".join(join_key(key[-4:]) for key in keys)

    def render(self, value, **kwargs):
        return join_key(value.key) if value else ""


def make_cell(field: models.Field, model: type[models.Model]) -> Widget:
    """Return the cell for a field in the spreadsheet of a model."""
    if field.choices:
        return ChoiceCell(field.choices)
    if isinstance(field, models.ForeignKey) and issubclass(field.related_model, Figure):
        return PartOfCell()
    if field.many_to_many:
        return RecordsCell(field.related_model, model)
    if field.is_relation:
        return RecordCell(field.related_model, model)
    kinds = {
        FiscalYearField: FiscalYearCell,
        models.BigIntegerField: AmountCell,
        models.IntegerField: IntegerCell,
        models.DecimalField: NumberCell,
        models.DateTimeField: DateTimeCell,
        models.DateField: DateCell,
        models.SlugField: SlugCell,
    }
    return next((cell for kind, cell in kinds.items() if isinstance(field, kind)), TextCell)()


def parse_moment(text: str, examples: str) -> datetime.datetime | None:
    """Return a naive date and time from "2024-08-02", "2024/8/2 10:00"; None for a blank."""
    compact = unicodedata.normalize("NFKC", text).strip()
    if not compact:
        return None
    if match := DATE.fullmatch(compact):
        *parts, fraction = match.groups(default="0")
        try:
            return datetime.datetime(*map(int, parts), int(fraction.ljust(6, "0")))
        except ValueError:
            raise ValueError(f"「{text}」という日時はありません。暦で確かめてください。") from None
    raise ValueError(f"「{text}」は日付・時刻として読めません。{examples}のように書いてください。")


def split_list(text: str) -> list[str]:
    """Return the keys in "a、b, c d"."""
    return list(dict.fromkeys(re.findall(r"[^、，,\s]+", text)))


def join_key(key: tuple[str, ...]) -> str:
    r"""Return "区分｜項目｜測るもの｜時期"; a ｜ or \ within a part stands after a \."""
    text = SEPARATOR.join(key)
    if "\\" not in text and text.count(SEPARATOR) == len(key) - 1:
        return text
    return SEPARATOR.join([MARKED.sub(r"\\\g<0>", part) for part in key])


@lru_cache(maxsize=1_000)  # the parts of a whole stand together
def split_key(text: str, length: int = 4) -> tuple[str, ...]:
    r"""Return what `join_key` was given, each part without spaces around it.

    Raises ValueError where there are not `length` parts, or a \ stands before nothing.
    """
    if "\\" not in text and text.count(SEPARATOR) == length - 1:
        return tuple([part.strip() for part in text.split(SEPARATOR)])
    parts = re.findall(rf"((?:\\.|[^\\{SEPARATOR}])*){SEPARATOR}", text + SEPARATOR, re.DOTALL)
    key = tuple(re.sub(r"\\(.)", r"\1", part, flags=re.DOTALL).strip() for part in parts)
    if len(key) != length or sum(map(len, parts)) + length != len(text) + 1:
        raise ValueError(
            f"「{text}」は{PartOfCell.hint}の形ではありません。空の部分も「｜」で区切ってください。"
        )
    return key
