"""What a month costs: from billed quantities and a price to invoice drafts, without the database.

Amounts are minor units of the contract's currency; each line is rounded once, the tax once for its
invoice, and totals are sums of what is printed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from billing.choices import Collection, ContractKind, InvoiceKind, LineKind
from billing.money import major, round_minor
from billing.rating.line_texts import counted_as, covered_as, together_as
from core.metrics import Metric


@dataclass(frozen=True, slots=True)
class Peak:
    """The event that made a high-water mark; an all-None peak was the level carried in."""

    event_id: int | None = None
    at: datetime | None = None
    count_before: int | None = None
    subject_name: str = ""
    actor_name: str = ""


CARRIED_IN = Peak()


@dataclass(frozen=True, slots=True)
class BilledQuantity:
    """One organization's quantity of a month: a high-water mark, or how many users were active.

    `metric` says what was counted. The peak of active users is the instant when the last of them
    was first seen.
    """

    organization_id: int
    organization_name: str
    metric: Metric
    quantity: int
    peak: Peak = CARRIED_IN


@dataclass(frozen=True, slots=True)
class Terms:
    """What was agreed for the month. `tax_rate` is a percentage; `unit_price` in major units.

    `prepaid_quantity` are active users of packs that were ordered and paid apart.
    """

    kind: ContractKind
    package_name: str
    metric: Metric
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

    @property
    def charges_each_organization(self) -> bool:
        """Whether each organization is charged for its own quantity.

        A commitment and prepaid packs cover the quantities of all organizations together.
        """
        return self.kind is ContractKind.PAY_AS_YOU_GO and not self.prepaid_quantity

    def amount_minor(self, quantity: int) -> int:
        """What a quantity costs before tax, rounded once."""
        return round_minor(quantity * self.unit_price, self.currency)

    def tax_minor(self, subtotal_minor: int) -> int:
        """The tax of an invoice with this subtotal."""
        return tax_minor(
            subtotal_minor=subtotal_minor, tax_rate=self.tax_rate, currency=self.currency
        )

    def collection(self, total_minor: int) -> Collection:
        """The card while the total is under the automatic limit, by mail at or over it.

        By mail too where invoices were agreed or there is no card (docs/facts/faq.md, "How am I
        billed?").
        """
        if self.invoice_agreement or not self.has_card:
            return Collection.BY_INVOICE
        is_under = total_minor < self.automatic_limit_minor
        return Collection.AUTOMATIC if is_under else Collection.BY_INVOICE


@dataclass(frozen=True, slots=True)
class Charge:
    """One invoice of a month: the quantities it charges, each at the contract's price."""

    kind: InvoiceKind
    quantities: Sequence[int]


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


def charges(*, terms: Terms, quantities: Sequence[int]) -> list[Charge]:
    """What a month of these billed quantities, one per organization, is charged for.

    The one rule for invoices and estimates. Pay-as-you-go: each organization's own quantity; with
    prepaid packs, what all have together above the packs. Committed: the commitment, and on a
    separate invoice what all have together above it.
    """
    if terms.charges_each_organization:
        return [Charge(InvoiceKind.USAGE, quantities)]
    over = sum(quantities) - terms.covered_quantity
    above = (over,) if over > 0 else ()
    if terms.kind is ContractKind.PAY_AS_YOU_GO:
        return [Charge(InvoiceKind.USAGE, above)]
    commitment = Charge(InvoiceKind.COMMITMENT, (terms.committed_quantity,))
    return [commitment, Charge(InvoiceKind.OVERAGE, above)]


def rate_month(
    *,
    terms: Terms,
    quantities: Sequence[BilledQuantity],
    month_name: str,
    adjustments: Sequence[LineDraft] = (),
) -> list[InvoiceDraft]:
    """The month's invoices, in the order they are numbered; none where nothing is owed.

    `quantities` are those of `billed_by`: one per organization, by name. Each invoice has the lines
    of its charge; then `adjustments`, the lines of earlier months, but not on the invoice of the
    commitment; then, where all organizations are charged together, what each of them had
    (docs/facts/faq.md, "How am I billed?": contracted 14, peak 17, an invoice for 3). `month_name`
    is what lines print, such as "October 2026".
    """
    basis = [] if terms.charges_each_organization else [_basis_line(each) for each in quantities]
    drafts = []
    for charge in charges(terms=terms, quantities=[each.quantity for each in quantities]):
        lines = _charged_lines(charge, terms, quantities, month_name)
        late = () if charge.kind is InvoiceKind.COMMITMENT else adjustments
        drafts.append(draft_invoice(charge.kind, (*lines, *late, *basis), terms=terms))
    return [draft for draft in drafts if draft.total_minor > 0]


def billed_by(*, metric: Metric, quantities: Iterable[BilledQuantity]) -> list[BilledQuantity]:
    """The quantities that a contract of this metric bills: one per organization, by name.

    Each organization's largest of the metrics that this one is made of; its users' where two are
    equal. Those of zero are left out. The order of `quantities` changes nothing.
    """
    counted = metric.counted or (metric,)
    largest: dict[int, BilledQuantity] = {}
    for each in quantities:
        if each.metric not in counted:
            continue
        known = largest.get(each.organization_id)
        if known is None or _outranks(each, known):
            largest[each.organization_id] = each
    return sorted(
        (each for each in largest.values() if each.quantity > 0),
        key=lambda each: (each.organization_name.casefold(), each.organization_id),
    )


def _outranks(one: BilledQuantity, other: BilledQuantity) -> bool:
    if one.quantity != other.quantity:
        return one.quantity > other.quantity
    return one.metric is Metric.USERS


def draft_invoice(kind: InvoiceKind, lines: tuple[LineDraft, ...], *, terms: Terms) -> InvoiceDraft:
    """The invoice of these lines: their sum, its tax, and how the total is collected."""
    subtotal = sum(line.amount_minor for line in lines)
    tax = terms.tax_minor(subtotal)
    return InvoiceDraft(
        kind=kind,
        lines=lines,
        subtotal_minor=subtotal,
        tax_minor=tax,
        total_minor=subtotal + tax,
        collection=terms.collection(subtotal + tax),
    )


def tax_minor(*, subtotal_minor: int, tax_rate: Decimal, currency: str) -> int:
    """The tax of one invoice, rounded once: never the sum of the lines' roundings."""
    return round_minor(major(subtotal_minor, currency) * tax_rate / 100, currency)


def _charged_lines(
    charge: Charge, terms: Terms, quantities: Sequence[BilledQuantity], month_name: str
) -> list[LineDraft]:
    if terms.charges_each_organization:
        return [
            _usage_line(terms, each, quantity, month_name)
            for each, quantity in zip(quantities, charge.quantities, strict=True)
        ]
    if charge.kind is InvoiceKind.COMMITMENT:
        return [_commitment_line(terms, quantity, month_name) for quantity in charge.quantities]
    total = sum(each.quantity for each in quantities)
    return [_overage_line(terms, over, total, month_name) for over in charge.quantities]


def _usage_line(terms: Terms, billed: BilledQuantity, quantity: int, month_name: str) -> LineDraft:
    return LineDraft(
        kind=LineKind.USAGE,
        description=f"{billed.organization_name}: {counted_as(billed.metric)}, {month_name}",
        metric=billed.metric,
        quantity=quantity,
        unit_price=terms.unit_price,
        amount_minor=terms.amount_minor(quantity),
        organization_id=billed.organization_id,
        organization_name=billed.organization_name,
        peak=billed.peak,
    )


def _commitment_line(terms: Terms, quantity: int, month_name: str) -> LineDraft:
    unit = terms.metric.unit
    return LineDraft(
        kind=LineKind.COMMITMENT,
        description=f"{terms.package_name}: {quantity:,} committed {unit}, {month_name}",
        metric=terms.metric,
        quantity=quantity,
        unit_price=terms.unit_price,
        amount_minor=terms.amount_minor(quantity),
    )


def _overage_line(terms: Terms, over: int, total: int, month_name: str) -> LineDraft:
    return LineDraft(
        kind=LineKind.OVERAGE,
        description=(
            f"{over:,} {terms.metric.unit} above the {terms.covered_quantity:,} "
            f"{terms.covered_as}, {month_name} ({together_as(terms.metric)}: {total:,})"
        ),
        metric=terms.metric,
        quantity=over,
        unit_price=terms.unit_price,
        amount_minor=terms.amount_minor(over),
    )


def _basis_line(billed: BilledQuantity) -> LineDraft:
    return LineDraft(
        kind=LineKind.BASIS,
        description=f"{billed.organization_name}: {counted_as(billed.metric)}",
        metric=billed.metric,
        quantity=billed.quantity,
        unit_price=Decimal(0),
        amount_minor=0,
        organization_id=billed.organization_id,
        organization_name=billed.organization_name,
        peak=billed.peak,
    )
