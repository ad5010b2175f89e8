"""Promises with a time: months are closed, dunning steps recorded, reminders mailed."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings

from accounts.providers import current_provider
from accounts.stages import Use
from billing.contracts.renewals import renewal_of
from billing.dunning.status import unrecorded_steps
from billing.formatting import local_date
from billing.invoicing.month_close import close_due_at, due_months
from billing.models import Contract, PaymentMethod, RenewalNotice
from billing.reminders import is_near, last_day
from core.months import Month, day_starts_at
from core.operations.alerts import Cause
from core.operations.promises import promise

CLOSED_WITHIN = timedelta(hours=3)
# The dunning runs hourly, the reminders daily.
RECORDED_WITHIN = timedelta(hours=3)
MAILED_WITHIN = timedelta(hours=36)


@promise("billing.month", broken="A month is not closed")
def months_are_closed(*, now: datetime) -> Iterator[Cause]:
    """Each month is closed within three hours of its issue day, where the schedule closes it."""
    provider = current_provider()
    if not provider.closes_automatically:
        return
    zone = provider.billing_zone()
    for month in due_months(provider=provider, now=now):
        if close_due_at(provider=provider, month=month) + CLOSED_WITHIN < now:
            yield Cause(
                key=str(month),
                summary=f"{month} ended on {month.ends_at(zone):%-d %B, %H:%M} ({zone}) and is not "
                "closed.",
                next_step="Read the alert of the round that closes months, remove its cause, then "
                f"run: manage.py close_month --provider {provider.invoice_prefix.lower()} "
                f"--month {month}",
            )


@promise("billing.dunning", broken="A dunning step is not recorded")
def steps_are_recorded(*, now: datetime) -> Iterator[Cause]:
    """Each dunning step is recorded, and with it mailed, within three hours."""
    provider = current_provider()
    if not provider.allows(Use.DUNNING, now):
        return
    for step, since in unrecorded_steps(provider=provider, now=now):
        if since + RECORDED_WITHIN < now:
            yield Cause(
                key=step,
                summary=f"The step {step} was reached at {since:%-d %B, %H:%M} UTC, and is neither "
                "recorded nor mailed.",
                next_step="Read the alert of the round that updates the dunning, and remove its "
                "cause. Access does not depend on recorded steps.",
            )


@promise("billing.reminder", broken="A reminder is not mailed")
def reminders_are_mailed(*, now: datetime) -> Iterator[Cause]:
    """The expiry of the card and the contract's renewal or end are mailed a day after they near."""
    provider = current_provider()
    if not provider.allows(Use.DAILY_WORK, now):
        return
    zone = provider.billing_zone()
    today = local_date(now, zone)
    next_step = "Read the alert of the round that mails reminders, and remove its cause."
    card = PaymentMethod.objects.current()
    if card is not None and card.expiry_mailed_at is None:
        near_on = last_day(card) - timedelta(days=settings.CARD_EXPIRY_NOTICE_DAYS)
        near_at = max(day_starts_at(day=near_on, zone=zone), card.became_default_at)
        if near_at + MAILED_WITHIN < now:
            yield Cause(
                key=f"card:{card.pk}",
                summary=f"The card {card} is valid until {last_day(card):%-d %B %Y}; no reminder "
                "was mailed.",
                next_step=next_step,
            )
    contract = Contract.objects.current(Month.of(now, zone))
    if contract is None:
        return
    renewal = renewal_of(contract, today=today)
    # Near yesterday already, so the daily round has seen it.
    if not is_near(renewal, today=today - timedelta(days=2)) or renewal.on <= today:
        return
    if not RenewalNotice.objects.filter(contract=contract, on=renewal.on).exists():
        yield Cause(
            key=f"contract:{contract.pk}:{renewal.on}",
            summary=f"The contract renews or ends on {renewal.on:%-d %B %Y}; no notice was mailed.",
            next_step=next_step,
        )
