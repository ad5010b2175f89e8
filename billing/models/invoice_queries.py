"""Invoices as phrases of the domain: which are outstanding, what was paid, where each stands."""

from typing import Any, Self, TypeVar

from django.db import connection, models
from django.db.models import Case, F, OuterRef, Q, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce, Greatest

from billing.models.chargebacks import Chargeback
from billing.models.corrections import CreditNote, LineDispute, Refund
from billing.models.payments import Payment

Row = TypeVar("Row", bound=models.Model)
DROPPED = Q(voided_at__isnull=False) | Q(written_off_at__isnull=False)
# As `with_paid` has them, which a test compares. Written by hand: a charge reads them several
# times, and Django takes 4.5 ms to compile its own.
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
       FROM billing_linedispute WHERE invoice_id = %(invoice)s AND state = 'open')
"""


class InvoiceQuerySet(models.QuerySet[Row, Row]):
    """Questions about a provider's invoices."""

    def with_paid(self) -> Self:
        """Each with its amounts in minor units, so that its status costs no further query.

        `paid_total` is payments less what went back, `credited_total` the sum of credit notes,
        `disputed_total` its lines under dispute (see `billing.models.invoice_amounts`).
        """
        credited = CreditNote.objects.filter(invoice=OuterRef("pk"))
        disputed = LineDispute.objects.filter(invoice=OuterRef("pk"), state=LineDispute.State.OPEN)
        return self.annotate(
            paid_total=_sum_of(_money_kept(), by="invoice", of="kept"),
            credited_total=_sum_of(credited, by="invoice", of="total_minor"),
            disputed_total=_sum_of(disputed, by="invoice", of="amount_minor"),
        )

    def with_owed(self) -> Self:
        """As `with_paid`, and `owed_total`: what is still to be paid."""
        unsettled = F("total_minor") - F("credited_total") - F("paid_total")
        return self.with_paid().annotate(
            owed_total=Case(When(DROPPED, then=Value(0)), default=Greatest(unsettled, Value(0)))
        )

    def outstanding(self) -> Self:
        """Those on which something is still owed, with the amounts of `with_owed`."""
        return self.with_owed().filter(
            voided_at=None,
            written_off_at=None,
            total_minor__gt=F("credited_total") + F("paid_total"),
        )

    def oldest_first(self) -> Self:
        """In the order they are to be paid."""
        return self.order_by("issued_at", "id")

    def newest_first(self) -> Self:
        """In the order they are listed."""
        return self.order_by("-issued_at", "-id")

    def totals_of(self, *, invoice_id: int) -> tuple[int, int, int]:
        """The credited, paid and disputed totals of one invoice, read now (minor units).

        Defined as in `with_paid`; all 0 where there is no such invoice.
        """
        with connection.cursor() as cursor:
            cursor.execute(_TOTALS, {"invoice": invoice_id})
            credited, paid, disputed = cursor.fetchone()
        return int(credited), int(paid), int(disputed)


def _money_kept() -> models.QuerySet[Any, Any]:
    """An invoice's payments, each with `kept`: less what was refunded or taken back by a bank."""
    refunds = Refund.objects.filter(payment=OuterRef("pk")).exclude(state=Refund.State.FAILED)
    lost = Chargeback.objects.filter(payment=OuterRef("pk"), state=Chargeback.State.LOST)
    return Payment.objects.filter(invoice=OuterRef("pk")).annotate(
        kept=F("amount_minor")
        - _sum_of(refunds, by="payment", of="amount_minor")
        - _sum_of(lost, by="payment", of="amount_minor")
    )


def _sum_of(rows: models.QuerySet[Any, Any], *, by: str, of: str) -> Coalesce:
    grouped = rows.order_by().values(by).annotate(sum_total=Sum(of)).values("sum_total")
    return Coalesce(Subquery(grouped), 0)
