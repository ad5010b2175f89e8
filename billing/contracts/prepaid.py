"""Prepaid packs that cover a month."""

from django.db.models import F, Func, IntegerField, QuerySet, Subquery, Sum

from billing.models import PackOrder
from core.months import Month


def prepaid_active_users(*, month: Month) -> int:
    """The active users that packs cover in a month; a pack of a void invoice covers none."""
    return _packs_of(month).aggregate(total=Sum("quantity"))["total"] or 0


def prepaid_within(*, month: Month) -> Subquery:
    """`prepaid_active_users` as a subquery; null if no pack covers the month."""
    total = Func(F("quantity"), function="SUM", output_field=IntegerField())
    return Subquery(_packs_of(month).order_by().values_list(total))


def _packs_of(month: Month) -> QuerySet[PackOrder]:
    return PackOrder.objects.filter(
        starts_on__lte=month.first_day, ends_on__gt=month.first_day, invoice__voided_at=None
    )
