"""The second factor of a login: a code of an authenticator app, or one of ten backup codes."""

import time
import unicodedata
from base64 import b32encode

import segno
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import get_user_model
from django.contrib.auth import login as auth_login
from django.contrib.auth.views import LoginView, redirect_to_login
from django.core.exceptions import ValidationError
from django.http import HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.http import urlencode
from django_otp import login as otp_login
from django_otp import verify_token
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_otp.util import random_hex

from .audit import AuditAction, write_audit
from .rights import rights_of

BACKUP_CODES = 10
PENDING = "second_factor_login"  # in the session: whose password was right, and owes the code
PENDING_SECONDS = 300
NEW_KEY = "second_factor_key"  # in the session: the key that a first code has yet to confirm
WRONG = "確認コードが違います。アプリに今出ている6けたの数字を入れてください。"


def must_have_second_factor(user) -> bool:
    if settings.REQUIRE_SECOND_FACTOR == "administrators":
        return rights_of(user).is_over_all
    return settings.REQUIRE_SECOND_FACTOR == "all"


def owes_second_factor(user) -> bool:
    """Whether the user, who has or must have a second factor, has not proved it in this session."""
    if getattr(user, "otp_device", None):
        return False
    if not hasattr(user, "may_do_without"):
        user.may_do_without = not must_have_second_factor(user) and find_device(user) is None
    return not user.may_do_without


def find_device(user):
    return TOTPDevice.objects.filter(user=user, confirmed=True).first()


def remove_second_factor(request, user, detail=""):
    """Take the app and the backup codes from the user, and write it into the audit log."""
    TOTPDevice.objects.filter(user=user).delete()
    StaticDevice.objects.filter(user=user).delete()
    write_audit(request, AuditAction.SECOND_FACTOR_REMOVED, record=user, detail=detail)


def renew_backup_codes(user) -> list[str]:
    """Return new backup codes, to be shown this once; the former ones are void."""
    StaticDevice.objects.filter(user=user).delete()
    device = StaticDevice.objects.create(user=user, name="予備コード")
    codes = [StaticToken.random_token() for _ in range(BACKUP_CODES)]
    StaticToken.objects.bulk_create(StaticToken(device=device, token=code) for code in codes)
    return codes


def prove(request, user, code):
    """Return the device that gave the code; raise ValidationError for a wrong one or too many."""
    model = TOTPDevice if len(code) == 6 else StaticDevice
    device = model.objects.filter(user=user, confirmed=True).first()
    if device:
        allowed, why = device.verify_is_allowed()
        if not allowed:
            until = timezone.localtime(why["locked_until"])
            raise ValidationError(
                f"間違いが続いたため、{until:%H時%M分%S秒}まで受け付けません。そのあとで、もう一度入れてください。"
            )
        if verify_token(user, device.persistent_id, code):
            if model is StaticDevice:
                left = f"残り{device.token_set.count()}個"
                write_audit(request, AuditAction.BACKUP_CODE_USED, user=user, detail=left)
            return device
    write_audit(request, AuditAction.SECOND_FACTOR_FAILED, user=user)
    raise ValidationError(WRONG)


class CodeForm(forms.Form):
    """A code that `check` turns into a device, or refuses with a ValidationError."""

    code = forms.CharField(
        label="確認コード",
        max_length=30,
        error_messages={"required": "確認コードを入れてください。"},
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "autofocus": True}),
    )

    def __init__(self, *args, check, **kwargs):
        super().__init__(*args, **kwargs)
        self.check = check

    def clean_code(self):
        text = unicodedata.normalize("NFKC", self.cleaned_data["code"]).lower()
        self.device = self.check("".join(filter(str.isalnum, text)))
        return text


class PasswordView(LoginView):
    """The first step of a login, and the only one for who has no second factor."""

    form_class = AdminAuthenticationForm
    template_name = "admin/login.html"
    next_page = "admin:index"

    def form_valid(self, form):
        user = form.get_user()
        if find_device(user) is None:
            return super().form_valid(form)
        self.request.session.cycle_key()
        self.request.session[PENDING] = {
            "user": user.pk,
            "backend": user.backend,
            "hash": user.get_session_auth_hash(),
            "until": time.time() + PENDING_SECONDS,
        }
        return HttpResponseRedirect(
            f"{reverse('admin:login_code')}?{urlencode({'next': self.get_success_url()})}"
        )


class CodeView(LoginView):
    """The second step: nobody is logged in before it is done."""

    form_class = CodeForm
    template_name = "admin/login_code.html"
    next_page = "admin:index"

    def dispatch(self, request, *args, **kwargs):
        self.user = self.find_user()
        if self.user is None:
            messages.warning(request, "もう一度、ユーザー名とパスワードから始めてください。")
            return redirect_to_login(self.get_success_url(), reverse("admin:login"))
        return super().dispatch(request, *args, **kwargs)

    def find_user(self):
        """Return who gave the right password shortly before; None for anybody else."""
        pending = self.request.session.get(PENDING)
        if not pending or pending["until"] < time.time():
            return None
        user = get_user_model().objects.filter(pk=pending["user"], is_active=True).first()
        if user and constant_time_compare(pending["hash"], user.get_session_auth_hash()):
            return user
        return None

    def get_form_kwargs(self):
        kwargs = super().get_form_kwargs()
        request = kwargs.pop("request")
        return kwargs | {"check": lambda code: prove(request, self.user, code)}

    def form_valid(self, form):
        self.user.otp_device = form.device  # django-otp takes it over at the login
        auth_login(self.request, self.user, self.request.session.pop(PENDING)["backend"])
        return HttpResponseRedirect(self.get_success_url())


def set_up(request, context):
    """Show a new key, and register it with the first code that proves it."""
    key = request.session.setdefault(NEW_KEY, random_hex())
    device = TOTPDevice(user=request.user, name="認証アプリ", key=key)

    def check(code):
        totp = TOTP(device.bin_key, device.step, device.t0, device.digits)
        totp.time = time.time()
        if not (code.isdecimal() and totp.verify(int(code), device.tolerance)):
            raise ValidationError(WRONG)
        device.last_t, device.drift = totp.t(), totp.drift
        return device

    form = CodeForm(request.POST or None, check=check)
    if form.is_valid():
        device.save()
        request.session.cycle_key()
        del request.session[NEW_KEY]
        otp_login(request, device)
        write_audit(request, AuditAction.SECOND_FACTOR_ADDED, record=request.user)
        return show_backup_codes(request, context)
    secret = b32encode(device.bin_key).decode()
    context |= {
        "form": form,
        "qr": segno.make(device.config_url).svg_inline(
            scale=5, light="#fff", title="認証アプリで読み取る二次元コード"
        ),
        "key": [secret[start : start + 4] for start in range(0, len(secret), 4)],
        "required": must_have_second_factor(request.user),
    }
    return TemplateResponse(request, "admin/second_factor_set_up.html", context)


def manage(request, context):
    """Let who has a second factor renew the backup codes or remove it, each with a code."""
    user = request.user
    form = CodeForm(request.POST or None, check=lambda code: prove(request, user, code))
    if form.is_valid():
        if "remove" not in request.POST:
            return show_backup_codes(request, context)
        remove_second_factor(request, user)
        messages.success(request, "二段階認証を解除しました。")
        return redirect("admin:second_factor")
    left = StaticToken.objects.filter(device__user=user).count()
    context |= {"form": form, "device": find_device(user), "codes_left": left}
    return TemplateResponse(request, "admin/second_factor.html", context)


def show_backup_codes(request, context):
    context |= {"title": "予備コード", "codes": renew_backup_codes(request.user)}
    # What follows the set-up is a page that its user may see now.
    context["has_permission"] = True
    return TemplateResponse(request, "admin/second_factor_codes.html", context)
