"""Mails operations about new alerts: one mail for all that are new when it is sent."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.urls import reverse
from django_tenants.utils import get_tenant_model

from core.mail import send
from core.mail_parts import Letterhead, mail_parts
from core.operations.alerts import ALERT_MAIL
from core.operations.models import OperationsAlert
from core.outbox.topics import handler

# The page lists the others.
MOST_LISTED = 50


@dataclass(frozen=True, slots=True)
class Listed:
    """An alert in a mail, with the name of its provider."""

    alert: OperationsAlert
    where: str

    @property
    def address(self) -> str:
        """The page of the alert, from which a person enters the provider and acts."""
        path = reverse("admin:operations_operationsalert_change", args=[self.alert.pk])
        return settings.SITE_URL + path


@handler(ALERT_MAIL)
def mail_new_alerts(payload: Mapping[str, Any], now: datetime) -> None:
    """Send one mail about every alert that was not mailed yet, and record it.

    A storm of alerts makes one mail: the messages of the others find their alert mailed. Two
    workers at once may both send it, with one Message-ID.
    """
    unmailed = OperationsAlert.objects.filter(mailed_at=None)
    if not unmailed.filter(pk=payload["alert"]).exists():
        return
    alerts = list(unmailed.order_by("pk"))
    send(_mail(alerts))
    OperationsAlert.objects.filter(pk__in=[alert.pk for alert in alerts]).update(mailed_at=now)


def _mail(alerts: Sequence[OperationsAlert]) -> dict[str, Any]:
    listed = _listed(alerts[:MOST_LISTED])
    first = listed[0]
    subject = (
        f"{first.alert.title}: {first.where}" if len(alerts) == 1 else f"{len(alerts):,} new alerts"
    )
    context = {
        "subject": subject,
        "listed": listed,
        "more": len(alerts) - len(listed),
        "list_url": settings.SITE_URL + reverse("admin:operations_operationsalert_changelist"),
    }
    digest = hashlib.sha256(",".join(str(alert.pk) for alert in alerts).encode()).hexdigest()[:40]
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].partition("@")[2]
    return {
        "to": [settings.OPERATIONS_EMAIL],
        "subject": subject,
        **mail_parts(
            "mail/operations_alerts",
            letterhead=Letterhead.of_operations(),
            context=context,
            preheader=". ".join(item.alert.title for item in listed),
        ),
        "message_id": f"<operations-{digest}@{domain}>",
    }


def _listed(alerts: Sequence[OperationsAlert]) -> list[Listed]:
    schemas = {alert.schema_name for alert in alerts} - {""}
    providers = get_tenant_model().objects.filter(schema_name__in=schemas)
    names = {provider.schema_name: str(provider) for provider in providers}
    return [
        Listed(alert, names.get(alert.schema_name, alert.schema_name) or "Platform")
        for alert in alerts
    ]
