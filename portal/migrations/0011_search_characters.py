"""Entries hold their single characters, and on PostgreSQL also each three neighbouring ones.

All are written anew after `migrate`.

A single character was looked for as what tokens begin with, of which there are ever more. On
PostgreSQL a longer word was looked for as pairs, and each record that holds all of them was read to
see whether they follow each other. `portal_find` asks by the index alone: PostgreSQL believes that
words which never stand together do so as often as chance has it, and would read the whole table
for the first of them. The index gathers all that hold a word before it tells of the first; therefore
`portal_find_many` asks a sample of the entries, and all only where too few of the sample hold it.
"""

from django.db import migrations

VECTOR = """
CREATE FUNCTION portal_search_vector(tokens text) RETURNS tsvector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT array_to_tsvector(string_to_array(tokens, ' ') || COALESCE(array_agg(token || right(following, 1)), '{}'))
    FROM (
        SELECT token, lead(token) OVER (ORDER BY place) AS following
        FROM unnest(string_to_array(tokens, ' ')) WITH ORDINALITY AS told (token, place)
    ) AS neighbours
    WHERE length(token) = length(following) AND CASE ascii(token)
        WHEN x'e000'::int THEN length(token) = 3 AND ascii(following) = x'e000'::int AND ascii(substr(token, 2)) <> x'e002'::int
        ELSE length(token) = 2 AND ascii(token) NOT BETWEEN x'e001'::int AND x'e002'::int
    END
$$
"""
# Volatile: of a stable function the planner asks the answer too, to guess how long it is.
FIND = """
CREATE FUNCTION portal_find(
    query tsquery, phrases text[], first bigint, last bigint, most bigint
) RETURNS bigint[]
LANGUAGE plpgsql VOLATILE SET enable_seqscan = off AS $$
BEGIN
    RETURN ARRAY(
        SELECT id FROM portal_searchentry
        WHERE vector @@ query AND id + 0 BETWEEN first AND last
            AND NOT EXISTS (SELECT FROM unnest(phrases) AS phrase WHERE strpos(tokens, phrase) = 0)
        LIMIT most
    );
END
$$
"""
FIND_MANY = """
CREATE FUNCTION portal_find_many(
    query tsquery, sample tsquery, phrases text[], first bigint, last bigint, most bigint
) RETURNS bigint[]
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    found bigint[] := portal_find(query && sample, phrases, first, last, most);
BEGIN
    IF cardinality(found) = most THEN
        RETURN found;
    END IF;
    RETURN portal_find(query, phrases, first, last, most);
END
$$
"""
PLAIN = "array_to_tsvector(string_to_array(tokens, ' '))"


def drop_entries(apps, schema_editor):
    schema_editor.execute("DELETE FROM portal_searchentry")


def make_column(schema_editor, expression):
    schema_editor.execute("ALTER TABLE portal_searchentry DROP COLUMN vector")
    schema_editor.execute(
        "ALTER TABLE portal_searchentry ADD COLUMN vector tsvector"
        f" GENERATED ALWAYS AS ({expression}) STORED"
    )
    schema_editor.execute(
        "CREATE INDEX portal_searchentry_vector ON portal_searchentry USING gin (vector)"
    )


def make_functions(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(VECTOR)
        make_column(schema_editor, "portal_search_vector(tokens)")
        schema_editor.execute(FIND)
        schema_editor.execute(FIND_MANY)


def drop_functions(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP FUNCTION portal_find_many")
        schema_editor.execute("DROP FUNCTION portal_find")
        make_column(schema_editor, PLAIN)
        schema_editor.execute("DROP FUNCTION portal_search_vector(text)")


class Migration(migrations.Migration):
    dependencies = [("portal", "0010_import_outcome")]

    operations = [
        migrations.RunPython(drop_entries, drop_entries, elidable=True),
        migrations.RunPython(make_functions, drop_functions, elidable=False),
    ]
