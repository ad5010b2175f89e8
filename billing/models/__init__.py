"""Money owed, asked for and received: one provider's schema."""

from billing.models.chargebacks import Chargeback
from billing.models.contract_documents import ContractDocument, RenewalNotice, TermsAcceptance
from billing.models.contracts import BillingProfile, Contract
from billing.models.corrections import (
    CreditNote,
    CreditNoteDocument,
    CreditNoteLine,
    LineDispute,
    Refund,
)
from billing.models.dunning import StandingStep, SuspensionDeferral
from billing.models.invoices import Invoice, InvoiceDocument, InvoiceLine, NumberSequence
from billing.models.month_close import MonthClose
from billing.models.pack_orders import AllowanceOrder
from billing.models.payments import ChargeAttempt, Payment, PaymentMethod, WebhookEvent
from billing.models.reconciliation import BookDifference

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
