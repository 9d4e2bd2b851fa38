"""Rows that are made with numbers of their own and written many at a time."""

import datetime
from collections import Counter, defaultdict
from collections.abc import Iterable

from django.core.management.color import no_style
from django.db import connection, models
from django.utils import timezone

BATCH_SIZE = 2_000


class Rows:
    """Numbers the rows of each model 1, 2, 3 … as they are added: the same calls, the same rows.

    Bulk writing sends no signals and calls no `save`.
    """

    def __init__(self):
        self.numbers = Counter()
        self._waiting = defaultdict(list)

    def add(self, model: type[models.Model], **fields) -> models.Model:
        self.numbers[model] += 1
        row = model(pk=self.numbers[model], **fields)
        self._waiting[model].append(row)
        return row

    def link(self, record: models.Model, relation: str, others: Iterable[models.Model]):
        """Add the rows of a many-to-many relation from a record to others."""
        field = record._meta.get_field(relation)
        for other in others:
            ends = {field.m2m_field_name(): record, field.m2m_reverse_field_name(): other}
            self.add(field.remote_field.through, **ends)

    def write(self):
        """Write what was added since the last time, in the order of the first row of each model."""
        for model, rows in self._waiting.items():
            model._base_manager.bulk_create(rows, batch_size=BATCH_SIZE)
        self._waiting.clear()

    def finish(self):
        """Write the rest, and let the database go on counting after the last row of each model."""
        self.write()
        with connection.cursor() as cursor:
            for statement in connection.ops.sequence_reset_sql(no_style(), list(self.numbers)):
                cursor.execute(statement)


def morning_of(day: datetime.date) -> datetime.datetime:
    return timezone.make_aware(datetime.datetime.combine(day, datetime.time(9)))
