"""Start page, profile, health check, and the page of refusals."""

import logging
from datetime import datetime

import redis
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.figures import provider_gauges
from accounts.forms import ProfileForm
from accounts.policies import anyone, signed_in
from accounts.requests import PortalRequest
from accounts.roles import Permission, Role
from core.operations.heartbeats import ages
from core.operations.metrics import CONTENT_TYPE, operations_gauges
from core.operations.outbox_watch import outbox_state

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
    """200 if PostgreSQL and Redis answer, otherwise 503 with the part that does not.

    Beside them the ages of the beat, the workers and the outbox, which never make it fail: starting
    a web process again would not mend them. They are alerts and metrics.
    """
    parts = {"database": _database_answers(), "redis": _redis_answers()}
    answer: dict[str, object] = {
        name: "ok" if answers else "does not answer" for name, answers in parts.items()
    }
    if parts["database"]:
        try:
            answer |= _ages(now=timezone.now())
        except DatabaseError:
            logger.exception("The ages of heartbeats and outbox cannot be read.")
    return JsonResponse(answer, status=200 if all(parts.values()) else 503)


def _ages(*, now: datetime) -> dict[str, object]:
    outbox = outbox_state(now=now)
    return {
        "heartbeat_seconds": {
            name: round(age.total_seconds()) for name, age in ages(now=now).items()
        },
        "outbox": {
            "due": outbox.due,
            "dead": outbox.dead,
            "oldest_due_seconds": round(outbox.oldest.total_seconds()),
        },
    }


@anyone
@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Figures for Prometheus, for the bearer of METRICS_TOKEN; 404 while no token is set."""
    token: str = settings.METRICS_TOKEN
    if not token:
        raise Http404
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not constant_time_compare(given, token):
        return HttpResponse("Send METRICS_TOKEN as a bearer token.\n", status=401)
    now = timezone.now()
    lines = [*operations_gauges(now=now), *provider_gauges(now=now)]
    return HttpResponse("\n".join([*lines, ""]), content_type=CONTENT_TYPE)


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
