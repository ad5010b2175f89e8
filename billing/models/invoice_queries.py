"""Queries of invoices: amounts, outstanding ones, their order."""

from typing import Any, Self, TypeVar

from django.db import connection, models
from django.db.models import Case, F, OuterRef, Q, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce, Greatest

from billing.models.carried_balances import CarriedBalance
from billing.models.chargebacks import Chargeback
from billing.models.corrections import CreditNote, LineDispute, Refund
from billing.models.payments import Payment

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
# The totals of `with_paid`; a test compares the two. Plain SQL, since a charge reads them several
# times and Django takes 4.5 ms to compile its query.
_TOTALS = """
SELECT
    (SELECT coalesce(sum(total_minor), 0)
       FROM billing_creditnote WHERE invoice_id = %(invoice)s),
    (SELECT coalesce(sum(payment.amount_minor
          - (SELECT coalesce(sum(amount_minor), 0) FROM billing_refund
              WHERE payment_id = payment.id AND state <> 'failed')
          - (SELECT coalesce(sum(amount_minor), 0) FROM billing_chargeback
              WHERE payment_id = payment.id AND state = 'lost')), 0)
       FROM billing_payment AS payment WHERE payment.invoice_id = %(invoice)s),
    (SELECT coalesce(sum(amount_minor), 0)
       FROM billing_linedispute WHERE invoice_id = %(invoice)s AND state = 'open'),
    (SELECT coalesce(sum(carried.amount_minor), 0)
       FROM billing_carriedbalance AS carried
       JOIN billing_invoice AS later ON later.id = carried.to_invoice_id
       WHERE carried.from_invoice_id = %(invoice)s AND later.voided_at IS NULL)
"""


class InvoiceQuerySet(models.QuerySet[Row, Row]):
    """Queries of a provider's invoices."""

    def with_paid(self) -> Self:
        """Add the totals in minor units, so that an invoice's status needs no further query.

        `paid_total` is payments less refunds and lost chargebacks, `credited_total` the sum of
        credit notes, `disputed_total` the open disputes, `carried_total` the balance carried to a
        later invoice (see `billing.models.invoice_amounts`).
        """
        credited = CreditNote.objects.filter(invoice=OuterRef("pk"))
        disputed = LineDispute.objects.filter(invoice=OuterRef("pk"), state=LineDispute.State.OPEN)
        carried = CarriedBalance.objects.filter(
            from_invoice=OuterRef("pk"), to_invoice__voided_at=None
        )
        return self.annotate(
            paid_total=_sum_of(_net_payments(), by="invoice", of="net_minor"),
            credited_total=_sum_of(credited, by="invoice", of="total_minor"),
            disputed_total=_sum_of(disputed, by="invoice", of="amount_minor"),
            carried_total=_sum_of(carried, by="from_invoice", of="amount_minor"),
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

    def totals_of(self, *, invoice_id: int) -> tuple[int, int, int, int]:
        """The credited, paid, disputed and carried totals of one invoice, read now (minor units).

        Defined as in `with_paid`; all 0 if there is no such invoice.
        """
        with connection.cursor() as cursor:
            cursor.execute(_TOTALS, {"invoice": invoice_id})
            credited, paid, disputed, carried = cursor.fetchone()
        return int(credited), int(paid), int(disputed), int(carried)


def _net_payments() -> models.QuerySet[Any, Any]:
    """The payments of the outer invoice with `net_minor`: less refunds and lost chargebacks."""
    refunds = Refund.objects.filter(payment=OuterRef("pk")).exclude(state=Refund.State.FAILED)
    lost = Chargeback.objects.filter(payment=OuterRef("pk"), state=Chargeback.State.LOST)
    return Payment.objects.filter(invoice=OuterRef("pk")).annotate(
        net_minor=F("amount_minor")
        - _sum_of(refunds, by="payment", of="amount_minor")
        - _sum_of(lost, by="payment", of="amount_minor")
    )


def _sum_of(rows: models.QuerySet[Any, Any], *, by: str, of: str) -> Coalesce:
    grouped = rows.order_by().values(by).annotate(sum_total=Sum(of)).values("sum_total")
    return Coalesce(Subquery(grouped), 0)
