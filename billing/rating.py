"""What a month costs: from peaks and a price to invoice drafts, without the database.

Amounts are minor units of the contract's currency; each line is rounded once, the tax once for its
invoice, and totals are sums of what is printed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import Enum

from billing.line_texts import counted_as, covered_as, together_as, unit_text
from billing.money import major, round_minor


class ContractKind(Enum):
    """How a month is billed; values are those of `Contract.Kind`."""

    PAY_AS_YOU_GO = "pay_as_you_go"
    COMMITTED = "committed"


class InvoiceKind(Enum):
    """Why an invoice is issued; values are those of `Invoice.Kind`."""

    USAGE = "usage"
    COMMITMENT = "commitment"
    OVERAGE = "overage"
    ORDER = "order"


class LineKind(Enum):
    """What a line charges for; values are those of `InvoiceLine.Kind`."""

    USAGE = "usage"
    COMMITMENT = "commitment"
    OVERAGE = "overage"
    PACK = "pack"
    BASIS = "basis"
    ADJUSTMENT = "adjustment"


class Collection(Enum):
    """How the money is to come; values are those of `Invoice.Collection`."""

    AUTOMATIC = "automatic"
    BY_INVOICE = "by_invoice"


class BilledMetric(Enum):
    """The billed quantity; values are those of `accounts.Package.Metric`."""

    USERS = "users"
    DEVICES = "devices"
    GREATER = "greater"
    MAU = "mau"


@dataclass(frozen=True, slots=True)
class Peak:
    """The event that made a high-water mark; an all-None peak was the level carried in."""

    event_id: int | None = None
    at: datetime | None = None
    count_before: int | None = None
    subject_name: str = ""
    actor_name: str = ""


CARRIED_IN = Peak()
_COUNTED_FOR = {BilledMetric.GREATER: (BilledMetric.USERS.value, BilledMetric.DEVICES.value)}


@dataclass(frozen=True, slots=True)
class Level:
    """One organization's high-water mark of "users" or "devices" in the month, or its "mau".

    That one is the number of its active users, and its peak the instant the last was first seen.
    """

    organization_id: int
    organization_name: str
    metric: str
    high_water_mark: int
    peak: Peak = CARRIED_IN


@dataclass(frozen=True, slots=True)
class Terms:
    """What was agreed for the month. `tax_rate` is a percentage; `unit_price` in major units.

    `prepaid_quantity` are active users of packs that were ordered and paid apart.
    """

    kind: ContractKind
    package_name: str
    metric: BilledMetric
    currency: str
    unit_price: Decimal
    automatic_limit_minor: int
    has_card: bool
    invoice_agreement: bool = False
    committed_quantity: int = 0
    tax_rate: Decimal = Decimal(0)
    prepaid_quantity: int = 0

    @property
    def covered_quantity(self) -> int:
        """What is charged nothing more for: committed and prepaid."""
        return self.committed_quantity + self.prepaid_quantity

    @property
    def covered_as(self) -> str:
        """What that is made of: committed, prepaid, or both."""
        return covered_as(committed=self.committed_quantity, prepaid=self.prepaid_quantity)


@dataclass(frozen=True, slots=True)
class LineDraft:
    """A line to be issued; a `basis` line is printed and costs nothing.

    An adjustment is of `adjusted_month` (its first day): above the `adjusted_from` billed for it.
    """

    kind: LineKind
    description: str
    metric: str
    quantity: int
    unit_price: Decimal
    amount_minor: int
    organization_id: int | None = None
    organization_name: str = ""
    peak: Peak = field(default=CARRIED_IN)
    adjusted_month: date | None = None
    adjusted_from: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class InvoiceDraft:
    """An invoice to be issued: subtotal of its lines, tax of the subtotal, total of both."""

    kind: InvoiceKind
    lines: tuple[LineDraft, ...]
    subtotal_minor: int
    tax_minor: int
    total_minor: int
    collection: Collection


def rate_month(
    *,
    terms: Terms,
    levels: Iterable[Level],
    month_name: str,
    adjustments: Sequence[LineDraft] = (),
) -> list[InvoiceDraft]:
    """The month's invoices, in the order they are numbered; none where nothing is owed.

    Pay-as-you-go: one invoice with a line for each organization that had anyone at its peak.
    With packs prepaid, what all organizations together have above them instead.
    Committed: the commitment every month, and a separate overage invoice for the sum of the
    organizations' peaks above it, at the contracted price for the whole month (docs/facts/faq.md,
    "How am I billed?": contracted 14, peak 17, an invoice for 3). `month_name` is what lines print,
    such as "October 2026"; `adjustments` are lines of earlier months and come last, in the overage
    invoice of a commitment. The result does not depend on the order of `levels`.
    """
    peaks = billed_peaks(metric=terms.metric, levels=levels)
    if terms.kind is ContractKind.PAY_AS_YOU_GO and not terms.prepaid_quantity:
        usage = tuple(_usage_line(terms=terms, peak=peak, month_name=month_name) for peak in peaks)
        return _owed([_draft(InvoiceKind.USAGE, (*usage, *adjustments), terms=terms)])
    basis = tuple(_basis_line(peak) for peak in peaks)
    overage = (*_overage(terms, peaks, month_name), *adjustments, *basis)
    if terms.kind is ContractKind.PAY_AS_YOU_GO:
        drafts = [_draft(InvoiceKind.USAGE, overage, terms=terms)]
    else:
        drafts = [
            _draft(InvoiceKind.COMMITMENT, (_commitment(terms, month_name), *basis), terms=terms),
            _draft(InvoiceKind.OVERAGE, overage, terms=terms),
        ]
    return _owed(drafts)


def _owed(drafts: list[InvoiceDraft]) -> list[InvoiceDraft]:
    return [draft for draft in drafts if draft.total_minor > 0]


def billed_peaks(*, metric: BilledMetric, levels: Iterable[Level]) -> list[Level]:
    """One level per organization by the package's metric, by name; those of zero left out.

    `greater` takes the larger of an organization's two peaks, its users' when they are equal.
    """
    chosen: dict[int, Level] = {}
    for level in levels:
        if level.metric not in _COUNTED_FOR.get(metric, (metric.value,)):
            continue
        known = chosen.get(level.organization_id)
        if known is None or _outranks(level, known):
            chosen[level.organization_id] = level
    return sorted(
        (level for level in chosen.values() if level.high_water_mark > 0),
        key=lambda level: (level.organization_name.casefold(), level.organization_id),
    )


def _outranks(level: Level, other: Level) -> bool:
    if level.high_water_mark != other.high_water_mark:
        return level.high_water_mark > other.high_water_mark
    return level.metric == BilledMetric.USERS.value


def _draft(kind: InvoiceKind, lines: tuple[LineDraft, ...], *, terms: Terms) -> InvoiceDraft:
    subtotal = sum(line.amount_minor for line in lines)
    tax = tax_minor(subtotal_minor=subtotal, tax_rate=terms.tax_rate, currency=terms.currency)
    return InvoiceDraft(
        kind=kind,
        lines=lines,
        subtotal_minor=subtotal,
        tax_minor=tax,
        total_minor=subtotal + tax,
        collection=collection(terms=terms, total_minor=subtotal + tax),
    )


def tax_minor(*, subtotal_minor: int, tax_rate: Decimal, currency: str) -> int:
    """The tax of one invoice, rounded once: never the sum of the lines' roundings."""
    return round_minor(major(subtotal_minor, currency) * tax_rate / 100, currency)


def collection(*, terms: Terms, total_minor: int) -> Collection:
    """The card while the amount is under the automatic limit, by mail at or over it.

    By mail too where invoices were agreed or there is no card (docs/facts/faq.md, "How am I
    billed?").
    """
    if terms.invoice_agreement or not terms.has_card:
        return Collection.BY_INVOICE
    under = total_minor < terms.automatic_limit_minor
    return Collection.AUTOMATIC if under else Collection.BY_INVOICE


def _usage_line(*, terms: Terms, peak: Level, month_name: str) -> LineDraft:
    return LineDraft(
        kind=LineKind.USAGE,
        description=f"{peak.organization_name}: {counted_as(peak.metric)}, {month_name}",
        metric=peak.metric,
        quantity=peak.high_water_mark,
        unit_price=terms.unit_price,
        amount_minor=round_minor(peak.high_water_mark * terms.unit_price, terms.currency),
        organization_id=peak.organization_id,
        organization_name=peak.organization_name,
        peak=peak.peak,
    )


def _commitment(terms: Terms, month_name: str) -> LineDraft:
    quantity, unit = terms.committed_quantity, unit_text(terms.metric.value)
    return LineDraft(
        kind=LineKind.COMMITMENT,
        description=f"{terms.package_name}: {quantity:,} committed {unit}, {month_name}",
        metric=terms.metric.value,
        quantity=quantity,
        unit_price=terms.unit_price,
        amount_minor=round_minor(quantity * terms.unit_price, terms.currency),
    )


def _overage(terms: Terms, peaks: list[Level], month_name: str) -> tuple[LineDraft, ...]:
    total = sum(peak.high_water_mark for peak in peaks)
    over = total - terms.covered_quantity
    if over <= 0:
        return ()
    charged = LineDraft(
        kind=LineKind.OVERAGE,
        description=(
            f"{over:,} {unit_text(terms.metric.value)} above the {terms.covered_quantity:,} "
            f"{terms.covered_as}, {month_name} ({together_as(terms.metric.value)}: {total:,})"
        ),
        metric=terms.metric.value,
        quantity=over,
        unit_price=terms.unit_price,
        amount_minor=round_minor(over * terms.unit_price, terms.currency),
    )
    return (charged,)


def _basis_line(peak: Level) -> LineDraft:
    return LineDraft(
        kind=LineKind.BASIS,
        description=f"{peak.organization_name}: {counted_as(peak.metric)}",
        metric=peak.metric,
        quantity=peak.high_water_mark,
        unit_price=Decimal(0),
        amount_minor=0,
        organization_id=peak.organization_id,
        organization_name=peak.organization_name,
        peak=peak.peak,
    )
