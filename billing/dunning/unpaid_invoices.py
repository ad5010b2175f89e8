"""What a provider's standing is derived from: unpaid invoices, a deferral, recorded steps."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import F, Max, Min, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import JSONObject

from billing.choices import Collection
from billing.dunning.stages import Debt
from billing.models import (
    ChargeAttempt,
    Chargeback,
    DunningStep,
    Invoice,
    LineDispute,
    PaymentMethod,
    SuspensionDeferral,
)
from billing.models.payments import WITHDRAWN
from core.months import day_starts_at


@dataclass(frozen=True, slots=True)
class UnpaidInvoices:
    """A provider's unpaid invoices, and the last day of its deferral, which moves only their steps.

    `deferred_through` is None without an unpaid invoice.
    """

    debts: tuple[Debt, ...]
    deferred_through: date | None

    def deferred_until(self, zone: ZoneInfo) -> datetime | None:
        """When the deferral ends: where the day after its last begins in the billing zone."""
        if self.deferred_through is None:
            return None
        return day_starts_at(day=self.deferred_through + timedelta(days=1), zone=zone)


def read_facts() -> UnpaidInvoices:
    """The facts of the provider whose schema is entered, in one statement."""
    rows = list(_debts())
    return UnpaidInvoices(
        debts=tuple(_debt(row) for row in rows),
        deferred_through=rows[0]["deferred_through"] if rows else None,
    )


def read_open_steps() -> frozenset[str]:
    """The steps that the entered provider has reached and not left again, as recorded."""
    return frozenset(DunningStep.objects.filter(ended_at=None).values_list("step", flat=True))


def _debts() -> QuerySet[Any, Any]:
    failed = (
        ChargeAttempt.objects.filter(invoice=OuterRef("pk"), state=ChargeAttempt.State.FAILED)
        # Nobody's bank refused a payment that we took back ourselves.
        .exclude(decline_code=WITHDRAWN)
        .order_by()
        .values("invoice")
        .annotate(first=Min("finished_at"))
        .values("first")
    )
    declined = LineDispute.objects.filter(invoice=OuterRef("pk"), state=LineDispute.State.DECLINED)
    lost = Chargeback.objects.filter(payment__invoice=OuterRef("pk"), state=Chargeback.State.LOST)
    card = PaymentMethod.objects.filter(replaced_at=None).values("stripe_payment_method_id")
    latest = ChargeAttempt.objects.filter(
        invoice=OuterRef("pk"), stripe_payment_method_id__in=card
    ).order_by("-id")
    deferrals = SuspensionDeferral.objects.filter(withdrawn_at=None).order_by("-last_day")
    standing = Invoice.objects.with_paid().filter(voided_at=None, written_off_at=None)
    unpaid: QuerySet[Any, Any] = standing.annotate(
        # `Amounts.due_minor`, where it is above nought.
        due=F("total_minor") - F("credited_total") - F("paid_total") - F("disputed_total"),
        charge_failed_at=Subquery(failed),
        next_attempt_at=Subquery(latest.values("retry_at")[:1]),
        declined=_in_one(declined, by="invoice", last="answered_at"),
        lost=_in_one(lost, by="payment__invoice", last="closed_at"),
        deferred_through=Subquery(deferrals.values("last_day")[:1]),
    )
    # What is disputed counts for no step until operations have answered.
    return unpaid.filter(due__gt=0).values(
        "id",
        "number",
        "due_date",
        "billing_time_zone",
        "currency",
        "collection",
        "due",
        "charge_failed_at",
        "next_attempt_at",
        "declined",
        "lost",
        "deferred_through",
    )


def _in_one(rows: QuerySet[Any, Any], *, by: str, last: str) -> Subquery:
    """What these rows come to and the instant of the last, as one JSON value; None for no rows."""
    both = JSONObject(minor=Sum("amount_minor"), at=Max(last))
    return Subquery(rows.order_by().values(by).annotate(both=both).values("both"))


def _debt(row: dict[str, Any]) -> Debt:
    # What is agreed to come by transfer is not late because a card was tried and failed.
    is_automatic = row["collection"] == Collection.AUTOMATIC
    failed_at = row["charge_failed_at"] if is_automatic else None
    zone = ZoneInfo(row["billing_time_zone"])
    due_date = row["due_date"]
    again_at = _due_again_at(row)
    if again_at and again_at.astimezone(zone).date() > due_date:
        due_date, failed_at = again_at.astimezone(zone).date(), None
    return Debt(
        invoice_id=row["id"],
        number=row["number"],
        due_date=due_date,
        zone=zone,
        owed_minor=row["due"],
        currency=row["currency"],
        charge_failed_at=failed_at,
        next_attempt_at=row["next_attempt_at"],
    )


def _due_again_at(row: dict[str, Any]) -> datetime | None:
    """Since when all that is due has been due again, its dispute declined or chargeback lost.

    None while any of the rest is unpaid too: that has been due since the invoice was.
    """
    came_back = [part for part in (row["declined"], row["lost"]) if part]
    if not came_back or row["due"] > sum(part["minor"] for part in came_back):
        return None
    return max(datetime.fromisoformat(part["at"]) for part in came_back)
