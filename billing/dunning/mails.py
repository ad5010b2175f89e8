"""Mails about an outstanding balance to the billing contacts: each step once, and the way back."""

from datetime import datetime

from accounts.models import Provider
from billing.customer.contact_mail import mail_contacts
from billing.dunning.stages import DunningStatus
from billing.dunning.summary import DunningSummary
from billing.models import DunningStep

_SUBJECTS = {
    DunningStep.Step.OUTSTANDING: "Your account has an outstanding balance",
    DunningStep.Step.THIRTY_DAYS: "Your balance has been outstanding for 30 days",
    DunningStep.Step.SUSPENDED: "Your account is suspended",
}


def queue_step_mail(
    *, provider: Provider, step: DunningStep, assessment: DunningStatus, now: datetime
) -> None:
    """Say which step was reached and when, what is owed, and what comes next."""
    _queue(
        "dunning_step",
        key=f"standing:{step.pk}",
        subject=_SUBJECTS[DunningStep.Step(step.step)],
        provider=provider,
        step=step,
        assessment=assessment,
        now=now,
    )


def queue_restored_mail(
    *, provider: Provider, step: DunningStep, assessment: DunningStatus, now: datetime
) -> None:
    """Say that access is back, and what is still outstanding."""
    _queue(
        "access_restored",
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
    step: DunningStep,
    assessment: DunningStatus,
    now: datetime,
) -> None:
    page = DunningSummary.of(assessment, zone=provider.billing_zone())
    mail_contacts(
        template,
        key=key,
        subject=subject,
        provider=provider,
        context={"step": step, "since": page.instant(step.since), "page": page},
        now=now,
    )
