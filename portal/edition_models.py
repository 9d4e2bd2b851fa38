"""What the edition of the public records is told by; written by the triggers of edition_triggers.py."""

from django.db import models


class EditionNumber(models.Model):
    """The edition is the sum of all rows; each change of content adds a random number to it.

    On PostgreSQL a row belongs to a transaction, so that writers never wait for each other, and a
    row becomes visible together with the change that it tells of. SQLite has one writer and one row.
    The numbers are random so that a database which was restored never comes to an edition again
    that told of something else.
    """

    number = models.BigIntegerField()
    changed_at = models.DateTimeField(null=True)

    def __str__(self):
        return str(self.number)


class EditionMoment(models.Model):
    """A moment at which a publication begins or ends, or did: the edition changes then by itself."""

    at = models.DateTimeField(db_index=True)

    def __str__(self):
        return f"{self.at}"
