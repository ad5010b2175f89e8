"""Records reported activity: each user once a month, a whole report in a few statements."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from django.db import connection, transaction

from tenants.models import Organization
from tenants.refusals import MauLimitReached, translated_refusals
from tenants.users.membership import Via
from usage.active_users.identification import (
    IdentifiedSighting,
    RefusalReason,
    Sighting,
    identify_users,
)

# No month can close between reading which months are closed and recording in them.
HOLD_LEDGER_OPEN = "SELECT pg_advisory_xact_lock_shared('usage_usageevent'::regclass::oid::bigint)"
RECORD = """
    INSERT INTO usage_activeuser AS a (organization_id, month, user_id, first_seen_at,
                                       reported_at, reported_by_name, via)
    SELECT %(organization)s, s.month, s.user_id, s.at, %(now)s, %(by)s, %(via)s
    FROM unnest(%(users)s::bigint[], %(months)s::date[], %(instants)s::timestamptz[])
        AS s (user_id, month, at)
    ORDER BY s.user_id, s.month
    ON CONFLICT (organization_id, month, user_id)
        DO UPDATE SET first_seen_at = excluded.first_seen_at
        WHERE excluded.first_seen_at < a.first_seen_at
    RETURNING user_id, month, xmax = 0
"""
RECORD_LATE = """
    INSERT INTO usage_lateactivity (organization_id, month, user_id, seen_at,
                                    reported_at, reported_by_name, via)
    SELECT %(organization)s, s.month, s.user_id, s.at, %(now)s, %(by)s, %(via)s
    FROM unnest(%(users)s::bigint[], %(months)s::date[], %(instants)s::timestamptz[])
        AS s (user_id, month, at)
    ORDER BY s.user_id, s.month
    ON CONFLICT (organization_id, month, user_id) DO NOTHING
"""


@dataclass
class ActivityRefused(Exception):
    """Nothing was recorded, as some sightings can't be; the reasons by position in the report."""

    reasons: dict[int, RefusalReason]

    def __str__(self) -> str:
        return f"{len(self.reasons)} reports are refused"


@dataclass(frozen=True, slots=True)
class Recorded:
    """The result of a report, as positions of its sightings.

    `new` count a user, `repeated` are of users who are counted already, `late` are of a closed
    month: stored and not counted in it. `refused` has the reasons for the others.
    """

    new: tuple[int, ...]
    repeated: tuple[int, ...]
    late: tuple[int, ...]
    refused: dict[int, RefusalReason]


@dataclass(frozen=True, slots=True)
class Reporter:
    """The person or system that reports activity, and the way of the report."""

    name: str
    via: Via


@transaction.atomic
def record_activity(
    *,
    organization: Organization,
    sightings: Sequence[Sighting],
    reporter: Reporter,
    is_all_or_nothing: bool,
    now: datetime,
) -> Recorded:
    """Count the reported users, each once in its month; a repeated report changes nothing.

    With `is_all_or_nothing`, raises `ActivityRefused` when any sighting can't be recorded and
    `MauLimitReached` when the new users would exceed the active-user limit. Otherwise these are
    refused, in order, and the rest is recorded. An earlier instant in an open month replaces the
    stored one. Raises `OrganizationRemoved`.
    """
    # Other reports of the organization wait, so what is read below stays true.
    Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
    with connection.cursor() as cursor:
        cursor.execute(HOLD_LEDGER_OPEN)
    identified, refused = identify_users(organization=organization, sightings=sightings, now=now)
    if refused and is_all_or_nothing:
        raise ActivityRefused(refused)
    report = _Report(organization, reporter, now)
    late = [one for one in identified if one.is_closed and not one.is_counted]
    report.write(RECORD_LATE, _first_of_each(late))
    current = [one for one in identified if not one.is_closed]
    if is_all_or_nothing:
        new = report.record(current)
    else:
        new, over = _record_up_to_limit(report, current)
        refused |= dict.fromkeys(over, RefusalReason.OVER_LIMIT)
    others = {*new, *refused, *(one.position for one in late)}
    return Recorded(
        new=tuple(new),
        repeated=tuple(position for position in range(len(sightings)) if position not in others),
        late=tuple(one.position for one in late),
        refused=refused,
    )


@dataclass(frozen=True, slots=True)
class _Report:
    organization: Organization
    reporter: Reporter
    now: datetime

    def write(
        self, sql: str, identified: Sequence[IdentifiedSighting]
    ) -> list[tuple[int, date, bool]]:
        if not identified:
            return []
        with connection.cursor() as cursor:
            cursor.execute(
                sql,
                {
                    "organization": self.organization.pk,
                    "now": self.now,
                    "by": self.reporter.name,
                    "via": self.reporter.via.value,
                    "users": [one.user_id for one in identified],
                    "months": [one.month for one in identified],
                    "instants": [one.at for one in identified],
                },
            )
            return cursor.fetchall() if sql is RECORD else []

    def record(self, identified: Sequence[IdentifiedSighting]) -> list[int]:
        """Record them; returns the first position of each user and month that is newly counted."""
        first = _first_of_each(identified)
        with translated_refusals():
            written = self.write(RECORD, first)
        inserted = {(user_id, month) for user_id, month, is_new in written if is_new}
        return [one.position for one in first if (one.user_id, one.month) in inserted]


def _first_of_each(identified: Sequence[IdentifiedSighting]) -> list[IdentifiedSighting]:
    """Each user and month once, with its first position and its earliest instant."""
    first: dict[tuple[int, date], IdentifiedSighting] = {}
    for one in identified:
        key = (one.user_id, one.month)
        known = first.setdefault(key, one)
        if one.at < known.at:
            first[key] = replace(known, at=one.at)
    return list(first.values())


def _record_up_to_limit(
    report: _Report, identified: Sequence[IdentifiedSighting]
) -> tuple[list[int], list[int]]:
    """Record users up to the limit; returns newly counted positions, and those over the limit."""
    remaining, over = list(identified), list[int]()
    while True:
        try:
            return report.record(remaining), over
        except MauLimitReached as reached:
            free = max(0, reached.threshold - reached.count)
            in_month = [one for one in remaining if one.month == reached.month]
            new = [one.user_id for one in _first_of_each(in_month) if not one.is_counted]
            excess = set(new[free:])
            refused = {one.position for one in in_month if one.user_id in excess}
            over += sorted(refused)
            remaining = [one for one in remaining if one.position not in refused]
