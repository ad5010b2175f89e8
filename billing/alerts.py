"""What billing has to say to a person: licenses running out, charges refused, balances, cards."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import OuterRef, Subquery
from django.urls import reverse

from accounts.providers import current_provider
from billing.contracts.licenses import CommitmentUsage, Licenses, licenses, this_month
from billing.dunning.status import dunning_status
from billing.dunning.summary import DunningSummary
from billing.formatting import date_text
from billing.models import ChargeAttempt, Invoice, PaymentMethod
from billing.money import format_money
from core.months import Month
from tenants.alerts.rules import Condition, rule
from tenants.models import Severity
from tenants.models.alerts import Kind

REFUSED = (ChargeAttempt.State.FAILED, ChargeAttempt.State.NEEDS_CONFIRMATION)
# From so many days before the end of its last month on, a card should be replaced.
CARD_WARNING_DAYS = 30


@rule("licenses")
def licenses_left(*, now: datetime) -> Iterator[Condition]:
    """A commitment that is nearly used up, or exceeded. They are two causes."""
    current = licenses(month=this_month(now=now))
    if current is None or current.usage is CommitmentUsage.WITHIN:
        return
    if current.usage is CommitmentUsage.OVER:
        yield _over(current)
    else:
        yield Condition(
            cause="licenses-near",
            kind=Kind.LICENSES,
            severity=Severity.WARNING,
            title="Licenses are running out",
            text=f"{_in_use(current)}: {current.left:,} left.",
            link=reverse("licenses"),
        )


def _over(current: Licenses) -> Condition:
    return Condition(
        cause="licenses-over",
        kind=Kind.LICENSES,
        severity=Severity.CRITICAL,
        title=f"{current.over:,} {current.unit} above your commitment",
        text=f"{_in_use(current)}. The month's highest count above it is billed as overage.",
        link=reverse("licenses"),
    )


def _in_use(current: Licenses) -> str:
    return f"{current.in_use:,} of {current.committed:,} {current.unit} in use"


@rule("charges")
def refused_charges(*, now: datetime) -> Iterator[Condition]:  # noqa: ARG001 - a rule's signature
    """Each unpaid invoice whose last charge the bank refused, or wants confirmed by the holder."""
    last = ChargeAttempt.objects.filter(invoice=OuterRef("pk")).order_by("-pk")
    refused = (
        Invoice.objects.outstanding()
        .annotate(
            last_state=Subquery(last.values("state")[:1]),
            said=Subquery(last.values("failure_message")[:1]),
        )
        .filter(last_state__in=REFUSED)
        .oldest_first()
    )
    for number, pk, state, said, owed, currency in refused.values_list(
        "number", "pk", "last_state", "said", "owed_total", "currency"
    ):
        waits_for_holder = state == ChargeAttempt.State.NEEDS_CONFIRMATION
        why = "The bank asks the card holder to confirm it." if waits_for_holder else said
        amount = format_money(owed, currency)
        yield Condition(
            cause=f"charge-refused:{pk}",
            kind=Kind.PAYMENT,
            severity=Severity.CRITICAL,
            title=f"Invoice {number} could not be charged",
            text=f"{amount} is still to be paid. {why}".strip(),
            link=reverse("billing_information"),
        )


@rule("dunning")
def outstanding_balance(*, now: datetime) -> Iterator[Condition]:
    """A balance that is overdue: one alert, which gets worse with its steps."""
    provider = current_provider()
    status = dunning_status(provider=provider, now=now)
    if not status.stage:
        return
    summary = DunningSummary.of(status, zone=provider.billing_zone())
    if summary.is_suspended:
        title = "Your account is suspended"
    elif summary.is_thirty_days:
        title = f"{summary.owed} has been outstanding for 30 days"
    else:
        title = f"{summary.owed} is outstanding"
    yield Condition(
        cause="outstanding-balance",
        kind=Kind.PAYMENT,
        severity=Severity.WARNING if summary.is_outstanding else Severity.CRITICAL,
        title=title,
        text=summary.next_step,
        link=reverse("billing_information"),
    )


@rule("card")
def expiring_card(*, now: datetime) -> Iterator[Condition]:
    """The card on file, when its last month is nearly over, and when it is over.

    A card is good through the last day of the month printed on it.
    """
    card = PaymentMethod.objects.current()
    if card is None:
        return
    zone = current_provider().billing_zone()
    today = now.astimezone(zone).date()
    last_day = Month(card.expiry_year, card.expiry_month).last_day
    if today + timedelta(days=CARD_WARNING_DAYS) < last_day:
        return
    is_over = today > last_day
    yield Condition(
        cause=f"card-expired:{card.pk}" if is_over else f"card-expires:{card.pk}",
        kind=Kind.PAYMENT,
        severity=Severity.CRITICAL if is_over else Severity.WARNING,
        title=f"The card {card} {'has expired' if is_over else 'expires soon'}",
        text=f"It {'was' if is_over else 'is'} good through {date_text(last_day)}. "
        "Put another card on file before the next invoice.",
        link=reverse("card_replace"),
    )
