"""Choices shared by rating and the models. No ORM."""

from django.db.models import TextChoices


class ContractKind(TextChoices):
    """How a month is billed."""

    PAY_AS_YOU_GO = "pay_as_you_go", "Pay as you go"
    COMMITTED = "committed", "Committed users"


class CommitmentBasis(TextChoices):
    """What a commitment is compared with, for users, devices and seats (docs/decisions/0029)."""

    ALL_TOGETHER = "all_together", "The most of all organizations together at any instant"
    SUM_OF_PEAKS = "sum_of_peaks", "The sum of each organization's own highest number"


class InvoiceKind(TextChoices):
    """Why an invoice is issued. A month has one invoice of each kind, and any number of orders."""

    USAGE = "usage", "Usage"
    COMMITMENT = "commitment", "Commitment"
    OVERAGE = "overage", "Overage"
    ORDER = "order", "Order"


class LineKind(TextChoices):
    """What an invoice line charges for."""

    USAGE = "usage", "An organization's high-water mark"
    COMMITMENT = "commitment", "The committed quantity"
    OVERAGE = "overage", "The quantity above the commitment"
    PACK = "pack", "A pack of monthly active users, as ordered"
    BASIS = "basis", "An organization's high-water mark, covered or counted elsewhere"
    ADJUSTMENT = "adjustment", "Reported late"


class Collection(TextChoices):
    """How the money of an invoice is collected."""

    AUTOMATIC = "automatic", "Charged to the card on file"
    BY_INVOICE = "by_invoice", "Sent by mail"
    # Below the smallest charge: it is carried to the next invoice.
    TOO_SMALL = "too_small", "Too small to be charged"
