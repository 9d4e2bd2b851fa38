"""The admin as the staff's site: who gets in, for how long, and who is led elsewhere first."""

import time
from functools import partial, update_wrapper

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.signals import user_logged_in
from django.contrib.auth.views import redirect_to_login
from django.contrib.contenttypes.models import ContentType
from django.contrib.contenttypes.views import shortcut
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect

from . import desk, second_factor

STARTED, SEEN = "entered_at", "seen_at"  # seconds, in the session


class StaffSite(admin.AdminSite):
    """`has_permission` is the one answer to whether a request comes from staff who have entered."""

    index_template = "admin/desk.html"

    def has_permission(self, request):
        return self.has_entered(request) and not second_factor.owes_second_factor(request.user)

    def has_entered(self, request):
        """Whether staff are logged in and not for too long, be it without the second factor."""
        return super().has_permission(request) and is_fresh(request.session)

    def admin_view(self, view, cacheable=False):
        checked = super().admin_view(view, cacheable)

        def inner(request, *args, **kwargs):
            return self.turn_away(request) or checked(request, *args, **kwargs)

        return update_wrapper(inner, checked)

    def turn_away(self, request):
        """Return the way for who is logged in but not through yet; None for everybody else.

        Their session is at its end, or lacks the second factor that they must set up or prove.
        """
        if not super().has_permission(request):
            return None
        if not is_fresh(request.session):
            return self.end_session(request, "時間切れのため、ログアウトしました。")
        if second_factor.owes_second_factor(request.user):
            if second_factor.find_device(request.user):
                return self.end_session(request, "確認コードを使って、ログインし直してください。")
            if request.path == reverse("admin:logout"):
                return csrf_protect(self.logout)(request)
            if request.path != reverse("admin:second_factor"):
                return redirect("admin:second_factor")
        keep_fresh(request.session)
        return None

    def end_session(self, request, reason):
        request.logout_reason = reason
        logout(request)
        messages.warning(request, reason)
        return redirect_to_login(request.get_full_path(), reverse("admin:login"))

    def index(self, request, extra_context=None):
        """Show what waits for the user; the list of all records stands below."""
        return super().index(request, desk.desk_context(request) | (extra_context or {}))

    def get_urls(self):
        return [
            path("login/code/", self.login_code, name="login_code"),
            path("second-factor/", self.second_factor_page, name="second_factor"),
            path("bin/", self.admin_view(partial(desk.bin_view, self)), name="bin"),
            path(
                "bin/<int:pk>/restore/",
                self.admin_view(partial(desk.restore_view, self)),
                name="bin_restore",
            ),
            path(
                "r/<int:content_type_id>/<int:object_id>/",
                self.admin_view(self.view_on_site),
                name="view_on_site",
            ),
            # Django's own would tell the address of any record, also of another's draft.
            *(u for u in super().get_urls() if getattr(u, "name", "") != "view_on_site"),
        ]

    def view_on_site(self, request, content_type_id, object_id):
        """Lead from a record that the user may see here to its public page."""
        for model, model_admin in self._registry.items():
            if ContentType.objects.get_for_model(model).pk == content_type_id:
                get_object_or_404(model_admin.get_queryset(request), pk=object_id)
                return shortcut(request, content_type_id, object_id)
        raise Http404

    def logout(self, request, extra_context=None):
        response = super().logout(request, extra_context)
        # Nothing of the work stays in a browser that others use after.
        response["Clear-Site-Data"] = '"cache", "cookies", "storage"'
        return response

    @method_decorator(never_cache)
    @login_not_required
    def login(self, request, extra_context=None):
        if request.method == "GET" and self.has_permission(request):
            return redirect("admin:index")
        context = {"title": "ログイン", "app_path": request.get_full_path()}
        return self.show_step(request, second_factor.PasswordView, context | (extra_context or {}))

    @method_decorator(never_cache)
    @login_not_required
    def login_code(self, request):
        return self.show_step(request, second_factor.CodeView, {"title": "確認コード"})

    def show_step(self, request, view, context):
        request.current_app = self.name
        context = self.each_context(request) | {"username": request.user.get_username()} | context
        return view.as_view(extra_context=context)(request)

    @method_decorator(never_cache)
    @method_decorator(csrf_protect)
    def second_factor_page(self, request):
        """Set up the second factor, or renew its backup codes, or remove it."""
        if response := self.turn_away(request):
            return response
        if not self.has_entered(request):
            return redirect_to_login(request.get_full_path(), reverse("admin:login"))
        request.current_app = self.name
        context = self.each_context(request) | {"title": "二段階認証"}
        if second_factor.find_device(request.user):
            return second_factor.manage(request, context)
        return second_factor.set_up(request, context)


def start_session(request, **kwargs):
    request.session[STARTED] = request.session[SEEN] = time.time()


user_logged_in.connect(start_session)


def is_fresh(session) -> bool:
    """Whether the login is neither too old nor idle for too long."""
    now = time.time()
    return (
        now - session.get(STARTED, 0) < settings.SESSION_COOKIE_AGE
        and now - session.get(SEEN, 0) < settings.SESSION_IDLE_MINUTES * 60
    )


def keep_fresh(session):
    """Note that the staff are at work; not at each request, which would write each time."""
    if time.time() - session[SEEN] > settings.SESSION_IDLE_MINUTES * 6:
        session[SEEN] = time.time()


def show_lockout(request, response, credentials):
    """Answer who guessed too often, in the same words whether there is such a user or not."""
    context = admin.site.each_context(request) | {
        "title": "ログインを止めています",
        "minutes": settings.LOGIN_LOCK_MINUTES,
    }
    page = render(request, "admin/login_locked.html", context, status=429)
    page["Retry-After"] = str(settings.LOGIN_LOCK_MINUTES * 60)
    return page
