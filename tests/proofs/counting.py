"""Proof that every month is counted and explained correctly: `make prove-counting`.

Random sequences of additions and removals, one organization each, in batches of one provider. Their
instants are at the begin of months, a second or some hours beside it, and in nights of daylight
saving changes, in zones from UTC-12 to UTC+14; months are closed in between. Each high-water mark,
each explanation and the active users of each month are compared with a naive replay. The last line
is one JSON object.
"""

import argparse
import json
import random
import secrets
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.own_database import own_portal
from tests.proofs.run import in_processes

BATCH = 250
ROUNDS = (3, 9)
REPORTING = 0.2
# All versions of tzdata agree on 2025. Berlin, New York, Santiago and Lord Howe change clocks.
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Santiago",
    "Pacific/Kiritimati",
    "Etc/GMT+12",
    "Australia/Lord_Howe",
)
FIRST, LAST = 9, 12
START = datetime(2025, 9, 20, tzinfo=UTC)
LONG_BEFORE = datetime(2025, 1, 1, tzinfo=UTC)


@dataclass
class Sequence:
    """Additions and removals of one organization, with their naive replay."""

    organization: Any
    naive: Any
    active: Any
    live: list[Any] = field(default_factory=list)


@dataclass
class Batch:
    """Sequences of one provider, with its time zone and closed months."""

    dice: random.Random
    zone: ZoneInfo
    differences: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def instant(self) -> datetime:
        """An instant at or near a month's begin in the zone, or anywhere in the months."""
        from core.months import Month

        begins = Month(2025, self.dice.randint(FIRST, LAST)).starts_at(self.zone)
        match self.dice.randrange(3):
            case 0:
                return begins + timedelta(seconds=self.dice.choice((-1, 0, 1)))
            case 1:
                return begins + timedelta(seconds=self.dice.randint(-7200, 7200))
            case _:
                return START + timedelta(hours=self.dice.randint(0, 90 * 24))

    def play(self, sequences: list[Sequence]) -> None:
        """Play several rounds: close a month or not, remove users, add users, report activity."""
        from core.months import Month
        from usage.ledger.month_freeze import freeze_month

        for _ in range(self.dice.randint(*ROUNDS)):
            if self.dice.random() < 0.35:
                month = Month(2025, self.dice.randint(FIRST, LAST))
                freeze_month(month=month, zone=self.zone)
                self.counts["closes"] += 1
                for sequence in sequences:
                    sequence.naive.close(month)
                    sequence.active.close(month)
            removals = {id(s): self._leavers(s) for s in sequences}
            _remove([leaver for leavers in removals.values() for leaver in leavers])
            for sequence in sequences:
                leavers = removals[id(sequence)]
                sequence.naive.happen([(when, user.pk) for user, when in leavers], -1)
                self.counts["removals"] += len(leavers)
            self._add(sequences, swapped={key for key, leavers in removals.items() if leavers})
            self._report_activity(sequences)

    def _leavers(self, sequence: Sequence) -> list[tuple[Any, datetime]]:
        number = self.dice.choice((0, 0, 1, 1, 2, 3))
        when = self.instant()
        leaving, sequence.live = sequence.live[:number], sequence.live[number:]
        return [(user, when) for user in leaving]

    def _add(self, sequences: list[Sequence], *, swapped: set[int]) -> None:
        from tenants.models import ManagedUser
        from tests.usage.counting import new_user

        added: list[tuple[Sequence, Any]] = []
        for sequence in sequences:
            number = self.dice.choice((0, 1, 1, 2, 4))
            instants = [self.instant() for _ in range(number)]
            if id(sequence) in swapped and self.dice.random() < 0.3:
                # Add a user at the instant of a removal.
                instants = [sequence.naive.log[-1][0]]
            added += [(sequence, new_user(sequence.organization, when)) for when in instants]
        ManagedUser.objects.bulk_create([user for _, user in added])
        moves: dict[int, list[tuple[datetime, int]]] = {}
        for sequence, user in added:
            sequence.live.append(user)
            moves.setdefault(id(sequence), []).append((user.added_at, user.pk))
        for sequence in sequences:
            sequence.naive.happen(moves.get(id(sequence), []), 1)
        self.counts["additions"] += len(added)

    def _report_activity(self, sequences: list[Sequence]) -> None:
        """Report activity of some users, for some of the sequences."""
        from tests.usage.sightings import report

        for sequence in sequences:
            if not sequence.live or self.dice.random() > REPORTING:
                continue
            seen = [
                (self.dice.choice(sequence.live), self.instant())
                for _ in range(self.dice.randint(1, 4))
            ]
            report(sequence.organization, *seen)
            sequence.active.report([(user.pk, when) for user, when in seen])
            self.counts["sightings"] += len(seen)

    def compare(self, sequences: list[Sequence]) -> None:
        """Compare every month of every sequence with its replay."""
        from core.metrics import Metric
        from core.months import Month
        from tests.usage.naive import explained
        from usage.explain.peaks import explain_month
        from usage.ledger.month_peaks import high_water_marks

        for sequence in sequences:
            if not _is_activity_correct(sequence):
                self.differences.append(f"{self.zone.key} active: {sequence.active.first}")
        for month in (Month(2025, number) for number in range(FIRST, LAST + 1)):
            marks = {
                level.organization_id: level.high_water_mark
                for level in high_water_marks(month=month, metrics=[Metric.USERS])
            }
            for sequence in sequences:
                organization_id = sequence.organization.pk
                explanation = explain_month(
                    organization_id=organization_id,
                    metric=Metric.USERS,
                    month=month,
                    zone=self.zone,
                )
                expected = sequence.naive.explanation(month)
                self.counts["months"] += 1
                if (
                    explained(explanation) != expected
                    or marks.get(organization_id, 0) != expected["peak"][0]
                ):
                    self.differences.append(f"{self.zone.key} {month}: {sequence.naive.log}")


def _is_activity_correct(sequence: Sequence) -> bool:
    """Whether first activity, counters and late reports equal the replay."""
    from tests.usage.sightings import active_of, first_seen
    from usage.models.active_users import LateActivity

    replay, organization = sequence.active, sequence.organization
    late = LateActivity.objects.filter(organization=organization).values_list("month", "user_id")
    return (
        first_seen(organization) == replay.first
        and active_of(organization) == {month: replay.count(month) for month, _ in replay.first}
        and {(f"{month:%Y-%m}", user_id) for month, user_id in late} == replay.late
    )


def _remove(leavers: list[tuple[Any, datetime]]) -> None:
    """Remove the users in one statement, each at its instant."""
    from django.db import connection

    if not leavers:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE tenants_manageduser u SET removed_at = gone.at"
            " FROM unnest(%s::bigint[], %s::timestamptz[]) AS gone (id, at) WHERE u.id = gone.id",
            [[user.pk for user, _ in leavers], [when for _, when in leavers]],
        )


def run_sequences(arguments: tuple[int, int]) -> tuple[Counter[str], list[str]]:
    """Run so many sequences with this seed in a separate provider; returns counts, differences."""
    import django

    django.setup()
    from core.schema import provider_schema
    from tests.providers import close_provider, open_provider

    sequences, seed = arguments
    suffix = secrets.token_hex(2).upper()
    provider = open_provider(canary=f"Count{suffix}", prefix=f"CNT{suffix}")
    dice, counts, differences = random.Random(seed), Counter[str](), list[str]()
    try:
        with provider_schema(provider):
            for number in _sizes(sequences):
                batch = Batch(dice, ZoneInfo(dice.choice(ZONES)))
                _run_batch(batch, number)
                counts += batch.counts
                differences += batch.differences
    finally:
        close_provider(provider)
    return counts, differences


def _sizes(sequences: int) -> Iterator[int]:
    for first in range(0, sequences, BATCH):
        yield min(BATCH, sequences - first)


def _run_batch(batch: Batch, number: int) -> None:
    """Play and compare one batch, in a transaction that is rolled back."""
    from django.db import transaction

    from tenants.models import Organization
    from tests.usage.counting import set_policy
    from tests.usage.naive import Naive, NaiveActivity

    with transaction.atomic():
        set_policy(billing_time_zone=batch.zone.key, free_user_limit=None)
        organizations = Organization.objects.bulk_create(
            Organization(name=f"Organization {n}", created_at=LONG_BEFORE) for n in range(number)
        )
        sequences = [
            Sequence(each, Naive(batch.zone), NaiveActivity(batch.zone, None))
            for each in organizations
        ]
        batch.play(sequences)
        batch.compare(sequences)
        batch.counts["sequences"] += number
        transaction.set_rollback(True)


def prove(*, sequences: int, seed: int) -> dict[str, object]:
    """Run the sequences in several processes; returns the JSON object of the last line."""
    return in_processes(run_sequences, amount=sequences, seed=seed, name="differences")


def main() -> int:
    """Run the proof with the arguments of the command line; returns 1 if there are differences."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--sequences", type=int, default=50_000, help="how many (50,000)")
    parser.add_argument("--seed", type=int, default=None, help="of the random numbers (random)")
    arguments = parser.parse_args()
    seed = secrets.randbelow(2**31) if arguments.seed is None else arguments.seed
    with own_portal():
        result = prove(sequences=arguments.sequences, seed=seed)
    sys.stdout.write(json.dumps(result) + "\n")
    return 1 if result["differences"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
