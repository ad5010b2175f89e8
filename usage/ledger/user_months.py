"""The recent months of one organization with their high-water marks of users."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.db.models import OuterRef, Subquery

from core.metrics import Metric
from core.months import Month
from tenants.models import ManagedUser, Organization
from usage.models import MonthlyUsage, OrganizationCounter


@dataclass(frozen=True, slots=True)
class UserMonth:
    """A month's high-water mark of users; `peak_at` is None when it was carried in.

    `share` is its percentage of the highest of the listed months, for a bar.
    """

    first_day: date
    high_water_mark: int
    peak_at: datetime | None = None
    peak_name: str = ""
    share: int = 0


def user_months(
    *, organization: Organization, month: Month, zone: ZoneInfo, months: int = 12
) -> list[UserMonth]:
    """The high-water marks of `month` and earlier months, newest first, in two statements.

    Months before the organization's first one are left out. A month without a row had no event: its
    count is the one carried into the next month with a row, or the current count.
    """
    listed = [month]
    while len(listed) < months and Month.of(organization.created_at, zone) < listed[-1]:
        listed.append(listed[-1].previous)
    users = {"organization": organization, "metric": Metric.USERS}
    count = OrganizationCounter.objects.values_list("count", flat=True).get(**users)
    peak_user = ManagedUser.objects.filter(pk=OuterRef("peak_event__subject_id"))
    rows = {
        row.month: row
        for row in MonthlyUsage.objects.filter(month__gte=listed[-1].first_day, **users).annotate(
            peak_name=Subquery(peak_user.values("email"))
        )
    }
    found: list[UserMonth] = []
    for each in listed:
        row = rows.get(each.first_day)
        if row is None:
            found.append(UserMonth(each.first_day, count))
            continue
        found.append(
            UserMonth(each.first_day, row.high_water_mark, row.peak_at, row.peak_name or "")
        )
        count = row.carried_in
    highest = max(each.high_water_mark for each in found) or 1
    return [replace(each, share=round(100 * each.high_water_mark / highest)) for each in found]
