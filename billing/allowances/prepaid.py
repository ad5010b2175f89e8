"""Packs that hold in a month."""

from django.db.models import Sum

from billing.models import AllowanceOrder
from usage.periods import Month


def prepaid_active_users(*, month: Month) -> int:
    """How many active users the packs that hold in a month cover; none of a voided invoice."""
    holding = AllowanceOrder.objects.filter(
        starts_on__lte=month.first_day, ends_on__gt=month.first_day, invoice__voided_at=None
    )
    return holding.aggregate(total=Sum("quantity"))["total"] or 0
