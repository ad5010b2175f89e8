"""What a provider's standing is derived from, read in one statement for any number of providers."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import F, Max, Min, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import JSONObject

from billing.choices import Collection
from billing.models import (
    ChargeAttempt,
    Chargeback,
    Invoice,
    LineDispute,
    PaymentMethod,
    StandingStep,
    SuspensionDeferral,
)
from billing.models.charging import WITHDRAWN
from billing.standing_rules import Debt
from mtp.schema import connection
from usage.periods import day_starts_at

# What the rows of `_PARTS` are read from; columns follow their table without its schema.
_TABLE = re.compile(r'(FROM|JOIN) (?="billing_\w+")')


@dataclass(frozen=True, slots=True)
class Facts:
    """A provider's unpaid invoices, the last day of its deferral, and its steps in force."""

    debts: tuple[Debt, ...]
    deferred_through: date | None
    open_steps: frozenset[str]

    def deferred_until(self, zone: ZoneInfo) -> datetime | None:
        """When the deferral ends: where the day after its last begins in the billing zone."""
        if self.deferred_through is None:
            return None
        return day_starts_at(day=self.deferred_through + timedelta(days=1), zone=zone)


def facts_of(*, schemas: Sequence[str]) -> dict[str, Facts]:
    """The facts of these providers by schema, in one statement, whatever schema is entered."""
    if not schemas:
        return {}
    asked = [_question(schema) for schema in schemas]
    with connection.cursor() as cursor:
        cursor.execute(
            " UNION ALL ".join(sql for sql, _ in asked),
            [parameter for _, parameters in asked for parameter in parameters],
        )
        return {schema: _facts(*parts) for schema, *parts in cursor.fetchall()}


def _question(schema: str) -> tuple[str, list[Any]]:
    """One row: the schema, and the rows of each part as JSON text."""
    columns: list[str] = []
    parameters: list[Any] = [schema]
    for sql, values in _parts():
        columns.append(f"(SELECT json_agg(part)::text FROM ({sql}) part)")  # noqa: S608 - compiled by Django, values are parameters
        parameters.extend(values)
    into_schema = rf"\1 {connection.ops.quote_name(schema)}."
    return _TABLE.sub(into_schema, f"SELECT %s, {', '.join(columns)}"), parameters


@cache
def _parts() -> tuple[tuple[str, tuple[Any, ...]], ...]:
    parts: tuple[QuerySet[Any, Any], ...] = (
        _debts(),
        SuspensionDeferral.objects.filter(withdrawn_at=None).values("last_day"),
        StandingStep.objects.filter(ended_at=None).values("step"),
    )
    return tuple(part.query.sql_with_params() for part in parts)


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
    standing = Invoice.objects.with_paid().filter(voided_at=None, written_off_at=None)
    unpaid: QuerySet[Any, Any] = standing.annotate(
        # `Amounts.due_minor`, where it is above nought.
        due=F("total_minor") - F("credited_total") - F("paid_total") - F("disputed_total"),
        charge_failed_at=Subquery(failed),
        next_attempt_at=Subquery(latest.values("retry_at")[:1]),
        declined=_in_one(declined, by="invoice", last="answered_at"),
        lost=_in_one(lost, by="payment__invoice", last="closed_at"),
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
    )


def _in_one(rows: QuerySet[Any, Any], *, by: str, last: str) -> Subquery:
    """What these rows come to and the instant of the last, as one JSON value; None for no rows."""
    both = JSONObject(minor=Sum("amount_minor"), at=Max(last))
    return Subquery(rows.order_by().values(by).annotate(both=both).values("both"))


def _facts(debts: str | None, deferrals: str | None, steps: str | None) -> Facts:
    last_days = [date.fromisoformat(row["last_day"]) for row in _rows(deferrals)]
    return Facts(
        debts=tuple(_debt(row) for row in _rows(debts)),
        deferred_through=max(last_days, default=None),
        open_steps=frozenset(row["step"] for row in _rows(steps)),
    )


def _rows(text: str | None) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(text) if text else []
    return rows


def _debt(row: dict[str, Any]) -> Debt:
    # What is agreed to come by transfer is not late because a card was tried and failed.
    is_automatic = row["collection"] == Collection.AUTOMATIC
    failed_at = row["charge_failed_at"] if is_automatic else None
    zone = ZoneInfo(row["billing_time_zone"])
    due_date = date.fromisoformat(row["due_date"])
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
        charge_failed_at=_instant(failed_at),
        next_attempt_at=_instant(row["next_attempt_at"]),
    )


def _due_again_at(row: dict[str, Any]) -> datetime | None:
    """Since when all that is due has been due again, its dispute declined or chargeback lost.

    None while any of the rest is unpaid too: that has been due since the invoice was.
    """
    came_back = [part for part in (row["declined"], row["lost"]) if part]
    if not came_back or row["due"] > sum(part["minor"] for part in came_back):
        return None
    return max(datetime.fromisoformat(part["at"]) for part in came_back)


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
