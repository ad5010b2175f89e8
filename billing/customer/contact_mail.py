"""Mails to the billing contacts about the account, as HTML and plain text."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse

from accounts.models import Provider
from billing.customer.profile import profile_or_draft
from core.mail import queue_mail
from core.mail_parts import Letterhead, mail_parts
from core.outbox.lanes import Lane


def mail_contacts(
    template: str,
    *,
    key: str,
    subject: str,
    provider: Provider,
    context: Mapping[str, Any],
    now: datetime,
) -> None:
    """Queue the mail of `billing/mail/<template>` in the running transaction, once per key."""
    values: dict[str, Any] = {
        "subject": subject,
        "provider": provider,
        "billing_url": settings.SITE_URL + reverse("billing_information"),
        "contract_url": settings.SITE_URL + reverse("contract"),
        "portal_url": settings.SITE_URL + reverse("dashboard"),
        **context,
    }
    contacts = profile_or_draft(provider=provider).contact_emails or [provider.contact_email]
    queue_mail(
        key=key,
        to=contacts,
        subject=subject,
        **mail_parts(
            f"billing/mail/{template}",
            letterhead=Letterhead.of_seller(why=billing_contact_of(provider.name)),
            context=values,
        ),
        now=now,
        lane=Lane.DOCUMENTS,
    )


def billing_contact_of(name: str) -> str:
    """Why a billing contact gets a mail."""
    return f"You get this mail because you are a billing contact of {name}."
