"""The pages of alerts: the list, one alert with its history, and acknowledging."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.downloads import table_download
from accounts.menu_badges import clear_menu_badges
from accounts.models import User
from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from core.actors import actor_of
from core.plain_numbers import plain_id
from core.replica import reads_replica
from core.table_cells import instant_cell
from tenants.alerts.acknowledgement import acknowledge, withdraw
from tenants.alerts.listing import AlertListing, kinds_for, visible_alerts
from tenants.alerts.open_count import OpenCount, open_counts
from tenants.models import Alert, AlertMailPreference, Severity
from tenants.models.alerts import AlertQuerySet

# A page lists fewer.
MOST_AT_ONCE = 500
MOST_EARLIER = 10
CSV_HEADER = (
    "Severity",
    "Kind",
    "Alert",
    "Details",
    "Organization",
    "Since",
    "Resolved",
    "Acknowledged",
    "Acknowledged by",
)


def _context(request: PortalRequest) -> dict[str, Any]:
    selection = AlertListing.of(request)
    visible = visible_alerts(request)
    may_handle = request.user.may(Permission.HANDLE_ALERTS)
    page = selection.listing.page_of(selection.rows(visible))
    count = OpenCount.of(open_counts(selection.of_any_state(visible)))
    return {
        "selection": selection,
        "listing": selection.listing,
        "page": page,
        "tabs": [
            ("", "Open", count.total),
            ("waiting", "To acknowledge", count.waiting),
            ("resolved", "Resolved"),
            ("all", "All"),
        ],
        "kinds": kinds_for(request),
        "severities": [(each.name.lower(), each.label) for each in reversed(Severity)],
        "may_handle": may_handle,
        "can_acknowledge": may_handle and any(_waits(alert) for alert in page.object_list),
        "zone": request.provider.billing_zone(),
    }


def _waits(alert: Alert) -> bool:
    return alert.resolved_at is None and alert.acknowledged_at is None


def _picked(request: PortalRequest) -> AlertQuerySet:
    numbers = (plain_id(text) for text in request.POST.getlist("pick")[:MOST_AT_ONCE])
    ids = [number for number in numbers if number is not None]
    return visible_alerts(request).filter(pk__in=ids)


@requires(Permission.VIEW_ALERTS)
@require_safe
def alert_list(request: PortalRequest) -> HttpResponse:
    """The list of alerts; only the table for a request by htmx."""
    context = _context(request)
    if request.htmx.target == "alerts":
        return render(request, "tenants/_alerts.html", context)
    choice = AlertMailPreference.objects.filter(user_id=request.user.pk).first()
    context["gets_mail"] = choice and choice.delivery != AlertMailPreference.Delivery.OFF
    return render(request, "tenants/alert_list.html", context)


@requires(Permission.VIEW_ALERTS)
@require_safe
@reads_replica
def alert_csv(request: PortalRequest) -> HttpResponseBase:
    """All selected alerts as CSV."""
    alerts = AlertListing.of(request).rows(visible_alerts(request))
    return table_download(request, name="alerts", header=CSV_HEADER, rows=_csv_rows(alerts))


def _csv_rows(alerts: AlertQuerySet) -> Iterator[list[object]]:
    for alert in alerts:
        moments = (alert.opened_at, alert.resolved_at, alert.acknowledged_at)
        yield [
            alert.get_severity_display(),
            alert.get_kind_display(),
            alert.title,
            alert.text,
            alert.organization.name if alert.organization else "",
            *(instant_cell(moment, UTC, whole_seconds=True) for moment in moments),
            alert.acknowledged_by_name,
        ]


def _alert_or_404(request: PortalRequest, alert_id: int) -> Alert:
    alert = visible_alerts(request).select_related("organization").filter(pk=alert_id).first()
    if alert is None:
        raise Http404
    return alert


@requires(Permission.VIEW_ALERTS)
@require_safe
def alert_detail(request: PortalRequest, alert_id: int) -> HttpResponse:
    """One alert with its history and the link to the page where it can be ended."""
    alert = _alert_or_404(request, alert_id)
    earlier = visible_alerts(request).filter(cause=alert.cause, pk__lt=alert.pk)
    context = {
        "alert": alert,
        "events": alert.events.order_by("-pk"),
        "earlier": earlier.order_by("-pk")[:MOST_EARLIER],
        "waits": _waits(alert),
        "may_handle": request.user.may(Permission.HANDLE_ALERTS),
        "link": alert.link if _may_follow(request.user, alert.link) else "",
        "is_elsewhere": not alert.link.startswith("/"),
        "zone": request.provider.billing_zone(),
    }
    return render(request, "tenants/alert_detail.html", context)


def _may_follow(user: User, link: str) -> bool:
    """Return True when the user may open the page; a link to another site is always allowed."""
    if not link.startswith("/"):
        return bool(link)
    try:
        view = resolve(link.partition("?")[0]).func
    except Resolver404:
        return False
    permissions = view.policy.permissions  # type: ignore[attr-defined]
    return not permissions or any(user.may(permission) for permission in permissions)


@requires(Permission.HANDLE_ALERTS)
@require_POST
def alert_acknowledge(request: PortalRequest) -> HttpResponse:
    """Acknowledge the selected alerts, or all that match, and offer to undo it."""
    alerts = _picked(request)
    if "all" in request.POST:
        selection = AlertListing.of(request)
        alerts = visible_alerts(request).filter(
            pk__in=selection.rows(visible_alerts(request)).values("pk")
        )
    now = timezone.now()
    done = acknowledge(alerts=alerts, actor=actor_of(request), now=now)
    clear_menu_badges(user=request.user)
    if done:
        text = "1 alert was acknowledged. It stays open until its cause is gone."
        if len(done) > 1:
            text = (
                f"{len(done):,} alerts were acknowledged. They stay open until the cause is gone."
            )
        undo_url = f"{reverse('alert_withdraw')}?{urlencode({'at': now.isoformat()})}"
        messages.success(request, text, extra_tags=f"undo {undo_url}")
    else:
        messages.info(request, "Nothing was acknowledged: no waiting alert was selected.")
    return _back(request)


@requires(Permission.HANDLE_ALERTS)
@require_POST
def alert_withdraw(request: PortalRequest) -> HttpResponse:
    """Withdraw the acknowledgement of the selected alerts, or of those acknowledged at an instant.

    The instant is the version: what was acknowledged again since is left unchanged.
    """
    at, alerts = _instant(request.GET.get("at", "")), _picked(request)
    if at is not None:
        alerts = visible_alerts(request)
    done = withdraw(alerts=alerts, actor=actor_of(request), now=timezone.now(), at=at)
    clear_menu_badges(user=request.user)
    if done:
        count = "1 alert waits" if len(done) == 1 else f"{len(done):,} alerts wait"
        messages.success(request, f"{count} again.")
    elif at is not None:
        messages.info(request, "Nothing was undone: it was changed since.")
    return _back(request)


def _instant(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else None


def _back(request: PortalRequest) -> HttpResponse:
    """Redirect to the alert's page, or to the list in the state it had."""
    own_page = plain_id(request.POST.get("from", ""))
    if own_page is not None:
        return redirect("alert_detail", alert_id=own_page)
    query = request.GET.copy()
    query.pop("at", None)
    address = reverse("alert_list")
    return redirect(f"{address}?{query.urlencode()}" if query else address)
