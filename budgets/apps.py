from django.apps import AppConfig


class BudgetsConfig(AppConfig):
    name = "budgets"
    verbose_name = "決算"

    def ready(self):
        from . import (
            former_codes,
            readiness,  # noqa: F401  registers the checks before publishing
        )

        former_codes.connect_signals()
