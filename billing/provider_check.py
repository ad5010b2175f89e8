"""The hourly check of one provider: its promises, and its figures for operations' start page."""

from collections import Counter
from datetime import date, datetime

from accounts.models import Provider, ProviderFigures
from accounts.rounds import scheduled_round
from billing.contracts.renewals import TermEnd, renewal_of
from billing.dunning.status import dunning_status
from billing.formatting import local_date
from billing.invoicing.month_close import due_months
from billing.models import Chargeback, Contract, Invoice, LineDispute, PaymentMethod
from billing.reminders import last_day
from core.months import Month
from core.operations.promises import Broken, check_promises
from core.schema import provider_schema

PROMISES = scheduled_round(
    "promises", title="Checking promises", again="The next hour tries again."
)


def check_provider(*, provider: Provider, now: datetime) -> list[Broken]:
    """Check the provider's promises, record its figures, and return what is broken."""
    with provider_schema(provider):
        broken = check_promises(now=now)
        record_figures(provider=provider, now=now)
    return broken


def record_figures(*, provider: Provider, now: datetime) -> None:
    """Copy the figures of the current provider to its row of `ProviderFigures`."""
    today = local_date(now, provider.billing_zone())
    to_close = due_months(provider=provider, now=now)
    unpaid: Counter[str] = Counter()
    overdue: Counter[str] = Counter()
    overdue_since: date | None = None
    invoices = list(Invoice.objects.outstanding().order_by("due_date"))
    for invoice in invoices:
        unpaid[invoice.currency] += invoice.owed_minor
        if invoice.is_overdue(today=today):
            overdue[invoice.currency] += invoice.owed_minor
            overdue_since = overdue_since or invoice.due_date
    values = {
        "as_of": now,
        "months_to_close": len(to_close),
        "oldest_month": to_close[0].first_day if to_close else None,
        "unpaid": dict(unpaid),
        "unpaid_invoices": len(invoices),
        "overdue": dict(overdue),
        "overdue_since": overdue_since,
        "disputed": _disputed(),
        "is_suspended": dunning_status(provider=provider, now=now).is_suspended,
        "card_expires_on": _card_expires_on(),
        "contract_ends_on": _contract_ends_on(provider=provider, today=today, now=now),
    }
    ProviderFigures.objects.bulk_create(
        [ProviderFigures(provider=provider, **values)],
        update_conflicts=True,
        unique_fields=["provider"],
        update_fields=list(values),
    )


def _disputed() -> dict[str, int]:
    """Open disputes of lines and of payments."""
    disputed: Counter[str] = Counter()
    for rows in (
        LineDispute.objects.filter(state=LineDispute.State.OPEN),
        Chargeback.objects.filter(state=Chargeback.State.OPEN),
    ):
        for currency, minor in rows.values_list("currency", "amount_minor"):
            disputed[currency] += minor
    return dict(disputed)


def _card_expires_on() -> date | None:
    card = PaymentMethod.objects.current()
    return last_day(card) if card else None


def _contract_ends_on(*, provider: Provider, today: date, now: datetime) -> date | None:
    contract = Contract.objects.current(Month.of(now, provider.billing_zone()))
    if contract is None:
        return None
    renewal = renewal_of(contract, today=today)
    return renewal.on if renewal.outcome is TermEnd.ENDS else None
