"""A random history of a provider, played in the portal and in the naive replay.

Users and devices come, leave and move between organizations; some of it is reported late, out of
order, or after its month was closed. Months are closed some hours or days after their end.
"""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from tests.proofs.truth_replay import Agreement, bounds

YEAR, FIRST, MONTHS = 2025, 7, 4
FIRST_MONTH = (YEAR, FIRST)
LATE, LEFT_LATE, MOVED, DEVICES = 0.3, 0.5, 0.15, 0.3
PACKS, TOGETHER, EMPTIED = 0.6, 0.0, 0.2
METRICS = ("users", "users", "devices", "greater", "mau")
DELAYS = (timedelta(minutes=10), timedelta(hours=3), timedelta(days=5), timedelta(days=20))
PRICES = ("11", "0.3333", "2.4", "9.99", "0.005", "7.125", "98.7654")
TAXES = ("0", "0", "19", "7.7", "8.875")
CURRENCIES = ("USD", "USD", "EUR", "JPY", "KWD")


@dataclass
class Report:
    """What is reported at an instant: subjects that came or left, at their real instants."""

    at: datetime
    subject: int
    organization: int
    metric: str
    delta: int
    real: datetime


@dataclass
class History:
    """The reports of a provider in their order, its agreement, and the ends of its months."""

    dice: random.Random
    zone: ZoneInfo
    organizations: int
    agreement: Agreement
    reports: list[Report] = field(default_factory=list)
    # Packs of active users: when they are ordered, how many users for how many months.
    packs: list[tuple[datetime, int, int]] = field(default_factory=list)
    delays: dict[tuple[int, int], timedelta] = field(default_factory=dict)
    # Everyone leaves in the first two months, so later invoices can carry no credit.
    empties: bool = False

    @classmethod
    def random(cls, dice: random.Random, zone: ZoneInfo) -> "History":
        """A history of some organizations in four months."""
        committed = dice.choice((None, None, dice.randint(1, 30)))
        is_together = committed is not None and dice.random() < TOGETHER
        agreement = Agreement(
            metric=dice.choice(METRICS[:3] if is_together else METRICS),
            currency=dice.choice(CURRENCIES),
            price=Decimal(dice.choice(PRICES)),
            tax_rate=Decimal(dice.choice(TAXES)),
            committed=committed,
            is_together=is_together,
        )
        history = cls(dice, zone, dice.randint(3, 7), agreement)
        history._fill()
        return history

    @property
    def months(self) -> list[tuple[int, int]]:
        """The months, oldest first."""
        return [(YEAR, FIRST + number) for number in range(MONTHS)]

    def closes_at(self, month: tuple[int, int]) -> datetime:
        """When a month is closed."""
        _, ends = bounds(*month, self.zone)
        return ends + self.delays[month]

    def _fill(self) -> None:
        self.empties = self.dice.random() < EMPTIED
        self.delays = {month: self.dice.choice(DELAYS) for month in self.months}
        if self.agreement.metric == "mau" and self.dice.random() < PACKS:
            for month in self.dice.sample(self.months, 2):
                begins, _ = bounds(*month, self.zone)
                at = begins + timedelta(hours=self.dice.randint(1, 600))
                self.packs.append((at, self.dice.randint(1, 8), self.dice.randint(1, 3)))
            self.packs.sort()
        subjects = self.dice.randint(2, 9) * self.organizations
        for subject in range(subjects):
            organization = self.dice.randrange(self.organizations)
            if self.agreement.metric == "mau":
                self._active(subject, organization)
            else:
                self._one(subject, organization)
        self.reports.sort(key=lambda report: (report.at, report.real))

    def _active(self, subject: int, organization: int) -> None:
        """One user who is there from the start, and is seen now and then."""
        begins, _ = bounds(*self.months[0], self.zone)
        _, ends = bounds(*self.months[-1], self.zone)
        added = begins - timedelta(days=9)
        self._report(subject, organization, "users", +1, added, not_before=added)
        for _ in range(self.dice.randint(0, 5)):
            seen = self._instant(begins, ends)
            self._report(subject, organization, "mau", +1, seen, not_before=seen)

    def _one(self, subject: int, organization: int) -> None:
        """One subject's stay, or its stays in two organizations."""
        metric = "devices" if self.dice.random() < DEVICES else "users"
        begins, _ = bounds(*self.months[0], self.zone)
        _, ends = bounds(*self.months[-1], self.zone)
        if self.empties:
            _, ends = bounds(*self.months[1], self.zone)
        came = self._instant(begins - timedelta(days=9), ends)
        leaves = self.empties or self.dice.random() < 2 / 3
        left = self._instant(came, ends) if leaves else None
        came_at = self._report(subject, organization, metric, +1, came, not_before=came)
        if left is None or left <= came:
            return
        left_at = self._report(subject, organization, metric, -1, left, not_before=came_at)
        if self.dice.random() < MOVED:
            other = (organization + 1) % self.organizations
            self.reports.append(Report(left_at, subject + 1000, other, metric, +1, left))

    def _report(
        self,
        subject: int,
        organization: int,
        metric: str,
        delta: int,
        real: datetime,
        *,
        not_before: datetime,
    ) -> datetime:
        lag = timedelta(0)
        rate = LATE if delta > 0 else LEFT_LATE
        if self.dice.random() < rate and real >= bounds(*FIRST_MONTH, self.zone)[0]:
            lag = timedelta(hours=self.dice.choice((1, 30, 200, 700, 1500)))
        at = max(real + lag, not_before)
        self.reports.append(Report(at, subject, organization, metric, delta, real))
        return at

    def _instant(self, after: datetime, before: datetime) -> datetime:
        """An instant at or near the begin of a month, or anywhere; each only once."""
        if self.dice.random() < 1 / 3:
            begins, _ = bounds(*self.dice.choice(self.months), self.zone)
            near = begins + timedelta(
                microseconds=self.dice.randint(-3, 3),
                seconds=self.dice.choice((-7200, -1, 0, 1, 7200)),
            )
            if after < near < before:
                return near
        span = int((before - after) / timedelta(microseconds=1))
        return after + timedelta(microseconds=self.dice.randrange(span))
