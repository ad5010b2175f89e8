"""The ledger of a provider's account: what each event of its invoices added to what it owes.

The events are the rows of invoices, credit notes, payments, refunds, lost chargebacks, voids and
write-offs. Their sum is what all invoices owe, less what was paid too much, to the cent
(docs/decisions/0056).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from billing.models import (
    CarriedBalance,
    Chargeback,
    CreditNote,
    Invoice,
    Payment,
    Refund,
)


class Kind(StrEnum):
    """The kinds of movements, as customers read them."""

    INVOICE = "Invoice"
    CREDIT = "Credit note"
    PAYMENT = "Payment"
    REFUND = "Refund"
    TAKEN_BACK = "Payment taken back"
    WRITTEN_OFF = "Written off"
    VOID = "Void"
    CARRIED = "Carried"


@dataclass(frozen=True, slots=True)
class Movement:
    """A change of what is owed, in minor units; an invoice adds, a payment subtracts."""

    at: datetime
    kind: Kind
    invoice_id: int
    number: str
    detail: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Event:
    """A row about an invoice. `billed`, `paid` and `carried` are what it adds to these sums."""

    at: datetime
    kind: Kind
    detail: str = ""
    billed: int = 0
    paid: int = 0
    carried: int = 0


@dataclass(slots=True)
class _Account:
    """The sums of an invoice up to an event, and the balance that its movements came to."""

    billed: int = 0
    paid: int = 0
    carried: int = 0
    balance: int = 0
    is_void: bool = False
    is_written_off: bool = False

    def target(self) -> int:
        """What the invoice adds to the account: all of a void one is given up but what was paid."""
        if self.is_void:
            return -self.paid
        unpaid = self.billed + self.carried - self.paid
        given_up = max(0, unpaid) if self.is_written_off else 0
        return self.billed - self.paid - given_up


def movements_of(*, invoice_id: int, number: str, events: Iterable[Event]) -> Iterator[Movement]:
    """The movements of one invoice, in the order of time.

    An event that changes how much of it is given up makes a second movement beside its own.
    """
    account = _Account()
    for event in sorted(events, key=lambda event: event.at):
        direct = event.billed - event.paid
        account.billed += event.billed
        account.paid += event.paid
        account.carried += event.carried
        account.is_void |= event.kind is Kind.VOID
        account.is_written_off |= event.kind is Kind.WRITTEN_OFF
        given_up = account.target() - account.balance - direct
        account.balance = account.target()
        reason = Kind.VOID if account.is_void else Kind.WRITTEN_OFF
        for kind, amount, detail in ((event.kind, direct, event.detail), (reason, given_up, "")):
            if amount:
                yield Movement(event.at, kind, invoice_id, number, detail, amount)


@dataclass(frozen=True, slots=True)
class AccountStatement:
    """The movements of a period in one currency, each with the balance after it."""

    currency: str
    opening_minor: int
    closing_minor: int
    rows: list[tuple[Movement, int]] = field(default_factory=list)

    def sum_of(self, *kinds: Kind) -> int:
        """The sum of the period's movements of these kinds."""
        return sum(movement.amount_minor for movement, _ in self.rows if movement.kind in kinds)

    def sums(self) -> list[tuple[str, int]]:
        """The sums of the period that lead from the opening to the closing balance."""
        sums = [
            ("Invoices", self.sum_of(Kind.INVOICE)),
            ("Payments", self.sum_of(Kind.PAYMENT)),
            ("Credit notes", self.sum_of(Kind.CREDIT)),
            ("Refunds", self.sum_of(Kind.REFUND)),
            ("Payments taken back", self.sum_of(Kind.TAKEN_BACK)),
            ("Void and written off", self.sum_of(Kind.VOID, Kind.WRITTEN_OFF)),
        ]
        return [(name, minor) for name, minor in sums if minor]


def account_statements(*, starts_at: datetime, ends_at: datetime) -> list[AccountStatement]:
    """The statement of each currency for the half-open period, by the events' own instants."""
    statements = []
    for currency, movements in sorted(_movements(before=ends_at).items()):
        opening = balance = sum(each.amount_minor for each in movements if each.at < starts_at)
        rows = []
        for movement in movements:
            if movement.at >= starts_at:
                balance += movement.amount_minor
                rows.append((movement, balance))
        statements.append(AccountStatement(currency, opening, balance, rows))
    return statements


def _movements(*, before: datetime) -> dict[str, list[Movement]]:
    """All movements before an instant by currency, oldest first."""
    found: dict[str, list[Movement]] = defaultdict(list)
    events = _events()
    for pk, number, currency in Invoice.objects.values_list("pk", "number", "currency"):
        for movement in movements_of(invoice_id=pk, number=number, events=events[pk]):
            if movement.at < before:
                found[currency].append(movement)
    for movements in found.values():
        movements.sort(key=lambda movement: (movement.at, movement.invoice_id))
    return found


def _events() -> dict[int, list[Event]]:
    """All events by invoice."""
    found: dict[int, list[Event]] = defaultdict(list)
    for invoice in Invoice.objects.only(
        "issued_at", "total_minor", "voided_at", "void_reason", "written_off_at", "write_off_reason"
    ):
        issued = Event(invoice.issued_at, Kind.INVOICE, billed=invoice.total_minor)
        found[invoice.pk].append(issued)
        if invoice.written_off_at:
            found[invoice.pk].append(Event(invoice.written_off_at, Kind.WRITTEN_OFF))
        if invoice.voided_at:
            found[invoice.pk].append(Event(invoice.voided_at, Kind.VOID))
    for note in CreditNote.objects.only("invoice_id", "issued_at", "number", "total_minor"):
        credit = Event(note.issued_at, Kind.CREDIT, note.number, billed=-note.total_minor)
        found[note.invoice_id].append(credit)
    for carried in CarriedBalance.objects.select_related("to_invoice"):
        _carry(carried, into=found)
    _add_payments(found)
    return found


def _carry(carried: CarriedBalance, *, into: dict[int, list[Event]]) -> None:
    """Carried from one invoice to the next, and back when that one is void."""
    later, amount = carried.to_invoice, carried.amount_minor
    into[carried.from_invoice_id].append(Event(carried.carried_at, Kind.CARRIED, carried=-amount))
    into[later.pk].append(Event(carried.carried_at, Kind.CARRIED, carried=amount))
    if later.voided_at:
        back = Event(later.voided_at, Kind.CARRIED, carried=amount)
        into[carried.from_invoice_id].append(back)


def _add_payments(found: dict[int, list[Event]]) -> None:
    for payment in Payment.objects.order_by("pk"):
        detail = ", ".join(filter(None, (payment.paid_with, payment.reference)))
        paid = Event(payment.received_at, Kind.PAYMENT, detail, paid=payment.amount_minor)
        found[payment.invoice_id].append(paid)
    refunds = Refund.objects.exclude(state=Refund.State.FAILED).select_related("payment")
    for refund in refunds.order_by("pk"):
        returned = Event(
            refund.ordered_at, Kind.REFUND, refund.payment.paid_with, paid=-refund.amount_minor
        )
        found[refund.payment.invoice_id].append(returned)
    lost = Chargeback.objects.filter(state=Chargeback.State.LOST).select_related("payment")
    for chargeback in lost.order_by("pk"):
        if chargeback.closed_at is not None:
            taken = Event(chargeback.closed_at, Kind.TAKEN_BACK, paid=-chargeback.amount_minor)
            found[chargeback.payment.invoice_id].append(taken)
