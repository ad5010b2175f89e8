"""Believable joining and leaving: who came and went in an organization, instant by instant."""

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
    """Which way somebody went."""

    LEFT = -1
    JOINED = 1


@dataclass(frozen=True)
class Person:
    """Somebody of an organization, with one device or two."""

    name: str
    email: str
    serial_numbers: tuple[str, ...]


@dataclass(frozen=True)
class Move:
    """A person who joined or left at an instant."""

    at: datetime
    change: Change
    person: Person


class Story:
    """An organization's past: the same organization and months always give the same one."""

    def __init__(
        self,
        *,
        organization: DemoOrganization,
        months: list[Month],
        zone: ZoneInfo,
        has_churn: bool,
    ) -> None:
        self._organization = organization
        self._months = months
        self._zone = zone
        self._has_churn = has_churn
        self._chance = random.Random(organization.name)  # noqa: S311 - a story, not a secret
        self._people = _people(organization, self._chance)
        self._present: list[Person] = []

    def moves(self, *, month: Month, now: datetime) -> list[Move]:
        """The month's moves in order of time, none after `now`. Ask month by month, in order."""
        starts_at, ends_at = month.starts_at(self._zone), min(month.ends_at(self._zone), now)
        if month == self._months[0]:
            ends_at = min(starts_at + timedelta(days=3), now)
        changes = self._changes(self._target(self._months.index(month)))
        self._present = [who for who in self._present if (Change.LEFT, who) not in changes] + [
            who for change, who in changes if change == Change.JOINED
        ]
        instants = _instants(
            count=len(changes),
            starts_at=starts_at,
            ends_at=ends_at,
            zone=self._zone,
            chance=self._chance,
        )
        return [Move(at, *change) for at, change in zip(instants, changes, strict=True)]

    def _target(self, number: int) -> int:
        then, now = self._organization.users_then, self._organization.users_now
        return round(then + (now - then) * number / (len(self._months) - 1))

    def _changes(self, target: int) -> list[tuple[Change, Person]]:
        leaving = max(0, len(self._present) - target)
        if self._has_churn:
            share = MONTHLY_LEAVERS * self._chance.uniform(0.3, 1.7)
            leaving = max(leaving, round(len(self._present) * share))
        leavers = self._chance.sample(self._present, leaving)
        joining = target - len(self._present) + leaving
        changes = [(Change.LEFT, who) for who in leavers]
        changes += [(Change.JOINED, next(self._people)) for _ in range(joining)]
        self._chance.shuffle(changes)
        return changes


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
    """`count` instants in order, in working hours wherever the span has room for them."""
    span = (ends_at - starts_at).total_seconds()
    anywhen = [
        (starts_at + timedelta(seconds=chance.uniform(0.01, 0.99) * span)).astimezone(zone)
        for _ in range(count)
    ]
    at_work = [local.replace(hour=8 + local.hour * 10 // 24) for local in anywhen]
    return sorted(
        work if starts_at <= work < ends_at else local
        for local, work in zip(anywhen, at_work, strict=True)
    )
