"""License usage: the commitment, the licenses in use now, and the overage of this month."""

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
from core.charts import Chart, Part, Tone, donut_chart
from usage.explain.links import combined_explanation_path

TONES = {
    CommitmentUsage.WITHIN: Tone.PRIMARY,
    CommitmentUsage.NEAR: Tone.WARNING,
    CommitmentUsage.OVER: Tone.DANGER,
}


@requires(Permission.VIEW_BILLING)
@require_safe
def licenses(request: PortalRequest) -> HttpResponse:
    """The page of a provider with a committed contract; any other is told whom to ask."""
    month = this_month(now=timezone.now())
    current = current_licenses(month=month)
    plan = plan_month(month=month)
    if current is None or plan.contract is None:
        nothing = {"support_email": settings.SUPPORT_EMAIL}
        return render(request, "billing/licenses_none.html", nothing)
    context = {
        "licenses": current,
        "chart": usage_chart(current),
        "month": month.first_day,
        "plan": plan,
        "why_url": combined_explanation_path(month=month.first_day, metric=plan.contract.metric),
        "zone": request.provider.billing_zone(),
        "support_email": settings.SUPPORT_EMAIL,
    }
    return render(request, "billing/licenses.html", context)


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
