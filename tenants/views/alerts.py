"""The pages of alerts: the list, one alert with its history, and acknowledging."""

from collections.abc import Iterator
from datetime import UTC
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase, QueryDict
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
        "just_done": _just_done(request, visible) if may_handle else [],
        "zone": request.provider.billing_zone(),
    }


def _waits(alert: Alert) -> bool:
    return alert.resolved_at is None and alert.acknowledged_at is None


def _just_done(request: PortalRequest, visible: AlertQuerySet) -> list[int]:
    """The ids in the query string of alerts just acknowledged, which the page offers to undo."""
    done = visible.open().exclude(acknowledged_at=None).filter(pk__in=_ids(request.GET, "done"))
    return list(done.values_list("pk", flat=True))


def _ids(values: QueryDict, name: str) -> list[int]:
    texts = values.getlist(name)[:MOST_AT_ONCE]
    return [int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 19]  # noqa: PLR2004 - a bigint's


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
    """Acknowledge the selected alerts and offer to undo it."""
    alerts = visible_alerts(request).filter(pk__in=_ids(request.POST, "alert"))
    done = acknowledge(alerts=alerts, actor=actor_of(request), now=timezone.now())
    clear_menu_badges(user=request.user)
    if not done:
        messages.info(request, "Nothing was acknowledged: no waiting alert was chosen.")
    return _back(request, [alert.pk for alert in done])


@requires(Permission.HANDLE_ALERTS)
@require_POST
def alert_withdraw(request: PortalRequest) -> HttpResponse:
    """Withdraw the acknowledgement of the selected alerts."""
    alerts = visible_alerts(request).filter(pk__in=_ids(request.POST, "alert"))
    done = withdraw(alerts=alerts, actor=actor_of(request), now=timezone.now())
    clear_menu_badges(user=request.user)
    if done:
        count = "1 alert waits" if len(done) == 1 else f"{len(done):,} alerts wait"
        messages.success(request, f"{count} again.")
    return _back(request, [])


def _back(request: PortalRequest, done: list[int]) -> HttpResponse:
    """Redirect to the alert's page, or to the list in the state it had."""
    own_page = request.POST.get("from", "")
    if own_page.isascii() and own_page.isdigit():
        return redirect("alert_detail", alert_id=int(own_page))
    query = QueryDict(request.POST.get("query", "")[:1000], mutable=True)
    query.pop("done", None)
    query.setlist("done", [str(pk) for pk in done])
    address = reverse("alert_list")
    return redirect(f"{address}?{query.urlencode()}" if query else address)
