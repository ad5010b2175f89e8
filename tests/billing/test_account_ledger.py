"""The account statement agrees to the cent with what the invoices owe, whatever happened."""

import itertools
import random
from datetime import UTC, date, datetime, timedelta

import pytest

from billing.account_ledger import Event, Kind, account_statements, movements_of
from billing.models import (
    CarriedBalance,
    Chargeback,
    CreditNote,
    Invoice,
    Payment,
    Refund,
)
from tests.billing.conftest import NOVEMBER

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
YEAR = timedelta(days=365)
ALWAYS = {"starts_at": FIRST - YEAR, "ends_at": FIRST + 3 * YEAR}


class History:
    """Random rows about the invoices of a year, written as the portal writes them."""

    def __init__(self, scenario, seed):
        self.scenario, self.chance = scenario, random.Random(seed)
        self.count = 0
        invoices = [self.invoice(month) for month in range(1, 9)]
        for invoice, later in itertools.pairwise(invoices):
            self.happen(invoice, later)

    def at(self):
        return FIRST + timedelta(minutes=self.chance.randrange(525_600))

    def part(self, amount):
        return self.chance.choice([amount, self.chance.randint(1, amount)])

    def invoice(self, month):
        return self.scenario.invoice(
            total_minor=self.chance.randint(100, 900_000),
            month=date(2026, month, 1),
            issued_at=datetime(2026, month, 2, tzinfo=UTC),
        )

    def happen(self, invoice, later):
        left = invoice.total_minor
        if self.chance.random() < 0.4:
            left -= self.credit(invoice, self.part(left))
        while left > 0 and self.chance.random() < 0.7:
            left -= self.pay(invoice, self.part(left))
        is_carried = left > 0 and self.chance.random() < 0.3
        if is_carried:
            self.carry(invoice, later, left)
        # An invoice of which a part was carried can't become void.
        for name in ("written_off_at",) if is_carried else ("written_off_at", "voided_at"):
            if self.chance.random() < 0.25:
                Invoice.objects.filter(pk=invoice.pk).update(**{name: self.at()})

    def credit(self, invoice, amount):
        self.count += 1
        CreditNote.objects.create(
            number=f"N-CN-{self.count:06d}", invoice=invoice, currency="USD", reason="x",
            subtotal_minor=amount, tax_minor=0, tax_rate=0, total_minor=amount,
            issued_at=self.at(), issued_by_name="Bill", seller={}, buyer={},
        )  # fmt: skip
        return amount

    def pay(self, invoice, amount):
        self.count += 1
        payment = Payment.objects.create(
            invoice=invoice, method="bank_transfer", amount_minor=amount, currency="USD",
            received_at=self.at(), reference=str(self.count),
        )  # fmt: skip
        if self.chance.random() < 0.3:
            state = self.chance.choice(Refund.State.values)
            Refund.objects.create(
                payment=payment, amount_minor=self.part(amount), currency="USD", reason="x",
                state=state, idempotency_key=str(self.count),
                ordered_by_name="Bill", ordered_at=self.at(),
                finished_at=None if state == Refund.State.PENDING else self.at(),
            )  # fmt: skip
        elif self.chance.random() < 0.3:
            state = self.chance.choice(Chargeback.State.values)
            Chargeback.objects.create(
                payment=payment, amount_minor=amount, currency="USD", state=state,
                stripe_dispute_id=str(self.count), opened_at=self.at(),
                closed_at=None if state == Chargeback.State.OPEN else self.at(),
            )  # fmt: skip
        return amount

    def carry(self, invoice, later, amount):
        CarriedBalance.objects.create(
            from_invoice=invoice, to_invoice=later, amount_minor=amount, carried_at=later.issued_at
        )
        Invoice.objects.filter(pk=later.pk).update(carried_in_minor=amount)


def owed():
    amounts = [invoice.amounts for invoice in Invoice.objects.all()]
    return sum(each.owed_minor - each.overpaid_minor for each in amounts)


@pytest.mark.parametrize("seed", range(12))
def test_a_random_history_sums_up_to_what_the_invoices_owe(scenario, seed):
    History(scenario, seed)

    (whole,) = account_statements(**ALWAYS)
    assert whole.opening_minor == 0
    assert whole.closing_minor == owed()
    assert sum(movement.amount_minor for movement, _ in whole.rows) == whole.closing_minor

    # Each statement opens with the balance that the one before closes with.
    chance, starts_at, balance, movements = random.Random(seed), FIRST - YEAR, 0, 0
    while starts_at < FIRST + 3 * YEAR:
        ends_at = starts_at + timedelta(days=chance.randint(60, 300))
        for statement in account_statements(starts_at=starts_at, ends_at=ends_at):
            assert statement.opening_minor == balance
            balance = statement.closing_minor
            movements += len(statement.rows)
        starts_at = ends_at
    assert balance == whole.closing_minor
    assert movements == len(whole.rows)


def story(*events):
    days = (FIRST + timedelta(days=day) for day in range(len(events)))
    made = [Event(at, kind, **sums) for at, (kind, sums) in zip(days, events, strict=True)]
    return [
        (movement.kind, movement.amount_minor)
        for movement in movements_of(invoice_id=1, number="N-1", events=made)
    ]


def test_a_payment_after_a_write_off_is_seen_and_owes_nothing():
    assert story(
        (Kind.INVOICE, {"billed": 100}), (Kind.WRITTEN_OFF, {}), (Kind.PAYMENT, {"paid": 40})
    ) == [
        (Kind.INVOICE, 100),
        (Kind.WRITTEN_OFF, -100),
        (Kind.PAYMENT, -40),
        (Kind.WRITTEN_OFF, 40),
    ]


def test_what_was_paid_on_a_void_invoice_is_the_customers():
    assert story(
        (Kind.INVOICE, {"billed": 100}), (Kind.PAYMENT, {"paid": 40}), (Kind.VOID, {}),
        (Kind.REFUND, {"paid": -40}),
    ) == [
        (Kind.INVOICE, 100), (Kind.PAYMENT, -40), (Kind.VOID, -100), (Kind.REFUND, 40),
    ]  # fmt: skip


def test_a_failed_refund_and_a_chargeback_that_was_won_change_nothing(scenario):
    invoice = scenario.invoice()
    payment = Payment.objects.create(
        invoice=invoice, method="card", amount_minor=33_000, currency="USD", received_at=NOVEMBER
    )
    Refund.objects.create(
        payment=payment, amount_minor=100, currency="USD", reason="x", state="failed",
        idempotency_key="r", ordered_by_name="Bill", ordered_at=NOVEMBER, finished_at=NOVEMBER,
    )  # fmt: skip
    Chargeback.objects.create(
        payment=payment, amount_minor=33_000, currency="USD", state="won", stripe_dispute_id="d",
        opened_at=NOVEMBER, closed_at=NOVEMBER,
    )  # fmt: skip
    (whole,) = account_statements(**ALWAYS)
    assert [movement.kind for movement, _ in whole.rows] == [Kind.INVOICE, Kind.PAYMENT]
    assert whole.closing_minor == 0 == owed()
