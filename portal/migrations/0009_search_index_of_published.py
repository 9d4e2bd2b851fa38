"""The search's index holds what is published alone: it is written anew after `migrate`."""

from django.db import migrations


def drop_entries(apps, schema_editor):
    schema_editor.execute("DELETE FROM portal_searchentry")


class Migration(migrations.Migration):
    dependencies = [("portal", "0008_search_marks")]

    operations = [migrations.RunPython(drop_entries, drop_entries, elidable=True)]
