"""Models of contracts, invoices, payments and corrections, in each provider's schema."""

from billing.models.agreements import AgreementAcceptance
from billing.models.announced_transfers import AnnouncedTransfer
from billing.models.carried_balances import CarriedBalance
from billing.models.charge_orders import ChargeOrder
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
from billing.models.departures import DataExport, DataExportPart, Departure
from billing.models.dunning import DunningStep, SuspensionDeferral
from billing.models.invoice_totals import InvoiceTotals
from billing.models.invoices import Invoice, InvoiceDocument, InvoiceLine, NumberSequence
from billing.models.month_close import MonthClose
from billing.models.pack_orders import PackOrder
from billing.models.payments import (
    ChargeAttempt,
    Payment,
    PaymentMethod,
    UnassignedPayment,
    WebhookEvent,
)
from billing.models.receipts import PaymentReceipt
from billing.models.reconciliation import PaymentDifference
from billing.models.statement_documents import StatementDocument

__all__ = [
    "AgreementAcceptance",
    "AnnouncedTransfer",
    "BillingProfile",
    "CarriedBalance",
    "ChargeAttempt",
    "ChargeOrder",
    "Chargeback",
    "Contract",
    "ContractDocument",
    "CreditNote",
    "CreditNoteDocument",
    "CreditNoteLine",
    "DataExport",
    "DataExportPart",
    "Departure",
    "DunningStep",
    "Invoice",
    "InvoiceDocument",
    "InvoiceLine",
    "InvoiceTotals",
    "LineDispute",
    "MonthClose",
    "NumberSequence",
    "PackOrder",
    "Payment",
    "PaymentDifference",
    "PaymentMethod",
    "PaymentReceipt",
    "Refund",
    "RenewalNotice",
    "StatementDocument",
    "SuspensionDeferral",
    "TermsAcceptance",
    "UnassignedPayment",
    "WebhookEvent",
]
