"""Somebody in the demo was told late: the rehearsal shows what the next close bills for it."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from core.months import Month
from tenants.models import ManagedUser, Organization
from tenants.users.membership import Via

PERSON = {"name": "Priya Raman", "email": "priya.raman@contractors.example"}


def report_late_usage(
    *, organization: Organization, month: Month, zone: ZoneInfo, told_by: str
) -> None:
    """One user who came near the end of a closed month, was entered after it, and left soon."""
    ends_at = month.ends_at(zone)
    person = ManagedUser.objects.create(
        organization=organization,
        added_at=ends_at - timedelta(days=3, hours=7),
        added_by_name=told_by,
        added_via=Via.DEMO,
        **PERSON,
    )
    person.removed_at, person.removed_by_name = ends_at + timedelta(hours=6), told_by
    person.save(update_fields=["removed_at", "removed_by_name"])
