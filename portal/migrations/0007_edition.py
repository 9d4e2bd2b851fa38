"""The edition is kept by triggers, which are made after the migrations (portal/edition_triggers.py)."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("portal", "0006_edition_number")]

    operations = [
        migrations.DeleteModel("EditionNumber"),
        migrations.CreateModel(
            name="EditionNumber",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.BigIntegerField()),
                ("changed_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="EditionMoment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(db_index=True)),
            ],
        ),
    ]
