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
Month = tuple[int, int]


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


def before(month: Month) -> Month:
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
    prepaid: Counter[Month] = field(default_factory=Counter)

    def known(self, at: datetime) -> list[Fact]:
        """The facts reported until an instant, in the order in which they happened."""
        reported = (fact for fact in self.facts if fact.reported_at <= at)
        return sorted(reported, key=lambda fact: fact.at)

    def peak(self, organization: int, metric: str, month: Month, at: datetime) -> int:
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
        self, organizations: Iterable[int], month: Month, at: datetime
    ) -> dict[int, int]:
        """The billed quantity of each organization that has one."""
        peaks = {
            each: max(self.peak(each, metric, month, at) for metric in self.agreement.counts)
            for each in organizations
        }
        return {each: peak for each, peak in peaks.items() if peak}

    def together(self, month: Month, at: datetime) -> tuple[int, dict[int, int]]:
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


@dataclass(frozen=True)
class Adjustment:
    """How much more, or less, of a closed month is billed; `organization` None: of all together."""

    month: Month
    organization: int | None
    more: int
    minor: int


@dataclass(frozen=True)
class Plan:
    """The totals of a month's invoices, what each adjusts, and the credits that none can carry."""

    totals: dict[str, int]
    placed: dict[str, list[Adjustment]]
    waiting: list[Adjustment]


@dataclass
class Bills:
    """The bills of a provider, month after month: what each month's invoices come to."""

    replay: Replay
    organizations: Sequence[int]
    # What was billed of a closed month: by organization, or by None for all above a commitment.
    billed: dict[Month, dict[int | None, int]] = field(default_factory=dict)

    def quantities(self, month: Month, at: datetime) -> dict[int | None, int]:
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

    def adjustments(self, month: Month, at: datetime) -> list[Adjustment]:
        """The difference of each closed month to what was billed of it, by month and organization.

        The earliest open month after a closed one carries it.
        """
        if before(month) not in self.billed:
            return []
        found = []
        for closed, billed in sorted(self.billed.items()):
            now = self.quantities(closed, at)
            for each in sorted(now.keys() | billed.keys(), key=lambda pk: pk or 0):
                more = now.get(each, 0) - billed.get(each, 0)
                if more:
                    minor = self.replay.agreement.minor(more)
                    found.append(Adjustment(closed, each, more, minor))
        return found

    def plan(self, month: Month, at: datetime) -> Plan:
        """The invoices of a month, as known at an instant.

        Charges of earlier months are on the invoice of usage or overage. A credit is too, or on the
        commitment's, while the subtotal stays above 0; else a credit note follows.
        """
        agreement = self.replay.agreement
        usage = sum(agreement.minor(each) for each in self.quantities(month, at).values())
        kinds = {"usage": usage}
        if agreement.committed is not None:
            kinds = {"overage": usage, "commitment": agreement.minor(agreement.committed)}
        placed: dict[str, list[Adjustment]] = defaultdict(list)
        waiting = []
        adjustments = self.adjustments(month, at)
        for each in sorted(adjustments, key=lambda one: one.minor < 0):
            able = [kind for kind, sub in kinds.items() if sub + each.minor > 0]
            if each.minor >= 0:
                able = [next(iter(kinds))]
            if able:
                placed[able[0]].append(each)
                kinds[able[0]] += each.minor
            else:
                waiting.append(each)
        totals = {kind: sub + agreement.tax(sub) for kind, sub in kinds.items()}
        totals = {kind: total for kind, total in totals.items() if total > 0}
        return Plan(totals, {kind: placed[kind] for kind in totals}, waiting)

    def close(self, month: Month, at: datetime) -> Plan:
        """Bill a month as planned."""
        planned = self.plan(month, at)
        for adjustments in planned.placed.values():
            self.bill(adjustments)
        self.billed[month] = self.quantities(month, at)
        return planned

    def bill(self, adjustments: Iterable[Adjustment], *, times: int = 1) -> None:
        """These adjustments are on an invoice or credit note, or with -1 no longer: it is void."""
        for each in adjustments:
            of_month = self.billed[each.month]
            of_month[each.organization] = of_month.get(each.organization, 0) + times * each.more
