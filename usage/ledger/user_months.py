"""One organization's months: what it peaked at, when, and with whom."""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from core.metrics import Metric
from core.months import Month
from tenants.models import Organization
from usage.models import MonthlyUsage, OrganizationCounter


@dataclass(frozen=True, slots=True)
class UserMonth:
    """A month's high-water mark of users; `peak_at` is None when the level was carried in.

    `share` is the mark in per cent of the highest of the months beside it, for a bar.
    """

    first_day: date
    high_water_mark: int
    peak_at: datetime | None
    peak_name: str
    share: int


def user_months(
    *, organization: Organization, month: Month, zone: ZoneInfo, months: int = 12
) -> list[UserMonth]:
    """The organization's marks of `month` and those before, newest first, in two statements.

    None from before the organization's first month. A month without a row had no event: its level
    is the one carried into the next month with a row, or the present count (docs/decisions/0004).
    """
    wanted = [month]
    while len(wanted) < months and Month.of(organization.created_at, zone) < wanted[-1]:
        wanted.append(wanted[-1].previous)
    users = {"organization": organization, "metric": Metric.USERS}
    level = OrganizationCounter.objects.values_list("count", flat=True).get(**users)
    rows = {
        row.month: row
        for row in MonthlyUsage.objects.filter(
            month__gte=wanted[-1].first_day, **users
        ).select_related("peak_event")
    }
    marks: list[tuple[date, int, MonthlyUsage | None]] = []
    for each in wanted:
        row = rows.get(each.first_day)
        marks.append((each.first_day, row.high_water_mark if row else level, row))
        level = row.carried_in if row else level
    highest = max(mark for _, mark, _ in marks) or 1
    return [
        UserMonth(
            first_day=first_day,
            high_water_mark=mark,
            peak_at=row.peak_at if row else None,
            peak_name=row.peak_event.subject_name if row and row.peak_event else "",
            share=round(100 * mark / highest),
        )
        for first_day, mark, row in marks
    ]
