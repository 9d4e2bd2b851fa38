from pathlib import Path

from django.core.management import BaseCommand, CommandError

from portal.backup import BackupError, write_backup


class Command(BaseCommand):
    help = "データベースと画像の控えを、新しいフォルダーに取ります。ポータルは動かしたままでかまいません。"

    def add_arguments(self, parser):
        parser.add_argument("folder", type=Path, metavar="フォルダー")

    def handle(self, folder, **options):
        try:
            manifest = write_backup(folder)
        except BackupError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{manifest}。{folder} に書きました。")
