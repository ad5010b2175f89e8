"""Money owed, asked for and received: one provider's schema."""

from billing.models.charging import ChargeAttempt, Payment, PaymentMethod, WebhookEvent
from billing.models.close import MonthClose
from billing.models.contract import BillingProfile, Contract
from billing.models.invoice import Invoice, InvoiceDocument, InvoiceLine, NumberSequence
from billing.models.reconciliation import BookDifference
from billing.models.standing import StandingStep, SuspensionDeferral

__all__ = [
    "BillingProfile",
    "BookDifference",
    "ChargeAttempt",
    "Contract",
    "Invoice",
    "InvoiceDocument",
    "InvoiceLine",
    "MonthClose",
    "NumberSequence",
    "Payment",
    "PaymentMethod",
    "StandingStep",
    "SuspensionDeferral",
    "WebhookEvent",
]
