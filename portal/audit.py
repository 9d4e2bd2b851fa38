"""The audit log: who entered, who was refused, and what was done that the office must answer for."""

from contextvars import ContextVar
from functools import lru_cache
from ipaddress import ip_address

from django.conf import settings
from django.db import models

_request = ContextVar("request", default=None)


class AuditAction(models.TextChoices):
    LOGIN = "login", "ログイン"
    LOGIN_FAILED = "login_failed", "ログインの失敗"
    LOCKED_OUT = "locked_out", "ログインの停止"
    UNLOCKED = "unlocked", "ログインの停止の解除"
    LOGOUT = "logout", "ログアウト"
    PASSWORD_CHANGED = "password_changed", "パスワードの変更"
    SECOND_FACTOR_ADDED = "second_factor_added", "二段階認証の登録"
    SECOND_FACTOR_REMOVED = "second_factor_removed", "二段階認証の解除"
    SECOND_FACTOR_FAILED = "second_factor_failed", "確認コードの誤り"
    BACKUP_CODE_USED = "backup_code_used", "予備コードの使用"
    USER_ADDED = "user_added", "ユーザーの追加"
    USER_CHANGED = "user_changed", "ユーザーの変更"
    USER_DELETED = "user_deleted", "ユーザーの削除"
    RIGHTS_CHANGED = "rights_changed", "権限の変更"
    EXPORT = "export", "書出し"
    IMPORT = "import", "取込"
    IMPORT_UNDONE = "import_undone", "取込の取消し"
    APPROVAL_BYPASS = "approval_bypass", "承認によらない公開"
    DELETED = "deleted", "削除"
    RESTORED = "restored", "復元"
    REORGANISED = "reorganised", "組織の再編"


class AuditEntry(models.Model):
    """One thing that happened. Written by `write_audit` alone, and never again."""

    at = models.DateTimeField("日時", auto_now_add=True)
    action = models.CharField("できごと", max_length=30, choices=AuditAction)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="audit_entries",
        verbose_name="ユーザー",
    )
    username = models.CharField("ユーザー名", max_length=150)
    record = models.TextField("対象")
    detail = models.TextField("内容")
    address = models.GenericIPAddressField("接続元", null=True)

    class Meta:
        verbose_name = verbose_name_plural = "監査記録"
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["-at", "-id"], name="audit_entry_latest")]

    def __str__(self):
        return " ".join(filter(None, [self.get_action_display(), self.username, self.record]))

    def save(self, *args, **kwargs):
        if not self._state.adding:
            raise TypeError("An audit entry is never rewritten.")
        super().save(*args, **kwargs)

    def delete(self, *args, **kwargs):
        raise TypeError("An audit entry is never deleted.")


def write_audit(request, action, *, user=None, username="", record="", detail=""):
    """Write an entry on what `user` did; the user of the request where none is named.

    `request` is None in a command. `username` is what somebody called themselves who has no user.
    """
    if user is None and (visitor := getattr(request, "user", None)) and visitor.is_authenticated:
        user = visitor
    if user is not None:
        username = user.get_username()
    return AuditEntry.objects.create(
        action=action,
        user_id=user and user.pk,
        username=username[:150],
        record=str(record),
        detail=detail,
        address=client_address(request) if request else None,
    )


def audit_middleware(get_response):
    """Let what is told by a signal know in whose request it happens."""

    def middleware(request):
        token = _request.set(request)
        try:
            return get_response(request)
        finally:
            _request.reset(token)

    return middleware


def current_request():
    """Return the request being answered; None in a command."""
    return _request.get()


def client_address(request) -> str | None:
    """Return the visitor's IP address; None where the server was not told one."""
    return find_client_address(request.META)


def find_client_address(environ: dict) -> str | None:
    """Return the address in what the server was told.

    Behind a proxy it is the last of X-Forwarded-For: the one that the proxy itself saw.
    """
    address = environ.get("REMOTE_ADDR", "")
    if settings.BEHIND_PROXY:
        forwarded = environ.get("HTTP_X_FORWARDED_FOR", "")
        address = forwarded.rpartition(",")[2].strip() or address
    return _read_address(address)


@lru_cache(maxsize=200)
def _read_address(address: str) -> str | None:
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    # A server that listens to both protocols tells IPv4 addresses within IPv6.
    return str(getattr(found, "ipv4_mapped", None) or found)
