"""Whether this installation is sound: /healthz for a monitor, a system check for its operator."""

from ipaddress import ip_address

from django.conf import settings
from django.core.checks import Tags, Warning, register
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from .edition_triggers import watch
from .routers import find_replica_state


@never_cache
@require_safe
def healthz(request):
    """Answer 200 where the database answers, has every migration and counts its changes, else 503.

    With no details: `database` is ok or unreachable; `migrations` is ok, pending, or unknown;
    `triggers` is ok, missing, or unknown until the migrations are ok. `replica` is none, ok, behind,
    unreachable or "not a replica": the primary answers for it, so that it is no error.
    """
    database, migrations, triggers = "ok", "ok", "unknown"
    try:
        if _has_pending_migrations():
            migrations = "pending"
        else:
            triggers = "ok" if watch.look() else "missing"
    except Error:
        database, migrations = "unreachable", "unknown"
    is_sound = (database, migrations, triggers) == ("ok", "ok", "ok")
    return JsonResponse(
        {
            "status": "ok" if is_sound else "error",
            "database": database,
            "migrations": migrations,
            "triggers": triggers,
            "replica": find_replica_state(),
        },
        status=200 if is_sound else 503,
    )


def _has_pending_migrations() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


@register(Tags.security)
def check_https(app_configs, **kwargs):
    """Warn of an installation that the internet reaches without encryption."""
    hosts = [host for host in settings.ALLOWED_HOSTS if _is_public(host)]
    if settings.HTTPS or settings.DEBUG or not hosts:
        return []
    return [
        Warning(
            f"HTTPS=0 のまま、外から届く名前（{'、'.join(hosts)}）で動かそうとしています。",
            hint="HTTPS=0 は手元で試すときだけの設定です。公開するときは HTTPS=1 にしてください。",
            id="portal.W001",
        )
    ]


def _is_public(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_global
    except ValueError:
        return host == "*" or ("." in host and not host.endswith(".localhost"))
