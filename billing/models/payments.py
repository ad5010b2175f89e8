"""The card on file, each attempt to charge it, what came in, and Stripe's word of it."""

from typing import ClassVar

from django.db import models

from billing.money import format_money

# Decline code of our own, for a payment that was cancelled before it was confirmed.
WITHDRAWN = "withdrawn"


class PaymentMethodQuerySet(models.QuerySet["PaymentMethod"]):
    """Cards of the current provider."""

    def current(self) -> "PaymentMethod | None":
        """The card on file, which every automatic charge goes to; None without one."""
        return self.filter(replaced_at=None).first()


class PaymentMethod(models.Model):
    """A card as Stripe keeps it: brand and last four only. Replaced, never deleted.

    The default is the one row with `became_default_at` set and `replaced_at` None. A replaced card
    is detached at Stripe last, once nothing can still be charged to it (`detached_at`).
    """

    stripe_payment_method_id = models.CharField(max_length=255, unique=True)
    stripe_setup_intent_id = models.CharField(max_length=255, unique=True)
    brand = models.CharField(max_length=30)
    last_four = models.CharField(max_length=4)
    expiry_month = models.PositiveSmallIntegerField()
    expiry_year = models.PositiveSmallIntegerField()
    added_by_id = models.BigIntegerField(null=True)
    added_by_name = models.CharField(max_length=200, blank=True)
    became_default_at = models.DateTimeField()
    # Ids of the invoices that were outstanding then, oldest first: what it was put on file to pay.
    invoices_to_charge = models.JSONField(default=list)
    replaced_at = models.DateTimeField(null=True)
    detached_at = models.DateTimeField(null=True)
    # When its holder was warned that it expires: once, however many days were missed.
    expiry_mailed_at = models.DateTimeField(null=True)

    objects = PaymentMethodQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                models.Value(1),
                name="billing_one_default_card",
                condition=models.Q(replaced_at=None),
            )
        ]

    def __str__(self) -> str:
        return f"{self.brand.capitalize()} ending in {self.last_four}"


class ChargeAttempt(models.Model):
    """One attempt to charge an invoice, with frozen parameters, committed before the call.

    `idempotency_key` is what Stripe sees. At most one attempt of an invoice is unfinished; a new
    one is made only when the last is definitely finished. `cause` says what asked for it (the
    close, a replaced card, a retry): the same cause never makes a second attempt, however often its
    message is delivered. From `secret_given_at` on somebody's browser may confirm it: only a
    cancelled payment is a definite failure then. A failed one is tried again at `retry_at`.
    """

    # How the cause of an attempt begins that a payment link began.
    ON_SESSION = "link:"

    class State(models.TextChoices):
        """Where the attempt stands; the first four block another attempt."""

        PENDING = "pending", "Not sent yet"
        PROCESSING = "processing", "Being processed"
        UNKNOWN = "unknown", "Outcome unknown"
        NEEDS_CONFIRMATION = "needs_confirmation", "Needs confirmation by the card holder"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"

    invoice = models.ForeignKey(
        "billing.Invoice", on_delete=models.PROTECT, related_name="attempts", db_index=False
    )
    cause = models.CharField(max_length=60, default="close")
    state = models.CharField(max_length=20, choices=State, default=State.PENDING)
    idempotency_key = models.CharField(max_length=100, unique=True)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    stripe_customer_id = models.CharField(max_length=255)
    stripe_payment_method_id = models.CharField(max_length=255)
    stripe_payment_intent_id = models.CharField(max_length=255, blank=True)
    decline_code = models.CharField(max_length=60, blank=True)
    failure_message = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    secret_given_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    retry_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["invoice"],
                name="billing_one_unfinished_attempt",
                condition=models.Q(finished_at=None),
            ),
            models.UniqueConstraint(
                fields=["invoice", "cause"], name="billing_one_attempt_per_cause"
            ),
            # The one unfinished state is no end: money may still move.
            models.CheckConstraint(
                name="billing_attempt_finished_iff_final",
                condition=models.Q(state__in=["succeeded", "failed"], finished_at__isnull=False)
                | (~models.Q(state__in=["succeeded", "failed"]) & models.Q(finished_at=None)),
            ),
        ]

    def __str__(self) -> str:
        return f"attempt {self.pk} of {self.invoice_id}: {self.state}"

    @property
    def is_on_session(self) -> bool:
        """Whether somebody at a payment link enters the card, and no automatic charge waits."""
        return self.cause.startswith(self.ON_SESSION)

    def has_replaced_card(self) -> bool:
        """Whether its card was replaced since; one query."""
        return PaymentMethod.objects.filter(
            stripe_payment_method_id=self.stripe_payment_method_id, replaced_at__isnull=False
        ).exists()


class Payment(models.Model):
    """Money that came in for an invoice; the sum of these is what was paid.

    A bank transfer is booked by operations (`recorded_by_…`), with what the bank said of it.
    """

    class Method(models.TextChoices):
        """How it came."""

        CARD = "card", "Card"
        BANK_TRANSFER = "bank_transfer", "Bank transfer"

    invoice = models.ForeignKey(
        "billing.Invoice", on_delete=models.PROTECT, related_name="payments"
    )
    attempt = models.OneToOneField(ChargeAttempt, on_delete=models.PROTECT, null=True)
    method = models.CharField(max_length=20, choices=Method)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    received_at = models.DateTimeField()
    stripe_payment_intent_id = models.CharField(max_length=255, unique=True, null=True)  # noqa: DJ001 - transfers have none
    reference = models.CharField(max_length=140, blank=True, default="", db_default="")
    recorded_by_id = models.BigIntegerField(null=True)
    recorded_by_name = models.CharField(max_length=200, blank=True, default="", db_default="")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="billing_payment_is_positive", condition=models.Q(amount_minor__gt=0)
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_method_display()}, {format_money(self.amount_minor, self.currency)}"


class WebhookEvent(models.Model):
    """An event of Stripe that was verified to be ours, kept before it is acted on."""

    event_id = models.CharField(max_length=255, unique=True)
    type = models.CharField(max_length=100)
    object_id = models.CharField(max_length=255)
    created_at = models.DateTimeField()
    received_at = models.DateTimeField()
    applied_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.type} {self.event_id}"
