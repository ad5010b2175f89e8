"""The plan of a month: the invoices that its close issues, calculated and not written.

Everything that decides an invoice is read here, so the invoice preview and the cost of the running
month use the same plan. `billing.invoicing.month_close` freezes the month before and writes the
invoices after.
"""

from dataclasses import dataclass

from billing.choices import InvoiceKind
from billing.contracts.free_allowance import billed_contract
from billing.invoicing.late_usage import late_usage_lines
from billing.models import BillingProfile, Contract
from billing.rating.billed_quantities import billed_quantities
from billing.rating.rate_month import BilledQuantity, InvoiceDraft, rate_month
from billing.rating.terms import terms_of
from core.months import Month
from usage.ledger.late_usage import ledger_state


@dataclass(frozen=True, slots=True)
class MonthPlan:
    """The invoices of a month to be issued; amounts in minor units of the contract's currency.

    Without a contract (in the free allowance, or no active contract) there are none. `quantities`
    are ordered by name; `last_event_id` is the last event of the ledger at that time.
    """

    month: Month
    contract: Contract | None
    profile: BillingProfile | None
    quantities: tuple[BilledQuantity, ...]
    drafts: tuple[InvoiceDraft, ...]
    last_event_id: int | None

    @property
    def total_minor(self) -> int:
        """The total of all invoices, with tax."""
        return sum(draft.total_minor for draft in self.drafts)

    @property
    def overage_minor(self) -> int:
        """The total of the overage invoice, with tax; 0 without one."""
        return sum(draft.total_minor for draft in self.drafts if draft.kind is InvoiceKind.OVERAGE)

    @property
    def quantity(self) -> int:
        """The sum of all organizations' quantities, which a commitment is compared with."""
        return sum(each.quantity for each in self.quantities)


def plan_month(*, month: Month) -> MonthPlan:
    """Plan the invoices of a month by its current quantities, with late usage of closed months.

    The quantities of a frozen month are final; those of a running month can only rise.
    """
    contract, log = billed_contract(month), ledger_state()
    if contract is None:
        return MonthPlan(
            month, None, None, quantities=(), drafts=(), last_event_id=log.last_event_id
        )
    profile = BillingProfile.objects.current()
    terms = terms_of(contract, profile, month=month)
    quantities = billed_quantities(month=month, metric=terms.metric)
    drafts = rate_month(
        terms=terms,
        quantities=quantities,
        month_name=f"{month.first_day:%B %Y}",
        adjustments=late_usage_lines(currency=contract.currency) if log.has_late else (),
    )
    return MonthPlan(month, contract, profile, tuple(quantities), tuple(drafts), log.last_event_id)
