"""What the close of a month issues, worked out and not written; the invoice preview is the same.

Everything that decides an invoice is read here; `billing.invoicing.month_close` only freezes the
month before and writes the result after. Reads the current provider's schema.
"""

from dataclasses import dataclass

from billing.contracts.free_allowance import billed_contract
from billing.invoicing.late_usage import late_usage_lines
from billing.models import BillingProfile, Contract
from billing.rating.billed_quantities import billed_quantities
from billing.rating.rate_month import BilledQuantity, InvoiceDraft, rate_month
from billing.rating.terms import terms_of
from core.months import Month
from usage.ledger.late_usage import log_state


@dataclass(frozen=True, slots=True)
class MonthPlan:
    """The invoices of a month to be issued; amounts in minor units of the contract's currency.

    Without a contract (the free allowance, or no active contract) there are none. `quantities` are
    by name; `last_event_id` is the last of the log that was read.
    """

    month: Month
    contract: Contract | None
    profile: BillingProfile | None
    quantities: tuple[BilledQuantity, ...]
    drafts: tuple[InvoiceDraft, ...]
    last_event_id: int | None

    @property
    def total_minor(self) -> int:
        """All of it, tax included."""
        return sum(draft.total_minor for draft in self.drafts)


def plan_month(*, month: Month) -> MonthPlan:
    """The month's invoices by its quantities now, with what was told late of months closed before.

    A frozen month's quantities are final; those of a running one are what happened up to now.
    """
    contract, log = billed_contract(month), log_state()
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
