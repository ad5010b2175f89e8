"""What a running month has cost up to now: its peaks rated as the close will rate them."""

from dataclasses import dataclass

from billing.models import BillingProfile, Contract
from billing.month_levels import month_levels
from billing.rating import (
    BilledMetric,
    InvoiceDraft,
    InvoiceKind,
    Level,
    billed_peaks,
    rate_month,
)
from billing.terms import billed_contract, terms_of
from usage.periods import Month


@dataclass(frozen=True, slots=True)
class MonthSoFar:
    """The invoices a month would have if it ended now; amounts in minor units, tax included.

    Peaks never fall, so neither does what is owed. `peaks` are the billed metric's.
    """

    contract: Contract
    peaks: tuple[Level, ...]
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
    def high_water_marks(self) -> int:
        """The organizations' peaks together: what a commitment is compared with."""
        return sum(peak.high_water_mark for peak in self.peaks)


def month_so_far(*, month: Month) -> MonthSoFar | None:
    """The month rated on its levels up to now; None where nothing bills it."""
    contract = billed_contract(month)
    if contract is None:
        return None
    profile = BillingProfile.objects.filter(pk=1).first()
    levels = month_levels(month=month)
    drafts = rate_month(
        terms=terms_of(contract, profile), levels=levels, month_name=f"{month.first_day:%B %Y}"
    )
    peaks = billed_peaks(metric=BilledMetric(contract.metric), levels=levels)
    return MonthSoFar(contract, peaks=tuple(peaks), drafts=tuple(drafts))
