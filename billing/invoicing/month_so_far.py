"""What a running month has cost up to now: its quantities rated as the close will rate them."""

from dataclasses import dataclass

from billing.choices import InvoiceKind
from billing.invoicing.month_plan import plan_month
from billing.models import Contract
from billing.rating.rate_month import BilledQuantity, InvoiceDraft
from core.months import Month


@dataclass(frozen=True, slots=True)
class MonthSoFar:
    """The invoices a month would have if it ended now; amounts in minor units, tax included.

    Peaks never fall, so neither does what is owed.
    """

    contract: Contract
    quantities: tuple[BilledQuantity, ...]
    drafts: tuple[InvoiceDraft, ...]

    @property
    def total_minor(self) -> int:
        """All of it."""
        return sum(draft.total_minor for draft in self.drafts)

    @property
    def overage_minor(self) -> int:
        """What lies above a commitment, tax included."""
        kind = InvoiceKind.OVERAGE
        return sum(draft.total_minor for draft in self.drafts if draft.kind is kind)

    @property
    def quantity(self) -> int:
        """All organizations' quantities together: what a commitment is compared with."""
        return sum(each.quantity for each in self.quantities)


def month_so_far(*, month: Month) -> MonthSoFar | None:
    """The month planned on its quantities up to now; None where nothing bills it."""
    plan = plan_month(month=month)
    if plan.contract is None:
        return None
    return MonthSoFar(plan.contract, quantities=plan.quantities, drafts=plan.drafts)
