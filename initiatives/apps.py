from django.apps import AppConfig


class InitiativesConfig(AppConfig):
    name = "initiatives"
    verbose_name = "計画と取組"

    def ready(self):
        from . import readiness  # noqa: F401  registers the checks before publishing
