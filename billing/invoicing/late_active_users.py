"""Late usage of closed months that were billed by active users."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.db.models import Count, F, Q
from django.db.models.expressions import RawSQL

from billing.contracts.free_allowance import billed_contract
from billing.invoicing.late_usage_lines import AlreadyBilled, LateUsageMonth
from billing.models import BillingProfile
from billing.rating.billed_quantities import billed_quantities
from billing.rating.rate_month import BilledQuantity, billed_by
from billing.rating.terms import terms_of
from core.metrics import Metric
from core.months import Month
from usage.formatting import counted_noun
from usage.models.active_users import LateActivity


@dataclass(frozen=True, slots=True)
class LateActiveUsersMonth:
    """The active users of a closed month that were reported late.

    `late` has the id, the name and the number of users of each organization.
    """

    month: Month
    late: tuple[tuple[int, str, int], ...]


# The instant from which a month is billed; no row for one that is billed from its beginning.
_COUNTED_FROM = """
    SELECT c.counted_from FROM usage_month_counted_from c
    WHERE c.month = usage_lateactivity.month
"""


def late_active_users_months(*, through: int | None = None) -> list[LateActiveUsersMonth]:
    """The months with active users reported late, by month; with `through`, up to that row's id.

    Users who were seen before their month was billed are left out (docs/decisions/0031).
    """
    counted_from = RawSQL(_COUNTED_FROM, [])  # noqa: S611 # nosec B611 - a constant
    reported = LateActivity.objects.annotate(counted_from=counted_from).filter(
        Q(counted_from=None) | Q(seen_at__gte=F("counted_from"))
    )
    if through is not None:
        reported = reported.filter(pk__lte=through)
    counts = (
        reported.order_by("month", "organization_id")
        .values_list("month", "organization_id", "organization__name")
        .annotate(users=Count("pk"))
    )
    months: dict[Month, list[tuple[int, str, int]]] = {}
    for month, organization_id, name, users in counts:
        months.setdefault(Month.of_day(month), []).append((organization_id, name, users))
    return [LateActiveUsersMonth(month, tuple(late)) for month, late in months.items()]


def rated_activity_month(
    *, activity: LateActiveUsersMonth, billed: AlreadyBilled
) -> LateUsageMonth | None:
    """The month with its late usage; None if its active users are free.

    `billed` are the quantities that earlier adjustments charged.
    """
    contract = billed_contract(activity.month)
    if contract is None or contract.metric != Metric.ACTIVE_USERS:
        return None
    profile = BillingProfile.objects.current()
    counted = billed_quantities(month=activity.month, metric=Metric.ACTIVE_USERS)
    name = f"{activity.month.first_day:%B %Y}"
    return LateUsageMonth(
        first_day=activity.month.first_day,
        terms=terms_of(contract, profile, month=activity.month),
        counted=counted,
        corrected=_corrected(counted, activity.late),
        billed=billed,
        reasons={
            pk: f"Reported after {name} was closed: {counted_noun(users, 'active users')}."
            for pk, _, users in activity.late
        },
    )


def _corrected(
    counted: Sequence[BilledQuantity], late: Sequence[tuple[int, str, int]]
) -> list[BilledQuantity]:
    quantities = {each.organization_id: each for each in counted}
    for pk, name, users in late:
        known = quantities.get(pk) or BilledQuantity(pk, name, Metric.ACTIVE_USERS, 0)
        quantities[pk] = replace(known, quantity=known.quantity + users)
    return billed_by(metric=Metric.ACTIVE_USERS, quantities=quantities.values())
