"""The dashboard: what changed, what it will cost, and what needs attention."""

from typing import Any

from django.db.models import DateTimeField, Sum
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.models import Provider
from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from billing.choices import Collection
from billing.invoicing.month_plan import MonthPlan, plan_month
from billing.pages.attention import Found, Queries, attention_items, attention_queries
from billing.pages.home import (
    biggest_changes,
    expected_peak,
    home_queries,
    known_expectation,
    year_chart,
)
from core.given import Given
from core.metrics import Metric
from core.months import Month
from core.remembered import NUMBER, remembered_together
from core.replica import reads_replica
from tenants.alerts.open_count import OpenCount, open_counts
from tenants.models import Alert, Location, MeteringPolicy, Organization, free_limit_at
from usage.forecast.months import Instant
from usage.models import OrganizationCounter


@requires(Permission.VIEW_ORGANIZATIONS)
@require_safe
def dashboard(request: PortalRequest) -> HttpResponse:
    """The first page of a provider's administrators."""
    sees_money = request.user.may(Permission.VIEW_BILLING)
    now = timezone.now()
    instant = Instant.of(now, request.provider.billing_zone())
    today, month = now.astimezone(instant.zone).date(), instant.month
    expected = known_expectation(instant)
    figures = _figures(
        month=month, sees_money=sees_money, decides_caps=request.user.may(Permission.CHANGE_CAPS)
    ).rows(now=now, today=today)
    totals = {row["metric"]: row["total"] for row in figures["counters"]}
    plan = plan_month(month=month) if sees_money else None
    in_use, sees_all = figures["organizations"][0]["number"], request.user.limited_to is None
    limit = request.provider.organization_limit
    context = {
        "in_use": in_use,
        # Of all organizations: not shown to a person who sees some of them.
        "limit": limit if sees_all else None,
        "account_limit": figures["policy"][0]["account_limit"] if sees_all else None,
        "may_create": (
            sees_all and in_use < limit and request.user.may(Permission.CHANGE_ORGANIZATIONS)
        ),
        "sees_usage": request.user.may(Permission.VIEW_USAGE),
        "month": month.first_day,
        "users": totals.get(Metric.USERS, 0),
        "devices": totals.get(Metric.DEVICES, 0),
        "free_user_limit": figures["policy"][0]["free_user_limit_now"],
        "locations": figures["locations"][0]["number"],
        "alerts": OpenCount.of(figures["alerts"]),
        "attention_items": attention_items(figures),
        "sees_money": sees_money,
        "changes": biggest_changes(figures["changes"], plan),
        "near_caps": figures["near_caps"],
        "chart": year_chart(month=month, expected=expected),
        # Else the page asks for the forecast afterwards: it takes longer than all the rest.
        "is_expected": expected is not None,
    }
    context |= _money(plan, request.provider, figures) if plan else {"committed_users": None}
    return render(request, "billing/dashboard.html", context)


@remembered_together
def _figures(*, month: Month, sees_money: bool, decides_caps: bool) -> Queries:
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
        **home_queries(month=month, sees_money=sees_money),
        **attention_queries(sees_money=sees_money, decides_caps=decides_caps),
    }


def _money(plan: MonthPlan, provider: Provider, figures: Found) -> dict[str, Any]:
    """This month's bill up to now, when and how it is paid, and the users before overage."""
    contract = plan.contract
    return {
        "bill": plan if contract else None,
        "issue_date": provider.issue_date(plan.month),
        "pays_by": _pays_by(plan, figures),
        "committed_users": contract.committed_quantity
        if contract and contract.metric == Metric.USERS
        else None,
    }


def _pays_by(plan: MonthPlan, figures: Found) -> str:
    """How the next invoice is paid, in words."""
    ways = {draft.collection for draft in plan.drafts}
    if plan.contract and ways == {Collection.BY_INVOICE}:
        return f"mailed, due within {plan.contract.payment_terms_days} days"
    if ways == {Collection.TOO_SMALL}:
        return "too small to be charged: carried to the next invoice"
    if not figures["card"]:
        return "no card on file"
    card = figures["card"][0]
    return f"charged to {card['brand'].capitalize()} ending in {card['last_four']}"


@requires(Permission.VIEW_USAGE)
@require_safe
@reads_replica
def dashboard_chart(request: PortalRequest) -> HttpResponse:
    """The year's chart with what is expected of this month, which the page loads afterwards."""
    instant = Instant.of(timezone.now(), request.provider.billing_zone())
    chart = year_chart(month=instant.month, expected=expected_peak(instant))
    return render(request, "includes/chart.html", {"chart": chart})
