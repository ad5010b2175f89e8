"""Cards on file, charge attempts, payments and Stripe's webhook events."""

from typing import ClassVar

from django.db import models

from billing.decline_reasons import (
    AMOUNT_REFUSED,
    NEVER_ARRIVED,
    WITHDRAWN,
    is_final,
    reason_of_decline,
    reason_of_refusal,
)
from billing.money import format_money

# Decline codes of attempts that no bank refused.
NOT_DECLINED = (WITHDRAWN, *sorted(AMOUNT_REFUSED))


class PaymentMethodQuerySet(models.QuerySet["PaymentMethod"]):
    """Cards of the current provider."""

    def current(self) -> "PaymentMethod | None":
        """The card on file, which automatic charges use; None without one."""
        return self.filter(replaced_at=None).first()

    def withdrawn(self) -> "PaymentMethod | None":
        """The last card, if it was taken off at Stripe and none has followed; None otherwise."""
        if self.current() is not None:
            return None
        return self.order_by("became_default_at", "pk").last()


class PaymentMethod(models.Model):
    """A card stored at Stripe; the portal has its brand and last four digits. Never deleted.

    The card on file is the row with `replaced_at` None. A replaced card is detached at Stripe
    (`detached_at`) once no charge of it can be running. One that was taken off at Stripe, without
    a card that replaced it, is withdrawn: it has both instants at once.
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
    # Ids of the invoices outstanding at that time, oldest first: the card is to pay these.
    invoices_to_charge = models.JSONField(default=list)
    replaced_at = models.DateTimeField(null=True)
    detached_at = models.DateTimeField(null=True)
    # When the mail about its expiry was queued; it is sent once.
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
    """An attempt to charge an invoice; it commits, with its parameters, before the call to Stripe.

    Stripe gets `idempotency_key`. An invoice has at most one unfinished attempt; the next is made
    only after the last has finished. `cause` names the trigger (the close, a replaced card, a
    retry): a cause makes one attempt, however often its message is delivered. From
    `secret_given_at` on a browser may confirm the payment, so only a cancelled payment has
    definitely failed. A failed attempt is retried at `retry_at`. `failure_message` is Stripe's
    text, for operations only; customers read `reason`.
    """

    # Prefix of the cause of an attempt that a payment link started.
    ON_SESSION = "link:"

    class State(models.TextChoices):
        """The progress of the attempt; the first four states block another attempt."""

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
    advice_code = models.CharField(max_length=40, blank=True, default="", db_default="")
    network_advice_code = models.CharField(max_length=10, blank=True, default="", db_default="")
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
            # In every other state money may still move, so the attempt blocks the next one.
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
        """Whether the card is entered at a payment link; automatic charges don't wait for that."""
        return self.cause.startswith(self.ON_SESSION)

    @property
    def is_refused_request(self) -> bool:
        """Whether Stripe refused the request itself: no bank was asked."""
        is_without_payment = not self.stripe_payment_intent_id
        is_refused = self.decline_code not in (NEVER_ARRIVED, WITHDRAWN)
        return self.state == self.State.FAILED and is_without_payment and is_refused

    @property
    def is_final(self) -> bool:
        """Whether its card must not be charged for this invoice again."""
        return self.state == self.State.FAILED and (
            self.is_refused_request
            or is_final(
                self.decline_code,
                advice_code=self.advice_code,
                network_advice_code=self.network_advice_code,
            )
        )

    @property
    def reason(self) -> str:
        """Why it failed or waits, as a sentence for the customer; empty for a success."""
        if self.is_refused_request:
            return reason_of_refusal(self.decline_code)
        return reason_of_decline(self.decline_code, advice_code=self.advice_code)

    def has_replaced_card(self) -> bool:
        """Whether its card has been replaced; one query."""
        return PaymentMethod.objects.filter(
            stripe_payment_method_id=self.stripe_payment_method_id, replaced_at__isnull=False
        ).exists()


class Payment(models.Model):
    """A payment of an invoice.

    Operations record a bank transfer (`recorded_by_…`), with the bank's `reference`.
    """

    class Method(models.TextChoices):
        """How it was paid."""

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
    # Of the card that was charged; empty where a payment of an earlier release does not have it.
    card_brand = models.CharField(max_length=30, blank=True, default="", db_default="")
    card_last_four = models.CharField(max_length=4, blank=True, default="", db_default="")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="billing_payment_is_positive", condition=models.Q(amount_minor__gt=0)
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_method_display()}, {format_money(self.amount_minor, self.currency)}"

    @property
    def paid_with(self) -> str:
        """How it was paid: "Visa ending in 4242", or the method if no card is known."""
        if self.card_last_four:
            return f"{self.card_brand.capitalize()} ending in {self.card_last_four}"
        return self.get_method_display()


class UnassignedPayment(models.Model):
    """A payment at Stripe for an invoice that a restore lost (docs/decisions/0027).

    It pays the invoice that is issued again for the same `month` (its first day) and `kind`, and
    then names it. Until then the provider is owed this money, in minor units of `currency`.
    """

    stripe_payment_intent_id = models.CharField(max_length=255, unique=True)
    lost_number = models.CharField(max_length=30)
    kind = models.CharField(max_length=20)
    month = models.DateField(null=True)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    found_at = models.DateTimeField()
    invoice = models.ForeignKey("billing.Invoice", on_delete=models.PROTECT, null=True)

    def __str__(self) -> str:
        return f"{format_money(self.amount_minor, self.currency)} for {self.lost_number}"


class WebhookEvent(models.Model):
    """A webhook event with a verified signature, stored before it is processed."""

    event_id = models.CharField(max_length=255, unique=True)
    type = models.CharField(max_length=100)
    object_id = models.CharField(max_length=255)
    created_at = models.DateTimeField()
    received_at = models.DateTimeField()
    applied_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.type} {self.event_id}"
