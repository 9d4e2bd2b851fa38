"""Entries are numbered by kind and record, and hold marks: all are written anew after `migrate`.

SQLite takes the table's triggers away with its constraint, therefore its full-text table is made
anew as well: one that keeps no sizes, which only a ranking would ask for, gathers more in memory
before it writes, and is not touched by an update that leaves the tokens as they are.
"""

from django.db import migrations

SQLITE = [
    """
    CREATE VIRTUAL TABLE portal_searchentry_fts USING fts5(
        tokens, content='portal_searchentry', content_rowid='id', columnsize=0,
        tokenize='unicode61 remove_diacritics 0'
    )
    """,
    "INSERT INTO portal_searchentry_fts (portal_searchentry_fts, rank) VALUES ('hashsize', 8388608)",
    """
    CREATE TRIGGER portal_searchentry_inserted AFTER INSERT ON portal_searchentry BEGIN
        INSERT INTO portal_searchentry_fts (rowid, tokens) VALUES (new.id, new.tokens);
    END
    """,
    """
    CREATE TRIGGER portal_searchentry_deleted AFTER DELETE ON portal_searchentry BEGIN
        INSERT INTO portal_searchentry_fts (portal_searchentry_fts, rowid, tokens)
        VALUES ('delete', old.id, old.tokens);
    END
    """,
    """
    CREATE TRIGGER portal_searchentry_updated AFTER UPDATE ON portal_searchentry
    WHEN new.tokens <> old.tokens OR new.id <> old.id BEGIN
        INSERT INTO portal_searchentry_fts (portal_searchentry_fts, rowid, tokens)
        VALUES ('delete', old.id, old.tokens);
        INSERT INTO portal_searchentry_fts (rowid, tokens) VALUES (new.id, new.tokens);
    END
    """,
]


def drop_entries(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        for event in ("inserted", "deleted", "updated"):
            schema_editor.execute(f"DROP TRIGGER IF EXISTS portal_searchentry_{event}")
        schema_editor.execute("DROP TABLE IF EXISTS portal_searchentry_fts")
    schema_editor.execute("DELETE FROM portal_searchentry")


def make_index(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        for statement in SQLITE:
            schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("portal", "0007_edition")]

    operations = [
        migrations.RunPython(drop_entries, make_index, elidable=False),
        migrations.RemoveConstraint("searchentry", "search_entry_is_unique"),
        migrations.RunPython(make_index, drop_entries, elidable=False),
    ]
