"""The bill of the running month before and after an import, for the page of its dry run."""

from collections.abc import Collection
from datetime import datetime

from accounts.providers import current_provider
from billing.invoicing.month_plan import plan_month
from billing.money import format_money
from billing.planning.new_peak_cost import cost_of_peak
from core.metrics import Metric
from core.months import Month
from tenants.models import Organization
from tenants.users.new_peak import Addition, Bills


def bills_after(
    organization: Organization, metric: Metric, additions: Collection[int], now: datetime
) -> Bills | None:
    """The bill so far, and with each number of users or devices more; None without a contract.

    A number that is not positive leaves the bill as it is: the highest count of the month stays.
    """
    plan = plan_month(month=Month.of(now, current_provider().billing_zone()))
    if plan.contract is None:
        return None
    growth: dict[int, int] = {}
    for count in set(additions):
        peak = cost_of_peak(Addition(organization, metric, count), now) if count > 0 else None
        growth[count] = peak.cost_minor if peak else 0
    currency = plan.contract.currency
    return Bills(plan.total_minor, growth, lambda minor: format_money(minor, currency))
