"""Mails about an outstanding balance to the billing contacts: each step once, and the way back."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.mail import queue_mail
from accounts.models import Provider
from billing.models import StandingStep
from billing.profile import current_profile
from billing.standing_page import StandingPage
from billing.standing_rules import Assessment

_SUBJECTS = {
    StandingStep.Step.OUTSTANDING: "Your account has an outstanding balance",
    StandingStep.Step.THIRTY_DAYS: "Your balance has been outstanding for 30 days",
    StandingStep.Step.SUSPENDED: "Your account is suspended",
}


def queue_step_mail(
    *, provider: Provider, step: StandingStep, assessment: Assessment, now: datetime
) -> None:
    """Say which step was reached and when, what is owed, and what comes next."""
    _queue(
        "standing",
        key=f"standing:{step.pk}",
        subject=_SUBJECTS[StandingStep.Step(step.step)],
        provider=provider,
        step=step,
        assessment=assessment,
        now=now,
    )


def queue_restored_mail(
    *, provider: Provider, step: StandingStep, assessment: Assessment, now: datetime
) -> None:
    """Say that access is back, and what is still outstanding."""
    _queue(
        "standing_restored",
        key=f"standing-restored:{step.pk}",
        subject="Access to your account is restored",
        provider=provider,
        step=step,
        assessment=assessment,
        now=now,
    )


def _queue(
    template: str,
    *,
    key: str,
    subject: str,
    provider: Provider,
    step: StandingStep,
    assessment: Assessment,
    now: datetime,
) -> None:
    page = StandingPage.of(assessment, billing_time_zone=provider.billing_time_zone)
    context: dict[str, Any] = {
        "subject": subject,
        "provider": provider,
        "step": step,
        "since": page.instant(step.since),
        "page": page,
        "billing_url": settings.SITE_URL + reverse("billing_information"),
        "support_email": settings.SUPPORT_EMAIL,
    }
    contacts = current_profile(provider=provider).contact_emails or [provider.contact_email]
    queue_mail(
        key=key,
        to=contacts,
        subject=subject,
        text=render_to_string(f"billing/mail/{template}.txt", context),
        html=render_to_string(f"billing/mail/{template}.html", context),
        now=now,
    )
