"""Simulated joiners and leavers of the demo's organizations, with an instant for each."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from pathlib import Path
from zoneinfo import ZoneInfo

from core.months import Month
from mtp.demo.companies import DemoOrganization

MONTHLY_LEAVERS = 0.03
SECOND_DEVICE = 0.16
_FIRST_NAMES = (Path(__file__).parent / "first_names.txt").read_text().split()
_LAST_NAMES = (Path(__file__).parent / "last_names.txt").read_text().split()


class Change(IntEnum):
    """What a move does to the count of users."""

    LEFT = -1
    JOINED = 1


@dataclass(frozen=True)
class Person:
    """A user of an organization, with one or two devices."""

    name: str
    email: str
    serial_numbers: tuple[str, ...]


@dataclass(frozen=True)
class Move:
    """A person who joined or left at an instant."""

    at: datetime
    change: Change
    person: Person


def monthly_moves(
    organization: DemoOrganization,
    *,
    months: list[Month],
    zone: ZoneInfo,
    has_churn: bool,
    now: datetime,
) -> Iterator[list[Move]]:
    """Yield each month's moves in order of time, none of them after `now`.

    The same organization and months always give the same people and moves.
    """
    chance = random.Random(organization.name)  # noqa: S311 - a simulation, not a secret
    newcomers = _people(organization, chance)
    growth = organization.users_now - organization.users_at_start
    present: list[Person] = []
    for number, month in enumerate(months):
        starts_at, ends_at = month.starts_at(zone), min(month.ends_at(zone), now)
        if number == 0:
            ends_at = min(starts_at + timedelta(days=3), now)
        target = round(organization.users_at_start + growth * number / (len(months) - 1))
        leaving = max(0, len(present) - target)
        if has_churn:
            share = MONTHLY_LEAVERS * chance.uniform(0.3, 1.7)
            leaving = max(leaving, round(len(present) * share))
        leavers = chance.sample(present, leaving)
        joiners = [next(newcomers) for _ in range(target - len(present) + leaving)]
        present = [person for person in present if person not in leavers]
        changes = [(Change.LEFT, person) for person in leavers]
        changes += [(Change.JOINED, person) for person in joiners]
        chance.shuffle(changes)
        present += [person for change, person in changes if change == Change.JOINED]
        instants = _instants(
            count=len(changes), starts_at=starts_at, ends_at=ends_at, zone=zone, chance=chance
        )
        yield [Move(at, *change) for at, change in zip(instants, changes, strict=True)]


def _people(organization: DemoOrganization, chance: random.Random) -> Iterator[Person]:
    seen: set[str] = set()
    prefix = "".join(word[0] for word in organization.name.split() if word[0].isalpha()).upper()
    number = 0
    while True:
        first, last = chance.choice(_FIRST_NAMES), chance.choice(_LAST_NAMES)
        address = f"{first}.{last}".lower()
        if address in seen:
            continue
        seen.add(address)
        number += 1
        devices = 2 if chance.random() < SECOND_DEVICE else 1
        yield Person(
            name=f"{first} {last}",
            email=f"{address}@{organization.domain}",
            serial_numbers=tuple(f"{prefix}-{number:04d}-{'AB'[n]}" for n in range(devices)),
        )


def _instants(
    *, count: int, starts_at: datetime, ends_at: datetime, zone: ZoneInfo, chance: random.Random
) -> list[datetime]:
    """`count` instants in order, in working hours if these lie between start and end."""
    span = (ends_at - starts_at).total_seconds()
    any_hour = [
        (starts_at + timedelta(seconds=chance.uniform(0.01, 0.99) * span)).astimezone(zone)
        for _ in range(count)
    ]
    at_work = [local.replace(hour=8 + local.hour * 10 // 24) for local in any_hour]
    return sorted(
        work if starts_at <= work < ends_at else local
        for local, work in zip(any_hour, at_work, strict=True)
    )
