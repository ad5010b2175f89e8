"""What the allowance has to say to a person: it runs out, or is exceeded."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Sum
from django.urls import reverse

from billing.contracts.licenses import NEAR_PERCENT, this_month
from billing.invoicing.pack_allowance import allowance_months
from tenants.alerts.rules import Condition, rule
from tenants.models import Severity
from tenants.models.alerts import Kind
from usage.models import ActiveMonth


@rule("allowance")
def allowance(*, now: datetime) -> Iterator[Condition]:
    """This month's active users beside the allowance: from 95 % of it on, and above it.

    They are two causes, and each month is one of its own.
    """
    month = this_month(now=now)
    counts = ActiveMonth.objects.filter(month=month.first_day).aggregate(active=Sum("count"))
    (current,) = allowance_months(months=[month], active=[counts["active"] or 0])
    if not current.allowance or 100 * current.active < NEAR_PERCENT * current.allowance:
        return
    is_over = current.overage > 0
    in_use = (
        f"{current.active:,} active users in {month.first_day:%B %Y}, "
        f"{current.allowance:,} are covered"
    )
    yield Condition(
        cause=f"allowance-{'over' if is_over else 'near'}:{month}",
        kind=Kind.ALLOWANCE,
        severity=Severity.CRITICAL if is_over else Severity.WARNING,
        title=f"{current.overage:,} active users above your allowance"
        if is_over
        else "The allowance of active users is running out",
        text=f"{in_use}." if is_over else f"{in_use}: {current.left:,} left.",
        link=reverse("active_users"),
    )
