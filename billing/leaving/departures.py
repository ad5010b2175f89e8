"""Setting and cancelling a leave date; the work at that date (docs/decisions/0031)."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from accounts.models import Provider
from accounts.stages import Stage
from billing import topics
from billing.contracts.billed_periods import update_billed_periods
from billing.customer.contact_mail import mail_contacts
from billing.formatting import date_text, local_date
from billing.invoicing.month_close import close_due_months
from billing.leaving.export import request_export
from billing.models import Departure, MonthClose
from billing.seen import ChangeRefused, require_seen, seen_token
from core.actors import SYSTEM_ACTOR, Actor
from core.months import Month, day_starts_at
from core.operations.alerts import raise_alert, settle_alert
from core.operations.kinds import alert_kind
from core.outbox.delivery import enqueue
from tenants import audit
from tenants.models import MeteringPolicy

LEAVES = alert_kind("billing.provider_leaves", title="A provider leaves")
FURTHEST_DAYS = 366
# After the instant, so that requests that began before it have ended.
FINAL_WORK_AFTER = timedelta(minutes=5)


class CannotLeave(ChangeRefused):
    """The date can't be set, or the departure not cancelled."""


def current_departure() -> Departure | None:
    """The departure that is not cancelled, or None."""
    return Departure.objects.filter(cancelled_at=None).first()


def departures_token() -> str:
    """The token of the current provider's departures, cancelled ones included."""
    departures = Departure.objects.order_by("pk").values_list("pk", "cancelled_at")
    return seen_token("departures", list(departures))


def leave_day_error(day: date, *, today: date) -> str:
    """Why the account can't become read-only on this day; empty if it can."""
    if day <= today:
        return "Choose a day from tomorrow on."
    if day > today + timedelta(days=FURTHEST_DAYS):
        return f"Choose a day within {FURTHEST_DAYS} days."
    return ""


@transaction.atomic
def set_leave_date(
    *,
    provider: Provider,
    day: date,
    reason: str,
    actor: Actor,
    now: datetime,
    seen: str | None = None,
) -> Departure:
    """Let the account be read-only from the local day `day` on, and closed some weeks later.

    Billing ends at that instant. Raises `ChangedSince`, and `CannotLeave`, also if a leave date is
    set already.
    """
    _lock(provider, seen)
    if provider.stage(now) is not Stage.OPEN:
        raise CannotLeave("A leave date is set already. Cancel it first.")
    zone = provider.billing_zone()
    if error := leave_day_error(day, today=local_date(now, zone)):
        raise CannotLeave(error)
    closes_on = day + timedelta(days=settings.LEAVE_READ_ONLY_DAYS)
    departure = Departure.objects.create(
        day=day,
        leaves_at=day_starts_at(day=day, zone=zone),
        closes_at=day_starts_at(day=closes_on, zone=zone),
        reason=reason,
        made_by_id=actor.id,
        made_by_name=actor.name[:200],
        made_at=now,
    )
    _copy(provider, departure, actor=actor, now=now)
    audit.record(
        actor=actor,
        action="departure.set",
        subject=f"Read-only from {day:%Y-%m-%d}, closed from {closes_on:%Y-%m-%d}",
        after={"day": day.isoformat(), "closes_on": closes_on.isoformat(), "reason": reason},
        now=now,
    )
    enqueue(
        topic=topics.DEPARTURE,
        key=f"departure:{departure.pk}",
        payload={"departure_id": departure.pk},
        now=now,
        due_at=departure.leaves_at + FINAL_WORK_AFTER,
    )
    _mail("departure_set", departure, provider=provider, now=now)
    _alert(departure, provider=provider, actor=actor, now=now)
    return departure


@transaction.atomic
def cancel_departure(
    *, provider: Provider, actor: Actor, now: datetime, seen: str | None = None
) -> None:
    """Keep the account open.

    Raises `ChangedSince`, and `CannotLeave` from the leave date on, and without one.
    """
    _lock(provider, seen)
    departure = current_departure()
    if departure is None:
        raise CannotLeave("No leave date is set.")
    if now >= departure.leaves_at:
        raise CannotLeave("The leave date has passed: the final invoices may have been issued.")
    departure.cancelled_at, departure.cancelled_by_name = now, actor.name[:200]
    departure.save(update_fields=["cancelled_at", "cancelled_by_name"])
    _copy(provider, None, actor=actor, now=now)
    audit.record(
        actor=actor,
        action="departure.cancelled",
        subject=f"Leave date {departure.day:%Y-%m-%d}",
        now=now,
    )
    _mail("departure_cancelled", departure, provider=provider, now=now)
    settle_alert(kind=LEAVES, key=f"departure:{departure.pk}", now=now)


def _lock(provider: Provider, seen: str | None) -> None:
    provider.refresh_from_db(from_queryset=Provider.objects.select_for_update(no_key=True))
    require_seen(seen, now=departures_token(), subject="The leave date")


def finish_departure(payload: Mapping[str, Any], *, provider: Provider, now: datetime) -> None:
    """Issue the final invoices and build the export, once the leave date has passed.

    Does nothing for a cancelled departure; safe to repeat.
    """
    departure = Departure.objects.get(pk=payload["departure_id"])
    if departure.cancelled_at is not None:
        return
    close_due_months(provider=provider, now=now)
    last = Month.of(departure.leaves_at - timedelta(microseconds=1), provider.billing_zone())
    closed = MonthClose.objects.filter(month=last.first_day, issued_at__isnull=False).first()
    with transaction.atomic():
        request_export(actor=SYSTEM_ACTOR, now=now)
        _mail(
            "departure_final",
            departure,
            provider=provider,
            now=now,
            outcome=closed.outcome if closed else "",
        )
        settle_alert(kind=LEAVES, key=f"departure:{departure.pk}", now=now)


def _copy(provider: Provider, departure: Departure | None, *, actor: Actor, now: datetime) -> None:
    """Copy the instants to the public row and the metering policy, and end billing there."""
    provider.leaves_at = departure.leaves_at if departure else None
    provider.closes_at = departure.closes_at if departure else None
    provider.save(update_fields=["leaves_at", "closes_at"])
    MeteringPolicy.objects.update(nothing_added_from=provider.leaves_at)
    update_billed_periods(provider=provider, actor=actor, now=now)


def _alert(departure: Departure, *, provider: Provider, actor: Actor, now: datetime) -> None:
    closes_on = local_date(departure.closes_at, provider.billing_zone())
    raise_alert(
        kind=LEAVES,
        key=f"departure:{departure.pk}",
        summary=f"{provider.name} leaves on {date_text(departure.day)}: read-only from then on, "
        f"closed from {date_text(closes_on)}. Set by {actor.name}.",
        next_step="Talk to the provider. On the day the final invoices are issued and the export "
        "is built; the alert ends when both are done, or when the departure is cancelled.",
        link=reverse("admin:billing_departure_changelist"),
        now=now,
    )


def _mail(
    template: str, departure: Departure, *, provider: Provider, now: datetime, outcome: str = ""
) -> None:
    subjects = {
        "departure_set": f"Your account becomes read-only on {date_text(departure.day)}",
        "departure_cancelled": "Your account stays open",
        "departure_final": "Your account is read-only: final invoices and export",
    }
    mail_contacts(
        template,
        key=f"{template}:{departure.pk}",
        subject=subjects[template],
        provider=provider,
        context={
            "departure": departure,
            "zone": provider.billing_zone(),
            "outcome": outcome,
            "leaving_url": settings.SITE_URL + reverse("leaving"),
        },
        now=now,
    )
