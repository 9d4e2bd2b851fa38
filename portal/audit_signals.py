"""What the audit log learns by itself: entries of people, and changes of who they are and may."""

from axes.signals import user_locked_out
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save
from django.dispatch import receiver

from .audit import AuditAction, current_request, write_audit
from .models import Membership

RIGHTS = ["is_active", "is_staff", "is_superuser"]
WATCHED = ["username", "last_name", "first_name", "email", *RIGHTS]
VERBS = {"add": "追加", "change": "変更", "delete": "削除", "view": "閲覧"}
CHANGES = {"post_add": "加えた", "post_remove": "外した", "pre_clear": "すべて外した"}


@receiver(user_logged_in)
def audit_login(request, user, **kwargs):
    write_audit(request, AuditAction.LOGIN, user=user)


@receiver(user_logged_out)
def audit_logout(request, user, **kwargs):
    if user:
        detail = getattr(request, "logout_reason", "")
        write_audit(request, AuditAction.LOGOUT, user=user, detail=detail)


@receiver(user_login_failed)
def audit_failed_login(credentials, request=None, **kwargs):
    """Write the failure; from the lock on there is that entry alone, or a robot could fill the log.

    django-axes, connected by the import above, has judged the failure before.
    """
    if not getattr(request, "axes_locked_out", False):
        username = str(credentials.get("username", ""))
        write_audit(request, AuditAction.LOGIN_FAILED, username=username)


@receiver(user_locked_out)
def audit_lockout(request, username, **kwargs):
    # django-axes sends this at each attempt during the lock too, and then counts no failures.
    if request.axes_failures_since_start is not None:
        detail = "解除までの試みは記録しません。"
        write_audit(request, AuditAction.LOCKED_OUT, username=username or "", detail=detail)


@receiver(pre_save, sender=User)
def remember_user(sender, instance, raw, update_fields, **kwargs):
    watched = [name for name in WATCHED if update_fields is None or name in update_fields]
    users = sender.objects.filter(pk=instance.pk).values(*watched)
    instance.before_save = (users.first() if watched and instance.pk and not raw else None) or {}


@receiver(post_save, sender=User)
def audit_user(instance, created, raw, **kwargs):
    if raw:
        return
    request = current_request()
    if created:
        rights = "、".join(_label(name) for name in RIGHTS if getattr(instance, name))
        write_audit(request, AuditAction.USER_ADDED, record=instance, detail=rights)
        return
    changed = {
        name: f"{_label(name)}：{_text(old)} → {_text(getattr(instance, name))}"
        for name, old in instance.before_save.items()
        if old != getattr(instance, name)
    }
    for action, names in [
        (AuditAction.RIGHTS_CHANGED, changed.keys() & set(RIGHTS)),
        (AuditAction.USER_CHANGED, changed.keys() - set(RIGHTS)),
    ]:
        if names:
            detail = "\n".join(changed[name] for name in WATCHED if name in names)
            write_audit(request, action, record=instance, detail=detail)
    # As in Django: set by set_password alone, and not where a login renews the hash.
    if instance._password is not None:
        write_audit(request, AuditAction.PASSWORD_CHANGED, record=instance)


@receiver(post_delete, sender=User)
def audit_deleted_user(instance, **kwargs):
    write_audit(current_request(), AuditAction.USER_DELETED, record=instance)


@receiver(m2m_changed, sender=User.groups.through)
@receiver(m2m_changed, sender=User.user_permissions.through)
@receiver(m2m_changed, sender=Group.permissions.through)
def audit_rights(instance, action, model, pk_set, **kwargs):
    if action in CHANGES and (pk_set or action == "pre_clear"):
        given = model.objects.filter(pk__in=pk_set or [])
        names = "、".join(permission_label(o) if model is Permission else str(o) for o in given)
        detail = f"{model._meta.verbose_name}を{CHANGES[action]}：{names}".rstrip("：")
        write_audit(current_request(), AuditAction.RIGHTS_CHANGED, record=instance, detail=detail)


@receiver([post_save, post_delete], sender=Membership)
def audit_membership(instance, signal, raw=False, **kwargs):
    if not raw:
        done = "外した" if signal is post_delete else "加えた" if kwargs["created"] else "変えた"
        detail = f"所属と役割を{done}：{instance}"
        write_audit(
            current_request(), AuditAction.RIGHTS_CHANGED, record=instance.user, detail=detail
        )


def permission_label(permission) -> str:
    kind, verb = permission.content_type, permission.codename.partition("_")[0]
    app = apps.get_app_config(kind.app_label).verbose_name
    return f"{app}｜{kind.name}｜{VERBS.get(verb, permission.name)}"


def _label(name):
    return str(User._meta.get_field(name).verbose_name)


def _text(value):
    if isinstance(value, bool):
        return "はい" if value else "いいえ"
    return value or "（なし）"
