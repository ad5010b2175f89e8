"""Late usage in the demo, so that the invoice preview has an adjustment."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from core.months import Month
from tenants.models import ManagedUser, Organization
from tenants.users.membership import Via

PERSON = {"name": "Priya Raman", "email": "priya.raman@contractors.example"}


def report_late_usage(
    *, organization: Organization, month: Month, zone: ZoneInfo, reported_by: str
) -> None:
    """Report one user after the close of `month`: added near its end, removed soon after it."""
    ends_at = month.ends_at(zone)
    person = ManagedUser.objects.create(
        organization=organization,
        added_at=ends_at - timedelta(days=3, hours=7),
        added_by_name=reported_by,
        added_via=Via.DEMO,
        **PERSON,
    )
    person.removed_at, person.removed_by_name = ends_at + timedelta(hours=6), reported_by
    person.save(update_fields=["removed_at", "removed_by_name"])
