"""A random history of one provider: its clock, and the changes of `rounds_changes`."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from django.db import DatabaseError, transaction

from accounts.models import Provider, User
from core.months import Month, day_starts_at
from core.schema import provider_schema
from tenants.models import Organization

BEGIN = datetime(2025, 3, 20, 15, tzinfo=UTC)
NEAR = (timedelta(microseconds=-1), timedelta(0), timedelta(microseconds=1), timedelta(minutes=7))


@dataclass
class History:
    """One provider and its clock; `step` does one random thing, `pass_time` lets time go by."""

    provider: Provider
    readers: list[User]
    dice: random.Random
    now: datetime = BEGIN
    serial: int = 0
    done: list[str] = field(default_factory=list)

    def pass_time(self) -> None:
        """Some minutes to some weeks, often to just before or after a local midnight or hour."""
        zone = self.provider.billing_zone()
        if self.dice.random() < 0.5:
            self.now += timedelta(minutes=self.dice.choice((1, 10, 50, 600, 3000)))
            return
        day = self.now.astimezone(zone).date() + timedelta(days=self.dice.choice((1, 1, 2, 7, 16)))
        if self.dice.random() < 0.4:
            day = Month.of_day(day).next.first_day
        at = day_starts_at(day=day, zone=zone) + timedelta(hours=self.dice.choice((0, 0, 8)))
        self.now = max(self.now, at + self.dice.choice(NEAR))

    def step(self, changes: "Sequence[Callable[[History], object]]") -> None:
        """One of these changes; one that the database refuses leaves nothing."""
        do = self.dice.choice(changes)
        self.serial += 1
        self.done.append(f"{self.now} {do.__name__}")
        try:
            with transaction.atomic(), provider_schema(self.provider):
                do(self)
        except DatabaseError as error:
            # A cap, or a constraint.
            if getattr(error.__cause__, "sqlstate", "")[:2] not in ("MT", "23"):
                raise
            self.done[-1] += " refused"

    def today(self) -> date:
        """The local day."""
        return self.now.astimezone(self.provider.billing_zone()).date()

    def some_day(self, most: int) -> date:
        """A day within `most` days before or after today."""
        return self.today() + timedelta(days=self.dice.randint(-most, most))

    def first_of_month(self, *, ahead: int) -> date:
        """The first day of a month, up to `ahead` months later."""
        this = Month.of_day(self.today())
        return this.plus(months=self.dice.randint(0, ahead)).first_day

    def organization(self) -> Organization:
        """One of at most three organizations."""
        if Organization.objects.count() < 3:
            return Organization.objects.create(
                name=f"Client {self.serial}",
                created_at=self.now,
                user_cap=self.dice.choice((None, 3, 12)),
                mau_limit=self.dice.choice((None, 2, 14)),
            )
        return self.dice.choice(list(Organization.objects.order_by("pk")))
