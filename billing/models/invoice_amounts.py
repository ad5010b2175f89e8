"""The amounts of an invoice, in minor units, for pages, charges and dunning alike.

    billed + carried in + overpaid = paid + credited + carried out + owed + cancelled

`paid` is the sum of payments less refunds (from their order on, unless they failed) less lost
chargebacks. A void or written-off invoice owes nothing: its unpaid amount is cancelled. A balance
too small for a card is carried out of its invoice and into the next one, so that no total of
invoices has it twice.
"""

from dataclasses import dataclass

from django.db import models


class Status(models.TextChoices):
    """The status of an invoice (docs/facts/product.md, Billing); always derived from amounts."""

    OPEN = "open", "Open"
    PARTIALLY_PAID = "partially_paid", "Partially Paid"
    PAID = "paid", "Paid in Full"
    VOID = "void", "Void"
    UNCOLLECTIBLE = "uncollectible", "Uncollectible"
    CARRIED = "carried", "Carried Forward"


@dataclass(frozen=True, slots=True)
class Amounts:
    """An invoice's amounts in minor units of its currency.

    `disputed_minor` is the sum of its disputed lines, each with its tax. `carried_in_minor` comes
    from earlier invoices, `carried_out_minor` went to a later one that is not void.
    """

    billed_minor: int
    credited_minor: int
    paid_minor: int
    disputed_minor: int = 0
    carried_in_minor: int = 0
    carried_out_minor: int = 0
    is_void: bool = False
    is_written_off: bool = False

    @property
    def unpaid_minor(self) -> int:
        """The amount that neither payments nor credit notes cover, also if it is no longer owed."""
        return max(0, self.to_be_paid_minor - self.paid_minor)

    @property
    def owed_minor(self) -> int:
        """The amount still to be paid; never negative."""
        return 0 if self.is_void or self.is_written_off else self.unpaid_minor

    @property
    def due_minor(self) -> int:
        """The amount to be paid now: without open disputes."""
        return max(0, self.owed_minor - self.disputed_minor)

    @property
    def cancelled_minor(self) -> int:
        """The amount that is no longer owed because the invoice is void or written off."""
        voided = self.billed_minor - self.credited_minor if self.is_void else 0
        return voided + self.unpaid_minor - self.owed_minor

    @property
    def overpaid_minor(self) -> int:
        """The amount paid above the billed one, to be refunded; all of it for a void invoice."""
        return max(0, self.paid_minor - self.to_be_paid_minor)

    @property
    def creditable_minor(self) -> int:
        """The most that can still be credited: billed, and neither credited nor carried out."""
        return max(0, self.billed_minor - self.credited_minor - self.carried_out_minor)

    @property
    def to_be_paid_minor(self) -> int:
        """The amount that payments have to cover in total; 0 for a void invoice.

        What a void invoice carried in is owed on the invoice it came from again.
        """
        if self.is_void:
            return 0
        carried = self.carried_in_minor - self.carried_out_minor
        return self.billed_minor + carried - self.credited_minor

    @property
    def status(self) -> Status:
        """The status: "paid" takes precedence over every other one but "void"."""
        if self.is_void:
            return Status.VOID
        if self.unpaid_minor == 0:
            return Status.CARRIED if self.carried_out_minor else Status.PAID
        if self.is_written_off:
            return Status.UNCOLLECTIBLE
        return Status.PARTIALLY_PAID if self.paid_minor > 0 else Status.OPEN
