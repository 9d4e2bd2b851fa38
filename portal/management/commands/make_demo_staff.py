from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command

from portal.demo import make_demo

REFUSAL = """本番の設定（DEBUG=0）では、体験用の職員を作りません。だれでも試せる職員と架空の記録が、公開のサイトに残るためです。
手元で試すときは、体験だけのデータベースに、次のように作ります。
    DATABASE_URL=sqlite:///demo.sqlite3 DEBUG=1 make demo-staff
    DATABASE_URL=sqlite:///demo.sqlite3 make run"""


class Command(BaseCommand):
    help = "管理画面を試すための、架空県 体験部の職員3人と記録を作ります（DEBUG=1のときだけ）。"

    def add_arguments(self, parser):
        parser.add_argument("--reset", action="store_true", help="3人のパスワードを作り直す")

    def handle(self, *, reset, **options):
        if not settings.DEBUG:
            raise CommandError(REFUSAL)
        call_command("migrate", verbosity=0)
        call_command("load_first_content", stdout=self.stdout)
        staff = make_demo(reset)
        for role, username, password in staff:
            said = f"パスワード {password}" if password else "すでにいます"
            self.stdout.write(f"{role}：{username}　{said}")
        if any(password for *_, password in staff):
            self.stdout.write("パスワードは、ここに一度だけ表示します。")
        else:
            self.stdout.write("パスワードを作り直すには、--reset を付けます。")
