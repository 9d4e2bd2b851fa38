from django.apps import apps
from django.conf import settings
from django.core.management import BaseCommand, call_command
from django.db import transaction

from budgets.models import Settlement
from initiatives.models import ResultsReport
from portal.fictitious import is_fictitious
from portal.freezing import freeze
from portal.models import ChangeKind, ChangeNote, Department
from portal.searchable import hold_indexing
from portal.versions import is_versioned, root_model, save_version

REASON = "最初の公開"


class Command(BaseCommand):
    help = "空のデータベースに、最初の内容（fixtures/）を入れます。内容があれば、何もしません。"

    @transaction.atomic
    def handle(self, **options):
        if Department.objects.exists():
            if not is_fictitious():  # its older years have none, to be made in a few minutes
                freeze_missing()
            self.stdout.write("すでに内容があるので、何も変えませんでした。")
            return
        fixtures = sorted((settings.BASE_DIR / "fixtures").glob("*.json"))
        with hold_indexing():
            call_command("loaddata", *fixtures, verbosity=0)
            save_first_versions()
        for record in [*Settlement.objects.all(), *ResultsReport.objects.all()]:
            ChangeNote.objects.create(record=record, kind=ChangeKind.UPDATE, text=REASON)
        freeze_missing()
        self.stdout.write("最初の内容を入れました。")


def freeze_missing():
    """Take the first snapshot of each public settlement that has none."""
    for settlement in Settlement.objects.published().filter(snapshots=None):
        freeze(settlement)


def save_first_versions():
    """Save every record, and keep its first version.

    loaddata writes rows as they stand, without what `save` works out.
    """
    models = [model for model in apps.get_models() if is_versioned(model)]
    for model in models:
        for record in model.objects.all():
            record.save()
    for model in models:
        if root_model(model) is model:
            for record in model.objects.all():
                save_version(record, REASON)
