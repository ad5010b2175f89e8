"""The charge for each organization's month: as invoiced, or as the close would invoice it."""

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import QuerySet, Sum

from billing.choices import InvoiceKind, LineKind
from billing.invoicing.month_plan import plan_month
from billing.models import Contract, CreditNoteLine, Invoice, InvoiceLine
from billing.money import round_minor
from core.months import Month


@dataclass(frozen=True, slots=True)
class Charged:
    """The cost of an organization's month to the provider, before tax, in minor units.

    `is_share`: a commitment or packs cover all organizations, and this is the organization's part
    at the contracted price. `minor` is without `credited_minor`, which was credited since.
    """

    quantity: int
    minor: int
    credited_minor: int = 0
    is_share: bool = False


def charges_of(*, month: Month, contract: Contract | None) -> tuple[bool, dict[int, Charged]]:
    """Whether the month is invoiced, and the charges by organization id.

    Adjustments of earlier months are left out, and so are pack orders, which no single organization
    causes.
    """
    issued = Invoice.objects.filter(month=month.first_day, voided_at=None).exclude(
        kind=InvoiceKind.ORDER
    )
    if contract is None or not issued.exists():
        return False, _planned(month)
    return True, _invoiced(issued, contract)


def _invoiced(issued: QuerySet[Invoice], contract: Contract) -> dict[int, Charged]:
    lines = InvoiceLine.objects.filter(
        invoice__in=issued, kind__in=(LineKind.USAGE, LineKind.BASIS), organization_id__isnull=False
    )
    credited = dict(
        CreditNoteLine.objects.filter(invoice_line__in=lines)
        .order_by()
        .values_list("invoice_line__organization_id")
        .annotate(total=Sum("amount_minor"))
    )
    charges: dict[int, Charged] = {}
    for line in lines:
        if line.organization_id is None:
            continue
        if line.kind == LineKind.BASIS:
            charges[line.organization_id] = _share(line.quantity, contract)
        else:
            credited_minor = credited.get(line.organization_id, 0)
            charges[line.organization_id] = Charged(
                int(line.quantity), line.amount_minor - credited_minor, credited_minor
            )
    return charges


def _share(quantity: Decimal | int, contract: Contract) -> Charged:
    minor = round_minor(quantity * contract.unit_price, contract.currency)
    return Charged(int(quantity), minor, is_share=True)


def _planned(month: Month) -> dict[int, Charged]:
    plan = plan_month(month=month)
    contract = plan.contract
    if contract is None:
        return {}
    charges: dict[int, Charged] = {}
    for line in (line for draft in plan.drafts for line in draft.lines):
        if line.organization_id is None:
            continue
        if line.kind is LineKind.BASIS:
            charges[line.organization_id] = _share(line.quantity, contract)
        elif line.kind is LineKind.USAGE:
            charges[line.organization_id] = Charged(line.quantity, line.amount_minor)
    return charges
