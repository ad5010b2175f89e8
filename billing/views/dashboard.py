"""The dashboard: counts, the bill so far, what needs attention, and every organization."""

from typing import Any

from django.db.models import DateTimeField, Sum
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from billing.invoicing.month_plan import plan_month
from billing.pages.attention import Queries, attention_items, attention_queries
from core.given import Given
from core.metrics import Metric
from core.months import Month
from core.remembered import NUMBER, remembered_together
from tenants.alerts.open_count import OpenCount, open_counts
from tenants.models import Alert, Location, MeteringPolicy, Organization, free_limit_at
from tenants.views.organizations import table_context
from usage.models import OrganizationCounter


@requires(Permission.VIEW_ORGANIZATIONS)
@require_safe
def dashboard(request: PortalRequest) -> HttpResponse:
    """The first page of a provider's administrators; for htmx the table alone."""
    if request.htmx.target == "organizations":
        return render(request, "tenants/_organizations.html", table_context(request))
    sees_money = request.user.may(Permission.VIEW_BILLING)
    now = timezone.now()
    today = now.astimezone(request.provider.billing_zone()).date()
    figures = _figures(
        sees_money=sees_money, decides_caps=request.user.may(Permission.CHANGE_CAPS)
    ).rows(now=now, today=today)
    totals = {row["metric"]: row["total"] for row in figures["counters"]}
    context = table_context(request, in_use=figures["organizations"][0]["number"]) | {
        "users": totals.get(Metric.USERS, 0),
        "devices": totals.get(Metric.DEVICES, 0),
        "free_user_limit": figures["policy"][0]["free_user_limit_now"],
        # Of all organizations: not shown to a person who sees some of them.
        "account_limit": None
        if request.user.limited_to is not None
        else figures["policy"][0]["account_limit"],
        "locations": figures["locations"][0]["number"],
        "alerts": OpenCount.of(figures["alerts"]),
        "attention_items": attention_items(figures),
        "sees_money": sees_money,
    }
    context |= _money(Month.of_day(today)) if sees_money else {"committed_users": None}
    return render(request, "billing/dashboard.html", context)


@remembered_together
def _figures(*, sees_money: bool, decides_caps: bool) -> Queries:
    """Every figure but the bill, of the organizations that the person may see; in one statement."""
    visible = Organization.objects.visible()
    counters = OrganizationCounter.objects.filter(organization__in=visible).order_by()
    policy = MeteringPolicy.objects.filter(pk=1)
    return {
        "organizations": visible.values(number=NUMBER),
        "counters": counters.values("metric").annotate(total=Sum("count")),
        "policy": policy.values(
            "account_limit", free_user_limit_now=free_limit_at(Given("now", DateTimeField()))
        ),
        "locations": Location.objects.filter(organization__in=visible).values(number=NUMBER),
        "alerts": open_counts(Alert.objects.visible(sees_money=sees_money)),
    } | attention_queries(sees_money=sees_money, decides_caps=decides_caps)


def _money(month: Month) -> dict[str, Any]:
    """This month's bill up to now, and the users allowed before overage."""
    plan = plan_month(month=month)
    contract = plan.contract
    return {
        "month": month.first_day,
        "bill": plan if contract else None,
        "committed_users": contract.committed_quantity
        if contract and contract.metric == Metric.USERS
        else None,
    }
