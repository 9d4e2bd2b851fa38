"""A table copied from Excel to figures of one record: its columns, and the file that is imported."""

import hashlib
import re

from django import forms
from django.utils.functional import cached_property

from .amounts import UNIT_YEN, AmountError, parse_number
from .import_results import Problem
from .models import FigureKind
from .spreadsheet_reading import read_pasted
from .spreadsheet_writing import write_csv
from .spreadsheets import SpreadsheetError

MAX_LINES, MAX_COLUMNS = 2_000, 60
NUMBER = "number"
USES = {
    "": "使わない",
    NUMBER: "数（列ごとに、一つの実績値）",
    "group": "区分",
    "label": "項目",
    "measure": "測るもの",
    "unit": "単位",
    "kind": "種類",
    "period": "時期",
    "as_printed": "資料の表記",
    "note": "注記",
    "locator": "出典の箇所",
}
OPTIONAL = ["as_printed", "note", "locator"]  # without a column, what is there stays
KNOWN = {name: use for use, name in USES.items()} | {"値": NUMBER, "備考": "note", "名称": "label"}
UNIT = re.compile(r"(.*)[（(［\[](?:単位[：:])?([^（）()［］\[\]]+)[）)］\]]", re.DOTALL)


class ColumnsForm(forms.Form):
    """What each column of a pasted table is; the first guess is from its header and its cells."""

    def __init__(self, *args, header, rows, model, **kwargs):
        super().__init__(*args, **kwargs)
        self.header, self.rows = header, rows
        is_settled = model.__name__ == "SettlementFigure"
        guesses = guess_uses(header, rows)
        for at, (title, guess) in enumerate(zip(header, guesses, strict=True)):
            measure, unit = split_unit(title if guess == NUMBER and title not in KNOWN else "")
            money = FigureKind.EXPENDITURE if is_settled else FigureKind.MONEY
            kind = money if unit in UNIT_YEN else FigureKind.ACTIVITY
            self.fields |= {
                f"use_{at}": forms.ChoiceField(
                    label=f"{title or column_name(at)}の使い方",
                    choices=USES.items(),
                    required=False,
                    initial=guess,
                ),
                f"measure_{at}": forms.CharField(
                    label="測るもの", max_length=100, required=False, initial=measure
                ),
                f"unit_{at}": forms.CharField(
                    label="単位", max_length=20, required=False, initial=unit
                ),
                f"kind_{at}": forms.ChoiceField(
                    label="種類", choices=FigureKind.choices, required=False, initial=kind
                ),
            }

    @property
    def columns(self):
        """Return, for each column, its title, its first filled cell, and its four fields."""
        for at, title in enumerate(self.header):
            cells = (row.cells[at] for row in self.rows if row.cells[at].strip())
            names = [f"{name}_{at}" for name in ("use", "measure", "unit", "kind")]
            yield title or column_name(at), next(cells, ""), [self[name] for name in names]

    @property
    def uses(self) -> dict[str, list[int]]:
        """Return the columns by what they are used for."""
        uses = {}
        for at in range(len(self.header)):
            uses.setdefault(self.cleaned_data[f"use_{at}"], []).append(at)
        return uses

    def clean(self):
        if self.errors:
            return
        uses = self.uses
        for use, columns in uses.items():
            if use not in ("", NUMBER) and len(columns) > 1:
                self.add_error(None, f"「{USES[use]}」の列が二つあります。一つにしてください。")
        for use in ("label", NUMBER):
            if use not in uses:
                self.add_error(None, f"「{USES[use]}」の列を選んでください。")
        for at in uses.get(NUMBER, []):
            if "unit" not in uses and not self.cleaned_data[f"unit_{at}"].strip():
                self.add_error(f"unit_{at}", "単位を書いてください（例：千円、件、人）。")


class PasteForm(forms.Form):
    table = forms.CharField(
        label="表",
        strip=False,
        widget=forms.Textarea(attrs={"rows": 12, "spellcheck": "false", "wrap": "off"}),
        help_text="Excelで範囲を選んでコピーし、ここに貼り付けます。",
    )
    has_header = forms.BooleanField(label="1行目は見出し", required=False, initial=True)
    fill_down = forms.BooleanField(
        label="区分が空欄の行は、すぐ上の区分と同じ（セルを結合した表）", required=False
    )
    period = forms.CharField(
        label="時期",
        max_length=100,
        required=False,
        help_text="例：令和2年度。すべての行に入ります。",
    )

    def __init__(self, data=None, *, owner, model, **kwargs):
        super().__init__(data, **kwargs)
        self.owner, self.model, self.problems = owner, model, []
        self.header, self.rows = [], []

    def clean(self):
        text = (self.cleaned_data.get("table") or "").replace("\r\n", "\n")
        try:
            rows = read_pasted(text, max_rows=MAX_LINES)
        except SpreadsheetError as error:
            self.add_error("table", str(error))
            return
        if rows and len(rows[0].cells) > MAX_COLUMNS:
            self.add_error(
                "table", f"{MAX_COLUMNS}列を超えています。要る列だけをコピーしてください。"
            )
            return
        has_header = self.cleaned_data.get("has_header")
        self.header = [cell.strip() for cell in rows[0].cells] if rows and has_header else []
        self.rows = rows[1:] if has_header else rows
        if not self.rows and "table" not in self.errors:
            self.add_error(
                "table", "数のある行がありません。見出しの下の行も選んでコピーしてください。"
            )
        elif not self.header and self.rows:
            self.header = [""] * len(self.rows[0].cells)

    @property
    def mark(self) -> str:
        """Return what tells one table from another: columns that were chosen belong to one."""
        parts = f"{self.data.get('has_header')}{self.data.get('table')}"
        return hashlib.sha256(parts.replace("\r\n", "\n").encode()).hexdigest()

    @cached_property
    def columns_form(self) -> ColumnsForm | None:
        if not self.rows or self.errors:
            return None
        data = self.data if self.data.get("columns_of") == self.mark else None
        return ColumnsForm(data, header=self.header, rows=self.rows, model=self.model)

    @property
    def is_mapped(self) -> bool:
        return self.columns_form.is_valid()

    @property
    def left_out(self) -> list[str]:
        unused = self.columns_form.uses.get("", [])
        return [self.header[at] or column_name(at) for at in unused]


def make_file(form: PasteForm, resource) -> tuple[bytes, dict, list[Problem], int]:
    """Return the CSV file of the figures in a pasted table.

    With it, for each line of the file, where it comes from in the table (line, column); what is
    wrong; and how many cells without a number were passed over.
    """
    columns, data = form.columns_form, form.columns_form.cleaned_data
    uses = columns.uses
    optional = [name for name in OPTIONAL if name in uses]
    names = ["group", "label", "measure", "period", "kind", "value", "unit", *optional]
    whole = form.model(**{resource.owner: form.owner})
    owner = {field.column_name: field.export(whole) for field in resource.owner_fields()}
    made, lines, problems, keys, blanks, group = [], {}, [], {}, 0, ""
    for row in form.rows:
        said = {use: row.cells[at[0]].strip() for use, at in uses.items() if use}
        if form.cleaned_data["fill_down"]:
            group = said["group"] = said.get("group") or group
        for at in uses[NUMBER]:
            title, text = form.header[at] or column_name(at), row.cells[at].strip()
            try:
                number = parse_number(text)
            except AmountError as error:
                problems.append(Problem(row.line, title, text, str(error)))
                continue
            if number is None:
                blanks += 1
                continue
            if not said["label"]:
                message = "数がありますが、項目が空欄です。項目を書くか、この行を除いてください。"
                problems.append(Problem(row.line, USES["label"], "", message))
                break
            figure = {
                "group": said.get("group", ""),
                "label": said["label"],
                "measure": said.get("measure") or data[f"measure_{at}"].strip(),
                "period": said.get("period") or form.cleaned_data["period"],
                "kind": said.get("kind") or FigureKind(data[f"kind_{at}"] or "activity").label,
                "value": text,
                "unit": said.get("unit") or data[f"unit_{at}"].strip(),
            } | {name: said[name] for name in optional}
            key = tuple(figure[name] for name in names[:4])
            if key in keys:
                message = (
                    f"{keys[key]}行目に、区分・項目・測るもの・時期が同じ数があります。"
                    "一つにするか、「測るもの」を書き分けてください。"
                )
                problems.append(Problem(row.line, title, text, message))
                continue
            keys[key] = row.line
            made.append([*owner.values(), *figure.values()])
            lines[len(made) + 1] = (row.line, title)
    if not made and not problems:
        problems.append(Problem(form.rows[0].line, "", "", "数が一つもありません。"))
    header = [*owner, *(resource.headers[name] for name in names)]
    return write_csv(header, made), lines, problems, blanks


def find_problems(result, lines) -> list[Problem]:
    """Return what an import found wrong, by the lines of the pasted table."""
    found = {}
    for problem in result.problems:
        line, title = lines[problem.line]
        column = problem.column if problem.column not in ("", "値") else title
        said = Problem(line, column, problem.value, problem.message)
        found.setdefault((said.line, said.message) if problem.column else said.message, said)
    return list(found.values())


def guess_uses(header, rows) -> list[str]:
    guesses = [KNOWN.get(split_unit(title)[0], "") for title in header]
    free = [at for at, guess in enumerate(guesses) if not guess]
    texts = []
    for at in free:
        cells = [is_number(row.cells[at]) for row in rows if row.cells[at].strip()]
        if cells and (all(cells) or (split_unit(header[at])[1] and any(cells))):
            guesses[at] = NUMBER
        else:
            texts.append(at)
    wanted = [use for use in ("group", "label") if use not in guesses]
    for at, use in zip(texts, wanted[-len(texts) :] if texts else [], strict=False):
        guesses[at] = use
    return guesses


def is_number(text: str) -> bool:
    try:
        parse_number(text)
    except AmountError:
        return False
    return True


def split_unit(title: str) -> tuple[str, str]:
    """Return ("事業費", "千円") for "事業費（千円）"."""
    match = UNIT.fullmatch(title.strip())
    return (match[1].strip(), match[2].strip()) if match else (title.strip(), "")


def column_name(at: int) -> str:
    return f"{at + 1}列目"
