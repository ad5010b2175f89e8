"""The providers of the close proof and the charge proof, and the checks of their invoices."""

import secrets
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from accounts.models import Provider
from billing.gateway import client as gateway
from billing.models import ChargeAttempt, Contract, Invoice, MonthClose
from billing.payments.cards import adopt_card, begin_card_setup, customer_of
from core.actors import SYSTEM_ACTOR
from core.months import Month
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from tenants.models import ManagedUser, MeteringPolicy, Organization
from tests.providers import close_provider, open_provider
from tests.sandbox_fixtures import StripeStandIn

PRICE = 700
COMMITTED = 5
FIRST_MONTH = Month(2020, 1)


@dataclass
class Stage:
    """One provider, which gets one more user in each month."""

    provider: Provider
    stripe: StripeStandIn
    organizations: list[Organization]
    is_committed: bool
    zone: ZoneInfo
    price: int = PRICE
    users: int = 0
    peaks: dict[Month, int] = field(default_factory=dict)
    steps: list[int] = field(default_factory=list)

    def add_user(self, month: Month) -> None:
        """Add a user at noon of the month's fifth day."""
        with provider_schema(self.provider):
            self.users += 1
            self.peaks[month] = self.users
            ManagedUser.objects.create(
                organization=self.organizations[self.users % len(self.organizations)],
                email=f"user{self.users}@proof.example",
                added_at=datetime(month.year, month.month, 5, 12, tzinfo=UTC),
            )

    def expected(self, month: Month) -> dict[str, int]:
        """Expected invoices of the month, as totals by kind."""
        users = self.peaks[month]
        if not self.is_committed:
            return {"usage": users * self.price}
        over = users - COMMITTED
        overage = {"overage": over * self.price} if over > 0 else {}
        return {"commitment": COMMITTED * self.price} | overage

    def errors(self, month: Month, counts: Counter[str]) -> Iterator[str]:
        """Errors in the month's invoices, payments and messages after everything was delivered."""
        with provider_schema(self.provider):
            yield from self._wrong_invoices(month)
            for invoice in Invoice.objects.filter(month=month.first_day):
                counts["invoices"] += 1
                yield from self._wrong_payment(invoice, counts)
            unfinished = list(
                OutboxMessage.objects.filter(
                    schema_name=self.provider.schema_name, finished_at=None
                ).values_list("topic", "last_error")
            )
        for topic, error in unfinished:
            yield f"{topic} is unfinished: {error}"

    def _wrong_invoices(self, month: Month) -> Iterator[str]:
        issued = {
            invoice.kind: invoice.total_minor
            for invoice in Invoice.objects.filter(month=month.first_day)
        }
        if issued != self.expected(month):
            yield f"invoices are {issued} and should be {self.expected(month)}"
        if MonthClose.objects.filter(month=month.first_day, issued_at=None).exists():
            yield "the month is not closed"
        numbers = Invoice.objects.order_by("number").values_list("number", flat=True)
        prefix = self.provider.invoice_prefix
        if list(numbers) != [f"{prefix}-{number + 1:06d}" for number in range(len(numbers))]:
            yield "numbers have gaps"

    def _wrong_payment(self, invoice: Invoice, counts: Counter[str]) -> Iterator[str]:
        """There must be one charge of the whole amount, or a final failure and no charge."""
        charged = self.stripe.charges(**{"metadata[invoice]": invoice.number})
        counts["charges"] += charged["succeeded"]
        counts["charged_twice"] += max(0, charged["succeeded"] - 1)
        attempts = [attempt.state for attempt in invoice.attempts.order_by("pk")]
        paid = invoice.paid_minor
        if charged["amount_charged"] != paid or paid not in (0, invoice.total_minor):
            counts["books_differ"] += 1
            yield (
                f"{invoice.number} over {invoice.total_minor}: {charged['amount_charged']} "
                f"charged, {paid} booked"
            )
        if paid == 0 and set(attempts) == {ChargeAttempt.State.FAILED}:
            counts["given_up"] += 1
        elif attempts[-1:] != [ChargeAttempt.State.SUCCEEDED]:
            counts["lost"] += 1
            yield f"{invoice.number} was not charged: {attempts}"
        # After a saved error without a charge, the result is certain a day later, and the schedule
        # retries.
        counts["tried_again"] += len(attempts) - 1
        mails = OutboxMessage.objects.filter(
            schema_name=self.provider.schema_name,
            topic="billing.document_mail",
            payload__subject__endswith=invoice.number,
        ).count()
        if mails != len(attempts):
            yield f"{invoice.number} has {mails} mails for {attempts}"


def create_stage(
    stripe: StripeStandIn,
    *,
    is_committed: bool,
    price: int = PRICE,
    limit: int = 10_000_000,
    first: Month = FIRST_MONTH,
) -> Stage:
    """Create a provider with two organizations, a contract since the `first` month and a card.

    `price` per user and `limit`, above which an invoice is mailed, are in minor units.
    """
    began = datetime.combine(first.first_day, time(), UTC)
    suffix = secrets.token_hex(3).upper()
    zone = "Pacific/Auckland" if is_committed else "America/St_Johns"
    provider = open_provider(canary=f"Close{suffix}", prefix=f"CL{suffix}", billing_time_zone=zone)
    with provider_schema(provider):
        MeteringPolicy.objects.update(free_user_limit=None)
        Contract.objects.create(
            kind="committed" if is_committed else "pay_as_you_go",
            package_id=1,
            package_name="Complete",
            metric="users",
            currency="USD",
            unit_price=Decimal(price) / 100,
            committed_quantity=COMMITTED if is_committed else None,
            starts_on=first.first_day,
            automatic_limit_minor=limit,
            payment_terms_days=30,
        )
        organizations = [
            Organization.objects.create(name=name, created_at=began - timedelta(days=31))
            for name in ("Acme", "Bolt")
        ]
        customer_of(provider)
        secret = begin_card_setup(provider=provider, actor=SYSTEM_ACTOR)
        intent = secret.partition("_secret_")[0]
        gateway.client().v1.setup_intents.confirm(intent, {"payment_method": "pm_card_visa"})
        adopt_card(provider=provider, setup_intent_id=intent, now=began + timedelta(days=1))
    return Stage(
        provider=provider,
        stripe=stripe,
        organizations=organizations,
        is_committed=is_committed,
        zone=ZoneInfo(zone),
        price=price,
    )


def drop_stage(stage: Stage) -> None:
    """Drop the provider and everything that belongs to it."""
    close_provider(stage.provider)
