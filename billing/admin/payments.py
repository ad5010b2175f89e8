"""Operations: a look at the charges of the chosen provider."""

from django.contrib import admin

from billing.admin.base import BillingAdmin
from billing.models import (
    ChargeAttempt,
    Chargeback,
    PaymentDifference,
    PaymentMethod,
)
from billing.money import format_money


@admin.register(ChargeAttempt)
class ChargeAttemptAdmin(BillingAdmin):
    """Every attempt to charge, to see a stuck one."""

    list_display = ("invoice", "cause", "state", "decline_code", "created_at", "finished_at")
    list_filter = ("state",)
    list_select_related = ("invoice",)
    search_fields = ("invoice__number", "stripe_payment_intent_id", "idempotency_key")
    ordering = ("-created_at",)


@admin.register(PaymentMethod)
class PaymentMethodAdmin(BillingAdmin):
    """Cards on file, now and before."""

    list_display = ("__str__", "added_by_name", "became_default_at", "replaced_at", "detached_at")
    ordering = ("-became_default_at",)


@admin.register(PaymentDifference)
class PaymentDifferenceAdmin(BillingAdmin):
    """Where Stripe's books and ours differ; a row is settled by the day both agree again."""

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

    @admin.display(description="At Stripe")
    def at_stripe(self, difference: PaymentDifference) -> str:
        """As an amount."""
        return _amount(difference.stripe_minor, difference.currency)

    @admin.display(description="Booked")
    def booked(self, difference: PaymentDifference) -> str:
        """As an amount."""
        return _amount(difference.recorded_minor, difference.currency)


@admin.register(Chargeback)
class ChargebackAdmin(BillingAdmin):
    """Payments that a bank contests or took back, as Stripe says; answered in its dashboard."""

    list_display = ("invoice", "amount", "reason", "state", "evidence_due_at", "opened_at")
    list_filter = ("state",)
    list_select_related = ("payment__invoice",)
    search_fields = ("stripe_dispute_id", "payment__invoice__number")
    ordering = ("-opened_at", "-id")

    @admin.display(description="Invoice")
    def invoice(self, chargeback: Chargeback) -> str:
        """Whose payment it is."""
        return str(chargeback.payment.invoice.number)

    @admin.display(description="Amount")
    def amount(self, chargeback: Chargeback) -> str:
        """As an amount."""
        return format_money(chargeback.amount_minor, chargeback.currency)


def _amount(minor: int | None, currency: str) -> str:
    return "nothing" if minor is None else format_money(minor, currency)
