"""The dashboard: counts, the bill so far, what needs attention, and every organization."""

from datetime import datetime
from typing import Any

from django.db.models import Sum
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from billing.contracts.licenses import licenses
from billing.invoicing.month_plan import plan_month
from billing.pages.attention import attention_items
from core.metrics import Metric
from core.months import Month
from tenants.alerts.open_count import open_count
from tenants.models import Alert, Location, MeteringPolicy, Organization
from tenants.views.organizations import table_context
from usage.models import OrganizationCounter


@requires(Permission.VIEW_ORGANIZATIONS)
@require_safe
def dashboard(request: PortalRequest) -> HttpResponse:
    """The first page of a provider's administrators; for htmx the table alone."""
    table = table_context(request)
    if request.htmx.target == "organizations":
        return render(request, "tenants/_organizations.html", table)
    sees_money = request.user.may(Permission.VIEW_BILLING)
    now = timezone.now()
    context = (
        table | _counts(now=now) | (_money(request) if sees_money else {"committed_users": None})
    )
    context["attention_items"] = attention_items(
        sees_money=sees_money, decides_caps=request.user.may(Permission.CHANGE_CAPS), now=now
    )
    context |= {
        "sees_money": sees_money,
        "alerts": open_count(Alert.objects.visible(sees_money=sees_money)),
    }
    return render(request, "billing/dashboard.html", context)


def _counts(*, now: datetime) -> dict[str, int | None]:
    """Present users, devices and locations of the organizations that the user may see."""
    visible = Organization.objects.visible()
    counters = OrganizationCounter.objects.filter(organization__in=visible)
    totals = dict(counters.order_by().values_list("metric").annotate(Sum("count")))
    return {
        "users": totals.get(Metric.USERS, 0),
        "devices": totals.get(Metric.DEVICES, 0),
        "free_user_limit": MeteringPolicy.objects.free_user_limit_at(now),
        "locations": Location.objects.filter(organization__in=visible).count(),
    }


def _money(request: PortalRequest) -> dict[str, Any]:
    """This month's bill up to now, and the users allowed before overage."""
    month = Month.of(timezone.now(), request.provider.billing_zone())
    plan = plan_month(month=month)
    committed = licenses(month=month)
    counts_users = committed is not None and committed.contract.metric == Metric.USERS
    return {
        "month": month.first_day,
        "bill": plan if plan.contract else None,
        "committed_users": committed.committed if committed and counts_users else None,
    }
