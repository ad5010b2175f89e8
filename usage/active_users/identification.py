"""Finds the users that reported activity names, by id, external id or e-mail; as sets."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db import connection

from core.addresses import address_key
from tenants.models import Organization
from usage.sql import statement

IDENTIFY_CURRENT, IDENTIFY_REMOVED = statement("identify_current"), statement("identify_removed")
# Clocks of reporting systems may be ahead by this much.
CLOCK_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Sighting:
    """A user seen active at an instant; exactly one of the other three fields names the user."""

    at: datetime
    user_id: int | None = None
    external_id: str | None = None
    email: str | None = None


class RefusalReason(StrEnum):
    """The reason why a sighting is not recorded."""

    UNKNOWN_USER = "unknown-user"
    REMOVED_USER = "removed-user"
    IN_THE_FUTURE = "in-the-future"
    BEFORE_ORGANIZATION = "before-organization"
    OVER_LIMIT = "threshold-reached"


@dataclass(frozen=True, slots=True)
class IdentifiedSighting:
    """A sighting with its user. `month` is the first day of the billing month.

    `position` is the sighting's index in the report, `is_closed` is of the month, and `is_counted`
    says whether the user is counted in it already.
    """

    position: int
    user_id: int
    at: datetime
    month: date
    is_closed: bool
    is_counted: bool


def identify_users(
    *, organization: Organization, sightings: Sequence[Sighting], now: datetime
) -> tuple[list[IdentifiedSighting], dict[int, RefusalReason]]:
    """The identified sightings in order, and by position why others can't be recorded.

    Two statements at most. A suspended user counts like any other. A removed user counts for
    instants before the removal, and a user for instants before the addition: systems may report
    activity before they report the user.
    """
    identified: list[IdentifiedSighting] = []
    refused: dict[int, RefusalReason] = {}
    rows = _select(IDENTIFY_CURRENT, organization, dict(enumerate(sightings)))
    unknown = {row[0]: sightings[row[0]] for row in rows if row[1] is None}
    if unknown:
        removed = _select(IDENTIFY_REMOVED, organization, unknown)
        rows = sorted([*(row for row in rows if row[1] is not None), *removed])
    for position, user_id, removed_at, month, first_month, is_closed, is_counted in rows:
        at = sightings[position].at
        if user_id is None:
            refused[position] = RefusalReason.UNKNOWN_USER
        elif removed_at is not None and at >= removed_at:
            refused[position] = RefusalReason.REMOVED_USER
        elif at > now + CLOCK_TOLERANCE:
            refused[position] = RefusalReason.IN_THE_FUTURE
        elif at < organization.created_at and month < first_month:
            refused[position] = RefusalReason.BEFORE_ORGANIZATION
        else:
            identified.append(
                IdentifiedSighting(position, user_id, at, month, bool(is_closed), is_counted)
            )
    return identified, refused


def _select(
    sql: str, organization: Organization, sightings: dict[int, Sighting]
) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            sql,
            {
                "organization": organization.pk,
                "created_at": organization.created_at,
                "positions": list(sightings),
                "users": [one.user_id for one in sightings.values()],
                "external_ids": [one.external_id for one in sightings.values()],
                "keys": [
                    None if one.email is None else address_key(one.email)
                    for one in sightings.values()
                ],
                "instants": [one.at for one in sightings.values()],
            },
        )
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
