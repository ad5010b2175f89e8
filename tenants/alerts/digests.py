"""The day's digest: once for each administrator and local day, also after missed rounds."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q

from tenants.alerts.mails import Section, queue_alert_mail, worst_first
from tenants.alerts.readers import Reader, readers
from tenants.models import Alert, AlertMailPreference


def due_on(*, choice: AlertMailPreference, now: datetime) -> date | None:
    """The local day whose digest is due at `now`; None before its hour or once it is settled.

    Days on which nobody looked are not made up for one by one: the next digest tells it all.
    """
    local = now.astimezone(ZoneInfo(choice.time_zone))
    if local.hour < choice.digest_hour:
        return None
    if choice.digested_on is not None and choice.digested_on >= local.date():
        return None
    return local.date()


def send_digests(*, now: datetime) -> int:
    """Queue the digests that are due in the current provider; gives how many mails that made."""
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
    mine = AlertMailPreference.objects.filter(not_yet, pk=reader.choice.pk)
    # Whoever updates the row sends; one who comes at the same moment waits and finds it done.
    if not mine.update(digested_on=day, digested_at=now):
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
    )
    return True


def _sections(reader: Reader, *, since: datetime | None) -> list[Section]:
    """What waits, what came since the last digest and is gone again; nothing when neither is."""
    waiting = reader.reads(Alert.objects.waiting().select_related("organization"))
    new = [alert for alert in waiting if since is None or alert.opened_at >= since]
    known = {alert.pk for alert in new}
    gone = []
    if since is not None:
        gone = reader.reads(
            Alert.objects.filter(resolved_at__gte=since).select_related("organization")
        )
    sections = [
        Section("New", worst_first(new)),
        Section("Still open", worst_first([alert for alert in waiting if alert.pk not in known])),
        Section("Resolved", worst_first(gone)),
    ]
    return [section for section in sections if section.alerts]


def _subject(sections: list[Section]) -> str:
    parts = [f"{len(section.alerts):,} {section.heading.lower()}" for section in sections]
    return f"Alerts: {', '.join(parts)}"
