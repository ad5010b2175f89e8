"""The daily digest mail: at most one for each administrator and local day."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q

from core.outbox.lanes import Lane
from tenants.alerts.mails import Section, queue_alert_mail, worst_first
from tenants.alerts.readers import Reader, readers
from tenants.models import Alert, AlertMailPreference


def due_on(*, choice: AlertMailPreference, now: datetime) -> date | None:
    """The local day whose digest is due at `now`; None before its hour or once it was made.

    Missed days have no digest: the next one covers them.
    """
    local = now.astimezone(ZoneInfo(choice.time_zone))
    if local.hour < choice.digest_hour:
        return None
    if choice.digested_on is not None and choice.digested_on >= local.date():
        return None
    return local.date()


def next_digest_at(*, now: datetime) -> datetime | None:
    """The next instant at which a digest of the current provider becomes due by its hour."""
    choices = AlertMailPreference.objects.filter(delivery=AlertMailPreference.Delivery.DIGEST)
    return min((_next_hour(choice, now=now) for choice in choices), default=None)


def _next_hour(choice: AlertMailPreference, *, now: datetime) -> datetime:
    zone = ZoneInfo(choice.time_zone)
    today = now.astimezone(zone).date()
    # An hour that clocks skip begins with the one after it; of one that comes twice the first
    # counts: as `due_on` compares.
    hours = (
        datetime.combine(day, time(choice.digest_hour), tzinfo=zone).astimezone(UTC)
        for day in (today, today + timedelta(days=1))
    )
    return next(at for at in hours if at > now)


def send_digests(*, now: datetime) -> int:
    """Queue the due digests of the current provider's administrators; return their number."""
    sent = 0
    for reader in readers(delivery=AlertMailPreference.Delivery.DIGEST):
        day = due_on(choice=reader.choice, now=now)
        if day is not None:
            sent += _send(reader, day=day, now=now)
    return sent


@transaction.atomic
def _send(reader: Reader, *, day: date, now: datetime) -> bool:
    since = reader.choice.digested_at
    not_yet = Q(digested_on=None) | Q(digested_on__lt=day)
    undigested = AlertMailPreference.objects.filter(not_yet, pk=reader.choice.pk)
    # Two workers at once: the second waits for the row and updates none.
    if not undigested.update(digested_on=day, digested_at=now):
        return False
    sections = _sections(reader, since=since)
    if not sections:
        return False
    queue_alert_mail(
        reader=reader,
        key=f"alerts-digest:{reader.user.pk}:{day}",
        subject=_subject(sections),
        sections=sections,
        now=now,
        lane=Lane.DOCUMENTS,
    )
    return True


def _sections(reader: Reader, *, since: datetime | None) -> list[Section]:
    """New, still open and since resolved alerts; empty when a digest would say nothing."""
    waiting = reader.reads(Alert.objects.waiting().select_related("organization"))
    new = [alert for alert in waiting if since is None or alert.opened_at >= since]
    new_ids = {alert.pk for alert in new}
    resolved = []
    if since is not None:
        resolved = reader.reads(
            Alert.objects.filter(resolved_at__gte=since).select_related("organization")
        )
    sections = [
        Section("New", worst_first(new)),
        Section("Still open", worst_first([alert for alert in waiting if alert.pk not in new_ids])),
        Section("Resolved", worst_first(resolved)),
    ]
    return [section for section in sections if section.alerts]


def _subject(sections: list[Section]) -> str:
    parts = [f"{len(section.alerts):,} {section.heading.lower()}" for section in sections]
    return f"Alerts: {', '.join(parts)}"
