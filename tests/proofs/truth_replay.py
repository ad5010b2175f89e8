"""What a provider should be charged, worked out naively from what really happened.

Imports nothing of the product: months, peaks, prices, taxes and roundings are worked out here.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

# Decimals of a currency, and the step of its minor units that a card can be charged.
DECIMALS = {"USD": 2, "EUR": 2, "JPY": 0, "KWD": 3}
STEPS = {"KWD": 10}
MONTHS_A_YEAR = 12


@dataclass(frozen=True)
class Fact:
    """One subject that came (+1), left (-1) or was active at an instant; when it was reported."""

    subject: int
    organization: int
    metric: str
    delta: int
    at: datetime
    reported_at: datetime


@dataclass(frozen=True)
class Agreement:
    """What was agreed: the price of one unit, the tax, and a commitment if there is one."""

    metric: str
    currency: str
    price: Decimal
    tax_rate: Decimal
    committed: int | None = None
    is_together: bool = False

    def minor(self, quantity: int) -> int:
        """The price of a quantity, in minor units."""
        return self.of_price(quantity * self.price)

    def of_price(self, price: Decimal | int) -> int:
        """A price in minor units."""
        return self.rounded(Decimal(price) * 10 ** DECIMALS[self.currency])

    def tax(self, subtotal_minor: int) -> int:
        """The tax of a subtotal, in minor units."""
        return self.rounded(subtotal_minor * self.tax_rate / 100)

    def rounded(self, minor: Decimal) -> int:
        """Whole minor units that can be charged, half away from zero."""
        step = STEPS.get(self.currency, 1)
        return int((minor / step).quantize(Decimal(1), ROUND_HALF_UP)) * step

    @property
    def counts(self) -> tuple[str, ...]:
        """The metrics that bill; of two, the greater."""
        return ("users", "devices") if self.metric == "greater" else (self.metric,)


def bounds(year: int, month: int, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The first instants of a local month and of the next, in UTC."""
    carry, index = divmod(month, MONTHS_A_YEAR)
    return (
        datetime(year, month, 1, tzinfo=zone).astimezone(UTC),
        datetime(year + carry, index + 1, 1, tzinfo=zone).astimezone(UTC),
    )


def before(month: tuple[int, int]) -> tuple[int, int]:
    """The month before."""
    carry, index = divmod(month[1] - 2, MONTHS_A_YEAR)
    return month[0] + carry, index + 1


@dataclass
class Replay:
    """The facts of a provider, and what has been billed of each month."""

    zone: ZoneInfo
    agreement: Agreement
    facts: list[Fact] = field(default_factory=list)
    # Active users that packs cover, by month.
    prepaid: Counter[tuple[int, int]] = field(default_factory=Counter)

    def known(self, at: datetime) -> list[Fact]:
        """The facts reported until an instant, in the order in which they happened."""
        reported = (fact for fact in self.facts if fact.reported_at <= at)
        return sorted(reported, key=lambda fact: fact.at)

    def peak(self, organization: int, metric: str, month: tuple[int, int], at: datetime) -> int:
        """The most that an organization had at any instant of the month, as known at an instant.

        Of active users, how many were active in it.
        """
        begins, ends = bounds(*month, self.zone)
        level = most = 0
        active = set()
        for fact in self.known(at):
            if (fact.organization, fact.metric) != (organization, metric) or fact.at >= ends:
                continue
            if metric == "mau":
                active |= {fact.subject} if fact.at >= begins else set()
                most = len(active)
            elif fact.at < begins:
                most = level = level + fact.delta
            else:
                level += fact.delta
                most = max(most, level)
        return most

    def quantities(
        self, organizations: Iterable[int], month: tuple[int, int], at: datetime
    ) -> dict[int, int]:
        """The billed quantity of each organization that has one."""
        peaks = {
            each: max(self.peak(each, metric, month, at) for metric in self.agreement.counts)
            for each in organizations
        }
        return {each: peak for each, peak in peaks.items() if peak}

    def together(self, month: tuple[int, int], at: datetime) -> tuple[int, dict[int, int]]:
        """The most that all organizations had at one instant, and each one's part of it.

        What happens at one instant is one change: a move from one organization to another is none.
        """
        begins, ends = bounds(*month, self.zone)
        levels: dict[int, int] = defaultdict(int)
        by_instant: dict[datetime, list[Fact]] = defaultdict(list)
        for fact in self.known(at):
            if fact.metric not in self.agreement.counts or fact.at >= ends:
                continue
            if fact.at < begins:
                levels[fact.organization] += fact.delta
            else:
                by_instant[fact.at].append(fact)
        most, parts = sum(levels.values()), dict(levels)
        for instant in sorted(by_instant):
            for fact in by_instant[instant]:
                levels[fact.organization] += fact.delta
            if sum(levels.values()) > most:
                most, parts = sum(levels.values()), dict(levels)
        return most, {each: part for each, part in parts.items() if part}


@dataclass
class Bills:
    """The bills of a provider, month after month: what each month's invoices come to."""

    replay: Replay
    organizations: Sequence[int]
    # What was billed of a closed month: by organization, or by None for all above a commitment.
    billed: dict[tuple[int, int], dict[int | None, int]] = field(default_factory=dict)

    def quantities(self, month: tuple[int, int], at: datetime) -> dict[int | None, int]:
        """What a month is charged for, as known at an instant."""
        agreement = self.replay.agreement
        own = self.replay.quantities(self.organizations, month, at)
        covered = (agreement.committed or 0) + self.replay.prepaid[month]
        if not covered:
            return dict(own)
        together = sum(own.values())
        if agreement.is_together:
            together, _ = self.replay.together(month, at)
        return {None: max(0, together - covered)}

    def adjustments(self, at: datetime) -> dict[tuple[int, int], dict[int | None, int]]:
        """The difference of each closed month to what was billed of it; months without left out."""
        found = {}
        for month, billed in self.billed.items():
            now = self.quantities(month, at)
            differences = {
                each: now.get(each, 0) - billed.get(each, 0) for each in now.keys() | billed.keys()
            }
            if any(differences.values()):
                found[month] = {each: more for each, more in differences.items() if more}
        return found

    def totals(self, month: tuple[int, int], at: datetime) -> dict[str, int]:
        """The total of each invoice of a month by its kind, with the adjustments of closed ones.

        The earliest open month after a closed one carries its adjustments.
        """
        agreement = self.replay.agreement
        late = 0
        if not self.billed or before(month) in self.billed:
            late = sum(
                agreement.minor(more)
                for each in self.adjustments(at).values()
                for more in each.values()
            )
        usage = sum(agreement.minor(each) for each in self.quantities(month, at).values()) + late
        kind = "usage" if agreement.committed is None else "overage"
        subtotals = {kind: usage}
        if agreement.committed is not None:
            subtotals["commitment"] = agreement.minor(agreement.committed)
        totals = {each: sub + agreement.tax(sub) for each, sub in subtotals.items()}
        return {each: total for each, total in totals.items() if total > 0}

    def close(self, month: tuple[int, int], at: datetime) -> None:
        """Bill a month: everything known is billed now."""
        self.before = {closed: dict(billed) for closed, billed in self.billed.items()}
        for adjusted in self.adjustments(at):
            self.billed[adjusted] = self.quantities(adjusted, at)
        self.billed[month] = self.quantities(month, at)

    def give_back(self) -> None:
        """The invoice of the last close is void: what it adjusted was not billed."""
        self.billed.update(self.before)
