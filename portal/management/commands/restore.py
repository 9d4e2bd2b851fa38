from pathlib import Path

from django.core.management import BaseCommand, CommandError

from portal.backup import BackupError, check_backup
from portal.restore import restore_backup


class Command(BaseCommand):
    help = "backup で取った控えを戻します。今のものは、先に隣のフォルダーに控えます。"

    def add_arguments(self, parser):
        parser.add_argument("folder", type=Path, metavar="フォルダー")
        parser.add_argument(
            "--check",
            action="store_true",
            help="控えが壊れていないかを確かめるだけで、戻しません。",
        )

    def handle(self, folder, check, **options):
        try:
            if check:
                self.stdout.write(f"{check_backup(folder)}。壊れていません。")
                return
            restored = restore_backup(folder)
        except BackupError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{restored.manifest}を戻し、すべての表の行が同じことを確かめました。")
        self.stdout.write(
            f"戻す前のものは {restored.aside} にあります。全員がログアウトされました。"
        )
        if restored.kept_files:
            self.stdout.write(
                f"控えにないファイル{restored.kept_files:,}個は、そのまま残しました。"
            )
        if restored.needs_migrate:
            self.stdout.write("控えは前の版のものです。続けて manage.py migrate を行ってください。")
