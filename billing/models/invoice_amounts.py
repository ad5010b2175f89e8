"""What an invoice comes to: arithmetic on minor units, the same for pages, charges and dunning.

    billed + surplus = paid + credited + owed + dropped

`paid` is what came in and stayed: payments less refunds (from their order on, unless they failed)
less lost chargebacks. A void or written-off invoice owes nothing: what it would owe is dropped.
"""

from dataclasses import dataclass

from django.db import models


class Status(models.TextChoices):
    """Where an invoice stands (docs/facts/product.md, Billing); always derived from amounts."""

    OPEN = "open", "Open"
    PARTIALLY_PAID = "partially_paid", "Partially Paid"
    PAID = "paid", "Paid in Full"
    VOID = "void", "Void"
    UNCOLLECTIBLE = "uncollectible", "Uncollectible"


@dataclass(frozen=True, slots=True)
class Amounts:
    """An invoice's amounts in minor units of its currency.

    `disputed_minor` is the sum of its lines under dispute, each with its tax.
    """

    billed_minor: int
    credited_minor: int
    paid_minor: int
    disputed_minor: int = 0
    is_void: bool = False
    is_written_off: bool = False

    @property
    def unpaid_minor(self) -> int:
        """What neither money nor a credit note has settled, whoever still asks for it."""
        return max(0, self._net_billed_minor - self.paid_minor)

    @property
    def owed_minor(self) -> int:
        """What is still to be paid; never negative."""
        return 0 if self.is_void or self.is_written_off else self.unpaid_minor

    @property
    def due_minor(self) -> int:
        """What is asked for now: not what is disputed until operations have answered."""
        return max(0, self.owed_minor - self.disputed_minor)

    @property
    def cancelled_minor(self) -> int:
        """What nobody asks for any more, the invoice being void or written off."""
        dropped = self.creditable_minor - self._net_billed_minor
        return dropped + self.unpaid_minor - self.owed_minor

    @property
    def overpaid_minor(self) -> int:
        """What came in on top of what the invoice carries, to be refunded: all of a void one."""
        return max(0, self.paid_minor - self._net_billed_minor)

    @property
    def creditable_minor(self) -> int:
        """What the invoice still carries: no further credit note goes beyond it."""
        return self.billed_minor - self.credited_minor

    @property
    def _net_billed_minor(self) -> int:
        return 0 if self.is_void else self.creditable_minor

    @property
    def status(self) -> Status:
        """Settled in full comes before anything but void."""
        if self.is_void:
            return Status.VOID
        if self.unpaid_minor == 0:
            return Status.PAID
        if self.is_written_off:
            return Status.UNCOLLECTIBLE
        return Status.PARTIALLY_PAID if self.paid_minor > 0 else Status.OPEN
