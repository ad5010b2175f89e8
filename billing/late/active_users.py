"""Closed months that were billed by active users, with those who were told late."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Count

from billing.agreements.free_allowance import billed_contract
from billing.late.lines import BilledUntilNow, LateMonth
from billing.models import BillingProfile
from billing.month_levels import month_levels
from billing.rating import BilledMetric, Level
from billing.terms import terms_of
from usage.active_users.models import LateActivity
from usage.periods import Month


@dataclass(frozen=True, slots=True)
class LateActivityMonth:
    """How many users each organization had active in a closed month without being counted."""

    month: Month
    late: tuple[tuple[int, str, int], ...]


def late_activity_months(*, told_before: datetime | None = None) -> list[LateActivityMonth]:
    """Each month that somebody was told of late, before an instant where one is given; by month."""
    kept = LateActivity.objects.all()
    if told_before is not None:
        kept = kept.filter(reported_at__lte=told_before)
    told = (
        kept.order_by("month", "organization_id")
        .values_list("month", "organization_id", "organization__name")
        .annotate(users=Count("pk"))
    )
    months: dict[Month, list[tuple[int, str, int]]] = {}
    for month, organization_id, name, users in told:
        months.setdefault(Month.of_day(month), []).append((organization_id, name, users))
    return [LateActivityMonth(month, tuple(late)) for month, late in months.items()]


def rated_activity_month(
    *, activity: LateActivityMonth, billed: BilledUntilNow
) -> LateMonth | None:
    """The month as it was counted and as it would have been; None where active users are free.

    `billed` is what adjustments brought it to.
    """
    contract = billed_contract(activity.month)
    if contract is None or contract.metric != BilledMetric.MAU.value:
        return None
    profile = BillingProfile.objects.filter(pk=1).first()
    counted = month_levels(month=activity.month, metric=BilledMetric.MAU)
    name = f"{activity.month.first_day:%B %Y}"
    return LateMonth(
        first_day=activity.month.first_day,
        terms=terms_of(contract, profile, month=activity.month),
        counted=tuple(counted),
        corrected=tuple(_corrected(counted, activity.late)),
        billed=billed,
        reasons={
            pk: f"Told after {name} was closed: {users:,} active {_users(users)}."
            for pk, _, users in activity.late
        },
    )


def _corrected(counted: Sequence[Level], late: Sequence[tuple[int, str, int]]) -> list[Level]:
    known = {level.organization_id: level for level in counted}
    return [
        replace(known[pk], high_water_mark=known[pk].high_water_mark + users)
        if pk in known
        else Level(pk, name, BilledMetric.MAU.value, users)
        for pk, name, users in late
    ]


def _users(number: int) -> str:
    return "user" if number == 1 else "users"
