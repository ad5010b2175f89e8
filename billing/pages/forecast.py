"""What a forecast page selects, and the forecast that answers it."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models.functions import Coalesce

from accounts.requests import PortalRequest
from accounts.roles import Permission
from billing.contracts.free_allowance import billed_contract
from billing.contracts.prepaid import prepaid_within
from billing.invoicing.month_plan import plan_month
from billing.models import BillingProfile, Contract
from billing.planning.forecast import (
    AllowanceAhead,
    BillForecast,
    Commitment,
    allowance_ahead,
    bill_forecast,
    commitment,
    line_forecast,
)
from billing.rating.terms import terms_of
from core.charts import Chart, Limit
from core.metrics import Metric
from core.months import MONTHS_OF_A_YEAR
from tenants.models import MeteringPolicy, free_limit_at
from usage.forecast.active_users_months import (
    ActiveForecast,
    ActiveFound,
    active_month_of,
    active_tracked,
)
from usage.forecast.chart import forecast_chart
from usage.forecast.method import HISTORY_DAYS, HORIZON_DAYS
from usage.forecast.months import (
    CombinedForecast,
    Instant,
    MonthForecast,
    added_up,
    combined_forecast,
    days_of,
    month_of,
)
from usage.forecast.tracks import Tracked, tracked
from usage.ledger.combined_peak import combined_peak
from usage.months_chart import months_chart


@dataclass(frozen=True, slots=True)
class ForecastRequest:
    """What a page is about: the instant, the metric, and the contract if the person may see it.

    `packs` are the active users that packs cover this month, `allowance` all that are covered.
    """

    instant: Instant
    basis: Metric
    contract: Contract | None
    free_user_limit: int | None
    is_billed_basis: bool
    packs: int
    allowance: int
    sees_all: bool

    @classmethod
    def of(cls, request: PortalRequest, *, now: datetime) -> "ForecastRequest":
        """The running month; of the metric in the address, or of the billed one."""
        instant = Instant.of(now, request.provider.billing_zone())
        policy, free_user_limit, packs = _policy(instant)
        contract = billed_contract(instant.month, policy)
        billed = Metric(contract.metric) if contract else None
        wanted = request.GET.get("metric", "")
        basis = Metric(wanted) if wanted in Metric.values else billed or Metric.USERS
        sees_money = request.user.may(Permission.VIEW_BILLING)
        return cls(
            instant,
            basis,
            contract if sees_money else None,
            free_user_limit,
            is_billed_basis=basis == billed,
            packs=packs,
            allowance=packs + (_committed(contract) if billed == Metric.ACTIVE_USERS else 0),
            sees_all=request.user.limited_to is None,
        )

    @property
    def noun(self) -> str:
        """What is counted, in the plural."""
        return self.basis.label.lower()

    @property
    def is_active(self) -> bool:
        """Whether active users are forecast: their count only grows, and starts at 0 each month."""
        return self.basis == Metric.ACTIVE_USERS

    @property
    def metrics(self) -> list[Metric]:
        """The metrics that the page offers; seats only if they are billed or selected."""
        return [basis for basis in Metric if basis != Metric.GREATER or basis == self.basis]

    @property
    def counts_together(self) -> bool:
        """Whether a commitment is compared with all organizations together in this metric."""
        return self.contract is not None and self.is_billed_basis and self.contract.counts_together

    def bill(
        self, forecast: MonthForecast, combined: CombinedForecast | None = None
    ) -> BillForecast | None:
        """The month's money, where this person may see it and it follows this basis.

        None too for a person who sees some organizations only, of a commitment for all together.
        """
        if self.contract is None or not self.is_billed_basis:
            return None
        if self.counts_together and combined is None:
            return None
        plan = plan_month(month=self.instant.month)
        if plan.terms is None:
            return None
        return bill_forecast(forecast=forecast, plan=plan, terms=plan.terms, combined=combined)

    def bill_of_one(self, forecast: MonthForecast) -> BillForecast | None:
        """One organization's line; none under a commitment or packs, which are for all together."""
        if self.contract is None or not self.is_billed_basis:
            return None
        month = self.instant.month
        terms = terms_of(self.contract, BillingProfile.objects.current(), month=month)
        return (
            line_forecast(forecast=forecast, terms=terms)
            if terms.charges_each_organization
            else None
        )


@dataclass(frozen=True, slots=True)
class ForecastResult:
    """The forecast, and what it was made of: levels day by day, or months of active users."""

    whole: MonthForecast
    levels: tuple[Tracked, ...] = ()
    active: tuple[ActiveFound, ActiveForecast] | None = None

    @classmethod
    def of(
        cls, selection: ForecastRequest, *, organization_id: int | None = None
    ) -> "ForecastResult":
        """Of all organizations that this person may see, or of one; in one statement.

        One organization's active users come on days as all do, so all are read for it too.
        """
        instant = selection.instant
        if selection.is_active:
            found = active_tracked(instant=instant)
            active = active_month_of(found)
            whole = active.whole
            if organization_id is not None:
                whole = _only(whole, organization_id)
            return cls(whole, active=(found, active))
        levels = tracked(
            at=instant.at, month=instant.month, zone=instant.zone, organization_id=organization_id
        )
        whole = month_of(
            levels,
            instant=instant,
            basis=selection.basis,
            free_user_limit=selection.free_user_limit,
        )
        return cls(whole, levels=tuple(levels))

    def combined(self, selection: ForecastRequest) -> CombinedForecast | None:
        """The forecast of all organizations together, where a commitment is compared with it."""
        if not selection.counts_together or not selection.sees_all:
            return None
        peak = combined_peak(month=selection.instant.month, metric=selection.basis)
        return combined_forecast(
            self.levels,
            instant=selection.instant,
            basis=selection.basis,
            peak=peak.high_water_mark,
        )

    def commitment(self, contract: Contract) -> Commitment | None:
        """When licenses would be passed; active users have an allowance instead."""
        if self.active or not contract.committed_quantity:
            return None
        days = added_up(self.levels, basis=self.whole.basis)
        return commitment(days=days, instant=self.whole.instant, contract=contract)

    def allowance_ahead(self, allowance: int) -> AllowanceAhead | None:
        """When the allowance of active users would be passed; None of levels."""
        if self.active is None:
            return None
        return allowance_ahead(forecast=self.active[1], allowance=allowance)

    def fan(self, selection: ForecastRequest) -> Chart | None:
        """All organizations together: half a year behind, and what may come in three months.

        None of active users, who start again at 0 each month, and without any organization.
        """
        if self.active or not self.levels:
            return None
        contract = selection.contract if selection.is_billed_basis else None
        committed = _committed(contract) if selection.sees_all else 0
        return forecast_chart(
            days=added_up(self.levels, basis=self.whole.basis),
            instant=self.whole.instant,
            noun=selection.noun,
            limit=Limit(committed, "Committed") if committed else None,
            past_days=HISTORY_DAYS,
            shortest_ahead=HORIZON_DAYS,
        )

    def chart(self, *, noun: str) -> Chart:
        """The one organization's past and what may come."""
        (one,) = self.whole.organizations
        if self.active is None:
            limit = None if one.limit is None or self.whole.basis == Metric.DEVICES else one.limit
            return forecast_chart(
                days=days_of(self.levels[0], self.whole.basis),
                instant=self.whole.instant,
                noun=noun,
                limit=None if limit is None else Limit(limit, "Limit"),
            )
        found, _ = self.active
        months = next(
            each.months
            for each in found.organizations
            if each.organization_id == one.organization_id
        )
        return months_chart(
            title="Active users by month",
            column="Active users",
            months=found.months[-MONTHS_OF_A_YEAR:],
            values=[month.final for month in months[-MONTHS_OF_A_YEAR:]],
            limit=one.limit,
            limit_name="Limit",
        )


def _policy(instant: Instant) -> tuple[MeteringPolicy, int | None, int]:
    """The metering policy, its limit at an instant, and the packs of the month; one statement."""
    packs = Coalesce(prepaid_within(month=instant.month), 0)
    policy: Any = MeteringPolicy.objects.annotate(
        limit_now=free_limit_at(instant.at), packs=packs
    ).get()
    return policy, policy.limit_now, policy.packs


def _committed(contract: Contract | None) -> int:
    return contract.committed_quantity or 0 if contract else 0


def _only(whole: MonthForecast, organization_id: int) -> MonthForecast:
    for place, one in enumerate(whole.organizations):
        if one.organization_id == organization_id:
            ends = tuple((each[place],) for each in whole.ends)
            return replace(whole, organizations=(one,), total=one.outlook, ends=ends)
    return replace(whole, organizations=(), ends=())
