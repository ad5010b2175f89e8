"""Start page, profile, health check, and the page of refusals."""

import logging

import redis
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.forms import ProfileForm
from accounts.policies import anyone, signed_in
from accounts.requests import PortalRequest
from accounts.roles import Permission, Role

logger = logging.getLogger(__name__)
HEALTH_TIMEOUT_SECONDS = 2


@signed_in
@require_safe
def home(request: PortalRequest) -> HttpResponse:
    """Redirect to the role's start page."""
    if request.user.is_staff:
        return redirect("admin:index")
    if request.user.role == Role.ORGANIZATION_ADMIN:
        return redirect("own_organization")
    return redirect("dashboard")


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: PortalRequest) -> HttpResponse:
    """The person's own name, role and address."""
    form = ProfileForm(request.POST or None, instance=request.user)
    if request.method == "POST":
        if form.is_valid():
            form.save()
            messages.success(request, "Your profile is saved.")
            return redirect("profile")
        # The page header shows the stored name, not the refused one.
        request.user.refresh_from_db()
    status = 422 if form.errors else 200
    context = {"form": form, "may_choose_alert_mail": request.user.may(Permission.VIEW_ALERTS)}
    return render(request, "accounts/profile.html", context, status=status)


@anyone
@require_safe
def operations_sign_in(request: HttpRequest) -> HttpResponse:
    """Redirect to the portal's sign-in, so that its limits and log cover the operations admin."""
    if request.user.is_authenticated and not request.user.is_staff:
        raise PermissionDenied("These pages are for operations staff.")
    return redirect_to_login(request.GET.get("next") or reverse("admin:index"))


@anyone
@never_cache
@require_safe
def health(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - a view's signature
    """200 if PostgreSQL and Redis answer, otherwise 503 with the part that does not."""
    parts = {"database": _database_answers(), "redis": _redis_answers()}
    return JsonResponse(
        {name: "ok" if answers else "does not answer" for name, answers in parts.items()},
        status=200 if all(parts.values()) else 503,
    )


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        logger.exception("The database does not answer.")
        return False
    return True


def _redis_answers() -> bool:
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL,
            socket_timeout=HEALTH_TIMEOUT_SECONDS,
            socket_connect_timeout=HEALTH_TIMEOUT_SECONDS,
        ) as client:
            return bool(client.ping())
    except redis.RedisError:
        logger.exception("Redis does not answer.")
        return False


def forbidden(request: HttpRequest, exception: PermissionDenied) -> HttpResponse:
    """403 with the reason, which a person can act on."""
    reason = str(exception) if exception.args else ""
    return render(request, "403.html", {"reason": reason}, status=403)
