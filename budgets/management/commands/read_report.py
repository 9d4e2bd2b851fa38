import json
from pathlib import Path

from django.core.management import BaseCommand, CommandError

from budgets.importers import ReportImportError, import_report, stored_settlement
from budgets.models import Settlement
from budgets.report_compare import compare_report
from budgets.report_files import ReportFileError, read_report_file
from budgets.report_overview import list_report
from budgets.report_reader import parse_report
from portal.fiscal_year import FiscalYearError, parse_fiscal_year
from portal.models import Department, SourceDocument
from portal.publishing import live_q


class Command(BaseCommand):
    help = "「主要施策の成果に関する説明書」を読み、決算の下書きにします。"

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path, help="文字データ、Word（.docx）、文字のあるPDF")
        parser.add_argument("--department", required=True, help="部局の識別子")
        parser.add_argument("--fiscal-year", required=True, help="年度（2020、令和2年度、R2）")
        parser.add_argument("--json", action="store_true", help="読んだ内容をJSONで出す")
        parser.add_argument("--commit", action="store_true", help="決算の下書きに書き込む")
        parser.add_argument(
            "--overwrite", action="store_true", help="職員が直したところも文書に戻す"
        )
        parser.add_argument("--document", help="引用する出典資料の識別子")
        parser.add_argument("--compare", action="store_true", help="登録した決算との違いを出す")

    def handle(self, *, file, department, json: bool, **options):
        try:
            fiscal_year = parse_fiscal_year(options["fiscal_year"])
            text = read_report_file(file.read_bytes())
        except (ReportFileError, FiscalYearError) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"ファイル「{file}」を開けません（{error.strerror}）。") from error
        record = _get(Department, department, "部局")
        report = parse_report(text)
        if json:
            self._print_json(report)
        elif not options["compare"]:
            self.stdout.writelines(f"{line}\n" for line in list_report(report))
        if options["compare"]:
            self._compare(report, record, fiscal_year)
        if options["commit"]:
            document = options["document"]
            try:
                counts = import_report(
                    report,
                    record,
                    fiscal_year,
                    text=text,
                    source=_get(SourceDocument, document, "出典資料") if document else None,
                    overwrite=options["overwrite"],
                )
            except ReportImportError as error:
                raise CommandError(str(error)) from error
            out = self.stderr if json else self.stdout
            out.write(
                f"{counts.settlement}の下書き：作成{counts.created}件、更新{counts.updated}件、"
                f"変更なし{counts.unchanged}件、削除{counts.deleted}件"
            )
            for sentence in counts.kept:
                out.write(sentence)

    def _print_json(self, report):
        self.stdout.write(json.dumps(report.as_json(), ensure_ascii=False, indent=1))

    def _compare(self, report, department, fiscal_year):
        settlement = Settlement.objects.filter(
            live_q(), fiscal_year=fiscal_year, department=department
        ).first()
        if settlement is None:
            raise CommandError("この部局の、この年度の決算は登録されていません。")
        differences = compare_report(report, stored_settlement(settlement))
        for difference in differences:
            self.stdout.write(str(difference))
        self.stdout.write(f"文書と登録の違い：{len(differences)}件")


def _get(model, slug, name):
    try:
        return model.objects.get(slug=slug)
    except model.DoesNotExist:
        raise CommandError(f"{name}「{slug}」はありません。") from None
