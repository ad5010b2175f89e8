"""Packs that hold in a month."""

from django.db.models import F, Func, IntegerField, QuerySet, Subquery, Sum

from billing.models import PackOrder
from core.months import Month


def prepaid_active_users(*, month: Month) -> int:
    """How many active users the packs that hold in a month cover; none of a voided invoice."""
    return _holding(month).aggregate(total=Sum("quantity"))["total"] or 0


def prepaid_within(*, month: Month) -> Subquery:
    """The same number as a part of another statement; null where no pack holds."""
    total = Func(F("quantity"), function="SUM", output_field=IntegerField())
    return Subquery(_holding(month).order_by().values_list(total))


def _holding(month: Month) -> QuerySet[PackOrder]:
    return PackOrder.objects.filter(
        starts_on__lte=month.first_day, ends_on__gt=month.first_day, invoice__voided_at=None
    )
