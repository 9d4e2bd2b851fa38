from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"
    verbose_name = "共通"

    def ready(self):
        from . import (
            health,  # noqa: F401  registers the system check
            record_resources,
            searchable,
        )

        searchable.connect_signals()
        record_resources.RecordResource.around_import = staticmethod(searchable.hold_indexing)
