"""Django's own command, with which a migration that is killed leaves nothing behind, or all.

Django notes that a migration was applied after the commit of what it did, where constraints of new
tables come at its end. Killed between the two, the next run would make the tables a second time.
"""

from contextlib import contextmanager

from django.core.management.commands import migrate
from django.db import transaction
from django.db.migrations.executor import MigrationExecutor


class WholeExecutor(MigrationExecutor):
    """Applies a migration and notes it in one transaction."""

    def apply_migration(self, state, migration, fake=False, fake_initial=False):
        with self._whole(migration):
            return super().apply_migration(state, migration, fake, fake_initial)

    def unapply_migration(self, state, migration, fake=False):
        with self._whole(migration):
            return super().unapply_migration(state, migration, fake)

    @contextmanager
    def _whole(self, migration):
        if not (migration.atomic and self.connection.features.can_rollback_ddl):
            yield
            return
        # SQLite takes this order outside of transactions alone, and changes no table without it.
        with (
            self.connection.constraint_checks_disabled(),
            transaction.atomic(using=self.connection.alias),
        ):
            yield


class Command(migrate.Command):
    def handle(self, *args, **options):
        # The command has no other place that names its executor.
        migrate.MigrationExecutor = WholeExecutor
        return super().handle(*args, **options)
