"""The search's index, in the way of each database.

SQLite: an FTS5 table that reads its text from `portal_searchentry`, kept up by triggers. Django
changes a table on SQLite by making it anew, which drops its triggers: a later migration that
alters SearchEntry must end with `RunPython(make_index)` of its own, and rebuild the index.

PostgreSQL: a generated tsvector. The tokens are taken as they are, without a text search parser,
which would depend on the server's locale; and without positions, of which a tsvector keeps too
few (16,383, and 256 of one token) for long texts.
"""

from django.db import migrations, models

SQLITE = [
    """
    CREATE VIRTUAL TABLE portal_searchentry_fts USING fts5(
        tokens, content='portal_searchentry', content_rowid='id',
        tokenize='unicode61 remove_diacritics 0'
    )
    """,
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
    CREATE TRIGGER portal_searchentry_updated AFTER UPDATE ON portal_searchentry BEGIN
        INSERT INTO portal_searchentry_fts (portal_searchentry_fts, rowid, tokens)
        VALUES ('delete', old.id, old.tokens);
        INSERT INTO portal_searchentry_fts (rowid, tokens) VALUES (new.id, new.tokens);
    END
    """,
]
POSTGRESQL = [
    """
    ALTER TABLE portal_searchentry ADD COLUMN vector tsvector
    GENERATED ALWAYS AS (array_to_tsvector(string_to_array(tokens, ' '))) STORED
    """,
    "CREATE INDEX portal_searchentry_vector ON portal_searchentry USING gin (vector)",
]


def make_index(apps, schema_editor):
    for statement in SQLITE if schema_editor.connection.vendor == "sqlite" else POSTGRESQL:
        schema_editor.execute(statement)


def drop_index(apps, schema_editor):
    """Drop what stands outside the table; triggers, column and index go with the table."""
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("DROP TABLE portal_searchentry_fts")


class Migration(migrations.Migration):
    dependencies = [("portal", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="SearchEntry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("initiative", "取組"),
                            ("settlement", "決算"),
                            ("settlement_item", "決算項目"),
                            ("indicator", "指標"),
                            ("report", "実績報告"),
                            ("pillar", "柱"),
                            ("department", "部局"),
                            ("document", "出典資料"),
                            ("program", "事業"),
                            ("glossary_term", "用語"),
                        ],
                        max_length=20,
                    ),
                ),
                ("object_id", models.BigIntegerField()),
                ("title", models.TextField()),
                ("context", models.TextField(blank=True)),
                ("address", models.TextField()),
                ("body", models.TextField(blank=True)),
                ("title_words", models.TextField(blank=True)),
                ("tokens", models.TextField(blank=True)),
            ],
            options={
                "verbose_name": "検索の索引",
                "verbose_name_plural": "検索の索引",
                "constraints": [
                    models.UniqueConstraint(
                        fields=["kind", "object_id"], name="search_entry_is_unique"
                    )
                ],
            },
        ),
        migrations.RunPython(make_index, drop_index, elidable=False),
    ]
