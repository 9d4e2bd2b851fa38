from django.core.management import BaseCommand

from portal.workflow import publish_due


class Command(BaseCommand):
    help = "承認済みの改訂案のうち、公開の日時が来たものを公開します。1分ごとに動かしてください。"

    def handle(self, **options):
        for record in publish_due():
            self.stdout.write(f"改訂案を公開しました：{record}")
