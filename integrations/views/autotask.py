"""The Autotask page: connection, last run, open drifts, and the actions on them."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.menu_badges import clear_menu_badges
from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from core.actors import actor_of
from integrations.autotask import connection
from integrations.autotask.forms import CredentialsForm, DatePolicyForm
from integrations.autotask.mapping import service_mappings
from integrations.autotask.sync.runs import CannotRun, request_run
from integrations.choices import DatePolicy
from integrations.models import AutotaskConnection, Drift, SyncRun

manages = requires(Permission.MANAGE_INTEGRATIONS)


@manages
@require_safe
def autotask(request: PortalRequest) -> HttpResponse:
    """The progress of the set-up, the last run, and the number of open drifts."""
    settings = AutotaskConnection.objects.current()
    runs = SyncRun.objects.with_counts().order_by("-created_at")
    context: dict[str, Any] = {
        "connection": settings,
        "progress": service_mappings.progress(),
        "last_run": runs.first(),
        "is_running": runs.filter(finished_at=None).exists(),
        "drifts": Drift.objects.filter(decided_at=None).count(),
        "zone": request.provider.billing_zone(),
    }
    return render(request, "integrations/autotask.html", context)


@manages
@require_safe
def autotask_setup(request: PortalRequest) -> HttpResponse:
    """The steps of the set-up, the date policy, and pausing; first the credentials."""
    settings = AutotaskConnection.objects.current()
    if settings is None:
        return redirect("autotask_credentials")
    context = {
        "connection": settings,
        "progress": service_mappings.progress(),
        "policy": DatePolicyForm(initial={"date_policy": settings.date_policy}),
    }
    return render(request, "integrations/setup.html", context)


@manages
@require_http_methods(["GET", "HEAD", "POST"])
def autotask_credentials(request: PortalRequest) -> HttpResponse:
    """Step one, and later changes: credentials, tried at once in the user's zone."""
    form = CredentialsForm(request.POST or None)
    if form.is_bound and form.is_valid() and form.connects(request, now=timezone.now()):
        clear_menu_badges(user=request.user)
        settings = AutotaskConnection.objects.get(pk=1)
        if settings.costs_readable is False:
            messages.warning(
                request,
                "Connected. The API user can't read costs: units are set and read back, unit costs "
                "are set but can't be checked. Another security level would change that.",
            )
        else:
            messages.success(request, f"Connected to {settings.zone_name}.")
        return redirect("autotask" if settings.company_types else "autotask_company_types")
    status = 422 if form.is_bound else 200
    context = {"form": form, "connection": AutotaskConnection.objects.current()}
    return render(request, "integrations/credentials.html", context, status=status)


@manages
@require_POST
def autotask_pause(request: PortalRequest) -> HttpResponse:
    """Pause the sync."""
    return _change(request, connection.pause, "Paused. Nothing is sent until you resume.")


@manages
@require_POST
def autotask_resume(request: PortalRequest) -> HttpResponse:
    """Resume the sync."""
    return _change(request, connection.resume, "Resumed. The next run is tonight.")


@manages
@require_http_methods(["GET", "HEAD", "POST"])
def autotask_disconnect(request: PortalRequest) -> HttpResponse:
    """Delete the credentials after a confirmation."""
    if request.method == "POST":
        return _change(
            request, connection.disconnect, "Disconnected. The credentials were deleted."
        )
    return render(
        request,
        "integrations/disconnect.html",
        {"connection": AutotaskConnection.objects.current()},
    )


@manages
@require_POST
def autotask_date_policy(request: PortalRequest) -> HttpResponse:
    """Set the effective date of changed quantities."""
    form = DatePolicyForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Choose one of the dates offered.")
        return redirect("autotask_setup")
    policy = DatePolicy(form.cleaned_data["date_policy"])
    set_policy = partial(connection.set_date_policy, policy=policy)
    return _change(request, set_policy, "From the next run on.", then="autotask_setup")


@manages
@require_POST
def autotask_run(request: PortalRequest) -> HttpResponse:
    """Sync now, or preview the changes."""
    is_preview = request.POST.get("kind") == SyncRun.Kind.PREVIEW
    kind = SyncRun.Kind.PREVIEW if is_preview else SyncRun.Kind.MANUAL
    try:
        run = request_run(kind=kind, actor=actor_of(request), now=timezone.now())
    except CannotRun as error:
        messages.error(request, str(error))
        return redirect("autotask")
    return redirect("autotask_run_detail", run.pk)


def _change(
    request: PortalRequest, change: Callable[..., None], text: str, *, then: str = "autotask"
) -> HttpResponse:
    try:
        change(actor=actor_of(request), now=timezone.now())
    except connection.NotConnected as error:
        messages.error(request, str(error))
    else:
        clear_menu_badges(user=request.user)
        messages.success(request, text)
    return redirect(then)
