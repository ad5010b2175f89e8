"""Recording who was active: each user once a month, all of a report in a few statements."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from django.db import connection, transaction

from tenants.models import Organization
from tenants.refusals import MauLimitReached, translated_refusals
from tenants.users.membership import Via
from usage.active_users.identification import IdentifiedUsers, Refused, Sighting, look_up

# Nothing is closed between looking which months are and recording in them.
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
KEEP_LATE = """
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
    """Nothing was recorded: some of what was told can't be. By place in the list, why."""

    reasons: dict[int, Refused]

    def __str__(self) -> str:
        return f"{len(self.reasons)} reports are refused"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a report: places in its list.

    `new` are users counted by it, `repeated` those who were counted before, `late` those of a month
    that is closed: kept and not counted in it. `refused` says why of the others.
    """

    new: tuple[int, ...]
    repeated: tuple[int, ...]
    late: tuple[int, ...]
    refused: dict[int, Refused]


@dataclass(frozen=True, slots=True)
class Reporter:
    """Who told it, and in which way."""

    name: str
    via: Via


@transaction.atomic
def record_activity(
    *,
    organization: Organization,
    sightings: Sequence[Sighting],
    reporter: Reporter,
    is_whole: bool,
    now: datetime,
) -> Recorded:
    """Count the users told of, each once in its month; telling it again changes nothing.

    `is_whole`: all or nothing. It raises `ActivityRefused` when any can't be recorded and
    `MauLimitReached` when the new ones would pass the threshold; otherwise those are among the
    refused, in order, and the rest is recorded. An earlier instant of an open month replaces the
    one known. Raises `OrganizationRemoved`.
    """
    # Whoever else records in it waits: what is looked up stays so.
    Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
    with connection.cursor() as cursor:
        cursor.execute(HOLD_LEDGER_OPEN)
    found, refused = look_up(organization=organization, sightings=sightings, now=now)
    if refused and is_whole:
        raise ActivityRefused(refused)
    told = _Told(organization, reporter, now)
    late = [one for one in found if one.is_closed and not one.is_counted]
    told.write(KEEP_LATE, _first_of_each(late))
    current = [one for one in found if not one.is_closed]
    if is_whole:
        new = told.record(current)
    else:
        new, over = _record_while_room(told, current)
        refused |= dict.fromkeys(over, Refused.OVER_THRESHOLD)
    apart = {*new, *refused, *(one.place for one in late)}
    repeated = tuple(place for place in range(len(sightings)) if place not in apart)
    return Recorded(
        new=tuple(new),
        repeated=repeated,
        late=tuple(one.place for one in late),
        refused=refused,
    )


@dataclass(frozen=True, slots=True)
class _Told:
    organization: Organization
    reporter: Reporter
    now: datetime

    def write(
        self, statement: str, found: Sequence[IdentifiedUsers]
    ) -> list[tuple[int, date, bool]]:
        if not found:
            return []
        with connection.cursor() as cursor:
            cursor.execute(
                statement,
                {
                    "organization": self.organization.pk,
                    "now": self.now,
                    "by": self.reporter.name,
                    "via": self.reporter.via.value,
                    "users": [one.user_id for one in found],
                    "months": [one.month for one in found],
                    "instants": [one.at for one in found],
                },
            )
            return cursor.fetchall() if statement is RECORD else []

    def record(self, found: Sequence[IdentifiedUsers]) -> list[int]:
        """Record them; the places of those that are newly counted, the first of each."""
        first = _first_of_each(found)
        with translated_refusals():
            written = self.write(RECORD, first)
        inserted = {(user_id, month) for user_id, month, is_new in written if is_new}
        return [one.place for one in first if (one.user_id, one.month) in inserted]


def _first_of_each(found: Sequence[IdentifiedUsers]) -> list[IdentifiedUsers]:
    """Each user and month once, at the place where it stands first and its earliest instant."""
    first: dict[tuple[int, date], IdentifiedUsers] = {}
    for one in found:
        key = (one.user_id, one.month)
        known = first.setdefault(key, one)
        if one.at < known.at:
            first[key] = replace(known, at=one.at)
    return list(first.values())


def _record_while_room(
    told: _Told, found: Sequence[IdentifiedUsers]
) -> tuple[list[int], list[int]]:
    """Record those for whom there is room: newly counted places, and those over the threshold."""
    kept, over = list(found), list[int]()
    while True:
        try:
            return told.record(kept), over
        except MauLimitReached as reached:
            room = max(0, reached.threshold - reached.count)
            new = [
                one
                for one in _first_of_each(kept)
                if one.month == reached.month and not one.is_counted
            ]
            turned_away = {one.user_id for one in new[room:]}
            gone = [
                one for one in kept if one.month == reached.month and one.user_id in turned_away
            ]
            over += [one.place for one in gone]
            places = {one.place for one in gone}
            kept = [one for one in kept if one.place not in places]
