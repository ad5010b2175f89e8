"""Invoices as phrases of the domain: which are outstanding, what was paid, where each stands."""

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import F, OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce

if TYPE_CHECKING:
    from billing.models.invoice import Invoice  # noqa: F401 - named in a generic below


class Status(models.TextChoices):
    """Where an invoice stands (PRODUCT, Billing); always derived from amounts."""

    OPEN = "open", "Open"
    PARTIALLY_PAID = "partially_paid", "Partially Paid"
    PAID = "paid", "Paid in Full"
    VOID = "void", "Void"
    UNCOLLECTIBLE = "uncollectible", "Uncollectible"


def status_of(*, total_minor: int, paid_minor: int, is_void: bool, is_written_off: bool) -> Status:
    """The status of these amounts: paid in full comes before anything but void."""
    if is_void:
        return Status.VOID
    if paid_minor >= total_minor:
        return Status.PAID
    if is_written_off:
        return Status.UNCOLLECTIBLE
    return Status.PARTIALLY_PAID if paid_minor > 0 else Status.OPEN


class InvoiceQuerySet(models.QuerySet["Invoice"]):
    """Questions about a provider's invoices."""

    def with_paid(self) -> Self:
        """Each with `paid_total` (minor units), so that its status costs no further query."""
        from billing.models.charging import Payment  # noqa: PLC0415 - it needs this module

        paid = (
            Payment.objects.filter(invoice=OuterRef("pk"))
            .order_by()
            .values("invoice")
            .annotate(total=Sum("amount_minor"))
            .values("total")
        )
        return self.annotate(paid_total=Coalesce(Subquery(paid), 0))

    def outstanding(self) -> Self:
        """Those on which something is still owed, with `paid_total`."""
        return self.with_paid().filter(
            voided_at=None, written_off_at=None, paid_total__lt=F("total_minor")
        )

    def oldest_first(self) -> Self:
        """In the order they are to be paid."""
        return self.order_by("issued_at", "id")

    def newest_first(self) -> Self:
        """In the order they are listed."""
        return self.order_by("-issued_at", "-id")
