"""Mail about alerts: the same page of text for one that has just opened and for a day's digest."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse

from core.mail import queue_mail
from tenants.alerts.readers import Reader, readers
from tenants.models import Alert, AlertMailPreference

# A mail that names more is read by nobody; the page has the rest.
NAMED = 50


@dataclass(frozen=True, slots=True)
class Section:
    """Alerts below one heading of a mail; `more` is how many others there are."""

    heading: str
    alerts: Sequence[Alert]

    @property
    def named(self) -> Sequence[Alert]:
        """The first of them."""
        return self.alerts[:NAMED]

    @property
    def more(self) -> int:
        """How many are left out."""
        return max(0, len(self.alerts) - NAMED)


def mail_at_once(*, alerts: Sequence[Alert], now: datetime) -> None:
    """Mail what has just opened or got worse, to those who want to know at once.

    In the transaction that opened it: each alert once for each reader, however many there are in
    one mail.
    """
    if not alerts:
        return
    for reader in readers(delivery=AlertMailPreference.Delivery.AT_ONCE):
        news = worst_first(reader.reads(alerts))
        if news:
            ids = ",".join(str(alert.pk) for alert in news)
            severities = ",".join(str(alert.severity) for alert in news)
            queue_alert_mail(
                reader=reader,
                key=f"alerts-at-once:{reader.user.pk}:{ids}:{severities}",
                subject=news[0].title if len(news) == 1 else f"{len(news):,} new alerts",
                sections=[Section("", news)],
                now=now,
            )


def worst_first(alerts: Sequence[Alert]) -> list[Alert]:
    """By severity, the oldest of each first."""
    return sorted(alerts, key=lambda alert: (-alert.severity, alert.opened_at, alert.pk))


def queue_alert_mail(
    *, reader: Reader, key: str, subject: str, sections: Sequence[Section], now: datetime
) -> None:
    """Queue a mail of these sections; times in it are those of the reader's zone."""
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
        text=render_to_string("tenants/mail/alerts.txt", context),
        html=render_to_string("tenants/mail/alerts.html", context),
        now=now,
    )
