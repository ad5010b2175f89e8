"""Mails about cases: to support, to the person, and of people who are not signed in."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.models import Provider
from core.mail import queue_mail
from tenants.models import CaseMessage, SupportCase


def mail_support(
    *, case: SupportCase, message: CaseMessage, provider: Provider, now: datetime
) -> None:
    """Mail a message of the provider's side to support, with the page where it is answered."""
    subject = f"{provider.name}, case {case.pk}: {case.subject}"
    context = {
        "case": case,
        "message": message,
        "provider": provider,
        "subject": subject,
        "url": settings.SITE_URL + reverse("admin:tenants_supportcase_change", args=[case.pk]),
    }
    to, key = settings.SUPPORT_EMAIL, f"case:{message.pk}"
    _queue("received", key=key, to=to, context=context, now=now)


def mail_person(
    *, case: SupportCase, message: CaseMessage, provider: Provider, now: datetime
) -> None:
    """Mail support's answer to the person who submitted the case."""
    subject = f"Answer to your case {case.pk}: {case.subject}"
    context = {
        "case": case,
        "message": message,
        "provider": provider,
        "subject": subject,
        "url": settings.SITE_URL + reverse("case_detail", args=[case.pk]),
    }
    to, key = case.opened_by_email, f"case:{message.pk}"
    _queue("answered", key=key, to=to, context=context, now=now)


def mail_of_visitor(
    *, name: str, email: str, subject: str, text: str, key: str, now: datetime
) -> None:
    """Mail support what a person who is not signed in wrote. Nothing else is stored."""
    context = {"name": name, "email": email, "subject": f"Not signed in: {subject}", "text": text}
    key = f"case-of-visitor:{key}"
    _queue("of_visitor", key=key, to=settings.SUPPORT_EMAIL, context=context, now=now)


def _queue(event: str, *, key: str, to: str, context: dict[str, Any], now: datetime) -> None:
    queue_mail(
        key=key,
        to=[to],
        subject=context["subject"],
        text=render_to_string(f"tenants/mail/case_{event}.txt", context),
        html=render_to_string(f"tenants/mail/case_{event}.html", context),
        now=now,
    )
