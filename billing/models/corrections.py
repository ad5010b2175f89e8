"""What corrects an issued invoice, which itself never changes: credit notes, refunds, disputes."""

from typing import ClassVar
from zoneinfo import ZoneInfo

from django.db import models

from billing.models.payments import Payment
from billing.money import format_money


class CreditNote(models.Model):
    """Part of an invoice taken back, as issued; it never changes either.

    Money is in minor units of `currency` and positive. Numbers are `PREFIX-CN-000001` without gaps
    per provider. Parties and tax are those of the invoice. All notes of an invoice together are
    never more than the invoice.
    """

    number = models.CharField(max_length=30, unique=True)
    invoice = models.ForeignKey(
        "billing.Invoice", on_delete=models.PROTECT, related_name="credit_notes"
    )
    currency = models.CharField(max_length=3)
    subtotal_minor = models.BigIntegerField()
    tax_name = models.CharField(max_length=40, blank=True)
    tax_rate = models.DecimalField(max_digits=6, decimal_places=3)
    tax_minor = models.BigIntegerField()
    total_minor = models.BigIntegerField()
    reason = models.CharField(max_length=500)
    issued_at = models.DateTimeField()
    billing_time_zone = models.CharField(max_length=64)
    seller = models.JSONField()
    buyer = models.JSONField()
    issued_by_id = models.BigIntegerField(null=True)
    issued_by_name = models.CharField(max_length=200)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="billing_credit_note_adds_up",
                condition=models.Q(total_minor=models.F("subtotal_minor") + models.F("tax_minor")),
            ),
            models.CheckConstraint(
                name="billing_credit_note_takes_back",
                condition=models.Q(total_minor__gt=0, subtotal_minor__gte=0, tax_minor__gte=0),
            ),
        ]

    def __str__(self) -> str:
        return self.number

    def billing_zone(self) -> ZoneInfo:
        """The provider's billing zone as it was at issue: all of its dates are of this zone."""
        return ZoneInfo(self.billing_time_zone)


class CreditNoteLine(models.Model):
    """One line as issued, before tax; of an invoice's line, or of the invoice as a whole."""

    credit_note = models.ForeignKey(
        CreditNote, on_delete=models.PROTECT, related_name="lines", db_index=False
    )
    position = models.PositiveIntegerField()
    invoice_line = models.ForeignKey(
        "billing.InvoiceLine", on_delete=models.PROTECT, related_name="credits", null=True
    )
    description = models.CharField(max_length=500)
    amount_minor = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["credit_note", "position"], name="billing_credit_line_one_position"
            )
        ]

    def __str__(self) -> str:
        return f"{self.credit_note_id}/{self.position} {self.description}"


class CreditNoteDocument(models.Model):
    """The bytes of a credit note's PDF and their SHA-256 (hex): rendered once, kept for good."""

    credit_note = models.OneToOneField(
        CreditNote, on_delete=models.PROTECT, related_name="document"
    )
    content = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    rendered_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.credit_note_id} pdf"


class Refund(models.Model):
    """Money of a payment given back; the row commits before Stripe is asked.

    From its order on it counts as given back, so that two orders never return more than was paid;
    only a failed one counts no more. `credit_note` is None where the payment had come on top of
    what was owed. A bank transfer is given back by hand: booked as succeeded, with its reference.
    """

    class State(models.TextChoices):
        """Where the refund stands."""

        PENDING = "pending", "On its way"
        SUCCEEDED = "succeeded", "Refunded"
        FAILED = "failed", "Failed"

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds")
    credit_note = models.ForeignKey(
        CreditNote, on_delete=models.PROTECT, related_name="refunds", null=True
    )
    state = models.CharField(max_length=20, choices=State, default=State.PENDING)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    reason = models.CharField(max_length=500)
    reference = models.CharField(max_length=140, blank=True)
    idempotency_key = models.CharField(max_length=100, unique=True)
    stripe_refund_id = models.CharField(max_length=255, unique=True, null=True)  # noqa: DJ001 - transfers have none
    failure_message = models.CharField(max_length=500, blank=True)
    ordered_by_id = models.BigIntegerField(null=True)
    ordered_by_name = models.CharField(max_length=200)
    ordered_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="billing_refund_is_positive", condition=models.Q(amount_minor__gt=0)
            ),
            models.CheckConstraint(
                name="billing_refund_finished_iff_final",
                condition=models.Q(state="pending", finished_at=None)
                | (~models.Q(state="pending") & models.Q(finished_at__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return (
            f"{format_money(self.amount_minor, self.currency)}, {self.get_state_display().lower()}"
        )


class LineDispute(models.Model):
    """A line that the billing admin does not accept; open until operations answer.

    While it is open, `amount_minor` (the line's, with its tax, when it was disputed) is neither
    charged automatically nor dunned. Accepted means credited with `credit_note`. A declined line
    is not disputed again.
    """

    class State(models.TextChoices):
        """What operations answered."""

        OPEN = "open", "Waits for an answer"
        ACCEPTED = "accepted", "Accepted"
        DECLINED = "declined", "Declined"

    invoice = models.ForeignKey(
        "billing.Invoice", on_delete=models.PROTECT, related_name="disputes"
    )
    line = models.ForeignKey(
        "billing.InvoiceLine", on_delete=models.PROTECT, related_name="disputes", db_index=False
    )
    state = models.CharField(max_length=20, choices=State, default=State.OPEN)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    reason = models.CharField(max_length=1000)
    opened_by_id = models.BigIntegerField(null=True)
    opened_by_name = models.CharField(max_length=200)
    opened_at = models.DateTimeField()
    answer = models.CharField(max_length=1000, blank=True)
    answered_by_id = models.BigIntegerField(null=True)
    answered_by_name = models.CharField(max_length=200, blank=True)
    answered_at = models.DateTimeField(null=True)
    credit_note = models.ForeignKey(
        CreditNote, on_delete=models.PROTECT, related_name="disputes", null=True
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["line"], name="billing_line_disputed_once"),
            models.CheckConstraint(
                name="billing_dispute_answered_iff_closed",
                condition=models.Q(state="open", answered_at=None)
                | (~models.Q(state="open") & models.Q(answered_at__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.invoice}, line {self.line.position}: {self.get_state_display().lower()}"
