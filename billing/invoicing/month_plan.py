"""The plan of a month: the invoices that its close issues, calculated and not written.

Everything that decides an invoice is read here. Each place that shows what a month costs asks this
plan: the invoice preview, the bill so far, the forecast and the statement per client.
`billing.invoicing.month_close` freezes the month before and writes the invoices after.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from accounts.providers import current_provider
from billing.choices import InvoiceKind, LineKind
from billing.contracts.free_allowance import billed_contract
from billing.invoicing.adjusted_months import adjusted_by, closed_months
from billing.invoicing.late_usage import late_usage_lines
from billing.invoicing.small_balances import SmallBalance, carried_to_next
from billing.models import BillingProfile, Contract
from billing.rating.billed_quantities import (
    billed_quantities,
    combined_billed,
    combined_quantity,
)
from billing.rating.rate_month import BilledQuantity, InvoiceDraft, LineDraft, Terms, rate_month
from billing.rating.terms import terms_of
from core.months import Month
from usage.ledger.combined_peak import CombinedPeak
from usage.ledger.late_usage import LedgerState, ledger_state


@dataclass(frozen=True, slots=True)
class MonthPlan:
    """The invoices of a month to be issued; amounts in minor units of the contract's currency.

    Without a contract (in the free allowance, or no active contract) there are none. `quantities`
    are ordered by name; `adjustments` are the lines of earlier months that its invoices carry;
    `waiting` are credits of earlier months that no invoice can carry: a credit note follows.
    `ledger` is the state of the ledger at that time. The first invoice asks for the
    balances `carried` too. `combined` is the peak of all organizations together, None unless a
    commitment is compared with it.
    """

    month: Month
    contract: Contract | None
    profile: BillingProfile | None
    quantities: tuple[BilledQuantity, ...]
    drafts: tuple[InvoiceDraft, ...]
    ledger: LedgerState
    terms: Terms | None = None
    adjustments: tuple[LineDraft, ...] = ()
    waiting: tuple[LineDraft, ...] = ()
    carried: tuple[SmallBalance, ...] = ()
    combined: CombinedPeak | None = None

    @property
    def total_minor(self) -> int:
        """The total of all invoices, with tax."""
        return sum(draft.total_minor for draft in self.drafts)

    @property
    def adjustments_minor(self) -> int:
        """The lines of earlier months, before tax."""
        return sum(line.amount_minor for line in self.adjustments)

    @property
    def adjustments_by_kind(self) -> dict[InvoiceKind, int]:
        """The lines of earlier months that each invoice carries, before tax."""
        return {
            draft.kind: sum(line.amount_minor for line in draft.lines if line.adjusted_month)
            for draft in self.drafts
        }

    @property
    def overage_minor(self) -> int:
        """The total of the overage invoice, with tax; 0 without one."""
        return sum(draft.total_minor for draft in self.drafts if draft.kind is InvoiceKind.OVERAGE)

    @property
    def by_organization(self) -> dict[int, int]:
        """What each organization costs, before tax, by its id, without earlier months' lines.

        Under a commitment or packs it is the organization's share at the contract's price.
        """
        costs: dict[int, int] = {}
        for line in (line for draft in self.drafts for line in draft.lines):
            if line.organization_id is None or line.adjusted_month is not None or not self.terms:
                continue
            if line.kind == LineKind.USAGE:
                costs[line.organization_id] = line.amount_minor
            elif line.kind == LineKind.BASIS:
                costs[line.organization_id] = self.terms.amount_minor(int(line.quantity))
        return costs

    @property
    def quantity(self) -> int:
        """What all organizations had together, which a commitment is compared with."""
        if self.combined is not None:
            return self.combined.high_water_mark
        return sum(each.quantity for each in self.quantities)


def plan_month(*, month: Month, small_balances: Sequence[SmallBalance] = ()) -> MonthPlan:
    """Plan the invoices of a month by its current quantities, with late usage of closed months.

    The quantities of a frozen month are final; those of a running month can only rise. An
    adjustment is in the plan of the earliest open month only (`adjusted_by`). The first invoice
    carries those of the small balances that are in its currency.
    """
    contract, log = billed_contract(month), ledger_state()
    currency = contract.currency if contract else current_provider().currency
    adjustments: list[LineDraft] = []
    if log.has_late:
        months = adjusted_by(month=month, currency=currency, closed=closed_months())
        adjustments = late_usage_lines(currency=currency, months=months)
    if contract is None:
        return MonthPlan(
            month,
            None,
            None,
            quantities=(),
            drafts=(),
            ledger=log,
            waiting=_credits(adjustments),
        )
    profile, has_card = BillingProfile.objects.current_and_card()
    terms = terms_of(contract, profile, month=month, has_card=has_card)
    quantities = billed_quantities(month=month, metric=terms.metric)
    combined = combined_billed(month=month, terms=terms)
    drafts = rate_month(
        terms=terms,
        quantities=quantities,
        combined=combined_quantity(combined) if combined else None,
        month_name=f"{month.first_day:%B %Y}",
        adjustments=adjustments,
    )
    carried = carried_to_next(small_balances, currency=contract.currency) if drafts else []
    if carried:
        minor = sum(balance.due_minor for balance in carried)
        drafts[0] = drafts[0].carrying(minor, terms=terms)
    placed = tuple(
        line for draft in drafts for line in draft.lines if line.adjusted_month is not None
    )
    return MonthPlan(
        month,
        contract,
        profile,
        quantities=tuple(quantities),
        drafts=tuple(drafts),
        ledger=log,
        terms=terms,
        adjustments=placed,
        waiting=_credits(line for line in adjustments if line not in placed),
        carried=tuple(carried),
        combined=combined,
    )


def _credits(lines: Iterable[LineDraft]) -> tuple[LineDraft, ...]:
    return tuple(line for line in lines if line.amount_minor < 0)
