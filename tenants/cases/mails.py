"""Mails about cases: to support, to the person, and of people who are not signed in."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse

from accounts.models import Provider
from core.mail import queue_mail
from core.mail_parts import Letterhead, mail_parts
from tenants.models import CaseMessage, SupportCase


def mail_message(
    *, case: SupportCase, message: CaseMessage, provider: Provider, now: datetime
) -> None:
    """Mail a message to the other side: support's answer to the person, all others to support."""
    if message.is_from_support:
        event, to, page = "answered", case.opened_by_email, "case_detail"
        subject = f"Answer to your case {case.pk}: {case.subject}"
        letterhead = Letterhead.of_seller(
            why=f"You get this mail because you submitted case {case.pk}."
        )
    else:
        event, to, page = "received", settings.SUPPORT_EMAIL, "admin:tenants_supportcase_change"
        subject = f"{provider.name}, case {case.pk}: {case.subject}"
        letterhead = Letterhead.of_operations()
    context = {
        "case": case,
        "message": message,
        "provider": provider,
        "subject": subject,
        "url": settings.SITE_URL + reverse(page, args=[case.pk]),
    }
    key = f"case:{message.pk}"
    _queue(event, key=key, to=to, letterhead=letterhead, context=context, now=now)


def mail_of_visitor(
    *, name: str, email: str, subject: str, text: str, key: str, now: datetime
) -> None:
    """Mail support what a person who is not signed in wrote. Nothing else is stored."""
    context = {"name": name, "email": email, "subject": f"Not signed in: {subject}", "text": text}
    key = f"case-of-visitor:{key}"
    letterhead = Letterhead.of_operations()
    to = settings.SUPPORT_EMAIL
    _queue("of_visitor", key=key, to=to, letterhead=letterhead, context=context, now=now)


def _queue(
    event: str,
    *,
    key: str,
    to: str,
    letterhead: Letterhead,
    context: dict[str, Any],
    now: datetime,
) -> None:
    queue_mail(
        key=key,
        to=[to],
        subject=context["subject"],
        **mail_parts(f"tenants/mail/case_{event}", letterhead=letterhead, context=context),
        now=now,
    )
