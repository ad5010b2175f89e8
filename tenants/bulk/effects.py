"""What an action, or its undo, does to the bill of the running month, before it is done."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count

from core.metrics import Metric
from tenants.models import BulkAction, BulkItem, Organization
from tenants.users.new_peak import Addition, BillsOf, NewPeak, NewPeakOf

# Of more organizations, an undo's new peaks are not estimated one by one.
MOST_ESTIMATED = 50


@dataclass(frozen=True, slots=True)
class Effect:
    """The new peaks of the month, by organization; without one the bill stays as it is."""

    peaks: Sequence[tuple[Organization, NewPeak]] = ()

    @property
    def seen_peak(self) -> int:
        """What a confirmation carries: it was made on these levels, or higher ones."""
        return sum(peak.own_level for _, peak in self.peaks)


def metric_of(action: BulkAction) -> Metric:
    """What the rows count as."""
    return Metric.DEVICES if action.kind == BulkAction.Kind.DEVICES else Metric.USERS


def effect_of_move(
    action: BulkAction, to: Organization, *, new_peak: NewPeakOf, now: datetime
) -> Effect:
    """The new peak where the rows move to; what they left was counted this month already."""
    count = action.items.exclude(organization_id=to.pk).count()
    addition = Addition(to, metric_of(action), count, is_move=True)
    peak = new_peak(addition, now) if count else None
    return Effect([(to, peak)] if peak else [])


def effect_of_undo(action: BulkAction, *, new_peak: NewPeakOf, now: datetime) -> Effect:
    """The new peaks if the removed rows count again: a place may have been taken meanwhile."""
    if action.verb != BulkAction.Verb.REMOVE:
        return Effect()
    done = action.items.filter(outcome=BulkItem.Outcome.DONE).order_by("organization_id")
    counts = list(done.values_list("organization_id").annotate(rows=Count("pk")))[:MOST_ESTIMATED]
    organizations = Organization.objects.in_bulk([pk for pk, _ in counts])
    peaks = []
    for pk, count in counts:
        peak = new_peak(Addition(organizations[pk], metric_of(action), count), now)
        if peak is not None:
            peaks.append((organizations[pk], peak))
    return Effect(peaks)


def bill_so_far(action: BulkAction, *, bills_after: BillsOf | None, now: datetime) -> str:
    """The bill of the running month so far as text; empty without a contract or the permission."""
    first = Organization.objects.filter(
        pk__in=action.items.order_by("position").values("organization_id")[:1]
    ).first()
    is_counted = action.kind != BulkAction.Kind.INVITATIONS
    if bills_after is None or first is None or not is_counted:
        return ""
    bills = bills_after(first, metric_of(action), [0], now)
    return bills.before if bills else ""
