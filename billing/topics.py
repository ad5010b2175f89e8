"""Names of billing's durable work; `effects` registers who does it."""

DOCUMENTS = "billing.documents"
CHARGE = "billing.charge"
INVOICE_MAIL = "billing.invoice_mail"
RECEIPT_MAIL = "billing.receipt_mail"
CHARGE_FAILED_MAIL = "billing.charge_failed_mail"
CARD_SETTLED = "billing.card_settled"
STRIPE_EVENT = "billing.stripe_event"
