"""The unpaid invoices of a provider and its deferral, from which its status is derived."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import F, Max, Min, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import JSONObject

from billing.charge_limits import is_too_small
from billing.choices import Collection
from billing.dunning.stages import Debt, DunningStatus, status_at
from billing.models import (
    ChargeAttempt,
    Chargeback,
    Invoice,
    LineDispute,
    PaymentMethod,
    SuspensionDeferral,
)
from billing.models.invoice_queries import UNPAID
from billing.models.payments import NOT_DECLINED
from core.months import day_ends_at


def read_status(*, zone: ZoneInfo, now: datetime) -> DunningStatus:
    """The dunning status of the current provider at `now`, in one statement.

    `zone` is the provider's billing zone: its deferral ends when the day after the last one begins.
    """
    # What is too small for a card is carried to the next invoice and reaches no step.
    rows = [row for row in _unpaid_invoices() if not is_too_small(row["due"], row["currency"])]
    last_day = rows[0]["deferred_through"] if rows else None
    return status_at(
        now,
        debts=[_debt(row) for row in rows],
        deferred_until=day_ends_at(day=last_day, zone=zone) if last_day else None,
    )


def _unpaid_invoices() -> QuerySet[Any, Any]:
    failed = (
        ChargeAttempt.objects.filter(invoice=OuterRef("pk"), state=ChargeAttempt.State.FAILED)
        .exclude(decline_code__in=NOT_DECLINED)
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
    invoices = Invoice.objects.with_paid().filter(voided_at=None, written_off_at=None)
    unpaid: QuerySet[Any, Any] = invoices.annotate(
        # The same as `Amounts.due_minor` where that is above zero.
        due=UNPAID - F("disputed_total"),
        charge_failed_at=Subquery(failed),
        next_attempt_at=Subquery(latest.values("retry_at")[:1]),
        declined=_total_and_last(declined, by="invoice", last="answered_at"),
        lost=_total_and_last(lost, by="payment__invoice", last="closed_at"),
        deferred_through=Subquery(deferrals.values("last_day")[:1]),
    )
    # A disputed amount reaches no step until operations have answered.
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


def _total_and_last(rows: QuerySet[Any, Any], *, by: str, last: str) -> Subquery:
    """The total of the rows and the instant of the last, as one JSON value; None for no rows."""
    both = JSONObject(minor=Sum("amount_minor"), at=Max(last))
    return Subquery(rows.order_by().values(by).annotate(both=both).values("both"))


def _debt(row: dict[str, Any]) -> Debt:
    # An invoice to be paid by transfer is not overdue because a charge failed.
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
    """When the amount became due again: its dispute was declined or its chargeback lost.

    None if more than that is unpaid: the rest has been due since the due date of the invoice.
    """
    restored = [part for part in (row["declined"], row["lost"]) if part]
    if not restored or row["due"] > sum(part["minor"] for part in restored):
        return None
    return max(datetime.fromisoformat(part["at"]) for part in restored)
