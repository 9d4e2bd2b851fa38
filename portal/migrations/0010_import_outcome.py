from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("portal", "0009_search_index_of_published")]

    operations = [
        migrations.AddField("importlog", "outcome", models.BinaryField(null=True)),
    ]
