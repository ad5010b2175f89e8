"""What a month charges for each organization, and the named rows up to its invoices.

As invoiced, or as the close would invoice it. Each line and each tax of each invoice is in exactly
one row, so the rows add up to the invoices, to the minor unit (docs/decisions/0030).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Sum

from accounts.providers import current_provider
from billing.choices import InvoiceKind, LineKind
from billing.documents.invoice_csv import plain_decimal
from billing.invoicing.month_plan import MonthPlan, plan_month
from billing.models import CreditNote, CreditNoteLine, Invoice, InvoiceLine, MonthClose
from billing.money import round_minor
from billing.rating.rate_month import LineDraft
from core.metrics import Metric
from core.months import Month

TOGETHER = (LineKind.COMMITMENT, LineKind.OVERAGE)


@dataclass(frozen=True, slots=True)
class Charged:
    """The cost of an organization's month to the provider, before tax, in minor units.

    `is_share`: a commitment or packs cover all organizations, and this is the organization's part
    at the contracted price. `credited_minor` was credited since.
    """

    quantity: int
    minor: int
    credited_minor: int = 0
    is_share: bool = False

    @property
    def after_credit_minor(self) -> int:
        """The charge less what was credited since."""
        return self.minor - self.credited_minor


@dataclass(frozen=True, slots=True)
class NamedCharge:
    """A part of the invoices that is of no single organization; a negative one lowers them."""

    name: str
    minor: int
    credited_minor: int = 0


@dataclass(frozen=True, slots=True)
class Charges:
    """The rows of a month's invoices in one currency. `is_issued`: the month is closed.

    `invoices` have the id and number of each issued one.
    """

    currency: str
    is_issued: bool
    by_organization: Mapping[int, Charged]
    named: tuple[NamedCharge, ...]
    invoices: tuple[tuple[int, str], ...]

    @property
    def total_minor(self) -> int:
        """The sum of all rows, with tax: the total of the invoices."""
        clients = sum(each.minor for each in self.by_organization.values())
        return clients + sum(row.minor for row in self.named)

    @property
    def credited_minor(self) -> int:
        """What credit notes have taken back since, with tax."""
        clients = sum(each.credited_minor for each in self.by_organization.values())
        return clients + sum(row.credited_minor for row in self.named)


@dataclass(frozen=True, slots=True)
class _Bill:
    """An invoice, issued or planned: its lines, the price of its shares, and its tax."""

    lines: Sequence[InvoiceLine | LineDraft]
    unit_price: Decimal
    tax: str
    tax_minor: int


def charges_of(*, month: Month) -> Charges:
    """The charges of a month of the current provider.

    Of a closed month those of its invoices, void ones left out; of an open month those of its plan.
    Orders of packs are invoiced when they are made, so they are included either way.
    """
    is_issued = MonthClose.objects.filter(month=month.first_day, issued_at__isnull=False).exists()
    invoices = Invoice.objects.filter(month=month.first_day)
    living = invoices.filter(voided_at=None).prefetch_related("lines").order_by("pk")
    if is_issued:
        issued = list(living)
        bills = []
    else:
        issued = list(living.filter(kind=InvoiceKind.ORDER))
        bills = _planned(plan := plan_month(month=month))
    currency = issued[0].currency if issued else current_provider().currency
    if not is_issued and plan.contract is not None:
        currency = plan.contract.currency
    issued = [invoice for invoice in issued if invoice.currency == currency]
    bills += [_as_issued(invoice) for invoice in issued]
    has_void = invoices.exclude(voided_at=None).filter(replaced_by=None).exists()
    credited = _credited(issued)
    by_organization, named = _rows(bills, currency=currency, has_void=has_void, credited=credited)
    return Charges(
        currency=currency,
        is_issued=is_issued,
        by_organization=by_organization,
        named=tuple(named),
        invoices=tuple((invoice.pk, invoice.number) for invoice in issued),
    )


def _planned(plan: MonthPlan) -> list[_Bill]:
    if plan.terms is None:
        return []
    name = plan.profile.tax_name if plan.profile else ""
    tax = _tax(name, plan.terms.tax_rate)
    return [
        _Bill(draft.lines, plan.terms.unit_price, tax, draft.tax_minor) for draft in plan.drafts
    ]


def _as_issued(invoice: Invoice) -> _Bill:
    return _Bill(
        lines=list(invoice.lines.all()),
        unit_price=Decimal(invoice.contract_summary.get("unit_price", 0)),
        tax=_tax(invoice.tax_name, invoice.tax_rate),
        tax_minor=invoice.tax_minor,
    )


def _tax(name: str, rate: Decimal) -> str:
    return f"{name or 'Tax'} ({plain_decimal(rate)} %)"


def _credited(issued: Sequence[Invoice]) -> dict[int | None, int]:
    """The credits of lines by organization, before tax; None has the rest, with all tax."""
    lines = CreditNoteLine.objects.filter(
        credit_note__invoice__in=issued,
        invoice_line__kind=LineKind.USAGE,
        invoice_line__organization_id__isnull=False,
    )
    sums = lines.order_by().values_list("invoice_line__organization_id")
    credited: dict[int | None, int] = dict(sums.annotate(total=Sum("amount_minor")))
    notes = CreditNote.objects.filter(invoice__in=issued)
    total = notes.aggregate(total=Sum("total_minor"))["total"] or 0
    credited[None] = total - sum(credited.values())
    return credited


def _rows(
    bills: Sequence[_Bill], *, currency: str, has_void: bool, credited: Mapping[int | None, int]
) -> tuple[dict[int, Charged], list[NamedCharge]]:
    charges: dict[int, Charged] = {}
    named: dict[str, int] = defaultdict(int)
    together = _Together(currency)
    for bill in bills:
        for line in bill.lines:
            quantity, organization_id = int(line.quantity), line.organization_id
            if line.adjusted_month is not None:
                named[f"Adjustment for {line.adjusted_month:%B %Y}"] += line.amount_minor
            elif organization_id is not None and line.kind == LineKind.BASIS:
                charges[organization_id] = together.share(quantity, bill.unit_price)
            elif organization_id is not None and line.kind == LineKind.USAGE:
                charges[organization_id] = Charged(
                    quantity, line.amount_minor, credited.get(organization_id, 0)
                )
            elif line.kind in TOGETHER:
                together.lines.append(line)
            else:
                named[line.description] += line.amount_minor
    shares = [each for each in charges.values() if each.is_share]
    rows = [*together.rows(shares, has_void=has_void)]
    rows += [NamedCharge(name, minor) for name, minor in named.items() if minor]
    taxes: dict[str, int] = defaultdict(int)
    for bill in bills:
        taxes[bill.tax] += bill.tax_minor
    rows += [NamedCharge(name, minor) for name, minor in taxes.items() if minor]
    if credited[None]:
        rows.append(NamedCharge("Other credits, and the tax of all credits", 0, credited[None]))
    return charges, rows


class _Together:
    """The organizations' shares of what all are charged together, and the rows between the two."""

    def __init__(self, currency: str) -> None:
        self.currency = currency
        self.lines: list[InvoiceLine | LineDraft] = []
        self.unit_price = Decimal(0)

    def share(self, quantity: int, unit_price: Decimal) -> Charged:
        """An organization's share at the price of the invoice that lists it."""
        self.unit_price = unit_price
        return Charged(quantity, self._price_of(quantity), is_share=True)

    def rows(self, shares: Sequence[Charged], *, has_void: bool) -> Iterator[NamedCharge]:
        """What the lines charge beyond the shares, or less; each row is rounded once."""
        used = sum(share.quantity for share in shares)
        charged = sum(int(line.quantity) for line in self.lines)
        committed = sum(
            int(line.quantity) for line in self.lines if line.kind == LineKind.COMMITMENT
        )
        unused = max(0, committed - used)
        covered = used + unused - charged
        rest = sum(line.amount_minor for line in self.lines) - sum(each.minor for each in shares)
        if unused:
            unit = Metric(self.lines[0].metric).unit
            rest -= (minor := self._price_of(unused))
            yield NamedCharge(f"Unused commitment: {unused:,} {unit}", minor)
        if covered:
            name = "On a void invoice" if has_void else "Covered by packs"
            rest += (minor := self._price_of(covered))
            yield NamedCharge(f"{name}: {covered:,}", -minor)
        if rest:
            # Each share, line and row above is off by half a minor unit at most.
            is_rounding = 2 * abs(rest) <= len(shares) + len(self.lines) + 2
            yield NamedCharge("Rounding" if is_rounding else "Another price on an invoice", rest)

    def _price_of(self, quantity: int) -> int:
        return round_minor(quantity * self.unit_price, self.currency)
