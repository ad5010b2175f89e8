"""Money owed, asked for and received: one provider's schema."""

from billing.models.agreements import ContractDocument, RenewalNotice, TermsAcceptance
from billing.models.allowance import AllowanceOrder
from billing.models.chargeback import Chargeback
from billing.models.charging import ChargeAttempt, Payment, PaymentMethod, WebhookEvent
from billing.models.close import MonthClose
from billing.models.contract import BillingProfile, Contract
from billing.models.corrections import (
    CreditNote,
    CreditNoteDocument,
    CreditNoteLine,
    LineDispute,
    Refund,
)
from billing.models.invoice import Invoice, InvoiceDocument, InvoiceLine, NumberSequence
from billing.models.reconciliation import BookDifference
from billing.models.standing import StandingStep, SuspensionDeferral

__all__ = [
    "AllowanceOrder",
    "BillingProfile",
    "BookDifference",
    "ChargeAttempt",
    "Chargeback",
    "Contract",
    "ContractDocument",
    "CreditNote",
    "CreditNoteDocument",
    "CreditNoteLine",
    "Invoice",
    "InvoiceDocument",
    "InvoiceLine",
    "LineDispute",
    "MonthClose",
    "NumberSequence",
    "Payment",
    "PaymentMethod",
    "Refund",
    "RenewalNotice",
    "StandingStep",
    "SuspensionDeferral",
    "TermsAcceptance",
    "WebhookEvent",
]
