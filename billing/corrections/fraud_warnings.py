"""Early fraud warnings: operations decide whether to refund, before a bank takes the money back."""

from datetime import datetime

from django.db import transaction

from billing.charge_alerts import report_fraud_warning
from billing.corrections.refunds import refundable_minor
from billing.gateway.fraud_warnings import FraudWarningFacts
from billing.models import Invoice, Payment


@transaction.atomic
def take_warning(*, facts: FraudWarningFacts, now: datetime) -> None:
    """Alert operations to a warning about our payment, while something can be refunded.

    The refund of the rest, or a dispute, settles the alert; in whatever order they arrive.
    """
    payment = Payment.objects.filter(stripe_payment_intent_id=facts.payment_intent_id).first()
    if payment is None or not facts.payment_intent_id:
        return
    Invoice.objects.select_for_update().get(pk=payment.invoice_id)
    if facts.is_actionable and refundable_minor(payment):
        report_fraud_warning(payment, fraud_type=facts.fraud_type, now=now)
