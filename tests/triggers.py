"""Takes away what counts the changes of a table, as a migration does that is killed too early."""

from django.db import connection


def drop_trigger(table: str, end: str = "", event: str = "update"):
    """Drop it; only SQLite has one for each event."""
    name = f"edition_{table}{end}"
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"DROP TRIGGER {name}_{event}")
        else:
            cursor.execute(f"DROP TRIGGER {name} ON {table}")
