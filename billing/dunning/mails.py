"""Dunning mails to the billing contacts: one for each step, one when access is restored."""

from datetime import datetime

from accounts.models import Provider
from billing.customer.contact_mail import mail_contacts
from billing.dunning.stages import DunningStatus
from billing.models import DunningStep

_SUBJECTS = {
    DunningStep.Step.OUTSTANDING: "Your account has an outstanding balance",
    DunningStep.Step.THIRTY_DAYS: "Your balance has been outstanding for 30 days",
    DunningStep.Step.SUSPENDED: "Your account is suspended",
}


def queue_dunning_mail(
    *, provider: Provider, step: DunningStep, status: DunningStatus, now: datetime
) -> None:
    """Mail that a step was reached, or that access is restored if the step has ended.

    Both say what is outstanding and which step comes next. Each is sent once per step.
    """
    template, subject = "dunning_step", _SUBJECTS[DunningStep.Step(step.step)]
    if step.ended_at:
        template, subject = "access_restored", "Access to your account is restored"
    mail_contacts(
        template,
        key=f"{template}:{step.pk}",
        subject=subject,
        provider=provider,
        context={"step": step, "dunning": status, "zone": provider.billing_zone()},
        now=now,
    )
