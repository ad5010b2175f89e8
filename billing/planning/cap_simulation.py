"""The amounts of a cap simulation: savings in past months, and the most this month can cost."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from billing.contracts.free_allowance import billed_contracts
from billing.invoicing.month_plan import MonthPlan
from billing.models import BillingProfile
from billing.rating.estimates import estimate
from billing.rating.rate_month import Terms
from billing.rating.terms import terms_of
from core.metrics import Metric
from core.months import Month
from usage.cap_simulation.combined import combined_marks
from usage.cap_simulation.simulation import SimulatedCap
from usage.ledger.combined_peak import CombinedPeak
from usage.models import OrganizationCounter


@dataclass(frozen=True, slots=True)
class MonthSaved:
    """A month as billed and under the drafted caps; minor units with tax, None if not billed."""

    month: Month
    blocked: int
    billed_minor: int | None
    drafted_minor: int | None
    currency: str

    @property
    def saved_minor(self) -> int:
        """The difference between the two bills; 0 if the month is not billed."""
        if self.billed_minor is None or self.drafted_minor is None:
            return 0
        return self.billed_minor - self.drafted_minor


@dataclass(frozen=True, slots=True)
class Exposure:
    """The most that the current month can cost under the caps, in minor units with tax.

    `unbounded` is the number of organizations without a cap; they count with their peak so far.
    """

    total_minor: int
    unbounded: int
    currency: str


def money_saved(
    *,
    months: Sequence[Month],
    pasts: Sequence[SimulatedCap],
    blocked: Sequence[int],
    drafted: Mapping[int, int | None],
    zone: ZoneInfo,
) -> list[MonthSaved]:
    """Rate each month as it was and under the draft, by the contract that bills it.

    `blocked` is the number of additions that the draft refuses in each month, and `drafted` are its
    caps. Five statements, and two for each metric of a commitment for all organizations together.
    """
    terms_by_month = _terms(months)
    together = {
        metric: combined_marks(
            metric=metric,
            caps=drafted,
            organizations=[each.organization_id for each in pasts],
            months=months,
            zone=zone,
        )
        for metric in {
            each.metric for each in terms_by_month.values() if each and each.counts_together
        }
    }
    saved = []
    for number, month in enumerate(months):
        terms = terms_by_month[month]
        if terms is None:
            saved.append(MonthSaved(month, blocked[number], None, None, ""))
            continue
        devices = [each.devices[number] for each in pasts]
        billed = _quantities(terms, [each.users[number] for each in pasts], devices)
        under = _quantities(terms, [each.drafted[number] for each in pasts], devices)
        marks = together[terms.metric] if terms.counts_together else None
        saved.append(
            MonthSaved(
                month,
                blocked[number],
                billed_minor=estimate(
                    terms=terms, quantities=billed, together=marks.actual[number] if marks else None
                ).total_minor,
                drafted_minor=estimate(
                    terms=terms, quantities=under, together=marks.drafted[number] if marks else None
                ).total_minor,
                currency=terms.currency,
            )
        )
    return saved


def exposure(
    *, plan: MonthPlan, pasts: Sequence[SimulatedCap], caps: Mapping[int, int | None]
) -> Exposure | None:
    """Return the most that the current month can cost; `caps` are of existing organizations.

    `plan` is that of the current month. Devices have no cap: they count with their peaks so far.
    The adjustments that the month carries are included. None if nothing is billed.
    """
    terms = plan.terms
    if terms is None or not terms.metric.counted:
        return None
    users_of_all, unbounded = [], 0
    for past in pasts:
        users = past.users[-1]
        cap = caps.get(past.organization_id)
        if cap is not None:
            users = max(users, cap)
        elif past.organization_id in caps:
            unbounded += 1
        users_of_all.append(users)
    most = estimate(
        terms=terms,
        quantities=_quantities(terms, users_of_all, [past.devices[-1] for past in pasts]),
        together=_most_together(terms, plan.combined, caps) if plan.combined else None,
        adjustments=plan.adjustments_by_kind,
    )
    return Exposure(most.total_minor, unbounded, terms.currency)


def _most_together(terms: Terms, peak: CombinedPeak, caps: Mapping[int, int | None]) -> int:
    """The most that all organizations can have together: the peak so far, or all caps used up.

    An organization without a cap, and every device, count as they are now.
    """
    counts: dict[int, dict[Metric, int]] = defaultdict(dict)
    for pk, metric, count in OrganizationCounter.objects.values_list(
        "organization", "metric", "count"
    ):
        counts[pk][Metric(metric)] = count
    users = [max(present[Metric.USERS], caps.get(pk) or 0) for pk, present in counts.items()]
    devices = [present[Metric.DEVICES] for present in counts.values()]
    return max(peak.high_water_mark, sum(_quantities(terms, users, devices)))


def saved_by_currency(saved: Iterable[MonthSaved]) -> dict[str, int]:
    """The savings of all months in minor units, by the currency they are billed in."""
    totals: dict[str, int] = {}
    for each in saved:
        if each.currency:
            totals[each.currency] = totals.get(each.currency, 0) + each.saved_minor
    return totals


def _terms(months: Sequence[Month]) -> dict[Month, Terms | None]:
    profile = BillingProfile.objects.current()
    by_contract: dict[int, Terms] = {}
    by_month: dict[Month, Terms | None] = {}
    for month, contract in billed_contracts(months).items():
        if contract is None or not Metric(contract.metric).counted:
            by_month[month] = None
            continue
        if contract.pk not in by_contract:
            by_contract[contract.pk] = terms_of(contract, profile, has_card=False)
        by_month[month] = by_contract[contract.pk]
    return by_month


def _quantities(terms: Terms, users: Sequence[int], devices: Sequence[int]) -> list[int]:
    """Of each organization, the greatest of the metrics that are billed."""
    peaks = {Metric.USERS: users, Metric.DEVICES: devices}
    return list(map(max, zip(*(peaks[metric] for metric in terms.metric.counted), strict=True)))
