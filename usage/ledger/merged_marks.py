"""The high-water marks of open months before and after a merge of two users."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from core.actors import Actor
from core.metrics import Metric
from core.months import Month
from tenants.users.merging import Merge, merge_users
from usage.models import FrozenMonth, MonthlyUsage, OrganizationCounter


@dataclass(frozen=True, slots=True)
class MergedMark:
    """The high-water mark of an open month as it is, and as it would be."""

    month: Month
    before: int
    after: int


def marks_after(*, merge: Merge, running: Month, actor: Actor, now: datetime) -> list[MergedMark]:
    """The marks of the running month and of other open months that the merge would change.

    The merge is carried out and rolled back. Raises what `merge_users` raises.
    """
    organization_id = merge.double.later.organization_id
    before = _open_marks(organization_id)
    before.setdefault(running, _count(organization_id))
    with transaction.atomic():
        merge_users(merge=merge, actor=actor, now=now)
        after = _open_marks(organization_id)
        transaction.set_rollback(True)
    return [
        MergedMark(month, mark, after.get(month, mark))
        for month, mark in sorted(before.items(), reverse=True)
        if month == running or after.get(month, mark) != mark
    ]


def _open_marks(organization_id: int) -> dict[Month, int]:
    months = MonthlyUsage.objects.filter(organization=organization_id, metric=Metric.USERS)
    frozen = FrozenMonth.objects.order_by("-month").values_list("month", flat=True).first()
    if frozen is not None:
        months = months.filter(month__gt=frozen)
    return {
        Month.of_day(month): mark for month, mark in months.values_list("month", "high_water_mark")
    }


def _count(organization_id: int) -> int:
    counter = OrganizationCounter.objects.get(organization=organization_id, metric=Metric.USERS)
    return counter.count
