"""Telling who was active, as short as the tests want it."""

from datetime import datetime

from tenants.models import ManagedUser, Organization
from tenants.users.membership import Via
from usage.active_users.identification import Sighting
from usage.active_users.recording import Recorded, Reporter, record_activity
from usage.models import ActiveMonth, ActiveUser

REPORTER = Reporter(name="API key mtp_test", via=Via.API)
LATER = datetime.fromisoformat("2030-01-01T00:00+00:00")


def report(
    organization: Organization,
    *seen: tuple[ManagedUser, datetime],
    is_all_or_nothing: bool = True,
    now: datetime = LATER,
) -> Recorded:
    """Users seen at instants, in one report."""
    return record_activity(
        organization=organization,
        sightings=[Sighting(at=when, user_id=user.pk) for user, when in seen],
        reporter=REPORTER,
        is_all_or_nothing=is_all_or_nothing,
        now=now,
    )


def active_of(organization: Organization) -> dict[str, int]:
    """The months of an organization that have a counter."""
    rows = ActiveMonth.objects.filter(organization=organization)
    return {f"{row.month:%Y-%m}": row.count for row in rows}


def first_seen(organization: Organization) -> dict[tuple[str, int], datetime]:
    """Who was first seen when, by month and user."""
    rows = ActiveUser.objects.filter(organization=organization)
    return {(f"{row.month:%Y-%m}", row.user_id): row.first_seen_at for row in rows}
