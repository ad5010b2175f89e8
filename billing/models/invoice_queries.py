"""Queries of invoices: amounts, outstanding ones, their order."""

from typing import Self, TypeVar

from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Greatest

Row = TypeVar("Row", bound=models.Model)
CANCELLED = Q(voided_at__isnull=False) | Q(written_off_at__isnull=False)
# Of an invoice that is not void, with the totals of `with_paid`; negative if it is overpaid.
UNPAID = (
    F("total_minor")
    + F("carried_in_minor")
    - F("carried_total")
    - F("credited_total")
    - F("paid_total")
)


class InvoiceQuerySet(models.QuerySet[Row, Row]):
    """Queries of a provider's invoices."""

    def with_paid(self) -> Self:
        """Add the totals in minor units, so that an invoice's status needs no further query.

        They are those of `InvoiceTotals`.
        """
        return self.annotate(
            paid_total=F("totals__paid_minor"),
            credited_total=F("totals__credited_minor"),
            disputed_total=F("totals__disputed_minor"),
            carried_total=F("totals__carried_minor"),
        )

    def with_owed(self) -> Self:
        """As `with_paid`, and `owed_total`, the amount still to be paid."""
        return self.with_paid().annotate(
            owed_total=Case(When(CANCELLED, then=Value(0)), default=Greatest(UNPAID, Value(0)))
        )

    def outstanding(self) -> Self:
        """The invoices with an amount owed, with the totals of `with_owed`."""
        return self.with_owed().filter(owed_total__gt=0)

    def oldest_first(self) -> Self:
        """In the order in which they are paid."""
        return self.order_by("issued_at", "id")

    def newest_first(self) -> Self:
        """In the order in which pages list them."""
        return self.order_by("-issued_at", "-id")
