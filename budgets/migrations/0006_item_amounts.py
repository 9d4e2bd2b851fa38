from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("budgets", "0005_snapshots_and_former_codes"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="settlementitem",
            name="settlement_item_order",
        ),
        migrations.AddIndex(
            model_name="settlementitem",
            index=models.Index(
                fields=["settlement", "code_order", "amount_yen"], name="settlement_item_amounts"
            ),
        ),
    ]
