"""Mails about alerts: at once, when they open or get worse, and as a daily digest."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.urls import reverse

from core.mail import queue_mail
from core.mail_parts import Letterhead, mail_parts
from core.outbox.lanes import Lane
from tenants.alerts.readers import Reader, readers
from tenants.models import Alert, AlertMailPreference

# The page lists the others.
MOST_LISTED = 50


@dataclass(frozen=True, slots=True)
class Section:
    """Alerts below one heading of a mail."""

    heading: str
    alerts: Sequence[Alert]

    @property
    def named(self) -> Sequence[Alert]:
        """The alerts that the mail lists."""
        return self.alerts[:MOST_LISTED]

    @property
    def more(self) -> int:
        """The number of alerts that the mail does not list."""
        return max(0, len(self.alerts) - MOST_LISTED)


def mail_at_once(*, alerts: Sequence[Alert], now: datetime) -> None:
    """Queue one mail to each administrator who chose mail at once and may see some of the alerts.

    It runs in the transaction that opened the alerts or made them worse.
    """
    if not alerts:
        return
    for reader in readers(delivery=AlertMailPreference.Delivery.AT_ONCE):
        mailed = worst_first(reader.reads(alerts))
        if mailed:
            ids = ",".join(str(alert.pk) for alert in mailed)
            severities = ",".join(str(alert.severity) for alert in mailed)
            queue_alert_mail(
                reader=reader,
                key=f"alerts-at-once:{reader.user.pk}:{ids}:{severities}",
                subject=mailed[0].title if len(mailed) == 1 else f"{len(mailed):,} new alerts",
                sections=[Section("", mailed)],
                now=now,
            )


def worst_first(alerts: Sequence[Alert]) -> list[Alert]:
    """The alerts by severity, the worst first, the oldest first within a severity."""
    return sorted(alerts, key=lambda alert: (-alert.severity, alert.opened_at, alert.pk))


def queue_alert_mail(
    *,
    reader: Reader,
    key: str,
    subject: str,
    sections: Sequence[Section],
    now: datetime,
    lane: Lane = Lane.PEOPLE,
) -> None:
    """Queue a mail of these sections, with times in the reader's time zone."""
    context = {
        "subject": subject,
        "sections": sections,
        "zone": ZoneInfo(reader.choice.time_zone),
        "site_url": settings.SITE_URL,
        "list_url": settings.SITE_URL + reverse("alert_list"),
        "choice_url": settings.SITE_URL + reverse("alert_mail"),
    }
    queue_mail(
        key=key,
        to=[reader.user.email],
        subject=subject,
        **mail_parts(
            "tenants/mail/alerts",
            letterhead=Letterhead.of_seller(
                why="You get this mail because you chose mail about alerts."
            ),
            context=context,
            preheader=". ".join(alert.title for each in sections for alert in each.named),
        ),
        now=now,
        lane=lane,
    )
