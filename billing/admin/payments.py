"""Operations' pages of charges, cards, payment differences and chargebacks."""

from django.contrib import admin

from billing.admin.base import BillingAdmin, money_column
from billing.models import ChargeAttempt, Chargeback, PaymentDifference, PaymentMethod


@admin.register(ChargeAttempt)
class ChargeAttemptAdmin(BillingAdmin):
    """Every charge attempt, to find one that is stuck."""

    list_display = ("invoice", "cause", "state", "decline_code", "created_at", "finished_at")
    list_filter = ("state",)
    list_select_related = ("invoice",)
    search_fields = ("invoice__number", "stripe_payment_intent_id", "idempotency_key")
    ordering = ("-created_at",)


@admin.register(PaymentMethod)
class PaymentMethodAdmin(BillingAdmin):
    """The card on file and replaced cards."""

    list_display = ("__str__", "added_by_name", "became_default_at", "replaced_at", "detached_at")
    ordering = ("-became_default_at",)


@admin.register(PaymentDifference)
class PaymentDifferenceAdmin(BillingAdmin):
    """Differences between Stripe's payments and ours; settled when both agree again."""

    list_display = (
        "kind",
        "stripe_payment_intent_id",
        "invoice_number",
        "at_stripe",
        "booked",
        "found_at",
        "settled_at",
    )
    list_filter = ("kind", ("settled_at", admin.EmptyFieldListFilter))
    search_fields = ("stripe_payment_intent_id", "invoice_number")
    ordering = ("-found_at", "-id")
    at_stripe = money_column("At Stripe", "stripe_minor")
    booked = money_column("Booked", "recorded_minor")


@admin.register(Chargeback)
class ChargebackAdmin(BillingAdmin):
    """Payments that a bank contests or took back; they are answered in Stripe's dashboard."""

    list_display = ("invoice", "amount", "reason", "state", "evidence_due_at", "opened_at")
    list_filter = ("state",)
    list_select_related = ("payment__invoice",)
    search_fields = ("stripe_dispute_id", "payment__invoice__number")
    ordering = ("-opened_at", "-id")
    amount = money_column("Amount", "amount_minor")

    @admin.display(description="Invoice")
    def invoice(self, chargeback: Chargeback) -> str:
        """The number of the payment's invoice."""
        return str(chargeback.payment.invoice.number)
