"""Money owed, asked for and received: one provider's schema."""

from billing.models.charging import ChargeAttempt, Payment, PaymentMethod, WebhookEvent
from billing.models.close import MonthClose
from billing.models.contract import BillingProfile, Contract
from billing.models.invoice import Invoice, InvoiceDocument, InvoiceLine, NumberSequence

__all__ = [
    "BillingProfile",
    "ChargeAttempt",
    "Contract",
    "Invoice",
    "InvoiceDocument",
    "InvoiceLine",
    "MonthClose",
    "NumberSequence",
    "Payment",
    "PaymentMethod",
    "WebhookEvent",
]
