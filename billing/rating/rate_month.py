"""Rating of a month: billed quantities and terms to invoice drafts. Pure.

Amounts are in minor units of the contract's currency. Each line is rounded once and the tax once
for its invoice; totals are sums of the printed amounts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from billing.charge_limits import is_too_small, largest_charge
from billing.choices import Collection, CommitmentBasis, ContractKind, InvoiceKind, LineKind
from billing.money import major, round_minor
from billing.rating.peak import CARRIED_IN, Peak
from core.metrics import Metric


@dataclass(frozen=True, slots=True)
class BilledQuantity:
    """An organization's quantity of a month: a high-water mark or its number of active users.

    `metric` is what was counted. The peak of active users is the instant when the last of them was
    first seen.
    """

    organization_id: int
    organization_name: str
    metric: Metric
    quantity: int
    peak: Peak = CARRIED_IN


@dataclass(frozen=True, slots=True)
class CombinedQuantity:
    """What all organizations had together, and the part of each, by name; the parts add up to it.

    The most at any instant, with the addition that made it; or the sum of the organizations' own
    quantities, which has no instant.
    """

    quantity: int
    shares: Sequence[BilledQuantity]
    peak: Peak = CARRIED_IN

    @classmethod
    def sum_of(cls, quantities: Sequence[BilledQuantity]) -> "CombinedQuantity":
        """The sum of the organizations' own quantities."""
        return cls(sum(each.quantity for each in quantities), quantities)


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms that bill a month. `tax_rate` is a percentage; `unit_price` is in major units.

    `prepaid_quantity` is the number of active users of packs, which have their own invoices.
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
    commitment_basis: CommitmentBasis = CommitmentBasis.ALL_TOGETHER
    tax_rate: Decimal = Decimal(0)
    prepaid_quantity: int = 0

    @property
    def covered_quantity(self) -> int:
        """The quantity without a further charge: committed and prepaid."""
        return self.committed_quantity + self.prepaid_quantity

    @property
    def covered_as(self) -> str:
        """The covered quantity in words: committed, prepaid, or both."""
        parts = {"committed": self.committed_quantity, "prepaid": self.prepaid_quantity}
        return " and ".join(name for name, quantity in parts.items() if quantity) or "committed"

    @property
    def charges_each_organization(self) -> bool:
        """Whether each organization is charged for its own quantity.

        A commitment and prepaid packs cover the quantities of all organizations together.
        """
        return self.kind is ContractKind.PAY_AS_YOU_GO and not self.prepaid_quantity

    @property
    def counts_together(self) -> bool:
        """Whether overage is what all organizations together had above the commitment.

        At one instant, and not in the sum of their peaks. Active users have no such instant.
        """
        return (
            self.kind is ContractKind.COMMITTED
            and self.commitment_basis is CommitmentBasis.ALL_TOGETHER
            and bool(self.metric.counted)
        )

    def amount_minor(self, quantity: int) -> int:
        """The price of a quantity before tax, rounded once."""
        return round_minor(quantity * self.unit_price, self.currency)

    def tax_minor(self, subtotal_minor: int) -> int:
        """The tax of an invoice with this subtotal."""
        return tax_minor(
            subtotal_minor=subtotal_minor, tax_rate=self.tax_rate, currency=self.currency
        )

    def collection(self, payable_minor: int) -> Collection:
        """Automatic while the amount is below the automatic limit, by invoice at or above it.

        By invoice too if that was agreed, if there is no card (docs/facts/faq.md, "How am I
        billed?"), or above the largest charge. Below the smallest charge it waits for the next
        invoice.
        """
        if is_too_small(payable_minor, self.currency):
            return Collection.TOO_SMALL
        if self.invoice_agreement or not self.has_card:
            return Collection.BY_INVOICE
        largest = largest_charge(self.currency)
        is_under = payable_minor < self.automatic_limit_minor and payable_minor <= largest
        return Collection.AUTOMATIC if is_under else Collection.BY_INVOICE


@dataclass(frozen=True, slots=True)
class Charge:
    """The quantities that one invoice of a month charges, each at the contract's price."""

    kind: InvoiceKind
    quantities: Sequence[int]


@dataclass(frozen=True, slots=True)
class LineDraft:
    """A line to be issued; a `basis` line is printed and costs nothing.

    An adjustment bills the difference to `adjusted_from`, the quantity already billed for
    `adjusted_month` (its first day); it is negative for usage that was removed.
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
    """An invoice to be issued: the subtotal of its lines, the tax on that, and their total.

    `carried_in_minor` is to be paid with it and is no part of the total.
    """

    kind: InvoiceKind
    lines: tuple[LineDraft, ...]
    subtotal_minor: int
    tax_minor: int
    total_minor: int
    collection: Collection
    carried_in_minor: int = 0

    @property
    def payable_minor(self) -> int:
        """The amount that the invoice asks for."""
        return self.total_minor + self.carried_in_minor

    def carrying(self, minor: int, *, terms: Terms) -> "InvoiceDraft":
        """The invoice with balances of earlier invoices; no tax is added to them."""
        collection = terms.collection(self.total_minor + minor)
        return replace(self, carried_in_minor=minor, collection=collection)


def counted_as(metric: Metric) -> str:
    """What lines call an organization's quantity: highest number of users, monthly active users."""
    return f"highest number of {metric.unit}" if metric.counted else metric.unit


def share_as(terms: Terms, metric: Metric) -> str:
    """What lines call an organization's quantity of this metric under these terms."""
    if terms.counts_together:
        return f"{metric.unit} when all organizations had the most"
    return counted_as(metric)


def together_as(terms: Terms) -> str:
    """What lines call the quantity of all organizations that a commitment is compared with."""
    if terms.counts_together:
        return "most of all organizations at one instant"
    return "highest numbers together" if terms.metric.counted else "all together"


def charges(
    *, terms: Terms, quantities: Sequence[int], together: int | None = None
) -> list[Charge]:
    """The charges of a month with these billed quantities, one per organization.

    Invoices and estimates share this rule. Pay as you go: the quantity of each organization; with
    prepaid packs, all together above the packs. Committed: the commitment, and on a separate
    invoice what all together had above it. `together` is that number; None for the sum.
    """
    if terms.charges_each_organization:
        return [Charge(InvoiceKind.USAGE, quantities)]
    over = (sum(quantities) if together is None else together) - terms.covered_quantity
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
    combined: CombinedQuantity | None = None,
    adjustments: Sequence[LineDraft] = (),
) -> list[InvoiceDraft]:
    """The month's invoices in the order of their numbers; none if nothing is owed.

    `quantities` come from `billed_by`: one per organization, by name. An invoice has the lines of
    its charge; then `adjustments`, the lines of earlier months (`_place`); then, if all
    organizations are charged together, a basis line for each
    (docs/facts/faq.md, "How am I billed?": contracted 14, peak 17, an invoice for 3). `combined` is
    what all had together, by default the sum. Lines print `month_name`, such as "October 2026".
    """
    together = combined or CombinedQuantity.sum_of(quantities)
    basis = [] if terms.charges_each_organization else _basis_lines(terms, together)
    own = [each.quantity for each in quantities]
    lines_by_kind = {
        charge.kind: _charged_lines(charge, terms, quantities, together, month_name)
        for charge in charges(terms=terms, quantities=own, together=together.quantity)
    }
    _place(adjustments, lines_by_kind)
    drafts = [
        draft_invoice(kind, (*lines, *basis), terms=terms) for kind, lines in lines_by_kind.items()
    ]
    return [draft for draft in drafts if draft.total_minor > 0]


def _place(
    adjustments: Sequence[LineDraft], lines_by_kind: dict[InvoiceKind, list[LineDraft]]
) -> None:
    """Add the adjustments to the lines of the month's invoices.

    Charges go on the invoice of usage or overage. A credit goes there too, or on the invoice of the
    commitment, as far as its subtotal stays above 0; otherwise it waits for a later invoice. Basis
    lines follow the adjustment that they explain.
    """
    groups: list[list[LineDraft]] = []
    for line in adjustments:
        if line.kind is LineKind.BASIS:
            groups[-1].append(line)
        else:
            groups.append([line])
    invoices = list(reversed(lines_by_kind.values()))
    for group in sorted(groups, key=lambda group: group[0].amount_minor < 0):
        amount = group[0].amount_minor
        for lines in invoices[:1] if amount >= 0 else invoices:
            if amount >= 0 or sum(line.amount_minor for line in lines) + amount > 0:
                lines.extend(group)
                break


def billed_by(*, metric: Metric, quantities: Iterable[BilledQuantity]) -> list[BilledQuantity]:
    """The quantities that a contract of this metric bills: one per organization, by name.

    It is the organization's largest of the metrics that this one is made of; of equal ones, the
    number of users. Quantities of 0 are left out. The order of `quantities` does not matter.
    """
    counted = metric.counted or (metric,)
    candidates = (each for each in quantities if each.metric in counted and each.quantity > 0)
    rising = sorted(candidates, key=lambda each: (each.quantity, each.metric is Metric.USERS))
    return by_name({each.organization_id: each for each in rising}.values())


def by_name(quantities: Iterable[BilledQuantity]) -> list[BilledQuantity]:
    """The quantities in the order in which invoices list organizations."""
    return sorted(quantities, key=lambda q: (q.organization_name.casefold(), q.organization_id))


def draft_invoice(kind: InvoiceKind, lines: tuple[LineDraft, ...], *, terms: Terms) -> InvoiceDraft:
    """The invoice of these lines: subtotal, tax, total and collection."""
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
    """The tax of an invoice, rounded once: not a sum of taxes of its lines."""
    return round_minor(major(subtotal_minor, currency) * tax_rate / 100, currency)


def _basis_lines(terms: Terms, together: CombinedQuantity) -> list[LineDraft]:
    return [
        organization_line(
            each, description=f"{each.organization_name}: {share_as(terms, each.metric)}"
        )
        for each in together.shares
    ]


def _charged_lines(
    charge: Charge,
    terms: Terms,
    quantities: Sequence[BilledQuantity],
    together: CombinedQuantity,
    month_name: str,
) -> list[LineDraft]:
    if terms.charges_each_organization:
        amounts = {each: terms.amount_minor(each) for each in set(charge.quantities)}
        return [
            organization_line(
                each,
                kind=LineKind.USAGE,
                description=f"{each.organization_name}: {counted_as(each.metric)}, {month_name}",
                unit_price=terms.unit_price,
                amount_minor=amounts[each.quantity],
            )
            for each in quantities
        ]
    lines, unit = [], terms.metric.unit
    for quantity in charge.quantities:
        if charge.kind is InvoiceKind.COMMITMENT:
            kind, peak = LineKind.COMMITMENT, CARRIED_IN
            text = f"{terms.package_name}: {quantity:,} committed {unit}, {month_name}"
        else:
            kind, peak = LineKind.OVERAGE, together.peak
            text = (
                f"{quantity:,} {unit} above the {terms.covered_quantity:,} {terms.covered_as}, "
                f"{month_name} ({together_as(terms)}: {together.quantity:,})"
            )
        line = charged_line(terms, kind=kind, description=text, quantity=quantity)
        lines.append(replace(line, peak=peak))
    return lines


def charged_line(terms: Terms, *, kind: LineKind, description: str, quantity: int) -> LineDraft:
    """A line of no organization that charges a quantity at the contract's price."""
    return LineDraft(
        kind=kind,
        description=description,
        metric=terms.metric,
        quantity=quantity,
        unit_price=terms.unit_price,
        amount_minor=terms.amount_minor(quantity),
    )


def organization_line(
    billed: BilledQuantity,
    *,
    description: str,
    kind: LineKind = LineKind.BASIS,
    unit_price: Decimal = Decimal(0),
    amount_minor: int = 0,
) -> LineDraft:
    """A line of an organization's quantity, with its peak; by default it costs nothing."""
    return LineDraft(
        kind=kind,
        description=description,
        metric=billed.metric,
        quantity=billed.quantity,
        unit_price=unit_price,
        amount_minor=amount_minor,
        organization_id=billed.organization_id,
        organization_name=billed.organization_name,
        peak=billed.peak,
    )
