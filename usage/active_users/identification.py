"""Whom a report of activity means: users by id, external id or e-mail, as sets."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db import connection

from tenants.models import Organization
from usage.sql import statement

LOOK_UP_LIVING, LOOK_UP_REMOVED = statement("look_up_living"), statement("look_up_removed")
# Clocks of other systems go a little ahead.
CLOCKS_DIFFER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Sighting:
    """Somebody seen active at an instant; exactly one of the three names the user."""

    at: datetime
    user_id: int | None = None
    external_id: str | None = None
    email: str | None = None


class Refused(StrEnum):
    """Why an activity is not recorded."""

    UNKNOWN_USER = "unknown-user"
    REMOVED_USER = "removed-user"
    IN_THE_FUTURE = "in-the-future"
    BEFORE_ORGANIZATION = "before-organization"
    OVER_THRESHOLD = "threshold-reached"


@dataclass(frozen=True, slots=True)
class IdentifiedUsers:
    """A sighting whose user is known. `month` is the billing month's first day.

    `is_closed`: the month is; `is_counted`: the user is counted in it already.
    """

    place: int
    user_id: int
    at: datetime
    month: date
    is_closed: bool
    is_counted: bool


def look_up(
    *, organization: Organization, sightings: Sequence[Sighting], now: datetime
) -> tuple[list[IdentifiedUsers], dict[int, Refused]]:
    """The users meant, in order, and by place why others can't be recorded.

    A suspended user is active like any other. One who was removed since counts up to that instant;
    one who was added since counts too: systems report in their own order. In two statements.
    """
    first_instant = organization.created_at
    found: list[IdentifiedUsers] = []
    refused: dict[int, Refused] = {}
    rows = _ask(LOOK_UP_LIVING, organization, dict(enumerate(sightings)))
    unknown = [place for place, user_id, *_ in rows if user_id is None]
    if unknown:
        removed = _ask(LOOK_UP_REMOVED, organization, {at: sightings[at] for at in unknown})
        rows = sorted([*(row for row in rows if row[1] is not None), *removed])
    for place, user_id, removed_at, month, starts_at, is_closed, is_counted in rows:
        at = sightings[place].at
        if user_id is None:
            refused[place] = Refused.UNKNOWN_USER
        elif removed_at is not None and at >= removed_at:
            refused[place] = Refused.REMOVED_USER
        elif at > now + CLOCKS_DIFFER:
            refused[place] = Refused.IN_THE_FUTURE
        elif at < first_instant and month < starts_at:
            refused[place] = Refused.BEFORE_ORGANIZATION
        else:
            found.append(IdentifiedUsers(place, user_id, at, month, bool(is_closed), is_counted))
    return found, refused


def _ask(
    asked: str, organization: Organization, sightings: dict[int, Sighting]
) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            asked,
            {
                "organization": organization.pk,
                "created_at": organization.created_at,
                "places": list(sightings),
                "users": [one.user_id for one in sightings.values()],
                "external_ids": [one.external_id for one in sightings.values()],
                "emails": [one.email for one in sightings.values()],
                "instants": [one.at for one in sightings.values()],
            },
        )
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
