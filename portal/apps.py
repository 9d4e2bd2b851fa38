from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps
from django.db.models.signals import post_migrate


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
            edition_triggers,
            freezing,
            health,  # noqa: F401  registers the system check
            record_resources,
            searchable,
        )

        post_migrate.connect(edition_triggers.make_triggers, sender=self)
        post_migrate.connect(searchable.fill_index, sender=self)
        searchable.connect_signals()
        freezing.connect_signals()
        record_resources.RecordResource.around_import = staticmethod(searchable.hold_indexing)
