"""Corrections of an issued invoice, which never changes: credit notes, refunds, disputes."""

from typing import ClassVar
from zoneinfo import ZoneInfo

from django.db import models

from billing.models.payments import Payment
from billing.money import format_money


class CreditNote(models.Model):
    """A reduction of an invoice; like the invoice, it never changes after issue.

    Amounts are positive, in minor units of `currency`. Numbers are `PREFIX-CN-000001`, without gaps
    per provider. Parties and tax rate are those of the invoice. The credit notes of an invoice
    never exceed its total.
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
        """The provider's billing zone at issue; all dates of the credit note are in it."""
        return ZoneInfo(self.billing_time_zone)


class CreditNoteLine(models.Model):
    """A line before tax; it credits a line of the invoice, or the invoice as a whole."""

    credit_note = models.ForeignKey(
        CreditNote, on_delete=models.PROTECT, related_name="lines", db_index=False
    )
    position = models.PositiveIntegerField()
    invoice_line = models.ForeignKey(
        "billing.InvoiceLine", on_delete=models.PROTECT, related_name="credits", null=True
    )
    description = models.CharField(max_length=500)
    amount_minor = models.BigIntegerField()
    # Of late usage of a closed month (its first day): how many were billed too many.
    adjusted_month = models.DateField(null=True)
    organization_id = models.BigIntegerField(null=True)
    quantity = models.PositiveIntegerField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["credit_note", "position"], name="billing_credit_line_one_position"
            )
        ]

    def __str__(self) -> str:
        return f"{self.credit_note_id}/{self.position} {self.description}"


class CreditNoteDocument(models.Model):
    """The PDF of a credit note and its SHA-256 (hex): rendered once, never deleted."""

    credit_note = models.OneToOneField(
        CreditNote, on_delete=models.PROTECT, related_name="document"
    )
    content = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    rendered_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.credit_note_id} pdf"


class Refund(models.Model):
    """A refund of a payment; the row commits before the request to Stripe.

    It reduces the paid amount as soon as it is ordered, so two orders never refund more than was
    paid; a failed refund no longer does. `credit_note` is None if the payment was an overpayment.
    Operations refund a bank transfer by hand and record it as succeeded, with its reference.
    """

    class State(models.TextChoices):
        """The progress of the refund."""

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
    """A billing admin's dispute of an invoice line; open until operations answer.

    While it is open, `amount_minor` (the line with its tax at the time) is neither charged
    automatically nor dunned. An accepted dispute is credited with `credit_note`. A line whose
    dispute was declined can't be disputed again.
    """

    class State(models.TextChoices):
        """The answer of operations."""

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
