"""The alert rules of billing: licenses, allowance, refused charges, balance, card."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import OuterRef, Subquery, Sum
from django.urls import reverse

from accounts.providers import current_provider
from billing.charge_limits import is_too_small
from billing.contracts.licenses import NEAR_PERCENT, CommitmentUsage, licenses, this_month
from billing.dunning.stages import DunningStage
from billing.dunning.status import dunning_status, next_dunning_change
from billing.formatting import date_text, local_date
from billing.invoicing.pack_allowance import allowance_months
from billing.models import ChargeAttempt, Invoice, PaymentMethod
from billing.money import format_amounts, format_money
from billing.reminders import Expiry, expiry_days, expiry_of, last_day
from core.months import day_starts_at
from tenants.alerts.rules import Condition, never, rule
from tenants.models import Severity
from tenants.models.alerts import Kind
from usage.models import ActiveMonth

REFUSED = (ChargeAttempt.State.FAILED, ChargeAttempt.State.NEEDS_CONFIRMATION)


def _month_ends_at(*, now: datetime) -> Iterator[datetime]:
    yield this_month(now=now).ends_at(current_provider().billing_zone())


@rule("licenses", changes_at=_month_ends_at)
def licenses_left(*, now: datetime) -> Iterator[Condition]:
    """Alert when a commitment is nearly used up, and with another cause when it is exceeded."""
    current = licenses(month=this_month(now=now))
    if current is None or current.usage is CommitmentUsage.WITHIN:
        return
    is_over = current.usage is CommitmentUsage.OVER
    in_use = f"{current.in_use:,} of {current.committed:,} {current.unit} in use"
    yield Condition(
        cause="licenses-over" if is_over else "licenses-near",
        kind=Kind.LICENSES,
        severity=Severity.CRITICAL if is_over else Severity.WARNING,
        title=f"{current.over:,} {current.unit} above your commitment"
        if is_over
        else "Licenses are running out",
        text=f"{in_use}. The month's highest count above it is billed as overage."
        if is_over
        else f"{in_use}: {current.left:,} left.",
        link=reverse("licenses"),
    )


@rule("allowance", changes_at=_month_ends_at)
def allowance(*, now: datetime) -> Iterator[Condition]:
    """Alert when this month's active users reach 95 % of the allowance, and when they exceed it.

    These are two causes for each month.
    """
    month = this_month(now=now)
    counts = ActiveMonth.objects.filter(month=month.first_day).aggregate(active=Sum("count"))
    (current,) = allowance_months(months=[month], active=[counts["active"] or 0])
    if not current.allowance or 100 * current.active < NEAR_PERCENT * current.allowance:
        return
    is_over = current.overage > 0
    in_use = (
        f"{current.active:,} active users in {month.first_day:%B %Y}, "
        f"{current.allowance:,} are covered"
    )
    yield Condition(
        cause=f"allowance-{'over' if is_over else 'near'}:{month}",
        kind=Kind.ALLOWANCE,
        severity=Severity.CRITICAL if is_over else Severity.WARNING,
        title=f"{current.overage:,} active users above your allowance"
        if is_over
        else "The allowance of active users is running out",
        text=f"{in_use}." if is_over else f"{in_use}: {current.left:,} left.",
        link=reverse("active_users"),
    )


@rule("charges", changes_at=never)
def refused_charges(*, now: datetime) -> Iterator[Condition]:  # noqa: ARG001 - a rule's signature
    """Alert for each unpaid invoice whose last charge failed or waits for the card holder."""
    latest = ChargeAttempt.objects.filter(invoice=OuterRef("pk")).order_by("-pk")
    refused = ChargeAttempt.objects.filter(
        pk__in=Invoice.objects.outstanding()
        .annotate(last_attempt=Subquery(latest.values("pk")[:1]))
        .values("last_attempt"),
        state__in=REFUSED,
    )
    for attempt in refused.select_related("invoice").order_by("invoice__issued_at", "invoice_id"):
        invoice = attempt.invoice
        number, pk, amounts = invoice.number, invoice.pk, invoice.amounts
        if is_too_small(amounts.due_minor, invoice.currency):
            continue
        waits_for_holder = attempt.state == ChargeAttempt.State.NEEDS_CONFIRMATION
        why = "The bank asks the card holder to confirm it." if waits_for_holder else attempt.reason
        amount = format_money(amounts.owed_minor, invoice.currency)
        yield Condition(
            cause=f"charge-refused:{pk}",
            kind=Kind.PAYMENT,
            severity=Severity.CRITICAL,
            title=f"Invoice {number} could not be charged",
            text=f"{amount} is still to be paid. {why}".strip(),
            link=reverse("billing_information"),
        )


def _stage_changes_at(*, now: datetime) -> Iterator[datetime | None]:
    yield next_dunning_change(provider=current_provider(), now=now)


@rule("dunning", changes_at=_stage_changes_at)
def outstanding_balance(*, now: datetime) -> Iterator[Condition]:
    """Alert while a balance is overdue: one cause, whose severity rises with the dunning stage."""
    provider = current_provider()
    status = dunning_status(provider=provider, now=now)
    if not status.stage:
        return
    owed = format_amounts(status.owed)
    if status.is_suspended:
        title = "Your account is suspended"
    elif status.is_thirty_days:
        title = f"{owed} has been outstanding for 30 days"
    else:
        title = f"{owed} is outstanding"
    text = ""
    if status.next_step:
        at, stage = status.next_step
        step = "suspended" if stage is DunningStage.SUSPENDED else "marked as 30 days outstanding"
        on = date_text(local_date(at, provider.billing_zone()))
        text = f"Without payment the account is {step} on {on}."
    yield Condition(
        cause="outstanding-balance",
        kind=Kind.PAYMENT,
        severity=(
            Severity.WARNING if status.stage is DunningStage.OUTSTANDING else Severity.CRITICAL
        ),
        title=title,
        text=text,
        link=reverse("billing_information"),
    )


def _card_expires_at(*, now: datetime) -> Iterator[datetime]:  # noqa: ARG001 - both instants
    card = PaymentMethod.objects.current()
    if card is not None:
        zone = current_provider().billing_zone()
        yield from (day_starts_at(day=day, zone=zone) for day in expiry_days(card))


@rule("card", changes_at=_card_expires_at)
def expiring_card(*, now: datetime) -> Iterator[Condition]:
    """Alert when the card on file expires soon, has expired or was withdrawn: a cause for each."""
    card = PaymentMethod.objects.current()
    if card is None:
        yield from _withdrawn_card()
        return
    expiry = expiry_of(card, today=local_date(now, current_provider().billing_zone()))
    if expiry is Expiry.FAR:
        return
    is_over = expiry is Expiry.OVER
    yield Condition(
        cause=f"card-expired:{card.pk}" if is_over else f"card-expires:{card.pk}",
        kind=Kind.PAYMENT,
        severity=Severity.CRITICAL if is_over else Severity.WARNING,
        title=f"The card {card} {'has expired' if is_over else 'expires soon'}",
        text=f"It {'was' if is_over else 'is'} good through {date_text(last_day(card))}. "
        "Put another card on file before the next invoice.",
        link=reverse("card_replace"),
    )


def _withdrawn_card() -> Iterator[Condition]:
    card = PaymentMethod.objects.withdrawn()
    if card is not None:
        yield Condition(
            cause=f"card-withdrawn:{card.pk}",
            kind=Kind.PAYMENT,
            severity=Severity.CRITICAL,
            title=f"The card {card} can no longer be charged",
            text="It was taken off your account at our payment provider. Put another card on file.",
            link=reverse("card_replace"),
        )
