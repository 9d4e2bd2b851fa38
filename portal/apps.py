from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class StaffAdminConfig(admin_apps.AdminConfig):
    default = False
    default_site = "portal.staff_site.StaffSite"


class PortalConfig(AppConfig):
    default = True
    name = "portal"
    verbose_name = "共通"

    def ready(self):
        from . import (
            audit_signals,  # noqa: F401  connects them
            freezing,
            health,  # noqa: F401  registers the system check
            record_resources,
            searchable,
        )

        searchable.connect_signals()
        freezing.connect_signals()
        record_resources.RecordResource.around_import = staticmethod(searchable.hold_indexing)
