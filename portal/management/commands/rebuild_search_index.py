from django.core.management import BaseCommand
from django.db import transaction

from portal.search import KINDS
from portal.searchable import rebuild


class Command(BaseCommand):
    help = "検索の索引を、すべての記録から作り直します。"

    @transaction.atomic
    def handle(self, **options):
        for kind, label in KINDS.items():
            self.stdout.write(f"{label}：{rebuild(kind):,}件")
