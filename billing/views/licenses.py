"""License usage: the commitment, the licenses in use now, and the overage of this month."""

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from billing.contracts.licenses import CommitmentUsage, Licenses, this_month
from billing.contracts.licenses import licenses as current_licenses
from billing.invoicing.month_plan import plan_month
from billing.invoicing.pack_allowance import allowance_months
from billing.models import Contract
from core.charts import Chart, Part, Tone, donut_chart
from core.metrics import Metric
from core.months import Month
from usage.active_users.months_table import activity_table
from usage.explain.links import combined_explanation_path

TONES = {
    CommitmentUsage.WITHIN: Tone.PRIMARY,
    CommitmentUsage.NEAR: Tone.WARNING,
    CommitmentUsage.OVER: Tone.DANGER,
}


@requires(Permission.VIEW_BILLING)
@require_safe
def licenses(request: PortalRequest) -> HttpResponse:
    """The page of a provider with a committed contract; for any other it names whom to ask."""
    month = this_month(now=timezone.now())
    current = current_licenses(month=month)
    plan = plan_month(month=month)
    if current is None or plan.contract is None:
        return render(request, "billing/licenses_none.html", _shared(request, month))
    context = _shared(request, month) | {
        "licenses": current,
        "chart": usage_chart(current),
        "month": month.first_day,
        "plan": plan,
        "why_url": combined_explanation_path(month=month.first_day, metric=plan.contract.metric),
        "zone": request.provider.billing_zone(),
    }
    return render(request, "billing/licenses.html", context)


def _shared(request: PortalRequest, month: Month) -> dict[str, Any]:
    """The active users of the month beside their allowance, and whom to ask."""
    counts = activity_table(months=[month], limit=0).totals
    (covered,) = allowance_months(months=[month], active=counts)
    contract = Contract.objects.current(month)
    return {
        "support_email": settings.SUPPORT_EMAIL,
        "covered": covered,
        "may_extend": request.user.may(Permission.EXTEND_ALLOWANCE)
        and contract is not None
        and contract.metric == Metric.ACTIVE_USERS,
    }


def usage_chart(current: Licenses) -> Chart:
    """The licenses in use as a ring, with the rest of the commitment or the part above it."""
    within = min(current.in_use, current.committed)
    parts = [Part("In use", within, TONES[current.usage])]
    if current.over:
        parts = [
            Part("Committed", within, Tone.PRIMARY),
            Part("Above the commitment", current.over, Tone.DANGER),
        ]
    else:
        parts.append(Part("Left", current.left, Tone.REST))
    return donut_chart(
        title="Licenses in use",
        description=f"{current.in_use:,} {current.unit} of {current.committed:,} committed",
        parts=parts,
        figure=f"{current.in_use:,}",
        caption=f"of {current.committed:,}",
        columns=("Licenses", current.unit.capitalize()),
    )
